"""Flow-log text to a typed Arrow table: fast where every line fits, careful where one does not.

The fast way hands whole buffers to pyarrow with declared types and refuses the buffer if anything
in it is odd. The careful way then goes line by line and sets aside only what is really wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv

from flowlab import schema
from flowlab.parsing import values
from flowlab.working import POOL

Columns = tuple[str, ...]
_Line = tuple[int, list[bytes], bytes]  # number, tokens, as it was

# 4 MB keeps the parser inside the cache; 32 MB blocks are a third slower (measured).
_BLOCK = 4 << 20
# Large enough to pay for a call into Arrow, small enough that one bad line costs little.
_PIECE = 1000
SHOWN = 200  # characters of a rejected line that are kept

_SPACES = (b"\r", b"\t", b"\x0b", b"\x0c")
# Arrow reads 0x1F as a number; AWS never writes that.
_HEX = (b"0x", b"0X")
_HEX_NUMBER = re.compile(rb"(?:^|[ \n])-?0[xX]")
_NAMES_ONLY = re.compile(rb"^[a-z][a-z0-9_ -]*$", re.M)


class RefusedError(Exception):
    """The fast parser will not vouch for this buffer."""


class Rejected(NamedTuple):
    """One line that is no record: where it stands, why, and how it begins."""

    line_number: int | None
    reason: str
    text: str
    lines: int = 1  # more where a whole Parquet row group is lost


@dataclass
class Parsed:
    """What one run of text held. `tables` has one table per format met, in order."""

    tables: list[pa.Table] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    lines: int = 0
    headers: int = 0
    formats: list[Columns] = field(default_factory=list)

    def add(self, table: pa.Table, columns: Columns) -> None:
        """Keep a table, and the format it was read with."""
        if columns not in self.formats:
            self.formats.append(columns)
        if table.num_rows:
            self.tables.append(table)


def parse_fast(
    data: bytes, columns: Columns, only: Sequence[str] = (), offset: int = 0
) -> pa.Table:
    """Parse headerless lines that all fit, or refuse.

    Parameters
    ----------
    data : bytes
        Lines separated by newlines, tokens by single spaces. Blank lines do not count.
    columns : tuple of str
        The format, as column names in the order of the tokens.
    only : sequence of str, optional
        Columns to build; every column is checked all the same.
    offset : int
        Where the first line begins in `data`.

    Returns
    -------
    pyarrow.Table
        One row per line, `only` (or all) columns in the order of the format.

    Raises
    ------
    RefusedError
        Anything at all is unusual; `parse_carefully` will say what.
    """
    if any(data.find(space, offset) >= 0 for space in _SPACES):
        raise RefusedError
    # One-byte tests first: they run at memory speed, a search holds every other thread up.
    if any(x[1:] in data and x in data for x in _HEX) and _HEX_NUMBER.search(data, offset):
        raise RefusedError
    if b"#" in data and (data.startswith(b"#", offset) or b"\n#" in data):
        raise RefusedError
    if not any(_has_rules(c) for c in columns) and _header_within(data, offset):
        raise RefusedError
    checked = [c for c in columns if not only or c in only or _has_rules(c)]
    try:
        ascii_only = data.isascii()
        if len(checked) < len(columns) and not ascii_only:
            data.decode()
        table = pyarrow.csv.read_csv(
            pa.BufferReader(pa.py_buffer(memoryview(data)[offset:])),
            read_options=pyarrow.csv.ReadOptions(
                column_names=columns, use_threads=False, block_size=_BLOCK
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={c: values.arrow_type(c) for c in checked},
                include_columns=checked,
                null_values=["-"],
                strings_can_be_null=True,
                check_utf8=not ascii_only,
            ),
            memory_pool=POOL,
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as refusal:
        raise RefusedError from refusal
    table, broken = values.vet(table)
    if broken:
        raise RefusedError
    return table.select([c for c in columns if c in only]) if only else table


def _header_within(data: bytes, offset: int) -> bool:
    """Whether a header line stands between the records; formats of names alone take any word."""
    lines = {line.strip() for line in _NAMES_ONLY.findall(data, offset)}
    return any(_header(line.split()) for line in lines)


def _has_rules(column: str) -> bool:
    return schema.kind_of(column) not in ("id", "text")


def parse_carefully(
    data: bytes, formats: Sequence[Columns], first_line: int = 1, only: Sequence[str] = ()
) -> Parsed:
    """Parse text in which something is unusual, losing no good line to a bad neighbour.

    Parameters
    ----------
    data : bytes
        Any bytes. Lines may be headers, blank, comments (#), or padded with white space.
    formats : sequence of column tuples
        Formats a line may have before the first header line.
    first_line : int
        Line number of the first line in its file.
    only : sequence of str, optional
        Columns to build.
    """
    result = Parsed()
    current = tuple(formats)
    waiting: list[_Line] = []
    for number, line in enumerate(data.split(b"\n"), first_line):
        tokens = line.split()
        if not tokens or tokens[0].startswith(b"#"):
            continue
        result.lines += 1
        if header := _header(tokens):
            _settle(waiting, current, only, result)
            waiting, current = [], (header,)
            result.headers += 1
            result.add(_no_rows(header, only), header)
            continue
        waiting.append((number, tokens, line))
        if len(waiting) >= _PIECE:
            _settle(waiting, current, only, result)
            waiting = []
    _settle(waiting, current, only, result)
    return result


def _header(tokens: list[bytes]) -> Columns | None:
    if not tokens[0][:1].isalpha():
        return None
    return schema.header_columns(t.decode("ascii", "replace") for t in tokens)


def _no_rows(columns: Columns, only: Sequence[str]) -> pa.Table:
    kept = [c for c in columns if not only or c in only]
    return pa.schema([(c, values.arrow_type(c)) for c in kept]).empty_table()


def _settle(
    waiting: list[_Line],
    formats: Sequence[Columns],
    only: Sequence[str],
    result: Parsed,
) -> None:
    """Turn waiting lines into records or rejected lines."""
    by_length: dict[int, list[Columns]] = {}
    for columns in formats:
        by_length.setdefault(len(columns), []).append(columns)
    for length, lines in _grouped(waiting).items():
        candidates = by_length.get(length, [])
        if not candidates:
            wanted = " or ".join(str(n) for n in sorted(by_length))
            result.rejected += [
                refuse(number, f"{_tokens(tokens)} where the format has {wanted}", line)
                for number, tokens, line in lines
            ]
        elif len(candidates) == 1:
            _parse(lines, candidates[0], only, result)
        else:
            _tell_apart(lines, candidates, only, result)


def _tokens(tokens: list[bytes]) -> str:
    return f"{len(tokens)} token{'s' * (len(tokens) != 1)}"


def _grouped(waiting: list[_Line]) -> dict[int, list[_Line]]:
    groups: dict[int, list[_Line]] = {}
    for line in waiting:
        groups.setdefault(len(line[1]), []).append(line)
    return groups


def _parse(lines: list[_Line], columns: Columns, only: Sequence[str], result: Parsed) -> None:
    try:
        joined = b"\n".join(b" ".join(tokens) for _, tokens, _ in lines)
        result.add(parse_fast(joined, columns, only), columns)
    except RefusedError:
        _one_by_one(lines, columns, only, result)


def _tell_apart(
    lines: list[_Line], candidates: list[Columns], only: Sequence[str], result: Parsed
) -> None:
    """Settle lines that have the length of several formats: the one format they fit decides."""
    fitting: dict[Columns, list[_Line]] = {}
    for line in lines:
        fits = [columns for columns in candidates if _fits(line, columns)]
        if len(fits) > 1:
            why = f"it fits {len(fits)} formats of {len(line[1])} fields; log_format= says which"
            result.rejected.append(refuse(line[0], why, line[2]))
        else:
            fitting.setdefault(fits[0] if fits else candidates[0], []).append(line)
    for columns, those in fitting.items():
        _parse(those, columns, only, result)


def _fits(line: _Line, columns: Columns) -> bool:
    try:
        parse_fast(b" ".join(line[1]), columns)
    except RefusedError:
        return False
    return True


def _one_by_one(
    lines: list[_Line],
    columns: Columns,
    only: Sequence[str],
    result: Parsed,
) -> None:
    readable = []
    for number, tokens, line in lines:
        try:
            readable.append((number, [t.decode() for t in tokens], line))
        except UnicodeDecodeError:
            result.rejected.append(refuse(number, "not valid UTF-8", line))
    if not readable:
        return
    cells = zip(*(tokens for _, tokens, _ in readable), strict=True)
    table = pa.table(
        {c: pa.array(cell, values.TEXT) for c, cell in zip(columns, cells, strict=True)}
    )
    typed, reasons = values.conform(table, values.DASH)
    for row, why in sorted(reasons.items()):
        result.rejected.append(refuse(readable[row][0], why, readable[row][2]))
    keep = [row for row in range(len(readable)) if row not in reasons]
    kept = [c for c in columns if not only or c in only]
    result.add(typed.select(kept).take(pa.array(keep, pa.int64())), columns)


def refuse(number: int | None, reason: str, line: bytes | str) -> Rejected:
    """Describe a rejected line; of its text stays what is safe to print, 200 characters at most."""
    text = line[: SHOWN * 4].decode("utf-8", "replace") if isinstance(line, bytes) else line
    shown = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text.strip()[:SHOWN]
    )
    return Rejected(number, reason, shown)
