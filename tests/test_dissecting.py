"""anatomy(): AWS's published example records, field by field, with what AWS's own text says of them."""

from __future__ import annotations

import gzip
import io
import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import (
    GOOD,
    HEADER,
    IPV6,
    NODATA,
    PING,
    RDP_REJECTED,
    SKIPDATA,
    SSH_ACCEPTED,
    V2_FIELDS,
    read,
    reasons,
    text,
)
from test_aws_examples import TCP_FLAGS, TCP_FLAGS_FORMAT

import flowlab as fl
from flowlab import practice
from flowlab.dissecting import anatomy
from flowlab.errors import FlowlabError, LineFormatError

DEFAULT = HEADER.decode()


def said(line, log_format=None, column="in_words"):
    """What anatomy says of each field, by AWS name."""
    table = anatomy(line.decode() if isinstance(line, bytes) else line, log_format=log_format)
    return dict(zip(table["field"], table[column], strict=True))


def word(field, token, **others):
    """What is said of one field in a record with others."""
    names, tokens = [field, *others], [token, *others.values()]
    return said(" ".join(tokens), [name.replace("_", "-") for name in names])[field]


def utc(moment):
    return pd.Timestamp(moment, tz="UTC")


# ---------------------------------------------------------------- AWS's examples


def test_an_accepted_ssh_record():
    table = anatomy(SSH_ACCEPTED.decode())
    assert table["position"].tolist() == list(range(1, 15))
    assert table["field"].tolist() == V2_FIELDS
    assert table["text"].tolist() == SSH_ACCEPTED.decode().split()
    # AWS: "SSH traffic (destination port 22, TCP protocol) ... was allowed"
    assert table["value"].tolist() == [
        2, "123456789010", "eni-1235b8ca123456789", "172.31.16.139", "172.31.16.21", 20641, 22, 6,
        20, 4249, utc("2014-12-14 04:06:50"), utc("2014-12-14 04:07:50"), "ACCEPT", "OK",
    ]  # fmt: skip
    words = dict(zip(table["field"], table["in_words"], strict=True))
    assert words["dstport"] == "ssh, by IANA"
    assert words["srcport"].startswith("port 20641, of no service")
    assert words["protocol"] == "TCP"
    assert (words["packets"], words["bytes"]) == ("20 packets", "4,249 bytes")
    assert words["start"] == "2014-12-14 04:06:50 UTC"
    assert words["action"].startswith("security groups and network ACLs let it pass")
    assert words["log-status"] == "a flow record"
    assert words["interface-id"] == "eni-1235b8ca123456789"


def test_a_rejected_rdp_record():
    words = said(RDP_REJECTED)
    assert words["dstport"] == "ms-wbt-server, by IANA"  # IANA's name of RDP
    assert words["action"] == (
        "refused by a security group or network ACL, or late: its connection was over"
    )


def test_a_ping_has_no_ports():
    words = said(PING)
    assert words["protocol"] == "ICMP"
    assert words["srcport"] == words["dstport"] == "none: ICMP has no ports"


def test_an_ipv6_address_is_read_in_one_form():
    assert said(IPV6, column="value")["dstaddr"] == "2001:db8:1234:a102:3304:8879:34cf:4071"
    assert said("2001:DB8:0:0::1", "srcaddr", "value")["srcaddr"] == "2001:db8::1"
    assert said("2001:DB8:0:0::1", "srcaddr", "text")["srcaddr"] == "2001:DB8:0:0::1"


@pytest.mark.parametrize(
    ("line", "why", "status"),
    [
        (NODATA, "none: NODATA says that there was no traffic in this window", "no traffic"),
        (SKIPDATA, "none: SKIPDATA says that AWS lost records of this window", "AWS lost records"),
    ],
    ids=["NODATA", "SKIPDATA"],
)
def test_a_line_without_traffic(line, why, status):
    table = anatomy(line.decode())
    packet = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"]
    empty = table["value"].isna()
    assert table["field"][empty].tolist() == packet
    assert set(table["in_words"][empty]) == {why}
    words = dict(zip(table["field"], table["in_words"], strict=True))
    assert words["log-status"].startswith(status)
    assert words["log-status"].endswith("the line is no record")
    assert words["start"] == "2015-05-10 18:01:16 UTC"


