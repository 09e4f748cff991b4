"""Who began: an evidence ladder, from what was seen of a 5-tuple anywhere in the records.

Evidence in any record of a 5-tuple, in either direction, at either ENI, in any capture window,
holds for all of them: a long connection shows its SYN in its first window only. The rungs, first
that decides:

syn
    A SYN without ACK: its sender initiated. SYN and ACK: its sender was asked.
direction
    Packets were accepted one way only, or there are none the other way: nobody answered, so who
    sent initiated. Not for TCP whose flags are known: there a SYN must show. Nor from a service's
    port to one that is none: that is an answer whose question was not recorded. A protocol
    without ports needs a refusal on the way back; an ICMP error goes one way and begins nothing.
listening port
    One side's port answered SYNs of other 5-tuples; or talks to many ports of others.
registry
    One side's port is a service's, the other one's is not, and may be a client's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowlab import schema
from flowlab.coded import NULL
from flowlab.enriching.columns import Bools, Columns, Ints
from flowlab.enriching.flags import TCP
from flowlab.enriching.grouping import Groups, group_by, key_of
from flowlab.enriching.listening import (
    FIRST_CLIENT_PORT,
    Known,
    PortsTalkedTo,
    counted,
    distinct,
    listener,
    pairs,
    slots_of,
)
from flowlab.enriching.services import NO_PORTS, is_service, rank_of
from flowlab.working import in_blocks, taken

BASES = ("unknown", "syn", "direction", "listening port", "registry")
UNKNOWN, SYN, DIRECTION, LISTENING, REGISTRY = range(5)

FEWEST_PORTS = 5  # of others that a listening port talks to, at least ...
TIMES_AS_MANY = 3  # ... and more than so many times those that the other side's port talks to

# Any of these says that a transit gateway wrote the record; its format may lack tgw-id.
_OF_GATEWAYS = [f.column for f in schema.FIELDS if f.log == "transit gateway" and f.kind == "id"]

# What a record tells about its 5-tuple. "Low" is the end whose number is the lower.
_LOW_BEGAN, _HIGH_BEGAN, _FROM_LOW, _FROM_HIGH, _LOW_ACCEPTED, _HIGH_ACCEPTED, _FLAGGED = (
    1, 2, 4, 8, 16, 32, 64,
)  # fmt: skip
_NOBODY, _LOW, _HIGH = range(3)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Initiators:
    """One entry per record.

    Attributes
    ----------
    source_began : array of bool
        The record's source initiated; meaningless where `basis` is UNKNOWN.
    basis : array of uint8
        Position in BASES.
    """

    source_began: Bools
    basis: Bytes


def initiators(columns: Columns) -> Initiators:
    """Find out who initiated what each record is of."""
    began, asked = _own_flags(columns)
    basis = np.where(began | asked, np.uint8(SYN), np.uint8(UNKNOWN))
    if not columns.has("srcaddr", "dstaddr", "srcport", "dstport", "protocol") or not len(columns):
        return Initiators(began, basis)
    names = ("srcport", "dstport", "protocol")
    parts = [columns.codes("srcaddr"), columns.codes("dstaddr"), *map(columns.integers, names)]
    known: Any = slice(None)
    if min(part.min() for part in parts) < 0:
        known = np.flatnonzero(np.logical_and.reduce([part >= 0 for part in parts]))
        parts = [part[known] for part in parts]
    records, flags = _Records(*parts), (began[known], asked[known])
    forward, groups = _grouped(records)
    told = groups.any_of(_told(columns, known, forward, *flags, records.protocol))
    side, by = _ladder(records, told, groups.one_of_each(len(told)))
    # What a record's own flags say of it comes first.
    own = basis[known] == SYN
    basis[known] = np.where(own, np.uint8(SYN), by)
    source_began = began
    source_began[known] = np.where(own, flags[0], (side == _LOW) == forward)
    return Initiators(source_began, basis)


@dataclass(frozen=True)
class _Records:
    """Both ends of records, and the protocol; nothing of them is null."""

    source: Ints
    destination: Ints
    source_port: Ints
    destination_port: Ints
    protocol: Ints

    def __len__(self) -> int:
        return len(self.source)

    def rank(self, rows: Any) -> Ints:
        """Give the rank of the protocol of some records."""
        return rank_of(self.protocol[rows])

    def ends(self, rows: Any) -> tuple[Ints, Ints]:
        """Give source and destination of some records, each as one number."""
        return (
            _end(self.source[rows], self.source_port[rows]),
            _end(self.destination[rows], self.destination_port[rows]),
        )

    def tuples(self, rows: Any, told: Bytes) -> _Tuples:
        """Give the 5-tuples of some records; `told` has an entry for every record."""
        ends = self.ends(rows)
        return _Tuples(np.minimum(*ends), np.maximum(*ends), self.rank(rows), told[rows])


def _grouped(records: _Records) -> tuple[Bools, Groups]:
    """Whether a record's source is the lower end; and the records of each unordered 5-tuple."""
    forward, key = np.empty(len(records), bool), np.empty(len(records), np.uint64)

    def mix(rows: slice) -> None:
        ends = records.ends(rows)
        forward[rows] = ends[0] <= ends[1]
        key[rows] = key_of(np.minimum(*ends), np.maximum(*ends), records.protocol[rows])

    in_blocks(len(records), mix)
    return forward, group_by(key)


