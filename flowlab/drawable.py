"""What a chart needs of a summary: columns that are there, numbers, rows that have names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flowlab import schema
from flowlab.canvas import utc_moments
from flowlab.errors import FlowlabError, MissingFieldError, unknown_name
from flowlab.wording import LONGEST, MEASURES, cut_short, value_text


def check_summary(summary: object, asked_by: str) -> None:
    """Refuse what is no summary, and say what to pass."""
    if not isinstance(summary, pd.DataFrame):
        raise FlowlabError(
            f"{asked_by} cannot draw a {type(summary).__name__}.",
            fix="pass the DataFrame that fl.top_talkers or fl.traffic_over_time gave, say.",
        )
    if {"srcaddr", "start"} <= set(summary.columns) and "flow_records" not in summary.columns:
        raise FlowlabError(
            f"{asked_by} draws a summary; these are flow records.",
            fix=f"sum them up first, as in plots.{asked_by}("
            + (
                "fl.top_talkers(flows))." if asked_by == "bars" else "fl.traffic_over_time(flows))."
            ),
        )


def keys_of(summary: pd.DataFrame) -> list[str]:
    """Name the columns that are no measure."""
    return [str(c) for c in summary.columns if c not in MEASURES]


def require(summary: pd.DataFrame, names: Sequence[str], asked_by: str) -> None:
    """Check that the columns are there; what is missing is named, with its cause."""
    missing = [name for name in dict.fromkeys(names) if name not in summary.columns]
    for name in missing:
        if name not in MEASURES and name not in schema.BY_COLUMN and name != "time":
            raise unknown_name(f"{asked_by}: the column", name, map(str, summary.columns))
    if not missing:
        if "time" in names and not pd.api.types.is_datetime64_any_dtype(summary["time"]):
            raise FlowlabError(
                f"{asked_by}: the column time holds {summary['time'].dtype}, not moments.",
                fix="pass fl.traffic_over_time(flows, ...).",
            )
        return
    if "time" in missing:
        why, fix = "it is not a summary over time.", "pass fl.traffic_over_time(flows, ...)."
    elif all(name in ("bytes", "packets") for name in missing):
        why = f"the flow log's format does not include the AWS field {' and '.join(missing)}."
        fix = 'draw another value, such as value="flow_records".'
    else:
        why = "the question did not ask for it."
        fix = f"the summary has {', '.join(map(str, summary.columns))}."
    plural = "s" * (len(missing) > 1)
    raise MissingFieldError(
        f"{asked_by} needs the column{plural} {', '.join(missing)}, which this summary lacks.",
        why,
        fix,
    )


def require_numbers(summary: pd.DataFrame, names: Sequence[str], asked_by: str) -> None:
    """Check that the columns can be drawn."""
    numeric = [str(c) for c in summary.columns if pd.api.types.is_numeric_dtype(summary[c])]
    for name in names:
        if name not in numeric:
            raise unknown_name(f"{asked_by}: value =", name, numeric)


def zone_named(tz: str) -> ZoneInfo:
    """Find a time zone by its name."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, TypeError, OSError) as problem:  # OSError: the name of a folder
        raise FlowlabError(
            f"tz={tz!r} is not a time zone.", fix='write it like "UTC" or "Europe/Madrid".'
        ) from problem


def numbers_of(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give a column as numbers, NaN where it is null."""
    return column.to_numpy("float64", na_value=np.nan)


def series_of(timed: pd.DataFrame, value: str, keys: list[str]) -> list[tuple[str, pd.Series[Any]]]:
    """Give name and values over time of each group, in the order of the rows."""
    if timed.empty:
        return []
    if not keys:
        return [("all traffic", timed.groupby("time")[value].sum())]
    groups = timed.groupby(keys, dropna=False, sort=False, observed=True)
    return [
        (row_name(rows, keys, 0), rows.groupby("time")[value].sum().sort_index())
        for _, rows in groups
    ]


def step_of(times: pd.Series[Any]) -> int:
    """Give the width of the steps in seconds: the least distance of two, 0 if there is but one."""
    moments = np.unique(utc_moments(times))
    return int(np.diff(moments).min().astype("int64")) if len(moments) > 1 else 0


def row_name(rows: pd.DataFrame, keys: Sequence[str], at: int) -> str:
    """Name a row by its keys, as text that cannot act as a formula."""
    parts = [cut_short(value_text(key, rows[key].iloc[at])) for key in keys]
    pair = len(keys) == 2 and keys[0].endswith("srcaddr") and keys[1].endswith("dstaddr")
    name = (" \N{RIGHTWARDS ARROW} " if pair else ", ").join(parts)
    name = cut_short(name, 2 * LONGEST + 3).replace("$", r"\$")  # no formulas
    return f" {name}" if name.startswith("_") else name  # matplotlib hides such labels
