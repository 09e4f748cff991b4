"""A flow frame's columns as numpy arrays, and back: numbers, codes for words and addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flowlab.coded import NULL, encoded
from flowlab.errors import FlowlabError
from flowlab.frame_types import in_arrow
from flowlab.working import POOL, at_once

Ints = NDArray[Any]  # integers of any width
Bools = NDArray[np.bool_]
Made = TypeVar("Made")

ENDS = ("srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr")
_RECORDED = {"pkt_srcaddr": "srcaddr", "pkt_dstaddr": "dstaddr"}


class Columns:
    """The columns of a flow frame; each is made an array once, when it is asked for.

    A column that the frame lacks reads like one that is null throughout.
    """

    def __init__(self, flows: pd.DataFrame) -> None:
        self._flows = flows
        self._made: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def __contains__(self, name: str) -> bool:
        return name in self._flows.columns

    def has(self, *names: str) -> bool:
        """Whether the frame has all these columns."""
        return all(name in self for name in names)

    def integers(self, name: str) -> Ints:
        """Give a column of integers that are not negative; NULL where there is none."""
        return self._once(name, lambda: self._integers(name))

    def words(self, name: str) -> tuple[Ints, list[str]]:
        """Give a column of ids or words as codes, NULL for null, and the words by code."""
        return self._once(name, lambda: self._words(name))

    def seconds(self, name: str) -> Ints:
        """Give a column of times in epoch seconds; NULL where there is none."""
        return self._once(name, lambda: self._seconds(name))

    def codes(self, name: str) -> Ints:
        """Give an address column as codes: places in `addresses`, NULL for null."""
        return self._coded[1].get(name, self._nothing)

    @property
    def addresses(self) -> pa.Array:
        """Every address of the frame, once: the texts that `codes` stand for."""
        return self._coded[0]

    @cached_property
    def source(self) -> Ints:
        """Codes of the source in the packet itself, where the records tell; else of srcaddr."""
        return self._packet_level("pkt_srcaddr", "srcaddr")

    @cached_property
    def destination(self) -> Ints:
        """Codes of the destination in the packet itself, where told; else of dstaddr."""
        return self._packet_level("pkt_dstaddr", "dstaddr")

    def _packet_level(self, packet: str, recorded: str) -> Ints:
        codes = self.codes(packet)
        return np.where(codes == NULL, self.codes(recorded), codes) if packet in self else (
            self.codes(recorded)
        )  # fmt: skip

    @cached_property
    def _nothing(self) -> Ints:
        return np.full(len(self), NULL, np.int32)

    def _once(self, name: str, make: Callable[[], Made]) -> Made:
        if name not in self._made:
            self._made[name] = _made(name, make)
        made: Made = self._made[name]
        return made

    def _integers(self, name: str) -> Ints:
        if name not in self:
            return self._nothing
        column = self._arrow(name)
        if not pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        parts = (column.fill_null(NULL) if column.null_count else column).chunks
        return np.concatenate([part.to_numpy() for part in parts]) if parts else self._nothing

    def _words(self, name: str) -> tuple[Ints, list[str]]:
        if name not in self:
            return self._nothing, []
        column = self._flows[name].array
        if isinstance(column, pd.Categorical):
            return column.codes, [str(word) for word in column.categories]
        codes, words = encoded(_strings(self._arrow(name)))
        return _joined(codes, lambda places: places), words.to_pylist()

    def _seconds(self, name: str) -> Ints:
        if name not in self:
            return np.full(len(self), NULL, np.int64)
        return self._integers(name)

    def _arrow(self, name: str) -> pa.ChunkedArray:
        return in_arrow(self._flows[[name]]).column(0)

    @cached_property
    def _coded(self) -> tuple[pa.Array, dict[str, Ints]]:
        here = [name for name in ENDS if name in self]
        parts = at_once([partial(_made, name, partial(self._part, name)) for name in here])
        if not parts:
            return pa.array([], pa.large_string()), {}
        every = pc.unique(pa.chunked_array([part.texts for part in parts], pa.large_string()))
        codes: dict[str, Ints] = {}
        coded = at_once([partial(part.codes_among, every) for part in parts])
        for name, part, among in zip(here, parts, coded, strict=True):
            if part.rows is not None:
                whole = codes[_RECORDED[name]].copy()
                whole[part.rows] = among
                among = whole
            codes[name] = among
        return every, codes

    def _part(self, name: str) -> _Part:
        column = _strings(self._arrow(name))
        recorded = _RECORDED.get(name, "")
        if recorded not in self:
            return _Part(None, *encoded(column))
        # Mostly they are the same, and comparing is ten times as fast as encoding.
        same = pc.equal(column, _strings(self._arrow(recorded)))
        rows = np.flatnonzero(~same.fill_null(False).to_numpy())
        return _Part(rows, *encoded(column.take(pa.array(rows))))


def _made(column: str, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except (pa.ArrowException, ValueError, TypeError) as problem:
        raise FlowlabError(
            f"the column {column} does not hold what a flow frame holds there.",
            "it was changed after it was read, or comes from elsewhere.",
            "read the records with fl.read_flows(...), which gives every column its type.",
        ) from problem


class _Part(NamedTuple):
    """An address column as codes: all its rows, or those that differ from the recorded end."""

    rows: Ints | None
    codes: list[pa.Array]  # by chunk, places in `texts`
    texts: pa.Array

    def codes_among(self, every: pa.Array) -> Ints:
        """Give the places of the texts in `every`, NULL for null."""
        place = np.append(pc.index_in(self.texts, value_set=every).to_numpy(), np.int32(NULL))
        return _joined(self.codes, lambda codes: place[codes])


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string())


def _joined(chunks: Sequence[pa.Array], change: Callable[[Ints], Ints]) -> Ints:
    """Codes of all chunks, changed, as one array."""
    codes = np.empty(sum(map(len, chunks)), np.int32)
    at = 0
    for chunk in chunks:
        places = chunk.fill_null(NULL) if chunk.null_count else chunk
        codes[at : at + len(chunk)] = change(places.to_numpy())
        at += len(chunk)
    return codes


def nothing(rows: int) -> pd.Categorical:
    """Make a column of words that is null throughout."""
    dtype = pd.CategoricalDtype(pd.Index([], dtype="str"))
    return pd.Categorical.from_codes(np.full(rows, NULL, np.int8), dtype=dtype, validate=False)


def texts(codes: Ints, words: pa.Array) -> pa.Array:
    """Make a part of a column of addresses: code i is words[i], NULL is null."""
    at = pa.array(codes, mask=codes == NULL if codes.min(initial=0) < 0 else None)
    return pc.take(words, at, memory_pool=POOL)


def lookup_codes(addresses: pa.Array, wanted: Iterable[str]) -> Ints:
    """Give the codes of addresses; NULL for one that the frame does not have."""
    found = pc.index_in(pa.array(list(wanted), pa.large_string()), value_set=addresses)
    return np.asarray(found.fill_null(NULL).to_numpy(zero_copy_only=False))
