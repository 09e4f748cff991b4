"""One test of a rule: what a column may hold, read from what people write.

Ports and other numbers are single or ranges, addresses single or CIDRs, None is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import pandas as pd

from flowlab import schema
from flowlab.addresses import Network, network
from flowlab.errors import FlowlabError, unknown_name

# A condition on either side of the traffic.
EITHER_SIDE: dict[str, tuple[str, ...]] = {
    "port": ("srcport", "dstport"),
    "addr": ("srcaddr", "dstaddr"),
    "packet_addr": ("pkt_srcaddr", "pkt_dstaddr"),
    "owner": ("src_owner", "dst_owner"),
    "aws_service": ("pkt_src_aws_service", "pkt_dst_aws_service"),
}
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_AS_AWS_WRITES: dict[str, Callable[[str], str]] = {
    "action": str.upper,
    "flow_direction": str.lower,
    "log_status": str.upper,
    "type": lambda text: {"ipv4": "IPv4", "ipv6": "IPv6", "efa": "EFA"}.get(text.lower(), text),
    "pkt_src_aws_service": str.upper,
    "pkt_dst_aws_service": str.upper,
}
# Words of a closed list: with any other one, nothing could match.
_ALL_WORDS = {
    "action": ("ACCEPT", "REJECT"),
    "flow_direction": ("ingress", "egress"),
    "log_status": ("OK", "NODATA", "SKIPDATA"),
}
_DERIVED_ADDRESSES = {one.column for one in schema.DERIVED if one.kind == "address"}
_ENDS = {"from", "to"}  # of a range, as plain data
_FLOATS = (float, np.floating)
_TIMES = (date, time, timedelta, np.datetime64, np.timedelta64)


@dataclass(frozen=True)
class Span:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


Value = str | int | float | bool | Span | IPv4Network | IPv6Network | None


@dataclass(frozen=True)
class Match:
    """Any of the columns holds any of the values."""

    columns: tuple[str, ...]
    values: tuple[Value, ...]
    _types: tuple[type, ...] = field(init=False, repr=False)  # to Python, True is 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "_types", tuple(map(type, self.values)))

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
    kind = _kind(columns[0])
    if kind == "time":
        raise _not_when(name)
    given = listed(values)
    if kind in ("id", "text"):  # there are no ranges of words, so a pair is two
        given = [one for value in given for one in (value if type(value) is tuple else (value,))]
    if not given:
        raise FlowlabError(
            f"{name}=[] names no value, so nothing could match.",
            fix="name a value, or None for records in which it is null.",
        )
    for value in given:
        _refuse(name, value)
    read = {"address": _network, "int32": _number, "int64": _number, "any": _plain}.get(kind, _text)
    return Match(columns, tuple(read(columns[0], value) for value in given))


def _not_when(name: str) -> FlowlabError:
    return FlowlabError(
        f"a rule says what to match, not when: {name} cannot stand in it.",
        fix="give the period to the question, as in fl.top_talkers(flows, start=..., end=...).",
    )


def _refuse(name: str, value: Any) -> None:
    if isinstance(value, (bytes, bytearray)):
        raise FlowlabError(
            f"{name}: {bytes(value[:20])!r} is bytes; records hold text and numbers.",
            fix="decode it: value.decode().",
        )
    if isinstance(value, _TIMES) and not is_null(value):
        raise FlowlabError(
            f"{name}: {value} is a time; a rule says what to match, not when.",
            fix="compare times with pandas, and give the rule the answer: "
            f'flows.assign(late=flows["{name}"] > ...), fl.rule("late", late=True).',
        )


def _kind(column: str) -> str:
    if field := schema.BY_COLUMN.get(column):
        return field.kind
    return "address" if column in _DERIVED_ADDRESSES else "any"


def is_own(name: str) -> bool:
    """Whether a column, or a name for either side, is neither AWS's nor an address of `enrich`."""
    return _kind(EITHER_SIDE.get(name, (name,))[0]) == "any"


