"""The policy documents that delivery of flow logs needs, and how one is added to a bucket's own.

Source: AWS, Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs" and
"Amazon S3 bucket permissions for flow logs"; CloudWatch Logs User Guide, "Logs sent to Amazon S3".
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from flowlab.setup.statements import read_policy

FLOW_LOGS_SERVICE = "vpc-flow-logs.amazonaws.com"
DELIVERY_SERVICE = "delivery.logs.amazonaws.com"
VERSION = "2012-10-17"

KEY_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
)


def log_group_arn(account_id: str, region: str, group: str, partition: str = "aws") -> str:
    """Give a log group's ARN in the form that policies need, with ``:*`` at its end."""
    return f"arn:{partition}:logs:{region}:{account_id}:log-group:{group}:*"


def delivery_role_policy(
    account_id: str, region: str, group: str, partition: str = "aws"
) -> dict[str, Any]:
    """Write the permissions of a role that delivers to one log group, and to no other.

    Parameters
    ----------
    account_id, region : str
        Of the flow log and the log group.
    group : str
        Name of the log group.
    partition : str
        aws, aws-cn or aws-us-gov.

    Returns
    -------
    dict
        The policy document.

    Notes
    -----
    AWS publishes the same five actions on ``*``. logs:DescribeLogGroups names no single group
    when it lists them, so that it stays on all groups of the account and region.
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "DeliverFlowLogs",
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:DescribeLogStreams",
                ],
                "Resource": log_group_arn(account_id, region, group, partition),
            },
            {
                "Sid": "FindLogGroup",
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": f"arn:{partition}:logs:{region}:{account_id}:log-group:*",
            },
        ],
    }


def delivery_trust_policy(
    account_id: str, region: str, partition: str = "aws", flow_log_id: str = "*"
) -> dict[str, Any]:
    """Write the trust policy of a delivery role: the flow logs service, for this account alone.

    Parameters
    ----------
    account_id, region : str
        Of the flow log.
    partition : str
        aws, aws-cn or aws-us-gov.
    flow_log_id : str
        One flow log, or ``*`` while its id is not known.

    Returns
    -------
    dict
        The policy document, with the conditions that guard against the confused deputy.
    """
    source = f"arn:{partition}:ec2:{region}:{account_id}:vpc-flow-log/{flow_log_id}"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": FLOW_LOGS_SERVICE},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account_id},
                    "ArnLike": {"aws:SourceArn": source},
                },
            }
        ],
    }


def folder(account_id: str, prefix: str = "", hive: bool = False) -> str:
    """Give the folder below which an account's flow logs stand in a bucket."""
    start = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return f"{start}AWSLogs/{'aws-account-id=' if hive else ''}{account_id}"


def bucket_statements(
    account_id: str,
    region: str,
    bucket: str,
    prefix: str = "",
    hive: bool = False,
    partition: str = "aws",
    *,
    acl: bool = True,
) -> list[dict[str, Any]]:
    """Write the two statements that a bucket's policy needs.

    Parameters
    ----------
    account_id, region : str
        Of the flow log, not of the bucket.
    bucket, prefix : str
        Destination of the flow log.
    hive : bool
        The flow log writes Hive-compatible prefixes.
    partition : str
        aws, aws-cn or aws-us-gov.
    acl : bool
        Ask for s3:x-amz-acl, as AWS's example does. Where ACLs are switched off in the bucket, it
        adds nothing, and can keep delivery out.

    Returns
    -------
    list of dict
        AWSLogDeliveryWrite and AWSLogDeliveryAclCheck.
    """
    place = f"arn:{partition}:s3:::{bucket}"
    common = {"Effect": "Allow", "Principal": {"Service": DELIVERY_SERVICE}}
    account = {"aws:SourceAccount": account_id}
    source = {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account_id}:*"}
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"} if acl else {}
    return [
        {
            "Sid": "AWSLogDeliveryWrite",
            **common,
            "Action": "s3:PutObject",
            "Resource": f"{place}/{folder(account_id, prefix, hive)}/*",
            "Condition": {
                "StringEquals": {**account, **owned},
                "ArnLike": source,
            },
        },
        {
            "Sid": "AWSLogDeliveryAclCheck",
            **common,
            "Action": "s3:GetBucketAcl",
            "Resource": place,
            "Condition": {"StringEquals": account, "ArnLike": source},
        },
    ]


def key_statement(account_id: str, region: str, partition: str = "aws") -> dict[str, Any]:
    """Write the statement that the key policy of an encrypted bucket needs."""
    return {
        "Sid": "AWSLogDeliveryKey",
        "Effect": "Allow",
        "Principal": {"Service": DELIVERY_SERVICE},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account_id}:*"},
        },
    }


def log_group_key_statement(
    account_id: str, region: str, group: str, partition: str = "aws"
) -> dict[str, Any]:
    """Write the statement that the key policy of an encrypted log group needs.

    Source: AWS, CloudWatch Logs User Guide, "Encrypt log data using AWS KMS".
    """
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    arn = log_group_arn(account_id, region, group, partition).removesuffix(":*")
    return {
        "Sid": "CloudWatchLogsKey",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.{suffix}"},
        "Action": [*KEY_ACTIONS[:-1], "kms:Describe*"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
    }


def merge_bucket_policy(
    policy: Mapping[str, Any] | None, statements: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Add statements to a bucket's policy, and take nothing away from anybody.

    Parameters
    ----------
    policy : dict or None
        The bucket's policy; None where it has none.
    statements : iterable of dict
        As `bucket_statements` writes them.

    Returns
    -------
    dict
        A new policy. A statement that is there already, under whatever Sid, is not added again.
        One with the same Sid, service, actions, resource and source is replaced: it can only
        differ in what makes it fail. Any other with the same Sid (for another account, region
        or folder) stays as it is, and ours gets a Sid with a number.

    Raises
    ------
    MalformedPolicyError
        The bucket's policy is no policy document: it cannot be added to.
    """
    if policy is None:
        return {"Version": VERSION, "Statement": copy.deepcopy(list(map(dict, statements)))}
    read_policy("bucket policy", policy)
    merged = copy.deepcopy(dict(policy))
    rows = merged["Statement"] = rows_of(merged)
    for wanted in statements:
        new = copy.deepcopy(dict(wanted))
        if any(_but_sid(row) == _but_sid(new) for row in rows):
            continue
        same = [n for n, row in enumerate(rows) if _ours(row, new)]
        if same:
            rows[same[0]] = new
        else:
            rows.append(free_sid(new, rows))
    return merged


def rows_of(policy: object) -> list[Any]:
    """Give the statements of a policy, which may be a single one; none where it is no policy."""
    content = policy.get("Statement") if isinstance(policy, Mapping) else None
    return list(content) if isinstance(content, list) else [content] if content else []


def free_sid(statement: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a statement a Sid that none of the others has: AWS takes each but once."""
    taken = {row.get("Sid") for row in others}
    new, number = dict(statement), 2
    while new.get("Sid") in taken - {None}:
        new["Sid"], number = f"{statement['Sid']}{number}", number + 1
    return new


def _but_sid(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "Sid"}


def _ours(row: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a statement serves this very account, region and folder, and nobody else."""
    alike = all(row.get(key) == new[key] for key in ("Effect", "Principal", "Action", "Resource"))
    source = row.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn")
    return (
        alike
        and str(row.get("Sid", "")).rstrip("0123456789") == new["Sid"]
        and source == new["Condition"]["ArnLike"]["aws:SourceArn"]
    )
