"""Time three usual questions, asked of a frame in memory and of a Parquet folder.

The questions: who talks most, how much traffic in each minute, which protocols and ports.

>>> python -m benchmarks.asking --records 10_000_000                                # doctest: +SKIP
>>> python -m benchmarks.asking --only archive --archive-records 50_000_000         # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import contest
from benchmarks.contest import Answer, Contestant, Goal, Prepared, Result

SECTIONS = ("frame", "archive")
_QUESTIONS = ("talkers", "minutes", "ports")


# ---- contestants


def flowlab_frame(folder: str) -> Prepared:
    """The three questions to a frame that read_flows gave."""
    import flowlab as fl

    flows, _ = fl.read_flows(folder + "/AWSLogs", progress=False)
    return _flowlab(flows)


def flowlab_archive(folder: str) -> Prepared:
    """The three questions to a Parquet folder; opening it counts as work."""
    import flowlab as fl

    contest.warm(list(Path(folder).rglob("*.parquet")))
    return _flowlab(lambda: fl.open_archive(folder))


def _flowlab(source: Any) -> Prepared:
    import duckdb  # noqa: F401
    import pyarrow as pa  # noqa: F401

    import flowlab as fl
    from flowlab import summaries  # noqa: F401

    def work() -> Any:
        flows = source() if callable(source) else source
        return _timed(
            lambda: fl.top_talkers(flows),
            lambda: fl.traffic_over_time(flows, every="1min"),
            lambda: fl.breakdown(flows, ["protocol", "dstport"]),
        )

    def describe(done: Any) -> Answer:
        (talkers, minutes, ports), notes = done
        return _answer(talkers["addr"], talkers["bytes"], minutes, ports) | {"notes": notes}

    return work, describe


def pandas_frame(folder: str) -> Prepared:
    """The same in plain pandas, on the same frame.

    A record counts in the minute of its start: spreading it over its minutes, as flowlab does,
    is more than people write.
    """
    import pandas as pd

    import flowlab as fl

    flows, _ = fl.read_flows(folder + "/AWSLogs", progress=False)
    measures = {
        "flow_records": ("bytes", "size"), "packets": ("packets", "sum"), "bytes": ("bytes", "sum"),
    }  # fmt: skip

    def talkers() -> Any:
        sent = flows.groupby("srcaddr", dropna=False).agg(**measures)
        received = flows.groupby("dstaddr", dropna=False).agg(**measures)
        both = pd.concat(
            [
                sent.assign(bytes_sent=sent["bytes"]),
                received.assign(bytes_received=received["bytes"]),
            ]
        )
        both = both.groupby(level=0, dropna=False).sum().sort_values("bytes", ascending=False)
        return both.assign(share=both["bytes"] / flows["bytes"].sum()).head(10)

    def minutes() -> Any:
        return flows.groupby(flows["start"].dt.floor("1min"), dropna=False).agg(**measures)

    def ports() -> Any:
        groups = flows.groupby(["protocol", "dstport"], dropna=False).agg(**measures)
        groups = groups.sort_values("bytes", ascending=False).reset_index()
        return groups.assign(share=groups["bytes"] / groups["bytes"].sum())

    def describe(done: Any) -> Answer:
        (top, over_time, by_port), notes = done
        return _answer(top.index, top["bytes"], over_time, by_port) | {"notes": notes}

    return lambda: _timed(talkers, minutes, ports), describe


def _timed(*questions: Callable[[], Any]) -> tuple[list[Any], dict[str, float]]:
    """Answers to the questions, and the seconds each took."""
    answers, seconds = [], {}
    for name, question in zip(_QUESTIONS, questions, strict=True):
        began = time.perf_counter()
        answers.append(question())
        seconds[name] = time.perf_counter() - began
    return answers, seconds


def _answer(addresses: Any, their_bytes: Any, minutes: Any, ports: Any) -> Answer:
    return {
        "talkers": [str(a) for a in addresses],
        "their bytes": [int(b) for b in their_bytes],
        "bytes": int(minutes["bytes"].sum()),
        "records": int(minutes["flow_records"].sum()),
        "records by port": int(ports["flow_records"].sum()),
        "bytes by port": int(ports["bytes"].sum()),
        "groups": len(ports),
        "largest group": [int(v) for v in ports.iloc[0][["protocol", "dstport", "bytes"]]],
    }


# ---- sections


def of_a_frame(data: Path, records: int, repeat: int) -> list[Goal]:
    """The frame is loaded first; only the questions are timed."""
    folder = contest.generated(data, records, _files(records))
    where, expected = {"folder": str(folder)}, _expected(folder)
    here = "benchmarks.asking"
    print(f"\n{records:,} records in memory (peak memory is that of loading them)")
    results = contest.hold(
        [
            Contestant(
                "flowlab, three questions", f"{here}:flowlab_frame", where, expected, records
            ),
            Contestant("plain pandas, the same", f"{here}:pandas_frame", where, expected, records),
        ],
        repeat,
    )
    _show(results)
    mine, theirs = results
    return [
        Goal(
            f"three questions to {records:,} records in memory",
            mine.median,
            1.5,
            at_least=False,
            unit="s",
        ),
        Goal("as fast as plain pandas", theirs.median / mine.median, 1),
    ]


def of_an_archive(data: Path, records: int, repeat: int) -> list[Goal]:
    """Parquet as AWS delivers it, not loaded."""
    folder = contest.generated(
        data, records, max(2, min(256, records // 200_000)), output="parquet"
    )
    size = sum(entry["stored"] for entry in contest.manifest(folder)) / 1e6
    print(f"\n{records:,} records in Parquet, {size:,.0f} MB")
    contestant = Contestant(
        "flowlab over a Parquet folder",
        "benchmarks.asking:flowlab_archive",
        {"folder": str(folder)},
        _expected(folder),
        records,
    )
    results = contest.hold([contestant], repeat)
    _show(results)
    peak = max(results[0].peak) / 1e9
    text = f"peak memory, three questions to {records:,} records in Parquet"
    return [Goal(text, peak, 2, at_least=False, unit="GB")]


def _show(results: Sequence[Result]) -> None:
    print(contest.table(results))
    for result in results:
        parts = ", ".join(f"{name} {result.note(name):.2f} s" for name in _QUESTIONS)
        print(f"    {result.contestant.name}: {parts}")


def _files(records: int) -> int:
    return max(2, min(64, records // 10_000))


def _expected(folder: Path) -> Answer:
    entries = contest.manifest(folder)
    totals = {name: sum(entry[name] for entry in entries) for name in ("records", "bytes")}
    by_port = {"records by port": totals["records"], "bytes by port": totals["bytes"]}
    return totals | by_port


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Ask what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.asking", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    parser.add_argument("--archive-records", type=int, help="default: five times --records")
    parser.add_argument(
        "--only", choices=SECTIONS, action="append", help="sections (default: both)"
    )
    given = parser.parse_args(arguments)
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    goals = []
    for section in given.only or SECTIONS:
        if section == "frame":
            goals += of_a_frame(given.data, given.records, given.repeat)
        else:
            records = given.archive_records or 5 * given.records
            goals += of_an_archive(given.data, records, given.repeat)
    print(f"\n{contest.load()} at the end\n\ngoals", *goals, sep="\n")
    return goals


if __name__ == "__main__":
    main()