def test_tcp_flags_of_aws_sequence():
    found = [said(line, TCP_FLAGS_FORMAT) for line in TCP_FLAGS.splitlines()]
    # AWS's table: FIN 1, SYN 2, SYN-ACK 18; 3 and 19 are a SYN, or its answer, and FIN.
    flags = [words["tcp-flags"] for words in found]
    assert flags == [
        "SYN", "SYN, ACK", "SYN", "SYN, ACK", "FIN", "FIN", "SYN, FIN", "SYN, ACK, FIN",
    ]  # fmt: skip
    # AWS's text: "starting at 7:47:55 PM and ending at 7:48:53 PM" on the 26th of August 2019.
    assert found[0]["start"] == "2019-08-26 19:47:55 UTC"
    assert found[0]["end"] == "2019-08-26 19:48:53 UTC"
    assert found[0]["version"] == "the newest field of this format came with version 3"
    assert found[0]["pkt-srcaddr"] == "the same as srcaddr"


def test_a_packet_on_its_way_through_a_nat_gateway():
    names = "instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr"
    words = said("- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5", names)
    # AWS: "The values for the dstaddr and pkt-dstaddr fields are different"
    assert words["pkt-dstaddr"].startswith("not dstaddr")
    assert words["pkt-srcaddr"] == "the same as srcaddr"
    assert words["instance-id"] == "none: AWS writes - if: requester-managed ENIs"


# ---------------------------------------------------------------- one field at a time


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "within the same VPC"),
        (2, "through an internet gateway or gateway endpoint"),
        (3, "through a virtual private gateway"),
        (4, "through a VPC peering, same Region"),
        (5, "through a VPC peering, other Region"),
        (6, "through a Local Zone or Wavelength Zone (formerly: local gateway)"),
        (7, "through a gateway endpoint"),
        (8, "through an internet gateway"),
        (9, "code 9, which flowlab does not know"),
    ],
)
def test_traffic_paths(code, words):
    assert word("traffic-path", str(code)) == words


@pytest.mark.parametrize(
    ("field", "token", "others", "words"),
    [
        ("traffic-path", "-", {}, "none: AWS writes - if: ingress, or no code fits"),
        ("region", "-", {}, "none: it does not apply, or AWS could not tell"),
        ("subnet-id", "-", {"log_status": "NODATA"}, "none: AWS writes - if: regional NAT gateway"),
        ("tcp-flags", "-", {"log_status": "OK"}, "none: AWS writes - if: an invalid combination"),
        ("tcp-flags", "0", {"protocol": "6"}, "none: only ACK, PSH or the like"),
        ("tcp-flags", "0", {"protocol": "17"}, "none: not TCP"),
        ("tcp-flags", "0", {}, "none: only ACK, PSH or the like, or not TCP"),
        ("tcp-flags", "7", {}, "SYN, FIN, RST"),
        ("protocol", "58", {}, "IPv6-ICMP"),
        ("protocol", "253", {}, "protocol 253, which has no name"),
        ("dstport", "53", {"protocol": "17"}, "domain, by IANA"),
        ("dstport", "5601", {"protocol": "6"}, "kibana, by common use"),
        ("dstport", "443", {}, "port 443"),
        ("packets", "1", {}, "1 packet"),
        ("account-id", "unknown", {}, "an ENI that AWS made, as for an endpoint"),
        ("account-id", "000123456789", {}, "000123456789"),
        ("flow-direction", "egress", {}, "out of the recording ENI"),
        ("reject-reason", "BPA", {}, "refused by VPC Block Public Access"),
        ("action", "REJECT", {"reject_reason": "EC"}, "refused; reject-reason says by what"),
        ("action", "DROP", {}, "DROP"),
        ("encryption-status", "1", {}, "encrypted by Nitro hardware"),
        ("instance-tag", "web%20server%20%C3%A9", {}, "web server é"),
        ("log-status", "LATE", {}, "LATE: a status flowlab does not know, read as a record"),
        ("start", "1418530010123", {}, "2014-12-14 04:06:50 UTC, written in milliseconds"),
    ],
)
def test_words(field, token, others, words):
    assert word(field, token, **others) == words


def test_an_epoch_in_milliseconds_is_the_same_moment():
    assert word("start", "1418530010") == "2014-12-14 04:06:50 UTC"
    assert said("1418530010123", "start", "value")["start"] == utc("2014-12-14 04:06:50")


def test_a_date_where_a_query_service_has_written_one():
    assert said("2 2014-12-14T04:06:50Z", "version end")["end"] == "2014-12-14 04:06:50 UTC"


def test_a_field_that_flowlab_does_not_know_is_text():
    row = anatomy("from-the-future", log_format="colour-of-packet").iloc[0]
    assert row["field"] == "colour-of-packet"
    assert row["value"] == row["in_words"] == "from-the-future"
    assert pd.isna(row["version"])
    assert row["meaning"] == "not known to flowlab: kept as text"


