"""Judge the log groups that flow logs deliver to: there, of a class to read from, kept, usable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flowlab.setup.arrivals import Arrivals, arrivals_of
from flowlab.setup.coverage import FlowLog, Interface, covered_interfaces
from flowlab.setup.destinations import destination_of
from flowlab.setup.documents import log_group_key_statement
from flowlab.setup.flow_logs import is_young
from flowlab.setup.iam import key_allows
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.log_streams import judge_arrivals
from flowlab.setup.mistakes import as_json
from flowlab.setup.statements import MalformedPolicyError
from flowlab.setup.verdicts import Check, undecided

_OF_THE_GROUP = ("log-group-exists", "log-group-class", "log-group-retention", "log-group-key")
# What CloudWatch Logs cannot do without; AWS's own example allows some more.
_KEY_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")
_CLASSES = {
    "INFREQUENT_ACCESS": "FilterLogEvents and GetLogEvents do not read from it, so flowlab cannot; "
    "Logs Insights discovers no fields in it",
    "ESSENTIALS": "it has a part of the features only",
    "DELIVERY": "it keeps events for one day, and Logs Insights does not read from it",
}


def judge_log_groups(scope: Scope, now: datetime) -> Iterator[Check]:
    """Judge the log group of each flow log that delivers to CloudWatch Logs, and what arrives.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Time of the inventory. [UTC]

    Yields
    ------
    Check
        ``log-group-exists``, ``log-group-class``, ``log-group-retention``, ``log-group-key``, one
        per flow log, of a group that exists; and what `judge_arrivals` says of its log streams.
    """
    covered = covered_interfaces(scope)
    groups: dict[str, Arrivals] = {}
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        place = destination_of(flow_log)
        if place.place != "cloudwatch":
            continue
        name = str(flow_log.get("FlowLogId", ""))
        interfaces = covered.get(name, ())
        answer = scope.get("logs:DescribeLogGroups", place.name)
        tell = partial(
            Check, place.name or name, link="destination", flow_log=name,
            account_id=scope.account_id, region=scope.region,
        )  # fmt: skip
        if not place.name or (answer.known and not answer.value):
            yield _missing(scope, flow_log, tell, interfaces, now)
            continue
        if not answer.known:
            for check in _OF_THE_GROUP:
                yield undecided(
                    scope, answer, place.name, check, link="destination", flow_log=name
                )  # fmt: skip
        else:
            yield tell("log-group-exists", "ok", f"{place} exists in {scope.region}.")
            yield _class(answer.value, tell)
            yield _retention(answer.value, tell)
            yield judge_group_key(scope, name, answer.value)
        if place.name not in groups:
            groups[place.name] = arrivals_of(scope, place.name)
        yield from judge_arrivals(scope, flow_log, groups[place.name], interfaces, now)


def _missing(
    scope: Scope,
    flow_log: FlowLog,
    tell: partial[Check],
    interfaces: Sequence[Interface],
    now: datetime,
) -> Check:
    place = destination_of(flow_log)
    told = partial(tell, "log-group-exists")
    if not place.name:
        return told("fail", "the flow log names no log group.", "AWS lists it without one.",
                    "create a new flow log with a log group.")  # fmt: skip
    said = f"{place} does not exist in {scope.region}."
    if is_young(flow_log, now):
        return told("warn", said, "AWS makes it with the first records, and these take 10 minutes "
                    "or more.", "check again in a quarter of an hour.")  # fmt: skip
    if not interfaces:
        return told("warn", said, "AWS makes it with the first records, and no ENI that the flow "
                    "log covers is in use.", "nothing to do until one is.")  # fmt: skip
    other = _elsewhere(flow_log, scope)
    return told(
        "fail", said,
        f"the flow log names one in {other}." if other else
        "it was deleted; or no record ever came, with which AWS would have made it.",
        f"create it in {scope.region} (`aws logs create-log-group --log-group-name {place.name}`), "
        "with a retention; the role may then do without logs:CreateLogGroup.",
    )  # fmt: skip


def _elsewhere(flow_log: FlowLog, scope: Scope) -> str:
    """Name region and account of the group's ARN where they are not this scope's."""
    parts = str(flow_log.get("LogDestination") or "").split(":")
    here = (scope.region, scope.account_id)
    there = tuple(parts[3:5])
    return " of account ".join(there) if len(parts) > 6 and there != here else ""


def _class(group: Mapping[str, Any], tell: partial[Check]) -> Check:
    kind, told = str(group.get("logGroupClass") or "STANDARD"), partial(tell, "log-group-class")
    if kind == "STANDARD":
        return told("ok", "its class is STANDARD: everything can read from it.")
    return told(
        "warn", f"its class is {kind}: {_CLASSES.get(kind, 'not every feature works with it')}.",
        "it was created with this class, which cannot be changed.",
        "to read the records here, deliver to a new log group of class STANDARD, or to S3, which "
        "costs no more.",
    )  # fmt: skip


def _retention(group: Mapping[str, Any], tell: partial[Check]) -> Check:
    days, told = group.get("retentionInDays"), partial(tell, "log-group-retention")
    if days:
        return told("ok", f"events are kept for {days} days.")
    stored = f"; {group['storedBytes'] / 1e9:,.1f} GB so far" if group.get("storedBytes") else ""
    return told(
        "warn", f"events never expire{stored}: storage costs more every month.",
        "no retention is set, as in every log group that AWS makes by itself.",
        f"`aws logs put-retention-policy --log-group-name {group.get('logGroupName')} "
        "--retention-in-days 90`, or as long as your rules ask for.",
    )  # fmt: skip


def judge_group_key(scope: Scope, flow_log: str, found: Mapping[str, Any]) -> Check:
    """Judge the KMS key of a log group.

    Parameters
    ----------
    scope : Scope
    flow_log : str
        Id of the flow log that delivers to it.
    found : mapping
        The log group, as DescribeLogGroups gives it.

    Returns
    -------
    Check
        ``log-group-key``.
    """
    group, key = str(found.get("logGroupName", "")), str(found.get("kmsKeyId") or "")
    told = partial(
        Check, group, "log-group-key", link="destination", flow_log=flow_log,
        account_id=scope.account_id, region=scope.region,
    )  # fmt: skip
    if not key:
        return told("ok", "encrypted with a key of CloudWatch Logs' own.")
    described, policy = scope.get("kms:DescribeKey", key), scope.get("kms:GetKeyPolicy", key)
    unknown = partial(
        undecided, scope, resource=group, check="log-group-key", link="destination",
        flow_log=flow_log,
    )  # fmt: skip
    if not described.known:
        return unknown(described)
    state = (described.value or {}).get("KeyState", "not there")
    if state != "Enabled":
        return told(
            "fail", f"its KMS key {key} is {state}: nothing can be written or read.",
            "the key was disabled or deleted after the log group was given it.",
            "enable the key or cancel its deletion; or give the group another key.",
        )  # fmt: skip
    if not policy.known:
        return unknown(policy)
    return _key_policy(scope, group, key, policy, told)


def _key_policy(
    scope: Scope, group: str, key: str, policy: Answer, told: partial[Check]
) -> Check:  # fmt: skip
    right = log_group_key_statement(scope.account_id, scope.region, group, scope.partition)
    service = right["Principal"]["Service"]
    # CloudWatch Logs encrypts in this context; AWS's key policy for it is conditional on it.
    context = right["Condition"]["ArnEquals"]
    remedy = f"add this statement to the key's policy: {as_json(right)}"
    try:
        decision = key_allows(policy.value, service, _KEY_ACTIONS, context)
    except MalformedPolicyError as problem:
        return told("fail", f"the policy of its KMS key {key} is none: {problem.what}",
                    "it was edited by hand, or cut.", remedy)  # fmt: skip
    if decision.result == "ALLOW":
        return told("ok", f"its KMS key {key} is enabled and lets {service} use it.")
    if decision.result == "UNSURE":
        return told(
            "unknown", f"whether the policy of its KMS key {key} lets {service} use it depends on "
            f"what only AWS knows ({decision.undecided}).",
            "a condition that cannot be decided from here.", remedy,
        )  # fmt: skip
    against = f" ({decision.denied_by} denies it)" if decision.denied_by else ""
    return told(
        "fail", f"the policy of its KMS key {key} does not let {service} use it: "
        f"{', '.join(decision.actions)}{against}.",
        "the key's policy does not name CloudWatch Logs of this region, or another log group.",
        remedy,
    )  # fmt: skip
