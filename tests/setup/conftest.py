"""Accounts on loopback for the tests of the set-up: each its own, empty but for what AWS gives."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from aws.fixtures import (  # noqa: F401 - pytest finds them here
    aws_credentials,
    aws_nowhere,
    aws_server,
    no_aws_credentials,
    no_sleep,
    secrets,
    tap,
)

from flowlab.setup.asking_aws import THREADS
from flowlab.sources.aws import Access

_numbers = itertools.count(1)


class Account:
    """An account of the moto server, known by a role that is assumed in it."""

    def __init__(self, server: str, account_id: str) -> None:
        self.id = account_id
        self.access = Access(
            "planted", "us-east-1", f"arn:aws:iam::{account_id}:role/reader", server
        )

    def client(self, service: str, region: str = "us-east-1"):
        """The very client that the collector uses for it, so that faults can be put into it."""
        mode = "adaptive" if service == "logs" else "standard"
        access = replace(self.access, region=region)
        return access.client(service, retries=mode, connections=THREADS)

    def vpc(self, cidr: str, region: str = "us-east-1") -> tuple[str, str, str]:
        """A VPC with a subnet with an ENI; their ids."""
        ec2 = self.client("ec2", region)
        vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]
        return vpc, subnet, self.eni(subnet, region)

    def eni(self, subnet: str, region: str = "us-east-1") -> str:
        made = self.client("ec2", region).create_network_interface(SubnetId=subnet)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def log(self, resource: str, region: str = "us-east-1", **options) -> str:
        """A flow log; to the log group /flow by the role delivery, if nothing else is said."""
        kind = {"vpc": "VPC", "subnet": "Subnet", "eni": "NetworkInterface"}
        if "LogDestination" not in options:
            options = {
                "LogGroupName": "/flow",
                "DeliverLogsPermissionArn": f"arn:aws:iam::{self.id}:role/delivery",
            } | options
        made = self.client("ec2", region).create_flow_logs(
            ResourceIds=[resource], ResourceType=kind[resource.partition("-")[0]],
            TrafficType="ALL", **options,
        )  # fmt: skip
        assert not made["Unsuccessful"], made["Unsuccessful"]
        return made["FlowLogIds"][0]


@pytest.fixture
def account(aws_server, aws_credentials):  # noqa: F811
    """An account that no other test has seen."""
    return Account(aws_server, f"{next(_numbers):012d}")


@pytest.fixture
def another(aws_server, aws_credentials):  # noqa: F811
    """A second one."""
    return Account(aws_server, f"{next(_numbers):012d}")


@pytest.fixture
def requests(monkeypatch):
    """How often each operation is asked for, by any client that is made from here on."""
    counts: Counter[str] = Counter()
    hooks = [lambda model, **_: counts.update([model.name])]
    tap(monkeypatch, hooks)
    return counts
