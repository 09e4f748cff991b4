"""What an explorer shows: everything is asked before anything is drawn."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as w
import pandas as pd

from flowlab import plots
from flowlab.ledger import Ledger
from flowlab.pictures import table_html
from flowlab.widgets.arranging import Frame
from flowlab.widgets.charts import Chart
from flowlab.widgets.clocks import there, zone_of
from flowlab.widgets.periods import PeriodSlider
from flowlab.widgets.ribbon import Counts, written
from flowlab.widgets.rows import Rows
from flowlab.widgets.settings import Settings
from flowlab.widgets.views import PAGE, VIEWS
from flowlab.wording import MEASURES

Period = tuple[pd.Timestamp, pd.Timestamp]
_SPAN = ("first_start", "last_end")  # of a row; they do not name it


@dataclass(frozen=True)
class Shown:
    """A view, and all that stands around it.

    Attributes
    ----------
    settings : Settings
    call : str
        The calls that make the answer.
    answer : DataFrame
    volume : DataFrame, str or None
        Traffic over the whole time; why there is none; None where records have no time.
    period : tuple of Timestamp, or None
        Of the records shown. [UTC] None where they have no time.
    before : tuple of Timestamp, or None
        The period before, where it stands beside. [UTC]
    read, matching, counted : int
        Records there are; that period and filters select; that no rule sets aside of them.
    size : int or None
        Bytes of the records counted.
    more : bool
        Whether there are more rows than the answer has.
    """

    settings: Settings
    call: str
    answer: pd.DataFrame
    volume: pd.DataFrame | str | None
    period: Period | None
    before: Period | None
    read: int
    matching: int
    counted: int
    size: int | None
    more: bool

    @property
    def pages(self) -> int:
        """Pages that the records counted make; at least one."""
        return max(1, -(-self.counted // PAGE))


class Screen:
    """The charts, rows and words of an explorer.

    Parameters
    ----------
    controls : mapping of str to Widget
    message : HTML
        Where errors are shown.
    ledger : Ledger, optional
    whole : tuple of Timestamp, or None
        Time of all records. [UTC]
    dragged : callable
        Gets the two moments of a period that was chosen.
    drill : callable
        Gets the number of the row that was clicked.
    """

    def __init__(
        self,
        controls: Mapping[str, w.Widget],
        message: w.HTML,
        ledger: Ledger | None,
        whole: Period | None,
        dragged: Callable[[pd.Timestamp, pd.Timestamp], None],
        drill: Callable[[int], None],
    ) -> None:
        self._controls, self._ledger, self._whole = controls, ledger, whole
        self.over_time = Chart((8.4, 2.5), dragged=dragged)
        self.chart = Chart((8.4, 3.6), clicked=drill)
        self.rows = Rows(drill)
        self.slider = None
        if whole is not None and not self.over_time.is_live:
            self.slider = PeriodSlider(*whole, dragged)
        self.frame = Frame(
            controls,
            self.over_time,
            self.chart,
            self.rows,
            message,
            None if self.slider is None else self.slider.widget,
        )
        self._drawn: object = None
        self._shown: Shown | None = None

    def show(self, shown: Shown) -> None:
        """Show a view; its words are changed when all charts have been drawn."""
        settings, answer = shown.settings, shown.answer
        view = VIEWS[settings.view]
        self._draw_over_time(shown)
        if view.draw is not None:
            draw = view.draw
            kind = "bars" if view.is_ranking and len(answer) else ""
            self.chart.draw(lambda ax: draw(answer, settings, ax), kind)
            keys = [c for c in answer.columns if c not in (*MEASURES, *_SPAN)]
            leads = bool(len(answer)) and bool(view.leads_to(row_of(answer, 0), settings))
            self.rows.show(_local(answer.head(PAGE), settings), keys, leads)
            self.frame.show_rows()
        else:
            self._controls["page"].max = shown.pages
            self.frame.show_table(table_html(_local(answer, settings)))
        self.frame.say_ribbon(written(self._counts(shown), self._ledger, _cut(shown)))
        self.frame.say_call(shown.call)
        if self.slider is not None and shown.period is not None:
            self.slider.show(*shown.period, zone_of(settings.timezone))
        self._shown = shown

    def static(self) -> str:
        """Give the view as pictures and table, in HTML that needs no widget."""
        if self._shown is None:
            return ""
        settings = self._shown.settings
        view = VIEWS[settings.view]
        charts = [self.over_time, *([self.chart] if view.draw is not None else [])]
        parts = [self.frame.ribbon.value, f"<h4>{html.escape(view.title)}</h4>"]
        parts += [chart.picture() for chart in charts]
        table = table_html(_local(self._shown.answer, settings))
        parts += [table, f"<pre>{html.escape(self._shown.call)}</pre>"]
        return "".join(parts)

    def _draw_over_time(self, shown: Shown) -> None:
        """Draw the whole time, whatever the period: it is where a period is chosen."""
        settings, volume = shown.settings, shown.volume
        # A change of the view alone draws nothing here.
        drawn = settings.but(view="", page=0, sort_by="", descending=False, compare=False, n=1)
        if drawn == self._drawn:
            return
        if isinstance(volume, pd.DataFrame):
            kind = "areas" if len(volume) else ""
            self.over_time.draw(lambda ax: _paint(ax, volume, shown), kind)
        else:
            self.over_time.say(volume or "These records have no time.")
        self._drawn = drawn

    def _counts(self, shown: Shown) -> Counts:
        zone = zone_of(shown.settings.timezone)
        period, before = (
            " to ".join(there(t, zone) for t in ends or ()) for ends in (shown.period, shown.before)
        )
        if shown.before is not None and self._whole is not None:
            first = self._whole[0]
            if shown.before[1] <= first:
                before += ", of which there are no records"
            elif shown.before[0] < first:
                before += ", which begins before the first record"
        return Counts(
            shown.read, shown.matching, shown.counted, shown.size, period, zone.key, before
        )


def row_of(answer: pd.DataFrame, number: int) -> dict[str, Any]:
    """Give a row of an answer by the names of its columns."""
    return {str(name): value for name, value in answer.iloc[number].items()}


def _local(answer: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Write the moments of an answer on the clock that was chosen, with its distance from UTC."""
    zone = zone_of(settings.timezone)
    times = answer.select_dtypes("datetimetz").columns
    return answer.assign(**{name: answer[name].dt.tz_convert(zone) for name in times})


def _paint(ax: Any, volume: pd.DataFrame, shown: Shown) -> None:
    settings = shown.settings
    measures = [m for m in ("bytes", "packets", "flow_records") if m in volume]
    value = settings.rank_by if settings.rank_by in measures else measures[0]
    by = [c for c in volume.columns if c not in ("time", *MEASURES)]
    plots.areas(volume, value=value, by=by, tz=settings.timezone, ax=ax)
    if (settings.start or settings.end) and shown.period is not None:
        begin, end = shown.period
        ax.axvspan(begin, end, facecolor="none", edgecolor="#000000", hatch="..", alpha=0.35)


def _cut(shown: Shown) -> str:
    settings = shown.settings
    if VIEWS[settings.view].draw is None:
        return f"page {settings.page + 1} of {shown.pages:,}" if shown.pages > 1 else ""
    return f"the first {settings.n} rows" if shown.more else ""
