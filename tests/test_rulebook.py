"""The rules by name and those of one's own: what they match, and what they refuse."""

from __future__ import annotations

import ipaddress
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from lines import HEADER, read, text

import flowlab as fl
from flowlab.choosing import KNOWN, chosen, rule, rules
from flowlab.conditions import from_plain, missing, to_plain
from flowlab.detecting import dns_servers, infer_subnets
from flowlab.enriching.blocks import BLOCKS
from flowlab.enriching.blocks import PRIVATE as KIND_PRIVATE
from flowlab.errors import FlowlabError, UnknownNameError
from flowlab.exclusions import excluded_by, only
from flowlab.rulebook import NAMED, NOT_INTERNET, PRIVATE, reserved_addresses

_LINE = "2 000123456789 eni-0a1b2c3d4e5f60718 {} {} {} {} {} 1 100 1788222600 1788222631 {} OK"


def flows(*records):
    """Records of (srcaddr, srcport, dstaddr, dstport, protocol[, action])."""
    lines = []
    for src, sport, dst, dport, protocol, *action in records:
        cells = (src, dst, sport, dport, protocol, action[0] if action else "ACCEPT")
        lines.append(_LINE.format(*cells).encode())
    return read(text(HEADER, *lines))[0]


def taken(of, own):
    """Places of the records a rule takes."""
    numbered = of.assign(place=np.arange(len(of)))
    return only(numbered, own)["place"].tolist()


# One record of each kind, worked out from the protocols; each rule must take exactly these.
_KINDS = {
    "query over UDP": ("10.0.1.5", 40000, "10.0.2.53", 53, 17),
    "answer": ("10.0.2.53", 53, "10.0.1.5", 40000, 17),
    "query over TCP": ("10.0.1.5", 40000, "198.51.100.53", 53, 6),
    "public resolver": ("10.0.1.5", 40000, "8.8.8.8", 53, 17),
    "public resolver, IPv6": ("2001:4860:4860::8888", 53, "2001:db8::5", 40000, 17),
    "DNS over TLS": ("10.0.1.5", 40000, "1.1.1.1", 853, 6),
    "multicast DNS": ("10.0.1.5", 5353, "224.0.0.251", 5353, 17),
    "multicast DNS, IPv6": ("fe80::5", 5353, "ff02::fb", 5353, 17),
    "an ephemeral port 5353": ("10.0.1.5", 5353, "198.51.100.7", 443, 17),
    "DHCP": ("10.0.1.5", 68, "10.0.1.1", 67, 17),
    "DHCPv6": ("fe80::5", 546, "ff02::1:2", 547, 17),
    "port 68 alone": ("10.0.1.5", 68, "10.0.1.9", 443, 17),
    "instance metadata": ("10.0.1.5", 40000, "169.254.169.254", 80, 6),
    "instance metadata, IPv6": ("2001:db8::5", 40000, "fd00:ec2::254", 80, 6),
    "task metadata": ("169.254.170.2", 80, "10.0.1.5", 40000, 6),
    "pod identity": ("10.0.1.5", 40000, "fd00:ec2::23", 80, 6),
    "Time Sync": ("10.0.1.5", 123, "169.254.169.123", 123, 17),
    "Time Sync, IPv6": ("2001:db8::5", 123, "fd00:ec2::123", 123, 17),
    "public NTP": ("10.0.1.5", 50123, "198.51.100.120", 123, 17),
    "own KMS": ("10.0.1.5", 50000, "10.0.2.88", 1688, 6),
    "Amazon's KMS": ("10.0.1.5", 50000, "169.254.169.250", 1688, 6),
    "broadcast": ("10.0.1.5", 50000, "255.255.255.255", 9999, 17),
    "ping": ("203.0.113.9", 0, "10.0.1.5", 0, 1),
    "neighbour": ("fe80::1", 0, "ff02::1", 0, 58),
    "scan": ("203.0.113.9", 50000, "10.0.1.5", 23, 6, "REJECT"),
    "refused inside": ("10.0.1.6", 50000, "10.0.1.5", 5432, 6, "REJECT"),
    "refused going out": ("10.0.1.5", 50000, "203.0.113.9", 25, 6, "REJECT"),
    "web": ("203.0.113.9", 50000, "10.0.1.5", 443, 6),
}
_TAKES = {
    "dns": ["query over UDP", "answer", "query over TCP", "public resolver", "public resolver, IPv6",
            "DNS over TLS", "multicast DNS", "multicast DNS, IPv6"],
    "dns-private": ["query over UDP", "answer"],
    "dns-public": ["public resolver", "public resolver, IPv6", "DNS over TLS"],
    "mdns": ["multicast DNS", "multicast DNS, IPv6"],
    "dns-over-tls": ["DNS over TLS"],
    "dhcp": ["DHCP", "DHCPv6"],
    "metadata": ["instance metadata", "instance metadata, IPv6", "task metadata", "pod identity"],
    "time-sync": ["Time Sync", "Time Sync, IPv6"],
    "ntp": ["Time Sync", "Time Sync, IPv6", "public NTP"],
    "windows-activation": ["own KMS", "Amazon's KMS"],
    "link-local": ["multicast DNS, IPv6", "DHCPv6", "instance metadata", "task metadata", "Time Sync",
                   "Amazon's KMS", "neighbour"],
    "multicast": ["multicast DNS", "multicast DNS, IPv6", "DHCPv6", "neighbour"],
    "broadcast": ["broadcast"],
    "icmp": ["ping", "neighbour"],
    "scan-noise": ["scan"],
}  # fmt: skip


