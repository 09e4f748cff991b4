"""Whose ENI is it? In words for people, from what AWS writes at an ENI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from flowlab.setup.inventory import Inventory, Scope
from flowlab.wording import cut_short, plain_text

if TYPE_CHECKING:
    import pandas as pd

_LONGEST = 60  # characters of a description that no rule knows


class _Form(NamedTuple):
    description: str  # regular expression for the whole of it
    words: str  # filled with the expression's groups


# What AWS services write into the description of the ENIs they make; there is no list of AWS's.
# Sources: pete911/flowlogs (ni.go), the tables of Cloud Custodian and others, AWS's user guides.
_FORMS = tuple(
    _Form(*form)
    for form in (
        (r"ELB app/([^/]+)/.*", "application load balancer {0}"),
        (r"ELB net/([^/]+)/.*", "network load balancer {0}"),
        (r"ELB gwy/([^/]+)/.*", "gateway load balancer {0}"),
        (r"ELB ([^/]+)", "classic load balancer {0}"),
        (r"Interface for NAT Gateway (nat-\w+)", "NAT gateway {0}"),
        (r"VPC Endpoint Interface:? (vpce-\w+)", "VPC endpoint {0}"),
        (r"Network Interface for Transit Gateway Attachment (tgw-attach-\w+).*",
         "transit gateway attachment {0}"),
        (r"AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
         "Lambda function {0}"),
        (r"AWS Lambda VPC ENI.*", "Lambda"),
        (r"RDSNetworkInterface", "RDS database"),
        (r"Network interface for DBProxy (.+)", "RDS Proxy {0}"),
        (r"RedshiftNetworkInterface", "Redshift cluster"),
        (r"DMSNetworkInterface", "Database Migration Service"),
        (r"ElastiCache[ +](.+)", "ElastiCache {0}"),
        (r"DAX (.+)", "DynamoDB Accelerator {0}"),
        (r"ES (.+)", "OpenSearch domain {0}"),
        (r"EFS mount target for (fs-\w+)(?: .*)?", "EFS mount target of {0}"),
        (r"arn:[\w-]+:ecs:.*:attachment/.*", "ECS task"),
        (r"Amazon EKS (.+)", "EKS control plane of {0}"),
        (r"aws-K8S-(i-\w+)", "EKS node {0}"),
        (r"aws-k8s-(?:branch|trunk)-eni.*", "EKS pods"),
        (r"AWS created network interface for directory (d-\w+).*", "directory {0}"),
        (r"Created By Amazon Workspaces .*", "WorkSpaces"),
        (r"CloudHSM Managed Interface.*|CloudHsm ENI.*", "CloudHSM"),
        (r"ENI managed by APIGateway", "API Gateway VPC link"),
        (r"Attached to Glue using role.*", "Glue job"),
        (r"\[(?i:do not delete)\].*SageMaker.*", "SageMaker"),
        (r"AWS ElasticMapReduce.*", "EMR"),
        (r"Route 53 Resolver: (rslvr-[\w-]+):.*", "Route 53 Resolver endpoint {0}"),
        (r"Amazon Kinesis Firehose - ([^ ]+).*", "Firehose {0}"),
        (r"datasync (.+)", "DataSync {0}"),
        (r"AWS CodeStar Connections.*", "CodeConnections"),
    )
)  # fmt: skip
_KNOWN = re.compile("|".join(f"(?:{form.description})" for form in _FORMS))

# InterfaceType of DescribeNetworkInterfaces: for ENIs whose description says nothing.
_TYPES = {
    "natGateway": "NAT gateway",
    "nat_gateway": "NAT gateway",
    "regional_nat_gateway": "regional NAT gateway",
    "load_balancer": "load balancer",
    "network_load_balancer": "network load balancer",
    "gateway_load_balancer": "gateway load balancer",
    "gateway_load_balancer_endpoint": "gateway load balancer endpoint",
    "vpc_endpoint": "VPC endpoint",
    "transit_gateway": "transit gateway attachment",
    "lambda": "Lambda",
    "quicksight": "QuickSight",
    "global_accelerator_managed": "Global Accelerator",
    "api_gateway_managed": "API Gateway VPC link",
    "iot_rules_managed": "IoT rule",
    "aws_codestar_connections_managed": "CodeConnections",
}
# RequesterId: who made it, where neither type nor description does. Many others are numbers.
_REQUESTERS = {
    "amazon-elb": "load balancer",
    "amazon-rds": "RDS database",
    "amazon-redshift": "Redshift cluster",
    "amazon-elasticache": "ElastiCache",
    "amazon-elasticsearch": "OpenSearch domain",
    "amazon-aws": "AWS service",
}


def owner_of(interface: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]) -> str:
    """Say whose an ENI is, in words for people.

    Parameters
    ----------
    interface : mapping
        As DescribeNetworkInterfaces gives it.
    instances : mapping
        Instances by id, as an inventory has them; may lack the one asked for.

    Returns
    -------
    str
        ``web server web-1`` (Name of its instance, after the instance's tag Role if there is
        one), ``NAT gateway nat-...``, ``RDS database``; the ENI's own Name or description where
        AWS tells no more, and its id at last. Never empty; control characters are made visible.
    """
    return plain_text(_owner(interface, instances))


def known_owners(inventory: Inventory) -> pd.DataFrame:
    """List every address of every ENI with its owner, and when that is known to hold.

    Parameters
    ----------
    inventory : Inventory
        Live or saved.

    Returns
    -------
    DataFrame, one row per address of an ENI
        interface_id, address (private IPv4, IPv6, or public address bound to it), owner,
        subnet_id, vpc_id, account_id (of the ENI), region; valid_from (when the ENI was attached,
        or the time of the inventory if AWS does not say), valid_until (time of the inventory):
        datetime64[us, UTC].

    Notes
    -----
    An ENI keeps its primary private address as long as it exists. Secondary and public addresses
    can be newer than the attachment; AWS does not tell since when they are there.
    """
    import pandas as pd

    rows = [row for scope in inventory for row in _owned(scope, inventory.taken)]
    names = ["interface_id", "address", "owner", "subnet_id", "vpc_id", "account_id", "region"]
    table = pd.DataFrame(rows, columns=[*names, "valid_from", "valid_until"])
    for name in ("valid_from", "valid_until"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table.astype(dict.fromkeys(names, "str"))


def instances_of(scope: Scope) -> dict[str, Mapping[str, Any]]:
    """Give the instances of a scope by id; none where AWS did not answer."""
    found = scope.get("ec2:DescribeInstances").items()
    return {str(instance.get("InstanceId")): instance for instance in found}


def instance_id_of(interface: Mapping[str, Any]) -> str:
    """Give the id of the instance an ENI is attached to; "" if it is none of yours."""
    return str((interface.get("Attachment") or {}).get("InstanceId") or "")


def attached_at(interface: Mapping[str, Any]) -> datetime | None:
    """Give the time an ENI was attached, if AWS says."""
    return moment((interface.get("Attachment") or {}).get("AttachTime"))


def moment(text: object) -> datetime | None:
    """Read a time as an inventory has it; None if there is none."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read if read.tzinfo else None


