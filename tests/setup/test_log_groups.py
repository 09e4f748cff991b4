"""Judging log groups and what arrives in them: every check ok, broken and unknown."""

from __future__ import annotations

import pytest
import setup_scopes as world
from setup_scopes import DB, GROUP, NAT, WEB, by_name, of_status

from flowlab.setup.log_groups import judge_log_groups

KEY = f"arn:aws:kms:{world.REGION}:{world.ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GROUPS, STREAMS, SAMPLE = (
    (f"logs:{ask}", GROUP) for ask in ("DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents")
)
OF_THE_GROUP = ["log-group-exists", "log-group-class", "log-group-retention", "log-group-key"]
OF_THE_STREAMS = ["stream-per-interface", "newest-event", "skipped-records"]


def judged(answers, partition="aws", **change):
    if change:
        answers["ec2:DescribeFlowLogs", ""] = [world.flow_log(**change)]
    return list(judge_log_groups(world.scope(answers, partition=partition), world.NOW))


def group(**more):
    answers = world.healthy()
    answers[GROUPS].update(more)
    return answers


def one(name, answers, **change):
    (check,) = by_name(judged(answers, **change), name)
    return check


def test_a_healthy_log_group_has_nothing_to_say_but_ok():
    checks = judged(world.healthy())
    assert of_status(checks, "warn", "fail", "unknown") == []
    assert {c.check for c in checks} == {*OF_THE_GROUP, *OF_THE_STREAMS}
    assert {c.flow_log for c in checks} == {world.FLOW_LOG}
    assert {c.link for c in checks if c.check in OF_THE_GROUP} == {"destination"}
    assert {c.link for c in checks if c.check in OF_THE_STREAMS} == {"newest record"}


def test_other_destinations_are_not_judged_here():
    s3 = {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::acme-logs"}
    assert judged(world.healthy(), **s3) == []


# -- the group


@pytest.mark.parametrize(
    ("age", "status", "cause"), [(600, "fail", "it was deleted"), (5, "warn", "first records")]
)
def test_a_missing_group_is_all_that_is_said(age, status, cause):
    answers = world.healthy()
    answers[GROUPS] = None
    (check,) = judged(answers, CreationTime=world.iso(age))
    assert (check.check, check.status, check.resource) == ("log-group-exists", status, GROUP)
    assert cause in check.cause


def test_a_group_is_not_missed_where_nothing_has_traffic():
    answers = world.healthy()
    answers[GROUPS] = None
    answers["ec2:DescribeNetworkInterfaces", ""] = [world.eni(world.SPARE, status="available")]
    (check,) = judged(answers)
    assert check.status == "warn" and "no ENI" in check.cause


def test_a_group_of_another_region_is_named():
    answers = world.healthy()
    answers[GROUPS] = None
    arn = f"arn:aws:logs:us-east-1:{world.ACCOUNT}:log-group:{GROUP}:*"
    (check,) = judged(answers, LogDestination=arn)
    assert check.status == "fail" and "us-east-1" in check.cause


def test_a_flow_log_without_a_group():
    (check,) = judged(world.healthy(), LogGroupName=None)
    assert check.status == "fail" and check.resource == world.FLOW_LOG


def test_denied_groups_leave_the_streams_to_judge():
    answers = world.healthy()
    answers[GROUPS] = world.DENIED
    checks = judged(answers)
    assert of_status(checks, "unknown") == [(name, GROUP) for name in OF_THE_GROUP]
    assert "logs:DescribeLogGroups" in checks[0].cause
    assert {c.status for c in by_name(checks, "newest-event")} == {"ok"}


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [(None, "ok", "STANDARD"), ("STANDARD", "ok", "STANDARD"),
     ("INFREQUENT_ACCESS", "warn", "FilterLogEvents"), ("DELIVERY", "warn", "one day"),
     ("ESSENTIALS", "warn", "ESSENTIALS"), ("NEWER", "warn", "NEWER")],
)  # fmt: skip
def test_class(kind, status, said):
    check = one("log-group-class", group(logGroupClass=kind))
    assert check.status == status and said in check.evidence


