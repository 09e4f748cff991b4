"""What became of a plan: each step, what was seen of the records, what is left to do."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flowlab.setup import steps
from flowlab.setup.steps import Step
from flowlab.wording import plain_text

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.setup.planning import Plan
    from flowlab.setup.reporting import SetupReport

Outcome = Literal["done", "was there", "nothing to do", "verified", "not verified", "left"]


@dataclass
class Applied:
    """What was done. Made by `Plan.apply`.

    Attributes
    ----------
    plan : Plan
        As it was at the time of doing: AWS is looked at again before.
    outcomes : list of (Step, str)
        Each step, and what became of it.
    flow_log_ids : list of str
        Flow logs that were made.
    arrived : dict
        Flow log id to what was seen of its records.
    kept : list of str
        Old flow logs that were to be deleted, and were not.
    notes : list of str
        What is left to know or to do.
    report : SetupReport or None
        The checks of the set-up thereafter; None where nobody waited, or they could not be made.
    """

    plan: Plan
    outcomes: list[tuple[Step, Outcome]] = field(default_factory=list)
    flow_log_ids: list[str] = field(default_factory=list)
    arrived: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    report: SetupReport | None = None

    @property
    def verified(self) -> bool:
        """Whether records of every flow log of the plan were seen; True if none had to be."""
        return all(outcome != "not verified" for _, outcome in self.outcomes)

    @property
    def steps(self) -> pd.DataFrame:
        """The steps of the plan, one row each, as `Plan.steps`, and outcome."""
        outcomes = [outcome for _, outcome in self.outcomes]
        return steps.table(step for step, _ in self.outcomes).assign(outcome=outcomes)

    def _headline(self) -> str:
        if self.plan.empty:
            return f"{self.plan.title}: already as wished, nothing was done"
        state = "records arrive" if self.verified else "done, but NOT VERIFIED"
        return f"{self.plan.title.replace('Plan: ', 'Applied: ', 1)}: {state}"

    def _told(self) -> list[str]:
        seen = [f"{flow_log}: {what}" for flow_log, what in self.arrived.items()]
        checks = [f"checked again: {self.report.summary} See .report"] if self.report else []
        return [*seen, *self.notes, *checks]

    def __repr__(self) -> str:
        rows = [
            f"{n:>3}. {outcome:<14}{step.action} {step.what} {step.resource}"
            for n, (step, outcome) in enumerate(self.outcomes, 1)
        ]
        lines = [self._headline(), *rows, *(f"- {note}" for note in self._told())]
        return "\n".join(map(plain_text, lines))

    def _repr_html_(self) -> str:
        def safe(text: str) -> str:
            return html.escape(plain_text(text))

        rows = "".join(
            f"<li><b>{outcome}</b>: {step.action} {safe(step.what)} "
            f"<code>{safe(step.resource)}</code></li>"
            for step, outcome in self.outcomes
        )
        notes = "".join(f"<li>{safe(note)}</li>" for note in self._told())
        return (
            f"<div class='flowlab-applied'><p>{safe(self._headline())}</p>"
            f"<ol>{rows}</ol><ul>{notes}</ul></div>"
        )
