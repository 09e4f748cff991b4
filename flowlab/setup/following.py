"""What to ask about a region, step by step: what follows from an answer is asked after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from flowlab.setup import network, questions
from flowlab.setup.asking_aws import Talk
from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Answer, Scope, scope_of
from flowlab.setup.targets import Target
from flowlab.sources.aws import Access

# S3's answers that are older than the names of regions.
_OLD_NAMES = {None: "us-east-1", "EU": "eu-west-1"}


class Task(NamedTuple):
    """Questions that are put one after the other, by one thread."""

    access: Access
    put: Callable[[Talk], object]
    key: tuple[str, ...] = ()  # the same questions in other regions, too: they are put once


@dataclass(eq=False)
class Inquiry:
    """What is asked about one account in one region."""

    access: Access  # with that region
    account_id: str
    partition: str = "aws"
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    steps: Iterator[list[Task]] = field(default_factory=lambda: iter(()))
    open: int = 0  # tasks of this step that are not done yet

    def take(self, answers: Sequence[Answer]) -> None:
        """Add answers."""
        self.answers.update({(answer.ask, answer.of): answer for answer in answers})

    def scope(self) -> Scope:
        """Give what was answered."""
        region = self.access.region or ""
        return scope_of(self.account_id, region, self.answers.values(), self.partition)


def tasks_of(inquiry: Inquiry, target: Target, taken: datetime) -> Iterator[list[Task]]:
    """Give tasks; those of each step when the ones before it are done.

    Parameters
    ----------
    inquiry : Inquiry
        Its answers are read as they come.
    target : Target
    taken : datetime
        Now. [UTC]
    """
    access = inquiry.access
    found: list[Answer] | None = None
    if target:
        found = []
        yield [Task(access, lambda talk: found.extend(network.only(talk, target)))]
        if not any(answer.items() for answer in found):
            return
    else:
        yield [
            Task(access, network.vpcs),
            Task(access, network.subnets),
            Task(access, network.interfaces),
            Task(access, network.instances),
        ]
    yield [Task(access, partial(network.flow_logs, found=found))]
    logs = inquiry.answers[network.FLOW_LOGS, ""].items()
    yield [
        *_about_buckets(inquiry, logs, taken),
        *_about_groups(inquiry, logs, taken, target.interface),
        *_about_roles(inquiry, logs),
    ]
    yield list(_about_keys(inquiry))


def _about_buckets(inquiry: Inquiry, logs: Sequence[Any], taken: datetime) -> Iterator[Task]:
    """Ask about what is no log group: buckets and Firehose streams."""
    access, owner, region = inquiry.access, inquiry.account_id, inquiry.access.region or ""
    for log in logs:
        place, arn = destination_of(log), str(log.get("LogDestination") or "")
        if place.place == "s3" and place.name:
            yield Task(access, partial(questions.bucket, name=place.name), ("bucket", place.name))
            yield Task(
                access,
                partial(questions.objects, arn=arn, owner=owner, region=region, taken=taken),
                ("objects", arn, owner, region),
            )
        elif place.place == "firehose":
            yield Task(access, partial(questions.stream, arn=arn, owner=owner), ("stream", arn))


def _about_groups(
    inquiry: Inquiry, logs: Sequence[Any], taken: datetime, interface: str | None
) -> Iterator[Task]:
    groups: dict[str, list[str]] = {}
    for log in logs:
        place = destination_of(log)
        if place.place == "cloudwatch" and place.name:
            groups.setdefault(place.name, []).append(str(log.get("LogFormat") or ""))
    for name, formats in groups.items():
        put = partial(
            questions.log_group, name=name, formats=formats, taken=taken, interface=interface
        )
        yield Task(inquiry.access, put)


def _about_roles(inquiry: Inquiry, logs: Sequence[Any]) -> Iterator[Task]:
    access, owner = inquiry.access, inquiry.account_id
    roles: dict[str, dict[str, None]] = {}  # each with the ARNs of the groups it delivers to
    for log in logs:
        place, role = destination_of(log), log.get("DeliverLogsPermissionArn")
        if role:
            groups = roles.setdefault(str(role), {})
            if place.place == "cloudwatch" and place.name:
                start = f"arn:{inquiry.partition}:logs:{access.region}:{owner}"
                groups[f"{start}:log-group:{place.name}:*"] = None
    for arn, delivers_to in roles.items():
        yield Task(access, partial(questions.role, arn=arn, owner=owner), ("role", arn))
        if delivers_to:
            yield Task(access, partial(questions.simulation, arn=arn, groups=list(delivers_to)))


def _about_keys(inquiry: Inquiry) -> Iterator[Task]:
    """Ask for the keys that log groups and buckets are encrypted with."""
    for key_id, region in keys_of(inquiry.answers.values(), inquiry.access.region or "").items():
        access = replace(inquiry.access, region=region)
        yield Task(access, partial(questions.key, key_id=key_id), ("key", key_id, region))


def keys_of(answers: Iterable[Answer], own: str) -> dict[str, str]:
    """Find the keys of log groups and buckets, each with the region it is in.

    Parameters
    ----------
    answers : iterable of Answer
    own : str
        Region that was asked: of keys that do not say themselves where they are.
    """
    known = {(answer.ask, answer.of): answer for answer in answers}
    keys: dict[str, str] = {}
    for (ask, of), answer in known.items():
        value = answer.value or {}
        if ask == "logs:DescribeLogGroups" and value.get("kmsKeyId"):
            keys[value["kmsKeyId"]] = own
        if ask == "s3:GetEncryptionConfiguration" and value.get("KMSMasterKeyID"):
            place = known.get(("s3:GetBucketLocation", of))
            there = place.value["LocationConstraint"] if place and place.value else own
            keys[value["KMSMasterKeyID"]] = _OLD_NAMES.get(there, there)
    return keys
