"""S3 and CloudWatch Logs through read_flows, archive, refresh and estimate: real boto3, loopback."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from aws.faults import PASS, script, xmlerr
from lines import GOOD, HEADER, NODATA, text

import flowlab as fl
from flowlab.errors import FlowlabError
from flowlab.practice import generate, writing
from flowlab.sources.cloudwatch import CloudWatch

PERIOD = {"start": "2026-03-02 08:02", "end": "2026-03-02 08:41"}


def _sorted(flows):
    plain = flows.astype({c: "str" for c in flows.columns if str(flows[c].dtype) == "category"})
    return plain.sort_values(list(plain.columns)).reset_index(drop=True)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Two hours of a generated day as AWS delivers it: text files in the S3 layout."""
    folder = tmp_path_factory.mktemp("day")
    writing.write_text(generate(records=15_000).table, folder, files="s3")
    for path in list(folder.rglob("*.gz")):
        if not any(hour in path.name for hour in ("T08", "T09")):
            path.unlink()
    return folder


@pytest.fixture
def filled(bucket, day):
    for path in sorted(day.rglob("*.gz")):
        bucket.put(path.relative_to(day).as_posix(), body=path.read_bytes())
    return bucket


def _gets(bucket):
    return script(bucket.client, "GetObject", [])


@pytest.mark.parametrize("options", [{}, PERIOD, {"columns": ["srcaddr", "bytes"], **PERIOD}])
def test_read_from_s3_is_read_from_the_files(filled, at, day, options):
    theirs, account = fl.read_flows(day, progress=False, **options)
    ours, ledger = fl.read_flows(at(filled.name), progress=False, **options)
    pd.testing.assert_frame_equal(ours, theirs)
    assert [n for _, n in ledger._counts()][:6] == [n for _, n in account._counts()][:6]
    assert ledger.complete
    assert ledger.balanced


def test_a_period_fetches_only_what_can_hold_it(filled, at):
    with _gets(filled) as gets:
        _, ledger = fl.read_flows(at(filled.name), progress=False, **PERIOD)
    assert 0 < gets.calls == len(ledger.files) < 24


def test_archived_from_s3_and_asked_again(filled, at, day, tmp_path):
    place = at(filled.name)
    archive = fl.archive(place, tmp_path, progress=False)
    flows, _ = fl.read_flows(day, progress=False)
    pd.testing.assert_frame_equal(_sorted(fl.read_flows(archive)[0]), _sorted(flows))
    with _gets(filled) as gets:
        again = fl.archive(place, tmp_path, progress=False)
        refreshed = fl.refresh(tmp_path, progress=False)
    assert gets.calls == 0
    assert again.rows == refreshed.rows == archive.rows
    assert set(again.ledger.files["origin"]) == {"archive"}


def test_refresh_fetches_what_has_arrived_since(filled, at, tmp_path):
    before = fl.archive(at(filled.name), tmp_path, progress=False)
    name = "012345678901_vpcflowlogs_eu-west-1_fl-0a1b_20260302T1000Z_00000000.log"
    key = f"AWSLogs/012345678901/vpcflowlogs/eu-west-1/2026/03/02/{name}"
    line = GOOD.replace(b"1788222600", b"1772445600").replace(b"1788222631", b"1772445630")
    filled.put(key, body=text(HEADER, line, NODATA))
    with _gets(filled) as gets:
        after = fl.refresh(tmp_path, progress=False)
    assert gets.calls == 1
    assert after.rows == before.rows + 2


def test_a_refused_folder_is_in_the_ledger_and_the_rest_is_had(filled, at):
    other = "AWSLogs/999999999999/vpcflowlogs/eu-west-1/2026/03/02/x.log"
    filled.put(other, body=text(HEADER, GOOD))
    denied = xmlerr(403, "AccessDenied", "Access Denied")
    refusing = script(
        filled.client, "ListObjectsV2", [denied], forever=True,
        match=lambda request: "999999999999" in request.url,
    )  # fmt: skip
    with refusing:
        flows, ledger = fl.read_flows(at(filled.name), progress=False)
    assert len(flows) > 500
    assert not ledger.complete
    refused = ledger.files[ledger.files["content"] == "not listed"]
    assert "999999999999" in refused["file"].item()
    assert "s3:ListBucket" in refused["problem"].item()
    assert any("999999999999" in notice for notice in ledger.notices)


