"""What a value must be to count: typed conversion, and the rows that break a rule.

`conform` turns columns of any type (text tokens, Parquet, CSV) into the types of the schema and
says row by row what it had to refuse. `vet` holds the rules on typed values; the fast text parser
asks it too, so that a line is refused for the same reason on every way in.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flowlab import schema
from flowlab.working import POOL

# One address in 64 bits of offset: a frame of 100 million records holds more than 2 GB of text.
TEXT = pa.large_string()
ID = pa.dictionary(pa.int32(), pa.string())
ARROW_TYPES: dict[str, pa.DataType] = {
    "int32": pa.int32(), "int64": pa.int64(), "time": pa.int64(),
    "id": ID, "address": TEXT, "text": TEXT,
}  # fmt: skip

# What AWS writes for "no value", and what tools that re-write its records put there.
DASH = ("-",)
NULL_WORDS = (*DASH, "", "None", "null", "NULL", "\\N")

# Addresses that need no closer look: IPv4, and IPv6 of eight groups none of which is zero.
_OCTET, _GROUP = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])", "[1-9a-f][0-9a-f]{0,3}"
_PLAIN_ADDRESS = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$|^(?:{_GROUP}:){{7}}{_GROUP}$"

Reasons = dict[int, str]


def arrow_type(column: str) -> pa.DataType:
    """Arrow type a column is parsed to. Times are epoch seconds until they reach the frame."""
    return ARROW_TYPES[schema.kind_of(column)]


def conform(table: pa.Table, nulls: Sequence[str] = NULL_WORDS) -> tuple[pa.Table, Reasons]:
    """Convert every column to the type the schema gives it.

    Parameters
    ----------
    table : pyarrow.Table
        Columns named as in a flow frame, of any type: text, integers, floats, timestamps.
    nulls : sequence of str
        The words that stand for "no value" in text.

    Returns
    -------
    (Table, dict of int to str)
        The typed table with all rows, and why each refused row must not be used.
    """
    reasons: Reasons = {}
    columns = {}
    words = pa.array(nulls, TEXT)
    for name in table.column_names:
        columns[name] = _convert(name, table.column(name), words, reasons)
    typed, broken = vet(pa.table(columns))
    return typed, broken | reasons


def _convert(
    name: str, values: pa.ChunkedArray, nulls: pa.Array, reasons: Reasons
) -> pa.ChunkedArray:
    target = arrow_type(name)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if not pa.types.is_integer(target):
        if not _is_text(values.type):
            values = values.cast(pa.string())
        values = _without(nulls, values.cast(TEXT))
        return values.cast(pa.string()).dictionary_encode() if target == ID else values
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    elif _is_text(values.type):
        values = _without(nulls, values.cast(TEXT))
        if schema.kind_of(name) == "time":
            values = _epochs_of_dates(values)
        whole = pc.match_substring_regex(values, r"^0*[0-9]{1,18}(?:\.0+)?$")
        _note(reasons, pc.invert(whole), values, lambda v: f"{name} is not a whole number: {v!r}")
        values = pc.if_else(whole, pc.replace_substring_regex(values, r"\.0+$", ""), None)
        values = values.cast(pa.int64())
    elif pa.types.is_floating(values.type):
        whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**63))
        bad = pc.and_(pc.invert(whole), pc.invert(pc.is_nan(values)))
        _note(reasons, bad, values, lambda v: f"{name} is not a whole number: {v!r}")
        values = pc.if_else(pc.fill_null(whole, False), values, None)
    values = values.cast(pa.int64())
    outside = pc.or_(pc.less(values, 0), pc.greater(values, schema.limit_of(name)))
    if _any(outside):
        _note(reasons, outside, values, _outside(name, schema.limit_of(name)))
        values = pc.if_else(outside, None, values)
    return values.cast(target)


def _is_text(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or type_ == pa.string_view()
    )


def _without(nulls: pa.Array, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(values, nulls), None, values)


_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


def _epochs_of_dates(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Replace dates (as Athena prints timestamps) by epoch seconds; other text stays."""
    dates = pc.fill_null(pc.match_substring_regex(texts, _DATE), False)
    if not _any(dates):
        return texts
    import pandas as pd

    words = pc.replace_substring_regex(pc.if_else(dates, texts, None), r" ?UTC$", "Z")
    times = pd.to_datetime(words.to_pandas(), utc=True, errors="coerce", format="ISO8601")
    seconds = pa.array(times.dt.as_unit("s"), pa.timestamp("s", "UTC")).cast(pa.int64())
    return pc.coalesce(pa.chunked_array([seconds.cast(TEXT)]), texts)


