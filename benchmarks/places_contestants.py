"""Who takes part in `benchmarks.places`: readers of S3, of an archive, of CloudWatch Logs.

Each function imports what it needs, then gives the timed work, and what says what it found.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import contest
from benchmarks.contest import Answer, Prepared
from benchmarks.loading import _describe_frame, _paths

BUCKET, REGION = "flow-logs", "us-east-1"
THREADS = 16  # that peers download with; flowlab's own number
QUESTIONS: dict[str, dict[str, Any]] = {
    "top_talkers": {},
    "breakdown": {"by": ["protocol", "dstport"]},
    "traffic_over_time": {"every": "1h"},
}


def _warm_up() -> None:
    """Use flowlab once, on one record: much is imported on first use, and imports are not timed."""
    import io

    import flowlab as fl

    line = b"srcaddr dstaddr bytes start end\n192.0.2.1 10.0.0.1 40 1735689600 1735689660\n"
    flows, _ = fl.read_flows(io.BytesIO(line), progress=False)
    flows["packets"] = flows["bytes"]
    fl.top_talkers(flows)


# ---- contestants: S3


def flowlab_s3(url: str) -> Prepared:
    """Read the bucket: fetching and parsing at once."""
    import flowlab as fl

    _warm_up()
    place = fl.S3(BUCKET, region=REGION, endpoint_url=url)
    place.access.client("s3", connections=32)  # its making is not timed for the others either

    def work() -> Any:
        return fl.read_flows(place, progress=False)

    return work, _describe_flows


def downloaded(url: str, threads: int = 1) -> Prepared:
    """List, download everything into a folder, then read the folder."""
    import flowlab as fl

    _warm_up()
    client = client_of(url)
    folder = Path(tempfile.mkdtemp(prefix="flowlab-downloaded-"))

    def fetch(key: str) -> None:
        path = folder / key.replace("/", "_")
        path.write_bytes(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def work() -> Any:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fetch, _keys(client)))
        return fl.read_flows(folder, progress=False)

    def describe(done: Any) -> Answer:
        shutil.rmtree(folder)
        return _describe_flows(done)

    return work, describe


def only_get(url: str) -> Prepared:
    """List and get, with threads, and do nothing with it: the stand-in's own time."""
    client = client_of(url)

    def size(key: str) -> int:
        return len(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def work() -> Any:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(size, _keys(client)))

    return work, lambda stored: {"stored": stored}


def flowlogs_reader_s3(url: str, objects: int) -> Prepared:
    """flowlogs-reader with its threads, over the first so many objects, made a DataFrame."""
    from datetime import datetime
    from itertools import islice

    import pandas as pd
    from flowlogs_reader import S3FlowLogsReader

    class Reader(S3FlowLogsReader):  # type: ignore[misc]
        def _get_all_keys(self) -> Iterator[str]:
            yield from islice(super()._get_all_keys(), objects)

    # Its times are without a zone.
    period = {"start_time": datetime(2024, 12, 31), "end_time": datetime(2025, 1, 3)}  # noqa: DTZ001

    def work() -> Any:
        reader = Reader(BUCKET, thread_count=THREADS, boto_client=client_of(url), **period)
        return pd.DataFrame([record.to_dict() for record in reader])

    return work, _describe_records


def client_of(url: str) -> Any:
    """Client of S3, for those who bring none."""
    from flowlab.practice import endpoint

    return endpoint.client("s3", url, REGION)


def _keys(client: Any) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        yield from (found["Key"] for found in page["Contents"])


def _describe_flows(done: Any) -> Answer:
    flows, ledger = done
    if not ledger.balanced or ledger.rejected or not ledger.complete:
        raise contest.DisagreementError(f"lines are missing: {ledger!r}")
    rows = ledger.lines - ledger.headers
    return {"records": len(flows), "rows": rows, "bytes": int(flows["bytes"].sum())}


def _describe_records(frame: Any) -> Answer:
    return _describe_frame(frame.rename(columns={"log_status": "log-status"}))


