"""What a question can be asked of: a DataFrame or an archive, each with flowlab's columns.

The only place that knows where records can be. A table names its columns as the flow frame does;
``start`` and ``end`` are epoch seconds (BIGINT) while a question runs.
"""

from __future__ import annotations

import contextlib
import functools
import html
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowlab import schema
from flowlab.errors import FlowlabError, MissingFieldError, unknown_name
from flowlab.frame_types import in_arrow
from flowlab.interrupting import stoppable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlglot import exp

RELATION = "flows"
_NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class Table(Protocol):
    """Records a question can be asked of."""

    dialect: str

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows"."""


class FrameTable:
    """A flow frame, scanned in place by DuckDB."""

    dialect = "duckdb"

    def __init__(self, flows: pd.DataFrame) -> None:
        self._flows = flows

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        return [str(c) for c in self._flows.columns]

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows"."""
        from sqlglot import exp

        asked = {column.name for column in query.find_all(exp.Column)}
        used = [c for c in self.columns if c in asked] or self.columns[:1]
        arrow = in_arrow(self._flows[used])
        with connection() as duck:
            duck.register(RELATION, arrow)
            return answer(duck, query)


class LayeredTable:
    """The records of another table as a SELECT of them gives them; every question accepts it.

    Parameters
    ----------
    table : Table
    columns : sequence of str
        What the SELECT gives.
    words : str
        What it does, for people.
    """

    def __init__(self, table: Table, columns: Sequence[str], words: str) -> None:
        self._table, self.columns, self._words = table, columns, words
        self.dialect = table.dialect

    @property
    def of(self) -> Table:
        """The table whose records these are made of."""
        return self._table

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows"."""
        return self._table.run(self.within(query))

    def within(self, query: exp.Query) -> exp.Query:
        """Write the query so that it sees only what this layer gives."""
        from sqlglot import exp

        written = query.copy()
        named = [cte.alias for cte in written.find_all(exp.CTE)]
        name = next(n for n in (f"kept {at}" for at in itertools.count(1)) if n not in named)
        everything = exp.to_table(f'"{RELATION}"', dialect="duckdb")
        for asked in list(written.find_all(exp.Table)):
            if asked.name == RELATION:
                kept = exp.to_table(f'"{name}"', dialect="duckdb")
                asked.replace(exp.alias_(kept, asked.alias or RELATION, quoted=True, table=True))
        these = self._select().from_(everything)
        written = written.with_(exp.to_identifier(name, quoted=True), these, copy=False)
        # What a question names itself is made of these records, so they come first.
        ctes = written.args["with_"].expressions
        ctes.insert(0, ctes.pop())
        return written

    def _select(self) -> exp.Select:
        """Write what is read of the records; the layer puts their name behind it."""
        raise NotImplementedError

    def elsewhere(self, dialect: str) -> LayeredTable:
        """Give the same over a table of another engine that has these columns but no records."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self._table!r}, {self._words}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def unlayered(table: Table, query: exp.Query) -> tuple[Table, exp.Query]:
    """Give the table beneath all layers, and the query as it is asked of that one."""
    while isinstance(table, LayeredTable):
        query, table = table.within(query), table.of
    return table, query


class FilteredTable(LayeredTable):
    """Those records of another table that a condition is true for.

    Parameters
    ----------
    table : Table
    condition : Expr, or function of a Table that gives one
        Over the table's columns, in its dialect. A function can write it for any engine.
    words : str
        What is left out, or left, for people.
    """

    def __init__(
        self, table: Table, condition: exp.Expr | Callable[[Table], exp.Expr], words: str
    ) -> None:
        super().__init__(table, table.columns, words)
        self._written = condition
        self._condition = condition(table) if callable(condition) else condition

    def _select(self) -> exp.Select:
        from sqlglot import exp

        return exp.select("*").where(self._condition.copy())

    def elsewhere(self, dialect: str) -> FilteredTable:
        """Give the same over a table of another engine that has these columns but no records."""
        return FilteredTable(elsewhere(self._table, dialect), self._written, self._words)


@dataclass
class Outline:
    """The columns of a table, to write a question for another engine; it cannot be asked."""

    dialect: str
    columns: Sequence[str]

    def run(self, query: exp.Query) -> pa.Table:
        """Refuse: there are no records."""
        raise FlowlabError(f"there are no records in {self.dialect} to ask.")


def elsewhere(table: Table, dialect: str) -> Table:
    """Give a table of another engine with the same columns, to show a question's text."""
    if isinstance(table, LayeredTable):
        return table.elsewhere(dialect)
    return Outline(dialect, list(table.columns))


