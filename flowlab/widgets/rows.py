"""The rows of an answer, each with a button that leads into it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import ipywidgets as w
import pandas as pd

from flowlab.pictures import cell_text
from flowlab.wording import MEASURES, cut_short, plain_text

_LONGEST = 44  # characters on a button
_NAME = w.Layout(width="20em", min_width="20em")
_CELL = "display:inline-block;width:9em;padding-right:.8em;box-sizing:border-box;"


class Rows:
    """A table whose rows can be clicked; its widgets are used again for every answer.

    Parameters
    ----------
    clicked : callable
        Gets the number of the row.
    """

    def __init__(self, clicked: Callable[[int], None]) -> None:
        self._clicked = clicked
        self._named, self._titles = w.HTML(layout=_NAME), w.HTML()
        self._head = w.HBox([self._named, self._titles])
        self._lines: list[w.HBox] = []
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
        while len(self._lines) < len(answer):
            self._lines.append(self._line(len(self._lines)))
        used = self._lines[: len(answer)]
        for line, row in zip(used, answer.to_dict("records"), strict=True):
            button, cells = line.children
            name = plain_text(" · ".join(cell_text(key, row[key]) for key in keys))
            button.description, button.tooltip = cut_short(name, _LONGEST), name[:500]
            button.disabled = not leads
            cells.value = _cells(others, [cell_text(c, row[c]) for c in others], "span")
        self.box.children = (self._head, *used)

    def _line(self, number: int) -> w.HBox:
        button = w.Button(layout=_NAME)
        button.on_click(lambda _: self._clicked(number))
        return w.HBox([button, w.HTML()])


def _cells(names: Sequence[str], texts: Sequence[str], tag: str) -> str:
    sides = ("right" if name in MEASURES else "left" for name in names)
    cells = "".join(
        f"<{tag} style='{_CELL}text-align:{side}'>{_safe(cut_short(text))}</{tag}>"
        for side, text in zip(sides, texts, strict=True)
    )
    return f"<span style='white-space:nowrap'>{cells}</span>"


def _safe(text: str) -> str:
    return html.escape(plain_text(text))
