"""Small set-ups made by hand, to show reports of; AWS's answers as the contract has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flowlab.setup.inventory import Answer, Inventory, Refusal, scope_of

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ACCOUNT, REGION = "123456789010", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow-logs-delivery"
GROUP = "/acme/vpc-flow-logs"
FORMAT = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
ACTIONS = [
    f"logs:{name}"
    for name in (
        "CreateLogGroup",
        "CreateLogStream",
        "PutLogEvents",
        "DescribeLogGroups",
        "DescribeLogStreams",
    )
]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"},
            },
        }
    ],
}
PERMISSIONS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ACTIONS[:3] + ACTIONS[4:],
            "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*",
        },
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
    ],
}
WRONG_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
EVERYTHING = [
    "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces", "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypes", "ec2:DescribeFlowLogs",
]  # fmt: skip


def an_id(kind, number):
    return f"{kind}-{number:017x}"


def tags(name):
    return [{"Key": "Name", "Value": name}] if name else []


def vpc_of(number=1, name="main"):
    return {
        "VpcId": an_id("vpc", number),
        "CidrBlock": f"10.{number}.0.0/16",
        "OwnerId": ACCOUNT,
        "Tags": tags(name),
    }


def subnet_of(number=1, vpc=1, name="web"):
    return {
        "SubnetId": an_id("subnet", number),
        "VpcId": an_id("vpc", vpc),
        "CidrBlock": f"10.{vpc}.{number % 256}.0/24",
        "Tags": tags(name),
    }


def eni_of(number=1, subnet=1, vpc=1, description="RDSNetworkInterface", name="", status="in-use"):
    return {
        "NetworkInterfaceId": an_id("eni", number), "SubnetId": an_id("subnet", subnet), "VpcId": an_id("vpc", vpc),
        "Status": status, "InterfaceType": "interface", "Description": description, "TagSet": tags(name),
        "PrivateIpAddress": f"10.{vpc}.{subnet % 256}.{number % 256}",
    }  # fmt: skip


def flow_log_of(number=1, resource=None, group=GROUP, status="SUCCESS", error=None, **more):
    made = {
        "FlowLogId": an_id("fl", number), "ResourceId": resource or an_id("vpc", 1), "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": status, "DeliverLogsPermissionArn": ROLE, "LogGroupName": group,
        "LogDestinationType": "cloud-watch-logs", "LogFormat": FORMAT, "MaxAggregationInterval": 60, "TrafficType": "ALL",
        "CreationTime": (NOW - timedelta(days=30)).isoformat(),
    }  # fmt: skip
    return made | ({"DeliverLogsErrorMessage": error} if error else {}) | more


def made(
    vpcs=None,
    subnets=None,
    enis=None,
    flow_logs=None,
    *,
    trust=TRUST,
    silent=(),
    denied=(),
    region=REGION,
    **more,
):
    """Make an inventory: one VPC, one subnet, two ENIs and a flow log that delivers, or else."""
    vpcs = [vpc_of()] if vpcs is None else vpcs
    subnets = [subnet_of()] if subnets is None else subnets
    enis = (
        [eni_of(1), eni_of(2, description="Interface for NAT Gateway nat-0a1")]
        if enis is None
        else enis
    )
    flow_logs = [flow_log_of()] if flow_logs is None else flow_logs
    ms = int(NOW.timestamp() * 1000)
    streams, sample = [], {}
    for eni in enis:
        name = f"{eni['NetworkInterfaceId']}-all"
        newest = ms - 120_000 if eni["NetworkInterfaceId"] not in silent else ms - 7_200_000
        streams.append(
            {"logStreamName": name, "lastEventTimestamp": newest, "lastIngestionTime": newest}
        )
        if eni["NetworkInterfaceId"] not in silent:
            sample[name] = {
                "events": 9,
                "newest": newest,
                "ok": 9,
                "nodata": 0,
                "skipdata": 0,
                "other": 0,
            }
    answers = [
        Answer("sts:GetCallerIdentity", "", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/me", "UserId": "me"}),
        Answer("ec2:DescribeVpcs", "", vpcs), Answer("ec2:DescribeSubnets", "", subnets),
        Answer("ec2:DescribeNetworkInterfaces", "", enis), Answer("ec2:DescribeInstances", "", []),
        Answer("ec2:DescribeInstanceTypes", "", []), Answer("ec2:DescribeFlowLogs", "", flow_logs),
        Answer("logs:DescribeLogGroups", GROUP, {"logGroupName": GROUP, "logGroupClass": "STANDARD", "retentionInDays": 30,
               "arn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{GROUP}:*"}),
        Answer("logs:DescribeLogStreams", GROUP, streams),
        Answer("logs:FilterLogEvents", GROUP, {"since": ms - 1_200_000, "until": ms, "complete": True, "streams": sample}),
        Answer("iam:GetRole", ROLE, {"RoleName": "flow-logs-delivery", "Arn": ROLE, "AssumeRolePolicyDocument": trust}),
        Answer("iam:ListRolePolicies", ROLE, ["deliver"]), Answer("iam:GetRolePolicy", f"{ROLE}|deliver", PERMISSIONS),
        Answer("iam:ListAttachedRolePolicies", ROLE, []),
        Answer("iam:SimulatePrincipalPolicy", ROLE, [{"EvalActionName": a, "EvalResourceName": "*", "EvalDecision": "allowed"} for a in ACTIONS]),
    ]  # fmt: skip
    answers = [
        Answer(a.ask, a.of, refusal=Refusal("denied", f"AWS answered AccessDenied to {a.ask}"))
        if a.ask in denied
        else a
        for a in answers
    ]
    return Inventory(
        NOW,
        (scope_of(ACCOUNT, region, answers),),
        {"vpc": None, "subnet": None, "interface": None, "regions": [region]},
        **more,
    )
