"""enrich(): the contract of its columns; owners and AWS services at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from lines import IPV6, PING, RDP_REJECTED, SSH_ACCEPTED, read, text
from pandas.testing import assert_frame_equal
from sqlglot import exp

import flowlab as fl
from flowlab import schema
from flowlab.enriching import directions
from flowlab.enrichment import enrich
from flowlab.errors import FlowlabError, SourceError, UnknownNameError
from flowlab.setup.inventory import Answer, Inventory, scope_of
from flowlab.tables import FilteredTable, as_table

NAMES = [derived.column for derived in schema.DERIVED]
WORDS_FOR_NOTHING = ("scope", "direction", "direction_basis", "initiator_basis")


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0]


def test_new_columns_only(sample):
    before = sample.copy(deep=True)
    found = enrich(sample, vpc_cidrs="10.0.0.0/16")
    assert sample.equals(before) and list(sample.columns) == list(before.columns)
    assert list(found.columns) == [*sample.columns, *NAMES]
    assert found[sample.columns].equals(sample)
    assert enrich(found, vpc_cidrs="10.0.0.0/16").equals(found)
    # What was known of one call does not linger in the next.
    assert enrich(found)["scope"].tolist() == enrich(sample)["scope"].tolist()


def test_types_are_those_of_a_flow_frame(sample):
    found = enrich(sample)
    for derived in schema.DERIVED:
        if derived.kind == "address":
            assert found[derived.column].dtype == sample["srcaddr"].dtype
        else:
            dtype = found[derived.column].dtype
            assert isinstance(dtype, pd.CategoricalDtype)
            assert dtype.categories.dtype == sample["action"].dtype.categories.dtype
            assert dtype.categories.is_monotonic_increasing
    empty = enrich(sample.head(0))
    assert empty.empty and list(empty.columns) == list(found.columns)


def test_any_index_is_kept(sample):
    part = sample.iloc[[5, 3, 3, 900]].set_axis(["a", "b", "b", "c"])
    found = enrich(part)
    assert found.index.tolist() == ["a", "b", "b", "c"]
    assert found["protocol_name"].tolist() == enrich(part.reset_index(drop=True))[
        "protocol_name"
    ].tolist()  # fmt: skip


def test_without_fields_everything_is_there_and_says_nothing():
    flows = pd.DataFrame({"bytes": [1, 2, 3]})
    found = enrich(flows, vpc_cidrs="10.0.0.0/8")
    assert list(found.columns) == ["bytes", *NAMES]
    for name in NAMES:
        if name in WORDS_FOR_NOTHING:
            assert found[name].tolist() == ["unknown"] * 3
        else:
            assert found[name].isna().all()


def test_nulls_in_every_field_are_no_claims(sample):
    flows = sample.head(200).copy()
    for name in flows.columns:
        flows[name] = pd.Series([None] * 200, dtype=flows[name].dtype)
    found = enrich(flows)
    for name in set(NAMES) - {*WORDS_FOR_NOTHING, "aws_service_basis"}:
        assert found[name].isna().all(), name
    assert all((found[name] == "unknown").all() for name in WORDS_FOR_NOTHING)


def test_a_syn_of_an_unknown_sender_is_nobodys():
    flows = pd.DataFrame({"srcaddr": [None, "10.0.0.1"], "dstaddr": ["10.0.0.2", "10.0.0.2"],
                          "tcp_flags": [2, 2]}, dtype=object)  # fmt: skip
    flows["tcp_flags"] = flows["tcp_flags"].astype("int64")
    found = enrich(flows)
    assert found["initiator_basis"].tolist() == ["unknown", "syn"]
    assert found["initiator"].isna().tolist() == [True, False]


def test_only_the_columns_asked_for(sample):
    found = enrich(sample, columns=["service", "protocol_name"])
    assert list(found.columns) == [*sample.columns, "protocol_name", "service"]
    assert list(enrich(found).columns) == [*sample.columns, *NAMES]
    assert list(enrich(sample, columns="scope").columns) == [*sample.columns, "scope"]
    with pytest.raises(UnknownNameError, match="did you mean service"):
        enrich(sample, columns=["servce"])


def test_peoples_own_frames_mean_the_same():
    flows, _ = read(text(SSH_ACCEPTED, RDP_REJECTED, PING, IPV6))
    own = pd.DataFrame({name: flows[name].astype(object) for name in flows.columns})
    own = own.astype({"srcport": "float64", "dstport": "int64"})
    assert_frame_equal(enrich(own)[NAMES].astype("str"), enrich(flows)[NAMES].astype("str"))
    with pytest.raises(FlowlabError, match="the column srcport does not hold"):
        enrich(own.assign(srcport="ssh"))


def test_an_archive_gets_the_columns_that_a_record_tells_by_itself(sample, tmp_path):
    fl.to_parquet(sample, tmp_path / "sample.parquet")
    archive = fl.open_archive(tmp_path)
    asked = enrich(archive)
    made = [name for name in NAMES if name in asked.columns]
    assert made == ["protocol_name", "tcp_flag_names", "traffic_path_name", "src_aws_service",
                    "dst_aws_service", "aws_service_basis"]  # fmt: skip
    assert repr(asked).endswith(f"with {', '.join(made)}")
    expected = fl.breakdown(enrich(sample), made, n=None)
    assert_frame_equal(fl.breakdown(asked, made, n=None), expected)
    few = FilteredTable(as_table(sample[["tcp_flags", "bytes"]]), exp.true(), "all")
    known = enrich(sample[["tcp_flags", "bytes"]])
    assert_frame_equal(fl.breakdown(enrich(few), made, n=None), fl.breakdown(known, made, n=None))


@pytest.mark.parametrize("value", [0, 1, 2, 16, 18, 63, 128, 255, 256, -1, None])
def test_every_flag_has_one_name_wherever_it_is_asked(value):
    flows = pd.DataFrame({"protocol": pd.array([6], "Int32"), "tcp_flags": pd.array([value], "Int32"),
                          "bytes": [1]})  # fmt: skip
    there = FilteredTable(as_table(flows), exp.true(), "all")
    name = fl.breakdown(enrich(there), "tcp_flag_names")["tcp_flag_names"]
    assert (
        name.fillna("").tolist()
        == enrich(flows)["tcp_flag_names"].astype("str").fillna("").tolist()
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["protocol_name", "scope"]}, r"scope cannot[\s\S]*together say"),
        ({"columns": "service"}, r"service cannot[\s\S]*5-tuple[\s\S]*fl\.services"),
        ({"columns": "direction"}, r"direction cannot[\s\S]*flow_direction"),
        ({"columns": "dst_owner"}, r"dst_owner cannot[\s\S]*set-ups"),
        ({"vpc_cidrs": "10.0.0.0/8"}, r"vpc_cidrs= cannot"),
        ({"columns": "servce"}, "did you mean service"),
    ],
)
def test_what_an_engine_cannot_tell_is_refused_by_name(sample, options, said):
    there = FilteredTable(as_table(sample), exp.true(), "all")
    with pytest.raises(FlowlabError, match=said):
        enrich(there, **options)


def test_something_that_is_no_frame():
    with pytest.raises(FlowlabError, match=r"of a tuple[\s\S]*read_flows returns two things"):
        enrich(fl.sample_flows())


def test_every_column_is_documented():
    table = fl.fields(derived=True)
    assert table["column"].tolist() == NAMES
    assert (table[["meaning", "basis", "kind"]] != "").all().all()
    assert not set(NAMES) & set(schema.BY_COLUMN)
    assert len(fl.fields()) == len(schema.FIELDS)


# ---- owners


def _setup(day, *enis):
    answers = [
        Answer("ec2:DescribeNetworkInterfaces", "", [
            {"NetworkInterfaceId": eni, "PrivateIpAddress": address, "SubnetId": subnet,
             "VpcId": "vpc-a", "TagSet": [{"Key": "Name", "Value": name}],
             "Attachment": {"AttachTime": attached} if attached else {}}
            for eni, address, name, subnet, attached in enis
        ]),
        Answer("ec2:DescribeInstances", "", []),
    ]  # fmt: skip
    scope = scope_of("000123456789", "eu-west-1", answers)
    return Inventory(datetime(2026, 11, day, 12, tzinfo=UTC), (scope,))


WEB = ("eni-1", "10.0.0.1", "web", "subnet-1", "2026-11-02T00:00:00+00:00")
APP = ("eni-2", "10.0.0.2", "app", "subnet-2", None)
LATER = ("eni-9", "10.0.0.2", "other", "subnet-2", "2026-11-05T00:00:00+00:00")
SETUPS = (_setup(3, WEB, APP), _setup(4, WEB, APP), _setup(6, WEB, LATER))


def _at(*times, source="10.0.0.2", destination="10.0.0.1"):
    flows = pd.DataFrame({"start": pd.to_datetime(list(times), utc=True, format="ISO8601")})
    return flows.assign(srcaddr=source, dstaddr=destination, interface_id="eni-1")


def test_owners_are_those_of_the_time():
    flows = _at("2026-11-01", "2026-11-02", "2026-11-03 12:00", "2026-11-04 12:00",
                "2026-11-04 12:00:01", "2026-11-05", "2026-11-06 12:00", "2026-11-06 12:00:01",
                None)  # fmt: skip
    found = enrich(flows, inventory=SETUPS)
    unknown = "unknown at that time"
    assert found["src_owner"].tolist() == [
        unknown, unknown, "app", "app", unknown, "other", "other", unknown, unknown,
    ]  # fmt: skip
    assert found["dst_owner"].tolist() == [unknown, *["web"] * 6, unknown, unknown]
    assert enrich(_at("2026-11-03", source="10.0.0.7"), inventory=SETUPS)["src_owner"].isna().all()


@pytest.mark.parametrize(
    "form",
    [
        lambda times: (times.astype("int64") // 10**9).astype("Int64").mask(times.isna()),
        lambda times: (times.astype("int64") / 10**9).mask(times.isna()),
        lambda times: times.astype("string"),
        lambda times: times.dt.tz_localize(None),
        lambda times: times.dt.tz_convert("Europe/Berlin").astype(object),
    ],
    ids=["epochs", "epochs as floats", "text", "no zone", "objects"],
)
def test_times_in_any_form_are_the_same_times(form):
    flows = _at(
        "2026-11-01", "2026-11-03 12:00", "2026-11-05 00:00:07", "2026-11-06 12:00:01", None
    )
    nanoseconds = flows["start"].dt.as_unit("ns")
    again = enrich(flows.assign(start=form(nanoseconds)), inventory=SETUPS)
    assert again["src_owner"].tolist() == enrich(flows, inventory=SETUPS)["src_owner"].tolist()


def test_a_new_name_holds_from_the_set_up_before():
    renamed = _setup(5, ("eni-1", "10.0.0.1", "shop", *WEB[3:]))
    flows = _at("2026-11-02", "2026-11-03 12:00", "2026-11-03 12:00:01", "2026-11-05 12:00")
    found = enrich(flows, inventory=[renamed, _setup(3, WEB)])
    assert found["dst_owner"].tolist() == ["web", "web", "shop", "shop"]


def test_two_owners_of_one_address_at_one_time():
    other = ("eni-7", "10.0.0.1", "twin", "subnet-7", "2026-11-03T00:00:00+00:00")
    found = enrich(_at("2026-11-02", "2026-11-03"), inventory=_setup(4, WEB, other))
    assert found["dst_owner"].tolist() == ["web", "several at that time"]


def test_saved_set_ups_in_every_form(tmp_path):
    for number, setup in enumerate(SETUPS):
        (tmp_path / f"setup-{number}.json").write_text(setup.to_json(), "utf-8")
    flows = _at("2026-11-03 12:00", "2026-11-06")
    expected = enrich(flows, inventory=SETUPS)
    assert expected["src_owner"].tolist() == ["app", "other"]
    assert_frame_equal(enrich(flows, inventory=tmp_path), expected)
    one = enrich(flows, inventory=str(tmp_path / "setup-2.json"))
    assert one["src_owner"].tolist() == ["unknown at that time", "other"]
    with pytest.raises(SourceError, match="no saved set-up"):
        enrich(flows, inventory=tmp_path / "nowhere")
    with pytest.raises(FlowlabError, match="inventory lacks the columns"):
        enrich(flows, inventory=flows)
    with pytest.raises(FlowlabError, match="inventory cannot be a int"):
        enrich(flows, inventory=5)


def test_an_inventory_tells_directions_and_places():
    flows = pd.DataFrame({"srcaddr": ["10.0.0.1", "10.0.0.2"], "dstaddr": ["10.0.0.2", "10.0.0.1"],
                          "interface_id": "eni-1"})  # fmt: skip
    found = enrich(flows, inventory=SETUPS[0])
    assert found["direction"].tolist() == ["egress", "ingress"]
    assert set(found["direction_basis"]) == {"eni-address (inventory)"}
    assert set(found["scope"]) == {"intra-vpc"}
    # Two ENIs that had one address, one after the other: each knows its own.
    both = flows.assign(interface_id=["eni-2", "eni-9"])
    assert enrich(both, inventory=SETUPS)["direction"].tolist() == ["ingress", "egress"]


# ---- AWS services

RANGES = {
    "syncToken": "1793491200",
    "createDate": "2026-11-01-00-33-12",
    "prefixes": [
        {"ip_prefix": "198.51.100.0/24", "region": "eu-west-1", "service": "AMAZON"},
        {"ip_prefix": "198.51.100.0/24", "region": "eu-west-1", "service": "EC2"},
        {"ip_prefix": "198.51.100.128/25", "region": "eu-west-1", "service": "AMAZON"},
        {"ip_prefix": "198.51.100.128/25", "region": "eu-west-1", "service": "S3"},
        {"ip_prefix": "198.51.100.192/26", "region": "eu-west-1", "service": "DYNAMODB"},
    ],
    "ipv6_prefixes": [
        {"ipv6_prefix": "2001:db8::/32", "region": "eu-west-1", "service": "AMAZON"},
        {"ipv6_prefix": "2001:db8:ff::/48", "region": "eu-west-1", "service": "CLOUDFRONT"},
    ],
}


@pytest.mark.parametrize(
    ("address", "service", "scope"),
    [("198.51.100.1", "EC2", "internet"), ("198.51.100.129", "S3", "aws-service"),
     ("198.51.100.255", "DYNAMODB", "aws-service"), ("198.51.101.0", None, "internet"),
     ("2001:db8:1::1", "AMAZON", "aws-service"), ("2001:db8:ff::1", "CLOUDFRONT", "aws-service"),
     ("2001:db9::1", None, "internet"), ("10.0.0.1", None, "private")],
)  # fmt: skip
def test_ip_ranges_name_the_most_specific_prefix(address, service, scope):
    found = enrich(_at("2026-11-01", source=address), ip_ranges=RANGES).iloc[0]
    assert (None if pd.isna(found["src_aws_service"]) else found["src_aws_service"]) == service
    assert found["aws_service_basis"] == "ip-ranges 2026-11-01"
    assert found["scope"] == scope


def test_awss_field_comes_before_ip_ranges():
    flows = _at("2026-11-01", "2026-11-01", source="198.51.100.129").assign(
        pkt_src_aws_service=pd.Categorical(["GLOBALACCELERATOR", None]), pkt_dst_aws_service=None
    )
    found = enrich(flows, ip_ranges=RANGES)
    assert found["src_aws_service"].tolist() == ["GLOBALACCELERATOR", "S3"]
    assert found["aws_service_basis"].tolist() == ["aws field", "ip-ranges 2026-11-01"]
    found = enrich(flows)
    assert found["src_aws_service"].isna().tolist() == [False, True]
    assert found["aws_service_basis"].tolist() == ["aws field"] * 2
    assert found["scope"].tolist() == ["aws-service"] * 2  # the address is, in the other one too


def test_ip_ranges_from_a_file(tmp_path):
    path = tmp_path / "ip-ranges.json"
    path.write_text(json.dumps(RANGES), "utf-8")
    flows = _at("2026-11-01", source="198.51.100.129")
    assert enrich(flows, ip_ranges=path)["src_aws_service"].tolist() == ["S3"]
    with pytest.raises(SourceError, match="cannot be read"):
        enrich(flows, ip_ranges=tmp_path / "nothing.json")
    path.write_text("{", "utf-8")
    with pytest.raises(FlowlabError, match="is not AWS's ip-ranges.json"):
        enrich(flows, ip_ranges=path)
    with pytest.raises(FlowlabError, match="is not AWS's ip-ranges.json"):
        enrich(flows, ip_ranges={"prefixes": []})


def test_what_aws_says_of_the_sample_is_what_it_says(sample):
    found = enrich(sample, vpc_cidrs=["10.0.0.0/16", "2001:db8:1234::/56"])
    assert (found["direction"].astype("str") == sample["flow_direction"].astype("str")).all()
    said, service = sample["pkt_src_aws_service"], found["src_aws_service"]
    assert service.astype("str").equals(said.astype("str"))
    # Without AWS's field the ENIs' addresses say the same.
    plain = enrich(sample.drop(columns=["flow_direction"]))
    assert set(plain["direction_basis"]) == {"eni-address (inferred)"}
    assert (plain["direction"].astype("str") == sample["flow_direction"].astype("str")).all()
    # Within the VPC: exactly the records between two of its addresses.
    inside = {"intra-subnet", "intra-vpc", "cross-az"}
    own = [sample[c].astype("str").str.startswith(("10.0.", "2001:db8:1234:"))
           for c in ("pkt_srcaddr", "pkt_dstaddr")]  # fmt: skip
    assert np.array_equal(found["scope"].isin(inside), own[0] & own[1])


def test_an_eni_is_known_by_some_of_its_records(monkeypatch):
    # 11 ENIs by turns, each with hosts of its own that it talks to; and one with three records.
    turn = np.arange(11_000) % 11
    host = np.arange(11_000) % 7 + 20 + turn * 10
    own, other = [f"10.0.0.{n}" for n in turn], [f"10.0.1.{n}" for n in host]
    flows = pd.DataFrame({"interface_id": [f"eni-{n:08x}" for n in turn],
                          "srcaddr": own, "dstaddr": other})  # fmt: skip
    flows.loc[1::2, ["srcaddr", "dstaddr"]] = flows.loc[1::2, ["dstaddr", "srcaddr"]].to_numpy()
    few = pd.DataFrame({"interface_id": ["eni-ffffffff"] * 3, "srcaddr": ["10.0.3.1"] * 3,
                        "dstaddr": ["10.0.4.1", "10.0.4.2", "10.0.4.3"]})  # fmt: skip
    flows = pd.concat([flows, few], ignore_index=True)
    monkeypatch.setattr(directions, "_ENOUGH", 3_300)
    group = np.append(turn, [11] * 3)
    seen = np.bincount(group[directions._enough(group, np.bincount(group))])
    assert (seen[:11] >= 200).all() and seen[:11].sum() < 5_000 and seen[11] == 3
    found = enrich(flows, columns=["direction"])["direction"]
    assert found[:-3].tolist() == ["egress", "ingress"] * 5_500
    assert found[-3:].tolist() == ["egress"] * 3
