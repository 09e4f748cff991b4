"""Every fault of the practice account is found, named as itself, and nothing else is blamed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pandas as pd
import pytest

from flowlab.practice.account import practice_account
from flowlab.practice.faults import MENU
from flowlab.setup.checking import check_setup, judged
from flowlab.setup.inventory import from_json
from flowlab.setup.planning import plan_flow_logs

# By fault: what the finding must name; where the chain of how many of the 12 ENIs breaks first.
# Worked out by hand: 10 ENIs deliver to the log group, 2 to the bucket, 2 are in private-b.
EXPECTED = {
    "trust-policy": ("ec2.amazonaws.com", {"permission": 10}),
    "trust-guard-missing": ("aws:SourceAccount", {}),
    "trust-guard-wrong": ("210987654321", {"permission": 10}),
    "no-role": ("no role of this name", {"permission": 10}),
    "log-typo": ("log: instead of logs:", {"permission": 10}),
    "missing-star": ("lacks :*", {"permission": 10}),
    "wrong-account": ("210987654321", {"permission": 10}),
    "wrong-region": ("us-east-1", {"permission": 10}),
    "missing-action": ("logs:PutLogEvents", {"permission": 10}),
    "explicit-deny": ("denies", {"permission": 10}),
    "permissions-boundary": ("permissions boundary", {"permission": 10}),
    "resource-star": ("any log group", {}),
    "no-log-group": ("does not exist", {"destination": 10}),
    "never-expires": ("never expire", {}),
    "log-group-key": ("8a1d6b4e-2c9f-4037-b5e8-d17a3f90c264", {"destination": 10}),
    "infrequent-access": ("INFREQUENT_ACCESS", {}),
    "silent-eni": ("eni-0b40d2e5c8a591f08", {"newest record": 1}),
    "stale": ("none of the 10 ENIs", {"newest record": 10}),
    "skipped-records": ("SKIPDATA", {}),
    "uncovered-subnet": ("subnet-0c83e5a6d1f270b33", {"interface": 2}),
    "no-flow-log": ("vpc-0d4e8f2a6b1c37590", {"interface": 10}),
    "overlapping": ("fl-0e5f1a7b3c9d24683", {}),
    "reject-only": ("REJECT", {}),
    "delivery-failed": ("Access error", {"permission": 10}),
    "rate-limited": ("Rate limited", {"destination": 10}),
    "young": ("too early to tell", {}),
    "bucket-missing": ("flowlab-practice-services", {"destination": 2}),
    "bucket-policy-missing": ("no policy", {"permission": 2}),
    "bucket-policy-account": ("210987654321", {"permission": 2}),
    "bucket-acl-trap": ("s3:x-amz-acl", {"newest record": 2}),
    "bucket-hive-prefix": ("Hive", {"permission": 2}),
    "bucket-key-id": ("5e0f3c1a-7b2d-4e68-9a41-0c6d8f2b7e35", {"permission": 2}),
    "bucket-silent": ("newest object", {"newest record": 2}),
}
ORDER = ("ok", "warn", "unknown", "fail")


@pytest.fixture(scope="module")
def account():
    with practice_account(records=0) as made:
        yield made


def check(account):
    return check_setup(regions=account.region, endpoint_url=account.endpoint_url, progress=False)


def statuses(report):
    """The worst status of each check, by its name."""
    found = {}
    for name, status in zip(report.checks["check"], report.checks["status"], strict=True):
        found[name] = max(found.get(name, "ok"), status, key=ORDER.index)
    return found


def broken_links(report):
    return Counter(link for link in report.coverage["first_broken_link"].dropna() if link)


@pytest.fixture(scope="module")
def healthy(account):
    return statuses(check(account))


def test_nothing_is_wrong_with_a_healthy_account(account):
    report = check(account)
    assert report.checks.loc[report.checks["status"] != "ok"].empty
    assert report.exit_code == 0 and not broken_links(report)
    assert len(report.coverage) == 12 and report.inventory.practice
    # All of the chain was looked at, of both destinations.
    assert set(report.checks["check"]) >= {
        name for fault in MENU.values() for name in (*fault.finds, *fault.follows)
    } - {"role-simulated"}


def test_every_fault_is_expected_here():
    assert set(EXPECTED) | {"denied"} == set(MENU)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fault_is_found_and_nothing_else_is_blamed(account, healthy, name):
    fault, (words, links) = MENU[name], EXPECTED[name]
    account.break_(name)
    try:
        report = check(account)
    finally:
        account.mend()
    found = statuses(report)
    assert {check: found.get(check) for check in fault.finds} == fault.finds
    blamed = report.checks[report.checks["check"].isin(list(fault.finds))]
    blamed = blamed[blamed["status"] != "ok"]
    assert (blamed["evidence"] + " " + blamed["cause"]).str.contains(words, regex=False).any()
    assert blamed["remedy"].str.len().gt(0).all()
    turned = {check for check in healthy.keys() | found if healthy.get(check) != found.get(check)}
    assert turned - set(fault.finds) <= set(fault.follows)
    # What depends on a broken thing may be gone or uncertain; it is never blamed itself.
    assert not [check for check in turned - set(fault.finds) if found.get(check) == "fail"]
    assert broken_links(report) == Counter(links)
    assert (report.exit_code == 0) == (not links)


def wished(account, name):
    """The plan of a flow log as it is in the healthy account."""
    (scope,) = check_setup(snapshot="practice").inventory
    place = "s3" if name.startswith("bucket") else "cloud-watch-logs"
    vpcs = {vpc["CidrBlock"]: vpc["VpcId"] for vpc in scope.get("ec2:DescribeVpcs").items()}
    one = next(
        flow_log
        for flow_log in scope.get("ec2:DescribeFlowLogs").items()
        if flow_log["LogDestinationType"] == place
    )
    group, bucket = f"cloudwatch://{account.log_group}", f"s3://{account.services_bucket}"
    return plan_flow_logs(
        vpcs["10.20.0.0/24" if place == "s3" else "10.0.0.0/16"],
        to=bucket if place == "s3" else group, fields=one["LogFormat"], hive=place == "s3",
        retention_days=30, endpoint_url=account.endpoint_url, region=account.region,
    )  # fmt: skip


# Several at once where they do not hide each other: it takes seconds. The rest: test_planning.
@pytest.mark.parametrize("names", [
    ("trust-policy", "log-typo", "log-group-key", "never-expires"),
    ("no-role", "no-log-group"),
    ("bucket-acl-trap", "bucket-hive-prefix"),
    ("bucket-missing",),
], ids=",".join)  # fmt: skip
def test_a_plan_mends_what_is_broken_and_once_is_enough(account, healthy, names):
    for name in names:
        account.break_(name)
    try:
        wished(account, names[0]).apply(account.account_id, wait=False)
        again = wished(account, names[0])
        found = statuses(check(account))
    finally:
        account.mend()  # also where something new stands in the place of what was gone
    assert not [step for step in again.todo if step.action in ("create", "change")]
    later = {"newest-event", "newest-object"}  # records take their time
    assert {name: found[name] for name in found.keys() - later} == {
        name: healthy[name] for name in healthy.keys() - later
    }


def test_a_plan_deletes_what_doubles_the_records(account):
    account.break_("overlapping")
    try:
        last = wished(account, "overlapping").todo[-1]
    finally:
        account.mend()
    assert (last.action, last.resource) == ("delete", "fl-0e5f1a7b3c9d24683")


def test_after_all_that_nothing_is_wrong_any_more(account, healthy):
    assert statuses(check(account)) == healthy


@pytest.mark.parametrize(
    ("action", "turns"),
    [
        ("ec2:DescribeFlowLogs", {"flow-log-covers"}),
        ("ec2:DescribeNetworkInterfaces", {"flow-log-covers"}),
        ("iam:GetRole", {"role-exists", "role-trust", "role-trust-guard"}),
        ("logs:DescribeLogGroups", {"log-group-exists"}),
        ("logs:FilterLogEvents", {"skipped-records"}),
        ("s3:GetBucketPolicy", {"bucket-policy-write", "bucket-policy-acl-check"}),
        ("s3:GetEncryptionConfiguration", {"bucket-key"}),
    ],
)
def test_what_may_not_be_asked_is_unknown_and_never_broken(account, action, turns):
    account.break_("denied", action=action)
    try:
        report = check(account)
    finally:
        account.mend()
    found = statuses(report)
    assert {name for name in turns if found.get(name) == "unknown"} == turns
    assert "fail" not in found.values() and "fail" not in set(report.coverage["status"])
    unknown = report.checks[report.checks["status"] == "unknown"]
    assert unknown["remedy"].str.contains(action, regex=False).any()
    assert report.exit_code == 2


def test_the_bundled_set_up_is_judged_as_what_it_is():
    report = check_setup(snapshot="practice")
    assert report.inventory.practice and not report.inventory.anonymized
    found = report.checks[report.checks["status"] != "ok"]
    assert set(found["check"]) == {"flow-log-covers", "newest-event"}
    assert broken_links(report) == Counter({"interface": 2, "newest record": 1})
    rows = report.coverage.set_index("interface_id")["first_broken_link"]
    # app-2 and reports-1 are in the subnet without a flow log; the database is silent.
    assert rows["eni-0c20f1b4a7d480e07"] == rows["eni-0c90e4a7f1c713b10"] == "interface"
    assert rows["eni-0b40d2e5c8a591f08"] == "newest record"


def test_the_bundled_set_up_is_what_the_practice_account_gives_today():
    from flowlab.practice.snapshot import SETUP_DEMO

    # In a process of its own, where it is the first account, as when it was bundled.
    code = "from flowlab.practice.snapshot import snapshot_text; print(snapshot_text())"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bundled, fresh = SETUP_DEMO.read_text("utf-8"), from_json(made.stdout)
    assert len(bundled) < 60_000
    old = from_json(bundled)
    assert (old.taken, old.asked) == (fresh.taken, fresh.asked)
    (one,), (other,) = old.scopes, fresh.scopes
    assert set(one.answers) == set(other.answers)
    # moto chooses some ids at random, and its next version may answer a little more.
    pd.testing.assert_frame_equal(judged(old).checks, judged(fresh).checks)
    pd.testing.assert_frame_equal(judged(old).coverage, judged(fresh).coverage)
