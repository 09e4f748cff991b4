"""A practice account: an AWS on loopback that nothing else can be mistaken for."""

from __future__ import annotations

import builtins
import os
import re
import time
import urllib.parse

import pandas as pd
import pytest

import flowlab as fl
from flowlab.errors import FlowlabError, MissingExtraError
from flowlab.practice import ENVIRONMENT
from flowlab.practice.account import practice_account
from flowlab.practice.filling import first_moment

HOUR = pd.Timedelta("1h")


@pytest.fixture(autouse=True)
def somebodys_credentials(monkeypatch):
    """Real-looking credentials and a broken configuration, neither of which it may touch."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALLYREALLYREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "somebody's")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def account():
    with practice_account(late_files=2) as made:
        yield made


def read(source, account, hours=2, **options):
    period = {"start": account.end - hours * HOUR, "end": account.end}
    return fl.read_flows(source, **period, progress=False, **options)


def same(one, other):
    keys = ["interface_id", "start", "end", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
    frames = [
        f.astype(str).sort_values([*keys, "bytes"]).reset_index(drop=True) for f in (one, other)
    ]
    pd.testing.assert_frame_equal(*frames)


def test_log_group_and_bucket_hold_the_same(account):
    parquet, ledger = read(account.s3_parquet, account)
    events, told = read(account.cloudwatch, account)
    assert ledger.balanced and told.balanced and ledger.complete and told.complete
    assert len(parquet) > 100  # of two hours, which may be at night
    same(parquet, events[parquet.columns])
    assert (ledger.records, ledger.nodata) == (told.records, told.nodata)


def test_late_files_come_when_they_are_delivered(account):
    before, _ = read(account.s3, account, hours=24)
    keys = account.deliver_late()
    assert len(keys) == 2 and all(key.startswith("text/AWSLogs/012345678901/") for key in keys)
    assert account.deliver_late() == []
    after, _ = read(account.s3, account, hours=24)
    whole, _ = read(account.s3_parquet, account, hours=24)
    assert len(before) < len(after) == len(whole)
    # They belong to the last two hours, where a notebook looks.
    assert before["start"].max() == after["start"].max()
    missing = len(after[after["start"] >= account.end - 3 * HOUR]) - len(
        before[before["start"] >= account.end - 3 * HOUR]
    )
    assert missing == len(after) - len(before)


def test_everything_is_in_the_period_and_the_nights_are_at_night(account):
    flows, ledger = read(account.s3_parquet, account, hours=24)
    assert ledger.lines == account.lines and ledger.outside_period == 0
    assert account.start <= flows["start"].min() and flows["start"].max() < account.end
    assert account.end - account.start == 24 * HOUR
    age = pd.Timestamp.now("UTC") - account.end
    assert 2 * HOUR <= age < 4 * HOUR + pd.Timedelta("5min")
    leak = flows[flows["dstaddr"] == "192.0.2.146"]
    assert leak["start"].dt.hour.between(1, 5).all() and len(leak)


def test_log_group_has_a_stream_for_each_interface_and_its_format_is_known(account):
    streams = account.client("logs").describe_log_streams(logGroupName=account.log_group)
    names = {stream["logStreamName"] for stream in streams["logStreams"]}
    assert names == {f"{eni.interface_id}-all" for eni in ENVIRONMENT.interfaces}
    logs = account.client("ec2").describe_flow_logs()["FlowLogs"]
    (flow_log,) = [log for log in logs if log.get("LogGroupName") == account.log_group]
    assert flow_log["LogFormat"].startswith("${version} ${account-id} ${interface-id}")
    assert flow_log["LogFormat"].count("$") == 29


def test_it_says_what_it_is_and_lives_on_loopback(account):
    assert "practice account on this machine, no AWS" in repr(account)
    assert "practice account on this machine, no AWS" in account._repr_html_()
    assert account.bucket in repr(account) and account.endpoint_url in account._repr_html_()
    assert urllib.parse.urlsplit(account.endpoint_url).hostname == "127.0.0.1"
    assert "practice" in account.bucket and "practice" in account.log_group
    assert account.account_id == ENVIRONMENT.vpc.account_id
    identity = account.client("sts").get_caller_identity()
    assert identity["Account"] == account.account_id


def test_a_second_one_shares_nothing_with_anyone(account, monkeypatch, capfd):
    monkeypatch.setenv("AWS_PROFILE", "there is no such profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.2:3128")
    before = dict(os.environ)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * 86_400))
    with practice_account(day=day, records=1, seed=7) as other:
        assert dict(os.environ) == before
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY"):
            monkeypatch.delenv(name)
        credentials = other.client("s3")._request_signer._credentials
        assert credentials.access_key == "practice"
        assert other.bucket != account.bucket and other.log_group != account.log_group
        assert other.endpoint_url != account.endpoint_url
        assert other.start == pd.Timestamp(day, tz="UTC")
        flows, ledger = read(other.cloudwatch, other, hours=1)
        assert len(flows) and ledger.complete
    other.stop()  # twice does nothing
    assert "stopped" in repr(other)
    names = [b["Name"] for b in account.client("s3").list_buckets()["Buckets"]]
    assert set(names) == {account.bucket, account.services_bucket}
    groups = account.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [account.log_group]
    assert capfd.readouterr() == ("", "")  # a server's log would be lines on stderr


@pytest.mark.parametrize(
    ("now", "end"),
    [("01:59", -1), ("02:00", -1), ("02:59", -1), ("03:00", 1), ("14:20", 12), ("23:59", 21)],
)
def test_it_ends_two_to_four_hours_ago_and_is_never_one_day_alone(now, end):
    day = pd.Timestamp("2026-11-02", tz="UTC")
    start = first_moment(None, (day + pd.Timedelta(f"{now}:59")).timestamp())
    assert pd.Timestamp(start, unit="s", tz="UTC") == day + (end - 24) * HOUR


@pytest.mark.parametrize(("now", "ago"), [(2.5, 3.5), (3.5, 2.5), (12.5, 2.5)])
def test_a_denied_prefix_is_refused_and_the_rest_is_read(now, ago):
    moment = (time.time() // 86_400 - 1) * 86_400 + now * 3600
    with practice_account(records=1, clock=lambda: moment) as account:
        assert account.end == pd.Timestamp(moment - ago * 3600, unit="s", tz="UTC")
        assert not all(item.settled for item in account.cloudwatch.list(None, None).items)
        last = f"{account.end:%Y/%m/%d}"
        account.deny(f"text/AWSLogs/{account.account_id}/vpcflowlogs/{account.region}/{last}")
        _, ledger = read(account.s3, account, hours=24)
        assert not ledger.complete and ledger.balanced
        assert 0 < ledger.lines < account.lines
        (refused,) = ledger.files.loc[ledger.files["problem"] != "", "problem"]
        assert "AccessDenied" in refused and "s3:ListBucket" in refused
        assert read(account.s3_parquet, account, hours=24)[1].complete


@pytest.mark.parametrize("day", ["2020-01-01", "2999-01-01", "no date", "today"])
def test_a_day_that_cloudwatch_would_not_take_is_refused(day):
    day = time.strftime("%Y-%m-%d", time.gmtime()) if day == "today" else day
    with pytest.raises(FlowlabError, match=re.escape(repr(day))):
        practice_account(day=day)


def test_without_moto_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith("moto"):
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'flowlab[lab]'")):
        practice_account()


def test_a_failure_while_filling_stops_it(monkeypatch):
    from flowlab.practice import account as module

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(module.PracticeAccount, "fill", fail)
    with pytest.raises(OSError, match="no space"):
        practice_account(records=1)