def test_meaning_unit_and_version_are_those_of_the_schema():
    table = anatomy("10.0.1.5 3 8", log_format="pkt-srcaddr tcp-flags traffic-path")
    fields = fl.fields().set_index("field").loc[table["field"]]
    for column in ("meaning", "unit", "version"):
        assert table[column].tolist() == fields[column].tolist()


def test_types_do_not_depend_on_the_line():
    lines = [SSH_ACCEPTED, NODATA, HEADER]
    kinds = [anatomy(line.decode()).dtypes.astype(str).to_dict() for line in lines]
    assert kinds[0] == kinds[1] == kinds[2]
    assert kinds[0]["value"] == "object"
    assert (kinds[0]["position"], kinds[0]["version"]) == ("int64", "Int64")


# ---------------------------------------------------------------- as reading does


def test_values_are_those_of_read_flows():
    with gzip.open(practice.SAMPLE, "rt") as file:
        header, *lines = (line for line, _ in zip(file, range(4000), strict=False))
    flows, _ = read("".join([header, *lines]).encode())
    records = [line for line in lines if "DATA" not in line]
    for number in range(0, len(records), 79):
        row = flows.iloc[number]
        found = anatomy(records[number], log_format=header)["value"].tolist()
        assert found == [None if pd.isna(value) else value for value in row]


def broken(old, new):
    return GOOD.decode().replace(old, new, 1)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (broken(" 12 ", " twelve "), "packets"),
        (broken("198.51.100.7", "198.51.100.777"), "srcaddr"),
        (broken(" 443 ", " 99443 "), "dstport"),
        (broken(" 443 ", " -1 "), "dstport"),
        (broken(" 1788222600 ", " 1788222699 "), "start"),
        (broken(" 3120 ", " 0x1F "), "bytes"),
    ],
)
def test_a_refused_line_has_the_reason_of_read_flows(line, field):
    _, ledger = read(text(GOOD, line.encode()), log_format=DEFAULT)
    [(_, reason)] = reasons(ledger)
    table = anatomy(line, log_format=DEFAULT).set_index("field")
    refused = table[table["in_words"].str.startswith("refused: ")]
    assert refused["in_words"].to_dict() == {field: f"refused: {reason}"}
    assert table["text"].tolist() == line.split()
    assert table.loc["action", "value"] == "ACCEPT"


def test_every_wrong_field_has_its_own_reason():
    words = said(broken(" 12 ", " twelve ").replace(" 443 ", " 99443 "), DEFAULT)
    assert words["packets"] == "refused: packets is not a whole number: 'twelve'"
    assert words["dstport"] == "refused: dstport 99443 is not between 0 and 65535"


@pytest.mark.parametrize("line", [GOOD[:-3], GOOD + b" OK", b"\xed\xa0\x80"], ids=[13, 15, 1])
def test_tokens_that_cannot_be_named(line):
    _, ledger = read(text(GOOD, line), log_format=DEFAULT)
    [(_, reason)] = reasons(ledger)
    with pytest.raises(LineFormatError) as caught:
        anatomy(line.decode("utf-8", "surrogatepass"), log_format=DEFAULT)
    assert caught.value.what.startswith(f"this line is no record: {reason}. It begins: ")


def test_a_lone_surrogate_is_no_text():
    with pytest.raises(LineFormatError, match="not valid UTF-8"):
        anatomy("\ud800", log_format="region")


@pytest.mark.parametrize(
    "line",
    [
        "these are fourteen words that look like nothing that AWS has ever written anywhere",
        broken(" 12 ", " twelve "),
        broken("ACCEPT", "ALLOW"),
        "3 eni-1 10.0.1.5 10.0.0.220",
    ],
)
def test_a_format_is_never_guessed(line):
    with pytest.raises(LineFormatError) as of_reading:
        fl.read_flows(io.BytesIO(line.encode()), progress=False)
    with pytest.raises(LineFormatError, match=r"the format of these lines is not known") as caught:
        anatomy(line)
    same = [error.value.what.partition(": ")[2] for error in (of_reading, caught)]
    assert same[0] == same[1]
    assert caught.value.fix.startswith("pass log_format=")


@pytest.mark.parametrize(
    "written",
    ["{}\n", "{}\r\n", "\ufeff{}", "  {}", "# a comment\n{}\n\n", "2014-12-14T04:08:00.000Z {}"],
)
def test_what_stands_around_a_line_does_not_count(written):
    line = SSH_ACCEPTED.decode()
    pd.testing.assert_frame_equal(anatomy(written.format(line)), anatomy(line))
    pd.testing.assert_frame_equal(anatomy(written.format(DEFAULT)), anatomy(DEFAULT))


