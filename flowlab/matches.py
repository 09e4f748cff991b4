"""One test of a rule: what a column may hold, read from what people write.

Ports and other numbers are single or ranges, addresses single or CIDRs, None is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import pandas as pd

from flowlab import schema
from flowlab.addresses import Network, network
from flowlab.errors import FlowlabError

# A condition on either side of the traffic.
EITHER_SIDE: dict[str, tuple[str, ...]] = {
    "port": ("srcport", "dstport"),
    "addr": ("srcaddr", "dstaddr"),
    "packet_addr": ("pkt_srcaddr", "pkt_dstaddr"),
    "owner": ("src_owner", "dst_owner"),
    "aws_service": ("pkt_src_aws_service", "pkt_dst_aws_service"),
}
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_AS_AWS_WRITES: dict[str, Callable[[str], str]] = {"action": str.upper, "flow_direction": str.lower}


@dataclass(frozen=True)
class Span:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


Value = str | int | bool | Span | IPv4Network | IPv6Network | None


@dataclass(frozen=True)
class Match:
    """Any of the columns holds any of the values."""

    columns: tuple[str, ...]
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """What people call it: the column, or the name for either side."""
        sides = {columns: name for name, columns in EITHER_SIDE.items()}
        return sides.get(self.columns, self.columns[0])


def match(name: str, values: Any) -> Match:
    """Read one test of a rule: a column, or a name for either side, and what it may hold.

    Raises
    ------
    FlowlabError
        The values do not fit the column.
    """
    columns = EITHER_SIDE.get(name, (name,))
    field = schema.BY_COLUMN.get(columns[0])
    kind = field.kind if field else "any"
    if kind == "time":
        raise FlowlabError(
            f"a rule says what to match, not when: {name} cannot stand in it.",
            fix="give the period to the question, as in fl.top_talkers(flows, start=..., end=...).",
        )
    given = listed(values)
    if not given:
        raise FlowlabError(
            f"{name}=[] names no value, so nothing could match.",
            fix="name a value, or None for records in which it is null.",
        )
    read = {"address": _network, "int32": _number, "int64": _number, "any": _plain}.get(kind, _text)
    return Match(columns, tuple(read(columns[0], value) for value in given))


def listed(values: Any) -> list[Any]:
    """Take one value or several; two whole numbers in a tuple are one range."""
    pair = isinstance(values, tuple) and len(values) == 2 and all(map(_is_whole, values))
    if pair or isinstance(values, (str, range)) or not isinstance(values, Iterable):
        return [values]
    if isinstance(values, (IPv4Network, IPv6Network)):  # iterable over its addresses
        return [values]
    return sorted(values, key=str) if isinstance(values, (set, frozenset)) else list(values)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_null(value: Any) -> bool:
    """Whether a value is None, or what pandas has in its place."""
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _network(name: str, value: Any) -> Network | None:
    return None if is_null(value) else network(value)


def _number(name: str, value: Any) -> int | Span | None:
    if is_null(value):
        return None
    if name == "protocol" and str(value).lower() in PROTOCOLS:
        return PROTOCOLS[value.lower()]
    span = _span(name, value, schema.limit_of(name))
    return span.low if span.low == span.high else span


def _span(name: str, value: Any, limit: int | None = None) -> Span:
    if isinstance(value, range) and value.step == 1 and len(value):
        return Span(value.start, value.stop - 1)
    if isinstance(value, tuple):
        low, high = map(int, value)
    else:
        first, dash, last = str(value).strip().partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError as problem:
            fix = f'write {name}=443, {name}="1024-65535" or {name}=[80, 443].'
            if name == "protocol":
                fix = f"write its IANA number, as in protocol=47, or {', '.join(PROTOCOLS)}."
            raise FlowlabError(
                f"{name}: {str(value)[:60]!r} is neither a number nor a range.", fix=fix
            ) from problem
    if limit is not None and not (0 <= low <= limit and 0 <= high <= limit):
        raise FlowlabError(
            f"{name}: {value!r} is not between 0 and {limit}.", fix="check the number."
        )
    if low > high:
        raise FlowlabError(
            f"{name}: the range {low}-{high} ends before it begins, so nothing could match.",
            fix=f'write {name}="{high}-{low}".',
        )
    return Span(low, high)


def _text(name: str, value: Any) -> str | None:
    if is_null(value):
        return None
    return _AS_AWS_WRITES.get(name, str)(str(value))


def _plain(name: str, value: Any) -> Value:
    """Read a value of a column that is none of AWS's, by its own type."""
    if is_null(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if _is_whole(value):
        return int(value)
    if isinstance(value, (tuple, range)):
        return _span(name, value)
    return str(value)
