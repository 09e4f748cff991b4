"""Exclusions: exact, reversible, the same in every engine, and what plain Python says."""

from __future__ import annotations

import ipaddress
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flowlab as fl
from flowlab.choosing import chosen, rule
from flowlab.conditions import Either, Every, FirstPossible, Not
from flowlab.contradictions import contradiction
from flowlab.errors import FlowlabError, FlowlabWarning, MissingFieldError, UnknownNameError
from flowlab.exclusions import exclude, excluded_by, only, waterfall
from flowlab.matches import Match, Span
from flowlab.practice import generate, writing
from flowlab.rulebook import NAMED

MEASURES = ["flow_records", "packets", "bytes"]


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0]


@pytest.fixture(scope="module")
def key():
    return generate().answer_key


def sums(flows):
    return fl.totals(flows)[MEASURES].iloc[0].tolist()


# ------------------------------------------------------------------ plain Python, no SQL
def holds(condition, record):
    """Evaluate a condition on one record, by Python's own ipaddress and None."""
    if isinstance(condition, Every):
        return all(holds(part, record) for part in condition.parts)
    if isinstance(condition, Either):
        return any(holds(part, record) for part in condition.parts)
    if isinstance(condition, Not):
        return not holds(condition.part, record)
    if isinstance(condition, FirstPossible):
        return holds(condition.parts[0], record)  # the frames here have all columns
    assert isinstance(condition, Match)
    return any(fits(record[c], v) for c in condition.columns for v in condition.values)  # noqa: PD011


def fits(cell, value):
    if value is None or cell is None:
        return cell is value
    if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return ipaddress.ip_address(cell) in value
    if isinstance(value, Span):
        return value.low <= cell <= value.high
    return cell == value


# ------------------------------------------------------------------ random frames and rules
_ADDRESSES = [
    None, "10.0.0.2", "10.0.9.7", "10.0.8.255", "172.16.0.1", "198.51.100.7", "203.0.113.9",
    "169.254.169.254", "169.254.169.123", "224.0.0.251", "255.255.255.255", "fd00:ec2::254",
    "fd00:ec2::123", "fe80::1", "ff02::fb", "2001:db8::1", "2001:db8:1::", "::1", "8.8.8.8",
    "2001:4860:4860::8888", "169.254.170.2",
]  # fmt: skip
_PORTS = [None, 0, 53, 67, 68, 123, 443, 547, 546, 853, 1688, 5353, 40000, 65535]
_SERVICES = [None, "AMAZON", "S3", "ROUTE53_HEALTHCHECKS", "EC2"]
_CELLS = {
    "srcaddr": _ADDRESSES,
    "dstaddr": _ADDRESSES,
    "srcport": _PORTS,
    "dstport": _PORTS,
    "protocol": [None, 1, 6, 17, 58],
    "packets": [None, 0, 1, 3, 2**40],
    "bytes": [None, 0, 1, 1500, 2**53 + 1],
    "action": [None, "ACCEPT", "REJECT"],
    "flow_direction": [None, "ingress", "egress"],
    "pkt_src_aws_service": _SERVICES,
    "pkt_dst_aws_service": _SERVICES,
}
_TYPES = {"srcport": pa.int32(), "dstport": pa.int32(), "protocol": pa.int32(),
          "packets": pa.int64(), "bytes": pa.int64()}  # fmt: skip
records = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in _CELLS.items()}),
    max_size=25,
)
_own = st.builds(
    lambda name, values: rule("own", **{name: values}),
    st.sampled_from(["addr", "srcaddr", "dstaddr"]),
    st.lists(st.sampled_from([None, "10.0.0.0/8", "10.0.9.0/24", "2001:db8::/32", "::/1", "8.8.8.8",
                              "fe80::/10", "0.0.0.0/0", "169.254.0.0/16"]), min_size=1, max_size=3),
) | st.builds(
    lambda name, values: rule("own", **{name: values}),
    st.sampled_from(["port", "srcport", "dstport"]),
    st.lists(st.sampled_from([None, 53, "60-130", (1024, 65535), 0]), min_size=1, max_size=3),
) | st.builds(
    lambda values: rule("own", aws_service=values),
    st.lists(st.sampled_from(_SERVICES), min_size=1, max_size=2),
)  # fmt: skip
_named = st.sampled_from(list(NAMED)).map(rule)
some_rules = st.lists(
    st.recursive(
        _named | _own,
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | st.builds(lambda a: ~a, inner)
        ),
        max_leaves=4,
    ),
    max_size=4,
)


