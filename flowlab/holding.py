"""Records held in the engine's own memory: for many questions in a row, asked while one waits.

A DataFrame is scanned in place by each question, which is right for one. Held records have been
converted once: ids and addresses are numbers there, so that grouping by them is three to ten
times as fast (benchmarks/exploring.py).
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.interrupting import stoppable
from flowlab.tables import RELATION, Table, answer, as_table, new_engine

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

# Beyond so many different values, numbering them costs more than it saves.
_MOST_VALUES = 1_000_000
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
        _OPEN.add(self)
        self._fill(source)

    def _fill(self, source: Table) -> None:
        from sqlglot import exp

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
            return answer(duck, _found_once(query))


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
    from sqlglot import exp

    written = query.copy()
    read = [table.name for table in written.find_all(exp.Table)]
    for part in written.find_all(exp.CTE):
        if read.count(part.alias) > 1:
            part.set("materialized", True)
    return written


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
