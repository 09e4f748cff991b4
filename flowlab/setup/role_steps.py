"""Steps that let VPC flow logs write to a log group: a role, its trust, its policy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flowlab.setup import documents
from flowlab.setup.delivery_roles import judge_roles
from flowlab.setup.drafting import Draft, difference, policy_text, refused
from flowlab.setup.inventory import Answer, scope_of
from flowlab.setup.steps import Action, Call

POLICY = "flowlab-delivery"  # the inline policy that flowlab writes, and no other
_TRUST = {"role-trust", "role-trust-guard"}


def role_steps(draft: Draft, arn: str, flow_log: str, *, own: bool) -> None:
    """Add the steps that make a role, or mend it; what others have put into it stays.

    Parameters
    ----------
    draft : Draft
        Gets them.
    arn : str
        The role's.
    flow_log : str
        Id of the flow log that is to deliver with it.
    own : bool
        The role is for a new flow log, so that it is made even if AWS does not tell of it.
    """
    scope, group = draft.scope, draft.wish.destination.name
    account, name = arn.split(":")[4], arn.rpartition("/")[2]
    where = (scope.account_id, scope.region)
    if account != scope.account_id:
        draft.notes.append(
            f"{arn} is of another account, which AWS does not allow: delete that flow log, "
            "then make this plan again"
        )
        return
    answer = scope.get("iam:GetRole", arn)
    trust = documents.delivery_trust_policy(*where, scope.partition)
    policy = documents.delivery_role_policy(*where, group, scope.partition)
    if answer.value is None:
        if not answer.known:
            draft.notes.append(f"nothing is known of role {name}: {refused(answer)}")
        if not (answer.known or own):
            return
        path = arn.partition(":role")[2].removesuffix(name)
        draft.add(
            "create", "delivery role", name,
            "VPC flow logs of this account, and nobody else, may assume it",
            Call("iam", "CreateRole", {
                "RoleName": name, **({"Path": path} if path != "/" else {}),
                "AssumeRolePolicyDocument": json.dumps(trust),
                "Description": f"VPC flow logs to log group {group}"[:1000],
            }),
            Call("iam", "DeleteRole", {"RoleName": name}),
        )  # fmt: skip
        _put_policy(draft, "create", name, None, policy, f"it may write to {group}, nothing else")
        return
    faults = _faults(draft, arn, flow_log)
    if not faults:
        draft.add("keep", "delivery role", name, "it may be assumed, and may write there")
    if told := [faults[check] for check in sorted(_TRUST & set(faults))]:
        _trust(draft, name, answer.value.get("AssumeRolePolicyDocument"), trust, told[0])
    if why := faults.get("role-permissions", ""):
        had = scope.get("iam:GetRolePolicy", f"{arn}|{POLICY}")
        _put_policy(draft, "change", name, had.value, policy, why)


def _trust(draft: Draft, name: str, before: Any, ours: dict[str, Any], why: str) -> None:
    after = ours
    if isinstance(before, dict) and before.get("Statement"):
        # Added, never replaced: flow logs of other regions may use the same role.
        rows = before["Statement"]
        rows = rows if isinstance(rows, list) else [rows]
        after = {**before, "Statement": [*rows, *ours["Statement"]]}
    draft.add(
        "change", "trust of the role", name, why, _trust_call(name, after),
        _trust_call(name, before), difference(before, after),
    )  # fmt: skip


def _put_policy(draft: Draft, action: Action, role: str, before: Any, after: Any, why: str) -> None:
    named = {"RoleName": role, "PolicyName": POLICY}
    put = Call("iam", "PutRolePolicy", named | {"PolicyDocument": json.dumps(after)})
    undo = Call("iam", "DeleteRolePolicy", named)
    if before is not None:
        undo = Call("iam", "PutRolePolicy", named | {"PolicyDocument": policy_text(before)})
    detail = difference(before, after) if action == "change" else ""
    draft.add(action, "policy of the role", f"{role}/{POLICY}", why, put, undo, detail)


def _faults(draft: Draft, arn: str, flow_log: str) -> dict[str, str]:
    """What keeps a role from delivering, as the check of a set-up sees it."""
    planned = {
        "FlowLogId": flow_log, "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": draft.wish.destination.name, "DeliverLogsPermissionArn": arn,
        "FlowLogStatus": "ACTIVE", "ResourceId": draft.wish.resource_ids[0],
    }  # fmt: skip
    # As if this flow log were the only one: what is wrong for others is not this plan's.
    answers = {**draft.scope.answers}
    answers["ec2:DescribeFlowLogs", ""] = Answer("ec2:DescribeFlowLogs", "", [planned])
    scope = scope_of(
        draft.scope.account_id, draft.scope.region, answers.values(), draft.scope.partition
    )
    found = list(judge_roles(scope, datetime.now(UTC)))
    for c in found:
        if c.status in ("unknown", "warn"):
            draft.notes.append(f"{c.check} of {arn.rpartition('/')[2]}: {c.evidence}")
    return {c.check: f"{c.evidence} {c.cause}".strip() for c in found if c.status == "fail"}


def _trust_call(role: str, policy: Any) -> Call:
    return Call(
        "iam", "UpdateAssumeRolePolicy", {"RoleName": role, "PolicyDocument": policy_text(policy)}
    )
