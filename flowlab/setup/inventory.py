"""What AWS answered about a set-up, kept: to be judged, saved, judged again without AWS.

An inventory holds answers, not conclusions. Each answer is known by the IAM action that permits
its question and by what the question was about; an answer can also be AWS's refusal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flowlab.errors import FlowlabError, SourceError

FORMAT = "flowlab inventory 1"

Kind = Literal["denied", "failed", "not asked"]


@dataclass(frozen=True)
class Refusal:
    """Why there is no answer.

    Parameters
    ----------
    kind : {"denied", "failed", "not asked"}
        A permission is missing; anything else that went wrong; or nobody asked, because an
        earlier answer was missing.
    reason : str
        In one line, without secrets.
    """

    kind: Kind
    reason: str


@dataclass(frozen=True)
class Answer:
    """One answer of AWS's.

    Parameters
    ----------
    ask : str
        IAM action that permits the question, as in ``ec2:DescribeFlowLogs``.
    of : str
        What it was about: a log group, a role's ARN, a bucket; "" for all of a region.
    value : JSON value
        What AWS said, times in ISO 8601; None where AWS says that it does not exist.
    refusal : Refusal, optional
        Instead of a value.
    """

    ask: str
    of: str = ""
    value: Any = None
    refusal: Refusal | None = None

    @property
    def known(self) -> bool:
        """Whether AWS answered; the answer may be that there is nothing."""
        return self.refusal is None

    def items(self) -> list[Any]:
        """Give the value of an answer that lists things; empty where there is none."""
        return list(self.value) if self.known and self.value else []


@dataclass(frozen=True)
class Scope:
    """What was asked of one account in one region."""

    account_id: str
    region: str
    partition: str = "aws"
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)

    def get(self, ask: str, of: str = "") -> Answer:
        """Give an answer; one that says "not asked" where the question was never put."""
        nobody = Refusal("not asked", f"{ask} was not asked{f' of {of}' if of else ''}")
        return self.answers.get((ask, of)) or Answer(ask, of, refusal=nobody)

    def having(self, *answers: Answer) -> Scope:
        """Give a copy in which AWS would have answered so: to judge what is only planned."""
        return replace(self, answers={**self.answers, **{(a.ask, a.of): a for a in answers}})


@dataclass(frozen=True)
class Inventory:
    """Everything that was asked, at one time.

    Parameters
    ----------
    taken : datetime
        When the collecting began: the "now" of every judgement. [UTC]
    scopes : tuple of Scope
        One per account and region.
    asked : mapping
        What was to be looked at: vpc, subnet, interface, regions; None where not restricted.
    practice : bool
        The answers come from a practice account.
    anonymized : bool
        Ids and names are replaced by others of the same shape.
    """

    taken: datetime
    scopes: tuple[Scope, ...]
    asked: Mapping[str, Any] = field(default_factory=dict)
    practice: bool = False
    anonymized: bool = False

    def __iter__(self) -> Iterator[Scope]:
        return iter(self.scopes)

    def to_json(self) -> str:
        """Write it as JSON, the same text for the same inventory."""
        content = {
            "format": FORMAT,
            "taken": self.taken.astimezone(UTC).isoformat(),
            "practice": self.practice,
            "anonymized": self.anonymized,
            "asked": dict(self.asked),
            "scopes": [_scope_to_json(scope) for scope in self.scopes],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def scope_of(
    account_id: str, region: str, answers: Iterable[Answer], partition: str = "aws"
) -> Scope:
    """Make a scope of its answers."""
    return Scope(account_id, region, partition, {(a.ask, a.of): a for a in answers})


def from_json(text: str, name: str = "the snapshot") -> Inventory:
    """Read an inventory that `Inventory.to_json` wrote.

    Raises
    ------
    FlowlabError
        Not an inventory, or one of a newer flowlab.
    """
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise FlowlabError(
                f"{name} is {str(content['format'])[:60]!r}, not {FORMAT!r}.",
                "another version of flowlab wrote it.",
                "take a new one: fl.check_setup(...).save(folder).",
            )
        return Inventory(
            datetime.fromisoformat(content["taken"]),
            tuple(map(_scope_from_json, content["scopes"])),
            content["asked"],
            bool(content["practice"]),
            bool(content["anonymized"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, FlowlabError):
            raise
        raise FlowlabError(
            f"{name} is not a saved set-up.",
            "it is another file, or it was cut or edited.",
            "pass what fl.check_setup(...).save(folder) wrote.",
        ) from problem


def read(path: str | Path) -> Inventory:
    """Read a saved inventory: its file, or the newest in a folder.

    Raises
    ------
    SourceError
        There is none.
    FlowlabError
        It is not an inventory.
    """
    place = Path(path).expanduser()
    files = sorted(place.glob("setup-*.json")) if place.is_dir() else [place]
    if not files or not files[-1].is_file():
        raise SourceError(
            f"there is no saved set-up at {str(path)!r}.",
            fix="save one: fl.check_setup(...).save(folder).",
        )
    try:
        text = files[-1].read_text("utf-8")
    except UnicodeDecodeError:
        text = ""  # no JSON: told as such, with the name
    return from_json(text, str(files[-1]))


def _scope_to_json(scope: Scope) -> dict[str, Any]:
    answers = []
    for _, answer in sorted(scope.answers.items()):
        row: dict[str, Any] = {"ask": answer.ask, "of": answer.of}
        if answer.refusal is None:
            row["value"] = answer.value
        else:
            row["refusal"] = {"kind": answer.refusal.kind, "reason": answer.refusal.reason}
        answers.append(row)
    return {
        "account_id": scope.account_id,
        "region": scope.region,
        "partition": scope.partition,
        "answers": answers,
    }


def _scope_from_json(content: Mapping[str, Any]) -> Scope:
    answers = [
        Answer(
            row["ask"],
            row["of"],
            row.get("value"),
            Refusal(**row["refusal"]) if "refusal" in row else None,
        )
        for row in content["answers"]
    ]
    return scope_of(content["account_id"], content["region"], answers, content["partition"])
