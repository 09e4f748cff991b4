"""Who exchanges with whom: conversations (both directions joined), and the peers of an address."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import Question, question, with_times
from flowlab.options import measures_of, period_of, rows, sums
from flowlab.ranking import ranked, ranked_late
from flowlab.tables import Table

_SIDES = ("addr_a", "port_a", "addr_b", "port_b")


@question
def conversations(
    table: Table,
    *,
    rank_by: str = "bytes",
    n: int | None = 10,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Join the two directions of each 5-tuple, and rank the conversations.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcaddr, dstaddr, srcport, dstport, protocol, and the measure `rank_by`; uses
        action, interface_id, start and end where they are present.
    rank_by : {"bytes", "packets", "flow_records"}
        Measure that orders the rows.
    n : int, optional
        Rows to keep; None keeps all.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, at most n rows, largest first, ties in the order of the keys
        addr_a, port_a, addr_b, port_b, protocol; flow_records, packets (int64), bytes,
        bytes_a_to_b, bytes_b_to_a (int64) [bytes]; accepted, rejected (records, int64);
        interfaces (ENIs that recorded it, int64); first_start, last_end (datetime64[s, UTC]);
        share and cumulative_share (float64) [of the whole].

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Notes
    -----
    Side b has the lower port; of equal ports, the address later in the order of the text. That
    is mostly the side that serves, but no proof of it. All records of a 5-tuple in the period
    are one conversation: a port that was used again joins two connections. What two logged ENIs
    recorded is counted at both: `interfaces` says so.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> pairs = fl.conversations(flows, n=None)
    >>> int(pairs["bytes"].sum()) == int(flows["bytes"].sum())
    True
    """
    ends = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
    measures = measures_of(table, "conversations", rank_by, ends)
    source = (build.column("srcport"), build.column("srcaddr"))
    target = (build.column("dstport"), build.column("dstaddr"))
    # Nulls first, as if lower: a side that is not known is never side a of one that is.
    forward = exp.or_(
        _below(target[0], source[0]),
        exp.and_(_same(source[0], target[0]), exp.not_(_below(target[1], source[1]))),
    )
    forward = exp.func("COALESCE", forward, exp.true())

    def side(one: exp.Expr, other: exp.Expr) -> exp.Expr:
        return exp.Case().when(forward.copy(), one.copy()).else_(other.copy())

    have = set(table.columns)
    kept = [c for c in ("action", "interface_id", "start", "end") if c in have]
    carried = [m for m in measures if m != "flow_records"]
    joined = (
        exp.select(
            build.named(side(source[1], target[1]), "addr_a"),
            build.named(side(source[0], target[0]), "port_a"),
            build.named(side(target[1], source[1]), "addr_b"),
            build.named(side(target[0], source[0]), "port_b"),
            build.column("protocol"),
            *(build.column(c) for c in (*carried, *kept)),
            build.named(forward.copy(), "forward"),
        )
        .from_(build.flows())
        .where(*period_of(table, "conversations", start, end))
    )
    keys = [*_SIDES, "protocol"]
    wanted, names = sums(measures), list(measures)
    if "bytes" in carried:
        for name, told in (("bytes_a_to_b", exp.true()), ("bytes_b_to_a", exp.false())):
            part = exp.Case().when(build.column("forward").eq(told), build.column("bytes"))
            wanted.append(build.named(build.total(part), name))
            names.append(name)
    if "action" in have:
        for name, action in (("accepted", "ACCEPT"), ("rejected", "REJECT")):
            hit = exp.Case().when(build.column("action").eq(action), build.number(1))
            wanted.append(build.named(exp.Count(this=hit), name))
            names.append(name)
    if "interface_id" in have:
        distinct = exp.Count(this=exp.Distinct(expressions=[build.column("interface_id")]))
        wanted.append(build.named(distinct, "interfaces"))
        names.append("interfaces")
    for name, kind, of in (("first_start", exp.Min, "start"), ("last_end", exp.Max, "end")):
        if of in have:
            wanted.append(build.named(kind(this=build.column(of)), name))
            names.append(name)
    grouped = (
        exp.select(*(build.column(k) for k in keys), *wanted)
        .from_(joined.subquery("joined"))
        .group_by(*(build.column(k) for k in keys))
    )
    most = rows(n)
    if table.dialect == "duckdb" and most is not None:  # about as many groups as records
        query = ranked_late(grouped, keys, names, rank_by, most)
    else:  # Athena is paid for what is read, so only once
        query = ranked(grouped, keys, names, rank_by, most)
    return Question(query, lambda answer: with_times(answer, ["first_start", "last_end"]))


