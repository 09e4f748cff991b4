"""What records mean, as new columns: names, scope, direction, owners, who began."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from flowlab import schema
from flowlab.coded import NULL, category
from flowlab.enriching import flags, services
from flowlab.enriching.aws_services import AwsServices, aws_services
from flowlab.enriching.blocks import Addresses
from flowlab.enriching.columns import Columns, nothing, texts
from flowlab.enriching.directions import Directions, directions
from flowlab.enriching.initiators import BASES, UNKNOWN, Initiators, initiators
from flowlab.enriching.ip_ranges import IpRanges, read_ip_ranges
from flowlab.enriching.owned import owners_of, read_owners
from flowlab.enriching.places import Cidrs, places
from flowlab.enriching.scopes import scopes
from flowlab.errors import unknown_name
from flowlab.expressing import enriched
from flowlab.tables import as_table
from flowlab.working import at_once, in_blocks

Flows = TypeVar("Flows")  # a DataFrame, or a table of any engine


def enrich(
    flows: Flows,
    *,
    vpc_cidrs: Cidrs | Mapping[str, Cidrs] | None = None,
    subnet_cidrs: Cidrs | None = None,
    inventory: Any = None,
    ip_ranges: str | Path | Mapping[str, Any] | None = None,
    columns: Iterable[str] | None = None,
) -> Flows:
    """Add columns that say what each record means, and what each claim rests on.

    Parameters
    ----------
    flows : DataFrame (one row per flow record), Archive, or a table of `athena` or `spark`
        Uses whatever columns it has; the more fields, the more is known. Records that stay where
        they are get the columns that a record tells by itself: protocol_name, tcp_flag_names,
        traffic_path_name, and AWS's word for src_aws_service and dst_aws_service.
    vpc_cidrs : CIDRs, or mapping of a VPC's name or id to its CIDRs, optional
        All CIDRs of your VPC, IPv4 and IPv6; of several VPCs, a mapping. AWS's vpc-id of a
        record's own ENI comes before them.
    subnet_cidrs : CIDRs, optional
        Of your subnets.
    inventory : path, Inventory, sequence of them, or DataFrame, optional
        Set-ups saved by ``fl.check_setup(...).save(folder)``: a file, a folder of several taken
        at different times, an inventory, or the table of `flowlab.setup.owners.known_owners`.
    ip_ranges : path or dict, optional
        AWS's ip-ranges.json of about the time of the records.
    columns : iterable of str, optional
        Columns to add; by default all, or all that can be made where the records are.

    Returns
    -------
    DataFrame, or of a table one that every question accepts
        The same rows in the same order, with the columns of ``fl.fields(derived=True)`` added at
        the end: categories, and Arrow-backed addresses. `flows` is not changed; columns of a
        former call are replaced. What these records cannot tell is there and null, or "unknown".

    Raises
    ------
    FlowlabError
        `flows` holds no records; a CIDR, inventory or ip-ranges.json is not what it should be; a
        column cannot be made where the records are, or an option counts for none that can.
    UnknownNameError
        A name in `columns` that is not one of them.

    Notes
    -----
    The initiator of a 5-tuple is judged from all of its records in `flows`, so the more of them,
    the better; a port that was used again joins two connections. `fl.fields(derived=True)` has
    the basis of every column.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> known = fl.enrich(flows, vpc_cidrs="10.0.0.0/16")
    >>> known.loc[known["dstport"] == 3306, "service"].unique().tolist()
    ['mysql']
    """
    names = [derived.column for derived in schema.DERIVED]
    asked = names if columns is None else [columns] if isinstance(columns, str) else list(columns)
    for name in asked:
        if name not in names:
            raise unknown_name("enrich: the column", name, names)
    if not isinstance(flows, pd.DataFrame):
        options = {"vpc_cidrs": vpc_cidrs, "subnet_cidrs": subnet_cidrs, "inventory": inventory,
                   "ip_ranges": ip_ranges}  # fmt: skip
        given = [name for name, value in options.items() if value is not None]
        return cast(Flows, enriched(as_table(flows), None if columns is None else asked, given))
    read = Columns(flows)
    known = _Known(
        read,
        vpc_cidrs,
        subnet_cidrs,
        None if inventory is None else read_owners(inventory),
        None if ip_ranges is None else read_ip_ranges(ip_ranges),
    )
    began = _Began(read)
    who, rest = (
        {name: make for name, make in part.items() if name in asked}
        for part in (_who_began(began), _the_rest(known))
    )
    if who and rest:
        read.addresses  # noqa: B018 (both parts need it: once, before they go on side by side)
    # Finding out who began takes longest; its columns are made side by side afterwards.
    tasks: list[Callable[[], dict[str, Any]]] = [partial(_make, rest)]
    made = at_once([*tasks, began.find] if who else tasks)[0]
    made |= dict(zip(who, at_once(list(who.values())), strict=True))
    kept = flows.drop(columns=[name for name in asked if name in flows])
    return kept.assign(**{name: made[name] for name in names if name in made})


Maker = Callable[[], Any]


def _make(makers: Mapping[str, Maker]) -> dict[str, Any]:
    return {name: make() for name, make in makers.items()}


class _Began:
    """Who began, and what was asked of whom."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @cached_property
    def found(self) -> Initiators:
        return initiators(self.columns)

    def find(self) -> dict[str, Any]:
        """Find it out now; a column by itself comes later."""
        self.found  # noqa: B018
        return {}

    def end(self, *, initiator: bool) -> pd.arrays.ArrowExtensionArray:
        source, destination = self.columns.codes("srcaddr"), self.columns.codes("dstaddr")

        def some(rows: slice) -> pa.Array:
            began = self.found.source_began[rows] == initiator
            codes = np.where(began, source[rows], destination[rows])
            codes[self.found.basis[rows] == UNKNOWN] = NULL
            return texts(codes, self.columns.addresses)

        chunks = in_blocks(len(source), some)
        return pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, pa.large_string()))

    def service(self) -> pd.Categorical:
        names = ("srcport", "dstport", "protocol")
        source_port, destination_port, protocol = map(self.columns.integers, names)
        position = np.empty(len(self.columns), np.int16)

        def some(rows: slice) -> None:
            began = self.found.source_began[rows]
            port = np.where(began, destination_port[rows], source_port[rows])
            found = services.services_at(services.rank_of(protocol[rows]), port)
            found[(self.found.basis[rows] == UNKNOWN) | (port < 0)] = NULL
            position[rows] = found

        in_blocks(len(position), some)
        return services.service_names(position)


