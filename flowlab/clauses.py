"""The few pieces of SQL that every question is made of.

Identifiers are always quoted, values are always literals, sums are 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from flowlab.tables import RELATION

# A capture window is at most 10 minutes. A longer record is damaged or re-written; its bytes
# stay in the bin in which it starts.
LONGEST_WINDOW = 3600


def column(name: str, of: str | None = None) -> exp.Column:
    """Name a column, quoted."""
    return exp.column(name, table=of, quoted=True)


def named(expression: exp.Expr, name: str) -> exp.Expr:
    """Give an expression a quoted name."""
    return exp.alias_(expression, name, quoted=True)


def number(value: int) -> exp.Expr:
    """Write a number."""
    return exp.Literal.number(value)


def flows() -> exp.Table:
    """Name the relation that holds the records."""
    return exp.to_table(f'"{RELATION}"', dialect="duckdb")


def total(expression: exp.Expr) -> exp.Expr:
    """Sum exactly; 0 where there is nothing to add."""
    return exp.cast(exp.func("COALESCE", exp.Sum(this=expression), number(0)), "BIGINT")


def whole_division(dividend: exp.Expr, divisor: exp.Expr, dialect: str) -> exp.Expr:
    """Divide whole numbers that are not negative, exactly, and round down."""
    if dialect == "athena":  # whole numbers stay whole; sqlglot's own goes through DOUBLE
        return exp.paren(exp.Div(this=dividend, expression=divisor, typed=True))
    return exp.IntDiv(this=dividend, expression=divisor)


def in_period(start: int | None, end: int | None) -> list[exp.Expr]:
    """Select a half-open period on the record's start, in epoch seconds."""
    conditions: list[exp.Expr] = []
    if start is not None:
        conditions.append(column("start") >= number(start))
    if end is not None:
        conditions.append(column("start") < number(end))
    return conditions


def in_steps(
    keys: Sequence[str],
    measures: Sequence[str],
    every: int,
    spread: bool,
    conditions: Sequence[exp.Expr],
    *,
    dialect: str,
) -> exp.Query:
    """One row per record and step of time that its capture window touches.

    A record inside one step is one row, as it is. Others are cut: each part is a difference of
    two rounded-down cumulative shares, so that a record's parts add up to the record exactly.

    Parameters
    ----------
    keys, measures : sequence of str
        Columns to carry along, and those to cut.
    every : int
        Width of a step. [s]
    spread : bool
        False counts every record whole, in the step in which it starts.
    conditions : sequence of Expr
        Which records.
    dialect : str
        The engine that will run it.

    Returns
    -------
    Query
        keys, step (its number; null where a record has no start), flow_records (1 in the step in
        which the record starts, else 0), measures.
    """
    start, end = column("start"), column("end")
    first = whole_division(start, number(every), dialect)
    last = whole_division(end, number(every), dialect)
    to_cut = exp.and_(first.neq(last), end > start, end - start <= number(LONGEST_WINDOW))
    whole = exp.select(
        *(column(key) for key in keys),
        named(first, "step"),
        named(number(1), "flow_records"),
        *(column(m) for m in measures),
    ).from_(flows())
    if not spread:
        return whole.where(*conditions)
    touched = _ROWS_PER_STEP[dialect](
        exp.select(*(column(c) for c in (*keys, "start", "end", *measures)))
        .from_(flows())
        .where(to_cut, *conditions),
        first,
        last,
    )
    step = column("step")
    until = exp.func("LEAST", end + number(1), exp.paren(step + number(1)) * number(every))
    since = exp.func("GREATEST", start, step * number(every))
    timed = exp.select(
        "*",
        named(end - start + number(1), "seconds"),
        named(until - start, "upto"),
        named(since - start, "before"),
    ).from_(touched.subquery("touched"))
    starts_here = exp.Case().when(column("before").eq(number(0)), number(1)).else_(number(0))
    cut = exp.select(
        *(column(key) for key in keys),
        step,
        named(starts_here, "flow_records"),
        *(
            named(_share_of_time(m, "upto", dialect) - _share_of_time(m, "before", dialect), m)
            for m in measures
        ),
    ).from_(timed.subquery("timed"))
    uncut = exp.not_(exp.func("COALESCE", to_cut.copy(), exp.false()))
    return exp.union(whole.where(uncut, *conditions), cut, distinct=False)


def _duckdb_rows(records: exp.Select, first: exp.Expr, last: exp.Expr) -> exp.Select:
    steps = exp.func("UNNEST", exp.func("RANGE", first.copy(), last + number(1)))
    return records.select(named(steps, "step"))


def _spark_rows(records: exp.Select, first: exp.Expr, last: exp.Expr) -> exp.Select:
    steps = exp.Anonymous(this="SEQUENCE", expressions=[first.copy(), last.copy()])
    return records.select(named(exp.Anonymous(this="EXPLODE", expressions=[steps]), "step"))


def _athena_rows(records: exp.Select, first: exp.Expr, last: exp.Expr) -> exp.Select:
    # The records are chosen first: a sequence of more than 10,000 fails the query.
    steps = exp.Anonymous(this="SEQUENCE", expressions=[first.copy(), last.copy()])
    names = exp.TableAlias(this=exp.to_identifier("steps"), columns=[exp.to_identifier("step")])
    rows = exp.Unnest(expressions=[steps], alias=names)
    return exp.select("*").from_(records.subquery("to_cut")).join(rows, join_type="cross")


_ROWS_PER_STEP = {"duckdb": _duckdb_rows, "athena": _athena_rows, "spark": _spark_rows}


def _share_of_time(measure: str, part: str, dialect: str) -> exp.Expr:
    # measure * part / seconds, rounded down, without the product's overflow.
    value, seconds = column(measure), column("seconds")
    quotient = whole_division(value, seconds, dialect)
    rest = exp.paren(exp.Mod(this=value.copy(), expression=seconds.copy()) * column(part))
    rounded = whole_division(rest, seconds.copy(), dialect)
    return exp.paren(quotient * column(part) + rounded)
