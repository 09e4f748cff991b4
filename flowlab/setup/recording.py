"""Judge what a flow log records: which traffic, how often, in which fields, and whether twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

from flowlab.setup import formats
from flowlab.setup.coverage import (
    FlowLog,
    Interface,
    by_resource,
    covered_interfaces,
    covering,
    in_use,
)
from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.owners import instance_id_of
from flowlab.setup.verdicts import Check, undecided

DEFAULT_INTERVAL = 600  # s, AWS's own where none is given
_RECREATE = "a flow log cannot be edited: create a new one, see it deliver, then delete this one."
_MOST_NAMED = 3


def judge_recording(scope: Scope) -> Iterator[Check]:
    """Judge what each flow log records: no fault of these breaks a chain, but people should know.

    Parameters
    ----------
    scope : Scope

    Yields
    ------
    Check
        ``flow-log-traffic-type``, ``flow-log-overlap``, ``flow-log-interval``,
        ``flow-log-format``, one per flow log. Those of transit gateways have no traffic type and
        other fields: neither is judged.
    """
    covered, doubled = covered_interfaces(scope), _overlaps(scope)
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        name = str(flow_log.get("FlowLogId", ""))
        tell = partial(
            Check, name, flow_log=name, account_id=scope.account_id, region=scope.region
        )  # fmt: skip
        yield from _traffic_type(flow_log, tell, doubled.get(name, ()))
        yield _overlap(flow_log, tell, doubled.get(name, ()))
        yield _interval(scope, flow_log, tell, covered.get(name, ()))
        if not str(flow_log.get("ResourceId", "")).startswith("tgw-"):
            yield _format(flow_log, tell)


def interval_of(flow_log: FlowLog) -> int:
    """Give the longest capture window of a flow log, in seconds."""
    return int(flow_log.get("MaxAggregationInterval") or DEFAULT_INTERVAL)


class _Overlap(NamedTuple):
    """Another flow log that covers some of the same ENIs."""

    other: FlowLog
    interfaces: int
    all_of_mine: bool


def _overlaps(scope: Scope) -> dict[str, list[_Overlap]]:
    """Find, for each flow log, the others that cover ENIs in use that it covers."""
    listed = scope.get("ec2:DescribeFlowLogs").items()
    index = by_resource(listed)
    # Thousands of ENIs are covered by few sets of flow logs: count the sets, then pair within.
    sets = Counter(
        tuple(str(f.get("FlowLogId", "")) for f, _ in covering(eni, index))
        for eni in scope.get("ec2:DescribeNetworkInterfaces").items()
        if in_use(eni)
    )
    mine: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for ids, count in sets.items():
        mine.update(dict.fromkeys(ids, count))
        for first, second in combinations(ids, 2):
            both[first, second] += count
            both[second, first] += count
    named = {str(f.get("FlowLogId", "")): f for f in listed}
    found: dict[str, list[_Overlap]] = {}
    for (name, other), count in both.items():
        found.setdefault(name, []).append(_Overlap(named[other], count, count == mine[name]))
    return found


def _traffic_type(
    flow_log: FlowLog, tell: partial[Check], overlaps: Sequence[_Overlap]
) -> Iterator[Check]:
    kind, told = flow_log.get("TrafficType"), partial(tell, "flow-log-traffic-type")
    if kind == "ALL":
        yield told("ok", "it records accepted and rejected traffic.")
    elif kind in ("ACCEPT", "REJECT"):
        seen, unseen = ("rejected", "accepted")[:: 1 if kind == "REJECT" else -1]
        rest = next(
            (o.other for o in overlaps if o.all_of_mine and _sees_rest(o.other, str(kind))), None
        )
        if rest:
            yield told("ok", f"it records {seen} traffic only; {rest.get('FlowLogId')} covers the "
                             f"same ENIs and records the {unseen}.")  # fmt: skip
            return
        yield told(
            "warn", f"it records {seen} traffic only: {unseen} traffic is not seen.",
            f"it was created with traffic type {kind}: cheaper, but half of the picture.",
            f"for all traffic, {_RECREATE}",
        )  # fmt: skip


def _sees_rest(other: FlowLog, kind: str) -> bool:
    return other.get("TrafficType") not in (kind, None)


def _overlap(flow_log: FlowLog, tell: partial[Check], overlaps: Sequence[_Overlap]) -> Check:
    told, where = partial(tell, "flow-log-overlap"), destination_of(flow_log)
    if not overlaps:
        return told("ok", "no other flow log covers the same ENIs.")
    twice = [o for o in overlaps if destination_of(o.other) == where and _same(flow_log, o.other)]
    if twice:
        return told(
            "warn", f"{_listed(twice)} to the same {where}.",
            "flow logs on an ENI, its subnet and its VPC add up: what both record arrives, "
            "counts and costs twice.",
            "keep the one that covers more; once it delivers, delete the other.",
        )  # fmt: skip
    return told("ok", f"{_listed(overlaps)}, but elsewhere or other traffic: nothing counts twice, "
                      "each is paid for.")  # fmt: skip


def _same(first: FlowLog, second: FlowLog) -> bool:
    """Whether two flow logs record some of the same traffic."""
    kinds = {str(flow_log.get("TrafficType") or "ALL") for flow_log in (first, second)}
    return kinds != {"ACCEPT", "REJECT"}


def _listed(overlaps: Sequence[_Overlap]) -> str:
    named = sorted(overlaps, key=lambda o: (-o.interfaces, str(o.other.get("FlowLogId"))))
    said = [
        f"{o.other.get('FlowLogId')} (on {o.other.get('ResourceId')}) also covers {o.interfaces:,}"
        f" ENI{'s' * (o.interfaces != 1)}"
        for o in named[:_MOST_NAMED]
    ]
    more = len(named) - _MOST_NAMED
    return ", ".join(said) + (f" and {more:,} more flow logs cover others" if more > 0 else "")


def _interval(
    scope: Scope, flow_log: FlowLog, tell: partial[Check], covered: Sequence[Interface]
) -> Check:
    told, seconds = partial(tell, "flow-log-interval"), interval_of(flow_log)
    if seconds <= 60:
        return told("ok", f"a record covers at most {seconds} s.")
    ids = {instance_id_of(eni) for eni in covered} - {""}
    nitro, missing = _nitro(scope, ids)
    if missing:
        name = str(flow_log.get("FlowLogId", ""))
        return undecided(scope, missing, name, "flow-log-interval", flow_log=name)
    long = f"a record covers at most {seconds} s"
    if nitro:
        mixed = f"{nitro:,} of {len(ids):,} instances are Nitro, whose records cover at most 60 s"
        return told("ok", f"{long}; {mixed} whatever is set: both lengths occur.")
    return told("ok", f"{long}; traffic shorter than that cannot be told apart.")


def _nitro(scope: Scope, ids: set[str]) -> tuple[int, Answer | None]:
    """Count the Nitro instances among these; the answer that is missing, if one is."""
    instances, types = scope.get("ec2:DescribeInstances"), scope.get("ec2:DescribeInstanceTypes")
    if not ids:
        return 0, None
    for answer in (instances, types):
        if not answer.known:
            return 0, answer
    nitro = {t.get("InstanceType") for t in types.items() if t.get("Hypervisor") == "nitro"}
    mine = (i for i in instances.items() if i.get("InstanceId") in ids)
    return sum(instance.get("InstanceType") in nitro for instance in mine), None


def _format(flow_log: FlowLog, tell: partial[Check]) -> Check:
    told, text = partial(tell, "flow-log-format"), str(flow_log.get("LogFormat") or "")
    columns = set(formats.columns_of(text))
    if not columns:
        return told("unknown", f"its format cannot be read: {text[:80]!r}.", "AWS gave none.",
                    "see LogFormat in `aws ec2 describe-flow-logs`.")  # fmt: skip
    lacking = [f for f in formats.ESSENTIAL if f.replace("-", "_") not in columns]
    lacks = [formats.missing(question, columns) for question in formats.QUESTIONS]
    answered = f"{formats.name_of(text)}: answers {lacks.count(())} of {len(lacks)} questions"
    if lacking:
        return told(
            "warn", f"{answered}; it lacks {', '.join(lacking)}.",
            "it was created with a format of its own that leaves out what every analysis needs.",
            f"choose 'recommended' or add these fields; {_RECREATE}",
        )  # fmt: skip
    # A field alone may unlock nothing: the smallest sets that do, most questions first.
    unlock = Counter(f for f in lacks if f and set(f) <= set(formats.FORMATS["everything"]))
    best = sorted(unlock.items(), key=lambda item: (len(item[0]), -item[1]))[:_MOST_NAMED]
    more = "; ".join(f"{', '.join(fields)} for {count} more" for fields, count in best)
    return told("ok", f"{answered}{f'; {more}' if more else ''}.")