def vet(table: pa.Table) -> tuple[pa.Table, Reasons]:
    """Check a typed table against the rules of a flow log; write addresses in one form.

    Returns
    -------
    (Table, dict of int to str)
        The table with IPv6 addresses as RFC 5952 writes them, so that one host is one text; and
        the rows that no flow log can contain, each with the reason.
    """
    reasons: Reasons = {}
    for at, name in enumerate(table.column_names):
        values, kind = table.column(name), schema.kind_of(name)
        if kind in ("int32", "int64", "time"):
            span, limit = pc.min_max(values), schema.limit_of(name)
            low, high = span["min"].as_py(), span["max"].as_py()
            if low is not None and (low < 0 or high > limit):
                outside = pc.or_(pc.less(values, 0), pc.greater(values, limit))
                _note(reasons, outside, values, _outside(name, limit))
        elif kind == "address":
            vetted = _vet_addresses(name, values, reasons)
            if vetted is not values:
                table = table.set_column(at, name, vetted)
        elif _holds_empty(values):
            _note(reasons, pc.equal(values, ""), values, _empty(name))
    if {"start", "end"} <= set(table.column_names):
        late = pc.greater(in_seconds(table["start"]), in_seconds(table["end"]))
        if _any(late):
            _note(reasons, late, table["start"], lambda v: f"start {v} is after end")
    return table, reasons


def _outside(name: str, limit: int) -> Callable[[Any], str]:
    return lambda value: f"{name} {value} is not between 0 and {limit}"


def _empty(name: str) -> Callable[[Any], str]:
    return lambda _: f"{name} is empty"


def _vet_addresses(name: str, values: pa.ChunkedArray, reasons: Reasons) -> pa.ChunkedArray:
    # Distinct addresses are few, and most of those are plainly right.
    distinct = pc.unique(values, memory_pool=POOL)
    plain = pc.match_substring_regex(distinct, _PLAIN_ADDRESS, memory_pool=POOL)
    if pc.all(plain, min_count=0).as_py():
        return values
    rest = distinct.filter(pc.invert(plain)).drop_null().to_pylist()
    odd = {text: usual for text in rest if (usual := _usual_form(text)) != text}
    if not odd:
        return values
    wrong = pa.array([text for text, usual in odd.items() if usual is None], TEXT)
    bad = pc.is_in(values, wrong)
    _note(reasons, bad, values, lambda v: f"{name} is not an IP address: {v[:60]!r}")
    place = pc.index_in(values, pa.array(odd, TEXT))
    return pc.coalesce(pc.take(pa.array(odd.values(), TEXT), place), values)


@functools.lru_cache(maxsize=100_000)
def _usual_form(text: str) -> str | None:
    """Write an address as RFC 5952 does, or None if it is none."""
    try:
        return None if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _holds_empty(values: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(values.type):
        return any("" in chunk.dictionary.to_pylist() for chunk in values.chunks)
    return bool(pc.min(pc.binary_length(values)).as_py() == 0)


def in_seconds(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Epochs in seconds, whether AWS wrote seconds or (13 digits) milliseconds."""
    high = pc.max(times).as_py()
    if high is None or high < schema.MILLISECONDS_FROM:
        return times
    in_ms = pc.greater_equal(times, schema.MILLISECONDS_FROM)
    return pc.if_else(in_ms, pc.divide(times, 1000), times)


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask, min_count=0).as_py())


def _note(reasons: Reasons, mask: Any, values: pa.ChunkedArray, say: Callable[[Any], str]) -> None:
    rows = pc.indices_nonzero(pc.fill_null(mask, False))
    for row in rows.to_pylist():
        reasons.setdefault(row, say(values[row].as_py()))
