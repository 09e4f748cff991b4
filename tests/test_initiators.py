"""Who began: the ladder against AWS's examples, the generated days, and a plain second ladder."""

from __future__ import annotations

import sys
from collections import defaultdict
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines import PING, PING_REPLY, RDP_REJECTED, SSH_ACCEPTED, read, text
from test_aws_examples import TCP_FLAGS, TCP_FLAGS_FORMAT

from flowlab import working
from flowlab.enriching import grouping, listening
from flowlab.enriching.services import SERVICES
from flowlab.enrichment import enrich
from flowlab.practice import scenarios
from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import choose_ports, concatenate
from flowlab.practice.everyday import everyday
from flowlab.practice.stories import stories
from flowlab.practice.vantages import legs
from flowlab.sources.sample import sample_flows

_WHO = ["initiator", "responder", "initiator_basis", "service"]
V2 = ["interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
      "start", "end", "action"]  # fmt: skip


def _who(flows):
    found = enrich(flows, columns=_WHO)[_WHO].astype(object)
    return [tuple(None if pd.isna(v) else v for v in row) for row in found.to_numpy()]


def test_aws_example_of_a_tcp_sequence():
    flows, _ = read(TCP_FLAGS, log_format=TCP_FLAGS_FORMAT)
    # "The client is 52.213.180.42": it sent the SYNs; 10.0.0.62 answered with SYN-ACK. Two of the
    # records, with FIN alone, say so only together with the others. 5001 is no service's port.
    assert _who(flows) == [("52.213.180.42", "10.0.0.62", "syn", None)] * 8
    later = flows[flows["tcp_flags"] == 1]
    assert set(_who(later)) == {(None, None, "unknown", None)}


def test_aws_examples_in_the_default_format():
    flows, _ = read(text(SSH_ACCEPTED, RDP_REJECTED))
    assert _who(flows) == [
        ("172.31.16.139", "172.31.16.21", "direction", "ssh"),
        ("172.31.9.69", "172.31.9.12", "direction", "ms-wbt-server"),
    ]
    flows, _ = read(text(PING, PING_REPLY))  # the reply was refused by the network ACL
    assert _who(flows) == [("203.0.113.12", "172.31.16.139", "direction", None)] * 2
    flows, _ = read(text(PING))  # alone, it may be an answer itself
    assert _who(flows) == [(None, None, "unknown", None)]


def _records(*rows, **more):
    names = ["srcaddr", "srcport", "dstaddr", "dstport"]
    frame = pd.DataFrame(rows, columns=names).assign(protocol=6, action="ACCEPT")
    return frame.assign(**more)


def test_an_answer_without_its_question_is_no_beginning():
    assert _who(_records(("10.0.0.5", 443, "10.0.0.9", 40000))) == [
        ("10.0.0.9", "10.0.0.5", "registry", "https")
    ]


def test_a_port_that_answered_others_is_the_one_that_is_asked():
    # No SYN of the long connection is seen; another one's is. 7443 is no port of the table.
    flows = _records(
        ("10.0.0.9", 40000, "10.0.0.5", 7443),
        ("10.0.0.5", 7443, "10.0.0.9", 40000),
        ("10.0.0.8", 50000, "10.0.0.5", 7443),
        tcp_flags=[0, 0, 2],
    )
    assert [row[0] for row in _who(flows)] == ["10.0.0.9", "10.0.0.9", "10.0.0.8"]
    assert [row[2] for row in _who(flows)] == ["listening port", "listening port", "syn"]


@pytest.mark.parametrize(("ports", "basis"), [(4, "unknown"), (5, "listening port")])
def test_a_port_that_many_ports_talk_to(ports, basis):
    pairs = [("10.0.0.9", 40000 + n, "10.0.0.5", 7443) for n in range(ports)]
    flows = _records(*pairs, *[(b, q, a, p) for a, p, b, q in pairs])
    expected = "10.0.0.9" if basis != "unknown" else None
    assert {row[:3:2] for row in _who(flows)} == {(expected, basis)}


