"""Pen strokes of the drawing of a set-up: boxes, arrows, words; each status has its sign."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox, TransformedBbox

from flowlab.setup.verdicts import Status
from flowlab.wording import cut_short, plain_text

# A sign for each status, so that grey and colour-blind eyes read it; Okabe and Ito's colours,
# dark enough for text on white.
SIGNS: dict[Status, str] = {"ok": "✓", "warn": "!", "unknown": "?", "fail": "✗"}
INK: dict[Status, str] = {"ok": "#00684c", "warn": "#8a5a00", "unknown": "#444444",
                           "fail": "#b34700"}  # fmt: skip
_SMALL, GREY = 8.0, "#777777"


def outline(
    ax: Axes, left: float, top: float, wide: float, tall: float, ink: str,
    *, width: float = 1.0, style: str = "-",
) -> None:  # fmt: skip
    """Draw a box with round corners; lengths as the Axes counts."""
    ax.add_patch(
        FancyBboxPatch(
            (left, top), wide, tall, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="white", edgecolor=ink, linewidth=width, linestyle=style,
        )
    )  # fmt: skip


def write(
    ax: Axes, x: float, y: float, text: str, *, colour: str = "black", bold: bool = False,
    align: str = "left", upright: str = "center", cut: int = 400, until: float | None = None,
) -> None:  # fmt: skip
    """Write harmless words at a place, cut to so many letters, and never beyond `until`."""
    words = ax.text(
        x, y, clean(text, cut), fontsize=_SMALL, color=colour, ha=align, va=upright,
        weight="bold" if bold else "normal", linespacing=1.15,
    )  # fmt: skip
    if until is not None:  # letters differ in width, so a cut alone does not hold them
        place = Bbox.from_extents(x, y - 1, until, y + 1)
        words.set_clip_box(TransformedBbox(place, ax.transData))
        words.set_clip_on(True)


def arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], alive: bool, cross: bool
) -> None:
    """Draw an arrow to a link: dotted where nothing gets to it, crossed where it breaks."""
    style = {"arrowstyle": "->", "color": "#222222" if alive else GREY, "linewidth": 1.2,
             "linestyle": "-" if alive and not cross else "--" if cross else ":",
             "shrinkA": 0, "shrinkB": 0}  # fmt: skip
    ax.annotate("", end, start, arrowprops=style)
    if cross:
        ground = {"boxstyle": "circle,pad=0.05", "facecolor": "white", "edgecolor": "none"}
        ax.text(
            (start[0] + end[0]) / 2, (start[1] + end[1]) / 2, SIGNS["fail"], color=INK["fail"],
            fontsize=15, weight="bold", ha="center", va="center", bbox=ground,
        )  # fmt: skip


def folded(text: str, wide: int, most: int) -> list[str]:
    """Break a text into at most so many lines, and show where it was cut."""
    lines = textwrap.wrap(plain_text(text), wide, break_on_hyphens=True) or [""]
    if len(lines) > most:
        lines = [*lines[: most - 1], cut_short("".join(lines[most - 1 :]), wide)]
    return lines


def clean(text: str, longest: int) -> str:
    """Make a text harmless, line by line, and keep matplotlib from reading formulas in it."""
    lines = [cut_short(plain_text(line), longest) for line in text.split("\n")]
    return "\n".join(lines).replace("$", r"\$")
