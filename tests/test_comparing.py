"""Two answers side by side."""

from __future__ import annotations

import pandas as pd
import pytest
from lines import HEADER, read, text

import flowlab as fl
from flowlab.comparing import compare
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


# compare: all that changed between two periods

_EDGE = "2 000123456789 eni-0a {} {} {} {} {} 1 {} {} {} ACCEPT OK"
HOUR = 3600


def _period(*rows, start=EARLY, hours=1, last=True):
    """Make records of one period: client, server, client's port, server's port, protocol, bytes."""
    lines = [_EDGE.format(*row, start, start + hours * HOUR) for row in rows]
    return read(text(HEADER, *(line.encode() for line in lines)))[0]


# By hand. Before, one hour: 1,000 + 400 + 50 + 600 = 2,050 B.
BEFORE = _period(
    ("10.0.0.1", "10.0.0.9", 40000, 443, 6, 700), ("10.0.0.9", "10.0.0.1", 443, 40000, 6, 300),
    ("10.0.0.2", "10.0.0.9", 40001, 443, 6, 400), ("10.0.0.2", "10.0.0.8", 40002, 22, 6, 50),
    ("10.0.0.3", "203.0.113.5", 40003, 443, 6, 600),
)  # fmt: skip
# After, one hour: 1,500 + 400 + 90 + 30 + 30 + 7 = 2,057 B.
AFTER = _period(
    ("10.0.0.1", "10.0.0.9", 50000, 443, 6, 1500), ("10.0.0.2", "10.0.0.9", 50001, 443, 6, 400),
    ("10.0.0.2", "198.51.100.7", 50002, 53, 17, 90), ("10.0.0.1", "198.51.100.8", 50003, 443, 6, 30),
    ("10.0.0.4", "198.51.100.9", 50004, 443, 6, 30), ("10.0.0.4", "10.0.0.7", 50005, 45000, 6, 7),
    start=LATE,
)  # fmt: skip


def _rows(table, change, *columns):
    shown = table[table["change"] == change][list(columns)].astype(object)
    return [tuple(None if pd.isna(v) else v for v in row) for row in shown.to_numpy().tolist()]


def test_edges_are_two_addresses_and_a_service_whatever_the_client_port():
    edges = compare(BEFORE, AFTER).tables["edges"]
    keys = ("client", "server", "protocol", "port", "bytes_before", "bytes")
    assert _rows(edges, "grown", *keys) == [("10.0.0.1", "10.0.0.9", 6, 443, 1000, 1500)]
    assert _rows(edges, "gone", *keys) == [
        ("10.0.0.3", "203.0.113.5", 6, 443, 600, 0),
        ("10.0.0.2", "10.0.0.8", 6, 22, 50, 0),
    ]
    assert _rows(edges, "new", *keys) == [
        ("10.0.0.2", "198.51.100.7", 17, 53, 0, 90),
        ("10.0.0.1", "198.51.100.8", 6, 443, 0, 30),  # a tie: in the order of the keys
        ("10.0.0.4", "198.51.100.9", 6, 443, 0, 30),
        ("10.0.0.4", "10.0.0.7", 6, None, 0, 7),  # two high ports: no service
    ]


def test_what_changed_is_said_in_sentences():
    assert compare(BEFORE, AFTER).sentences == [
        "All traffic: +0.341 %, from 2.05 kB to 2.06 kB.",  # 7 of 2,050
        "Four new edges (two addresses and a service), 2 gone, 1 grown. The largest new one: 10.0.0.2 to 198.51.100.7, UDP 53, 90 B.",
        "Three new internet destinations; one gone; one new destination in private or special ranges.",
        "Which of them are AWS's cannot be told: the records lack pkt-dst-aws-service.",
        "One service new: UDP 53 (domain). One service gone: TCP 22 (ssh).",
        "Whether traffic between Availability Zones changed cannot be told: the records have no column scope, which fl.enrich adds.",
    ]


