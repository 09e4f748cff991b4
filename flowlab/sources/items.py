"""What a place gives to be read: items, and what could not be listed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol


@dataclass(frozen=True)
class Item:
    """One thing to read: a name to show, a size where it is known, and how to open it."""

    name: str
    size: int | None  # bytes as stored; None for a stream
    open: Callable[[], AbstractContextManager[BinaryIO]]
    # What stays the same as long as the contents do (an object's ETag, a closed slice of a log
    # group); "" for what cannot be archived.
    identity: str = ""
    settled: bool = True  # False while AWS may still add to it: read, but never archived
    formats: tuple[tuple[str, ...], ...] = ()  # of its lines without header, if the place knows
    remote: bool = False  # worth fetching while others are parsed


@dataclass(frozen=True)
class Problem:
    """Something that could not be had: what, AWS's reason, and the remedy."""

    name: str
    reason: str


@dataclass
class Listing:
    """What covers a period in a place."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    # Formats of lines without a header, as the place itself tells them (DescribeFlowLogs).
    formats: tuple[tuple[str, ...], ...] = ()


class Place(Protocol):
    """Somewhere flow logs are kept."""

    remote: bool  # worth fetching many items at a time; also written into each item

    def list(self, start: int | None, end: int | None) -> Listing:
        """List what may hold records that start in a half-open period, in epoch seconds."""

    def options(self) -> dict[str, Any]:
        """Give the arguments that make this place again, ready for JSON, without any secret."""

    def read_policy(self) -> dict[str, Any]:
        """Give the least IAM policy that reading this place needs."""
