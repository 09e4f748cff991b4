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
    """
    order = [exp.Ordered(this=column(rank_by), desc=True, nulls_first=False)]
    order += [exp.Ordered(this=column(key), desc=False, nulls_first=False) for key in keys]
    everything = whole or exp.Window(this=exp.Sum(this=column(rank_by)))
    so_far = exp.Window(
        this=exp.Sum(this=column(rank_by)),
        order=exp.Order(expressions=[o.copy() for o in order]),
        spec=exp.WindowSpec(
            kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"
        ),
    )
    query = exp.select(
        *(column(c) for c in (*keys, *measures)),
        named(_share(column(rank_by), everything), "share"),
        named(_share(so_far, everything), "cumulative_share"),
    ).from_(grouped.subquery("grouped"))
    query = query.order_by(*order)
    return query.limit(n) if n is not None else query


def _share(part: exp.Expr, whole: exp.Expr) -> exp.Expr:
    nothing = exp.func("NULLIF", exp.cast(whole.copy(), "DOUBLE"), number(0))
    return exp.func(
        "COALESCE",
        exp.Div(this=exp.cast(part, "DOUBLE"), other=None, expression=nothing),
        number(0),
    )


def over_bins(columns: Sequence[str], every: int, conditions: Sequence[exp.Expr]) -> exp.Select:
    """One row per record and time bin its capture window touches.

    Adds ``bin`` (number of the bin), and the record's seconds before the bin's end (``upto``),
    before its start (``before``), and in all (``seconds``).

    Parameters
    ----------
    columns : sequence of str
        Columns to carry along.
    every : int
        Width of a bin. [s]
    """
    start, end = column("start"), column("end")
    spreadable = exp.and_(end >= start, end - start <= number(LONGEST_WINDOW))
    last = exp.Case().when(spreadable, end).else_(start)
    windows = (
        exp.select(*(column(c) for c in columns), start, named(last, "last"))
        .from_(flows())
        .where(*conditions)
    )
    first_bin, last_bin = _bin(start, every), _bin(column("last"), every)
    bins = exp.select(
        "*",
        # DuckDB's way; Athena and Spark get theirs beside it when they arrive.
        named(exp.func("UNNEST", exp.func("RANGE", first_bin, last_bin + number(1))), "bin"),
    ).from_(windows.subquery("windows"))
    bin_end = exp.paren(column("bin") + number(1)) * number(every)
    return exp.select(
        *(column(c) for c in columns),
        column("start"),
        column("bin"),
        named(column("last") - start + number(1), "seconds"),
        named(exp.func("LEAST", column("last") + number(1), bin_end) - start, "upto"),
        named(exp.func("GREATEST", column("bin") * number(every) - start, number(0)), "before"),
    ).from_(bins.subquery("bins"))


def _bin(moment: exp.Expr, every: int) -> exp.Expr:
    return exp.IntDiv(this=moment.copy(), expression=number(every))


def spread(measure: str) -> exp.Expr:
    """Take the part of a record's measure that falls in a bin of `over_bins`, in whole units.

    Each part is a difference of two rounded-down cumulative shares, so a record's parts add up
    to the record exactly.
    """
    return _cumulative(measure, "upto") - _cumulative(measure, "before")


def _cumulative(measure: str, seconds: str) -> exp.Expr:
    # measure * seconds / all seconds, without the product's overflow.
    value, part, whole = column(measure), column(seconds), column("seconds")
    quotient = exp.IntDiv(this=value, expression=whole)
    rest = exp.Mod(this=value.copy(), expression=whole.copy())
    return exp.paren(
        quotient * part + exp.IntDiv(this=exp.paren(rest * part.copy()), expression=whole.copy())
    )
