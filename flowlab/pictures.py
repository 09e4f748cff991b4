"""A chart in a notebook: the picture, a sentence that says what it shows, its table."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.container import BarContainer
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

from flowlab.errors import FlowlabError
from flowlab.wording import MEASURES, WEEKDAYS, as_label, plain_text, value_text

_MOST_ROWS = 200  # of a table beside a chart
_DPI = 144  # of a picture that is shown: finer than a page, so that it stays sharp


def describe(ax: Axes) -> str:
    """Say in one sentence what a chart shows, for those who cannot see it.

    Parameters
    ----------
    ax : Axes
        What `bars`, `lines`, `areas` or `heatmap` returned.

    Returns
    -------
    str
        Kind, subject, how many, and what is largest; plain text.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> fl.plots.describe(fl.plots.bars(fl.breakdown(flows, "action"), value="flow_records"))
    'Bar chart of flow records by action: 2 bars, from ACCEPT with 89.3 k to REJECT with 7.7 k.'
    """
    subject, finding = _told(ax)
    return f"{subject}: {finding}."


@dataclass(frozen=True)
class Picture:
    """A chart as a notebook shows it: picture, caption, and its numbers as a folded table.

    Attributes
    ----------
    text : str
        One sentence that says what the chart shows; the picture's alt text.
    html : str
        All of it, in one piece that needs nothing from elsewhere.
    """

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def show(ax: Axes, table: pd.DataFrame | None = None) -> Picture:
    """Show a chart with its alt text and, folded below it, its numbers.

    A plain figure in a notebook has no alt text, so this is how our notebooks show theirs.

    Parameters
    ----------
    ax : Axes
        What `bars`, `lines`, `areas` or `heatmap` returned. Its whole figure is shown, and closed.
    table : DataFrame, optional
        The summary that was drawn; its first 200 rows are shown.

    Returns
    -------
    Picture

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> talkers = fl.top_talkers(flows, n=3)
    >>> "<img alt=" in fl.plots.show(fl.plots.bars(talkers), talkers).html
    True
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        raise FlowlabError("this Axes was removed from its figure.", fix="draw the chart again.")
    drawn = [one for one in figure.axes if one.get_label() != "<colorbar>"]
    text = " ".join(map(describe, drawn))
    caption = "; ".join(_told(one)[0] for one in drawn)
    png = _png(figure)
    plt.close(figure)
    # Its width as PNG's header gives it, at the 96 dots per inch of a page.
    width = int.from_bytes(png[16:20], "big") * 96 // _DPI
    return Picture(
        text,
        f"<figure style='margin:0 0 1em 0'><img alt=\"{html.escape(text)}\""
        f' src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}"'
        f" style='width:{width}px;max-width:100%;background:white'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>{_folded(table)}",
    )


def _told(ax: Axes) -> tuple[str, str]:
    """Subject and finding of a chart, from its artists."""
    kind = ax.get_gid()
    x, y = _in_words(ax.get_xlabel()), _in_words(ax.get_ylabel())
    if kind == "flowlab bars":
        return f"Bar chart of {x} by {y}", _told_of_bars(ax)
    if kind == "flowlab lines":
        return f"Line chart of {y} over {x}", _told_of_lines(ax)
    if kind == "flowlab areas":
        return f"Stacked chart of {y} over {x}", _told_of_areas(ax)
    if kind == "flowlab heatmap":
        what = _in_words(_colour_axis(ax).get_label_text()) if ax.collections else y
        return f"Heat map of {what} by weekday and {x.split(';')[0]}", _told_of_heatmap(ax)
    title = as_label(ax.get_title()) or "Chart"
    return title, f"{y or 'values'} by {x or 'position'}"


def _told_of_bars(ax: Axes) -> str:
    groups = [c for c in ax.containers if isinstance(c, BarContainer)]
    names = [as_label(text.get_text()) for text in ax.get_yticklabels()]
    parts = []
    for group in groups:
        widths = np.array([patch.get_width() for patch in group])
        if np.isnan(widths).all():
            continue
        most, least = int(np.nanargmax(widths)), int(np.nanargmin(widths))
        say = ax.xaxis.get_major_formatter()
        part = f"{names[most]} with {say(widths[most])}"
        if most != least:
            part = f"from {part} to {names[least]} with {say(widths[least])}"
        parts.append(part if len(groups) == 1 else f"{group.get_label()} {part}")
    if not parts:
        return "no records"
    count = f"{len(names)} bar{'s' * (len(names) > 1)}"
    return f"{count}, {'; '.join(parts)}"


