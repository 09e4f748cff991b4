"""Do what a plan says, or nothing: what a failed run has made, it takes back."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.setup import documents
from flowlab.setup.applied import Applied, Outcome
from flowlab.setup.asking_aws import document
from flowlab.setup.looking import caller, look
from flowlab.setup.steps import Call, Step
from flowlab.setup.watching import Watch
from flowlab.sources.aws import AccessError, code, explain, is_denied, scrub

if TYPE_CHECKING:
    from flowlab.setup.planning import Plan

_PATIENCE = 90.0  # s that a new role or policy takes, at most, until all of AWS knows of it
_PAUSE = 5.0  # s
_THERE = {"EntityAlreadyExists", "ResourceAlreadyExistsException", "BucketAlreadyOwnedByYou"}
_GONE = {"InvalidFlowLogId.NotFound", "NoSuchEntity", "ResourceNotFoundException", "NoSuchBucket"}
# What AWS answers as long as it does not know of a role or a policy that was just made.
_TOO_EARLY = re.compile(r"assume|role|access denied|permission|LogDestination", re.IGNORECASE)
_PERMITS = {"CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "PutBucketPolicy",
            "PutKeyPolicy"}  # fmt: skip


def apply(plan: Plan, confirm: str, *, wait: bool, timeout: float) -> Applied:
    """Do what a plan says; see `Plan.apply`."""
    plan = _again(plan, confirm)
    applied = Applied(plan)
    if plan.empty:
        applied.outcomes = [(step, "nothing to do") for step in plan.todo]
        return applied
    since = time()
    run = _Run(plan, applied)
    run.make()
    final = [step for step in plan.todo if _is_final(step)]
    if not wait:
        run.leave(final, "nobody waited for records (wait=False), so nothing is deleted")
        return applied
    watch = None
    why = ""
    try:
        watch = run.watch(since)
        watch.wait(timeout)
        why = watch.why_not or f"no records were seen within {timeout:g} s"
    except KeyboardInterrupt:
        why = "the waiting was interrupted"
    except FlowlabError as problem:
        why = f"it could not be looked for records: {' '.join(str(problem).split())}"
    if watch is not None:
        applied.arrived = watch.arrived
    if watch is not None and watch.done:
        run.finish(final)
    else:
        run.leave(final, f"{why}, so nothing is deleted")
    _check_again(applied)
    return applied


def _again(plan: Plan, confirm: str) -> Plan:
    """Look at AWS again, and refuse to do what the plan did not show."""
    from flowlab.setup.planning import plan_of

    account = caller(plan.access)
    if plan.anonymized:
        raise FlowlabError(
            "this plan was made from an anonymized snapshot: nothing was done.",
            "its ids are not those of the account.",
            "make the plan without snapshot=.",
        )
    if not account == confirm == plan.account_id:
        raise FlowlabError(
            f"confirm={confirm!r} is not the account: nothing was done.",
            f"the plan is for account {plan.account_id}, and these credentials are of {account}.",
            f"if {account} is the right one, pass confirm={account!r}"
            + ("." if account == plan.account_id else " to a plan that is made with them."),
        )
    if (region := plan.access.region_name()) != plan.region:
        raise FlowlabError(
            f"the plan is for {plan.region}, and {region} would be asked: nothing was done.",
            fix=f"make the plan with region={plan.region!r}.",
        )
    now = plan_of(plan.wish, plan.access, look(plan.access, plan.wish))
    shown = [step.does for step in plan.todo]
    unseen = [
        step
        for step in now.todo
        if step.action not in ("keep", "verify") and step.does not in shown
    ]
    if unseen:
        raise FlowlabError(
            "the account is not as it was when the plan was made: nothing was done. New: "
            + "; ".join(f"{s.action} {s.what} {s.resource}" for s in unseen) + ".",
            "somebody changed it meanwhile, the plan is from a snapshot, or a part of it is done.",
            "make the plan again, look at it, and apply that one.",
        )  # fmt: skip
    return now


def _is_final(step: Step) -> bool:
    """Whether a step has to wait for records."""
    return step.action == "delete" or (step.action == "verify" and step.call is None)


class _Run:
    """One run: what it has made, and how to take it back."""

    def __init__(self, plan: Plan, applied: Applied) -> None:
        self.plan, self.applied = plan, applied
        self.undo: list[tuple[str, Call]] = []
        self.permitted = False  # whether this run has made what AWS takes a while to know of

    def make(self) -> None:
        """Do all steps that need not wait for records, or none."""
        doing = permission = ""
        problem: FlowlabError
        try:
            for step in self.plan.todo:
                if not _is_final(step):
                    doing = f"{step.action} {step.what} {step.resource}"
                    permission = step.call.permission if step.call else ""
                    self.applied.outcomes.append((step, self._do(step)))
            return
        except KeyboardInterrupt:
            self._take_back()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be left behind
            told = explain(error, doing, self.plan.access.profile)
            left = self._take_back()
            kind = AccessError if isinstance(told, AccessError) else FlowlabError
            state = "all that this run had made was taken back"
            if left:
                state = "NOT taken back, to be looked at by hand: " + "; ".join(left)
            why, fix = told.why, told.fix
            if permission and is_denied(error):
                # AWS may name another one: iam:PassRole, say.
                why = why if ":" in why else f"the permission {permission} is missing."
                fix = (
                    "ask whoever runs this account to allow it; plan.steps lists in api_call what "
                    "a plan needs, and iam:PassRole comes on top where there is a role."
                )
            problem = kind(f"{told.what} Stopped there; {state}.", why, fix)
        raise problem  # out here, so that it drags no signed requests along

    def _do(self, step: Step) -> Outcome:
        call = step.call
        if call is None:
            return "nothing to do"
        if step.action == "verify":
            return self._put_policy_back(call)
        if call.operation == "CreateFlowLogs":
            self._create_flow_logs(call)
            return "done"
        try:
            self._send(call)
        except Exception as error:
            if code(error) not in _THERE or not self._is_same(call):
                raise
            return "was there"
        if step.undo:
            self.undo.append((f"{step.what} {step.resource}", step.undo))
        self.permitted |= call.operation in _PERMITS
        return "done"

    def _send(self, call: Call) -> Any:
        from botocore import xform_name

        client = self.plan.access.client(call.service)
        return getattr(client, xform_name(call.operation))(**call.parameters)

    def _is_same(self, call: Call) -> bool:
        """Whether what was there already is what would have been made."""
        if call.operation != "CreateRole":
            return True
        name = call.parameters["RoleName"]
        found = self.plan.access.client("iam").get_role(RoleName=name)["Role"]
        wanted = json.loads(call.parameters["AssumeRolePolicyDocument"])
        return bool(document(found["AssumeRolePolicyDocument"]) == wanted)

    def _create_flow_logs(self, call: Call) -> None:
        """Make them; a role that is not known everywhere yet is waited for."""
        waiting = list(call.parameters["ResourceIds"])
        until = monotonic() + (_PATIENCE if self.permitted else 0)
        while waiting:
            # AWS may repeat its answer to a token, also the answer that the role is not there.
            # So a token holds for botocore's own retries, and the next attempt has another.
            given = {**call.parameters, "ResourceIds": waiting, "ClientToken": uuid.uuid4().hex}
            refused: dict[str, tuple[str, str]] = {}
            try:
                answer = self._send(replace(call, parameters=given))
            except Exception as error:
                if code(error) == "FlowLogAlreadyExists":
                    raise _both_refused(self.plan) from None
                said = str((getattr(error, "response", None) or {}).get("Error", {}).get("Message"))
                if monotonic() >= until or not _TOO_EARLY.search(said):
                    raise
            else:
                self._remember(answer.get("FlowLogIds") or [])
                refused = {
                    str(u.get("ResourceId")): (
                        str(u.get("Error", {}).get("Code")), str(u.get("Error", {}).get("Message"))
                    )
                    for u in answer.get("Unsuccessful") or []
                }  # fmt: skip
                if not refused:
                    return
                early = all(_TOO_EARLY.search(said) for _, said in refused.values())
                if monotonic() >= until or not early:
                    raise _refused(refused)
                waiting = [one for one in waiting if one in refused]
            sleep(_PAUSE)

    def _remember(self, made: Sequence[str]) -> None:
        self.applied.flow_log_ids += made
        if made:
            undo = Call("ec2", "DeleteFlowLogs", {"FlowLogIds": list(made)})
            self.undo.append((f"flow log {', '.join(made)}", undo))

    def _put_policy_back(self, call: Call) -> Outcome:
        """Put the statements of a bucket's policy back that AWS has dropped."""
        s3 = self.plan.access.client("s3")
        wanted = document(call.parameters["Policy"])
        now = document(s3.get_bucket_policy(Bucket=call.parameters["Bucket"])["Policy"])
        rows = documents.rows_of(now)
        lost = [row for row in documents.rows_of(wanted) if row not in rows]
        if not lost:
            return "verified"
        for row in lost:
            rows.append(documents.free_sid(row, rows))  # AWS's own may be called the same
        policy = json.dumps({**now, "Statement": rows})
        self._send(replace(call, parameters={**call.parameters, "Policy": policy}))
        return "done"

    def _take_back(self) -> list[str]:
        """Undo, the last first; give what could not be undone."""
        left = []
        for what, call in reversed(self.undo):
            try:
                answer = self._send(call)
            except Exception as error:  # noqa: BLE001 - the others must still be taken back
                if code(error) not in _GONE:
                    left.append(f"{what} ({code(error) or type(error).__name__})")
            else:
                if isinstance(answer, Mapping) and answer.get("Unsuccessful"):
                    left.append(what)
        self.undo.clear()
        self.applied.flow_log_ids.clear()
        return left

    def watch(self, since: float) -> Watch:
        """Watch for the records of all flow logs that are as wished."""
        scope = look(self.plan.access, self.plan.wish)
        new: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for flow_log in scope.get("ec2:DescribeFlowLogs").items():
            made = flow_log["FlowLogId"] in self.applied.flow_log_ids
            mine = made or self._was_equal(flow_log)
            (new if mine else others).append(flow_log)
        return Watch(self.plan, new, others, since)

    def _was_equal(self, flow_log: Mapping[str, Any]) -> bool:
        kept = {s.resource for s in self.plan.todo if s.action == "keep" and s.what == "flow log"}
        return flow_log["FlowLogId"] in kept

    def finish(self, final: Sequence[Step]) -> None:
        """Delete what is replaced, now that records of the new one were seen."""
        for step in final:
            if step.call is None:
                self.applied.outcomes.append((step, "verified"))
                continue
            left, why = self._delete(step.call)
            self.applied.outcomes.append((step, "left" if left else "done"))
            if left:
                self.applied.kept += left
                self.applied.notes.append(f"{', '.join(left)} could not be deleted: {why}")

    def _delete(self, call: Call) -> tuple[list[str], str]:
        ids = list(call.parameters["FlowLogIds"])
        try:
            answer = self._send(call)
        except Exception as error:  # noqa: BLE001 - both flow logs are left: nothing is missed
            if code(error) in _GONE:
                return [], ""
            told = explain(error, "deleting the old flow log", self.plan.access.profile)
            return ids, f"{told.why or told.what}"
        refused = [
            (str(u.get("ResourceId")), str(u.get("Error", {}).get("Message")))
            for u in answer.get("Unsuccessful") or []
            if u.get("Error", {}).get("Code") not in _GONE
        ]
        return [one for one, _ in refused], scrub("; ".join(said for _, said in refused))

    def leave(self, final: Sequence[Step], why: str) -> None:
        """Delete nothing, and say how it goes on."""
        for step in final:
            self.applied.outcomes.append((step, "not verified" if step.call is None else "left"))
            if step.call:
                self.applied.kept += step.call.parameters["FlowLogIds"]
                command = self.plan.command(step.call)
                self.applied.notes.append(
                    f"when you have seen records of the new flow log: apply again, or {command}"
                )
        self.applied.notes.insert(0, why)


