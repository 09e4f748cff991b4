"""Judging flow logs: every check ok, broken and unknown."""

from __future__ import annotations

import pytest
import setup_scopes as world
from setup_scopes import by_name, of_status

from flowlab.setup.flow_logs import judge_flow_logs

OTHER = "fl-0ffffffffffffffff"
S3 = {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::acme-logs", "LogGroupName": None}


def judged(answers=None, *flow_logs, **change):
    answers = world.healthy() if answers is None else answers
    if flow_logs or change:
        answers["ec2:DescribeFlowLogs", ""] = list(flow_logs) or [world.flow_log(**change)]
    return list(judge_flow_logs(world.scope(answers), world.NOW))


def one(name, **change):
    (check,) = by_name(judged(None, **change), name)
    return check


def test_a_healthy_set_up_has_nothing_to_say_but_ok():
    checks = judged()
    assert of_status(checks, "warn", "fail", "unknown") == []
    assert {check.check for check in checks} == {
        "flow-log-covers", "flow-log-active", "flow-log-delivers", "flow-log-age",
        "flow-log-traffic-type", "flow-log-overlap", "flow-log-interval", "flow-log-format",
    }  # fmt: skip
    assert all(not check.cause and not check.remedy for check in checks)
    assert {(check.account_id, check.region) for check in checks} == {(world.ACCOUNT, world.REGION)}


# -- coverage


def test_every_eni_in_use_and_no_other_is_judged_for_coverage():
    covers = by_name(judged(), "flow-log-covers")
    assert {check.interface for check in covers} == {world.WEB, world.DB, world.NAT}
    assert {(c.link, c.control, c.flow_log) for c in covers} == {
        ("interface", "CIS 3.9, EC2.6", "")
    }


def test_what_a_subnet_has_holds_for_its_enis_alone():
    covers = by_name(judged(None, resource=world.SUBNET_A), "flow-log-covers")
    assert {c.interface: c.status for c in covers} == {
        world.WEB: "ok", world.NAT: "ok", world.DB: "fail",
    }  # fmt: skip
    (broken,) = [c for c in covers if c.status == "fail"]
    assert world.SUBNET_B in broken.evidence and world.VPC in broken.remedy
    # One on the VPC alone would record the first subnet twice.
    assert f"create one on {world.SUBNET_B}" in broken.remedy
    assert "then delete those" in broken.remedy
    for check in by_name(judged(None, resource="vpc-0ffffffffffffffff"), "flow-log-covers"):
        assert check.remedy.startswith(f"create one on {world.VPC}, which covers all")


def test_in_a_shared_vpc_nobody_can_tell():
    answers = world.healthy()
    answers["ec2:DescribeVpcs", ""][0]["OwnerId"] = "210987654321"
    answers["ec2:DescribeFlowLogs", ""] = []
    covers = by_name(judged(answers), "flow-log-covers")
    assert {c.status for c in covers} == {"unknown"} and "210987654321" in covers[0].evidence


def test_without_the_permission_every_eni_is_unknown():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""] = world.DENIED
    checks = judged(answers)
    assert {(c.check, c.status) for c in checks} == {("flow-log-covers", "unknown")}
    assert len(checks) == 3 and "ec2:DescribeFlowLogs" in checks[0].cause


def test_without_enis_the_region_is_unknown_and_flow_logs_are_judged():
    answers = world.healthy()
    answers["ec2:DescribeNetworkInterfaces", ""] = world.DENIED
    checks = judged(answers)
    assert of_status(checks, "unknown") == [("flow-log-covers", world.REGION)]
    assert by_name(checks, "flow-log-active")[0].status == "ok"


# -- status, delivery, age


@pytest.mark.parametrize(("said", "status"), [("ACTIVE", "ok"), ("DELETING", "fail"), (None, "unknown")])  # fmt: skip
def test_active(said, status):
    assert one("flow-log-active", FlowLogStatus=said).status == status


