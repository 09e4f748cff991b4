"""The flow-log fields: one table, from which everything else takes names, types and meanings.

Sources: AWS, "Flow log records" (VPC fields, versions 2 to 11) and "Transit Gateway Flow Log
records" (version 6), both as of 2026. A new AWS field is one new row.
"""

# ruff: noqa: E501 (one field, one line)

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flowlab.errors import LineFormatError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["int32", "int64", "time", "id", "address", "text"]


@dataclass(frozen=True)
class Field:
    """One AWS flow-log field."""

    name: str  # as AWS writes it
    version: int
    kind: Kind
    unit: str
    meaning: str
    null_when: str = ""
    limit: int = 0  # largest value the field can hold; 0: whatever its type holds
    log: Literal["vpc", "transit gateway", "both"] = "vpc"

    @property
    def column(self) -> str:
        """Name of the column in a flow frame."""
        return self.name.replace("-", "_")


_NO_TRAFFIC = "NODATA, SKIPDATA"
_ECS = "not an ECS task of yours in awsvpc mode"
_TAG = "untagged, or the tag is not yours; unreliable in the first hour"
_HOP = "no next-hop ENI, or it is not yours"
_SUB = "not in a sublocation"
_MAX16, _MAX8 = 65_535, 255

# fmt: off
FIELDS: tuple[Field, ...] = (
    Field("version", 2, "int32", "", "Highest version among the fields of the format", log="both"),
    Field("account-id", 2, "id", "", "Account that owns the recording ENI; may be 'unknown'", log="both"),
    Field("interface-id", 2, "id", "", "ENI that recorded the traffic", "regional NAT gateway (see resource-id)"),
    Field("srcaddr", 2, "address", "", "Source; on egress the ENI's primary private address", _NO_TRAFFIC, log="both"),
    Field("dstaddr", 2, "address", "", "Destination; on ingress the ENI's primary private address", _NO_TRAFFIC, log="both"),
    Field("srcport", 2, "int32", "port", "Source port; 0 for ICMP", _NO_TRAFFIC, _MAX16, "both"),
    Field("dstport", 2, "int32", "port", "Destination port; 0 for ICMP", _NO_TRAFFIC, _MAX16, "both"),
    Field("protocol", 2, "int32", "IANA number", "IP protocol: 1 ICMP, 6 TCP, 17 UDP ...", _NO_TRAFFIC, _MAX8, "both"),
    Field("packets", 2, "int64", "packets", "Packets in this direction in the capture window", _NO_TRAFFIC, log="both"),
    Field("bytes", 2, "int64", "bytes", "IP bytes in this direction in the capture window, headers included",
          "NODATA, SKIPDATA, flows refused by Block Public Access", log="both"),
    Field("start", 2, "time", "UTC, s", "First packet of the capture window; up to 60 s off", log="both"),
    Field("end", 2, "time", "UTC, s", "Last packet of the capture window; up to 60 s off", log="both"),
    Field("action", 2, "id", "", "ACCEPT or REJECT", _NO_TRAFFIC),
    Field("log-status", 2, "id", "", "OK, NODATA (no traffic) or SKIPDATA (records lost)", log="both"),
    Field("vpc-id", 3, "id", "", "VPC of the ENI"),
    Field("subnet-id", 3, "id", "", "Subnet of the ENI", "regional NAT gateway"),
    Field("instance-id", 3, "id", "", "Instance of the ENI, if you own it", "requester-managed ENIs"),
    Field("tcp-flags", 3, "int32", "bit mask", "TCP flags ORed over the window: FIN 1, SYN 2, RST 4, SYN-ACK 18",
          "an invalid combination", _MAX8, "both"),
    Field("type", 3, "id", "", "IPv4, IPv6 or EFA", _NO_TRAFFIC, log="both"),
    Field("pkt-srcaddr", 3, "address", "", "Source in the packet itself: the peer behind NAT or a pod", _NO_TRAFFIC),
    Field("pkt-dstaddr", 3, "address", "", "Destination in the packet itself", _NO_TRAFFIC),
    Field("region", 4, "id", "", "Region of the ENI", log="both"),
    Field("az-id", 4, "id", "", "Availability Zone id, the same in every account", "in a sublocation"),
    Field("sublocation-type", 4, "id", "", "wavelength, outpost or localzone", _SUB),
    Field("sublocation-id", 4, "id", "", "Sublocation id", _SUB),
    Field("pkt-src-aws-service", 5, "id", "", "AWS service of pkt-srcaddr, by its public range",
          "not a public AWS range", log="both"),
    Field("pkt-dst-aws-service", 5, "id", "", "AWS service of pkt-dstaddr, by its public range",
          "not a public AWS range", log="both"),
    Field("flow-direction", 5, "id", "", "ingress or egress, seen from the recording ENI", _NO_TRAFFIC, log="both"),
    Field("traffic-path", 5, "int32", "code 1-8", "Way out of an egress flow", "ingress, or no code fits"),
    Field("ecs-cluster-arn", 7, "id", "", "ECS cluster ARN", _ECS),
    Field("ecs-cluster-name", 7, "id", "", "ECS cluster name", _ECS),
    Field("ecs-container-instance-arn", 7, "id", "", "ECS container instance ARN", _ECS + "; Fargate"),
    Field("ecs-container-instance-id", 7, "id", "", "ECS container instance id", _ECS + "; Fargate"),
    Field("ecs-container-id", 7, "id", "", "Runtime id of the first container", _ECS),
    Field("ecs-second-container-id", 7, "id", "", "Runtime id of the second container", "single-container task"),
    Field("ecs-service-name", 7, "id", "", "ECS service name", "task not started by a service"),
    Field("ecs-task-definition-arn", 7, "id", "", "ECS task definition ARN", _ECS),
    Field("ecs-task-arn", 7, "id", "", "ECS task ARN", _ECS),
    Field("ecs-task-id", 7, "id", "", "ECS task id", _ECS),
    Field("reject-reason", 8, "id", "", "BPA (Block Public Access) or EC (Encryption Controls)", "any other refusal"),
    Field("resource-id", 9, "id", "", "Regional NAT gateway that recorded the traffic", "every other flow"),
    Field("encryption-status", 10, "int32", "code 0-3", "0 clear, 1 Nitro, 2 application (by port), 3 both",
          "Encryption Controls off, or unknown"),
    Field("instance-tag", 11, "text", "", "Value of the first chosen instance tag, percent-encoded", _TAG),
    Field("instance-tag-2", 11, "text", "", "Value of the second chosen instance tag, percent-encoded", _TAG),
    Field("interface-tag", 11, "text", "", "Value of the first chosen ENI tag, percent-encoded", _TAG),
    Field("interface-tag-2", 11, "text", "", "Value of the second chosen ENI tag, percent-encoded", _TAG),
    Field("asg-tag", 11, "text", "", "Value of the first chosen Auto Scaling group tag, percent-encoded", _TAG),
    Field("asg-tag-2", 11, "text", "", "Value of the second chosen Auto Scaling group tag, percent-encoded", _TAG),
    Field("interface-type", 11, "id", "", "nat_gateway, network_load_balancer, transit_gateway, vpc_endpoint ...",
          "plain ENIs"),
    Field("next-hop-interface-id", 11, "id", "", "ENI on the other side of this hop", _HOP),
    Field("next-hop-subnet-id", 11, "id", "", "Subnet of the next-hop ENI", _HOP),
    Field("next-hop-az-id", 11, "id", "", "Availability Zone id of the next-hop ENI, also if not yours", "no next-hop ENI"),
    Field("next-hop-vpc-id", 11, "id", "", "VPC of the next-hop ENI", _HOP),
    Field("next-hop-interface-type", 11, "id", "", "Type of the next-hop ENI", _HOP),
    *(Field(name, 6, "id", "", meaning, log="transit gateway") for name, meaning in (
        ("resource-type", "Always TransitGateway"),
        ("tgw-id", "Transit gateway"),
        ("tgw-attachment-id", "Attachment that recorded the traffic"),
        ("tgw-src-vpc-account-id", "Account of the source VPC"),
        ("tgw-dst-vpc-account-id", "Account of the destination VPC"),
        ("tgw-src-vpc-id", "Source VPC"),
        ("tgw-dst-vpc-id", "Destination VPC"),
        ("tgw-src-subnet-id", "Source subnet"),
        ("tgw-dst-subnet-id", "Destination subnet"),
        ("tgw-src-eni", "Attachment ENI on the source side"),
        ("tgw-dst-eni", "Attachment ENI on the destination side"),
        ("tgw-src-az-id", "Availability Zone id of the source"),
        ("tgw-dst-az-id", "Availability Zone id of the destination"),
        ("tgw-pair-attachment-id", "The opposite attachment"),
    )),
    *(Field(f"packets-lost-{cause}", 6, "int64", "packets", meaning, log="transit gateway") for cause, meaning in (
        ("no-route", "Packets lost: no route"),
        ("blackhole", "Packets lost: blackhole route"),
        ("mtu-exceeded", "Packets lost: larger than the MTU"),
        ("ttl-expired", "Packets lost: TTL expired"),
    )),
)
# fmt: on

