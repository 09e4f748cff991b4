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

from flowlab.errors import FlowlabError
from flowlab.tables import FilteredTable, Table, as_table

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


def sql(asked: Callable[..., pd.DataFrame], flows: Any, **options: Any) -> str:
    """Show the SQL of a question.

    Parameters
    ----------
    asked : function
        `totals`, `breakdown`, `top_talkers` or `traffic_over_time`.
    flows : DataFrame or Archive
        What the question would be asked of; nothing is computed.
    **options
        The question's own options.

    Returns
    -------
    str
        The text DuckDB runs. The relation is "flows"; start and end are epoch seconds.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> print(fl.sql(fl.totals, flows).split()[0])
    SELECT
    """
    builder = getattr(asked, "builder", None)
    if builder is None:
        raise FlowlabError(
            f"{getattr(asked, '__name__', asked)!r} is not a question flowlab asks in SQL.",
            fix="pass the function itself: fl.sql(fl.top_talkers, flows, n=5).",
        )
    table = as_table(flows)
    query = builder(table, **options).query
    if isinstance(table, FilteredTable):
        query = table.within(query)
    return query.sql(dialect=table.dialect, pretty=True)  # type: ignore[no-any-return]


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
