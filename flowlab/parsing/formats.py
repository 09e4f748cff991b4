"""Which format do these lines have? A header, the caller's word, or AWS's default: never a guess.

The default formats are taken only where the tokens truly fit their types; a count of tokens
proves nothing (any 14 chosen fields make 14 tokens).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from flowlab import schema
from flowlab.errors import LineFormatError
from flowlab.parsing import values
from flowlab.parsing.text import Columns

_BOM = b"\xef\xbb\xbf"
# CloudWatch exports put the event's time in front; `aws logs tail` adds the stream.
_EXPORT_PREFIX = re.compile(
    rb"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]+"
    rb"(?:\S+-(?:all|accept|reject)[ \t]+)?",
    re.M,
)
_LONGEST = 1 << 14  # bytes of a header line
_LOOK_AT = 200  # lines looked at for the default format when the first ones are damaged

# What only the default formats' tokens look like, column by column, beyond their types.
_SHAPES = {
    "version": re.compile(r"\d{1,2}"),
    "account_id": re.compile(r"\d{12}|unknown|-"),
    "interface_id": re.compile(r"eni-\w+|-"),
    "action": re.compile(r"ACCEPT|REJECT|-"),
    "log_status": re.compile(r"OK|NODATA|SKIPDATA|INCOMPLETEDATA"),
    "resource_type": re.compile(r"TransitGateway"),
    "start": re.compile(r"\d{9,13}"),
    "end": re.compile(r"\d{9,13}"),
}


class Opening(NamedTuple):
    """How a text begins: what to parse, with which formats, from which line on."""

    data: bytes
    offset: int  # where the first record stands; slicing would copy the file
    formats: tuple[Columns, ...]
    headers: int
    first_line: int


def without_export_times(data: bytes) -> bytes:
    """Drop the time (and stream) that CloudWatch exports put in front of every line."""
    first = next(_meaningful(data), None)
    if first is None or not _EXPORT_PREFIX.match(first[1]):
        return data
    return _EXPORT_PREFIX.sub(b"", data)


def open_text(data: bytes, known: tuple[Columns, ...], name: str) -> Opening:
    """Find the format of a text and the place where its records begin.

    `known` are the formats that lines without a header may have, as the caller or the place the
    text comes from says.

    Raises
    ------
    LineFormatError
        No header, no known format, and the lines do not fit a default format; the message
        shows the first line and says what to pass.
    """
    data = data.removeprefix(_BOM)
    data = without_export_times(data)
    first = next(_meaningful(data), None)
    if first is None:
        return Opening(b"", 0, (), 0, 1)
    line_number, line, offset, after = first
    if columns := _header(line):
        return Opening(data, after, (columns,), 1, line_number + 1)
    if known:
        return Opening(data, offset, known, 0, line_number)
    fitting = default_formats(data)
    if not fitting:
        raise unknown_format(name, line)
    return Opening(data, offset, fitting, 0, line_number)


@functools.lru_cache(maxsize=256)  # a folder's files share a few headers
def _header(line: bytes) -> Columns | None:
    return schema.header_columns(t.decode("ascii", "replace") for t in line[:_LONGEST].split())


def default_formats(data: bytes) -> tuple[Columns, ...]:
    """Return AWS's default formats that at least one of the first lines truly fits."""
    found: dict[Columns, None] = {}
    for looked, (_, line, _, _) in enumerate(_meaningful(data)):
        if looked >= _LOOK_AT:
            break
        for columns in (schema.DEFAULT_FORMAT, schema.TRANSIT_GATEWAY_FORMAT):
            if columns not in found and _fits(line, columns):
                found[columns] = None
    # One stream can hold VPC and transit gateway records; lines decide which is which.
    return tuple(found) + tuple(
        c
        for c in (schema.DEFAULT_FORMAT, schema.TRANSIT_GATEWAY_FORMAT)
        if found and c not in found
    )


def _fits(line: bytes, columns: Columns) -> bool:
    try:
        tokens = line.decode().split()
    except UnicodeDecodeError:
        return False
    if len(tokens) != len(columns):
        return False
    named = dict(zip(columns, tokens, strict=True))
    if not all(shape.fullmatch(named[c]) for c, shape in _SHAPES.items() if c in named):
        return False
    one_row = pa.table({c: pa.array([t], values.TEXT) for c, t in named.items()})
    return not values.conform(one_row, values.DASH)[1]


def unknown_format(name: str, line: bytes) -> LineFormatError:
    """Build the error for lines whose format nothing tells."""
    shown = line[:200].decode("utf-8", "replace").strip()
    count = len(line.split())
    return LineFormatError(
        f"{name}: the format of these lines is not known. First line ({count} tokens): {shown!r}",
        "this is no flow log, or a custom format whose files carry no header line.",
        "pass log_format=, the LogFormat that `aws ec2 describe-flow-logs` shows for this flow "
        "log ('${version} ${account-id} ...'), or a list of field names in order.",
    )


def _meaningful(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Lines that are neither blank nor comments: (line number, line, offset, offset after it)."""
    offset, number = 0, 0
    while offset < len(data):
        end = data.find(b"\n", offset)
        after = len(data) if end < 0 else end + 1
        number += 1
        line = data[offset : after if end < 0 else end]
        if (stripped := line.strip()) and not stripped.startswith(b"#"):
            yield number, line, offset, after
        offset = after
