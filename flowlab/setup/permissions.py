"""The permissions that the checks of a set-up need: one table, and the policy made of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from flowlab.wording import PolicyText


class Need(NamedTuple):
    """Actions that are needed on the same resources.

    Attributes
    ----------
    sid : str
        Name of the statement, saying what for.
    actions : tuple of str
        IAM actions; also the names of the questions of an inventory.
    resources : tuple of str
        ARNs, with the arguments of `setup_policy` in braces.
    condition : dict, optional
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any] | None = None


NEEDS = (
    Need(
        "LookAtTheNetworkAndItsFlowLogs",
        (
            "ec2:DescribeRegions", "ec2:DescribeVpcs", "ec2:DescribeSubnets",
            "ec2:DescribeNetworkInterfaces", "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypes", "ec2:DescribeFlowLogs",
        ),
        ("*",),  # AWS knows no narrower one
    ),
    Need(
        "FindTheLogGroups", ("logs:DescribeLogGroups",),
        ("arn:{partition}:logs:{region}:{account_id}:log-group:*",),  # checked on all groups
    ),
    Need(
        "LookAtTheirStreamsAndNewestEvents",
        ("logs:DescribeLogStreams", "logs:FilterLogEvents"),
        # AWS checks the form with ":*"; without it, the policy grants nothing.
        (
            "arn:{partition}:logs:{region}:{account_id}:log-group:{log_group}",
            "arn:{partition}:logs:{region}:{account_id}:log-group:{log_group}:*",
        ),
    ),
    Need(
        "LookAtTheBuckets",
        (
            "s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:GetBucketOwnershipControls",
            "s3:GetEncryptionConfiguration",
        ),
        ("arn:{partition}:s3:::{bucket}",),
    ),
    Need(
        "FindTheNewestObjectOfFlowLogs", ("s3:ListBucket",), ("arn:{partition}:s3:::{bucket}",),
        {"StringLike": {"s3:prefix": ["AWSLogs/*/vpcflowlogs/*", "*/AWSLogs/*/vpcflowlogs/*",
                                      "AWSLogs/*=vpcflowlogs/*", "*/AWSLogs/*=vpcflowlogs/*"]}},
    ),
    Need(
        "LookAtTheKeys", ("kms:DescribeKey", "kms:GetKeyPolicy"),
        ("arn:{partition}:kms:{region}:*:key/*",),  # a bucket's key may be another account's
    ),
    Need(
        "LookAtTheDeliveryRoles",
        (
            "iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy",
        ),
        ("arn:{partition}:iam::{account_id}:role/{role}",),
    ),
    Need(
        "ReadTheirManagedPolicies", ("iam:GetPolicy", "iam:GetPolicyVersion"),
        (
            "arn:{partition}:iam::{account_id}:policy/*",
            "arn:{partition}:iam::aws:policy/*",
        ),
    ),
    Need(
        "LookAtTheFirehoseStreams", ("firehose:DescribeDeliveryStream",),
        ("arn:{partition}:firehose:{region}:{account_id}:deliverystream/*",),
    ),
)  # fmt: skip


def setup_policy(
    *,
    account_id: str = "*",
    region: str = "*",
    log_group: str = "*",
    bucket: str = "*",
    role: str = "*",
    partition: str = "aws",
) -> dict[str, Any]:
    """Least that the checking identity must be allowed, as an IAM policy document.

    It can only look: every action is a Describe, Get, List, Filter or Simulate. Without
    arguments it suffices for every flow log of an account; with them, for what they name.

    Parameters
    ----------
    account_id : str
        Account that is checked; the account of its delivery roles too.
    region : str
        As in ``eu-west-1``.
    log_group, bucket, role : str
        Names that flow logs deliver to and by; ``*`` and ``?`` stand for others. A role's
        includes its path: ``service-role/flow-logs``.
    partition : str
        ``aws``, ``aws-cn`` or ``aws-us-gov``.

    Returns
    -------
    dict
        Printed, or shown in a notebook, it is the JSON that AWS takes.

    Notes
    -----
    Who assumes a role for the check needs ``sts:AssumeRole`` on it besides. Asking whose
    credentials these are (``sts:GetCallerIdentity``) needs no permission. Of S3, names of
    objects below the folders of flow logs can be listed; no object can be read.
    Source: AWS, "Service Authorization Reference", for which action takes which resource.

    Examples
    --------
    >>> [statement["Sid"] for statement in setup_policy()["Statement"]][:2]
    ['LookAtTheNetworkAndItsFlowLogs', 'FindTheLogGroups']
    """
    given = {
        "account_id": account_id, "region": region, "log_group": log_group, "bucket": bucket,
        "role": role, "partition": partition,
    }  # fmt: skip
    statements = [
        {
            "Sid": need.sid,
            "Effect": "Allow",
            "Action": list(need.actions),
            "Resource": [resource.format(**given) for resource in need.resources],
            **({"Condition": need.condition} if need.condition else {}),
        }
        for need in NEEDS
    ]
    return PolicyText(Version="2012-10-17", Statement=statements)
