"""Documents for others: values by the peers' published mappings, worked out by hand."""

from __future__ import annotations

import itertools
import json

import pandas as pd
import pytest
from lines import IPV6, PING_REPLY, SSH_ACCEPTED, read

import flowlab as fl
from flowlab.errors import FlowlabError, MissingFieldError
from flowlab.exports import paging
from flowlab.exports.ecs import to_ecs
from flowlab.exports.files import to_csv, to_parquet
from flowlab.exports.hashing import community_id
from flowlab.exports.ocsf import to_ocsf

V8_FIELDS = (
    "account-id action az-id bytes dstaddr dstport end flow-direction instance-id interface-id "
    "log-status packets pkt-dst-aws-service pkt-dstaddr pkt-src-aws-service pkt-srcaddr protocol "
    "region reject-reason srcaddr srcport start sublocation-id sublocation-type subnet-id "
    "tcp-flags traffic-path type version vpc-id ecs-cluster-name ecs-cluster-arn ecs-task-id"
)
# The record of OCSF's published example (ocsf/examples, AWS v1.5.0, VPC Flowlogs), with addresses
# and a task of our own.
V8 = (
    "123456789012 ACCEPT use2-az2 38526 10.0.0.1 8864 1752247603 egress - eni-0000000000000000 "
    "OK 8 - 198.51.100.5 S3 203.0.113.4 6 us-east-2 - 203.0.113.4 8080 1752247584 - - "
    "subnet-04941e5249e5fb165 19 1 IPv4 8 vpc-00000000 shop "
    "arn:aws:ecs:us-east-2:123456789012:cluster/shop k5ivh86h"
)


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0].iloc[:1000].reset_index(drop=True)


def one(make, line, **options):
    (document,) = make(read(line, **options)[0])
    return json.loads(json.dumps(document))  # as it leaves


# Elastic's published sample event of its AWS integration, less what Elastic's agent adds. Today's
# pipeline writes event.* as ECS 8 wants it; the sample in the package is older.
ELASTIC = {
    "@timestamp": "2016-10-31T11:37:00Z",
    "ecs": {"version": "8.11.0"},
    "cloud": {"provider": "aws", "account": {"id": "123456789010"}},
    "destination": {
        "port": 22,
        "address": "2001:db8:1234:a102:3304:8879:34cf:4071",
        "ip": "2001:db8:1234:a102:3304:8879:34cf:4071",
    },
    "source": {
        "port": 34892,
        "address": "2001:db8:1234:a100:8d6e:3477:df66:f105",
        "ip": "2001:db8:1234:a100:8d6e:3477:df66:f105",
        "bytes": 8855,
        "packets": 54,
    },
    "network": {
        "community_id": "1:hXZclvxUJScaVf0xMIJR6yW6tBQ=",
        "transport": "tcp",
        "type": "ipv6",
        "bytes": 8855,
        "iana_number": "6",
        "packets": 54,
    },
    "related": {
        "ip": [
            "2001:db8:1234:a100:8d6e:3477:df66:f105",
            "2001:db8:1234:a102:3304:8879:34cf:4071",
        ]
    },
    "event": {
        "kind": "event",
        "category": ["network"],
        "type": ["connection", "allowed"],
        "action": "accept",
        "outcome": "success",
        "start": "2016-10-31T11:35:08Z",
        "end": "2016-10-31T11:37:00Z",
    },
    "aws": {
        "vpcflow": {
            "version": "2",
            "account_id": "123456789010",
            "interface_id": "eni-1235b8ca123456789",
            "action": "ACCEPT",
            "log_status": "OK",
        }
    },
}


def test_ecs_is_elastics_own_event_of_the_same_line():
    assert one(to_ecs, IPV6) == ELASTIC


def test_ecs_of_every_kind_of_field():
    got = one(to_ecs, V8.encode(), log_format=V8_FIELDS)
    assert got["network"]["direction"] == "egress"
    assert got["cloud"] == {
        "provider": "aws",
        "account": {"id": "123456789012"},
        "region": "us-east-2",
        "availability_zone": "use2-az2",
    }
    assert got["orchestrator"] == {
        "type": "ecs",
        "cluster": {"id": "arn:aws:ecs:us-east-2:123456789012:cluster/shop", "name": "shop"},
    }
    assert got["related"]["ip"] == ["203.0.113.4", "10.0.0.1", "198.51.100.5"]
    assert got["aws"]["vpcflow"] == {
        "version": "8",
        "account_id": "123456789012",
        "interface_id": "eni-0000000000000000",
        "action": "ACCEPT",
        "log_status": "OK",
        "vpc_id": "vpc-00000000",
        "subnet_id": "subnet-04941e5249e5fb165",
        "type": "IPv4",
        "tcp_flags": "19",
        "tcp_flags_array": ["fin", "syn", "ack"],
        "traffic_path": "1",
        "pkt_srcaddr": "203.0.113.4",
        "pkt_dstaddr": "198.51.100.5",
        "pkt_src_service": "S3",
        "ecs_cluster_arn": "arn:aws:ecs:us-east-2:123456789012:cluster/shop",
        "ecs_task_id": "k5ivh86h",
    }


