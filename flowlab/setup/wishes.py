"""What a flow log is to be like: every setting refused here that AWS would refuse, or not mind.

AWS takes some mistakes and fails later; then nothing is recorded, and nobody is told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flowlab import schema
from flowlab.errors import FlowlabError, unknown_name
from flowlab.setup.destinations import Destination
from flowlab.sources.aws import Access

# Days that PutRetentionPolicy takes (botocore's model of CloudWatch Logs).
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
DEFAULT_DAYS = 90  # of what is made here
_TYPES = {"vpc": "VPC", "subnet": "Subnet", "eni": "NetworkInterface"}
_MOST = 300  # ResourceIds of one CreateFlowLogs
_TRAFFIC = ("ALL", "ACCEPT", "REJECT")
_INTERVALS = (60, 600)
_FIREHOSE = re.compile(r"arn:aws[\w-]*:firehose:([a-z0-9-]+):(\d{12}):deliverystream/[\w.-]{1,64}")
DEFAULT_FORMAT = tuple(schema.BY_COLUMN[column].name for column in schema.DEFAULT_FORMAT)


@dataclass(frozen=True)
class Wish:
    """A flow log as it is to be, on one or more resources of one kind.

    Attributes
    ----------
    resource_ids : tuple of str
    resource_type : {"VPC", "Subnet", "NetworkInterface"}
    destination : Destination
    fields : tuple of str
        AWS's names, in order.
    interval : int
        Longest capture window. [s]
    traffic : {"ALL", "ACCEPT", "REJECT"}
    retention_days : int or None
        None: for ever.
    name : str
        Tag Name of the flow log; "" for none.
    parquet, hive, hourly : bool
        Of files in S3.
    keep_retention : bool
        A log group that is there keeps its own.
    """

    resource_ids: tuple[str, ...]
    resource_type: str
    destination: Destination
    fields: tuple[str, ...]
    interval: int = 60
    traffic: str = "ALL"
    retention_days: int | None = DEFAULT_DAYS
    name: str = ""
    parquet: bool = False
    hive: bool = False
    hourly: bool = False
    keep_retention: bool = False

    @property
    def log_format(self) -> str:
        """The format as AWS writes it: ``${version} ${account-id} ...``."""
        return " ".join(f"${{{field}}}" for field in self.fields)

    @property
    def file_options(self) -> dict[str, Any]:
        """DestinationOptions of CreateFlowLogs."""
        return {
            "FileFormat": "parquet" if self.parquet else "plain-text",
            "HiveCompatiblePartitions": self.hive,
            "PerHourPartition": self.hourly,
        }

    def differences(self, flow_log: Mapping[str, Any]) -> list[str]:
        """Say what a flow log has otherwise, as DescribeFlowLogs gives it; nothing if equal.

        The order of the fields makes no difference: nobody should lose records over it.
        """
        other = []
        try:
            fields = schema.parse_log_format(flow_log.get("LogFormat") or DEFAULT_FORMAT)
        except FlowlabError:
            fields = ()
        theirs = {name.replace("_", "-") for name in fields}
        if lacking := [name for name in self.fields if name not in theirs]:
            other.append(f"lacks {_listed(lacking)}")
        if more := sorted(theirs - set(self.fields)):
            other.append(f"has {_listed(more)} besides")
        interval = int(flow_log.get("MaxAggregationInterval") or 600)
        if interval != self.interval:
            other.append(f"aggregates over {interval} s, not {self.interval} s")
        traffic = str(flow_log.get("TrafficType") or "ALL")
        if traffic != self.traffic:
            other.append(f"records {traffic}, not {self.traffic}")
        if self.destination.place == "s3":
            plain = Wish(self.resource_ids, "", self.destination, ()).file_options
            options = plain | dict(flow_log.get("DestinationOptions") or {})
            if options != self.file_options:
                other.append("writes files of another kind")
        return other


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


def wish_of(
    resource: str | Iterable[str],
    to: Any,
    fields: str | Sequence[str],
    interval: int,
    traffic: str,
    retention_days: int | Literal["keep"] | None,
    name: str | None,
    files: Mapping[str, bool],
) -> Wish:
    """Check the arguments of `plan_flow_logs`; errors as told there."""
    ids, kind = _resources(resource)
    destination = _destination(to)
    if interval not in _INTERVALS:
        raise FlowlabError(
            f"interval={interval!r} is none that AWS offers.",
            fix="use 60 or 600 [s]; ENIs of Nitro instances are at 60 or less whatever is set.",
        )
    if traffic not in _TRAFFIC:
        raise unknown_name("traffic", traffic, _TRAFFIC)
    days = DEFAULT_DAYS if retention_days == "keep" else retention_days
    if days is not None and days not in RETENTION_DAYS:
        near = min(RETENTION_DAYS, key=lambda days: abs(days - _number(retention_days)))
        offered = ", ".join(map(str, RETENTION_DAYS))
        raise FlowlabError(
            f"retention_days={retention_days!r} is none that CloudWatch Logs offers.",
            fix=f"the nearest is {near}; there are {offered}; None keeps the records for ever.",
        )
    asked = [option for option, value in files.items() if value]
    if asked and destination.place != "s3":
        raise FlowlabError(
            f"{asked[0]}=True goes with S3 alone, and to= is {destination}.",
            fix=f"leave {', '.join(asked)} out, or deliver to s3://bucket/prefix.",
        )
    if name is not None and not 0 < len(name) <= 256:
        raise FlowlabError("name= must have 1 to 256 characters: it becomes the tag Name.")
    return Wish(
        ids, kind, destination, _fields(fields), interval, traffic,
        days, name or "", keep_retention=retention_days == "keep",
        **{option: bool(value) for option, value in files.items()},
    )  # fmt: skip


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 90


def _resources(resource: str | Iterable[str]) -> tuple[tuple[str, ...], str]:
    ids = tuple(dict.fromkeys([resource] if isinstance(resource, str) else resource))
    kinds = {}
    for one in ids:
        if str(one).startswith("tgw-"):
            raise FlowlabError(
                f"{one}: flow logs of transit gateways are not planned here.",
                "they have fields, limits and checks of their own.",
                "use `aws ec2 create-flow-logs --resource-type TransitGateway`.",
            )
        found = re.fullmatch(r"(vpc|subnet|eni)-[0-9a-f]{8}(?:[0-9a-f]{9})?", str(one))
        if not found:
            raise FlowlabError(
                f"{one!r} is not the id of a VPC, a subnet or an ENI.",
                fix="write it like 'vpc-0a1b2c3d4e5f60718', 'subnet-...' or 'eni-...'.",
            )
        kinds[found[1]] = one
    if len(kinds) > 1:
        raise FlowlabError(
            f"{' and '.join(kinds.values())} are not of one kind.",
            "one request to AWS takes VPCs, subnets or ENIs, not several of these.",
            "make a plan for each kind.",
        )
    if not 0 < len(ids) <= _MOST:
        raise FlowlabError(
            f"{len(ids)} resources: a plan takes 1 to {_MOST}.",
            fix="plan for the VPC: its subnets and ENIs, also those to come, are covered by it.",
        )
    return ids, _TYPES[next(iter(kinds))]


def _destination(to: Any) -> Destination:
    from flowlab.sources.cloudwatch import CloudWatch
    from flowlab.sources.places import as_place
    from flowlab.sources.s3 import S3

    if isinstance(to, str) and _FIREHOSE.fullmatch(to):
        return Destination("firehose", to)
    if isinstance(to, str) and to.startswith("arn:") and ":s3:::" in to:
        to = S3.from_url(to)
    if isinstance(to, str) and to.startswith("/"):
        raise FlowlabError(
            f"to={to!r} is no address.",
            "it may be the name of a log group.",
            f"write it as 'cloudwatch://{to}'.",
        )
    place = as_place(to)
    if isinstance(place, CloudWatch):
        return Destination("cloudwatch", place.group)
    if not isinstance(place, S3):
        raise FlowlabError(
            f"to={to!r} is no destination of a flow log.",
            fix="use 'cloudwatch:///log/group', 's3://bucket/prefix' or the ARN of a Firehose "
            "stream.",
        )
    prefix = place.prefix.strip("/")
    if "AWSLogs" in prefix.split("/"):
        raise FlowlabError(
            f"{place}: no folder of the prefix may be called AWSLogs.",
            "AWS makes that folder itself, below the prefix.",
            f"use 's3://{place.bucket}/{prefix.partition('AWSLogs')[0]}'.",
        )
    return Destination("s3", place.bucket, prefix)


def access_of(
    to: Any,
    profile: str | None,
    region: str | None,
    role_arn: str | None,
    endpoint_url: str | None,
) -> Access:
    """Whom to ask: as the arguments say; where they do not, as the destination's object says."""
    if region is None and isinstance(to, str) and (stream := _FIREHOSE.fullmatch(to)):
        region = stream[1]
    theirs = getattr(to, "access", None) or Access()
    return Access(
        profile or theirs.profile,
        region or theirs.region,
        role_arn or theirs.role_arn,
        endpoint_url or theirs.endpoint_url,
    )


