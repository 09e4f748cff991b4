"""Properties that hold for any records and any bytes."""

from __future__ import annotations

import io
import ipaddress

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines import GOOD, HEADER, NODATA, SKIPDATA, V2_FIELDS, read, text

import flowlab as fl
from flowlab.parsing import text as parsing
from flowlab.parsing import values
from flowlab.schema import DEFAULT_FORMAT, FIELDS, LARGEST_COUNT, limit_of

_word = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Z", "C")), min_size=1
)
_epoch = st.integers(10**9, 2 * 10**9)


def _value(field):
    if field.kind in ("int32", "int64"):
        return st.none() | st.integers(0, limit_of(field.column))
    if field.kind == "time":
        return _epoch
    if field.kind == "address":
        return st.none() | st.ip_addresses().map(str)
    return st.none() | _word.filter(lambda w: w != "-" and not w.startswith("#"))


@st.composite
def records(draw):
    """A format of any fields in any order, and records that fit it."""
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=12, unique=True))
    fields = [f for f in fields if f.column != "log_status"] or [FIELDS[3]]
    if not {"srcaddr", "dstaddr", "action"} & {f.column for f in fields}:
        fields.append(FIELDS[12])
    rows = draw(st.lists(st.tuples(*map(_value, fields)), min_size=1, max_size=8))
    fixed = []
    for row in rows:
        named = dict(zip([f.column for f in fields], row, strict=True))
        if "start" in named and "end" in named:
            named["start"], named["end"] = sorted((named["start"], named["end"]))
        telling = [c for c in ("srcaddr", "dstaddr", "action") if c in named]
        if all(named[c] is None for c in telling):  # that would be a NODATA line
            named[telling[0]] = "10.0.0.1" if telling[0] != "action" else "ACCEPT"
        fixed.append(named)
    return fields, fixed


def _line(row):
    return " ".join("-" if v is None else str(v) for v in row.values()).encode()


@given(records())
@settings(deadline=None, max_examples=150)
def test_written_then_parsed_gives_the_record_back(case):
    fields, rows = case
    header = " ".join(f.name for f in fields).encode()
    flows, ledger = read(text(header, *map(_line, rows)))
    assert ledger.rejected == 0
    for field in fields:
        got = flows[field.column]
        if field.kind == "time":
            got = got.astype("int64")
        expected = [row[field.column] for row in rows]
        assert [None if pd.isna(v) else v for v in got] == expected, field.name


_lines = st.sampled_from(
    [
        GOOD,
        NODATA,
        SKIPDATA,
        b"bad",
        GOOD.replace(b" 443 ", b" 70000 "),
        b"",
        HEADER,
        GOOD + b" ",
        b"# c",
    ]
)


@given(st.lists(_lines, max_size=12), st.lists(_lines, max_size=12))
@settings(deadline=None, max_examples=100)
def test_parsing_a_and_b_together_is_parsing_a_then_b(first, second):
    a, b = text(HEADER, *first), text(HEADER, *second)
    together, whole = read(a + b)
    apart = [read(part) for part in (a, b)]
    joined = pd.concat([f for f, _ in apart], ignore_index=True)
    pd.testing.assert_frame_equal(together.astype(str), joined.astype(str))
    for name in ("lines", "headers", "records", "nodata", "skipdata", "rejected"):
        assert getattr(whole, name) == sum(getattr(ledger, name) for _, ledger in apart)


@given(st.binary(max_size=400), st.booleans())
@settings(deadline=None, max_examples=300)
@example(b"\x1f\x8b" + b"\0" * 30, False)
@example(b"\x28\xb5\x2f\xfd garbage", True)
@example(b"PAR1PAR1", False)
@example(b'{"events": [{"message": 1}, ["x"]]}', False)
@example(b'"\n,', False)
@example(b"[" * 5000, False)
def test_any_bytes_balance_or_are_refused_with_a_reason(data, after_a_header):
    try:
        read(text(HEADER) + data if after_a_header else data)  # asserts that the ledger balances
    except fl.FlowlabError as refusal:
        assert refusal.what


@given(st.lists(st.lists(st.sampled_from(
    ["-", "0", "6", "443", "65536", "0x1F", "007", "-1", "1.0", "1e3", "10.0.0.1", "2001:db8::1", "x",
     "999999999999999999", "9999999999999999999", "1788222600123", "eni-0a", "\u00e9", "None", "null"]
), min_size=5, max_size=5), min_size=1, max_size=6))  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_the_fast_parser_accepts_nothing_the_careful_one_refuses(rows):
    columns = ("srcaddr", "dstport", "bytes", "start", "account_id")
    data = "\n".join(" ".join(row) for row in rows).encode()
    cells = list(zip(*rows, strict=True))
    slow, reasons = values.conform(
        pa.table({c: pa.array(cell) for c, cell in zip(columns, cells, strict=True)}), values.DASH
    )
    try:
        fast = parsing.parse_fast(data, columns)
    except parsing.RefusedError:
        return
    assert not reasons
    assert [c.to_pylist() for c in fast.columns] == [c.to_pylist() for c in slow.columns]


