"""One file's bytes to records, silent windows and counts; this runs in the worker threads."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError, MissingFieldError
from flowlab.ledger import FileEntry
from flowlab.parsing import columnar, envelopes, formats, text, values
from flowlab.parsing.text import Columns, Parsed, Rejected
from flowlab.sources import containers
from flowlab.sources.files import Item

# What settling a table needs, whatever columns were asked for.
_NEEDED = ("log_status", "start", "end", "interface_id", "resource_id")
_TRAFFIC = ("srcaddr", "dstaddr", "action")
_RECORD, _NODATA, _SKIPDATA, _OUTSIDE = range(4)


@dataclass(frozen=True)
class Job:
    """What one call of read_flows asks of every file."""

    log_format: Columns | None = None
    start: int | None = None  # epoch s
    end: int | None = None
    columns: Columns | None = None

    def only(self, columns: Columns) -> tuple[str, ...]:
        """Columns to parse of a format; empty means all."""
        if self.columns is None:
            return ()
        extra = _NEEDED if "log_status" in columns else _NEEDED + _TRAFFIC
        return (*self.columns, *extra)


@dataclass
class Part:
    """What one file, or one block of it, gave."""

    entry: FileEntry
    records: pa.Table | None = None
    no_traffic: pa.Table | None = None
    rejected: list[Rejected] = field(default_factory=list)
    formats: list[Columns] = field(default_factory=list)
    unknown_status: Counter[str] = field(default_factory=Counter)
    milliseconds: int = 0
    guessed_no_traffic: int = 0
    not_a_flow_log: FlowlabError | None = None
    continues: bool = False  # a later block of the same file

    def refuse(self, rejected: Sequence[Rejected]) -> None:
        """Set lines aside; they are counted among the lines read."""
        self.rejected += rejected
        self.entry.rejected += sum(r.lines for r in rejected)


def load_group(items: Sequence[Item], job: Job) -> list[Part]:
    """Load small files; neighbours of one format are parsed as one buffer (twice as fast)."""
    parts: list[Part] = []
    ready: list[tuple[Part, formats.Opening]] = []
    for item in items:
        part = Part(FileEntry(item.name))
        parts.append(part)
        opening = _open(item, part, job)
        if opening is None:
            continue
        if ready and ready[-1][1].formats != opening.formats:
            _load_openings(ready, job)
            ready = []
        ready.append((part, opening))
    _load_openings(ready, job)
    return parts


def _open(item: Item, part: Part, job: Job) -> formats.Opening | None:
    """Contents of a file as text ready to parse; None if it is done with (or no flow log)."""
    with item.open() as stream:
        return _open_data(stream.read(), part, job)


def _open_data(
    data: bytes, part: Part, job: Job, stored: bytes = b"", problem: str = ""
) -> formats.Opening | None:
    """Find out what a file holds; `stored` is its beginning if `data` is already unpacked."""
    entry = part.entry
    try:
        if data[:4] == containers.PARQUET:
            entry.content = "parquet"
            _keep(part, columnar.parse_parquet(pa.BufferReader(data), entry.file), job)
            return None
        entry.content = containers.compression(stored or data)
        data, damage = containers.unpack(data)
        entry.problem = problem or damage
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what `>` writes in Windows PowerShell
            data = data.decode("utf-16", "replace").encode()
        if envelopes.looks_like_json(data):
            entry.content += "json"
            data, refused = envelopes.unwrap(data)
            if refused and not data:
                raise _no_events(entry.file, refused[0])
            part.refuse(refused)
            entry.lines += len(refused)
        elif header := columnar.csv_header(data):
            entry.content += "csv"
            messages = columnar.csv_messages(data)
            if messages is None:
                _keep(part, columnar.parse_csv(data, header), job)
                return None
            data = messages
        else:
            entry.content += "text"
        if entry.problem and not data.endswith(b"\n"):
            data = _without_cut_line(data, part)
        return formats.open_text(data, job.log_format, entry.file)
    except LineFormatError as problem_:
        _no_flow_log(part, problem_)
        return None


def _no_events(name: str, first: Rejected) -> LineFormatError:
    return LineFormatError(
        f"{name}: this JSON holds no log event: {first.reason}. It begins: {first.text!r}",
        "it is something else than what CloudWatch Logs, a subscription or Firehose writes.",
    )


def _no_flow_log(part: Part, why: LineFormatError) -> None:
    # A file that is no flow log has no lines in the sense of the ledger.
    part.entry = FileEntry(part.entry.file, content="not a flow log", problem=why.what)
    part.rejected, part.not_a_flow_log = [], why


def _without_cut_line(data: bytes, part: Part) -> bytes:
    """Drop the last line of a stream that broke off: what is left of it may look like a record."""
    cut = data.rfind(b"\n") + 1
    if data[cut:].strip():
        number = data.count(b"\n") + 1
        part.refuse([text.refuse(number, f"cut off: {part.entry.problem}", data[cut:])])
        part.entry.lines += 1
    return data[:cut]


def _load_openings(ready: Sequence[tuple[Part, formats.Opening]], job: Job) -> None:
    """Parse texts of one format: joined if every one of them is flawless, else one by one."""
    if len(ready) > 1 and len(ready[0][1].formats) == 1:
        columns = ready[0][1].formats[0]
        bodies = [o.data[o.offset :] for _, o in ready]
        bodies = [b if b[-1:] in (b"\n", b"") else b + b"\n" for b in bodies]
        lengths = [body.count(b"\n") for body in bodies]
        try:
            table = text.parse_fast(b"".join(bodies), columns, job.only(columns))
        except text.RefusedError:
            pass
        else:
            if table.num_rows == sum(lengths):  # else blank lines: whose rows are whose?
                for (part, opening), length in zip(ready, lengths, strict=True):
                    _count_lines(part, opening.headers + length, opening.headers, [columns])
                _settle(
                    table, [(part, n) for (part, _), n in zip(ready, lengths, strict=True)], job
                )
                return
    for part, opening in ready:
        _load_opening(part, opening, job)


def _load_opening(part: Part, opening: formats.Opening, job: Job) -> None:
    if not opening.formats:
        return  # an empty file
    columns = opening.formats[0]
    try:
        table = text.parse_fast(opening.data, columns, job.only(columns), opening.offset)
    except text.RefusedError:
        body, only = opening.data[opening.offset :], job.only(columns)
        parsed = text.parse_carefully(body, opening.formats, opening.first_line, only)
        parsed.headers += opening.headers
        parsed.lines += opening.headers
        if not (parsed.headers or parsed.tables or part.continues):
            _no_flow_log(part, _nothing_fits(part.entry.file, parsed, job))
            return
    else:
        lines = table.num_rows + opening.headers
        parsed = Parsed([table], [], lines, opening.headers, [columns])
    _keep(part, parsed, job)


def _nothing_fits(name: str, parsed: Parsed, job: Job) -> LineFormatError:
    first = min(parsed.rejected, key=lambda r: r.line_number or 0)
    if job.log_format is None:
        return formats.unknown_format(name, first.text.encode())
    return LineFormatError(
        f"{name}: none of its {parsed.lines:,} lines fits log_format. "
        f"Line {first.line_number}: {first.reason}. It begins: {first.text!r}",
        f"the {len(job.log_format)} fields of log_format are not this file's, or in another order.",
        "compare it with the LogFormat that `aws ec2 describe-flow-logs` shows.",
    )


def _keep(part: Part, parsed: Parsed, job: Job) -> None:
    """Account for everything that was parsed of one file or block."""
    _count_lines(part, parsed.lines, parsed.headers, parsed.formats)
    part.refuse(sorted(parsed.rejected, key=lambda r: r.line_number or 0))
    records, silent = [], []
    for table in parsed.tables:
        _settle(table, [(part, table.num_rows)], job)
        records.append(part.records)
        silent.append(part.no_traffic)
        part.records = part.no_traffic = None
    part.records = _joined(records)
    part.no_traffic = _joined(silent)


def _joined(tables: Sequence[pa.Table | None]) -> pa.Table | None:
    real = [t for t in tables if t is not None]
    return pa.concat_tables(real, promote_options="default") if real else None


def _count_lines(part: Part, lines: int, headers: int, columns: list[Columns]) -> None:
    part.entry.lines += lines
    part.entry.headers += headers
    part.formats = columns
    part.entry.fields = part.entry.fields or (len(columns[0]) if columns else 0)


def _settle(table: pa.Table, owners: Sequence[tuple[Part, int]], job: Job) -> None:
    """Part the rows of a table into records, silent windows and what lies outside the period.

    `owners` says whose rows they are, in order. The rows go to the first owner's tables.
    """
    first = owners[0][0]
    table, first.milliseconds = _times_in_seconds(table)
    kinds = _status_kinds(table, first)
    _mark_outside(table, kinds, job)
    at = 0
    for part, length in owners:
        rows = slice(at, at + length)
        _count_kinds(part.entry, kinds[rows], table, rows)
        at += length
    keep = table.select([c for c in table.column_names if not job.columns or c in job.columns])
    if not kinds.any():
        first.records = keep
        return
    first.records = _filter(keep, kinds == _RECORD)
    silent = (kinds == _NODATA) | (kinds == _SKIPDATA)
    if silent.any():
        identity = [c for c in schema.IDENTITY if c in table.column_names]
        first.no_traffic = _with_status(_filter(table.select(identity), silent), kinds[silent])


def _filter(table: pa.Table, mask: np.ndarray) -> pa.Table:
    # pc.call_function is the one way to hand Table.filter a memory pool.
    return pc.call_function("filter", [table, pa.array(mask)], pc.FilterOptions(), values.POOL)


def _with_status(table: pa.Table, kinds: np.ndarray) -> pa.Table:
    if "log_status" in table.column_names:
        return table
    words = pa.array(np.where(kinds == _NODATA, "NODATA", "SKIPDATA")).cast(pa.string())
    return table.append_column("log_status", words.dictionary_encode())


def _times_in_seconds(table: pa.Table) -> tuple[pa.Table, int]:
    changed = np.zeros(table.num_rows, bool)
    for name in ("start", "end"):
        if name in table.column_names:
            before = table.column(name)
            after = values.in_seconds(before)
            if after is not before:
                differ = pc.fill_null(pc.not_equal(before, after), False)
                changed |= differ.to_numpy()
                table = table.set_column(table.column_names.index(name), name, after)
    return table, int(changed.sum())


def _status_kinds(table: pa.Table, part: Part) -> np.ndarray:
    kinds = np.zeros(table.num_rows, np.int8)
    if "log_status" in table.column_names:
        known = {"NODATA": _NODATA, "SKIPDATA": _SKIPDATA}
        at = 0
        for chunk in table.column("log_status").chunks:
            words = chunk.dictionary.to_pylist()
            lookup = np.array([known.get(w, _RECORD) for w in words] + [_RECORD], np.int8)
            codes = chunk.indices.fill_null(-1).to_numpy()
            kinds[at : at + len(chunk)] = lookup[codes]
            for code, word in enumerate(words):
                if word not in known and word != "OK":
                    part.unknown_status[word] += int((codes == code).sum())
            at += len(chunk)
        return kinds
    telling = [c for c in _TRAFFIC if c in table.column_names]
    if telling:
        silent = np.ones(table.num_rows, bool)
        for name in telling:
            silent &= pc.is_null(table.column(name)).to_numpy()
        kinds[silent] = _NODATA
        part.guessed_no_traffic = int(silent.sum())
    return kinds


def _mark_outside(table: pa.Table, kinds: np.ndarray, job: Job) -> None:
    if job.start is None and job.end is None:
        return
    name = next((c for c in ("start", "end") if c in table.column_names), None)
    if name is None:
        raise MissingFieldError(
            "start= and end= need the time of a record, which these records lack.",
            "the flow log's format includes neither the AWS field start nor end.",
            "leave the period out.",
        )
    times = pc.fill_null(table.column(name), -1).to_numpy()  # no time: in no period
    inside = times >= (job.start if job.start is not None else 0)
    if job.end is not None:
        inside &= times < job.end
    kinds[~inside] = _OUTSIDE


def _count_kinds(entry: FileEntry, kinds: np.ndarray, table: pa.Table, rows: slice) -> None:
    counts = np.bincount(kinds, minlength=4)
    entry.records += int(counts[_RECORD])
    entry.nodata += int(counts[_NODATA])
    entry.skipdata += int(counts[_SKIPDATA])
    entry.outside_period += int(counts[_OUTSIDE])
    inside = pa.array(kinds == _RECORD)
    for name, side, pick in (("start", "first_start", min), ("end", "last_end", max)):
        if name in table.column_names and counts[_RECORD]:
            times = table.column(name).slice(rows.start, len(kinds))
            found = pc.min_max(times if inside.true_count == len(kinds) else times.filter(inside))
            seen = [found[pick.__name__].as_py(), getattr(entry, side)]
            setattr(entry, side, pick((t for t in seen if t is not None), default=None))


def load_blocks(
    item: Item, job: Job, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, Future[list[Part]]]]:
    """Submit a large file, or a stream of unknown size, block by block.

    Yields
    ------
    (int, Future of list of Part)
        Bytes as stored that the block stands for (all of them with the first), and the work.
    """
    size = item.size or 0
    part = Part(FileEntry(item.name))
    with item.open() as stream:
        head = stream.read(4)
        if head == containers.PARQUET:
            whole = head + stream.read()
            yield size, pool.submit(partial(_load_whole, whole, part, job, head))
            return
        stored = itertools.chain([head], iter(partial(stream.read, 1 << 20), b""))
        blocks = containers.blocks(stored)
        first, problem = next(blocks)
        following = next(blocks, None)
        if following is None or not _is_plain_text(first):
            rest = [following, *blocks] if following else []
            whole = b"".join([first, *(data for data, _ in rest)])
            problem = next((p for _, p in [(first, problem), *rest] if p), "")
            yield size, pool.submit(partial(_load_whole, whole, part, job, head, problem))
            return
        part.entry.content = f"{containers.compression(head)}text"
        try:
            opening = formats.open_text(first, job.log_format, item.name)
        except LineFormatError as why:
            _no_flow_log(part, why)
            yield size, pool.submit(lambda: [part])
            return
        yield size, pool.submit(partial(_load_block, part, opening, job))
        line = 1 + first.count(b"\n")
        columns = _last_header(first) or opening.formats
        for data, problem in itertools.chain([following], blocks):
            entry = FileEntry(item.name, problem=problem)
            part = Part(entry, continues=True)
            body = formats.without_export_times(data)
            if problem and not body.endswith(b"\n"):
                body = _without_cut_line(body, part)
            opening = formats.Opening(body, 0, columns, 0, line)
            yield 0, pool.submit(partial(_load_block, part, opening, job))
            line += data.count(b"\n")
            columns = _last_header(data) or columns


def _load_whole(data: bytes, part: Part, job: Job, stored: bytes, problem: str = "") -> list[Part]:
    opening = _open_data(data, part, job, stored, problem)
    if opening is not None:
        _load_opening(part, opening, job)
    return [part]


def _load_block(part: Part, opening: formats.Opening, job: Job) -> list[Part]:
    _load_opening(part, opening, job)
    return [part]


def _is_plain_text(data: bytes) -> bool:
    return not (
        containers.is_compressed(data)
        or envelopes.looks_like_json(data)
        or columnar.csv_header(data[: 1 << 16])
    )


_MAYBE_HEADER = re.compile(rb"\n([a-z][a-z0-9_-]* +[a-z][^\n]*)")


def _last_header(block: bytes) -> tuple[Columns, ...] | None:
    """Find the format that holds after this block, if a header line in it changed it."""
    for line in reversed(_MAYBE_HEADER.findall(block)):
        tokens = (t.decode("ascii", "replace") for t in line.split())
        if columns := schema.header_columns(tokens):
            return (columns,)
    return None