def _end(address: Ints, port: Ints) -> Ints:
    end = address.astype(np.int64)
    end <<= 16
    end |= port
    return end


def _own_flags(columns: Columns) -> tuple[Bools, Bools]:
    """Whether a record's flags say that its source began; that it was asked."""
    if "tcp_flags" not in columns:
        nobody = np.zeros(len(columns), bool)
        return nobody, nobody.copy()
    flags = columns.integers("tcp_flags")
    known = flags > 0
    for end in ("srcaddr", "dstaddr"):
        if columns.codes(end).min(initial=0) < 0:
            known &= columns.codes(end) != NULL
    began = known & (flags & 18 == 2)
    # A transit gateway's flow log has ACK from either side, a VPC's only together with SYN.
    asked = known & (flags & 18 == 18)
    for field in _OF_GATEWAYS:
        if field in columns:
            asked &= columns.words(field)[0] == NULL
    return began, asked


def _told(
    columns: Columns, known: Any, forward: Bools, began: Bools, asked: Bools, protocol: Ints
) -> Bytes:
    told = np.where(forward, np.uint8(_FROM_LOW), np.uint8(_FROM_HIGH))
    if "action" in columns:
        codes, words = columns.words("action")
        accepted = taken(np.array([word == "ACCEPT" for word in words] + [False]), codes)[known]
        told |= np.where(accepted, told << np.uint8(2), np.uint8(0))
    if "tcp_flags" in columns:
        low_began = (began & forward) | (asked & ~forward)
        high_began = (began & ~forward) | (asked & forward)
        told |= low_began.view(np.uint8) | high_began.view(np.uint8) << np.uint8(1)
        flagged = (protocol == TCP) & (columns.integers("tcp_flags")[known] >= 0)
        told |= flagged.view(np.uint8) * np.uint8(_FLAGGED)
    return told


@dataclass(frozen=True)
class _Tuples:
    """Unordered 5-tuples, and what is told of each."""

    low: Ints
    high: Ints
    rank: Ints
    told: Bytes

    def has(self, bits: int) -> Bools:
        return np.asarray((self.told & np.uint8(bits)).astype(bool))


def _ladder(records: _Records, told: Bytes, one_of_each: Bools) -> tuple[Bytes, Bytes]:
    """Say of each record which side began (_LOW, _HIGH, or _NOBODY knows), and by what.

    The first rungs look at one 5-tuple alone. What is left to the others is judged by what is
    known of its ports from all records.
    """
    side, basis = np.empty(len(records), np.uint8), np.empty(len(records), np.uint8)

    def begin(block: slice) -> Ints:
        tuples = records.tuples(block, told)
        syn = _by_syn(tuples)
        rungs = (SYN, syn), (DIRECTION, _one_way(tuples, _registered(tuples)))
        side[block], basis[block] = _first_of(tuples, *rungs)
        return _answering(tuples, syn)

    answering = Known(distinct(in_blocks(len(records), begin)))

    def left(block: slice) -> Ints:
        undecided = (side[block] == _NOBODY) & (records.rank(block) != NO_PORTS)
        return np.asarray(np.flatnonzero(undecided) + block.start)

    talked = _ports_talked_to(records, one_of_each, left)

    def end(block: slice) -> None:
        tuples = records.tuples(rows := left(block), told)
        rungs = (LISTENING, _listening(tuples, answering, talked)), (REGISTRY, _registered(tuples))
        side[rows], basis[rows] = _first_of(tuples, *rungs)

    in_blocks(len(records), end)
    return side, basis