@given(st.ip_addresses())
@settings(deadline=None)
def test_every_address_python_knows_is_an_address_in_one_form(address):
    for written in {str(address), address.exploded, address.compressed.upper()}:
        flows, _ = read(f"srcaddr\n{written}\n".encode())
        assert flows["srcaddr"].tolist() == [str(address)]


@given(
    st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){1,4}\Z") | st.from_regex(r"\A[0-9a-f:%.]{1,20}\Z")
)
@settings(deadline=None)
@example("01.2.3.4")
@example("fe80::1%eth0")
@example(":::")
@example("::ffff:10.0.0.1")
def test_what_python_does_not_call_an_address_is_none(candidate):
    _, ledger = read(f"srcaddr dstport\n10.0.0.1 1\n{candidate} 2\n".encode())
    try:
        ipaddress.ip_address(candidate)
    except ValueError:
        assert ledger.rejected == 1
    else:
        assert ledger.rejected == ("%" in candidate)


@given(st.integers(0, LARGEST_COUNT))
def test_counts_are_exact_to_the_last_byte(count):
    flows, _ = read(GOOD.replace(b"3120", str(count).encode()) + b"\n")
    assert flows["bytes"].sum() == count


# ------------------------------------------------------------------ summaries
@st.composite
def frames(draw):
    """A small flow frame with nulls, ties, long and short windows."""
    n = draw(st.integers(0, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lines = []
    for _ in range(n):
        start = 1_788_222_600 + int(rng.integers(0, 400))
        end = start + int(rng.choice([0, 1, 59, 60, 599]))
        fields = [
            "2", "000123456789", f"eni-{rng.integers(3)}", f"10.0.0.{rng.integers(4)}",
            f"10.0.1.{rng.integers(4)}", rng.integers(3), rng.choice([22, 443]),
            rng.choice(["6", "17", "-"]), rng.integers(1, 9),
            rng.choice(["0", "1", "40", "999999999999", "-"]), start, end,
            rng.choice(["ACCEPT", "REJECT", "-"]), "OK",
        ]  # fmt: skip
        lines.append(" ".join(map(str, fields)).encode())
    return read(text(HEADER, *lines))[0]


@given(frames(), st.sampled_from(["srcaddr", "protocol", "action"]))
@settings(deadline=None, max_examples=15)
def test_any_summary_sums_to_its_input(flows, by):
    whole = fl.totals(flows).iloc[0]
    talkers = fl.top_talkers(flows, n=None)
    for measure in ("flow_records", "packets", "bytes"):
        expected = len(flows) if measure == "flow_records" else int(flows[measure].sum())
        assert whole[measure] == expected
        assert fl.breakdown(flows, by)[measure].sum() == expected
        assert talkers[measure].sum() == 2 * expected
        for every in ("1s", "7s", "1min", "1h"):
            for spread in (True, False):
                steps = fl.traffic_over_time(flows, every=every, by=by, spread=spread)
                assert steps[measure].sum() == expected, (measure, every, spread)
    if whole["bytes"]:
        assert abs(fl.breakdown(flows, by)["share"].sum() - 1) < 1e-9
        assert abs(talkers["share"].sum() - 2) < 1e-9


@given(frames(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=25)
def test_row_order_never_matters(flows, random):
    order = list(range(len(flows)))
    random.shuffle(order)
    shuffled = flows.iloc[order].reset_index(drop=True)
    for ask in (
        fl.totals,
        fl.top_talkers,
        lambda f: fl.breakdown(f, ["protocol", "action"], rank_by="packets"),
        lambda f: fl.traffic_over_time(f, every="1min", by="action"),
    ):
        pd.testing.assert_frame_equal(ask(flows), ask(shuffled))


@given(frames())
@settings(deadline=None, max_examples=25)
def test_inside_and_outside_a_period_is_everything(flows):
    middle = "2026-09-01 00:33:20"
    before, after = fl.totals(flows, end=middle), fl.totals(flows, start=middle)
    for measure in ("flow_records", "packets", "bytes"):
        assert before[measure].item() + after[measure].item() == fl.totals(flows)[measure].item()


def test_the_frame_is_never_changed():
    flows, _ = read(text(HEADER, GOOD, GOOD))
    before = flows.copy(deep=True)
    (
        fl.totals(flows),
        fl.top_talkers(flows),
        fl.breakdown(flows, "action"),
        fl.traffic_over_time(flows),
    )
    pd.testing.assert_frame_equal(flows, before)


def test_a_stream_read_twice_is_read_from_where_it_stands():
    stream = io.BytesIO(text(HEADER, GOOD))
    assert len(fl.read_flows(stream, progress=False)[0]) == 1
    assert len(fl.read_flows(stream, progress=False)[0]) == 0
    assert len(V2_FIELDS) == len(DEFAULT_FORMAT) == 14
