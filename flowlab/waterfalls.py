"""The picture of a waterfall: what each rule takes in turn, what overlaps, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from flowlab.canvas import COLOURS, drawing_on, say_no_records, unit_axis
from flowlab.errors import FlowlabError, unknown_name
from flowlab.wording import VANTAGE, amount_text, cut_short, measure_words, plain_text

_VALUES = ("flow_records", "packets", "bytes")


def waterfall(steps: pd.DataFrame, *, value: str = "flow_records", ax: Axes | None = None) -> Axes:
    """Draw what each rule takes in its turn, from all records down to what is kept.

    Parameters
    ----------
    steps : DataFrame
        As `flowlab.exclusions.waterfall` gives it.
    value : {"flow_records", "packets", "bytes"}
        Measure to draw.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        One bar per step, the first on top. A rule's bar hangs where the one above it ends; what it
        would also match, but earlier rules had taken, is hatched to its right, so that the whole
        bar is what the rule matches alone.

    Raises
    ------
    UnknownNameError
        No such measure in the steps.
    FlowlabError
        Not the steps of a waterfall.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> ax = fl.plots.waterfall(fl.waterfall(flows, ["dns-private", "dns"]))
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['all records', 'dns-private', 'dns', 'kept']
    """
    if not isinstance(steps, pd.DataFrame) or "step" not in steps:
        raise FlowlabError(
            f"plots.waterfall cannot draw this {type(steps).__name__}.",
            fix="pass the DataFrame of fl.waterfall(flows, rules=[...]).",
        )
    known = [name for name in _VALUES if f"{name}_taken" in steps]
    if value not in known:
        raise unknown_name("plots.waterfall: value =", value, known)
    noun, unit, vantage = measure_words(value)
    remaining, taken, overlap = (
        steps[f"{value}_{part}"].to_numpy("float64") for part in ("remaining", "taken", "overlap")
    )
    rules = np.ones(len(steps), bool)
    rules[[0, -1]] = False
    names = [cut_short(plain_text(str(step))).replace("$", r"\$") for step in steps["step"]]
    # NaN, not zero, where a step has no such part: zero would be drawn, and told.
    parts: list[tuple[str, np.ndarray[Any, Any], Any, dict[str, Any]]] = [
        ("left", np.where(rules, np.nan, remaining), None, {"color": COLOURS[0]}),
        ("taken at its turn", np.where(rules, taken, np.nan), remaining,
         {"color": COLOURS[1], "hatch": "///", "edgecolor": "black"}),
        ("taken by earlier rules", np.where(rules, overlap, np.nan), remaining + taken,
         {"color": "white", "hatch": "...", "edgecolor": "#555555"}),
    ]  # fmt: skip
    with drawing_on(ax, (9, 1.3 + 0.36 * len(steps))) as ax:
        if remaining[0] > 0:
            places = np.arange(len(steps))
            for label, widths, begin, look in parts:
                ax.barh(places, widths, 0.7, left=begin, label=label, linewidth=0.6, **look)
            ends = np.where(rules, remaining + taken + overlap, remaining)
            for place, end in enumerate(ends):
                words = amount_text(remaining[place], unit)
                if rules[place]:
                    words = _amount(steps.iloc[place], value, unit)
                beside: dict[str, Any] = {
                    "textcoords": "offset points",
                    "va": "center",
                    "fontsize": "small",
                }
                ax.annotate(words, (end, place), (4, 0), **beside)
            ax.set_yticks(places, names)
            ax.invert_yaxis()
            ax.set_xlim(0, remaining[0] * 1.2)  # room for the amounts
            unit_axis(ax.xaxis, unit)
            ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
        else:
            say_no_records(ax)
        ax.set_xlabel((noun + (VANTAGE if vantage else "")).replace("\n", " "))
        ax.set_ylabel("step")
        ax.set_gid("flowlab bars")
    return ax


def _amount(step: pd.Series[int], value: str, unit: str) -> str:
    words = amount_text(float(step[f"{value}_taken"]), unit)
    if step[f"{value}_overlap"]:
        words += f" of {amount_text(float(step[f'{value}_alone']), unit)}"
    return words
