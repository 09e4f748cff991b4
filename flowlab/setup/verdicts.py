"""The words of a judgement: one check, its status, and where in the chain it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from flowlab.setup.inventory import Answer, Scope

Status = Literal["ok", "warn", "fail", "unknown"]
Link = Literal["interface", "flow log", "permission", "destination", "newest record"]

STATUSES: tuple[Status, ...] = ("ok", "warn", "unknown", "fail")  # from best to worst
LINKS: tuple[Link, ...] = (
    "interface",  # does any flow log cover this ENI?
    "flow log",  # is it active, does AWS say it delivers?
    "permission",  # may it deliver: role, or bucket and key policy?
    "destination",  # is there something to deliver to?
    "newest record",  # does it arrive?
)


class Check(NamedTuple):
    """One judgement of one thing.

    Attributes
    ----------
    resource : str
        Id, name or ARN of what was judged.
    check : str
        What was judged: a short name that stays the same, as in ``role-trust``.
    status : {"ok", "warn", "fail", "unknown"}
    evidence : str
        What AWS answered, in a sentence: the reader can verify it.
    cause, remedy : str
        The likely cause and what to do; empty where the status is ok.
    link : str
        Which link of the chain it belongs to, one of LINKS.
    flow_log : str
        Flow log whose chain it belongs to; "" where it belongs to no single one.
    interface : str
        ENI whose chain it belongs to; "" where it belongs to all that the flow log covers.
    control : str
        Controls it answers, as in ``CIS 3.9, EC2.6``.
    account_id, region : str
        Where.
    """

    resource: str
    check: str
    status: Status
    evidence: str
    cause: str = ""
    remedy: str = ""
    link: Link = "flow log"
    flow_log: str = ""
    interface: str = ""
    control: str = ""
    account_id: str = ""
    region: str = ""


def worst(statuses: Iterable[Status]) -> Status:
    """Give the worst of several statuses; ok where there is none."""
    return max(statuses, key=STATUSES.index, default="ok")


def undecided(
    scope: Scope,
    answer: Answer,
    resource: str,
    check: str,
    *,
    link: Link = "flow log",
    flow_log: str = "",
    interface: str = "",
    control: str = "",
) -> Check:
    """Make the check of what AWS did not answer: unknown, with the permission to ask for."""
    refusal = answer.refusal
    denied = refusal is not None and refusal.kind == "denied"
    return Check(
        resource,
        check,
        "unknown",
        refusal.reason if refusal else "",
        f"the permission {answer.ask} is missing." if denied else "AWS gave no answer.",
        f"allow {answer.ask} (fl.setup_policy() prints all that is needed), then check again."
        if denied
        else "check again later.",
        link,
        flow_log,
        interface,
        control,
        scope.account_id,
        scope.region,
    )
