"""Steps that make a bucket, or let flow logs be delivered to one that is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.setup import documents
from flowlab.setup.bucket_keys import judge_key
from flowlab.setup.bucket_objects import judge_objects
from flowlab.setup.buckets import acls_off, delivery_context, delivery_requests, demands_acl
from flowlab.setup.drafting import Draft, bucket_policy, difference, refused
from flowlab.setup.iam import evaluate
from flowlab.setup.inventory import Scope
from flowlab.setup.key_steps import key_steps
from flowlab.setup.mistakes import why_not
from flowlab.setup.statements import read_policy
from flowlab.setup.steps import Call
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

_POLICY_SIZE = 20_480  # bytes that S3 takes
_NEW_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TRAP = (
    "it demands s3:x-amz-acl, as AWS's own example does, and ACLs are switched off in the bucket"
)


def bucket_steps(draft: Draft, flow_logs: Sequence[Mapping[str, Any]]) -> None:
    """Add the steps that make a bucket, or add to its policy what delivery needs.

    Parameters
    ----------
    draft : Draft
        Gets them.
    flow_logs : sequence of mapping
        Those that are there and deliver to it as wished.

    Raises
    ------
    FlowlabError
        Its policy is no policy, or has no room; or it cannot be made under this name.
    """
    scope, wish, bucket = draft.scope, draft.wish, draft.wish.destination.name
    place = scope.get("s3:GetBucketLocation", bucket)
    if place.known and place.value is None:
        _new_bucket(draft, bucket)
        return
    draft.add("keep", "bucket", bucket, "it exists" if place.known else "taken to exist")
    ours = documents.bucket_statements(
        scope.account_id, scope.region, bucket, wish.destination.prefix, wish.hive,
        scope.partition, acl=not acls_off(scope, bucket),
    )  # fmt: skip
    _mend_policy(draft, bucket, ours, flow_logs)
    _mend_key(draft, bucket)


def _mend_policy(
    draft: Draft, bucket: str, ours: list[dict[str, Any]], flow_logs: Sequence[Mapping[str, Any]]
) -> None:
    answer = draft.scope.get("s3:GetBucketPolicy", bucket)
    if not answer.known:
        draft.notes.append(
            f"the bucket's policy stays as it is, because it cannot be read ({refused(answer)}"
            f"): its owner must see to it that it has {json.dumps(ours)}"
        )
        return
    lacks = _lacks(draft, answer.value)
    if not lacks and (trap := _trap(draft, bucket, answer.value, flow_logs)):
        lacks = [trap]
    after = documents.merge_bucket_policy(answer.value, ours)
    if lacks and (left := _lacks(draft, after)):
        draft.leave(
            f"what is added to the bucket's policy does not help: {left[0]} A plan takes nothing "
            "out of a policy: change that by hand, then make the plan again"
        )
        return
    if not lacks:
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
    why = f"{lacks[0]} What others have put into the policy stays"
    draft.add("change", "bucket policy", bucket, why, bucket_policy(bucket, after), undo,
              difference(answer.value, after))  # fmt: skip


def _lacks(draft: Draft, policy: Any) -> list[str]:
    """Say what keeps a policy from letting flow logs be delivered; nothing if it does."""
    if policy is None:
        return ["there is none, so flow logs may not be delivered."]
    wish, statements = draft.wish, read_policy("bucket policy", policy)
    found = []
    for request in delivery_requests(draft.scope, wish.destination, wish.hive):
        decision = evaluate(statements, request)
        who = f"{request.principal} {request.action}"
        if decision.denied_by:
            found.append(f"{decision.denied_by} denies {who}.")
        elif decision.result == "DENY":
            found.append(f"it does not allow {who}: {why_not(statements, request)}")
        elif decision.result == "UNSURE":
            found.append(f"whether it allows {who} only AWS knows: {decision.undecided}.")
    return found


def _trap(draft: Draft, bucket: str, policy: Any, flow_logs: Sequence[Mapping[str, Any]]) -> str:
    """Say that a condition keeps delivery out, if it seems so; note it where nothing is known."""
    scope, wish = draft.scope, draft.wish
    write = delivery_requests(scope, wish.destination, wish.hive)[0]
    statements = read_policy("bucket policy", policy)
    if not acls_off(scope, bucket) or not demands_acl(statements, write):
        return ""
    for flow_log in flow_logs:
        subject = Subject(scope, str(flow_log["FlowLogId"]), bucket, "newest record")
        arrived = judge_objects(subject, flow_log, draft.now)
        if arrived.status == "fail":
            return f"{_TRAP}; {arrived.evidence}"
    if not flow_logs:
        draft.notes.append(
            f"the bucket's policy: {_TRAP}. That mostly works; if no objects arrive, take that "
            "condition out"
        )
    return ""


def _mend_key(draft: Draft, bucket: str) -> None:
    scope = draft.scope
    answer = scope.get("s3:GetEncryptionConfiguration", bucket)
    found = answer.value or {}
    if not answer.known:
        draft.notes.append(
            f"whether the bucket is encrypted with a KMS key that keeps delivery out is not known: "
            f"{refused(answer)}"
        )
    if not str(found.get("SSEAlgorithm", "")).startswith("aws:kms"):
        return

    def judge(scope: Scope) -> Check:
        return judge_key(Subject(scope, "", bucket, "permission"), delivery_context(scope))

    right = documents.key_statement(scope.account_id, scope.region, scope.partition)
    key_steps(draft, str(found.get("KMSMasterKeyID") or "aws/s3"), right, judge)


def _new_bucket(draft: Draft, bucket: str) -> None:
    scope, wish, named = draft.scope, draft.wish, {"Bucket": bucket}
    if not _NEW_NAME.fullmatch(bucket):
        raise FlowlabError(
            f"there is no bucket {bucket}, and none of this name can be made.",
            "S3 takes 3 to 63 small letters, digits, dots and hyphens, a letter or digit at each "
            "end.",
            "check the name: to='s3://bucket/prefix'.",
        )
    there = {} if scope.region == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": scope.region}
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
    rows = documents.bucket_statements(
        scope.account_id, scope.region, bucket, wish.destination.prefix, wish.hive,
        scope.partition, acl=False,
    )  # fmt: skip
    draft.add("create", "bucket policy", bucket, "flow logs of this account may be delivered",
              bucket_policy(bucket, {"Version": documents.VERSION, "Statement": rows}))  # fmt: skip
