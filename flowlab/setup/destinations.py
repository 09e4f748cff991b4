"""Where a flow log delivers to, whichever way DescribeFlowLogs says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Place = Literal["cloudwatch", "s3", "firehose", "unknown"]

_PLACES: dict[str, Place] = {
    "cloud-watch-logs": "cloudwatch",
    "s3": "s3",
    "kinesis-data-firehose": "firehose",
}


class Destination(NamedTuple):
    """Destination of a flow log.

    Attributes
    ----------
    place : {"cloudwatch", "s3", "firehose", "unknown"}
    name : str
        Log group, bucket, or the ARN of a Firehose stream.
    prefix : str
        Below which AWSLogs/ stands in a bucket, without slashes at its ends.
    """

    place: Place
    name: str
    prefix: str = ""

    def __str__(self) -> str:
        words = {"cloudwatch": "log group ", "firehose": "Firehose "}
        below = f"/{self.prefix}" if self.prefix else ""
        return f"s3://{self.name}{below}" if self.place == "s3" else (
            words.get(self.place, "") + self.name
        )  # fmt: skip


def destination_of(flow_log: Mapping[str, Any]) -> Destination:
    """Read the destination of a flow log as DescribeFlowLogs gives it."""
    place = _PLACES.get(flow_log.get("LogDestinationType") or "cloud-watch-logs", "unknown")
    arn = str(flow_log.get("LogDestination") or "")
    if place == "s3":
        bucket, _, prefix = arn.rpartition(":::")[2].partition("/")
        return Destination(place, bucket, prefix.strip("/"))
    if place == "cloudwatch":
        # Either its name, or arn:aws:logs:REGION:ACCOUNT:log-group:NAME, perhaps with :* behind.
        group = flow_log.get("LogGroupName") or arn.partition(":log-group:")[2].removesuffix(":*")
        return Destination(place, str(group))
    return Destination(place, arn)
