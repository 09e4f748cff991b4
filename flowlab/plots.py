"""Charts of summaries: each takes the small DataFrame a question gave and returns an Axes.

Nothing is computed here but the layout. A chart is white whatever the theme, says its units in
words, and can be read in grey. `show` puts it into a notebook with its alt text and its table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from flowlab.canvas import (
    COLOURS,
    HATCHES,
    MARKERS,
    STROKES,
    drawing_on,
    from_zero,
    say_no_records,
    time_axis,
    unit_axis,
    utc_moments,
)
from flowlab.drawable import (
    check_summary,
    keys_of,
    numbers_of,
    require,
    require_numbers,
    row_name,
    series_of,
    step_of,
    zone_named,
)
from flowlab.errors import FlowlabError
from flowlab.pictures import Picture, describe, show
from flowlab.stacks import areas
from flowlab.waterfalls import waterfall
from flowlab.wording import (
    LONGEST,
    VANTAGE,
    WEEKDAYS,
    amount_text,
    measure_words,
    plain_text,
    step_in_words,
)

__all__ = ["Picture", "areas", "bars", "describe", "heatmap", "lines", "show", "waterfall"]

_MOST_BARS = 30


def bars(
    summary: pd.DataFrame,
    *,
    value: str | Sequence[str] = "bytes",
    label: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the rows of a summary as bars, in their order, the first on top.

    Parameters
    ----------
    summary : DataFrame
        As `breakdown` or `top_talkers` gives it.
    value : str or sequence of str
        Column to draw, or several of one unit, such as ``["bytes_sent", "bytes_received"]``.
    label : str or sequence of str, optional
        Columns that name a bar; by default all that are no measure.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        At most 30 bars; the axis says so when there are more rows. A null key is "(none)".

    Raises
    ------
    MissingFieldError, UnknownNameError
        A column is not in the summary.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> ax = fl.plots.bars(fl.top_talkers(flows, n=5))
    >>> ax.get_ylabel()
    'addr'
    """
    check_summary(summary, "bars")
    values = [value] if isinstance(value, str) else list(value)
    keys = keys_of(summary) if label is None else [label] if isinstance(label, str) else list(label)
    require(summary, [*values, *keys], "bars")
    require_numbers(summary, values, "bars")
    units = {measure_words(v)[1] for v in values}
    if len(units) != 1:
        raise FlowlabError(
            f"bars: {', '.join(values)} do not share a unit.",
            fix="draw values of one unit together, such as bytes_sent and bytes_received.",
        )
    unit = units.pop()
    rows = summary.head(_MOST_BARS)
    names = [row_name(rows, keys, at) for at in range(len(rows))]
    width = 8 if max(map(len, names), default=0) <= LONGEST else 11
    with drawing_on(ax, (width, 1.1 + len(names) * max(0.32, 0.2 * len(values)))) as ax:
        thickness = 0.8 / len(values)
        places = np.arange(len(rows))
        if len(rows):
            for number, name in enumerate(values):
                drawn = ax.barh(
                    places - 0.4 + thickness * (number + 0.5),
                    numbers_of(rows[name]),
                    thickness * 0.92,
                    color=COLOURS[number % len(COLOURS)],
                    hatch=HATCHES[number % len(HATCHES)] if len(values) > 1 else "",
                    edgecolor="black" if len(values) > 1 else "none",
                    linewidth=0.5,
                    label=measure_words(name)[0],
                )
                ends = [amount_text(v, unit) for v in numbers_of(rows[name])]
                ax.bar_label(drawn, ends, padding=3, fontsize="small")
            ax.set_yticks(places, names)
            ax.invert_yaxis()
            ax.margins(x=0.12, y=0.02)
            from_zero(ax, np.concatenate([numbers_of(rows[v]) for v in values]))
            unit_axis(ax.xaxis, unit)
        else:
            say_no_records(ax)
        nouns = " and ".join(measure_words(v)[0] for v in values)
        ax.set_xlabel((nouns + (VANTAGE if measure_words(values[0])[2] else "")).replace("\n", " "))
        by = plain_text(", ".join(keys))
        if len(summary) > len(rows):
            by += f"\n(the first {len(rows)} of {len(summary):,} rows)"
        ax.set_ylabel(by)
        if len(values) > 1 and len(rows):
            ax.legend(loc="lower right")  # where a ranking leaves room
        ax.set_gid("flowlab bars")
    return ax