def _below(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Whether one is lower than the other; null is lower than anything."""
    null, there = exp.Is(this=one.copy(), expression=exp.null()), other.copy()
    return exp.or_(
        exp.and_(null, exp.not_(exp.Is(this=there, expression=exp.null()))),
        exp.func("COALESCE", exp.LT(this=one.copy(), expression=other.copy()), exp.false()),
    )


def _same(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.NullSafeEQ(this=one.copy(), expression=other.copy())


@question
def peers(
    table: Table,
    *,
    rank_by: str = "peers",
    n: int | None = 10,
    packet_level: bool = False,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Rank addresses by how many others they exchanged packets with, or tried to.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcaddr and dstaddr, and the measure `rank_by`.
    rank_by : {"peers", "bytes", "packets", "flow_records"}
        Measure that orders the rows.
    n : int, optional
        Rows to keep; None keeps all.
    packet_level : bool
        Use pkt_srcaddr and pkt_dstaddr: the ends in the packet, behind NAT and load balancers.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, at most n rows, largest first, ties in the order of the address
        addr (string), peers (distinct addresses on the other side, int64), peers_sent_to,
        peers_heard_from (int64), flow_records (int64), packets (int64), bytes (int64) [bytes].

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Notes
    -----
    Rejected records count too: that is how a scan shows. A record adds to both its addresses.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> fl.peers(flows, n=1)["peers"].item() > 100
    True
    """
    ends = ("pkt_srcaddr", "pkt_dstaddr") if packet_level else ("srcaddr", "dstaddr")
    measures = measures_of(table, "peers", rank_by, ends, ["peers"])
    period = period_of(table, "peers", start, end)
    # Pairs are far fewer than records: what is read twice, and counted, are pairs.
    pairs = (
        exp.select(*(build.column(c) for c in ends), *sums(measures))
        .from_(build.flows())
        .where(*period)
        .group_by(*(build.column(c) for c in ends))
    )
    sides = []
    for mine, other, sent in ((*ends, True), (*ends[::-1], False)):
        away, nobody = build.column(other), exp.null()
        sides.append(
            exp.select(
                build.named(build.column(mine), "addr"),
                build.named(away, "peer"),
                build.named(away.copy() if sent else nobody, "sent_to"),
                build.named(nobody.copy() if sent else away.copy(), "heard_from"),
                *(build.column(m) for m in measures),
            ).from_(exp.to_table('"pairs"', dialect="duckdb"))
        )
    counted = {"peers": "peer", "peers_sent_to": "sent_to", "peers_heard_from": "heard_from"}
    grouped = (
        exp.select(
            build.column("addr"),
            *(
                build.named(exp.Count(this=exp.Distinct(expressions=[build.column(c)])), name)
                for name, c in counted.items()
            ),
            *(build.named(build.total(build.column(m)), m) for m in measures),
        )
        .from_(exp.union(*sides, distinct=False).subquery("ends"))
        .group_by(build.column("addr"))
    )
    order = [
        exp.Ordered(this=build.column(rank_by), desc=True, nulls_first=False),
        exp.Ordered(this=build.column("addr"), desc=False, nulls_first=False),
    ]
    names = ["addr", *counted, *measures]
    query = exp.select(*map(build.column, names)).from_(grouped.subquery("grouped"))
    query = query.with_(exp.to_identifier("pairs", quoted=True), pairs)
    query, most = query.order_by(*order), rows(n)
    return Question(query.limit(most) if most is not None else query)
