"""A rule: a condition on records, with a name, a reason, a source, and what it cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlglot import exp

from flowlab.conditions import DEEPEST, Condition, Either, Every, Not, depth, in_words, to_sql
from flowlab.errors import FlowlabError
from flowlab.tables import Table
from flowlab.wording import cut_short


@dataclass(frozen=True)
class Rule:
    """A named condition. Made by `rule`; combined with ``&``, ``|`` and ``~``.

    Attributes
    ----------
    name : str
    condition : Condition
        What it tests, as data.
    why : str
        Why one would want it.
    source : str
        Where that is written.
    limits : str
        What it cannot tell.

    Raises
    ------
    FlowlabError
        More than 100 conditions would stand inside one another; hundreds joined by ``|`` or by
        ``&`` alone stand side by side.
    """

    name: str
    condition: Condition
    why: str = ""
    source: str = ""
    limits: str = ""

    def __post_init__(self) -> None:
        if depth(self.condition) > DEEPEST:
            raise FlowlabError(
                f"the rule {cut_short(self.name, 60)} is combined too deep: more than {DEEPEST} "
                "conditions stand inside one another.",
                fix="give several rules as a list: exclude takes what any of them matches.",
            )

    @property
    def matches(self) -> str:
        """The condition in words."""
        return in_words(self.condition)

    def __and__(self, other: Rule) -> Rule:
        _check(self, other)
        return _joined("and", self, other, Every(_parts(Every, self, other)))

    def __or__(self, other: Rule) -> Rule:
        _check(self, other)
        return _joined("or", self, other, Either(_parts(Either, self, other)))

    def __rand__(self, other: Any) -> NoReturn:
        raise _no_rule(self, other)

    __ror__ = __rand__

    def __invert__(self) -> Rule:
        return Rule(f"not {self.name}", Not(self.condition), "", self.source, self.limits)

    def __bool__(self) -> NoReturn:
        raise FlowlabError(
            f"the rule {self.name} is neither true nor false by itself.",
            "Python's and, or, not were used on a rule.",
            "combine rules with &, | and ~, as in a & ~b.",
        )

    def __repr__(self) -> str:
        return f"Rule {self.name}: {self.matches}"


def _check(rule: Rule, other: Any) -> None:
    if not isinstance(other, Rule):
        raise _no_rule(rule, other)


def _no_rule(rule: Rule, other: Any) -> FlowlabError:
    named = f'fl.rule("{other}")' if isinstance(other, str) else 'fl.rule("backup", dstport=873)'
    return FlowlabError(
        f"the rule {rule.name} cannot be joined with {cut_short(repr(other), 60)}: it is no rule.",
        fix=f"make one of it first: {named}.",
    )


def _parts(kind: type[Every | Either], *rules: Rule) -> tuple[Condition, ...]:
    """Conditions of rules, side by side: of hundreds one inside the other, Python loses count."""
    both: list[Condition] = []
    for rule in rules:
        both += rule.condition.parts if isinstance(rule.condition, kind) else [rule.condition]
    return tuple(both)


def _joined(word: str, one: Rule, other: Rule, condition: Condition) -> Rule:
    pairs = (one.why, other.why), (one.source, other.source), (one.limits, other.limits)
    texts = ["; ".join(dict.fromkeys(filter(None, pair))) for pair in pairs]
    return Rule(f"({one.name} {word} {other.name})", condition, *texts)


def any_of(table: Table, rules: Sequence[Rule]) -> exp.Expr:
    """Write SQL that is true for the records that any rule matches, false for all others."""
    condition = Either(tuple(rule.condition for rule in rules))
    return to_sql(condition, table.columns, table.dialect)
