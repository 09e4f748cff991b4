"""Parquet folders larger than memory, opened without loading them."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.parquet as pq
from pyarrow.dataset import dataset

from flowlab import schema, tables
from flowlab.errors import FlowlabError, SourceError
from flowlab.ledger import FileEntry, Ledger
from flowlab.parsing import columnar, values
from flowlab.settling import Job, Part, settle
from flowlab.store import Store

if TYPE_CHECKING:
    import pandas as pd
    from sqlglot import exp


def open_archive(folder: str | os.PathLike[str]) -> Archive:
    """Open a folder of flow-log Parquet files to ask questions of it, without loading it.

    Parameters
    ----------
    folder : path
        An archive that `archive` wrote, or any folder with Parquet files below it, as AWS delivers
        them (plain or Hive folders). Files may differ in columns and types.

    Returns
    -------
    Archive
        Every summary accepts it in place of a DataFrame, and `read_flows` as a source.

    Raises
    ------
    SourceError
        No such folder, or no Parquet file in it.
    LineFormatError
        A file is no Parquet, or holds no flow-log field; the message names it.

    Examples
    --------
    >>> import flowlab as fl
    >>> archive = fl.open_archive("logs/")                    # doctest: +SKIP
    >>> fl.top_talkers(archive, n=5)                          # doctest: +SKIP
    """
    return Archive(Path(folder).expanduser())


class Archive:
    """Flow records in Parquet files. Made by `open_archive` and `archive`; asked by the summaries.

    Attributes
    ----------
    columns : sequence of str
        As in a flow frame.
    rows : int
        Rows in the files, NODATA and SKIPDATA rows included.
    files : list of Path
        The Parquet files.
    ledger : Ledger
        What went into an archive that flowlab wrote, and what did not; empty for other folders.
    """

    dialect = "duckdb"

    def __init__(self, folder: Path, ledger: Ledger | None = None) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder}: there is no such folder.", fix="check the path.")
        self.folder = folder
        self._store = Store(folder) if Store.is_one(folder) else None
        self._run = ledger  # of the run that made or refreshed it
        if self._store is not None:
            self.files = self._store.files
        else:
            self.files = sorted(p for p in folder.rglob("*.parquet") if p.is_file())
            if not self.files:
                raise SourceError(
                    f"{folder}: no Parquet file is in this folder.",
                    "text logs are read, not opened: fl.read_flows(folder).",
                )
        # The same columns with the same types can be scanned together.
        self._shapes: dict[pa.Schema, list[Path]] = {}
        self.rows = 0
        for path in self.files:
            shape, rows = _footer(path)
            self._shapes.setdefault(shape, []).append(path)
            self.rows += rows

    @cached_property
    def ledger(self) -> Ledger:
        """Account of everything in the archive, and of the run that made or refreshed it."""
        run = self._run or Ledger()
        if self._store is None:
            return run
        fresh = {entry.file for entry in run.entries}
        whole = Ledger()
        for commit in self._store.commits:
            whole.listed += commit.rejected
            whole.notices += [n for n in commit.notices if n not in whole.notices]
        earlier = (e for e in self._store.items.values() if e.file not in fresh)
        whole.entries = [replace(e, origin="archive") for e in earlier] + run.entries
        whole.notices += run.notices
        whole.no_traffic = self._no_traffic()
        return whole

    def _no_traffic(self) -> pd.DataFrame:
        from flowlab import frames

        silent = pa_compute.field("log_status").isin(list(schema.NO_TRAFFIC))
        tables = []
        for shape, paths in self._shapes.items():
            if "log_status" in shape.names:
                identity = [c for c in schema.IDENTITY if c in shape.names]
                found = dataset(paths, schema=shape).to_table(columns=identity, filter=silent)
                tables.append(found)
        columns = [c for c in schema.IDENTITY if any(c in t.column_names for t in tables)]
        return frames.to_frame(tables, columns or ["interface_id", "log_status", "start", "end"])

    @property
    def ours(self) -> bool:
        """Whether flowlab wrote it, so that its records need no further checks."""
        return self._store is not None

    def load(self, job: Job) -> Iterator[Part]:
        """Give the records of a period as parts, file by file; `read_flows` puts them together."""
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            yield from pool.map(lambda path: self._part(path, job), self.files)

    def _part(self, path: Path, job: Job) -> Part:
        """Read one file; row groups whose starts lie outside the period are not touched."""
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
            wanted = [c for c in names if not (only := job.only(names)) or c in only]
            groups = [g for g in range(file.num_row_groups) if _may_hold(file, g, job)]
            table = file.read_row_groups(groups, columns=wanted, use_threads=False)
        entry = FileEntry(
            path.relative_to(self.folder).as_posix(),
            content="parquet",
            fields=len(names),
            lines=table.num_rows,
            origin="archive",
        )
        part = Part(entry, formats=[names])
        settle(table, [(part, table.num_rows)], job)
        return part

    @cached_property
    def columns(self) -> Sequence[str]:
        """Names of the columns, as in a flow frame."""
        names = [c for shape in self._shapes for c in columnar.field_names(shape.names)]
        if self._store is not None:
            names = [c for commit in self._store.commits for c in commit.columns] + names
        return list(dict.fromkeys(names))

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows": records only, no NODATA or SKIPDATA."""
        with tables.connection() as duck:
            duck.sql(self._view())
            return tables.answer(duck, query)

    def _view(self) -> str:
        if not self._shapes:  # an archive without a record yet
            types = {"int32": "INTEGER", "int64": "BIGINT", "time": "BIGINT"}
            columns = self.columns or schema.DEFAULT_FORMAT
            nulls = (f"CAST(NULL AS {types.get(schema.kind_of(c), 'VARCHAR')})" for c in columns)
            named = (f"{null} AS {_name(c)}" for null, c in zip(nulls, columns, strict=True))
            return f'CREATE TEMP VIEW "{tables.RELATION}" AS SELECT {", ".join(named)} WHERE FALSE'
        parts = [self._scan(shape, paths) for shape, paths in self._shapes.items()]
        return f'CREATE TEMP VIEW "{tables.RELATION}" AS\n' + "\nUNION ALL BY NAME\n".join(parts)

    def _scan(self, shape: pa.Schema, paths: Sequence[Path]) -> str:
        names = dict(zip(columnar.field_names(shape.names), shape.names, strict=True))
        # What flowlab wrote has the right types; as bare columns, a period prunes row groups.
        chosen = ",\n  ".join(_name(c) if self.ours else _typed(c, names[c], shape) for c in names)
        listed = ", ".join(_text(str(path)) for path in paths)
        scan = f"SELECT\n  {chosen}\nFROM read_parquet([{listed}], hive_partitioning = false)"
        if "log_status" in names:
            status = _name(names["log_status"])
            kept = (f"{status} IS DISTINCT FROM {_text(word)}" for word in schema.NO_TRAFFIC)
            scan += "\nWHERE " + " AND ".join(kept)
        return scan

    def __repr__(self) -> str:
        return (
            f"Archive {self.folder}: {len(self.files):,} Parquet files, {self.rows:,} rows, "
            f"{len(self.columns)} columns"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def _may_hold(file: pq.ParquetFile, group: int, job: Job) -> bool:
    """Whether a row group can hold a record of the period, by the statistics of its starts."""
    if (job.start is None and job.end is None) or "start" not in file.schema_arrow.names:
        return True
    at = file.schema_arrow.get_field_index("start")
    known = file.metadata.row_group(group).column(at).statistics
    if known is None or not known.has_min_max:
        return True
    return (job.start is None or known.max >= job.start) and (
        job.end is None or known.min < job.end
    )


def _footer(path: Path) -> tuple[pa.Schema, int]:
    with columnar.open_parquet(path, str(path)) as file:
        return file.schema_arrow.remove_metadata(), file.metadata.num_rows


def _typed(column: str, stored: str, shape: pa.Schema) -> str:
    """Write the SQL that gives a stored column the type and the nulls of a flow frame."""
    type_ = shape.field(stored).type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    name, value = _name(column), _name(stored)
    is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_)
    if is_text:
        for word in values.NULL_WORDS:  # NULLIF costs next to nothing, IN as much as the scan
            value = f"NULLIF({value}, {_text(word)})"
    kind = schema.kind_of(column)
    if kind in ("id", "address", "text"):
        return f"{value if is_text else f'CAST({value} AS VARCHAR)'} AS {name}"
    if kind == "int32":
        return f"CAST({value} AS INTEGER) AS {name}"
    if kind == "time":
        if pa.types.is_timestamp(type_):
            return f"CAST(floor(epoch({value})) AS BIGINT) AS {name}"
        number = f"CAST({value} AS BIGINT)"
        milli = schema.MILLISECONDS_FROM
        return f"CASE WHEN {number} >= {milli} THEN {number} // 1000 ELSE {number} END AS {name}"
    if not (is_text or pa.types.is_integer(type_) or pa.types.is_floating(type_)):
        raise FlowlabError(f"the column {stored} has type {type_}, which is no number.")
    return f"CAST({value} AS BIGINT) AS {name}"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
