"""Flow frames: the same frame, and nobody in it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lines import IPV6, NODATA, PING, RDP_REJECTED, SSH_ACCEPTED, read, text

import flowlab as fl
from flowlab import schema
from flowlab.anonymization import flows as module
from flowlab.anonymization.flows import anonymize
from flowlab.anonymization.keyed import Anonymizer
from flowlab.enriching import owned
from flowlab.enriching.initiators import BASES
from flowlab.enriching.scopes import SCOPES
from flowlab.enriching.services import PROTOCOL_NAMES, SERVICES
from flowlab.enrichment import enrich
from flowlab.errors import FlowlabError, UnknownNameError

KEY = "a secret of the tests"
TAGS = b"version account-id interface-id srcaddr dstaddr start end action log-status instance-tag ecs-cluster-name ecs-cluster-arn resource-id brand-new-field"
TAGGED = [
    b"11 000123456789 eni-0a1b2c3d4e5f60718 198.51.100.7 10.0.1.5 1788222600 1788222631 ACCEPT OK shop%2Dweb shop arn:aws:ecs:eu-west-1:000123456789:cluster/shop - 10.0.1.5",
    b"11 unknown - 2001:db8::7 fd00:ec2::253 1788222601 1788222632 REJECT OK - - - nat-0a1b2c3d4e5f60718 shop",
]


@pytest.fixture(scope="module")
def sample():
    """A sixteenth of the sample: to compare all of it value by value takes long."""
    flows = fl.sample_flows()[0].iloc[::16].reset_index(drop=True)
    words = flows.select_dtypes("category")
    return flows.assign(**{name: words[name].cat.remove_unused_categories() for name in words})


@pytest.fixture(scope="module")
def tagged():
    return read(text(TAGS, *TAGGED))[0]


def types(flows):
    return [getattr(d, "pyarrow_dtype", "category" if d == "category" else d) for d in flows.dtypes]


def test_the_frame_contract_holds(sample):
    shown = anonymize(sample, key=KEY)
    assert list(shown.columns) == list(sample.columns)
    assert types(shown) == types(sample)
    assert isinstance(shown.index, pd.RangeIndex)
    pd.testing.assert_frame_equal(shown.isna(), sample.isna())
    for name in shown.columns:
        if isinstance(shown[name].dtype, pd.CategoricalDtype):
            words = list(shown[name].cat.categories)
            assert words == sorted(words)
            assert shown[name].cat.categories.dtype == sample[name].cat.categories.dtype
            assert shown[name].cat.codes.dtype == sample[name].cat.codes.dtype


def test_what_was_written_is_not_touched(sample):
    before = sample.copy(deep=True)
    before.attrs["from"] = "s3://shop-logs"
    shown = anonymize(before, key=KEY, time_shift="random")
    assert not shown.attrs
    pd.testing.assert_frame_equal(before, sample)


def test_every_address_and_id_is_mapped_and_nothing_else(sample):
    hidden = Anonymizer(KEY)
    shown = anonymize(sample, key=hidden)
    mapped = {"srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr", "account_id", "interface_id",
              "vpc_id", "subnet_id", "instance_id"}  # fmt: skip
    for name in sample.columns:
        if name in mapped:
            distinct = sample[name].dropna().unique()
            images = dict(zip(sample[name].dropna(), shown[name].dropna(), strict=True))
            again = Anonymizer(KEY)
            assert images == {value: again.id(value) for value in distinct}
        else:
            assert sample[name].equals(shown[name]), name


def test_groups_and_joins_stay(sample):
    shown = anonymize(sample, key=KEY)
    for by in (["srcaddr"], ["interface_id"], ["srcaddr", "dstaddr", "dstport"], ["subnet_id"]):
        sizes = [
            flows.groupby(by, dropna=False, observed=True)["bytes"].agg(["size", "sum"])
            for flows in (sample, shown)
        ]
        before, after = (sorted(map(tuple, s.to_numpy().tolist())) for s in sizes)
        assert before == after
    for flows in (sample, shown):
        own = flows[["interface_id", "dstaddr"]].drop_duplicates()
        flows.attrs["joined"] = len(flows.merge(own, left_on="srcaddr", right_on="dstaddr"))
    assert sample.attrs.pop("joined") == shown.attrs["joined"]


def test_the_same_key_fits_across_frames(sample):
    first, second = sample.iloc[:4000].reset_index(drop=True), sample.iloc[2000:6000]
    one, other = anonymize(first, key=KEY), anonymize(second, key=KEY.encode())
    pd.testing.assert_frame_equal(
        one.iloc[2000:].astype(object), other.iloc[:2000].astype(object), check_index_type=False
    )
    another = anonymize(first, key="another")
    assert not another["srcaddr"].equals(one["srcaddr"])
    nobody = [anonymize(first)["interface_id"] for _ in range(2)]
    assert not nobody[0].equals(nobody[1])


def test_answers_are_the_same_but_for_names(sample):
    hidden = Anonymizer(KEY)
    before = fl.top_talkers(sample, n=5)
    after = fl.top_talkers(anonymize(sample, key=hidden), n=5)
    expected = anonymize(before, key=KEY)
    pd.testing.assert_frame_equal(expected, after)


def test_scope_and_direction_stay(sample):
    """What enrich tells by blocks of addresses, by AWS's fields and by who began."""
    columns = ["scope", "direction", "initiator_basis", "service", "src_aws_service"]
    before = enrich(sample, columns=columns)[columns]
    after = enrich(anonymize(sample, key=KEY), columns=columns)[columns]
    pd.testing.assert_frame_equal(before, after)


