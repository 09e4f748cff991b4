"""Parquet folders larger than memory, opened without loading them."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from flowlab import schema, tables
from flowlab.errors import FlowlabError, LineFormatError, SourceError
from flowlab.parsing import columnar, values

if TYPE_CHECKING:
    from sqlglot import exp


def open_archive(folder: str | os.PathLike[str]) -> Archive:
    """Open a folder of flow-log Parquet files to ask questions of it, without loading it.

    Parameters
    ----------
    folder : path
        Parquet files anywhere below it, as AWS delivers them (plain or Hive folders). Files may
        differ in columns and types.

    Returns
    -------
    Archive
        Every summary accepts it in place of a DataFrame.

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
    """Flow records in Parquet files. Made by `open_archive`; asked by the summaries.

    Attributes
    ----------
    columns : sequence of str
        As in a flow frame.
    rows : int
        Rows in the files, NODATA and SKIPDATA rows included.
    files : list of Path
        The Parquet files.
    """

    dialect = "duckdb"

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder}: there is no such folder.", fix="check the path.")
        self.folder = folder
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
    def columns(self) -> Sequence[str]:
        """Names of the columns, as in a flow frame."""
        return list(
            dict.fromkeys(c for shape in self._shapes for c in columnar.field_names(shape.names))
        )

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows": records only, no NODATA or SKIPDATA."""
        with tables.connection() as duck:
            duck.sql(self._view())
            return duck.sql(query.sql(dialect=self.dialect)).to_arrow_table()

    def _view(self) -> str:
        parts = [self._scan(shape, paths) for shape, paths in self._shapes.items()]
        return f'CREATE TEMP VIEW "{tables.RELATION}" AS\n' + "\nUNION ALL BY NAME\n".join(parts)

    def _scan(self, shape: pa.Schema, paths: Sequence[Path]) -> str:
        names = dict(zip(columnar.field_names(shape.names), shape.names, strict=True))
        chosen = ",\n  ".join(_typed(c, names[c], shape) for c in names)
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


def _footer(path: Path) -> tuple[pa.Schema, int]:
    try:
        metadata = pq.read_metadata(path)
        shape = metadata.schema.to_arrow_schema().remove_metadata()
    except (pa.ArrowInvalid, OSError) as problem:
        raise LineFormatError(
            f"{path}: this file is no readable Parquet.",
            "it was cut off or damaged on the way.",
            "fetch it again, or move it out of the folder.",
        ) from problem
    if not any(c in schema.BY_COLUMN for c in columnar.field_names(shape.names)):
        raise LineFormatError(
            f"{path}: no flow-log field among its columns: {', '.join(shape.names)[:200]}",
            "this Parquet file holds something else.",
            "move it out of the folder.",
        )
    return shape, metadata.num_rows


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