BY_COLUMN: dict[str, Field] = {field.column: field for field in FIELDS}

DEFAULT_FORMAT: tuple[str, ...] = tuple(f.column for f in FIELDS if f.version == 2)
"""Columns of the default VPC format, in AWS's order."""

# Header lines and AWS's documents give this order; it is not the order of FIELDS.
TRANSIT_GATEWAY_FORMAT: tuple[str, ...] = (
    "version", "resource_type", "account_id", "tgw_id", "tgw_attachment_id",
    "tgw_src_vpc_account_id", "tgw_dst_vpc_account_id", "tgw_src_vpc_id", "tgw_dst_vpc_id",
    "tgw_src_subnet_id", "tgw_dst_subnet_id", "tgw_src_eni", "tgw_dst_eni", "tgw_src_az_id",
    "tgw_dst_az_id", "tgw_pair_attachment_id", "srcaddr", "dstaddr", "srcport", "dstport",
    "protocol", "packets", "bytes", "start", "end", "log_status", "type",
    "packets_lost_no_route", "packets_lost_blackhole", "packets_lost_mtu_exceeded",
    "packets_lost_ttl_expired", "tcp_flags", "region", "flow_direction", "pkt_src_aws_service",
    "pkt_dst_aws_service",
)  # fmt: skip
"""Columns of the default transit gateway format, in AWS's order."""