# ---- contestants: archive


def archived(folder: str, columns: Sequence[str] | None = None) -> Prepared:
    """The records of an archive as a frame; opening it counts as work."""
    import flowlab as fl

    _warm_up()
    contest.warm(list(Path(folder).rglob("*.parquet")))

    def work() -> Any:
        return fl.read_flows(fl.open_archive(folder), columns=columns, progress=False)

    return work, _describe_flows


def ask_archive(folder: str, question: str) -> Prepared:
    """One question to an archive that is not loaded; opening it counts as work."""
    import flowlab as fl

    contest.warm(list(Path(folder).rglob("*.parquet")))
    return _asking(question, lambda: fl.open_archive(folder))


def ask_files(folder: str, question: str) -> Prepared:
    """The same question, after reading all columns of the gzip files."""
    import flowlab as fl

    contest.warm(_paths(folder))
    return _asking(question, lambda: fl.read_flows(_paths(folder), progress=False)[0])


def _asking(question: str, source: Callable[[], Any]) -> Prepared:
    from flowlab import summaries

    _warm_up()

    def work() -> Any:
        return getattr(summaries, question)(source(), **QUESTIONS[question])

    def describe(found: Any) -> Answer:
        first = [str(value) for value in found.iloc[0]]
        return {"rows of it": len(found), "first row": first, "its bytes": int(found.bytes.sum())}

    return work, describe


# ---- contestants: CloudWatch Logs


def flowlab_events(folder: str, events: int) -> Prepared:
    """Events in memory to a frame, by what reads log groups; only HTTP and JSON are left out."""
    import flowlab as fl
    from flowlab import schema
    from flowlab.sources.items import Item, Listing
    from flowlab.sources.slices import Reader

    _warm_up()
    slices = _slices(_events(folder, events))

    class Answering:
        """The one call of CloudWatch Logs that reading needs: pages of up to 10,000 events."""

        def filter_log_events(self, **asked: Any) -> dict[str, Any]:
            there, at = slices[asked["startTime"]], int(asked.get("nextToken", 0))
            answer: dict[str, Any] = {"events": there[at : at + 10_000]}
            if at + 10_000 < len(there):
                answer["nextToken"] = str(at + 10_000)
            return answer

    class InMemory:
        remote = True

        def list(self, start: int | None, end: int | None) -> Listing:
            reader = Reader(Answering(), "in memory")
            items = [
                Item(f"{begin}", 0, lambda begin=begin: reader.open(begin, begin + 300_000))
                for begin in sorted(slices)
            ]
            return Listing(items, formats=(schema.DEFAULT_FORMAT,))

    def work() -> Any:
        return fl.read_flows(InMemory(), progress=False)

    return work, _describe_flows


def flowlogs_reader_events(folder: str, events: int) -> Prepared:
    """flowlogs-reader's records of events in memory, made a DataFrame."""
    import pandas as pd
    from flowlogs_reader import FlowRecord

    there = _events(folder, events)

    def work() -> Any:
        return pd.DataFrame([FlowRecord.from_cwl_event(event).to_dict() for event in there])

    return work, _describe_records


def _events(folder: str, count: int) -> list[dict[str, Any]]:
    """The first so many records as FilterLogEvents gives them, in order of time."""
    import gzip

    lines: list[str] = []
    for path in _paths(folder):
        lines += gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        if len(lines) >= count:
            break
    timed = sorted((int(line.split()[10]), line) for line in lines[:count])
    return [
        {
            "eventId": f"{number:056}",
            "timestamp": start * 1000,
            "ingestionTime": start * 1000 + 400_000,
            "logStreamName": line.split(None, 3)[2] + "-all",
            "message": line,
        }
        for number, (start, line) in enumerate(timed)
    ]


def _slices(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    slices: dict[int, list[dict[str, Any]]] = {}
    for event in events:
        slices.setdefault(event["timestamp"] // 300_000 * 300_000, []).append(event)
    return slices
