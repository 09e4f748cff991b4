"""How a practice account is set up, as data: the healthy state, which faults change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowlab.practice.delivering import Manner
from flowlab.practice.environment import ENVIRONMENT
from flowlab.practice.network import SERVICES

REGION = ENVIRONMENT.vpc.region
#: Ids of the KMS keys of the account.
KEYS = {
    "bucket": "5e0f3c1a-7b2d-4e68-9a41-0c6d8f2b7e35",
    "log group": "8a1d6b4e-2c9f-4037-b5e8-d17a3f90c264",
}


@dataclass
class FlowLog:
    """A flow log, as DescribeFlowLogs is to show it."""

    flow_log_id: str
    resource_id: str
    s3: bool = False
    traffic: str = "ALL"
    error: str | None = None  # AWS's own word for what is wrong with the delivery
    created: datetime | None = None  # None: a month ago


@dataclass
class State:
    """How the account is set up. Policies are documents; None where there is none.

    Attributes
    ----------
    trust, permissions, boundary : dict
        Of the delivery role; there is no role where `trust` is None.
    bucket_policy : dict
    log_group, bucket : bool
        Whether they exist.
    retention : int or None
        None never expires. [days]
    log_class : str
    key_policy : dict
        Of a key that the log group is encrypted with.
    bucket_key : str
        How the bucket's encryption names its key.
    flow_logs : dict
        By a word: cloudwatch, s3, and what faults add.
    manner : Manner
        How records are delivered.
    denied : tuple of str
        IAM actions that whoever asks may not do.
    """

    account_id: str
    group_arn: str
    bucket_arn: str
    now: float
    trust: dict[str, Any] | None
    permissions: dict[str, Any]
    bucket_policy: dict[str, Any] | None
    bucket_key: str
    boundary: dict[str, Any] | None = None
    log_group: bool = True
    bucket: bool = True
    retention: int | None = 30
    log_class: str = "STANDARD"
    key_policy: dict[str, Any] | None = None
    flow_logs: dict[str, FlowLog] = field(default_factory=dict)
    manner: Manner = field(default_factory=Manner)
    denied: tuple[str, ...] = ()


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """Make a policy document of what its statements do not have in common."""
    allowed: list[dict[str, Any]] = [{"Effect": "Allow", **statement} for statement in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


def healthy(account_id: str, log_group: str, bucket: str, now: float) -> State:
    """Give the state in which nothing is wrong.

    Parameters
    ----------
    account_id, log_group, bucket : str
    now : float
        [epoch seconds]
    """
    of = f"{REGION}:{account_id}"
    group = f"arn:aws:logs:{of}:log-group:{log_group}"
    bucket_arn = f"arn:aws:s3:::{bucket}"
    logs = {
        "StringEquals": {"aws:SourceAccount": account_id},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{of}:*"},
    }
    delivery = {"Service": "delivery.logs.amazonaws.com"}
    return State(
        account_id, group, bucket_arn, now,
        trust=policy({
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{of}:vpc-flow-log/*"},
            },
        }),
        permissions=policy(
            {
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream",
                           "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": f"{group}:*",
            },
            # Listing is of all log groups or of none.
            {"Action": ["logs:DescribeLogGroups"], "Resource": f"arn:aws:logs:{of}:log-group:*"},
        ),
        # AWS's own example also asks for an ACL; where ACLs are switched off, that can be a trap.
        bucket_policy=policy(
            {
                "Sid": "AWSLogDeliveryWrite", "Principal": delivery, "Action": "s3:PutObject",
                "Resource": f"{bucket_arn}/AWSLogs/aws-account-id={account_id}/*",
                "Condition": logs,
            },
            {
                "Sid": "AWSLogDeliveryAclCheck", "Principal": delivery,
                "Action": "s3:GetBucketAcl", "Resource": bucket_arn, "Condition": logs,
            },
        ),
        bucket_key=f"arn:aws:kms:{of}:key/{KEYS['bucket']}",
        flow_logs={
            "cloudwatch": FlowLog(ENVIRONMENT.vpc.flow_log_id, ENVIRONMENT.vpc.vpc_id),
            "s3": FlowLog(SERVICES.vpc.flow_log_id, SERVICES.vpc.vpc_id, s3=True),
        },
    )  # fmt: skip


def key_owner(account_id: str) -> dict[str, Any]:
    """Give the statement of a key's policy that lets its account use it."""
    return {
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
