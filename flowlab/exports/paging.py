"""Records a page at a time, wherever they are, so that no export holds more than a page."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.errors import FlowlabError
from flowlab.options import period_of
from flowlab.parsing import values
from flowlab.store import Store
from flowlab.tables import FrameTable, Table, as_table, require, unlayered

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlglot import exp

PAGE = 20_000  # records as Python values at once
_FROM_FAR = 500_000  # records, as Arrow, that an engine is asked for at once: each time it reads

Page = dict[str, list[Any]]  # Python values by column; times are epoch seconds


@contextlib.contextmanager
def opened(source: Any, progress: bool = True) -> Iterator[tuple[Any, list[str]]]:
    """Give what can be paged through, and what a reader of the results should know.

    A DataFrame or a table is itself, the folder of an archive of flowlab's is opened. Anything else
    that `read_flows` reads is archived into a temporary folder first, so that it takes no memory
    to speak of.
    """
    import pandas as pd

    from flowlab.archives import open_archive
    from flowlab.archiving import archive

    if isinstance(source, pd.DataFrame | tuple) or hasattr(source, "run"):
        as_table(source)
        yield source, []
    elif isinstance(source, str | os.PathLike) and Store.is_one(Path(source).expanduser()):
        yield open_archive(source), []
    else:
        with tempfile.TemporaryDirectory(prefix="flowlab-") as folder:
            kept = archive(source, folder, progress=progress)
            notes = list(kept.ledger.notices)
            if kept.ledger.rejected:
                notes.append(f"{kept.ledger.rejected:,} lines are no records and stay behind.")
            if not kept.ledger.complete:
                notes.append("not everything could be read: fl.read_flows(...) says what and why.")
            yield kept, notes


def count(flows: Any, asked_by: str, start: Any = None, end: Any = None) -> int:
    """Count the records of a period."""
    from sqlglot import exp

    from flowlab import clauses as build

    table = as_table(flows)
    number = build.named(exp.Count(this=exp.Star()), "n")
    query = exp.select(number).from_(build.flows()).where(*period_of(table, asked_by, start, end))
    return int(table.run(query)["n"][0].as_py())


def pages(
    flows: Any, asked_by: str, *, start: Any = None, end: Any = None, in_time: bool = False
) -> Iterator[pa.Table]:
    """Give the records of a period, a page at a time, with the types of a flow frame.

    Parameters
    ----------
    flows : DataFrame or table
    asked_by : str
        The function that asks, for its messages.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]
    in_time : bool
        Pages of a DataFrame in the order of time, not of its rows. Tables always go by time.

    Yields
    ------
    pyarrow.Table
        Times are epoch seconds. Columns that are no AWS fields stay as they are.

    Raises
    ------
    FlowlabError
        A record that no flow log can contain.
    """
    import pandas as pd

    table = as_table(flows)
    conditions = period_of(table, asked_by, start, end)
    if isinstance(flows, pd.DataFrame):
        raw = _frame_pages(flows, table, conditions, in_time)
    else:
        require(table, ["start"], asked_by)
        raw = _table_pages(table, conditions)
    for page in raw:
        yield _typed(page)


def _frame_pages(
    flows: pd.DataFrame, table: Table, conditions: list[exp.Expr], in_time: bool
) -> Iterator[pa.Table]:
    import numpy as np

    order = np.arange(len(flows))
    if in_time and "start" in flows:
        order = flows["start"].reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    for at in range(0, len(order), PAGE):
        part = FrameTable(flows.iloc[order[at : at + PAGE]])
        page = part.run(_everything(table, conditions))
        if page.num_rows:
            yield page


def _table_pages(table: Table, conditions: list[exp.Expr]) -> Iterator[pa.Table]:
    """Cut time where a page is full; one second is never cut."""
    from sqlglot import exp

    from flowlab import clauses as build

    moment = build.column("start")
    in_order = _everything(table, conditions).order_by(exp.Ordered(this=moment, nulls_first=False))
    beneath, whole = unlayered(table, in_order)
    if hasattr(beneath, "pages"):  # which is charged for each question: one for all of them
        yield from (page for page in beneath.pages(whole, PAGE) if page.num_rows)
        return
    n = build.named(exp.Count(this=exp.Star()), "n")
    counted = exp.select(moment, n).from_(build.flows()).where(*conditions).group_by(moment)
    seconds = table.run(counted).sort_by("start").to_pylist()
    most = PAGE if table.dialect == "duckdb" else _FROM_FAR
    for first, last in _spans(seconds, most):
        span = [moment >= build.number(first), moment < build.number(last)]
        part = table.run(_everything(table, [*conditions, *span]))
        part = part.sort_by("start") if most > PAGE else part
        yield from (part.slice(at, PAGE) for at in range(0, part.num_rows, PAGE))
    if any(second["start"] is None for second in seconds):
        yield table.run(_everything(table, [*conditions, moment.is_(exp.null())]))


def _spans(seconds: list[dict[str, Any]], most: int) -> Iterator[tuple[int, int]]:
    known = [second for second in seconds if second["start"] is not None]
    first, held = None, 0
    for second in known:
        if first is not None and held + second["n"] > most:
            yield first, second["start"]
            first, held = None, 0
        first = second["start"] if first is None else first
        held += second["n"]
    if first is not None:
        yield first, known[-1]["start"] + 1


def _everything(table: Table, conditions: list[exp.Expr]) -> exp.Select:
    from sqlglot import exp

    from flowlab import clauses as build

    columns = (build.column(name) for name in table.columns)
    return exp.select(*columns).from_(build.flows()).where(*conditions)


def _typed(page: pa.Table) -> pa.Table:
    ours = [name for name in page.column_names if name in schema.BY_COLUMN]
    if not ours:
        return page
    typed, wrong = values.conform(page.select(ours))
    if wrong:
        why = wrong[min(wrong)]
        raise FlowlabError(
            f"a record cannot be exported: {why}.",
            f"no flow log contains this; {len(wrong):,} records of this page are like it.",
            "read the logs with fl.read_flows, which sets such lines aside, or mend the column.",
        )
    for name in ours:
        column = typed[name]
        column = values.in_seconds(column) if schema.kind_of(name) == "time" else column
        page = page.set_column(page.column_names.index(name), name, column)
    return page


def as_lists(page: pa.Table) -> Page:
    """Turn a page into Python values; what JSON has no word for becomes text, or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists: Page = {}
    for name in page.column_names:
        column = page[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_finite(column), column, None)
        found = column.to_pylist()
        known = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        if not (known or pa.types.is_floating(column.type)):
            found = [value if value is None else str(value) for value in found]
        lists[name] = found
    return lists
