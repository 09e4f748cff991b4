"""Records held in the engine's own memory: for many questions in a row, asked while one waits.

A DataFrame is scanned in place by each question, which is right for one. Held records have been
converted once: ids and addresses are numbers there, so that grouping by them is three to ten
times as fast (benchmarks/exploring.py).
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flowlab import schema
from flowlab.interrupting import stoppable
from flowlab.tables import RELATION, Table, answer, as_table, new_engine

if TYPE_CHECKING:
    import pyarrow as pa
# Beyond so many different values, numbering them costs more than it saves.
_MOST_VALUES = 1_000_000
_MOST_RUNS = 64  # of numbers, in a test; more take as long as the pattern
_OPEN: weakref.WeakSet[HeldTable] = weakref.WeakSet()


class HeldTable:
    """A copy of flow records in DuckDB. Made by `hold`; asked like any table.

    Parameters
    ----------
    flows : DataFrame or Archive
    """

    dialect = "duckdb"

    def __init__(self, flows: Any) -> None:
        source = as_table(flows)
        self.columns: Sequence[str] = list(source.columns)
        self._duck = new_engine()
        self._kinds: dict[str, str] = {}  # of columns that are kept as numbers of a list
        self._tested: dict[tuple[str, str], exp.Expr | None] = {}
        _OPEN.add(self)
        self._fill(source)

    def _fill(self, source: Table) -> None:
        every = exp.select(*(exp.column(c, quoted=True) for c in self.columns))
        records = source.run(every.from_(exp.to_table(f'"{RELATION}"', dialect="duckdb")))
        self._duck.register("given", records)
        chosen = ", ".join(self._numbered())
        self._duck.execute(f'CREATE TABLE "{RELATION}" AS SELECT {chosen} FROM given')  # noqa: S608
        self._duck.unregister("given")

    def _numbered(self) -> list[str]:
        """Columns as they are kept: ids, and all addresses together, as numbers of a list."""
        lists: dict[str, list[str]] = {}
        for name in self.columns:
            kind = schema.kind_of(name)
            if kind in ("id", "address"):
                lists.setdefault("addresses" if kind == "address" else name, []).append(name)
        types: dict[str, str] = {}
        for list_name, members in lists.items():
            values = " UNION ".join(
                f"SELECT CAST({_name(m)} AS VARCHAR) AS one FROM given"  # noqa: S608
                for m in members
            )
            words = f"SELECT DISTINCT one FROM ({values}) WHERE one IS NOT NULL ORDER BY one"  # noqa: S608
            count = self._duck.execute(f"SELECT count(*) FROM ({words})").fetchone()[0]  # noqa: S608
            if 0 < count <= _MOST_VALUES:
                type_name = _name(f"kind of {list_name}")
                # In the order of the text, so that sorting by the number sorts by the text.
                self._duck.execute(f"CREATE TYPE {type_name} AS ENUM ({words})")
                types |= dict.fromkeys(members, type_name)
        self._kinds = types
        return [
            f"CAST({_name(c)} AS {types[c]}) AS {_name(c)}" if c in types else _name(c)
            for c in self.columns
        ]

    def close(self) -> None:
        """Forget the records."""
        self._duck.close()
        self._duck = None

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows"."""
        with self._duck.cursor() as duck, stoppable(duck):
            return answer(duck, _nulls_once(self._by_number(duck, _found_once(query))))

    def _by_number(self, duck: Any, query: exp.Query) -> exp.Query:
        """Let tests of an address against networks look at its number, not at its text.

        Addresses are numbered in the order of their text, where those of a network stand in a few
        runs. So a pattern is tried on each address once, and on records no more than a range.
        """
        for test in list(query.find_all(exp.Coalesce)):  # as addresses.ip_in writes it
            named = {column.name for column in test.find_all(exp.Column)}
            name = next(iter(named))
            if len(named) == 1 and name in self._kinds and test.find(exp.RegexpLike):
                key = (self._kinds[name], test.sql(dialect=self.dialect))
                if key not in self._tested:
                    self._tested[key] = self._in_runs(duck, test, name)
                if (quick := self._tested[key]) is not None:
                    test.replace(quick.copy())
        return query

    def _in_runs(self, duck: Any, test: exp.Expr, name: str) -> exp.Expr | None:
        """Write a test as runs of numbers; None if there are too many."""
        asked = next(column for column in test.find_all(exp.Column))
        of_list = test.copy()
        for column in of_list.find_all(exp.Column):
            column.replace(exp.column("one", quoted=True))
        kind, passes = self._kinds[name], of_list.sql(dialect=self.dialect)
        runs = duck.execute(f"""
            SELECT min(code), max(code) FROM (
                SELECT code, code - row_number() OVER (ORDER BY code) AS run FROM (
                    SELECT enum_code(CAST("one" AS {kind})) AS code
                    FROM (SELECT unnest(enum_range(NULL::{kind})) AS "one")
                    WHERE {passes}
                )
            ) GROUP BY run ORDER BY 1 LIMIT {_MOST_RUNS + 1}
        """).fetchall()  # noqa: S608 - names that were quoted, and a test that sqlglot wrote
        if len(runs) > _MOST_RUNS:
            return None
        code = exp.Anonymous(this="ENUM_CODE", expressions=[asked.copy()])
        tests: list[exp.Expr] = [
            exp.Between(
                this=code.copy(), low=exp.Literal.number(low), high=exp.Literal.number(high)
            )
            for low, high in runs
        ]
        of_null = f'SELECT {passes} FROM (SELECT CAST(NULL AS VARCHAR) AS "one")'  # noqa: S608
        if duck.execute(of_null).fetchall()[0][0]:
            tests.append(asked.copy().is_(exp.null()))
        return exp.func("COALESCE", exp.or_(*tests, exp.false()), exp.false())


