"""A slider that chooses a period, for where the chart over time cannot be dragged over."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import ipywidgets as w
import pandas as pd

_MOST_STOPS = 200
# What is chosen is two moments, written beside the slider: for less than one is there room.
_ROOM = "<style>.flowlab-period .widget-readout {max-width: none; min-width: 19em}</style>"
_WIDTHS = ("1min", "5min", "15min", "30min", "1h", "3h", "6h", "12h", "1D", "7D", "28D")


class PeriodSlider:
    """A slider with two handles over the time of the records.

    Parameters
    ----------
    first, last : Timestamp
        Between which to choose. [UTC]
    chosen : callable
        Gets the two moments. [UTC]
    """

    def __init__(
        self,
        first: pd.Timestamp,
        last: pd.Timestamp,
        chosen: Callable[[pd.Timestamp, pd.Timestamp], None],
    ) -> None:
        self._chosen = chosen
        self._stops = _stops(first, last)
        self._told = False
        self._slider = w.SelectionRangeSlider(
            options=self._options(ZoneInfo("UTC")), index=(0, len(self._stops) - 1),
            description="period", continuous_update=False, layout=w.Layout(width="100%"),
        )  # fmt: skip
        self._slider.observe(self._moved, "index")
        self._slider.add_class("flowlab-period")
        self.widget = w.Box([w.HTML(_ROOM), self._slider])

    def show(self, start: pd.Timestamp, end: pd.Timestamp, zone: ZoneInfo) -> None:
        """Set the handles as near as the stops allow, on the clock of a zone."""
        low = max(0, int(self._stops.searchsorted(start, side="right")) - 1)
        high = min(len(self._stops) - 1, int(self._stops.searchsorted(end)))
        self._told = True
        try:
            options = self._options(zone)
            if list(self._slider.options) != options:
                self._slider.options = options
            self._slider.index = (low, max(low, high))
        finally:
            self._told = False

    def _options(self, zone: ZoneInfo) -> list[tuple[str, int]]:
        there = self._stops.tz_convert(zone)
        return [(f"{moment:%Y-%m-%d %H:%M}", at) for at, moment in enumerate(there)]

    def _moved(self, change: dict[str, tuple[int, int]]) -> None:
        low, high = change["new"]
        if not self._told and low < high:
            self._chosen(self._stops[low], self._stops[high])


def _stops(first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    for width in _WIDTHS:
        step = pd.Timedelta(width)
        stops = (last - first) / step + 2
        if stops <= _MOST_STOPS:
            break
    else:
        step = (last - first) / (_MOST_STOPS - 2)
    begin, end = first.floor(step), last.ceil(step)
    return pd.date_range(begin, max(end, begin + step), freq=step)
