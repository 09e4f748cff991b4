"""What the sections of a report ask, and how every answer is made fit to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlglot import exp

from flowlab.choosing import chosen
from flowlab.conditions import to_plain
from flowlab.exclusion_rules import Rule
from flowlab.exclusions import exclude
from flowlab.options import period_of
from flowlab.rulebook import NAMED
from flowlab.summaries import totals
from flowlab.tables import FilteredTable, Table, as_table

if TYPE_CHECKING:
    from flowlab.anonymization.keyed import Anonymizer
    from flowlab.ledger import Ledger


@dataclass(frozen=True)
class Material:
    """The records of a report, and all that is known of them.

    Attributes
    ----------
    flows : DataFrame, Archive or Table
        As they were given.
    rules : sequence of Rule
        What is set aside.
    before : DataFrame, Archive, Table or None
        Records of an earlier period, to compare with.
    ledger : Ledger or None
    start, end : Timestamp or None
        Period, half-open, in UTC.
    tz : str
        Zone that times are shown in.
    hidden : Anonymizer or None
        Replaces what names somebody in everything that is shown.
    """

    flows: Any
    rules: Sequence[Rule]
    before: Any
    ledger: Ledger | None
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    tz: str
    hidden: Anonymizer | None

    @cached_property
    def whole(self) -> Table:
        """The records of the period, before anything is set aside."""
        table = as_table(self.flows)
        within = period_of(table, "report", self.start, self.end)
        return FilteredTable(table, exp.and_(*within), "of a period") if within else table

    @cached_property
    def work(self) -> Table:
        """The records that the findings are about."""
        return exclude(self.whole, self.rules) if self.rules else self.whole

    @cached_property
    def sums(self) -> dict[str, Any]:
        """Totals of the records that the findings are about."""
        return {str(k): v for k, v in totals(self.work).iloc[0].items()}

    @property
    def records(self) -> int:
        """How many records the findings are about."""
        return int(self.sums["flow_records"])

    @property
    def measure(self) -> str:
        """What rankings are by: bytes, where the format has them."""
        return "bytes" if "bytes" in self.work.columns else "flow_records"

    def ask(
        self,
        question: Callable[..., pd.DataFrame],
        *options: Any,
        of: Any = None,
        keep: Iterable[str] = (),
        **named: Any,
    ) -> pd.DataFrame:
        """Ask a question, of `work` if nothing else is said, and make the answer fit to show."""
        return self.shown(question(self.work if of is None else of, *options, **named), keep)

    def shown(self, frame: pd.DataFrame, keep: Iterable[str] = ()) -> pd.DataFrame:
        """Replace what names somebody, except in columns of flowlab's own words; times in `tz`."""
        if self.hidden is not None:
            from flowlab.anonymization.flows import anonymize

            kept = [name for name in keep if name in frame]
            frame = anonymize(frame, key=self.hidden, keep=kept)
        moved = {
            name: frame[name].dt.tz_convert(self.tz)
            for name in frame.columns
            if isinstance(frame[name].dtype, pd.DatetimeTZDtype)
        }
        return frame.assign(**moved) if moved else frame

    def text(self, text: str) -> str:
        """Replace what names somebody in a sentence."""
        return text if self.hidden is None else self.hidden.text(text)

    def name(self, name: str) -> str:
        """Replace a name of somebody's, such as that of a file or bucket."""
        return name if self.hidden is None else self.hidden.id(name)

    def moment(self, moment: Any) -> str:
        """Write a moment in `tz`."""
        if pd.isna(moment):
            return "(none)"
        return pd.Timestamp(moment).tz_convert(self.tz).strftime("%Y-%m-%d %H:%M:%S")

    def rule_names(self) -> dict[str, str]:
        """Give the rules under the names to show: those of somebody's own are numbered."""
        own = [rule for rule in self.rules if not _known(rule)]
        if self.hidden is None:
            return {rule.name: rule.name for rule in self.rules}
        numbers = {rule.name: f"own rule {at}" for at, rule in enumerate(own, 1)}
        return {rule.name: numbers.get(rule.name, rule.name) for rule in self.rules}

    def told(self, rule: Rule) -> tuple[str, str]:
        """Say what a rule matches and why it is there."""
        if self.hidden is None:
            return rule.matches, rule.why
        if _known(rule):
            # Well-known addresses beside what stands for them would give the key's work away, and
            # themselves they must not stand here if the records have them.
            same = self.hidden.text(rule.matches) == rule.matches
            return rule.matches if same else "as fl.rules() says", rule.why
        for value in _texts(to_plain(rule.condition)):
            self.hidden.id(value)  # known from here on, so that it is found in the sentence
        return self.hidden.text(rule.matches), ""


def _known(rule: Rule) -> bool:
    return NAMED.get(rule.name) == rule


def _texts(plain: Any, column: str = "") -> Iterable[str]:
    """Give the values of a condition that may name somebody."""
    from flowlab.anonymization.flows import MEANING

    if isinstance(plain, Mapping):
        for name, value in plain.items():
            yield from _texts(value, str(name))
    elif isinstance(plain, list):
        for value in plain:
            yield from _texts(value, column)
    elif isinstance(plain, str) and column not in MEANING:
        yield plain


def rules_of(rules: Any) -> list[Rule]:
    """Read rules as people give them; none by default."""
    return [] if rules is None else chosen(rules, "report")
