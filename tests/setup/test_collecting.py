"""Collecting: what AWS is asked, what becomes of its answers, and of those it does not give."""

from __future__ import annotations

import _thread
import json
import re
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aws.faults import ec2err, jsonerr, response, script, throttle
from aws.fixtures import tap
from tqdm import tqdm

from flowlab.errors import FlowlabError, UnknownNameError
from flowlab.setup.collecting import collect
from flowlab.setup.inventory import from_json
from flowlab.sources.aws import Access, AccessError

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}}]}  # fmt: skip
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*",
         "Resource": "*"}]}  # fmt: skip
V2 = ("${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
      "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}")  # fmt: skip


def look(account, **options):
    """Collect one region of one account."""
    (scope,) = collect([account.access], progress=False, **options).scopes
    return scope


def ids(scope, ask, key):
    return {thing[key] for thing in scope.get(ask).items()}


def ec2answer(operation: str, inside: str):
    """A whole answer of EC2's, as it comes over the wire."""
    body = f"<{operation}Response xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'>{inside}</{operation}Response>"
    return response(200, body.encode(), {"Content-Type": "text/xml"})


def stserr(code: str, message: str):
    """An error as STS gives it."""
    inside = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = (
        f"<ErrorResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>{inside}</ErrorResponse>"
    )
    return response(403, body.encode(), {"Content-Type": "text/xml"})


def flow_logs_page(name: str, token: str = ""):
    more = f"<nextToken>{token}</nextToken>" if token else ""
    item = f"<item><flowLogId>{name}</flowLogId><resourceId>vpc-1</resourceId></item>"
    return ec2answer("DescribeFlowLogs", f"<flowLogSet>{item}</flowLogSet>{more}")


def regions_answer(**states: str):
    items = "".join(
        f"<item><regionName>{name.replace('_', '-')}</regionName><optInStatus>{state}</optInStatus></item>"
        for name, state in states.items()
    )
    return ec2answer("DescribeRegions", f"<regionInfo>{items}</regionInfo>")


# What is asked, and what is kept of it.


def test_the_network(account):
    vpc, subnet, eni = account.vpc("10.1.0.0/24")
    ec2 = account.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image, MinCount=2, MaxCount=2, SubnetId=subnet, InstanceType="m4.large",
        TagSpecifications=[{"ResourceType": "instance",
                            "Tags": [{"Key": "Name", "Value": "<b>web</b>"}]}],
    )["Instances"]  # fmt: skip
    scope = look(account)
    assert (scope.account_id, scope.region, scope.partition) == (account.id, "us-east-1", "aws")
    assert scope.get("sts:GetCallerIdentity").value["Account"] == account.id
    assert vpc in ids(scope, "ec2:DescribeVpcs", "VpcId")
    assert subnet in ids(scope, "ec2:DescribeSubnets", "SubnetId")
    assert eni in ids(scope, "ec2:DescribeNetworkInterfaces", "NetworkInterfaceId")
    instances = scope.get("ec2:DescribeInstances").items()
    assert {i["InstanceId"] for i in instances} == {i["InstanceId"] for i in made}
    assert instances[0]["Tags"] == [{"Key": "Name", "Value": "<b>web</b>"}]
    assert instances[0]["VpcId"] == vpc and "BlockDeviceMappings" not in instances[0]
    # Of AWS's instance types, m4 is a Xen one.
    assert scope.get("ec2:DescribeInstanceTypes").value == [
        {"InstanceType": "m4.large", "Hypervisor": "xen"}
    ]
    assert scope.get("ec2:DescribeFlowLogs").value == []
    assert {r["OptInStatus"] for r in scope.get("ec2:DescribeRegions").items()} >= {"not-opted-in"}


