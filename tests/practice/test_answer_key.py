"""What a plain query over the records finds is what the answer key says.

The key is counted on conversations; these queries know nothing of them.
"""

import json

import pandas as pd
import pyarrow as pa
import pytest

from flowlab.practice import generate


@pytest.fixture(scope="module", params=[20260302, 7])
def scenario(request):
    return generate(seed=request.param, records=100_000 if request.param > 7 else 30_000)


@pytest.fixture(scope="module")
def key(scenario):
    return scenario.answer_key


@pytest.fixture(scope="module")
def flows(scenario):
    table = scenario.table
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    frame = pa.table(columns, names=table.column_names).to_pandas(types_mapper=pd.ArrowDtype)
    return frame[frame["log-status"] == "OK"]


def test_the_key_is_plain_data(key):
    assert json.loads(json.dumps(key)) == key
    assert set(key) == {"scan", "leak", "misconfiguration", "nacl_return_block", "beacon", "dns"}


def test_vertical_scan(flows, key):
    answer = key["scan"]["vertical"]
    # Found without the key: who tried most ports of one host? Flags 2, 3 and 6 hold a SYN of
    # someone who opens; replies to clients have many ports too.
    opened = flows[(flows["flow-direction"] == "ingress") & flows["tcp-flags"].isin([2, 3, 6])]
    widest = opened.groupby(["srcaddr", "dstaddr"])["dstport"].nunique().nlargest(2)
    assert widest.index[0] == (answer["source"], answer["host"])
    tried_by_others = widest.iloc[1]
    rows = flows[(flows["srcaddr"] == answer["source"]) & (flows["flow-direction"] == "ingress")]
    rejected = rows[rows["action"] == "REJECT"]
    assert rows["dstport"].nunique() == answer["ports"] > 10 * tried_by_others
    assert set(rows["dstaddr"]) == {answer["host"]}
    assert set(rows["interface-id"]) == {answer["interface_id"]}
    assert len(rejected) == answer["rejected_ports"]
    assert rejected["bytes"].sum() == answer["rejected_bytes"]
    open_ports = rows.loc[rows["action"] == "ACCEPT", "dstport"].unique()
    assert sorted(open_ports) == answer["open_ports"]
    assert (rows["start"].min(), rows["end"].max()) == (answer["start"], answer["end"])


def test_horizontal_scan(flows, key):
    answer = key["scan"]["horizontal"]
    rows = flows[flows["srcaddr"] == answer["source"]]
    assert sorted(rows["dstaddr"].unique()) == answer["hosts"]
    assert len(answer["hosts"]) == 4
    assert sorted(rows["dstport"].unique()) == answer["ports"] == [22, 3389]
    assert set(rows["action"]) == {"REJECT"}
    assert (len(rows), rows["bytes"].sum()) == (answer["attempts"], answer["bytes"])
    assert (rows["start"].min(), rows["end"].max()) == (answer["start"], answer["end"])


def test_leak(flows, key):
    answer = key["leak"]
    egress = flows[flows["flow-direction"] == "egress"]
    rows = egress[
        (egress["interface-id"] == answer["interface_id"])
        & (egress["dstaddr"] == answer["destination"])
    ]
    assert set(rows["srcaddr"]) == {answer["source"]}
    assert set(rows["dstport"]) == {answer["port"]}
    assert rows["srcport"].nunique() == answer["connections"]
    assert (rows["bytes"].sum(), rows["packets"].sum()) == (
        answer["bytes_sent"],
        answer["packets_sent"],
    )
    back = flows[
        (flows["srcaddr"] == answer["destination"]) & (flows["dstaddr"] == answer["source"])
    ]
    assert back["bytes"].sum() == answer["bytes_received"]
    assert (rows["start"].min(), rows["end"].max()) == (answer["start"], answer["end"])
    midnight = answer["start"] // 86_400 * 86_400
    assert midnight + 7200 <= answer["start"] < answer["end"] <= midnight + 16_200
    assert 3e9 < answer["bytes_sent"] < 9e9
    # The NAT gateway sees it too, and nobody else does.
    nat = egress[(egress["pkt-dstaddr"] == answer["destination"]) & ~egress.index.isin(rows.index)]
    assert nat["bytes"].sum() == answer["bytes_sent"]
    assert len(set(nat["interface-id"])) == 1
    # Modest records: the nightly backup has larger ones.
    assert rows["bytes"].max() < egress.loc[egress["traffic-path"] == 7, "bytes"].max()


