"""Plans done on a real account on loopback: all of it, or nothing; twice is once."""

from __future__ import annotations

import functools
import itertools
import json
import time
from typing import NamedTuple

import pytest
from aws.faults import PASS, ec2err, response, script

from flowlab.errors import FlowlabError
from flowlab.practice.endpoint import client
from flowlab.setup import applying, watching
from flowlab.setup.planning import plan_flow_logs
from flowlab.setup.steps import Call
from flowlab.sources.aws import AccessError

REGION, ACCOUNT = "eu-west-1", "123456789012"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def url():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@functools.cache
def _client(service, url):
    return client(service, url, REGION)


class Account(NamedTuple):
    """A VPC with one ENI, a log group's name that is its own, and clients."""

    url: str
    vpc: str
    eni: str
    group: str

    def client(self, service):
        return _client(service, self.url)

    def plan(self, resource=None, **options):
        given = {"to": f"cloudwatch://{self.group}", "region": REGION, "endpoint_url": self.url}
        return plan_flow_logs(resource or self.vpc, **{**given, **options})

    def asked(self, plan, service):
        """The client that a plan uses: faults are put on this one."""
        return plan.access.client(service)

    def flow_logs(self, resource=None):
        found = self.client("ec2").describe_flow_logs()["FlowLogs"]
        return [f for f in found if f["ResourceId"] == (resource or self.vpc)]

    def groups(self):
        listed = self.client("logs").describe_log_groups(logGroupNamePrefix=self.group)
        return [g["logGroupName"] for g in listed["logGroups"]]

    def roles(self):
        listed = self.client("iam").list_roles()["Roles"]
        return [r["RoleName"] for r in listed if self.group in r.get("Description", "")]

    def deliver(self, *lines, stream="-all"):
        logs, name = self.client("logs"), self.eni + stream
        if not logs.describe_log_streams(logGroupName=self.group)["logStreams"]:
            logs.create_log_stream(logGroupName=self.group, logStreamName=name)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName=self.group, logStreamName=name, logEvents=events)


