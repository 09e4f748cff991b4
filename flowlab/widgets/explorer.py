"""The explorer: every question at one's fingertips, every step a call that can be kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from flowlab.errors import FlowlabError
from flowlab.holding import hold
from flowlab.ledger import Ledger
from flowlab.pages import records
from flowlab.summaries import breakdown, totals
from flowlab.tables import as_table
from flowlab.widgets import controls as panel
from flowlab.widgets.base import Panel
from flowlab.widgets.calls import Call, Step, text_of
from flowlab.widgets.settings import Settings, from_text
from flowlab.widgets.showing import Period, Screen, Shown, row_of
from flowlab.widgets.views import PAGE, VIEWS, period, records_of, selection

_MOST_HELD = 25_000_000  # records copied into memory; more are asked where they are
_KEPT = 64  # answers kept, so that going back asks nothing
_CHOICES = ("protocol", "action", "flow_direction", "interface_id", "subnet_id")
_OWNERS = ("src_owner", "dst_owner")
_MOST_GROUPS = 6  # of the chart over time


def explore(
    flows: Any, *, ledger: Ledger | None = None, settings: str | Settings | None = None
) -> Explorer:
    """Open the workbench: controls, charts, rows, and the calls that make them.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Up to 25 million records are copied into the engine's memory once, for speed. Or a
        table of `athena` for a period, as ``logs.between(start, end)``, or of `spark`.
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
        Not something that holds records; not the settings of an explorer, or of records that
        have what these lack.

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
        source = as_table(flows)
        self._read = int(totals(source)["flow_records"].item())
        # Athena gives a thousand rows at a time: it is asked where it is, each time.
        near = source.dialect != "athena" and self._read <= _MOST_HELD
        held = hold(flows) if near else source
        self._whole = _time_of(held)
        self._values = {c: _values(held, c) for c in _CHOICES if c in held.columns}
        owners = [v for c in _OWNERS if c in held.columns for v in _values(held, c)]
        self._values["owner"] = list(dict.fromkeys(owners))
        self._asked: OrderedDict[str, Any] = OrderedDict()
        self._trail: list[Settings] = []
        self._settings = Settings()
        self._clock = self._settings.timezone  # of what stands in the boxes of the period
        super().__init__({"flows": held}, panel.make(held, self._values))
        self._screen = Screen(
            self.controls, self._message, ledger, self._whole, self._dragged, self._drill
        )
        frame = self._screen.frame
        self.box = frame.box
        self.when_clicked(frame.back, self.back)
        self.when_clicked(frame.everything, self.reset)
        self.when_clicked(frame.insert, lambda: frame.insert_cell(self.call))
        self._first = panel.read(self.controls, self._values)[0]
        start = from_text(settings) if isinstance(settings, str) else settings
        self._write(start or self._first)
        self._pending = True
        self.settle()

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
        plain = Settings()
        # What was not chosen is here what it was when it was opened: these records may lack the
        # column that others are grouped by.
        ours = {
            n: v for n, v in vars(self._first).items() if getattr(settings, n) == vars(plain)[n]
        }
        with self.together():
            panel.write(self.controls, settings.but(**ours))
            self._pending = False
        self._clock = settings.timezone

    @property
    def flows(self) -> pd.DataFrame:
        """The records that are selected, period included."""
        names = dict(self.names)
        for step in selection(self.settings):
            names[step.target] = step.call.run(names)
        chosen = names[records_of(selection(self._settings)).name]
        sort_by = "start" if self._whole is not None else next(iter(self.names["flows"].columns))
        span = period(self._settings)
        start, end = span.get("start"), span.get("end")
        return records(chosen, n=None, sort_by=sort_by, start=start, end=end)

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
        return self._steps(self._settings)

    def _steps(self, settings: Settings) -> Sequence[Step | Call]:
        before = self._before(settings)
        if before is None:
            return VIEWS[settings.view].steps(settings)
        start, end = map(_text, before)
        return VIEWS[settings.view].steps(settings, {"start": start, "end": end})

    def _before(self, settings: Settings) -> Period | None:
        """Give the period that stands beside the one that is shown, if any does."""
        span = self._period(settings)
        if not settings.compare or not VIEWS[settings.view].comparable or span is None:
            return None
        start, end = span
        return start - (end - start), start

    def _period(self, settings: Settings) -> Period | None:
        if self._whole is None:
            return None
        first, last = self._whole
        start = pd.Timestamp(settings.start, tz="UTC") if settings.start else first
        return start, pd.Timestamp(settings.end, tz="UTC") if settings.end else last

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

    def _ask_all(self, settings: Settings) -> Shown:
        chosen = selection(settings)
        of = records_of(chosen)
        counted = self.ask([*chosen, Call("totals", [of], period(settings))])
        records_there = int(counted["flow_records"].item())
        matching = records_there
        if settings.rules:
            filters = selection(settings.but(rules=()))
            whole = Call("totals", [records_of(filters)], period(settings))
            matching = int(self.ask([*filters, whole])["flow_records"].item())
        view = VIEWS[settings.view]
        if view.draw is None:  # the page that was shown may be gone
            last = max(0, -(-records_there // PAGE) - 1)
            settings = settings.but(page=min(settings.page, last))
        # With one row more than is shown, it is known whether there are more.
        enough = settings.but(n=settings.n + 1) if view.is_ranking else settings
        answer = self.ask(self._steps(enough))
        more = view.is_ranking and len(answer) > settings.n
        return Shown(
            settings=settings,
            call=text_of(self._steps(settings)),
            answer=(answer.head(settings.n) if more else answer).copy(),  # ours stays as it is
            volume=self._ask_over_time(settings, chosen),
            period=self._period(settings),
            before=self._before(settings),
            read=self._read,
            matching=matching,
            counted=records_there,
            size=int(counted["bytes"].item()) if "bytes" in counted else None,
            more=more,
        )

    def _ask_over_time(
        self, settings: Settings, chosen: Sequence[Step]
    ) -> pd.DataFrame | str | None:
        if self._whole is None:
            return None
        options: dict[str, Any] = {"every": settings.every}
        if "by" in self.controls:
            options |= {"by": settings.by, "n": _MOST_GROUPS}
        if "end" not in self.names["flows"].columns:
            options["spread"] = False
        try:
            asked = Call("traffic_over_time", [records_of(chosen)], options)
            return self.ask([*chosen, asked])  # type: ignore[no-any-return]
        except FlowlabError as problem:  # too many steps, say: all the rest can still be shown
            return str(problem)

    def refresh(self) -> None:
        """Ask what the controls say, and show it; the last good view stays if that fails."""
        self._pending = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        settings, wrong = panel.read(self.controls, self._values)
        frame = self._screen.frame
        frame.say_wrong(wrong)
        if wrong:
            self.error = "; ".join(wrong.values())
            return
        if settings.timezone != self._clock:  # the same moments, on another clock
            settings = settings.but(start=self._settings.start, end=self._settings.end)
            self._write(settings)
        with self.reporting():
            shown = self._ask_all(settings)
            self._screen.show(shown)
            if shown.settings != settings:
                self._write(shown.settings)
            self._settings = shown.settings
            self._call, self._result = shown.call, shown.answer
            if not self._trail or self._trail[-1] != self._settings:
                self._trail.append(self._settings)
            frame.say_trail(self._trail, self._first)
            self._publish()

    def static(self) -> str:
        """Give the view as pictures and table, in HTML that needs no widget."""
        return self._screen.static() or self._message.value

    # ------------------------------------------------------------ what a person does
    def _dragged(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
        with self.reporting():
            self.settings = self._settings.but(start=_text(start), end=_text(end))

    def _drill(self, row: int) -> None:
        with self.reporting():
            answer = self.result
            if row < len(answer):
                changes = VIEWS[self._settings.view].leads_to(row_of(answer, row), self._settings)
                if changes:
                    self.settings = self._settings.but(page=0, **changes)


def _values(table_: Any, name: str) -> list[Any]:
    found = breakdown(table_, name, rank_by="flow_records")[name]
    return [value for value in found.tolist() if not pd.isna(value)]


def _time_of(table_: Any) -> Period | None:
    """Give the first and last moment of the records, if they have any."""
    found = totals(table_).iloc[0]
    first, last = found.get("first_start"), found.get("last_end")
    if pd.isna(first):
        return None
    if pd.isna(last):
        latest = records(table_, sort_by="start", descending=True, n=1)["start"].iloc[0]
        last = latest + pd.Timedelta("1s")  # a period ends before its end
    return first, last


def _text(moment: pd.Timestamp) -> str:
    return moment.tz_convert("UTC").strftime("%Y-%m-%d %H:%M:%S")
