"""Records of one unordered 5-tuple, found without Python's touching a row, on all CPUs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from flowlab.enriching.columns import Bools, Ints
from flowlab.working import BLOCK, CPUS, at_once, blocks, in_blocks

Keys = NDArray[np.uint64]
Made = TypeVar("Made")

_ODD = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)))


@dataclass(frozen=True)
class Groups:
    """Rows that have company: those of group g are ``order[start[g]:start[g + 1]]``.

    A row that is in none of them is alone.
    """

    order: Ints
    start: Ints

    def any_of(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give each row the bits of all rows of its group, together."""
        every = bits.copy()
        if len(self.order):
            together = np.bitwise_or.reduceat(bits[self.order], self.start)
            every[self.order] = np.repeat(together, np.diff(self.start, append=len(self.order)))
        return every

    def one_of_each(self, rows: int) -> Bools:
        """Say which rows stand for their group: one does of each, and who is alone."""
        one = np.ones(rows, bool)
        one[self.order] = False
        one[self.order[self.start]] = True
        return one


def key_of(low: Ints, high: Ints, protocol: Ints) -> Keys:
    """Mix three columns into a number that is the same where all of them are.

    The same number means the same 5-tuple: among ten million of them, any two are taken for one
    in one case of 370,000.
    """
    key: Keys = low.view(np.uint64) * _ODD[0]
    for more, odd in ((high, _ODD[1]), (protocol, _ODD[2])):
        key ^= key >> np.uint64(32)
        key += more.astype(np.uint64)
        key *= odd
    key ^= key >> np.uint64(32)
    return key


def group_by(key: Keys) -> Groups:
    """Group rows that have the same key.

    The row's number takes the place of the key's lowest bits: sorting plain numbers is nine
    times as fast as argsort.
    """
    bits = np.uint64(len(key).bit_length())
    packed = np.empty_like(key)

    def pack(rows: slice) -> None:
        numbers = packed[rows]
        np.right_shift(key[rows], bits, out=numbers)
        numbers <<= bits
        numbers |= np.arange(rows.start, rows.stop, dtype=np.uint64)

    in_blocks(len(key), pack)
    parts = in_order(packed, int(bits), partial(_with_company, key, bits))
    order, begins = map(np.concatenate, zip(*parts, strict=True))
    return Groups(order, np.flatnonzero(begins))


def _with_company(key: Keys, bits: np.uint64, packed: Keys) -> tuple[Ints, Bools]:
    """Order, as in Groups, of the rows in one part; and where a group begins in it."""
    first = changes(packed, int(bits))
    beside = ~first
    beside[:-1] |= ~first[1:]
    order = (packed[beside] & ((np.uint64(1) << bits) - np.uint64(1))).view(np.int64)
    first = first[beside]
    own = key[order]
    begins = changes(own)
    # Where keys differ only in the bits that made way, they are still mixed.
    if (mixed := np.flatnonzero(begins & ~first)).size:
        again = np.flatnonzero(np.isin(own >> bits, own[mixed] >> bits))
        sorted_ = again[np.argsort(own[again], kind="stable")]
        order[again], own[again] = order[sorted_], own[sorted_]
        begins = changes(own)
    return order, begins


def in_order(numbers: NDArray[Any], bits: int, work: Callable[[NDArray[Any]], Made]) -> list[Made]:
    """Sort numbers, in place, and work on them in parts, on all CPUs.

    Parameters
    ----------
    numbers : array of integers
    bits : int
        Numbers that differ only in so many of the lowest bits stay in one part.
    work : callable
        Takes one part.

    Returns
    -------
    list
        What came of the parts, lowest numbers first; of at least one part.
    """
    edges = [0, len(numbers)]
    while len(edges) <= min(8, CPUS) and len(numbers) > BLOCK:
        # What is below the middle number to the left, what is above to the right.
        halves = [(low, (low + high) // 2, high) for low, high in itertools.pairwise(edges)]
        at_once(
            [partial(numbers[low:high].partition, middle - low) for low, middle, high in halves]
        )
        edges = [0, *(edge for _, *more in halves for edge in more)]
    at_once([numbers[low:high].sort for low, high in itertools.pairwise(edges)])
    shift = numbers.dtype.type(bits)
    edges[1:-1] = [
        int(np.searchsorted(numbers, numbers[edge] >> shift << shift)) for edge in edges[1:-1]
    ]
    return at_once([partial(work, numbers[low:high]) for low, high in itertools.pairwise(edges)])


def changes(values: NDArray[Any], bits: int = 0) -> Bools:
    """Whether each integer is another than the one before it, in all but the lowest bits."""
    other = np.ones(len(values), bool)
    shift = values.dtype.type(bits)
    for before in blocks(len(values) - 1):
        here = slice(before.start + 1, before.stop + 1)
        np.not_equal((values[here] ^ values[before]) >> shift, 0, out=other[here])
    return other