def lines(
    volume: pd.DataFrame,
    *,
    value: str = "bytes",
    by: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw traffic over time, one line for each group.

    Every step is drawn as wide as it is: a value is the sum of its step, not a moment's.

    Parameters
    ----------
    volume : DataFrame
        As `traffic_over_time` gives it.
    value : str
        Column to draw.
    by : str or sequence of str, optional
        Columns that make a line; by default all that are neither time nor measure. Columns left
        out are added up.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        Time in UTC. At most 7 lines, those with most; the legend says so when there are more.
        Rows without a time are not drawn, and the axis says so.

    Raises
    ------
    MissingFieldError, UnknownNameError
        A column is not in the summary.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> ax = fl.plots.lines(fl.traffic_over_time(flows, every="1h", by="action"))
    >>> [line.get_label() for line in ax.lines]
    ['ACCEPT', 'REJECT']
    """
    check_summary(volume, "lines")
    keys = [by] if isinstance(by, str) else list(by) if by is not None else None
    require(volume, ["time", value, *(keys or [])], "lines")
    require_numbers(volume, [value], "lines")
    if keys is None:
        keys = [k for k in keys_of(volume) if k != "time"]
    noun, unit, vantage = measure_words(value)
    timed = volume[volume["time"].notna()]
    step = step_of(timed["time"])
    series = series_of(timed, value, keys)
    shown = sorted(series, key=lambda one: -one[1].sum())[: len(COLOURS)]
    # Whoever is drawn keeps its place, and so its colour, in the order of the groups.
    shown = [one for one in series if any(one is kept for kept in shown)]
    with drawing_on(ax, (9, 3.6)) as ax:
        for number, (name, heights) in enumerate(shown):
            times, amounts = utc_moments(heights.index), heights.to_numpy("float64")
            if step:  # draw the last step in its width too
                times = np.append(times, times[-1] + np.timedelta64(step, "s"))
                amounts = np.append(amounts, amounts[-1])
            ax.plot(
                times,
                amounts,
                drawstyle="steps-post",
                color=COLOURS[number],
                linestyle=STROKES[number],
                marker=MARKERS[number] if len(shown) > 1 or not step else "",
                markersize=4,
                markevery=max(1, len(times) // 12),
                linewidth=1.6,
                label=name,
            )
        if shown:
            time_axis(ax)
            from_zero(ax, np.concatenate([h.to_numpy("float64") for _, h in shown]), "y")
            unit_axis(ax.yaxis, unit)
        else:
            say_no_records(ax)
        if keys and shown:
            title = plain_text(", ".join(keys))
            if len(series) > len(shown):
                title += f"\n({len(shown)} largest of {len(series):,})"
            ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
        per = f"{noun} per {step_in_words(step)}"
        ax.set_ylabel(per + (VANTAGE if vantage else ""))
        left_out = "; records without a time are not drawn" if len(timed) < len(volume) else ""
        ax.set_xlabel(f"time, UTC{left_out}")
        ax.set_gid("flowlab lines")
    return ax


def heatmap(
    volume: pd.DataFrame,
    *,
    value: str = "bytes",
    tz: str = "UTC",
    ax: Axes | None = None,
) -> Axes:
    """Draw the hours of the day by the days of the week; darker is more.

    Parameters
    ----------
    volume : DataFrame
        As ``traffic_over_time(flows, every="1h")`` gives it; groups are added up.
    value : str
        Column to draw: the mean over all hours of the period that fall into a cell.
    tz : str
        Time zone of hours and weekdays, such as "Europe/Madrid".
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        The largest cell is framed. Hatched cells are hours outside the period: nothing is known
        of them.

    Raises
    ------
    FlowlabError
        The steps are not hours, or there is no such time zone.
    MissingFieldError, UnknownNameError
        A column is not in the summary.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> ax = fl.plots.heatmap(fl.traffic_over_time(flows, every="1h"))
    >>> ax.get_xlabel()
    'hour of the day, UTC; hatched: outside the period'
    """
    check_summary(volume, "heatmap")
    require(volume, ["time", value], "heatmap")
    require_numbers(volume, [value], "heatmap")
    timed = volume[volume["time"].notna()]
    step = step_of(timed["time"])
    if step not in (0, 3600):
        raise FlowlabError(
            f"heatmap draws hours; the steps of this summary are {step:,} s wide.",
            fix='pass fl.traffic_over_time(flows, every="1h").',
        )
    hours = timed.groupby("time")[value].sum()
    local = pd.DatetimeIndex(pd.to_datetime(hours.index, utc=True)).tz_convert(zone_named(tz))
    places = [local.day_of_week, local.hour]
    means = hours.astype("float64").groupby(places).mean()
    week = means.reindex(pd.MultiIndex.from_product([range(7), range(24)]))
    cells = np.ma.masked_invalid(week.to_numpy().reshape(7, 24))
    noun, unit, vantage = measure_words(value)
    what = f"mean {noun} per hour" + (VANTAGE if vantage else "")
    with drawing_on(ax, (10, 3.2)) as ax:
        if cells.count():
            mesh = ax.pcolormesh(cells, cmap="Blues", edgecolors="white", vmin=0)
            ax.patch.set(hatch="////", edgecolor="#cccccc", facecolor="white")
            day, hour = divmod(int(cells.argmax()), 24)
            ax.add_patch(Rectangle((hour, day), 1, 1, fill=False, lw=2, ec="black"))
            bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
            unit_axis(bar.ax.yaxis, unit)
            bar.set_label(what)
            ax.set_xticks(np.arange(24) + 0.5, [f"{h:02}" for h in range(24)])
            ax.set_yticks(np.arange(7) + 0.5, [d[:3] for d in WEEKDAYS])
            ax.tick_params(length=0)
            ax.invert_yaxis()
        else:
            say_no_records(ax)
            ax.set_ylabel(what)
        outside = "; hatched: outside the period" if 0 < cells.count() < cells.size else ""
        ax.set_xlabel(f"hour of the day, {plain_text(tz)}{outside}")
        ax.set_gid("flowlab heatmap")
    return ax
