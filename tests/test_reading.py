"""read_flows: formats, wrappings, periods, columns, errors."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import subprocess
import sys
import threading

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lines import GOOD, HEADER, NODATA, SSH_ACCEPTED, V2_FIELDS, read, reasons, text

import flowlab as fl
from flowlab.errors import FlowlabError, LineFormatError, MissingFieldError, SourceError

TGW = (
    b"6 TransitGateway 123456789012 tgw-0a tgw-attach-0a 111122223333 444455556666 vpc-0a vpc-0b "
    b"subnet-0a subnet-0b eni-0a eni-0b euw1-az1 euw1-az2 tgw-attach-0b 10.0.0.1 10.1.0.2 40000 443 "
    b"6 3 180 1788222600 1788222631 OK IPv4 0 0 0 0 2 eu-west-1 egress - -"
)


# ------------------------------------------------------------------ text, in every wrapping
WRAPPED = {
    "plain": text(HEADER, GOOD, GOOD),
    "no final newline": HEADER + b"\n" + GOOD + b"\n" + GOOD,
    "no header": text(GOOD, GOOD),
    "byte order mark": b"\xef\xbb\xbf" + text(HEADER, GOOD, GOOD),
    "CRLF": text(HEADER, GOOD, GOOD).replace(b"\n", b"\r\n"),
    "UTF-16 (PowerShell)": b"\xff\xfe" + text(HEADER, GOOD, GOOD).decode().encode("utf-16-le"),
    "double spaces": text(HEADER, GOOD.replace(b" ", b"  "), GOOD),
    "trailing spaces": text(HEADER, GOOD + b" ", GOOD + b"   "),
    "tabs": text(HEADER, GOOD.replace(b" ", b"\t"), GOOD),
    "blank lines": b"\n\n" + text(HEADER, b"", GOOD, b"   ", GOOD) + b"\n",
    "comments": text(b"# taken on Monday", HEADER, GOOD, b"# and more", GOOD),
    "gzip": gzip.compress(text(HEADER, GOOD, GOOD)),
    "several gzip members": gzip.compress(text(HEADER, GOOD)) + gzip.compress(text(GOOD)),
    "gzip members with headers": gzip.compress(text(HEADER, GOOD)) * 2,
    "padded gzip": gzip.compress(text(HEADER, GOOD, GOOD)) + b"\0" * 512,
    "gzip of gzip": gzip.compress(gzip.compress(text(HEADER, GOOD, GOOD))),
    "zstd": pa.compress(text(HEADER, GOOD, GOOD), codec="zstd", asbytes=True),
    "several zstd frames": pa.compress(text(HEADER, GOOD), codec="zstd", asbytes=True)
    + pa.compress(text(GOOD), codec="zstd", asbytes=True),
    "header repeated": text(HEADER, GOOD, HEADER, GOOD),
    "CloudWatch export": text(b"2026-09-01T00:30:01.123Z " + GOOD, b"2026-09-01T00:30:02Z " + GOOD),
    "aws logs tail": text(*[b"2026-09-01T00:30:01.123000+00:00 eni-0a-all " + GOOD] * 2),
    "filter-log-events": json.dumps(
        {"events": [{"message": GOOD.decode(), "timestamp": 1}] * 2, "searchedLogStreams": []}
    ).encode(),
    "subscription": gzip.compress(
        json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"message": GOOD.decode()}] * 2}).encode()
    ),
    "Firehose: documents in a row": json.dumps({"logEvents": [{"message": GOOD.decode()}]}).encode() * 2,
    "Lambda event": json.dumps(
        {
            "awslogs": {
                "data": base64.b64encode(
                    gzip.compress(json.dumps({"logEvents": [{"message": GOOD.decode()}] * 2}).encode())
                ).decode()
            }
        }
    ).encode(),
    "NDJSON": b"".join(json.dumps({"message": GOOD.decode()}).encode() + b"\n" for _ in range(2)),
    "Insights results": json.dumps(
        {"results": [[{"field": "@message", "value": GOOD.decode()}]] * 2, "status": "Complete"}
    ).encode(),
    "Athena CSV": b",".join(f'"{f}"'.replace("-", "_").encode() for f in V2_FIELDS)
    + b"\n"
    + (b",".join(b'"' + t + b'"' for t in GOOD.split()) + b"\n") * 2,
    "Insights CSV": b"@timestamp,@message\n" + (b"2026-09-01 00:30:00.000," + GOOD + b"\n") * 2,
}  # fmt: skip


@pytest.mark.parametrize("data", WRAPPED.values(), ids=WRAPPED)
def test_every_wrapping_gives_the_same_records(data):
    flows, ledger = read(data)
    expected, _ = read(text(GOOD, GOOD))
    pd.testing.assert_frame_equal(flows, expected)
    assert ledger.rejected == 0


def test_different_headers_in_one_stream_are_columns_side_by_side():
    flows, ledger = read(
        text(HEADER, GOOD, b"srcaddr dstaddr instance-id", b"10.0.0.1 10.0.0.2 i-0a")
    )
    assert ledger.headers == 2
    assert list(flows.columns) == [*HEADER.decode().replace("-", "_").split(), "instance_id"]
    assert flows["srcaddr"].tolist() == ["198.51.100.7", "10.0.0.1"]
    assert flows["bytes"].isna().tolist() == [False, True]
    assert flows["instance_id"].isna().tolist() == [True, False]


def test_a_header_repeated_in_a_format_of_names_only():
    flows, ledger = read(b"action\nACCEPT\nREJECT\naction\nACCEPT\n")
    assert flows["action"].tolist() == ["ACCEPT", "REJECT", "ACCEPT"]
    assert ledger.headers == 2


def test_vpc_and_transit_gateway_records_in_one_folder(tmp_path):
    names = fl.fields().set_index("column")["field"]
    from flowlab.schema import TRANSIT_GATEWAY_FORMAT

    header = " ".join(names[c] for c in TRANSIT_GATEWAY_FORMAT).encode()
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD))
    (tmp_path / "b.log").write_bytes(text(header, TGW))
    flows, ledger = fl.read_flows(tmp_path, progress=False)
    assert flows["tgw_id"].tolist()[1] == "tgw-0a"
    assert flows["action"].isna().tolist() == [False, True]
    assert flows["packets_lost_no_route"].tolist()[1] == 0
    assert ledger.files["fields"].tolist() == [14, 36]


def test_a_stream_of_default_vpc_and_transit_gateway_lines_without_header():
    flows, ledger = read(text(GOOD, TGW, GOOD))
    assert ledger.rejected == 0
    assert flows["protocol"].tolist() == [6, 6, 6]
    assert flows["tgw_id"].notna().sum() == 1


# ------------------------------------------------------------------ formats are never guessed
def test_a_permuted_format_without_header_is_an_error_that_shows_the_line():
    permuted = b" ".join(reversed(GOOD.split()))
    with pytest.raises(
        LineFormatError, match=r"First line \(14 tokens\): 'OK ACCEPT 1788222631"
    ) as e:
        read(text(permuted))
    assert "log_format=" in e.value.fix


def test_log_format_as_aws_writes_it_and_as_a_list():
    names = list(reversed(V2_FIELDS))
    permuted = text(b" ".join(reversed(GOOD.split())))
    expected, _ = read(text(GOOD))
    for log_format in ("".join(f"${{{n}}} " for n in names), names, " ".join(names)):
        flows, _ = read(permuted, log_format=log_format)
        assert list(flows.columns) == [n.replace("-", "_") for n in names]
        pd.testing.assert_frame_equal(flows[expected.columns], expected)


def test_a_header_beats_log_format():
    flows, _ = read(text(HEADER, GOOD), log_format="dstaddr srcaddr")
    assert flows["srcaddr"].tolist() == ["198.51.100.7"]


def test_log_format_that_fits_no_line():
    with pytest.raises(
        LineFormatError, match="none of its 2 lines fits log_format. Line 1: 14 tokens"
    ):
        read(text(GOOD, GOOD), log_format="srcaddr dstaddr")


def test_an_unknown_field_survives_with_one_notice():
    flows, ledger = read(b"version srcaddr shiny-new-field\n12 10.0.0.1 hello\n12 10.0.0.2 -\n")
    assert flows["shiny_new_field"].tolist()[0] == "hello"
    assert flows["shiny_new_field"].isna().tolist() == [False, True]
    assert ledger.notices == ["field shiny_new_field is new to flowlab; kept as text"]


def test_damaged_first_lines_do_not_hide_the_default_format():
    flows, ledger = read(text(b"garbage", b"more garbage", GOOD))
    assert len(flows) == 1
    assert reasons(ledger) == [
        (1, "1 token where the format has 14 or 36"),
        (2, "2 tokens where the format has 14 or 36"),
    ]


# ------------------------------------------------------------------ values
def test_types_and_nulls():
    flows, _ = read(
        b"account-id srcaddr srcport bytes start action vpc-id\n012345678901 - - - 1788222600 ACCEPT -\n"
    )
    assert str(flows["account_id"].dtype) == "category"
    assert flows["account_id"].tolist() == ["012345678901"]
    assert flows["srcaddr"].dtype == pd.ArrowDtype(pa.large_string())
    assert flows["srcport"].dtype == pd.ArrowDtype(pa.int32())
    assert flows["bytes"].dtype == pd.ArrowDtype(pa.int64())
    assert str(flows["start"].dtype) == "datetime64[s, UTC]"
    assert flows[["srcaddr", "srcport", "bytes", "vpc_id"]].isna().all(axis=None)


def test_the_same_records_as_text_json_and_parquet_are_equal_frames():
    from flowlab.practice import generate, writing

    table = generate(records=2_000).table
    lines = writing.to_lines(table)
    header = " ".join(table.column_names).encode() + b"\n"
    from_text, text_ledger = read(header + lines)
    events = {"events": [{"message": line} for line in lines.decode().splitlines()]}
    from_json, _ = read(json.dumps(events).encode(), log_format=table.column_names)
    sink = io.BytesIO()
    columns = [c.replace("-", "_") for c in table.column_names]
    decoded = {c: table[n].cast(pa.string()) if pa.types.is_dictionary(table[n].type) else table[n]
               for c, n in zip(columns, table.column_names, strict=True)}  # fmt: skip
    pq.write_table(pa.table(decoded), sink)
    from_parquet, parquet_ledger = read(sink.getvalue())
    pd.testing.assert_frame_equal(from_text, from_json)
    pd.testing.assert_frame_equal(from_text, from_parquet)
    pd.testing.assert_frame_equal(text_ledger.no_traffic, parquet_ledger.no_traffic)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["3120", "-", "None", ""]),
        pa.array([3120, None, None, None], pa.int64()),
        pa.array([3120, None, None, None], pa.int32()),
        pa.array([3120.0, None, float("nan"), None], pa.float64()),
        pa.array(["3120", None, "-", "-"]).dictionary_encode(),
    ],
    ids=["text", "int64", "int32", "float", "dictionary"],
)
def test_parquet_numbers_in_any_type(column):
    sink = io.BytesIO()
    pq.write_table(pa.table({"srcaddr": ["10.0.0.1"] * 4, "bytes": column}), sink)
    flows, _ = read(sink.getvalue())
    assert flows["bytes"].dtype == pd.ArrowDtype(pa.int64())
    assert flows["bytes"].tolist()[0] == 3120
    assert flows["bytes"].isna().tolist() == [False, True, True, True]


def test_parquet_of_nested_ocsf_columns():
    ends = pa.array([{"ip": "10.0.0.1", "port": 40000}])
    other = pa.array([{"ip": "10.0.0.2", "port": 443}])
    traffic = pa.array([{"bytes": 3120, "packets": 12}])
    sink = io.BytesIO()
    columns = {
        "src_endpoint": ends,
        "dst_endpoint": other,
        "traffic": traffic,
        "action": ["Denied"],
    }
    pq.write_table(pa.table(columns), sink)
    flows, _ = read(sink.getvalue())
    record = flows.iloc[0]
    assert (record["srcaddr"], record["dstport"], record["bytes"]) == ("10.0.0.1", 443, 3120)
    assert record["action"] == "REJECT"


def test_athena_timestamps_and_nulls_in_csv():
    data = b'"srcaddr","bytes","start","action"\n"10.0.0.1","","2026-09-01 00:30:00.000","-"\n'
    flows, _ = read(data)
    assert flows["start"].tolist() == [pd.Timestamp("2026-09-01 00:30:00", tz="UTC")]
    assert flows[["bytes", "action"]].isna().all(axis=None)


def test_wrong_rows_of_a_csv_are_named():
    data = b"srcaddr,dstport\n10.0.0.1,443\n10.0.0.2,70000\n10.0.0.3\nnowhere,1\n10.0.0.5,22\n"
    flows, ledger = read(data)
    assert flows["dstport"].tolist() == [443, 22]
    assert reasons(ledger) == [
        (3, "dstport 70000 is not between 0 and 65535"),
        (4, "1 columns where the header has 2"),
        (5, "srcaddr is not an IP address: 'nowhere'"),
    ]


def test_milliseconds_are_read_as_such_and_counted():
    line = GOOD.replace(b"1788222600", b"1788222600123").replace(b"1788222631", b"1788222631999")
    flows, ledger = read(text(line, GOOD))
    assert flows["start"].nunique() == 1
    assert flows["end"].nunique() == 1
    assert ledger.notices == ["1 lines had times in milliseconds; read as such"]


def test_an_unknown_log_status_is_kept_with_a_notice():
    flows, ledger = read(text(GOOD.replace(b"OK", b"INCOMPLETEDATA"), GOOD))
    assert len(flows) == 2
    assert ledger.notices == ["log status 'INCOMPLETEDATA' is new to flowlab; 1 records kept"]


def test_no_traffic_is_guessed_only_without_log_status():
    flows, ledger = read(b"srcaddr dstaddr action\n- - -\n10.0.0.1 10.0.0.2 ACCEPT\n- 10.0.0.2 -\n")
    assert len(flows) == 2
    assert ledger.nodata == 1
    assert "no log-status" in ledger.notices[0]


# ------------------------------------------------------------------ periods
def _at(*starts: int) -> bytes:
    line = GOOD.decode()
    return text(
        *(
            line.replace("1788222600", str(s)).replace("1788222631", str(s + 31)).encode()
            for s in starts
        )
    )


def test_a_period_is_half_open_and_counts_what_it_leaves_out():
    flows, ledger = read(_at(1788222599, 1788222600, 1788222659, 1788222660),
                         start="2026-09-01 00:30:00", end="2026-09-01 00:31:00")  # fmt: skip
    epochs = flows["start"].astype("int64").tolist()
    assert epochs == [1788222600, 1788222659]
    assert ledger.outside_period == 2


@pytest.mark.parametrize(
    "moment",
    [
        "2026-09-01 00:30:00",
        "2026-09-01T00:30:00Z",
        "2026-09-01 02:30:00+02:00",
        pd.Timestamp("2026-09-01 00:30:00").to_pydatetime(),
        pd.Timestamp("2026-09-01 02:30:00", tz="Europe/Paris"),
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(moment):
    flows, _ = read(_at(1788222599, 1788222600), start=moment)
    assert len(flows) == 1


def test_neighbouring_periods_share_no_record():
    data = _at(*range(1788222590, 1788222610))
    middle = "2026-09-01 00:30:00"
    before, _ = read(data, end=middle)
    after, _ = read(data, start=middle)
    assert len(before) + len(after) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "yesterdayish"}, "start='yesterdayish' is not a moment"),
        ({"start": "2026-02-02", "end": "2026-02-01"}, "is not before end"),
        ({"columns": []}, "asks for no column"),
        ({"errors": "ignore"}, "errors = 'ignore' is not known"),
        ({"log_format": ""}, "names no field"),
        ({"log_format": "srcaddr srcaddr"}, "stands twice: srcaddr"),
        ({"log_format": "srcaddr 10.0.0.1"}, "not a field name: '10.0.0.1'"),
        ({"columns": ["scraddr"]}, "did you mean srcaddr"),
    ],
)
def test_wrong_options_are_answered_with_what_to_write(options, message):
    with pytest.raises(FlowlabError, match=message):
        read(text(GOOD), **options)


def test_a_period_needs_a_time():
    with pytest.raises(MissingFieldError, match="need the time of a record"):
        read(b"srcaddr dstaddr\n10.0.0.1 10.0.0.2\n", start="2026-01-01")


def _slot(name: str) -> str:
    return f"000123456789_vpcflowlogs_eu-west-1_fl-0a_20260901T{name}Z_0a1b2c3d.log"


def test_files_are_pruned_by_name_with_aws_margins(tmp_path):
    # AWS: a file stamped 16:20 holds records ENDING 16:20:00 to 16:24:59, later ones if late.
    late_in_slot = pd.Timestamp("2026-09-01 16:23:00", tz="UTC")
    (tmp_path / _slot("1620")).write_bytes(_at(int(late_in_slot.timestamp())))
    (tmp_path / _slot("0900")).write_bytes(_at(1788253200))
    flows, ledger = fl.read_flows(
        tmp_path, start="2026-09-01 16:22", end="2026-09-01 16:30", progress=False
    )
    assert len(flows) == 1  # flowlogs-reader loses this one
    assert ledger.notices == [
        "1 of 2 files were not opened: by their names, their records lie outside the period"
    ]
    assert len(ledger.files) == 1


# ------------------------------------------------------------------ columns, duplicates, errors
def test_columns_are_given_in_the_order_asked_for():
    flows, _ = read(text(HEADER, GOOD, NODATA), columns=["bytes", "srcaddr", "log-status"])
    assert list(flows.columns) == ["bytes", "srcaddr", "log_status"]


@pytest.mark.parametrize("column", ["srcaddr", "action", "bytes", "start"])
def test_the_ledger_does_not_depend_on_the_columns(column):
    data = text(
        HEADER, GOOD, GOOD.replace(b" 443 ", b" 70000 "), NODATA, GOOD.replace(b"10.0.1.5", b"x")
    )
    data += GOOD.replace(b"eni-0a1b", b"eni-\xff") + b"\n"
    everything, whole = read(data)
    some, projected = read(data, columns=[column])
    pd.testing.assert_frame_equal(some, everything[[column]])
    assert reasons(projected) == reasons(whole)
    assert [e for _, e in projected._counts()] == [e for _, e in whole._counts()]


def test_a_column_no_record_has_is_named_with_the_aws_field():
    with pytest.raises(MissingFieldError, match="AWS field tcp-flags"):
        read(text(HEADER, GOOD), columns=["srcaddr", "tcp_flags"])


def test_duplicates_are_dropped_only_when_asked_and_counted():
    data = text(HEADER, GOOD, GOOD, GOOD.replace(b" 443 ", b" 80 "))
    assert len(read(data)[0]) == 3
    flows, ledger = read(data, drop_duplicates=True, columns=["srcaddr"])
    assert list(flows.columns) == ["srcaddr"]
    assert len(flows) == 2
    assert ledger.duplicates == 1
    assert flows.index.tolist() == [0, 1]


def test_errors_raise_stops_at_the_first_bad_line():
    with pytest.raises(
        LineFormatError, match=r"<stream 1>, line 3: 1 token where .* It begins: 'x'"
    ):
        read(text(HEADER, GOOD, b"x", b"y"), errors="raise")


def test_errors_raise_also_means_truncated_files():
    with pytest.raises(LineFormatError, match="gzip stream ends early|cut off"):
        read(gzip.compress(text(HEADER, *[GOOD] * 5000))[:-9], errors="raise")


def test_empty_input_is_an_empty_frame_of_the_right_types():
    for data in (b"", b"\n\n", HEADER, text(HEADER, NODATA)):
        flows, _ = read(data)
        assert flows.empty
        assert list(flows.columns) == HEADER.decode().replace("-", "_").split()
        assert flows["bytes"].dtype == pd.ArrowDtype(pa.int64())
        assert str(flows["start"].dtype) == "datetime64[s, UTC]"
        assert str(flows["action"].dtype) == "category"


# ------------------------------------------------------------------ sources
def test_sources_file_folder_glob_list_stream(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD))
    (tmp_path / "sub" / "b.log").write_bytes(text(HEADER, GOOD))
    (tmp_path / ".hidden").write_bytes(b"nothing to see")
    for source, expected in [
        (tmp_path, 2),
        (str(tmp_path), 2),
        (tmp_path / "a.log", 1),
        (str(tmp_path / "*.log"), 1),
        (str(tmp_path / "**" / "*.log"), 2),
        ([tmp_path / "a.log", tmp_path / "sub"], 2),
        ([tmp_path / "a.log", tmp_path / "a.log"], 1),  # one file is read once
        (io.BytesIO(text(GOOD)), 1),
        ([io.BytesIO(text(GOOD)), tmp_path / "a.log"], 2),
    ]:
        flows, ledger = fl.read_flows(source, progress=False)
        assert len(flows) == expected, source
        assert ledger.balanced


def test_an_open_stream_stays_open():
    stream = io.BytesIO(text(GOOD))
    fl.read_flows(stream, progress=False)
    assert not stream.closed


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/no/such/place.log", "there is no such file or folder"),
        ("/no/such/*.log", "no file matches"),
        ("gs://bucket/prefix", "addresses of the kind gs:// cannot be read"),
        (42, "a source of type int cannot be read"),
        (b"2 123 eni", "io.BytesIO"),
        (io.StringIO("text"), "an open text file cannot be read"),
    ],
)
def test_sources_that_cannot_be_read(source, message):
    with pytest.raises(FlowlabError, match=message):
        fl.read_flows(source, progress=False)


def test_an_empty_folder_and_a_folder_without_flow_logs(tmp_path):
    with pytest.raises(SourceError, match="holds no file"):
        fl.read_flows(tmp_path, progress=False)
    (tmp_path / "a.txt").write_text("hello there")
    (tmp_path / "b.txt").write_text("dear diary")
    with pytest.raises(
        LineFormatError, match="none of these 2 files is a flow log. The first: .*a.txt"
    ):
        fl.read_flows(tmp_path, progress=False)


def test_a_file_that_is_no_flow_log_costs_only_itself(tmp_path):
    (tmp_path / "a.txt").write_text("hello there")
    (tmp_path / "b.log").write_bytes(text(HEADER, GOOD))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 cut off")
    (tmp_path / "d.json").write_bytes(b'{"not": "a log"}')
    flows, ledger = fl.read_flows(tmp_path, progress=False)
    assert len(flows) == 1
    assert ledger.balanced
    assert (ledger.files["content"] == "not a flow log").sum() == 3
    told = ledger.files["problem"].tolist()
    assert "format of these lines is not known" in told[0]
    assert "cannot be opened" in told[2]
    assert "holds no log event" in told[3]


def test_small_files_joined_and_alone_give_the_same(tmp_path):
    for number in range(30):
        line = GOOD.replace(b" 443 ", f" {number} ".encode())
        body = (
            text(HEADER, line, NODATA) if number % 3 else text(HEADER, b"", line, b"bad line", line)
        )
        (tmp_path / f"{number:02}.log.gz").write_bytes(gzip.compress(body))
    joined, ledger = fl.read_flows(tmp_path, progress=False)
    alone = [fl.read_flows(p, progress=False)[0] for p in sorted(tmp_path.iterdir())]
    pd.testing.assert_frame_equal(joined, pd.concat(alone, ignore_index=True))
    assert ledger.rejected == 10
    assert ledger.files["records"].tolist() == [2, 1, 1] * 10
    assert ledger.files["nodata"].tolist() == [0, 1, 1] * 10


def test_a_large_stream_is_read_in_blocks_with_true_line_numbers(monkeypatch):
    from flowlab.sources import containers

    monkeypatch.setattr(containers, "_BLOCK", 10_000)
    monkeypatch.setattr(containers, "_CHUNK", 4_096)
    lines = [GOOD.replace(b" 443 ", f" {n} ".encode()) for n in range(2_000)]
    lines[1_500] = b"bad"
    other = b"srcaddr dstaddr dstport"
    data = text(HEADER, *lines, other, *[b"10.0.0.1 10.0.0.2 %d" % n for n in range(2_000)])
    for stored in (data, gzip.compress(data), pa.compress(data, codec="zstd", asbytes=True)):
        flows, ledger = read(stored)
        assert reasons(ledger) == [(1_502, "1 token where the format has 14")]
        assert ledger.headers == 2
        assert flows["dstport"].tolist()[:1_500] == list(range(1_500))
        assert flows["dstport"].tolist()[-2_000:] == list(range(2_000))
        assert len(ledger.files) == 1


# ------------------------------------------------------------------ progress, interrupt
def test_progress_is_silent_for_quick_reads(capfd):
    fl.read_flows(io.BytesIO(text(GOOD)))
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_stops_at_once(tmp_path, monkeypatch):
    from flowlab import fetching

    (tmp_path / "a.log").write_bytes(text(GOOD))
    released = threading.Event()

    def slow(items, job):
        released.wait(30)
        return []

    def interrupt(self, timeout=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "load_group", slow)
    monkeypatch.setattr("concurrent.futures.Future.result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fl.read_flows(tmp_path, progress=False)
    released.set()


def test_import_is_light():
    code = (
        "import sys, flowlab\n"
        "heavy = {'pandas', 'boto3', 'botocore', 'matplotlib', 'ipywidgets', 'moto', 'duckdb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "flowlab.read_flows, flowlab.breakdown, flowlab.open_archive\n"
        "heavy -= {'pandas'}\n"
        "assert not (heavy - {'duckdb'}) & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_exists_and_has_a_docstring():
    for name in fl.__all__:
        assert getattr(fl, name).__doc__, name
    assert re.fullmatch(r"\d+\.\d+\.\d+", fl.__version__)
    assert set(fl.__all__) <= set(dir(fl))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fl.nothing


def test_the_ssh_example_in_a_gzip_file_by_path(tmp_path):
    path = tmp_path / "anything.bin"
    path.write_bytes(gzip.compress(text(SSH_ACCEPTED)))
    flows, ledger = fl.read_flows(path, progress=False)
    assert flows["dstport"].tolist() == [22]
    assert ledger.files["content"].tolist() == ["gzip text"]