def test_misconfiguration(flows, key):
    answer = key["misconfiguration"]
    rows = flows[
        (flows["srcaddr"] == answer["source"])
        & (flows["dstaddr"] == answer["destination"])
        & (flows["dstport"] == answer["port"])
    ]
    rejected = rows[rows["action"] == "REJECT"]
    assert set(rejected["interface-id"]) == {answer["rejected_by"]}
    assert set(rejected["flow-direction"]) == {"ingress"}
    assert rejected["srcport"].nunique() == answer["attempts"]
    assert (rejected["packets"].sum(), rejected["bytes"].sum()) == (
        answer["packets"],
        answer["bytes"],
    )
    assert (rejected["start"].min(), rejected["end"].max()) == (answer["start"], answer["end"])
    sent = rows[rows["action"] == "ACCEPT"]
    assert (sent["packets"].sum(), sent["bytes"].sum()) == (answer["packets"], answer["bytes"])
    assert set(rows["tcp-flags"]) == {2}
    assert not (
        (flows["srcaddr"] == answer["destination"]) & (flows["srcport"] == answer["port"])
    ).any()


def test_nacl_return_block(flows, key):
    answer = key["nacl_return_block"]
    icmp = flows[flows["protocol"] == answer["protocol"]]
    asked = icmp[icmp["srcaddr"] == answer["source"]]
    replied = icmp[icmp["dstaddr"] == answer["source"]]
    assert (set(asked["action"]), set(replied["action"])) == ({"ACCEPT"}, {"REJECT"})
    assert sorted(asked["dstaddr"].unique()) == answer["hosts"]
    for rows, word in ((asked, "accepted"), (replied, "rejected")):
        assert rows["packets"].sum() == answer[f"packets_{word}"]
        assert rows["bytes"].sum() == answer[f"bytes_{word}"]
    # Four pings a series, and no reply is rejected anywhere else.
    assert answer["packets_accepted"] == 4 * answer["ping_series"]
    rejected_egress = (flows["action"] == "REJECT") & (flows["flow-direction"] == "egress")
    assert set(flows.loc[rejected_egress, "dstaddr"]) == {answer["source"]}


def test_beacon(flows, key):
    answer = key["beacon"]
    sent = flows[flows["dstaddr"] == answer["destination"]]
    received = flows[flows["srcaddr"] == answer["destination"]]
    assert set(sent["interface-id"]) == {answer["interface_id"]}
    assert set(sent["srcaddr"]) == {answer["source"]}
    assert set(sent["dstport"]) == {answer["port"]}
    first = sent.groupby("srcport")["start"].min().sort_values().astype("int64")
    assert len(first) == answer["contacts"]
    gaps = first.diff().dropna()
    assert gaps.median() == answer["median_interval"]
    assert gaps.between(answer["interval"] - 20, answer["interval"] + 20).all()
    assert (sent["bytes"].sum(), received["bytes"].sum()) == (
        answer["bytes_sent"],
        answer["bytes_received"],
    )
    assert (sent["start"].min(), sent["end"].max()) == (answer["start"], answer["end"])


def test_dns(flows, key):
    answer = key["dns"]
    asked = flows[(flows["dstaddr"] == answer["server"]) & (flows["dstport"] == 53)]
    answered = flows[(flows["srcaddr"] == answer["server"]) & (flows["srcport"] == 53)]
    assert len(asked) + len(answered) == answer["records"]
    assert answer["share_of_records"] == pytest.approx(answer["records"] / len(flows))
    at_server = asked[asked["interface-id"] == answer["interface_id"]]
    assert len(at_server) == answer["conversations"]
    assert at_server["srcaddr"].value_counts().to_dict() == answer["clients"]
    assert at_server["bytes"].sum() == answer["bytes_asked"]
    sent = answered[answered["interface-id"] == answer["interface_id"]]
    assert sent["bytes"].sum() == answer["bytes_answered"]
    upstream = flows[
        (flows["srcaddr"] == answer["server"]) & (flows["dstaddr"] == answer["upstream"])
    ]
    assert len(upstream) == answer["forwarded"]
