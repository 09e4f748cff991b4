"""Columns of `enrich` that a record tells by itself, in SQL: to be asked where the records are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from flowlab import clauses as build
from flowlab.enriching.aws_services import AWS_FIELD
from flowlab.enriching.flags import FLAG_BITS, NO_FLAGS, PATHS, TCP
from flowlab.enriching.services import PROTOCOL_NAMES
from flowlab.errors import FlowlabError
from flowlab.tables import LayeredTable, Table, elsewhere

_OF_A_TUPLE = "it is judged from all records of a 5-tuple together"
_OF_AN_ENI = "where AWS does not say it, it is inferred from all records of an ENI together"
_SET_UPS = "saved set-ups are looked through for the time of each record"
# What cannot be said of a record alone, and what is nearest to it.
_CANNOT = {
    "initiator": (_OF_A_TUPLE, ""),
    "responder": (_OF_A_TUPLE, ""),
    "initiator_basis": (_OF_A_TUPLE, ""),
    "service": (_OF_A_TUPLE, "fl.services judges each record by itself"),
    "direction": (_OF_AN_ENI, "flow_direction is AWS's own word"),
    "direction_basis": (_OF_AN_ENI, "flow_direction is AWS's own word"),
    "scope": ("it rests on what all records together say of their addresses", ""),
    "src_owner": (_SET_UPS, ""),
    "dst_owner": (_SET_UPS, ""),
}


class EnrichedTable(LayeredTable):
    """A table's records with columns of `enrich`. Made by `enriched`.

    Parameters
    ----------
    table : Table
    names : sequence of str
        Derived columns, all of them in `EXPRESSIBLE`.
    """

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self._names = names
        self._kept = [name for name in table.columns if name not in names]
        super().__init__(table, [*self._kept, *names], f"with {', '.join(names)}")

    def _select(self) -> exp.Select:
        made = [build.named(EXPRESSIBLE[name](self._table), name) for name in self._names]
        replaced = len(self._kept) < len(self._table.columns)
        kept = [*map(build.column, self._kept)] if replaced else ["*"]
        return exp.select(*kept, *made)

    def elsewhere(self, dialect: str) -> EnrichedTable:
        """Give the same over a table of another engine that has these columns but no records."""
        return EnrichedTable(elsewhere(self._table, dialect), self._names)


def enriched(table: Table, names: Sequence[str] | None, given: Sequence[str]) -> EnrichedTable:
    """Give a table the derived columns that its engine can make, exactly as `enrich` makes them.

    Parameters
    ----------
    table : Table
    names : sequence of str or None
        Derived columns; None for all that can be made.
    given : sequence of str
        Options of `enrich` that were used: none of them can count here.

    Raises
    ------
    FlowlabError
        A column cannot be made of each record alone; the message names it and says why.
    """
    refused = [name for name in names or () if name in _CANNOT]
    if refused:
        why, instead = _CANNOT[refused[0]]
        raise _refusal(", ".join(refused), f"{refused[0]}: {why}.", instead and f"{instead}; or ")
    if given:
        what = ", ".join(f"{option}=" for option in given)
        raise _refusal(what, "it tells of columns that are not made there.")
    return EnrichedTable(table, list(EXPRESSIBLE if names is None else names))


def _refusal(what: str, why: str, instead: str = "") -> FlowlabError:
    return FlowlabError(
        f"enrich: {what} cannot be had of records that stay where they are.",
        why,
        f"{instead}read the records that matter (fl.records(..., n=None)) and enrich those. Made "
        f"where they are: {', '.join(EXPRESSIBLE)}.",
    )


# ------------------------------------------------------------------------------ columns
def _nothing() -> exp.Expr:
    return exp.cast(exp.null(), "VARCHAR")


def _words(column: str, table: Table, words: Sequence[str | None]) -> exp.Expr:
    """Name a number by its place in a list of words."""
    if column not in table.columns:
        return _nothing()
    case = exp.Case(this=build.column(column))
    for number, word in enumerate(words):
        if word is not None:
            case = case.when(build.number(number), exp.Literal.string(word))
    return case


def _flags(table: Table) -> exp.Expr:
    if "tcp_flags" not in table.columns:
        return _nothing()
    flags = build.column("tcp_flags")
    text: exp.Expr = exp.Literal.string("")
    for bit, word in FLAG_BITS:
        seen = exp.paren(exp.BitwiseAnd(this=flags.copy(), expression=build.number(bit)))
        said = exp.Case().when(seen.eq(build.number(bit)), exp.Literal.string(f"{word} "))
        text = exp.DPipe(this=text, expression=said.else_(exp.Literal.string("")))
    none = exp.Case().when(flags.copy().eq(build.number(0)), exp.Literal.string(NO_FLAGS))
    text = exp.Trim(this=exp.paren(text))
    # Without the protocol, 0 may stand for another one than TCP.
    least = 0 if "protocol" in table.columns else 1
    known: list[exp.Expr] = [flags.copy().between(build.number(least), build.number(255))]
    if "protocol" in table.columns:
        known.insert(0, build.column("protocol").eq(build.number(TCP)))
    return exp.Case().when(exp.and_(*known), none.else_(text))


def _aws_service(field: str) -> Callable[[Table], exp.Expr]:
    def told(table: Table) -> exp.Expr:
        return build.column(field) if field in table.columns else _nothing()

    return told


def _aws_basis(table: Table) -> exp.Expr:
    told = {"pkt_src_aws_service", "pkt_dst_aws_service"} & set(table.columns)
    return exp.Literal.string(AWS_FIELD) if told else _nothing()


EXPRESSIBLE: dict[str, Callable[[Any], exp.Expr]] = {
    "protocol_name": lambda table: _words("protocol", table, PROTOCOL_NAMES),
    "tcp_flag_names": _flags,
    "traffic_path_name": lambda table: _words("traffic_path", table, PATHS),
    "src_aws_service": _aws_service("pkt_src_aws_service"),
    "dst_aws_service": _aws_service("pkt_dst_aws_service"),
    "aws_service_basis": _aws_basis,
}
