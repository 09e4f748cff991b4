"""The period is read off the question, and no partition that can hold it is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

import flowlab as fl
from flowlab import schema
from flowlab.engines.athena_periods import period_asked
from flowlab.engines.athena_pruning import LATE, Key, levels, moments, predicate

DUCK = duckdb.connect()
START, END = 1793494800, 1793577600  # 2026-11-01 01:00 to 2026-11-02 00:00 UTC


def key(name, type_="string", **projection):
    return Key(name, type_, {k.replace("_", "."): v for k, v in projection.items()})


YEAR, MONTH, DAY, HOUR = (key(n) for n in ("year", "month", "day", "hour"))
DATED = key("day", type="date", format="yyyy/MM/dd", range="2026/01/01,NOW")
TWO_DIGITS = key("hour", type="integer", range="0,23", digits="2")
HIVE = key("day", type="date", format="'year='yyyy/'month='MM/'day='dd", range="x,NOW")
LAYOUTS = {
    "year, month, day": [YEAR, MONTH, DAY],
    "and hour": [YEAR, MONTH, DAY, HOUR],
    "numbers": [key(n, "int") for n in ("year", "month", "day")],
    "one date": [DATED],
    "a date and hours": [DATED, TWO_DIGITS],
    "Hive in one": [HIVE, TWO_DIGITS],
    "type date": [key("date", "date")],
    "datehour": [key("datehour", type="date", format="yyyy/MM/dd/HH")],
    "months": [key("month", type="date", format="yyyy-MM")],
    "year and month": [YEAR, MONTH],
}


def sql(keys, start, end, sample=None):
    found = levels(keys, sample or {})
    return " AND ".join(c.sql("athena") for c in predicate(found, moments(found, start, end)))


def kept(values, text):
    return DUCK.execute(f"SELECT count(*) FROM (SELECT {values}) WHERE {text}").fetchone()[0]


# ---------------------------------------------------------------------- what is written
def test_the_text_is_plain():
    assert sql(LAYOUTS["year, month, day"], START, END) == (
        """"year" = '2026' AND "month" = '11' AND "day" IN ('01', '1', '02', '2')"""
    )
    assert sql(LAYOUTS["one date"], START, END) == """"day" BETWEEN '2026/11/01' AND '2026/11/02'"""
    assert sql(LAYOUTS["type date"], START, END) == (
        """"date" BETWEEN CAST('2026-11-01' AS DATE) AND CAST('2026-11-02' AS DATE)"""
    )
    assert (
        sql(LAYOUTS["numbers"], START, END) == '"year" = 2026 AND "month" = 11 AND "day" IN (1, 2)'
    )


def test_hours_at_the_edges_and_whole_days_between():
    # 2026-11-01 22:00 to 2026-11-03 01:00, and an hour for what is delivered late
    text = sql(LAYOUTS["a date and hours"], START + 21 * 3600, END + 25 * 3600)
    assert text == (
        """"day" BETWEEN '2026/11/01' AND '2026/11/03' AND (("day" = '2026/11/01' AND "hour" IN ('22', '23')) """
        """OR "day" = '2026/11/02' OR ("day" = '2026/11/03' AND "hour" IN ('00', '01')))"""
    )


def test_columns_that_say_more_together_are_combined():
    # From October 31 to November 1: four combinations of month and day, of which two are meant
    text = sql(LAYOUTS["year, month, day"], START - 25 * 3600, START)
    assert text.startswith(
        """"year" = '2026' AND "month" IN ('10', '11') AND "day" IN ('31', '01', '1')"""
    )
    whole = DUCK.execute(
        "SELECT month, day FROM (VALUES ('2026','10','31'), ('2026','11','01'), ('2026','10','01'), "
        f"('2026','11','31'), ('2025','10','31')) t(year, month, day) WHERE {text}"
    )
    assert whole.fetchall() == [("10", "31"), ("11", "01")]


@pytest.mark.parametrize(
    "one",
    [
        key("day", type="date", format="dd-MM-yyyy"),  # not in the order of time
        key("day", type="date", format="yyyy/MM/dd", interval="7", interval_unit="DAYS"),
        key("day", type="date", format="yyyy/MM/dd", interval="1", interval_unit="WEEKS"),
        key("day", type="date", format="yyyy/MMM/dd"),
        key("day", type="injected"),
        key("region"),
        key("month"),  # of which year?
    ],
)
def test_what_cannot_be_told_for_sure_prunes_nothing(one):
    assert levels([one], {}) == []


def test_a_registered_partition_shows_how_dates_are_written():
    assert sql([key("dt")], START, END, {"dt": "2026-10-07"}) == (
        """"dt" BETWEEN '2026-11-01' AND '2026-11-02'"""
    )
    assert levels([key("dt")], {}) == []
    assert levels([key("dt")], {"dt": "Monday"}) == []


# ---------------------------------------------------------------------- nothing is lost
def _folder(found, moment, digits):
    """The partition that AWS names after a moment, its parts with or without zeros."""
    row = {}
    for level in found:
        value = moment.strftime(level.pattern)
        if digits == 1 and level.pattern in ("%m", "%d", "%H"):
            value = str(int(value))
        row[level.column] = value
    return row


@settings(max_examples=40, deadline=None)
@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    start=st.integers(1704067200 - 90000, 1735689600 + 90000),  # the leap year 2024 and its edges
    length=st.one_of(st.integers(1, 7200), st.integers(1, 40 * 86400), st.integers(1, 500 * 86400)),
    at=st.floats(0, 1, exclude_max=True),
    late=st.integers(0, LATE),
    unpadded=st.booleans(),
)
def test_no_record_of_the_period_lies_in_a_partition_that_is_left_out(
    layout, start, length, at, late, unpadded
):
    keys = LAYOUTS[layout]
    found = levels(keys, {})
    assert found, layout
    began = start + int(length * at)
    moment = datetime.fromtimestamp(began + late, UTC)
    digits = 1 if unpadded and not any(k.projection for k in keys) else 2
    row = _folder(found, moment, digits)
    types = {k.name: k.type.replace("string", "varchar") for k in keys}
    values = ", ".join(f"CAST('{v}' AS {types[c]}) AS \"{c}\"" for c, v in row.items())
    text = sqlglot.transpile(sql(keys, start, start + length), "athena", "duckdb")[0]
    assert kept(values, text) == 1


@settings(max_examples=30, deadline=None)
@given(
    layout=st.sampled_from(["year, month, day", "and hour", "one date", "a date and hours"]),
    start=st.integers(1704067200, 1735689600),
    length=st.integers(1, 90 * 86400),
    far=st.integers(1, 400),
)
def test_partitions_beyond_the_slack_are_left_out(layout, start, length, far):
    keys = LAYOUTS[layout]
    found = levels(keys, {})
    text = sqlglot.transpile(sql(keys, start, start + length), "athena", "duckdb")[0]
    for moment in (start - far * 86400, start + length + LATE + far * 86400):
        row = _folder(found, datetime.fromtimestamp(moment, UTC), 2)
        values = ", ".join(f"'{v}' AS \"{c}\"" for c, v in row.items())
        assert kept(values, text) == 0


# ---------------------------------------------------------------------- the period of a question
class Columns:
    dialect = "duckdb"
    columns = tuple(f.column for f in schema.FIELDS)

    def run(self, query):
        raise AssertionError("nothing is asked")


PERIOD = {"start": "2026-11-01 01:00", "end": "2026-11-02"}
QUESTIONS = {
    "totals": (fl.totals, {}),
    "breakdown": (fl.breakdown, {"by": ["srcaddr", "dstport"]}),
    "top_talkers": (fl.top_talkers, {"n": 3}),
    "over time": (fl.traffic_over_time, {"every": "1h", "by": "action", "n": 1}),
    "unspread": (fl.traffic_over_time, {"every": "1h", "spread": False}),
    "conversations": (fl.conversations, {}),
    "peers": (fl.peers, {}),
    "services": (fl.services, {}),
    "records": (fl.records, {"n": 10}),
    "dns_servers": (fl.dns_servers, {}),
    "infer_subnets": (fl.infer_subnets, {}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_tells_its_period(name):
    asked, options = QUESTIONS[name]
    query = asked.builder(Columns(), **options, **PERIOD).query
    assert period_asked(query) == (START, END)
    assert period_asked(asked.builder(Columns(), **options, start=PERIOD["start"]).query) == (
        START,
        None,
    )
    assert period_asked(asked.builder(Columns(), **options).query) == (None, None)


def test_the_period_is_seen_through_what_exclude_makes():
    left = fl.exclude(fl.exclude(Columns(), "dns"), ["ntp"])
    query = fl.top_talkers.builder(left, **PERIOD).query
    assert period_asked(left.of.within(left.within(query))) == (START, END)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ('SELECT 1 FROM "flows" WHERE "start" >= 5 AND "start" < 9', (5, 9)),
        ('SELECT 1 FROM "flows" WHERE "start" > 5 AND "start" <= 9', (6, 10)),
        ('SELECT 1 FROM "flows" WHERE ("start" >= 5) AND "start" >= 7 AND "start" < 9', (7, 9)),
        ('SELECT 1 FROM "flows" WHERE "start" >= 5 OR "start" < 9', (None, None)),
        ('SELECT 1 FROM "flows" WHERE NOT ("start" >= 5)', (None, None)),
        ('SELECT 1 FROM "flows" WHERE "end" >= 5 AND "end" < 9', (None, None)),
        # Two parts of a question: the period is that of both.
        ('SELECT 1 FROM "flows" WHERE "start" >= 5 AND "start" < 9 UNION ALL SELECT 1 FROM "flows" WHERE "start" >= 7 AND "start" < 12', (5, 12)),
        ('SELECT 1 FROM "flows" WHERE "start" >= 5 AND "start" < 9 UNION ALL SELECT 1 FROM "flows"', (None, None)),
        # What is read first, and chosen later.
        ('SELECT 1 FROM (SELECT * FROM "flows") AS "x" WHERE "start" >= 5 AND "start" < 9', (5, 9)),
        ('SELECT 1 FROM (SELECT "end" AS "start" FROM "flows") AS "x" WHERE "start" >= 5 AND "start" < 9', (None, None)),
        ('SELECT 1 FROM (SELECT * FROM "flows" LIMIT 3) AS "x" WHERE "start" >= 5 AND "start" < 9', (None, None)),
        ('WITH "k" AS (SELECT * FROM "flows") SELECT 1 FROM "k" WHERE "start" >= 5 AND "start" < 9', (5, 9)),
        ('WITH "k" AS (SELECT * FROM "flows") SELECT 1 FROM "k" WHERE "start" >= 5 UNION ALL SELECT 2 FROM "k"', (None, None)),
        ('SELECT 1 FROM (SELECT *, SUM("bytes") OVER () AS "s" FROM "flows") AS "x" WHERE "start" >= 5 AND "start" < 9', (None, None)),
    ],
)  # fmt: skip
def test_only_what_bounds_every_record_counts(text, span):
    assert period_asked(sqlglot.parse_one(text, read="duckdb")) == span


def test_a_query_without_records_has_no_period():
    assert period_asked(exp.select("1")) == (None, None)
