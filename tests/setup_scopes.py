"""A small healthy set-up as AWS would answer about it, for tests to break in one place."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

from flowlab.setup.inventory import Answer, Inventory, Refusal, Scope, scope_of

ACCOUNT, REGION = "012345678901", "eu-west-1"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VPC, SUBNET_A, SUBNET_B = "vpc-0d4e8f2a6b1c37590", "subnet-0a91c2e4b7d350f11", "subnet-0b42d7f1a8c960e22"  # fmt: skip
WEB, DB, NAT, SPARE = "eni-0a10f3c5e7b924d01", "eni-0b40d2e5c8a591f08", "eni-0a22e4f7b1d268c05", "eni-0f00000000000000f"  # fmt: skip
INSTANCE = "i-0a10c4e8f2b6d7a01"
FLOW_LOG, GROUP = "fl-0e5f1a7b3c9d24680", "/vpc/flow-logs"
DEFAULT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)
DENIED = Refusal("denied", "AWS answered AccessDenied")


def ms(minutes_ago: float) -> int:
    return int((NOW - timedelta(minutes=minutes_ago)).timestamp() * 1000)


def iso(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat()


def eni(interface_id, subnet=SUBNET_A, status="in-use", **more):
    return {
        "NetworkInterfaceId": interface_id, "SubnetId": subnet, "VpcId": VPC, "OwnerId": ACCOUNT,
        "Status": status, "InterfaceType": "interface", "Description": "", **more,
    }  # fmt: skip


def flow_log(flow_log_id=FLOW_LOG, resource=VPC, **more):
    return {
        "FlowLogId": flow_log_id, "ResourceId": resource, "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "SUCCESS", "LogGroupName": GROUP, "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs", "LogFormat": DEFAULT,
        "MaxAggregationInterval": 60, "CreationTime": iso(60 * 24 * 30), **more,
    }  # fmt: skip


def stream(interface_id, minutes_ago=3.0, suffix="-all"):
    return {"logStreamName": interface_id + suffix, "lastEventTimestamp": ms(minutes_ago)}


def events(n=20, newest=3.0, **kinds):
    return {"events": n, "newest": ms(newest), "ok": n, "nodata": 0, "skipdata": 0, "other": 0, **kinds}  # fmt: skip


def sample(streams, complete=True):
    return {"since": ms(20), "until": ms(0), "complete": complete, "streams": streams}


def healthy() -> dict[tuple[str, str], object]:
    """One VPC, three ENIs in use and one that is not, one flow log to CloudWatch Logs."""
    used = (WEB, DB, NAT)
    return copy.deepcopy({
        ("ec2:DescribeVpcs", ""): [{"VpcId": VPC, "OwnerId": ACCOUNT, "CidrBlock": "10.0.0.0/16"}],
        ("ec2:DescribeSubnets", ""): [
            {"SubnetId": SUBNET_A, "VpcId": VPC, "CidrBlock": "10.0.1.0/24"},
            {"SubnetId": SUBNET_B, "VpcId": VPC, "CidrBlock": "10.0.2.0/24"},
        ],
        ("ec2:DescribeNetworkInterfaces", ""): [
            eni(WEB, Attachment={"InstanceId": INSTANCE, "AttachTime": iso(60 * 24)}),
            eni(DB, SUBNET_B, Description="RDSNetworkInterface", RequesterId="amazon-rds"),
            eni(NAT, InterfaceType="natGateway",
                Description="Interface for NAT Gateway nat-0123456789abcdef0"),
            eni(SPARE, status="available"),
        ],
        ("ec2:DescribeInstances", ""): [
            {"InstanceId": INSTANCE, "InstanceType": "t3.micro",
             "Tags": [{"Key": "Name", "Value": "web-1"}]},
        ],
        ("ec2:DescribeInstanceTypes", ""): [{"InstanceType": "t3.micro", "Hypervisor": "nitro"}],
        ("ec2:DescribeFlowLogs", ""): [flow_log()],
        ("logs:DescribeLogGroups", GROUP): {
            "logGroupName": GROUP, "retentionInDays": 30, "logGroupClass": "STANDARD"},
        ("logs:DescribeLogStreams", GROUP): [stream(name) for name in used],
        ("logs:FilterLogEvents", GROUP): sample({f"{name}-all": events() for name in used}),
    })  # fmt: skip


def scope(answers, account=ACCOUNT, region=REGION, partition="aws") -> Scope:
    made = [
        Answer(ask, of, refusal=value) if isinstance(value, Refusal) else Answer(ask, of, value)
        for (ask, of), value in answers.items()
    ]
    return scope_of(account, region, made, partition)


def inventory(*scopes: Scope) -> Inventory:
    return Inventory(NOW, scopes)


def by_name(checks, name):
    return [check for check in checks if check.check == name]


def of_status(checks, *statuses):
    return [(check.check, check.resource) for check in checks if check.status in statuses]
