"""Frames that did not come from flowlab: the same records give the same answers."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from lines import HEADER, read, text

import flowlab as fl
from flowlab.errors import FlowlabError

_LINES = [
    b"5 000456789012 eni-0a {} {} 52000 443 6 7 1400 1788222600 1788222659 ACCEPT OK",
    b"5 000456789012 eni-0a {} {} 52001 53 17 1 64 1788222660 1788222670 REJECT OK",
]
_NODATA = "2,000456789012,eni-0a,,,,,,,,{},{},,NODATA\n"


@pytest.fixture(scope="module")
def flows():
    ends = [("10.0.1.5", "203.0.113.9"), ("2001:db8::5", "2001:db8::9")]
    lines = [
        line.decode().format(*pair).replace("5 ", "2 ", 1).encode()
        for line in _LINES
        for pair in ends
    ]
    return read(text(HEADER, *lines))[0]


def asked(flows):
    """What some questions say, each of other columns."""
    period = {"start": "2026-09-01", "end": "2026-09-02"}
    rules = ["dns", fl.rule("own", addr="10.0.0.0/8", dstport="1-1023", account_id=456789012)]
    answers = [
        fl.totals(flows), fl.totals(flows, **period), fl.top_talkers(flows, n=9),
        fl.traffic_over_time(flows, every="1min"), fl.services(flows), fl.conversations(flows),
        fl.breakdown(flows, ["account_id", "dstport"], n=9), fl.waterfall(flows, rules),
        fl.breakdown(fl.exclude(flows, rules), "dstaddr", n=9), fl.records(flows),
        fl.enrich(flows, vpc_cidrs="10.0.0.0/16").iloc[:, len(flows.columns) :],
    ]  # fmt: skip
    return [answer.astype("string").to_csv(index=False) for answer in answers]


def _csv(flows, epochs=False, more=""):
    if epochs:
        flows = flows.assign(**{c: flows[c].astype("int64") for c in ("start", "end")})
    return io.StringIO(flows.to_csv(index=False) + more)


@pytest.mark.parametrize(
    "again",
    [
        lambda flows: pd.read_csv(_csv(flows)),
        lambda flows: pd.read_csv(_csv(flows), parse_dates=["start", "end"]),
        lambda flows: pd.read_csv(_csv(flows, epochs=True)),
        lambda flows: pd.read_csv(_csv(flows, epochs=True), dtype=str),
        lambda flows: pd.read_csv(_csv(flows), dtype_backend="numpy_nullable"),
        lambda flows: pd.read_csv(_csv(flows), dtype_backend="pyarrow"),
        lambda flows: flows.astype(object),
        lambda flows: flows.astype({"dstport": float, "bytes": float, "protocol": float}),
        lambda flows: flows.assign(**flows[["srcport", "dstport"]].astype(str).astype("category")),
    ],
    ids=["csv", "csv, times", "csv, epochs", "csv, text", "nullable", "pyarrow", "objects", "floats",
         "categories"],
)  # fmt: skip
def test_answers_are_those_of_the_frame_that_was_written(flows, again):
    assert asked(again(flows)) == asked(flows)


def test_a_line_without_traffic_makes_floats_of_numbers(flows):
    """Sums of floats by bit arithmetic were wrong by some thousands, and nothing said so."""
    more = _NODATA.format("1788222600", "1788222659")
    frame = pd.read_csv(_csv(flows, epochs=True, more=more))
    assert frame["bytes"].dtype == float and frame["dstport"].dtype == float
    over_time = fl.traffic_over_time(frame, every="1min")
    assert over_time["bytes"].sum() == fl.totals(flows)["bytes"].iloc[0]
    assert fl.breakdown(frame, "dstport", n=9)["dstport"].dropna().tolist() == [443, 53]


def test_columns_without_values_are_columns_of_their_field(flows):
    services = ["pkt_src_aws_service", "pkt_dst_aws_service", "pkt_srcaddr", "pkt_dstaddr"]
    for nothing in (np.nan, None, pd.array([pd.NA] * len(flows), "Int64")):
        frame = flows.assign(**dict.fromkeys(services, nothing))
        assert len(fl.exclude(frame, ["aws-control-plane", "health-checks"])) == len(flows)
        assert len(fl.only(frame, fl.rule("own", packet_addr="10.0.0.0/8"))) == 0
        assert len(fl.only(frame, fl.rule("own", packet_addr=None))) == len(flows)


@pytest.mark.parametrize(
    ("column", "cells", "says"),
    [
        ("dstport", ["https"] * 4, "dstport does not hold whole numbers"),
        ("bytes", [1.5] * 4, "bytes does not hold whole numbers"),
        ("start", ["yesterday"] * 4, "start does not hold times"),
        ("srcaddr", ["10.0.0.1", 5, "10.0.0.2", 6], "srcaddr holds values of different kinds"),
    ],
)
def test_what_a_field_cannot_be_is_said(flows, column, cells, says):
    frame = flows.assign(**{column: pd.Series(cells, dtype=object)})
    with pytest.raises(FlowlabError, match=says):
        fl.records(frame)


def test_two_columns_of_one_name_are_refused(flows):
    for twice in (flows[["account_id"]], pd.DataFrame({5: [1] * 4, "5": 2})):
        with pytest.raises(FlowlabError, match="two columns called"):
            fl.totals(pd.concat([flows, twice], axis=1))
