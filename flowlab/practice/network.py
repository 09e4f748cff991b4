"""The VPCs of a practice account, built in moto with the ids that the records name.

moto's services choose ids themselves, so what they made is filed again under ours, in their own
registers. Nothing else in flowlab reaches into the registers of moto's EC2 for this.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from flowlab.practice.environment import ENVIRONMENT, Environment, Interface, Subnet, Vpc

#: Behind a load balancer, with a flow log of its own that delivers into a bucket.
SERVICES = Environment(
    vpc=Vpc(
        vpc_id="vpc-0e7b3d5f9c2a41680",
        account_id=ENVIRONMENT.vpc.account_id,
        region=ENVIRONMENT.vpc.region,
        cidr="10.20.0.0/24",
        ipv6_cidr="",
        flow_log_id="fl-0b8c2d4e6f1a35791",
        subnets=(
            Subnet("subnet-0d14f8a2c6e391b44", "services-a", "10.20.0.0/26", "euw1-az1", True),
        ),
    ),
    interfaces=(
        Interface(
            "eni-0d10a6c2e8f4b5d11",
            "10.20.0.10",
            None,
            "services",
            "load balancer",
            "subnet-0d14f8a2c6e391b44",
            None,
            8,
        ),
        Interface(
            "eni-0d20b7d3f9a5c6e12",
            "10.20.0.20",
            None,
            "status-page",
            "web server",
            "subnet-0d14f8a2c6e391b44",
            "i-0d20e8f4a1b7c6d12",
            33,
        ),
    ),
    peers=(),
)
ENVIRONMENTS = (ENVIRONMENT, SERVICES)


class _Managed(NamedTuple):
    """How DescribeNetworkInterfaces shows an ENI that a service of AWS's manages."""

    description: str
    requester: str
    owner: str
    interface_type: str = "interface"


_MANAGED = {
    "nat": _Managed(
        "Interface for NAT Gateway nat-0a22c9e5f1b7d3a05", "amazon-aws", "amazon-aws",
        "nat_gateway",
    ),
    "mysql": _Managed("RDSNetworkInterface", "amazon-rds", "amazon-rds"),
    "services": _Managed("ELB app/services/50dc6c495c0c9188", "amazon-elb", "amazon-elb"),
}  # fmt: skip
_TYPES = {"web server": "t3.large", "application server": "m6i.large"}


class _Owner(NamedTuple):
    """The side of an attachment that is no instance of ours."""

    id: None
    owner_id: str
    security_groups: tuple[()] = ()


def build(client: Callable[[str], Any], account_id: str, since: datetime) -> None:
    """Build the VPCs, subnets and ENIs, and the instances they belong to.

    Parameters
    ----------
    client : callable
        Gives a boto3 client of the account for the name of a service.
    account_id : str
        Account in moto; one in which nothing was built yet.
    since : datetime
        When all of it was made. [UTC, naive, as moto keeps it]
    """
    from moto.ec2.models import ec2_backends

    moto = ec2_backends[account_id][ENVIRONMENT.vpc.region]
    # The default VPC that each new account has, and that most companies delete.
    for register in (moto.vpcs, moto.subnets, moto.groups, moto.route_tables, moto.network_acls):
        register.clear()
    for environment in ENVIRONMENTS:
        _vpc(moto, environment.vpc)
        for subnet in environment.vpc.subnets:
            _subnet(moto, environment.vpc, subnet)
        for interface in environment.interfaces:
            _interface(moto, client("ec2"), interface, since)


def _vpc(moto: Any, ours: Vpc) -> None:
    made = moto.create_vpc(ours.cidr)
    old, made.id = made.id, ours.vpc_id
    for register in (moto.vpcs, moto.groups):
        register[ours.vpc_id] = register.pop(old)
    belongings = (moto.groups[ours.vpc_id], moto.route_tables, moto.network_acls)
    for thing in (thing for register in belongings for thing in register.values()):
        if thing.vpc_id == old:
            thing.vpc_id = ours.vpc_id
    if ours.ipv6_cidr:
        made.associate_vpc_cidr_block(None, True)["cidr_block"] = ours.ipv6_cidr
    name = "practice" if ours is ENVIRONMENT.vpc else "services"
    moto.create_tags([ours.vpc_id], {"Name": name})


def _subnet(moto: Any, vpc: Vpc, ours: Subnet) -> None:
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

    zone = next(z.name for z in RegionsAndZonesBackend.zones[vpc.region] if z.zone_id == ours.az_id)
    made = moto.create_subnet(vpc.vpc_id, ours.cidr, ours.ipv6_cidr, zone)
    old, made.id = made.id, ours.subnet_id
    made.map_public_ip_on_launch, made.default_for_az = ours.public, False
    moto.subnets[zone][ours.subnet_id] = moto.subnets[zone].pop(old)
    for acl in moto.network_acls.values():
        for association in acl.associations:
            if association.subnet_id == old:
                association.subnet_id = ours.subnet_id
    moto.create_tags([ours.subnet_id], {"Name": ours.name})


def _interface(moto: Any, ec2: Any, ours: Interface, since: datetime) -> None:
    made = moto.create_network_interface(
        ours.subnet_id, ours.address, ipv6_addresses=[ours.ipv6] if ours.ipv6 else None
    )
    old, made.id = made.id, ours.interface_id
    moto.enis[ours.interface_id] = moto.enis.pop(old)
    if ours.instance_id:
        reservation = ec2.run_instances(
            ImageId="ami-0a1b2c3d4e5f60718", MinCount=1, MaxCount=1,
            InstanceType=_TYPES.get(ours.kind, "t3.small"),
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": ours.interface_id}],
        )  # fmt: skip
        instance = moto.get_instance(reservation["Instances"][0]["InstanceId"])
        instance.id, instance.launch_time = ours.instance_id, since
        moto.create_tags([ours.instance_id], {"Name": ours.name})
    else:
        managed = _MANAGED[ours.name]
        made.description, made.requester_id = managed.description, managed.requester
        made.interface_type, made.requester_managed = managed.interface_type, True
        made.instance = _Owner(None, managed.owner)
        made.attachment_id = f"ela-attach-{ours.interface_id.removeprefix('eni-')}"
        made.device_index = 1
    made.status, made.attach_time = "in-use", since