@pytest.mark.parametrize("name", _TAKES)
def test_each_named_rule_takes_its_traffic_and_no_other(name):
    everything = flows(*_KINDS.values())
    kinds = list(_KINDS)
    assert [kinds[at] for at in taken(everything, name)] == _TAKES[name]


def test_the_services_of_aws_are_told_by_its_own_field():
    records = flows(*[("10.0.1.5", 1, "203.0.113.9", 443, 6)] * 4)
    records = records.assign(
        pkt_src_aws_service=[None, None, "ROUTE53_HEALTHCHECKS", None],
        pkt_dst_aws_service=["AMAZON", "S3", None, None],
    )
    assert taken(records, "aws-control-plane") == [0]
    assert taken(records, "health-checks") == [2]
    assert taken(records, rule("flow-log-delivery", readers=["10.0.1.5"])) == [0, 1]
    assert taken(records, rule("flow-log-delivery", readers="10.0.1.6")) == []


def test_health_checks_of_a_load_balancer_are_small():
    lb, target = "10.0.1.200", "10.0.2.20"
    records = flows((lb, 5000, target, 80, 6), (lb, 5001, target, 80, 6), (target, 80, lb, 5000, 6))
    records["bytes"] = pd.array([400, 90_000, 2000], dtype="int64[pyarrow]")
    assert taken(records, rule("health-checks", load_balancers=[lb])) == [0, 2]
    assert taken(records, rule("health-checks", load_balancers=[lb], most_bytes=500)) == [0]


RANGES = {
    "createDate": "2026-11-01-00-33-12",
    "prefixes": [
        {"ip_prefix": "203.0.113.0/26", "service": "AMAZON"},
        {"ip_prefix": "203.0.113.0/26", "service": "ROUTE53_HEALTHCHECKS"},
        {"ip_prefix": "203.0.113.64/26", "service": "AMAZON"},
    ],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8:7::/56", "service": "ROUTE53_HEALTHCHECKS"}],
}


