"""Records that should not exist are found and explained; none at all is said to be normal."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flowlab as fl
from flowlab.errors import FlowlabError, MissingFieldError
from flowlab.practice import generate, writing
from flowlab.recognisers import impossible_traffic, never_captured

_FIELDS = (
    "version srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
_NAMES = [
    "amazon-dns", "amazon-dns-base-plus-2", "metadata", "container-metadata", "time-sync", "dhcp",
    "windows-activation", "router",
]  # fmt: skip


def flows(*lines, fields=_FIELDS):
    text = "\n".join([fields, *lines]) + "\n"
    return fl.read_flows(io.BytesIO(text.encode()), progress=False)[0]


def line(src, sport, dst, dport, protocol=17, action="ACCEPT", size=100, start=1788222600):
    return f"2 {src} {dst} {sport} {dport} {protocol} 1 {size} {start} {start} {action} OK"


def hits(found):
    found = found[found["flow_records"] > 0]
    return list(zip(found["recogniser"], found["srcaddr"], found["dstaddr"], strict=True))


# AWS's example VPC 10.0.0.0/16: its resolver is 10.0.0.2, the router of its first subnet 10.0.0.1.
@pytest.mark.parametrize(
    ("record", "name"),
    [
        (line("10.0.1.5", 40000, "10.0.0.2", 53), "amazon-dns-base-plus-2"),
        (line("10.0.0.2", 53, "10.0.1.5", 40000), "amazon-dns-base-plus-2"),
        (line("10.0.1.5", 40000, "169.254.169.253", 53, 6), "amazon-dns"),
        (line("2001:db8::5", 40000, "fd00:ec2::253", 53), "amazon-dns"),
        (line("10.0.1.5", 40000, "169.254.169.254", 80, 6), "metadata"),
        (line("2001:db8::5", 40000, "fd00:ec2::254", 80, 6), "metadata"),
        (line("10.0.1.5", 40000, "169.254.170.2", 80, 6), "container-metadata"),
        (line("169.254.170.23", 80, "10.0.1.5", 40000, 6), "container-metadata"),
        (line("10.0.1.5", 123, "169.254.169.123", 123), "time-sync"),
        (line("10.0.1.5", 68, "255.255.255.255", 67), "dhcp"),
        (line("fe80::5", 546, "ff02::1:2", 547), "dhcp"),
        (line("10.0.1.5", 50000, "169.254.169.251", 1688, 6), "windows-activation"),
        (line("10.0.1.5", 0, "10.0.0.1", 0, 1), "router"),
        (line("10.0.1.5", 0, "10.0.1.1", 0, 1), "router"),
        (line("fe80::5", 0, "fe80:ec2::1", 0, 58), "router"),
        (line("10.0.1.5", 40000, "10.0.2.53", 53), None),  # an own resolver
        (line("10.0.1.5", 40000, "10.0.0.2", 443, 6), None),  # base + 2, but no DNS
        (line("10.1.0.2", 53, "10.0.1.5", 40000), None),  # base + 2 of the second CIDR
        (line("10.0.1.5", 40000, "10.0.2.88", 1688, 6), None),  # an own KMS server
        (line("10.0.1.5", 68, "10.0.1.9", 443), None),
        ("2 - - - - - - - 1788222600 1788222660 - NODATA", None),
    ],
)
def test_each_recogniser_knows_its_traffic(record, name):
    found = impossible_traffic(
        flows(record), vpc_cidrs=["10.0.0.0/16", "10.1.0.0/16"], subnets="10.0.1.0/24"
    )
    assert [hit[0] for hit in hits(found)] == ([name] if name else [])
    assert list(dict.fromkeys(found["recogniser"])) == _NAMES


def test_records_are_summed_and_the_asker_s_port_is_left_out():
    found = impossible_traffic(
        flows(
            line("10.0.1.5", 40000, "10.0.0.2", 53, size=60, start=1788222700),
            line("10.0.1.5", 40001, "10.0.0.2", 53, size=70, start=1788222600),
            line("10.0.0.2", 53, "10.0.1.5", 40000, size=300),
            line("10.0.0.2", 53, "10.0.1.5", 40001, size=400),
        ),
        vpc_cidrs="10.0.0.0/16",
    )
    asked, answered = found[found["flow_records"] > 0].sort_values("bytes").itertuples()
    assert (asked.dstport, asked.flow_records, asked.packets, asked.bytes) == (53, 2, 2, 130)
    assert asked.first_start == pd.Timestamp(1788222600, unit="s", tz="UTC")
    assert pd.isna(answered.dstport)
    assert (answered.flow_records, answered.bytes, answered.protocol) == (2, 700, 17)


def test_each_hit_is_explained_by_what_the_records_show():
    def told(*lines, fields=_FIELDS):
        found = impossible_traffic(flows(*lines, fields=fields), vpc_cidrs="10.0.0.0/16")
        return found.loc[found["flow_records"] > 0, "likely_explanation"].item()

    own = told(line("10.0.1.5", 40000, "10.0.0.2", 53))
    assert own.startswith("an own resolver: ")
    assert "vpc_cidrs is not this VPC's" in own
    assert "proxy" in told(line("10.0.1.5", 40000, "169.254.169.254", 80, 6))
    spoofed = told(line("169.254.169.254", 80, "10.0.1.5", 40000, 6, "REJECT"))
    assert spoofed.startswith("spoofed or misdirected, and turned away")
    translated = told(
        line("10.0.1.5", 40000, "10.0.0.2", 53) + " 10.0.1.5 198.51.100.53",
        fields=_FIELDS + " pkt-srcaddr pkt-dstaddr",
    )
    assert translated.startswith("a proxy or NAT in between")


def test_none_found_is_the_normal_answer():
    sample = fl.sample_flows()[0]
    found = impossible_traffic(sample, vpc_cidrs="10.0.0.0/16", subnets=["10.0.1.0/24"])
    assert found["recogniser"].tolist() == _NAMES
    assert found["flow_records"].tolist() == [0] * len(_NAMES)
    assert found["likely_explanation"].str.contains("absence proves nothing").all()
    assert found["srcaddr"].isna().all()
    unasked = impossible_traffic(sample).set_index("recogniser")["likely_explanation"]
    assert (
        unasked["amazon-dns-base-plus-2"]
        == unasked["router"]
        == "not looked for: it needs vpc_cidrs"
    )
    assert "normal answer" in unasked["metadata"]


def test_the_same_in_an_archive_and_the_same_types_with_and_without_hits(tmp_path):
    writing.write_parquet(generate(records=1).table.slice(0, 500), tmp_path)
    archive = fl.open_archive(tmp_path)
    frame = fl.read_flows(tmp_path, progress=False)[0]
    options = {"vpc_cidrs": "10.0.0.0/16"}
    none = impossible_traffic(frame, **options)
    pd.testing.assert_frame_equal(impossible_traffic(archive, **options), none)
    some = impossible_traffic(frame.assign(dstaddr="169.254.169.254"), **options)
    assert (some["flow_records"] > 0).any()
    assert some.dtypes.equals(none.dtypes)


def test_a_period():
    early = line("10.0.1.5", 1, "169.254.169.254", 80, 6, start=1788222600)
    late = line("10.0.1.5", 1, "169.254.169.254", 80, 6, start=1788226200)
    found = impossible_traffic(flows(early, late), start="2026-09-01 01:30")
    assert found["flow_records"].sum() == 1


def test_a_format_without_bytes_or_times(tmp_path):
    pq.write_table(
        pa.table({"srcaddr": ["10.0.1.5"], "dstaddr": ["169.254.169.254"], "srcport": [5],
                  "dstport": [80], "protocol": [6]}), tmp_path / "a.parquet")  # fmt: skip
    found = impossible_traffic(fl.open_archive(tmp_path))
    assert list(found.columns) == [
        "recogniser", "srcaddr", "dstaddr", "dstport", "protocol", "flow_records",
        "likely_explanation",
    ]  # fmt: skip
    assert hits(found) == [("metadata", "10.0.1.5", "169.254.169.254")]


def test_bad_input():
    sample = fl.sample_flows()[0].head(10)
    with pytest.raises(FlowlabError, match='write "10.0.0.0/16"'):
        impossible_traffic(sample, vpc_cidrs="10.0.0.2/16")
    with pytest.raises(FlowlabError, match="smaller than AWS's smallest"):
        impossible_traffic(sample, vpc_cidrs="10.0.0.2")
    with pytest.raises(FlowlabError, match="primary CIDR of a VPC is IPv4"):
        impossible_traffic(sample, vpc_cidrs=["2001:db8::/56", "10.0.0.0/16"])
    with pytest.raises(MissingFieldError, match="impossible_traffic needs the column dstport"):
        impossible_traffic(sample.drop(columns="dstport"))


def test_the_table_of_limits_has_every_recogniser_s_addresses():
    table = never_captured()
    assert (table[["what", "reason", "use_instead", "source"]].map(len) > 2).all(axis=None)
    told = " ".join(table["addresses"])
    for address in (
        "169.254.169.253", "fd00:ec2::253", "169.254.169.254", "fd00:ec2::254", "169.254.169.123",
        "fd00:ec2::123", "169.254.169.250", "169.254.169.251", "169.254.170.2", "169.254.170.23",
        "fd00:ec2::23",
    ):  # fmt: skip
        assert address in told
