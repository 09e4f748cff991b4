"""AWS's 16 named queries: the call that the documentation gives for each has the same answer.

AWS documents what each query gives, not its text, so the SQL here is written after the descriptions:
by hand, over the raw table, for the stand-in to run as Athena would.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from aws.fixtures import aws_nowhere, no_aws_credentials  # noqa: F401 - pytest finds them here
from engines import athena_tables as stored
from engines.fake_athena import FakeAthena

import flowlab as fl
from flowlab.engines import athena_running as running
from flowlab.engines.athena_opening import athena

DOC = (Path(__file__).parents[2] / "docs/athena-named-queries.md").read_text("utf-8")
CALLS = dict(re.findall(r"^\| `(VpcFlowLogs\w+)` \| [^|]* \| `(.*)` \|$", DOC, re.M))
SETTINGS = re.search(r"```python\n(.*?)```", DOC, re.S)[1]

RAW = '"network"."flat" WHERE "log_status" = \'OK\' AND "start" >= 1793574000 AND "start" < 1793581200'
TUPLE = '"srcaddr", "srcport", "dstaddr", "dstport"'
EVERY = ", ".join(f'"{c["Name"]}"' for c in stored.columns())
LOGINS = '("srcport" IN (22, 3389) OR "dstport" IN (22, 3389))'
FROM = "\"srcaddr\" = '10.0.3.20'"
ADMIN = "(22, 3389, 5900, 5985, 5986, 8080, 8443)"


def both_ends(one, other, also="TRUE"):
    return (
        f'SELECT "ip", SUM("bytes") AS "total" FROM (SELECT "{one}" AS "ip", "bytes" FROM {RAW} AND {also} '
        f'UNION ALL SELECT "{other}" AS "ip", "bytes" FROM {RAW} AND {also}) AS "ends" '
        'GROUP BY "ip" ORDER BY "total" DESC, "ip"'
    )


def grouped(by, also="TRUE", amount='SUM("bytes")'):
    return f'SELECT {by}, {amount} AS "total" FROM {RAW} AND {also} GROUP BY {by} ORDER BY "total" DESC, {by}'


def counted(by, also):
    return grouped(by, also, "COUNT(*)")


# The SQL, and which columns of flowlab's answer are those of its rows.
AWS = {
    "AcceptedTraffic": (counted(TUPLE, "\"protocol\" = 6 AND \"action\" = 'ACCEPT'"), "flow_records"),
    "AdminPortTraffic": (
        both_ends("srcaddr", "dstaddr", f'("srcport" IN {ADMIN} OR "dstport" IN {ADMIN})') + " LIMIT 10",
        "bytes",
    ),
    "IPv4Traffic": (f"SELECT SUM(\"bytes\") AS \"total\" FROM {RAW} AND \"type\" = 'IPv4'", "bytes"),
    "IPv6Traffic": (f"SELECT SUM(\"bytes\") AS \"total\" FROM {RAW} AND \"type\" = 'IPv6'", "bytes"),
    "RejectedTCPTraffic": (counted(TUPLE, "\"protocol\" = 6 AND \"action\" = 'REJECT'"), "flow_records"),
    "RejectedTraffic": (counted('"srcaddr", "dstaddr"', "\"action\" = 'REJECT'"), "flow_records"),
    "SshRdpTraffic": (
        f'SELECT {EVERY} FROM {RAW} AND {LOGINS} ORDER BY "start", {EVERY} LIMIT 50',
        "",
    ),
    "TopTalkers": (both_ends("srcaddr", "dstaddr") + " LIMIT 50", "bytes"),
    "TopTalkersPacketLevel": (both_ends("pkt_srcaddr", "pkt_dstaddr") + " LIMIT 50", "bytes"),
    "TopTalkingInstances": (grouped('"instance_id"', "\"instance_id\" <> '-'") + " LIMIT 50", "bytes"),
    "TopTalkingSubnets": (grouped('"subnet_id"', "\"subnet_id\" <> '-'") + " LIMIT 50", "bytes"),
    "TopTCPTraffic": (
        f'SELECT {EVERY} FROM {RAW} AND "protocol" = 6 AND {FROM} ORDER BY "bytes" DESC, {EVERY}',
        "",
    ),
    "TotalBytesTransferred": (grouped('"srcaddr", "dstaddr"') + " LIMIT 50", "bytes"),
    "TotalBytesTransferredPacketLevel": (grouped('"pkt_srcaddr", "pkt_dstaddr"') + " LIMIT 50", "bytes"),
    "TrafficFrmSrcAddr": (f"SELECT {EVERY} FROM {RAW} AND \"srcaddr\" = '10.0.3.20' ORDER BY \"start\", {EVERY}", ""),
    "TrafficToDstAddr": (f"SELECT {EVERY} FROM {RAW} AND \"dstaddr\" = '10.0.3.20' ORDER BY \"start\", {EVERY}", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with FakeAthena(tmp_path_factory.mktemp("s3")) as made:
        stored.store(made)
        yield made


@pytest.fixture(scope="module")
def frame(server):
    return fl.read_flows(server.folder / "logs/hourly", progress=False)[0]


@pytest.fixture
def table(server, monkeypatch, no_aws_credentials):  # noqa: F811
    monkeypatch.setattr(running, "_FIRST_WAIT", 0.01)
    return athena("hourly", database="network", endpoint_url=server.url, progress=False)


def asked(name, logs):
    """Run the documentation's line."""
    names = {"fl": fl, "logs": logs}
    settings = "\n".join(line for line in SETTINGS.splitlines() if not line.startswith("logs ="))
    exec(settings, names)
    return eval(CALLS[f"VpcFlowLogs{name}"], names)


def plain(answer: pd.DataFrame, measure: str, width: int) -> list[tuple]:
    """The rows, as SQL gives them: epochs, no times; AWS's columns, or keys and measure."""
    if not measure:
        columns = [c["Name"] for c in stored.columns()]
        answer = answer.assign(**{c: answer[c].astype("int64") for c in ("start", "end")})[columns]
    else:
        answer = answer[[*answer.columns[: width - 1], measure]]
    rows = answer.astype(object).itertuples(index=False, name=None)
    return [tuple(None if pd.isna(v) else v for v in row) for row in rows]


def test_the_documentation_names_all_sixteen():
    assert set(CALLS) == {f"VpcFlowLogs{name}" for name in AWS}
    assert len(AWS) == 16


@pytest.mark.parametrize("name", AWS)
def test_the_call_gives_what_the_query_gives(table, frame, name):
    sql, measure = AWS[name]
    answer, _ = table._runner.run(sql)
    rows = [tuple(r.values()) for r in answer.to_pylist()]
    if not measure:
        rows = [tuple(None if v == "-" else v for v in row) for row in rows]
    assert rows
    assert not measure or rows[0][-1] is not None
    for logs in (frame, table):
        got = plain(asked(name, logs), measure, len(answer.column_names))
        assert (sorted(got, key=str) if not measure else got) == (
            sorted(rows, key=str) if not measure else rows
        )