def answer(duck: Any, query: exp.Query) -> pa.Table:
    """Let a connection of DuckDB answer a query.

    Raises
    ------
    FlowlabError
        A sum is beyond 64 bits.
    """
    import duckdb

    try:
        return duck.sql(query.sql(dialect="duckdb")).to_arrow_table()
    except duckdb.ConversionException as problem:
        if "INT128" not in str(problem):
            raise
        raise FlowlabError(
            "a sum of these records is larger than 2^63 - 1, more than can be told exactly.",
            "a record says an impossible number of bytes or packets: it is damaged, or made up.",
            'look at fl.records(flows, sort_by="bytes", descending=True), and set such records'
            f' aside: fl.exclude(flows, fl.rule("impossible", bytes="{10**15}-{10**18 - 1}")).',
        ) from problem


@contextlib.contextmanager
def connection() -> Iterator[Any]:
    """Open a connection to DuckDB in memory; what is registered or viewed in it is its own."""
    with _engine().cursor() as duck, stoppable(duck):
        yield duck


@functools.cache
def _engine() -> Any:
    # Starting the engine costs 12 ms, a cursor of a running one less than 1 (measured).
    return new_engine()


def new_engine() -> Any:
    """Start a DuckDB of its own, in memory; it never loads anything from elsewhere."""
    import duckdb

    return duckdb.connect(config=_NO_DOWNLOADS)


def as_table(flows: Any) -> Table:
    """Wrap whatever holds records so that a question can be asked of it.

    Raises
    ------
    FlowlabError
        Not something that holds records, a frame without columns, or one with two of one name.
    """
    import pandas as pd

    if isinstance(flows, pd.DataFrame):
        if not len(flows.columns):
            raise FlowlabError(
                "a question cannot be asked of a frame without columns.",
                "it is a pd.DataFrame() that nothing was put into.",
                "pass flows.iloc[:0] for no records: the columns are there.",
            )
        names = flows.columns.map(str)
        if not names.is_unique:
            twice = ", ".join(names[names.duplicated()].unique())
            raise FlowlabError(
                f"the frame has two columns called {twice}.",
                "frames were put beside one another.",
                "flows = flows.loc[:, ~flows.columns.duplicated()] keeps the first of each.",
            )
        return FrameTable(flows)
    if hasattr(flows, "run") and hasattr(flows, "columns") and hasattr(flows, "dialect"):
        return flows  # type: ignore[no-any-return]
    hint = (
        "read_flows returns two things: flows, ledger = fl.read_flows(...)"
        if isinstance(flows, tuple)
        else "pass the DataFrame of fl.read_flows(...), or fl.open_archive(folder)"
    )
    raise FlowlabError(f"a question cannot be asked of a {type(flows).__name__}.", fix=f"{hint}.")


def require(table: Table, names: Sequence[str], asked_by: str, instead: str = "") -> None:
    """Check that a table has the columns a question needs; all that are missing are named.

    `instead` is what can be done without them, put before the remedy.

    Raises
    ------
    UnknownNameError
        A name that is neither a column here nor an AWS field.
    MissingFieldError
        AWS fields, or columns of `enrich`, that these records lack.
    """
    missing = [name for name in dict.fromkeys(names) if name not in table.columns]
    if derived := [one.column for one in schema.DERIVED if one.column in missing]:
        raise MissingFieldError(
            f"{asked_by} needs the column{'s' * (len(derived) > 1)} {', '.join(derived)}, "
            "which these records lack.",
            "no AWS field: fl.enrich adds it to a DataFrame.",
            f"{instead}flows = fl.enrich(flows), with what it should know, such as vpc_cidrs.",
        )
    for name in missing:
        if name not in schema.BY_COLUMN:
            raise unknown_name(f"{asked_by}: the column", name, {*table.columns, *schema.BY_COLUMN})
    if missing:
        fields = ", ".join(
            f"{schema.BY_COLUMN[n].name} (version {schema.BY_COLUMN[n].version})" for n in missing
        )
        plural = "s" * (len(missing) > 1)
        raise MissingFieldError(
            f"{asked_by} needs the column{plural} {', '.join(missing)}, which these records lack.",
            f"the flow log's format does not include the AWS field{plural} {fields}.",
            f"{instead}create a new flow log with that field; a format cannot be edited.",
        )
