"""Which flow logs cover an ENI, and where the chain from it to its newest record breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowlab.setup.arrivals import Arrivals, arrivals_of
from flowlab.setup.destinations import destination_of
from flowlab.setup.formats import name_of
from flowlab.setup.inventory import Scope
from flowlab.setup.owners import instances_of, moment, owner_of
from flowlab.setup.verdicts import LINKS, STATUSES, Check, Status, worst

if TYPE_CHECKING:
    import pandas as pd

FlowLog = Mapping[str, Any]
Interface = Mapping[str, Any]
ByResource = Mapping[str, Sequence[FlowLog]]

# An ENI inherits downward: what its subnet or its VPC has holds for it too.
_VIA = (("NetworkInterfaceId", "ENI"), ("SubnetId", "subnet"), ("VpcId", "VPC"))
# These say how good the records are, or are a second opinion. That AWS does not answer them
# leaves open what they ask, but not whether the records arrive.
_ASIDE = {"flow-log-interval", "skipped-records", "role-simulated"}


def flow_logs_of(interface: Interface, flow_logs: Iterable[FlowLog]) -> list[tuple[FlowLog, str]]:
    """Find the flow logs that cover an ENI.

    Parameters
    ----------
    interface : mapping
        As DescribeNetworkInterfaces gives it.
    flow_logs : iterable of mapping
        As DescribeFlowLogs gives them, of the same account and region.

    Returns
    -------
    list of (flow log, via)
        `via` is ``ENI``, ``subnet`` or ``VPC``, in this order. Flow logs of transit gateways and
        regional NAT gateways cover no ENI.
    """
    return covering(interface, by_resource(flow_logs))


def by_resource(flow_logs: Iterable[FlowLog]) -> ByResource:
    """Sort flow logs by the id of what they are attached to."""
    found: dict[str, list[FlowLog]] = defaultdict(list)
    for flow_log in flow_logs:
        if resource := flow_log.get("ResourceId"):
            found[str(resource)].append(flow_log)
    return found


def covering(interface: Interface, flow_logs: ByResource) -> list[tuple[FlowLog, str]]:
    """Find the flow logs that cover an ENI, as `flow_logs_of`, among sorted ones."""
    return [
        (flow_log, via)
        for key, via in _VIA
        for flow_log in flow_logs.get(str(interface.get(key) or ""), ())
    ]


def containers(scope: Scope) -> dict[str, tuple[str, ...]]:
    """Give what contains each ENI (its subnet, its VPC) and each subnet, by id, as far as known."""
    found: dict[str, tuple[str, ...]] = {}
    for subnet in scope.get("ec2:DescribeSubnets").items():
        found[str(subnet.get("SubnetId"))] = (str(subnet.get("VpcId") or ""),)
    for eni in scope.get("ec2:DescribeNetworkInterfaces").items():
        around = (str(eni.get("SubnetId") or ""), str(eni.get("VpcId") or ""))
        found[str(eni.get("NetworkInterfaceId"))] = around
        found.setdefault(around[0], around[1:])
    return found


def in_use(interface: Interface) -> bool:
    """Whether an ENI is attached to something and can have traffic."""
    return interface.get("Status") == "in-use"


def covered_interfaces(scope: Scope) -> dict[str, list[Interface]]:
    """Give the ENIs in use that each flow log covers, by the id of the flow log."""
    index = by_resource(scope.get("ec2:DescribeFlowLogs").items())
    found: dict[str, list[Interface]] = defaultdict(list)
    for interface in scope.get("ec2:DescribeNetworkInterfaces").items():
        if in_use(interface):
            for flow_log, _ in covering(interface, index):
                found[str(flow_log.get("FlowLogId", ""))].append(interface)
    return found


def coverage_rows(scope: Scope, checks: Iterable[Check], now: datetime) -> list[dict[str, Any]]:
    """Tell of every ENI what covers it, what arrives, and what breaks first.

    Parameters
    ----------
    scope : Scope
    checks : iterable of Check
        All that the judges said; those of other scopes do no harm.
    now : datetime
        Time of the inventory. [UTC]

    Returns
    -------
    list of dict, one per ENI
        interface_id, owner (in words), in_use (bool), subnet_id, vpc_id, account_id (of the
        scope), region; flow_log, inherited_from (``ENI``, ``subnet``, ``VPC``), traffic_type,
        destination, format: of all flow logs that cover it, in the same order, joined by ", ";
        newest_record_age (Timedelta: of the ENI's newest event in CloudWatch Logs, of the newest
        object in S3; None if not known); first_broken_link (one of LINKS, "" if none), status
        (the worst of its chain), what (the broken check's evidence, "").

    Notes
    -----
    A chain is broken at its first link that fails; at the first unknown one if none fails. A
    warning breaks nothing. Of several flow logs the best counts: records that arrive by one of
    them are there. An ENI that is not in use has no chain, and is never at fault.
    """
    index = by_resource(scope.get("ec2:DescribeFlowLogs").items())
    instances = instances_of(scope)
    own, shared = defaultdict(list), defaultdict(list)
    for check in checks:
        if check.interface:
            own[check.interface].append(check)
        elif check.flow_log:
            shared[check.flow_log].append(check)
    groups: dict[str, Arrivals] = {}
    rows = []
    for eni in scope.get("ec2:DescribeNetworkInterfaces").items():
        name = str(eni.get("NetworkInterfaceId", ""))
        found = covering(eni, index)
        logs = [flow_log for flow_log, _ in found]
        verdict = _best(own[name], [str(f.get("FlowLogId", "")) for f in logs], shared)
        status, link, what = verdict if in_use(eni) else ("ok", "", "")
        rows.append(
            {
                "interface_id": name,
                "owner": owner_of(eni, instances),
                "in_use": in_use(eni),
                "subnet_id": eni.get("SubnetId", ""),
                "vpc_id": eni.get("VpcId", ""),
                "account_id": scope.account_id,
                "region": scope.region,
                "flow_log": ", ".join(str(f.get("FlowLogId", "")) for f in logs),
                "inherited_from": ", ".join(via for _, via in found),
                "traffic_type": ", ".join(str(f.get("TrafficType") or "") for f in logs),
                "destination": ", ".join(str(destination_of(f)) for f in logs),
                "format": ", ".join(name_of(str(f.get("LogFormat") or "")) for f in logs),
                "newest_record_age": _age(scope, name, logs, now, groups),
                "first_broken_link": link,
                "status": status,
                "what": what,
            }
        )
    return rows


def _best(
    own: Sequence[Check], flow_logs: Sequence[str], shared: Mapping[str, Sequence[Check]]
) -> tuple[Status, str, str]:
    """Judge the chain of each flow log; give status, broken link and evidence of the best."""
    chains = [
        [check for check in own if check.flow_log in ("", name)] + list(shared.get(name, ()))
        for name in flow_logs
    ] or [list(own)]
    found = [_chain(checks) for checks in chains]
    return min(found, key=lambda c: (STATUSES.index(c[0]), -_place(c[1])))


def _chain(checks: Iterable[Check]) -> tuple[Status, str, str]:
    asked = [c for c in checks if not (c.status == "unknown" and c.check in _ASIDE)]
    broken = [c for c in asked if c.status in ("fail", "unknown")]
    if not broken:
        return worst(c.status for c in asked), "", ""
    first = min(broken, key=lambda c: (-STATUSES.index(c.status), _place(c.link)))
    return first.status, first.link, first.evidence


def _place(link: str) -> int:
    return LINKS.index(link) if link in LINKS else len(LINKS)


def _age(
    scope: Scope,
    interface_id: str,
    flow_logs: Iterable[FlowLog],
    now: datetime,
    groups: dict[str, Arrivals],
) -> pd.Timedelta | None:
    """Age of the newest record that any of these flow logs delivered."""
    import pandas as pd

    seen = []
    for flow_log in flow_logs:
        destination = destination_of(flow_log)
        if destination.place == "cloudwatch":
            if destination.name not in groups:
                groups[destination.name] = arrivals_of(scope, destination.name)
            seen.append(groups[destination.name].of(interface_id).newest_at())
        elif destination.place == "s3":
            objects = scope.get("s3:ListBucket", str(flow_log.get("LogDestination") or ""))
            seen.append(moment(objects.value.get("newest")) if objects.value else None)
    newest = max((at for at in seen if at is not None), default=None)
    return None if newest is None else max(pd.Timedelta(now - newest), pd.Timedelta(0))
