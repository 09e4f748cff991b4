"""What has arrived lately: a sample of a log group's events, the newest object of a bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from flowlab import schema
from flowlab.errors import LineFormatError
from flowlab.setup.asking_aws import Talk, plain
from flowlab.setup.destinations import Destination

REACH = 20 * 60_000  # ms
_PART = 5 * 60_000  # ms
_MOST_PAGES = 5  # of each part; full ones are 1 MB or 10,000 events
_MOST_LISTINGS = 20  # of 1,000 keys, of each folder
_WORDS = {"OK": "ok", "NODATA": "nodata", "SKIPDATA": "skipdata"}


def recent_events(
    talk: Talk, group: str, formats: Sequence[str], until: int, prefix: str = ""
) -> dict[str, Any]:
    """Count the events of the last 20 minutes, by log stream and log-status.

    Parameters
    ----------
    talk : Talk
    group : str
        Name of the log group.
    formats : sequence of str
        LogFormat of every flow log that delivers to it.
    until : int
        End of the 20 minutes, exclusive. [ms]
    prefix : str
        Only streams whose names begin so.

    Returns
    -------
    dict
        ``since``, ``until``, ``complete``, ``streams``: see the asks of an inventory. What was
        left out where it is not complete is spread over the 20 minutes: each part of five
        minutes, the newest first, has its own bound.
    """
    asked: dict[str, Any] = {"logGroupName": group, "interleaved": True}
    if prefix:
        asked["logStreamNamePrefix"] = prefix
    places = _status_places(formats)
    streams: dict[str, dict[str, int]] = {}
    complete = True
    for begin in range(until - _PART, until - REACH - 1, -_PART):
        pages = talk.pages(
            talk.client("logs").filter_log_events, "events", send="nextToken", receive="nextToken",
            startTime=begin, endTime=begin + _PART - 1, **asked,  # inclusive, here alone
        )  # fmt: skip
        for number, page in enumerate(pages, 1):
            for event in page["events"]:
                _count(event, places, streams)
            if number > _MOST_PAGES:
                complete = False
                break
    return {"since": until - REACH, "until": until, "complete": complete, "streams": streams}


def _count(event: Any, places: dict[int, set[int]], streams: dict[str, dict[str, int]]) -> None:
    empty = {"events": 0, "newest": 0, "ok": 0, "nodata": 0, "skipdata": 0, "other": 0}
    counts = streams.setdefault(event["logStreamName"], empty)
    counts["events"] += 1
    counts["newest"] = max(counts["newest"], event["timestamp"])
    tokens = event["message"].split()
    words = {tokens[at] for at in places.get(len(tokens), ())} & _WORDS.keys()
    counts[_WORDS[words.pop()] if len(words) == 1 else "other"] += 1


def _status_places(formats: Sequence[str]) -> dict[int, set[int]]:
    """Where log-status may stand in a line, by its number of tokens."""
    places: dict[int, set[int]] = {}
    for log_format in formats:
        try:
            columns = schema.parse_log_format(log_format)
        except LineFormatError:
            continue  # its lines count as "other"
        if "log_status" in columns:
            places.setdefault(len(columns), set()).add(columns.index("log_status"))
    return places


_FLOW_LOG = re.compile(r"_(fl-[0-9a-z]+)_")  # in the name of an object


def newest_object(
    talk: Talk, place: Destination, account: str, region: str, taken: datetime
) -> dict[str, Any]:
    """Find the newest object that flow logs delivered today or yesterday.

    Parameters
    ----------
    talk : Talk
    place : Destination
        Bucket and prefix.
    account, region : str
        Whose flow logs.
    taken : datetime
        Now. [UTC]

    Returns
    -------
    dict
        ``objects``, ``newest``, ``newest_key``, ``looked_at``, ``complete``; and ``by_flow_log``,
        ``flow_log``, ``newest``, ``newest_key`` of each that the keys name.
    """
    found: dict[str, Any] = {"objects": 0, "newest": None, "newest_key": None}
    of_each: dict[str, dict[str, str]] = {}
    folders = list(_folders(place.prefix, account, region, taken))
    complete = True
    for folder in folders:
        pages = talk.pages(
            talk.client("s3").list_objects_v2, "IsTruncated", send="ContinuationToken",
            receive="NextContinuationToken", Bucket=place.name, Prefix=folder,
        )  # fmt: skip
        for number, page in enumerate(pages, 1):
            for entry in page.get("Contents", ()):
                if not entry["Size"]:
                    continue  # a folder that the console made
                found["objects"] += 1
                modified = plain(entry["LastModified"])
                if found["newest"] is None or modified > found["newest"]:
                    found |= {"newest": modified, "newest_key": entry["Key"]}
                if named := _FLOW_LOG.search(entry["Key"]):
                    latest = of_each.setdefault(
                        named[1], {"flow_log": named[1], "newest": "", "newest_key": ""}
                    )
                    if modified > latest["newest"]:
                        latest |= {"newest": modified, "newest_key": entry["Key"]}
            if number > _MOST_LISTINGS:
                complete = False
                break
    each = list(of_each.values())
    return {**found, "by_flow_log": each, "looked_at": folders, "complete": complete}


def _folders(prefix: str, account: str, region: str, taken: datetime) -> Iterator[str]:
    """Give the folders of today and yesterday, in AWS's plain layout and in Hive's."""
    root = f"{prefix}/AWSLogs" if prefix else "AWSLogs"
    for day in (taken, taken - timedelta(days=1)):
        yield f"{root}/{account}/vpcflowlogs/{region}/{day:%Y/%m/%d}/"
        yield (
            f"{root}/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
            f"{day:year=%Y/month=%m/day=%d}/"
        )
