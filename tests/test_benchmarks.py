"""The benchmarks run, and their contestants find the same. No times here: this machine is busy."""

from __future__ import annotations

import json

import pytest

from benchmarks import asking, contest, engines, loading, make_logs, places

RECORDS = 20_000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


def run(main, data, capsys, *options):
    goals = main(["--records", str(RECORDS), "--repeat", "1", "--data", str(data), *options])
    printed = capsys.readouterr().out
    return goals, printed


def test_contestants_load_the_same_records_and_skipped_ones_are_named(data, capsys):
    # Answers are compared inside: a contestant that finds other records or bytes raises.
    goals, printed = run(loading.main, data, capsys, "--only", "default")
    for name in ("flowlab", "pandas.read_csv", "polars", "flowlogs-reader", "only gunzip"):
        assert name in printed
    assert "load average" in printed and "median" in printed
    assert {"frame", "peak"} <= {word for goal in goals for word in goal.text.split()}
    assert all(str(goal) in printed for goal in goals)


def test_eight_of_29_fields_and_small_files(data, capsys):
    goals, printed = run(loading.main, data, capsys, "--only", "fields", "--only", "small")
    assert "8 of 29 fields" in printed
    assert len(goals) == 3


def test_questions_have_one_answer_in_memory_in_pandas_and_in_an_archive(data, capsys):
    goals, printed = run(asking.main, data, capsys, "--archive-records", str(RECORDS))
    assert "plain pandas" in printed and "Parquet" in printed
    assert [goal.unit for goal in goals] == ["s", "x", "GB"]


def test_places_are_read_the_same_by_all_and_closed_slices_are_not_asked_for_again(data, capsys):
    sizes = {"--objects": 20, "--records-per-object": 100, "--archive-records": 20_000,
             "--events": 20_000, "--repeat": 1}  # fmt: skip
    options = [str(part) for pair in sizes.items() for part in pair]
    goals = places.main([*options, "--data", str(data)])
    printed = capsys.readouterr().out
    for name in ("the stand-in itself", "download with", "gzip: breakdown", "events in memory"):
        assert name in printed
    assert all(str(goal) in printed for goal in goals)
    # Three questions, two frames, and the requests; two more where flowlogs-reader is installed.
    assert len(goals) in (7, 9)
    assert goals[-1].measured == 0 and goals[-1].reached


def test_every_question_and_rule_has_one_answer_in_memory_and_in_an_archive(data, capsys):
    # Spark is asked the same in tests/engines/test_parity.py; here it would take a minute.
    results, printed = run(engines.main, data, capsys, "--only", "frame", "archive")
    frame, archive = (result.answer for result in results)
    assert frame == archive and len(frame) == 15
    assert "CPU seconds" in printed and "all of them" in printed


def test_logs_do_not_depend_on_how_many_processes_make_them(tmp_path):
    plans = [make_logs.Plan(str(tmp_path / str(jobs)), 3000, 3, "v5") for jobs in (1, 2)]
    one, two = (make_logs.make(plan, jobs) for jobs, plan in enumerate(plans, 1))
    assert one["files"] == two["files"]
    for entry in one["files"]:
        first, second = ((tmp_path / jobs / entry["path"]).read_bytes() for jobs in ("1", "2"))
        assert first == second


def test_wrong_answers_are_noticed(data):
    folder = contest.generated(data, RECORDS, 2)
    wrong = {**loading._expected(folder), "bytes": 1}
    contestant = contest.Contestant(
        "flowlab", "benchmarks.loading:flowlab", {"folder": str(folder)}, wrong, RECORDS
    )
    with pytest.raises(contest.DisagreementError, match="expected 1"):
        contest.hold([contestant], 1)


def test_two_contestants_must_not_contradict_each_other():
    one = contest.Contestant("one", "", {}, {}, 1)
    other = contest.Contestant("other", "", {}, {}, 1)
    with pytest.raises(contest.DisagreementError, match="one found 1, other 2"):
        contest._compare(
            [contest.Result(one, answer={"n": 1}), contest.Result(other, answer={"n": 2})]
        )


def test_a_contestant_whose_package_is_missing_is_left_out_and_named(data, capsys):
    folder = contest.generated(data, RECORDS, 2)
    where, expected = {"folder": str(folder)}, loading._expected(folder)
    here = contest.Contestant("here", "benchmarks.loading:pandas_csv", where, expected, RECORDS)
    absent = contest.Contestant("absent", "", where, expected, RECORDS, ("no_such_package",))
    results = contest.hold([here, absent], 1)
    assert [r.contestant.name for r in results] == ["here"]
    assert "absent (not installed: no_such_package)" in capsys.readouterr().out
    json.dumps(results[0].answer)
