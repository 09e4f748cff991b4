"""Time what is made of a frame, beside loading it: enriched, excluded from, anonymized.

>>> python -m benchmarks.deriving --records 10_000_000                              # doctest: +SKIP
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import contest
from benchmarks.contest import Contestant, Goal, Prepared
from benchmarks.loading import flowlab as load

_RULES = ["dns", "ntp", "icmp", "scan-noise"]


def enriched(folder: str) -> Prepared:
    """The columns of `enrich` that need nothing beyond the records."""
    import flowlab as fl

    return _made_of(folder, fl.enrich)


def excluded(folder: str) -> Prepared:
    """A frame without what four rules take."""
    import flowlab as fl

    return _made_of(folder, lambda flows: fl.exclude(flows, _RULES))


def anonymized(folder: str) -> Prepared:
    """Every address and id replaced."""
    import flowlab as fl

    return _made_of(folder, lambda flows: fl.anonymize(flows, key="of this benchmark"))


def _made_of(folder: str, make: Callable[[Any], Any]) -> Prepared:
    work, _ = load(folder)
    flows, _ = work()
    make(flows.head(10))  # so that no import is timed
    # What it must be is tests' business; a benchmark only sees that something was made.
    return lambda: make(flows), lambda made: {"made of all": 0 < len(made) <= len(flows)}


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Ask what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deriving", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    given = parser.parse_args(arguments)
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    goals = []
    for fields, said in (("v2", "default format"), ("v5", "29 fields")):
        folder = contest.generated(
            given.data, given.records, max(2, min(64, given.records // 10_000)), fields
        )
        options = {"folder": str(folder)}
        contestants = [Contestant("load", "benchmarks.loading:flowlab", options, {}, given.records)]
        contestants += [
            Contestant(name, f"benchmarks.deriving:{name}", options, {}, given.records)
            for name in ("enriched", "excluded", "anonymized")
        ]
        print(f"\n{given.records:,} records, {said}")
        results = contest.hold(contestants, given.repeat)
        print(contest.table(results))
        goals += [
            Goal(f"{one.contestant.name} / load, {said}", one.median / results[0].median, 1, False)
            for one in results[1:]
        ]
    print(f"\n{contest.load()} at the end\n\ngoals", *goals, sep="\n")
    return goals


if __name__ == "__main__":
    main()
