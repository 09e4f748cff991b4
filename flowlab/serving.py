"""What is served: traffic by the port of the serving side, not by the ephemeral one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import Question, question
from flowlab.enriching.services import EPHEMERAL, SERVICES
from flowlab.options import measures_of, period_of, rows, sums
from flowlab.ranking import ranked
from flowlab.tables import Table

_NAMES = {(p, s.port): s.name for s in SERVICES for p in s.protocols}


@question
def services(
    table: Table,
    *,
    rank_by: str = "bytes",
    n: int | None = 10,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Rank what is served, by the protocol and port of the serving side.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcport, dstport, protocol, and the measure `rank_by`; uses tcp_flags where present.
    rank_by : {"bytes", "packets", "flow_records"}
        Measure that orders the rows.
    n : int, optional
        Rows to keep; None keeps all.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, at most n rows, largest first, ties in the order of the keys
        protocol, port (of the serving side; null where the record does not tell which that is),
        service (its registered name; null where there is none), flow_records (int64), packets
        (int64), bytes (int64) [bytes], share and cumulative_share (float64) [of the whole].

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Notes
    -----
    Each record is judged by itself: SYN without ACK came from the initiator, SYN and ACK from
    the responder; else the one side whose port is a well-known service's. `enrich` also uses
    what other records of the same 5-tuple tell, so it leaves fewer undecided.
    Source: IANA, "Service Name and Transport Protocol Port Number Registry".

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> fl.services(flows, rank_by="flow_records", n=1)["service"].item()
    'https'
    """
    measures = measures_of(table, "services", rank_by, ["srcport", "dstport", "protocol"])
    carried = [m for m in measures if m != "flow_records"]
    judged = (
        exp.select(
            build.column("protocol"),
            build.named(_serving_port(table), "port"),
            *(build.column(m) for m in carried),
        )
        .from_(build.flows())
        .where(*period_of(table, "services", start, end))
    )
    keys = ["protocol", "port"]
    grouped = (
        exp.select(*map(build.column, keys), *sums(measures))
        .from_(judged.subquery("judged"))
        .group_by(*map(build.column, keys))
    )
    return Question(ranked(grouped, keys, measures, rank_by, rows(n)), _with_names)


def _serving_port(table: Table) -> exp.Expr:
    source, target = build.column("srcport"), build.column("dstport")
    ours, theirs = _is_service("srcport"), _is_service("dstport")
    case = exp.Case()
    if "tcp_flags" in table.columns:
        flags = build.column("tcp_flags")
        answered = exp.BitwiseAnd(this=flags, expression=build.number(18))
        case = case.when(exp.EQ(this=exp.paren(answered), expression=build.number(2)), target)
        if "tgw_id" not in table.columns:  # whose flow logs have ACK from either side
            synack = exp.EQ(this=exp.paren(answered.copy()), expression=build.number(18))
            case = case.when(synack, source.copy())
    case = case.when(exp.and_(ours, exp.not_(theirs)), source.copy())
    return case.when(exp.and_(theirs.copy(), exp.not_(ours.copy())), target.copy())


def _is_service(port: str) -> exp.Expr:
    """Whether a port is a well-known service's under the record's protocol."""
    tests = []
    for protocol in sorted({p for p, _ in _NAMES}):
        ports = [port_ for p, port_ in sorted(_NAMES) if p == protocol and port_ < EPHEMERAL]
        listed = build.column(port).isin(*map(build.number, ports))
        tests.append(exp.and_(build.column("protocol").eq(build.number(protocol)), listed))
    return exp.func("COALESCE", exp.or_(*tests), exp.false())


def _with_names(answer: pd.DataFrame) -> pd.DataFrame:
    places = zip(answer["protocol"].tolist(), answer["port"].tolist(), strict=True)
    names = [_NAMES.get(place) for place in places]
    text = pd.ArrowDtype(pa.large_string())
    answer.insert(2, "service", pd.Series(names, dtype=text))
    return answer