def _who_began(began: _Began) -> dict[str, Maker]:
    return {
        "initiator": lambda: began.end(initiator=True),
        "responder": lambda: began.end(initiator=False),
        "initiator_basis": lambda: category(began.found.basis, BASES),
        "service": began.service,
    }


class _Known:
    """What is known of addresses and ENIs; each is found out once, and only if asked for."""

    def __init__(
        self,
        columns: Columns,
        vpc_cidrs: Cidrs | Mapping[str, Cidrs] | None,
        subnet_cidrs: Cidrs | None,
        owners: pd.DataFrame | None,
        ranges: IpRanges | None,
    ) -> None:
        self.columns, self.owners, self.ranges = columns, owners, ranges
        self.vpc_cidrs, self.subnet_cidrs = vpc_cidrs, subnet_cidrs

    @cached_property
    def addresses(self) -> Addresses:
        return Addresses(self.columns.addresses)

    @cached_property
    def direction(self) -> Directions:
        return directions(self.columns, self.addresses, self.owners)

    @cached_property
    def aws(self) -> AwsServices:
        return aws_services(self.columns, self.addresses, self.ranges)

    def scope(self) -> pd.Categorical:
        where = places(
            self.columns,
            self.addresses,
            self.direction,
            vpc_cidrs=self.vpc_cidrs,
            subnet_cidrs=self.subnet_cidrs,
            owners=self.owners,
        )
        return scopes(self.columns, self.addresses, where, self.aws.of_address)

    def owner(self, end: str) -> pd.Categorical:
        if self.owners is None:
            return nothing(len(self.columns))
        return owners_of(self.columns, self.columns.codes(end), self.owners)


def _the_rest(known: _Known) -> dict[str, Maker]:
    return {
        "protocol_name": lambda: services.protocol_name(known.columns),
        "tcp_flag_names": lambda: flags.tcp_flag_names(known.columns),
        "traffic_path_name": lambda: flags.traffic_path_name(known.columns),
        "scope": known.scope,
        "direction": lambda: known.direction.ways(),
        "direction_basis": lambda: known.direction.bases(),
        "src_owner": lambda: known.owner("srcaddr"),
        "dst_owner": lambda: known.owner("dstaddr"),
        "src_aws_service": lambda: known.aws.source,
        "dst_aws_service": lambda: known.aws.destination,
        "aws_service_basis": lambda: known.aws.basis,
    }
