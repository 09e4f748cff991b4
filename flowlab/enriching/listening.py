"""Ports that listen, by what is known of them from all records: who answers, who talks to many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowlab.coded import NULL
from flowlab.enriching.columns import Bools, Ints
from flowlab.enriching.grouping import changes, in_order
from flowlab.enriching.services import EPHEMERAL

FIRST_CLIENT_PORT = 1024  # NAT gateways and load balancers begin here

_SLOTS = 22  # bits
_ODD = np.uint64(0x9E3779B97F4A7C15)


def listener(end: Ints, rank: Ints) -> Ints:
    """Make an end and its protocol one number."""
    return end * 4 + rank


class Known:
    """Distinct numbers, sorted; where each is, is looked up without a search."""

    def __init__(self, numbers: Ints) -> None:
        self.numbers = numbers
        self._bits = min(24, (16 * len(numbers)).bit_length())
        slots, here = _slot(numbers, self._bits), np.arange(len(numbers), dtype=np.int32)
        self._at = np.zeros(1 << self._bits, np.int32)
        self._at[slots] = here
        self._crowded = np.zeros(len(self._at), bool)  # slots of several numbers keep one
        self._crowded[slots[self._at[slots] != here]] = True

    def find(self, numbers: Ints) -> Ints:
        """Give places of numbers among these; NULL for any other."""
        if not len(self.numbers):
            return np.full(len(numbers), NULL, np.int32)
        slots = _slot(numbers, self._bits)
        at = self._at[slots]
        at[self.numbers[at] != numbers] = NULL
        rest = np.flatnonzero(self._crowded[slots] & (at == NULL))
        near = np.minimum(np.searchsorted(self.numbers, numbers[rest]), len(self.numbers) - 1)
        at[rest] = np.where(self.numbers[near] == numbers[rest], near, NULL)
        return at


class PortsTalkedTo:
    """How many ports a listener talks to, client ports on the other side.

    Parameters
    ----------
    who : array of int64, sorted
        Listeners that talk to several.
    ports : array of int64
        How many.
    """

    def __init__(self, who: Ints, ports: Ints) -> None:
        self._who = Known(who)
        self._ports = np.append(ports, 1)

    def of(self, listeners: Ints) -> Ints:
        """Give the count of each; 1, which decides nothing, where there is none."""
        counts = np.ones(len(listeners), np.int64)
        # Half of the ends are a client's, and never among those counted.
        maybe = np.flatnonzero(listeners >> 2 & 0xFFFF < EPHEMERAL)
        counts[maybe] = self._ports[self._who.find(listeners[maybe])]
        return counts


def pairs(one: Ints, other: Ints, rank: Ints, counts: Bools, asked: Bools | None) -> Ints:
    """Give listeners, each with a port it talks to, as one number.

    Parameters
    ----------
    one, other, rank
        The two ends of records, and the rank of their protocol.
    counts : array of bool
        Whether a record counts.
    asked : array of bool, optional
        Slots of the listeners that anybody asks for; by default all.

    Notes
    -----
    An end whose own port is a client's is no listener: a scanner talks to many ports from one.
    """
    found = []
    for mine, theirs in ((one, other), (other, one)):
        here = (mine & 0xFFFF < EPHEMERAL) & (theirs & 0xFFFF >= FIRST_CLIENT_PORT) & counts
        at = np.flatnonzero(here)
        who = listener(mine[at], rank[at])
        if asked is not None:
            some = asked[_slot(who)]
            who, at = who[some], at[some]
        who <<= 16
        who |= theirs[at] & 0xFFFF
        found.append(who)
    return np.concatenate(found)


def counted(pieces: Sequence[Ints]) -> PortsTalkedTo:
    """Count the ports of each listener in `pairs`."""
    none = np.zeros(0, np.int64)
    parts = in_order(np.concatenate([none, *pieces]), 16, _counts)
    return PortsTalkedTo(*(np.concatenate([part[i] for part in parts]) for i in (0, 1)))


def _counts(pair: Ints) -> tuple[Ints, Ints]:
    who = pair[changes(pair)]
    who >>= 16
    first = np.flatnonzero(changes(who))
    ports = np.diff(first, append=len(who))
    many = ports > 1
    return who[first[many]], ports[many]


def slots_of(listeners: Sequence[Ints]) -> Bools:
    """Mark listeners, so that most of the others can be told from them at once."""
    marked = np.zeros(1 << _SLOTS, bool)
    for some in listeners:
        marked[_slot(some)] = True
    return marked


def _slot(numbers: Ints, bits: int = _SLOTS) -> Ints:
    # Two numbers in one slot cost a little time, and change nothing.
    return (numbers.view(np.uint64) * _ODD >> np.uint64(64 - bits)).view(np.int64)


def distinct(pieces: Sequence[Ints]) -> Ints:
    """Give the distinct numbers, sorted."""
    numbers = np.concatenate([np.zeros(0, np.int64), *pieces])
    numbers.sort()  # np.unique alone takes ten times as long
    return np.asarray(numbers[changes(numbers)])
