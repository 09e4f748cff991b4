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


def ranked(
    grouped: exp.Select,
    keys: Sequence[str],
    measures: Sequence[str],
    rank_by: str,
    n: int | None,
    whole: exp.Expr | None = None,
    *,
    late: bool = False,
) -> exp.Select:
    """Order groups by a measure, add their share of the whole, keep the first n.

    Parameters
    ----------
    grouped : Select
        One row per group: keys and measures.
    keys, measures : sequence of str
        Columns of `grouped`; the keys break ties.
    rank_by : str
        The measure that orders the rows.
    n : int or None
        Rows to keep; None keeps all. Shares are of the whole either way.
    whole : Expression, optional
        What a share is a share of; by default the sum over all groups.
    late : bool
        Find the first n by the measure that orders them, and only then all about these. Where
        there are millions of groups that is ten times as fast, but records are read twice.
    """
    order = [exp.Ordered(this=column(rank_by), desc=True, nulls_first=False)]
    order += [exp.Ordered(this=column(key), desc=False, nulls_first=False) for key in keys]
    so_far = exp.Window(
        this=_wide_sum(rank_by),
        order=exp.Order(expressions=[o.copy() for o in order]),
        spec=exp.WindowSpec(
            kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"
        ),
    )
    columns = [column(c) for c in (*keys, *measures)]
    everything = whole or over_all(rank_by)
    if n is None:
        rows = grouped
    elif late:
        rows = _all_about(grouped, keys)
        of_all = exp.select(_wide_sum(rank_by)).from_(exp.to_table('"ranking"', dialect="duckdb"))
        everything = of_all.subquery()
    else:  # so that only n rows are put in order and added up, not all groups
        rows = exp.select(*columns, named(everything, "the whole")).from_(
            grouped.subquery("grouped")
        )
        rows = rows.order_by(*order).limit(n)
        everything = column("the whole")
    query = exp.select(
        *(c.copy() for c in columns),
        named(_share(column(rank_by), everything), "share"),
        named(_share(so_far, everything), "cumulative_share"),
    ).from_(rows.subquery("grouped" if n is None else "first"))
    query = query.order_by(*(o.copy() for o in order))
    if late and n is not None:
        wanted = {*keys, rank_by}
        ranking = grouped.copy()
        ranking.set("expressions", [e for e in ranking.expressions if e.alias_or_name in wanted])
        named_keys = [named(column(key), _key(at)) for at, key in enumerate(keys)]
        largest = exp.select(*named_keys).from_(exp.to_table('"ranking"', dialect="duckdb"))
        largest = largest.order_by(*(o.copy() for o in order)).limit(n)
        query = query.with_(exp.to_identifier("ranking", quoted=True), ranking)
        query = query.with_(exp.to_identifier("largest", quoted=True), largest)
    return query


def _key(at: int) -> str:
    return f"key {at + 1}"


def _all_about(grouped: exp.Select, keys: Sequence[str]) -> exp.Select:
    """Group only the records of the largest groups."""
    same = [
        exp.NullSafeEQ(this=column(_key(at)), expression=column(key)) for at, key in enumerate(keys)
    ]
    them = exp.select(number(1)).from_(exp.to_table('"largest"', dialect="duckdb")).where(*same)
    return grouped.copy().where(exp.Exists(this=them))


def over_all(measure: str) -> exp.Expr:
    """Sum a measure of all groups, beside each of them."""
    return exp.Window(this=_wide_sum(measure))


def _wide_sum(measure: str) -> exp.Expr:
    # Every group fits into 64 bits, all of them together may not: Athena and Spark would fail.
    return exp.Sum(this=exp.cast(column(measure), "DECIMAL(38, 0)"))


def _share(part: exp.Expr, whole: exp.Expr) -> exp.Expr:
    nothing = exp.func("NULLIF", exp.cast(whole.copy(), "DOUBLE"), number(0))
    return exp.func(
        "COALESCE",
        exp.Div(this=exp.cast(part, "DOUBLE"), other=None, expression=nothing),
        number(0),
    )


def largest_groups(key: str, measure: str, n: int, conditions: Sequence[exp.Expr]) -> exp.Select:
    """Name the n largest groups of a column, by a measure; ties in the order of the key."""
    size = exp.Count(this=exp.Star()) if measure == "flow_records" else total(column(measure))
    order = [
        exp.Ordered(this=size, desc=True, nulls_first=False),
        exp.Ordered(this=column(key), desc=False, nulls_first=False),
    ]
    groups = exp.select(column(key)).from_(flows()).where(*conditions).group_by(column(key))
    return groups.order_by(*order).limit(n)


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
