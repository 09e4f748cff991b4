"""Flow records as files for others: Parquet and CSV, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.exports import paging
from flowlab.parsing import values
from flowlab.tables import as_table
from flowlab.writing import whole

if TYPE_CHECKING:
    import pyarrow as pa

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA = r"^[=+\-@\t\r]"


def to_parquet(
    flows: Any, path: str | os.PathLike[str], *, start: Any = None, end: Any = None
) -> Path:
    """Write flow records into one Parquet file.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    path : path
        The file; one that is there is replaced, when the new one is whole.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    Path
        Of the file. Column names as in a flow frame; ``start`` and ``end`` are timestamps [UTC, ms,
        which is Parquet's coarsest], counts are integers, ids and addresses text, a null is null.
        `read_flows` and `open_archive` read it back with every value the same.

    Raises
    ------
    FlowlabError
        A record that no flow log can contain, or the file cannot be written. Nothing is left.

    Notes
    -----
    An archive's records come in the order of time. 20,000 are in memory at once.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> written = fl.to_parquet(flows, "november.parquet")                   # doctest: +SKIP
    """
    import pyarrow.parquet as pq

    with whole(path) as unfinished:
        turn = _pages(flows, "to_parquet", start, end)
        first = next(turn)
        with pq.ParquetWriter(unfinished, first.schema, compression="zstd") as file:
            file.write_table(first)
            for page in turn:
                file.write_table(page.cast(first.schema))
    return Path(path).expanduser()


def to_csv(
    flows: Any,
    path: str | os.PathLike[str],
    *,
    start: Any = None,
    end: Any = None,
    formulas: bool = False,
) -> Path:
    r"""Write flow records into one CSV file with a header line.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    path : path
        The file; one that is there is replaced, when the new one is whole.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]
    formulas : bool
        Write text as it is even where it begins as a spreadsheet's formula does. By default an
        apostrophe is put before it: in a log, a tag or an id can be somebody else's choice, and
        whoever opens the file must not run it. Addresses and numbers never begin so.

    Returns
    -------
    Path
        Of the file: UTF-8, comma, line feed. ``start`` and ``end`` are written like
        2026-11-01T08:00:00Z [UTC], a null as nothing. `read_flows` reads it back with every value
        the same, but for apostrophes, and for the words None, null and ``\N``, which stand for
        null there.

    Raises
    ------
    FlowlabError
        A record that no flow log can contain, or the file cannot be written. Nothing is left.

    Notes
    -----
    An archive's records come in the order of time. 20,000 are in memory at once.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> written = fl.to_csv(flows, "november.csv", end="2026-03-02 00:10")   # doctest: +SKIP
    """
    import pyarrow.csv

    with whole(path) as unfinished:
        turn = (_as_text(page, formulas) for page in _pages(flows, "to_csv", start, end))
        first = next(turn)
        with pyarrow.csv.CSVWriter(unfinished, first.schema) as file:
            file.write_table(first)
            for page in turn:
                file.write_table(page.cast(first.schema))
    return Path(path).expanduser()


def _pages(flows: Any, asked_by: str, start: Any, end: Any) -> Iterator[pa.Table]:
    """Give pages with the types of a file; at least one, so that no records make a file too."""
    import pyarrow as pa

    empty = True
    for page in paging.pages(flows, asked_by, start=start, end=end):
        yield _stored(page)
        empty = False
    if empty:
        names = as_table(flows).columns
        yield _stored(pa.schema([(n, values.arrow_type(n)) for n in names]).empty_table())


def _stored(page: pa.Table) -> pa.Table:
    import pyarrow as pa

    for at, name in enumerate(page.column_names):
        column = page[name]
        if schema.kind_of(name) == "time":
            column = column.cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("ms", "UTC"))
        elif pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_null(column.type) or pa.types.is_string(column.type):
            column = column.cast(values.TEXT)
        page = page.set_column(at, name, column)
    return page


def _as_text(page: pa.Table, formulas: bool) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for at, name in enumerate(page.column_names):
        column = page[name]
        if pa.types.is_timestamp(column.type) and schema.kind_of(name) == "time":
            column = pc.strftime(column.cast(pa.timestamp("s", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
        elif pa.types.is_large_string(column.type) and not formulas:
            column = pc.replace_substring_regex(column, f"({_FORMULA})", r"'\1")
        page = page.set_column(at, name, column)
    return page
