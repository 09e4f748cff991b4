"""The fingerprint of records: whether two reports rest on the same ones, whatever their order."""

from __future__ import annotations

import hashlib

import pyarrow as pa
from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.anonymization.flows import MEANING
from flowlab.tables import Table

_NULL, _BETWEEN = "\x1e", "\x1f"
_HALVES = ("upper", "lower")


def fingerprint(table: Table) -> str | None:
    """Give 32 hexadecimal digits that stand for the records of a table.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str or None
        The same for the same records with the same columns, in any order, in a frame or an
        archive. None where the engine is not DuckDB: others compute no such sums.

    Notes
    -----
    Each record's values, columns in the order of their names, are hashed by MD5; the halves of
    the hashes are added up, and the two sums, the number of records and the columns are hashed
    once more by SHA-256. Tells records apart that differ by chance or mistake; it is no seal
    against somebody who makes records on purpose.
    """
    if table.dialect != "duckdb":
        return None
    names = sorted(table.columns)
    values = [
        exp.func("COALESCE", exp.cast(build.column(name), "TEXT"), exp.Literal.string(_NULL))
        for name in names
    ]
    joined = exp.func("CONCAT_WS", exp.Literal.string(_BETWEEN), *values)
    hashed = exp.select(
        *(build.named(exp.func(f"MD5_NUMBER_{half}", joined.copy()), half) for half in _HALVES)
    ).from_(build.flows())
    summed = exp.select(
        build.named(exp.Count(this=exp.Star()), "records"),
        *(build.named(exp.cast(exp.Sum(this=build.column(h)), "TEXT"), h) for h in _HALVES),
    ).from_(hashed.subquery("hashed"))
    told = [str(value[0]) for value in table.run(summed).to_pydict().values()]
    return hashlib.sha256("\n".join([*told, *names]).encode()).hexdigest()[:32]


def names_in(table: Table) -> pa.Array:
    """Give all values of a table's columns that may name somebody, each once.

    Parameters
    ----------
    table : Table

    Returns
    -------
    array of large_string
        Without columns of AWS's own words, such as action and region.
    """
    kinds = {name: schema.kind_of(name) for name in table.columns if name not in MEANING}
    columns = [name for name, kind in kinds.items() if kind in ("id", "address", "text")]
    if not columns:
        return pa.array([], pa.large_string())
    parts = [
        exp.select(build.named(exp.cast(build.column(name), "TEXT"), "name")).from_(build.flows())
        for name in columns
    ]
    each = parts[0] if len(parts) == 1 else exp.union(*parts, distinct=True)
    once = exp.select(build.column("name")).distinct().from_(each.subquery("each"))
    found = table.run(once).column(0).cast(pa.large_string()).combine_chunks()
    return found.drop_null()
