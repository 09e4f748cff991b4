"""How far a record's packets went: scope, from what is known of its two addresses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.blocks import LINK_LOCAL, MULTICAST, NO_ADDRESS, PRIVATE, PUBLIC, Addresses
from flowlab.enriching.columns import Bools, Columns, Ints
from flowlab.enriching.places import Places
from flowlab.working import in_blocks

SCOPES = (
    "unknown",
    "multicast",
    "link-local",
    "intra-subnet",
    "cross-az",
    "intra-vpc",
    "peered",
    "aws-service",
    "internet",
    "private",
)
UNKNOWN, MULTI, LINK, SUBNET, CROSS_AZ, VPC, PEERED, SERVICE, INTERNET, PRIVATE_SCOPE = range(10)


def scopes(
    columns: Columns, addresses: Addresses, places: Places, service: Bools
) -> pd.Categorical:
    """Say how far each record's packets went.

    Parameters
    ----------
    columns, addresses, places
        The records, and what is known of each address.
    service : array of bool
        Whether an address, and null at the end, is one of an AWS service.

    Notes
    -----
    The first that applies: multicast, link-local (either end); intra-subnet, cross-az, intra-vpc
    (both ends in one VPC); peered (ends in two VPCs that are known, or AWS's traffic-path said
    so); aws-service, internet (either end public); private (both ends private, or an ENI's).
    """
    traits = np.column_stack(
        [
            np.append(addresses.kind, NO_ADDRESS), places.vpc, places.subnet, places.zone,
            places.peer, places.gateway | service, places.own,
        ]
    ).astype(np.int32)  # fmt: skip
    sorts, sort_of = _sorts(traits)
    source, destination = columns.source, columns.destination
    if len(sorts) ** 2 <= max(len(columns), 1_000_000):
        # Addresses of one sort are alike: each pair of sorts is judged once.
        table = _judge(sorts[:, None, :], sorts[None, :, :])
        codes = np.empty(len(columns), table.dtype)

        def some(rows: slice) -> None:
            codes[rows] = table[sort_of[source[rows]], sort_of[destination[rows]]]

        in_blocks(len(codes), some)
    else:
        codes = _judge(sorts[sort_of[source]], sorts[sort_of[destination]])
    return category(codes, SCOPES)


def _sorts(traits: Ints) -> tuple[Ints, Ints]:
    """Distinct rows of traits, and which of them each row is; faster than np.unique(axis=0)."""
    sort_of = np.zeros(len(traits), np.int64)
    first = sort_of[:1]
    for trait in traits.T:
        both = sort_of * (int(trait.max(initial=0)) + 2) + (trait + 1)
        _, first, sort_of = np.unique(both, return_index=True, return_inverse=True)
    return traits[first], sort_of.astype(np.int32)


def _judge(one: Ints, other: Ints) -> Ints:
    """Judge pairs of sorts of addresses; the last axis is that of the traits."""
    kind, vpc, subnet, zone, peer, service, own = np.moveaxis(one, -1, 0)
    kind2, vpc2, subnet2, zone2, peer2, service2, own2 = np.moveaxis(other, -1, 0)

    def same(a: Ints, b: Ints) -> Bools:
        return np.asarray((a == b) & (a != NULL))

    def differ(a: Ints, b: Ints) -> Bools:
        return np.asarray((a != b) & (a != NULL) & (b != NULL))

    def either(a: Ints, b: Ints, what: int) -> Bools:
        return np.asarray((a == what) | (b == what))

    one_vpc, no_vpc = same(vpc, vpc2), either(vpc, vpc2, NULL)
    rules = (
        (either(kind, kind2, NO_ADDRESS), UNKNOWN),
        (either(kind, kind2, MULTICAST), MULTI),
        (either(kind, kind2, LINK_LOCAL), LINK),
        (same(subnet, subnet2) & (one_vpc | no_vpc), SUBNET),
        (one_vpc & differ(zone, zone2), CROSS_AZ),
        (one_vpc, VPC),
        (differ(vpc, vpc2) | (peer | peer2).astype(bool), PEERED),
        (((kind == PUBLIC) & (service > 0)) | ((kind2 == PUBLIC) & (service2 > 0)), SERVICE),
        # A public address of an ENI's own, IPv6 say, tells nothing: it may talk within the VPC.
        (((kind == PUBLIC) & (own == 0) & (vpc == NULL))
         | ((kind2 == PUBLIC) & (own2 == 0) & (vpc2 == NULL)), INTERNET),
        (((kind == PRIVATE) | (own > 0) | (vpc != NULL))
         & ((kind2 == PRIVATE) | (own2 > 0) | (vpc2 != NULL)), PRIVATE_SCOPE),
    )  # fmt: skip
    conditions, results = zip(*rules, strict=True)
    judged: Ints = np.select(conditions, [np.uint8(r) for r in results], np.uint8(UNKNOWN))
    return judged