def test_objects_that_vanish_or_are_refused_are_named_and_cost_no_other(filled, at, tmp_path):
    faults = [PASS, xmlerr(404, "NoSuchKey"), PASS, xmlerr(403, "AccessDenied"), PASS]
    with script(filled.client, "GetObject", faults):
        archive = fl.archive(at(filled.name), tmp_path, progress=False)
    lost = archive.ledger.files[archive.ledger.files["content"] == "not fetched"]
    assert len(lost) == 2
    assert not archive.ledger.complete
    whole = fl.archive(at(filled.name), tmp_path, progress=False)  # only the two are fetched
    assert whole.ledger.complete
    assert (whole.ledger.files["origin"] == "fetched").sum() == 2


def test_an_expired_token_in_the_middle(filled, at, day, tmp_path, monkeypatch):
    monkeypatch.setattr("flowlab.archiving._ROWS", 300)
    expired = xmlerr(400, "ExpiredToken", "The provided token has expired.")
    with script(filled.client, "GetObject", [PASS] * 10 + [expired] * 500):
        archive = fl.archive(at(filled.name), tmp_path, progress=False)
    told = archive.ledger.files
    assert (told["origin"] == "fetched").sum() == 10
    assert told.loc[told["content"] == "not fetched", "problem"].str.contains("ExpiredToken").all()
    archive = fl.archive(at(filled.name), tmp_path, progress=False)
    flows, _ = fl.read_flows(day, progress=False)
    assert fl.totals(archive)["bytes"].item() == flows["bytes"].sum()


def test_nothing_can_be_had_at_all(filled, at):
    denied = xmlerr(403, "AccessDenied", "Access Denied")
    with (
        script(filled.client, "GetObject", [denied], forever=True),
        pytest.raises(FlowlabError, match=r"nothing could be read: .*AccessDenied"),
    ):
        fl.read_flows(at(filled.name), progress=False)


def test_an_estimate_of_s3(filled, at, day):
    told = fl.estimate(at(filled.name), rates={"transfer_per_gb": 100.0}).iloc[0]
    size = sum(p.stat().st_size for p in day.rglob("*.gz"))
    assert told["objects"] == 24
    assert told["bytes"] == size
    assert told["cost"] == pytest.approx(24 * 0.0004 / 1000 + size / 1e9 * 100, rel=0.01)
    assert fl.estimate(at(filled.name), within_region=True)["cost"].item() < 1e-4


# ------------------------------------------------------------------ CloudWatch Logs
NOW = int(time.time()) // 300 * 300 - 7_200  # the server takes no event from long ago
LINE = "2 000123456789 eni-0a 198.51.100.7 10.0.1.5 {port} 443 6 12 3120 {start} {end} ACCEPT OK"


@pytest.fixture
def group(aws_server, aws_credentials):
    """A log group with two streams, an event every ten seconds of an hour, and its place."""
    name = f"/vpc/flow/{time.time_ns()}"
    place = CloudWatch(name, endpoint_url=aws_server, profile="planted")
    logs = place.access.client("logs", retries="adaptive")
    logs.create_log_group(logGroupName=name)
    for stream in ("eni-0a-all", "eni-0b-all"):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [
            {"timestamp": s * 1000, "message": LINE.format(port=n, start=s, end=s + 9)}
            for n, s in enumerate(range(NOW, NOW + 3600, 10))
        ]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
    return place


def _period():
    return {"start": pd.Timestamp(NOW, unit="s"), "end": pd.Timestamp(NOW + 3600, unit="s")}


def test_read_from_cloudwatch(group):
    flows, ledger = fl.read_flows(group, progress=False, **_period())
    assert len(flows) == 720
    assert ledger.complete
    assert ledger.rejected == 0
    assert flows["srcport"].value_counts().eq(2).all()
    half = _period() | {"end": pd.Timestamp(NOW + 1800, unit="s")}
    assert len(fl.read_flows(group, progress=False, **half)[0]) == 360


