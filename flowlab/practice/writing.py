"""Write flow records the way AWS delivers them: text or Parquet, one file or the S3 layout."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flowlab.practice.environment import ENVIRONMENT
from flowlab.practice.fields import FIELDS, V2, V5

__all__ = ["V2", "V5", "to_lines", "write_parquet", "write_text"]

Files = Literal["one", "s3"]

SLOT = 300  # a file in S3 holds five minutes of records, by `end` [seconds]
_CHUNK = 500_000  # rows a text buffer is made of at a time; its offsets end at 2 GiB


def to_lines(table: pa.Table, fields: Sequence[str] = V5) -> bytes:
    """Return the records as text, without a header.

    Parameters
    ----------
    table : pyarrow.Table
        Columns named as AWS names them, as in `Scenario.table`.
    fields : sequence of str
        Fields to write, in this order. `version` becomes the highest version among them.

    Returns
    -------
    bytes
        One line a record, values separated by a space, `-` for null, a newline after each line.

    Raises
    ------
    ValueError
        A field is not one of version 5.
    """
    table = _chosen(table, fields)
    lines = []
    for first in range(0, table.num_rows, _CHUNK):
        columns = [
            column.combine_chunks().cast(pa.string())
            for column in table.slice(first, _CHUNK).columns
        ]
        joined = pc.binary_join_element_wise(
            *columns, " ", null_handling="replace", null_replacement="-"
        )
        whole = pa.ListArray.from_arrays(pa.array([0, len(joined)], pa.int32()), joined)
        lines.append(pc.binary_join(whole, "\n")[0].as_py().encode() + b"\n")
    return b"".join(lines)


def write_text(
    table: pa.Table,
    folder: str | Path,
    *,
    fields: Sequence[str] = V5,
    header: bool = True,
    files: Files = "one",
    compress: bool = True,
    hive: bool = False,
    hourly: bool = False,
) -> list[Path]:
    """Write the records as text files.

    Parameters
    ----------
    table : pyarrow.Table
    folder : str or Path
        Made if it does not exist.
    fields : sequence of str
        `V5`, `V2`, or a choice and order of your own.
    header : bool
        Begin each file with the field names, as files in S3 do.
    files : {"one", "s3"}
        One file in the folder, or a file for every five minutes under `AWSLogs/`.
    compress : bool
        gzip, without a time stamp: the same records give the same bytes.
    hive, hourly : bool
        The other folder layouts of S3; without effect on one file.

    Returns
    -------
    list of Path
        The files, in order of time.
    """
    first_line = " ".join(fields).encode() + b"\n" if header else b""

    def write(part: pa.Table, path: Path) -> None:
        text = first_line + to_lines(part, fields)
        path.write_bytes(gzip.compress(text, 9, mtime=0) if compress else text)

    suffix = ".log.gz" if compress else ".log"
    return _write(table, Path(folder), write, suffix=suffix, files=files, hive=hive, hourly=hourly)


def write_parquet(
    table: pa.Table,
    folder: str | Path,
    *,
    fields: Sequence[str] = V5,
    files: Files = "s3",
    hive: bool = False,
    hourly: bool = False,
) -> list[Path]:
    """Write the records as Parquet files.

    Parameters
    ----------
    table : pyarrow.Table
    folder : str or Path
        Made if it does not exist.
    fields : sequence of str
    files : {"one", "s3"}
        One file in the folder, or a file for every five minutes under `AWSLogs/`.
    hive, hourly : bool
        The other folder layouts of S3; without effect on one file.

    Returns
    -------
    list of Path
        The files, in order of time.

    Notes
    -----
    As AWS delivers it: names with underscores, gzip inside Parquet, and what text shows as `-`
    is null in a number column but a literal `-` in a string column.
    """

    def write(part: pa.Table, path: Path) -> None:
        columns = {
            name.replace("-", "_"): column
            if pa.types.is_integer(column.type)
            else pc.fill_null(column.cast(pa.string()), "-")
            for name, column in zip(fields, _chosen(part, fields).columns, strict=True)
        }
        pq.write_table(pa.table(columns), path, compression="gzip")

    return _write(
        table, Path(folder), write, suffix=".log.parquet", files=files, hive=hive, hourly=hourly
    )


def _chosen(table: pa.Table, fields: Sequence[str]) -> pa.Table:
    versions = {field.name: field.version for field in FIELDS}
    unknown = [name for name in fields if name not in versions]
    if unknown:
        raise ValueError(f"not a field of version 5: {', '.join(unknown)}")
    chosen = table.select(list(fields))
    if "version" in fields:
        version = pa.array(np.full(len(table), max(versions[f] for f in fields), dtype=np.int32))
        chosen = chosen.set_column(list(fields).index("version"), "version", version)
    return chosen


def _write(
    table: pa.Table,
    folder: Path,
    write: Callable[[pa.Table, Path], None],
    *,
    suffix: str,
    files: Files,
    hive: bool,
    hourly: bool,
) -> list[Path]:
    if files not in ("one", "s3"):
        raise ValueError(f'files must be "one" or "s3", not {files!r}')
    if not table.num_rows:
        return []
    written = []
    for slot, part in _slots(table) if files == "s3" else [(_first_slot(table), table)]:
        where = folder / _prefix(slot, hive=hive, hourly=hourly) if files == "s3" else folder
        where.mkdir(parents=True, exist_ok=True)
        written.append(where / (_name(slot) + suffix))
        write(part, written[-1])
    return written


def _first_slot(table: pa.Table) -> int:
    return int(pc.min(table["end"]).as_py()) // SLOT * SLOT


def _slots(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yield the records by five-minute slot of `end`, each slot in the order of the table."""
    slots = table["end"].to_numpy() // SLOT * SLOT
    order = np.argsort(slots, kind="stable")
    table, (starts, first) = table.take(order), np.unique(slots[order], return_index=True)
    for slot, low, high in zip(starts, first, [*first[1:], len(slots)], strict=True):
        yield int(slot), table.slice(low, high - low)


def _prefix(slot: int, *, hive: bool, hourly: bool) -> Path:
    when, vpc = datetime.fromtimestamp(slot, UTC), ENVIRONMENT.vpc
    if hive:
        folder = (
            f"AWSLogs/aws-account-id={vpc.account_id}/aws-service=vpcflowlogs/"
            f"aws-region={vpc.region}/year={when:%Y}/month={when:%m}/day={when:%d}"
        )
        return Path(folder, f"hour={when:%H}" if hourly else "")
    folder = f"AWSLogs/{vpc.account_id}/vpcflowlogs/{vpc.region}/{when:%Y/%m/%d}"
    return Path(folder, f"{when:%H}" if hourly else "")


def _name(slot: int) -> str:
    when, vpc = datetime.fromtimestamp(slot, UTC), ENVIRONMENT.vpc
    # AWS ends the name with a hash so that several files of one slot do not collide.
    digest = hashlib.sha256(f"{vpc.flow_log_id} {slot}".encode()).hexdigest()[:8]
    return (
        f"{vpc.account_id}_vpcflowlogs_{vpc.region}_{vpc.flow_log_id}_{when:%Y%m%dT%H%MZ}_{digest}"
    )