def listed(values: Any) -> list[Any]:
    """Take one value or several; two whole numbers in a tuple are one range."""
    if isinstance(values, np.ndarray) and not values.ndim:
        values = values.item()
    pair = isinstance(values, tuple) and len(values) == 2 and all(map(_is_whole, values))
    one = isinstance(values, (str, bytes, bytearray, range, Mapping))
    if pair or one or not isinstance(values, Iterable):
        return [values]
    if isinstance(values, (IPv4Network, IPv6Network)):  # iterable over its addresses
        return [values]
    return sorted(values, key=str) if isinstance(values, (set, frozenset)) else list(values)


def _is_whole(value: Any) -> bool:
    numbers, others = (int, np.integer), (bool, np.timedelta64)
    return isinstance(value, numbers) and not isinstance(value, others)


def is_null(value: Any) -> bool:
    """Whether a value is None, or what pandas has in its place."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, _FLOATS) and bool(np.isnan(value))


def _without_point(value: Any) -> Any:
    """Take a whole number out of a float: pandas makes floats of integers beside a null."""
    has_point = isinstance(value, (*_FLOATS, Decimal))
    return int(value) if has_point and float(value).is_integer() else value


def _network(name: str, value: Any) -> Network | None:
    return None if is_null(value) else network(value)


def _number(name: str, value: Any) -> int | Span | None:
    if is_null(value):
        return None
    value = _without_point(value)
    if name == "protocol" and str(value).lower() in PROTOCOLS:
        return PROTOCOLS[value.lower()]
    span = _span(name, value, schema.limit_of(name))
    return span.low if span.low == span.high else span


def _span(name: str, value: Any, limit: int | None = None) -> Span:
    if isinstance(value, range) and value.step == 1 and len(value):
        return Span(value.start, value.stop - 1)
    if isinstance(value, tuple):
        low, high = map(int, value)
    elif isinstance(value, Mapping):
        if value.keys() != _ENDS or not all(map(_is_whole, value.values())):
            raise FlowlabError(
                f"{name}: {str(value)[:60]} is no range.",
                fix=f"write whole numbers: {name}={{'from': 1, 'to': 5}}.",
            )
        low, high = int(value["from"]), int(value["to"])
    else:
        first, dash, last = str(value).strip().partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError as problem:
            fix = f'write {name}=443, {name}="1024-65535" or {name}=[80, 443].'
            if is_own(name):
                fix = f"write {name}=443, {name}=(1024, 65535) or {name}=[80, 443]."
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
        turned = f"({high}, {low})" if is_own(name) else f'"{high}-{low}"'
        raise FlowlabError(
            f"{name}: the range {low}-{high} ends before it begins, so nothing could match.",
            fix=f"write {name}={turned}.",
        )
    return Span(low, high)


def _text(name: str, value: Any) -> str | None:
    if is_null(value):
        return None
    if isinstance(value, (range, Mapping)):
        raise FlowlabError(
            f"{name}: {str(value)[:60]} is no word.", fix="write the words it holds."
        )
    if name.endswith("account_id") and _is_whole(value := _without_point(value)):
        return f"{value:012d}"  # a number has lost the zeros in front
    if name not in _AS_AWS_WRITES:
        return str(value)
    text = _AS_AWS_WRITES[name](str(value).strip())
    if text not in _ALL_WORDS.get(name, (text,)):
        raise unknown_name(f"{name}: the word", str(value), _ALL_WORDS[name])
    return text


def _plain(name: str, value: Any) -> Value:
    """Read a value of a column that is none of AWS's, by its own type."""
    if is_null(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if _is_whole(value := _without_point(value)):
        return int(value)
    if isinstance(value, (tuple, range, Mapping)):
        return _span(name, value)
    if isinstance(value, (*_FLOATS, Decimal)) and np.isfinite(float(value)):
        return float(value)
    return str(value)
