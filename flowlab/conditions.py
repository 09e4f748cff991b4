"""What a rule tests, as data: a small tree over columns, turned into SQL or words on demand.

Every test is true or false, never unknown: a null matches nothing but None. So kept and excluded
records add up to all of them, and "not" means what people think it means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.addresses import ip_in
from flowlab.errors import FlowlabError
from flowlab.matches import PROTOCOLS, Match, Span, Value, is_own, match
from flowlab.wording import value_text

DEEPEST = 100  # conditions inside one another: engines take minutes over more, or give up
_EXACT = 2**53 - 1  # of whole numbers up to here, each is another one as DOUBLE


@dataclass(frozen=True)
class Every:
    """All parts are true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """At least one part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part is false."""

    part: Condition


@dataclass(frozen=True)
class FirstPossible:
    """The first part whose columns the records have; later parts tell the same less well."""

    parts: tuple[Condition, ...]


Condition = Match | Every | Either | Not | FirstPossible


def depth(condition: Condition) -> int:
    """How many conditions stand inside one another, at most."""
    if isinstance(condition, Match):
        return 1
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return 1 + max(map(depth, parts), default=0)


# ------------------------------------------------------------------------------ columns
def missing(condition: Condition, have: Collection[str]) -> list[str]:
    """Columns a condition needs and these records lack; of alternatives, those of the last."""
    if isinstance(condition, Match):
        return [c for c in condition.columns if c not in have]
    if isinstance(condition, Not):
        return missing(condition.part, have)
    if isinstance(condition, FirstPossible):
        return missing(_possible(condition, have), have)
    return list(dict.fromkeys(c for part in condition.parts for c in missing(part, have)))


def _possible(condition: FirstPossible, have: Collection[str]) -> Condition:
    for part in condition.parts:
        if not missing(part, have):
            return part
    return condition.parts[-1]


# ------------------------------------------------------------------------------ SQL
def to_sql(condition: Condition, have: Collection[str], dialect: str) -> exp.Expr:
    """Write a condition as SQL that is true or false for every record.

    Parameters
    ----------
    condition : Condition
    have : collection of str
        Columns of the records, which decide between alternatives.
    dialect : str
        The engine that will run it.
    """
    if isinstance(condition, Match):
        sides = [_holds(name, condition.values, dialect) for name in condition.columns]
        return exp.or_(*sides, copy=False)
    if isinstance(condition, Not):
        return exp.not_(to_sql(condition.part, have, dialect), copy=False)
    if isinstance(condition, FirstPossible):
        return to_sql(_possible(condition, have), have, dialect)
    parts = [to_sql(part, have, dialect) for part in condition.parts]
    if not parts:
        return exp.true() if isinstance(condition, Every) else exp.false()
    join = exp.and_ if isinstance(condition, Every) else exp.or_
    return join(*parts, copy=False)


def _holds(name: str, values: Sequence[Value], dialect: str) -> exp.Expr:
    tests: list[exp.Expr] = []
    if networks := [v for v in values if isinstance(v, (IPv4Network, IPv6Network))]:
        tests.append(ip_in(networks, build.column(name), dialect))
        if len(networks) == len(values):
            return tests[0]  # never null by itself
    if truths := [exp.convert(str(v).lower()) for v in values if isinstance(v, bool)]:
        # Cast to BOOLEAN, 3 and "yes" would be true.
        tests.append(exp.Lower(this=_typed(name, "VARCHAR")).isin(*truths))
    for sql_type in ("DOUBLE", "BIGINT"):
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if same := [exp.convert(v) for v in numbers if _number_type(v) == sql_type]:
            tests.append(_typed(name, sql_type).isin(*same))
    if texts := [exp.convert(v) for v in values if isinstance(v, str)]:
        tests.append(_typed(name, "VARCHAR").isin(*texts))
    spans = [v for v in values if isinstance(v, Span)]
    tests += [_typed(name, _number_type(s.low, s.high)).between(s.low, s.high) for s in spans]
    if None in values:
        tests.append(build.column(name).is_(exp.null()))
    return exp.func("COALESCE", exp.or_(*tests, copy=False), exp.false())


def _number_type(*numbers: float) -> str:
    # Cast to BIGINT, 1.4 would be 1; and a range to 1e30 has no end there.
    most = max(map(abs, numbers))
    return "BIGINT" if _EXACT < most < 2**63 else "DOUBLE"


