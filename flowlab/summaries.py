"""Traffic summed up: totals, breakdowns, top talkers, traffic over time.

What is counted: every record, as its ENI recorded it. Traffic between two ENIs that are both
logged is recorded, and so counted, at both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import MEASURES, Question, question, with_times
from flowlab.errors import FlowlabError
from flowlab.options import measures_of, period_of, rows, seconds_of, sums
from flowlab.ranking import largest_groups, over_all, ranked
from flowlab.tables import Table, require

_MOST_CELLS = 5_000_000
OTHERS = "(others)"


@question
def totals(table: Table, *, start: Any = None, end: Any = None) -> Question:
    """Sum up all traffic.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Uses packets, bytes, action, interface_id, start and end where they are present.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row
        flow_records, packets, bytes, accepted, rejected (records, int64), interfaces (distinct
        ENIs, int64), first_start, last_end (datetime64[s, UTC]); only what the format has.
    """
    have = set(table.columns)
    wanted: list[exp.Expr] = [build.named(exp.Count(this=exp.Star()), "flow_records")]
    wanted += [
        build.named(build.total(build.column(m)), m) for m in ("packets", "bytes") if m in have
    ]
    if "action" in have:
        for name, action in (("accepted", "ACCEPT"), ("rejected", "REJECT")):
            hit = exp.Case().when(build.column("action").eq(action), build.number(1))
            wanted.append(build.named(exp.Count(this=hit), name))
    if "interface_id" in have:
        distinct = exp.Count(this=exp.Distinct(expressions=[build.column("interface_id")]))
        wanted.append(build.named(distinct, "interfaces"))
    if "start" in have:
        wanted.append(build.named(exp.Min(this=build.column("start")), "first_start"))
    if "end" in have:
        wanted.append(build.named(exp.Max(this=build.column("end")), "last_end"))
    query = exp.select(*wanted).from_(build.flows()).where(*period_of(table, "totals", start, end))
    return Question(query, lambda answer: with_times(answer, ["first_start", "last_end"]))


@question
def breakdown(
    table: Table,
    by: str | Sequence[str],
    *,
    rank_by: str = "bytes",
    n: int | None = None,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Break traffic down by any columns.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs the columns of `by`, and the measure `rank_by`.
    by : str or sequence of str
        Columns to group by. A null is a group of its own.
    rank_by : {"bytes", "packets", "flow_records"}
        Measure that orders the rows and that the shares are of.
    n : int, optional
        Rows to keep; all of them by default.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row per group, largest first, ties in the order of the keys
        *by, flow_records (int64), packets (int64), bytes (int64) [bytes], share and
        cumulative_share (float64) [0-1, of the whole, not of the rows shown]. packets and bytes
        only where the format has them.

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.
    UnknownNameError
        No such column or measure.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> fl.breakdown(flows, "action")["action"].tolist()
    ['ACCEPT', 'REJECT']
    """
    keys = [by] if isinstance(by, str) else list(by)
    if not keys:
        raise FlowlabError("breakdown needs a column to group by.", fix='pass by="protocol", say.')
    measures = measures_of(table, "breakdown", rank_by, keys)
    grouped = (
        exp.select(*(build.column(k) for k in keys), *sums(measures))
        .from_(build.flows())
        .where(*period_of(table, "breakdown", start, end))
        .group_by(*(build.column(k) for k in keys))
    )
    return Question(ranked(grouped, keys, measures, rank_by, rows(n)))