# The fields that still say which ENI was silent when there was no traffic.
IDENTITY: tuple[str, ...] = (
    "account_id", "interface_id", "vpc_id", "subnet_id", "instance_id", "region", "az_id",
    "resource_id", "tgw_id", "tgw_attachment_id", "log_status", "start", "end",
)  # fmt: skip

NO_TRAFFIC: tuple[str, ...] = ("NODATA", "SKIPDATA")

# Epochs from here up have 12 or more digits. AWS has been seen to write milliseconds.
MILLISECONDS_FROM = 10**11
LAST_MILLISECOND = 10**14 - 1
LARGEST_COUNT = 10**18 - 1  # a thousand petabytes in one window is a damaged line


@dataclass(frozen=True)
class Derived:
    """One column that `flowlab.enrich` adds."""

    column: str
    kind: Literal["id", "address"]
    meaning: str
    basis: str  # what the claim rests on
    unit: str = ""
    null_when: str = ""


_NOT_DECIDED = "initiator_basis is unknown"
_NO_OWNER = "no saved set-up was given, or none has the address"
_OWNER = "The saved set-ups given: from when the ENI was attached (else the first that has it) to the last that has it"
_SERVICE = "AWS's field of that name; where a record lacks both, the ip-ranges.json given: most specific prefix"

# fmt: off
DERIVED: tuple[Derived, ...] = (
    Derived("protocol_name", "id", "Name of the protocol", "IANA, Protocol Numbers",
            null_when="protocol is null or has no name"),
    Derived("service", "id", "What the responder's port is registered or commonly used for",
            "IANA's port registry (a part; where it has no name of today, the common one), at the port of responder",
            null_when=f"{_NOT_DECIDED}, or the port has no name"),
    Derived("tcp_flag_names", "id", "Flags seen in the window: SYN, SYN ACK, SYN ACK FIN ...; none: only ACK, PSH or the like",
            "tcp_flags", null_when="not TCP, or tcp_flags is null"),
    Derived("traffic_path_name", "id", "Way out of an egress flow; code 6 has changed its meaning, and has both",
            "traffic_path, as AWS documents it in 2026", null_when="traffic_path is null or a newer code"),
    Derived("scope", "id", "How far: intra-subnet, cross-az, intra-vpc, peered, private, aws-service, internet, link-local, multicast, unknown",
            "The ends in the packet (pkt_srcaddr, pkt_dstaddr, else srcaddr, dstaddr); vpc_cidrs and subnet_cidrs, saved set-ups, "
            "what records say of their own ENI (vpc_id, subnet_id, az_id) and traffic_path, else address blocks (RFC 1918 ...)"),
    Derived("direction", "id", "ingress, egress or unknown, seen from the recording ENI", "direction_basis says"),
    Derived("direction_basis", "id", "aws; eni-address (inventory); eni-address (inferred); unknown",
            "flow_direction; else which end is the ENI's own address, by a saved set-up; else by the one address in nearly all of its records"),
    Derived("src_owner", "id", "Whose srcaddr was when the record began; 'unknown at that time', 'several at that time'",
            _OWNER, null_when=_NO_OWNER),
    Derived("dst_owner", "id", "Whose dstaddr was when the record began; 'unknown at that time', 'several at that time'",
            _OWNER, null_when=_NO_OWNER),
    Derived("src_aws_service", "id", "AWS service whose public range holds the source in the packet", _SERVICE,
            null_when="no public range of AWS's, or nothing tells"),
    Derived("dst_aws_service", "id", "AWS service whose public range holds the destination in the packet", _SERVICE,
            null_when="no public range of AWS's, or nothing tells"),
    Derived("aws_service_basis", "id", "Who says, or says that there is none: aws field; ip-ranges with its date",
            "src_aws_service and dst_aws_service", null_when="nothing tells"),
    Derived("initiator", "address", "srcaddr or dstaddr: the end that began", "initiator_basis says", null_when=_NOT_DECIDED),
    Derived("responder", "address", "srcaddr or dstaddr: the end that was asked", "initiator_basis says", null_when=_NOT_DECIDED),
    Derived("initiator_basis", "id", "syn, direction, listening port, registry, unknown: evidence, the strongest first",
            "A SYN without ACK, or with it, in any record of the 5-tuple; packets one way only; a port that others ask too; one port registered"),
)
# fmt: on