@pytest.mark.parametrize(
    ("message", "more", "cause", "link"),
    [
        ("Access error", {}, "vpc-flow-logs.amazonaws.com", "permission"),
        ("Access error", S3, "delivery.logs.amazonaws.com", "permission"),
        ("Rate limited", {}, "throttles", "destination"),
        ("Unknown error", {}, "inside AWS", "flow log"),
        ("LogDestinationNotFoundException", S3, "is not there", "destination"),
        (
            "Access Denied for LogDestination: acme-logs",
            S3,
            "delivery service write here",
            "permission",
        ),
        ("LogDestinationPermissionIssueException", S3, "20 KB", "permission"),
        ("LogDestination acme-logs is undeliverable", S3, "KMS key", "destination"),
        ("Something new", {}, "no reason that is documented", "flow log"),
        (None, {}, "no reason that is documented", "flow log"),
    ],
)
def test_what_aws_says_of_failed_delivery_is_translated(message, more, cause, link):
    check = one(
        "flow-log-delivers", DeliverLogsStatus="FAILED", DeliverLogsErrorMessage=message, **more
    )
    assert check.status == "fail" and (message or "no reason") in check.evidence
    assert cause in check.cause and check.remedy and check.link == link
    assert check.flow_log == check.resource == world.FLOW_LOG


@pytest.mark.parametrize(("age", "cause"), [(5, "minutes old"), (600, "nothing has been recorded")])
def test_no_word_about_delivery_is_a_warning(age, cause):
    check = one("flow-log-delivers", DeliverLogsStatus=None, CreationTime=world.iso(age))
    assert check.status == "warn" and cause in check.cause


@pytest.mark.parametrize(
    ("made", "status"),
    [(world.iso(14.9), "warn"), (world.iso(15), "ok"), (None, "unknown"), ("yesterday", "unknown")],
)
def test_a_young_flow_log_is_too_early_to_tell(made, status):
    check = one("flow-log-age", CreationTime=made)
    assert check.status == status
    assert ("too early to tell" in check.cause) == (status == "warn")


# -- what is recorded


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [("ALL", "ok", "rejected"), ("REJECT", "warn", "accepted traffic is not seen"),
     ("ACCEPT", "warn", "rejected traffic is not seen")],
)  # fmt: skip
def test_traffic_type(kind, status, said):
    check = one("flow-log-traffic-type", TrafficType=kind)
    assert check.status == status and said in check.evidence


def test_half_of_the_traffic_is_enough_where_another_flow_log_has_the_rest():
    whole = world.flow_log(OTHER, LogGroupName="/all")
    checks = judged(None, world.flow_log(TrafficType="REJECT"), whole)
    assert {c.status for c in by_name(checks, "flow-log-traffic-type")} == {"ok"}
    # Not if the other one is on a subnet only: the rest of the VPC is still not seen.
    part = world.flow_log(OTHER, world.SUBNET_A, LogGroupName="/all")
    checks = judged(None, world.flow_log(TrafficType="REJECT"), part)
    assert of_status(by_name(checks, "flow-log-traffic-type"), "warn") == [
        ("flow-log-traffic-type", world.FLOW_LOG)
    ]


def test_two_flow_logs_to_the_same_place_count_twice():
    checks = judged(None, world.flow_log(), world.flow_log(OTHER, world.SUBNET_A))
    overlaps = {c.resource: c for c in by_name(checks, "flow-log-overlap")}
    assert {c.status for c in overlaps.values()} == {"warn"}
    # WEB and NAT are in the subnet, DB is not: two ENIs count double.
    assert f"{OTHER} (on {world.SUBNET_A}) also covers 2 ENIs" in overlaps[world.FLOW_LOG].evidence
    assert world.FLOW_LOG in overlaps[OTHER].evidence and world.GROUP in overlaps[OTHER].evidence


