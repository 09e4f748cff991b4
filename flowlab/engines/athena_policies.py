"""The least IAM policy that asking a table in Athena needs."""

from __future__ import annotations

from typing import Any

from flowlab.engines.athena_catalog import Description
from flowlab.sources.aws import Access


def policy(table: Description, access: Access, workgroup: str, output: str) -> dict[str, Any]:
    """Write the policy: read the table and its files, run queries, keep their results.

    Parameters
    ----------
    table : Description
    access : Access
        Says the region and the part of AWS.
    workgroup : str
    output : str
        Where results go, as s3://bucket/folder; "" where that is not known.
    """
    arn = f"arn:{access.partition()}"
    region = access.region_name() or "*"
    glue = f"{arn}:glue:{region}:{table.owner}"
    bucket, _, prefix = table.location.removeprefix("s3://").partition("/")
    statements = [
        _allow(
            "athena:StartQueryExecution athena:GetQueryExecution athena:GetQueryResults "
            "athena:StopQueryExecution athena:GetWorkGroup",
            f"{arn}:athena:{region}:*:workgroup/{workgroup}",
        ),
        _allow(
            "glue:GetDatabase glue:GetTable glue:GetTables glue:GetPartition glue:GetPartitions "
            "glue:BatchGetPartition",
            f"{glue}:catalog", f"{glue}:database/{table.database}",
            f"{glue}:table/{table.database}/*",
        ),
    ]  # fmt: skip
    if bucket:
        statements += [
            _allow("s3:ListBucket s3:GetBucketLocation", f"{arn}:s3:::{bucket}"),
            _allow("s3:GetObject", _below(arn, bucket, prefix)),
        ]  # fmt: skip
    if output:
        bucket, _, prefix = output.removeprefix("s3://").partition("/")
        statements += [
            _allow("s3:ListBucket s3:GetBucketLocation", f"{arn}:s3:::{bucket}"),
            # GetQueryResults reads the results as the one who asks.
            _allow(
                "s3:GetObject s3:PutObject s3:AbortMultipartUpload s3:ListMultipartUploadParts",
                _below(arn, bucket, prefix),
            ),
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _below(arn: str, bucket: str, prefix: str) -> str:
    return "/".join(filter(None, (f"{arn}:s3:::{bucket}", prefix.rstrip("/"), "*")))


def _allow(actions: str, *resources: str) -> dict[str, Any]:
    one = len(resources) == 1
    return {
        "Effect": "Allow",
        "Action": actions.split(),
        "Resource": resources[0] if one else list(resources),
    }
