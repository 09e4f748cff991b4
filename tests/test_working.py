"""Work on many rows: in blocks, on all CPUs."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest

from flowlab import working
from flowlab.working import added, at_once, blocks, in_blocks, taken


def test_blocks_are_all_rows_once_in_order(monkeypatch):
    monkeypatch.setattr(working, "BLOCK", 3)
    assert [(b.start, b.stop) for b in blocks(7)] == [(0, 3), (3, 6), (6, 7)]
    assert in_blocks(7, lambda rows: rows.stop) == [3, 6, 7]
    assert list(blocks(0)) == in_blocks(0, id) == []


def test_tasks_run_side_by_side_and_results_are_in_order(monkeypatch):
    monkeypatch.setattr(working, "CPUS", 2)
    both = threading.Barrier(2, timeout=20)  # broken, unless two are there at the same time

    def task(number):
        both.wait()
        return number

    assert at_once([partial(task, number) for number in range(6)]) == list(range(6))


def test_after_an_error_nothing_begins_that_has_not(monkeypatch):
    monkeypatch.setattr(working, "CPUS", 1)
    begun = []

    def task(number):
        begun.append(number)
        if number == 1:
            raise KeyError(number)
        time.sleep(0.01)

    with pytest.raises(KeyError):
        at_once([partial(task, number) for number in range(1000)])
    assert begun[:2] == [0, 1] and len(begun) < 1000


def test_what_comes_of_blocks_is_added_up():
    values = np.random.default_rng(1).integers(0, 5, 300_000)
    counts = added(len(values), lambda rows: np.bincount(values[rows], minlength=5))
    assert counts.tolist() == [int((values == value).sum()) for value in range(5)]


def test_what_is_taken_in_blocks_is_what_numpy_takes():
    table = np.arange(10, 16, dtype=np.int16)
    places = np.random.default_rng(1).integers(-6, 6, 200_000).astype(np.int8)
    found = taken(table, places)
    assert found.dtype == table.dtype
    assert (found == table[places]).all()
