"""Files to parts: open, unpack, parse, settle. This runs in the worker threads."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa

from flowlab import schema
from flowlab.errors import LineFormatError
from flowlab.ledger import FileEntry
from flowlab.parsing import columnar, envelopes, formats, text
from flowlab.parsing.text import Columns, Parsed, Rejected
from flowlab.settling import Job, Part, settle
from flowlab.sources import containers
from flowlab.sources.aws import UnreadableError
from flowlab.sources.items import Item


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
    try:
        with item.open() as stream:
            return _open_data(stream.read(), part, job, known=item.formats)
    except UnreadableError as why:
        part.entry.content, part.entry.problem = "not fetched", why.reason
        return None


def _open_data(
    data: bytes,
    part: Part,
    job: Job,
    stored: bytes = b"",
    problem: str = "",
    known: tuple[Columns, ...] = (),
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
        return formats.open_text(data, job.formats or known, entry.file)
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
        bodies: list[memoryview | bytes] = []
        for _, opening in ready:
            body = memoryview(opening.data)[opening.offset :]
            ended = not body or body[-1] == ord("\n")
            bodies.append(body if ended else bytes(body) + b"\n")
        lengths = [int(np.count_nonzero(np.frombuffer(b, np.uint8) == 10)) for b in bodies]
        try:
            table = text.parse_fast(b"".join(bodies), columns, job.only(columns))
        except text.RefusedError:
            pass
        else:
            if table.num_rows == sum(lengths):  # else blank lines: whose rows are whose?
                for (part, opening), length in zip(ready, lengths, strict=True):
                    _count_lines(part, opening.headers + length, opening.headers, [columns])
                settle(table, [(part, n) for (part, _), n in zip(ready, lengths, strict=True)], job)
                return
    for part, opening in ready:
        _load_opening(part, opening, job)


def _load_opening(part: Part, opening: formats.Opening, job: Job) -> None:
    if not opening.formats:
        return  # an empty file
    columns = opening.formats[0]
    try:
        if len({len(c) for c in opening.formats}) < len(opening.formats):
            raise text.RefusedError  # formats of one length: line by line, or one would be guessed
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
    if not job.formats:
        return formats.unknown_format(name, first.text.encode())
    return LineFormatError(
        f"{name}: none of its {parsed.lines:,} lines fits log_format. "
        f"Line {first.line_number}: {first.reason}. It begins: {first.text!r}",
        f"the {len(job.formats[0])} fields of log_format are not this file's, or in another order.",
        "compare it with the LogFormat that `aws ec2 describe-flow-logs` shows.",
    )


def _keep(part: Part, parsed: Parsed, job: Job) -> None:
    """Account for everything that was parsed of one file or block."""
    _count_lines(part, parsed.lines, parsed.headers, parsed.formats)
    part.refuse(sorted(parsed.rejected, key=lambda r: r.line_number or 0))
    records, silent = [], []
    for table in parsed.tables:
        settle(table, [(part, table.num_rows)], job)
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
            opening = formats.open_text(first, job.formats or item.formats, item.name)
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