@pytest.mark.parametrize(("others", "basis"), [(15, "unknown"), (16, "listening port")])
def test_more_than_three_times_as_many_ports(others, basis):
    # 10.0.0.9:9999 talks to five ports, one of them 10.0.0.5:7443, which talks to `others`.
    pairs = [("10.0.0.7", 40000 + n, "10.0.0.9", 9999) for n in range(4)]
    pairs += [("10.0.0.8", 40000 + n, "10.0.0.5", 7443) for n in range(others - 1)]
    pairs += [("10.0.0.9", 9999, "10.0.0.5", 7443)]
    found = _who(_records(*pairs, *[(b, q, a, p) for a, p, b, q in pairs]))
    assert found[len(pairs) - 1][2] == basis


def test_a_ports_name_is_no_evidence_where_clients_choose_theirs():
    # 50051 is what gRPC likes; it is also a port that Linux gives to clients.
    flows = _records(("10.0.0.9", 50051, "10.0.0.5", 7443), ("10.0.0.5", 7443, "10.0.0.9", 50051))
    assert {row[2] for row in _who(flows)} == {"unknown"}


def test_a_scanner_with_one_port_of_its_own_listens_nowhere():
    pairs = [("10.0.0.9", 44444, "10.0.0.5", 7000 + n) for n in range(50)]
    flows = _records(*pairs, *[(b, q, a, p) for a, p, b, q in pairs])
    assert {row[2] for row in _who(flows)} <= {"unknown", "registry"}
    assert {row[0] for row in _who(flows)} <= {None, "10.0.0.9"}


def test_a_transit_gateways_ack_is_no_answer_to_a_syn():
    row = ("10.0.0.9", 40000, "10.0.0.5", 7443)
    back = ("10.0.0.5", 7443, "10.0.0.9", 40000)
    flows = _records(row, back, tcp_flags=[26, 26])  # SYN, ACK and PSH ORed over the window
    assert {r[2] for r in _who(flows)} == {"syn"} and len({r[0] for r in _who(flows)}) == 2
    gateway = flows.assign(tgw_id="tgw-0123456789abcdef0")
    assert {r[2] for r in _who(gateway)} == {"unknown"}
    assert {r[2] for r in _who(flows.assign(resource_type="TransitGateway"))} == {"unknown"}
    assert {r[2] for r in _who(flows.assign(tcp_flags=24))} == {"unknown"}  # PSH and ACK: no SYN
    assert _who(gateway.assign(tcp_flags=[2, 26]))[1][:3] == ("10.0.0.9", "10.0.0.5", "syn")


def test_zonal_nat_gateway_both_legs():
    # The legs that AWS's example has, with ports: towards the instance the NAT's address stands
    # for the server's.
    flows = _records(
        ("10.0.1.5", 40000, "10.0.0.220", 443), ("10.0.0.220", 1030, "203.0.113.5", 443),
        ("203.0.113.5", 443, "10.0.0.220", 1030), ("10.0.0.220", 443, "10.0.1.5", 40000),
    )  # fmt: skip
    inner, outer = ("10.0.1.5", "10.0.0.220"), ("10.0.0.220", "203.0.113.5")
    assert [row[:2] for row in _who(flows)] == [inner, outer, outer, inner]


# ---- the generated days, whose conversations say who began


def _key(one, other, protocol):
    return (min(one, other), max(one, other), protocol)


def _keys(sources, source_ports, targets, target_ports, protocols):
    ends = zip(zip(sources, source_ports, strict=True), zip(targets, target_ports, strict=True),
               protocols, strict=True)  # fmt: skip
    return [_key(a, b, p) for a, b, p in ends]


