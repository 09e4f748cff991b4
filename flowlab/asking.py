"""Asking: a function that builds SQL becomes a question to anything that holds records.

A question is built once, runs where the records are, and is answered as a small DataFrame with the
same columns and types whatever held the records.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import pandas as pd
from sqlglot import exp

from flowlab.dialects import DIALECTS, text_of
from flowlab.errors import FlowlabError, unknown_name
from flowlab.tables import Table, as_table, elsewhere, unlayered

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES = ("flow_records", "packets", "bytes")
_NEVER_NULL = frozenset({
    *MEASURES, "bytes_sent", "bytes_received", "bytes_a_to_b", "bytes_b_to_a", "accepted",
    "rejected", "interfaces", "peers", "peers_sent_to", "peers_heard_from", "share",
    "cumulative_share",
})  # fmt: skip

P = ParamSpec("P")


@dataclass(frozen=True)
class Question:
    """A query, and how its Arrow answer becomes the DataFrame."""

    query: exp.Query
    finish: Callable[[pd.DataFrame], pd.DataFrame] = lambda answer: answer
    never_null: frozenset[str] = _NEVER_NULL  # these are numpy's, all others nullable


def question(
    builder: Callable[Concatenate[Table, P], Question],
) -> Callable[Concatenate[Any, P], pd.DataFrame]:
    """Turn a function that builds a question into one that asks it of any table."""

    @functools.wraps(builder)
    def ask(flows: Any, /, *args: P.args, **options: P.kwargs) -> pd.DataFrame:
        table = as_table(flows)
        built = builder(table, *args, **options)
        return built.finish(_to_pandas(table.run(built.query), built.never_null))

    ask.builder = builder  # type: ignore[attr-defined]
    return ask


def sql(
    asked: Callable[..., pd.DataFrame],
    flows: Any,
    *args: Any,
    dialect: str | None = None,
    **options: Any,
) -> str:
    """Show the SQL of a question.

    Parameters
    ----------
    asked : function
        Any question: `totals`, `breakdown`, `conversations`, `waterfall`, `records` ...
    flows : DataFrame, Archive, or a table of `spark` or `athena`
        What the question would be asked of; nothing is computed. Its columns decide the text.
    *args, **options
        The question's own.
    dialect : {"duckdb", "athena", "spark"}, optional
        The engine to write it for; by default the one that holds the records.

    Returns
    -------
    str
        The text. A table of `spark` or `athena` shows in its own engine all that is run, its own
        columns included; else the relation is "flows", and its start and end are epoch seconds.

    Raises
    ------
    FlowlabError
        Not a question; or the engine cannot do it.
    UnknownNameError
        No such dialect.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> print(fl.sql(fl.totals, flows).split()[0])
    SELECT
    >>> fl.sql(fl.records, flows, n=5, dialect="athena").splitlines()[-1]
    'LIMIT 5'
    """
    builder = getattr(asked, "builder", None)
    if builder is None:
        raise FlowlabError(
            f"{getattr(asked, '__name__', asked)!r} is not a question flowlab asks in SQL.",
            fix="pass the function itself: fl.sql(fl.top_talkers, flows, n=5).",
        )
    if dialect is not None and dialect not in DIALECTS:
        raise unknown_name("sql: dialect =", dialect, DIALECTS)
    table = as_table(flows)
    if dialect is not None and dialect != table.dialect:
        table = elsewhere(table, dialect)
    table, query = unlayered(table, builder(table, *args, **options).query)
    if hasattr(table, "text"):  # knows the source's own columns
        return str(table.text(query))
    return text_of(query, table.dialect, pretty=True)


def _to_pandas(answer: pa.Table, never_null: frozenset[str]) -> pd.DataFrame:
    """Keys keep their nullable types; measures and shares, which are never null, are numpy's."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in answer.column_names:
        values = answer.column(name)
        if name in never_null:
            columns[name] = values.to_numpy()
            continue
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_string(values.type):
            values = values.cast(pa.large_string())  # as in a flow frame
        columns[name] = pd.array(values, dtype=pd.ArrowDtype(values.type))
    return pd.DataFrame(columns)


def with_times(answer: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Turn columns of epoch seconds into times."""
    changed = {
        name: pd.to_datetime(answer[name].astype("Int64"), unit="s", utc=True).astype(
            "datetime64[s, UTC]"
        )
        for name in names
        if name in answer
    }
    return answer.assign(**changed)
