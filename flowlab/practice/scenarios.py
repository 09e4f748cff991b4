"""One seeded day of flow records, and the key to what is hidden in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowlab.practice.conversations import choose_ports, concatenate
from flowlab.practice.everyday import everyday
from flowlab.practice.records import flow_records
from flowlab.practice.stories import dns_facts, stories

SEED, DAY, RECORDS = 20260302, "2026-03-02", 100_000

# Records that are there whatever volume is asked for: stories, housekeeping, quiet ENIs.
FIXED_RECORDS = 14_000

# In its busiest hour the flow log could not keep up with the busiest ENI.
SKIPPED = [("web-1", 10 * 3600 + minute * 60) for minute in (7, 8, 23, 41)]


@dataclass(frozen=True)
class Scenario:
    """A day of flow records and its answer key.

    Attributes
    ----------
    table : pyarrow.Table
        One row per flow record, columns named as AWS names them, in the order of version 5; null
        where the log writes `-`.
    answer_key : dict
        Facts by story: scan (vertical, horizontal), leak, misconfiguration, nacl_return_block,
        beacon, dns. Plain values, fit for JSON; `start`, `end` in Unix seconds, bytes and
        packets as one ENI sees them.
    """

    table: pa.Table
    answer_key: dict[str, dict[str, Any]]


def generate(*, seed: int = SEED, day: str = DAY, records: int = RECORDS) -> Scenario:
    """Generate a day of flow records of the practice network.

    Parameters
    ----------
    seed : int
        The same seed, day and records give the same table.
    day : str
        Date, YYYY-MM-DD. [UTC]
    records : int
        Flow records wanted, approximately: the everyday traffic is scaled to meet it. Stories
        and housekeeping are always there in full, which takes some 14,000. NODATA records come
        on top: the less traffic, the more of them.

    Returns
    -------
    Scenario

    Raises
    ------
    ValueError
        `day` is not a date, or `records` is not positive.

    Examples
    --------
    >>> scenario = generate(records=20_000)
    >>> scenario.answer_key["leak"]["destination"]
    '192.0.2.146'
    """
    if records < 1:
        raise ValueError(f"records must be positive, not {records}")
    midnight = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    scale = max(records - FIXED_RECORDS, 0) / (RECORDS - FIXED_RECORDS)
    ordinary = everyday(seed, scale)
    planted, key = stories(seed)
    planted = choose_ports(np.random.default_rng([seed, 300]), planted)
    table = flow_records(concatenate([ordinary, planted]), midnight=midnight, skipped=SKIPPED)

    dns = dns_facts(ordinary)
    ok = pc.sum(pc.equal(table["log-status"].cast(pa.string()), "OK")).as_py()
    key["dns"] = {**dns, "share_of_records": dns["records"] / ok}
    return Scenario(table, {story: _unix_times(facts, midnight) for story, facts in key.items()})


def _unix_times(facts: dict[str, Any], midnight: int) -> dict[str, Any]:
    """Turn seconds of the day into Unix seconds, in nested facts too."""
    return {
        name: _unix_times(fact, midnight)
        if isinstance(fact, dict)
        else fact + midnight
        if name in ("start", "end")
        else fact
        for name, fact in facts.items()
    }
