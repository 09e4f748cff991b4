"""The explorer: every question at one's fingertips, every step a call that can be kept."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from flowlab import plots
from flowlab.holding import hold
from flowlab.ledger import Ledger
from flowlab.pages import records
from flowlab.pictures import table_html
from flowlab.summaries import breakdown, totals
from flowlab.tables import as_table
from flowlab.widgets import controls as panel
from flowlab.widgets.arranging import Frame
from flowlab.widgets.base import Panel
from flowlab.widgets.calls import Call, Name, Step, text_of
from flowlab.widgets.charts import Chart
from flowlab.widgets.ribbon import Counts, written
from flowlab.widgets.rows import Rows
from flowlab.widgets.settings import Settings, from_text
from flowlab.widgets.views import PAGE, VIEWS, View, period, records_of, selection
from flowlab.wording import MEASURES

_MOST_HELD = 25_000_000  # records copied into memory; more are asked where they are
_KEPT = 64  # answers kept, so that going back asks nothing
_CHOICES = ("protocol", "action", "flow_direction", "interface_id", "subnet_id")
_MOST_GROUPS = 6  # of the chart over time


def explore(
    flows: Any, *, ledger: Ledger | None = None, settings: str | Settings | None = None
) -> Explorer:
    """Open the workbench: controls, charts, rows, and the calls that make them.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Up to 25 million records are copied into the engine's memory once, for speed.
    ledger : Ledger, optional
        Of the reading, so that rejected lines and SKIPDATA are told too.
    settings : str or Settings, optional
        What to begin with: ``ex.settings.to_text()`` of another explorer.

    Returns
    -------
    Explorer
        Shows itself as the last line of a cell. ``ex.call`` is the Python that makes what is
        shown, ``ex.result`` its answer, ``ex.flows`` the selected records, ``ex.settings`` all
        choices.

    Raises
    ------
    FlowlabError
        Not something that holds records; not the settings of an explorer.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, ledger = fl.sample_flows()
    >>> ex = fl.explore(flows, ledger=ledger)
    >>> ex.controls["action"].value = "REJECT"
    >>> print(ex.call)
    selected = fl.only(flows, rules=fl.rule("selected", action="REJECT"))
    fl.top_talkers(selected, rank_by="bytes", n=10)
    """
    return Explorer(flows, ledger, settings)


class Explorer(Panel):
    """A workbench over flow records. Made by `explore`.

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
    call : str
        The calls that make the view, as Python; the records are called ``flows``.
    result : DataFrame
        What the last call gave.
    flows : DataFrame
        The records that are selected, period included.
    settings : Settings
        All choices; may be set, also from a text that ``settings.to_text()`` gave.
    error : str
        What is wrong with the controls as they are; "" if nothing is.
    """

    def __init__(
        self, flows: Any, ledger: Ledger | None, settings: str | Settings | None = None
    ) -> None:
        self._ledger = ledger
        source = as_table(flows)
        self._read = int(totals(source)["flow_records"].item())
        held = hold(flows) if self._read <= _MOST_HELD else source
        self._whole = totals(held).iloc[0]
        self._values = {c: _values(held, c) for c in _CHOICES if c in held.columns}
        self._asked: OrderedDict[str, Any] = OrderedDict()
        self._trail: list[Settings] = []
        self._settings = Settings()
        self._zone = self._settings.timezone
        self._measure = "bytes" if "bytes" in held.columns else "flow_records"
        super().__init__({"flows": held}, panel.make(held, self._values))
        self._over_time = Chart((9.6, 2.5), dragged=self._dragged)
        self._chart = Chart((9.6, 3.6), clicked=self._drill)
        self._rows = Rows(self._drill)
        self._frame = Frame(self.controls, self._over_time, self._chart, self._rows, self._message)
        self.box = self._frame.box
        self.when_clicked(self._frame.back, self.back)
        self.when_clicked(self._frame.everything, self.reset)
        self.when_clicked(self._frame.insert, self._insert)
        self._first = self._defaults()
        start = from_text(settings) if isinstance(settings, str) else settings
        self._write(start or self._first)
        self._pending = True
        self.settle()

    def _defaults(self) -> Settings:
        return panel.read(self.controls, self._values)[0]

    # ------------------------------------------------------------ what a person reads and sets
    @property
    def settings(self) -> Settings:
        """All choices."""
        self.settle()
        return self._settings

    @settings.setter
    def settings(self, chosen: Settings | str) -> None:
        wanted = from_text(chosen) if isinstance(chosen, str) else chosen
        self._write(wanted)
        self._pending = True
        self.settle()

    def _write(self, settings: Settings) -> None:
        """Set the controls, which must not ask for themselves."""
        self._zone = settings.timezone
        with self.together():
            panel.write(self.controls, settings)
            self._pending = False

    @property
    def flows(self) -> pd.DataFrame:
        """The records that are selected, period included."""
        names = dict(self.names)
        for step in selection(self.settings):
            names[step.target] = step.call.run(names)
        chosen = names[records_of(selection(self._settings)).name]
        return records(chosen, n=None, start=self._settings.start, end=self._settings.end)

    def back(self) -> None:
        """Go back to the settings before."""
        if len(self._trail) > 1:
            self._trail.pop()
            self.settings = self._trail.pop()

    def reset(self) -> None:
        """Show everything again."""
        self.settings = self._first

    # ------------------------------------------------------------ asking
    def steps(self) -> Sequence[Step | Call]:
        """Give the calls that make the view."""
        return self._view.steps(self._settings, self._before())

    @property
    def _view(self) -> View:
        return VIEWS[self._settings.view]

    def _before(self) -> dict[str, str] | None:
        """Give the period of the same length before, if it is to stand beside."""
        if not self._settings.compare or not self._view.comparable:
            return None
        start, end = self._period()
        return {"start": _text(start - (end - start)), "end": _text(start)}

    def _period(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        chosen = self._settings
        first = pd.Timestamp(chosen.start or self._whole["first_start"])
        last = pd.Timestamp(chosen.end or self._whole["last_end"])
        return tuple(t if t.tz else t.tz_localize("UTC") for t in (first, last))  # type: ignore[return-value]

    def ask(self, steps: Sequence[Step | Call]) -> Any:
        """Give the answer of the last of some calls; what was asked before is not asked again."""
        key = text_of(steps)
        if key in self._asked:
            self._asked.move_to_end(key)
            return self._asked[key]
        names = dict(self.names)
        answer: Any = None
        for step in steps:
            answer = (step.call if isinstance(step, Step) else step).run(names)
            if isinstance(step, Step):
                names[step.target] = answer
        self._asked[key] = answer
        if len(self._asked) > _KEPT:
            self._asked.popitem(last=False)
        return answer

    def refresh(self) -> None:
        """Ask what the controls say, and show it; the last good view stays if that fails."""
        self._pending = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        settings, wrong = panel.read(self.controls, self._values)
        self._frame.say_wrong(wrong)
        if wrong:
            self.error = "; ".join(wrong.values())
            return
        if settings.timezone != self._zone:  # the same moments, on another clock
            settings = settings.but(start=self._settings.start, end=self._settings.end)
            self._write(settings)
        before = self._settings
        with self.reporting():
            try:
                self._settings = settings
                steps = list(self.steps())
                answer = self.ask(steps)
                self._show(answer)
            except BaseException:
                self._settings = before
                raise
            self._call, self._result = text_of(steps), answer
            self._frame.say_call(self._call)
            if not self._trail or self._trail[-1] != settings:
                self._trail.append(settings)
            self._frame.say_trail(self._trail, self._first)
            self._publish()

    # ------------------------------------------------------------ showing
    def _show(self, answer: pd.DataFrame) -> None:
        settings, view = self._settings, self._view
        chosen = selection(settings)
        of = records_of(chosen)
        shown = self.ask([*chosen, Call("totals", [of], period(settings))])
        filters = selection(settings.but(rules=()))
        matching = (
            self.ask([*filters, Call("totals", [records_of(filters)], period(settings))])
            if settings.rules
            else shown
        )
        counts = self._counts(matching, shown)
        self._frame.say_ribbon(written(counts, self._ledger, self._cut(answer, counts)))
        self._draw_over_time(chosen, of)
        keys = [c for c in answer.columns if c not in MEASURES]
        leads = bool(len(answer)) and bool(view.leads_to(_row(answer, 0), settings))
        self._frame.show_chart(view.draw is not None)
        if view.draw is not None:
            draw = view.draw
            self._chart.draw(lambda ax: draw(answer, settings, ax))
        if view.draw is None:
            self.controls["page"].max = max(1, -(-counts.shown // PAGE))
            self._frame.show_table(table_html(answer))
        else:
            self._frame.show_rows()
            self._rows.show(answer.head(PAGE), keys, leads)

    def _draw_over_time(self, chosen: Sequence[Step], of: Name) -> None:
        """Draw the whole time, whatever the period: it is where a period is chosen."""
        settings = self._settings
        options: dict[str, Any] = {"every": settings.every, "by": settings.by, "n": _MOST_GROUPS}
        volume = self.ask([*chosen, Call("traffic_over_time", [of], options)])
        value = settings.rank_by if settings.rank_by in volume else self._measure

        def paint(ax: Any) -> None:
            plots.lines(volume, value=value, by=settings.by, ax=ax)
            if settings.start or settings.end:
                begin, end = (t.tz_localize(None) for t in self._period())
                ax.axvspan(begin, end, color="#000000", alpha=0.08, hatch="//", zorder=0)

        drawn = (settings.but(view="", page=0, sort_by="", descending=False, compare=False, n=1),)
        if drawn != getattr(self, "_drawn", None):  # a change of view alone draws nothing here
            self._over_time.draw(paint)
            self._drawn = drawn

    def _counts(self, matching: pd.DataFrame, shown: pd.DataFrame) -> Counts:
        zone = panel.zone_of(self._settings.timezone)
        start, end = (panel.local(_text(t), zone) for t in self._period())
        size = int(shown["bytes"].item()) if "bytes" in shown else None
        before, after = (int(answer["flow_records"].item()) for answer in (matching, shown))
        return Counts(self._read, before, after, size, start, end, zone.key)

    def _cut(self, answer: pd.DataFrame, counts: Counts) -> str:
        settings = self._settings
        if settings.view == "records":
            pages = max(1, -(-counts.shown // PAGE))
            return f"page {settings.page + 1} of {pages:,}" if pages > 1 else ""
        limit = settings.n if "n" in self._view.options(settings) else None
        return f"the first {limit} rows" if limit is not None and len(answer) == limit else ""

    # ------------------------------------------------------------ what a person does
    def _dragged(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
        with self.reporting():
            self.settings = self._settings.but(start=_text(start), end=_text(end))

    def _drill(self, row: int) -> None:
        with self.reporting():
            answer = self.result
            if row < len(answer):
                changes = self._view.leads_to(_row(answer, row), self._settings)
                if changes:
                    self.settings = self._settings.but(page=0, **changes)

    def _insert(self) -> None:
        self._frame.insert_cell(self.call)

    def static(self) -> str:
        """Give the view as pictures and table, in HTML that needs no widget."""
        settings = self._settings
        charts = [self._over_time, *([self._chart] if self._view.draw is not None else [])]
        parts = [self._frame.ribbon.value, f"<h4>{html.escape(VIEWS[settings.view].title)}</h4>"]
        parts += [chart.picture() for chart in charts]
        parts += [table_html(self._result), f"<pre>{html.escape(self._call)}</pre>"]
        return "".join(parts)


def _values(table_: Any, name: str) -> list[Any]:
    found = breakdown(table_, name, rank_by="flow_records")[name]
    return [value for value in found.tolist() if not pd.isna(value)]


def _row(answer: pd.DataFrame, number: int) -> dict[str, Any]:
    return {str(name): value for name, value in answer.iloc[number].items()}


def _text(moment: pd.Timestamp) -> str:
    return moment.tz_convert("UTC").strftime("%Y-%m-%d %H:%M:%S")