def test_health_checks_of_route_53_are_told_by_its_ranges(tmp_path):
    web = "10.0.1.5"
    records = flows(
        ("203.0.113.63", 1, web, 80, 6), (web, 80, "203.0.113.63", 1, 6),
        ("203.0.113.64", 1, web, 80, 6), ("2001:db8:7:ff::9", 1, "2001:db8::5", 80, 6),
        ("2001:db8:7:100::9", 1, "2001:db8::5", 80, 6), ("10.0.1.200", 1, web, 80, 6),
    )  # fmt: skip
    by_range = rule("health-checks", ip_ranges=RANGES)
    assert taken(records, by_range) == [0, 1, 3]
    assert "2026-11-01" in by_range.source and by_range.name == "health-checks"
    path = tmp_path / "ip-ranges.json"
    path.write_text(json.dumps(RANGES), "utf-8")
    both = rule("health-checks", ip_ranges=path, load_balancers="10.0.1.200", why="asked for")
    assert taken(records, both) == [0, 1, 3, 5]
    assert (both.name, both.why) == ("health-checks", "asked for")
    # AWS's own fields count where they are, and the address in the packet behind a NAT gateway.
    told = records.assign(
        pkt_srcaddr=[None] * 5 + ["203.0.113.1"], pkt_dstaddr=None,
        pkt_src_aws_service=None, pkt_dst_aws_service=[None] * 4 + ["ROUTE53_HEALTHCHECKS", None],
    )  # fmt: skip
    assert taken(told, by_range) == [0, 1, 3, 4, 5]
    services, packets = (
        ["pkt_src_aws_service", "pkt_dst_aws_service"],
        ["pkt_srcaddr", "pkt_dstaddr"],
    )
    assert taken(told.drop(columns=packets), by_range) == [0, 1, 3, 4]
    assert taken(told.drop(columns=services), by_range) == [0, 1, 3, 5]


def test_ranges_of_route_53_are_taken_as_the_file_has_them():
    more = RANGES | {
        "prefixes": [*RANGES["prefixes"], {"ip_prefix": "203.0.113.0/26", "service": "ELSEWHERE"}],
        "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::5/128", "service": "ROUTE53_HEALTHCHECKS"}],
    }
    matches = rule("health-checks", ip_ranges=more).matches
    assert "either packet address 2001:db8::5 or 203.0.113.0/26 (without" in matches
    assert rule("health-checks", ip_ranges=more, load_balancers=None).name == "health-checks"


def test_reserved_addresses_are_those_aws_keeps():
    # AWS's own example in "Subnet CIDR blocks".
    assert reserved_addresses("10.0.0.0/24") == [
        "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.255",
    ]  # fmt: skip
    six = reserved_addresses("2001:db8:1234:1::/64")
    assert six[1:] == ["2001:db8:1234:1::1", "2001:db8:1234:1::2", "2001:db8:1234:1::3",
                       "2001:db8:1234:1:ffff:ffff:ffff:ffff"]  # fmt: skip
    records = flows(*(("10.0.0.9", 1, f"10.0.0.{n}", 1, 6) for n in (0, 1, 2, 3, 4, 128, 254, 255)))
    own = rule("reserved", subnets=["10.0.0.0/24", "2001:db8:1234:1::/64"])
    assert taken(records, own) == [0, 1, 2, 3, 7]
    with pytest.raises(FlowlabError, match="smaller than a subnet can be"):
        rule("reserved", subnets="10.0.0.0/29")


def test_detected_servers_and_subnets_fit_the_practice_network():
    sample = fl.sample_flows()[0]
    from flowlab.practice import generate
    from flowlab.practice.environment import ENVIRONMENT

    facts = generate().answer_key["dns"]
    servers = dns_servers(sample)
    nat = ENVIRONMENT.interface("nat").address  # passes answers on
    assert set(servers["addr"]) == {facts["server"], facts["upstream"], nat}
    asked = servers.set_index("addr").loc[facts["server"]]
    assert (asked["askers"], asked["flow_records"]) == (len(facts["clients"]), facts["records"] / 2)
    assert asked["bytes"] == 2 * facts["bytes_answered"]

    suggested = infer_subnets(sample)
    real = {known.subnet_id: known for known in ENVIRONMENT.vpc.subnets}
    for subnet, cidr in zip(suggested["subnet_id"], suggested["cidr"], strict=True):
        block = ipaddress.ip_network(cidr)
        known = real[subnet].ipv6_cidr if block.version == 6 else real[subnet].cidr
        assert block.subnet_of(ipaddress.ip_network(known))
    assert suggested["cidr"].tolist()[:2] == ["10.0.1.0/24", "2001:db8:1234:1::/64"]
    # No own address is ever on a reserved place, so this takes none of them.
    own = rule("reserved", subnets=suggested["cidr"])
    assert excluded_by(sample, own)["flow_records"].tolist() == [0]


