"""Whether the role of a flow log may deliver to its log group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flowlab.setup.delivery_permissions import judge_permissions
from flowlab.setup.delivery_trust import judge_trust
from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Scope
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check


def judge_roles(scope: Scope, now: datetime) -> Iterator[Check]:
    """Judge the delivery role of each flow log.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Not needed: permissions have no age.

    Yields
    ------
    Check
        role-exists; where it exists also role-trust, role-trust-guard, role-permissions,
        role-resource-scope; role-simulated where AWS's simulator answered.
    """
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        place = destination_of(flow_log).place
        if place == "cloudwatch":
            yield from _judge_role(scope, flow_log)
        elif place == "s3" and flow_log.get("DeliverLogsPermissionArn"):
            subject = _subject(scope, flow_log)
            yield subject.check(
                "role-exists",
                "warn",
                f"the flow log names {subject.resource} and delivers to S3.",
                "a role is for delivery to CloudWatch Logs; what S3 asks is the bucket's policy.",
                "leave DeliverLogsPermissionArn out when you create a flow log to S3.",
            )


def _subject(scope: Scope, flow_log: Mapping[str, Any]) -> Subject:
    name = str(flow_log.get("FlowLogId", ""))
    return Subject(scope, name, str(flow_log.get("DeliverLogsPermissionArn") or name), "permission")


def _judge_role(scope: Scope, flow_log: Mapping[str, Any]) -> Iterator[Check]:
    subject = _subject(scope, flow_log)
    arn = flow_log.get("DeliverLogsPermissionArn")
    again = (
        "create a new flow log with a role of this account, see that it delivers, then delete "
        "this one: a flow log cannot be edited."
    )
    if not arn:
        yield subject.check(
            "role-exists",
            "fail",
            "the flow log delivers to CloudWatch Logs and names no role.",
            "delivery to CloudWatch Logs needs one.",
            again,
        )
        return
    account = str(arn).split(":")[4] if str(arn).count(":") >= 5 else ""
    if account != scope.account_id:
        yield subject.check(
            "role-exists",
            "fail",
            f"the role is of account {account or '(none)'}, the flow log of {scope.account_id}.",
            "the role must be in the account that owns the flow log.",
            again,
        )
        return
    role = scope.get("iam:GetRole", str(arn))
    if role.known and role.value is None:
        yield subject.check(
            "role-exists",
            "fail",
            "AWS knows no role of this name.",
            "it was deleted, or never made.",
            "make a role of exactly this name, with the trust policy and permissions that "
            "fl.plan_flow_logs(...) prints.",
        )
        return
    if role.known:
        yield subject.check("role-exists", "ok", "AWS knows the role.")
    else:
        yield subject.undecided(role, "role-exists")
    yield from judge_trust(subject, role)
    yield from judge_permissions(subject, role, destination_of(flow_log).name)
