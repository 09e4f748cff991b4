"""One mapping for every engine: a source's own columns become those of a flow frame.

A view does it, so that a question is the same whatever it is asked of: text tables hold ``-`` and
numbers as text, AWS's own examples name the columns in three ways, ``end`` is a reserved word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.dialects import text_of
from flowlab.errors import FlowlabError
from flowlab.parsing import columnar, values
from flowlab.tables import RELATION

_TEXT = ("string", "varchar", "char", "text")
_WHOLE = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32, "bigint": 64, "long": 64}
_BROKEN = ("float", "real", "double", "decimal")  # whole numbers that a tool wrote as such
_NESTED = ("array", "map", "struct", "row")
_WIDTHS = {"int32": (32, "INTEGER"), "int64": (64, "BIGINT"), "time": (64, "BIGINT")}
# Without log_status, a row with none of these is no record.
_TRAFFIC = ("srcaddr", "dstaddr", "action")


def flows_view(
    source: exp.Expr, columns: Mapping[str, str], *, dialect: str
) -> tuple[exp.Select, list[str]]:
    """Write the query that gives a source's records the columns of a flow frame.

    Parameters
    ----------
    source : Expr
        What to read: a table, or a subquery with a name.
    columns : mapping of str to str
        The source's column to the engine's type, in the source's order, partition columns too.
    dialect : {"duckdb", "athena", "spark"}

    Returns
    -------
    (Select, list of str)
        Records only (no NODATA, no SKIPDATA), and the names of its columns: AWS's fields as the
        flow frame names them, others as they are. Numbers are INTEGER or BIGINT as in a flow
        frame, start and end BIGINT [epoch s], null where AWS wrote ``-``. Nested columns are left
        out.

    Raises
    ------
    FlowlabError
        No flow-log field among the columns, or one of a type that cannot hold it.

    Notes
    -----
    Text that is no number is null. Times from 10^11 up are milliseconds, as AWS has written them.
    Without log_status, rows without addresses and action count as NODATA, as in `read_flows`.
    """
    kept = {name: kind.lower() for name, kind in columns.items() if not _is(kind, _NESTED)}
    names = columnar.field_names(list(kept))
    if not any(name in schema.BY_COLUMN for name in names):
        raise FlowlabError(
            f"no flow-log field among the columns: {', '.join(columns)[:200]}.",
            "this table holds something else.",
            "name the table of the flow log.",
        )
    stored = dict(zip(names, kept, strict=True))
    mapped = {name: _mapped(name, own, kept[own], dialect) for name, own in stored.items()}
    view = exp.select(
        *(
            value if isinstance(value, exp.Column) and value.name == name
            else build.named(value, name)
            for name, value in mapped.items()
        )
    )  # fmt: skip
    view = view.from_(source.copy())
    return view.where(*_records(stored, mapped)), names


def written(
    query: exp.Query, view: exp.Select | None, dialect: str, *, pretty: bool = False
) -> str:
    """Write a question as an engine's text.

    Parameters
    ----------
    query : Query
        Asked of the relation "flows".
    view : Select or None
        Of `flows_view`; it becomes the query's first part. None: "flows" is there already.
    dialect : {"duckdb", "athena", "spark"}
    pretty : bool
        Over several lines.
    """
    whole = query.copy()
    if view is not None:
        relation = exp.to_identifier(RELATION, quoted=True)
        whole = whole.with_(relation, as_=view.copy(), copy=False)
        parts = whole.args["with_"].expressions
        parts.insert(0, parts.pop())
    return text_of(whole, dialect, pretty=pretty)


# ------------------------------------------------------------------------------ columns
def _mapped(name: str, own: str, kind: str, dialect: str) -> exp.Expr:
    """Give a column of the source the type and the nulls of a flow frame."""
    column, ours = build.column(own), schema.kind_of(name)
    if name not in schema.BY_COLUMN:
        return column
    if ours not in _WIDTHS:
        if not _is(kind, _TEXT):
            return exp.cast(column, "VARCHAR")
        there = exp.not_(column.isin(*map(exp.Literal.string, values.NULL_WORDS)))
        return exp.Case().when(there, column.copy())
    if ours == "time" and kind.startswith("timestamp"):
        return _EPOCHS[dialect](column, kind)
    bits, target = _WIDTHS[ours]
    if _is(kind, _TEXT):
        number: exp.Expr = exp.TryCast(this=column, to=exp.DataType.build(target))
    elif _WHOLE.get(kind) == bits:
        number = column
    elif kind in _WHOLE or _is(kind, _BROKEN):
        number = exp.cast(column, target)
    else:
        raise FlowlabError(
            f"the column {own} has type {kind}, which cannot hold the AWS field "
            f"{schema.BY_COLUMN[name].name}.",
            "the table was declared for something else, or its columns stand in another order.",
            "declare it as AWS documents: numbers as int or bigint, all else as string.",
        )
    if ours != "time":
        return number
    milliseconds = number >= build.number(schema.MILLISECONDS_FROM)
    seconds = build.whole_division(number.copy(), build.number(1000), dialect)
    return exp.Case().when(milliseconds, seconds).else_(number.copy())


def _is(kind: str, families: tuple[str, ...]) -> bool:
    return kind.lower().startswith(families)


def _duckdb_epoch(column: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(exp.func("FLOOR", exp.func("EPOCH", column)), "BIGINT")


def _athena_epoch(column: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(
        exp.func("FLOOR", exp.Anonymous(this="TO_UNIXTIME", expressions=[column])), "BIGINT"
    )


def _spark_epoch(column: exp.Expr, kind: str) -> exp.Expr:
    if kind == "timestamp_ntz":  # has no zone: the session's must not get in
        began = exp.Anonymous(
            this="TO_TIMESTAMP_NTZ", expressions=[exp.Literal.string("1970-01-01")]
        )
        unit = exp.var("SECOND")
        return exp.Anonymous(this="TIMESTAMPDIFF", expressions=[unit, began, column])
    return exp.Anonymous(this="UNIX_SECONDS", expressions=[column])


_EPOCHS: dict[str, Callable[[exp.Expr, str], exp.Expr]] = {
    "duckdb": _duckdb_epoch, "athena": _athena_epoch, "spark": _spark_epoch,
}  # fmt: skip


# ------------------------------------------------------------------------------ rows
def _records(stored: Mapping[str, str], mapped: Mapping[str, exp.Expr]) -> list[exp.Expr]:
    """Leave out what stands for a window without records."""
    if "log_status" in stored:
        status = build.column(stored["log_status"])
        silent = status.isin(*map(exp.Literal.string, schema.NO_TRAFFIC))
        return [exp.not_(exp.func("COALESCE", silent, exp.false()))]
    telling = [mapped[name].copy() for name in _TRAFFIC if name in mapped]
    there = [exp.not_(exp.Is(this=value, expression=exp.null())) for value in telling]
    return [exp.or_(*there)] if there else []
