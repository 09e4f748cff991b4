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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowlab import schema
from flowlab.enriching.columns import NULL, Bools, Columns, Ints
from flowlab.enriching.flags import TCP
from flowlab.enriching.grouping import Groups, blocks, changes, group_by, key_of
from flowlab.enriching.services import EPHEMERAL, NO_PORTS, is_service, rank_of

BASES = ("unknown", "syn", "direction", "listening port", "registry")
UNKNOWN, SYN, DIRECTION, LISTENING, REGISTRY = range(5)

FEWEST_PORTS = 5  # of others that a listening port talks to, at least ...
TIMES_AS_MANY = 3  # ... and more than so many times those that the other side's port talks to
FIRST_CLIENT_PORT = 1024  # NAT gateways and load balancers begin here

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
    forward, groups = _grouped(parts)
    protocol, flags = parts[4], (began[known], asked[known])
    told = groups.any_of(_told(columns, known, forward, *flags, protocol))
    # One record stands for its 5-tuple. They are taken in the order of the records: only single
    # bytes are then fetched from all over the memory, not addresses and ports.
    stands = np.zeros(len(forward), bool)
    stands[groups.one_row] = True
    one = parts if stands.all() else [part[stands] for part in parts]
    low, high = (np.empty(len(one[0]), np.int64) for _ in range(2))
    for rows in blocks(len(low)):
        ends = _end(one[0][rows], one[2][rows]), _end(one[1][rows], one[3][rows])
        np.minimum(*ends, out=low[rows])
        np.maximum(*ends, out=high[rows])
    side, by = _ladder(_Tuples(low, high, rank_of(one[4]), groups.to_rows(told)[stands]))
    decided = np.zeros(len(forward), np.uint8)
    decided[stands] = side << np.uint8(3) | by
    if one is not parts:
        decided = groups.to_rows(decided[groups.one_row])
    # What a record's own flags say of it comes first.
    own = basis[known] == SYN
    basis[known] = np.where(own, np.uint8(SYN), decided & np.uint8(7))
    source_began = began
    source_began[known] = np.where(own, flags[0], (decided >> np.uint8(3) == _LOW) == forward)
    return Initiators(source_began, basis)


def _grouped(parts: Sequence[Ints]) -> tuple[Bools, Groups]:
    """Whether a record's source is the lower end; and the records of each unordered 5-tuple."""
    rows = len(parts[0])
    forward, key = np.empty(rows, bool), np.empty(rows, np.uint64)
    for block in blocks(rows):
        source, destination, source_port, destination_port, protocol = (p[block] for p in parts)
        ends = _end(source, source_port), _end(destination, destination_port)
        forward[block] = ends[0] <= ends[1]
        key[block] = key_of(np.minimum(*ends), np.maximum(*ends), protocol)
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
        accepted = np.array([word == "ACCEPT" for word in words] + [False])[codes][known]
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
    """Distinct unordered 5-tuples, and what is told of each."""

    low: Ints
    high: Ints
    rank: Ints
    told: Bytes

    def has(self, bits: int) -> Bools:
        return np.asarray((self.told & np.uint8(bits)).astype(bool))


def _ladder(tuples: _Tuples) -> tuple[Bytes, Bytes]:
    """Decide each 5-tuple: the side that began (_LOW, _HIGH, or _NOBODY knows), and by what."""
    other = tuples.low != tuples.high  # an end that talks to itself began, and was asked
    side = _one_of(tuples.has(_LOW_BEGAN), tuples.has(_HIGH_BEGAN)) * other
    basis = (side != _NOBODY) * np.uint8(SYN)
    by_port = _registered(tuples)
    answering = _answering(tuples, side)
    for name in (DIRECTION, LISTENING, REGISTRY):
        if name == DIRECTION:
            found = _one_way(tuples, by_port)
        elif name == LISTENING:
            found = _listening(tuples, np.flatnonzero(side == _NOBODY), answering)
        else:
            found = by_port
        new = (side == _NOBODY) & (found != _NOBODY) & other
        side |= found * new
        basis |= new * np.uint8(name)
    return side, basis


