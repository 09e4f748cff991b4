"""Whether objects of a flow log arrive in its bucket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flowlab.setup.inventory import Scope
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

# AWS publishes every 5 minutes, about 10 minutes after a capture window of at most 10, and
# promises neither. Twice that is no news yet; two hours of silence are.
TOO_EARLY = timedelta(minutes=15)
LATE = timedelta(minutes=30)
SILENT = timedelta(hours=2)


def arriving(scope: Scope, flow_log: Mapping[str, Any], now: datetime) -> bool:
    """Say whether a recent object stands where the flow log delivers to, be it another's."""
    answer = scope.get("s3:ListBucket", str(flow_log.get("LogDestination")))
    newest = _time((answer.value or {}).get("newest")) if answer.known else None
    return newest is not None and now - newest <= LATE


def judge_objects(subject: Subject, flow_log: Mapping[str, Any], now: datetime) -> Check:
    """Judge the age of a flow log's newest object.

    Parameters
    ----------
    subject : Subject
        The bucket of one flow log.
    flow_log : mapping
        As DescribeFlowLogs gives it.
    now : datetime
        When the bucket was listed. [UTC]

    Returns
    -------
    Check
        newest-object: ok up to 30 minutes, warn up to 2 hours, then fail. A flow log younger
        than 15 minutes may have none yet: unknown. So is what a cut listing does not show, and
        what cannot be told from another flow log's objects in the same folder.
    """
    name = "newest-object"
    answer = subject.scope.get("s3:ListBucket", str(flow_log.get("LogDestination")))
    if not answer.known:
        return subject.undecided(answer, name)
    listed = answer.value or {}
    latest = listed
    if "by_flow_log" in listed:
        own = [one for one in listed["by_flow_log"] if one["flow_log"] == subject.flow_log]
        latest = own[0] if own else {}
    newest, key = _time(latest.get("newest")), str(latest.get("newest_key") or "")
    created = _time(flow_log.get("CreationTime"))
    age = None if created is None else now - created
    remedy = (
        "mend what the checks before this one name. If none does: see whether its ENIs are in "
        "use, and AWS's health page; then create a new flow log and delete this one."
    )
    if newest is not None and subject.flow_log not in key and "_fl-" in key:
        return subject.check(
            name,
            "unknown",
            f"the newest object in {_folder(subject, listed)} is another flow log's: {key}.",
            "several flow logs deliver to this folder, and only the newest object was looked at.",
            f"look for names with {subject.flow_log} there.",
        )
    if newest is not None and now - newest <= LATE:
        return subject.check(name, "ok", f"the newest object is {_long(now - newest)} old: {key}.")
    if not listed.get("complete"):
        return subject.check(
            name,
            "unknown",
            f"the first {listed.get('objects', 0):,} objects show none of the last "
            f"{_long(LATE)}; the list was cut there.",
            "there are more objects than were looked at.",
            f"look into {_folder(subject, listed)} yourself.",
        )
    if newest is None and age is not None and age < TOO_EARLY:
        return subject.check(
            name,
            "unknown",
            f"no object yet; the flow log is {_long(age)} old.",
            "the first objects can take 10 minutes and more.",
            "check again in a quarter of an hour.",
        )
    if newest is None:
        evidence = f"no object of today and yesterday in {_folder(subject, listed)}."
        silence = SILENT if age is None else age
    else:
        evidence = f"the newest object is {_long(now - newest)} old: {key}."
        silence = now - newest
    late = silence < SILENT
    return subject.check(
        name,
        "warn" if late else "fail",
        evidence,
        "delivery is late, which AWS does not rule out, or it has stopped."
        if late
        else "delivery does not work, or there is no ENI in use that it could record.",
        "check again in half an hour." if late else remedy,
    )


def _folder(subject: Subject, listed: Mapping[str, Any]) -> str:
    places = [str(place) for place in listed.get("looked_at") or [""]]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"s3://{subject.resource}/{places[0]}{more}"


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _long(length: timedelta) -> str:
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
