"""Judge the flow logs themselves: does one cover every ENI, and does AWS say that it delivers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from flowlab.setup.coverage import FlowLog, by_resource, containers, covering, in_use
from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Scope
from flowlab.setup.owners import moment
from flowlab.setup.recording import judge_recording
from flowlab.setup.verdicts import Check, Link, undecided

# AWS: it takes "several minutes", at times 10 or more, until a new flow log records anything.
TOO_EARLY = timedelta(minutes=15)
_CONTROL = "CIS 3.9, EC2.6"


class _Meaning(NamedTuple):
    said: str  # in DeliverLogsErrorMessage, small letters
    link: Link  # of the chain that it tells of
    cause: str
    remedy: str


# AWS, "Troubleshoot VPC Flow Logs", and the API reference of FlowLog.
_MEANINGS = (
    _Meaning(
        "undeliverable", "destination",
        "the bucket is encrypted with a KMS key that is given by its id, or with AWS's own key.",
        "name a customer managed key by its ARN in the bucket's encryption.",
    ),
    _Meaning(
        "permissionissue", "permission",
        "the bucket policy is full (20 KB): each flow log adds its own ARN.",
        "replace its statements by one for the whole bucket: Resource arn:aws:s3:::BUCKET/*.",
    ),
    _Meaning(
        "destinationnotfound", "destination",
        "the bucket or log group is not there, or its ARN is wrong.",
        "create it, or create a new flow log that delivers to one that exists.",
    ),
    _Meaning(
        "access denied for logdestination", "permission",
        "the bucket's policy does not let the log delivery service write here.",
        "add both statements of AWS's bucket policy, for this account and prefix.",
    ),
    _Meaning(
        "rate limited", "destination",
        "CloudWatch Logs throttles: too many records of an ENI in a short time, or the account has "
        "as many log groups as it may.",
        "ask for a higher quota of CloudWatch Logs, deliver to S3, or record less (REJECT only).",
    ),
    _Meaning(
        "unknown error", "flow log", "an error inside AWS.",
        "wait a while; if it stays, create the flow log anew, and ask AWS Support.",
    ),
)  # fmt: skip
_ACCESS = {
    "cloudwatch": (
        "the role may not write to the log group, or does not trust vpc-flow-logs.amazonaws.com.",
        "see the checks of the role; mend its trust policy or its permissions.",
    ),
    "s3": (
        "the bucket's policy, or that of its KMS key, does not let delivery.logs.amazonaws.com in.",
        "see the checks of the bucket; mend its policy or its key's.",
    ),
}


def judge_flow_logs(scope: Scope, now: datetime) -> Iterator[Check]:
    """Judge coverage of every ENI in use, and every flow log.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Time of the inventory. [UTC]

    Yields
    ------
    Check
        ``flow-log-covers``, one per ENI in use (or one for the region where AWS lists no ENIs);
        ``flow-log-active``, ``flow-log-delivers``, ``flow-log-age``, ``flow-log-traffic-type``,
        ``flow-log-overlap``, ``flow-log-interval``, ``flow-log-format``, one per flow log. Those
        of transit gateways have no traffic type and other fields: neither is judged.
    """
    yield from _coverage(scope)
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        name = str(flow_log.get("FlowLogId", ""))
        tell = partial(
            Check, name, flow_log=name, account_id=scope.account_id, region=scope.region
        )  # fmt: skip
        yield _active(flow_log, tell)
        yield _delivers(flow_log, tell, now)
        yield _age(flow_log, tell, now)
    yield from judge_recording(scope)


def is_young(flow_log: FlowLog, now: datetime) -> bool:
    """Whether a flow log is too new for anything to have arrived."""
    made = moment(flow_log.get("CreationTime"))
    return made is not None and now - made < TOO_EARLY


def _coverage(scope: Scope) -> Iterator[Check]:
    interfaces = scope.get("ec2:DescribeNetworkInterfaces")
    flow_logs = scope.get("ec2:DescribeFlowLogs")
    if not interfaces.known:
        yield undecided(
            scope, interfaces, scope.region, "flow-log-covers", link="interface", control=_CONTROL
        )
        return
    index, owners = by_resource(flow_logs.items()), _network_owners(scope)
    around = containers(scope)
    within = {one for on in index for one in around.get(on, ())}  # VPCs with flow logs on parts
    for eni in filter(in_use, interfaces.items()):
        name = str(eni.get("NetworkInterfaceId", ""))
        if not flow_logs.known:
            yield undecided(
                scope, flow_logs, name, "flow-log-covers",
                link="interface", interface=name, control=_CONTROL,
            )  # fmt: skip
            continue
        tell = partial(
            Check, name, "flow-log-covers", link="interface", interface=name, control=_CONTROL,
            account_id=scope.account_id, region=scope.region,
        )  # fmt: skip
        vpc = str(eni.get("VpcId", ""))
        if found := covering(eni, index):
            said = (f"{f.get('FlowLogId')} on its {via} {f.get('ResourceId')}" for f, via in found)
            yield tell("ok", f"covered by {', '.join(said)}.")
        elif (owner := owners.get(vpc, scope.account_id)) != scope.account_id:
            yield tell(
                "unknown", f"{vpc} is shared by account {owner}, whose flow logs do not show here.",
                "only the owner of a VPC sees the flow logs of the VPC and its subnets.",
                f"ask account {owner}, or create a flow log on {name} itself.",
            )  # fmt: skip
        else:
            subnet = eni.get("SubnetId")
            remedy = f"create one on {vpc}, which covers all that is in it"
            if vpc in within:
                remedy = (
                    f"create one on {subnet}, as other parts of {vpc} have; or one on {vpc}, and "
                    "then delete those, which would record again what it records"
                )
            yield tell(
                "fail", f"no flow log is on {name}, its subnet {subnet} or its VPC {vpc}.",
                "none was ever created there, or it was deleted.",
                f"{remedy}; fl.plan_flow_logs() plans it.",
            )  # fmt: skip


def _network_owners(scope: Scope) -> dict[str, str]:
    vpcs = scope.get("ec2:DescribeVpcs").items()
    return {str(v.get("VpcId")): str(v.get("OwnerId") or scope.account_id) for v in vpcs}


def _active(flow_log: FlowLog, tell: partial[Check]) -> Check:
    status = flow_log.get("FlowLogStatus")
    told = partial(tell, "flow-log-active")
    if status == "ACTIVE":
        return told("ok", "its status is ACTIVE; AWS may still be unable to deliver.")
    if status is None:
        return told("unknown", "AWS told no status.", "AWS gave no answer.", "check again later.")
    return told(
        "fail", f"its status is {status}, not ACTIVE.", "it is being created or deleted.",
        "look again in some minutes; if it stays, create it anew.",
    )  # fmt: skip


def _delivers(flow_log: FlowLog, tell: partial[Check], now: datetime) -> Check:
    status, told = flow_log.get("DeliverLogsStatus"), partial(tell, "flow-log-delivers")
    if status == "SUCCESS":
        return told("ok", "AWS says that delivery succeeds.")
    if status == "FAILED":
        message = str(flow_log.get("DeliverLogsErrorMessage") or "")
        link, cause, remedy = _translated(message, destination_of(flow_log).place)
        return told("fail", f"AWS says that delivery failed: {message or 'no reason'}.",
                    cause, remedy, link)  # fmt: skip
    if is_young(flow_log, now):
        return told("warn", "AWS says nothing about delivery yet.", "it is only minutes old.",
                    "check again in a quarter of an hour.")  # fmt: skip
    return told(
        "warn", "AWS says nothing about delivery.",
        "nothing has been recorded yet: no ENI that it covers is in use, perhaps.",
        "see the checks of the destination: what arrives there is the proof.",
    )  # fmt: skip


def _translated(message: str, place: str) -> tuple[Link, str, str]:
    """Say what AWS's message tells of: link of the chain, cause, remedy."""
    said = message.lower()
    for known in _MEANINGS:
        if known.said in said:
            return known.link, known.cause, known.remedy
    if "access" in said:
        cause, remedy = _ACCESS.get(
            place, ("AWS may not write to the destination.", "see the checks of the destination.")
        )
        return "permission", cause, remedy
    seen = "see the checks of role and destination."
    return "flow log", "AWS gives no reason that is documented.", seen


def _age(flow_log: FlowLog, tell: partial[Check], now: datetime) -> Check:
    made, told = moment(flow_log.get("CreationTime")), partial(tell, "flow-log-age")
    if made is None:
        return told("unknown", "AWS told no time of creation.", "AWS gave no answer.",
                    "check again later.")  # fmt: skip
    written = f"it was created on {made:%Y-%m-%d at %H:%M} UTC"
    if is_young(flow_log, now):
        minutes = max(0, int((now - made).total_seconds() // 60))
        return told(
            "warn", f"{written}, {minutes} minutes ago.",
            "too early to tell: a new flow log takes 10 minutes or more to begin.",
            "check again in a quarter of an hour.",
        )  # fmt: skip
    return told("ok", f"{written}; nothing from before can be had.")
