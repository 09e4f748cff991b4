"""Whether the Firehose stream of a flow log is there, and takes records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flowlab.setup.destinations import destination_of
from flowlab.setup.inventory import Scope
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check


def judge_streams(scope: Scope, now: datetime) -> Iterator[Check]:
    """Judge the Firehose stream of each flow log that delivers to one.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Not needed: a stream's state has no age.

    Yields
    ------
    Check
        stream-exists; unless AWS says that there is none, stream-active.
    """
    for flow_log in scope.get("ec2:DescribeFlowLogs").items():
        destination = destination_of(flow_log)
        if destination.place == "firehose":
            flow_log_id = str(flow_log.get("FlowLogId", ""))
            yield from _judge_stream(Subject(scope, flow_log_id, destination.name, "destination"))


def _judge_stream(subject: Subject) -> Iterator[Check]:
    again = "create a new flow log to it, see that it delivers, then delete this one"
    answer = subject.scope.get("firehose:DescribeDeliveryStream", subject.resource)
    if not answer.known:
        yield subject.undecided(answer, "stream-exists")
        yield subject.undecided(answer, "stream-active")
        return
    if answer.value is None:
        yield subject.check(
            "stream-exists",
            "fail",
            f"AWS knows no stream {subject.resource}.",
            "it was deleted or misspelled.",
            "make a Firehose stream of this name with the source Direct PUT; or make another, "
            f"{again}.",
        )
        return
    yield subject.check("stream-exists", "ok", "AWS knows the stream.")
    source = str(answer.value.get("DeliveryStreamType", "unknown"))
    state = str(answer.value.get("DeliveryStreamStatus", "unknown"))
    if source != "DirectPut":
        yield subject.check(
            "stream-active",
            "fail",
            f"the source of the stream is {source}.",
            "flow logs deliver only to streams whose source is Direct PUT.",
            f"make a stream with the source Direct PUT, {again}.",
        )
    elif state == "ACTIVE":
        yield subject.check("stream-active", "ok", "the stream is ACTIVE; its source: Direct PUT.")
    elif state == "CREATING":
        yield subject.check(
            "stream-active",
            "warn",
            "the stream is CREATING.",
            "it is not ready yet.",
            "check again in some minutes.",
        )
    else:
        failure = answer.value.get("FailureDescription") or {}
        because = f" ({failure['Type']})" if failure.get("Type") else ""
        yield subject.check(
            "stream-active",
            "fail",
            f"the stream is {state}{because}.",
            "it takes no records in this state.",
            f"mend what Firehose names, or make another stream, {again}.",
        )
