"""Which flow logs cover an ENI, and the first broken link of its chain."""

from __future__ import annotations

import pandas as pd
import pytest
import setup_scopes as world
from setup_scopes import DB, FLOW_LOG, GROUP, NAT, SPARE, WEB

from flowlab.setup.coverage import coverage_rows, flow_logs_of
from flowlab.setup.flow_logs import judge_flow_logs
from flowlab.setup.log_groups import judge_log_groups
from flowlab.setup.verdicts import Check

OTHER = "fl-0ffffffffffffffff"
ENI = world.eni(WEB)


def rows(answers, *more, judge=True):
    scope = world.scope(answers)
    checks = list(more)
    if judge:
        checks += [*judge_flow_logs(scope, world.NOW), *judge_log_groups(scope, world.NOW)]
    return {row["interface_id"]: row for row in coverage_rows(scope, checks, world.NOW)}


def links(found):
    return {name: (row["first_broken_link"], row["status"]) for name, row in found.items()}


@pytest.mark.parametrize(
    ("resource", "via"),
    [(WEB, ["ENI"]), (world.SUBNET_A, ["subnet"]), (world.VPC, ["VPC"]), (DB, []),
     (world.SUBNET_B, []), ("tgw-0123", []), ("nat-0123", []), (None, [])],
)  # fmt: skip
def test_subnets_and_vpcs_pass_their_flow_logs_down(resource, via):
    assert [v for _, v in flow_logs_of(ENI, [world.flow_log(resource=resource)])] == via


def test_the_nearest_comes_first_and_all_are_found():
    logs = [world.flow_log(f"fl-{n}", r) for n, r in enumerate((world.VPC, WEB, world.SUBNET_A))]
    assert [(f["FlowLogId"], via) for f, via in flow_logs_of(ENI, logs)] == [
        ("fl-1", "ENI"), ("fl-2", "subnet"), ("fl-0", "VPC"),
    ]  # fmt: skip


def test_an_eni_outside_any_subnet_is_covered_by_nothing():
    assert flow_logs_of({"NetworkInterfaceId": WEB}, [world.flow_log(resource=None)]) == []


def test_the_rows_of_a_healthy_set_up():
    found = rows(world.healthy())
    assert links(found) == dict.fromkeys((WEB, DB, NAT, SPARE), ("", "ok"))
    assert [found[n]["owner"] for n in (WEB, DB, NAT)] == [
        "web-1", "RDS database", "NAT gateway nat-0123456789abcdef0",
    ]  # fmt: skip
    assert found[WEB] == {
        "interface_id": WEB, "owner": "web-1", "in_use": True, "subnet_id": world.SUBNET_A,
        "vpc_id": world.VPC, "account_id": world.ACCOUNT, "region": world.REGION,
        "flow_log": FLOW_LOG, "inherited_from": "VPC", "traffic_type": "ALL",
        "destination": f"log group {GROUP}", "format": "minimal",
        "newest_record_age": pd.Timedelta(minutes=3), "first_broken_link": "", "status": "ok",
        "what": "",
    }  # fmt: skip
    assert not found[SPARE]["in_use"] and found[SPARE]["flow_log"] == FLOW_LOG


def test_an_uncovered_eni_breaks_at_the_first_link():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""] = [world.flow_log(resource=world.SUBNET_A)]
    found = rows(answers)
    assert links(found) == {
        WEB: ("", "ok"), NAT: ("", "ok"), DB: ("interface", "fail"), SPARE: ("", "ok"),
    }  # fmt: skip
    assert found[DB]["flow_log"] == found[DB]["destination"] == found[DB]["format"] == ""
    assert (
        found[DB]["what"].startswith("no flow log is on") and found[DB]["newest_record_age"] is None
    )


def check(name, status, link, **more):
    return Check("x", name, status, f"evidence of {name}", link=link, **more)


def test_the_first_link_counts_whatever_the_order_of_the_checks():
    checks = [
        check("newest-event", "fail", "newest record", interface=WEB, flow_log=FLOW_LOG),
        check("bucket-exists", "fail", "destination", flow_log=FLOW_LOG),
        check("role-permissions", "fail", "permission", flow_log=FLOW_LOG),
        check("role-exists", "unknown", "flow log", flow_log=FLOW_LOG),
        check("flow-log-age", "warn", "interface", flow_log=FLOW_LOG),
    ]
    found = rows(world.healthy(), *checks, judge=False)
    assert found[WEB]["first_broken_link"] == "permission"
    assert found[WEB]["what"] == "evidence of role-permissions" and found[WEB]["status"] == "fail"
    assert links(found)[SPARE] == ("", "ok")


def test_a_warning_breaks_nothing_and_an_unknown_link_is_named():
    warned = check("flow-log-age", "warn", "flow log", flow_log=FLOW_LOG)
    assert links(rows(world.healthy(), warned))[WEB] == ("", "warn")
    unknown = check("role-exists", "unknown", "permission", flow_log=FLOW_LOG)
    assert links(rows(world.healthy(), warned, unknown))[WEB] == ("permission", "unknown")


