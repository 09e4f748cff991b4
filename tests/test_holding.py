"""Held records answer every question as the frame they are a copy of, and as an archive does."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from pandas.testing import assert_frame_equal

import flowlab as fl
from flowlab import holding, schema
from flowlab.detecting import dns_servers, infer_subnets
from flowlab.errors import FlowlabError, MissingFieldError
from flowlab.holding import HeldTable, hold

# What the sample does not have: nulls in every key, IPv6 in every spelling, text that wants to be
# SQL, ties, and the largest numbers.
_HARD = {
    "srcaddr": ["10.0.0.2", None, "2001:db8::1", "2001:db8:1::", "::1", "203.0.113.9", "fe80::1"],
    "dstaddr": [None, "10.0.9.7", "2001:db8::1", "10.0.0.2", "198.51.100.7"],
    "srcport": [40000, 53, None, 443, 0, 65535],
    "dstport": [443, None, 53, 40000, 0],
    "protocol": [6, 17, None, 58, 1],
    "packets": [1, 0, None, 2**40],
    "bytes": [100, 2**53 + 1, None, 0, 100],
    "action": ["ACCEPT", "REJECT", None],
    "flow_direction": ["ingress", None, "egress"],
    "interface_id": ["eni-0a", None, "eni-'; DROP TABLE flows; --", 'eni-"b"', "eni-ü"],
    "tcp_flags": [2, 18, 0, None, 19],
    "start": [1_788_222_600 + 7 * n for n in range(11)],
}
_INTEGERS = {"srcport": pa.int32(), "dstport": pa.int32(), "protocol": pa.int32(),
             "tcp_flags": pa.int32(), "packets": pa.int64(), "bytes": pa.int64(),
             "start": pa.int64()}  # fmt: skip
# Of the sample's 29 columns: some of each kind, and what the questions need.
_SOME = [*_HARD, "end", "subnet_id", "pkt_srcaddr", "pkt_dstaddr", "pkt_src_aws_service",
         "pkt_dst_aws_service", "traffic_path"]  # fmt: skip

QUESTIONS = {
    "totals": lambda f: fl.totals(f),
    "totals of a period": lambda f: fl.totals(f, start="2026-03-02 06:00", end="2026-03-02 07:00"),
    "talkers": lambda f: fl.top_talkers(f, n=None),
    "talkers by packets": lambda f: fl.top_talkers(f, rank_by="packets", n=7),
    "talkers by records": lambda f: fl.top_talkers(f, rank_by="flow_records", n=7),
    "two keys": lambda f: fl.breakdown(f, ["srcaddr", "dstport"], n=50),
    "three keys": lambda f: fl.breakdown(f, ["action", "interface_id", "protocol"], n=None),
    "over time": lambda f: fl.traffic_over_time(f, every="5min"),
    "over time by verdict": lambda f: fl.traffic_over_time(f, every="15min", by="action"),
    "over time, largest": lambda f: fl.traffic_over_time(f, every="1h", by="srcaddr", n=3),
    "over time, largest ENIs": lambda f: fl.traffic_over_time(f, every="1h", by="interface_id", n=2),
    "over time, largest ports": lambda f: fl.traffic_over_time(f, every="1h", by="dstport", n=3),
    "not spread": lambda f: fl.traffic_over_time(f, every="1h", by="flow_direction", spread=False),
    "conversations": lambda f: fl.conversations(f, n=None),
    "the first conversations": lambda f: fl.conversations(f, rank_by="flow_records", n=60),
    "peers": lambda f: fl.peers(f, n=None),
    "services": lambda f: fl.services(f, n=None),
    "all records": lambda f: fl.records(f, n=None),
    "records by address": lambda f: fl.records(f, sort_by="dstaddr", descending=True, n=90),
    "records by ENI": lambda f: fl.records(f, sort_by="interface_id", n=40, offset=30),
    "what rules would take": lambda f: fl.excluded_by(f),
    "waterfall": lambda f: fl.waterfall(f, ["ntp", "dns", "icmp"]),
    "name servers": lambda f: dns_servers(f),
    "subnets": lambda f: infer_subnets(f) if "subnet_id" in f.columns else dns_servers(f),
}  # fmt: skip
RULES = {
    "v4": {"addr": ["10.0.0.0/8", "192.0.2.0/24"]},
    "v4 on one side": {"srcaddr": "10.0.9.7"},
    "v6": {"addr": ["2001:db8::/32", "::/1"]},
    "v6 host": {"dstaddr": "2001:db8::1"},
    "ports": {"port": [53, "440-450"]},
    "null address": {"srcaddr": None},
    "null or CIDR": {"dstaddr": [None, "10.0.0.0/16"]},
    "null port": {"dstport": None},
    "null ENI": {"interface_id": None},
    "no such ENI": {"interface_id": "eni-nobody-has"},
    "an ENI that looks like SQL": {"interface_id": "eni-'; DROP TABLE flows; --"},
    "verdict": {"action": "reject"},
    "several": {"protocol": "tcp", "action": "ACCEPT", "addr": "10.0.0.0/8"},
}


@pytest.fixture(scope="module", params=["sample", "hard"])
def three(request, tmp_path_factory):
    """The same records as a frame, held, and in an archive."""
    folder = tmp_path_factory.mktemp("archive")
    if request.param == "sample":
        frame = fl.sample_flows()[0].iloc[::80].reset_index(drop=True)[_SOME]
    else:
        draw = np.random.default_rng(3)
        made = {
            c: [values[at] for at in draw.integers(0, len(values), 400)]
            for c, values in _HARD.items()
        }
        made["end"] = [at + int(more) for at, more in zip(made["start"], draw.integers(0, 60, 400), strict=True)]  # fmt: skip
        types = _INTEGERS | {"end": pa.int64()}
        table = pa.table({c: pa.array(v, types.get(c, pa.large_string())) for c, v in made.items()})
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        ids = {c: "category" for c in frame if schema.kind_of(c) == "id"}
        times = {c: pd.to_datetime(frame[c].astype("int64"), unit="s", utc=True).astype(
            "datetime64[s, UTC]") for c in ("start", "end")}  # fmt: skip
        frame = frame.astype(ids).assign(**times)
    stored = frame.assign(start=frame["start"].astype("int64"), end=frame["end"].astype("int64"))
    pq.write_table(pa.Table.from_pandas(stored, preserve_index=False), folder / "flows.parquet")
    return frame, hold(frame), fl.open_archive(folder)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_one_answer(three, name):
    frame, held, archive = three
    expected = QUESTIONS[name](frame)
    assert len(expected)
    assert_frame_equal(QUESTIONS[name](held), expected)
    assert_frame_equal(QUESTIONS[name](archive), expected)


def test_an_archive_can_be_held_too(three):
    frame, _, archive = three
    held = hold(archive)
    for ask in (fl.top_talkers, fl.conversations, fl.services, fl.records):
        assert_frame_equal(ask(held), ask(frame))


def test_grouping_by_any_column_is_the_same(three):
    frame, held, _ = three
    for column in frame.columns:
        if column not in ("start", "end", "packets", "bytes"):
            assert_frame_equal(fl.breakdown(held, column), fl.breakdown(frame, column))


def test_sorting_is_the_same_by_columns_of_every_kind(three):
    frame, held, _ = three
    for column in ("interface_id", "srcaddr", "dstport", "bytes", "action", "end"):
        for descending in (False, True):
            ask = {"sort_by": column, "descending": descending, "n": 60}
            assert_frame_equal(fl.records(held, **ask), fl.records(frame, **ask))


@pytest.mark.parametrize("name", RULES)
def test_rules_take_the_same(three, name):
    frame, held, archive = three
    rule = fl.rule("own", **RULES[name])
    for divide in (fl.only, fl.exclude):
        expected = fl.records(divide(frame, rule), n=None)
        for table in (held, archive):
            assert_frame_equal(fl.records(divide(table, rule), n=None), expected)
        assert_frame_equal(fl.totals(divide(held, rule)), fl.totals(divide(frame, rule)))
    both = [fl.totals(d(held, rule))["flow_records"].item() for d in (fl.only, fl.exclude)]
    assert sum(both) == len(frame)


def test_all_columns_of_the_sample_come_back_as_they_were():
    frame = fl.sample_flows()[0].iloc[::300].reset_index(drop=True)
    assert_frame_equal(fl.records(hold(frame), n=None), fl.records(frame, n=None))


def test_rules_after_rules_are_the_same(three):
    frame, held, _ = three
    ours = [fl.rule("v4", addr="10.0.0.0/8"), ~fl.rule("here", action="REJECT"), "dns"]
    for_frame = fl.exclude(fl.only(frame, ours[:2]), ours[2])
    for_held = fl.exclude(fl.only(held, ours[:2]), ours[2])
    assert_frame_equal(fl.top_talkers(for_held), fl.top_talkers(for_frame))


def test_the_copy_is_a_copy_and_is_made_once():
    frame = fl.sample_flows()[0].head(500).copy()
    held = hold(frame)
    before = fl.totals(held)
    frame["bytes"] = 0
    assert_frame_equal(fl.totals(held), before)
    assert hold(held) is held
    assert isinstance(held, HeldTable)
    assert list(held.columns) == list(frame.columns)


def test_no_records_and_few_columns():
    frame = fl.sample_flows()[0]
    for flows in (frame.iloc[:0], frame[["srcaddr", "dstaddr", "start"]].head(9)):
        assert_frame_equal(fl.totals(hold(flows)), fl.totals(flows))
        assert_frame_equal(fl.records(hold(flows)), fl.records(flows))
    with pytest.raises(MissingFieldError, match="bytes"):
        fl.top_talkers(hold(frame[["srcaddr", "dstaddr"]]), rank_by="bytes")


def test_columns_of_ones_own_and_names_that_want_quoting_are_kept():
    frame = fl.sample_flows()[0].head(300).copy()
    frame['my "own" column'] = ["one", "two", None] * 100
    frame["big"] = np.arange(300) > 150
    held = hold(frame)
    for by in ('my "own" column', "big"):
        assert_frame_equal(fl.breakdown(held, by), fl.breakdown(frame, by))


def test_more_values_than_can_be_numbered_are_kept_as_text(monkeypatch):
    monkeypatch.setattr(holding, "_MOST_VALUES", 3)
    frame = fl.sample_flows()[0].iloc[::200].reset_index(drop=True)
    held = hold(frame)
    types = {row[0]: row[1] for row in held._duck.execute('DESCRIBE "flows"').fetchall()}
    assert types["srcaddr"] == "VARCHAR" and types["action"].startswith("ENUM")
    for ask in (fl.top_talkers, fl.conversations, fl.records):
        assert_frame_equal(ask(held), ask(frame))


def test_what_holds_no_records_cannot_be_held():
    with pytest.raises(FlowlabError, match="cannot be asked of a list"):
        hold([1, 2])


def queries_of(monkeypatch, step):
    """Give the list that every query is put into as a step of holding has written it."""
    asked, write = [], getattr(holding, step)
    monkeypatch.setattr(holding, step, lambda query: asked.append(write(query)) or asked[-1])
    return asked


def test_a_selection_that_a_question_reads_twice_is_found_once(monkeypatch):
    flows, _ = fl.sample_flows()
    some, asked = flows.iloc[::60], queries_of(monkeypatch, "_found_once")
    inside = fl.rule("inside", addr=["10.0.1.0/24", "2001:db8::/32"])

    def selected(records):
        return fl.exclude(fl.only(records, inside), ["dns"])

    held = selected(hold(some))
    for question, kept in ((fl.top_talkers, 1), (fl.peers, 1), (fl.totals, 0), (fl.services, 0)):
        assert_frame_equal(question(held), question(selected(some)))
        assert asked[-1].sql("duckdb").count("MATERIALIZED") == kept


def test_networks_are_looked_for_among_addresses_not_among_records(monkeypatch):
    flows, _ = fl.sample_flows()
    some, asked = flows.iloc[::60], queries_of(monkeypatch, "_nulls_once")
    held = hold(some)
    nets = fl.rule("nets", addr=["10.0.0.0/20", "2001:db8::/33", "192.0.2.0/25"], dstport="1-1023")
    for divide in (fl.only, fl.exclude):
        assert_frame_equal(fl.totals(divide(held, nets)), fl.totals(divide(some, nets)))
        text = asked[-1].sql("duckdb")
        assert "ENUM_CODE" in text and "REGEXP" not in text
    monkeypatch.setattr(holding, "_MOST_RUNS", 0)
    held = hold(some)
    assert_frame_equal(fl.totals(fl.only(held, nets)), fl.totals(fl.only(some, nets)))
    assert "REGEXP" in asked[-1].sql("duckdb")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("COALESCE(a, FALSE) AND (COALESCE(b, FALSE) OR COALESCE(c, FALSE))",
         "COALESCE((a) AND ((b) OR (c)), FALSE)"),
        ("NOT (COALESCE(a, FALSE) OR COALESCE(b, FALSE))", "NOT (COALESCE((a) OR (b), FALSE))"),
        ("COALESCE(a, FALSE) OR NOT COALESCE(b, FALSE)", None),
        ("COALESCE(a, FALSE) AND b", None),
        ("COALESCE(a, TRUE) AND COALESCE(b, FALSE)", None),
    ],
)  # fmt: skip
def test_null_becomes_false_once(given, wanted):
    """Both say the same for each of the 27 ways in which three things are true, false or null."""
    before = sqlglot.parse_one(f"SELECT {given} AS said", dialect="duckdb")
    after = holding._nulls_once(before.copy())
    text = before if wanted is None else sqlglot.parse_one(f"SELECT {wanted} AS said")
    assert after.sql("duckdb") == text.sql("duckdb")
    three = "(SELECT unnest([true, false, null]))"
    ways = f"{three} AS x(a), {three} AS y(b), {three} AS z(c)"
    said = [
        duckdb.sql(f"{query.sql('duckdb')} FROM {ways}").fetchall() for query in (before, after)
    ]
    assert said[0] == said[1] and len(said[0]) == 27
