"""Judge what arrives in a log group: a log stream per ENI, fresh records in it, none lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from flowlab.setup.arrivals import Arrival, Arrivals
from flowlab.setup.coverage import FlowLog, Interface
from flowlab.setup.destinations import destination_of
from flowlab.setup.flow_logs import TOO_EARLY, is_young
from flowlab.setup.inventory import Scope
from flowlab.setup.owners import attached_at, instance_id_of
from flowlab.setup.recording import interval_of
from flowlab.setup.verdicts import Check, Status, undecided

State = Literal["fresh", "silent", "late", "unknown"]

# AWS: records arrive in CloudWatch Logs about 5 minutes after their capture window, "best effort".
DELIVERY_LAG = timedelta(minutes=5)
# AWS: lastEventTimestamp "typically updates in less than an hour".
EVENTUALLY = timedelta(hours=1)

_EVEN_IDLE = "an ENI without traffic gets a NODATA record in every capture window"


def judge_arrivals(
    scope: Scope,
    flow_log: FlowLog,
    arrivals: Arrivals,
    interfaces: Sequence[Interface],
    now: datetime,
) -> Iterator[Check]:
    """Judge what has arrived of the ENIs that a flow log covers.

    Parameters
    ----------
    scope : Scope
    flow_log : mapping
        Delivers to CloudWatch Logs.
    arrivals : Arrivals
        Of its log group.
    interfaces : sequence of mapping
        ENIs in use that it covers; without any, nothing is judged.
    now : datetime
        Time of the inventory. [UTC]

    Yields
    ------
    Check
        ``stream-per-interface`` and ``newest-event``, one per ENI; one for the flow log where it
        is the same for all of them, as when nothing arrives or AWS does not answer.
        ``skipped-records``, one for the flow log, if there are records in the sample.

    Notes
    -----
    The newest event of an ENI in order begins up to two capture windows ago (its own, and the one
    that is being recorded), plus the delivery lag, here taken twice. It is silent where the sample
    of all events reaches that far back and has none, or where lastEventTimestamp is older by what
    AWS takes to update it. Flow logs of rejected or accepted traffic only may have nothing to say:
    their silence is a warning; so is that of ENIs whose instance does not run.
    """
    if not interfaces:
        return
    group, name = destination_of(flow_log).name, str(flow_log.get("FlowLogId", ""))
    tell = partial(
        Check, link="newest record", flow_log=name, account_id=scope.account_id,
        region=scope.region,
    )  # fmt: skip
    unknown = partial(undecided, scope, link="newest record", flow_log=name, resource=group)
    weigh = partial(_weighed, flow_log, now, _resting(scope))
    if arrivals.streams.known:
        yield from _streams(flow_log, arrivals, interfaces, weigh, tell)
    else:
        yield unknown(arrivals.streams, check="stream-per-interface")
    states = _states(flow_log, arrivals, interfaces, now)
    if "unknown" in states.values() and "fresh" not in states.values():
        yield unknown(arrivals.sample, check="newest-event")
    else:
        yield from _newest(scope, flow_log, arrivals, interfaces, states, now, weigh, tell)
    if not arrivals.sample.known:
        yield unknown(arrivals.sample, check="skipped-records")
    else:
        yield from _skipped(group, arrivals, interfaces, tell)


def _streams(
    flow_log: FlowLog,
    arrivals: Arrivals,
    interfaces: Sequence[Interface],
    weigh: Callable[[Sequence[Interface]], tuple[Status, str]],
    tell: partial[Check],
) -> Iterator[Check]:
    group = destination_of(flow_log).name
    remedy = (
        "see the checks of the flow log, its role and its log group; what they do not explain, "
        "a new flow log may mend."
    )
    if not any(arrivals.of(_id(eni)).streams for eni in interfaces):
        status, excuse = weigh(interfaces)
        yield tell(
            group, "stream-per-interface", status,
            f"none of the {len(interfaces):,} ENIs in use has a log stream in {group}.",
            excuse or "nothing was ever delivered: the role may not write or make streams.",
            remedy,
        )  # fmt: skip
        return
    for eni in interfaces:
        name = _id(eni)
        if count := arrivals.of(name).streams:
            more = f"{count} log streams" if count > 1 else "a log stream"
            yield tell(
                name, "stream-per-interface", "ok", f"it has {more} in {group}.", interface=name
            )
            continue
        status, excuse = weigh([eni])
        yield tell(
            name, "stream-per-interface", status,
            f"{name} is in use and has no log stream in {group}, though other ENIs have.",
            excuse or f"nothing of it was ever delivered: {_EVEN_IDLE}.", remedy, interface=name,
        )  # fmt: skip


def _states(
    flow_log: FlowLog, arrivals: Arrivals, interfaces: Sequence[Interface], now: datetime
) -> dict[str, State]:
    """Tell of each ENI that anything can be told of whether its records are fresh."""
    allowed = allowed_age(flow_log)
    found = {}
    for eni in interfaces:
        arrival = arrivals.of(_id(eni))
        # Without any stream, it is the stream that is missing, and not the newest event.
        if arrival.streams or arrival.newest is not None or not arrivals.streams.known:
            found[_id(eni)] = _state(arrival, arrivals, allowed, now)
    return found


def allowed_age(flow_log: FlowLog) -> timedelta:
    """Age from which on the newest event of an ENI says that something is wrong."""
    return 2 * timedelta(seconds=interval_of(flow_log)) + 2 * DELIVERY_LAG


def _state(arrival: Arrival, arrivals: Arrivals, allowed: timedelta, now: datetime) -> State:
    newest = arrival.newest_at()
    if newest and now - newest <= allowed:
        return "fresh"
    if arrivals.reach >= allowed.total_seconds():
        return "silent"
    if newest and arrival.last_event is not None and now - newest > allowed + EVENTUALLY:
        return "silent"
    return "late" if arrivals.sample.known else "unknown"


def _newest(
    scope: Scope,
    flow_log: FlowLog,
    arrivals: Arrivals,
    interfaces: Sequence[Interface],
    states: dict[str, State],
    now: datetime,
    weigh: Callable[[Sequence[Interface]], tuple[Status, str]],
    tell: partial[Check],
) -> Iterator[Check]:
    group, fresh = destination_of(flow_log).name, list(states.values()).count("fresh")
    minutes = int(allowed_age(flow_log).total_seconds() // 60)
    if states and not fresh:
        weighed, excuse = weigh(interfaces)
        newest = max(filter(None, (arrivals.of(n).newest_at() for n in states)), default=None)
        certain = "silent" in states.values()
        yield tell(
            group, "newest-event", weighed if certain else "warn",
            f"none of the {len(states):,} ENIs in use has an event of the last {minutes} minutes "
            f"in {group}; "
            + (f"the newest of all is {_old(newest, now)}." if newest else "there is none at all."),
            excuse or "delivery has stopped, or it never began.",
            ("check again in a quarter of an hour; if nothing arrives, " if excuse else "")
            + "see the checks of the flow log, its role, and the log group and its key.",
        )  # fmt: skip
        return
    by_name = {_id(eni): eni for eni in interfaces}
    for name, state in states.items():
        newest = arrivals.of(name).newest_at()
        said = f"the newest event of {name} is {_old(newest, now)}"
        if state == "fresh":
            yield tell(name, "newest-event", "ok", f"{said}.", interface=name)
            continue
        if state == "unknown":
            yield undecided(
                scope, arrivals.sample, name, "newest-event", link="newest record",
                flow_log=str(flow_log.get("FlowLogId", "")), interface=name,
            )  # fmt: skip
            continue
        weighed, excuse = weigh([by_name[name]])
        others = f"{fresh:,} other ENI{'s' * (fresh != 1)} delivered in the last {minutes} minutes"
        yield tell(
            name, "newest-event", weighed if state == "silent" else "warn", f"{said}; {others}.",
            excuse or (
                f"its records are lost on the way, for {_EVEN_IDLE}: CloudWatch Logs throttles "
                "it, or AWS has trouble."
                if state == "silent" else
                "CloudWatch Logs may be behind in telling the newest event."
            ),
            "check again in an hour; if it stays silent, create a new flow log for this ENI, and "
            "ask AWS Support.",
            interface=name,
        )  # fmt: skip


def _skipped(
    group: str, arrivals: Arrivals, interfaces: Sequence[Interface], tell: partial[Check]
) -> Iterator[Check]:
    found = [arrivals.of(_id(eni)) for eni in interfaces]
    records, lost = sum(a.records for a in found), sum(a.skipdata for a in found)
    if not records:
        return
    idle = sum(a.nodata for a in found)
    nodata = (
        f"{idle:,} NODATA ({idle / records:.1%}): no traffic at that ENI in that capture window, "
        "which is as it should be"
        if idle
        else "no NODATA"
    )
    told = partial(tell, group, "skipped-records")
    if not lost:
        yield told("ok", f"of the {records:,} newest records none is SKIPDATA; {nodata}.")
        return
    where = sum(bool(a.skipdata) for a in found)
    yield told(
        "warn",
        f"{lost:,} of the {records:,} newest records ({lost / records:.1%}) are SKIPDATA, of "
        f"{where:,} ENI{'s' * (where != 1)}: each can stand for many lost flows; {nodata}.",
        "AWS could not record everything: an internal limit, or too much traffic at an ENI.",
        "treat sums as too low. If it lasts, deliver to S3, or ask AWS Support.",
    )


def _resting(scope: Scope) -> set[str]:
    """Instances that do not run: their ENIs are in use, and nothing records there."""
    return {
        str(instance.get("InstanceId"))
        for instance in scope.get("ec2:DescribeInstances").items()
        if (instance.get("State") or {}).get("Name", "running") != "running"
    }


def _weighed(
    flow_log: FlowLog, now: datetime, resting: Collection[str], interfaces: Sequence[Interface]
) -> tuple[Status, str]:
    """Say how much silence weighs, and what excuses it."""
    if all(instance_id_of(eni) in resting for eni in interfaces):
        return "warn", "its instance does not run: without one, there is nothing to record."
    if is_young(flow_log, now):
        return "warn", "too early to tell: the flow log is only minutes old."
    if all(_attached_just_now(eni, now) for eni in interfaces):
        return "warn", "too early to tell: attached only minutes ago."
    kind = flow_log.get("TrafficType")
    if kind in ("ACCEPT", "REJECT"):
        return "warn", f"the flow log records {kind} only: there may have been none."
    return "fail", ""


def _attached_just_now(interface: Interface, now: datetime) -> bool:
    attached = attached_at(interface)
    return attached is not None and now - attached < TOO_EARLY


def _old(newest: datetime | None, now: datetime) -> str:
    if newest is None:
        return "nowhere to be seen"
    minutes = max(0, int((now - newest).total_seconds() // 60))
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h"
    return f"{age} old ({newest:%Y-%m-%d %H:%M} UTC)"


def _id(interface: Interface) -> str:
    return str(interface.get("NetworkInterfaceId", ""))
