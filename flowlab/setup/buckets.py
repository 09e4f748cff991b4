"""Whether the bucket of a flow log is there, and lets log delivery write into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowlab.setup.bucket_keys import judge_key
from flowlab.setup.bucket_objects import arriving, judge_objects
from flowlab.setup.destinations import Destination, destination_of
from flowlab.setup.documents import (
    DELIVERY_SERVICE,
    bucket_statements,
    folder,
    merge_bucket_policy,
)
from flowlab.setup.iam import Request, evaluate
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.matching import OPEN
from flowlab.setup.mistakes import as_json, why_not
from flowlab.setup.statements import MalformedPolicyError, Statement, read_policy
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

MOST_BYTES = 20 * 1024  # of a bucket policy; AWS: LogDestinationPermissionIssueException
_ACL = "s3:x-amz-acl"


def judge_buckets(scope: Scope, now: datetime) -> Iterator[Check]:
    """Judge the bucket of each flow log that delivers to S3.

    Parameters
    ----------
    scope : Scope
    now : datetime
        When the answers were collected. [UTC]

    Yields
    ------
    Check
        bucket-exists; unless AWS says that there is none, bucket-region, bucket-policy-write,
        bucket-policy-acl-check, bucket-key and newest-object.
    """
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        destination = destination_of(flow_log)
        if destination.place == "s3":
            yield from _judge_bucket(scope, flow_log, destination, now)


def delivery_context(scope: Scope) -> dict[str, str | None]:
    """Say what is known of a request of log delivery's, by condition key.

    Source: AWS, VPC User Guide, "Amazon S3 bucket permissions for flow logs": the source account
    is the owner of the flow log, the source ARN one of the logs service.
    """
    return {
        "aws:SourceAccount": scope.account_id,
        "aws:SourceArn": f"arn:{scope.partition}:logs:{scope.region}:{scope.account_id}:{OPEN}",
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": DELIVERY_SERVICE,
        "aws:SecureTransport": "true",
    }


def delivery_requests(scope: Scope, destination: Destination, hive: bool) -> list[Request]:
    """Make the two requests of log delivery that a bucket's policy must allow.

    Parameters
    ----------
    scope : Scope
        Of the flow log.
    destination : Destination
    hive : bool
        The flow log writes Hive-compatible prefixes.

    Returns
    -------
    list of Request
        s3:PutObject, with the ACL that AWS sends, and s3:GetBucketAcl.
    """
    place, context = f"arn:{scope.partition}:s3:::{destination.name}", delivery_context(scope)
    below = folder(scope.account_id, destination.prefix, hive)
    service, region = ("aws-service=", "aws-region=") if hive else ("", "")
    key = f"{place}/{below}/{service}vpcflowlogs/{region}{scope.region}/{OPEN}"
    acl = {_ACL: "bucket-owner-full-control"}
    return [
        Request("s3:PutObject", key, {**context, **acl}, DELIVERY_SERVICE),
        Request("s3:GetBucketAcl", place, {**context, _ACL: None}, DELIVERY_SERVICE),
    ]


def demands_acl(statements: Sequence[Statement], request: Request) -> bool:
    """Whether a policy would not allow a request that carries no ACL."""
    bare = request._replace(context={**request.context, _ACL: None})
    return evaluate(statements, bare).result != "ALLOW"


def acls_off(scope: Scope, bucket: str) -> bool:
    """Whether ACLs are known to be switched off in a bucket."""
    return bool(scope.get("s3:GetBucketOwnershipControls", bucket).value == "BucketOwnerEnforced")


def _judge_bucket(
    scope: Scope, flow_log: Mapping[str, Any], destination: Destination, now: datetime
) -> Iterator[Check]:
    bucket, flow_log_id = destination.name, str(flow_log.get("FlowLogId", ""))
    subject = Subject(scope, flow_log_id, bucket, "destination")
    location = scope.get("s3:GetBucketLocation", bucket)
    if location.known and location.value is None:
        yield subject.check(
            "bucket-exists",
            "fail",
            f"AWS knows no bucket {bucket}.",
            "it was deleted or misspelled.",
            "make a bucket of this name, in the account that had it when the flow log was made; "
            "or create a new flow log to another bucket, then delete this one.",
        )
        return
    if location.known:
        yield subject.check("bucket-exists", "ok", "AWS knows the bucket.")
        yield _region(subject, location)
    else:
        yield subject.undecided(location, "bucket-exists")
        yield subject.undecided(location, "bucket-region")
    hive = bool((flow_log.get("DestinationOptions") or {}).get("HiveCompatiblePartitions"))
    permission = Subject(scope, flow_log_id, bucket, "permission")
    yield from _Policy(permission, flow_log, destination, hive, now).judge()
    yield judge_key(permission, delivery_context(scope))
    yield judge_objects(Subject(scope, flow_log_id, bucket, "newest record"), flow_log, now)


def _region(subject: Subject, location: Answer) -> Check:
    # S3's own words: null is us-east-1, EU is eu-west-1.
    told = location.value.get("LocationConstraint")
    region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(told, told)
    here = subject.scope.region
    note = f", the flow log in {here}: AWS's pages on flow logs forbid neither" * (region != here)
    return subject.check("bucket-region", "ok", f"the bucket is in {region}{note}.")


@dataclass(frozen=True)
class _Policy:
    """What the policy of a bucket says to log delivery."""

    subject: Subject
    flow_log: Mapping[str, Any]
    destination: Destination
    hive: bool
    now: datetime

    def judge(self) -> Iterator[Check]:
        names = ("bucket-policy-write", "bucket-policy-acl-check")
        scope, bucket = self.subject.scope, self.destination.name
        policy = scope.get("s3:GetBucketPolicy", bucket)
        if not policy.known:
            for name in names:
                yield self.subject.undecided(policy, name)
            return
        if policy.value is None:
            for name in names:
                yield self.subject.check(
                    name,
                    "fail",
                    f"the bucket {bucket} has no policy.",
                    "AWS adds it only where who creates the flow log owns the bucket and may "
                    "change its policy; or it was deleted since.",
                    self._remedy(None),
                )
            return
        try:
            statements = read_policy("bucket policy", policy.value)
        except MalformedPolicyError as problem:
            for name in names:
                yield self.subject.check(name, "fail", problem.what, problem.why, problem.fix)
            return
        requests = delivery_requests(scope, self.destination, self.hive)
        for name, request in zip(names, requests, strict=True):
            yield self._one(name, statements, request, policy)

    def _one(
        self, name: str, statements: tuple[Statement, ...], request: Request, policy: Answer
    ) -> Check:
        decision = evaluate(statements, request)
        if decision.denied_by:
            return self.subject.check(
                name,
                "fail",
                f"{decision.denied_by} denies {DELIVERY_SERVICE} {request.action}.",
                "an explicit Deny beats every Allow.",
                f"take {DELIVERY_SERVICE} out of the Deny statement.",
            )
        if decision.result == "DENY":
            return self.subject.check(
                name,
                "fail",
                f"the bucket policy does not allow {DELIVERY_SERVICE} {request.action} on "
                f"{request.resource.replace(OPEN, '*')}.",
                why_not(statements, request),
                self._remedy(policy.value),
            )
        if decision.result == "UNSURE":
            return self.subject.check(
                name,
                "unknown",
                f"{request.action}: {decision.undecided}.",
                "only AWS knows what these conditions and names are compared with.",
                self._remedy(policy.value),
            )
        trap = self._trap(name, statements, request)
        if trap is not None:
            return trap
        size = len(json.dumps(policy.value, separators=(",", ":")).encode())
        if size > 0.9 * MOST_BYTES:
            return self.subject.check(
                name,
                "warn",
                f"the bucket policy is {size:,} bytes long; AWS takes {MOST_BYTES:,}.",
                "each new flow log adds its ARN to it; the next one may be refused "
                "(LogDestinationPermissionIssueException).",
                f"replace the entries of single flow logs by one: "
                f"arn:{self.subject.scope.partition}:s3:::{self.destination.name}/*",
            )
        by = ", ".join(dict.fromkeys(str(reason) for reason in decision.why))
        return self.subject.check(name, "ok", f"{by} allows {DELIVERY_SERVICE} {request.action}.")

    def _trap(self, name: str, statements: tuple[Statement, ...], request: Request) -> Check | None:
        """Judge a condition on the ACL where the bucket has ACLs switched off."""
        if not demands_acl(statements, request):
            return None
        scope, bucket = self.subject.scope, self.destination.name
        ownership = scope.get("s3:GetBucketOwnershipControls", bucket)
        if not ownership.known:
            return self.subject.undecided(ownership, name)
        if not acls_off(scope, bucket) or arriving(scope, self.flow_log, self.now):
            return None
        return self.subject.check(
            name,
            "warn",
            f"the policy demands {_ACL}, and ACLs are switched off in the bucket "
            "(BucketOwnerEnforced). No recent object shows that delivery works.",
            "AWS's own example has this condition, and S3 takes such a request. There are reports "
            "that delivery then sends no ACL, so that nothing is allowed.",
            f"if no objects arrive, take the condition {_ACL} out: in such a bucket all objects "
            "are the owner's anyway.",
        )

    def _remedy(self, policy: Mapping[str, Any] | None) -> str:
        scope, (_, bucket, prefix) = self.subject.scope, self.destination
        wanted = bucket_statements(
            scope.account_id, scope.region, bucket, prefix, self.hive, scope.partition,
            acl=not acls_off(scope, bucket),
        )  # fmt: skip
        size = len(json.dumps(merge_bucket_policy(policy, wanted), separators=(",", ":")).encode())
        room = (
            f" They make it longer than the {MOST_BYTES:,} bytes that AWS takes: replace entries "
            f"of single flow logs by arn:{scope.partition}:s3:::{bucket}/* first."
        ) * (size > MOST_BYTES)
        return f"add these statements to the bucket policy: {as_json(wanted)}{room}"
