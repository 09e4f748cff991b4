"""Traffic over time as a stack: the height is the sum, its layers are the groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import StepPatch

from flowlab.canvas import (
    COLOURS,
    HATCHES,
    drawing_on,
    say_no_records,
    time_axis,
    unit_axis,
    utc_moments,
)
from flowlab.drawable import (
    check_summary,
    keys_of,
    require,
    require_numbers,
    series_of,
    step_of,
    zone_named,
)
from flowlab.wording import VANTAGE, measure_words, plain_text, step_in_words

_MOST_LAYERS = len(HATCHES)


def areas(
    volume: pd.DataFrame,
    *,
    value: str = "bytes",
    by: str | Sequence[str] | None = None,
    tz: str = "UTC",
    ax: Axes | None = None,
) -> Axes:
    """Draw traffic over time as a stack, one layer for each group.

    The height of the stack is the sum of all groups; layers differ by colour and by hatch.

    Parameters
    ----------
    volume : DataFrame
        As `traffic_over_time` gives it.
    value : str
        Column to draw.
    by : str or sequence of str, optional
        Columns that make a layer; by default all that are neither time nor measure. Columns left
        out are added up.
    tz : str
        Time zone of the axis, such as "Europe/Madrid".
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        At most 7 layers: of more groups the smallest are one layer, so that the
        height stays the sum. Rows without a time are not drawn, and the axis says so.

    Raises
    ------
    FlowlabError
        There is no such time zone.
    MissingFieldError, UnknownNameError
        A column is not in the summary.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> ax = fl.plots.areas(fl.traffic_over_time(flows, every="1h", by="action"))
    >>> [layer.get_label() for layer in ax.patches]
    ['ACCEPT', 'REJECT']
    """
    check_summary(volume, "areas")
    keys = [by] if isinstance(by, str) else list(by) if by is not None else None
    require(volume, ["time", value, *(keys or [])], "areas")
    require_numbers(volume, [value], "areas")
    if keys is None:
        keys = [k for k in keys_of(volume) if k != "time"]
    zone = zone_named(tz)
    noun, unit, vantage = measure_words(value)
    timed = volume[volume["time"].notna()]
    step = step_of(timed["time"])
    layers = _layers(series_of(timed, value, keys))
    with drawing_on(ax, (9, 3.6)) as ax:
        if layers:
            moments = utc_moments(pd.Index(sorted(timed["time"].unique())))
            # A single step has no width of its own; a minute lets it be seen.
            ends = np.append(moments, moments[-1] + np.timedelta64(step or 60, "s"))
            edges = date2num(ends)  # type: ignore[no-untyped-call]
            below = np.zeros(len(moments))
            for number, (name, heights) in enumerate(layers):
                layer = StepPatch(
                    below + heights,
                    edges,
                    baseline=below,  # type: ignore[arg-type]  # one for each step is fine
                    fill=True,
                    facecolor=COLOURS[number],
                    edgecolor="white",
                    hatch=HATCHES[number],
                    linewidth=0,
                    label=name,
                )
                # ax.stairs would search every corner for the limits: four times the whole time.
                ax.add_artist(layer)
                below = below + heights
            ax.xaxis_date(tz=zone)
            time_axis(ax, zone)
            ax.set(xlim=(edges[0], edges[-1]), ylim=(0, below.max() * 1.05 or 1))
            unit_axis(ax.yaxis, unit)
        else:
            say_no_records(ax)
        if keys and layers:
            # In the order of the stack, the topmost first.
            ax.legend(
                title=plain_text(", ".join(keys)), reverse=True,
                loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0,
            )  # fmt: skip
        per = f"{noun} per {step_in_words(step)}"
        ax.set_ylabel(per + (VANTAGE if vantage else ""))
        left_out = "; records without a time are not drawn" if len(timed) < len(volume) else ""
        ax.set_xlabel(f"time, {plain_text(tz)}{left_out}")
        ax.set_gid("flowlab areas")
    return ax


def _layers(series: list[tuple[str, pd.Series]]) -> list[tuple[str, np.ndarray]]:
    """Bring groups to the same steps, and the smallest of too many into one."""
    if not series:
        return []
    wide = pd.concat([heights for _, heights in series], axis=1).sort_index()
    heights = wide.to_numpy("float64", na_value=0).T
    names = [name for name, _ in series]
    if len(names) > _MOST_LAYERS:
        largest = sorted(range(len(names)), key=lambda at: -heights[at].sum())
        kept = sorted(largest[: _MOST_LAYERS - 1])
        rest = sorted(set(range(len(names))) - set(kept))
        names = [*(names[at] for at in kept), f"({len(rest):,} others)"]
        heights = np.vstack([heights[kept], heights[rest].sum(axis=0)])
    return list(zip(names, heights, strict=True))