def test_a_log_group_its_streams_and_events(account):
    vpc, subnet, eni = account.vpc("10.1.0.0/24")
    logs, kms = account.client("logs"), account.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="/flow", kmsKeyId=key)
    logs.create_log_group(logGroupName="/flow-other")  # begins alike
    v5 = V2.replace("${version} ", "${version} ${vpc-id} ").replace(" ${log-status}", "")
    last = "${log-status} " + V2.replace(" ${log-status}", "")  # as long as V2, but first
    account.log(vpc, LogFormat=V2)
    account.log(subnet, LogFormat=v5 + " ${log-status}")
    account.log(eni, LogFormat=last)
    now = datetime.now(UTC).replace(microsecond=0)
    head, body = f"2 123456789012 {eni}", "10.0.0.1 10.0.0.2 443 5000 6 10 840 1 60 ACCEPT"
    none = "- - - - - - - 1 60 -"
    lines = [  # minutes ago, line
        (30, f"{head} {body} OK"),  # too long ago
        (19, f"{head} {body} OK"),
        (12, f"2 vpc-1 123456789012 {eni} {body} OK"),
        (12, f"OK {head} {body}"),
        (11, f"{head} {none} NODATA"),
        (6, f"{head} {none} SKIPDATA"),
        (6, f"{head} {body} WHATEVER"),
        (5, "something else"),
    ]
    for stream in (f"{eni}-all", "eni-quiet-all"):
        logs.create_log_stream(logGroupName="/flow", logStreamName=stream)
    stamp = [int((now - timedelta(minutes=m)).timestamp() * 1000) for m, _ in lines]
    logs.put_log_events(
        logGroupName="/flow", logStreamName=f"{eni}-all",
        logEvents=[{"timestamp": t, "message": m} for t, (_, m) in zip(stamp, lines, strict=True)],
    )  # fmt: skip
    scope = look(account, clock=lambda: now)
    group = scope.get("logs:DescribeLogGroups", "/flow").value
    assert group["logGroupName"] == "/flow" and group["kmsKeyId"] == key
    streams = scope.get("logs:DescribeLogStreams", "/flow").items()
    assert {s["logStreamName"] for s in streams} == {f"{eni}-all", "eni-quiet-all"}
    sample = scope.get("logs:FilterLogEvents", "/flow").value
    assert sample == {
        "since": int((now - timedelta(minutes=20)).timestamp() * 1000),
        "until": int(now.timestamp() * 1000),
        "complete": True,
        "streams": {f"{eni}-all": {"events": 7, "newest": stamp[-1], "ok": 3, "nodata": 1,
                                   "skipdata": 1, "other": 2}},
    }  # fmt: skip
    assert scope.get("kms:DescribeKey", key).value["KeyState"] == "Enabled"
    assert scope.get("kms:GetKeyPolicy", key).value["Version"] == "2012-10-17"


def test_what_is_newest_is_seen_even_where_the_sample_is_cut(account, monkeypatch):
    vpc, _, eni = account.vpc("10.1.0.0/24")
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/flow")
    account.log(vpc)
    logs.create_log_stream(logGroupName="/flow", logStreamName=f"{eni}-all")
    now = datetime.now(UTC)
    message, begin = "x", now - timedelta(minutes=18)
    stamps = [int((begin + timedelta(seconds=i)).timestamp() * 1000) for i in range(1000)]
    logs.put_log_events(
        logGroupName="/flow", logStreamName=f"{eni}-all",
        logEvents=[{"timestamp": t, "message": message} for t in stamps],
    )  # fmt: skip
    # AWS's pages end at 1 MB; here, at 20 events.
    asked = logs.filter_log_events
    monkeypatch.setattr(logs, "filter_log_events", lambda **given: asked(limit=20, **given))
    sample = look(account, clock=lambda: now).get("logs:FilterLogEvents", "/flow").value
    (counts,) = sample["streams"].values()
    assert not sample["complete"] and 100 < counts["events"] < 1000
    # Of the last five minutes that hold any events, not of the first five.
    assert counts["newest"] > int((now - timedelta(minutes=5)).timestamp() * 1000)


def test_a_missing_log_group_is_an_answer_and_its_streams_are_not_asked_for(account):
    vpc, _, _ = account.vpc("10.1.0.0/24")
    account.client("logs").create_log_group(logGroupName="/flow-prod")
    account.log(vpc)
    scope = look(account)
    there = scope.get("logs:DescribeLogGroups", "/flow")
    assert there.known and there.value is None
    for ask in ("logs:DescribeLogStreams", "logs:FilterLogEvents"):
        assert scope.get(ask, "/flow").refusal.kind == "not asked"
        assert "no log group /flow" in scope.get(ask, "/flow").refusal.reason