def frame_and_archive(rows, folder):
    table = pa.table({
        name: pa.array([row[name] for row in rows], _TYPES.get(name, pa.string()))
        for name in _CELLS
    })  # fmt: skip
    pq.write_table(table, folder / "flows.parquet")
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    for name in ("action", "flow_direction", "pkt_src_aws_service", "pkt_dst_aws_service"):
        frame[name] = frame[name].astype("category")
    return frame, fl.open_archive(folder)


@pytest.mark.filterwarnings("ignore::flowlab.errors.FlowlabWarning")
@given(records, some_rules)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_frames_in_every_engine(tmp_path, rows, rules):
    frame, archive = frame_and_archive(rows, tmp_path)
    expected = [row for row in rows if not any(holds(r.condition, row) for r in rules)]
    for one in rules:
        if contradiction(one.condition):
            assert not any(holds(one.condition, row) for row in rows)

    kept, taken = exclude(frame, rules), only(frame, rules)
    assert [row["bytes"] for row in expected] == [
        None if pd.isna(b) else b for b in kept["bytes"].tolist()
    ]
    assert len(kept) == len(expected)

    # Kept and excluded are the whole, to the byte, in the frame and in the archive.
    parts = [sums(kept), sums(taken)]
    assert [sum(pair) for pair in zip(*parts, strict=True)] == sums(frame)
    assert [sums(exclude(archive, rules)), sums(only(archive, rules))] == parts

    pd.testing.assert_frame_equal(waterfall(archive, rules), waterfall(frame, rules))
    pd.testing.assert_frame_equal(excluded_by(archive, rules), excluded_by(frame, rules))
    left = rows
    steps = waterfall(frame, rules)
    for at, one in enumerate(rules, start=1):
        alone = [row for row in rows if holds(one.condition, row)]
        first = [row for row in left if holds(one.condition, row)]
        left = [row for row in left if not holds(one.condition, row)]
        for measure in ("packets", "bytes"):
            counted = [sum(row[measure] or 0 for row in some) for some in (alone, first, left)]
            got = steps.loc[at, [f"{measure}_{c}" for c in ("alone", "taken", "remaining")]]
            assert got.tolist() == counted
        assert steps.loc[at, "flow_records_overlap"] == len(alone) - len(first)
    assert steps["flow_records_remaining"].iloc[-1] == len(kept)


# ------------------------------------------------------------------ the sample and its answer key
def test_own_dns_is_what_the_answer_key_says(sample, key):
    facts = key["dns"]
    own = rule("dns", servers=[facts["server"]])
    taken = only(sample, own)
    assert len(taken) == facts["records"]
    asked = taken[taken["dstport"] == 53]
    clients = asked.groupby("srcaddr").size() / 2
    assert {a: n for a, n in clients.items() if a in facts["clients"]} == facts["clients"]
    upstream = only(sample, rule("dns", servers=[facts["upstream"]]))
    sent = upstream[upstream["dstaddr"] == facts["upstream"]]
    # Seen where it leaves the DNS server, and again where it leaves the NAT gateway.
    at_server = sent[sent["interface_id"] == facts["interface_id"]]
    assert len(at_server) == len(sent) / 2 == facts["forwarded"]


def test_scan_noise_has_the_planted_scans(sample, key):
    noise = only(sample, "scan-noise")
    vertical, horizontal = key["scan"]["vertical"], key["scan"]["horizontal"]
    from_vertical = noise[noise["srcaddr"] == vertical["source"]]
    assert len(from_vertical) == vertical["rejected_ports"]
    assert from_vertical["bytes"].sum() == vertical["rejected_bytes"]
    from_horizontal = noise[noise["srcaddr"] == horizontal["source"]]
    assert (len(from_horizontal), from_horizontal["bytes"].sum()) == (
        horizontal["attempts"], horizontal["bytes"],
    )  # fmt: skip
    # Inside the VPC the refused PostgreSQL is no noise, nor are rejected replies going out.
    assert key["misconfiguration"]["source"] not in set(noise["srcaddr"])
    assert set(noise["flow_direction"]) == {"ingress"}