def test_archived_slices_are_not_asked_for_again(group, tmp_path):
    client = group.access.client("logs", retries="adaptive")
    settled = CloudWatch(**group.options() | {"settle": "1s"})
    archive = fl.archive(settled, tmp_path, progress=False, **_period())
    assert fl.totals(archive)["flow_records"].item() == 720
    asked = []
    event = "provide-client-params.cloudwatch-logs.FilterLogEvents"
    client.meta.events.register(event, lambda params, **_: asked.append(params))
    again = fl.archive(settled, tmp_path, progress=False, **_period())
    # One event may be asked for, to learn where a young group begins; no slice is.
    assert [request for request in asked if request.get("limit") != 1] == []
    assert again.rows == archive.rows


def test_young_slices_are_read_but_not_archived(group, tmp_path):
    patient = CloudWatch(**group.options() | {"settle": "10D"})
    assert len(fl.read_flows(patient, progress=False, **_period())[0]) == 720
    archive = fl.archive(patient, tmp_path, progress=False, **_period())
    assert archive.rows == 0
    assert any("so young" in notice for notice in archive.ledger.notices)


def test_two_formats_in_one_group_are_told_apart_per_line(group):
    logs = group.access.client("logs", retries="adaptive")
    ec2 = group.access.client("ec2")
    default = " ".join(f"${{{name}}}" for name in HEADER.decode().split())
    short = "${interface-id} ${srcaddr} ${dstaddr} ${bytes} ${start} ${end} ${action}"
    for log_format in (default, short):
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.create_flow_logs(
            ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogFormat=log_format,
            LogGroupName=group.group, DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/r",
        )  # fmt: skip
    start = NOW + 600
    message = f"eni-0c 10.0.0.1 10.0.0.2 77 {start} {start + 5} ACCEPT"
    logs.put_log_events(
        logGroupName=group.group, logStreamName="eni-0a-all",
        logEvents=[{"timestamp": start * 1000, "message": message}],
    )  # fmt: skip
    flows, ledger = fl.read_flows(group, progress=False, **_period())
    assert ledger.rejected == 0
    assert len(flows) == 721
    odd = flows[flows["interface_id"] == "eni-0c"].iloc[0]
    assert (odd["srcaddr"], odd["bytes"]) == ("10.0.0.1", 77)
    assert pd.isna(odd["srcport"])


def test_lines_that_fit_two_formats_are_refused_and_not_guessed():
    from flowlab.parsing.text import parse_carefully

    either = (("srcaddr", "dstaddr", "bytes"), ("dstaddr", "srcaddr", "bytes"))
    told = parse_carefully(b"10.0.0.1 10.0.0.2 5\n", either)
    assert not told.tables
    assert "it fits 2 formats of 3 fields" in told.rejected[0].reason
    apart = (("srcaddr", "dstaddr", "bytes"), ("action", "srcaddr", "dstaddr"))
    told = parse_carefully(b"10.0.0.1 10.0.0.2 5\nACCEPT 10.0.0.1 10.0.0.2\n", apart)
    assert [t.num_rows for t in told.tables] == [1, 1]
    assert not told.rejected


@pytest.mark.parametrize("pays", [True, False])
def test_who_pays_is_said_in_every_request(filled, at, pays):
    said = []

    def note(params, **_):
        said.append(params.get("RequestPayer"))

    place = at(filled.name, requester_pays=pays)
    assert ("requester_pays=True" in repr(place)) is pays
    assert place.options()["requester_pays"] is pays
    for operation in ("ListObjectsV2", "GetObject"):
        filled.client.meta.events.register(f"provide-client-params.s3.{operation}", note)
    fl.read_flows(place, progress=False)
    for operation in ("ListObjectsV2", "GetObject"):
        filled.client.meta.events.unregister(f"provide-client-params.s3.{operation}", note)
    assert len(said) > 24
    assert set(said) == {"requester" if pays else None}
