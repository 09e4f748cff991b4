"""Steps that make sure there is something to deliver to: log group, bucket, Firehose stream."""

from __future__ import annotations

import json
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.setup import documents
from flowlab.setup.drafting import Draft, bucket_policy, difference, refused
from flowlab.setup.steps import Call

_POLICY_SIZE = 20_480  # bytes that S3 takes


def log_group_steps(draft: Draft) -> None:
    """Add the steps that make a log group, and that set for how long it keeps records."""
    name, days = draft.wish.destination.name, draft.wish.retention_days
    answer = draft.scope.get("logs:DescribeLogGroups", name)
    put = Call("logs", "PutRetentionPolicy", {"logGroupName": name, "retentionInDays": days})
    unset = Call("logs", "DeleteRetentionPolicy", {"logGroupName": name})
    if answer.value is None:
        why = "it does not exist" if answer.known else "it is not known whether it exists"
        draft.add(
            "create", "log group", name, why,
            Call("logs", "CreateLogGroup", {"logGroupName": name}),
            Call("logs", "DeleteLogGroup", {"logGroupName": name}),
        )  # fmt: skip
        if not answer.known:
            draft.notes.append(f"its retention is left as it is: {refused(answer)}")
        elif days:
            why = f"records are deleted after {days} days"
            draft.add("create", "retention", name, why, put)
    else:
        kept = answer.value.get("retentionInDays")
        had = f"{kept} days" if kept else "for ever"
        draft.add("keep", "log group", name, f"it exists, and keeps records {had}")
        if kept != days:
            why = f"records are kept {had} until now"
            if days and (not kept or days < kept):
                why += f"; what is older than {days} days will be DELETED"
            back = Call(
                "logs", "PutRetentionPolicy", {"logGroupName": name, "retentionInDays": kept}
            )
            draft.add(
                "change",
                "retention",
                name,
                why,
                put if days else unset,
                back if kept else unset,
            )
    if not days:
        draft.notes.append("retention_days=None: records are kept, and paid for, for ever")


def bucket_steps(draft: Draft) -> None:
    """Add the steps that make a bucket, or add to its policy what delivery needs.

    Raises
    ------
    FlowlabError
        Its policy is no policy, or has no room.
    """
    scope, wish, bucket = draft.scope, draft.wish, draft.wish.destination.name
    ours = documents.bucket_statements(
        scope.account_id, scope.region, bucket, wish.destination.prefix, wish.hive,
        scope.partition,
    )  # fmt: skip
    place = scope.get("s3:GetBucketLocation", bucket)
    if place.known and place.value is None:
        _new_bucket(draft, bucket, {"Version": "2012-10-17", "Statement": list(ours)})
        return
    draft.add("keep", "bucket", bucket, "it exists" if place.known else "taken to exist")
    answer = scope.get("s3:GetBucketPolicy", bucket)
    if not answer.known:
        draft.notes.append(
            f"the bucket's policy stays as it is, because it cannot be read ({refused(answer)}"
            f"): its owner must see to it that it has {json.dumps(list(ours))}"
        )
        return
    after = documents.merge_bucket_policy(answer.value, ours)
    if after == answer.value:
        draft.add("keep", "bucket policy", bucket, "it lets flow logs be delivered")
        return
    if len(json.dumps(after).encode()) > _POLICY_SIZE:
        raise FlowlabError(
            f"the policy of bucket {bucket} would be larger than the 20 KB that S3 takes.",
            "it already has many statements.",
            "replace those for single flow logs or accounts by one, or use another bucket.",
        )
    undo = Call("s3", "DeleteBucketPolicy", {"Bucket": bucket})
    if answer.value is not None:
        undo = bucket_policy(bucket, answer.value)
    why = "flow logs may not be delivered; what stands in the policy stays"
    draft.add("change", "bucket policy", bucket, why, bucket_policy(bucket, after), undo,
              difference(answer.value, after))  # fmt: skip


def _new_bucket(draft: Draft, bucket: str, policy: dict[str, Any]) -> None:
    wish, region, named = draft.wish, draft.scope.region, {"Bucket": bucket}
    there = {} if region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": region}
    }  # fmt: skip
    shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    draft.add(
        "create", "bucket", bucket, "it does not exist", Call("s3", "CreateBucket", named | there),
        Call("s3", "DeleteBucket", named),
    )  # fmt: skip
    for what, why, operation, given in (
        ("public access block", "nothing in it can be made public", "PutPublicAccessBlock",
         {"PublicAccessBlockConfiguration": dict.fromkeys(shut, True)}),
        ("ownership", "what is delivered belongs to the bucket's owner",
         "PutBucketOwnershipControls", {"OwnershipControls": enforced}),
    ):  # fmt: skip
        draft.add("create", what, bucket, why, Call("s3", operation, named | given))
    if wish.retention_days:
        prefix = f"{wish.destination.prefix}/AWSLogs/".lstrip("/")
        rule = {"ID": "flowlab-expire", "Status": "Enabled", "Filter": {"Prefix": prefix},
                "Expiration": {"Days": wish.retention_days}}  # fmt: skip
        draft.add(
            "create", "retention", bucket, f"files are deleted after {wish.retention_days} days",
            Call("s3", "PutBucketLifecycleConfiguration",
                 named | {"LifecycleConfiguration": {"Rules": [rule]}}),
        )  # fmt: skip
    draft.add("create", "bucket policy", bucket, "flow logs of this account may be delivered",
              bucket_policy(bucket, policy))  # fmt: skip


def stream_steps(draft: Draft) -> None:
    """Look at a Firehose stream; it is never made here.

    Raises
    ------
    FlowlabError
        There is none.
    """
    arn = draft.wish.destination.name
    answer = draft.scope.get("firehose:DescribeDeliveryStream", arn)
    if answer.known and answer.value is None:
        raise FlowlabError(
            f"there is no Firehose stream {arn.rpartition('/')[2]} in {draft.scope.region}.",
            "flowlab does not make streams: they need a destination of their own.",
            "create it with Direct PUT as its source, then make the plan again.",
        )
    state = answer.value["DeliveryStreamStatus"] if answer.known else "of unknown state"
    draft.add("keep", "Firehose stream", arn, f"it is {state}")
    if state != "ACTIVE":
        told = refused(answer) if not answer.known else "it takes nothing until it is ACTIVE"
        draft.notes.append(f"the stream is {state}: {told}")
