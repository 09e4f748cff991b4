"""Top talkers and traffic over time, with their options as controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import pandas as pd

from flowlab import plots
from flowlab.asking import MEASURES
from flowlab.errors import unknown_name
from flowlab.tables import as_table
from flowlab.widgets.base import LABEL, Panel
from flowlab.widgets.calls import Call, Name, Step

NOTHING = "nothing"  # not None, which a dropdown takes for nothing chosen
_STEPS = ("1min", "5min", "15min", "1h", "6h", "1D")
# Columns with few values, by which lines can be told apart.
_GROUPS = ("action", "flow_direction", "protocol", "interface_id", "subnet_id", "az_id", "type")


def talkers(flows: Any, *, rank_by: str = "bytes", n: int = 10) -> Panel:
    """Rank addresses by their traffic, with controls for how many and by what.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    rank_by : {"bytes", "packets", "flow_records"}
        What to begin with.
    n : int
        How many to begin with, 1 to 30.

    Returns
    -------
    Panel
        Shows itself in a notebook. ``.call`` is `fl.top_talkers` as it is shown, ``.result`` what
        it gave.
    """
    return _Talkers(flows, rank_by, n)


def timeline(flows: Any, *, every: str = "15min", by: str | None = "action") -> Panel:
    """Show traffic over time, with controls for the width of a step and what to split by.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    every : str
        Width of a step to begin with: 1min, 5min, 15min, 1h, 6h or 1D.
    by : str, optional
        Column to split by to begin with.

    Returns
    -------
    Panel
        Shows itself in a notebook. ``.call`` is `fl.traffic_over_time` as it is shown,
        ``.result`` what it gave.
    """
    return _Timeline(flows, every, by)


class _Pictured(Panel):
    """A call whose result is drawn as one picture."""

    def __init__(self, flows: Any, controls: dict[str, w.Widget]) -> None:
        super().__init__({"flows": flows}, controls)
        self._view = w.HTML()
        self.box = w.VBox([w.HBox(list(controls.values())), self._message, self._view])
        self.refresh()

    def draw(self, result: pd.DataFrame) -> str:
        raise NotImplementedError

    def show(self, result: pd.DataFrame) -> str:
        picture = self.draw(result)
        self._view.value = picture
        return picture


class _Talkers(_Pictured):
    def __init__(self, flows: Any, rank_by: str, n: int) -> None:
        have = [m for m in MEASURES if m == "flow_records" or m in as_table(flows).columns]
        if rank_by not in MEASURES:
            raise unknown_name("talkers: rank_by =", rank_by, MEASURES)
        rank_by = rank_by if rank_by in have else have[0]
        controls = {
            "rank_by": w.Dropdown(options=have, value=rank_by, description="rank by", style=LABEL),
            "n": w.BoundedIntText(value=n, min=1, max=30, description="how many", style=LABEL),
        }
        super().__init__(flows, controls)

    def steps(self) -> Sequence[Step | Call]:
        options = {name: control.value for name, control in self.controls.items()}
        return [Call("top_talkers", [Name("flows")], options)]

    def draw(self, result: pd.DataFrame) -> str:
        value = self.controls["rank_by"].value
        return plots.show(plots.bars(result, value=value), result).html


class _Timeline(_Pictured):
    def __init__(self, flows: Any, every: str, by: str | None) -> None:
        have = as_table(flows).columns
        groups = [("nothing", NOTHING), *((c, c) for c in _GROUPS if c in have)]
        chosen = by if by in have and by in _GROUPS else NOTHING
        if by is not None and by not in _GROUPS:
            raise unknown_name("timeline: by =", by, _GROUPS)
        if every not in _STEPS:
            raise unknown_name("timeline: every =", every, _STEPS)
        controls = {
            "every": w.Dropdown(options=_STEPS, value=every, description="every", style=LABEL),
            "by": w.Dropdown(options=groups, value=chosen, description="split by", style=LABEL),
        }
        super().__init__(flows, controls)

    def steps(self) -> Sequence[Step | Call]:
        options = {"every": self.controls["every"].value, "by": self._by()}
        return [Call("traffic_over_time", [Name("flows")], options)]

    def _by(self) -> str | None:
        chosen = str(self.controls["by"].value)
        return None if chosen == NOTHING else chosen

    def draw(self, result: pd.DataFrame) -> str:
        by = self._by()
        value = "bytes" if "bytes" in result else "flow_records"
        return plots.show(plots.lines(result, value=value, by=by), result).html
