"""The day of records that a practice account holds: moved into its time, cut, put in place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.practice import endpoint
from flowlab.practice.environment import ENVIRONMENT

if TYPE_CHECKING:
    import pyarrow as pa

_HOUR, DAY = 3600, 86_400
_SETTLED = 2 * _HOUR  # before now: by then, AWS would have delivered everything
_OLDEST_EVENT = 14 * DAY  # that CloudWatch Logs takes


def first_moment(day: str | None, now: float) -> int:
    """First moment of what the account holds, in epoch seconds."""
    if day is None:
        end = int(now - _SETTLED) // _HOUR * _HOUR
        # Never a day alone: of two days' folders, one can be denied and the other be read.
        return end - DAY - (0 if end % DAY else _HOUR)
    try:
        start = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except (ValueError, TypeError) as problem:
        fix = "write it like '2026-11-02'."
        raise FlowlabError(f"day={day!r} is no date.", fix=fix) from problem
    if not now - _OLDEST_EVENT < start <= now - DAY:
        raise FlowlabError(
            f"day={day!r} is not a whole day of the last two weeks.",
            "CloudWatch Logs takes no events from the future, or older than 14 days.",
            "leave day out for the last 24 hours.",
        )
    return start


def moved(table: pa.Table, start: int) -> pa.Table:
    """Move the records into the 24 hours from `start`, each at its own time of day."""
    import numpy as np
    import pyarrow as pa

    begins = table["start"].to_numpy()
    # What comes at night stays at night, whatever time it is now.
    moved = start + (begins - start) % DAY - begins
    for name in ("start", "end"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(table[name].to_numpy() + moved))
    return table.take(pa.array(np.argsort(table["start"].to_numpy(), kind="stable")))


def owned(table: pa.Table, account_id: str) -> pa.Table:
    """Give the records the account that they are put into."""
    import pyarrow as pa

    at = table.column_names.index("account-id")
    return table.set_column(at, "account-id", pa.array([account_id] * table.num_rows))


def files(table: pa.Table, account_id: str) -> tuple[list[tuple[str, bytes]], ...]:
    """Write the records as AWS files them: text, and Parquet in Hive folders; keys and bytes."""
    from flowlab.practice.writing import write_parquet, write_text

    with TemporaryDirectory(prefix="flowlab-practice-") as folder:
        text = write_text(table, Path(folder, "text"), files="s3")
        parquet = write_parquet(table, Path(folder, "parquet"), hive=True)
        return tuple(
            [
                (
                    path.relative_to(folder).as_posix()
                    .replace(ENVIRONMENT.vpc.account_id, account_id),
                    path.read_bytes(),
                )
                for path in paths
            ]
            for paths in (text, parquet)
        )  # fmt: skip


def put_events(logs: Any, log_group: str, table: pa.Table) -> None:
    """Put the records into a log group, a log stream for each ENI."""
    from flowlab.practice.writing import V5, to_lines

    lines = to_lines(table, V5).decode().splitlines()
    streams: dict[str, list[tuple[int, str]]] = {}
    for eni, begin, line in zip(
        table["interface-id"].to_pylist(), table["start"].to_pylist(), lines, strict=True
    ):
        streams.setdefault(f"{eni}-all", []).append((begin * 1000, line))
    for stream, events in streams.items():
        logs.create_log_stream(logGroupName=log_group, logStreamName=stream)
        for batch in endpoint.batches(events):
            logs.put_log_events(logGroupName=log_group, logStreamName=stream, logEvents=batch)