def _first_of(tuples: _Tuples, *rungs: tuple[int, Bytes]) -> tuple[Bytes, Bytes]:
    """Take each 5-tuple's side from the first rung that knows one, and say which it was."""
    side, basis = np.zeros(len(tuples.low), np.uint8), np.zeros(len(tuples.low), np.uint8)
    for name, found in rungs:
        new = (side == _NOBODY) & (found != _NOBODY)
        side |= found * new
        basis |= new * np.uint8(name)
    other = tuples.low != tuples.high  # an end that talks to itself began, and was asked
    return side * other, basis * other


def _one_of(low: Bools, high: Bools) -> Bytes:
    """The side of which it is true, if it is not true of both."""
    return (low & ~high) * np.uint8(_LOW) + (high & ~low) * np.uint8(_HIGH)


def _by_syn(tuples: _Tuples) -> Bytes:
    side = _one_of(tuples.has(_LOW_BEGAN), tuples.has(_HIGH_BEGAN))
    side *= tuples.low != tuples.high
    return side


def _one_way(tuples: _Tuples, by_port: Bytes) -> Bytes:
    accepted = tuples.has(_LOW_ACCEPTED | _HIGH_ACCEPTED)
    low = np.where(accepted, tuples.has(_LOW_ACCEPTED), tuples.has(_FROM_LOW))
    high = np.where(accepted, tuples.has(_HIGH_ACCEPTED), tuples.has(_FROM_HIGH))
    side = _one_of(low, high)
    both_ways = tuples.has(_FROM_LOW) & tuples.has(_FROM_HIGH)
    # Who would be asked, going by the ports, cannot have begun.
    likely = (by_port == _NOBODY) | (by_port == side)
    side *= ~tuples.has(_FLAGGED) & likely & ((tuples.rank != NO_PORTS) | both_ways)
    return side


def _registered(tuples: _Tuples) -> Bytes:
    """Begun by the side that has no service's port, if the other one has."""
    low_port, high_port = tuples.low & 0xFFFF, tuples.high & 0xFFFF
    low, high = (is_service(tuples.rank, port) for port in (low_port, high_port))
    return _one_of(
        high & ~low & (low_port >= FIRST_CLIENT_PORT),
        low & ~high & (high_port >= FIRST_CLIENT_PORT),
    )


def _answering(tuples: _Tuples, syn: Bytes) -> Ints:
    """Give the listeners that SYN evidence shows."""
    low, high = syn == _HIGH, syn == _LOW
    return np.concatenate(
        [
            listener(tuples.low[low], tuples.rank[low]),
            listener(tuples.high[high], tuples.rank[high]),
        ]
    )


def _ports_talked_to(
    records: _Records, one_of_each: Bools, left: Callable[[slice], Ints]
) -> PortsTalkedTo:
    """Count the ports that listeners talk to, as far as the records that are `left` ask."""
    rows = len(records)
    many = sum(in_blocks(rows, lambda block: len(left(block))))
    asked = None
    if many < rows // 4:  # else looking who is asked costs more than it saves

        def both(block: slice) -> Ints:
            some = left(block)
            ends = records.ends(some)
            return np.concatenate([listener(end, records.rank(some)) for end in ends])

        asked = slots_of(in_blocks(rows, both))

    def talks(block: slice) -> Ints:
        ends = records.ends(block)
        return pairs(*ends, records.rank(block), one_of_each[block], asked)

    return counted(in_blocks(rows, talks) if many else [])


def _listening(tuples: _Tuples, answering: Known, talked: PortsTalkedTo) -> Bytes:
    """Judge 5-tuples with ports by what is known of all."""
    low, high = listener(tuples.low, tuples.rank), listener(tuples.high, tuples.rank)
    low_answers, high_answers = answering.find(low) != NULL, answering.find(high) != NULL
    from_low, from_high = talked.of(low), talked.of(high)
    by_count = _one_of(
        (from_high >= FEWEST_PORTS) & (from_high > TIMES_AS_MANY * from_low),
        (from_low >= FEWEST_PORTS) & (from_low > TIMES_AS_MANY * from_high),
    )
    by_answer = _one_of(high_answers, low_answers)
    return np.asarray(np.where(low_answers | high_answers, by_answer, by_count))
