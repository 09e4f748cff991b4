"""The partitions that can hold a period, as a condition that lets Athena leave out all others.

A folder is named after the moment its records END (AWS, "Flow log files"), or were delivered, which
is later. So none before the one of the period's beginning can hold a record that starts in it, and
one that is named up to an hour after its end still can.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlglot import exp

from flowlab import clauses as build

LATE = 3600  # folders may be named as much later than their records start [s]
_PARTS = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
_UNITS = {"%Y": "years", "%m": "months", "%d": "days", "%H": "hours"}
_ORDER = "".join(_UNITS)
_ALL = {"%m": 12, "%d": 31, "%H": 24}
# What a registered partition's value may look like where nothing else says how dates are written.
_LOOKS = {
    r"\d{4}/\d\d/\d\d": "%Y/%m/%d", r"\d{4}-\d\d-\d\d": "%Y-%m-%d", r"\d{8}": "%Y%m%d",
    r"\d{4}/\d\d/\d\d/\d\d": "%Y/%m/%d/%H", r"\d{4}-\d\d-\d\d-\d\d": "%Y-%m-%d-%H",
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A partition column, and what the table's properties say of its projection."""

    name: str
    type: str
    projection: Mapping[str, str] = field(default_factory=dict)  # "type", "format", "digits" ...


@dataclass(frozen=True)
class Level:
    """A partition column that is a time, or a part of one."""

    column: str
    pattern: str  # as strftime has it
    kind: str  # "text", "number" or "date"
    digits: int = 0  # two: 07; one: 7; none: nobody says

    @property
    def fields(self) -> list[str]:
        """Parts of the time in it, such as %Y."""
        return re.findall("%[YmdH]", self.pattern)

    @property
    def whole(self) -> bool:
        """Whether its values stand in the order of time."""
        return self.fields[0] == "%Y"

    def text(self, moment: datetime) -> str:
        """Write the value of a moment, as folders have it."""
        written = moment.strftime(self.pattern)
        return str(int(written)) if self.digits == 1 and self.pattern != "%Y" else written

    def literals(self, moment: datetime) -> list[exp.Expr]:
        """Write the value as SQL; in every spelling that is possible."""
        word = self.text(moment)
        if self.kind == "number":
            return [build.number(int(word))]
        if self.kind == "date":
            return [exp.cast(exp.Literal.string(word), "DATE")]
        spellings = [word] if self.digits or self.whole else [word, str(int(word))]
        return [exp.Literal.string(s) for s in dict.fromkeys(spellings)]


def levels(keys: Sequence[Key], sample: Mapping[str, str]) -> list[Level]:
    """Find the partition columns that tell a time.

    Parameters
    ----------
    keys : sequence of Key
    sample : mapping
        Values of one registered partition, by column; empty for a projected table.

    Returns
    -------
    list of Level
        From the coarsest to the finest; empty if no time can be read off the partitions.
    """
    names = {key.name for key in keys}
    found = [level for key in keys if (level := _level(key, names, sample.get(key.name, "")))]
    return sorted(found, key=lambda level: _ORDER.index(level.fields[0]))


def _level(key: Key, names: set[str], value: str) -> Level | None:
    projected = key.projection.get("type", "").lower()
    kind = "number" if key.type in ("int", "bigint", "smallint", "tinyint") else "text"
    if projected == "injected":  # takes nothing but values that the user names
        return None
    if projected == "date":
        pattern = _strftime(key.projection.get("format", ""))
        return Level(key.name, pattern, kind) if pattern and _every(key, pattern) else None
    if key.type == "date":
        return Level(key.name, "%Y-%m-%d", "date")
    for looks, pattern in _LOOKS.items():
        if re.fullmatch(looks, value):
            return Level(key.name, pattern, kind)
    part = _PARTS.get(key.name)
    if part is None or not ("year" in names or key.name == "hour"):
        return None
    if key.projection.get("interval", "1") != "1":
        return None
    digits = int(key.projection.get("digits", "1")) if projected == "integer" else 0
    return Level(key.name, part, kind, digits if digits in (1, 2) else 0)


