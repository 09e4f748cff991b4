"""Steps that let VPC flow logs write to a log group: a role, its trust, its policy."""

from __future__ import annotations

import json
from typing import Any

from flowlab.setup import documents
from flowlab.setup.delivery_roles import judge_roles
from flowlab.setup.drafting import Draft, difference, policy_text, refused
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.steps import Action, Call
from flowlab.setup.verdicts import Check

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
    _mend(draft, arn, flow_log, answer.value, trust, policy)


def _mend(
    draft: Draft, arn: str, flow_log: str, role: dict[str, Any], trust: dict[str, Any],
    policy: dict[str, Any],
) -> None:  # fmt: skip
    """Add what a role lacks; note what is wrong with it that no addition mends."""
    scope, name = draft.scope, arn.rpartition("/")[2]
    before, inline = role.get("AssumeRolePolicyDocument"), scope.get("iam:ListRolePolicies", arn)
    after = _with_trust(before, trust)
    planned = [
        Answer("iam:GetRole", arn, {**role, "AssumeRolePolicyDocument": after}),
        Answer("iam:GetRolePolicy", f"{arn}|{POLICY}", policy),
    ]
    if inline.known:
        planned.append(Answer(inline.ask, arn, [*inline.items(), POLICY]))
    mended = _judged(draft, scope.having(*planned), arn, flow_log)
    helped, fails = {}, False
    for check in _judged(draft, scope, arn, flow_log).values():
        then = mended.get(check.check)
        if check.status in ("unknown", "warn"):
            draft.notes.append(f"{check.check} of {name}: {check.evidence}")
        elif check.status == "fail" and then is not None and then.status == "fail":
            # By a Deny, say, or a permissions boundary.
            draft.leave(
                f"{check.check} of {name}: {then.evidence} {then.cause} A plan takes nothing out "
                f"of what is there; to fix: {then.remedy}"
            )
        elif check.status == "fail":
            helped[check.check] = f"{check.evidence} {check.cause}".strip()
        fails |= check.status == "fail"
    if not fails:
        draft.add("keep", "delivery role", name, "it may be assumed, and may write there")
    elif not helped:
        draft.add("keep", "delivery role", name, "what is wrong with it stands below")
    if told := [helped[check] for check in sorted(_TRUST & set(helped))]:
        draft.add(
            "change", "trust of the role", name, told[0], _trust_call(name, after),
            _trust_call(name, before), difference(before, after),
        )  # fmt: skip
    if why := helped.get("role-permissions", ""):
        had = scope.get("iam:GetRolePolicy", f"{arn}|{POLICY}")
        _put_policy(draft, "change", name, had.value, policy, why)


def _with_trust(before: Any, ours: dict[str, Any]) -> dict[str, Any]:
    """Add, never replace: flow logs of other regions may use the same role."""
    rows = documents.rows_of(before)
    return {**before, "Statement": [*rows, *ours["Statement"]]} if rows else ours


def _put_policy(draft: Draft, action: Action, role: str, before: Any, after: Any, why: str) -> None:
    named = {"RoleName": role, "PolicyName": POLICY}
    put = Call("iam", "PutRolePolicy", named | {"PolicyDocument": json.dumps(after)})
    undo = Call("iam", "DeleteRolePolicy", named)
    if before is not None:
        undo = Call("iam", "PutRolePolicy", named | {"PolicyDocument": policy_text(before)})
    detail = difference(before, after) if action == "change" else ""
    draft.add(action, "policy of the role", f"{role}/{POLICY}", why, put, undo, detail)


def _judged(draft: Draft, scope: Scope, arn: str, flow_log: str) -> dict[str, Check]:
    """Judge a role as the check of a set-up does, as if it were used by this flow log alone."""
    planned = {
        "FlowLogId": flow_log, "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": draft.wish.destination.name, "DeliverLogsPermissionArn": arn,
        "FlowLogStatus": "ACTIVE", "ResourceId": draft.wish.resource_ids[0],
    }  # fmt: skip
    # What is wrong for others is not this plan's.
    alone = scope.having(Answer("ec2:DescribeFlowLogs", "", [planned]))
    return {check.check: check for check in judge_roles(alone, draft.now)}


def _trust_call(role: str, policy: Any) -> Call:
    return Call(
        "iam", "UpdateAssumeRolePolicy", {"RoleName": role, "PolicyDocument": policy_text(policy)}
    )
