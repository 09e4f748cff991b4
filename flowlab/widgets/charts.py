"""A chart that lives in a widget: drawn again and again on one figure, clicked and dragged over.

With ipympl the figure itself is in the notebook, and answers to the mouse; without it, a picture
is, and the controls beside it do the same.
"""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Callable
from typing import Any

import ipywidgets as w
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.widgets import SpanSelector
from PIL import Image

from flowlab.canvas import STYLE
from flowlab.pictures import describe
from flowlab.wording import plain_text

_DPI = 96


class Chart:
    """One figure and the widget that shows it.

    Parameters
    ----------
    size : tuple of float
        Width and height. [inches]
    clicked : callable, optional
        Gets the number of the bar that was clicked, counted from the top.
    dragged : callable, optional
        Gets the two moments between which was dragged. [UTC]
    """

    def __init__(
        self,
        size: tuple[float, float],
        clicked: Callable[[int], None] | None = None,
        dragged: Callable[[pd.Timestamp, pd.Timestamp], None] | None = None,
    ) -> None:
        self.figure = Figure(figsize=size, dpi=_DPI, facecolor="white")
        self._clicked, self._dragged = clicked, dragged
        self._span: SpanSelector | None = None
        self._ax: Axes | None = None
        self._kind = ""
        self._painted: Callable[[Axes], Any] | None = None
        self._neighbours: dict[str, Callable[[], w.Widget]] = {}
        self.widget = self._live() or w.Image(format="png")

    @property
    def is_live(self) -> bool:
        """Whether the chart answers to the mouse."""
        return not isinstance(self.widget, w.Image)

    def _live(self) -> Any:
        backend = mpl.get_backend()
        try:
            from ipympl.backend_nbagg import Canvas, FigureManager
        except ImportError:
            return None
        if mpl.get_backend() != backend:  # importing it makes it everybody's: it is to be ours only
            mpl.use(backend)
        canvas: Any = Canvas(self.figure)
        # The front end asks for the picture when it is there; one sent before, it cannot read.
        canvas.syncing_data_url = False
        canvas._size = tuple(int(inches * _DPI) for inches in self.figure.get_size_inches())
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of traitlets, for ipympl's toolbar
            FigureManager(canvas, 0)  # not pyplot's: nobody's `plt.show()` may find this figure
        canvas.header_visible = canvas.footer_visible = canvas.resizable = False
        canvas.toolbar_visible = False
        canvas.mpl_connect("button_release_event", self._released)
        # Not when a key goes down: ipympl would then wait for its coming up, and hear of no other.
        canvas.mpl_connect("key_release_event", self._left)
        return canvas

    def stand_between(self, before: Callable[[], w.Widget], after: Callable[[], w.Widget]) -> None:
        """Say which widgets the Tab key leads to, back and on: ipympl would let nobody out."""
        self._neighbours = {"shift+tab": before, "tab": after}

    def draw(self, paint: Callable[[Axes], Any], kind: str = "") -> None:
        """Draw anew; the figure stays the same. What fails leaves the last drawing.

        Parameters
        ----------
        paint : callable
            Draws on the Axes it is given.
        kind : str
            Drawings of one kind may share their Axes: making ticks takes a third of the time.
        """
        try:
            self._draw(paint, kind)
        except Exception:
            if self._painted is not None:
                self._draw(self._painted, "")
            raise
        self._painted = paint

    def _draw(self, paint: Callable[[Axes], Any], kind: str) -> None:
        if self._span is not None:
            self._span.disconnect_events()
            self._span = None
        with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # its keys are literals
            if self._ax is not None and kind and kind == self._kind:
                _wipe(self._ax)
            else:
                self.figure.clear()
                self._ax = self.figure.subplots()
            self._kind = ""  # until it has been painted
            paint(self._ax)
            self._kind = kind
            self._margins(self._ax)
        if self._dragged is not None and self.is_live and self._ax.get_gid() != "flowlab words":
            # Made when the limits are final: its handles would stretch the axis to 1970.
            self._ax.set_xlim(self._ax.get_xlim())
            self._span = SpanSelector(self._ax, self._selected, "horizontal", useblit=True)
        if self.is_live:
            self.figure.canvas.draw()
        else:
            self.widget.value = self.png()

    def say(self, text: str) -> None:
        """Show words where the chart would be."""
        self.draw(lambda ax: _words(ax, text))

    def picture(self) -> str:
        """Give the chart as HTML that needs no widget, with a sentence that says what it shows."""
        if self._ax is None:
            return ""
        words = self._ax.get_gid() == "flowlab words"
        said = html.escape(self._ax.texts[0].get_text() if words else describe(self._ax))
        data = base64.b64encode(self.png()).decode("ascii")
        source = f"src='data:image/png;base64,{data}' style='max-width:100%;background:white'"
        return f'<figure><img alt="{said}" {source}></figure>'

    def png(self) -> bytes:
        """Give the chart as a picture."""
        file = io.BytesIO()
        if self.is_live:
            # As it was drawn. To save the figure would draw it again, while the front end may
            # be asking the same canvas for it from another thread.
            Image.fromarray(np.asarray(self.widget.buffer_rgba())).save(file, format="png")
        else:
            self.figure.savefig(file, format="png", dpi=_DPI, facecolor="white")
        return file.getvalue()

    def _margins(self, ax: Axes) -> None:
        # By hand: matplotlib's own layout would double the time of a drawing. [inches]
        width, height = self.figure.get_size_inches()
        longest = max((len(t.get_text()) for t in ax.get_yticklabels()), default=0)
        left = 0.35 + 0.075 * max(longest, 6) + 0.17 * (ax.get_ylabel().count("\n") + 1)
        legend = ax.get_legend()
        names = [len(t.get_text()) for t in legend.get_texts()] if legend else []
        outside = legend is not None and ax.get_gid() in ("flowlab lines", "flowlab areas")
        right = 0.75 + 0.075 * max(names, default=0) if outside else 0.35
        below = 0.35 + 0.19 * (ax.get_xlabel().count("\n") + 1)
        self.figure.subplots_adjust(
            min(0.5, left / width), below / height, 1 - min(0.45, right / width), 1 - 0.12 / height
        )

    def _selected(self, first: float, last: float) -> None:
        if self._dragged is not None and first < last:
            # matplotlib's dates are days since 1970.
            begin, end = pd.to_datetime([first, last], unit="D", utc=True).floor("s")
            self._dragged(begin, end)

    def _left(self, event: Any) -> None:
        if event.key in self._neighbours:
            self._neighbours[event.key]().focus()

    def _released(self, event: Any) -> None:
        if self._clicked is None or event.inaxes is not self._ax or self._ax is None:
            return
        for bars in self._ax.containers:
            for number, bar in enumerate(bars.get_children()):
                low, high = sorted((bar.get_y(), bar.get_y() + bar.get_height()))
                if low <= event.ydata <= high:
                    self._clicked(number)
                    return


def _wipe(ax: Axes) -> None:
    """Take everything off the Axes but its ticks."""
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    for bars in list(ax.containers):
        bars.remove()
    for artist in (*ax.lines, *ax.patches, *ax.collections, *ax.texts):
        artist.remove()
    ax.yaxis.set_inverted(False)
    ax.relim()
    ax.set_autoscale_on(True)


def _words(ax: Axes, text: str) -> None:
    ax.set_axis_off()
    ax.set_gid("flowlab words")
    said = plain_text(text).replace("$", r"\$")  # no formulas
    ax.text(0.5, 0.5, said, ha="center", va="center", wrap=True, transform=ax.transAxes)