@pytest.mark.parametrize(
    "other", [{"LogGroupName": "/elsewhere"}, S3, {"TrafficType": "REJECT"}], ids=str
)
def test_other_places_or_other_traffic_do_not_count_twice(other):
    first = {"TrafficType": "ACCEPT"} if "TrafficType" in other else {}
    checks = judged(None, world.flow_log(**first), world.flow_log(OTHER, **other))
    for check in by_name(checks, "flow-log-overlap"):
        assert check.status == "ok" and "also covers 3 ENIs" in check.evidence


def test_the_same_place_by_arn_or_by_name():
    by_arn = world.flow_log(
        OTHER, LogGroupName=None,
        LogDestination=f"arn:aws:logs:{world.REGION}:{world.ACCOUNT}:log-group:{world.GROUP}:*",
    )  # fmt: skip
    checks = judged(None, world.flow_log(), by_arn)
    assert {c.status for c in by_name(checks, "flow-log-overlap")} == {"warn"}


def test_interval():
    assert "at most 60 s" in one("flow-log-interval").evidence
    mixed = one("flow-log-interval", MaxAggregationInterval=600)
    assert mixed.status == "ok" and "1 of 1 instances are Nitro" in mixed.evidence
    answers = world.healthy()
    answers["ec2:DescribeInstanceTypes", ""][0]["Hypervisor"] = "xen"
    (old,) = by_name(judged(answers, MaxAggregationInterval=600), "flow-log-interval")
    assert "Nitro" not in old.evidence and "at most 600 s" in old.evidence


@pytest.mark.parametrize("ask", ["ec2:DescribeInstances", "ec2:DescribeInstanceTypes"])
def test_only_a_long_interval_needs_to_know_the_instances(ask):
    answers = world.healthy()
    answers[ask, ""] = world.DENIED
    (long,) = by_name(judged(answers, MaxAggregationInterval=600), "flow-log-interval")
    assert long.status == "unknown" and ask in long.cause
    (short,) = by_name(judged(answers, MaxAggregationInterval=60), "flow-log-interval")
    assert short.status == "ok"


def test_format():
    default = one("flow-log-format")
    assert default.status == "ok" and "minimal: answers 13 of 29" in default.evidence
    # Two questions wait for tcp-flags alone: who opened a connection, and what came too late.
    assert "tcp-flags for 2 more; flow-direction for 1 more" in default.evidence
    assert "-tag" not in default.evidence  # which takes more than a field
    lacking = one("flow-log-format", LogFormat=world.DEFAULT.replace(" ${log-status}", ""))
    assert lacking.status == "warn" and "lacks log-status" in lacking.evidence
    assert "cannot be edited" in lacking.remedy
    for unreadable in (None, "", "<b>"):
        assert one("flow-log-format", LogFormat=unreadable).status == "unknown"


def test_transit_gateways_have_other_fields_and_no_traffic_type():
    checks = judged(None, resource="tgw-0123", TrafficType=None, LogFormat="${version} ${tgw-id}")
    told = {c.check for c in checks if c.flow_log}
    assert not {"flow-log-format", "flow-log-traffic-type"} & told and "flow-log-active" in told


def test_five_thousand_enis_with_a_flow_log_each():
    answers = world.healthy()
    enis = [world.eni(f"eni-{n:017x}") for n in range(5000)]
    answers["ec2:DescribeNetworkInterfaces", ""] = enis
    each = [world.flow_log(f"fl-{n:017x}", e["NetworkInterfaceId"]) for n, e in enumerate(enis)]
    checks = judged(answers, world.flow_log(), *each)
    assert len(by_name(checks, "flow-log-covers")) == 5000
    twice = by_name(checks, "flow-log-overlap")
    assert len(twice) == 5001 and {c.status for c in twice} == {"warn"}
    (whole,) = [c for c in twice if c.resource == world.FLOW_LOG]
    assert "and 4,997 more" in whole.evidence and len(whole.evidence) < 500
