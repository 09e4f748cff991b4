"""Conversations, peers and pages of records against plain Python, and by hand."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
import pytest
from lines import HEADER, read, text
from pandas.testing import assert_frame_equal

import flowlab as fl
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError

_LINE = "2 000123456789 {eni} {src} {dst} {sport} {dport} {proto} {packets} {size} {start} {end} {action} OK"
_ROW = {
    "eni": "eni-0a", "src": "10.0.0.1", "dst": "10.0.0.2", "sport": 40000, "dport": 443, "proto": 6,
    "packets": 1, "size": 100, "start": 1788222600, "end": 1788222600, "action": "ACCEPT",
}  # fmt: skip


def _flows(*rows: dict[str, object]) -> pd.DataFrame:
    return read(text(HEADER, *(_LINE.format(**(_ROW | row)).encode() for row in rows)))[0]


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0]


# ------------------------------------------------------------------ conversations
def test_both_directions_are_one_conversation_and_the_lower_port_is_side_b():
    flows = _flows(
        {"size": 100},
        {"src": "10.0.0.2", "dst": "10.0.0.1", "sport": 443, "dport": 40000, "size": 900,
         "start": 1788222610, "end": 1788222660},
        {"sport": 40001, "size": 7, "action": "REJECT"},
    )  # fmt: skip
    got = fl.conversations(flows)
    assert got[["addr_a", "port_a", "addr_b", "port_b"]].to_numpy().tolist() == [
        ["10.0.0.1", 40000, "10.0.0.2", 443],
        ["10.0.0.1", 40001, "10.0.0.2", 443],
    ]
    first = got.iloc[0]
    assert (first["bytes"], first["bytes_a_to_b"], first["bytes_b_to_a"]) == (1000, 100, 900)
    assert first["flow_records"] == 2 and first["interfaces"] == 1
    assert first["first_start"] == pd.Timestamp(1788222600, unit="s", tz="UTC")
    assert first["last_end"] == pd.Timestamp(1788222660, unit="s", tz="UTC")
    assert got["accepted"].tolist() == [2, 0] and got["rejected"].tolist() == [0, 1]


def test_conversations_are_what_plain_python_joins(sample):
    expected: dict[object, list[int]] = defaultdict(lambda: [0, 0, 0])
    columns = ("srcaddr", "srcport", "dstaddr", "dstport", "protocol", "bytes")
    for src, sport, dst, dport, protocol, size in zip(
        *(sample[c].tolist() for c in columns), strict=True
    ):
        forward = sport > dport or (sport == dport and src <= dst)
        a, b = ((src, sport), (dst, dport)) if forward else ((dst, dport), (src, sport))
        sums = expected[(*a, *b, protocol)]
        sums[0] += 1
        sums[1 if forward else 2] += size
    got = fl.conversations(sample, n=None)
    keys = ["addr_a", "port_a", "addr_b", "port_b", "protocol"]
    values = zip(
        *(got[c].tolist() for c in (*keys, "flow_records", "bytes_a_to_b", "bytes_b_to_a")),
        strict=True,
    )
    assert {row[:5]: list(row[5:]) for row in values} == expected
    assert got["bytes"].is_monotonic_decreasing
    assert got["share"].sum() == pytest.approx(1)


def test_a_side_that_is_not_known_is_kept_and_counted():
    unknown = {"src": "-", "sport": "-"}
    got = fl.conversations(_flows(unknown, {"dst": "-", "dport": "-"}, unknown), n=None)
    assert got["flow_records"].sum() == 3
    assert int(got["bytes"].sum()) == 300


# ------------------------------------------------------------------ peers
def test_peers_are_distinct_addresses_of_the_other_side(sample):
    sent, heard = defaultdict(set), defaultdict(set)
    for src, dst in zip(sample["srcaddr"].tolist(), sample["dstaddr"].tolist(), strict=True):
        sent[src].add(dst)
        heard[dst].add(src)
    got = fl.peers(sample, n=None)
    assert set(got["addr"]) == set(sent) | set(heard)
    for row in got.itertuples():
        assert row.peers == len(sent[row.addr] | heard[row.addr])
        assert row.peers_sent_to == len(sent[row.addr])
        assert row.peers_heard_from == len(heard[row.addr])
    assert int(got["bytes"].sum()) == 2 * int(sample["bytes"].sum())


def test_a_scan_shows_in_peers_although_it_has_no_bytes_to_speak_of():
    scan = [
        {"src": "192.0.2.7", "dst": f"10.0.0.{n}", "size": 40, "action": "REJECT"}
        for n in range(1, 60)
    ]
    flows = _flows({"size": 10**9}, *scan)
    assert fl.peers(flows, n=1)["addr"].item() == "192.0.2.7"
    assert fl.top_talkers(flows, n=1)["addr"].item() == "10.0.0.1"


# ------------------------------------------------------------------ records
def test_pages_put_together_are_all_records_in_order(sample):
    few = sample.head(1000)
    pages = [fl.records(few, sort_by="bytes", n=300, offset=at) for at in range(0, 1000, 300)]
    assert [len(page) for page in pages] == [300, 300, 300, 100]
    every = pd.concat(pages, ignore_index=True)
    assert every["bytes"].is_monotonic_increasing
    whole = lambda frame: sorted(map(tuple, frame.astype(object).astype(str).to_numpy().tolist()))  # noqa: E731
    assert whole(every) == whole(few)


def test_a_page_has_the_types_of_the_flows(sample):
    page = fl.records(sample, n=5)
    assert list(page.columns) == list(sample.columns)
    kinds = {
        c: "category" if isinstance(t, pd.CategoricalDtype) else str(t)
        for c, t in sample.dtypes.items()
    }
    got = {
        c: "category" if isinstance(t, pd.CategoricalDtype) else str(t)
        for c, t in page.dtypes.items()
    }
    assert got == kinds


def test_a_record_without_bytes_keeps_its_null_and_stands_last():
    flows = _flows({"size": "-"}, {"size": 5}, {"size": 9})
    page = fl.records(flows, sort_by="bytes", descending=True)
    assert page["bytes"].tolist()[:2] == [9, 5] and page["bytes"].isna().tolist() == [
        False,
        False,
        True,
    ]
    assert str(page["bytes"].dtype) == "int64[pyarrow]"


def test_no_records_give_an_empty_frame_with_the_same_columns():
    none = _flows({}).iloc[:0]
    assert fl.records(none).empty and list(fl.records(none).columns) == list(none.columns)
    assert fl.conversations(none).empty and fl.peers(none).empty


def test_what_cannot_be_asked_is_said():
    flows = _flows({})
    with pytest.raises(UnknownNameError, match="did you mean .*bytes"):
        fl.records(flows, sort_by="byte")
    with pytest.raises(FlowlabError, match="offset=-1 is not a number of rows"):
        fl.records(flows, offset=-1)
    with pytest.raises(UnknownNameError, match="rank_by"):
        fl.conversations(flows, rank_by="peers")
    with pytest.raises(MissingFieldError, match="srcport"):
        fl.conversations(flows.drop(columns="srcport"))


def test_an_archive_gives_the_same(sample, tmp_path):
    archive = fl.archive(_written(sample, tmp_path), tmp_path / "kept")
    for ask in (fl.conversations, fl.peers, fl.records):
        pd.testing.assert_frame_equal(
            ask(archive, n=40).astype(object), ask(sample, n=40).astype(object)
        )


def _written(flows, folder):
    columns = list(flows.columns)
    plain = flows.assign(
        start=flows["start"].astype("int64"), end=flows["end"].astype("int64")
    ).astype(object)
    lines = [" ".join(c.replace("_", "-") for c in columns)]
    lines += [
        " ".join("-" if pd.isna(v) else str(v) for v in row) for row in plain.to_numpy().tolist()
    ]
    path = folder / "sample.log"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("rank_by", ["bytes", "packets", "flow_records"])
def test_the_first_conversations_are_the_head_of_all(rank_by):
    """The first are found by one measure, and then read again; all of them in one go."""
    flows = fl.sample_flows()[0].iloc[::40]
    every = fl.conversations(flows, rank_by=rank_by, n=None)
    for n in (1, 7, len(every) + 5):
        assert_frame_equal(fl.conversations(flows, rank_by=rank_by, n=n), every.head(n))