def test_scan_noise_without_the_direction_is_told_by_addresses(sample):
    without = sample.drop(columns="flow_direction")
    four = sample[~sample["srcaddr"].str.contains(":")]
    assert sums(only(without, "scan-noise")) == sums(only(four, "scan-noise"))


def test_icmp_is_the_monitor_and_the_housekeeping(sample, key):
    facts = key["nacl_return_block"]
    taken = only(sample, "icmp")
    pings = taken[taken["srcaddr"] == facts["source"]]
    assert (pings["packets"].sum(), pings["bytes"].sum()) == (
        facts["packets_accepted"], facts["bytes_accepted"],
    )  # fmt: skip


def test_the_leak_is_the_leak(sample, key):
    facts = key["leak"]
    found = only(sample, rule("leak", srcaddr=facts["source"], dstaddr=facts["destination"]))
    at_host = found[found["interface_id"] == facts["interface_id"]]
    assert (at_host["bytes"].sum(), at_host["packets"].sum()) == (
        facts["bytes_sent"], facts["packets_sent"],
    )  # fmt: skip


# ------------------------------------------------------------------ the contract
def test_the_frame_keeps_its_types_and_the_input_its_rows(sample):
    sample = sample.head(3000)
    before = sample.copy()
    kept = exclude(sample, rules=["dns", "scan-noise"])
    pd.testing.assert_frame_equal(sample, before)
    assert kept.dtypes.equals(sample.dtypes)
    assert list(kept.columns) == list(sample.columns)
    assert kept.index.equals(pd.RangeIndex(len(kept)))
    hit = ((sample["protocol"].isin([6, 17])) & (
        sample["srcport"].isin([53, 853]) | sample["dstport"].isin([53, 853]))
    ).to_numpy(bool, na_value=False)  # fmt: skip
    pd.testing.assert_frame_equal(exclude(sample, "dns"), sample[~hit].reset_index(drop=True))


def test_frames_from_elsewhere_have_other_types(sample):
    few = sample.head(300)
    rules = ["dns", rule("own", srcaddr="10.0.0.0/8", dstport="1-1023", bytes=(0, 9999))]
    kept = len(exclude(few, rules))
    for kind in (str, "string", "category", float, object):
        ports = few[["srcport", "dstport", "bytes"]].astype(str if kind == "category" else kind)
        assert len(exclude(few.assign(**ports.astype(kind)), rules)) == kept
    objects = few.assign(srcaddr=few["srcaddr"].astype(object), start=few["start"].astype(object))
    assert exclude(objects, rules).dtypes.equals(objects.dtypes)
    # What read_csv makes of columns without values.
    empty = few.assign(pkt_src_aws_service=np.nan, pkt_dst_aws_service=np.nan, pkt_srcaddr=np.nan)
    assert len(exclude(empty, ["aws-control-plane", "health-checks"])) == 300
    assert len(only(empty, rule("own", packet_addr="10.0.0.0/7", action="REJECT"))) == len(
        only(few, rule("own", pkt_dstaddr="10.0.0.0/7", action="REJECT"))
    )


def test_any_index_any_order(sample):
    mixed = sample.head(2000).sample(frac=1, random_state=1)
    kept = exclude(mixed, "scan-noise")
    ordered = exclude(mixed.reset_index(drop=True), "scan-noise")
    pd.testing.assert_frame_equal(kept, ordered)


def test_no_rules_and_no_records(sample):
    sample = sample.head(1000)
    pd.testing.assert_frame_equal(exclude(sample, []), sample)
    empty = only(sample, [])
    assert len(empty) == 0
    assert empty.dtypes.equals(sample.dtypes)
    nothing = sample.head(0)
    assert exclude(nothing, "dns").dtypes.equals(sample.dtypes)
    assert waterfall(nothing, "dns")["flow_records_remaining"].tolist() == [0, 0, 0]
    assert excluded_by(nothing, "dns")["share_of_bytes"].tolist() == [0.0]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    writing.write_parquet(generate(records=20_000).table.slice(0, 4000), folder)
    return fl.open_archive(folder)


def test_every_question_accepts_what_exclude_gives_of_an_archive(archive):
    frame = fl.read_flows(archive, progress=False)[0]
    rules = ["dns", "ntp", ~rule("web", port=443)]
    for divide in (exclude, only):
        left, right = divide(archive, rules), divide(frame, rules)
        for question, options in (
            (fl.totals, {}),
            (fl.breakdown, {"by": ["protocol", "dstport"], "n": 20}),
            (fl.top_talkers, {"n": 20}),
            (fl.traffic_over_time, {"every": "1h", "by": "action"}),
            (fl.peers, {}),
            (fl.conversations, {}),
        ):
            pd.testing.assert_frame_equal(question(left, **options), question(right, **options))