def _owner(interface: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]) -> str:
    tags = _tags(interface.get("TagSet"))
    if instance_id := instance_id_of(interface):
        named = _tags((instances.get(instance_id) or {}).get("Tags"))
        return _named(named) or f"instance {instance_id}"
    description = str(interface.get("Description") or "").strip()
    by_type = _TYPES.get(str(interface.get("InterfaceType") or ""), "")
    if said := _by_description(description):
        service = tags.get("aws:ecs:serviceName") if said == "ECS task" else ""
        # A regional NAT gateway describes itself like any other.
        regional = "regional " if by_type.startswith("regional ") else ""
        return regional + said + (f" of {service}" if service else "")
    by_requester = _REQUESTERS.get(str(interface.get("RequesterId") or ""), "")
    return (
        by_type
        or by_requester
        or _named(tags)
        or cut_short(description, _LONGEST)
        or f"ENI {interface.get('NetworkInterfaceId', '')}".strip()
    )


def _by_description(description: str) -> str:
    if not _KNOWN.fullmatch(description):
        return ""
    for form in _FORMS:
        if found := re.fullmatch(form.description, description):
            return form.words.format(*found.groups())
    return ""


def _named(tags: Mapping[str, str]) -> str:
    name, role = tags.get("Name", ""), tags.get("Role", "")
    return name if not name or role in name else f"{role} {name}"


def _tags(tags: Any) -> dict[str, str]:
    return {str(t.get("Key")): str(t.get("Value") or "").strip() for t in tags or ()}


def _owned(scope: Scope, taken: datetime) -> Iterator[tuple[Any, ...]]:
    instances = instances_of(scope)
    for eni in scope.get("ec2:DescribeNetworkInterfaces").items():
        owner, since = owner_of(eni, instances), attached_at(eni) or taken
        for address in dict.fromkeys(_addresses(eni)):
            yield (
                eni.get("NetworkInterfaceId", ""), address, owner, eni.get("SubnetId", ""),
                eni.get("VpcId", ""), eni.get("OwnerId") or scope.account_id, scope.region,
                since, taken,
            )  # fmt: skip


def _addresses(interface: Mapping[str, Any]) -> Iterator[str]:
    for place in (interface, *(interface.get("PrivateIpAddresses") or ())):
        bound = place.get("Association") or {}
        yield from filter(None, (place.get("PrivateIpAddress"), bound.get("PublicIp")))
        yield from filter(None, (bound.get("CarrierIp"), bound.get("CustomerOwnedIp")))
    for place in interface.get("Ipv6Addresses") or ():
        yield from filter(None, [place.get("Ipv6Address")])