def test_retention():
    assert "30 days" in one("log-group-retention", world.healthy()).evidence
    check = one("log-group-retention", group(retentionInDays=None, storedBytes=12_340_000_000))
    assert check.status == "warn" and "12.3 GB" in check.evidence
    assert f"put-retention-policy --log-group-name {GROUP} " in check.remedy


# -- the key


def key_policy(region=world.REGION, log_group=GROUP, suffix="amazonaws.com", condition="ArnEquals"):
    """The policy that AWS documents for encrypting a log group."""
    arn = f"arn:aws:logs:{world.REGION}:{world.ACCOUNT}:log-group:{log_group}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{world.ACCOUNT}:root"},
             "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"Service": f"logs.{region}.{suffix}"},
             "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*",
                        "kms:Describe*"],
             "Resource": "*",
             "Condition": {condition: {"kms:EncryptionContext:aws:logs:arn": arn}}},
        ],
    }  # fmt: skip


def encrypted(policy=None, state="Enabled"):
    answers = group(kmsKeyId=KEY)
    answers["kms:DescribeKey", KEY] = state and {"KeyId": KEY, "KeyState": state}
    answers["kms:GetKeyPolicy", KEY] = key_policy() if policy is None else policy
    return answers


def test_aws_own_policy_for_a_key_is_enough():
    assert one("log-group-key", encrypted()).status == "ok"
    assert "own" in one("log-group-key", world.healthy()).evidence


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion", None])
def test_a_key_that_is_not_enabled_breaks_it(state):
    check = one("log-group-key", encrypted(state=state))
    assert check.status == "fail" and (state or "not there") in check.evidence


@pytest.mark.parametrize(
    "policy", [key_policy(region="us-east-1"), key_policy(log_group="/another"),
               {"Version": "2012-10-17", "Statement": key_policy()["Statement"][:1]}, "not JSON"],
    ids=["region", "log group", "nobody", "malformed"],
)  # fmt: skip
def test_a_key_policy_that_shuts_cloudwatch_logs_out(policy):
    check = one("log-group-key", encrypted(policy))
    assert check.status == "fail" and "logs.eu-west-1.amazonaws.com" in check.remedy


