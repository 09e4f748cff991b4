"""The flow records themselves, a page at a time, sorted by the engine that holds them."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.asking import Question, question, with_times
from flowlab.options import period_of, rows
from flowlab.tables import Table, require


@question
def records(
    table: Table,
    *,
    sort_by: str = "start",
    descending: bool = False,
    n: int | None = 100,
    offset: int = 0,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Give flow records themselves, sorted, a page at a time.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    sort_by : str
        Column to sort by; ties stand in the order of all the other columns, so that pages never
        overlap and miss nothing. Nulls last.
    descending : bool
        Largest first.
    n : int, optional
        Records of a page; None gives all that follow `offset`.
    offset : int
        Records to leave out before it.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, at most n rows
        The columns of `flows`, with the types of a flow frame.

    Raises
    ------
    MissingFieldError, UnknownNameError
        There is no such column to sort by.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> page = fl.records(flows, sort_by="bytes", descending=True, n=3)
    >>> int(page["bytes"].iloc[0]) == int(flows["bytes"].max())
    True
    """
    require(table, [sort_by], "records")
    columns = list(table.columns)
    order = [exp.Ordered(this=build.column(sort_by), desc=descending, nulls_first=False)]
    order += [
        exp.Ordered(this=build.column(c), desc=False, nulls_first=False)
        for c in columns
        if c != sort_by
    ]
    query = exp.select(*map(build.column, columns)).from_(build.flows())
    query = query.where(*period_of(table, "records", start, end)).order_by(*order)
    most, skipped = rows(n), rows(offset, 0, "offset")
    query = query.limit(most) if most is not None else query
    query = query.offset(skipped) if skipped else query
    return Question(query, _as_flows, never_null=frozenset())


def _as_flows(answer: pd.DataFrame) -> pd.DataFrame:
    """Give the columns the types they have in a flow frame."""
    ids = {c: "category" for c in answer.columns if schema.kind_of(str(c)) == "id"}
    return with_times(answer.astype(ids), ["start", "end"])
