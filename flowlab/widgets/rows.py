"""The rows of an answer, each with a button that leads into it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import ipywidgets as w
import pandas as pd

from flowlab.pictures import cell_text
from flowlab.wording import MEASURES, cut_short, plain_text

_LONGEST = 58  # characters on a button: two IPv4 addresses, their ports and a protocol
_CELL = "display:inline-block;padding-right:.8em;box-sizing:border-box;"


class Rows:
    """A table whose rows can be clicked; its widgets are used again for every answer.

    Parameters
    ----------
    clicked : callable
        Gets the number of the row.
    """

    def __init__(self, clicked: Callable[[int], None]) -> None:
        self._clicked = clicked
        self._name = w.Layout(width="20em", flex="0 0 auto")
        self._named, self._titles = w.HTML(layout=self._name), w.HTML()
        self._head = _line(self._named, self._titles)
        self._lines: list[w.HBox] = []
        self._first: w.Button | None = None
        self.box = w.VBox(layout=w.Layout(overflow="auto"))

    def show(self, answer: pd.DataFrame, keys: Sequence[str], leads: bool) -> None:
        """Show the rows of an answer.

        Parameters
        ----------
        answer : DataFrame
        keys : sequence of str
            Columns that name a row.
        leads : bool
            Whether a click on a row leads anywhere.
        """
        # A cumulative share says little of talkers, whose shares sum to 2.
        others = [str(c) for c in answer.columns if c not in (*keys, "cumulative_share")]
        self._named.value = f"<b>{_safe(', '.join(keys))}</b>"
        self._titles.value = _cells(others, [c.replace("_", " ") for c in others], "b")
        longest = 0
        while len(self._lines) < len(answer):
            self._lines.append(self._line(len(self._lines)))
        used = self._lines[: len(answer)]
        for line, row in zip(used, answer.to_dict("records"), strict=True):
            button, cells = line.children
            name = plain_text(" · ".join(cell_text(key, row[key]) for key in keys))
            button.description, button.tooltip = cut_short(name, _LONGEST), name[:500]
            longest = max(longest, len(button.description))
            button.disabled = not leads
            cells.value = _cells(others, [cell_text(c, row[c]) for c in others], "span")
        self._first = used[0].children[0] if used and leads else None
        self._name.width = f"{max(20, 3 + 0.6 * longest):.0f}em"
        self.box.children = (self._head, *used)

    def first_button(self) -> w.Button | None:
        """Give the button of the first row, if it leads anywhere."""
        return self._first

    def _line(self, number: int) -> w.HBox:
        button = w.Button(layout=self._name)
        button.on_click(lambda _: self._clicked(number))
        return _line(button, w.HTML())


def _line(*parts: w.Widget) -> w.HBox:
    # All lines are scrolled together, by the box around them.
    return w.HBox(parts, layout=w.Layout(overflow="visible", flex="0 0 auto"))


def _cells(names: Sequence[str], texts: Sequence[str], tag: str) -> str:
    # What is no measure is a moment, and its cell is wider.
    shapes = ("width:9em;text-align:right" if n in MEASURES else "width:14em" for n in names)
    cells = "".join(
        f"<{tag} style='{_CELL}{shape}'>{_safe(cut_short(text))}</{tag}>"
        for shape, text in zip(shapes, texts, strict=True)
    )
    return f"<span style='white-space:nowrap'>{cells}</span>"


def _safe(text: str) -> str:
    return html.escape(plain_text(text))