@pytest.fixture
def account(url, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(watching, "POLL", 0.01)
    ec2 = _client("ec2", url)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    return Account(url, vpc, eni, f"/vpc/apply-{next(_numbers)}")


@pytest.fixture
def checked(monkeypatch):
    """The checks afterwards: what they were asked to look at."""
    from flowlab.setup import checking

    asked = []

    def check(**given):
        asked.append(given)

    monkeypatch.setattr(checking, "check_setup", check)
    return asked


def meanwhile(monkeypatch, *doings):
    """Do one thing in each pause between two looks, in place of the pause."""
    left = iter(doings)
    monkeypatch.setattr(watching, "sleep", lambda _: next(left, lambda: None)())


# What AWS's documentation shows as a record of version 2, with another ENI.
def record(eni, action="ACCEPT"):
    return (
        f"2 {ACCOUNT} {eni} 10.0.1.5 10.0.1.6 20641 22 6 20 4249 1418530010 1418530070 {action} OK"
    )


def test_a_fresh_account_gets_all_and_the_result_says_what_was_seen(account, checked):
    plan = account.plan(fields="minimal", retention_days=30, name="web")
    applied = plan.apply(ACCOUNT, timeout=0)

    (flow_log,) = account.flow_logs()
    assert flow_log["LogGroupName"] == account.group
    assert (flow_log["MaxAggregationInterval"], flow_log["TrafficType"]) == (60, "ALL")
    assert flow_log["LogFormat"].split()[:3] == ["${version}", "${account-id}", "${interface-id}"]
    assert flow_log["DeliverLogsStatus"] == "SUCCESS"
    assert {"Key": "Name", "Value": "web"} in flow_log["Tags"]
    (group,) = account.client("logs").describe_log_groups(logGroupNamePrefix=account.group)[
        "logGroups"
    ]
    assert group["retentionInDays"] == 30
    name = flow_log["DeliverLogsPermissionArn"].rpartition("/")[2]
    role = account.client("iam").get_role(RoleName=name)["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert applied.flow_log_ids == [flow_log["FlowLogId"]]
    assert not applied.verified  # nothing was delivered here
    assert "no records were seen within 0 s" in repr(applied)
    assert checked == [
        {"vpc": account.vpc, "subnet": None, "interface": None, "regions": REGION, "profile": None, "role_arns": None,
         "endpoint_url": account.url}
    ]  # fmt: skip


def test_records_that_arrive_verify_it_and_the_set_up_is_checked(account, monkeypatch):
    meanwhile(monkeypatch, lambda: account.deliver(record(account.eni)))
    applied = account.plan(fields="minimal").apply(ACCOUNT, timeout=20)
    assert applied.verified
    assert applied.report.exit_code == 0
    assert "role-permissions" in [*applied.report.checks["check"]]
    assert f"a record in log stream {account.eni}-all" in repr(applied)
    assert applied.steps["outcome"].iloc[-1] == "verified"


def test_what_is_newest_is_seen_in_a_busy_group(account, checked, monkeypatch):
    account.plan(fields="minimal").apply(ACCOUNT, wait=False)
    monkeypatch.setattr(watching, "_PAGES", 1)
    logs, now = account.client("logs"), time.time()
    busy = [{"timestamp": int((now - 600) * 1000) + n, "message": "-"} for n in range(10_001)]
    for name in "busy", f"{account.eni}-all":  # moto gives the events of the first one first
        logs.create_log_stream(logGroupName=account.group, logStreamName=name)
    for events in busy[:10_000], busy[10_000:]:
        logs.put_log_events(logGroupName=account.group, logStreamName="busy", logEvents=events)
    account.deliver(record(account.eni))
    watch = watching.Watch(account.plan(fields="minimal"), account.flow_logs(), [], now - 900)
    watch.look()
    assert watch.done


def test_records_of_an_eni_elsewhere_verify_nothing(account, checked, monkeypatch):
    stranger = account._replace(eni="eni-0000000000000000a")
    meanwhile(monkeypatch, lambda: stranger.deliver(record(stranger.eni)))
    assert not account.plan(fields="minimal").apply(ACCOUNT, timeout=0.2).verified


def test_a_plan_knows_the_enis_it_is_for(account):
    plans = account.plan(), account.plan(account.client("ec2").describe_network_interfaces(
        NetworkInterfaceIds=[account.eni])["NetworkInterfaces"][0]["SubnetId"])  # fmt: skip
    for plan in plans:
        enis = plan.scope.get("ec2:DescribeNetworkInterfaces").items()
        assert [eni["NetworkInterfaceId"] for eni in enis] == [account.eni]


def test_applying_twice_makes_nothing_twice(account, checked):
    plan = account.plan()
    plan.apply(ACCOUNT, wait=False)
    before = (account.flow_logs(), account.roles(), account.groups())
    again = plan.apply(ACCOUNT, wait=False)
    assert again.plan.empty
    assert "nothing was done" in repr(again)
    assert account.plan().empty
    assert (account.flow_logs(), account.roles(), account.groups()) == before
    assert len(before[0]) == len(before[1]) == len(before[2]) == 1


@pytest.mark.parametrize("confirm", ["", "111122223333", "yes", "123456789012 "])
def test_a_wrong_account_number_changes_nothing(account, confirm):
    with pytest.raises(FlowlabError, match="nothing was done"):
        account.plan().apply(confirm, timeout=0)
    assert (account.flow_logs(), account.roles(), account.groups()) == ([], [], [])


def test_what_the_plan_did_not_show_is_not_done(account):
    plan = account.plan(retention_days=90)
    account.client("logs").create_log_group(logGroupName=account.group)
    with pytest.raises(FlowlabError, match=r"change retention.*") as told:
        plan.apply(ACCOUNT, wait=False)
    assert "not as it was when the plan was made: nothing was done" in str(told.value)
    assert (account.flow_logs(), account.roles()) == ([], [])


def old_one(account, **options):
    """A flow log to the same group, named there by its ARN: moto takes a second one only so."""
    account.client("logs").create_log_group(logGroupName=account.group)
    account.client("iam").create_role(
        RoleName=f"hand-made-{account.vpc}", AssumeRolePolicyDocument="{}"
    )
    given = {
        "ResourceIds": [account.vpc], "ResourceType": "VPC", "TrafficType": "ALL",
        "LogDestination": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{account.group}:*",
        "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/hand-made-{account.vpc}",
        "MaxAggregationInterval": 60,
        "LogFormat": "${version} ${interface-id} ${srcaddr} ${dstaddr} ${action}",
    }  # fmt: skip
    return account.client("ec2").create_flow_logs(**given | options)["FlowLogIds"][0]


def test_the_old_one_goes_only_after_a_record_of_the_new_one(account, checked, monkeypatch):
    old = old_one(account)
    there = []

    def look_and_deliver(line):
        there.append([f["FlowLogId"] for f in account.flow_logs()])
        account.deliver(line)

    meanwhile(
        monkeypatch,
        lambda: look_and_deliver(f"2 {account.eni} 10.0.1.5 10.0.1.6 ACCEPT"),  # the old one's
        lambda: look_and_deliver(record(account.eni)),  # the new one's
    )
    plan = account.plan(fields="minimal")
    assert [*plan.steps["action"]][-3:] == ["create", "verify", "delete"]
    applied = plan.apply(ACCOUNT, timeout=20)
    (new,) = applied.flow_log_ids
    assert [set(ids) for ids in there] == [{old, new}] * 2  # also after a record of the old one
    assert [f["FlowLogId"] for f in account.flow_logs()] == [new]
    assert applied.verified
    assert applied.kept == []


@pytest.mark.parametrize("wait", [True, False])
def test_without_proof_both_stay(account, checked, wait):
    old = old_one(account)
    applied = account.plan(fields="minimal").apply(ACCOUNT, wait=wait, timeout=0.05)
    assert {f["FlowLogId"] for f in account.flow_logs()} == {old, *applied.flow_log_ids}
    assert applied.kept == [old]
    assert f"aws ec2 delete-flow-logs --flow-log-ids {old}" in repr(applied)
    later = account.plan(fields="minimal")  # where it goes on
    assert [*later.steps["action"]].count("create") == 0
    assert [*later.steps["action"]][-2:] == ["verify", "delete"]


def test_the_same_format_is_proved_by_a_record_that_comes_twice(account, checked, monkeypatch):
    old = old_one(account, MaxAggregationInterval=600,
                  LogFormat=account.plan(fields="minimal").wish.log_format)  # fmt: skip
    line = record(account.eni)
    meanwhile(monkeypatch, lambda: account.deliver(line))
    plan = account.plan(fields="minimal")
    assert plan.apply(ACCOUNT, timeout=0.3).kept == [old]  # once: it may be the old one's
    later = account.plan(fields="minimal")
    meanwhile(monkeypatch, lambda: account.deliver(line, line))
    assert later.apply(ACCOUNT, timeout=20).kept == []
    assert old not in {f["FlowLogId"] for f in account.flow_logs()}


def test_a_rejected_record_proves_what_the_old_one_cannot_write(account, checked, monkeypatch):
    old = old_one(account, TrafficType="ACCEPT",
                  LogFormat=account.plan(fields="minimal").wish.log_format)  # fmt: skip
    meanwhile(monkeypatch, lambda: account.deliver(record(account.eni, "REJECT")))
    assert account.plan(fields="minimal").apply(ACCOUNT, timeout=20).kept == []
    assert old not in {f["FlowLogId"] for f in account.flow_logs()}


def test_interrupted_while_waiting_all_that_was_made_stays(account, checked, monkeypatch):
    old = old_one(account)

    def interrupt():
        raise KeyboardInterrupt

    meanwhile(monkeypatch, interrupt)
    applied = account.plan(fields="minimal").apply(ACCOUNT, timeout=60)
    assert "the waiting was interrupted" in repr(applied)
    assert {f["FlowLogId"] for f in account.flow_logs()} == {old, *applied.flow_log_ids}


def unsuccessful(made, refused, message):
    ids = "".join(f"<item>{one}</item>" for one in made)
    items = "".join(
        f"<item><resourceId>{one}</resourceId><error><code>400</code><message>{message}</message>"
        "</error></item>"
        for one in refused
    )
    body = (
        f"<CreateFlowLogsResponse><flowLogIdSet>{ids}</flowLogIdSet><unsuccessful>{items}"
        "</unsuccessful></CreateFlowLogsResponse>"
    )
    return response(200, body.encode(), {"Content-Type": "text/xml"})


def test_a_partial_failure_is_read_and_taken_back(account):
    ec2 = account.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    # AWS has made one of two: this one.
    made = ec2.create_flow_logs(
        ResourceIds=[account.vpc], ResourceType="VPC", TrafficType="ALL",
        LogGroupName=f"{account.group}-elsewhere", DeliverLogsPermissionArn="arn:aws:iam::1:role/r",
    )["FlowLogIds"]  # fmt: skip
    plan = account.plan([account.vpc, other])
    fault = unsuccessful(made, [other], "Flow log limit exceeded")
    with script(account.asked(plan, "ec2"), "CreateFlowLogs", [fault]) as played:
        with pytest.raises(FlowlabError) as told:
            plan.apply(ACCOUNT, timeout=0)
        assert played.calls == 1
    assert f"no flow log for {other}: 400 Flow log limit exceeded" in str(told.value)
    assert "all that this run had made was taken back" in str(told.value)
    assert (account.flow_logs(), account.roles(), account.groups()) == ([], [], [])


def test_a_denial_in_the_middle_is_taken_back(account):
    plan = account.plan()
    fault = response(
        403,
        b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>User is not authorized to "
        b"perform: iam:PutRolePolicy</Message></Error></ErrorResponse>",
        {"Content-Type": "text/xml"},
    )
    with (
        script(account.asked(plan, "iam"), "PutRolePolicy", [fault]),
        pytest.raises(AccessError, match="iam:PutRolePolicy is missing") as told,
    ):
        plan.apply(ACCOUNT, timeout=0)
    assert "create policy of the role" in str(told.value)
    assert "plan.steps lists" in told.value.fix and "read_policy" not in told.value.fix
    assert (account.flow_logs(), account.roles(), account.groups()) == ([], [], [])


def test_what_cannot_be_taken_back_is_named(account):
    plan = account.plan()
    refused = [ec2err(400, "InvalidParameter", "no")]
    kept = response(409, b"<ErrorResponse><Error><Code>DeleteConflict</Code></Error></ErrorResponse>",
                    {"Content-Type": "text/xml"})  # fmt: skip
    with (
        script(account.asked(plan, "ec2"), "CreateFlowLogs", refused),
        script(account.asked(plan, "iam"), "DeleteRole", [kept]),
        pytest.raises(FlowlabError, match="NOT taken back") as told,
    ):
        plan.apply(ACCOUNT, timeout=0)
    (role,) = account.roles()
    assert f"delivery role {role} (DeleteConflict)" in str(told.value)
    assert account.groups() == []


def test_a_new_role_is_waited_for(account, checked, monkeypatch):
    pauses = []
    monkeypatch.setattr(applying, "sleep", pauses.append)
    plan = account.plan()
    text = "Unable to assume given IAM role"
    faults = [ec2err(400, "InvalidParameter", text), unsuccessful([], [account.vpc], text), PASS]
    tokens = []
    client_ = account.asked(plan, "ec2")
    client_.meta.events.register(
        "before-parameter-build.ec2.CreateFlowLogs",
        lambda params, **_: tokens.append(params["ClientToken"]),
        unique_id="tokens",
    )
    try:
        with script(client_, "CreateFlowLogs", faults) as played:
            applied = plan.apply(ACCOUNT, wait=False)
    finally:
        client_.meta.events.unregister(
            "before-parameter-build.ec2.CreateFlowLogs", unique_id="tokens"
        )
    assert played.calls == 3
    assert len(set(tokens)) == 3  # AWS repeats its answer to a token
    assert pauses == [5.0, 5.0]
    assert len(applied.flow_log_ids) == 1


def test_an_old_role_is_not_waited_for(account):
    account.plan().apply(ACCOUNT, wait=False)
    ec2 = account.client("ec2")
    ec2.delete_flow_logs(FlowLogIds=[f["FlowLogId"] for f in account.flow_logs()])
    plan = account.plan()
    fault = ec2err(400, "InvalidParameter", "Unable to assume given IAM role")
    with script(account.asked(plan, "ec2"), "CreateFlowLogs", [fault]) as played:
        with pytest.raises(FlowlabError, match="Unable to assume"):
            plan.apply(ACCOUNT, timeout=0)
        assert played.calls == 1
    assert len(account.roles()) == 1  # it was there before


def test_two_at_once_that_aws_refuses(account):
    plan = account.plan()
    fault = ec2err(400, "FlowLogAlreadyExists", "There is an existing Flow Log")
    with (
        script(account.asked(plan, "ec2"), "CreateFlowLogs", [fault]),
        pytest.raises(FlowlabError, match="plan to another log group or prefix"),
    ):
        plan.apply(ACCOUNT, timeout=0)
    assert (account.roles(), account.groups()) == ([], [])


def test_broken_parts_are_mended_and_nothing_is_made_again(account, checked):
    account.plan().apply(ACCOUNT, wait=False)
    (before,) = account.flow_logs()
    (role,) = account.roles()
    iam, logs = account.client("iam"), account.client("logs")
    stranger = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole"}  # fmt: skip
    trust = {"Version": "2012-10-17", "Statement": [stranger]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    iam.delete_role_policy(RoleName=role, PolicyName="flowlab-delivery")
    logs.delete_retention_policy(logGroupName=account.group)

    plan = account.plan(retention_days=90)
    assert set(zip(plan.steps["action"], plan.steps["what"], strict=True)) >= {
        ("change", "trust of the role"), ("change", "policy of the role"), ("change", "retention"),
        ("keep", "flow log"),
    }  # fmt: skip
    plan.apply(ACCOUNT, wait=False)
    assert account.plan().empty
    assert account.flow_logs() == [before]
    rows = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert stranger in rows  # added to, not overwritten
    assert len(rows) == 2


def test_a_deleted_role_is_made_again_under_its_name(account, checked):
    account.plan().apply(ACCOUNT, wait=False)
    (before,) = account.flow_logs()
    (role,) = account.roles()
    iam = account.client("iam")
    iam.delete_role_policy(RoleName=role, PolicyName="flowlab-delivery")
    iam.delete_role(RoleName=role)
    account.plan().apply(ACCOUNT, wait=False)
    assert account.roles() == [role]
    assert account.flow_logs() == [before]
    assert account.plan().empty


def test_a_bucket_is_made_shut_and_taken_back(account, checked):
    s3 = account.client("s3")
    bucket = f"flow-{account.vpc}"
    plan = account.plan(to=f"s3://{bucket}")
    with (
        script(account.asked(plan, "ec2"), "CreateFlowLogs", [ec2err(400, "Nope")]),
        pytest.raises(FlowlabError),
    ):
        plan.apply(ACCOUNT, timeout=0)
    assert bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]

    applied = account.plan(to=f"s3://{bucket}").apply(ACCOUNT, wait=False)
    shut = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(shut.values()) and len(shut) == 4
    rows = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert [r["Action"] for r in rows] == ["s3:PutObject", "s3:GetBucketAcl"]
    assert len(applied.flow_log_ids) == 1
    assert account.plan(to=f"s3://{bucket}").empty


def other_statement(bucket):
    return {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
            "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/theirs/*"}  # fmt: skip


def test_a_bucket_policy_is_added_to_and_put_back_as_it_was(account, checked):
    s3, bucket = account.client("s3"), f"theirs-{account.vpc}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    theirs = {"Version": "2012-10-17", "Statement": [other_statement(bucket)]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(theirs))
    plan = account.plan(to=f"s3://{bucket}")
    assert '+   "Sid": "AWSLogDeliveryWrite",' in repr(plan)
    with (
        script(account.asked(plan, "ec2"), "CreateFlowLogs", [ec2err(400, "Nope")]),
        pytest.raises(FlowlabError),
    ):
        plan.apply(ACCOUNT, timeout=0)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == theirs
    plan.apply(ACCOUNT, wait=False)
    rows = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert rows[0] == other_statement(bucket)
    assert len(rows) == 3


def test_statements_that_aws_drops_from_a_bucket_policy_are_put_back(account, checked):
    s3, bucket = account.client("s3"), f"drops-{account.vpc}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    theirs = {"Version": "2012-10-17", "Statement": [other_statement(bucket)]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(theirs))
    plan = account.plan(to=f"s3://{bucket}")
    # AWS calls its statements as its guide does, which is as ours are called.
    own = {"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
           "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/*"}  # fmt: skip

    def overwrite(_):  # as AWS's guide says that it may
        policy = {"Version": "2012-10-17", "Statement": [own]}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    with script(account.asked(plan, "ec2"), "CreateFlowLogs", [overwrite]):
        plan.apply(ACCOUNT, wait=False)
    rows = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert sorted(r["Sid"] for r in rows) == [
        "AWSLogDeliveryAclCheck", "AWSLogDeliveryWrite", "AWSLogDeliveryWrite2", "Theirs",
    ]  # fmt: skip


@pytest.mark.parametrize(("hive", "folder"), [
    (False, "AWSLogs/{a}/vpcflowlogs/{r}/%Y/%m/%d/"),
    (True, "AWSLogs/aws-account-id={a}/aws-service=vpcflowlogs/aws-region={r}/year=%Y/month=%m/day=%d/"),
])  # fmt: skip
def test_in_a_bucket_the_file_names_the_flow_log(account, checked, monkeypatch, hive, folder):
    s3, bucket = account.client("s3"), f"files-{account.vpc}"
    plan = account.plan(to=f"s3://{bucket}", hive=hive)
    below = time.strftime(folder.format(a=ACCOUNT, r=REGION), time.gmtime())

    def put(flow_log):
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_20261123T2310Z_0a1b2c3d.log.gz"
        s3.put_object(Bucket=bucket, Key=below + name, Body=b"")

    meanwhile(
        monkeypatch,
        lambda: put("fl-00000000000000009"),
        lambda: put(account.flow_logs()[0]["FlowLogId"]),
    )
    applied = plan.apply(ACCOUNT, timeout=20)
    (flow_log,) = applied.flow_log_ids
    assert f"_{flow_log}_" in applied.arrived[flow_log]


def test_nothing_is_waited_for_where_there_is_no_eni(account, checked):
    empty = account.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    begun = time.monotonic()
    applied = account.plan(empty).apply(ACCOUNT, timeout=60)
    assert "there is no ENI yet" in repr(applied)
    assert time.monotonic() - begun < 20


def test_a_role_that_somebody_else_makes_meanwhile(account, checked):
    plan = account.plan()
    call: Call = next(s.call for s in plan.todo if s.call and s.call.operation == "CreateRole")
    iam = account.client("iam")

    def made_otherwise(_):
        iam.create_role(RoleName=call.parameters["RoleName"], AssumeRolePolicyDocument="{}",
                        Description=account.group)  # fmt: skip

    with (
        script(account.asked(plan, "iam"), "CreateRole", [made_otherwise]),
        pytest.raises(FlowlabError, match="EntityAlreadyExists"),
    ):
        plan.apply(ACCOUNT, timeout=0)
    assert account.roles() == [call.parameters["RoleName"]]  # not ours to delete
    assert account.groups() == []


def test_an_undeletable_old_one_is_told(account, checked, monkeypatch):
    old = old_one(account)
    meanwhile(monkeypatch, lambda: account.deliver(record(account.eni)))
    plan = account.plan(fields="minimal")
    with script(account.asked(plan, "ec2"), "DeleteFlowLogs", [
        ec2err(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
    ]):  # fmt: skip
        applied = plan.apply(ACCOUNT, timeout=20)
    assert applied.kept == [old]
    assert f"{old} could not be deleted" in repr(applied)


def test_without_knowing_the_flow_logs_there_is_no_plan(account):
    denied = ec2err(
        403, "UnauthorizedOperation", "You are not authorized to perform this operation."
    )
    with (
        script(account.asked(account.plan(), "ec2"), "DescribeFlowLogs", [denied]),
        pytest.raises(AccessError, match="ec2:DescribeFlowLogs is missing"),
    ):
        account.plan()


def test_what_may_not_be_read_is_planned_with_a_note(account):
    denied = response(403, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
                      {"Content-Type": "text/xml"})  # fmt: skip
    with script(account.asked(account.plan(), "iam"), "GetRole", [denied], forever=True):
        plan = account.plan()
    assert "create delivery role" in [f"{s.action} {s.what}" for s in plan.todo]
    assert any("nothing is known of role" in note for note in plan.notes)
