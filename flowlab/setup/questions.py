"""Questions about what flow logs deliver to and by: log groups, buckets, streams, roles, keys.

Each function puts all questions about one thing. One that is denied does not keep the others from
being put, unless they need its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flowlab.setup.asking_aws import Talk, document, plain
from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Answer
from flowlab.setup.sampling import newest_object, recent_events

DELIVERY_ACTIONS = tuple(
    f"logs:{name}"
    for name in (
        "CreateLogGroup", "CreateLogStream", "PutLogEvents", "DescribeLogGroups",
        "DescribeLogStreams",
    )
)  # fmt: skip


def account(talk: Talk) -> Answer:
    """Ask who is asking; AWS answers that whatever the permissions are."""

    def identity() -> dict[str, Any]:
        said = talk.client("sts").get_caller_identity()
        return {name: said[name] for name in ("Account", "Arn", "UserId")}

    return talk.ask("sts:GetCallerIdentity", "", identity)


def regions(talk: Talk) -> Answer:
    """Ask which regions there are, and which of them are enabled."""

    def names() -> list[dict[str, Any]]:
        found = talk.client("ec2").describe_regions(AllRegions=True)["Regions"]
        return [{name: r.get(name) for name in ("RegionName", "OptInStatus")} for r in found]

    return talk.ask("ec2:DescribeRegions", "", names)


def log_group(
    talk: Talk, name: str, formats: Sequence[str], taken: datetime, interface: str | None = None
) -> None:
    """Ask about a log group, its streams, and the events of the last 20 minutes.

    Parameters
    ----------
    talk : Talk
    name : str
    formats : sequence of str
        LogFormat of every flow log that delivers to it.
    taken : datetime
        Now.
    interface : str, optional
        Ask for the streams of this ENI alone.
    """
    logs = talk.client("logs")
    turn = {"send": "nextToken", "receive": "nextToken"}

    def group() -> Any:
        # AWS looks for names that begin so.
        call = logs.describe_log_groups
        for page in talk.pages(call, "logGroups", logGroupNamePrefix=name, limit=50, **turn):
            for found in page["logGroups"]:
                if found["logGroupName"] == name:
                    return found
        return None

    asks = "logs:DescribeLogStreams", "logs:FilterLogEvents"
    there = talk.ask("logs:DescribeLogGroups", name, group)
    if there.known and there.value is None:
        for ask in asks:
            talk.skip(ask, name, f"there is no log group {name}")
        return
    begin = {"logStreamNamePrefix": interface} if interface else {}

    def streams() -> list[Any]:
        call = logs.describe_log_streams
        return talk.items(call, "logStreams", logGroupName=name, limit=50, **begin, **turn)

    until = int(taken.timestamp() * 1000)
    talk.ask(asks[0], name, streams)
    talk.ask(asks[1], name, lambda: recent_events(talk, name, formats, until, interface or ""))


def bucket(talk: Talk, name: str) -> None:
    """Ask where a bucket is, who may write to it, and how it encrypts."""
    s3 = talk.client("s3")

    def place() -> dict[str, Any]:
        return {"LocationConstraint": s3.get_bucket_location(Bucket=name).get("LocationConstraint")}

    def ownership() -> str:
        rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
        return str(rules[0]["ObjectOwnership"])

    def encryption() -> dict[str, Any]:
        said = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
        rule: dict[str, Any] = said["Rules"][0]
        more = {k: v for k, v in rule.items() if k == "BucketKeyEnabled"}
        return {**rule["ApplyServerSideEncryptionByDefault"], **more}

    there = talk.ask("s3:GetBucketLocation", name, place, {"NoSuchBucket"})
    questions = (
        ("s3:GetBucketPolicy", lambda: document(s3.get_bucket_policy(Bucket=name)["Policy"]),
         "NoSuchBucketPolicy"),
        ("s3:GetBucketOwnershipControls", ownership, "OwnershipControlsNotFoundError"),
        ("s3:GetEncryptionConfiguration", encryption,
         "ServerSideEncryptionConfigurationNotFoundError"),
    )  # fmt: skip
    for ask, question, absent in questions:
        if there.known and there.value is None:
            talk.skip(ask, name, f"there is no bucket {name}")
        else:
            talk.ask(ask, name, question, {absent})


def objects(talk: Talk, arn: str, owner: str, region: str, taken: datetime) -> None:
    """Ask for the newest object below the destination of a flow log."""
    place = destination_of({"LogDestinationType": "s3", "LogDestination": arn})
    talk.ask("s3:ListBucket", arn, lambda: newest_object(talk, place, owner, region, taken))


def stream(talk: Talk, arn: str, owner: str) -> None:
    """Ask about a Firehose stream."""
    ask, parts = "firehose:DescribeDeliveryStream", arn.split(":")
    if len(parts) < 6 or parts[4] != owner:
        talk.skip(ask, arn, "it is in another account" if len(parts) > 5 else "this is no ARN")
        return
    name = arn.rpartition("/")[2]

    def described() -> Any:
        there = Talk(replace(talk.access, region=parts[3])).client("firehose")
        return there.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]

    talk.ask(ask, arn, described, {"ResourceNotFoundException"})


def key(talk: Talk, key_id: str) -> None:
    """Ask about a KMS key: the one that is meant, by ARN, id or alias, and its policy.

    An ARN says in which region it is; an id is looked up in the region of the access.
    """
    parts = key_id.split(":")
    region = parts[3] if len(parts) > 5 else talk.access.region
    kms = Talk(replace(talk.access, region=region)).client("kms")
    absent = {"NotFoundException"}
    there = talk.ask(
        "kms:DescribeKey", key_id,
        lambda: kms.describe_key(KeyId=key_id)["KeyMetadata"], absent,
    )  # fmt: skip
    ask = "kms:GetKeyPolicy"
    by_name = "alias/" in key_id  # its policy is had by the key itself
    if there.known and there.value is None:
        talk.skip(ask, key_id, f"there is no key {key_id}")
    elif by_name and not there.known:
        talk.skip(ask, key_id, f"which key {key_id} stands for is not known")
    else:
        itself = there.value["Arn"] if by_name else key_id
        talk.ask(
            ask, key_id,
            lambda: document(kms.get_key_policy(KeyId=itself, PolicyName="default")["Policy"]),
            absent,
        )  # fmt: skip


def role(talk: Talk, arn: str, owner: str) -> None:
    """Ask about a role: whom it trusts and what it may do."""
    lists = "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"
    if arn.split(":")[4:5] != [owner]:
        for ask in ("iam:GetRole", *lists):
            talk.skip(ask, arn, "the role is in another account")
        return
    iam, name, absent = talk.client("iam"), arn.rpartition("/")[2], {"NoSuchEntity"}
    turn = {"send": "Marker", "receive": "Marker", "RoleName": name}

    def trust() -> Any:
        found = iam.get_role(RoleName=name)["Role"]
        if found["Arn"] != arn:
            return None  # another one, of the same name and another path
        return {
            **found, "AssumeRolePolicyDocument": document(found.get("AssumeRolePolicyDocument"))
        }  # fmt: skip

    there = talk.ask("iam:GetRole", arn, trust, absent)
    if there.known and there.value is None:
        for ask in lists:
            talk.skip(ask, arn, f"there is no role {arn}")
        return
    inline = talk.ask(
        lists[0], arn, lambda: talk.items(iam.list_role_policies, "PolicyNames", **turn)
    )

    def own(policy: str) -> Any:
        return document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])

    for policy in inline.items():
        talk.ask("iam:GetRolePolicy", f"{arn}|{policy}", partial(own, policy))
    attached = talk.ask(
        lists[1], arn,
        lambda: talk.items(iam.list_attached_role_policies, "AttachedPolicies", **turn),
    )  # fmt: skip
    boundary = ((there.value or {}).get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    named = [policy["PolicyArn"] for policy in attached.items()]
    for policy in dict.fromkeys([*named, *([boundary] if boundary else [])]):
        _managed(talk, policy)


def _managed(talk: Talk, arn: str) -> None:
    """Ask for a managed policy as it is in force."""
    iam, version = talk.client("iam"), "iam:GetPolicyVersion"

    def policy() -> dict[str, Any]:
        found = iam.get_policy(PolicyArn=arn)["Policy"]
        return {name: found[name] for name in ("Arn", "DefaultVersionId")}

    there = talk.ask("iam:GetPolicy", arn, policy, {"NoSuchEntity"})
    if not there.value:
        talk.skip(version, arn, f"which version of {arn} is in force is not known")
        return
    number = there.value["DefaultVersionId"]
    talk.ask(
        version, arn,
        lambda: document(
            iam.get_policy_version(PolicyArn=arn, VersionId=number)["PolicyVersion"]["Document"]
        ),
    )  # fmt: skip


def simulation(talk: Talk, arn: str, groups: Sequence[str]) -> None:
    """Ask IAM's simulator whether a role may deliver to log groups.

    Parameters
    ----------
    talk : Talk
    arn : str
        Of the role.
    groups : sequence of str
        ARNs of the log groups, with ``:*`` behind.
    """
    ask = "iam:SimulatePrincipalPolicy"
    if talk.access.is_practice:
        talk.skip(ask, arn, "a practice account has no simulator")
        return
    names = ("EvalActionName", "EvalResourceName", "EvalDecision")

    def results() -> list[dict[str, Any]]:
        found = talk.items(
            talk.client("iam").simulate_principal_policy, "EvaluationResults", send="Marker",
            receive="Marker", PolicySourceArn=arn, ActionNames=list(DELIVERY_ACTIONS),
            ResourceArns=list(groups),
        )  # fmt: skip
        return [{name: plain(result.get(name)) for name in names} for result in found]

    talk.ask(ask, arn, results)
