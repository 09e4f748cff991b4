"""What a report must say beside its findings: what was set aside, lost, or never recorded."""

from __future__ import annotations

import pandas as pd

from flowlab import plots
from flowlab.exclusions import exclude, excluded_by, waterfall
from flowlab.recognisers import impossible_traffic, never_captured
from flowlab.reports.findings import Facts, Figure, Found, Listing, Section, counted, figure
from flowlab.reports.material import Material
from flowlab.summaries import breakdown
from flowlab.tables import as_table

# A page has room for the records in full; of bytes, for what was taken and what is left.
_LEFT_OUT = frozenset(
    {"bytes_alone", "bytes_overlap"}
    | {f"packets_{part}" for part in ("alone", "taken", "overlap", "remaining")}
)
_OWN_WORDS = ("change", "period")  # columns of a comparison
_UNKNOWN = (
    "No ledger was given with this report, so rejected lines, NODATA and SKIPDATA are not known."
)


def _exclusions(material: Material) -> Found:
    if not material.rules:
        listed = material.ask(excluded_by, keep=("rule", "needs", "why"))
        return Found(
            ["Nothing was set aside: the findings are about all records."],
            [Listing("What each of flowlab's rules would take, if it were applied", listed)],
            "fl.excluded_by(flows)",
        )
    steps = waterfall(material.whole, material.rules)
    names = material.rule_names()
    steps = steps.assign(step=[names.get(step, step) for step in steps["step"]])
    told = [(names[rule.name], *material.told(rule)) for rule in material.rules]
    first, last = (int(steps["flow_records_remaining"].iloc[at]) for at in (0, -1))
    aside = first - last
    says = (
        f"{aside:,} of {first:,} records were set aside by"
        f" {counted(len(material.rules), 'rule')} ({aside / max(first, 1):.1%}); the findings are"
        f" about the other {last:,}."
    )
    told_of = [name for name in steps.columns if name not in _LEFT_OUT]
    parts: list[Facts | Listing | Figure] = [figure(plots.waterfall(steps))] if first else []
    parts += [
        Listing("What each rule took, one after the other", steps[told_of]),
        Listing("The rules", pd.DataFrame(told, columns=["rule", "matches", "why"])),
    ]
    return Found([says], parts)


def _coverage(material: Material) -> Found:
    lines = _no_traffic(material)
    counts = breakdown(material.whole, "interface_id", rank_by="flow_records")
    seen = counts.drop(columns=["share", "cumulative_share"])
    marks = {"NODATA": "nodata_windows", "SKIPDATA": "skipdata_windows"}
    flags = {name: (lines["log_status"] == status) * 1 for status, name in marks.items()}
    windows = lines.assign(**flags).groupby("interface_id")[list(marks.values())].sum()
    windows = windows.reset_index().astype({"interface_id": seen["interface_id"].dtype})
    both = seen.merge(windows, how="outer", on="interface_id")
    amounts = [name for name in both.columns if name != "interface_id"]
    both = both.fillna(dict.fromkeys(amounts, 0)).astype(dict.fromkeys(amounts, "int64"))
    both = both.sort_values(
        ["flow_records", "interface_id"], ascending=[False, True], ignore_index=True
    )
    recorded = int((both["flow_records"] > 0).sum())
    silent = int(((both["flow_records"] == 0) & (both["skipdata_windows"] == 0)).sum())
    lost = int(both["skipdata_windows"].sum())
    at = int((both["skipdata_windows"] > 0).sum())
    says = f"{counted(recorded, 'ENI')} recorded traffic"
    if material.ledger is None:
        says += f". {_UNKNOWN}"
        both = both[list(seen.columns)]
    else:
        says += f", {silent:,} had only windows without any" if silent else ", and none was silent"
        says += (
            f". AWS lost an unknown number of records in {counted(lost, 'window')} at"
            f" {counted(at, 'ENI')} (SKIPDATA)."
            if lost
            else ". AWS reported none as lost (SKIPDATA)."
        )
    return Found([says], [Listing("ENIs, and their windows without records", material.shown(both))])


def _no_traffic(material: Material) -> pd.DataFrame:
    """The NODATA and SKIPDATA windows that start in the period."""
    columns = ["interface_id", "log_status"]
    known = None if material.ledger is None else material.ledger.no_traffic
    if known is None or any(name not in known for name in columns):
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    if "start" in known:
        for moment, before in ((material.start, True), (material.end, False)):
            if moment is not None:
                known = known[(known["start"] < moment) != before]
    return known[columns].astype("str")


def _impossible(material: Material) -> Found:
    words = ("recogniser", "likely_explanation")
    listed = material.ask(impossible_traffic, of=material.whole, keep=words)
    hits = int(listed["flow_records"].sum())
    says = (
        "No record is of traffic that AWS never logs, as it should be."
        if not hits
        else f"{counted(hits, 'record')} of traffic that AWS never logs: find out why."
    )
    return Found([says], [Listing("Records that should not exist", listed)])


def _never(_: Material) -> Found:
    return Found(
        ["For these kinds of traffic, the absence of records proves nothing."],
        [Listing("What no flow log shows, and what to use instead", never_captured())],
    )


def _comparison(material: Material) -> Found:
    from flowlab.comparing import compare

    if material.before is None:
        return Found(["No earlier period was given to compare with (before=)."])
    earlier = as_table(material.before)
    earlier = exclude(earlier, material.rules) if material.rules else earlier
    compared = compare(earlier, material.work)
    # The tables first: then the names in them are known, and found in the sentences.
    listings = [
        Listing(title.replace("_", " ").capitalize(), material.shown(frame, _OWN_WORDS))
        for title, frame in compared.tables.items()
    ]
    sentences = [material.text(sentence) for sentence in compared.sentences]
    return Found(sentences or ["Nothing has changed."], listings)


LIMITS = {
    "comparison": Section(
        "Compared with before",
        "fl.compare(before, work)",
        [
            (
                "What is new here was not recorded before; whether it existed, an earlier flow log"
                " with gaps, other ENIs or another format cannot say."
            ),
        ],
        _comparison,
    ),
    "impossible_traffic": Section(
        "Traffic that should not exist",
        "fl.impossible_traffic(flows)",
        [
            (
                "Without the CIDRs of the VPC, Amazon's DNS server at its base + 2 and the router's"
                " own addresses are not looked for."
            ),
        ],
        _impossible,
    ),
    "exclusions": Section(
        "What was set aside",
        "steps = fl.waterfall(flows, rules)\nplots.waterfall(steps)",
        [
            (
                "A rule knows addresses, ports and flags, not purposes: what hides behind a port"
                " that is set aside is set aside with it."
            ),
        ],
        _exclusions,
    ),
    "coverage": Section(
        "Coverage",
        'fl.breakdown(flows, "interface_id", rank_by="flow_records")\nledger.no_traffic',
        [
            (
                "An ENI without a flow log leaves no trace here, not even NODATA: fl.check_setup"
                " finds those."
            ),
            "One SKIPDATA line stands for an unknown number of records.",
        ],
        _coverage,
    ),
    "never_captured": Section(
        "What no flow log shows",
        "fl.never_captured()",
        ["The list is AWS's own, as of 2026."],
        _never,
    ),
}