def test_a_subnet_is_widened_until_no_host_is_on_a_reserved_place():
    def suggested(*own):
        records = flows(*((address, 1, "10.9.9.9", 1, 6) for address in own))
        records = records.assign(subnet_id="subnet-0a", flow_direction="egress")
        return infer_subnets(records)["cidr"].tolist()

    assert suggested("10.0.0.5", "10.0.0.14") == ["10.0.0.0/28"]
    assert suggested("10.0.0.5", "10.0.0.15") == ["10.0.0.0/27"]  # .15 is the last of the /28
    assert suggested("10.0.0.17") == ["10.0.0.0/27"]  # .17 is the router of 10.0.0.16/28
    assert suggested("2001:db8::5", "2001:db8::6") == ["2001:db8::/64"]
    assert pd.isna(suggested("10.0.0.5", "10.1.0.5")).all()


# ------------------------------------------------------------------ rules of one's own
@pytest.mark.filterwarnings("ignore::flowlab.errors.FlowlabWarning")
def test_a_null_matches_nothing_so_not_takes_it():
    records = flows(("10.0.9.1", 1, "10.0.1.5", 873, 6), ("-", "-", "10.0.1.5", "-", 6))
    for own in (
        rule("a", srcaddr="10.0.0.0/8"),
        rule("a", port=[1, 873]),
        rule("a", srcport="0-9"),
    ):
        assert taken(records, own) == [0]
        assert taken(records, ~own) == [1]
        assert taken(records, own | ~own) == [0, 1]
        assert taken(records, own & ~own) == []


def test_values_lists_ranges_cidrs_and_null():
    records = flows(
        ("10.0.9.1", 1024, "10.0.1.5", 873, 6), ("10.0.8.1", 1023, "10.0.1.5", 873, 6),
        ("2001:db8:9::1", 65535, "2001:db8::5", 874, 17), ("-", 5, "10.0.1.5", 80, 6),
    )  # fmt: skip
    cases = [
        ({"dstport": 873}, [0, 1]),
        ({"dstport": [80, 874]}, [2, 3]),
        ({"dstport": (873, 874)}, [0, 1, 2]),
        ({"dstport": "873-874"}, [0, 1, 2]),
        ({"dstport": range(873, 874)}, [0, 1]),
        ({"dstport": np.int64(80)}, [3]),
        ({"dstport": pd.Series([80, 874])}, [2, 3]),
        ({"port": [1024, 80]}, [0, 3]),
        ({"srcaddr": "10.0.9.0/24"}, [0]),
        ({"srcaddr": ["10.0.8.0/23", "2001:db8:9::/48"]}, [0, 1, 2]),
        ({"srcaddr": ipaddress.ip_network("10.0.8.0/24")}, [1]),
        ({"srcaddr": None}, [3]),
        ({"srcaddr": [None, "10.0.9.1"]}, [0, 3]),
        ({"addr": "10.0.1.5"}, [0, 1, 3]),
        ({"protocol": "udp"}, [2]),
        ({"protocol": "TCP", "srcport": "1024-65535"}, [0]),
        ({"action": "accept", "account_id": "000123456789", "dstport": 80}, [3]),
    ]  # fmt: skip
    for conditions, expected in cases:
        assert taken(records, rule("own", **conditions)) == expected, conditions