def test_ecs_of_a_refused_ping_and_of_block_public_access():
    got = one(to_ecs, PING_REPLY)
    assert (got["event"]["action"], got["event"]["outcome"]) == ("reject", "failure")
    assert got["event"]["type"] == ["connection", "denied"]
    assert got["network"]["transport"] == "icmp"
    assert "community_id" not in got["network"]
    blocked = one(to_ecs, b"REJECT BPA", log_format="action reject-reason")
    assert blocked["event"]["reason"] == "BPA"


def test_a_null_is_left_out_and_columns_of_ones_own_are_flowlabs():
    flows = read(SSH_ACCEPTED)[0].assign(team="red", share=0.5, odd=float("nan"))
    flows["when.seen"] = pd.Timestamp("2026-03-02", tz="UTC")
    flows = fl.enrich(flows)
    (got,) = to_ecs(flows)
    assert got["flowlab"]["team"] == "red"
    assert got["flowlab"]["share"] == 0.5
    assert "odd" not in got["flowlab"]
    assert got["flowlab"]["when_seen"].startswith("2026-03-02")
    assert got["flowlab"]["service"] == "ssh"
    json.dumps(got, allow_nan=False)


OCSF = {
    "action": "Allowed",
    "action_id": 1,
    "activity_id": 6,
    "activity_name": "Traffic",
    "category_name": "Network Activity",
    "category_uid": 4,
    "class_name": "Network Activity",
    "class_uid": 4001,
    "cloud": {
        "account": {"uid": "123456789012"},
        "provider": "AWS",
        "region": "us-east-2",
        "zone": "use2-az2",
    },
    "connection_info": {
        "boundary": "Same VPC",
        "boundary_id": 4,
        "direction": "Outbound",
        "direction_id": 2,
        "protocol_num": 6,
        "protocol_ver": "IPv4",
        "tcp_flags": 19,
    },
    "disposition": "Allowed",
    "dst_endpoint": {"intermediate_ips": ["10.0.0.1"], "ip": "198.51.100.5", "port": 8864},
    "end_time_dt": "2025-07-11T15:26:43Z",
    "metadata": {
        "product": {
            "feature": {"name": "Flowlogs"},
            "name": "Amazon VPC",
            "vendor_name": "AWS",
            "version": "8",
        },
        "profiles": ["cloud", "security_control", "datetime"],
        "version": "1.5.0",
    },
    "observables": [
        {
            "name": "dst_endpoint.intermediate_ips[]",
            "value": "10.0.0.1",
            "type": "IP Address",
            "type_id": 2,
        },
        {"name": "dst_endpoint.ip", "value": "198.51.100.5", "type": "IP Address", "type_id": 2},
        {"name": "src_endpoint.ip", "value": "203.0.113.4", "type": "IP Address", "type_id": 2},
    ],
    "severity": "Informational",
    "severity_id": 1,
    "src_endpoint": {
        "interface_uid": "eni-0000000000000000",
        "ip": "203.0.113.4",
        "port": 8080,
        "subnet_uid": "subnet-04941e5249e5fb165",
        "svc_name": "S3",
        "vpc_uid": "vpc-00000000",
    },
    "start_time_dt": "2025-07-11T15:26:24Z",
    "status_code": "OK",
    "time": 1752247584000,
    "time_dt": "2025-07-11T15:26:24Z",
    "traffic": {"bytes": 38526, "packets": 8},
    "type_name": "Network Activity: Traffic",
    "type_uid": 400106,
    "unmapped": {
        "ecs_cluster_arn": "arn:aws:ecs:us-east-2:123456789012:cluster/shop",
        "ecs_cluster_name": "shop",
        "ecs_task_id": "k5ivh86h",
    },
}


