"""Two answers side by side."""

from __future__ import annotations

import pandas as pd
import pytest
from lines import HEADER, read, text

import flowlab as fl
from flowlab.errors import FlowlabError

_LINE = "2 000123456789 eni-0a {src} {dst} 40000 443 6 1 {size} {start} {start} ACCEPT OK"


def _flows(*rows):
    lines = [_LINE.format(src=a, dst=b, size=size, start=start) for a, b, size, start in rows]
    return read(text(HEADER, *(line.encode() for line in lines)))[0]


EARLY, LATE = 1788222600, 1788226200
FLOWS = _flows(
    ("10.0.0.1", "10.0.0.9", 100, EARLY), ("10.0.0.1", "10.0.0.9", 300, LATE),
    ("10.0.0.2", "10.0.0.9", 700, LATE), ("10.0.0.3", "10.0.0.9", 5, EARLY),
    ("-", "10.0.0.9", 11, EARLY), ("-", "10.0.0.9", 13, LATE),
)  # fmt: skip
NOON = pd.Timestamp(LATE, unit="s", tz="UTC")


def test_each_group_has_what_it_was_before_and_zero_if_it_was_not():
    now = fl.breakdown(FLOWS, "srcaddr", start=NOON, n=None)
    before = fl.breakdown(FLOWS, "srcaddr", end=NOON)
    got = fl.beside(now, before)
    assert got["bytes"].tolist() == [700, 300, 13]
    assert got["bytes_before"].tolist() == [0, 100, 11]  # the null group meets itself
    assert got["flow_records_before"].tolist() == [0, 1, 1]
    assert list(got["bytes_before"].to_numpy().dtype.str) == list("<i8")


def test_nothing_before_is_all_zero_and_nothing_now_is_empty():
    now, before = (fl.top_talkers(FLOWS, start=NOON), fl.top_talkers(FLOWS, start="2030-01-01"))
    assert fl.beside(now, before)["bytes_before"].tolist() == [0] * len(now)
    assert fl.beside(before, now).empty
    assert list(fl.beside(before, now).columns) == list(fl.beside(now, before).columns)


def test_different_questions_cannot_stand_side_by_side():
    with pytest.raises(FlowlabError, match="different columns"):
        fl.beside(fl.top_talkers(FLOWS), fl.breakdown(FLOWS, "action"))
    with pytest.raises(FlowlabError, match="no groups"):
        fl.beside(fl.totals(FLOWS), fl.totals(FLOWS))
