"""Records that come as columns: Parquet, and CSV as Athena, Insights, Security Lake export it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from flowlab import schema
from flowlab.errors import LineFormatError
from flowlab.parsing import values
from flowlab.parsing.text import Parsed, Rejected, refuse
from flowlab.working import POOL

# Names other tools give the fields: AWS's first Athena examples, Logs Insights, OCSF (Security
# Lake). Compared in lower case without separators.
_ALIASES = {
    "account": "account_id", "sourceaddress": "srcaddr", "destinationaddress": "dstaddr",
    "sourceport": "srcport", "destinationport": "dstport", "numpackets": "packets",
    "numbytes": "bytes", "starttime": "start", "endtime": "end", "starttimedt": "start",
    "endtimedt": "end", "srcendpointip": "srcaddr", "dstendpointip": "dstaddr",
    "srcendpointport": "srcport", "dstendpointport": "dstport",
    "srcendpointsvcname": "pkt_src_aws_service", "dstendpointsvcname": "pkt_dst_aws_service",
    "connectioninfoprotocolnum": "protocol", "connectioninfotcpflags": "tcp_flags",
    "connectioninfoprotocolver": "type", "trafficpackets": "packets", "trafficbytes": "bytes",
    "cloudaccountuid": "account_id", "accountuid": "account_id", "cloudregion": "region",
    "cloudzone": "az_id", "statuscode": "log_status", "metadataproductversion": "version",
}  # fmt: skip
_HEADER_BYTES = 1 << 16
_BY_SQUEEZED = {name.replace("_", ""): name for name in schema.BY_COLUMN} | _ALIASES
# OCSF's words for what AWS calls ACCEPT and REJECT.
_ACTIONS = {"Allowed": "ACCEPT", "Denied": "REJECT", "Blocked": "REJECT"}


def field_names(names: list[str]) -> list[str]:
    """Translate column names of any exporter to flow-frame names; unknown ones stay."""
    result: list[str] = []
    for name in names:
        plain = name.strip().lower().replace("-", "_")
        squeezed = "".join(ch for ch in plain if ch.isalnum())
        found = plain if plain in schema.BY_COLUMN else _BY_SQUEEZED.get(squeezed, plain)
        # Two names for one field (OCSF has start_time and start_time_dt): the first one counts.
        result.append(found if found not in result else plain)
    return result


def csv_header(data: bytes) -> list[str] | None:
    """Column names if the first line is the header of a CSV export, else None."""
    line = data[:_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    if b"," not in line and b'"' not in line:
        return None
    try:
        names = next(csv.reader([line.decode()]))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return None
    fields = field_names(names)
    known = sum(name in schema.BY_COLUMN for name in fields)
    if "@message" in names or "message" in names or known * 2 >= len(fields):
        return fields
    # OCSF exports have many columns of their own around the ones that are flow-log fields.
    return fields if {"srcaddr", "dstaddr"} <= set(fields) else None


def csv_messages(data: bytes) -> bytes | None:
    """Flow-log lines of an Insights export (a message column), one per line, else None."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace")))
    names = next(rows)
    at = next((names.index(n) for n in ("@message", "message") if n in names), None)
    if at is None:
        return None
    return "\n".join(row[at].strip() if len(row) > at else "" for row in rows).encode()


def parse_csv(data: bytes, fields: list[str]) -> Parsed:
    """Read a CSV export with a header line; wrong rows are set aside one by one."""
    result = Parsed(headers=1)

    def set_aside(row: Any) -> str:
        reason = f"{row.actual_columns} columns where the header has {row.expected_columns}"
        result.rejected.append(refuse(row.number, reason, str(row.text)))
        return "skip"

    clean = data if _is_utf8(data) else data.decode("utf-8", "replace").encode()
    table = pyarrow.csv.read_csv(
        pa.BufferReader(clean.removeprefix(b"\xef\xbb\xbf")),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=fields, skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(
            invalid_row_handler=set_aside, newlines_in_values=True
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(fields, values.TEXT), strings_can_be_null=False
        ),
        memory_pool=POOL,
    )
    lost = {r.line_number for r in result.rejected}
    numbers = [n for n in range(2, table.num_rows + len(lost) + 2) if n not in lost]
    result.lines = 1 + len(lost)
    _keep_good_rows(table, result, numbers)
    return result


def open_parquet(source: Any, name: str) -> pq.ParquetFile:
    """Open a Parquet file of flow records.

    Raises
    ------
    LineFormatError
        Not Parquet at all (no readable footer), or no flow-log column in it.
    """
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowInvalid, OSError) as problem:
        raise LineFormatError(
            f"{name}: this Parquet file cannot be opened: {_first_line(problem)}",
            "it was cut off or damaged on the way; a Parquet file's index stands at its end.",
            "fetch it again, or move it out of the folder.",
        ) from problem
    if not any(field in schema.BY_COLUMN for field in field_names(_flattened_names(file))):
        raise LineFormatError(
            f"{name}: no flow-log field among its columns: "
            f"{', '.join(file.schema_arrow.names)[:200]}",
            "this Parquet file holds something else.",
            "move it out of the folder.",
        )
    return file


def parse_parquet(source: Any, name: str) -> Parsed:
    """Read a Parquet file, row group by row group, so that a damaged one costs only itself.

    Raises
    ------
    LineFormatError
        As `open_parquet`.
    """
    file = open_parquet(source, name)
    result, row = Parsed(), 1
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        try:
            table = file.read_row_group(group, use_threads=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as problem:
            reason = f"rows {row} to {row + size - 1} cannot be read: {_first_line(problem)}"
            result.rejected.append(Rejected(row, reason, "", size))
            result.lines += size
        else:
            _keep_good_rows(_flatten(table), result, range(row, row + size))
        row += size
    return result


def _flattened_names(file: pq.ParquetFile) -> list[str]:
    return list(_flatten(file.schema_arrow.empty_table()).column_names)


def _flatten(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(f.type) for f in table.schema):
        table = table.flatten()
    simple = [i for i, f in enumerate(table.schema) if not pa.types.is_nested(f.type)]
    return table.select(simple)


def _keep_good_rows(table: pa.Table, result: Parsed, numbers: Any) -> None:
    table = table.rename_columns(field_names(table.column_names))
    if "action" in table.column_names:
        at = table.column_names.index("action")
        table = table.set_column(at, "action", _aws_actions(table["action"]))
    typed, reasons = values.conform(table)
    for row, why in sorted(reasons.items()):
        shown = " ".join(str(v) for v in table.slice(row, 1).to_pylist()[0].values())
        result.rejected.append(refuse(numbers[row], why, shown))
    if reasons:
        keep = [row for row in range(typed.num_rows) if row not in reasons]
        typed = typed.take(pa.array(keep, pa.int64()))
    result.lines += table.num_rows
    result.add(typed, tuple(table.column_names))


def _aws_actions(actions: pa.ChunkedArray) -> pa.ChunkedArray:
    words = actions.cast(values.TEXT)
    for theirs, ours in _ACTIONS.items():
        words = pa.compute.if_else(pa.compute.equal(words, theirs), ours, words)
    return words


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]