def test_a_condition_that_only_aws_can_decide_is_unknown():
    policy = key_policy()
    policy["Statement"][1]["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    check = one("log-group-key", encrypted(policy))
    assert check.status == "unknown" and "aws:PrincipalOrgID" in check.evidence


def test_china_has_its_own_name_for_the_service():
    answers = encrypted(key_policy(suffix="amazonaws.com.cn"))
    answers["kms:GetKeyPolicy", KEY]["Statement"][1].pop("Condition")
    (check,) = by_name(judged(answers, partition="aws-cn"), "log-group-key")
    assert check.status == "ok"


@pytest.mark.parametrize("ask", ["kms:DescribeKey", "kms:GetKeyPolicy"])
def test_a_key_that_may_not_be_looked_at_is_unknown(ask):
    answers = encrypted()
    answers[ask, KEY] = world.DENIED
    check = one("log-group-key", answers)
    assert check.status == "unknown" and ask in check.cause


# -- streams


def test_an_eni_without_a_stream_is_named():
    answers = world.healthy()
    answers[STREAMS] = [s for s in answers[STREAMS] if not s["logStreamName"].startswith(DB)]
    del answers[SAMPLE]["streams"][f"{DB}-all"]
    checks = judged(answers)
    assert of_status(checks, "warn", "fail", "unknown") == [("stream-per-interface", DB)]
    (check,) = [c for c in checks if c.status == "fail"]
    assert check.interface == DB and "NODATA" in check.cause


def test_no_stream_at_all_is_one_check_of_the_group():
    answers = world.healthy()
    answers[STREAMS], answers[SAMPLE] = [], world.sample({})
    checks = judged(answers)
    assert of_status(checks, "fail", "warn", "unknown") == [("stream-per-interface", GROUP)]
    assert "none of the 3 ENIs" in by_name(checks, "stream-per-interface")[0].evidence


@pytest.mark.parametrize("suffix", ["-accept", "-reject", ""])
def test_streams_go_by_the_id_of_the_eni(suffix):
    answers = world.healthy()
    answers[STREAMS] = [world.stream(name, suffix=suffix) for name in (WEB, DB, NAT)]
    assert {c.status for c in by_name(judged(answers), "stream-per-interface")} == {"ok"}


def test_an_id_that_begins_like_another_is_not_that_other():
    answers = world.healthy()
    answers[STREAMS] = [world.stream(WEB), world.stream(NAT), world.stream(DB + "0")]
    assert of_status(by_name(judged(answers), "stream-per-interface"), "fail") == [
        ("stream-per-interface", DB)
    ]


# -- newest event


def aged(minutes, who=(DB,), sampled=False, **change):
    """The last event of some ENIs is so old; the sample has nothing of them."""
    answers = world.healthy()
    answers[STREAMS] = [world.stream(n, minutes if n in who else 3) for n in (WEB, DB, NAT)]
    if not sampled:
        for name in who:
            del answers[SAMPLE]["streams"][f"{name}-all"]
    return judged(answers, **change)


def test_a_silent_eni_is_named_and_nothing_else():
    checks = aged(180)
    assert of_status(checks, "fail", "warn", "unknown") == [("newest-event", DB)]
    (check,) = [c for c in checks if c.status == "fail"]
    assert check.interface == DB and check.flow_log == world.FLOW_LOG
    assert "3 h old" in check.evidence and "2 other ENIs delivered" in check.evidence
    assert "NODATA" in check.cause


def test_the_sample_knows_better_than_the_time_of_the_stream():
    # lastEventTimestamp may be behind by an hour: three minutes old events in the sample count.
    assert of_status(aged(180, sampled=True), "fail", "warn") == []


def test_the_time_of_the_stream_can_speak_where_the_sample_was_not_complete():
    answers = world.healthy()
    answers[SAMPLE] = world.sample({}, complete=False)
    assert {c.status for c in by_name(judged(answers), "newest-event")} == {"ok"}


def test_a_sample_that_was_cut_proves_no_silence():
    answers = world.healthy()
    answers[STREAMS][1]["lastEventTimestamp"] = world.ms(40)
    answers[SAMPLE] = world.sample({f"{WEB}-all": world.events()}, complete=False)
    assert of_status(judged(answers), "fail", "warn") == [("newest-event", DB)]
    (check,) = [c for c in judged(answers) if c.status != "ok"]
    assert check.status == "warn" and "may be behind" in check.cause


def test_without_enis_in_use_nothing_has_to_arrive():
    answers = world.healthy()
    answers["ec2:DescribeNetworkInterfaces", ""] = [world.eni(world.SPARE, status="available")]
    answers[STREAMS] = answers[SAMPLE] = world.DENIED
    assert {c.check for c in judged(answers)} == set(OF_THE_GROUP)


@pytest.mark.parametrize(
    ("interval", "minutes", "status"),
    [
        # 60 s: two windows and twice 5 minutes make 12; the sample reaches back 20.
        (60, 11, "ok"), (60, 13, "fail"),
        # 600 s: 30 minutes, beyond the sample; the stream's own time may be an hour behind.
        (600, 29, "ok"), (600, 31, "warn"), (600, 89, "warn"), (600, 91, "fail"),
    ],
)  # fmt: skip
def test_how_old_is_too_old(interval, minutes, status):
    checks = by_name(aged(minutes, MaxAggregationInterval=interval), "newest-event")
    assert {c.interface: c.status for c in checks}[DB] == status


def test_nothing_fresh_at_all_is_one_check():
    checks = by_name(aged(180, (WEB, DB, NAT)), "newest-event")
    assert [(c.resource, c.status, c.interface) for c in checks] == [(GROUP, "fail", "")]
    assert "none of the 3 ENIs" in checks[0].evidence and "3 h old" in checks[0].evidence


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"CreationTime": world.iso(5)}, "too early"), ({"TrafficType": "REJECT"}, "REJECT only")],
)
def test_silence_that_has_an_excuse_is_a_warning(change, cause):
    for who in ((DB,), (WEB, DB, NAT)):
        checks = [c for c in aged(180, who, **change) if c.status != "ok"]
        assert {(c.check, c.status) for c in checks} == {("newest-event", "warn")}
        assert cause in checks[0].cause
    answers = world.healthy()
    answers[STREAMS], answers[SAMPLE] = [], world.sample({})
    (check,) = by_name(judged(answers, **change), "stream-per-interface")
    assert check.status == "warn" and cause in check.cause


