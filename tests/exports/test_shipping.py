"""Shipping, over real sockets to a strict server: every record is accounted for."""

from __future__ import annotations

import json
import re
import threading

import pandas as pd
import pytest
from exports.fake_bulk import SLOW, FakeBulk

import flowlab as fl
from flowlab.errors import FlowlabError, UnknownNameError
from flowlab.exports import paging, sending
from flowlab.exports.ecs import to_ecs
from flowlab.exports.files import to_csv, to_parquet
from flowlab.exports.shipment import ShipmentError
from flowlab.exports.shipping import ship

N = 300


@pytest.fixture(scope="module")
def flows():
    return fl.sample_flows()[0].iloc[:N].reset_index(drop=True)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Record the waits instead of waiting; nothing is taken from the surroundings."""
    found = []
    monkeypatch.setattr(sending, "pause", found.append)
    monkeypatch.setattr(sending, "MOST_DOCUMENTS", 50)
    monkeypatch.setattr(paging, "PAGE", 120)
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "ELASTIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def serve():
    running = []

    def start(**options):
        running.append(FakeBulk(**options))
        return running[-1]

    yield start
    for server in running:
        server.close()


def go(flows, server, **options):
    return ship(flows, server.url, **{"create": True, "progress": False, **options})


def stored(server):
    return sorted(json.dumps(document, sort_keys=True) for document in server.docs.values())


def as_made(flows):
    return sorted(json.dumps(document, sort_keys=True) for document in to_ecs(flows))


def test_every_document_arrives_as_to_ecs_makes_it_and_fits_the_template(flows, serve):
    server = serve()
    got = go(flows, server)
    assert (got.records, got.shipped, got.unsent, got.complete) == (N, N, 0, True)
    assert stored(server) == as_made(flows)
    assert server.wrong == []
    # 120 + 120 + 60 records, at most 50 at a time: 50 50 20, 50 50 20, 50 10.
    assert len(server.sizes) == got.requests == 8
    (template,) = server.templates.values()
    assert list(server.templates) == ["flowlab-flow-logs"]
    fields = template["template"]["mappings"]["properties"]
    assert fields["source"]["properties"]["ip"] == {"type": "ip"}
    assert fields["@timestamp"] == {"type": "date"}
    assert fields["network"]["properties"]["bytes"] == {"type": "long"}
    assert server.indices["flow-logs"] == template["template"]["mappings"]


def test_shipping_twice_changes_nothing(flows, serve):
    server = serve()
    go(flows.iloc[:100], server)
    again = go(flows, server, create=False)
    assert (again.shipped, again.already_there, again.unsent) == (N - 100, 100, 0)
    assert stored(server) == as_made(flows)


def test_the_same_record_is_the_same_document_from_wherever_it_comes(flows, serve, tmp_path):
    server = serve()
    go(flows, server)
    before = stored(server)
    path = to_csv(flows, tmp_path / "flows.csv")
    parquet = tmp_path / "parquet"
    parquet.mkdir()
    to_parquet(flows, parquet / "flows.parquet")
    archive = fl.archive(path, tmp_path / "kept", progress=False)
    sources = [
        path,
        parquet,
        fl.exclude(archive, rules=[]),
        fl.enrich(flows),
        flows.sample(frac=1, random_state=1),
    ]
    for source in sources:
        got = go(source, server)
        assert (got.records, got.already_there) == (N, N), source
    assert stored(server) == before


def test_raw_documents_fit_their_template_too(flows, serve):
    server = serve()
    go(flows, server, schema="raw", index="raw")
    assert server.wrong == []
    assert len(server.docs) == N
    row = flows.iloc[0]
    (document,) = [
        d for d in server.docs.values()
        if (d["srcport"], d["dstport"], d["bytes"]) == (row.srcport, row.dstport, row.bytes)
        and d["start"] == row.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        and d["interface_id"] == row.interface_id
    ]  # fmt: skip
    assert document["srcaddr"] == row.srcaddr
    assert document["@timestamp"] == document["end"]
    assert server.indices["raw"]["properties"]["srcaddr"] == {"type": "ip"}


def test_records_equal_in_every_field_are_one_document_and_counted(flows, serve):
    server = serve()
    got = go(pd.concat([flows, flows.iloc[:7]], ignore_index=True), server)
    assert (got.records, got.shipped, got.already_there) == (N + 7, N, 7)


@pytest.mark.parametrize(
    ("faults", "retried"),
    [
        ([429, 429], 100),
        ([503], 50),
        (["rst", None, "rst"], 100),
        ([None, ("item429", 9), ("item429", 3)], 12),
        ([("retry-after", 7)], 50),
    ],
    ids=["429", "503", "reset", "single documents", "retry-after"],
)
def test_what_passes_is_sent_again_and_nothing_is_lost(flows, serve, waits, faults, retried):
    server = serve(faults=faults)
    got = go(flows, server)
    assert (got.shipped, got.refused, got.unsent, got.retried) == (N, 0, 0, retried)
    assert stored(server) == as_made(flows)
    assert len(waits) == len([fault for fault in faults if fault])
    if faults[0] == ("retry-after", 7):
        assert waits == [7.0]
    else:
        assert all(0.5 <= wait <= 2.0 for wait in waits)


def test_a_lost_answer_counts_as_already_there(flows, serve):
    server = serve(faults=["lost"])
    got = go(flows, server)
    assert (got.shipped, got.already_there, got.unsent) == (N - 50, 50, 0)
    assert stored(server) == as_made(flows)


def test_a_slow_server_is_given_up_on_and_asked_again(flows, serve):
    server = serve(faults=["slow"])
    got = go(flows.iloc[:20], server, timeout=SLOW / 3)
    assert got.shipped + got.already_there == 20
    assert got.retried >= 20


def test_too_large_halves_the_request_and_remembers(flows, serve):
    size = max(len(text) for text in as_made(flows)) + 100
    server = serve(max_bytes=6 * size)
    got = go(flows, server)
    assert (got.shipped, got.unsent) == (N, 0)
    assert stored(server) == as_made(flows)
    refused = sum(bytes_ > server.max_bytes for bytes_ in server.sizes)
    assert 1 <= refused <= 4  # 50 to 25, 12, 6 once; not for each request


def test_one_document_too_large_is_refused_and_kept(flows, serve, tmp_path):
    huge = flows.iloc[:60].assign(note="x")
    huge.loc[30, "note"] = "x" * 5000
    server = serve(max_bytes=4000)
    got = go(huge, server, refused=tmp_path / "refused.ndjson")
    assert (got.shipped, got.refused, got.unsent) == (59, 1, 0)
    (line,) = (tmp_path / "refused.ndjson").read_text().splitlines()
    kept = json.loads(line)
    assert kept["status"] == 413
    assert kept["_source"]["flowlab"]["note"] == "x" * 5000
    assert got.reasons["reason"].item().startswith("larger than the server takes")


def test_refused_documents_are_kept_with_their_reason(flows, serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = serve(faults=[("item400", 4)])
    got = go(flows, server)
    assert (got.shipped, got.refused, got.unsent, got.complete) == (N - 4, 4, 0, True)
    (file,) = tmp_path.glob("flow-logs.refused-*.ndjson")
    assert got.refused_file.name == file.name
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    kept = [json.dumps(line["_source"], sort_keys=True) for line in lines]
    assert sorted(kept + stored(server)) == as_made(flows)
    assert got.reasons.to_dict("records") == [
        {"status": 400, "reason": "document_parsing_exception: failed to parse: played",
         "documents": 4}
    ]  # fmt: skip
    assert "4 refused, status 400" in repr(got)


def test_a_file_of_an_earlier_run_is_never_touched(flows, tmp_path):
    earlier = tmp_path / "refused.ndjson"
    earlier.write_text("kept")
    with pytest.raises(FlowlabError, match="is there already"):
        ship(flows, "https://search.example.com", refused=earlier)
    assert earlier.read_text() == "kept"


def test_no_file_if_nothing_is_refused(flows, serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    go(flows, serve())
    assert list(tmp_path.iterdir()) == []


def test_it_gives_up_with_an_account_and_goes_on_from_there(flows, serve):
    server = serve(faults=[None] * 4 + [429] * 3)
    flows = flows.sample(frac=1, random_state=1)  # it goes by time all the same
    with pytest.raises(ShipmentError, match=r"status 429 \(3 attempts\)") as caught:
        go(flows, server, retries=2)
    account = caught.value.shipment
    # Four requests: the first page of 120, and 50 of the second.
    assert (account.shipped, account.unsent, account.complete) == (170, N - 170, False)
    again = go(flows, server, start=account.reached)
    assert len(server.docs) == N
    assert stored(server) == as_made(flows)
    assert again.records < N


def test_stopping_it_leaves_an_account(flows, serve, monkeypatch):
    server = serve()
    real, calls = sending.Sender._deliver, []

    def deliver(self, batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(self, batch)

    monkeypatch.setattr(sending.Sender, "_deliver", deliver)
    with pytest.raises(ShipmentError, match=r"stopped\. 100 of 300 records were settled") as caught:
        go(flows, server)
    assert caught.value.shipment.unsent == 200
    assert go(flows, server).already_there == 100
    assert stored(server) == as_made(flows)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("html", "no JSON came"), ("short", "speaks of 49"), ("other", "or of others")],
)
def test_an_answer_that_cannot_be_right_is_not_believed(flows, serve, fault, said):
    server = serve(faults=[fault])
    with pytest.raises(ShipmentError, match=said) as caught:
        go(flows, server)
    assert caught.value.shipment.unsent == N


def test_without_an_index_nothing_is_sent_until_asked(flows, serve):
    server = serve()
    with pytest.raises(FlowlabError, match="has no index flow-logs[\\s\\S]*create=True"):
        ship(flows, server.url, progress=False)
    assert (server.docs, server.templates, server.indices) == ({}, {}, {})


def test_an_index_with_other_types_is_refused_before_anything_is_sent(flows, serve):
    server = serve()
    server.indices["flow-logs"] = {
        "properties": {
            "source": {"properties": {"ip": {"type": "text"}, "port": {"type": "integer"}}},
            "event": {"properties": {"start": {"type": "long"}}},
            "note": {"type": "text"},
        }
    }
    with pytest.raises(FlowlabError, match="event.start is long, not date; source.ip is text"):
        go(flows, server)
    assert server.docs == {}


def test_an_index_that_fits_is_left_as_it_is(flows, serve):
    server = serve()
    address = {"properties": {"ip": {"type": "ip"}}}
    ends = dict.fromkeys(("source", "destination", "related"), address)
    server.indices["flow-logs"] = {"properties": {"tags": {"type": "keyword"}, **ends}}
    go(flows, server)
    assert server.templates == {}
    assert len(server.docs) == N


@pytest.mark.parametrize(
    ("mappings", "lacking"),
    [
        ({}, "source.ip, destination.ip, related.ip"),
        ({"dynamic": "true", "properties": {"source": {"properties": {"ip": {"type": "ip"}}}}},
         "destination.ip, related.ip"),
        ({"dynamic": "false"}, ""),
        ({"dynamic_templates": [{"ips": {"path_match": "*.ip", "mapping": {"type": "ip"}}}]}, ""),
    ],
)  # fmt: skip
def test_an_index_that_would_store_addresses_as_text_is_refused(flows, serve, mappings, lacking):
    server = serve()
    server.indices["flow-logs"] = mappings
    if not lacking:
        assert go(flows, server).shipped == N
        return
    with pytest.raises(FlowlabError, match=rf"no type for {lacking}[\s\S]*create=True"):
        go(flows, server)
    assert server.docs == {}


def test_the_plan_asks_nobody(flows):
    plan = ship(flows, "https://search.example.com", dry_run=True)
    assert plan.records == N
    assert plan.template["index_patterns"] == ["flow-logs"]
    assert len(plan.documents) == 3
    first = {k: v for k, v in plan.documents[0].items() if k != "_id"}
    assert json.dumps(first, sort_keys=True) in as_made(flows)
    assert "nothing sent" in repr(plan)
    assert "&lt;" in ship(flows.assign(note="<b>"), dry_run=True)._repr_html_()


@pytest.mark.parametrize(
    ("name", "why"),
    [("Flow-Logs", "capitals"), ("flow logs", "spaces"), ("", "empty"), ("_flows", "begins with"),
     ("a,b", "not allowed"), ("..", "dot"), ("é" * 128, "longer than 255")],
)  # fmt: skip
def test_names_that_no_server_takes(flows, name, why):
    with pytest.raises(FlowlabError, match=why):
        ship(flows, "https://search.example.com", index=name)


def test_unknown_schemas_and_other_things_than_records(flows):
    with pytest.raises(UnknownNameError, match="ecs"):
        ship(flows, "https://search.example.com", schema="esc")
    with pytest.raises(FlowlabError, match="read_flows returns two things"):
        ship((flows, None), "https://search.example.com")
    with pytest.raises(FlowlabError, match="needs to know where to"):
        ship(flows)


def test_the_account_is_safe_to_show(flows, serve, tmp_path):
    server = serve(faults=[("item400", 1)])
    got = go(flows.iloc[:5], server, refused=tmp_path / "refused.ndjson")
    got.notices.append("<script>alert(1)</script>")
    assert "<script>" not in got._repr_html_()
    assert re.search(r"shipped +4\b", repr(got))


def test_no_thread_is_left(flows, serve):
    before = threading.active_count()
    server = serve()
    go(flows, server)
    server.close()
    assert threading.active_count() <= before + 1