def test_ocsf_is_the_published_event_of_the_published_record():
    got = one(to_ocsf, V8.encode(), log_format=V8_FIELDS)
    # Beyond the example: what OCSF 1.5 has a field for, or requires beside the name.
    assert got.pop("disposition_id") == 1
    assert got["connection_info"].pop("community_uid").startswith("1:")
    assert got == OCSF


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ACCEPT", (6, 400106, 1, "Allowed", "Allowed")),
        ("REJECT", (5, 400105, 2, "Denied", "Blocked")),
        ("-", (0, 400100, 99, None, None)),
    ],
)
def test_ocsf_actions(action, expected):
    got = one(to_ocsf, f"10.0.0.1 {action}".encode(), log_format="srcaddr action")
    names = ("activity_id", "type_uid", "action_id", "action", "disposition")
    assert tuple(got.get(name) for name in names) == expected


@pytest.mark.parametrize(
    ("direction", "path", "end", "codes"),
    [
        ("ingress", "-", "dst_endpoint", (1, 99)),
        ("egress", "8", "src_endpoint", (2, 11)),
        ("-", "6", "unmapped", (99, 9)),
    ],
)
def test_ocsf_puts_the_interface_at_the_end_that_is_here(direction, path, end, codes):
    line = f"eni-1 10.0.0.1 {direction} {path}".encode()
    got = one(to_ocsf, line, log_format="interface-id srcaddr flow-direction traffic-path")
    name = "interface_id" if end == "unmapped" else "interface_uid"
    assert got[end][name] == "eni-1"
    assert sum("eni-1" in json.dumps(value) for value in got.values()) == 1
    info = got["connection_info"]
    assert (info["direction_id"], info["boundary_id"]) == codes


def test_ocsf_takes_the_direction_of_enrich_where_aws_gives_none():
    got = one(to_ocsf, SSH_ACCEPTED)
    assert got["connection_info"]["direction_id"] == 0
    assert got["unmapped"] == {"interface_id": "eni-1235b8ca123456789"}
    flows = read(SSH_ACCEPTED)[0].assign(direction="ingress")
    (got,) = to_ocsf(flows)
    assert got["dst_endpoint"]["interface_uid"] == "eni-1235b8ca123456789"


# Published: corelight/community-id-spec, baseline/baseline_deflt.json; ICMP left out.
BASELINE = [
    (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (132, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    (46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    (1, "192.168.0.89", "192.168.0.1", 0, 0, None),  # flow logs do not have type and code
    (6, "-", "192.168.0.1", 5, 6, None),
]  # fmt: skip


def test_community_ids_are_the_published_ones():
    lines = "\n".join(" ".join(map(str, record[:5])) for record in BASELINE).encode()
    flows, _ = read(lines, log_format="protocol srcaddr dstaddr srcport dstport")
    flows.index = range(100, 100 + len(flows))
    got = community_id(flows)
    assert got.index.equals(flows.index)
    assert [None if pd.isna(value) else value for value in got] == [row[5] for row in BASELINE]


def test_community_id_needs_both_ends():
    with pytest.raises(MissingFieldError, match="dstport"):
        community_id(read(b"10.0.0.1 6", log_format="srcaddr protocol")[0])


def test_pages_come_as_they_are_asked_for(sample, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 100)
    asked = []
    real = paging.as_lists
    monkeypatch.setattr(paging, "as_lists", lambda page: asked.append(page.num_rows) or real(page))
    made = list(itertools.islice(to_ecs(sample), 150))
    assert len(made) == 150
    assert asked == [100, 100]


def test_a_period_and_an_archive_give_the_documents_of_the_frame(sample, tmp_path, monkeypatch):
    written = fl.archive(to_csv(sample, tmp_path / "flows.csv"), tmp_path / "kept", progress=False)
    monkeypatch.setattr(paging, "PAGE", 300)

    def ordered(made):
        return sorted(json.dumps(document, sort_keys=True) for document in made)

    assert ordered(to_ecs(written)) == ordered(to_ecs(sample))
    middle = sample["start"].quantile(0.5)
    before = ordered(to_ecs(written, end=middle))
    after = ordered(to_ecs(written, start=middle))
    assert len(before) == (sample["start"] < middle).sum()
    assert sorted(before + after) == ordered(to_ecs(sample))


def test_an_archive_gives_records_without_a_start_too(tmp_path):
    times = pd.array([100, None, 300], "Int64")
    flows = pd.DataFrame({"srcaddr": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "start": times})
    to_parquet(flows, tmp_path / "flows.parquet")
    got = [document["source"]["ip"] for document in to_ecs(fl.open_archive(tmp_path))]
    assert got == ["10.0.0.1", "10.0.0.3", "10.0.0.2"]


def test_what_no_log_contains_is_refused_with_its_reason(sample):
    wrong = sample.assign(dstaddr="banana")
    with pytest.raises(FlowlabError, match="dstaddr is not an IP address: 'banana'"):
        next(to_ecs(wrong))