@cache
def _day(seed):
    """A day's records, and who began each, from the generator's own conversations."""
    planted = choose_ports(np.random.default_rng([seed, 300]), stories(seed)[0])
    talks = concatenate([everyday(seed, 1.0), planted])
    seen, book = legs(talks), np.array(address_book().text)
    order = np.argsort(talks.start[seen.conversation], kind="stable")
    source, target = book[seen.srcaddr][order], book[seen.dstaddr][order]
    keys = _keys(source, seen.srcport[order].tolist(), target, seen.dstport[order].tolist(),
                 talks.protocol[seen.conversation][order].tolist())  # fmt: skip
    began: dict = {}
    for key, first in zip(keys, np.where(seen.reply[order] == 1, target, source), strict=True):
        began.setdefault(key, str(first))  # late packets belong to the connection before them
    flows = scenarios.generate(seed=seed).table.to_pandas()
    flows.columns = [name.replace("-", "_") for name in flows.columns]
    flows = flows[flows["log_status"] == "OK"].reset_index(drop=True)
    for name in ("start", "end"):
        flows[name] = pd.to_datetime(flows[name], unit="s", utc=True)
    names = ["srcaddr", "srcport", "dstaddr", "dstport", "protocol"]
    truth = [began[key] for key in _keys(*(flows[n].tolist() for n in names))]
    return flows, pd.Series(truth)


def _measured(flows, truth):
    found = enrich(flows, columns=["initiator", "initiator_basis"])
    right = found["initiator"].astype("str").to_numpy() == truth.to_numpy()
    by = pd.DataFrame({"basis": found["initiator_basis"].astype("str"), "right": right})
    return by.groupby("basis")["right"].agg(["size", "mean"])


_VIEWS = {
    "all": lambda f: slice(None),
    "one hour": lambda f: f["start"].dt.hour == 10,
    "a tenth": lambda f: f.index % 10 == 3,
    "egress only": lambda f: f["flow_direction"] == "egress",
    "rejected only": lambda f: f["action"] == "REJECT",
}


@pytest.mark.parametrize("seed", [scenarios.SEED, 1])
@pytest.mark.parametrize("view", _VIEWS)
@pytest.mark.parametrize("format_", ["version 5", "default"])
def test_share_right_of_the_generated_days(seed, view, format_, capsys):
    flows, truth = _day(seed)
    rows = _VIEWS[view](flows)
    part = flows.loc[rows, V2 if format_ == "default" else flows.columns]
    measured = _measured(part, truth[rows])
    with capsys.disabled():
        shown = "; ".join(
            f"{basis} {row['size']:.0f} records, {row['mean']:.4f} right"
            for basis, row in measured.drop("unknown", errors="ignore").iterrows()
        )
        sys.stdout.write(f"\n  {format_}, {view}, seed {seed}: {shown}")
    decided = measured.drop("unknown", errors="ignore")
    # A handful of records is no measure.
    assert (decided.loc[decided["size"] >= 50, "mean"] >= 0.99).all()
    assert decided["size"].sum() / len(part) >= (0.94 if view == "rejected only" else 0.98)


@pytest.mark.parametrize("alone", ["direction", "listening port", "registry"])
def test_each_rung_by_itself(alone, monkeypatch):
    from flowlab.enriching import initiators as ladder

    rungs = {"direction": "_one_way", "listening port": "_listening"}
    flows, truth = _day(scenarios.SEED)
    for rung, name in rungs.items():
        if rung != alone:
            monkeypatch.setattr(
                ladder, name, lambda tuples, *_: np.zeros(len(tuples.low), np.uint8)
            )
    measured = _measured(flows[V2], truth)
    assert measured.loc[alone, "mean"] >= 0.99
    assert measured.loc[alone, "size"] >= {"direction": 9_000}.get(alone, 80_000)


# ---- a second ladder, one record after the other


