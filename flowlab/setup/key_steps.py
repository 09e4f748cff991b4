"""Steps that let AWS use the KMS key of a log group or bucket: a statement added to its policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flowlab.setup.documents import free_sid, rows_of
from flowlab.setup.drafting import Draft, difference, policy_text
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.steps import Call
from flowlab.setup.verdicts import Check

_ASK = "kms:GetKeyPolicy"


def key_steps(
    draft: Draft, key: str, statement: Mapping[str, Any], judge: Callable[[Scope], Check]
) -> None:
    """Add the step that mends a key's policy, if it has to and that helps; else say what would.

    Parameters
    ----------
    draft : Draft
        Gets it.
    key : str
        As the log group or bucket names it.
    statement : mapping
        What the policy needs.
    judge : callable
        Judges the key in a scope.
    """
    check = judge(draft.scope)
    if check.status in ("ok", "warn"):
        return
    before = draft.scope.get(_ASK, key).value
    # A key of another account is for its owner to change.
    if isinstance(before, Mapping) and key.split(":")[4:5] == [draft.scope.account_id]:
        rows = rows_of(before)
        after = {**before, "Statement": [*rows, free_sid(statement, rows)]}
        if judge(draft.scope.having(Answer(_ASK, key, after))).status in ("ok", "warn"):
            draft.add(
                "change", "key policy", key, f"{check.evidence} What stands in it stays",
                _put(key, after), _put(key, before), difference(before, after),
            )  # fmt: skip
            return
    told = f"KMS key {key}: {check.evidence} To fix: {check.remedy}"
    if check.status == "fail":
        draft.leave(told)
    else:
        draft.notes.append(f"{told} Its policy must have {json.dumps(statement)}")


def _put(key: str, policy: Mapping[str, Any]) -> Call:
    given = {"KeyId": key, "PolicyName": "default", "Policy": policy_text(policy)}
    return Call("kms", "PutKeyPolicy", given)
