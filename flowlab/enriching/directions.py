"""Which way a record's packets went, seen from the ENI that recorded them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.blocks import Addresses
from flowlab.enriching.columns import Bools, Columns, Ints, lookup_codes
from flowlab.working import added, in_blocks, taken

INGRESS, EGRESS = 0, 1
WAYS = ("ingress", "egress", "unknown")
AWS, INVENTORY, INFERRED = 0, 1, 2
# Whether the source, and the destination, of each record of a block is the ENI's own address.
IsOwn = Callable[[slice], tuple[Bools, Bools]]
BASES = ("aws", "eni-address (inventory)", "eni-address (inferred)", "unknown")

# AWS writes the ENI's own address into every record but those of broadcasts and the like. An
# address in so many of an ENI's records (of one IP version), when no other is, is the ENI's own.
NEARLY_ALL = 0.95
_LOOKED_AT = 64  # records per ENI that show the candidates; all of them are counted then
_ENOUGH = 1_000_000  # records out of which these are taken, and all of the smaller ENIs


@dataclass(frozen=True)
class Directions:
    """One entry per record: its way (INGRESS, EGRESS or NULL), and who says so."""

    way: Ints
    basis: Ints

    def ways(self) -> pd.Categorical:
        """The column direction."""
        return category(np.where(self.way == NULL, len(WAYS) - 1, self.way), WAYS)

    def bases(self) -> pd.Categorical:
        """The column direction_basis."""
        return category(np.where(self.basis == NULL, len(BASES) - 1, self.basis), BASES)


def directions(
    columns: Columns, addresses: Addresses, owners: pd.DataFrame | None = None
) -> Directions:
    """Find the direction of each record: AWS's word, else by the ENI's own address.

    Parameters
    ----------
    columns : Columns
    addresses : Addresses
        Those of `columns`.
    owners : DataFrame, optional
        interface_id and address of ENIs, as `flowlab.setup.owners.known_owners` gives them.
    """
    way, basis = _said_by_aws(columns)
    if not columns.has("interface_id", "srcaddr", "dstaddr") or not (way == NULL).any():
        return Directions(way, basis)
    eni, names = columns.words("interface_id")
    ends = columns.codes("srcaddr"), columns.codes("dstaddr")
    if owners is not None:
        is_own = _owned(eni, names, ends, columns, owners)
        _decide(way, basis, is_own, INVENTORY)
    if (way == NULL).any():
        _decide(way, basis, _nearly_always(eni, ends, addresses), INFERRED)
    return Directions(way, basis)


def _said_by_aws(columns: Columns) -> tuple[Ints, Ints]:
    if "flow_direction" not in columns:
        way = np.full(len(columns), NULL, np.int8)
        return way, way.copy()
    codes, words = columns.words("flow_direction")
    known = {"ingress": INGRESS, "egress": EGRESS}
    way = taken(np.array([known.get(word, NULL) for word in words] + [NULL], np.int8), codes)
    return way, np.where(way == NULL, NULL, AWS).astype(np.int8)


def _decide(way: Ints, basis: Ints, is_own: IsOwn, by: int) -> None:
    def some(rows: slice) -> None:
        source, destination = is_own(rows)
        found = (source != destination) & (way[rows] == NULL)  # to itself: neither way
        way[rows][found] = np.where(source[found], EGRESS, INGRESS)
        basis[rows][found] = by

    in_blocks(len(way), some)


def _owned(
    eni: Ints, names: list[str], ends: tuple[Ints, Ints], columns: Columns, owners: pd.DataFrame
) -> IsOwn:
    """Whether an end of a record is an address the inventory has for the ENI."""
    place = {name: code for code, name in enumerate(names)}
    pairs = owners[["interface_id", "address"]].drop_duplicates()
    holder = np.array([place.get(str(name), NULL) for name in pairs["interface_id"]], np.int64)
    held = lookup_codes(columns.addresses, map(str, pairs["address"]))
    here = (holder != NULL) & (held != NULL)
    pair = np.unique(holder[here] << 32 | held[here])
    first = np.full(len(columns.addresses) + 1, NULL, np.int64)  # one ENI that has the address
    first[held[here]] = holder[here]
    shared = np.zeros(len(first), bool)  # others have had it too
    shared[held[here][first[held[here]] != holder[here]]] = True

    def owns(eni: Ints, codes: Ints) -> Bools:
        yes = (first[codes] == eni) & (eni != NULL) & (codes != NULL)
        rest = np.flatnonzero(shared[codes] & ~yes)
        yes[rest] = np.isin(eni[rest].astype(np.int64) << 32 | codes[rest], pair)
        return np.asarray(yes)

    return lambda rows: (owns(eni[rows], ends[0][rows]), owns(eni[rows], ends[1][rows]))


def _nearly_always(eni: Ints, ends: tuple[Ints, Ints], addresses: Addresses) -> IsOwn:
    """Whether an end of a record is in nearly all of the ENI's records."""
    source, destination = ends
    version_6 = np.append(addresses.family == 6, False)
    # A group is one ENI and one IP version. The last is of records that belong to none.
    groups = 2 * (int(eni.max(initial=NULL)) + 1)
    group = np.empty(len(eni), np.int32)

    def put(rows: slice) -> Ints:
        these = eni[rows].astype(np.int32) * 2 + version_6[source[rows]]
        these[(eni[rows] == NULL) | (source[rows] == NULL) | (destination[rows] == NULL)] = groups
        group[rows] = these
        return np.bincount(these, minlength=groups + 1)

    size = added(len(group), put)
    candidates = _candidates(group, size, source, destination)

    def seen(rows: slice) -> Ints:
        these = group[rows]
        there = [(source[rows] == who[these]) | (destination[rows] == who[these])
                 for who in candidates]  # fmt: skip
        return np.stack([np.bincount(these[here], minlength=groups + 1) for here in there])

    count = added(len(group), seen)
    often = count >= np.maximum(size * NEARLY_ALL, 1)
    first, second = candidates
    own = np.where(often[0] & ~often[1], first, np.where(often[1] & ~often[0], second, NULL))
    own[groups] = NULL

    def is_own(rows: slice) -> tuple[Bools, Bools]:
        mine = own[group[rows]]
        return (source[rows] == mine) & (mine != NULL), (destination[rows] == mine) & (mine != NULL)

    return is_own


