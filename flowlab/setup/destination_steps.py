"""Steps that make sure there is something to deliver to: a log group, a Firehose stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.setup.documents import log_group_key_statement
from flowlab.setup.drafting import Draft, refused
from flowlab.setup.inventory import Scope
from flowlab.setup.key_steps import key_steps
from flowlab.setup.log_groups import judge_group_key
from flowlab.setup.steps import Call
from flowlab.setup.verdicts import Check
from flowlab.setup.wishes import DEFAULT_DAYS


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
        if draft.wish.keep_retention:
            # Others may rely on what it keeps: that is shortened only for who says so.
            if not kept:
                draft.notes.append(
                    "the log group keeps records, and they are paid for, for ever;"
                    f" retention_days={DEFAULT_DAYS} would change that"
                )
        elif kept != days:
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
        _group_key(draft, answer.value)
    if not days:
        draft.notes.append("retention_days=None: records are kept, and paid for, for ever")


def _group_key(draft: Draft, group: Mapping[str, Any]) -> None:
    """Let CloudWatch Logs use the key of a log group, if it has one."""
    where = draft.scope

    def judge(scope: Scope) -> Check:
        return judge_group_key(scope, "", group)

    if key := group.get("kmsKeyId"):
        right = log_group_key_statement(
            where.account_id, where.region, group["logGroupName"], where.partition
        )
        key_steps(draft, str(key), right, judge)


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
