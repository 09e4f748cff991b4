"""Records of one unordered 5-tuple, found without Python's touching a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowlab.enriching.columns import Bools, Ints

Keys = NDArray[np.uint64]

_BLOCK = 1 << 18
_ODD = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)))


@dataclass(frozen=True)
class Groups:
    """Rows put together: those of group g are ``order[start[g]:start[g + 1]]``."""

    order: Ints
    start: Ints

    def any_of(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Or the bits of the rows of each group together."""
        if not len(self.start):
            return np.zeros(0, np.uint8)
        together: NDArray[np.uint8] = np.bitwise_or.reduceat(bits[self.order], self.start)
        return together

    def to_rows(self, values: Ints) -> Ints:
        """Give each row what its group has."""
        size = np.diff(self.start, append=len(self.order))
        out = np.empty(len(self.order), values.dtype)
        out[self.order] = np.repeat(values, size)
        return out

    @property
    def one_row(self) -> Ints:
        """One row of each group."""
        rows: Ints = self.order[self.start]
        return rows


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
    packed = key >> bits
    packed <<= bits
    for rows in blocks(len(key)):
        packed[rows] |= np.arange(rows.start, rows.stop, dtype=np.uint64)
    packed.sort()
    first = changes(packed >> bits)
    packed &= (np.uint64(1) << bits) - np.uint64(1)
    order = packed.view(np.int64)
    # Alone or not: only the keys of rows beside others are looked at again.
    beside = ~first
    beside[:-1] |= ~first[1:]
    some = np.flatnonzero(beside)
    own = key[order[some]]
    begins = changes(own)
    # Where keys differ only in the bits that made way, they are still mixed.
    if (mixed := np.flatnonzero(begins & ~first[some])).size:
        again = np.flatnonzero(np.isin(own >> bits, own[mixed] >> bits))
        sorted_ = again[np.argsort(own[again], kind="stable")]
        order[some[again]], own[again] = order[some[sorted_]], own[sorted_]
        begins = changes(own)
    first[some] = begins
    return Groups(order, np.flatnonzero(first))


def changes(values: NDArray[Any]) -> Bools:
    """Whether each value is another than the one before it."""
    other = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=other[1:])
    return other


def blocks(rows: int) -> Iterator[slice]:
    """Cut rows into blocks: what is worked out from one stays in memory that is used again."""
    for start in range(0, rows, _BLOCK):
        yield slice(start, min(start + _BLOCK, rows))
