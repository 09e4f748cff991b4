"""A plan in the making: its steps and notes so far, and how policies are written in it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.steps import Action, Call, Step
from flowlab.setup.wishes import Wish


@dataclass
class Draft:
    """A plan in the making.

    Attributes
    ----------
    scope : Scope
        What there is.
    wish : Wish
        What there is to be.
    now : datetime
        When AWS answered. [UTC]
    steps : list of Step
    notes : list of str
        What a person should know before agreeing.
    broken : bool
        One of them tells of something broken that no step mends.
    """

    scope: Scope
    wish: Wish
    now: datetime
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: bool = False

    def add(
        self, action: Action, what: str, resource: str, why: str, call: Call | None = None,
        undo: Call | None = None, detail: str = "",
    ) -> None:  # fmt: skip
        """Add a step; arguments as `Step` has them."""
        self.steps.append(Step(action, what, resource, why, call, undo, detail))

    def leave(self, fault: str) -> None:
        """Note something broken that no step mends."""
        self.notes.append(fault)
        self.broken = True


def difference(before: Any, after: Any) -> str:
    """Show how two policies differ, as a unified diff of their JSON."""
    was, will = (
        ("" if it is None else it if isinstance(it, str) else json.dumps(it, indent=1)).splitlines()
        for it in (before, after)
    )
    return "\n".join(difflib.unified_diff(was, will, "now", "planned", lineterm="", n=2))


def policy_text(policy: Any) -> str:
    """Write a policy as AWS takes it; one that is no JSON stays the text that it is."""
    return policy if isinstance(policy, str) else json.dumps(policy)


def bucket_policy(bucket: str, policy: Mapping[str, Any]) -> Call:
    """Make the call that sets the policy of a bucket."""
    return Call("s3", "PutBucketPolicy", {"Bucket": bucket, "Policy": policy_text(policy)})


def refused(answer: Answer) -> str:
    """Tell why there is no answer."""
    return answer.refusal.reason if answer.refusal else ""