def test_a_role_with_all_its_policies(account):
    vpc, _, _ = account.vpc("10.1.0.0/24")
    iam = account.client("iam")
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=json.dumps(ALLOW))["Policy"]
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(ALLOW))["Policy"]
    newer = ALLOW | {"Id": "newer"}
    iam.create_policy_version(
        PolicyArn=managed["Arn"], PolicyDocument=json.dumps(newer), SetAsDefault=True
    )
    role = iam.create_role(
        RoleName="delivery", Path="/flow/", AssumeRolePolicyDocument=json.dumps(TRUST),
        PermissionsBoundary=limit["Arn"],
    )["Role"]["Arn"]  # fmt: skip
    iam.put_role_policy(RoleName="delivery", PolicyName="inline", PolicyDocument=json.dumps(ALLOW))
    iam.attach_role_policy(RoleName="delivery", PolicyArn=managed["Arn"])
    elsewhere = "arn:aws:iam::999999999999:role/delivery"
    pathless = f"arn:aws:iam::{account.id}:role/delivery"
    for arn in (role, elsewhere, pathless):
        account.log(vpc, DeliverLogsPermissionArn=arn, LogGroupName=f"/{arn[-20:-9]}")
    scope = look(account)
    got = scope.get("iam:GetRole", role).value
    assert got["AssumeRolePolicyDocument"] == TRUST
    assert got["PermissionsBoundary"]["PermissionsBoundaryArn"] == limit["Arn"]
    assert datetime.fromisoformat(got["CreateDate"]).utcoffset() == timedelta(0)
    assert scope.get("iam:ListRolePolicies", role).value == ["inline"]
    assert scope.get("iam:GetRolePolicy", f"{role}|inline").value == ALLOW
    assert scope.get("iam:ListAttachedRolePolicies", role).value == [
        {"PolicyName": "managed", "PolicyArn": managed["Arn"]}
    ]
    assert scope.get("iam:GetPolicy", managed["Arn"]).value["DefaultVersionId"] == "v2"
    assert scope.get("iam:GetPolicyVersion", managed["Arn"]).value == newer
    assert scope.get("iam:GetPolicyVersion", limit["Arn"]).value == ALLOW
    # A role of the same name is not the role: not in another account, not with another path.
    assert scope.get("iam:GetRole", elsewhere).refusal.kind == "not asked"
    assert scope.get("iam:GetRole", pathless).known
    assert scope.get("iam:GetRole", pathless).value is None
    # moto has no simulator; that harms nothing else.
    assert scope.get("iam:SimulatePrincipalPolicy", role).refusal.kind == "failed"


def test_a_bucket_and_its_newest_object(account):
    vpc, _, _ = account.vpc("10.1.0.0/24")
    s3, kms = account.client("s3"), account.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/flow", TargetKeyId=key)
    alias = f"arn:aws:kms:us-east-1:{account.id}:alias/flow"
    bucket, bare, gone = (f"{name}-{account.id}" for name in ("full", "bare", "gone"))
    for name in (bucket, bare, gone):
        s3.create_bucket(Bucket=name)
        account.log(vpc, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{name}")
    s3.delete_bucket(Bucket=gone)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(ALLOW))
    s3.put_bucket_ownership_controls(
        Bucket=bucket,
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    )
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": alias}, "BucketKeyEnabled": True}]},
    )  # fmt: skip
    now = datetime.now(UTC)
    plain = f"AWSLogs/{account.id}/vpcflowlogs/us-east-1/{now:%Y/%m/%d}/"
    hive = f"AWSLogs/aws-account-id={account.id}/aws-service=vpcflowlogs/aws-region=us-east-1/"
    yesterday = now - timedelta(days=1)
    newest = hive + f"{yesterday:year=%Y/month=%m/day=%d/hour=%H}/b.log.parquet"
    others = [
        plain + "folder/", f"AWSLogs/{account.id}/vpcflowlogs/us-east-1/2020/01/01/old.log.gz",
        plain.replace("us-east-1", "eu-west-1") + "x", plain.replace(account.id, "9" * 12) + "x",
    ]  # fmt: skip
    named = plain + f"{account.id}_vpcflowlogs_us-east-1_fl-0a1b2c3d_20261101T0000Z_ab12.log.gz"
    for object_key in (named, *others):
        body = b"" if object_key.endswith("/") else b"x"
        s3.put_object(Bucket=bucket, Key=object_key, Body=body)
    time.sleep(1.1)  # S3 tells seconds
    s3.put_object(Bucket=bucket, Key=newest, Body=b"x")
    scope = look(account)
    assert scope.get("s3:GetBucketLocation", bucket).value == {"LocationConstraint": None}
    assert scope.get("s3:GetBucketPolicy", bucket).value == ALLOW
    assert scope.get("s3:GetBucketOwnershipControls", bucket).value == "BucketOwnerEnforced"
    assert scope.get("s3:GetEncryptionConfiguration", bucket).value == {
        "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": alias, "BucketKeyEnabled": True,
    }  # fmt: skip
    assert scope.get("kms:DescribeKey", alias).value["Arn"] == key
    assert scope.get("kms:GetKeyPolicy", alias).value["Version"] == "2012-10-17"
    found = scope.get("s3:ListBucket", f"arn:aws:s3:::{bucket}").value
    assert (found["objects"], found["newest_key"], found["complete"]) == (2, newest, True)
    (own,) = found["by_flow_log"]  # the other's name says nothing of a flow log
    assert (own["flow_log"], own["newest_key"]) == ("fl-0a1b2c3d", named)
    assert now < datetime.fromisoformat(found["newest"]) < now + timedelta(minutes=1)
    assert plain in found["looked_at"] and len(found["looked_at"]) == 4
    for ask in ("GetBucketPolicy", "GetBucketOwnershipControls", "GetEncryptionConfiguration"):
        assert scope.get(f"s3:{ask}", bare).known and scope.get(f"s3:{ask}", bare).value is None
        assert scope.get(f"s3:{ask}", gone).refusal.kind == "not asked"
    assert scope.get("s3:GetBucketLocation", gone).known
    assert scope.get("s3:GetBucketLocation", gone).value is None
    assert scope.get("s3:ListBucket", f"arn:aws:s3:::{bare}").value["newest"] is None