def test_enriched_columns(sample):
    owners = pd.DataFrame(
        {
            "interface_id": ["eni-0a10f3c5e7b924d01"], "address": ["10.0.1.10"],
            "owner": ["web server shop-1"], "subnet_id": [""], "vpc_id": [""],
            "valid_from": [pd.Timestamp("2026-03-02T06:00Z")],
            "valid_until": [pd.Timestamp("2027-01-01T00:00Z")],
        }
    )  # fmt: skip
    known = enrich(sample, inventory=owners)
    assert {"web server shop-1", owned.NOT_THEN} <= set(known["dst_owner"].cat.categories)
    shown = anonymize(known, key=KEY)
    hidden = Anonymizer(KEY)
    for name in ("initiator", "responder"):
        pairs = set(zip(known[name].dropna(), shown[name].dropna(), strict=True))
        assert all(hidden.address(old) == new for old, new in pairs)
    expected = {hidden.id("web server shop-1"), owned.NOT_THEN}
    assert set(shown["dst_owner"].cat.categories) == expected
    for name in module.MEANING & set(known.columns):
        assert known[name].equals(shown[name]), name


def test_the_words_of_enrich_are_known():
    assert set(module.NO_OWNER) == {owned.NOT_THEN, owned.SEVERAL}
    words = [*BASES, *SCOPES, *PROTOCOL_NAMES, *(service.name for service in SERVICES)]
    hidden = Anonymizer(KEY)
    assert [hidden.recognised(word) for word in filter(None, words)] == [*filter(None, words)]


def test_every_text_column_is_either_mapped_or_aws_own_words():
    texts = {f.column for f in schema.FIELDS if f.kind in ("id", "address", "text")}
    texts |= {derived.column for derived in schema.DERIVED}
    assert texts >= module.MEANING
    assert sorted(texts - module.MEANING) == sorted(
        [
            "account_id", "interface_id", "srcaddr", "dstaddr", "vpc_id", "subnet_id",
            "instance_id", "pkt_srcaddr", "pkt_dstaddr", "sublocation_id", "ecs_cluster_arn",
            "ecs_cluster_name", "ecs_container_instance_arn", "ecs_container_instance_id",
            "ecs_container_id", "ecs_second_container_id", "ecs_service_name",
            "ecs_task_definition_arn", "ecs_task_arn", "ecs_task_id", "resource_id",
            "instance_tag", "instance_tag_2", "interface_tag", "interface_tag_2", "asg_tag",
            "asg_tag_2", "next_hop_interface_id", "next_hop_subnet_id", "next_hop_vpc_id",
            "tgw_id", "tgw_attachment_id", "tgw_src_vpc_account_id", "tgw_dst_vpc_account_id",
            "tgw_src_vpc_id", "tgw_dst_vpc_id", "tgw_src_subnet_id", "tgw_dst_subnet_id",
            "tgw_src_eni", "tgw_dst_eni", "tgw_pair_attachment_id",
            "src_owner", "dst_owner", "initiator", "responder",
        ]
    )  # fmt: skip


def test_tags_arns_and_fields_of_tomorrow(tagged):
    shown = anonymize(tagged, key=KEY)
    hidden = Anonymizer(KEY)
    shop, account = hidden.id("shop"), hidden.id("000123456789")
    assert shown["instance_tag"][0] == f"{shop}%2D{hidden.id('web')}"
    assert shown["ecs_cluster_name"][0] == shop
    assert shown["ecs_cluster_arn"][0] == f"arn:aws:ecs:eu-west-1:{account}:cluster/{shop}"
    assert shown["account_id"].tolist() == [account, "unknown"]
    assert shown["brand_new_field"].tolist() == [hidden.address("10.0.1.5"), shop]
    assert shown["resource_id"][1] == f"nat-{hidden.id('eni-0a1b2c3d4e5f60718')[4:]}"
    assert shown["dstaddr"][1] == "fd00:ec2::253"
    pd.testing.assert_frame_equal(shown.isna(), tagged.isna())


def test_an_address_in_a_column_of_words_does_not_slip_through(tagged):
    wrong = tagged.assign(action=pd.Categorical(["10.0.1.5", "REJECT"]))
    hidden = Anonymizer(KEY)
    assert anonymize(wrong, key=KEY)["action"].tolist() == [hidden.address("10.0.1.5"), "REJECT"]


