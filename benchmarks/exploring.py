"""Time the explorer: how long a change of a control takes until its view stands.

Controls are set as a click sets them, and the clock is the kernel's: from the change until all
charts are drawn and all rows and words are in their widgets. What a browser then takes to fetch
the picture is not in it.

>>> python -m benchmarks.exploring --records 10_000_000                             # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any

import psutil

from benchmarks import contest
from benchmarks.contest import Goal

_CHANGES = 120  # on many records
_MANY = 500  # on the sample, where memory is watched
_SETTLED = 100  # changes after which as much is kept as ever will be
_SEED = 7

Change = Callable[[Any, random.Random], None]


def _set(name: str, *values: Any) -> Change:
    def change(ex: Any, draw: random.Random) -> None:
        control = ex.controls[name]
        others = [value for value in values if value != control.value]
        control.value = draw.choice(others)

    return change


def _drill(ex: Any, draw: random.Random) -> None:
    lines = ex._screen.rows._lines
    if ex.controls["view"].value != "records" and lines:
        lines[0].children[0].click()
    else:
        ex.controls["view"].value = "talkers"


def changes(ex: Any) -> dict[str, Change]:
    """What an analyst does, by name."""
    from flowlab import top_talkers

    views = [value for _, value in ex.controls["view"].options]
    span = ex._whole[1] - ex._whole[0]
    moments = [str((ex._whole[0] + span * share).floor("s"))[:19] for share in (0.2, 0.4, 0.6, 0.8)]
    # Of those that are there: of a selection of nothing, everything is known at once.
    talkers = top_talkers(ex.names["flows"], rank_by="flow_records", n=50)["addr"].dropna()
    first, second, *_ = (ip_network(addr) for addr in talkers if ":" not in addr)
    nets = [str(first.supernet(new_prefix=16)), f"{_around(first)}, {_around(second)}", str(first)]
    groups = [
        c for c in ("action", "protocol", "dstport", "srcaddr") if c in ex.names["flows"].columns
    ]
    return {
        "view": _set("view", *views),
        "action": _set("action", "all", "ACCEPT", "REJECT"),
        "CIDR": _set("addr", "", *nets),
        "port": _set("port", "", "443", "1024-65535"),
        "group by": _set("by", *groups),
        "rank by": _set("rank_by", "bytes", "packets", "flow_records"),
        "rows": _set("n", 5, 10, 20, 30),
        "period": _set("start", "", *moments[:2]),
        "rules": _set("rules", (), ("dns",), ("dns", "ntp"), ("icmp",)),
        "drill in": _drill,
        "back": lambda ex, _: ex._screen.frame.back.click(),
        "show everything": lambda ex, _: ex._screen.frame.everything.click(),
    }


def _around(addr: Any) -> str:
    return str(addr.supernet(new_prefix=24))


def walk(ex: Any, number: int) -> dict[str, list[float]]:
    """Change one thing after another; the seconds that each took, by its name.

    Those that led to a selection of nothing are left out.
    """
    draw = random.Random(_SEED)
    kinds = changes(ex)
    took: dict[str, list[float]] = defaultdict(list)
    nothing = 0
    for at in range(number):
        name = list(kinds)[at % len(kinds)]
        began = time.perf_counter()
        kinds[name](ex, draw)
        seconds = time.perf_counter() - began
        if ex.error:
            raise RuntimeError(f"{name}: {ex.error}")
        if ex._screen._shown.counted:
            took[name].append(seconds)
        else:  # of nothing, everything is known at once: that would flatter us
            nothing += 1
    if nothing > number / 3:
        raise RuntimeError(f"{nothing} of {number} changes led to a selection of nothing.")
    return took


def _open(flows: Any) -> tuple[Any, float]:
    import flowlab as fl

    began = time.perf_counter()
    ex = fl.explore(flows)
    return ex, time.perf_counter() - began


def _told(title: str, opening: float, took: dict[str, list[float]]) -> tuple[float, float]:
    every = sorted(second for seconds in took.values() for second in seconds)
    median, p95 = statistics.median(every), every[int(0.95 * (len(every) - 1))]
    print(f"\n{title}: opened in {opening:.2f} s; {len(every)} changes")
    print(f"  {'all':<16} median {median * 1000:5.0f} ms   p95 {p95 * 1000:5.0f} ms")
    for name, seconds in took.items():
        middle, most = statistics.median(seconds), max(seconds)
        print(f"  {name:<16} median {middle * 1000:5.0f} ms   most {most * 1000:5.0f} ms")
    return median, p95


def of_many(data: Any, records: int) -> list[Goal]:
    """Records in the default format, held in the engine's memory."""
    import flowlab as fl

    folder = contest.generated(data, records, max(2, min(64, records // 10_000)))
    flows, _ = fl.read_flows(str(folder / "AWSLogs"), progress=False)
    before = psutil.Process().memory_info().rss
    ex, opening = _open(flows)
    held = psutil.Process().memory_info().rss - before
    median, p95 = _told(f"{records:,} records", opening, walk(ex, _CHANGES))
    print(f"  the copy that is asked: {held / records:.0f} B a record")
    return [
        Goal(f"a change on {records:,} records, median", median, 0.5, at_least=False, unit="s"),
        Goal(f"a change on {records:,} records, p95", p95, 1.2, at_least=False, unit="s"),
    ]


def of_the_sample(number: int) -> list[Goal]:
    """The bundled sample, and what many changes leave behind."""
    import flowlab as fl

    flows, _ = fl.sample_flows()
    ex, opening = _open(flows)
    process = psutil.Process()
    settled = min(_SETTLED, number // 2)
    took = walk(ex, settled)
    gc.collect()
    before = process.memory_info().rss
    for name, seconds in walk(ex, number - settled).items():
        took[name] += seconds
    gc.collect()
    grown = (process.memory_info().rss - before) / 1e6
    median, p95 = _told(f"the sample, {len(flows):,} records", opening, took)
    print(
        f"  p95 {p95 * 1000:.0f} ms; memory after {number - settled} more changes {grown:+.1f} MB"
    )
    return [
        Goal("a change on the sample, median", median, 0.15, at_least=False, unit="s"),
        Goal(
            f"memory grown in {number - settled} changes", max(grown, 0), 10,
            at_least=False, unit="MB",
        ),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Ask what the command line asks for."""
    import matplotlib as mpl

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exploring", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    parser.add_argument("--changes", type=int, default=_MANY, help="on the sample")
    given = parser.parse_args(arguments)
    mpl.use("agg")
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    goals = [*of_the_sample(given.changes), *of_many(given.data, given.records)]
    print(f"\n{contest.load()} at the end\n\ngoals", *goals, sep="\n")
    return goals


if __name__ == "__main__":
    main()