def test_rules_combine():
    records = flows(*_KINDS.values())
    dns, udp = rule("dns"), rule("udp", protocol=17)
    everything = set(range(len(records)))
    a, b = set(taken(records, dns)), set(taken(records, udp))
    assert set(taken(records, dns & udp)) == a & b
    assert set(taken(records, dns | udp)) == a | b
    assert set(taken(records, ~(dns | udp))) == everything - (a | b)
    assert (dns & ~udp).name == "(dns and not udp)"
    with pytest.raises(FlowlabError, match="neither true nor false"):
        assert not dns


def test_words_say_what_is_tested():
    own = rule("own", port="1024-65535", addr=["10.0.9.0/24", "10.0.1.7"], instance_id=None)
    assert own.matches == (
        "either port 1024-65535 and either address 10.0.9.0/24 or 10.0.1.7 and instance_id (none)"
    )
    assert (~rule("a", protocol=17) | rule("b", dstport=[1, 2, 3])).matches == (
        "not (protocol UDP); or dstport 1, 2 or 3"
    )
    assert "or 12 more" in rule("many", dstport=list(range(1, 19))).matches
    assert repr(rule("icmp")) == "Rule icmp: protocol ICMP or ICMPv6"


# Columns of one's own: cells, what is asked for, and the places that hold it.
_OWN = [
    ([0, 1, 3, 5, 6, None], (1, 5), [1, 2, 3]),
    ([1, 2, 3], range(1, 3), [0, 1]),
    ([0.4, 1.0, 1.4, 5.4], [1, (1, 5)], [1, 2]),
    ([1.0, 2.5, 3.0], 2.5, [1]),
    (["2.50", "2.5", "2.05"], 2.5, [0, 1]),
    ([Decimal("1.50"), Decimal("1.51")], Decimal("1.5"), [0]),
    ([1e20, 1.0], 1e20, [0]),
    ([2**53, 2**53 + 1, 5], (0, 2**53), [0, 2]),
    ([0, 2**62], (1, 10**30), [1]),
    ([1, 2], np.array(2), [1]),
    ([1, 2, 3], 2.0, [1]),
    (["6.6", "7", "seven"], 7, [1]),
    ([0, 1, 3], True, []),
    ([True, False, None], True, [0]),
    ([True, False, None], [False, None], [1, 2]),
    (["yes", "true", "no"], "yes", [0]),
    ([2**60, 2**60 + 1, 2**60 + 2], 2**60 + 1, [1]),
    ([-5, -1, 0], (-5, -1), [0, 1]),
    (["1-5", "3"], "1-5", [0]),
]


@pytest.mark.parametrize(("cells", "asked", "places"), _OWN)
def test_a_column_of_ones_own_is_tested_by_its_values(tmp_path, cells, asked, places):
    records = flows(*[("10.0.1.5", 1, "10.0.1.6", 2, 6)] * len(cells)).assign(own=cells)
    own = rule("mine", own=asked)
    assert taken(records, own) == places
    assert fl.load_rules(fl.save_rules(own, tmp_path / "r.yaml")) == [own]
    assert from_plain(to_plain(own.condition)) == own.condition


def test_addresses_that_enrich_adds_are_addresses():
    records = fl.enrich(flows(("10.0.1.5", 40000, "10.0.2.53", 53, 17),
                              ("2001:db8::5", 40000, "2001:4860:4860::8888", 53, 17)))  # fmt: skip
    assert taken(records, rule("own", initiator="10.0.0.0/16")) == [0]
    assert taken(records, rule("own", initiator="2001:db8:0:0::5")) == [1]
    assert taken(records, rule("own", responder=["10.0.2.0/24", "2001:4860::/32"])) == [0, 1]
    with pytest.raises(FlowlabError, match='write "10.0.0.0/16"'):
        rule("own", initiator="10.0.0.1/16")


