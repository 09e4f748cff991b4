"""Time every question, and every rule, on a DataFrame, a Parquet archive and local Spark.

All three are asked of the same Parquet files, and must give equal frames. What it shows is where
to change over: a frame is loaded once and then asked; an archive and Spark read the files anew for
each question, and need no memory for the records.

>>> python -m benchmarks.engines --sizes 1_000_000 10_000_000               # doctest: +SKIP
>>> python -m benchmarks.engines --sizes 100_000_000 --only archive spark   # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import contest
from benchmarks.contest import Answer, Contestant, Prepared, Result

ENGINES = ("frame", "archive", "spark")
_PER_FILE = 500_000  # records
_CPU = "CPU "  # before a question's name: the note of its CPU time, which a busy machine moves less


# ---- contestants


def frame(folder: str, questions: Sequence[str] = ()) -> Prepared:
    """A DataFrame, loaded first; loading is told apart."""
    import flowlab as fl

    began = time.perf_counter()
    flows, _ = fl.read_flows(folder, progress=False)
    return _asked(lambda: flows, {"load": time.perf_counter() - began}, questions)


def archive(folder: str, questions: Sequence[str] = ()) -> Prepared:
    """The folder, opened as an archive."""
    import flowlab as fl

    contest.warm(list(Path(folder).rglob("*.parquet")))
    return _asked(lambda: fl.open_archive(folder), {}, questions)


def spark(folder: str, questions: Sequence[str] = ()) -> Prepared:
    """Local Spark on all processors, with its own memory settings; starting it is told apart."""
    from pyspark.sql import SparkSession

    from flowlab.engines.spark_table import spark as opened

    contest.warm(list(Path(folder).rglob("*.parquet")))
    began = time.perf_counter()
    builder = SparkSession.builder.master("local[*]")
    for name, value in {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "4g",
    }.items():  # fmt: skip
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    session.range(1).count()
    java = session.sparkContext._gateway.proc.pid
    notes = {"start": time.perf_counter() - began}
    work, describe = _asked(
        lambda: opened(session, folder), notes, questions, lambda: _cpu_of(java)
    )

    def describe_and_stop(done: Any) -> Answer:
        answer = describe(done)
        answer["notes"]["java peak MB"] = _peak_of(java) / 1e6
        session.stop()
        return answer

    return work, describe_and_stop


def _peak_of(process: int) -> int:
    """Most memory that a process has had resident, in bytes; 0 where /proc does not tell."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _cpu_of(process: int) -> float:
    """CPU time that a process has used, in s; 0 where /proc does not tell."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    # After the name, which may hold anything: user and system time are the 12th and 13th.
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _asked(
    source: Callable[[], Any],
    notes: dict[str, float],
    chosen: Sequence[str],
    cpu: Callable[[], float] = time.process_time,
) -> Prepared:
    every = _questions()
    # The totals say how many records there are, which is checked.
    questions = {n: ask for n, ask in every.items() if not chosen or n in ("totals", *chosen)}

    def work() -> dict[str, Any]:
        flows, answers = source(), {}
        for name, question in questions.items():
            began, used = time.perf_counter(), cpu()
            answers[name] = question(flows)
            notes[name], notes[_CPU + name] = time.perf_counter() - began, cpu() - used
        return answers

    def describe(answers: dict[str, Any]) -> Answer:
        told = {name: _digest(answer) for name, answer in answers.items()}
        return told | {"records": int(answers["totals"]["flow_records"].iloc[0]), "notes": notes}

    return work, describe


def _digest(answer: Any) -> str:
    types = " ".join(map(str, answer.dtypes))
    return hashlib.sha256((types + answer.to_csv(index=False)).encode()).hexdigest()[:16]


def _questions() -> dict[str, Callable[[Any], Any]]:
    import flowlab as fl

    everything = [
        name for name in fl.rules()["rule"] if name not in ("reserved", "flow-log-delivery")
    ]
    return {
        "totals": fl.totals,
        "breakdown": lambda f: fl.breakdown(f, ["protocol", "dstport", "action"]),
        "top_talkers": fl.top_talkers,
        "traffic_over_time": lambda f: fl.traffic_over_time(f, every="5min"),
        "conversations": fl.conversations,
        "peers": fl.peers,
        "services": fl.services,
        "page": lambda f: fl.records(f, sort_by="bytes", descending=True),
        "dns_servers": fl.dns_servers,
        "infer_subnets": fl.infer_subnets,
        "impossible_traffic": lambda f: fl.impossible_traffic(f, vpc_cidrs="10.0.0.0/16"),
        "excluded_by": fl.excluded_by,
        "waterfall": lambda f: fl.waterfall(f, everything),
        "excluded": lambda f: fl.totals(fl.exclude(f, everything)),
    }


# ---- the run


def compare(
    data: Path, records: int, repeat: int, engines: Sequence[str], questions: Sequence[str] = ()
) -> list[Result]:
    """Ask the engines in turn, and print what each took."""
    files = max(2, records // _PER_FILE)
    folder = contest.generated(data, records, files, "v5", "parquet")
    expected = {"records": sum(entry["records"] for entry in contest.manifest(folder))}
    print(f"\n{records:,} records of 29 fields in {files} Parquet files")
    contestants = [
        Contestant(
            name, f"benchmarks.engines:{name}",
            {"folder": str(folder), "questions": list(questions)}, expected, records,
            ("pyspark",) if name == "spark" else (),
        )
        for name in engines
    ]  # fmt: skip
    results = contest.hold(contestants, repeat)
    print(contest.table(results))
    names = [name for name in results[0].answer if name != "records"]
    for title, prefix in (("seconds", ""), ("CPU seconds", _CPU)):
        heads = "".join(f"{r.contestant.name:>12}" for r in results)
        print(f"  {title:<20}{heads}  {'fastest' if not prefix else 'least'}")
        for name in names:
            took = {r.contestant.name: r.note(prefix + name) for r in results}
            cells = "".join(f"{seconds:>12.2f}" for seconds in took.values())
            print(f"  {name:<20}{cells}  {min(took, key=lambda engine: took[engine])}")
        whole = [sum(r.note(prefix + name) for name in names) for r in results]
        print(f"  {'all of them':<20}" + "".join(f"{seconds:>12.2f}" for seconds in whole))
    told = {*names, *(_CPU + name for name in names)}
    for result in results:
        for name in sorted(set(result.notes[0]) - told):
            print(f"  {result.contestant.name}: {name} {result.note(name):.1f}")
    return results


def main(arguments: Sequence[str] | None = None) -> list[Result]:
    """Compare at each size."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines", description=(__doc__ or "").split("\n")[0]
    )
    contest.add_options(parser)
    parser.add_argument("--sizes", type=int, nargs="+", help="in place of --records")
    parser.add_argument("--only", choices=ENGINES, nargs="+", default=list(ENGINES))
    parser.add_argument("--questions", nargs="+", default=[], help="only these; all by default")
    given = parser.parse_args(arguments)
    if unknown := sorted({*given.questions} - {*_questions()}):
        parser.error(f"no such question: {', '.join(unknown)}")
    print(contest.machine(), f"{contest.load()} at the start", sep="\n")
    results: list[Result] = []
    for records in given.sizes or [given.records]:
        results += compare(given.data, records, given.repeat, given.only, given.questions)
    print(f"\n{contest.load()} at the end")
    return results


if __name__ == "__main__":
    main()
