"""Items to parts, many at a time: fetched ahead, parsed side by side, bounded in memory."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from flowlab.errors import FlowlabError, LineFormatError
from flowlab.ledger import UNREAD
from flowlab.loading import load_blocks, load_group
from flowlab.settling import Job, Part
from flowlab.sources import containers
from flowlab.sources.items import Item

_UNDER_WAY = 128 << 20  # stored bytes being fetched or parsed at one moment
_UNTOLD = 512 << 10  # what an item is taken for whose size a remote place does not tell
_FETCHERS = 16  # a remote store answers many requests at once; more than this gains nothing
_MOST_TOGETHER = 64  # items in a group, so that there is something to stop between
# Stored bytes of small files that are opened and parsed together (perf: joining is worth 2x).
_TOGETHER = 2 << 20


def load(
    items: Sequence[Item], job: Job, errors: str = "collect", progress: bool = True
) -> Iterator[list[Part]]:
    """Load items, several at a time, giving lists of parts in the order of the items.

    The rows of a list belong to the items of that list and to no other. Remote items are fetched
    ahead of the parsing. What is under way at one moment is bounded, so memory does not grow with
    the number of items; closing the iterator stops the work.
    """
    from tqdm.auto import tqdm

    total = sum(item.size or 0 for item in items)
    workers = min(8, os.cpu_count() or 1)
    parsers = ThreadPoolExecutor(workers, thread_name_prefix="flowlab-parse")
    fetchers = ThreadPoolExecutor(_FETCHERS, thread_name_prefix="flowlab-fetch")
    running: deque[tuple[int, Future[list[Part]]]] = deque()
    # A place that does not tell sizes (a log group) is measured in items.
    unit = {"unit": "B", "unit_scale": True} if total else {"unit": " items"}
    bar = tqdm(
        total=total or len(items), desc="reading", delay=1, leave=False, disable=not progress,
        **unit,
    )  # fmt: skip
    counts = {"objects": 0, "records": 0}
    try:
        for size, work in _work(items, job, parsers, fetchers):
            running.append((size, work))
            while len(running) > 3 * workers or sum(s for s, _ in running) > _UNDER_WAY:
                if len(running) == 1:
                    break
                yield _done(running.popleft(), errors, bar, counts, total > 0)
        while running:
            yield _done(running.popleft(), errors, bar, counts, total > 0)
    finally:
        bar.close()
        for pool in (fetchers, parsers):
            pool.shutdown(wait=False, cancel_futures=True)


def _work(
    items: Sequence[Item], job: Job, parsers: ThreadPoolExecutor, fetchers: ThreadPoolExecutor
) -> Iterator[tuple[int, Future[list[Part]]]]:
    """Submit the items: small ones in groups, large ones block by block."""
    group: list[Item] = []
    size = 0
    for item in items:
        weight = item.size or (_UNTOLD if item.remote else 0)
        large = not item.remote and (item.size is None or item.size >= containers.BIG)
        if group and (large or len(group) >= _MOST_TOGETHER or size + weight > _TOGETHER):
            yield size, parsers.submit(load_group, group, job)
            group, size = [], 0
        if large:
            yield from load_blocks(item, job, parsers)
        else:
            group.append(_fetched(item, fetchers) if item.remote else item)
            size += weight
    if group:
        yield size, parsers.submit(load_group, group, job)


def _fetched(item: Item, fetchers: ThreadPoolExecutor) -> Item:
    """Begin to fetch an item; opening it waits for the bytes."""
    coming = fetchers.submit(_fetch, item)
    return replace(item, open=lambda: io.BytesIO(coming.result()))


def _fetch(item: Item) -> bytes:
    with item.open() as stream:
        return stream.read()


def _done(
    running: tuple[int, Future[list[Part]]],
    errors: str,
    bar: Any,
    counts: dict[str, int],
    in_bytes: bool,
) -> list[Part]:
    size, future = running
    parts = future.result()
    counts["objects"] += sum(not part.continues for part in parts)
    counts["records"] += sum(part.entry.records for part in parts)
    bar.set_postfix(counts, refresh=False)
    bar.update(size if in_bytes else len(parts))
    if errors == "raise":
        for part in parts:
            raise_first(part)
    return parts


def raise_first(part: Part) -> None:
    """Raise the first thing that is wrong with a part, for errors="raise"."""
    if part.not_a_flow_log:
        raise part.not_a_flow_log
    entry = part.entry
    if part.rejected:
        first = part.rejected[0]
        raise LineFormatError(
            f"{entry.file}, line {first.line_number}: {first.reason}. It begins: {first.text!r}",
            fix="errors='collect' sets such lines aside, with their reasons, in the ledger.",
        )
    if entry.content in UNREAD:
        raise FlowlabError(f"{entry.file}: {entry.problem}")
    if entry.problem:
        raise LineFormatError(
            f"{entry.file}: {entry.problem}.",
            "it was cut off or damaged on the way.",
            "fetch it again, or pass errors='collect' to keep what can be read.",
        )