def test_an_eni_attached_just_now_is_given_time():
    answers = world.healthy()
    answers["ec2:DescribeNetworkInterfaces", ""].append(
        world.eni("eni-0new", Attachment={"AttachTime": world.iso(4)})
    )
    checks = judged(answers)
    assert of_status(checks, "warn", "fail") == [("stream-per-interface", "eni-0new")]
    assert "too early" in next(c for c in checks if c.status == "warn").cause


@pytest.mark.parametrize(
    ("state", "status"), [("running", "fail"), ("stopped", "warn"), ("pending", "warn")]
)
def test_an_instance_that_does_not_run_records_nothing(state, status):
    for streams in [world.stream(WEB, 180)], []:  # silent since hours, or never heard at all
        answers = world.healthy()
        answers["ec2:DescribeInstances", ""][0]["State"] = {"Code": 80, "Name": state}
        answers[STREAMS] = [world.stream(DB), world.stream(NAT), *streams]
        del answers[SAMPLE]["streams"][f"{WEB}-all"]
        (check,) = [c for c in judged(answers) if c.status != "ok"]
        assert (check.interface, check.status) == (WEB, status)
        assert ("does not run" in check.cause) == (status == "warn")


def test_streams_denied_the_sample_still_speaks():
    answers = world.healthy()
    answers[STREAMS] = world.DENIED
    assert of_status(judged(answers), "unknown") == [("stream-per-interface", GROUP)]
    del answers[SAMPLE]["streams"][f"{DB}-all"]
    assert of_status(judged(answers), "fail") == [("newest-event", DB)]


def test_sample_denied_the_streams_still_speak():
    answers = world.healthy()
    answers[SAMPLE] = world.DENIED
    assert of_status(judged(answers), "unknown") == [("skipped-records", GROUP)]
    answers[STREAMS][1]["lastEventTimestamp"] = world.ms(40)  # perhaps only not updated yet
    assert of_status(judged(answers), "unknown") == [("newest-event", DB), ("skipped-records", GROUP)]  # fmt: skip


def test_both_denied_nothing_is_known():
    answers = world.healthy()
    answers[STREAMS] = answers[SAMPLE] = world.DENIED
    checks = judged(answers)
    assert of_status(checks, "unknown") == [(name, GROUP) for name in OF_THE_STREAMS]
    assert "logs:FilterLogEvents" in by_name(checks, "newest-event")[0].cause


# -- lost records


def test_skipdata_has_its_share():
    answers = world.healthy()
    answers[SAMPLE]["streams"] = {
        f"{WEB}-all": world.events(90, skipdata=3, nodata=0),
        f"{DB}-all": world.events(10, nodata=10, skipdata=0),
        "eni-0elsewhere-all": world.events(1000, skipdata=1000),  # not of this flow log
    }
    answers[STREAMS] = [world.stream(WEB), world.stream(DB)]
    check = one("skipped-records", answers)
    assert check.status == "warn"
    # 3 of 90 + 10 are 3 %, and 10 of them 10 %.
    assert "3 of the 100 newest records (3.0%) are SKIPDATA, of 1 ENI:" in check.evidence
    assert "10 NODATA (10.0%)" in check.evidence


def test_nodata_is_as_it_should_be():
    answers = world.healthy()
    for events in answers[SAMPLE]["streams"].values():
        events.update(ok=0, nodata=20)
    check = one("skipped-records", answers)
    assert check.status == "ok" and "60 NODATA (100.0%)" in check.evidence


def test_five_thousand_enis():
    answers = world.healthy()
    names = [f"eni-{n:017x}" for n in range(5000)]
    answers["ec2:DescribeNetworkInterfaces", ""] = [world.eni(name) for name in names]
    answers[STREAMS] = [world.stream(name) for name in names[1:]]
    answers[SAMPLE] = world.sample({f"{name}-all": world.events() for name in names[2:]})
    answers[STREAMS][0]["lastEventTimestamp"] = world.ms(300)
    checks = judged(answers)
    assert of_status(checks, "fail", "warn", "unknown") == [
        ("stream-per-interface", names[0]), ("newest-event", names[1]),
    ]  # fmt: skip
    assert len(by_name(checks, "newest-event")) == 4999
