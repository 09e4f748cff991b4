"""Work on many rows: on all CPUs, in blocks that stay in memory that is used again."""

from __future__ import annotations

import os
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
    with ThreadPoolExecutor(max(1, min(len(tasks), CPUS))) as pool:
        return [done.result() for done in [pool.submit(task) for task in tasks]]


def blocks(rows: int) -> Iterator[slice]:
    """Cut rows into blocks."""
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))


def in_blocks(rows: int, work: Callable[[slice], Made]) -> list[Made]:
    """Work on rows block by block, several at a time; results in order."""
    return at_once([partial(work, block) for block in blocks(rows)])


def taken(table: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """Give ``table[places]``; at once numpy would first write all places as 64-bit numbers."""
    found = np.empty(len(places), table.dtype)
    for rows in blocks(len(places)):
        found[rows] = table[places[rows]]
    return found