def test_an_opinion_that_is_missing_breaks_nothing():
    aside = check("role-simulated", "unknown", "permission", flow_log=FLOW_LOG)
    assert links(rows(world.healthy(), aside))[WEB] == ("", "ok")
    refuted = aside._replace(status="fail")
    assert links(rows(world.healthy(), refuted))[WEB] == ("permission", "fail")


def test_one_whole_chain_is_enough():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""].append(
        world.flow_log(OTHER, world.SUBNET_A, LogGroupName="/gone", DeliverLogsStatus="FAILED")
    )
    answers["logs:DescribeLogGroups", "/gone"] = None
    found = rows(answers)
    assert links(found) == dict.fromkeys((WEB, DB, NAT, SPARE), ("", "ok"))
    assert found[WEB]["flow_log"] == f"{OTHER}, {FLOW_LOG}"
    assert found[WEB]["inherited_from"] == "subnet, VPC"
    # Without the good one, the broken one counts, and for its own ENIs alone.
    del answers["ec2:DescribeFlowLogs", ""][0]
    assert links(rows(answers))[WEB] == ("flow log", "fail")
    assert links(rows(answers))[DB] == ("interface", "fail")


def test_of_two_broken_chains_the_one_that_gets_further_is_told():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""].append(world.flow_log(OTHER))
    checks = [
        check("flow-log-delivers", "fail", "flow log", flow_log=OTHER),
        check("newest-event", "fail", "newest record", flow_log=FLOW_LOG),
    ]
    assert links(rows(answers, *checks, judge=False))[WEB] == ("newest record", "fail")


def test_what_is_wrong_with_an_eni_in_one_flow_log_is_not_in_the_other():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""].append(world.flow_log(OTHER))
    silent = check("newest-event", "fail", "newest record", interface=WEB, flow_log=OTHER)
    assert links(rows(answers, silent, judge=False))[WEB] == ("", "ok")


def test_a_silent_eni_breaks_alone_at_the_last_link():
    answers = world.healthy()
    answers["logs:DescribeLogStreams", GROUP][1]["lastEventTimestamp"] = world.ms(180)
    del answers["logs:FilterLogEvents", GROUP]["streams"][f"{DB}-all"]
    found = rows(answers)
    assert links(found) == {
        WEB: ("", "ok"), DB: ("newest record", "fail"), NAT: ("", "ok"), SPARE: ("", "ok"),
    }  # fmt: skip
    assert found[DB]["newest_record_age"] == pd.Timedelta(hours=3)


def test_denied_flow_logs_leave_the_first_link_unknown():
    answers = world.healthy()
    answers["ec2:DescribeFlowLogs", ""] = world.DENIED
    assert links(rows(answers))[WEB] == ("interface", "unknown")


def test_an_interval_that_is_not_known_breaks_nothing():
    answers = world.healthy()
    answers["ec2:DescribeInstanceTypes", ""] = world.DENIED
    answers["ec2:DescribeFlowLogs", ""] = [world.flow_log(MaxAggregationInterval=600)]
    assert links(rows(answers))[WEB] == ("", "ok")


def test_the_newest_object_counts_in_s3():
    answers = world.healthy()
    arn = "arn:aws:s3:::acme-logs/vpc"
    s3 = {"LogDestinationType": "s3", "LogDestination": arn, "LogGroupName": None}
    answers["ec2:DescribeFlowLogs", ""] = [world.flow_log(**s3)]
    assert rows(answers)[WEB]["newest_record_age"] is None
    answers["s3:ListBucket", arn] = {"objects": 1, "newest": world.iso(7), "newest_key": "k"}
    row = rows(answers)[WEB]
    assert row["newest_record_age"] == pd.Timedelta(minutes=7)
    assert row["destination"] == "s3://acme-logs/vpc"
    answers["s3:ListBucket", arn] = {"objects": 0, "newest": None, "newest_key": None}
    assert rows(answers)[WEB]["newest_record_age"] is None


def test_no_enis_no_rows():
    assert rows({("ec2:DescribeNetworkInterfaces", ""): world.DENIED}) == {}
    assert rows({}) == {}


def test_five_thousand_enis():
    answers = world.healthy()
    names = [f"eni-{n:017x}" for n in range(5000)]
    answers["ec2:DescribeNetworkInterfaces", ""] = [world.eni(name) for name in names]
    answers["logs:DescribeLogStreams", GROUP] = [world.stream(name) for name in names[1:]]
    answers["logs:FilterLogEvents", GROUP] = world.sample({f"{n}-all": world.events() for n in names[1:]})  # fmt: skip
    found = rows(answers)
    assert len(found) == 5000
    assert [n for n, row in found.items() if row["status"] != "ok"] == [names[0]]
