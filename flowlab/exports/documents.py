"""From columns to nested documents: a list of targets, each a path, a type and its values."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowlab.exports.paging import Page

Values = Sequence[Any]
Maker = Callable[[Page, int], Values | None]  # None: these records have nothing to make it of


@dataclass(frozen=True)
class Target:
    """One field of a document."""

    path: str  # with dots
    type: str  # in an Elasticsearch or OpenSearch mapping
    make: Maker


def column(name: str, words: bool = False) -> Maker:
    """Take a column as it is, or each value as text."""

    def make(page: Page, rows: int) -> Values | None:
        found = page.get(name)
        if found is None or not words:
            return found
        return [None if value is None else str(value) for value in found]

    return make


def constant(value: Any) -> Maker:
    """Give every document the same value."""
    return lambda page, rows: [value] * rows


def mapped(name: str, meanings: dict[Any, Any], other: Any = None, null: Any = None) -> Maker:
    """Translate a column's values; `other` for values without a meaning, `null` for null."""

    def make(page: Page, rows: int) -> Values | None:
        found = page.get(name)
        if found is None:
            return None
        return [null if value is None else meanings.get(value, other) for value in found]

    return make


def first_of(*makers: Maker) -> Maker:
    """Give the values of the first that has any to give."""

    def make(page: Page, rows: int) -> Values | None:
        return next((found for m in makers if (found := m(page, rows)) is not None), None)

    return make


def moment(name: str) -> Maker:
    """Write a column of epoch seconds as RFC 3339."""

    def make(page: Page, rows: int) -> Values | None:
        found = page.get(name)
        if found is None:
            return None
        written = {second: rfc3339(second) for second in set(found) if second is not None}
        return [written.get(second) for second in found]

    return make


def rfc3339(second: int) -> str:
    """Write an epoch second in UTC."""
    stamp = datetime.datetime.fromtimestamp(second, datetime.UTC)
    return stamp.strftime("%Y-%m-%dT%H:%M:%SZ")


def build(targets: Sequence[Target], page: Page, rows: int) -> Iterator[dict[str, Any]]:
    """Make one document per record; a null is left out, and so is an object without fields."""
    groups: dict[tuple[str, ...], list[tuple[str, Values]]] = {}
    for target in targets:
        found = target.make(page, rows)
        if found is not None:
            *above, leaf = target.path.split(".")
            groups.setdefault(tuple(above), []).append((leaf, found))
    for row in range(rows):
        document: dict[str, Any] = {}
        for parents, fields in groups.items():
            held = {leaf: v[row] for leaf, v in fields if v[row] is not None}
            if held:
                place = document
                for name in parents:
                    place = place.setdefault(name, {})
                place.update(held)
        yield document


def properties(targets: Sequence[Target]) -> dict[str, Any]:
    """Write the targets' types as the ``properties`` of a mapping."""
    found: dict[str, Any] = {}
    for target in targets:
        *parents, leaf = target.path.split(".")
        place = found
        for name in parents:
            place = place.setdefault(name, {"properties": {}})["properties"]
        place[leaf] = {"type": target.type}
    return found