def _strftime(java: str) -> str:
    """Translate a date format, if its values stand in the order of time; else nothing."""
    # Every second part stands between quotes: letters that mean themselves.
    parts = java.split("'")
    told = [re.sub("yyyy|MM|dd|HH", lambda m: _JAVA[m[0]], p) for p in parts[::2]]
    fields = re.findall("%[YmdH]", "".join(told))
    if not fields or not _ORDER.startswith("".join(fields)):
        return ""
    if re.search("[A-Za-z%]", re.sub("%[YmdH]", "", "".join(told))) or "%" in "".join(parts[1::2]):
        return ""
    plain = [*parts[1::2], ""]
    return "".join(a + b for a, b in zip(told, plain, strict=False))


def _every(key: Key, pattern: str) -> bool:
    """Whether the projection makes one partition for each unit that the format tells apart."""
    unit = _UNITS[re.findall("%[YmdH]", pattern)[-1]]
    given = key.projection.get("interval.unit", unit).lower().rstrip("s") + "s"
    return key.projection.get("interval", "1") == "1" and given == unit


# ------------------------------------------------------------------------------ which
def moments(found: Sequence[Level], start: int, end: int) -> list[datetime]:
    """Name the folders of a half-open period [epoch s] by their times: hours, or days."""
    step = timedelta(hours=1) if any("%H" in level.fields for level in found) else timedelta(days=1)
    first = datetime.fromtimestamp(start, UTC)
    first = first.replace(hour=0 if step.days else first.hour, minute=0, second=0)
    last = datetime.fromtimestamp(max(end - 1, start) + LATE, UTC)
    return [first + n * step for n in range((last - first) // step + 1)]


def predicate(found: Sequence[Level], times: Sequence[datetime]) -> list[exp.Expr]:
    """Write which partitions these are, as conditions that all hold.

    One simple condition for each column, from which every planner can tell what to leave out;
    then, where columns together say more than each alone, the exact combinations.
    """
    conditions: list[exp.Expr] = []
    combinations = 1
    for level in found:
        values = {level.text(m): m for m in times}
        combinations *= len(values)
        if len(values) < _ALL.get(level.pattern, len(times) + 1):
            conditions.append(_among(level, list(values.values())))
    if combinations > len({tuple(level.text(m) for level in found) for m in times}):
        varied = [level for level in found if len({level.text(m) for m in times}) > 1]
        exact = list(_branches(varied, list(times)))
        conditions.append(exp.paren(exp.or_(*exact, copy=False)) if len(exact) > 1 else exact[0])
    return conditions


def _branches(found: Sequence[Level], times: list[datetime]) -> Iterator[exp.Expr]:
    """Write one condition for each run of values that have the same values below them."""
    level, below = found[0], found[1:]
    runs: list[tuple[str, list[datetime], exp.Expr | None]] = []
    for _, group in groupby(times, key=level.text):
        inside = list(group)
        rest: exp.Expr | None = None
        if below and not _is_whole(level, inside):
            rest = exp.or_(*_branches(below, inside), copy=False)
        text = rest.sql() if rest else ""
        if runs and runs[-1][0] == text:
            runs[-1][1].append(inside[0])
        else:
            runs.append((text, [inside[0]], rest))
    for _, values, rest in runs:
        here = _among(level, values)
        yield exp.and_(here, rest, copy=False) if rest else here


def _is_whole(level: Level, inside: Sequence[datetime]) -> bool:
    """Whether these times fill the year, month or day that a value stands for."""
    first = inside[0]
    step = inside[1] - first if len(inside) > 1 else None
    day = 1 if step is None or step.days else 24
    unit = level.fields[-1]
    if unit == "%d":
        return len(inside) == day == 24
    if unit == "%m":
        return len(inside) == day * calendar.monthrange(first.year, first.month)[1]
    return unit == "%Y" and len(inside) == day * (365 + calendar.isleap(first.year))


def _among(level: Level, values: Sequence[datetime]) -> exp.Expr:
    column = build.column(level.column)
    if level.whole and len(values) > 1:
        return column.between(level.literals(values[0])[0], level.literals(values[-1])[0])
    words = [word for moment in values for word in level.literals(moment)]
    return column.eq(words[0]) if len(words) == 1 else column.isin(*words)


def names(found: Sequence[Level], times: Sequence[datetime]) -> set[tuple[str, ...]]:
    """Name these partitions by the values of their times, as `name` does."""
    return {tuple(_plain(level.text(m)) for level in found) for m in times}


def name(found: Sequence[Level], values: Mapping[str, str]) -> tuple[str, ...]:
    """Name a registered partition by the values of its times, however its digits are written."""
    return tuple(_plain(values.get(level.column, "")) for level in found)


def _plain(value: str) -> str:
    return str(int(value)) if value.isdigit() else value