def _plainly(rows):
    registered = {(s.port, p) for s in SERVICES for p in s.protocols if s.port < 32768}
    tuples = defaultdict(list)
    for row in rows:
        one, other = row[0:2], row[2:4]
        tuples[_key(one, other, row[4])].append((one, other, row[5], row[6]))
    answers, ports = set(), defaultdict(set)
    syn = {}
    for key, told in tuples.items():
        began = {a if flags & 18 == 2 else b for a, b, flags, _ in told
                 if flags and (flags & 18 == 2 or flags & 16)}  # fmt: skip
        low, high, protocol = key
        if len(began) == 1 and low != high:
            answers.add((*({low, high} - began).pop(), protocol))
        syn[key] = began
        for mine, other in ((low, high), (high, low)):
            if mine[1] < 32768 and other[1] >= 1024 and protocol in (6, 17, 132):
                ports[(*mine, protocol)].add(other[1])

    def decide(key):
        low, high, protocol = key
        told = tuples[key]
        if len(syn[key]) == 1 and low != high:
            return syn[key].copy().pop(), "syn"
        if low == high:
            return None, "unknown"
        has_ports = protocol in (6, 17, 132)
        is_service = {end: has_ports and (end[1], protocol) in registered for end in (low, high)}
        client = None
        for end, other in ((low, high), (high, low)):
            if is_service[other] and not is_service[end] and end[1] >= 1024:
                client = end
        accepted = {a for a, _, _, action in told if action == "ACCEPT"}
        senders = {a for a, *_ in told}
        one = accepted or senders
        if protocol != 6 and len(one) == 1 and (has_ports or len(senders) == 2):
            sender = next(iter(one))
            if client in (None, sender):
                return sender, "direction"
        if has_ports:
            said = [(*end, protocol) in answers for end in (low, high)]
            if any(said):
                if not all(said):
                    return (high if said[0] else low), "listening port"
            else:
                n = [max(1, len(ports[(*end, protocol)])) for end in (low, high)]
                if n[0] >= 5 and n[0] > 3 * n[1]:
                    return high, "listening port"
                if n[1] >= 5 and n[1] > 3 * n[0]:
                    return low, "listening port"
        return (client, "registry") if client else (None, "unknown")

    found = []
    for row in rows:
        one, other, flags = row[0:2], row[2:4], row[5]
        end, basis = decide(_key(one, other, row[4]))
        if flags and (flags & 18 == 2 or flags & 16):
            end, basis = (one if flags & 18 == 2 else other), "syn"
        found.append((end[0] if end else None, basis))
    return found


_rows = st.lists(
    st.tuples(
        st.sampled_from(["10.0.0.5", "10.0.0.9", "2001:db8::1"]),
        st.sampled_from([0, 53, 443, 1500, 7443, 40000, 40001, 40002, 40003, 40004, 40005]),
        st.sampled_from(["10.0.0.5", "10.0.0.9", "2001:db8::1"]),
        st.sampled_from([0, 53, 443, 1500, 7443, 40000, 40001, 40002, 40003, 40004, 40005]),
        st.sampled_from([1, 6, 17]),
        st.sampled_from([0, 1, 2, 3, 18, 19]),
        st.sampled_from(["ACCEPT", "REJECT"]),
    ).map(lambda row: row if row[4] == 6 else (*row[:5], 0, row[6])),
    min_size=1,
    max_size=40,
)


@given(_rows)
@settings(deadline=None, max_examples=250)
@example([("10.0.0.5", 0, "10.0.0.5", 0, 6, flags, "ACCEPT") for flags in (0, 2)])
@example([("10.0.0.9", 40000 + n, "10.0.0.5", 7443, 6, 0, "ACCEPT") for n in range(6)])
def test_a_plain_ladder_says_the_same(rows):
    names = ["srcaddr", "srcport", "dstaddr", "dstport", "protocol", "tcp_flags", "action"]
    found = _who(pd.DataFrame(rows, columns=names))
    assert [(row[0], row[2]) for row in found] == _plainly(rows)


# ---- many records: blocks, CPUs, and what finds numbers again


@pytest.mark.parametrize(
    ("format_", "decides"), [("version 5", {"syn"}), ("default", {"direction", "registry"})]
)
def test_the_size_of_blocks_and_the_number_of_cpus_change_nothing(format_, decides, monkeypatch):
    flows, _ = sample_flows()
    if format_ == "default":
        flows = flows[V2]
    whole = enrich(flows)
    assert decides | {"listening port"} <= set(whole["initiator_basis"])
    monkeypatch.setattr(working, "BLOCK", 1_001)
    monkeypatch.setattr(grouping, "BLOCK", 1_001)
    monkeypatch.setattr(grouping, "CPUS", 5)
    monkeypatch.setattr(working, "CPUS", 5)
    found = enrich(flows)
    assert [name for name in whole if not found[name].equals(whole[name])] == []