def _told_of_lines(ax: Axes) -> str:
    # Only lines over moments: the caller's own Axes may hold others.
    drawn = [line for line in ax.lines if _moments(line).dtype.kind == "M"]
    if not drawn:
        return "no records"
    say = ax.yaxis.get_major_formatter()
    parts = []
    for line in drawn:
        amounts = np.asarray(line.get_ydata(orig=True), "float64")
        at = int(np.nanargmax(amounts))
        peak = f"peaks at {say(amounts[at])} at {_minute(_moments(line)[at])}"
        parts.append((amounts[at], f"{as_label(str(line.get_label()))} {peak}"))
    every = np.concatenate([_moments(line) for line in drawn])
    largest = [text for _, text in sorted(parts, key=lambda part: -part[0])[:3]]
    span = f"{_minute(every.min())} to {_minute(every.max())}"
    count = f"{len(drawn)} line{'s' * (len(drawn) > 1)}"
    more = f"; and {len(drawn) - 3} more" if len(drawn) > 3 else ""
    return f"{count}, {span}; {'; '.join(largest)}{more}"


def _told_of_areas(ax: Axes) -> str:
    layers = [one for one in ax.patches if isinstance(one, StepPatch)]
    if not layers:
        return "no records"
    say = ax.yaxis.get_major_formatter()
    zone = getattr(ax.xaxis.get_major_locator(), "tz", UTC)  # the axis's own
    top, edges, _ = layers[-1].get_data()
    moments = num2date(edges, tz=zone)  # type: ignore[no-untyped-call]
    peak = int(np.argmax(top))
    sums = []
    for layer in layers:
        above, _, below = layer.get_data()
        sums.append((float(np.sum(above - below)), as_label(str(layer.get_label()))))
    whole = sum(amount for amount, _ in sums) or 1
    largest = sorted(sums, key=lambda one: -one[0])[:3]
    shares = ", ".join(f"{name} {amount / whole:.0%}" for amount, name in largest)
    more = f", and {len(sums) - 3} more" if len(sums) > 3 else ""
    count = f"{len(layers)} layer{'s' * (len(layers) > 1)}"
    first, last, highest = (f"{moments[at]:%Y-%m-%d %H:%M}" for at in (0, -1, peak))
    return (
        f"{count}, {first} to {last}; together they peak at {say(top[peak])} at {highest};"
        f" of the whole {shares}{more}"
    )


def _told_of_heatmap(ax: Axes) -> str:
    if not ax.collections:
        return "no records"
    cells: Any = np.ma.asarray(ax.collections[0].get_array()).reshape(7, 24)
    say = _colour_axis(ax).get_major_formatter()
    ends = []
    for at in (cells.argmax(), cells.argmin()):
        day, hour = divmod(int(at), 24)
        ends.append(f"{WEEKDAYS[day]} {hour:02}:00 with {say(cells[day, hour])}")
    return f"{cells.count()} of 168 hours of the week are known, from {ends[0]} to {ends[1]}"


def _colour_axis(ax: Axes) -> Axis:
    bar = ax.collections[0].colorbar
    assert bar is not None  # noqa: S101
    return bar.ax.yaxis


def _in_words(label: str) -> str:
    """Text of an axis label, in one line that reads on."""
    return (
        as_label(label)
        .replace("\n", " ")
        .replace(", as recorded at each ENI", " (as recorded at each ENI)")
    )


def _moments(line: Line2D) -> np.ndarray[Any, Any]:
    return np.asarray(line.get_xdata(orig=True))


def _minute(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[m]")).replace("T", " ")


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(
        file,
        format="png",
        dpi=_DPI,
        facecolor="white",
        bbox_inches="tight",
        metadata={"Software": None},
    )
    return file.getvalue()


def _folded(table: pd.DataFrame | None) -> str:
    if table is None:
        return ""
    shown = min(len(table), _MOST_ROWS)
    cut = f", the first {shown} of {len(table):,} rows" if len(table) > shown else ""
    title = f"<summary>The numbers as a table{cut}</summary>"
    return f"<details>{title}{table_html(table)}</details>"


def table_html(table: pd.DataFrame) -> str:
    """Write the first 200 rows of a summary as an HTML table."""
    rows = table.head(_MOST_ROWS)
    head = "".join(
        f"<th scope='col' style='text-align:{_side(str(c))}'>{html.escape(plain_text(str(c)))}</th>"
        for c in rows.columns
    )
    body = []
    for row in rows.itertuples(index=False, name=None):
        cells = zip(map(str, rows.columns), row, strict=True)
        body.append("<tr>" + "".join(_cell(name, value) for name, value in cells) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _cell(name: str, value: Any) -> str:
    return f"<td style='text-align:{_side(name)}'>{html.escape(cell_text(name, value))}</td>"


def cell_text(name: str, value: Any) -> str:
    """Write a value of a table: measures in full, keys in words."""
    if name in MEASURES and not pd.isna(value):
        return f"{value:.2%}" if MEASURES[name][1] == "%" else f"{value:,}"
    return value_text(name, value)


def _side(name: str) -> str:
    return "right" if name in MEASURES else "left"