def _enough(group: Ints, size: Ints) -> Ints:
    """Rows that show enough of each group: every one of a small group, some of any other."""
    share = _ENOUGH / max(len(group), 1)
    if share >= 1:
        return np.arange(len(group))
    small = size * share < 4 * _LOOKED_AT

    def some(rows: slice) -> Ints:
        # At random: every so many rows may be one ENI's. The seed makes it the same every time.
        drawn = np.random.default_rng(rows.start).random(rows.stop - rows.start) < share
        return np.asarray(np.flatnonzero(drawn | small[group[rows]]) + rows.start)

    return np.concatenate(in_blocks(len(group), some))


def _candidates(group: Ints, size: Ints, source: Ints, destination: Ints) -> tuple[Ints, Ints]:
    """Give the two addresses that are most often in some records of each group."""
    rows = _enough(group, size)
    seen = np.bincount(group[rows], minlength=len(size))
    order = np.argsort(group[rows].astype(np.min_scalar_type(len(size))), kind="stable")
    start = np.cumsum(seen) - seen
    steps = np.arange(_LOOKED_AT)[:, None] * seen // _LOOKED_AT  # evenly over a group's records
    rows = rows[order[(start + steps)[:, seen > 0].ravel()]]
    of = np.tile(group[rows], 2).astype(np.int64)
    who = np.concatenate([source[rows], destination[rows]])
    pair, times = np.unique(of[who != NULL] << 32 | who[who != NULL], return_counts=True)
    best = np.lexsort((pair, times))
    pair = pair[best]
    first, second = (np.full(len(size), NULL, np.int32) for _ in range(2))
    first[pair >> 32] = pair & 0xFFFFFFFF  # the last assignment, the most frequent, stays
    others = pair[first[pair >> 32] != pair & 0xFFFFFFFF]
    second[others >> 32] = others & 0xFFFFFFFF
    return first, second