def test_values_are_read_as_aws_writes_them():
    for given, words in [
        ({"account_id": 12345678901}, "account_id 012345678901"),
        ({"dstport": pd.Series([443, None])}, "dstport 443 or (none)"),
        ({"instance_id": pd.NaT}, "instance_id (none)"),
        ({"action": "reject "}, "action REJECT"),
        ({"type": "ipv6"}, "type IPv6"),
        ({"aws_service": "s3"}, "either AWS service S3"),
        ({"account_id": (1, 12345678901)}, "account_id 000000000001 or 012345678901"),
        ({"own": np.datetime64("NaT")}, "own (none)"),
    ]:
        assert rule("own", **given).matches == words


def test_plain_data_is_the_condition():
    for name in NAMED:
        plain = to_plain(NAMED[name].condition)
        assert to_plain(from_plain(plain)) == plain
    assert from_plain({"all": [{"any": [{"dstport": 53}]}]}) == from_plain({"dstport": 53})


def test_the_table_of_rules_is_complete():
    table = rules()
    assert table["rule"].tolist() == KNOWN
    assert table["rule"].is_unique
    assert (table[["matches", "why", "source", "limits"]].map(len) > 5).all(axis=None)
    assert table.set_index("rule").loc["reserved", "takes"] == "subnets!"
    for name in NAMED:
        needs = ", ".join(missing(NAMED[name].condition, ()))
        assert table.set_index("rule").loc[name, "needs"] == needs


# ------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"srcaddr": "10.0.9.7/24"}, 'write "10.0.9.0/24"'),
        ({"dstport": "500-80"}, 'ends before it begins.*\n.*write dstport="80-500"'),
        ({"dstport": (500, 80)}, "ends before it begins"),
        ({"dstport": 70000}, "70000 is not between 0 and 65535"),
        ({"dstport": -1}, "neither a number nor a range"),
        ({"dstport": "https"}, "'https' is neither a number nor a range"),
        ({"dstport": True}, "neither a number nor a range"),
        ({"port": range(5, 5)}, "neither a number nor a range"),
        ({"protocol": 256}, "not between 0 and 255"),
        ({"protocol": "gre"}, r"write its IANA number, as in protocol=47"),
        ({"bytes": (0, -1)}, "not between 0 and"),
        ({"dstport": []}, "names no value"),
        ({"start": "2026-01-01"}, "not when"),
        ({}, "would match every record"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(conditions, says):
    with pytest.raises(FlowlabError, match=says):
        rule("own", **conditions)


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"all": []}, "all takes a list of conditions"),
        ({"any": {"dstport": 5}}, "any takes a list"),
        ({"any": 5}, "any takes a list"),
        ({"any": ["dns"]}, "dns is no condition"),
        ({"all": [{}]}, "{} is no condition"),
        ({"not": [{"dstport": 5}]}, "is no condition"),
        ({"first_possible": []}, "first_possible takes a list"),
        ({"dstport": b"443"}, "is bytes"),
        ({"size": {"from": 1}}, "is no range"),
        ({"size": (5, 1)}, r"write size=\(1, 5\)"),
        ({"size": range(1, 9, 2)}, r"size=\(1024, 65535\)"),
        ({"vpc_id": {"a": 1}}, "is no word"),
        ({"account_id": range(5)}, "is no word"),
        ({"day": pd.Timestamp("2026-11-01", tz="UTC")}, "is a time.*not when"),
        ({"day": np.datetime64("2026-11-01")}, "is a time"),
        ({"took": np.timedelta64(1, "s")}, "is a time"),
        ({"size": {"from": 5, "to": 1}}, "ends before it begins"),
        ({"action": "DENY"}, "use one of: ACCEPT, REJECT"),
        ({"why": 5, "dstport": 3}, "why=5 is no text"),
    ],
)
def test_what_is_no_condition_is_refused(conditions, says):
    with pytest.raises(FlowlabError, match=says):
        rule("own", **conditions)


def test_conditions_too_deep_are_refused_before_python_gives_up():
    nested = {"dstport": 1}
    for _ in range(2000):
        nested = {"not": nested}
    with pytest.raises(FlowlabError, match="more than 100 conditions"):
        rule("own", **nested)


