"""Whose credentials these are, and in which regions there is something to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import NamedTuple

from flowlab.errors import FlowlabError
from flowlab.setup import network, questions
from flowlab.setup.asking_aws import Talk
from flowlab.setup.following import Inquiry, tasks_of
from flowlab.setup.inventory import Answer, Refusal
from flowlab.setup.targets import Target, regions_of
from flowlab.sources.aws import Access, code, explain, reason

# Regions that are never turned off, one of each part of AWS: who asks there is answered.
_ALWAYS_ON = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


class Account(NamedTuple):
    """Who an access is, or why AWS does not say."""

    access: Access
    account_id: str
    answers: list[Answer]
    problem: FlowlabError | None = None

    def inquiries(
        self, asked: str | Sequence[str] | None, target: Target, taken: datetime
    ) -> list[Inquiry]:
        """Make an inquiry for each region that is asked for.

        Raises
        ------
        FlowlabError
            A region does not exist or is not enabled: see `regions_of`.
        """
        told = {answer.ask: answer for answer in self.answers}.get("ec2:DescribeRegions")
        known = told.value if told and told.known else None
        home = self.access.region_name() or _ALWAYS_ON["aws"]
        if self.problem and asked == "all":
            asked = None
        partition = self.access.partition()
        made = []
        for region in regions_of(asked, home, known, self.account_id):
            there = replace(self.access, region=region)
            inquiry = Inquiry(there, self.account_id, partition)
            if self.problem:
                inquiry.take(_silence(self.problem))
            else:
                inquiry.take(self.answers)
                inquiry.steps = tasks_of(inquiry, target, taken)
            made.append(inquiry)
        return made


def who(access: Access) -> Account:
    """Ask whose credentials these are; elsewhere too, if the region of the access is off."""
    problem: FlowlabError | None = None
    try:
        home = access.region_name() or _ALWAYS_ON["aws"]
        always = _ALWAYS_ON.get(access.partition(), home)
        for region in dict.fromkeys([home if home in _known_regions() else always, always]):
            talk = Talk(replace(access, region=region))
            client = talk.client("sts")
            try:
                found = client.get_caller_identity()
            except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's
                doing = "asking AWS whose credentials these are"
                problem = problem or explain(error, doing, access.profile)
                if not code(error):
                    break  # no answer at all: it is the network, not the region
                continue
            questions.account(talk)
            questions.regions(talk)
            return Account(access, str(found["Account"]), talk.answers)
    except FlowlabError as error:
        problem = error
    owner = (access.role_arn or "").split(":")[4:5]
    return Account(access, owner[0] if owner else "", [], problem)


@cache
def _known_regions() -> frozenset[str]:
    """Regions that boto3 knows; one that it does not may be new, or misspelled."""
    import boto3

    session = boto3.Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )


def _silence(problem: FlowlabError) -> list[Answer]:
    """Answers of an account that cannot be asked, next to others that can."""
    why = Refusal("failed", reason(problem, ""))
    asks = "sts:GetCallerIdentity", network.VPCS, network.INTERFACES, network.FLOW_LOGS
    return [Answer(ask, refusal=why) for ask in asks]
