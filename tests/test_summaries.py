"""Each question against plain pandas, and by hand where the numbers are small."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlglot
from lines import HEADER, read, text

import flowlab as fl
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError
from flowlab.holding import hold

_LINE = "2 000123456789 {eni} {src} {dst} {sport} {dport} {proto} {packets} {size} {start} {end} {action} OK"
_ROW = {
    "eni": "eni-0a", "src": "10.0.0.1", "dst": "10.0.0.2", "sport": 40000, "dport": 443, "proto": 6,
    "packets": 1, "size": 100, "start": 1788222600, "end": 1788222600, "action": "ACCEPT",
}  # fmt: skip


def _flows(*rows: dict[str, object]) -> pd.DataFrame:
    return read(text(HEADER, *(_LINE.format(**(_ROW | row)).encode() for row in rows)))[0]


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0]


def _plain(flows: pd.DataFrame) -> pd.DataFrame:
    """The same records in the types pandas had before Arrow, times as epochs."""
    plain = flows.copy()
    for name in ("start", "end"):
        plain[name] = plain[name].astype("int64")
    for name in ("packets", "bytes", "srcport", "dstport", "protocol"):
        plain[name] = plain[name].astype("Int64")
    return plain.astype({c: object for c in ("srcaddr", "dstaddr", "action", "interface_id")})


# ------------------------------------------------------------------ against plain pandas
@pytest.mark.parametrize("by", [["action"], ["protocol", "dstport"], ["instance_id"], ["srcaddr"]])
@pytest.mark.parametrize("rank_by", ["bytes", "packets", "flow_records"])
def test_breakdown_is_what_pandas_groupby_gives(sample, by, rank_by):
    got = fl.breakdown(sample, by, rank_by=rank_by)
    groups = _plain(sample).astype({by[0]: object}).groupby(by, dropna=False)
    expected = groups.agg(
        flow_records=("bytes", "size"), packets=("packets", "sum"), bytes=("bytes", "sum")
    ).reset_index()
    expected = expected.sort_values([rank_by, *by], ascending=[False, *[True] * len(by)])
    assert len(got) == len(expected)
    for name in (*by, "flow_records", "packets", "bytes"):
        left = [None if pd.isna(v) else v for v in got[name]]
        right = [None if pd.isna(v) else v for v in expected[name]]
        assert left == right, name
    whole = expected[rank_by].sum()
    assert got["share"].tolist() == pytest.approx(
        (expected[rank_by] / whole).astype(float).tolist()
    )
    assert got["cumulative_share"].iloc[-1] == pytest.approx(1)
    assert got["cumulative_share"].is_monotonic_increasing


def test_top_talkers_is_both_sides_in_pandas(sample):
    got = fl.top_talkers(sample, n=25)
    plain = _plain(sample)
    sent = plain.groupby("srcaddr")[["packets", "bytes"]].sum()
    received = plain.groupby("dstaddr")[["packets", "bytes"]].sum()
    both = sent.add(received, fill_value=0).sort_values("bytes", ascending=False)
    assert got["addr"].tolist() == both.index[:25].tolist()
    assert got["bytes"].tolist() == both["bytes"].tolist()[:25]
    assert got["packets"].tolist() == both["packets"].tolist()[:25]
    assert got["bytes_sent"].tolist() == [int(sent["bytes"].get(a, 0)) for a in got["addr"]]
    assert (got["bytes_sent"] + got["bytes_received"] == got["bytes"]).all()
    total = int(plain["bytes"].sum())
    assert got["share"].tolist() == pytest.approx([b / total for b in got["bytes"]])


def test_traffic_over_time_unspread_is_pandas_floor(sample):
    got = fl.traffic_over_time(sample, every="1h", by="action", spread=False)
    plain = _plain(sample)
    plain["hour"] = plain["start"] // 3600 * 3600
    expected = plain.groupby(["hour", "action"])["bytes"].agg(["size", "sum"]).reset_index()
    assert got["time"].astype("int64").tolist() == expected["hour"].tolist()
    assert got["flow_records"].tolist() == expected["size"].tolist()
    assert got["bytes"].tolist() == expected["sum"].tolist()


def test_spreading_second_by_second_is_the_arithmetic_of_the_docstring(sample):
    few = sample[(sample["end"] > sample["start"])].head(300)
    got = fl.traffic_over_time(few, every="20s").set_index("time")["bytes"]
    expected: dict[int, int] = {}
    for size, first, last in zip(
        few["bytes"], few["start"].astype("int64"), few["end"].astype("int64"), strict=True
    ):
        seconds, done = last - first + 1, 0
        for nth, second in enumerate(range(first, last + 1), 1):
            upto = size * nth // seconds
            step = second // 20 * 20
            expected[step] = expected.get(step, 0) + upto - done
            done = upto
    nonzero = got[got > 0]
    assert dict(zip(nonzero.index.astype("int64"), nonzero, strict=True)) == {
        k: v for k, v in expected.items() if v
    }


@pytest.mark.parametrize("held", [False, True])
def test_sums_beyond_64_bits_say_so_and_how_to_go_on(sample, held):
    flows = sample.head(30).assign(bytes=10**18 - 1)
    with pytest.raises(FlowlabError, match="larger than 2\\^63 - 1") as told:
        fl.totals(hold(flows) if held else flows)
    rest = flows.assign(bytes=[5] * 10 + [10**18 - 1] * 20)
    advised = eval(told.value.fix.rpartition("aside: ")[2].rstrip("."), {"fl": fl, "flows": rest})
    assert fl.totals(advised)["bytes"].item() == 50


def test_totals_of_the_sample(sample):
    whole = fl.totals(sample).iloc[0]
    assert whole["flow_records"] == len(sample)
    assert whole["accepted"] == (sample["action"] == "ACCEPT").sum()
    assert whole["rejected"] == (sample["action"] == "REJECT").sum()
    assert whole["interfaces"] == sample["interface_id"].nunique()
    assert whole["first_start"] == sample["start"].min()
    assert whole["last_end"] == sample["end"].max()


# ------------------------------------------------------------------ by hand
def test_shares_are_of_the_whole_and_not_of_the_rows_shown():
    flows = _flows({"dport": 1, "size": 50}, {"dport": 2, "size": 30}, {"dport": 3, "size": 20})
    top = fl.breakdown(flows, "dstport", n=2)
    assert top["share"].tolist() == [0.5, 0.3]
    assert top["cumulative_share"].tolist() == [0.5, 0.8]


def test_ties_break_on_the_keys_and_nulls_stand_last():
    flows = _flows(*({"proto": p} for p in ("17", "6", "-", "1")))
    assert [None if pd.isna(p) else p for p in fl.breakdown(flows, "protocol")["protocol"]] == [
        1,
        6,
        17,
        None,
    ]


def test_a_record_of_100_bytes_over_three_minutes():
    # 12:00:30 to 12:02:29 is 120 seconds: 30 in the first minute, 60, then 30.
    noon = 1_788_264_000
    flows = _flows({"size": 100, "packets": 4, "start": noon + 30, "end": noon + 149})
    steps = fl.traffic_over_time(flows, every="1min")
    assert steps["bytes"].tolist() == [25, 50, 25]
    assert steps["packets"].tolist() == [1, 2, 1]
    assert steps["flow_records"].tolist() == [1, 0, 0]
    assert steps["time"].tolist()[0] == pd.Timestamp("2026-09-01 12:00", tz="UTC")
    assert fl.traffic_over_time(flows, every="1min", spread=False)["bytes"].tolist() == [100]


def test_steps_without_traffic_are_zeros_and_not_missing():
    flows = _flows(
        {"action": "ACCEPT"}, {"action": "REJECT", "start": 1788222900, "end": 1788222900}
    )
    steps = fl.traffic_over_time(flows, every="1min", by="action")
    assert len(steps) == 6 * 2
    assert steps["bytes"].sum() == 200
    assert steps["bytes"].dtype == "int64"


def test_a_damaged_window_of_years_counts_at_its_start():
    flows = _flows({"start": 1_000_000_000, "end": 1_788_222_600})
    steps = fl.traffic_over_time(flows, every="1s")
    assert steps["bytes"].tolist() == [100]


def test_records_without_a_time_are_shown_under_nat():
    flows, _ = read(
        b"srcaddr dstaddr bytes start end\n10.0.0.1 10.0.0.2 7 - -\n10.0.0.1 10.0.0.2 5 60 60\n"
    )
    for spread in (True, False):
        steps = fl.traffic_over_time(flows, spread=spread)
        assert steps["bytes"].tolist() == [5, 7]
        assert steps["time"].isna().tolist() == [False, True]


def test_talkers_at_packet_level():
    flows, _ = read(
        b"srcaddr dstaddr pkt-srcaddr pkt-dstaddr packets bytes\n10.0.0.5 10.0.0.9 10.0.0.5 203.0.113.5 1 40\n"
    )
    assert set(fl.top_talkers(flows)["addr"]) == {"10.0.0.5", "10.0.0.9"}
    assert set(fl.top_talkers(flows, packet_level=True)["addr"]) == {"10.0.0.5", "203.0.113.5"}


def test_a_period_is_half_open():
    flows = _flows({"start": 1788222600}, {"start": 1788222660, "end": 1788222660})
    assert fl.totals(flows, end="2026-09-01 00:31")["flow_records"].item() == 1
    assert fl.totals(flows, start="2026-09-01 00:31")["flow_records"].item() == 1


def test_a_format_without_bytes_can_still_be_counted():
    flows, _ = read(b"srcaddr dstaddr action\n10.0.0.1 10.0.0.2 ACCEPT\n")
    counted = fl.breakdown(flows, "action", rank_by="flow_records")
    assert list(counted.columns) == ["action", "flow_records", "share", "cumulative_share"]
    assert fl.totals(flows).columns.tolist() == ["flow_records", "accepted", "rejected"]


# ------------------------------------------------------------------ the shape of answers
QUESTIONS = [
    (fl.totals, {}),
    (fl.breakdown, {"by": ["protocol", "action"]}),
    (fl.top_talkers, {}),
    (fl.traffic_over_time, {"by": "action"}),
]


@pytest.mark.parametrize(("question", "options"), QUESTIONS)
def test_no_records_give_an_empty_answer_of_the_same_types(sample, question, options):
    full, empty = question(sample, **options), question(sample.head(0), **options)
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert len(empty) == (1 if question is fl.totals else 0)


@pytest.mark.parametrize(("question", "options"), QUESTIONS)
def test_the_sql_shown_is_sql_with_quoted_names_over_one_relation(sample, question, options):
    shown = fl.sql(question, sample, start="2026-03-02", **options)
    tree = sqlglot.parse_one(shown, read="duckdb")
    assert {t.name for t in tree.find_all(sqlglot.exp.Table)} == {"flows"}
    assert all(c.this.quoted for c in tree.find_all(sqlglot.exp.Column))
    assert str(int(pd.Timestamp("2026-03-02", tz="UTC").timestamp())) in shown


def test_hostile_column_names_are_quoted():
    flows = _flows({}, {}).assign(**{'x"; DROP TABLE flows; --': ["a", "b"]})
    got = fl.breakdown(flows, 'x"; DROP TABLE flows; --')
    assert got.iloc[:, 0].tolist() == ["a", "b"]


def test_frames_people_make_themselves_are_welcome():
    flows = pd.DataFrame(
        {
            "srcaddr": ["10.0.0.1", None],
            "dstaddr": ["10.0.0.2", "10.0.0.3"],
            "bytes": [5, 7],
            "packets": [1, 1],
            "start": pd.to_datetime(["2026-09-01", "2026-09-02"], utc=True),  # nanoseconds
            "end": pd.to_datetime(["2026-09-01", "2026-09-02"], utc=True),
        }
    )
    assert fl.traffic_over_time(flows, every="1D")["bytes"].tolist() == [5, 7]
    assert fl.top_talkers(flows)["addr"].isna().sum() == 1
    assert fl.totals(flows)["first_start"].item() == pd.Timestamp("2026-09-01", tz="UTC")


@pytest.mark.parametrize(
    "type_", ["datetime64[ns]", "datetime64[us, UTC]", "timestamp[ms][pyarrow]"]
)
def test_times_of_any_kind_are_understood(type_):
    plain = _flows({"start": 1788222600}, {"start": 1788226200, "end": 1788226200})
    naive = plain["start"].dt.tz_localize(None)
    as_given = plain["start"] if "UTC" in type_ else naive
    own = plain.assign(start=as_given.astype(type_), end=as_given.astype(type_))
    pd.testing.assert_frame_equal(
        fl.traffic_over_time(own, every="1h"), fl.traffic_over_time(plain, every="1h")
    )


# ------------------------------------------------------------------ errors
def test_all_missing_fields_are_named_at_once_with_their_version():
    flows, _ = read(b"srcaddr dstaddr bytes\n10.0.0.1 10.0.0.2 1\n")
    with pytest.raises(
        MissingFieldError,
        match=r"columns tcp_flags, az_id, .*\n.*tcp-flags \(version 3\), az-id \(version 4\)",
    ):
        fl.breakdown(flows, ["tcp_flags", "az_id"])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda f: fl.breakdown(f, "protocoll"), UnknownNameError, "did you mean protocol"),
        (lambda f: fl.breakdown(f, []), FlowlabError, "needs a column"),
        (
            lambda f: fl.breakdown(f, "action", rank_by="byte"),
            UnknownNameError,
            "did you mean bytes",
        ),
        (
            lambda f: fl.top_talkers(f.drop(columns="bytes")),
            MissingFieldError,
            "rank by flow_records, which every format has, or create",
        ),
        (lambda f: fl.top_talkers(f, n=0), FlowlabError, "n=0 is not a number of rows"),
        (lambda f: fl.top_talkers(f, n="ten"), FlowlabError, "n='ten' is not a number of rows"),
        (lambda f: fl.top_talkers(f, packet_level=True), MissingFieldError, "pkt-srcaddr"),
        (lambda f: fl.traffic_over_time(f, every="soon"), FlowlabError, "not a width of time"),
        (lambda f: fl.traffic_over_time(f, every="100ms"), FlowlabError, "whole number of seconds"),
        (lambda f: fl.traffic_over_time(f, every="0s"), FlowlabError, "whole number of seconds"),
        (lambda f: fl.totals((f, None)), FlowlabError, "flows, ledger = fl.read_flows"),
        (lambda f: fl.totals("flows.parquet"), FlowlabError, "cannot be asked of a str"),
        (lambda f: fl.sql(len, f), FlowlabError, "is not a question"),
    ],
)
def test_mistakes_are_answered_with_what_to_write(ask, error, message):
    with pytest.raises(error, match=message):
        ask(_flows({}))


def test_too_many_steps_are_refused_with_a_way_out():
    flows = _flows({"start": 0, "end": 0}, {})
    with pytest.raises(FlowlabError, match="wider every="):
        fl.traffic_over_time(flows, every="1s")


@pytest.mark.parametrize("by", ["srcaddr", "dstport", "instance_id"])
def test_all_but_the_largest_groups_are_one_and_nothing_is_lost(sample, by):
    got = fl.traffic_over_time(sample, every="1h", by=by, n=3)
    largest = fl.breakdown(sample, by, n=3)
    names = [None if pd.isna(name) else str(name) for name in largest[by]]
    sums = {
        None if pd.isna(name) else name: size
        for name, size in got.groupby(by, dropna=False)["bytes"].sum().items()
    }
    assert [sums[name] for name in names] == largest["bytes"].tolist()
    assert sums["(others)"] == int(sample["bytes"].sum()) - sum(largest["bytes"])
    assert got["flow_records"].sum() == len(sample)


def test_the_largest_groups_are_of_one_column(sample):
    with pytest.raises(FlowlabError, match="largest groups of one column"):
        fl.traffic_over_time(sample, by=["action", "protocol"], n=3)
