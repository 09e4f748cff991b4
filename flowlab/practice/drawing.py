"""Random draws that look like people and programs: moments, addresses, amounts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowlab.practice.addresses import Codes
from flowlab.practice.conversations import DAY, Ints

# How busy each hour of the day is, relative to the others. [UTC]
OFFICE_HOURS = (
    2,
    2,
    1.5,
    1.5,
    1.5,
    2,
    4,
    8,
    15,
    21,
    23,
    22,
    16,
    18,
    21,
    20,
    17,
    12,
    8,
    6,
    5,
    4,
    3,
    2.5,
)
VISITOR_HOURS = (
    4,
    3,
    2,
    2,
    2,
    3,
    5,
    9,
    13,
    16,
    18,
    18,
    15,
    16,
    18,
    17,
    16,
    14,
    13,
    13,
    12,
    10,
    8,
    6,
)
ALL_DAY = (1,) * 24


def moments(rng: np.random.Generator, count: int, hours: Sequence[float]) -> Ints:
    """Draw seconds of the day that follow the hours, gliding from one hour to the next."""
    middles = np.arange(-1, 25) * 3600 + 1800
    minutes = np.arange(0, DAY, 60)
    density = np.interp(minutes, middles, [hours[-1], *hours, hours[0]])
    minute = np.searchsorted(np.cumsum(density) / density.sum(), rng.random(count))
    return np.minimum(minute, len(minutes) - 1) * 60 + rng.integers(0, 60, count)


def pick(rng: np.random.Generator, codes: Codes, count: int, *, skew: float = 0.0) -> Codes:
    """Draw addresses; with `skew`, the n-th of them is drawn in proportion to 1 / n ** skew."""
    weights = 1.0 / np.arange(1, len(codes) + 1) ** skew
    return codes[rng.choice(len(codes), count, p=weights / weights.sum())]


def amounts(
    rng: np.random.Generator, count: int, *, median: float, spread: float, most: float = 2e7
) -> Ints:
    """Draw sizes or durations: many near the median, a few very large."""
    drawn = median * np.exp(spread * rng.standard_normal(count))
    return np.minimum(drawn, most).astype(np.int64)
