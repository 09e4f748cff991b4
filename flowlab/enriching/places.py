"""Where each address is: its VPC, subnet and Availability Zone, as far as anything tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowlab.coded import NULL
from flowlab.enriching.blocks import Addresses, Network, networks
from flowlab.enriching.columns import Bools, Columns, Ints, lookup_codes
from flowlab.enriching.directions import EGRESS, Directions
from flowlab.enriching.flags import GATEWAY_ENDPOINT, PEERING
from flowlab.errors import FlowlabError
from flowlab.working import blocks, in_blocks, taken

Cidrs = Iterable[str] | str

_SEVERAL = -2  # the same address in two VPCs: it tells nothing


@dataclass(frozen=True)
class Places:
    """One entry per distinct address, and one more, for null, at the end.

    Attributes
    ----------
    vpc, subnet, zone : array of int
        Equal numbers are the same place; NULL where it is not known.
    peer : array of bool
        AWS's traffic-path said that the address is beyond a VPC peering connection.
    gateway : array of bool
        The same of a gateway endpoint: the address is an AWS service's.
    own : array of bool
        Address of one of your ENIs.
    """

    vpc: Ints
    subnet: Ints
    zone: Ints
    peer: Bools
    gateway: Bools
    own: Bools


class _Map:
    """Named places of addresses, learned from several sources."""

    def __init__(self, size: int) -> None:
        self.of = np.full(size + 1, NULL, np.int32)
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def learn(self, who: Ints, codes: Ints, words: Sequence[str]) -> None:
        """Note the place of addresses; two places for one address are none."""
        known = np.array([self.number(word) for word in words] + [NULL], np.int32)
        numbers = taken(known, codes)
        told = (who != NULL) & (numbers != NULL)
        if not told.all():
            who, numbers = who[told], numbers[told]
        new = np.full(len(self.of), NULL, np.int32)
        new[who] = numbers
        new[who[new[who] != numbers]] = _SEVERAL
        clash = (self.of != NULL) & (new != NULL) & (new != self.of)
        self.of = np.where(clash, _SEVERAL, np.where(new == NULL, self.of, new))

    def done(self) -> Ints:
        return np.where(self.of < 0, NULL, self.of)


def places(
    columns: Columns,
    addresses: Addresses,
    direction: Directions,
    *,
    vpc_cidrs: Cidrs | Mapping[str, Cidrs] | None = None,
    subnet_cidrs: Cidrs | None = None,
    owners: pd.DataFrame | None = None,
) -> Places:
    """Learn where addresses are.

    Parameters
    ----------
    columns, addresses, direction
        The records; an ENI's own address is the source of its egress records.
    vpc_cidrs : CIDRs of one VPC, or mapping of a VPC's name to its CIDRs, optional
    subnet_cidrs : CIDRs of subnets, optional
    owners : DataFrame, optional
        address, subnet_id and vpc_id, as `flowlab.setup.owners.known_owners` gives them.
    """
    size = len(addresses)
    vpc, subnet, zone = _Map(size), _Map(size), _Map(size)
    own = _own_addresses(columns, direction)
    for field, known in (("vpc_id", vpc), ("subnet_id", subnet), ("az_id", zone)):
        if field in columns:
            known.learn(own, *columns.words(field))
    for end, field in (("srcaddr", "tgw_src_vpc_id"), ("dstaddr", "tgw_dst_vpc_id")):
        if field in columns:
            vpc.learn(columns.codes(end), *columns.words(field))
    mine = np.zeros(size + 1, bool)
    for rows in blocks(len(own)):
        mine[own[rows]] = True
    if owners is not None:
        held = lookup_codes(columns.addresses, map(str, owners["address"]))
        for field, known in (("vpc_id", vpc), ("subnet_id", subnet)):
            known.learn(held, *_coded(owners[field]))
        mine[held] = True
    if vpc_cidrs is not None:
        _place_in_vpcs(vpc, addresses, vpc_cidrs)
    if subnet_cidrs is not None:
        for network in networks(subnet_cidrs, "subnet_cidrs"):
            within = np.append(addresses.within(network), False)
            subnet.of[within] = subnet.number(str(network))
    mine[NULL] = False
    return Places(
        vpc.done(),
        subnet.done(),
        _spread(subnet.done(), zone.done()),
        _reached(columns, PEERING, size),
        _reached(columns, GATEWAY_ENDPOINT, size),
        mine,
    )


def _own_addresses(columns: Columns, direction: Directions) -> Ints:
    """Code of the recording ENI's own address in each record; NULL where it is not known."""
    own = np.full(len(columns), NULL, np.int32)
    if "interface_id" not in columns:
        return own
    eni, _ = columns.words("interface_id")
    source, destination = columns.codes("srcaddr"), columns.codes("dstaddr")

    def some(rows: slice) -> None:
        way = direction.way[rows]
        # A regional NAT gateway has no ENI, and its records the far ends' addresses.
        known = (way != NULL) & (eni[rows] != NULL)
        own[rows] = np.where(known, np.where(way == EGRESS, source[rows], destination[rows]), NULL)

    in_blocks(len(own), some)
    return own


def _coded(words: pd.Series) -> tuple[Ints, list[str]]:
    codes, names = pd.factorize(words.astype("str").where(words.astype("str") != ""))
    return codes, [str(name) for name in names]


def _place_in_vpcs(vpc: _Map, addresses: Addresses, given: Cidrs | Mapping[str, Cidrs]) -> None:
    """Put every address of a CIDR into its VPC, unless AWS said where it is."""
    by_name = given if isinstance(given, Mapping) else {"the VPC of vpc_cidrs": given}
    read = {name: networks(cidrs, "vpc_cidrs") for name, cidrs in by_name.items()}
    _refuse_overlaps(read)
    for name, cidrs in read.items():
        within = np.zeros(len(vpc.of), bool)
        for block in cidrs:
            within[:-1] |= addresses.within(block)
        # Where AWS named one VPC for some of these addresses, it is that of the others too; where
        # it named several, nothing tells which.
        told = np.unique(vpc.of[within & (vpc.of >= 0)])
        if len(told) < 2:
            number = int(told[0]) if len(told) else vpc.number(str(name))
            vpc.of[within & (vpc.of == NULL)] = number


def _refuse_overlaps(read: Mapping[str, Sequence[Network]]) -> None:
    seen: list[tuple[str, Network]] = []
    for name, cidrs in read.items():
        for block in cidrs:
            for other, held in seen:
                if other != name and _overlap(block, held):
                    raise FlowlabError(
                        f"vpc_cidrs: {block} of {name!r} overlaps {held} of {other!r}.",
                        "two VPCs use the same addresses.",
                        "enrich the records of each of these VPCs by themselves.",
                    )
            seen.append((name, block))


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and (
        other.network_address in one or one.network_address in other
    )


def _spread(subnet: Ints, zone: Ints) -> Ints:
    """Give every address the zone of its subnet: a subnet is in one."""
    known = np.flatnonzero((subnet != NULL) & (zone != NULL))
    of = np.full(int(subnet.max(initial=NULL)) + 2, NULL, np.int32)
    of[subnet[known]] = zone[known]
    wrong = known[of[subnet[known]] != zone[known]]
    of[subnet[wrong]] = NULL
    return np.where(zone == NULL, of[subnet], zone)


def _reached(columns: Columns, by: Sequence[int], size: int) -> Bools:
    """Which addresses some record reached by one of these traffic paths."""
    reached = np.zeros(size + 1, bool)
    if "traffic_path" in columns:
        reached[columns.destination[np.isin(columns.integers("traffic_path"), by)]] = True
        reached[NULL] = False
    return reached
