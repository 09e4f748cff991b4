"""What a plan hangs on, asked of AWS: only what is read here decides what is planned.

The questions are those of an inventory, so that the judges of a set-up can read the answers; but
only the few that a plan needs, also about things that no flow log points to yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.setup import network, questions
from flowlab.setup.asking_aws import Talk
from flowlab.setup.destinations import Destination, destination_of
from flowlab.setup.following import keys_of
from flowlab.setup.inventory import Answer, Scope, scope_of
from flowlab.setup.targets import Target
from flowlab.setup.wishes import Wish, role_name
from flowlab.sources.aws import Access, AccessError, explain

# The question that tells whether a resource exists, and where its id stands in the answer.
RESOURCES = {
    "VPC": ("ec2:DescribeVpcs", "VpcId"),
    "Subnet": ("ec2:DescribeSubnets", "SubnetId"),
    "NetworkInterface": ("ec2:DescribeNetworkInterfaces", "NetworkInterfaceId"),
}
_ASK = {"VPC": network.vpcs, "Subnet": network.subnets, "NetworkInterface": network.interfaces}


def caller(access: Access) -> str:
    """Tell the account of those who ask.

    Raises
    ------
    FlowlabError
        AWS does not say: no credentials, no network.
    """
    try:
        return str(access.client("sts").get_caller_identity()["Account"])
    except Exception as error:  # noqa: BLE001 - botocore's errors have no common class
        problem = explain(error, "asking AWS whose credentials these are", access.profile)
    raise problem


def look(access: Access, wish: Wish) -> Scope:
    """Ask AWS what a wish needs to know.

    Parameters
    ----------
    access : Access
    wish : Wish

    Returns
    -------
    Scope
        Answers of one account and region; a call that is denied is an answer too.

    Raises
    ------
    FlowlabError
        AWS cannot be reached, or does not say who asks or which flow logs there are.
    """
    account = caller(access)
    talk, place = Talk(access), wish.destination
    questions.account(talk)
    existing = network.flow_logs(talk, None)
    if existing.refusal:  # without these, what a plan creates might be there already
        denied = existing.refusal.kind == "denied"
        raise (AccessError if denied else FlowlabError)(
            f"which flow logs there are is not known: {existing.refusal.reason}.",
            "the permission ec2:DescribeFlowLogs is missing." if denied else "",
            "ask whoever runs this account to allow it." if denied else "ask again later.",
        )
    _around(talk, wish)
    partition, region = access.partition(), access.region_name() or ""
    if place.place == "cloudwatch":
        _log_group(talk, place.name)
        for arn in _roles(existing.items(), place, account, region, partition):
            questions.role(talk, arn, account)
    elif place.place == "s3":
        questions.bucket(talk, place.name)
        if _asks_acl(talk.answers):  # does anything arrive in spite of that?
            mine = {
                str(f["LogDestination"]) for f in existing.items() if destination_of(f) == place
            }
            for arn in sorted(mine):
                questions.objects(talk, arn, account, region, datetime.now(UTC))
    else:
        questions.stream(talk, place.name, account)
    for key_id, there in keys_of(talk.answers, region).items():
        keys = Talk(replace(access, region=there))
        questions.key(keys, key_id)
        talk.answers += keys.answers
    return scope_of(account, region, talk.answers, partition)


def _asks_acl(answers: Iterable[Answer]) -> bool:
    return any(a.ask == "s3:GetBucketPolicy" and "x-amz-acl" in str(a.value) for a in answers)


def _around(talk: Talk, wish: Wish) -> None:
    """Ask for the resources, and for what contains them and what they contain."""
    _ASK[wish.resource_type](talk)
    alone = wish.resource_ids[0] if len(wish.resource_ids) == 1 else None
    if wish.resource_type == "VPC":
        network.subnets(talk, Target(vpc=alone))
        network.interfaces(talk, Target(vpc=alone))
    elif wish.resource_type == "Subnet":
        network.interfaces(talk, Target(subnet=alone))


def _roles(
    flow_logs: Iterable[dict[str, Any]],
    place: Destination,
    account: str,
    region: str,
    partition: str,
) -> list[str]:
    """Roles that deliver to a log group, and the one that flowlab would make."""
    own = f"arn:{partition}:iam::{account}:role/{role_name(place, region)}"
    theirs = [f.get("DeliverLogsPermissionArn") for f in flow_logs if destination_of(f) == place]
    return list(dict.fromkeys([*filter(None, theirs), own]))


def _log_group(talk: Talk, name: str) -> None:
    # Without its streams and events: a plan does not read them.
    def group() -> Any:
        found = talk.items(
            talk.client("logs").describe_log_groups, "logGroups", logGroupNamePrefix=name,
            send="nextToken", receive="nextToken",
        )  # fmt: skip
        return next((g for g in found if g["logGroupName"] == name), None)

    talk.ask("logs:DescribeLogGroups", name, group)
