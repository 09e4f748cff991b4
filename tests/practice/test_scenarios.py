"""One seed, one day: the same always, different for another."""

import pyarrow.compute as pc
import pytest

from flowlab.practice import generate


def with_traffic(table):
    return sum(1 for status in table["log-status"].to_pylist() if status == "OK")


def test_same_seed_same_day():
    first, second = generate(records=20_000), generate(records=20_000)
    assert first.table.equals(second.table)
    assert first.answer_key == second.answer_key


def test_another_seed_is_another_day_with_the_same_stories():
    first, second = generate(records=20_000), generate(seed=1, records=20_000)
    assert not first.table.equals(second.table)
    assert first.answer_key.keys() == second.answer_key.keys()
    assert first.answer_key["leak"] != second.answer_key["leak"]


def test_another_date_moves_the_day_and_nothing_else():
    monday, tuesday = generate(records=20_000), generate(records=20_000, day="2026-03-03")
    for name in ("start", "end"):
        assert pc.add(monday.table[name], 86_400).equals(tuesday.table[name])
    rest = [n for n in monday.table.column_names if n not in ("start", "end")]
    assert monday.table.select(rest).equals(tuesday.table.select(rest))
    assert tuesday.answer_key["beacon"]["start"] == monday.answer_key["beacon"]["start"] + 86_400


@pytest.mark.parametrize("records", [20_000, 50_000, 250_000])
def test_records_scales_the_volume(records):
    assert with_traffic(generate(records=records).table) == pytest.approx(records, rel=0.06)


def test_stories_do_not_depend_on_the_volume():
    small, large = generate(records=1).answer_key, generate(records=40_000).answer_key
    assert {k: v for k, v in small.items() if k != "dns"} == {
        k: v for k, v in large.items() if k != "dns"
    }


def test_impossible_wishes_are_refused():
    with pytest.raises(ValueError, match="records must be positive, not 0"):
        generate(records=0)
    with pytest.raises(ValueError, match="2 March"):
        generate(day="2 March")
