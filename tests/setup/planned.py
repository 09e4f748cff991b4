"""Answers of AWS's, written down, and plans made from them."""

from __future__ import annotations

from datetime import UTC, datetime

from flowlab.setup.inventory import Answer, Inventory, Refusal, scope_of
from flowlab.setup.planning import plan_flow_logs

ACCOUNT, REGION = "123456789012", "eu-west-1"
VPC, SUBNET = "vpc-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60718"
ENI = "eni-0a1b2c3d4e5f60718"
GROUP = "/vpc/flow"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/delivery"
STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/flows"
# The trust and permissions of AWS's guide ("IAM role for publishing flow logs").
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"},
        },
    }],
}  # fmt: skip
ALLOWED = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Resource": "*",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
                   "logs:DescribeLogGroups", "logs:DescribeLogStreams"],
    }],
}  # fmt: skip
DEFAULT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)


def flow_log(number=1, **other):
    return {
        "FlowLogId": f"fl-{number:017x}", "ResourceId": VPC, "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": GROUP, "DeliverLogsPermissionArn": ROLE, "LogFormat": DEFAULT,
        "MaxAggregationInterval": 60, "TrafficType": "ALL", "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "SUCCESS",
    } | other  # fmt: skip


def role(trust=TRUST, allowed=ALLOWED, arn=ROLE):
    return {
        ("iam:GetRole", arn): {"Arn": arn, "AssumeRolePolicyDocument": trust},
        ("iam:ListRolePolicies", arn): ["p"],
        ("iam:GetRolePolicy", f"{arn}|p"): allowed,
        ("iam:ListAttachedRolePolicies", arn): [],
    }


def group(days=90):
    return {("logs:DescribeLogGroups", GROUP): {"logGroupName": GROUP, "retentionInDays": days}}


NOTHING = {("logs:DescribeLogGroups", GROUP): None, ("iam:GetRole", ROLE): None}


def saved(*flow_logs, **options):
    more = options.pop("answers", {})
    answers = {
        ("sts:GetCallerIdentity", ""): {"Account": ACCOUNT},
        ("ec2:DescribeVpcs", ""): [{"VpcId": VPC}],
        ("ec2:DescribeSubnets", ""): [{"SubnetId": SUBNET, "VpcId": VPC}],
        ("ec2:DescribeFlowLogs", ""): list(flow_logs),
    } | more
    made = [
        Answer(ask, of, refusal=value) if isinstance(value, Refusal) else Answer(ask, of, value)
        for (ask, of), value in answers.items()
    ]
    scope = scope_of(ACCOUNT, REGION, made)
    return Inventory(datetime(2026, 11, 23, tzinfo=UTC), (scope,), **options)


def plan(*flow_logs, answers=None, resource=VPC, **options):
    snapshot = saved(*flow_logs, answers=NOTHING if answers is None else answers)
    given = {"to": f"cloudwatch://{GROUP}", "fields": "minimal", "snapshot": snapshot}
    return plan_flow_logs(resource, **given | options)


def told(plan):
    return [f"{step.action} {step.what}" for step in plan.todo]


BUCKET = {
    ("s3:GetBucketLocation", "acme-logs"): {"LocationConstraint": REGION},
    ("s3:GetBucketPolicy", "acme-logs"): None,
}
