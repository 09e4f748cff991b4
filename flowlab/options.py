"""What every question has to settle first: measures, period, number of rows, width of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import MEASURES
from flowlab.errors import FlowlabError, unknown_name
from flowlab.reading import epoch
from flowlab.tables import Table, require


def measures_of(
    table: Table, asked_by: str, rank_by: str, keys: Sequence[str], own: Sequence[str] = ()
) -> list[str]:
    """Name the measures these records have, after checking keys and `rank_by`.

    `own` are further measures of the question, which need no column.
    """
    if rank_by not in (*MEASURES, *own):
        raise unknown_name(f"{asked_by}: rank_by =", rank_by, [*MEASURES, *own])
    require(table, keys, asked_by)
    if rank_by not in ("flow_records", *own):
        require(table, [rank_by], asked_by, "rank by flow_records, which every format has, or ")
    return [m for m in MEASURES if m == "flow_records" or m in table.columns]


def sums(measures: Sequence[str]) -> list[exp.Expr]:
    """Sum each measure, under its own name."""
    return [
        build.named(
            exp.Count(this=exp.Star()) if m == "flow_records" else build.total(build.column(m)), m
        )
        for m in measures
    ]


def period_of(table: Table, asked_by: str, start: Any, end: Any) -> list[exp.Expr]:
    """Select the records that start in a half-open period; without one, nothing is left out."""
    first, last = epoch(start, "start"), epoch(end, "end")
    if first is None and last is None:
        return []
    require(table, ["start"], asked_by)
    return build.in_period(first, last)


def rows(n: int | None, least: int = 1, name: str = "n") -> int | None:
    """Check a number of rows; None is all of them."""
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < least):
        raise FlowlabError(
            f"{name}={n!r} is not a number of rows.", fix=f"pass {least} or more, or None for all."
        )
    return n


def seconds_of(every: str) -> int:
    """Read the width of a step, in whole seconds."""
    try:
        step = pd.Timedelta(every)
        whole = step == step.floor("s")
    except (ValueError, TypeError) as problem:
        raise FlowlabError(
            f"every={every!r} is not a width of time.", fix='write it like "30s", "5min" or "1h".'
        ) from problem
    if not whole or step < pd.Timedelta("1s"):
        raise FlowlabError(
            f"every={every!r} is not a whole number of seconds.",
            "flow records have times in whole seconds.",
            'use "1s" or more.',
        )
    return int(step.total_seconds())