def test_periods_of_other_lengths_are_compared_per_hour():
    half = _period(("10.0.0.1", "10.0.0.9", 40000, 443, 6, 1000), hours=2)
    more = _period(("10.0.0.1", "10.0.0.9", 40000, 443, 6, 1500), start=LATE, hours=3)
    got = compare(half, more)
    # 1,000 in 2 h and 1,500 in 3 h are both 500 an hour.
    assert got.sentences[:2] == [
        "All traffic: as before, from 500 B an hour to 500 B an hour.",
        "The periods are not equally long (2.0 h before, 3.0 h after): amounts are compared per hour.",
    ]
    assert got.tables["edges"].empty
    least = _period(("10.0.0.1", "10.0.0.9", 40000, 443, 6, 1501), start=LATE, hours=3)
    (row,) = _rows(compare(half, least).tables["edges"], "grown", "bytes_per_hour")
    assert row[0] == pytest.approx(1501 / 3)


def test_a_period_without_length_or_times_is_compared_as_it_is():
    still = _period(("10.0.0.1", "10.0.0.9", 40000, 443, 6, 10), hours=0)
    assert compare(still, AFTER).sentences[1] == (
        "A period without length: amounts are compared as they are."
    )
    without = [side.drop(columns=["start", "end"]) for side in (BEFORE, AFTER)]
    got = compare(*without).sentences
    assert got[:2] == [
        "All traffic: +0.341 %, from 2.05 kB to 2.06 kB.",
        "The records have no times: amounts are compared as they are.",
    ]


def test_empty_sides_are_said_to_be_empty():
    none = BEFORE[:0]
    assert compare(none, none).sentences == ["There are no records, neither before nor after."]
    assert compare(none, AFTER).sentences[0] == "There are no records before."
    assert set(compare(none, AFTER).tables["edges"]["change"]) == {"new"}
    assert compare(AFTER, none).sentences[0] == "There are no records after."
    assert set(compare(AFTER, none).tables["edges"]["change"]) == {"gone"}
    assert compare(AFTER, AFTER).sentences[1] == (
        "No new edge (two addresses and a service), none gone, none grown."
    )


def test_s3_is_named_where_the_field_tells():
    of = {"198.51.100.7": "S3", "198.51.100.9": "S3"}
    told = AFTER.assign(pkt_dst_aws_service=AFTER["dstaddr"].astype(str).map(of).astype("str"))
    assert "Three new internet destinations, two of them in S3; one gone; one new" in str(
        compare(BEFORE, told)
    )
    nobody = AFTER.assign(pkt_dst_aws_service=pd.Series([None] * len(AFTER), dtype="str"))
    assert "Three new internet destinations, none of them in an AWS service;" in str(
        compare(BEFORE, nobody)
    )


def test_cross_az_is_told_where_the_scope_is_known():
    # 1,000 B before and 1,420 B after, in an hour each, cross-AZ.
    before = _period(
        ("10.0.0.1", "10.0.0.9", 40000, 443, 6, 1000), ("10.0.0.1", "10.0.0.8", 40000, 443, 6, 9)
    ).assign(scope=["cross-az", "intra-vpc"])
    after = _period(("10.0.0.1", "10.0.0.9", 40000, 443, 6, 1420), start=LATE).assign(
        scope="cross-az"
    )
    got = compare(before, after)
    assert got.sentences[-1] == "Cross-AZ traffic: +42 %."
    assert _rows(got.tables["scopes"], "gone", "scope", "bytes_before") == [("intra-vpc", 9)]
    assert compare(after, before).sentences[-1] == "Cross-AZ traffic: -29.6 %."  # 420 of 1,420
    only = before[before["scope"] == "intra-vpc"]
    assert compare(only, after).sentences[-1] == "Cross-AZ traffic: all of it new."
    assert compare(only, only).sentences[-1] == "No cross-AZ traffic, neither before nor after."


def test_without_bytes_records_are_counted():
    without = [side.drop(columns=["bytes", "packets"]) for side in (BEFORE, AFTER)]
    got = compare(*without)
    assert got.sentences[0] == ("All traffic: +20 %, from 5 flow records to 6 flow records.")
    assert "flow_records_before" in got.tables["edges"]


def test_tables_are_cut_and_sentences_are_not():
    got = compare(BEFORE, AFTER, n=1)
    assert got.tables["edges"]["change"].tolist() == ["new", "gone", "grown"]
    assert got.sentences[1].startswith("Four new edges")
    with pytest.raises(FlowlabError, match="not a number of rows"):
        compare(BEFORE, AFTER, n=0)


def test_what_is_shown_is_text_whatever_records_hold():
    hostile = AFTER.assign(srcaddr="<script>alert(1)</script>\u202e")
    shown = compare(BEFORE, hostile)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "\u202e" not in shown + repr(compare(BEFORE, hostile))