def test_keep(tagged):
    shown = anonymize(tagged, key=KEY, keep=["instance_tag", "srcaddr"])
    assert shown["srcaddr"].equals(tagged["srcaddr"])
    assert shown["instance_tag"].equals(tagged["instance_tag"])
    assert not shown["dstaddr"].equals(tagged["dstaddr"])
    with pytest.raises(UnknownNameError, match=r"srcadr[\s\S]*did you mean srcaddr"):
        anonymize(tagged, keep="srcadr")


@pytest.mark.parametrize("shift", ["-30D", timedelta(days=-30), pd.Timedelta(days=-30)])
def test_times_move_by_what_was_asked(tagged, shift):
    shown = anonymize(tagged, key=KEY, time_shift=shift)
    for name in ("start", "end"):
        assert shown[name].dtype == tagged[name].dtype
        assert (shown[name] == tagged[name] - pd.Timedelta(days=30)).all()


def test_a_random_shift_is_of_the_key_and_whole_days(tagged):
    moved = {
        key: (anonymize(tagged, key=key, time_shift="random")["start"] - tagged["start"]).unique()
        for key in ("a", "b", "a2")
    }
    assert all(len(shift) == 1 and shift[0] == shift[0].floor("D") for shift in moved.values())
    assert all(-3650 <= shift[0].days <= -1 for shift in moved.values())
    assert len({shift[0] for shift in moved.values()}) == 3
    assert anonymize(tagged, key="a")["start"].equals(tagged["start"])


def test_a_missing_time_stays_missing(tagged):
    gap = tagged.assign(end=tagged["end"].where([True, False]))
    assert anonymize(gap, time_shift="1D")["end"].isna().tolist() == [False, True]


@pytest.mark.parametrize("shift", ["soon", "1.5s", "NaT", [1]])
def test_shifts_that_are_none(tagged, shift):
    with pytest.raises(FlowlabError, match="time_shift"):
        anonymize(tagged, time_shift=shift)


def test_no_rows(sample, tagged):
    for flows in (sample.iloc[:0], tagged.iloc[:0], pd.DataFrame()):
        shown = anonymize(flows, key=KEY, time_shift="random")
        assert shown.empty
        assert list(shown.columns) == list(flows.columns)
        assert types(shown) == types(flows)


def test_records_without_addresses():
    flows, ledger = read(text(SSH_ACCEPTED, RDP_REJECTED, NODATA, PING, IPV6))
    shown = anonymize(flows, key=KEY)
    silent = anonymize(ledger.no_traffic, key=KEY)
    assert silent["interface_id"].tolist() == [shown["interface_id"][0]]
    assert shown["srcaddr"].str.startswith("172.").tolist()[:2] == [True, True]


@pytest.mark.parametrize(
    "dtype", [object, "str", "string", "category", pd.ArrowDtype(pa.string())], ids=str
)
def test_frames_of_other_types(dtype):
    own = pd.DataFrame({"host": pd.Series(["web-1", None, "10.0.1.5", "web-1"], dtype=dtype)})
    shown = anonymize(own, key=KEY)
    hidden = Anonymizer(KEY)
    web = hidden.id("web-1")
    assert shown["host"].dropna().tolist() == [web, hidden.address("10.0.1.5"), web]
    assert shown["host"].isna().tolist() == [False, True, False, False]
    assert shown["host"].dtype == own["host"].dtype or dtype == "category"


def test_one_ipv6_address_in_two_spellings_is_one():
    own = pd.DataFrame({"addr": ["2001:DB8::1", "2001:db8::1"]})
    assert anonymize(own, key=KEY)["addr"].nunique() == 1


@pytest.mark.parametrize(
    ("flows", "said"),
    [
        ([1], "DataFrame, not a list"),
        (pd.DataFrame({"bytes": [1]}, index=["10.0.1.5"]), "index"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "twice: a"),
        (pd.DataFrame({"account_id": [123456789]}), "ids and addresses are text"),
        (pd.DataFrame({"x": [{"a": 1}]}), "column x holds neither"),
        (pd.DataFrame({"x": [b"10.0.1.5"]}), "column x holds neither"),
        (pd.DataFrame({"x": [7, "10.0.1.5"]}), "column x holds neither"),
    ],
)
def test_frames_that_could_leak_are_refused(flows, said):
    with pytest.raises(FlowlabError, match=said) as caught:
        anonymize(flows, key=KEY)
    assert KEY not in str(caught.value)
    assert "10.0.1.5" not in str(caught.value)


def test_names_that_would_become_one_are_refused(monkeypatch):
    monkeypatch.setattr(Anonymizer(KEY)._ids.__class__, "id", lambda self, text: "same")
    with pytest.raises(FlowlabError, match="two different names"):
        anonymize(pd.DataFrame({"x": ["a", "b"]}), key=KEY)


def test_numbers_stay(sample):
    shown = anonymize(sample, key=KEY)
    for name in ("srcport", "dstport", "packets", "bytes", "tcp_flags"):
        assert np.array_equal(shown[name].isna(), sample[name].isna())
        assert shown[name].sum() == sample[name].sum()
