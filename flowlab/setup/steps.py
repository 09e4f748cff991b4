"""Steps of a plan, as data: what is done, why, by which call, and by which call it is undone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Action = Literal["create", "change", "keep", "verify", "delete"]
_CLI = {"s3": "s3api"}  # where the AWS CLI calls a service otherwise than boto3


@dataclass(frozen=True)
class Call:
    """One request to AWS.

    Attributes
    ----------
    service : str
        As boto3 names it.
    operation : str
        As AWS names it: ``CreateFlowLogs``.
    parameters : dict
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def permission(self) -> str:
        """IAM action that permits it."""
        other = {"PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
                 "PutPublicAccessBlock": "PutBucketPublicAccessBlock"}  # fmt: skip
        return f"{self.service}:{other.get(self.operation, self.operation)}"

    def cli(self, region: str, profile: str | None = None, endpoint: str | None = None) -> str:
        """Write it as a command of the AWS CLI, every value quoted for a POSIX shell."""
        from botocore import xform_name

        words = ["aws", _CLI.get(self.service, self.service), xform_name(self.operation, "-")]
        for name, value in self.parameters.items():
            words.append("--" + xform_name(name, "-"))
            plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
            words += value if plain else [_cli_value(value)]
        words += ["--region", region]
        words += ["--profile", profile] if profile else []
        words += ["--endpoint-url", endpoint] if endpoint else []
        return shlex.join(words)


def _cli_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    Attributes
    ----------
    action : {"create", "change", "keep", "verify", "delete"}
    what : str
        In words: ``log group``, ``trust of the role``.
    resource : str
        Name, id or ARN; several with commas between.
    why : str
    call : Call or None
        None where nothing is changed.
    undo : Call or None
        Takes it back; that of CreateFlowLogs needs the ids, and is known only afterwards.
    detail : str
        What it changes, line by line, where that is not plain: the diff of a policy.
    """

    action: Action
    what: str
    resource: str
    why: str
    call: Call | None = None
    undo: Call | None = None
    detail: str = ""

    @property
    def does(self) -> tuple[str, str, str, Call | None]:
        """What makes two steps the same, however they are explained."""
        return self.action, self.what, self.resource, self.call


def table(steps: Iterable[Step]) -> pd.DataFrame:
    """Lay steps out: n, action, what, resource, why, api_call (text, "" where there is none)."""
    import pandas as pd

    rows = [
        (n, s.action, s.what, s.resource, s.why, s.call.permission if s.call else "")
        for n, s in enumerate(steps, 1)
    ]
    names = ["n", "action", "what", "resource", "why", "api_call"]
    return pd.DataFrame(rows, columns=names).astype(
        {"n": "int64", **dict.fromkeys(names[1:], "str")}
    )