def _check_again(applied: Applied) -> None:
    from flowlab.setup.checking import check_setup

    plan = applied.plan
    wish, access = plan.wish, plan.access
    one = wish.resource_ids[0] if len(wish.resource_ids) == 1 else None
    kind = wish.resource_type if one else ""
    try:
        applied.report = check_setup(
            vpc=one if kind == "VPC" else None,
            subnet=one if kind == "Subnet" else None,
            interface=one if kind == "NetworkInterface" else None,
            regions=plan.region,
            profile=access.profile,
            role_arns=access.role_arn,
            endpoint_url=access.endpoint_url,
        )
    except FlowlabError as problem:
        applied.notes.append(f"the set-up could not be checked: {' '.join(str(problem).split())}")


def _refused(refused: Mapping[str, tuple[str, str]]) -> FlowlabError:
    shown = "; ".join(f"{one}: {scrub(f'{kind} {said}')}" for one, (kind, said) in refused.items())
    return FlowlabError(
        f"AWS made no flow log for {shown}.",
        "see AWS's words; a role or bucket policy may lack a permission, or a limit is reached.",
        "mend that, then make the plan again.",
    )


def _both_refused(plan: Plan) -> FlowlabError:
    return FlowlabError(
        "AWS refuses a second flow log on the same resource to the same destination.",
        f"the one that is there delivers to {plan.wish.destination} as well, and is not deleted "
        "before another has proved itself.",
        "plan to another log group or prefix; when records arrive there, delete the old one.",
    )
