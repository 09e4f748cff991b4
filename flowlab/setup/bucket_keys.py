"""Whether the encryption of a bucket lets log delivery write, and people read."""

from __future__ import annotations

from collections.abc import Mapping

from flowlab.setup.documents import DELIVERY_SERVICE, key_statement
from flowlab.setup.iam import Request, key_allows
from flowlab.setup.inventory import Scope
from flowlab.setup.mistakes import as_json, shown, why_not
from flowlab.setup.statements import MalformedPolicyError, read_policy
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

# What AWS's key statement asks for, its wildcards written out. S3 needs the first two to write.
_NEEDED = ("kms:GenerateDataKey", "kms:Decrypt")
_ASKED = ("kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey")


def judge_key(subject: Subject, context: Mapping[str, str | None]) -> Check:
    """Judge the default encryption of a bucket.

    Parameters
    ----------
    subject : Subject
        The bucket of one flow log.
    context : mapping
        What is known of a request of log delivery's, by condition key.

    Returns
    -------
    Check
        bucket-key.

    Notes
    -----
    Source: AWS, VPC User Guide, "Required key policy for use with SSE-KMS"; CloudWatch Logs User
    Guide, "Amazon S3 bucket server-side encryption".
    """
    name, scope = "bucket-key", subject.scope
    encryption = scope.get("s3:GetEncryptionConfiguration", subject.resource)
    if not encryption.known:
        return subject.undecided(encryption, name)
    settings = encryption.value or {}
    algorithm = str(settings.get("SSEAlgorithm", "none of its own"))
    if not algorithm.startswith("aws:kms"):
        return subject.check(name, "ok", f"encryption: {algorithm}; it needs no key policy.")
    key = settings.get("KMSMasterKeyID")
    own = "encrypt the bucket with a customer-managed key, named by its ARN, or with SSE-S3."
    if not key:
        return _aws_managed(subject, "the bucket names no key: AWS's own (aws/s3) is used.", own)
    if not str(key).startswith(f"arn:{scope.partition}:kms:"):
        return subject.check(
            name,
            "fail",
            f"the bucket's default encryption names the key {key}, not by its ARN.",
            "AWS then calls the destination undeliverable.",
            f"put the key's ARN there: {_arn_of(scope, str(key))}.",
        )
    described = scope.get("kms:DescribeKey", str(key))
    if described.known and described.value is None:
        return subject.check(
            name,
            "fail",
            f"AWS knows no key {key}.",
            "it was deleted, or is misspelled.",
            own,
        )
    about = described.value or {}
    if about.get("KeyManager") == "AWS":
        return _aws_managed(subject, f"the key {key} is managed by AWS.", own)
    state = about.get("KeyState", "Enabled")
    if state != "Enabled":
        return subject.check(
            name,
            "fail",
            f"the key {key} is in state {state}.",
            "nothing can be encrypted with it now.",
            f"enable it (aws kms enable-key; cancel its deletion first if it is pending); or {own}",
        )
    verdict = _policy(subject, str(key), context, bool(settings.get("BucketKeyEnabled")))
    return verdict if verdict.status == "fail" or described.known else subject.undecided(
        described, name
    )  # fmt: skip


def _arn_of(scope: Scope, key: str) -> str:
    """Give the ARN of a key that is named otherwise; its form, where AWS did not tell."""
    told = scope.get("kms:DescribeKey", key).value or {}
    return str(told.get("Arn") or f"arn:{scope.partition}:kms:REGION:ACCOUNT:key/ID")


def _aws_managed(subject: Subject, evidence: str, remedy: str) -> Check:
    return subject.check(
        "bucket-key",
        "fail",
        evidence,
        "AWS does not support its own keys here: flow logs would arrive unreadable.",
        remedy,
    )


def _policy(
    subject: Subject, key: str, context: Mapping[str, str | None], bucket_key: bool
) -> Check:
    name, scope = "bucket-key", subject.scope
    policy = scope.get("kms:GetKeyPolicy", key)
    if not policy.known:
        return subject.undecided(policy, name)
    statement = key_statement(scope.account_id, scope.region, scope.partition)
    remedy = f"add this statement to the key's policy: {as_json(statement)}"
    try:
        statements = read_policy("key policy", policy.value)
        needed = key_allows(policy.value, DELIVERY_SERVICE, _NEEDED, context, key)
        asked = key_allows(policy.value, DELIVERY_SERVICE, _ASKED, context, key)
    except MalformedPolicyError as problem:
        return subject.check(name, "fail", problem.what, problem.why, remedy)
    what = f"{DELIVERY_SERVICE} with the key {key}"
    if needed.denied_by:
        return subject.check(
            name,
            "fail",
            f"{needed.denied_by} denies {shown(needed.actions)} to {what}.",
            "an explicit Deny beats every Allow.",
            f"take {DELIVERY_SERVICE} out of the Deny statement.",
        )
    if needed.result == "DENY":
        request = Request(needed.actions[0], key, context, DELIVERY_SERVICE)
        return subject.check(
            name,
            "fail",
            f"the key policy does not allow {shown(needed.actions)} to {what}.",
            why_not(statements, request),
            remedy,
        )
    if needed.result == "UNSURE":
        return subject.check(
            name,
            "unknown",
            f"{shown(needed.actions)} by {what}: {needed.undecided}.",
            "only AWS knows what these conditions are compared with.",
            remedy,
        )
    if asked.result != "ALLOW":
        return subject.check(
            name,
            "warn",
            f"the key policy does not surely allow {shown(asked.actions)} to {what}.",
            "AWS's key statement for log delivery has them; what S3 needs to write is allowed.",
            remedy,
        )
    note = " The bucket uses S3 Bucket Keys, with which KMS sees fewer requests." * bucket_key
    return subject.check(name, "ok", f"the key policy lets {DELIVERY_SERVICE} use {key}.{note}")
