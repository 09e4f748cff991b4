"""Time reading from S3 and CloudWatch Logs, and what an archive saves; AWS's part is a stand-in.

The stand-in is moto's server, in a process of its own on loopback. It is slower than AWS at
answering and nearer than AWS, so what it takes by itself is measured and shown.

>>> python -m benchmarks.places --archive-records 10_000_000         # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import contest
from benchmarks.contest import Answer, Contestant, Goal, Prepared, Result
from benchmarks.loading import _EIGHT, _expected, _files, _paths
from benchmarks.places_contestants import BUCKET, QUESTIONS, THREADS, client_of

SECTIONS = ("s3", "archive", "cloudwatch", "again")
_SLOWEST_SHARE = 16  # flowlogs-reader is given one object, or event, in so many


# ---- sections


def from_s3(data: Path, objects: int, each: int, repeat: int) -> list[Goal]:
    """A bucket of small objects."""
    records = objects * each
    folder = contest.generated(data, records, objects)
    entries = contest.manifest(folder)
    expected = {**_expected(folder), "stored": sum(entry["stored"] for entry in entries)}
    part = max(1, objects // _SLOWEST_SHARE)
    subset = _expected(folder, part)
    print(f"\nS3: {objects:,} objects of {each:,} records, {expected['stored'] / 1e6:,.0f} MB")
    with _stand_in(folder) as url:

        def contestant(name: str, function: str, **options: Any) -> Contestant:
            where = {"url": url, **options}
            return Contestant(
                name, f"benchmarks.places_contestants:{function}", where, expected, records
            )

        reader = contestant("flowlogs-reader, 16 threads", "flowlogs_reader_s3", objects=part)
        contestants = [
            contestant("flowlab", "flowlab_s3"),
            contestant("download one by one, then flowlab", "downloaded"),
            contestant(f"download with {THREADS} threads, then flowlab", "downloaded",
                       threads=THREADS),
            replace(reader, expected=subset, records=subset["rows"], needs=("flowlogs_reader",)),
            contestant("only list and get: the stand-in itself", "only_get"),
        ]  # fmt: skip
        results = contest.hold(contestants, repeat)
    print(contest.table(results))
    mine, times = results[0], {r.contestant.name: r.median for r in results}
    limits = [(reader.name, 8.0), (contestants[1].name, 1.5)]
    return [
        Goal(f"S3: as fast as {name}", times[name] / mine.median, limit)
        for name, limit in limits
        if name in times
    ]


def from_archive(data: Path, records: int, repeat: int) -> list[Goal]:
    """A day, archived, beside the gzip files it was made of."""
    folder = contest.generated(data, records, _files(records))
    kept, seconds = _archive(data, folder, records)
    size = sum(path.stat().st_size for path in kept.rglob("*.parquet"))
    print(f"\narchive: {records:,} records, written in {seconds:.0f} s, {size / 1e6:,.0f} MB")
    expected = _expected(folder)

    def pair(name: str, functions: Sequence[str], **options: Any) -> list[Contestant]:
        return [
            Contestant(f"{what}: {name}", function, {"folder": str(where), **options},
                       expected, records)
            for what, where, function in zip(
                ("archive", "gzip"), (kept, folder), functions, strict=True)
        ]  # fmt: skip

    goals = []
    for question in QUESTIONS:
        asked = [f"benchmarks.places_contestants:{name}" for name in ("ask_archive", "ask_files")]
        results = _shown(pair(question, asked, question=question), repeat)
        ratio = results[1].median / results[0].median
        goals.append(Goal(f"{question} of the archive: as fast as read and ask", ratio, 10))
    loaded = ["benchmarks.places_contestants:archived", "benchmarks.loading:flowlab"]
    for name, columns, limit in (("8 columns", _EIGHT, 2.0), ("all columns", None, 1.0)):
        results = _shown(pair(name, loaded, columns=columns), repeat)
        ratio = results[1].median / results[0].median
        goals.append(Goal(f"{name} of the archive: as fast as from gzip", ratio, limit))
    return goals


def _shown(contestants: list[Contestant], repeat: int) -> list[Result]:
    results = contest.hold(contestants, repeat)
    print(contest.table(results))
    return results


def from_events(data: Path, events: int, repeat: int) -> list[Goal]:
    """Events of a log group, in memory."""
    folder = contest.generated(data, events, _files(events))
    part = max(1, events // _SLOWEST_SHARE)

    def contestant(name: str, function: str, count: int) -> Contestant:
        options = {"folder": str(folder), "events": count}
        expected = {"rows": count}
        return Contestant(
            name, f"benchmarks.places_contestants:{function}", options, expected, count
        )

    print(f"\nCloudWatch Logs: {events:,} events in memory")
    reader = contestant("flowlogs-reader's records", "flowlogs_reader_events", part)
    mine = contestant("flowlab", "flowlab_events", events)
    results = _shown([mine, replace(reader, needs=("flowlogs_reader",))], repeat)
    return [
        Goal(f"events: as fast as {other.contestant.name}", other.median / results[0].median, 20)
        for other in results[1:]
    ]


def again() -> list[Goal]:
    """The second archiving of the same period."""
    one = Contestant("archive twice", "benchmarks.places:archive_again", {}, {}, 1)
    (result,) = contest.hold([one], 1)
    first, second, slow, quick = (result.note(n) for n in ("first", "second", "slow", "quick"))
    print(
        f"\nCloudWatch Logs, 6 hours archived twice: {first:.0f} FilterLogEvents in {slow:.1f} s, "
        f"then {second:.0f} in {quick:.2f} s"
    )
    text = "requests for closed slices when archived again"
    return [Goal(text, second, 0, at_least=False, unit="")]


def archive_again() -> Prepared:
    """Archive six hours of a log group, and again, and count what is asked of CloudWatch."""
    import pandas as pd

    import flowlab as fl
    from flowlab.practice.account import practice_account

    account = practice_account(records=1)
    client = account.cloudwatch.access.client("logs", retries="adaptive")
    counts = [0, 0]
    run = 0

    def count(**_: Any) -> None:
        counts[run] += 1

    def age(parsed: Any, **_: Any) -> None:
        for group in parsed.get("logGroups", []):  # the stand-in's was made a moment ago
            group["creationTime"] -= 30 * 86_400_000

    client.meta.events.register("before-send.cloudwatch-logs.FilterLogEvents", count)
    client.meta.events.register("after-call.cloudwatch-logs.DescribeLogGroups", age)

    def work() -> Any:
        nonlocal run
        period = {"start": account.end - pd.Timedelta("6h"), "end": account.end}
        with tempfile.TemporaryDirectory() as folder:
            rows, seconds = [], []
            for run in range(2):  # noqa: B007 (count reads it)
                began = time.perf_counter()
                kept = fl.archive(account.cloudwatch, folder, progress=False, **period)
                seconds.append(time.perf_counter() - began)
                rows.append(kept.rows)
        account.stop()
        return rows, seconds

    def describe(done: Any) -> Answer:
        (first, second), (slow, quick) = done
        if first != second or not first:
            raise contest.DisagreementError(f"{first} rows, then {second}")
        notes = {"first": counts[0], "second": counts[1], "slow": slow, "quick": quick}
        return {"notes": notes}

    return work, describe


# ---- what the contests are held over


@contextlib.contextmanager
def _stand_in(folder: Path) -> Iterator[str]:
    """Address of a server, in a process of its own, with the files of a folder in its bucket."""
    command = [sys.executable, "-m", "benchmarks.places", "--serve", str(folder)]
    with subprocess.Popen(
        command, cwd=contest.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin and server.stdout
        try:
            answer = server.stdout.readline()
            if not answer:
                raise RuntimeError("the stand-in for S3 did not start")
            yield json.loads(answer)
        finally:
            server.stdin.close()  # it ends when nobody is there any more


def serve(folder: str) -> None:
    """Be the stand-in: fill a bucket, say the address, serve until standard input ends."""
    from flowlab.practice import endpoint

    server, _ = endpoint.serve("123456789010")
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = client_of(url)
    client.create_bucket(Bucket=BUCKET)

    def put(path: Path) -> None:
        key = path.relative_to(folder).as_posix()
        client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, _paths(folder)))
    print(json.dumps(url), flush=True)
    sys.stdin.read()


def _archive(data: Path, folder: Path, records: int) -> tuple[Path, float]:
    """Archive a folder, anew: an archive of yesterday's flowlab says nothing about today's."""
    kept = data / f"archive-{records}"
    shutil.rmtree(kept, ignore_errors=True)
    code = "import sys, flowlab as fl; fl.archive(sys.argv[1], sys.argv[2], progress=False)"
    began = time.perf_counter()
    command = [sys.executable, "-c", code, str(folder / "AWSLogs"), str(kept)]
    subprocess.run(command, cwd=contest.ROOT, check=True)
    return kept, time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Hold the contests the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.places", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    parser.set_defaults(repeat=3, records=None)
    parser.add_argument("--objects", type=int, default=2000, help="in S3 (default: %(default)s)")
    parser.add_argument("--records-per-object", type=int, default=2000)
    parser.add_argument("--archive-records", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=1_000_000, help="of CloudWatch Logs")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="sections (default: all)")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        serve(given.serve)
        return []
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    sections: dict[str, Callable[[], list[Goal]]] = {
        "s3": lambda: from_s3(given.data, given.objects, given.records_per_object, given.repeat),
        "archive": lambda: from_archive(given.data, given.archive_records, given.repeat),
        "cloudwatch": lambda: from_events(given.data, given.events, given.repeat),
        "again": again,
    }
    goals = [goal for name in given.only or SECTIONS for goal in sections[name]()]
    print(f"\n{contest.load()} at the end\n\ngoals", *goals, sep="\n")
    return goals


if __name__ == "__main__":
    main()
