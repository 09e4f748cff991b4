"""Time slices of a log group: how a period is cut, and how the events of one slice are read."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter, le, lt
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.sources import aws
from flowlab.sources.refusals import ATTEMPTS

# AWS may answer with any number of part-filled pages, so only a slice far beyond reason stops:
# full pages of 1 MB would make this 5 GB.
MOST_PAGES = 5_000
_MOST_LOOKS = 50  # pages without an event that are turned in search of the first one
_NAMES_AT_ONCE = 100  # AWS's limit for logStreamNames

_ID, _TIME, _MESSAGE = itemgetter("eventId"), itemgetter("timestamp"), itemgetter("message")


def cut(start: int, end: int, width: int) -> Iterator[tuple[int, int]]:
    """Cut a period into slices that begin at multiples of their width since the epoch.

    Parameters
    ----------
    start, end : int
        Half-open period; the first and last slice may reach beyond it. [ms]
    width : int
        Width of a slice. Aligned, slices of overlapping periods are the same ones. [ms]

    Yields
    ------
    (int, int)
        Half-open slices, in order, without a gap. [ms]
    """
    for begin in range(floor(start, width), end, width):
        yield begin, begin + width


def floor(moment: int, width: int) -> int:
    """Begin of the slice that a moment, in ms, lies in."""
    return moment // width * width


def shown(moment: int, *, date: bool = True) -> str:
    """Write a moment, in ms, as in 2026-03-02T10:00Z; with seconds only where there are any."""
    stamp = datetime.fromtimestamp(moment // 1000, UTC)
    form = "%H:%MZ" if stamp.second == 0 else "%H:%M:%SZ"
    return stamp.strftime(f"%Y-%m-%dT{form}" if date else form)


def period(start: int, end: int) -> str:
    """Write a slice, in ms, as in 2026-03-02T10:00Z/10:05Z."""
    same_day = start // 86_400_000 == end // 86_400_000
    return f"{shown(start)}/{shown(end, date=not same_day)}"


def ways(streams: Sequence[str] | None) -> tuple[dict[str, Any], ...]:
    """Requests that together ask for these streams; one without a filter if all are wanted.

    Parameters
    ----------
    streams : sequence of str or None
        Names, or beginnings of names with a ``*`` behind them.
    """
    if streams is None:
        return ({},)
    names = [name for name in streams if not name.endswith("*")]
    return tuple(
        {"logStreamNames": names[at : at + _NAMES_AT_ONCE]}
        for at in range(0, len(names), _NAMES_AT_ONCE)
    ) + tuple({"logStreamNamePrefix": name[:-1]} for name in streams if name.endswith("*"))


def milliseconds(duration: Any, name: str, least: int) -> int:
    """Read a duration as pandas does; `name` is the option it was given for, `least` in ms.

    Raises
    ------
    FlowlabError
        No duration in whole seconds, or less than that.
    """
    import pandas as pd

    try:
        found = pd.Timedelta(duration).value  # ns
    except (ValueError, TypeError):
        found = -1
    # A bare 75 would be nanoseconds.
    if found % 1_000_000_000 or found < least * 1_000_000:
        raise FlowlabError(
            f"{name}={duration!r} is no duration in whole seconds, {least // 1000} or more.",
            fix=f"write it like {name}='5min' or '1h', or pass a timedelta.",
        )
    return int(found // 1_000_000)


@dataclass(frozen=True)
class Reader:
    """Reads slices of one log group; threads may share it."""

    client: Any  # of CloudWatch Logs
    group: str
    ways: tuple[dict[str, Any], ...] = ({},)
    profile: str | None = None  # for what the errors suggest

    def open(self, start: int, end: int) -> io.BytesIO:
        """Fetch the events of a slice as lines, ordered by time, then event id.

        Parameters
        ----------
        start, end : int
            Half-open, by the events' timestamps: the starts of the records. [ms]

        Raises
        ------
        UnreadableError
            AWS refused, failed for longer than all retries, or its answers do not end. Nothing
            of the slice is given then: a part of it would look like all of it.
        """
        try:
            return io.BytesIO(self._lines(start, end))
        except aws.UnreadableError:
            raise
        except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's alike
            why = aws.reason(error, f"reading log group {self.group}", self.profile)
            problem = aws.UnreadableError(why)
        # Raised out here, so that it drags no botocore frames (and their locals) along.
        raise problem

    def first_event(self, since: int, until: int) -> int | None:
        """Find when the first event in a period was.

        Returns
        -------
        int or None
            Its timestamp; `since` where it could not be found soon, None where there is no
            event at all. [ms]

        Raises
        ------
        FlowlabError
            AWS refused, or failed for longer than all retries.
        """
        try:
            firsts = [self._first(way, since, until) for way in self.ways]
            return min((first for first in firsts if first is not None), default=None)
        except aws.UnreadableError:
            return since  # each slice will tell what is wrong with it
        except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's alike
            problem = aws.explain(error, f"reading log group {self.group}", self.profile)
        raise problem

    def _first(self, way: dict[str, Any], since: int, until: int) -> int | None:
        for look, events in enumerate(self._pages(way, since, until, limit=1)):
            if events:
                return int(_TIME(events[0]))
            if look >= _MOST_LOOKS:
                return since
        return None

    def _lines(self, start: int, end: int) -> bytes:
        ids: list[str] = []
        times: list[int] = []
        messages: list[str] = []
        for way in self.ways:
            for events in self._pages(way, start, end):
                ids += map(_ID, events)
                times += map(_TIME, events)
                messages += map(_MESSAGE, events)
        if not _in_order(ids, times):
            # Reading twice must give the same bytes, but AWS's order leaves equal times open. It
            # may give an event twice, and requests by name and by prefix may overlap.
            unique = dict(zip(ids, zip(times, ids, messages, strict=True), strict=True))
            messages = [message for _, _, message in sorted(unique.values())]
        return _joined(messages)

    def _pages(
        self, way: dict[str, Any], start: int, end: int, limit: int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Ask page by page; an empty page is not the end, only the absence of a token is."""
        asked = {
            "logGroupName": self.group,
            "startTime": start,
            "endTime": end - 1,  # inclusive, for this one operation
            # Ignored by AWS, which always does it; stand-ins for AWS want to be told.
            "interleaved": True,
            **way,
            **({"limit": limit} if limit else {}),
        }
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = self._whole_answer(asked)
            yield answer["events"]
            token = answer.get("nextToken")
            if not token:
                return
            if token in seen:
                raise aws.UnreadableError(
                    f"reading log group {self.group}: CloudWatch gave the same page token twice "
                    f"({token[:16]!r}...), so its pages would never end; read this period again"
                )
            seen.add(token)
            asked["nextToken"] = token
        raise aws.UnreadableError(
            f"reading log group {self.group}: more than {MOST_PAGES:,} pages in one slice; ask "
            "with a shorter slice=, such as slice='1min', or fewer streams="
        )

    def _whole_answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        # botocore takes an answer that breaks off for one that holds nothing (measured, 1.44).
        for attempt in range(ATTEMPTS):
            answer: dict[str, Any] = self.client.filter_log_events(**asked)
            if "events" in answer:
                return answer
            time.sleep(min(5.0, 0.1 * 2**attempt))
        raise aws.UnreadableError(
            f"reading log group {self.group}: {ATTEMPTS} answers were cut off, or are not "
            "CloudWatch's; likely the connection, or a proxy or sign-in page between here and "
            "AWS; check it and read again"
        )


def _in_order(ids: list[str], times: list[int]) -> bool:
    """Whether no event stands twice and sorting would change nothing: the usual, cheap case."""
    return all(map(lt, ids, islice(ids, 1, None))) and all(map(le, times, islice(times, 1, None)))


def _joined(messages: list[str]) -> bytes:
    """Messages as lines, each ending in a newline."""
    text = "\n".join([*messages, ""])
    if text.count("\n") != len(messages):
        text = "".join(f"{line}\n" for line in text.split("\n") if line.strip())
    # A lone surrogate becomes bytes that are no UTF-8: a rejected line, and not a lost slice.
    return text.encode("utf-8", "surrogatepass")