def test_exclusions_of_exclusions(archive):
    twice = exclude(only(exclude(archive, "dns"), rule("web", port=[80, 443])), "scan-noise")
    frame = fl.read_flows(archive, progress=False)[0]
    step = exclude(only(exclude(frame, "dns"), rule("web", port=[80, 443])), "scan-noise")
    pd.testing.assert_frame_equal(fl.top_talkers(twice), fl.top_talkers(step))
    assert repr(twice) == f"{archive!r}, without dns, only web, without scan-noise"
    assert twice._repr_html_().startswith("<p>Archive")
    assert list(twice.columns) == list(archive.columns)
    pd.testing.assert_frame_equal(waterfall(twice, ["ntp"]), waterfall(step, ["ntp"]))


def test_names_of_rules_are_escaped_where_they_are_shown(archive):
    shown = exclude(archive, rule("<b>x</b>", port=1))._repr_html_()
    assert "<b>" not in shown


# ------------------------------------------------------------------ what a rule takes
def test_excluded_by_lists_every_rule_and_what_it_lacks():
    fields = "version srcaddr dstaddr srcport dstport protocol bytes action log-status"
    line = "2 198.51.100.7 10.0.0.5 51000 443 6 40 REJECT OK"
    import io

    flows, _ = fl.read_flows(io.BytesIO(f"{fields}\n{line}\n".encode()), progress=False)
    table = excluded_by(flows).set_index("rule")
    assert list(table.columns) == [
        "flow_records", "bytes", "share_of_records", "share_of_bytes", "needs", "why",
    ]  # fmt: skip
    assert table.loc["scan-noise", ["flow_records", "bytes", "share_of_bytes"]].tolist() == [
        1,
        40,
        1,
    ]
    lacking = table.loc["aws-control-plane"]
    assert lacking["needs"] == "pkt-src-aws-service (version 5), pkt-dst-aws-service (version 5)"
    assert pd.isna(lacking["flow_records"])
    assert pd.isna(lacking["share_of_bytes"])
    assert table.loc["reserved", "needs"] == "subnets="
    assert str(table["flow_records"].dtype) == "int64[pyarrow]"


def test_waterfall_says_what_took_the_last(sample):
    dns = rule("dns")
    steps = waterfall(
        sample, [dns, rule("none", port=53) & rule("also", addr="192.0.2.0/24"), ~dns]
    )
    assert steps["step"].tolist()[0] == "all records"
    assert steps["note"].tolist() == [
        "", "", "earlier rules took all it matches" if steps.loc[2, "flow_records_alone"]
        else "matches no record", "takes all that was left", "nothing is left",
    ]  # fmt: skip
    with pytest.warns(FlowlabWarning, match=r"exclude leaves nothing of .*: dns took .*waterfall"):
        assert len(exclude(sample, [dns, ~dns])) == 0
    assert {str(t) for c, t in steps.dtypes.items() if c not in ("step", "note")} == {"int64"}
    again = waterfall(sample, ["dns", "dns", rule("no", port=1) & rule("two", port=2)])
    assert again["note"].tolist() == [
        "", "", "earlier rules took all it matches", "matches no record", "",
    ]  # fmt: skip


def test_to_python_true_is_one_and_to_a_rule_it_is_not(sample):
    few = sample.head(3).assign(own=["true", "1", "x"], z="q")
    true, one = (rule("a", any=[{"own": own}, {"z": "n"}]) for own in (True, 1))
    assert len(only(few, true & ~one)) == 1  # and no warning
    assert rule("a", own=True) != rule("a", own=1)