@question
def top_talkers(
    table: Table,
    *,
    rank_by: str = "bytes",
    n: int | None = 10,
    packet_level: bool = False,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Rank addresses by the traffic they sent and received.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcaddr and dstaddr, and the measure `rank_by`.
    rank_by : {"bytes", "packets", "flow_records"}
        Measure that orders the rows.
    n : int, optional
        Rows to keep; None keeps all.
    packet_level : bool
        Rank pkt_srcaddr and pkt_dstaddr: the ends in the packet, behind NAT and load balancers.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, at most n rows, largest first, ties in the order of the address
        addr (string), flow_records (int64), packets (int64), bytes (int64) [bytes], bytes_sent
        and bytes_received (int64) [bytes], share and cumulative_share (float64) [of the whole].

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Notes
    -----
    A record adds to both its addresses, so over all rows the shares sum to 2. Traffic between
    two logged ENIs is counted at both. A null address is a row of its own.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> len(fl.top_talkers(flows, n=3))
    3
    """
    ends = ("pkt_srcaddr", "pkt_dstaddr") if packet_level else ("srcaddr", "dstaddr")
    measures = measures_of(table, "top_talkers", rank_by, ends)
    carried = [m for m in measures if m != "flow_records"]
    period = period_of(table, "top_talkers", start, end)
    sides = []
    for side, name in zip(ends, ("bytes_sent", "bytes_received"), strict=True):
        columns: list[exp.Expr] = [build.named(build.column(side), "addr")]
        columns += [build.column(m) for m in carried]
        if "bytes" in carried:
            for part in ("bytes_sent", "bytes_received"):
                value = build.column("bytes") if part == name else build.number(0)
                columns.append(build.named(value, part))
        sides.append(exp.select(*columns).from_(build.flows()).where(*period))
    parts = ["bytes_sent", "bytes_received"] if "bytes" in carried else []
    grouped = (
        exp.select(build.column("addr"), *sums([*measures, *parts]))
        .from_(exp.union(*sides, distinct=False).subquery("ends"))
        .group_by(build.column("addr"))
    )
    half = exp.cast(over_all(rank_by), "DOUBLE") / build.number(2)  # a record has two rows
    query = ranked(grouped, ["addr"], [*measures, *parts], rank_by, rows(n), half)
    return Question(query)


@question
def traffic_over_time(
    table: Table,
    *,
    every: str = "5min",
    by: str | Sequence[str] | None = None,
    n: int | None = None,
    spread: bool = True,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Sum traffic in equal steps of time.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs start, and end if `spread`.
    every : str
        Width of a step, such as "30s", "5min", "1h", "1D"; whole seconds. Steps are aligned to
        midnight UTC.
    by : str or sequence of str, optional
        Columns to split each step by.
    n : int, optional
        Groups to keep, the largest by bytes over the period; all others are summed up in one
        group, "(others)". With one column in `by` only, which becomes text; null is a group.
    spread : bool
        Spread a record's bytes and packets evenly over its seconds from start to end, as it is a
        window and not an instant; the total is conserved to the byte. False counts all of it at
        its start.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row per step (and group), in order, without gaps
        time (datetime64[s, UTC], the beginning of the step), *by, flow_records (int64, counted
        where a record starts), packets (int64), bytes (int64) [bytes]. A step without traffic
        has zeros. Records without a time stand last, under NaT.

    Notes
    -----
    With a period, the records that start in it are spread, as in every question: the last of
    their bytes may fall in steps after `end`, and bytes of records that started earlier are not
    in the first steps. AWS's start and end may be off by up to 60 s. Records longer than an
    hour, which no flow log writes, count at their start.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> hours = fl.traffic_over_time(flows, every="1h")
    >>> int(hours["bytes"].sum()) == int(flows["bytes"].sum())
    True
    """
    seconds = seconds_of(every)
    keys = [] if by is None else [by] if isinstance(by, str) else list(by)
    require(table, ["start", *(["end"] if spread else []), *keys], "traffic_over_time")
    measures = [m for m in MEASURES[1:] if m in table.columns]
    period = period_of(table, "traffic_over_time", start, end)
    parts = build.in_steps(keys, measures, seconds, spread, period, dialect=table.dialect)
    groups, counted = ["step", *keys], ["flow_records", *measures]
    if n is not None:
        parts = _fewer_groups(_summed(parts, groups, counted), keys, counted, n, period)
    steps = _summed(parts, groups, counted)
    time = build.named(build.column("step") * build.number(seconds), "time")
    steps.set("expressions", [time, *steps.expressions[1:]])
    ordered = steps.order_by(
        *(exp.Ordered(this=build.column(c), desc=False, nulls_first=False) for c in ("time", *keys))
    )
    return Question(ordered, lambda answer: _without_gaps(answer, keys, seconds))


def _summed(parts: exp.Query, groups: Sequence[str], measures: Sequence[str]) -> exp.Select:
    return (
        exp.select(
            *(build.column(group) for group in groups),
            *(build.named(build.total(build.column(m)), m) for m in measures),
        )
        .from_(parts.subquery("parts"))
        .group_by(*(build.column(group) for group in groups))
    )


def _fewer_groups(
    steps: exp.Select, keys: Sequence[str], measures: Sequence[str], n: int, period: list[exp.Expr]
) -> exp.Select:
    """Name all but the largest groups "(others)"; in sums, which are fewer than records."""
    rows(n)
    if len(keys) != 1:
        raise FlowlabError(
            f"traffic_over_time: n={n} keeps the largest groups of one column.",
            fix='pass one column, such as by="srcaddr", or leave n out.',
        )
    (key,) = keys
    measure = "bytes" if "bytes" in measures else "flow_records"
    largest = largest_groups(key, measure, n, period)
    # A join on plain equalities, which every engine takes: a null is a group like any other.
    ours, theirs = build.column(key, "steps"), build.column(key, "largest")
    word = exp.cast(ours, "VARCHAR")
    same = exp.and_(
        _text_of(theirs).eq(_text_of(ours)),
        exp.EQ(this=exp.paren(theirs.is_(exp.null())), expression=exp.paren(ours.is_(exp.null()))),
    )
    kept = exp.select("*", build.named(build.number(1), "kept")).from_(largest.subquery("ranked"))
    among = build.column("kept", "largest").eq(build.number(1))
    named = exp.Case().when(among, word).else_(exp.Literal.string(OTHERS))
    return (
        exp.select(
            *(build.column(c, "steps") for c in ("step", *measures)), build.named(named, key)
        )
        .from_(steps.subquery("steps"))
        .join(kept.subquery("largest"), on=same, join_type="left")
    )


def _text_of(value: exp.Expr) -> exp.Expr:
    return exp.func("COALESCE", exp.cast(value.copy(), "VARCHAR"), exp.Literal.string(""))


def _without_gaps(answer: pd.DataFrame, keys: Sequence[str], seconds: int) -> pd.DataFrame:
    """Add the steps in which nothing happened, so that a chart draws nothing there."""
    timed = answer[answer["time"].notna()]
    measures = [c for c in answer.columns if c not in ("time", *keys)]
    if not timed.empty:
        first, last = int(timed["time"].min()), int(timed["time"].max())
        groups = timed[list(keys)].drop_duplicates() if keys else pd.DataFrame(index=[0])
        steps = (last - first) // seconds + 1
        if steps * len(groups) > _MOST_CELLS:
            raise FlowlabError(
                f"{steps:,} steps for {len(groups):,} groups are more than a table can show.",
                fix="choose a wider every=, a shorter period, or fewer groups.",
            )
        if steps * len(groups) > len(timed):
            times = pd.DataFrame(
                {"time": range(first, last + 1, seconds)}, dtype=timed["time"].dtype
            )
            grid = times.merge(groups, how="cross")
            full = grid.merge(timed, how="left", on=["time", *keys])
            full[measures] = full[measures].fillna(0).astype("int64")
            order = ["time", *keys]
            full = full.sort_values(order, na_position="last", kind="stable")
            answer = pd.concat(
                [full[answer.columns], answer[answer["time"].isna()]], ignore_index=True
            )
    return with_times(answer, ["time"])
