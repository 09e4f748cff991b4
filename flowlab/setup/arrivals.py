"""What has arrived in a log group, ENI by ENI: AWS keeps one log stream for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flowlab.setup.inventory import Answer, Scope

# `eni-0123456789abcdef0-all`, also -accept and -reject: a convention that AWS does not document,
# so nothing is made of what stands behind the id.
_STREAM = re.compile(r"eni-\w+")


@dataclass
class Arrival:
    """What has arrived of one ENI.

    Attributes
    ----------
    streams : int
        Its log streams, by DescribeLogStreams.
    last_event : int or None
        Newest event by DescribeLogStreams, which may be behind by an hour. [ms since 1970]
    newest : int or None
        Newest event by any answer. [ms since 1970]
    records, nodata, skipdata : int
        In the sample: all events; those that say "no traffic"; those that say "records lost".
    """

    streams: int = 0
    last_event: int | None = None
    newest: int | None = None
    records: int = 0
    nodata: int = 0
    skipdata: int = 0

    def newest_at(self) -> datetime | None:
        """Give the time of the newest event."""
        return None if self.newest is None else datetime.fromtimestamp(self.newest / 1000, UTC)


@dataclass
class Arrivals:
    """What has arrived in one log group.

    Attributes
    ----------
    streams, sample : Answer
        Of DescribeLogStreams and FilterLogEvents.
    reach : float
        How far back the sample looked, every event of it; 0 if it was cut or is not there. [s]
    """

    streams: Answer
    sample: Answer
    reach: float = 0.0
    _of: dict[str, Arrival] = field(default_factory=dict)

    def of(self, interface_id: str) -> Arrival:
        """Give what has arrived of an ENI; nothing, if so."""
        return self._of.get(interface_id) or Arrival()


def arrivals_of(scope: Scope, group: str) -> Arrivals:
    """Gather what the answers about a log group tell of each ENI.

    Parameters
    ----------
    scope : Scope
    group : str
        Name of the log group.

    Returns
    -------
    Arrivals
        Empty where AWS did not answer; streams of other names than AWS's are left out.
    """
    streams = scope.get("logs:DescribeLogStreams", group)
    sample = scope.get("logs:FilterLogEvents", group)
    found: dict[str, Arrival] = {}
    for stream in streams.items():
        arrival = _arrival(found, stream.get("logStreamName"))
        arrival.streams += 1
        arrival.last_event = _later(arrival.last_event, stream.get("lastEventTimestamp"))
        arrival.newest = _later(arrival.newest, arrival.last_event)
    said: Mapping[str, Any] = sample.value if sample.known and sample.value else {}
    for name, events in (said.get("streams") or {}).items():
        arrival = _arrival(found, name)
        arrival.newest = _later(arrival.newest, events.get("newest"))
        arrival.records += int(events.get("events") or 0)
        arrival.nodata += int(events.get("nodata") or 0)
        arrival.skipdata += int(events.get("skipdata") or 0)
    found.pop("", None)
    reach = (said.get("until", 0) - said.get("since", 0)) / 1000 if said.get("complete") else 0.0
    return Arrivals(streams, sample, reach, found)


def _arrival(found: dict[str, Arrival], stream: object) -> Arrival:
    named = _STREAM.match(str(stream))
    return found.setdefault(named[0] if named else "", Arrival())


def _later(first: int | None, second: int | None) -> int | None:
    return max((moment for moment in (first, second) if moment is not None), default=None)
