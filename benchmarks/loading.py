"""Time how flow logs in gzip files become a DataFrame, and measure the memory that takes.

>>> python -m benchmarks.loading --records 10_000_000        # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import contest
from benchmarks.contest import Answer, Contestant, Goal, Prepared, Result

_EIGHT = ("interface_id", "srcaddr", "dstaddr", "dstport", "protocol", "bytes", "start", "action")
_SLOWEST_SHARE = 16  # flowlogs-reader is given one file in so many
SECTIONS = ("default", "fields", "small")
_PANDAS, _POLARS = "pandas.read_csv, times converted", "polars.scan_csv, to pandas"
_GUNZIP = "only gunzip, libdeflate"


# ---- contestants: each imports what it needs, then gives (the timed work, what it found)


def flowlab(folder: str, columns: Sequence[str] | None = None) -> Prepared:
    """flowlab.read_flows: every line checked, every line accounted for."""
    import pandas as pd  # noqa: F401
    import pyarrow.csv  # noqa: F401
    from tqdm.auto import tqdm  # noqa: F401

    from flowlab import frames  # noqa: F401
    from flowlab.reading import read_flows

    contest.warm(_paths(folder))

    def work() -> Any:
        return read_flows(_paths(folder), columns=columns, progress=False)

    def describe(done: Any) -> Answer:
        flows, ledger = done
        if not ledger.balanced or ledger.rejected:
            raise contest.DisagreementError(f"lines are missing: {ledger!r}")
        size = int(flows.memory_usage(deep=True).sum())
        return {
            "records": len(flows),
            "rows": ledger.lines - ledger.headers,
            "bytes": int(flows["bytes"].sum()),
            "notes": {"frame": size / len(flows)},
        }

    return work, describe


def pandas_csv(folder: str) -> Prepared:
    """pandas.read_csv as people write it, with times made times."""
    import pandas as pd

    contest.warm(_paths(folder))

    def work() -> Any:
        files = [pd.read_csv(path, sep=" ", na_values="-") for path in _paths(folder)]
        frame = pd.concat(files, ignore_index=True)
        frame["start"] = pd.to_datetime(frame["start"], unit="s", utc=True)
        frame["end"] = pd.to_datetime(frame["end"], unit="s", utc=True)
        return frame

    return work, _describe_frame


def pandas_pyarrow(folder: str) -> Prepared:
    """The same with pandas' pyarrow engine."""
    import pandas as pd
    import pyarrow.csv  # noqa: F401

    contest.warm(_paths(folder))

    def work() -> Any:
        files = [
            pd.read_csv(path, sep=" ", na_values="-", engine="pyarrow") for path in _paths(folder)
        ]
        frame = pd.concat(files, ignore_index=True)
        frame["start"] = pd.to_datetime(frame["start"], unit="s", utc=True)
        frame["end"] = pd.to_datetime(frame["end"], unit="s", utc=True)
        return frame

    return work, _describe_frame


def polars_csv(folder: str) -> Prepared:
    """polars.scan_csv, collected and made a pandas DataFrame; times stay numbers."""
    import pandas as pd  # noqa: F401
    import polars as pl
    import pyarrow as pa  # noqa: F401

    contest.warm(_paths(folder))

    def work() -> Any:
        return pl.scan_csv(_paths(folder), separator=" ", null_values="-").collect().to_pandas()

    return work, _describe_frame


def _describe_frame(frame: Any) -> Answer:
    return {
        "rows": len(frame),
        "records": int((frame["log-status"] == "OK").sum()),
        "bytes": int(frame["bytes"].sum()),
    }


def flowlogs_reader(folder: str, files: int) -> Prepared:
    """flowlogs-reader over a bucket that is a local folder, made a DataFrame."""
    import pandas as pd
    from flowlogs_reader import S3FlowLogsReader

    paths = _paths(folder)[:files]
    contest.warm(paths)

    class Disk:
        """The one call of S3 that reading needs."""

        def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
            path = Path(Key)
            return {"Body": path.open("rb"), "ContentLength": path.stat().st_size}

    class Reader(S3FlowLogsReader):  # type: ignore[misc]
        def _get_all_keys(self) -> Iterator[str]:
            yield from map(str, paths)

    def work() -> Any:
        return pd.DataFrame([record.to_dict() for record in Reader("disk", boto_client=Disk())])

    def describe(frame: Any) -> Answer:
        return {
            "rows": len(frame),
            "records": int((frame["log_status"] == "OK").sum()),
            "bytes": int(frame["bytes"].sum()),
        }

    return work, describe


def gunzip(folder: str) -> Prepared:
    """Only the decompression, with libdeflate on all CPUs: what no reader can go below."""
    import deflate

    contest.warm(_paths(folder))

    def work() -> int:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(_gunzipped_size, _paths(folder)))

    def _gunzipped_size(path: Path) -> int:
        return len(deflate.gzip_decompress(path.read_bytes()))

    return work, lambda size: {"text": size}