def _fields(fields: str | Sequence[str]) -> tuple[str, ...]:
    from flowlab.setup.formats import FORMATS

    if isinstance(fields, str) and fields in FORMATS:
        return tuple(FORMATS[fields])
    columns = schema.parse_log_format(fields)
    known = {f.column: f for f in schema.FIELDS if f.log != "transit gateway"}
    for column in columns:
        name = column.replace("_", "-")
        if column in known:
            continue
        if column in schema.BY_COLUMN:
            raise FlowlabError(
                f"{name} is a field of transit gateways' flow logs alone.",
                fix="leave it out; fl.fields() lists the fields, and in its column log, whose.",
            )
        if isinstance(fields, str) and len(columns) == 1 and "$" not in fields:
            raise unknown_name("format", fields, FORMATS)
        raise unknown_name("field", name, (f.name for f in known.values()))
    tags = [c.replace("_", "-") for c in columns if re.search(r"_tag(_2)?$", c)]
    if tags:
        raise FlowlabError(
            f"{', '.join(tags)}: fields of tags are not planned here.",
            "AWS must be told for each which tag it shows (TagFieldSpecifications), and makes "
            "EventBridge rules and a service-linked role for them.",
            "leave them out, or create the flow log with `aws ec2 create-flow-logs "
            "--tag-field-specifications`.",
        )
    return tuple(known[column].name for column in columns)


def role_name(destination: Destination, region: str) -> str:
    """Name of the role that flowlab makes for a log group: the same for the same group."""
    digest = hashlib.sha256(f"{region}/{destination.name}".encode()).hexdigest()[:12]
    return f"flowlab-delivery-{digest}"