def _typed(name: str, sql_type: str) -> exp.Expr:
    # AWS's columns have the type the schema says; of others nothing is known.
    if name in schema.BY_COLUMN:
        return build.column(name)
    return exp.TryCast(this=build.column(name), to=exp.DataType.build(sql_type))


# ------------------------------------------------------------------------------ words
_SIDES = {
    "port": "either port",
    "addr": "either address",
    "owner": "either owner",
    "packet_addr": "either packet address",
    "aws_service": "either AWS service",
}
_MOST_WORDS = 8


def in_words(condition: Condition) -> str:
    """Write a condition for people."""
    if isinstance(condition, Match):
        sides = _SIDES.get(condition.name, condition.name)
        return f"{sides} {_one_of([_value_words(condition.name, v) for v in condition.values])}"
    if isinstance(condition, Not):
        return f"not ({in_words(condition.part)})"
    if isinstance(condition, FirstPossible):
        return " (without that column: ".join(map(in_words, condition.parts)) + ")" * (
            len(condition.parts) - 1
        )
    joint = " and " if isinstance(condition, Every) else "; or "
    return joint.join(_in_brackets(part, condition) for part in condition.parts) or "nothing"


def _in_brackets(part: Condition, whole: Condition) -> str:
    needed = isinstance(part, (Every, Either)) and isinstance(whole, Every) and len(part.parts) > 1
    return f"({in_words(part)})" if needed else in_words(part)


def _value_words(name: str, value: Value) -> str:
    if isinstance(value, (IPv4Network, IPv6Network)):
        alone = value.prefixlen == value.max_prefixlen
        return str(value.network_address if alone else value)
    return value_text(name, value) if not isinstance(value, Span) else str(value)


def _one_of(words: Sequence[str]) -> str:
    if len(words) > _MOST_WORDS:
        words = [*words[: _MOST_WORDS - 2], f"{len(words) - _MOST_WORDS + 2:,} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


# ------------------------------------------------------------------------------ plain data
def to_plain(condition: Condition) -> dict[str, Any]:
    """Write a condition as plain data, as a rules file has it."""
    if isinstance(condition, Match):
        values = [_plain_value(condition.name, v) for v in condition.values]
        return {condition.name: values[0] if len(values) == 1 else values}
    if isinstance(condition, Not):
        return {"not": to_plain(condition.part)}
    parts = [to_plain(part) for part in condition.parts]
    if isinstance(condition, Every):
        names = [name for part in parts for name in part]
        if parts and len(set(names)) == len(names):
            return {name: value for part in parts for name, value in part.items()}
        return {"all": parts}
    return {"any" if isinstance(condition, Either) else "first_possible": parts}


def _plain_value(name: str, value: Value) -> str | float | dict[str, int] | None:
    if isinstance(value, Span) and is_own(name):  # as "1-5" it would be a text
        return {"from": value.low, "to": value.high}
    if isinstance(value, (Span, IPv4Network, IPv6Network)):
        return _value_words(name, value)
    words = {number: word for word, number in PROTOCOLS.items()} if name == "protocol" else {}
    return words.get(value, value) if isinstance(value, int) else value


def from_plain(data: Any, level: int = 1) -> Condition:
    """Read what `to_plain` wrote, from values as `match` takes them.

    Raises
    ------
    FlowlabError
        It is no condition, or one that could never be met.
    """
    if not isinstance(data, Mapping) or not data:
        raise FlowlabError(
            f"{str(data)[:60]} is no condition.",
            fix='write columns and values, as in {"dstport": 873}; rules are joined by |, & and ~.',
        )
    if level > 2 * DEEPEST:  # before Python gives up
        raise FlowlabError(
            f"more than {DEEPEST} conditions stand inside one another.",
            fix="write fewer of any, all and not inside one another.",
        )
    parts = [_from_entry(name, value, level + 1) for name, value in data.items()]
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _from_entry(name: str, value: Any, level: int) -> Condition:
    kinds: dict[str, Any] = {"any": Either, "all": Every, "first_possible": FirstPossible}
    if name == "not":
        return Not(from_plain(value, level))
    if name not in kinds:
        return match(name, value)
    if not isinstance(value, (list, tuple)) or not value:
        raise FlowlabError(
            f"{name} takes a list of conditions, and this is none: {str(value)[:60]}.",
            fix=f'write it like {name}=[{{"dstport": 873}}, {{"srcport": 873}}].',
        )
    parts = tuple(from_plain(part, level) for part in value)
    condition: Condition = parts[0] if len(parts) == 1 else kinds[name](parts)
    return condition
