"""Twenty-two traps that other tools fell into, one test each."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lines import GOOD, HEADER, NODATA, SKIPDATA, V2_FIELDS, read, reasons, text

import flowlab as fl
from flowlab.errors import LineFormatError
from flowlab.sources import files


def test_01_permuted_columns():
    order = [13, 3, 4, 0, 1, 2, 9, 8, 5, 6, 7, 10, 11, 12]
    tokens = GOOD.split()
    header = " ".join(V2_FIELDS[i] for i in order).encode()
    flows, _ = read(text(header, b" ".join(tokens[i] for i in order)))
    expected, _ = read(text(HEADER, GOOD))
    pd.testing.assert_frame_equal(flows[expected.columns], expected)


def test_02_an_unknown_token_in_the_header():
    flows, ledger = read(text(HEADER + b" brand-new", GOOD + b" value", NODATA + b" -"))
    assert flows["bytes"].tolist() == [3120]  # the file is not re-read with another layout
    assert flows["brand_new"].tolist() == ["value"]
    assert ledger.nodata == 1


def test_03_a_file_of_a_header_only():
    flows, ledger = read(HEADER + b"\n")
    assert flows.empty
    assert (ledger.lines, ledger.headers) == (1, 1)


def test_04_one_line_without_header():
    flows, _ = read(GOOD)
    assert flows["bytes"].tolist() == [3120]


def test_05_a_cloudwatch_export_with_leading_times():
    flows, _ = read(
        text(b"2026-09-01T00:30:00.000Z " + GOOD, b"2026-09-01T00:30:00.000Z " + NODATA)
    )
    assert flows["srcaddr"].tolist() == ["198.51.100.7"]


def test_06_nodata_and_skipdata_keep_their_times():
    _, ledger = read(text(NODATA, SKIPDATA))
    assert ledger.no_traffic["end"].tolist() == [pd.Timestamp("2015-05-10 18:02:14", tz="UTC")] * 2


def test_07_a_dash_is_not_port_zero():
    icmp = GOOD.replace(b"51544 443 6", b"0 0 1")
    flows, _ = read(text(HEADER, icmp, GOOD.replace(b"51544 443 6", b"- - 1")))
    assert flows["srcport"].isna().tolist() == [False, True]
    assert flows["srcport"].iloc[0] == 0


def test_08_account_ids_keep_their_zeros_and_may_be_unknown():
    flows, _ = read(text(HEADER, GOOD.replace(b"000123456789", b"012345678901"),
                         GOOD.replace(b"000123456789", b"unknown")))  # fmt: skip
    assert flows["account_id"].tolist() == ["012345678901", "unknown"]


def test_09_a_regional_nat_gateway_has_no_interface_id():
    flows, _ = read(
        b"resource-id interface-id srcaddr dstaddr bytes\nnat-0a - 10.0.0.1 203.0.113.5 7\n"
    )
    by = fl.breakdown(flows, ["interface_id", "resource_id"])
    assert by["resource_id"].tolist() == ["nat-0a"]
    assert by["interface_id"].isna().all()


def test_10_percent_encoded_tags_are_left_as_they_are():
    flows, _ = read(b"srcaddr instance-tag\n10.0.0.1 web%20server%2Dold\n")
    assert flows["instance_tag"].tolist() == ["web%20server%2Dold"]
    assert flows["instance_tag"].dtype == pd.ArrowDtype(pa.large_string())


def test_11_epochs_in_milliseconds():
    _, ledger = read(text(SKIPDATA.replace(b"1431280876", b"1431280876000")
                          .replace(b"1431280934", b"1431280934000"), GOOD))  # fmt: skip
    assert ledger.no_traffic["start"].tolist() == [pd.Timestamp("2015-05-10 18:01:16", tz="UTC")]


@pytest.mark.parametrize(
    ("slot", "start", "end", "kept"),
    [
        # A file stamped 16:20 holds ends 16:20:00 to 16:24:59, and later ones when it is late.
        ("1620", "16:22", "16:30", True),
        ("1620", "16:24:59", None, True),
        ("1620", None, "16:20", True),  # a window of ten minutes that started at 16:12
        ("1620", "17:00", None, False),
        ("1620", None, "15:30", False),
        ("1635", None, "16:20", True),  # one interval late
    ],
)
def test_12_the_edges_of_file_names(slot, start, end, kept):
    name = f"a/b/000123456789_vpcflowlogs_eu-west-1_fl-0a_20260901T{slot}Z_abcd1234.log.gz"

    def epoch(clock):
        return clock and int(pd.Timestamp(f"2026-09-01 {clock}", tz="UTC").timestamp())

    assert files.outside(name, epoch(start), epoch(end)) is not kept


def test_13_more_than_ten_thousand_insights_rows_of_equal_time():
    rows = [[{"field": "@timestamp", "value": "2026-09-01 00:30:00.000"},
             {"field": "@message", "value": GOOD.decode()}]] * 10_001  # fmt: skip
    flows, ledger = read(json.dumps({"results": rows}).encode())
    assert len(flows) == ledger.lines == 10_001


def test_14_transit_gateway_rows_mixed_in():
    from test_reading import TGW

    flows, ledger = read(text(GOOD, TGW, GOOD))
    assert (len(flows), ledger.rejected) == (3, 0)
    assert flows["interface_id"].isna().sum() == 1


def test_15_one_flow_at_both_its_interfaces_is_two_records():
    flows, _ = fl.sample_flows()
    inside = flows[flows["srcaddr"].str.startswith("10.") & flows["dstaddr"].str.startswith("10.")]
    egress = inside.loc[inside["flow_direction"] == "egress", "bytes"].sum()
    assert fl.totals(inside)["bytes"].item() > egress  # and the docstring says whose bytes they are
    assert "at both" in (fl.top_talkers.__doc__ or "")


def test_16_overlapping_flow_logs():
    data = text(HEADER, GOOD, GOOD)
    assert fl.totals(read(data)[0])["bytes"].item() == 2 * 3120
    flows, ledger = read(data, drop_duplicates=True)
    assert fl.totals(flows)["bytes"].item() == 3120
    assert ledger.duplicates == 1


def test_17_flows_refused_by_block_public_access_have_no_bytes():
    line = GOOD.replace(b" 3120 ", b" - ").replace(b"ACCEPT", b"REJECT") + b" BPA"
    flows, ledger = read(text(HEADER + b" reject-reason", line))
    assert ledger.rejected == 0
    assert flows["bytes"].isna().all()
    assert fl.totals(flows)["bytes"].item() == 0


def test_18_flags_are_ored_and_a_lone_ack_is_zero():
    flows, _ = read(
        b"srcaddr tcp-flags\n" + b"".join(b"10.0.0.1 %s\n" % f for f in (b"3", b"19", b"0", b"-"))
    )
    assert flows["tcp_flags"].tolist()[:3] == [3, 19, 0]
    assert flows["tcp_flags"].isna().tolist() == [False, False, False, True]


def test_19_a_secondary_address_is_only_in_the_packet_fields():
    flows, _ = read(
        b"srcaddr dstaddr pkt-dstaddr bytes packets\n203.0.113.5 10.0.0.5 10.0.0.77 40 1\n"
    )
    # A frame with pkt-dstaddr but no pkt-srcaddr cannot be asked at packet level: say so.
    with pytest.raises(fl.FlowlabError, match="pkt-srcaddr"):
        fl.top_talkers(flows, packet_level=True)
    assert flows["pkt_dstaddr"].tolist() == ["10.0.0.77"]


def test_20_one_ipv6_host_is_one_talker_however_it_is_written():
    forms = ["2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:DB8:0:0::1"]
    flows, _ = read(
        b"srcaddr dstaddr bytes\n" + "".join(f"{f} 10.0.0.1 1\n" for f in forms).encode()
    )
    assert fl.top_talkers(flows)["addr"].tolist() == ["10.0.0.1", "2001:db8::1"]


@pytest.mark.parametrize("protocol", [1, 47, 50, 58, 255])
def test_21_protocols_beyond_tcp_and_udp(protocol):
    flows, ledger = read(text(HEADER, GOOD.replace(b" 6 12 ", b" %d 12 " % protocol)))
    assert flows["protocol"].tolist() == [protocol]
    assert ledger.rejected == 0


@pytest.mark.parametrize("type_", [pa.int32(), pa.int64(), pa.string(), pa.float64()])
def test_22_parquet_variants(type_):
    table = pa.table({"srcaddr": ["10.0.0.1"], "protocol": pa.array([6]).cast(type_),
                      "start": pa.array([1788222600]).cast(type_ if type_ != pa.int32() else pa.int64())})  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(table, sink)
    flows, _ = read(sink.getvalue())
    assert flows["protocol"].dtype == pd.ArrowDtype(pa.int32())
    assert flows["start"].tolist() == [pd.Timestamp("2026-09-01 00:30", tz="UTC")]


def test_no_trap_is_hidden_by_reading_text_that_fits_nothing():
    with pytest.raises(LineFormatError):
        read(b"one two three\n")
    _, ledger = read(text(HEADER, b"one two three"))
    assert reasons(ledger) == [(2, "3 tokens where the format has 14")]