def test_a_header_line_names_its_fields_whatever_log_format_says():
    for log_format in (None, "srcaddr dstaddr"):
        table = anatomy(DEFAULT, log_format=log_format)
        assert table["field"].tolist() == table["text"].tolist() == V2_FIELDS
        assert table["value"].isna().all()
        assert set(table["in_words"]) == {"a header line: it names the field that stands here"}


def test_a_transit_gateway_line_is_not_taken_for_a_vpc_line():
    line = (
        "6 TransitGateway 123456789010 tgw-0a tgw-attach-0b 123456789010 123456789010 vpc-0a vpc-0b"
        " subnet-0a subnet-0b eni-0a eni-0b use1-az1 use1-az2 tgw-attach-0c 10.20.33.164"
        " 10.40.2.236 39812 80 6 3 180 1718000000 1718000060 OK IPv4 0 0 0 0 3 us-east-1 ingress"
        " - -"
    )
    words = said(line)
    assert (words["dstport"], words["tcp-flags"]) == ("http, by IANA", "SYN, FIN")
    assert words["packets-lost-no-route"] == "0 packets"


# ---------------------------------------------------------------- what is no line


@pytest.mark.parametrize("line", ["", " \n\t", "# only a comment", "\ufeff"])
def test_no_line(line):
    for log_format in (None, DEFAULT):
        with pytest.raises(LineFormatError, match="there is no line here"):
            anatomy(line, log_format=log_format)


def test_several_lines():
    with pytest.raises(LineFormatError, match="these are 2 lines") as caught:
        anatomy(text(HEADER, SSH_ACCEPTED).decode())
    assert "pass that as log_format=" in caught.value.fix
    with pytest.raises(LineFormatError, match="these are 3 lines"):
        anatomy(text(SSH_ACCEPTED, NODATA, PING).decode())


def test_json_is_named_and_the_line_inside_it_shown():
    event = {"logStreamName": "eni-1-all", "timestamp": 1, "message": SSH_ACCEPTED.decode()}
    with pytest.raises(LineFormatError, match="this is JSON around 1 line") as caught:
        anatomy(json.dumps({"events": [event]}))
    assert SSH_ACCEPTED.decode() in caught.value.fix
    assert "CloudWatch Logs" in caught.value.why
    for other in ('{"colour": "red"}', "[1]", '{"mess'):
        with pytest.raises(LineFormatError, match="JSON that holds no log event"):
            anatomy(other)


def test_no_text():
    flows, _ = read(text(SSH_ACCEPTED))
    with pytest.raises(FlowlabError, match="one raw line as text, not DataFrame"):
        anatomy(flows)
    with pytest.raises(LineFormatError, match="log_format cannot be used"):
        anatomy("1", log_format="${version")


# ---------------------------------------------------------------- hostile text


def test_hostile_text_stays_data():
    tokens = ["<script>alert(1)</script>", "\u202e\u200b\x07", "a\u00a0b\u2028c", "%0A%3Cb%3E"]
    table = anatomy(" ".join(tokens), log_format="region az-id vpc-id asg-tag")
    assert table["text"].tolist() == table["value"].tolist() == tokens
    # Marks that would act are made visible where flowlab speaks.
    assert table["in_words"].tolist() == [
        tokens[0],
        r"\u202e\u200b\u0007",
        "a\u00a0b\\u2028c",
        r"\u000a<b>",
    ]


def test_a_line_of_100_kb():
    long = "x" * 100_000
    table = anatomy(f"{long} 12", log_format="region packets")
    assert table["value"].tolist() == [long, 12]
    assert len(table["in_words"][0]) == 300
    assert len(anatomy(long, log_format="packets")["in_words"][0]) == 300
    for line in (long, "12 " * 40_000):
        with pytest.raises(LineFormatError) as caught:
            anatomy(line)
        assert len(str(caught.value)) < 1000


def test_a_header_line_too_long_to_be_one():
    names = " ".join([*V2_FIELDS, *(f"field-{n}{'x' * 1600}" for n in range(12))])
    assert anatomy(names)["field"].head(14).tolist() == V2_FIELDS
    assert anatomy(names, log_format="region").loc[0, "value"] is None


@settings(deadline=None, max_examples=200)
@given(
    line=st.text(max_size=60), log_format=st.sampled_from([None, "region", "start packets asg-tag"])
)
def test_any_text_is_taken_apart_or_refused_in_words(line, log_format):
    try:
        table = anatomy(line, log_format=log_format)
    except FlowlabError as error:
        assert error.what
    else:
        shown = line.removeprefix("\ufeff").encode()
        assert " ".join(table["text"]).encode() in b" ".join(shown.split())
        assert table["in_words"].str.len().gt(0).all()