def _paths(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.gz"))


# ---- sections


def default_format(data: Path, records: int, repeat: int, more: bool = False) -> list[Goal]:
    """14 fields, in files of the size AWS writes for a busy account."""
    folder = contest.generated(data, records, _files(records))
    expected = _expected(folder)
    files = max(1, _files(records) // _SLOWEST_SHARE)
    subset = _expected(folder, files)

    def contestant(name: str, function: str, *needs: str) -> Contestant:
        where = {"folder": str(folder)}
        return Contestant(name, f"benchmarks.loading:{function}", where, expected, records, needs)

    reader = contestant("flowlogs-reader", "flowlogs_reader", "flowlogs_reader")
    options = {**reader.options, "files": files}
    contestants = [
        contestant("flowlab", "flowlab"),
        contestant(_PANDAS, "pandas_csv"),
        contestant(_POLARS, "polars_csv", "polars"),
        replace(reader, options=options, expected=subset, records=subset["rows"]),
        contestant(_GUNZIP, "gunzip", "deflate"),
    ]
    if more:
        contestants.append(contestant("pandas.read_csv, engine pyarrow", "pandas_pyarrow"))
    _title(f"{records:,} records, 14 fields, {_files(records)} gzip files", expected)
    results = contest.hold(contestants, repeat)
    print(contest.table(results))
    mine, times = results[0], {r.contestant.name: r.median for r in results}
    goals = [
        Goal(f"as fast as {name}", times[name] / mine.median, limit)
        for name, limit in ((reader.name, 40), (_PANDAS, 2), (_POLARS, 1.3))
        if name in times
    ]
    if _GUNZIP in times:
        ratio = mine.median / times[_GUNZIP]
        goals.append(Goal(f"as long as {_GUNZIP}", ratio, 8, at_least=False))
    return goals + _memory_goals(mine)


def _title(text: str, expected: Answer) -> None:
    print(f"\n{text}, {expected['text'] / 1e6:,.0f} MB of text")


def _memory_goals(mine: Result) -> list[Goal]:
    return [
        Goal("the frame in memory", mine.note("frame"), 110, at_least=False, unit="B/record"),
        Goal(
            "peak memory while loading, gross",
            mine.peak_per_record,
            200,
            at_least=False,
            unit="B/record",
        ),
    ]


def more_fields(data: Path, records: int, repeat: int) -> list[Goal]:
    """29 fields (version 5), all of them or eight, beside the default 14."""
    wide = contest.generated(data, records, _files(records), "v5")
    narrow = contest.generated(data, records, _files(records))
    expected = _expected(wide)

    def contestant(name: str, folder: Path, **options: Any) -> Contestant:
        where = {"folder": str(folder), **options}
        return Contestant(name, "benchmarks.loading:flowlab", where, _expected(folder), records)

    _title(f"{records:,} records, 29 fields, {_files(records)} gzip files", expected)
    results = contest.hold(
        [
            contestant("flowlab, 29 fields", wide),
            contestant("flowlab, 8 of 29 fields", wide, columns=_EIGHT),
            contestant("flowlab, 14 fields", narrow),
        ],
        repeat,
    )
    print(contest.table(results))
    all_of_them, eight, default = (result.median for result in results)
    return [
        Goal("29 fields, as long as 14", all_of_them / default, 2.7, at_least=False),
        Goal("8 of 29 fields, as long as all", eight / all_of_them, 0.6, at_least=False),
    ]


def small_files(data: Path, records: int, repeat: int) -> list[Goal]:
    """Files of 1,000 records, as AWS writes for a quiet account."""
    files = max(2, records // 5000)
    records = files * 1000
    folder = contest.generated(data, records, files)
    expected = _expected(folder)

    def contestant(name: str, function: str) -> Contestant:
        where = {"folder": str(folder)}
        return Contestant(name, f"benchmarks.loading:{function}", where, expected, records)

    _title(f"{records:,} records, 14 fields, {files:,} gzip files", expected)
    pair = [contestant("flowlab", "flowlab"), contestant(_PANDAS, "pandas_csv")]
    results = contest.hold(pair, repeat)
    print(contest.table(results))
    mine, theirs = (result.median for result in results)
    return [Goal(f"{files:,} small files: as fast as pandas.read_csv", theirs / mine, 4)]


def _files(records: int) -> int:
    return max(2, min(64, records // 10_000))


def _expected(folder: Path, files: int | None = None) -> Answer:
    """What a reader of (the first) files must find."""
    entries = sorted(contest.manifest(folder), key=lambda entry: entry["path"])[:files]
    return {name: sum(e[name] for e in entries) for name in ("rows", "records", "bytes", "text")}


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Hold the contests the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loading", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="sections (default: all)")
    parser.add_argument("--more", action="store_true", help="also pandas with engine='pyarrow'")
    given = parser.parse_args(arguments)
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    goals = []
    for section in given.only or SECTIONS:
        if section == "default":
            goals += default_format(given.data, given.records, given.repeat, given.more)
        elif section == "fields":
            goals += more_fields(given.data, given.records, given.repeat)
        else:
            goals += small_files(given.data, given.records, given.repeat)
    print(f"\n{contest.load()} at the end\n\ngoals", *goals, sep="\n")
    return goals


if __name__ == "__main__":
    main()
