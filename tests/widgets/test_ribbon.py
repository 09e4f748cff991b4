"""The ribbon says every number it was given, and nothing that could act."""

from __future__ import annotations

import html
import re

import pytest

import flowlab as fl
from flowlab.ledger import UNREAD, FileEntry, Ledger
from flowlab.widgets.ribbon import Counts, written

COUNTS = Counts(
    97_029, 12_345, 9_999, 1_500_000, "2026-03-02 00:00:00 to 2026-03-02 23:59:59", "UTC"
)


def words(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def test_every_number_is_there():
    said = words(written(COUNTS, None, ""))
    assert "9,999 of 97,029 records" in said
    assert "1.5 MB" in said
    assert "2026-03-02 00:00:00 to 2026-03-02 23:59:59 UTC" in said
    assert "2,346 set aside by rules" in said  # 12,345 - 9,999


def test_what_reading_lost_is_told_or_said_to_be_unknown():
    assert "pass ledger= to see them" in words(written(COUNTS, None, ""))
    _, ledger = fl.sample_flows()
    said = words(written(COUNTS, ledger, ""))
    assert "0 rejected lines" in said and "4 SKIPDATA" in said
    assert "pass ledger=" not in said
    lost = Ledger()
    entry = FileEntry("a.log", content="text", fields=14, lines=3)
    assert entry.lines == 3
    assert "0 rejected lines" in words(written(COUNTS, lost, ""))


def test_records_that_were_left_out_before_are_told():
    _, ledger = fl.sample_flows()
    some = COUNTS._replace(read=90_000, matching=90_000, shown=90_000)
    assert "7,029 more were read, and left out before" in words(written(some, ledger, ""))
    assert "left out" not in words(written(COUNTS, ledger, ""))


def test_a_reading_that_is_not_complete_is_told():
    _, ledger = fl.sample_flows()
    assert "not complete" not in words(written(COUNTS, ledger, ""))
    lost = Ledger([FileEntry("a.log", content=UNREAD[0], problem="access denied")])
    assert not lost.complete
    assert "not complete: see the ledger" in words(written(COUNTS, lost, ""))


def test_a_cut_is_said_and_none_is_not():
    assert "limit reached: the first 10 rows" in words(written(COUNTS, None, "the first 10 rows"))
    assert "limit reached" not in written(COUNTS, None, "")


def test_a_format_without_bytes_says_none():
    said = words(written(COUNTS._replace(size=None), None, ""))
    assert " MB" not in said and "nan" not in said and "None" not in said


def test_records_without_times_have_no_period():
    assert " · no time · " in words(written(COUNTS._replace(period=""), None, ""))


def test_the_period_that_stands_beside_is_told_where_one_does():
    assert "beside" not in words(written(COUNTS, None, ""))
    assert " · beside Monday · " in words(written(COUNTS._replace(before="Monday"), None, ""))


@pytest.mark.parametrize("hostile", ["<script>x</script>", "<img src=x>", "\u202eevil", "a&b\n"])
def test_text_in_it_is_text(hostile):
    text = written(COUNTS._replace(period=hostile, timezone=hostile), None, "")
    assert "<script" not in text and "<img" not in text
    assert "\u202e" not in text and "\n" not in text


def test_it_is_announced_to_those_who_listen():
    assert "role='status'" in written(COUNTS, None, "")
