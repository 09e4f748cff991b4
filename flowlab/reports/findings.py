"""What a section of a report holds, before anything is written: sentences, figures, tables."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from flowlab.reports.material import Material

_DPI = 144  # finer than a page, so that it stays sharp when printed


@dataclass(frozen=True)
class Facts:
    """A few values under their names.

    Attributes
    ----------
    rows : sequence of (name, value)
        Plain text.
    """

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Listing:
    """A table with its caption; times are in the report's zone."""

    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """A picture, what it shows in one sentence, and its width on a page in pixels."""

    png: bytes
    text: str
    width: int


@dataclass(frozen=True)
class Found:
    """What a section found.

    Attributes
    ----------
    says : sequence of str
        Sentences in plain text, the most important one first.
    parts : sequence of Facts, Listing and Figure
        In the order in which they are to be read.
    call : str
        The Python that gives the same answer, where it depends on the records; else that of the
        section.
    """

    says: Sequence[str]
    parts: Sequence[Facts | Listing | Figure] = ()
    call: str = ""


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes
    ----------
    title : str
    call : str
        The Python that gives the same answer.
    cannot : sequence of str
        What the finding cannot show.
    find : callable
        Asks the questions.
    """

    title: str
    call: str
    cannot: Sequence[str]
    find: Callable[[Material], Found]


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def figure(ax: Axes) -> Figure:
    """Take a chart as a picture with its alt text, and close it."""
    import matplotlib.pyplot as plt

    from flowlab.pictures import describe

    whole = ax.get_figure(root=True)
    assert whole is not None  # noqa: S101
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Names in scripts that the picture's font lacks are boxes there; the table has them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # Without the version of matplotlib in it: the same picture is the same bytes.
        whole.savefig(
            file,
            format="png",
            dpi=_DPI,
            facecolor="white",
            bbox_inches="tight",
            metadata={"Software": None},
        )
    text = describe(ax)
    plt.close(whole)
    png = file.getvalue()
    return Figure(png, text, int.from_bytes(png[16:20], "big") * 96 // _DPI)