def kind_of(column: str) -> Kind:
    """Kind of a column; a field flowlab does not know yet is text."""
    field = BY_COLUMN.get(column)
    return field.kind if field else "text"


def limit_of(column: str) -> int:
    """Largest value an integer or time column may hold. Smallest is always 0."""
    field = BY_COLUMN[column]
    if field.kind == "time":
        return LAST_MILLISECOND
    return field.limit or (2**31 - 1 if field.kind == "int32" else LARGEST_COUNT)


def fields(*, derived: bool = False) -> pd.DataFrame:
    """List every AWS flow-log field flowlab knows, or every column that `enrich` adds.

    Parameters
    ----------
    derived : bool
        List the columns of `enrich` instead.

    Returns
    -------
    DataFrame, one row per field, in AWS's order
        field (AWS name), column (name in a flow frame), version (first version that has it),
        kind, unit, meaning, null_when (when AWS writes ``-``), log (VPC, transit gateway, both).
        With `derived`: column, kind, unit, meaning, basis (what the claim rests on), null_when.

    Examples
    --------
    >>> import flowlab as fl
    >>> table = fl.fields()
    >>> table.loc[table["field"] == "tcp-flags", "version"].item()
    3
    >>> fl.fields(derived=True)["column"].head(2).tolist()
    ['protocol_name', 'service']
    """
    import pandas as pd

    if derived:
        columns = ["column", "kind", "unit", "meaning", "basis", "null_when"]
        return pd.DataFrame([[getattr(d, c) for c in columns] for d in DERIVED], columns=columns)
    rows = [
        (f.name, f.column, f.version, f.kind, f.unit, f.meaning, f.null_when, f.log) for f in FIELDS
    ]
    names = ["field", "column", "version", "kind", "unit", "meaning", "null_when", "log"]
    return pd.DataFrame(rows, columns=names)


_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")


def parse_log_format(log_format: str | Sequence[str]) -> tuple[str, ...]:
    """Turn a flow log's format into column names.

    Parameters
    ----------
    log_format : str or sequence of str
        AWS's ``${version} ${account-id} ...`` string (``LogFormat`` of DescribeFlowLogs), the
        names separated by spaces or commas, or a list of names. Hyphens or underscores.

    Returns
    -------
    tuple of str
        Column names in the order of the format. Unknown fields are kept.

    Raises
    ------
    LineFormatError
        No field at all, a word that cannot be a field, or a field named twice.
    """
    if isinstance(log_format, str):
        tokens = re.sub(r"\$\{([^${}]*)\}", r" \1 ", log_format).replace(",", " ").split()
    else:
        tokens = [str(token).strip() for token in log_format]
    wrong = [t for t in tokens if not _TOKEN.fullmatch(t)]
    names = tuple(t.replace("-", "_").lower() for t in tokens)
    twice = sorted({n for n in names if names.count(n) > 1})
    if not tokens or wrong or twice:
        what = (
            f"this word is not a field name: {wrong[0][:60]!r}" if wrong
            else f"this field stands twice: {twice[0]}" if twice
            else "it names no field"
        )  # fmt: skip
        raise LineFormatError(
            f"log_format cannot be used: {what}.",
            fix="pass the flow log's LogFormat, such as '${version} ${srcaddr} ${dstaddr}', "
            "or a list of field names in the order of the tokens. fl.fields() lists them.",
        )
    return names


def header_columns(tokens: Iterable[str]) -> tuple[str, ...] | None:
    """Column names if these tokens are a header line, else None.

    A header is made of field-like words of which at least half are fields AWS has published;
    the rest are fields newer than this version of flowlab.
    """
    words = list(tokens)
    if not words or not all(_TOKEN.fullmatch(w) and w == w.lower() for w in words):
        return None
    names = tuple(w.replace("-", "_") for w in words)
    known = sum(name in BY_COLUMN for name in names)
    return names if known * 2 >= len(names) and len(set(names)) == len(names) else None
