"""Scope and direction, against a second implementation with `ipaddress`, and AWS's examples."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import PING, PING_REPLY, SSH_ACCEPTED, read, text

from flowlab.enrichment import enrich
from flowlab.errors import FlowlabError

ENI = "eni-0a1b2c3d4e5f60718"


def _scopes(pairs, columns=None, **options):
    flows = pd.DataFrame(pairs, columns=columns or ["srcaddr", "dstaddr"], dtype="str")
    return enrich(flows, columns=["scope"], **options)["scope"].astype("str").tolist()


def _scope(source, destination, **options):
    there, back = _scopes([(source, destination), (destination, source)], **options)
    assert there == back
    return there


@pytest.mark.parametrize(
    ("one", "other", "scope"),
    [
        ("10.0.1.5", "10.0.1.200", "intra-subnet"),
        ("10.0.1.5", "10.0.2.5", "intra-vpc"),
        ("10.0.1.5", "10.9.0.1", "private"),
        ("10.0.1.5", "172.31.255.255", "private"),
        ("10.0.1.5", "172.32.0.0", "internet"),
        ("10.0.1.5", "100.64.0.1", "private"),
        ("10.0.1.5", "198.19.255.255", "private"),
        ("10.0.1.5", "198.51.100.7", "internet"),
        ("10.0.1.5", "169.254.169.254", "link-local"),
        ("10.0.1.5", "224.0.0.251", "multicast"),
        ("0.0.0.0", "255.255.255.255", "multicast"),
        ("10.0.1.5", "0.0.0.0", "unknown"),
        ("10.0.1.5", "127.0.0.1", "unknown"),
        ("10.0.1.5", "240.0.0.1", "unknown"),
        ("2001:db8:1::5", "2001:db8:1:ff::9", "intra-vpc"),
        ("2001:db8:1::5", "2001:db8:2::9", "internet"),
        ("2001:db8:1::5", "fd00:ec2::254", "link-local"),
        ("2001:db8:1::5", "fe80::1", "link-local"),
        ("2001:db8:1::5", "ff02::1", "multicast"),
        ("fd12::1", "fdff::1", "private"),
        ("::1", "fdff::1", "unknown"),
        ("10.0.1.5", "not an address", "unknown"),
        ("10.0.1.5", None, "unknown"),
    ],
)
def test_scope_of_a_pair(one, other, scope):
    given_ = {"vpc_cidrs": ["10.0.0.0/16", "2001:db8:1::/48"], "subnet_cidrs": ["10.0.1.0/24"]}
    assert _scope(one, other, **given_) == scope


def test_two_vpcs_are_peered():
    vpcs = {"vpc-a": "10.0.0.0/16", "vpc-b": ["10.1.0.0/16", "10.2.0.0/16"]}
    assert _scope("10.0.0.5", "10.2.0.5", vpc_cidrs=vpcs) == "peered"
    assert _scope("10.1.0.5", "10.2.0.5", vpc_cidrs=vpcs) == "intra-vpc"


# ---- a second implementation

_MULTICAST = ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")
_LINK_LOCAL = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15",
            "fc00::/7")  # fmt: skip
_RESERVED = ("0.0.0.0/8", "127.0.0.0/8", "240.0.0.0/4", "::/128", "::1/128")


def _in(address, blocks):
    return any(ip_address(address) in ip_network(block) for block in blocks)


def _plainly(one, other, vpcs, subnets):
    if one is None or other is None:
        return "unknown"
    ends = (one, other)
    if any(_in(end, _MULTICAST) for end in ends):
        return "multicast"
    if any(_in(end, _LINK_LOCAL) for end in ends):
        return "link-local"
    vpc = [next((n for n, blocks in vpcs.items() if _in(end, blocks)), None) for end in ends]
    subnet = [next((s for s in subnets if _in(end, [s])), None) for end in ends]
    if subnet[0] and subnet[0] == subnet[1] and (vpc[0] == vpc[1] or None in vpc):
        return "intra-subnet"
    if vpc[0] and vpc[0] == vpc[1]:
        return "intra-vpc"
    if all(vpc):
        return "peered"

    def public(end):
        return not _in(end, _PRIVATE) and not _in(end, _RESERVED)

    if any(public(end) and not home for end, home in zip(ends, vpc, strict=True)):
        return "internet"
    if all(_in(end, _PRIVATE) or home for end, home in zip(ends, vpc, strict=True)):
        return "private"
    return "unknown"


_address = st.one_of(
    st.none(),
    st.ip_addresses().map(str),
    st.sampled_from([*_MULTICAST, *_LINK_LOCAL, *_PRIVATE, *_RESERVED, "198.51.100.0/24",
                     "2001:db8::/32", "10.0.1.0/24", "10.0.2.0/24", "10.8.0.0/16"])
    .flatmap(lambda block: st.ip_addresses(network=block)).map(str),
)  # fmt: skip


@given(st.lists(st.tuples(_address, _address), min_size=1, max_size=30), st.booleans())
@settings(deadline=None, max_examples=200)
def test_a_plain_implementation_says_the_same(pairs, with_vpcs):
    vpcs = (
        {"vpc-a": ["10.0.0.0/16", "2001:db8::/33"], "vpc-b": ["10.8.0.0/16"]} if with_vpcs else {}
    )
    subnets = ["10.0.1.0/24", "10.0.2.0/25"]
    expected = [_plainly(*pair, vpcs, subnets) for pair in pairs]
    assert _scopes(pairs, vpc_cidrs=vpcs or None, subnet_cidrs=subnets) == expected


# ---- what records tell of places


def _five(*rows):
    names = ["interface_id", "srcaddr", "dstaddr", "flow_direction", "vpc_id", "subnet_id", "az_id"]
    return pd.DataFrame(rows, columns=names).astype("category")


A = ("vpc-a", "subnet-1", "use1-az1")
B = ("vpc-a", "subnet-2", "use1-az2")
C = ("vpc-b", "subnet-3", "use1-az1")


@pytest.mark.parametrize(
    ("here", "there", "scope"),
    [(A, A, "intra-subnet"), (A, B, "cross-az"), (A, C, "peered"),
     (A, ("vpc-a", "subnet-4", "use1-az1"), "intra-vpc")],
)  # fmt: skip
def test_records_of_both_enis_tell_where_they_are(here, there, scope):
    # IPv6 addresses are public, and yet stay within the VPC: only the records tell.
    flows = _five(
        ("eni-1", "2001:db8::1", "2001:db8::2", "egress", *here),
        ("eni-2", "2001:db8::1", "2001:db8::2", "ingress", *there),
    )
    assert enrich(flows)["scope"].tolist() == [scope] * 2
    # From one end alone nothing tells where the other is.
    assert enrich(flows.head(1))["scope"].tolist() == ["internet"]


def test_addresses_that_two_vpcs_use_tell_nothing():
    flows = _five(
        ("eni-1", "10.0.0.1", "10.0.0.2", "egress", *A),
        ("eni-2", "10.0.0.1", "10.0.0.2", "ingress", *A),
        ("eni-3", "10.0.0.1", "10.0.0.9", "egress", *C),
    )
    assert enrich(flows)["scope"].tolist() == ["private"] * 3


def test_given_cidrs_take_the_name_that_records_give_them():
    flows = _five(
        ("eni-1", "10.0.0.1", "10.0.9.9", "egress", *A),  # 10.0.9.9 is in no record of its own
        ("eni-1", "10.0.9.9", "10.0.0.1", "ingress", *A),
    )
    assert enrich(flows, vpc_cidrs="10.0.0.0/16")["scope"].tolist() == ["intra-vpc"] * 2


def test_transit_gateway_records_tell_both_vpcs():
    flows = pd.DataFrame(
        {"tgw_id": ["tgw-1"] * 2, "srcaddr": ["10.0.0.1", "10.1.0.1"],
         "dstaddr": ["10.1.0.1", "198.51.100.1"], "tgw_src_vpc_id": ["vpc-a", "vpc-b"],
         "tgw_dst_vpc_id": ["vpc-b", None], "flow_direction": ["ingress", "egress"]}
    )  # fmt: skip
    found = enrich(flows)
    assert found["scope"].tolist() == ["peered", "internet"]
    assert found["direction"].tolist() == ["ingress", "egress"]
    assert found["direction_basis"].tolist() == ["aws", "aws"]


@pytest.mark.parametrize(
    ("path", "scope"), [(4, "peered"), (5, "peered"), (7, "aws-service"), (8, "internet")]
)
def test_traffic_path_tells_of_both_directions(path, scope):
    far = "10.7.0.9" if path in (4, 5) else "198.51.100.9"
    flows = pd.DataFrame({"srcaddr": ["10.0.0.1", far], "dstaddr": [far, "10.0.0.1"],
                          "traffic_path": [path, None]})  # fmt: skip
    assert enrich(flows)["scope"].tolist() == [scope] * 2


def test_the_packets_ends_count_not_the_nat_gateways():
    lines = b"""\
eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5
eni-1235b8ca123456789 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5
"""
    flows, _ = read(lines, log_format="interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr")
    assert enrich(flows)["scope"].tolist() == ["internet"] * 2


# ---- direction


def _default(rows, eni=ENI):
    return pd.DataFrame(rows, columns=["srcaddr", "dstaddr"]).assign(interface_id=eni)


def test_the_address_in_all_records_of_an_eni_is_its_own():
    flows, _ = read(text(PING, PING_REPLY, SSH_ACCEPTED))  # one ENI of AWS's examples
    found = enrich(flows)
    # 172.31.16.139 is in all three, as AWS's text says of the first two.
    assert found["direction"].tolist() == ["ingress", "egress", "egress"]
    assert set(found["direction_basis"]) == {"eni-address (inferred)"}


def test_an_eni_with_one_peer_does_not_tell_which_end_is_its_own():
    found = enrich(_default([("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")]))
    assert found["direction"].tolist() == ["unknown"] * 2
    assert found["direction_basis"].tolist() == ["unknown"] * 2


@pytest.mark.parametrize(("strangers", "known"), [(5, True), (6, False)])
def test_nearly_all_is_95_in_100(strangers, known):
    rows = [("10.0.0.1", f"10.0.1.{n}") for n in range(100 - strangers)]
    rows += [(f"10.0.2.{n}", f"10.0.3.{n}") for n in range(strangers)]
    found = enrich(_default(rows))["direction"].tolist()
    assert found == ["egress" if known else "unknown"] * (100 - strangers) + ["unknown"] * strangers


def test_each_ip_version_has_an_address_of_its_own():
    rows = [("10.0.0.1", f"10.0.1.{n}") for n in range(3)]
    rows += [(f"2001:db8:1::{n}", "2001:db8::1") for n in range(3)]
    assert enrich(_default(rows))["direction"].tolist() == ["egress"] * 3 + ["ingress"] * 3


def test_a_regional_nat_gateway_has_no_address_of_its_own():
    flows = _default([("10.0.1.5", "203.0.113.5"), ("10.0.1.5", "203.0.113.6")], eni=None)
    found = enrich(flows.assign(interface_id=flows["interface_id"].astype("category")))
    assert found["direction"].tolist() == ["unknown"] * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vpc_cidrs": "10.0.0.1/16"}, "vpc_cidrs: '10.0.0.1/16' has bits set outside its prefix"),
        ({"vpc_cidrs": ["10.0.0.0/33"]}, "vpc_cidrs: '10.0.0.0/33' is not a CIDR"),
        ({"subnet_cidrs": ["x"]}, "subnet_cidrs: 'x' is not a CIDR"),
        ({"vpc_cidrs": 10}, "vpc_cidrs: '10' is not a CIDR"),
        ({"vpc_cidrs": {"a": "10.0.0.0/8", "b": "10.1.0.0/16"}}, "10.1.0.0/16 of 'b' overlaps"),
    ],
)
def test_cidrs_that_are_none(options, words):
    with pytest.raises(FlowlabError) as refused:
        _scopes([("10.0.0.1", "10.0.0.2")], **options)
    assert words in str(refused.value)
    if "host" in refused.value.why:
        assert refused.value.fix == "did you mean '10.0.0.0/16'?"