@pytest.mark.parametrize("cpus", [1, 2, 5])
@pytest.mark.parametrize("keys", [1, 3, 60_000, 10**9])
def test_groups_are_those_of_pandas(keys, cpus, monkeypatch):
    monkeypatch.setattr(grouping, "CPUS", cpus)
    random = np.random.default_rng(keys)
    ends = random.integers(0, keys, 150_000), random.integers(0, 2, 150_000)
    key = grouping.key_of(*ends, np.full(150_000, 6))
    groups = grouping.group_by(key)
    bits = random.integers(0, 2, len(key)).astype(np.uint8) << np.uint8(3)
    same = pd.Series(bits).groupby([*ends])
    assert groups.any_of(bits).tolist() == same.transform("max").tolist()
    one = groups.one_of_each(len(key))
    assert one.sum() == same.ngroups == len(np.unique(key[one]))


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 3), st.integers(0, 255)), min_size=1)
)
@settings(deadline=None)
def test_groups_are_those_of_a_dict(rows):
    low, high, protocol = (np.array([r[i] for r in rows], np.int64) for i in range(3))
    groups = grouping.group_by(grouping.key_of(low, high, protocol))
    expected = defaultdict(list)
    for number, row in enumerate(rows):
        expected[row].append(number)
    found = [part.tolist() for part in np.split(groups.order, groups.start)[1:]]
    alone = [[row] for row in range(len(rows)) if row not in groups.order]
    assert sorted(map(sorted, found + alone)) == sorted(expected.values())


def test_keys_that_differ_only_in_the_bits_that_make_way_are_kept_apart():
    key = np.tile(np.arange(7, dtype=np.uint64), 100) + np.uint64(5 << 40)
    groups = grouping.group_by(key)
    assert sorted(groups.order.tolist()) == list(range(700))
    assert len(groups.start) == 7


@pytest.mark.parametrize("cpus", [1, 2, 5, 64])
@pytest.mark.parametrize("numbers", [0, 1, 2**16, 2**30])
def test_sorting_in_parts_cuts_no_group(numbers, cpus, monkeypatch):
    monkeypatch.setattr(grouping, "CPUS", cpus)
    given = np.random.default_rng(1).integers(0, numbers + 1, 200_000 if numbers else 0)
    parts = grouping.in_order(given.copy(), 8, np.copy)
    assert np.concatenate(parts).tolist() == sorted(given.tolist())
    groups = [set((part >> 8).tolist()) for part in parts]
    assert len(set().union(*groups)) == sum(map(len, groups))
    assert (len(parts) > 1) == (cpus > 1 and numbers > 0)


@pytest.mark.parametrize("size", [0, 1, 40_000])
def test_known_numbers_are_found_at_their_places(size):
    numbers = np.unique(np.random.default_rng(size).integers(0, 2**60, size))
    known = listening.Known(numbers)
    assert known.find(numbers).tolist() == list(range(len(numbers)))
    others = np.setdiff1d(np.append(numbers + 1, [0, 2**60]), numbers)
    assert set(known.find(others).tolist()) == {-1}


def test_ports_are_counted_once_each_and_only_of_listeners():
    # 7443 of end 5 talks to three client ports, one of them twice; 40000 is no listener's port.
    one, other = np.full(5, 5 << 16 | 7443), 9 << 16 | np.array([1024, 50000, 50000, 1023, 40000])
    found = listening.pairs(one, other, np.zeros(5, np.uint8), np.ones(5, bool), None)
    talked = listening.counted([found[:2], found[2:]])
    ends = listening.listener(np.array([5 << 16 | 7443, 9 << 16 | 1024, 9 << 16 | 40000]), 0)
    assert talked.of(ends).tolist() == [3, 1, 1]
