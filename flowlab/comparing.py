"""Two periods, side by side: the answers to one question, or all that is new, gone and grown."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flowlab import changes, differences
from flowlab.asking import MEASURES
from flowlab.errors import FlowlabError
from flowlab.options import rows
from flowlab.summaries import totals
from flowlab.tables import as_table
from flowlab.wording import plain_text

_SUMS = (
    *MEASURES, "bytes_sent", "bytes_received", "bytes_a_to_b", "bytes_b_to_a", "accepted",
    "rejected", "interfaces", "peers", "peers_sent_to", "peers_heard_from",
)  # fmt: skip
_ALIKE = 0.05  # of its length, by which a period may be shorter than one as long
_OTHERS = ("share", "cumulative_share", "first_start", "last_end")


def beside(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Put what a question gave for an earlier period beside what it gives now.

    Parameters
    ----------
    now : DataFrame
        Answer of `breakdown`, `top_talkers`, `peers` or `conversations`.
    before : DataFrame
        Answer of the same question for the earlier period; with ``n=None``, so that what was
        small then is there too.

    Returns
    -------
    DataFrame, the rows of `now` in their order
        The columns of `now`, and each measure of the earlier period as ``bytes_before`` and so
        on (int64): 0 where a group had no records then.

    Raises
    ------
    FlowlabError
        The two are not answers to one question.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> night = fl.top_talkers(flows, n=None, end="2026-03-02 06:00")
    >>> day = fl.top_talkers(flows, n=3, start="2026-03-02 06:00")
    >>> fl.beside(day, night).columns[-1]
    'bytes_received_before'
    """
    if list(now.columns) != list(before.columns):
        raise FlowlabError(
            "these two tables cannot stand side by side: they have different columns.",
            fix="ask the same question twice, with other periods.",
        )
    measures = [c for c in now.columns if c in _SUMS]
    keys = [c for c in now.columns if c not in (*_SUMS, *_OTHERS)]
    if not keys or not measures:
        raise FlowlabError(
            "these tables have no groups to compare.",
            fix="pass answers of fl.breakdown, fl.top_talkers, fl.peers or fl.conversations.",
        )
    named = {m: f"{m}_before" for m in measures}
    earlier = before[[*keys, *measures]].rename(columns=named)
    # A null is a group like any other: pandas joins nulls to nulls.
    joined = now.merge(earlier, how="left", on=keys, validate="one_to_one", sort=False)
    return joined.fillna(dict.fromkeys(named.values(), 0)).astype(
        dict.fromkeys(named.values(), "int64")
    )


@dataclass(frozen=True)
class Comparison:
    """What changed between two periods.

    Attributes
    ----------
    sentences : list of str
        What a person would say about it, most important first. Plain text.
    tables : dict of str to DataFrame
        ``totals``, ``edges``, ``services``, ``destinations``; ``scopes`` where records have them.
    """

    sentences: list[str]
    tables: dict[str, pd.DataFrame]

    def __repr__(self) -> str:
        return "\n".join(plain_text(sentence) for sentence in self.sentences)

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{html.escape(plain_text(s))}</li>" for s in self.sentences)
        shown = [f"<ul>{said}</ul>"]
        for name, table in self.tables.items():
            safe = table.rename(columns=plain_text).map(_plain)
            shown.append(f"<h4>{html.escape(name)}</h4>{safe.to_html(index=False, escape=True)}")
        return "".join(shown)


def compare(before: Any, after: Any, *, n: int | None = 10) -> Comparison:
    """Say what is new, gone and grown between two periods.

    Parameters
    ----------
    before, after : DataFrame (one row per flow record) or Archive
        Need srcaddr, dstaddr, srcport, dstport, protocol; use bytes, start and end, and the
        fields of scopes and AWS services, where both have them.
    n : int, optional
        Rows of each kind of change in each table; None keeps all. The sentences count all.

    Returns
    -------
    Comparison
        ``.sentences``, and ``.tables``: each with ``change`` (new, gone or grown), what changed,
        and its bytes before and after, also per hour where the periods are not equally long.
        [bytes, or flow records where a format has no bytes]

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Notes
    -----
    An edge is two addresses and a service: the lower port is taken for the serving one; one from
    32,768 on is nobody's (null). A destination is the serving address. The periods last from the
    first record's start to the last one's end; where they differ by more than 5 %, amounts are
    compared per hour, and what is rare is more likely to be seen in the longer one. Bytes are as
    recorded at each ENI. "New" is what was not recorded before: a new flow log, or another ENI,
    brings such, too.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> early = flows[flows["start"] < "2026-03-02 12:00"]
    >>> late = flows[flows["start"] >= "2026-03-02 12:00"]
    >>> list(fl.compare(early, late).tables)
    ['totals', 'edges', 'services', 'destinations']
    """
    old, new = as_table(before), as_table(after)
    limit = rows(n)
    columns = set(old.columns) & set(new.columns)
    measure = "bytes" if "bytes" in columns else "flow_records"
    sums = pd.concat([totals(old), totals(new)], ignore_index=True)
    hours, period = _hours(sums)
    sums.insert(0, "period", pd.Series(["before", "after"], dtype="str"))

    met, meet = differences.edges(old, measure), differences.edges(new, measure)
    reached, reach = (differences.destinations(side, measure) for side in (met, meet))
    served, serve = differences.served(old, measure), differences.served(new, measure)
    edge, service = list(differences.EDGE), list(differences.SERVICE)
    found = {
        "edges": differences.changed(met, meet, edge, measure, hours),
        "services": differences.changed(served, serve, service, measure, hours),
        "destinations": differences.changed(reached, reach, ["destination"], measure, hours),
    }
    public = differences.on_the_internet(found["destinations"]["destination"])
    found["destinations"].insert(2, "internet", public)
    of_aws = differences.aws_services(new, list(new.columns))
    tables = {"totals": sums} | {name: differences.first(t, limit) for name, t in found.items()}
    said = [changes.whole(sums, measure, hours), *period]
    if not sums["flow_records"].any():
        return Comparison(said, tables)
    said += [
        changes.about_edges(found["edges"], measure),
        *changes.about_destinations(found["destinations"], of_aws),
        changes.about_services(found["services"]),
    ]
    if "scope" in columns:
        far, farther = differences.by_scope(old, measure), differences.by_scope(new, measure)
        scopes = differences.changed(far, farther, ["scope"], measure, hours)
        tables["scopes"] = scopes
        said.append(changes.about_zones(scopes, measure))
    else:
        said.append(
            "Whether traffic between Availability Zones changed cannot be told: the records have"
            " no column scope, which fl.enrich adds."
        )
    return Comparison(said, tables)


def _hours(sums: pd.DataFrame) -> tuple[tuple[float, float] | None, list[str]]:
    """Give the length of each period; None where amounts are to be compared as they are."""
    if not {"first_start", "last_end"} <= set(sums.columns):
        return None, ["The records have no times: amounts are compared as they are."]
    lasted = (sums["last_end"] - sums["first_start"]).dt.total_seconds() / 3600
    if lasted.isna().any():
        return None, []  # one side is empty
    before, after = (float(hours) for hours in lasted)
    if min(before, after) <= 0:
        return None, ["A period without length: amounts are compared as they are."]
    if abs(before - after) <= _ALIKE * max(before, after):
        return None, []
    said = f"The periods are not equally long ({before:.1f} h before, {after:.1f} h after)"
    return (before, after), [f"{said}: amounts are compared per hour."]


def _plain(value: Any) -> Any:
    return plain_text(value) if isinstance(value, str) else value