def _one_of(low: Bools, high: Bools) -> Bytes:
    """The side of which it is true, if it is not true of both."""
    return (low & ~high) * np.uint8(_LOW) + (high & ~low) * np.uint8(_HIGH)


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
    side = np.empty(len(tuples.low), np.uint8)
    for rows in blocks(len(side)):
        low_port, high_port = tuples.low[rows] & 0xFFFF, tuples.high[rows] & 0xFFFF
        low, high = (is_service(tuples.rank[rows], port) for port in (low_port, high_port))
        side[rows] = _one_of(
            high & ~low & (low_port >= FIRST_CLIENT_PORT),
            low & ~high & (high_port >= FIRST_CLIENT_PORT),
        )
    return side


def _listener(end: Ints, rank: Ints) -> Ints:
    """An end and its protocol as one number."""
    return end * 4 + rank


def _answering(tuples: _Tuples, side: Bytes) -> Ints:
    """Give the listeners that SYN evidence shows, sorted."""
    low, high = side == _HIGH, side == _LOW
    listeners = np.concatenate(
        [
            _listener(tuples.low[low], tuples.rank[low]),
            _listener(tuples.high[high], tuples.rank[high]),
        ]
    )
    listeners.sort()  # np.unique alone takes ten times as long
    return np.asarray(listeners[changes(listeners)])


def _listening(tuples: _Tuples, left: Ints, answering: Ints) -> Bytes:
    """Judge the 5-tuples that are left by what is known of all."""
    side = np.zeros(len(tuples.low), np.uint8)
    left = left[tuples.rank[left] != NO_PORTS]
    who, ports = _ports_talked_to(tuples, left)
    for rows in blocks(len(left)):
        some = left[rows]
        rank = tuples.rank[some]
        low, high = _listener(tuples.low[some], rank), _listener(tuples.high[some], rank)
        low_answers, high_answers = _among(low, answering), _among(high, answering)
        from_low, from_high = _looked_up(low, who, ports), _looked_up(high, who, ports)
        by_count = _one_of(
            (from_high >= FEWEST_PORTS) & (from_high > TIMES_AS_MANY * from_low),
            (from_low >= FEWEST_PORTS) & (from_low > TIMES_AS_MANY * from_high),
        )
        by_answer = _one_of(high_answers, low_answers)
        side[some] = np.where(low_answers | high_answers, by_answer, by_count)
    return side


def _ports_talked_to(tuples: _Tuples, left: Ints) -> tuple[Ints, Ints]:
    """Count the ports that the listeners of the tuples `left` talk to, client ports on the other.

    An end whose own port is a client's is none: a scanner talks to many ports from one.
    """
    asked = np.zeros(_SLOTS, bool)
    few = len(left) < len(tuples.low) // 4  # else looking who is asked costs more than it saves
    for end in (tuples.low, tuples.high) if few else ():
        asked[_slot(_listener(end[left], tuples.rank[left]))] = True
    pairs = [np.zeros(0, np.int64)]
    for rows in blocks(len(tuples.low)):
        ends, rank = (tuples.low[rows], tuples.high[rows]), tuples.rank[rows]
        for mine, other in (ends, ends[::-1]):
            kept = (mine & 0xFFFF < EPHEMERAL) & (other & 0xFFFF >= FIRST_CLIENT_PORT)
            at = np.flatnonzero(kept)
            listener = _listener(mine[at], rank[at])
            if few:
                some = asked[_slot(listener)]
                listener, at = listener[some], at[some]
            pairs.append(listener << 16 | other[at] & 0xFFFF)
    pair = np.concatenate(pairs)
    pair.sort()
    who = pair[changes(pair)] >> 16
    first = np.flatnonzero(changes(who))
    ports = np.diff(first, append=len(who))
    many = ports > 1
    return who[first[many]], ports[many]


_SLOTS = 1 << 22


def _slot(listener: Ints) -> Ints:
    # Two listeners in one slot cost a little time, and change nothing.
    mixed = listener.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(42)).astype(np.int64)


def _among(end: Ints, known: Ints) -> Bools:
    if not len(known):
        return np.zeros(len(end), bool)
    at = np.minimum(np.searchsorted(known, end), len(known) - 1)
    return np.asarray(known[at] == end)


def _looked_up(end: Ints, who: Ints, count: Ints) -> Ints:
    """Give the count of each end; 1, which decides nothing, where there is none."""
    counts = np.ones(len(end), np.int64)
    if len(who):
        # Half of the ends are a client's, and never among those counted.
        maybe = np.flatnonzero(end >> 2 & 0xFFFF < EPHEMERAL)
        at = np.minimum(np.searchsorted(who, end[maybe]), len(who) - 1)
        counts[maybe] = np.where(who[at] == end[maybe], count[at], 1)
    return counts
