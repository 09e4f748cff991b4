"""Plan flow logs: what there is, what is to be made, in which order; nothing is done unseen."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from flowlab.errors import FlowlabError
from flowlab.setup import inventory, steps, templates, terraforming
from flowlab.setup.deciding import Decided
from flowlab.setup.inventory import Inventory, Scope
from flowlab.setup.looking import look
from flowlab.setup.steps import Call, Step
from flowlab.setup.wishes import Wish, access_of, wish_of
from flowlab.wording import plain_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from flowlab.setup.applied import Applied
    from flowlab.sources.aws import Access


def plan_flow_logs(
    resource: str | Iterable[str],
    *,
    to: Any,
    fields: str | Sequence[str] = "recommended",
    interval: int = 60,
    traffic: str = "ALL",
    retention_days: int | Literal["keep"] | None = "keep",
    name: str | None = None,
    parquet: bool = False,
    hive: bool = False,
    hourly: bool = False,
    region: str | None = None,
    profile: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    snapshot: Inventory | str | Path | None = None,
) -> Plan:
    """Plan flow logs: see what is there, what is missing or broken, and what will be done.

    AWS is only read. `Plan.apply` does what the plan shows; or take it elsewhere as a
    CloudFormation template, for Terraform, or as commands.

    Parameters
    ----------
    resource : str or iterable of str
        Id of a VPC, subnet or ENI; or up to 300 of one kind. Subnets and ENIs inherit.
    to : str, CloudWatch or S3
        ``cloudwatch:///log/group``, ``s3://bucket/prefix``, or the ARN of a Firehose stream.
    fields : str or sequence of str
        ``minimal``, ``recommended`` (answers most questions for the least bytes),
        ``everything``; AWS's field names; or a format such as ``${version} ${srcaddr}``.
    interval : {60, 600}
        Longest capture window. [s]
    traffic : {"ALL", "ACCEPT", "REJECT"}
    retention_days : int, None or "keep"
        How long a log group, or a bucket that is made here, keeps records; one of CloudWatch's
        values; None: for ever. By default a log group that is there keeps its own, and what is
        made here gets 90. [days]
    name : str, optional
        Tag Name of the flow log.
    parquet, hive, hourly : bool
        In S3: Parquet instead of text, folders named for Hive, a folder per hour.
    region, profile, role_arn, endpoint_url : str, optional
        As whom and where to ask: see `flowlab.sources.aws.Access`; those of `to` where left out.
    snapshot : Inventory or path, optional
        Plan from a saved set-up, without asking AWS. `Plan.apply` looks again first.

    Returns
    -------
    Plan

    Raises
    ------
    FlowlabError
        A setting AWS would refuse, or take and then fail; a resource or stream that does not
        exist; AWS cannot be asked.
    UnknownNameError
        A field or format that does not exist; the nearest are named.
    AccessError
        No credentials, or they may not list flow logs.

    Notes
    -----
    A flow log cannot be edited. If one is there that delivers to the same place, but otherwise
    than wished, a new one is made beside it, and the old one is deleted when records of the new
    one have been seen. Flow logs are inherited: one on the VPC that is as wished is kept for its
    subnets and ENIs, and those on its subnets and ENIs that record the same to the same place
    once more are deleted, when records have been seen. The policies of roles, buckets and keys
    are added to, never overwritten; what only takes something out (a Deny, a permissions
    boundary) would mend is a note.

    Examples
    --------
    >>> import flowlab as fl
    >>> plan = fl.plan_flow_logs(                                  # doctest: +SKIP
    ...     "vpc-0a1b2c3d4e5f60718", to="cloudwatch:///vpc/flow-logs"
    ... )
    >>> plan.apply(confirm="123456789012")                         # doctest: +SKIP
    """
    files = {"parquet": parquet, "hive": hive, "hourly": hourly}
    wish = wish_of(resource, to, fields, interval, traffic, retention_days, name, files)
    access = access_of(to, profile, region, role_arn, endpoint_url)
    if snapshot is None:
        return plan_of(wish, access, look(access, wish))
    saved = snapshot if isinstance(snapshot, Inventory) else inventory.read(snapshot)
    return plan_of(wish, access, _scope(saved, access.region), saved)


def _scope(saved: Inventory, region: str | None) -> Scope:
    """Choose what a snapshot tells of one account and region."""
    scopes = [s for s in saved if region is None or s.region == region]
    if len(scopes) == 1:
        return scopes[0]
    there = ", ".join(f"{s.region} of account {s.account_id}" for s in saved) or "nothing"
    raise FlowlabError(
        f"the snapshot does not tell which region to plan in: it has {there}.",
        fix="pass region= with one of these.",
    )


def plan_of(wish: Wish, access: Access, scope: Scope, saved: Inventory | None = None) -> Plan:
    """Make the plan from what there is to what is wished."""
    decided = Decided(scope, wish, saved.taken if saved else datetime.now(UTC))
    practice = saved.practice if saved else access.is_practice
    if saved:
        decided.notes.append(f"planned from a snapshot of {saved.taken:%Y-%m-%d %H:%M} UTC")
    anonymized = bool(saved and saved.anonymized)
    return Plan(wish, access, scope, tuple(decided.steps), tuple(decided.notes), decided.role,
                practice, decided.broken, anonymized)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Plan:
    """What is to be done to have flow logs as wished. Made by `plan_flow_logs`.

    Attributes
    ----------
    wish : Wish
        What was asked for.
    access : Access
        As whom AWS was asked, and will be.
    scope : Scope
        What AWS answered.
    todo : tuple of Step
        In order; `steps` shows them as a table.
    notes : tuple of str
        What to know before agreeing.
    delivery_role : str
        ARN of the role that new flow logs deliver with; "" where none is needed.
    practice : bool
        The account is a practice account.
    broken : bool
        One of the notes tells of something broken that no step mends.
    anonymized : bool
        Planned from a snapshot whose ids are not the real ones: to be read, not applied.
    """

    wish: Wish
    access: Access
    scope: Scope
    todo: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    delivery_role: str = ""
    practice: bool = False
    broken: bool = False
    anonymized: bool = False

    @property
    def account_id(self) -> str:
        """Account it is for."""
        return self.scope.account_id

    @property
    def region(self) -> str:
        """Region it is for."""
        return self.scope.region

    @property
    def partition(self) -> str:
        """Part of AWS: aws, aws-cn, aws-us-gov."""
        return self.scope.partition

    @property
    def empty(self) -> bool:
        """Whether all is already as wished."""
        return all(step.action == "keep" for step in self.todo)

    @property
    def steps(self) -> pd.DataFrame:
        """The steps, one row each, in order.

        n (int64), action (create, change, keep, verify, delete), what, resource, why, api_call
        (IAM action of the call; "" where nothing is called).
        """
        return steps.table(self.todo)

    @property
    def title(self) -> str:
        """What it is a plan for, in one line."""
        ids = self.wish.resource_ids
        which = ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more"
        practice = "practice account " if self.practice else "account "
        return (
            f"Plan: flow log of {which} to {self.wish.destination}, "
            f"{practice}{self.account_id}, {self.region}"
        )

    def command(self, call: Call) -> str:
        """Write one of its calls as a command of the AWS CLI."""
        endpoint = self.access.options()["endpoint_url"]
        return call.cli(self.region, self.access.profile, endpoint)

    def cloudformation(self) -> str:
        """Write what it creates as a CloudFormation template.

        Returns
        -------
        str
            JSON. What exists already is named, not described, so that the stack never owns or
            replaces it: a change to a role, a retention or the policy of an existing bucket, and
            the deletion of an old flow log, stand in ``Metadata`` as commands.

        Raises
        ------
        FlowlabError
            It creates nothing.
        """
        return templates.cloudformation(self)

    def terraform(self) -> str:
        """Write what it creates for Terraform; like `cloudformation`, changes are comments.

        Returns
        -------
        str
            HCL, for the AWS provider. Not run through terraform by flowlab.

        Raises
        ------
        FlowlabError
            It creates nothing.
        """
        return terraforming.terraform(self)

    def cli(self) -> str:
        """Write it as commands of the AWS CLI, with the reasons as comments.

        Returns
        -------
        str
            For a POSIX shell. What may only be done after records have arrived is commented out.
        """
        return templates.cli(self)

    def apply(self, confirm: str, *, wait: bool = True, timeout: float = 1200) -> Applied:
        """Do it: make and change what the plan shows, wait for records, delete what is replaced.

        Parameters
        ----------
        confirm : str
            Number of the account, to be sure that it is the right one.
        wait : bool
            Wait for the first records. Without, nothing is verified, so nothing is deleted.
        timeout : float
            How long to wait for them. [s]

        Returns
        -------
        Applied
            What was done, whether records arrived, and the checks of the set-up thereafter.

        Raises
        ------
        FlowlabError
            `confirm` is another account, or the account has changed since the plan was made:
            nothing was done. Or a step failed: all that had been made was taken back, or the
            message names what was not.

        Notes
        -----
        Running it again makes nothing twice: AWS is looked at first, and only what is still
        missing is done. Interrupted while waiting, it leaves all that was made, and deletes
        nothing.
        """
        from flowlab.setup.applying import apply

        return apply(self, confirm, wait=wait, timeout=timeout)

    def _headline(self) -> str:
        if not self.empty:
            return self.title
        state = (
            "but broken where no plan can mend it, see below" if self.broken else "nothing to do"
        )
        return f"{self.title}: already as wished, {state}"

    def _foot(self) -> list[str]:
        if self.empty:
            return list(self.notes)
        how = f'nothing is done yet: plan.apply(confirm="{self.account_id}") does it'
        if self.anonymized:
            how = "made from anonymized ids: it can be read, not applied"
        return [*self.notes, how]

    def __repr__(self) -> str:
        lines = [self._headline()]
        for n, step in enumerate(self.todo, 1):
            lines.append(f"{n:>3}. {step.action:<7}{step.what} {step.resource}: {step.why}")
            lines += [f"       {line}" for line in step.detail.splitlines()]
        return "\n".join(plain_text(line) for line in [*lines, *(f"- {n}" for n in self._foot())])

    def _repr_html_(self) -> str:
        items = []
        for step in self.todo:
            what = f"<b>{step.action}</b> {_safe(step.what)} <code>{_safe(step.resource)}</code>"
            detail = "".join(f"{_safe(line)}\n" for line in step.detail.splitlines())
            shown = f"<details><summary>the change</summary><pre>{detail}</pre></details>"
            items.append(f"<li>{what}: {_safe(step.why)}{shown if detail else ''}</li>")
        notes = "".join(f"<li>{_safe(note)}</li>" for note in self._foot())
        return (
            f"<div class='flowlab-plan'><p>{_safe(self._headline())}</p>"
            f"<ol>{''.join(items)}</ol><ul>{notes}</ul></div>"
        )


def _safe(text: str) -> str:
    return html.escape(plain_text(text))