@atexit.register
def _close_all() -> None:
    # DuckDB complains on stderr of what is still there when Python ends.
    for table in list(_OPEN):
        table.close()


def hold(flows: Any) -> HeldTable:
    """Copy records into the engine's memory, to ask many questions of them.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive

    Returns
    -------
    HeldTable
        Every question takes it in place of `flows` and gives the same answers.
    """
    return flows if isinstance(flows, HeldTable) else HeldTable(flows)


def _found_once(query: exp.Query) -> exp.Query:
    """Let the engine keep what a question reads twice, such as the selection of top talkers.

    It would look through all records for each time: CIDRs cost it more than the question.
    """
    written = query.copy()
    read = [table.name for table in written.find_all(exp.Table)]
    for part in written.find_all(exp.CTE):
        if read.count(part.alias) > 1:
            part.set("materialized", True)
    return written


def _nulls_once(query: exp.Query) -> exp.Query:
    """Turn null into false once for a whole of ands and ors, not for each part of it.

    It is the same: false < null < true, AND is the least of its parts and OR the greatest.
    """
    for whole in list(query.find_all(exp.And, exp.Or)):
        if isinstance(_above(whole), (exp.And, exp.Or)):
            continue
        parts = list(_parts(whole))
        if all(isinstance(p, exp.Coalesce) and p.expressions == [exp.false()] for p in parts):
            for part in parts:
                part.replace(exp.paren(part.this))
            whole.replace(exp.func("COALESCE", whole.copy(), exp.false()))
    return query


def _above(node: exp.Expr) -> exp.Expr | None:
    parent = node.parent
    return _above(parent) if isinstance(parent, exp.Paren) else parent


def _parts(whole: exp.Expr) -> Iterator[exp.Expr]:
    for side in (whole.this, whole.expression):
        inner = side.unnest()
        yield from _parts(inner) if isinstance(inner, (exp.And, exp.Or)) else [inner]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
