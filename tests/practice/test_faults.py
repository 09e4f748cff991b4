"""Each fault breaks what it says, nothing else, and is mended without a trace."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from flowlab.errors import FlowlabError, UnknownNameError
from flowlab.practice.account import practice_account

NOW = time.time() // 60 * 60
# What of the account differs while a fault is broken.
CHANGES = {
    "trust-policy": {"trust"},
    "trust-guard-missing": {"trust"},
    "trust-guard-wrong": {"trust"},
    "no-role": {"trust", "policy", "boundary"},
    "log-typo": {"policy"},
    "missing-star": {"policy"},
    "wrong-account": {"policy"},
    "wrong-region": {"policy"},
    "missing-action": {"policy"},
    "explicit-deny": {"policy"},
    "permissions-boundary": {"boundary"},
    "resource-star": {"policy"},
    "no-log-group": {"group", "events"},
    "never-expires": {"group"},
    "log-group-key": {"group"},
    "infrequent-access": {"group"},
    "silent-eni": {"events"},
    "stale": {"events"},
    "skipped-records": {"events"},
    "uncovered-subnet": {"flow logs", "events"},
    "no-flow-log": {"flow logs", "events"},
    "overlapping": {"flow logs", "events"},
    "reject-only": {"flow logs", "events"},
    "delivery-failed": {"flow logs"},
    "rate-limited": {"flow logs"},
    "young": {"flow logs", "events"},
    "bucket-missing": {"bucket", "bucket policy", "key", "objects"},
    "bucket-policy-missing": {"bucket policy"},
    "bucket-policy-account": {"bucket policy"},
    "bucket-acl-trap": {"bucket policy", "objects"},
    "bucket-hive-prefix": {"bucket policy"},
    "bucket-key-id": {"key"},
    "bucket-silent": {"objects"},
    "denied": {"flow logs"},
}
MINUTE = 60


@pytest.fixture(scope="module")
def account():
    with practice_account(records=0, clock=lambda: NOW) as made:
        yield made


@pytest.fixture(scope="module")
def healthy(account):
    return shown(account)


def shown(account):
    """What boto3 shows of a set-up: a document for each part, or the code of the error."""
    iam, s3, logs, ec2 = (account.client(name) for name in ("iam", "s3", "logs", "ec2"))
    role, bucket = {"RoleName": "practice-delivery"}, {"Bucket": account.services_bucket}
    in_group = {"logGroupName": account.log_group}
    asks = {
        "trust": lambda: iam.get_role(**role)["Role"]["AssumeRolePolicyDocument"],
        "boundary": lambda: [
            r.get("PermissionsBoundary")
            for r in iam.get_account_authorization_details()["RoleDetailList"]
        ],
        "policy": lambda: iam.get_role_policy(**role, PolicyName="deliver")["PolicyDocument"],
        "group": lambda: [
            {**group, "storedBytes": 0} for group in logs.describe_log_groups()["logGroups"]
        ],
        "events": lambda: [
            (event["logStreamName"], event["message"])
            for page in logs.get_paginator("filter_log_events").paginate(**in_group)
            for event in page["events"]
        ],
        "flow logs": lambda: ec2.describe_flow_logs()["FlowLogs"],
        "bucket": lambda: sorted(b["Name"] for b in s3.list_buckets()["Buckets"]),
        "bucket policy": lambda: json.loads(s3.get_bucket_policy(**bucket)["Policy"]),
        "key": lambda: s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"],
        "objects": lambda: [
            (item["Key"], item["LastModified"])
            for item in s3.list_objects_v2(**bucket).get("Contents", [])
        ],
    }
    found = {}
    for name, ask in asks.items():
        try:
            found[name] = json.loads(json.dumps(ask(), default=str))
        except ClientError as error:
            found[name] = error.response["Error"]["Code"]
    return found


def test_the_menu_says_what_there_is_and_what_is_broken(account):
    menu = account.faults()
    assert set(menu["fault"]) == set(CHANGES) and len(menu) == len(CHANGES)
    assert list(menu.columns) == ["fault", "what_it_does", "check_setup_says", "broken"]
    assert menu["what_it_does"].str.endswith(".").all() and not menu["broken"].any()
    assert menu["check_setup_says"].str.match(r"[a-z-]+: (warn|fail|unknown)").all()
    account.break_("stale")
    account.break_("no-role")
    menu = account.faults()
    assert set(menu.loc[menu["broken"], "fault"]) == {"stale", "no-role"}
    assert "stale, no-role" in repr(account) and "practice account" in repr(account)
    account.mend()
    assert not account.faults()["broken"].any()


@pytest.mark.parametrize("fault", CHANGES)
def test_a_fault_changes_what_it_says_and_is_mended_without_a_trace(account, healthy, fault):
    account.break_(fault)
    broken = shown(account)
    assert {part for part in broken if broken[part] != healthy[part]} == CHANGES[fault]
    account.mend(fault)
    assert shown(account) == healthy


def test_faults_add_up_and_are_mended_one_by_one(account, healthy):
    for fault in CHANGES:
        account.break_(fault)
    for fault in CHANGES:
        if fault != "trust-guard-missing":
            account.mend(fault)
    left = shown(account)
    assert {part for part in left if left[part] != healthy[part]} == {"trust"}
    account.mend()
    assert shown(account) == healthy


def test_silence_leaves_the_old_records_and_a_broken_role_those_on_their_way():
    now = NOW
    with practice_account(records=0, clock=lambda: now) as account:
        logs = account.client("logs")

        def newest():
            streams = logs.describe_log_streams(logGroupName=account.log_group)["logStreams"]
            return {s["logStreamName"]: now - s["lastEventTimestamp"] / 1000 for s in streams}

        account.break_("silent-eni")
        ages = newest()
        silent = ages.pop("eni-0b40d2e5c8a591f08-all")
        assert 115 * MINUTE < silent < 240 * MINUTE and max(ages.values()) < 4 * MINUTE
        account.mend()
        account.break_("missing-action")
        assert max(newest().values()) < 4 * MINUTE
        now += 20 * MINUTE
        assert min(newest().values()) > 20 * MINUTE and max(newest().values()) < 24 * MINUTE
        account.mend("missing-action")
        assert max(newest().values()) < 4 * MINUTE


def test_one_window_in_three_is_skipped_and_a_second_flow_log_doubles(account):
    account.break_("skipped-records")
    web = [line for stream, line in shown(account)["events"] if stream.startswith("eni-0a10")]
    skipped = [line for line in web if " SKIPDATA " in line]
    assert len(web) == 29 and len(skipped) in (9, 10)
    account.mend()
    account.break_("overlapping")
    events = [stream for stream, _ in shown(account)["events"]]
    assert len(events) == 10 * 29 + 5 * 29  # five of the ten ENIs are in the subnet
    account.mend()


def test_what_is_not_on_the_menu_is_refused_with_the_nearest(account, healthy):
    for ask in (account.break_, account.mend):
        with pytest.raises(UnknownNameError, match="did you mean .*trust-policy"):
            ask("trust-polcy")
    with pytest.raises(FlowlabError, match="takes no action"):
        account.break_("stale", action="ec2:DescribeVpcs")
    assert shown(account) == healthy and not account.faults()["broken"].any()


def test_a_bucket_that_is_away_does_not_outlive_its_account():
    from moto.s3.models import s3_backends

    with practice_account(records=0) as account:
        account.break_("bucket-missing")
        account.break_("no-log-group")
        name = account.services_bucket
        with pytest.raises(ClientError, match="NoSuchBucket"):
            account.client("s3").get_bucket_location(Bucket=name)
    assert name not in s3_backends.bucket_accounts
    with practice_account(records=0) as again:
        assert again.services_bucket == name
        again.client("s3").get_bucket_location(Bucket=name)
