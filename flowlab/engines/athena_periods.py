"""The period a question asks for, read off the question itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from flowlab.tables import RELATION

Span = tuple[int | None, int | None]  # half-open [epoch s]; None: without a bound on that side

# After these, a condition further out no longer says which records were read.
_SETTLED = ("limit", "offset", "group", "distinct", "having", "qualify", "windows")


def period_asked(query: exp.Query) -> Span:
    """Find the period that holds every record a question reads.

    Parameters
    ----------
    query : Query
        Over the relation "flows".

    Returns
    -------
    (int or None, int or None)
        Half-open, on the records' start. [epoch s] None on a side on which any part of the
        question reads without a bound.
    """
    read = [t for t in query.find_all(exp.Table) if t.name == RELATION and not t.db]
    return _hull(_span(t.parent_select) for t in read)


def _span(select: exp.Select | None) -> Span:
    """Bounds on `start` of what a SELECT reads: its own, and those of what reads it."""
    if select is None:
        return None, None
    low, high = _own(select)
    if (low is None or high is None) and _hands_on_start(select):
        further = _hull(_span(reader) for reader in _readers(select))
        low = further[0] if low is None else low
        high = further[1] if high is None else high
    return low, high


def _own(select: exp.Select) -> Span:
    where = select.args.get("where")
    low, high = None, None
    for condition in where.this.flatten() if where and isinstance(where.this, exp.And) else (
        [where.this] if where else []
    ):  # fmt: skip
        test = condition.unnest()
        if not isinstance(test, (exp.GTE, exp.GT, exp.LT, exp.LTE)):
            continue
        column, value = test.this, test.expression
        if not (isinstance(column, exp.Column) and column.name == "start" and value.is_int):
            continue
        number = int(value.name)
        if isinstance(test, (exp.GTE, exp.GT)):
            bound = number + isinstance(test, exp.GT)
            low = bound if low is None else max(low, bound)
        else:
            bound = number + isinstance(test, exp.LTE)
            high = bound if high is None else min(high, bound)
    return low, high


def _hands_on_start(select: exp.Select) -> bool:
    if any(select.args.get(part) for part in _SETTLED) or select.find(exp.Window):
        return False
    return any(
        isinstance(p, exp.Star) or (isinstance(p, exp.Column) and p.name in ("start", "*"))
        for p in select.expressions
    )


def _readers(select: exp.Select) -> Iterator[exp.Select | None]:
    """Each SELECT that reads this one; None stands for the person who asked."""
    whole: exp.Expr = select
    while isinstance(whole.parent, exp.SetOperation):
        whole = whole.parent
    above = whole.parent
    if isinstance(above, exp.CTE):
        for table in above.root().find_all(exp.Table):
            if table.name == above.alias and not table.db:
                yield table.parent_select
    elif isinstance(above, exp.Subquery):
        yield above.parent_select
    else:
        yield None


def _hull(spans: Iterable[Span]) -> Span:
    lows, highs = zip(*spans, strict=True) if (spans := list(spans)) else ((None,), (None,))
    return (
        None if None in lows else min(lows),
        None if None in highs else max(highs),
    )