def test_only_rules_can_be_joined():
    for join in (lambda own: own & "dns", lambda own: "dns" | own, lambda own: own | 3):
        with pytest.raises(FlowlabError, match="make one of it first: fl.rule"):
            join(rule("own", dstport=1))


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("reserved", {"subnets": None}, "reserved: subnets has a null in it"),
        ("reserved", {"subnets": pd.Series(["10.0.0.0/24", None])}, "has a null.*\n.*dropna"),
        ("dns", {"servers": []}, "dns: servers has nothing in it"),
        (
            "health-checks",
            {"load_balancers": "10.0.1.9", "most_bytes": "2000"},
            "no number of bytes",
        ),
        ("health-checks", {"load_balancers": "10.0.1.9", "most_bytes": -1}, "no number of bytes"),
        ("health-checks", {"ip_ranges": None}, "ip_ranges is None"),
        ("health-checks", {"load_balancers": "10.0.1.9", "most_bytes": True}, "no number of bytes"),
        ("health-checks", {"ip_ranges": json.dumps(RANGES) * 99}, "^.{0,260}cannot be read"),
        ("health-checks", {"ip_ranges": "none.json"}, "cannot be read"),
        (
            "health-checks",
            {"ip_ranges": RANGES | {"prefixes": [], "ipv6_prefixes": []}},
            "2026-11-01 have no ROUTE53_HEALTHCHECKS",
        ),
        ("health-checks", {"ip_ranges": RANGES, "most_bytes": 9}, "takes most_bytes only together"),
    ],
)
def test_what_a_rule_is_told_must_be_something(name, given, says):
    with pytest.raises(FlowlabError, match=says):
        rule(name, **given)


def test_a_network_is_one_and_not_its_addresses():
    block = ipaddress.ip_network("10.0.0.0/24")
    records = flows(("10.0.0.9", 1, "10.0.0.1", 1, 6), ("10.0.0.9", 1, "10.0.9.9", 1, 6))
    assert taken(records, rule("reserved", subnets=block)) == [0]
    found = fl.impossible_traffic(records, vpc_cidrs=ipaddress.ip_network("10.0.0.0/16"))
    assert found["flow_records"].sum() == 1
    known = fl.enrich(records, vpc_cidrs=block, columns=["scope"])
    assert known["scope"].tolist() == ["intra-vpc", "private"]


def test_names_of_flowlab_are_taken():
    with pytest.raises(
        FlowlabError, match="dns is one of flowlab's rules, and does not take dstport"
    ):
        rule("dns", dstport=53)
    with pytest.raises(FlowlabError, match="most_bytes only together with load_balancers"):
        rule("health-checks", most_bytes=10)
    with pytest.raises(FlowlabError, match="needs readers="):
        rule("flow-log-delivery")
    with pytest.raises(FlowlabError, match="'' is no name"):
        rule(" ".strip(), dstport=1)
    with pytest.raises(FlowlabError, match="did you mean scan-noise"):
        rule("scan-nois")
    for name, meant in (("timesync", "time-sync"), ("NTP", "ntp")):
        with pytest.raises(UnknownNameError, match=f"did you mean {meant}"):
            chosen([name], "exclude")
    assert rule("icmp", why="ours").why == "ours"


def test_what_enrich_calls_not_public_never_comes_from_the_internet():
    blocks = [ipaddress.ip_network(cidr) for _, cidr, _ in BLOCKS]
    nowhere = [ipaddress.ip_network(cidr) for cidr in NOT_INTERNET]
    private = [ipaddress.ip_network(cidr) for cidr in PRIVATE]
    for (kind, _, _), block in zip(BLOCKS, blocks, strict=True):
        among = [n for n in nowhere if n.version == block.version and block.subnet_of(n)]
        assert among, block
        assert kind != KIND_PRIVATE or any(n in private for n in among), block
