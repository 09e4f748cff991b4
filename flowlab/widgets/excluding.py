"""Rules as check boxes: what each takes, what is left, and what that looks like."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import pandas as pd

from flowlab import plots
from flowlab.choosing import rules as all_rules
from flowlab.exclusions import waterfall
from flowlab.summaries import top_talkers, traffic_over_time
from flowlab.tables import as_table
from flowlab.waterfalls import waterfall as draw_waterfall
from flowlab.widgets.base import Panel
from flowlab.widgets.calls import Call, Name, Step
from flowlab.widgets.controls import possible_rules
from flowlab.wording import plain_text


def exclusions(flows: Any, *, rules: str | Sequence[str] = ()) -> Panel:
    """Switch rules on and off, and see what each takes and what is left.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    rules : str or sequence of str
        Names of those that are on to begin with; none, unless you say so.

    Returns
    -------
    Panel
        Shows itself in a notebook. ``.call`` is `fl.exclude` as it is set, ``.result`` the
        records that are kept. Rules that need to be told something (load balancers, subnets) or
        need a field these records lack are listed, but cannot be switched on.

    Raises
    ------
    UnknownNameError
        No rule has this name, or it cannot be applied here.
    """
    return _Exclusions(flows, rules)


class _Exclusions(Panel):
    def __init__(self, flows: Any, on: str | Sequence[str]) -> None:
        possible = set(possible_rules(set(as_table(flows).columns)))
        known = all_rules()
        controls: dict[str, w.Widget] = {}
        lines: list[w.Widget] = []
        for name, why, takes in zip(known["rule"], known["why"], known["takes"], strict=True):
            there = name in possible
            box = w.Checkbox(
                value=False, description=str(name), indent=False, disabled=not there,
                layout=w.Layout(width="14em", min_width="14em"),
            )  # fmt: skip
            reason = str(why) if there else _not_possible(str(name), str(takes))
            lines.append(w.HBox([box, w.HTML(html.escape(plain_text(reason)))]))
            controls[str(name)] = box
        super().__init__({"flows": flows}, controls)
        self._flows = flows
        self._counted, self._pictures = w.HTML(), w.HTML()
        self.box = w.VBox([*lines, self._message, self._counted, self._pictures])
        with self.together():
            for name in [on] if isinstance(on, str) else on:
                self._switch(name)
            self._pending = True
        self.settle()

    def _switch(self, name: str) -> None:
        from flowlab.errors import unknown_name

        usable = [n for n, box in self.controls.items() if not box.disabled]
        if name not in usable:
            raise unknown_name("exclusions: the rule", name, usable)
        self.controls[name].value = True

    def steps(self) -> Sequence[Step | Call]:
        on = [name for name, box in self.controls.items() if box.value]
        return [Call("exclude", [Name("flows")], {"rules": on})]

    def show(self, result: Any) -> str:
        on = [name for name, box in self.controls.items() if box.value]
        steps = waterfall(self._flows, on)
        last, first = (int(steps["flow_records_remaining"].iloc[at]) for at in (-1, 0))
        counted = (
            f"<p role='status'><b>{last:,}</b> of {first:,} records kept, "
            f"{first - last:,} set aside. {_odd(steps)}</p>"
        )
        parts = [counted, plots.show(draw_waterfall(steps), steps).html, *_of(result)]
        self._counted.value, self._pictures.value = parts[0], "".join(parts[1:])
        return "".join(parts)


def _of(kept: Any) -> list[str]:
    """Show the traffic that is left: when, and whose.

    By records: most rules take many of them, and next to no bytes, so nothing would change.
    """
    have = set(as_table(kept).columns)
    shown = []
    if {"start", "end"} <= have:
        by = "action" if "action" in have else None
        volume = traffic_over_time(kept, every="15min", by=by)
        shown.append(plots.show(plots.lines(volume, value="flow_records", by=by), volume).html)
    if {"srcaddr", "dstaddr"} <= have:
        talkers = top_talkers(kept, rank_by="flow_records", n=8)
        shown.append(plots.show(plots.bars(talkers, value="flow_records"), talkers).html)
    return shown


def _odd(steps: pd.DataFrame) -> str:
    notes = [str(note) for note in steps["note"] if note]
    return html.escape(plain_text(" ".join(notes)))


def _not_possible(name: str, takes: str) -> str:
    if takes.endswith("!"):
        return (
            f'needs to be told something: fl.rule("{name}", {takes.split(",")[0].rstrip("!")}=...)'
        )
    known = all_rules()
    lacking = known.loc[known["rule"] == name, "needs"].tolist()
    return f"these records lack {', '.join(map(str, lacking))}"
