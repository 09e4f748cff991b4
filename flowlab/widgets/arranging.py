"""Where everything of the explorer stands, and the places where it speaks."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

import ipywidgets as w

from flowlab.widgets.charts import Chart
from flowlab.widgets.clocks import local, zone_of
from flowlab.widgets.rows import Rows
from flowlab.widgets.settings import Settings
from flowlab.widgets.views import VIEWS
from flowlab.wording import plain_text, value_text

# In three columns, fewer in a narrow window; each control has a line for what is wrong with it.
_COLUMNS = (
    ("start", "end", "timezone", "every", "compare"),
    (
        "action", "flow_direction", "protocol", "addr", "peer", "port", "interface_id",
        "subnet_id", "owner",
    ),
    ("by", "rank_by", "n", "sort_by", "descending", "page", "rules"),
)  # fmt: skip
# Of JupyterLab, where `flowlab lab` lets a page reach it. Nothing happens elsewhere.
_INSERT = """
(() => {{
  const app = window.jupyterapp;
  if (!app) return;
  app.commands.execute('notebook:insert-cell-below').then(() => {{
    const panel = app.shell.currentWidget;
    const cell = panel && panel.content && panel.content.activeCell;
    if (cell && cell.model.sharedModel.getSource() === '') {{
      cell.model.sharedModel.setSource({source});
    }}
  }});
}})();
"""


_WORDS = {
    "start": "from", "end": "until", "addr": "address", "peer": "with",
    "rules": "set aside", "by": "group by",
    "interface_id": "ENI", "subnet_id": "subnet", "flow_direction": "direction",
    "rank_by": "rank by", "n": "rows", "sort_by": "sort by", "timezone": "time zone",
    "compare": "beside the period before", "descending": "largest first",
}  # fmt: skip


class Frame:
    """The boxes of an explorer.

    Parameters
    ----------
    controls : mapping of str to Widget
    over_time, chart : Chart
    rows : Rows
    message : HTML
        Where errors are shown.
    period : Widget, optional
        Chooses a period where the chart cannot be dragged over.
    """

    def __init__(
        self,
        controls: Mapping[str, w.Widget],
        over_time: Chart,
        chart: Chart,
        rows: Rows,
        message: w.HTML,
        period: w.Widget | None = None,
    ) -> None:
        self.ribbon, self._trail = w.HTML(), w.HTML()
        self.back = w.Button(
            description="back",
            icon="arrow-left",
            tooltip="to the view before",
            layout=w.Layout(flex="0 0 8em"),
        )
        self.everything = w.Button(
            description="show everything", icon="undo", layout=w.Layout(flex="0 0 13em")
        )
        self.insert = w.Button(
            description="into a new cell", icon="plus", tooltip="insert the calls below this cell"
        )
        self._call = w.Textarea(
            description="the call", rows=4, layout=w.Layout(width="100%"),
            tooltip="the Python that makes this view, to be copied",
        )  # fmt: skip
        self._inserted = w.Output()
        self._wrong = {name: w.HTML() for name in controls}
        # Both its scroll bars are in sight, however many rows it has.
        self._table = w.HTML(layout=w.Layout(overflow="auto", max_height="36em"))
        self._chart, self._rows = _scrolling(chart), rows
        # All of them, always: ipympl's canvas does not leave the page when it is taken out of a
        # box, and another would come each time it is put back.
        self._view = w.VBox([self._chart, self._rows.box, self._table])
        columns = [
            w.VBox(
                [w.VBox([controls[n], self._wrong[n]]) for n in names if n in controls],
                layout=w.Layout(flex="1 1 17em", padding="0 .5em 0 0"),
            )
            for names in _COLUMNS
        ]
        self.box = w.VBox(
            [
                self.ribbon,
                w.HBox([self.back, self.everything, self._trail]),
                w.HBox(columns, layout=w.Layout(flex_flow="row wrap")),
                _scrolling(over_time),
                *([period] if period is not None else []),
                controls["view"],
                message,
                self._view,
                w.HBox([self._call, self.insert]),
                self._inserted,
            ]
        )

        last = next(controls[n] for n in reversed(_COLUMNS[-1]) if n in controls)
        over_time.stand_between(lambda: last, lambda: controls["view"])
        chart.stand_between(
            lambda: controls["view"], lambda: self._rows.first_button() or self._call
        )

    def say_ribbon(self, text: str) -> None:
        """Show what of all records is shown."""
        self.ribbon.value = text

    def say_wrong(self, wrong: Mapping[str, str]) -> None:
        """Show beside each control what is wrong with it."""
        for name, place in self._wrong.items():
            text = html.escape(plain_text(wrong.get(name, "")))
            style = "border-left:4px solid #d55e00;padding:0 .5em;line-height:1.3"
            place.value = f"<div role='alert' style='{style}'>{text}</div>" if text else ""

    def say_call(self, text: str) -> None:
        """Show the calls."""
        self._call.value = text

    def say_trail(self, trail: Sequence[Settings], first: Settings) -> None:
        """Show the way that led here."""
        self.back.disabled = len(trail) < 2
        befores = [first, *trail[:-1]]
        steps = [_told(*pair) for pair in zip(trail, befores, strict=True)][-5:]
        dots = "… > " if len(trail) > 5 else ""
        self._trail.value = html.escape(dots + " > ".join(steps))

    def show_rows(self) -> None:
        """Show the chart of a view, and its rows, which can be clicked."""
        self._stand(self._chart, self._rows.box)

    def show_table(self, text: str) -> None:
        """Show a table, without a chart."""
        self._table.value = f"<div style='white-space:nowrap;line-height:1.6'>{text}</div>"
        self._stand(self._table)

    def _stand(self, *parts: w.Widget) -> None:
        for part in self._view.children:
            part.layout.display = None if part in parts else "none"

    def insert_cell(self, text: str) -> None:
        """Put the calls into a new cell below, where JupyterLab lets a page do that."""
        from IPython.display import Javascript, display

        with self._inserted:
            self._inserted.clear_output()
            display(Javascript(_INSERT.format(source=json.dumps(text))))  # type: ignore[no-untyped-call]


def _scrolling(chart: Chart) -> w.Box:
    """Let a chart that is too wide for a narrow window be scrolled, instead of being cut."""
    if not chart.is_live:  # a picture, which grows narrow by itself
        return w.Box([chart.widget], layout=w.Layout(overflow="hidden"))
    chart.widget.layout.flex = "0 0 auto"
    return w.Box([chart.widget], layout=w.Layout(overflow="auto"))


def _told(settings: Settings, before: Settings) -> str:
    """Say in a few words what a step changed."""
    words: list[str] = []
    for name, value in vars(settings).items():
        if value == getattr(before, name) or name == "page":
            continue
        word = _WORDS.get(name, name)
        if name == "view":
            words.append(VIEWS[settings.view].title)
        elif isinstance(value, bool):
            words.append(word if value else f"not {word}")
        elif value in (None, "", ()):
            words.append(f"any {word}")
        elif name in ("start", "end"):
            words.append(f"{word} {local(value, zone_of(settings.timezone))}")
        elif name == "protocol":
            words.append(f"{word} {value_text(name, value)}")
        else:
            words.append(f"{word} {', '.join(value) if isinstance(value, tuple) else value}")
    return plain_text(", ".join(words)) or VIEWS[settings.view].title