def test_policies_that_are_no_json_stay_text(account):
    vpc, _, _ = account.vpc("10.1.0.0/24")
    s3 = account.client("s3")
    bucket = f"flow-{account.id}"
    s3.create_bucket(Bucket=bucket)
    account.log(vpc, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")
    with script(s3, "GetBucketPolicy", [response(200, b"{'Statement': <none>")]):
        assert look(account).get("s3:GetBucketPolicy", bucket).value == "{'Statement': <none>"


def test_a_firehose_stream(account):
    vpc, _, _ = account.vpc("10.1.0.0/24")
    destination = {"RoleARN": f"arn:aws:iam::{account.id}:role/delivery",
                   "BucketARN": "arn:aws:s3:::anything"}  # fmt: skip
    there = account.client("firehose").create_delivery_stream(
        DeliveryStreamName="flow", ExtendedS3DestinationConfiguration=destination
    )["DeliveryStreamARN"]
    gone, theirs = there + "-gone", there.replace(account.id, "999999999999")
    for arn in (there, gone, theirs):
        account.log(vpc, LogDestinationType="kinesis-data-firehose", LogDestination=arn)
    scope, ask = look(account), "firehose:DescribeDeliveryStream"
    assert scope.get(ask, there).value["DeliveryStreamStatus"] == "ACTIVE"
    assert scope.get(ask, gone).known and scope.get(ask, gone).value is None
    assert scope.get(ask, theirs).refusal.kind == "not asked"


# One VPC, subnet or ENI.


@pytest.fixture
def two_vpcs(account):
    """Two VPCs, the first with a second subnet, and a flow log on every kind of resource."""
    vpc, subnet, eni = account.vpc("10.1.0.0/25")
    other_vpc, other_subnet, other_eni = account.vpc("10.2.0.0/24")
    second = account.eni(subnet)
    logs = {name: account.log(name) for name in (vpc, subnet, eni, second, other_vpc, other_eni)}
    return SimpleNamespace(**{k: v for k, v in locals().items() if k != "account"}, account=account)


@pytest.mark.parametrize("kind", ["vpc", "subnet", "interface"])
def test_one_thing_with_what_it_inherits_and_nothing_else(two_vpcs, kind):
    made = two_vpcs
    one = {"vpc": made.vpc, "subnet": made.subnet, "interface": made.eni}[kind]
    inventory = collect([made.account.access], progress=False, **{kind: one})
    (scope,) = inventory.scopes
    assert inventory.asked[kind] == one
    enis = {made.eni} if kind == "interface" else {made.eni, made.second}
    assert ids(scope, "ec2:DescribeVpcs", "VpcId") == {made.vpc}
    assert ids(scope, "ec2:DescribeSubnets", "SubnetId") == {made.subnet}
    assert ids(scope, "ec2:DescribeNetworkInterfaces", "NetworkInterfaceId") == enis
    resources = {made.vpc, made.subnet, *enis}
    assert ids(scope, "ec2:DescribeFlowLogs", "FlowLogId") == {made.logs[r] for r in resources}
    assert scope.get("ec2:DescribeInstances").value == []


def test_aws_is_asked_with_filters_and_not_relied_on_for_them(two_vpcs, monkeypatch):
    given = {}
    monkeypatch.setattr("flowlab.sources.aws._MADE", {})

    def remember(model, asked, **_):
        given[model.name] = asked

    tap(monkeypatch, [remember])
    made = two_vpcs
    scope = look(made.account, interface=made.eni)
    named = {f["Name"]: f["Values"] for f in given["DescribeNetworkInterfaces"]["Filters"]}
    assert named == {"network-interface-id": [made.eni]}
    assert given["DescribeFlowLogs"]["Filter"] == [
        {"Name": "resource-id", "Values": sorted([made.vpc, made.subnet, made.eni])}
    ]
    assert scope.get("ec2:DescribeVpcs").value[0]["VpcId"] == made.vpc
    # A stand-in that ignores filters: what is not wanted is left out all the same.
    for operation, name in (
        ("DescribeNetworkInterfaces", "Filters"),
        ("DescribeFlowLogs", "Filter"),
    ):
        made.account.client("ec2").meta.events.register(
            f"provide-client-params.ec2.{operation}",
            lambda params, name=name, **_: {k: v for k, v in params.items() if k != name},
        )
    scope = look(made.account, interface=made.eni)
    assert ids(scope, "ec2:DescribeNetworkInterfaces", "NetworkInterfaceId") == {made.eni}
    assert len(scope.get("ec2:DescribeFlowLogs").items()) == 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"vpc": "subnet-0123456789abcdef0"},
            "is the id of a subnet, not of a VPC.*subnet='subnet-",
        ),
        ({"subnet": "vpc-1"}, "is the id of a VPC, not of a subnet.*pass vpc='vpc-1'"),
        ({"interface": "vpc-1"}, "is the id of a VPC, not of an ENI"),
        ({"vpc": "prod"}, "cannot be the id of a VPC.*vpc-0123456789abcdef0"),
        ({"interface": "eni-123"}, "cannot be the id of an ENI"),
        ({"vpc": "vpc-0123456789ABCDEF0"}, "cannot be the id"),
        ({"regions": []}, "regions=.. names no region"),
        ({"regions": [None]}, "names no region"),
        ({"regions": 3}, "regions=3 names no region"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_asking(no_aws_credentials, given, says):
    with pytest.raises(FlowlabError, match=f"(?s){says}"):
        collect([Access("planted", "us-east-1", endpoint_url="http://127.0.0.1:1")], **given)


def test_an_id_that_does_not_exist_says_where_it_was_looked_for(two_vpcs):
    made = two_vpcs
    access = [made.account.access]
    missing = {
        "vpc": "vpc-0123456789abcdef0",
        "subnet": "subnet-01234567",
        "interface": "eni-01234567",
    }
    for kind, one in missing.items():
        says = f"there is no {one}: looked for in account {made.account.id}, us-east-1, account {made.account.id}, eu-west-1"
        with pytest.raises(UnknownNameError, match=says):
            collect(access, regions=["us-east-1", "eu-west-1"], progress=False, **{kind: one})
    with pytest.raises(UnknownNameError, match=f"no {made.subnet} in {made.other_vpc}"):
        collect(access, vpc=made.other_vpc, subnet=made.subnet, progress=False)
    # It need only be in one of the regions; and where AWS does not say, it may be there.
    found = collect(access, regions=["eu-west-1", "us-east-1"], vpc=made.vpc, progress=False)
    assert [scope.region for scope in found] == ["us-east-1"]
    client = made.account.client("ec2")
    with script(client, "DescribeVpcs", [ec2err(403, "UnauthorizedOperation")], forever=True):
        (scope,) = collect(access, vpc=missing["vpc"], progress=False).scopes
    assert scope.get("ec2:DescribeVpcs").refusal.kind == "denied"
    assert scope.get("ec2:DescribeFlowLogs").refusal.kind == "not asked"


# Regions and accounts.


def test_several_regions_and_all_that_are_enabled(account):
    there = account.vpc("10.3.0.0/24", "eu-west-1")[0]
    found = collect([account.access], regions=["eu-west-1", "us-east-1"], progress=False)
    assert [scope.region for scope in found] == ["eu-west-1", "us-east-1"]
    assert there in ids(found.scopes[0], "ec2:DescribeVpcs", "VpcId")
    assert there not in ids(found.scopes[1], "ec2:DescribeVpcs", "VpcId")
    answer = regions_answer(eu_west_1="opted-in", us_east_1="opt-in-not-required", eu_south_1="not-opted-in")  # fmt: skip
    with script(account.client("ec2"), "DescribeRegions", [answer]):
        found = collect([account.access], regions="all", progress=False)
    assert [scope.region for scope in found] == ["eu-west-1", "us-east-1"]
    assert found.asked["regions"] == "all"


@pytest.mark.parametrize("name", ["eu-wst-1", "eu-west-11"])
def test_an_unknown_region_offers_the_nearest(account, name):
    with pytest.raises(UnknownNameError, match=f"(?s)region '{name}' is not known.*eu-west-1"):
        collect([account.access], regions=name, progress=False)
    with pytest.raises(UnknownNameError, match="eu-west-1"):  # also as the region of the access
        collect([replace(account.access, region=name)], progress=False)


def test_a_region_that_is_not_enabled_says_how_to(account):
    states = {r["RegionName"]: r["OptInStatus"] for r in account.client("ec2").describe_regions(AllRegions=True)["Regions"]}  # fmt: skip
    off = next(name for name, state in states.items() if state == "not-opted-in")
    with pytest.raises(FlowlabError, match=f"(?s)region {off} is not enabled.*enable-region --region-name {off}"):  # fmt: skip
        collect([account.access], regions=["us-east-1", off], progress=False)
    # AWS answers such a region's own credentials with a shrug: another is asked which are enabled.
    access = replace(account.access, region=off)
    shrug = stserr("InvalidClientTokenId", "The security token is invalid")
    with (
        script(account.client("sts", off), "GetCallerIdentity", [shrug], forever=True),
        pytest.raises(FlowlabError, match=f"region {off} is not enabled"),
    ):
        collect([access], progress=False)


def test_a_denied_region_is_an_answer_but_not_for_all(account):
    denied = ec2err(
        403, "UnauthorizedOperation", "with an explicit deny in a service control policy"
    )
    names = ("DescribeVpcs", "DescribeFlowLogs", "DescribeRegions")
    scripts = [script(account.client("ec2"), name, [denied], forever=True) for name in names]
    scope = look(account)
    assert scope.get("ec2:DescribeFlowLogs").refusal.kind == "denied"
    assert "service control policy" in scope.get("ec2:DescribeVpcs").refusal.reason
    assert scope.get("ec2:DescribeSubnets").known
    with pytest.raises(FlowlabError, match="(?s)which regions account .*ec2:DescribeRegions"):
        collect([account.access], regions="all", progress=False)
    for each in scripts:
        each.__exit__()


def test_accounts_side_by_side_one_of_which_cannot_be_asked(account, another):
    vpc = another.vpc("10.9.0.0/24")[0]
    found = collect([account.access, another.access, account.access], progress=False)
    assert [scope.account_id for scope in found] == [account.id, another.id]
    assert vpc in ids(found.scopes[1], "ec2:DescribeVpcs", "VpcId")
    no = stserr("AccessDenied", "User may not perform: sts:AssumeRole on resource: arn:aws:iam::1:role/reader")  # fmt: skip
    with script(account.client("sts"), "GetCallerIdentity", [no], forever=True):
        found = collect([account.access, another.access], progress=False)
        assert [scope.account_id for scope in found] == [account.id, another.id]
        refusal = found.scopes[0].get("ec2:DescribeFlowLogs").refusal
        assert refusal.kind == "failed" and "sts:AssumeRole" in refusal.reason
        assert found.scopes[1].get("ec2:DescribeFlowLogs").known
        with pytest.raises(AccessError, match="sts:AssumeRole"):
            collect([account.access], progress=False)


def test_what_two_regions_share_is_asked_once(account, requests):
    bucket = f"central-{account.id}"
    account.client("s3").create_bucket(Bucket=bucket)
    for region in ("us-east-1", "eu-west-1"):
        vpc, _, _ = account.vpc("10.1.0.0/24", region)
        account.log(vpc, region, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")
    requests.clear()
    found = collect([account.access], regions=["us-east-1", "eu-west-1"], progress=False)
    assert requests["GetBucketPolicy"] == 1 and requests["GetCallerIdentity"] == 2
    looked = []
    for scope in found:
        assert scope.get("s3:GetBucketLocation", bucket).known
        looked.append(scope.get("s3:ListBucket", f"arn:aws:s3:::{bucket}").value["looked_at"])
    assert "us-east-1" in looked[0][0] and "eu-west-1" in looked[1][0]


# When nothing can be asked.


def test_no_credentials_no_profile_no_region(no_aws_credentials, aws_server, monkeypatch):
    with pytest.raises(AccessError, match="credentials"):
        collect([Access(region="eu-west-1")], progress=False)
    with pytest.raises(AccessError, match="no such profile"):
        collect([Access("missing", "eu-west-1")], progress=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFLOWLABPLANTED01")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(FlowlabError, match="nothing says which AWS region"):
        collect([Access()], progress=False)


def test_a_sign_in_that_has_expired(account, secrets):
    expired = stserr("ExpiredToken", f"The token {secrets.token} has expired")
    with (
        script(account.client("sts"), "GetCallerIdentity", [expired], forever=True),
        pytest.raises(AccessError, match="the sign-in has expired") as told,
    ):
        collect([account.access], progress=False)
    assert secrets.token not in str(told.value)


def test_an_address_where_nobody_answers(no_aws_credentials, no_sleep):
    nobody = Access(endpoint_url="http://127.0.0.1:9", region="us-east-1")
    with pytest.raises(FlowlabError, match="cannot be reached"):
        collect([nobody], progress=False)


# What AWS does not answer.


def test_a_denied_question_harms_no_other(account):
    account.log(account.vpc("10.1.0.0/24")[0])
    account.client("logs").create_log_group(logGroupName="/flow")
    no = jsonerr(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: logs:DescribeLogStreams on resource: arn:aws:logs:us-east-1:1:log-group:/flow:log-stream: because no identity-based policy allows it")  # fmt: skip
    with script(account.client("logs"), "DescribeLogStreams", [no], forever=True) as faults:
        scope = look(account)
    assert faults.calls == 1  # asking again would help nobody
    refusal = scope.get("logs:DescribeLogStreams", "/flow").refusal
    assert refusal.kind == "denied" and "logs:DescribeLogStreams" in refusal.reason
    assert "read_policy" not in refusal.reason  # another policy than the one that helps here
    refused = {ask for (ask, _), answer in scope.answers.items() if not answer.known}
    assert refused == {"logs:DescribeLogStreams", "iam:ListRolePolicies",
                       "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy"}  # fmt: skip


def test_throttling_is_waited_out_or_told(account, no_sleep):
    account.log(account.vpc("10.1.0.0/24")[0])
    logs, ec2 = account.client("logs"), account.client("ec2")
    logs.create_log_group(logGroupName="/flow")
    slow = ec2err(503, "RequestLimitExceeded")
    with (
        script(logs, "DescribeLogGroups", [throttle()] * 3) as some,
        script(ec2, "DescribeSubnets", [slow], forever=True),
    ):
        scope = look(account)
    assert some.calls == 4 and scope.get("logs:DescribeLogGroups", "/flow").value
    refusal = scope.get("ec2:DescribeSubnets").refusal
    assert refusal.kind == "failed" and "too many requests" in refusal.reason
    assert scope.get("ec2:DescribeNetworkInterfaces").known


def test_all_pages_of_flow_logs_are_read_and_a_circle_is_told(account):
    ec2 = account.client("ec2")
    pages = [flow_logs_page("fl-1", "t1"), flow_logs_page("fl-2", "t2"), flow_logs_page("fl-3")]
    with script(ec2, "DescribeFlowLogs", pages):
        assert ids(look(account), "ec2:DescribeFlowLogs", "FlowLogId") == {"fl-1", "fl-2", "fl-3"}
    # A circle of two, which botocore's own paginator would follow for ever.
    circle = [flow_logs_page("fl-1", "t1"), flow_logs_page("fl-2", "t2")]
    with script(ec2, "DescribeFlowLogs", circle, forever=True) as asked:
        refusal = look(account).get("ec2:DescribeFlowLogs").refusal
    assert refusal.kind == "failed" and "never end" in refusal.reason and asked.calls == 3


def test_an_answer_that_is_not_awss_is_not_taken_for_nothing(account):
    ec2 = account.client("ec2")
    with script(ec2, "DescribeFlowLogs", [ec2answer("DescribeFlowLogs", "")], forever=True):
        refusal = look(account).get("ec2:DescribeFlowLogs").refusal
    assert refusal.kind == "failed" and "cut off" in refusal.reason


def test_no_secret_is_kept(account, secrets):
    told = f"token {secrets.token} and {secrets.key}/{secrets.secret}"
    with script(account.client("ec2"), "DescribeVpcs", [ec2err(400, "Weird", told)], forever=True):
        text = collect([account.access], progress=False).to_json()
    assert "Weird" in text and not any(secret in text for secret in secrets)


def test_what_was_collected_can_be_saved_and_read(account):
    account.log(account.vpc("10.1.0.0/24")[0])
    found = collect([account.access], progress=False)
    assert from_json(found.to_json()) == found and not found.practice
    assert not re.search("ResponseMetadata|HTTPHeaders|datetime", found.to_json())


def test_a_practice_account_is_called_so_and_asked_as_nobody(aws_server, no_aws_credentials):
    practice = Access(endpoint_url=aws_server)
    made = practice.client("ec2")
    vpc = made.create_vpc(CidrBlock="10.1.0.0/24")["Vpc"]["VpcId"]
    made.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="/none",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/none",
    )  # fmt: skip
    found = collect([practice], progress=False)
    assert found.practice and [scope.region for scope in found] == ["us-east-1"]
    refusal = (
        found.scopes[0]
        .get("iam:SimulatePrincipalPolicy", "arn:aws:iam::123456789012:role/none")
        .refusal
    )
    assert refusal.kind == "not asked"  # moto's server would print a traceback


# Many, and while it is under way.


def test_the_number_of_requests_does_not_grow_with_the_enis(account, requests):
    vpc, subnet, _ = account.vpc("10.1.0.0/16")
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/flow")
    account.log(vpc)
    requests.clear()
    look(account)
    few = requests.copy()
    for number in range(300):
        eni = account.eni(subnet)
        if number < 120:
            logs.create_log_stream(logGroupName="/flow", logStreamName=f"{eni}-all")
    requests.clear()
    scope = look(account)
    assert len(scope.get("ec2:DescribeNetworkInterfaces").items()) == 301
    assert len(scope.get("logs:DescribeLogStreams", "/flow").items()) == 120
    # AWS gives 50 streams a page, and no more.
    assert few["DescribeLogStreams"] == 1 and requests["DescribeLogStreams"] == 3
    del few["DescribeLogStreams"], requests["DescribeLogStreams"]
    assert requests == few


def test_instance_types_are_asked_for_a_hundred_at_a_time(account):
    asked = []

    def types(InstanceTypes):
        asked.append(len(InstanceTypes))
        return {
            "InstanceTypes": [{"InstanceType": t, "Hypervisor": "nitro"} for t in InstanceTypes]
        }

    def instances(**_):
        every = [{"InstanceId": f"i-{n}", "InstanceType": f"t{n % 250}.nano"} for n in range(600)]
        return {"Reservations": [{"Instances": every}]}

    ec2 = account.client("ec2")
    ec2.describe_instances, ec2.describe_instance_types = instances, types
    scope = look(account)
    assert asked == [100, 100, 50] and len(scope.get("ec2:DescribeInstanceTypes").items()) == 250


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_returns_at_once(account):
    hangs = threading.Event()
    account.client("ec2")  # made before, so that it is the request that hangs
    with script(account.client("ec2"), "DescribeVpcs", [lambda _: hangs.wait(30)]):
        timer = threading.Timer(1, _thread.interrupt_main)
        timer.start()
        begin = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                collect([account.access], progress=False)
            assert time.monotonic() - begin < 5
        finally:
            timer.cancel()
            hangs.set()


def test_progress_is_shown_and_can_be_silenced(account, monkeypatch):
    bars = []

    class Bar(tqdm):
        def __init__(self, *args, **options):
            bars.append(self)
            super().__init__(*args, **(options | {"delay": 0, "leave": True}))

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    for progress in (True, False):
        collect([account.access], progress=progress)
    assert [bar.disable for bar in bars] == [True, True]  # closed, both
    assert bars[0].n == bars[0].total == 5 and bars[1].n == 0
