"""Work on many rows: on all CPUs, in blocks that stay in memory that is used again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Made = TypeVar("Made")

CPUS = os.cpu_count() or 1
# Of the system: Arrow's default pool costs a third more time (page faults), and does not share what
# is free with numpy. To pass it in changes nothing for anyone else in the process.
POOL = pa.system_memory_pool()
BLOCK = 1 << 16


def at_once(tasks: Sequence[Callable[[], Made]]) -> list[Made]:
    """Run tasks side by side (Arrow and numpy let go of the interpreter); results in order."""
    if len(tasks) < 2:  # a small frame is one block
        return [task() for task in tasks]
    pool = ThreadPoolExecutor(min(len(tasks), CPUS))
    try:
        return [done.result() for done in [pool.submit(task) for task in tasks]]
    finally:  # an error or an interrupt does not wait for what has not begun
        pool.shutdown(cancel_futures=True)


def blocks(rows: int) -> Iterator[slice]:
    """Cut rows into blocks."""
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))


def in_blocks(rows: int, work: Callable[[slice], Made]) -> list[Made]:
    """Work on rows block by block, several at a time; results in order."""
    return at_once([partial(work, block) for block in blocks(rows)])


def added(rows: int, work: Callable[[slice], NDArray[Any]]) -> NDArray[Any]:
    """Work on one row or more block by block, and add up the arrays that come of it."""
    one_at_a_time = threading.Lock()
    totals: list[NDArray[Any]] = []

    def add(block: slice) -> None:
        part = work(block)
        with one_at_a_time:
            totals[:] = [totals[0] + part] if totals else [part]

    in_blocks(rows, add)
    return totals[0]


def taken(table: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """Give ``table[places]``; at once numpy would first write all places as 64-bit numbers."""
    found = np.empty(len(places), table.dtype)
    for rows in blocks(len(places)):
        found[rows] = table[places[rows]]
    return found
