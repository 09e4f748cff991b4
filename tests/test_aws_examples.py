"""AWS's published example records, with the values AWS's own text gives them."""

from __future__ import annotations

import pandas as pd
from lines import IPV6, NODATA, PING, PING_REPLY, RDP_REJECTED, SKIPDATA, SSH_ACCEPTED, read, text

TCP_FLAGS_FORMAT = (
    "${version} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${account-id} ${type} "
    "${srcaddr} ${dstaddr} ${srcport} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} ${bytes} "
    "${packets} ${start} ${end} ${action} ${tcp-flags} ${log-status}"
)
_IDS = (
    "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 "
    "eni-1235b8ca123456789 123456789010 IPv4"
)
# The last line has AWS's own double space in it.
TCP_FLAGS = f"""\
{_IDS} 52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 568 8 1566848875 1566848933 ACCEPT 2 OK
{_IDS} 10.0.0.62 52.213.180.42 5001 43416 10.0.0.62 52.213.180.42 6 376 7 1566848875 1566848933 ACCEPT 18 OK
{_IDS} 52.213.180.42 10.0.0.62 43418 5001 52.213.180.42 10.0.0.62 6 100701 70 1566848875 1566848933 ACCEPT 2 OK
{_IDS} 10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 632 12 1566848875 1566848933 ACCEPT 18 OK
{_IDS} 10.0.0.62 52.213.180.42 5001 43418 10.0.0.62 52.213.180.42 6 63388 1219 1566848933 1566849113 ACCEPT 1 OK
{_IDS} 52.213.180.42 10.0.0.62 43418 5001 52.213.180.42 10.0.0.62 6 23294588 15774 1566848933 1566849113 ACCEPT 1 OK
{_IDS} 52.213.180.42 10.0.0.62 43638 5001 52.213.180.42 10.0.0.62 6 1260 17 1566933133 1566933193 ACCEPT 3 OK
{_IDS} 10.0.0.62 52.213.180.42 5001 43638  10.0.0.62 52.213.180.42 6 967 14 1566933133 1566933193 ACCEPT 19 OK
""".encode()


def test_default_format_records():
    flows, ledger = read(text(SSH_ACCEPTED, RDP_REJECTED, PING, PING_REPLY, IPV6))
    ssh = flows.iloc[0]
    assert ssh["account_id"] == "123456789010"
    assert ssh["interface_id"] == "eni-1235b8ca123456789"
    assert (ssh["srcaddr"], ssh["dstaddr"]) == ("172.31.16.139", "172.31.16.21")
    assert (ssh["srcport"], ssh["dstport"], ssh["protocol"]) == (20641, 22, 6)
    assert (ssh["packets"], ssh["bytes"]) == (20, 4249)
    assert ssh["start"] == pd.Timestamp("2014-12-14 04:06:50", tz="UTC")
    assert ssh["end"] == pd.Timestamp("2014-12-14 04:07:50", tz="UTC")
    assert flows["action"].tolist() == ["ACCEPT", "REJECT", "ACCEPT", "REJECT", "ACCEPT"]
    assert flows["dstport"].tolist() == [22, 3389, 0, 0, 22]
    assert flows["protocol"].tolist() == [6, 6, 1, 1, 6]
    assert flows["srcaddr"].iloc[4] == "2001:db8:1234:a100:8d6e:3477:df66:f105"
    assert ledger.lines == ledger.records == 5


def test_nodata_and_skipdata_are_no_records():
    flows, ledger = read(text(NODATA, SKIPDATA, SSH_ACCEPTED))
    assert len(flows) == 1
    assert (ledger.nodata, ledger.skipdata) == (1, 1)
    silent = ledger.no_traffic
    assert silent["log_status"].tolist() == ["NODATA", "SKIPDATA"]
    assert silent["interface_id"].tolist() == ["eni-1235b8ca123456789", "eni-11111111aaaaaaaaa"]
    assert silent["start"].iloc[0] == pd.Timestamp("2015-05-10 18:01:16", tz="UTC")


def test_tcp_flag_sequence_in_a_custom_format():
    flows, ledger = read(TCP_FLAGS, log_format=TCP_FLAGS_FORMAT)
    assert flows["tcp_flags"].tolist() == [2, 18, 2, 18, 1, 1, 3, 19]
    # AWS's text: "starting at 7:47:55 PM and ending at 7:48:53 PM"
    assert str(flows["start"].iloc[0]) == "2019-08-26 19:47:55+00:00"
    assert str(flows["end"].iloc[0]) == "2019-08-26 19:48:53+00:00"
    assert flows["bytes"].tolist() == [568, 376, 100701, 632, 63388, 23294588, 1260, 967]
    assert (flows["srcaddr"] == flows["pkt_srcaddr"]).all()
    assert ledger.rejected == 0


def test_zonal_nat_gateway():
    lines = b"""\
- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5
- eni-1235b8ca123456789 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5
- eni-1235b8ca123456789 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220
- eni-1235b8ca123456789 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5
"""
    names = "instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr"
    flows, _ = read(lines, log_format=names)
    assert flows["instance_id"].isna().all()
    # "The values for the dstaddr and pkt-dstaddr fields are different" on the first line only,
    # those of srcaddr and pkt-srcaddr on the last.
    assert (flows["dstaddr"] != flows["pkt_dstaddr"]).tolist() == [True, False, False, False]
    assert (flows["srcaddr"] != flows["pkt_srcaddr"]).tolist() == [False, False, False, True]


def test_regional_nat_gateway_has_no_interface():
    lines = b"""\
nat-1234567890abcdef - - - 10.0.1.5 203.0.113.5 10.0.1.5 203.0.113.5
nat-1234567890abcdef - - - 107.22.182.139 203.0.113.5 107.22.182.139 203.0.113.5
"""
    names = "resource-id instance-id interface-id subnet-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr"
    flows, _ = read(lines, log_format=names)
    assert flows["interface_id"].isna().all()
    assert flows["resource_id"].tolist() == ["nat-1234567890abcdef"] * 2


def test_transit_gateway_vpc_side():
    line = (
        b"3 eni-33333333333333333 123456789010 vpc-abcdefab012345678 subnet-22222222bbbbbbbbb "
        b"i-01234567890123456 10.20.33.164 10.40.2.236 39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 "
        b"ACCEPT OK\n"
    )
    names = (
        "version interface-id account-id vpc-id subnet-id instance-id srcaddr dstaddr srcport dstport "
        "protocol tcp-flags type pkt-srcaddr pkt-dstaddr action log-status"
    )
    flows, _ = read(line, log_format=names)
    assert flows["tcp_flags"].tolist() == [3]
    assert flows["type"].tolist() == ["IPv4"]
    assert "start" not in flows
