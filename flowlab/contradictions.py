"""Conditions that no record can meet: found without looking at any."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from itertools import combinations

from flowlab.conditions import Condition, Either, Every, FirstPossible, Not, in_words
from flowlab.matches import Match, Span, Value

_NETWORKS = (IPv4Network, IPv6Network)


def contradiction(condition: Condition) -> str:
    """Say why no record can meet a condition; "" if one may, or if it is hard to tell.

    Found are: two tests of one column that have no value in common, and a condition together with
    its opposite, or that of a wider one. A null is a value like any other here: no test but that
    for None takes it.
    """
    if isinstance(condition, (Either, FirstPossible)):
        reasons = [contradiction(part) for part in condition.parts]
        return reasons[0] if reasons and all(reasons) else ""
    if not isinstance(condition, Every):
        return ""
    parts = list(_all_of(condition))
    for part in parts:
        if reason := contradiction(part):
            return reason
    for one, other in combinations(parts, 2):
        if _opposite(one, other) or _opposite(other, one) or _apart(one, other):
            return f"no record is both: {in_words(one)}; and {in_words(other)}"
    return ""


def _all_of(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, Every):
        for part in condition.parts:
            yield from _all_of(part)
    else:
        yield condition


def _opposite(one: Condition, other: Condition) -> bool:
    """Whether one is "not" something that the other always is."""
    if not isinstance(one, Not):
        return False
    wider = one.part
    if not (isinstance(wider, Match) and isinstance(other, Match)):
        return wider == other
    within = all(any(_covers(b, a) for b in wider.values) for a in other.values)
    return wider.columns == other.columns and within


def _covers(whole: Value, part: Value) -> bool:
    """Whether every cell that the part stands for is one that the whole stands for."""
    if isinstance(whole, IPv4Network) and isinstance(part, IPv4Network):
        return part.subnet_of(whole)
    if isinstance(whole, IPv6Network) and isinstance(part, IPv6Network):
        return part.subnet_of(whole)
    inner, outer = _span_of(part), _span_of(whole)
    if inner and outer:
        return outer.low <= inner.low and inner.high <= outer.high
    return type(whole) is type(part) and whole == part


def _apart(one: Condition, other: Condition) -> bool:
    if not (isinstance(one, Match) and isinstance(other, Match)):
        return False
    # A test of either side may hold on one side, and the other test on the other.
    if one.columns != other.columns or len(one.columns) > 1:
        return False
    return not any(_share(a, b) for a in one.values for b in other.values)


def _share(one: Value, other: Value) -> bool:
    """Whether a cell can be what both values stand for."""
    if one is None or other is None:
        return one is other
    if isinstance(one, _NETWORKS) and isinstance(other, _NETWORKS):
        return one.version == other.version and one.overlaps(other)
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    first, second = _span_of(one), _span_of(other)
    # Of other kinds, such as a text and a number in a column that is none of AWS's: perhaps.
    return not (first and second) or (first.low <= second.high and second.low <= first.high)


def _span_of(value: Value) -> Span | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return Span(value, value)
    return value if isinstance(value, Span) else None
