"""Which AWS service a public address is of: AWS's field, else a dated ip-ranges.json."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.blocks import Addresses
from flowlab.enriching.columns import Bools, Columns, Ints, nothing
from flowlab.enriching.ip_ranges import IpRanges
from flowlab.working import taken

AWS_FIELD = "aws field"

# Public addresses that anybody can rent: not a service of AWS's to talk to.
RENTED = frozenset({"EC2"})


@dataclass(frozen=True)
class AwsServices:
    """Services of each record's source and destination, as columns; and of addresses.

    Attributes
    ----------
    source, destination, basis : Categorical
    of_address : array of bool
        Whether an address, and null at the end, is one of a service; not of those rented out.
    """

    source: pd.Categorical
    destination: pd.Categorical
    basis: pd.Categorical
    of_address: Bools


def aws_services(
    columns: Columns, addresses: Addresses, ranges: IpRanges | None = None
) -> AwsServices:
    """Name the AWS services at both ends.

    A record in which AWS names a service speaks for itself. Of any other the ranges do, if they
    are given: a record of a flow log without these fields looks like one of no AWS address.
    """
    if ranges is None and not _has_field(columns):
        none = nothing(len(columns))
        return AwsServices(none, none, none, np.zeros(len(addresses) + 1, bool))
    ends = columns.source, columns.destination
    told = [columns.words("pkt_src_aws_service"), columns.words("pkt_dst_aws_service")]
    basis = np.full(len(columns), 0 if _has_field(columns) else NULL, np.int8)
    of_address = np.zeros(len(addresses) + 1, bool)
    for end, (codes, words) in zip(ends, told, strict=True):
        proper = taken(np.array([word not in RENTED for word in words] + [False]), codes)
        of_address[end[proper]] = True
    if ranges is not None:
        service = np.append(ranges.service_of(addresses), NULL)
        open_ = (told[0][0] == NULL) & (told[1][0] == NULL)
        told = [_filled(*field, open_, service[end], ranges.services)
                for field, end in zip(told, ends, strict=True)]  # fmt: skip
        basis[open_] = 1
        of_address |= np.array([s not in RENTED for s in ranges.services] + [False])[service]
    of_address[NULL] = False
    bases = [AWS_FIELD, ranges.basis if ranges else None]
    return AwsServices(category(*told[0]), category(*told[1]), category(basis, bases), of_address)


def _has_field(columns: Columns) -> bool:
    return "pkt_src_aws_service" in columns or "pkt_dst_aws_service" in columns


def _filled(
    codes: Ints, words: list[str], open_: Bools, service: Ints, names: tuple[str, ...]
) -> tuple[Ints, list[str]]:
    more = np.where(service == NULL, NULL, service + len(words))
    return np.where(open_, more, codes), [*words, *names]
