"""Let contestants take turns at one task, each in a process of its own, and check their answers.

A contestant is a function that imports what it needs and gives back two functions: one that does
the work, which alone is timed, and one that says what the work found. Contestants take turns
(round robin), so that a machine that gets slower gets slower for all of them.

This module stays light on purpose: on Linux a process begins with the peak memory of the one
that started it, so whoever starts contestants must be small.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_VERSIONS = (
    "numpy", "pandas", "pyarrow", "duckdb", "isal", "polars", "flowlogs-reader", "deflate",
)  # fmt: skip

Answer = dict[str, Any]
# What a contestant's function gives: the work, and what a finished piece of work found.
Prepared = tuple[Callable[[], Any], Callable[[Any], Answer]]


@dataclass(frozen=True)
class Contestant:
    """One way to do the work."""

    name: str
    function: str  # "module:function", a function that gives Prepared
    options: dict[str, Any]
    expected: Answer  # what it must find
    records: int  # of which it is given; its time is scaled to what the first contestant is given
    needs: tuple[str, ...] = ()  # packages beyond flowlab's own

    @property
    def missing(self) -> list[str]:
        """Packages it needs that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


@dataclass
class Result:
    """All runs of one contestant."""

    contestant: Contestant
    scale: float = 1.0
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # of all threads [s]
    before: list[int] = field(default_factory=list)  # peak memory after the imports [bytes]
    peak: list[int] = field(default_factory=list)  # and after the work [bytes]
    answer: Answer = field(default_factory=dict)
    notes: list[dict[str, float]] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the times in s, scaled."""
        return statistics.median(self.seconds) * self.scale

    def note(self, name: str) -> float:
        """Median of something a contestant measured itself."""
        return statistics.median(note[name] for note in self.notes)

    @property
    def peak_per_record(self) -> float:
        """Median of the peak memory, in bytes per record."""
        return statistics.median(self.peak) / self.contestant.records

    @property
    def net_per_record(self) -> float:
        """The same, beyond what the process took before it began to work."""
        grown = [after - before for before, after in zip(self.before, self.peak, strict=True)]
        return statistics.median(grown) / self.contestant.records


@dataclass(frozen=True)
class Goal:
    """Something to reach; told, never enforced: a busy machine must not fail a test."""

    text: str
    measured: float
    limit: float
    at_least: bool = True
    unit: str = "x"

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        sign, word = (">=" if self.at_least else "<="), ("reached" if self.reached else "MISSED")
        shown = f"{self.measured:.2f}" if self.measured < 10 else f"{self.measured:.0f}"
        return f"  {word:<8}{self.text:<66} {shown:>6} {self.unit:<8} goal {sign} {self.limit:g}"


class DisagreementError(Exception):
    """Contestants found different things in the same records."""


def hold(contestants: Sequence[Contestant], repeat: int) -> list[Result]:
    """Let contestants take turns; who lacks a package is left out, and it is said.

    Raises
    ------
    DisagreementError
        An answer is not what was expected, or not what another contestant found.
    """
    for contestant in contestants:
        if contestant.missing:
            print(f"  skipped: {contestant.name} (not installed: {', '.join(contestant.missing)})")
    results = [Result(c) for c in contestants if not c.missing]
    for result in results:
        result.scale = results[0].contestant.records / result.contestant.records
    for turn in range(repeat):
        for result in results:
            _tell(f"turn {turn + 1} of {repeat}: {result.contestant.name}")
            _run_once(result)
    _tell("")
    _compare([r for r in results if r.scale == 1])
    return results


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _run_once(result: Result) -> None:
    contestant = result.contestant
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.contest",
            contestant.function,
            json.dumps(contestant.options),
        ],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{contestant.name} failed with exit status {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    for name, value in contestant.expected.items():
        if name in found["answer"] and found["answer"][name] != value:
            raise DisagreementError(
                f"{contestant.name}: {name} is {found['answer'][name]}, expected {value}"
            )
    result.seconds.append(found["seconds"])
    result.cpu.append(found["cpu"])
    result.before.append(found["before"])
    result.peak.append(found["peak"])
    result.notes.append(found["notes"])
    result.answer = found["answer"]


def _compare(results: Sequence[Result]) -> None:
    """Whatever two contestants both say must be the same."""
    said: dict[str, tuple[str, Any]] = {}
    for result in results:
        for name, value in result.answer.items():
            who, before = said.setdefault(name, (result.contestant.name, value))
            if before != value:
                raise DisagreementError(
                    f"{name}: {who} found {before}, {result.contestant.name} {value}"
                )


def table(results: Sequence[Result]) -> str:
    """Times, ratios and memory as text; ratios are to the first contestant."""
    first = results[0].median
    titles = f"{'median s':>9}{'min-max s':>16}{'CPU s':>8}{'ratio':>8}"
    lines = [f"  {'':<42}{titles}{'peak MB':>9}{'B/record':>10}{'net':>7}"]
    for result in results:
        name = result.contestant.name
        if result.scale != 1:
            name += f" [scaled {result.scale:.1f}x]"
        low, high = min(result.seconds) * result.scale, max(result.seconds) * result.scale
        cpu = statistics.median(result.cpu) * result.scale
        lines.append(
            f"  {name:<42}{result.median:>9.2f}{f'{low:.2f}-{high:.2f}':>16}{cpu:>8.2f}"
            f"{result.median / first:>8.2f}{statistics.median(result.peak) / 1e6:>9,.0f}"
            f"{result.peak_per_record:>10,.0f}{result.net_per_record:>7,.0f}"
        )
    return "\n".join(lines)


def machine() -> str:
    """What the numbers were measured with."""
    versions = []
    for package in _VERSIONS:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} -")
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}\n{', '.join(versions)}"
    )


def load() -> str:
    """Load averages of the machine: above its CPUs, the times are of a crowd."""
    if not hasattr(os, "getloadavg"):
        return "load average unknown"
    return "load average " + " ".join(f"{value:.2f}" for value in os.getloadavg())


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options every benchmark has."""
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="turns for each contestant")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir(), "flowlab-benchmarks"),
        help="folder that keeps the generated logs for the next time (default: %(default)s)",
    )


def generated(data: Path, records: int, files: int, fields: str = "v2", output: str = "gz") -> Path:
    """Folder with the logs asked for; they are made if they are not there yet."""
    folder = data / f"{fields}-{output}-{records}-in-{files}"
    if not (folder / "manifest.json").exists():
        # In a process of its own, to stay light.
        asked = {
            "out": folder,
            "records": records,
            "files": files,
            "format": fields,
            "output": output,
        }
        options = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.make_logs", *options], cwd=ROOT, check=True
        )
    return folder


def manifest(folder: Path) -> list[dict[str, Any]]:
    """What is in each file of a generated folder."""
    files: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["files"]
    return files


def warm(paths: Sequence[Path]) -> None:
    """Read files once, so that no contestant pays for the disk."""
    for path in paths:
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass


def _peak() -> int:
    """Most memory this process has had resident, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(arguments: Sequence[str]) -> None:
    """Be one contestant: work once, print the outcome as JSON."""
    name, options = arguments
    module, function = name.split(":")
    work, describe = getattr(importlib.import_module(module), function)(**json.loads(options))
    before = _peak()
    began, cpu_began = time.perf_counter(), time.process_time()
    done = work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    peak = _peak()
    answer = describe(done)
    notes = answer.pop("notes", {})
    outcome = {"seconds": seconds, "cpu": cpu, "before": before, "peak": peak}
    outcome |= {"answer": answer, "notes": notes}
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(sys.argv[1:])
