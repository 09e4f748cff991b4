"""The generated records obey what is known of real ones."""

from ipaddress import ip_address, ip_network

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flowlab.practice import ENVIRONMENT, generate

MIDNIGHT = 1_772_409_600  # 2026-03-02T00:00:00Z, by `date -u -d 2026-03-02 +%s`
FIVE_TUPLE = ["srcaddr", "srcport", "dstaddr", "dstport", "protocol"]
IDENTITY = [
    "version",
    "account-id",
    "interface-id",
    "vpc-id",
    "subnet-id",
    "region",
    "az-id",
    "start",
    "end",
    "log-status",
]
INTERFACES = {i.interface_id: i for i in ENVIRONMENT.interfaces}
NAT = ENVIRONMENT.interface("nat")
VPC = ip_network("10.0.0.0/16"), ip_network("2001:db8:1234::/56")
DOCUMENTATION = [
    ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


@pytest.fixture(scope="module")
def table():
    return generate().table


@pytest.fixture(scope="module")
def everything(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype).assign(
        **{
            name: table[name].cast(pa.string()).to_pandas()
            for name in table.column_names
            if pa.types.is_dictionary(table.schema.field(name).type)
        }
    )


@pytest.fixture(scope="module")
def records(everything):
    return everything[everything["log-status"] == "OK"]


def inside(addresses):
    """Which addresses are the VPC's own, each distinct one looked up once."""
    known = {a: any(ip_address(a) in network for network in VPC) for a in addresses.unique()}
    return addresses.map(known).astype(bool)


def totals(records, by):
    return records.groupby(by)[["packets", "bytes"]].sum().sort_index()


# What a record may contain


def test_columns_are_the_29_fields_in_the_order_of_the_documentation(table):
    assert table.column_names == [
        "version",
        "account-id",
        "interface-id",
        "srcaddr",
        "dstaddr",
        "srcport",
        "dstport",
        "protocol",
        "packets",
        "bytes",
        "start",
        "end",
        "action",
        "log-status",
        "vpc-id",
        "subnet-id",
        "instance-id",
        "tcp-flags",
        "type",
        "pkt-srcaddr",
        "pkt-dstaddr",
        "region",
        "az-id",
        "sublocation-type",
        "sublocation-id",
        "pkt-src-aws-service",
        "pkt-dst-aws-service",
        "flow-direction",
        "traffic-path",
    ]


def test_number_columns_have_the_types_of_the_documentation(table):
    numbers = {f.name: str(f.type) for f in table.schema if pa.types.is_integer(f.type)}
    assert numbers == {
        "version": "int32",
        "srcport": "int32",
        "dstport": "int32",
        "protocol": "int32",
        "tcp-flags": "int32",
        "traffic-path": "int32",
        "packets": "int64",
        "bytes": "int64",
        "start": "int64",
        "end": "int64",
    }


def test_known_words_only(everything):
    assert set(everything["log-status"]) == {"OK", "NODATA", "SKIPDATA"}
    assert set(everything["action"].dropna()) == {"ACCEPT", "REJECT"}
    assert set(everything["flow-direction"].dropna()) == {"ingress", "egress"}
    assert set(everything["version"]) == {5}
    assert set(everything["account-id"]) == {"012345678901"}


def test_records_with_traffic_are_complete(records):
    may_be_null = [
        "instance-id",
        "traffic-path",
        "sublocation-type",
        "sublocation-id",
        "pkt-src-aws-service",
        "pkt-dst-aws-service",
    ]
    assert records.drop(columns=may_be_null).notna().all(axis=None)
    assert records[["sublocation-type", "sublocation-id"]].isna().all(axis=None)


def test_records_without_traffic_name_the_interface_and_nothing_of_a_packet(everything):
    silent = everything[everything["log-status"] != "OK"]
    assert len(silent) > 1000
    assert silent[IDENTITY].notna().all(axis=None)
    assert silent.drop(columns=IDENTITY).isna().all(axis=None)


def test_interface_columns_agree_with_the_environment(everything):
    seen = everything.groupby("interface-id")[["subnet-id", "az-id"]].agg(set)
    for interface_id, row in seen.iterrows():
        subnet = ENVIRONMENT.subnet(INTERFACES[interface_id])
        assert row["subnet-id"] == {subnet.subnet_id}
        assert row["az-id"] == {subnet.az_id}
    assert set(seen.index) == set(INTERFACES)


def test_instance_id_is_missing_for_managed_interfaces_only(records):
    expected = records["interface-id"].map({i: INTERFACES[i].instance_id for i in INTERFACES})
    assert records["instance-id"].fillna("-").equals(expected.fillna("-").astype("str"))


def test_times_lie_in_one_capture_window_of_the_day(everything):
    start, end = everything["start"], everything["end"]
    assert (start <= end).all()
    assert start.between(MIDNIGHT, MIDNIGHT + 86_399).all()
    assert end.between(MIDNIGHT, MIDNIGHT + 86_399).all()
    phase = everything["interface-id"].map({i: INTERFACES[i].window_phase for i in INTERFACES})
    assert ((start - phase) // 60 == (end - phase) // 60).all()


def test_packet_sizes_are_possible(records):
    assert (records["packets"] >= 1).all()
    size = records["bytes"] / records["packets"]
    assert (size >= np.where(records["type"] == "IPv6", 60, 40)).all()
    within = inside(records["pkt-srcaddr"]) & inside(records["pkt-dstaddr"])
    assert (size[~within] <= 1500).all()
    assert (size <= 8500).all()
    assert (size[within] > 1500).any()  # jumbo frames are used where they can be


def test_tcp_flags(records):
    flagged = records[records["tcp-flags"] != 0]
    assert set(flagged["protocol"]) == {6}
    # FIN 1, SYN 2, RST 4, SYN-ACK 18, and what they can be together in one window.
    assert set(records["tcp-flags"]) == {0, 1, 2, 3, 4, 6, 18, 19}


def test_ports_are_missing_from_icmp_and_from_nothing_else(records):
    icmp = records["protocol"].isin([1, 58])
    assert icmp.sum() > 100
    assert (records.loc[icmp, ["srcport", "dstport"]] == 0).all(axis=None)
    assert records.loc[~icmp, ["srcport", "dstport"]].isin(range(1, 65_536)).all(axis=None)


def test_own_address_is_source_on_egress_and_destination_on_ingress(records):
    own = records["interface-id"].map({i: INTERFACES[i].address for i in INTERFACES})
    own6 = records["interface-id"].map({i: INTERFACES[i].ipv6 for i in INTERFACES})
    own = own.where(records["type"] == "IPv4", own6)
    seen = records["srcaddr"].where(records["flow-direction"] == "egress", records["dstaddr"])
    assert (own == seen).all()


def test_type_is_that_of_the_addresses(records):
    for column in ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"):
        assert (records[column].str.contains(":") == (records["type"] == "IPv6")).all()
    assert (records["type"] == "IPv6").mean() > 0.01


def test_traffic_path(records):
    egress = records["flow-direction"] == "egress"
    accepted = records["action"] == "ACCEPT"
    path = records["traffic-path"].astype("Int64")
    assert (path.notna() == (egress & accepted)).all()
    left = records[egress & accepted]
    path = path[egress & accepted]
    private = left["srcaddr"].str.match(r"10\.0\.[23]\.")
    to_vpc = inside(left["dstaddr"])
    to_s3 = left["pkt-dst-aws-service"].fillna("") == "S3"
    expected = pd.Series(8, index=left.index)
    expected[to_vpc | private] = 1  # a private subnet reaches the internet by the NAT gateway
    expected[private & to_s3] = 7
    assert (path == expected).all()
    assert set(path) == {1, 7, 8}


def test_aws_services_are_those_of_the_address(records):
    service = {a: p.aws_service for p in ENVIRONMENT.peers for a in p.addresses if p.aws_service}
    for end in ("src", "dst"):
        expected = records[f"pkt-{end}addr"].map(service)
        assert (
            records[f"pkt-{end}-aws-service"].fillna("-").equals(expected.fillna("-").astype("str"))
        )
    assert set(service.values()) == {"S3", "CLOUDFRONT", "EC2", "AMAZON"}


# What it must never contain


def test_public_addresses_are_documentation_addresses(records):
    addresses = set(
        pd.unique(records[["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"]].to_numpy().ravel())
    )
    known = {a for i in ENVIRONMENT.interfaces for a in (i.address, i.ipv6)}
    strangers = addresses - known
    assert len(strangers) > 300
    for address in strangers:
        assert any(ip_address(address) in network for network in DOCUMENTATION), address
        assert not any(ip_address(address) in network for network in VPC), address


def test_nothing_that_aws_does_not_log(records):
    never = {
        "169.254.169.253",
        "169.254.169.254",
        "169.254.169.123",
        "169.254.169.250",
        "169.254.169.251",
        "10.0.0.2",
        "10.0.0.1",
        "10.0.1.1",
        "10.0.2.1",
        "10.0.3.1",
        "fd00:ec2::253",
        "fd00:ec2::254",
        "fd00:ec2::123",
        "fd00:ec2::250",
        "0.0.0.0",
        "255.255.255.255",
    }
    for column in ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"):
        assert not records[column].isin(never).any()
        assert not records[column].str.match(r"169\.254\.|fe80:|fd00:").any()
    udp = records[records["protocol"] == 17]
    assert not udp[["srcport", "dstport"]].isin([67, 68, 546, 547]).any(axis=None)


def test_one_record_per_flow_window_and_direction(everything):
    phase = everything["interface-id"].map({i: INTERFACES[i].window_phase for i in INTERFACES})
    key = everything.assign(window=(everything["start"] - phase) // 60)[
        [
            *FIVE_TUPLE,
            "pkt-srcaddr",
            "pkt-dstaddr",
            "interface-id",
            "flow-direction",
            "action",
            "log-status",
            "window",
        ]
    ]
    assert not key.duplicated().any()


# How records belong together


def test_both_ends_of_internal_traffic_see_the_same(records):
    within = records[
        inside(records["srcaddr"])
        & inside(records["dstaddr"])
        & (records["interface-id"] != NAT.interface_id)
        & (records["srcaddr"] == records["pkt-srcaddr"])
        & (records["dstaddr"] == records["pkt-dstaddr"])
    ]
    sent = totals(within[within["flow-direction"] == "egress"], FIVE_TUPLE)
    received = totals(within[within["flow-direction"] == "ingress"], FIVE_TUPLE)
    assert len(sent) > 5000
    pd.testing.assert_frame_equal(sent, received)


def test_packet_addresses_differ_only_at_the_nat_gateway(records):
    differs = (records["srcaddr"] != records["pkt-srcaddr"]) | (
        records["dstaddr"] != records["pkt-dstaddr"]
    )
    assert set(records.loc[differs, "interface-id"]) == {NAT.interface_id}
    assert differs.sum() > 1000


def test_nat_gateway_passes_on_what_it_gets(records):
    at_nat = records[records["interface-id"] == NAT.interface_id]
    ingress = at_nat["flow-direction"] == "ingress"
    own, own_packet = at_nat["dstaddr"] == NAT.address, at_nat["pkt-dstaddr"] == NAT.address
    from_private = at_nat[ingress & own & ~own_packet]
    to_internet = at_nat[~ingress & (at_nat["pkt-srcaddr"] == NAT.address)]
    from_internet = at_nat[ingress & own_packet]
    to_private = at_nat[~ingress & (at_nat["pkt-srcaddr"] != NAT.address)]
    parts = (from_private, to_internet, from_internet, to_private)
    # Time synchronisation of the NAT gateway's own does not exist: the four legs are everything.
    assert sum(map(len, parts)) == len(at_nat)
    assert to_internet["srcport"].isin(range(1024, 65_536)).all()
    for before, after in ((from_private, to_internet), (from_internet, to_private)):
        host = ["pkt-dstaddr", "dstport"] if before is from_private else ["pkt-srcaddr", "srcport"]
        pd.testing.assert_frame_equal(totals(before, host), totals(after, host))

    # And the instances saw the same.
    hosts = records[records["interface-id"] != NAT.interface_id]
    sent = hosts[
        hosts["dstaddr"].isin(set(from_private["pkt-dstaddr"]))
        & hosts["srcaddr"].isin(set(from_private["srcaddr"]))
    ]
    by = ["srcaddr", "srcport", "pkt-dstaddr", "dstport"]
    pd.testing.assert_frame_equal(totals(sent, by), totals(from_private, by))
    got = hosts[
        hosts["srcaddr"].isin(set(to_private["pkt-srcaddr"]))
        & hosts["dstaddr"].isin(set(to_private["dstaddr"]))
    ]
    by = ["pkt-srcaddr", "srcport", "dstaddr", "dstport"]
    pd.testing.assert_frame_equal(totals(got, by), totals(to_private, by))


def test_flags_of_a_connection_begin_with_syn_and_end_with_fin(records):
    rows = records[
        (records["dstport"] == 3306)
        & (records["flow-direction"] == "egress")
        & (records["srcport"] != 47_114)
    ]
    flags = rows.sort_values("start").groupby(FIVE_TUPLE)["tcp-flags"].agg(list)
    assert len(flags) > 200
    assert max(map(len, flags)) > 10
    for seen in flags:
        assert seen in ([3], [2, *[0] * (len(seen) - 2), 1])
    rows = records[
        (records["srcport"] == 3306)
        & (records["flow-direction"] == "ingress")
        & (records["dstport"] != 47_114)
    ]
    for seen in rows.sort_values("start").groupby(FIVE_TUPLE)["tcp-flags"].agg(list):
        assert seen in ([19], [18, *[0] * (len(seen) - 2), 1])


def test_a_connection_older_than_the_day_shows_no_flags(records):
    old = records[(records["srcport"] == 47_114) | (records["dstport"] == 47_114)]
    old = old[
        old["srcaddr"].isin(["10.0.3.20", "10.0.2.40"])
        & old["dstaddr"].isin(["10.0.3.20", "10.0.2.40"])
    ]
    assert len(old) == 4 * 289
    assert set(old["tcp-flags"]) == {0}


def test_calls_without_an_answer(records):
    retired = "198.51.100.81"
    asked = records[records["pkt-dstaddr"] == retired]
    assert len(asked) > 50
    assert set(asked["tcp-flags"]) == {2}
    assert not (records["pkt-srcaddr"] == retired).any()


def test_calls_refused_by_the_host(records):
    asked = records[records["dstport"] == 8081]
    asked = asked[asked["srcaddr"].isin(["10.0.1.10", "10.0.1.11"])]
    refused = records[(records["srcport"] == 8081) & (records["srcaddr"] == "10.0.2.20")]
    assert len(asked) == len(refused) > 50
    assert (set(asked["tcp-flags"]), set(refused["tcp-flags"])) == ({2}, {4})
    assert set(asked["action"]) | set(refused["action"]) == {"ACCEPT"}


def test_late_packets_follow_an_accepted_connection(records):
    late = records[(records["action"] == "REJECT") & records["tcp-flags"].isin([1, 4])]
    assert len(late) > 200
    assert set(late["tcp-flags"]) == {1, 4}
    assert (late["flow-direction"] == "ingress").all()
    accepted = records[records["action"] == "ACCEPT"]
    closed = accepted.groupby(["interface-id", *FIVE_TUPLE])["end"].max().rename("closed")
    joined = late.join(closed, on=["interface-id", *FIVE_TUPLE])
    assert (joined["closed"] < joined["start"]).all()


def test_scanners_send_little_and_get_nothing(records):
    rejected = records[
        (records["action"] == "REJECT")
        & (records["flow-direction"] == "ingress")
        & ~inside(records["srcaddr"])
        & ~records["tcp-flags"].isin([1, 4])
    ]
    assert (rejected["packets"] == 1).all()
    assert rejected["bytes"].between(40, 60).all()
    answers = records[records["flow-direction"] == "egress"]
    flipped = answers.rename(
        columns={
            "srcaddr": "dstaddr",
            "dstaddr": "srcaddr",
            "srcport": "dstport",
            "dstport": "srcport",
        }
    )
    both = rejected.merge(flipped[FIVE_TUPLE].drop_duplicates(), on=FIVE_TUPLE)
    assert both[both["protocol"] != 1].empty


# The day as a whole


def test_every_interface_accounts_for_every_window(everything):
    phase = everything["interface-id"].map({i: INTERFACES[i].window_phase for i in INTERFACES})
    window = (everything["start"] - MIDNIGHT - phase) // 60
    covered = window[everything["log-status"] != "SKIPDATA"].groupby(everything["interface-id"])
    for interface_id, seen in covered:
        # A window is cut short at midnight, so a phase costs one window more.
        first = -1 if INTERFACES[interface_id].window_phase else 0
        assert set(seen) == set(range(first, 1440)), interface_id
    ok = set(zip(everything["interface-id"], window, everything["log-status"], strict=True))
    assert not {(i, w) for i, w, s in ok if s == "OK"} & {(i, w) for i, w, s in ok if s == "NODATA"}


def test_the_quiet_interface_is_quiet(everything):
    quiet = ENVIRONMENT.interface("reports-1").interface_id
    counts = everything.loc[everything["interface-id"] == quiet, "log-status"].value_counts()
    assert counts["NODATA"] > 1300
    assert 50 < counts["OK"] < 200


def test_skipdata_is_on_the_busiest_interface_in_its_busiest_hour(everything, records):
    skipped = everything[everything["log-status"] == "SKIPDATA"]
    assert 3 <= len(skipped) <= 5
    busiest = records["interface-id"].value_counts().idxmax()
    assert set(skipped["interface-id"]) == {busiest}
    hour = (records["start"] - MIDNIGHT) // 3600
    assert set((skipped["start"] - MIDNIGHT) // 3600) == {hour.value_counts().idxmax()}


def test_rows_are_in_the_order_of_delivery(everything):
    slot = everything["end"] // 300
    order = [i.interface_id for i in ENVIRONMENT.interfaces]
    position = everything["interface-id"].map({name: n for n, name in enumerate(order)})
    keys = pd.DataFrame({"slot": slot, "eni": position, "start": everything["start"]})
    assert keys.sort_values(["slot", "eni", "start"], kind="stable").index.equals(keys.index)


def test_the_day_looks_like_a_small_company(everything, records):
    assert 95_000 < len(everything) < 105_000
    assert 0.05 < (records["action"] == "REJECT").mean() < 0.12
    dns = records["srcport"].eq(53) | records["dstport"].eq(53)
    assert 0.05 < dns.mean() < 0.10
    ntp = records["dstport"].eq(123) & records["protocol"].eq(17) & ~inside(records["dstaddr"])
    assert ntp.sum() > 500
    per_hour = ((records["start"] - MIDNIGHT) // 3600).value_counts().sort_index()
    assert per_hour[9:17].mean() > 3 * per_hour[0:6].mean()