def test_a_rule_that_no_record_can_match_says_why(sample, archive):
    port, network = rule("a", dstport=[53, "60-70"]), rule("b", addr="10.0.0.0/8")
    impossible = [
        (port & rule("c", dstport=80), "dstport 53 or 60-70; and dstport 80"),
        (
            rule("a", srcaddr="10.0.0.0/9") & (network & rule("c", srcaddr="10.128.0.0/9")),
            "srcaddr",
        ),
        (rule("a", srcaddr=None) & rule("b", srcaddr="::/0"), "srcaddr (none); and srcaddr ::/0"),
        (rule("a", action="REJECT") & rule("b", action="ACCEPT"), "action"),
        (~network & network, "not (either address 10.0.0.0/8); and either address 10.0.0.0/8"),
        ((port & ~port) | (~network & network), "not (dstport 53 or 60-70)"),
        (rule("a", dstport=[53, "61-70"]) & ~port, "and not (dstport 53 or 60-70)"),
        (rule("a", addr=["10.1.0.0/16", "10.0.0.9"]) & ~network, "not (either address 10.0.0.0/8)"),
        (rule("a", instance_id=None) & ~rule("b", instance_id=[None, "i-1"]), "instance_id"),
    ]
    for own, reason in impossible:
        assert reason in waterfall(sample.head(9), own)["note"].iloc[1]
        for flows in (sample.head(9), archive):
            with pytest.warns(FlowlabWarning, match=r"no record can match the rule \(") as told:
                only(flows, own)
            assert reason in str(told[0].message)
            assert told[0].filename == __file__
    possible = [
        port & rule("c", dstport="70-80"), port & rule("c", srcport=80), port | ~port,
        rule("a", port=1) & rule("b", port=2), rule("a", srcaddr="::/0") & rule("b", srcaddr="::1"),
        rule("a", dstport=[None, 1]) & rule("b", dstport=[None, 2]), ~(port & ~port),
        rule("a", dstport=[53, "60-71"]) & ~port, rule("a", addr="10.0.0.0/7") & ~network,
        rule("a", srcaddr="10.1.0.0/16") & ~network, rule("a", addr="::/0") & ~network,
    ]  # fmt: skip
    assert [contradiction(own.condition) for own in possible] == [""] * len(possible)
    assert len(only(sample, "metadata")) == 0  # a normal answer, and no warning


def test_the_sql_of_a_rule_can_be_read(sample):
    text = fl.sql(waterfall, sample, rules=[rule("backup", dstport=873, srcaddr="10.0.9.0/24")])
    assert re.search(r'COALESCE\("dstport" IN \(873\), FALSE\)', text)
    assert "'^(10[.]0[.]9[.][0-9]+)$'" in text


def test_hostile_values_and_column_names_are_text(sample):
    flows = sample.head(50).assign(**{'a"b; --': "x'y", "flag": np.arange(50) % 2 == 0})
    own = rule("own", **{'a"b; --': "x'y", "flag": True})
    assert len(only(flows, own)) == 25
    assert len(only(flows, rule("number", **{'a"b; --': 5}))) == 0
    assert len(only(flows, rule("null", instance_id=None) | ~rule("also", instance_id=None))) == 50


# ------------------------------------------------------------------ bad input
def test_unknown_rules_are_answered_with_the_nearest(sample):
    with pytest.raises(UnknownNameError, match=r"exclude: the rule 'dsn'.*\n.*did you mean dns"):
        exclude(sample, ["dsn"])
    with pytest.raises(FlowlabError, match="a int is no rule"):
        only(sample, 53)
    with pytest.raises(FlowlabError, match="cannot be asked of a tuple"):
        exclude(fl.sample_flows(), ["dns"])


def test_a_missing_column_is_named_with_its_field(sample):
    with pytest.raises(
        MissingFieldError, match=r"rule icmp needs the column protocol.*\n.*field protocol"
    ):
        exclude(sample.drop(columns="protocol"), "icmp")
    with pytest.raises(UnknownNameError, match="did you mean dstport"):
        waterfall(sample, rule("typo", dstprt=3))
    with pytest.raises(MissingFieldError, match=r"rule far needs the column scope(.|\n)*fl.enrich"):
        exclude(sample, rule("far", scope="internet"))
    with pytest.raises(MissingFieldError, match="pkt-src-aws-service"):
        excluded_by(sample.drop(columns="pkt_src_aws_service"), "health-checks")


def test_rules_that_need_to_know_more_say_so(sample):
    with pytest.raises(FlowlabError, match=r"reserved needs subnets=(.|\n)*infer_subnets"):
        exclude(sample, "reserved")
    with pytest.raises(FlowlabError, match="neither true nor false"):
        exclude(sample, [rule("dns") and rule("ntp")])


def test_the_answer_key_is_plain_data(key):
    assert json.loads(json.dumps(key)) == key
    assert chosen("dns", "test")[0] is NAMED["dns"]
