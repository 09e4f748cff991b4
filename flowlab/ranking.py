"""Groups in the order of a measure: the first of them, with their shares of the whole."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from flowlab.clauses import column, flows, named, number, total


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
    columns, whole = [*keys, *measures], whole or over_all(rank_by)
    if n is None:
        return _with_shares(grouped.subquery("grouped"), columns, keys, rank_by, whole)
    # So that n rows are put in order and added up, not all groups.
    first = (
        exp.select(*map(column, columns), named(whole, "the whole"))
        .from_(grouped.subquery("grouped"))
        .order_by(*_order(keys, rank_by))
        .limit(n)
    )
    return _with_shares(first.subquery("first"), columns, keys, rank_by, column("the whole"))


def ranked_late(
    grouped: exp.Select, keys: Sequence[str], measures: Sequence[str], rank_by: str, n: int
) -> exp.Select:
    """Give the same, but find the first n by `rank_by` alone, and only then all about these.

    Where there are millions of groups that is several times as fast, but records are read twice.
    """
    wanted = {*keys, rank_by}
    ranking = grouped.copy()
    ranking.set("expressions", [e for e in ranking.expressions if e.alias_or_name in wanted])
    ours = {f"key {at}": key for at, key in enumerate(keys, 1)}
    largest = (
        exp.select(*(named(column(key), name) for name, key in ours.items()))
        .from_(_made("ranking"))
        .order_by(*_order(keys, rank_by))
        .limit(n)
    )
    same = [exp.NullSafeEQ(this=column(name), expression=column(key)) for name, key in ours.items()]
    among = exp.Exists(this=exp.select(number(1)).from_(_made("largest")).where(*same))
    first = grouped.copy().where(among).subquery("first")
    whole = exp.select(_wide_sum(rank_by)).from_(_made("ranking")).subquery()
    query = _with_shares(first, [*keys, *measures], keys, rank_by, whole)
    query = query.with_(exp.to_identifier("ranking", quoted=True), ranking)
    return query.with_(exp.to_identifier("largest", quoted=True), largest)


def over_all(measure: str) -> exp.Expr:
    """Sum a measure of all groups, beside each of them."""
    return exp.Window(this=_wide_sum(measure))


def largest_groups(key: str, measure: str, n: int, conditions: Sequence[exp.Expr]) -> exp.Select:
    """Name the n largest groups of a column, by a measure; ties in the order of the key."""
    size = exp.Count(this=exp.Star()) if measure == "flow_records" else total(column(measure))
    order = [
        exp.Ordered(this=size, desc=True, nulls_first=False),
        exp.Ordered(this=column(key), desc=False, nulls_first=False),
    ]
    groups = exp.select(column(key)).from_(flows()).where(*conditions).group_by(column(key))
    return groups.order_by(*order).limit(n)


def _with_shares(
    rows: exp.Subquery, columns: Sequence[str], keys: Sequence[str], rank_by: str, whole: exp.Expr
) -> exp.Select:
    so_far = exp.Window(
        this=_wide_sum(rank_by),
        order=exp.Order(expressions=_order(keys, rank_by)),
        spec=exp.WindowSpec(
            kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"
        ),
    )
    return (
        exp.select(
            *map(column, columns),
            named(_share(column(rank_by), whole), "share"),
            named(_share(so_far, whole), "cumulative_share"),
        )
        .from_(rows)
        .order_by(*_order(keys, rank_by))
    )


def _order(keys: Sequence[str], rank_by: str) -> list[exp.Expr]:
    return [
        exp.Ordered(this=column(rank_by), desc=True, nulls_first=False),
        *(exp.Ordered(this=column(key), desc=False, nulls_first=False) for key in keys),
    ]


def _made(name: str) -> exp.Table:
    return exp.to_table(f'"{name}"', dialect="duckdb")


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
