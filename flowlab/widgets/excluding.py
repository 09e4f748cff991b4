"""Rules as check boxes: what each takes, what is left, and what that looks like."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import pandas as pd

from flowlab import plots
from flowlab.choosing import KNOWN, as_arguments, chosen, need
from flowlab.choosing import rules as all_rules
from flowlab.errors import FlowlabError
from flowlab.exclusion_rules import Rule
from flowlab.exclusions import waterfall
from flowlab.rulebook import INSTEAD, NAMED
from flowlab.summaries import top_talkers, traffic_over_time
from flowlab.tables import as_table
from flowlab.waterfalls import waterfall as draw_waterfall
from flowlab.widgets.base import Panel
from flowlab.widgets.calls import Call, Name, Step
from flowlab.widgets.controls import possible_rules
from flowlab.wording import plain_text


def exclusions(flows: Any, *, rules: str | Rule | Sequence[str | Rule] = ()) -> Panel:
    """Switch rules on and off, and see what each takes and what is left.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    rules : str, Rule, or a sequence of them
        Those that are on to begin with; none, unless you say so. Your own (`rule`, `load_rules`)
        get check boxes above flowlab's; one of flowlab's that you told something, such as
        ``fl.rule("reserved", subnets=[...])``, takes the place of the one that was not told.

    Returns
    -------
    Panel
        Shows itself in a notebook. ``.call`` is `fl.exclude` as it is set, with your own rules
        written out; ``.result`` the records that are kept. Rules that need to be told something
        (load balancers, subnets) or need a field these records lack are listed, but cannot be
        switched on.

    Raises
    ------
    UnknownNameError
        No rule has this name.
    MissingFieldError
        A rule needs a column that these records lack.
    FlowlabError
        A rule needs to be told something, or two of different content have the same name.
    """
    return _Exclusions(flows, rules)


class _Exclusions(Panel):
    def __init__(self, flows: Any, on: str | Rule | Sequence[str | Rule]) -> None:
        table = as_table(flows)
        asked = _by_name(chosen(on, "exclusions"))
        need(table, list(asked.values()))
        controls: dict[str, w.Widget] = {}
        lines: list[w.Widget] = []
        self._offered = dict[str, Rule]()
        for name, reason, rule in _lines(set(table.columns), asked):
            box = w.Checkbox(
                value=False, description=plain_text(name), indent=False, disabled=rule is None,
                layout=w.Layout(width="14em", min_width="14em"),
            )  # fmt: skip
            lines.append(w.HBox([box, w.HTML(html.escape(plain_text(reason)))]))
            controls[name] = box
            if rule is not None:
                self._offered[name] = rule
        super().__init__({"flows": flows}, controls)
        self._flows = flows
        self._counted, self._pictures = w.HTML(), w.HTML()
        self.box = w.VBox([*lines, self._message, self._counted, self._pictures])
        with self.together():
            for name in asked:
                controls[name].value = True
            self._pending = True
        self.settle()

    def _on(self) -> list[Rule]:
        return [rule for name, rule in self._offered.items() if self.controls[name].value]

    def steps(self) -> Sequence[Step | Call]:
        return [Call("exclude", [Name("flows")], {"rules": list(map(_written, self._on()))})]

    def show(self, result: Any) -> str:
        steps = waterfall(self._flows, self._on())
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
    said = zip(steps["step"], steps["note"], strict=True)
    notes = [f"{step}: {note}." for step, note in said if note]
    return html.escape(plain_text(" ".join(notes)))


def _by_name(rules: Sequence[Rule]) -> dict[str, Rule]:
    named: dict[str, Rule] = {}
    for rule in rules:
        if named.setdefault(rule.name, rule) != rule:
            raise FlowlabError(
                f"exclusions: two rules are called {rule.name}.",
                fix="give one of them another name, so that their check boxes can be told apart.",
            )
    return named


def _lines(have: set[str], asked: dict[str, Rule]) -> list[tuple[str, str, Rule | None]]:
    """Give name, reason, and the rule behind each check box; None where it cannot be ticked."""
    possible, known = set(possible_rules(have)), all_rules()
    mine = (rule for name, rule in asked.items() if name not in KNOWN)
    lines: list[tuple[str, str, Rule | None]] = [_line(rule) for rule in mine]
    for name, why, needs, takes in known[["rule", "why", "needs", "takes"]].itertuples(index=False):
        told = f'rules=[fl.rule("{name}", {takes.split(",")[0].rstrip("!")}=[...])]'
        if name in asked:
            lines.append(_line(asked[name]))
        elif name in possible:
            lines.append((name, why, NAMED[name]))
        elif takes.endswith("!"):
            lines.append((name, f"needs to be told something: {told}", None))
        else:
            other = f"; {told} needs less" if name in INSTEAD else ""
            lines.append((name, f"these records lack {needs}{other}", None))
    return lines


def _line(rule: Rule) -> tuple[str, str, Rule]:
    return rule.name, rule.why or rule.matches, rule


def _written(rule: Rule) -> str | Call:
    """Write a rule as its name, or as the call that makes one like it."""
    made = as_arguments(rule)
    return made if isinstance(made, str) else Call("rule", [made.pop("name")], made)
