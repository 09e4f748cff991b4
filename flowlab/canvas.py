"""What every chart looks like: white ground, axes in words, nothing told by colour alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator

from flowlab.wording import amount_text

# Okabe and Ito's colours, without the yellow that white swallows. No pair of line style and
# marker, and no hatch, comes twice.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STROKES = ("-", "--", "-.", ":", "-", "--", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")
# Laid over whatever style is on, for the figures we make ourselves.
STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "black",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": "black",
    "xtick.color": "black",
    "ytick.color": "black",
    "legend.facecolor": "white",
    "legend.edgecolor": "#aaaaaa",
    "hatch.linewidth": 0.8,
    "font.size": 10.0,
}


def utc_moments(times: Any) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    """Turn times into naive UTC moments, which is what matplotlib draws."""
    moments = pd.to_datetime(times, utc=True)  # without a zone it is UTC, as everywhere
    return pd.DatetimeIndex(moments).tz_localize(None).to_numpy("datetime64[s]")


@contextmanager
def drawing_on(ax: Axes | None, size: tuple[float, float]) -> Iterator[Axes]:
    """Give the Axes to draw on: the caller's, or those of a new white figure."""
    if ax is not None:
        yield ax
        return
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # its keys are literals
        figure, ours = plt.subplots(figsize=size, layout="constrained")
        try:
            yield ours
        except BaseException:
            plt.close(figure)  # or a notebook would show the half of it
            raise


def unit_axis(axis: Axis, unit: str) -> None:
    """Write an axis's numbers with their unit, in whole steps."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: amount_text(value, unit)))
    if unit != "%":  # a third of a byte is none
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=True))


def time_axis(ax: Axes, zone: tzinfo = UTC) -> None:
    """Write the time axis on the clock of a zone."""
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    ax.grid(axis="y", color="#dddddd", linewidth=0.8)
    ax.set_axisbelow(True)


def from_zero(ax: Axes, values: np.ndarray[Any, Any], axis: str = "x") -> None:
    """Begin at zero, and give a chart of nothing but zeros a scale."""
    top = 1 if not np.nanmax(values, initial=0) > 0 else None
    if np.nanmin(values, initial=0) >= 0:
        if axis == "x":
            ax.set_xlim(0, top)
        else:
            ax.set_ylim(0, top)


def say_no_records(ax: Axes) -> None:
    """Say on the chart itself that there is nothing to draw."""
    ax.text(0.5, 0.5, "no records", ha="center", va="center", transform=ax.transAxes)
    ax.set_xticks([])
    ax.set_yticks([])
