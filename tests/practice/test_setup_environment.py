"""The practice account, set up as an account should be; seen through boto3 alone."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pandas as pd
import pytest
from botocore.exceptions import ClientError

import flowlab as fl
from flowlab.practice import ENVIRONMENT
from flowlab.practice.account import practice_account
from flowlab.sources.s3 import S3

GROUP = "arn:aws:logs:eu-west-1:012345678901:log-group:/practice/vpc-flow-logs"
SERVICES = "flowlab-practice-services"
MINUTE = 60


@pytest.fixture(scope="module")
def account():
    with practice_account(records=0) as made:
        yield made


@pytest.fixture(scope="module")
def ec2(account):
    return account.client("ec2")


def names(tagged):
    return {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}


def test_both_vpcs_and_their_subnets_are_there_and_no_others(ec2):
    found = {vpc["VpcId"]: vpc for vpc in ec2.describe_vpcs()["Vpcs"]}
    assert set(found) == {"vpc-0d4e8f2a6b1c37590", "vpc-0e7b3d5f9c2a41680"}
    ours = found["vpc-0d4e8f2a6b1c37590"]
    assert ours["CidrBlock"] == "10.0.0.0/16" and names(ours) == {"Name": "practice"}
    (v6,) = ours["Ipv6CidrBlockAssociationSet"]
    assert v6["Ipv6CidrBlock"] == "2001:db8:1234::/56"
    subnets = {
        (s["SubnetId"], s["CidrBlock"], s["AvailabilityZoneId"], names(s)["Name"], s["VpcId"])
        for s in ec2.describe_subnets()["Subnets"]
    }
    assert subnets == {
        ("subnet-0a91c2e4b7d350f11", "10.0.1.0/24", "euw1-az1", "public-a", ours["VpcId"]),
        ("subnet-0b42d7f1a8c960e22", "10.0.2.0/24", "euw1-az1", "private-a", ours["VpcId"]),
        ("subnet-0c83e5a6d1f270b33", "10.0.3.0/24", "euw1-az2", "private-b", ours["VpcId"]),
        ("subnet-0d14f8a2c6e391b44", "10.20.0.0/26", "euw1-az1", "services-a",
         "vpc-0e7b3d5f9c2a41680"),
    }  # fmt: skip
    (one,) = ec2.describe_subnets(SubnetIds=["subnet-0c83e5a6d1f270b33"])["Subnets"]
    assert one["CidrBlock"] == "10.0.3.0/24"
    acls = ec2.describe_network_acls()["NetworkAcls"]
    tied = {tie["SubnetId"] for acl in acls for tie in acl["Associations"]}
    assert tied == {subnet[0] for subnet in subnets}
    groups = ec2.describe_security_groups()["SecurityGroups"]
    assert {group["VpcId"] for group in groups} == set(found)


def test_the_interfaces_of_the_records_are_in_use_and_show_whose_they_are(ec2):
    found = {
        e["NetworkInterfaceId"]: e for e in ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    assert len(found) == 12 and {e["Status"] for e in found.values()} == {"in-use"}
    instances = {
        i["InstanceId"]: i
        for page in ec2.describe_instances()["Reservations"]
        for i in page["Instances"]
    }
    for known in ENVIRONMENT.interfaces:
        eni = found[known.interface_id]
        assert (eni["PrivateIpAddress"], eni["SubnetId"]) == (known.address, known.subnet_id)
        assert eni["VpcId"] == "vpc-0d4e8f2a6b1c37590"
        six = [address["Ipv6Address"] for address in eni["Ipv6Addresses"]]
        assert six == ([known.ipv6] if known.ipv6 else [])
        assert eni["Attachment"].get("InstanceId") == known.instance_id
        if known.instance_id:
            instance = instances[known.instance_id]
            assert names(instance) == {"Name": known.name}
            assert instance["PrivateIpAddress"] == known.address
            assert instance["State"]["Name"] == "running" and not eni["RequesterManaged"]
    nat, rds, alb = (
        found[eni]
        for eni in ("eni-0a22e4f7b1d268c05", "eni-0b40d2e5c8a591f08", "eni-0d10a6c2e8f4b5d11")
    )
    assert re.fullmatch("Interface for NAT Gateway nat-[0-9a-f]{17}", nat["Description"])
    assert nat["InterfaceType"] == "nat_gateway" and rds["Description"] == "RDSNetworkInterface"
    assert re.fullmatch("ELB app/services/[0-9a-f]{16}", alb["Description"])
    assert all(eni["RequesterManaged"] for eni in (nat, rds, alb))
    owners = [eni["Attachment"]["InstanceOwnerId"] for eni in (nat, rds, alb)]
    assert owners == ["amazon-aws", "amazon-rds", "amazon-elb"]
    types = {instance["InstanceType"] for instance in instances.values()}
    told = ec2.describe_instance_types(InstanceTypes=sorted(types))["InstanceTypes"]
    assert {t["InstanceType"]: t["Hypervisor"] for t in told} == dict.fromkeys(types, "nitro")


def test_each_vpc_has_a_flow_log_that_may_deliver(account, ec2):
    logs = {log["ResourceId"]: log for log in ec2.describe_flow_logs()["FlowLogs"]}
    first, second = logs["vpc-0d4e8f2a6b1c37590"], logs["vpc-0e7b3d5f9c2a41680"]
    assert first["FlowLogId"] == ENVIRONMENT.vpc.flow_log_id
    assert first["LogGroupName"] == "/practice/vpc-flow-logs" and first["LogDestination"] == GROUP
    assert second["LogDestination"] == f"arn:aws:s3:::{SERVICES}"
    assert second["DestinationOptions"]["HiveCompatiblePartitions"] is True
    for log in logs.values():
        assert (log["FlowLogStatus"], log["DeliverLogsStatus"]) == ("ACTIVE", "SUCCESS")
        assert log["MaxAggregationInterval"] == 60 and log["TrafficType"] == "ALL"
    iam = account.client("iam")
    name = first["DeliverLogsPermissionArn"].rpartition("/")[2]
    (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    # As AWS's page on the role for delivery to CloudWatch Logs gives it.
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "012345678901"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ec2:eu-west-1:012345678901:vpc-flow-log/*"},
    }
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    allowed = {action: s["Resource"] for s in document["Statement"] for action in s["Action"]}
    scoped = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    assert {allowed.pop(f"logs:{action}") for action in scoped} == {f"{GROUP}:*"}
    assert list(allowed) == ["logs:DescribeLogGroups"]


def test_log_group_and_bucket_are_as_they_should_be(account):
    (group,) = account.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupArn"] == GROUP and group["arn"] == f"{GROUP}:*"
    assert group["retentionInDays"] == 30 and group["logGroupClass"] == "STANDARD"
    s3 = account.client("s3")
    controls = s3.get_bucket_ownership_controls(Bucket=SERVICES)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    write, check = json.loads(s3.get_bucket_policy(Bucket=SERVICES)["Policy"])["Statement"]
    assert write["Resource"] == f"arn:aws:s3:::{SERVICES}/AWSLogs/aws-account-id=012345678901/*"
    assert write["Action"] == "s3:PutObject" and check["Action"] == "s3:GetBucketAcl"
    assert "s3:x-amz-acl" not in str(write) and "Deny" not in str((write, check))
    for statement in (write, check):
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"]["ArnLike"] == {
            "aws:SourceArn": "arn:aws:logs:eu-west-1:012345678901:*"
        }
    (rule,) = s3.get_bucket_encryption(Bucket=SERVICES)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    kms = account.client("kms")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert "kms:GenerateDataKey*" in policy["Statement"][1]["Action"]


def test_records_go_on_arriving_and_can_be_read(account):
    now = pd.Timestamp.now("UTC")
    period = {"start": now - pd.Timedelta("15min"), "end": now, "progress": False}
    flows, ledger = fl.read_flows(account.cloudwatch, **period)
    assert ledger.balanced and not ledger.rejected and ledger.nodata
    last = flows.groupby("interface_id", observed=True)["end"].max()
    assert len(last) == 8 and (now - last < pd.Timedelta("4min")).all()
    place = S3(SERVICES, region=account.region, endpoint_url=account.endpoint_url)
    flows, ledger = fl.read_flows(place, **period)
    assert ledger.balanced and not ledger.rejected
    assert set(flows["interface_id"]) == {"eni-0d10a6c2e8f4b5d11", "eni-0d20b7d3f9a5c6e12"}


def events(account):
    pages = account.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=account.log_group).search("events[]")
    return sorted((event["logStreamName"], event["timestamp"]) for event in found)


def test_one_line_an_interface_and_minute_none_twice_and_none_of_the_past():
    moment = int(time.time()) // MINUTE * MINUTE
    with practice_account(records=0, clock=lambda: moment) as account:
        # Begun 30 minutes to 2 minutes ago: the last ended a minute ago, at most.
        first = events(account)
        assert len(first) == 10 * 29 and len(set(first)) == len(first)
        assert min(at for _, at in first) >= (moment - 30 * MINUTE) * 1000
        assert max(at for _, at in first) < (moment - MINUTE) * 1000
        assert events(account) == first
        moment += 5 * MINUTE
        assert len(events(account)) == 10 * 34
        moment += 3600  # nobody looked for an hour
        after = events(account)
        assert len(after) == len(set(after)) == 10 * (34 + 29)
        assert min(at for _, at in after) >= account.end.timestamp() * 1000
        s3, bucket = account.client("s3"), account.services_bucket
        listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
        newest = max(item["LastModified"] for item in listed)
        assert 0 <= moment - newest.timestamp() <= 5 * MINUTE
        names = {item["Key"].rpartition("/")[2] for item in listed}
        assert all(re.match(r"\d{12}_vpcflowlogs_eu-west-1_fl-\w{17}_\d{8}T\d{4}Z_", n)
                   for n in names)  # fmt: skip


def test_a_flow_log_that_somebody_makes_delivers_from_then_on():
    moment = int(time.time()) // MINUTE * MINUTE
    with practice_account(records=0, clock=lambda: moment) as account:
        account.break_("no-flow-log")
        assert events(account) == []
        account.client("ec2").create_flow_logs(
            ResourceIds=["subnet-0c83e5a6d1f270b33"], ResourceType="Subnet", TrafficType="ALL",
            LogGroupName=account.log_group, MaxAggregationInterval=60,
            DeliverLogsPermissionArn="arn:aws:iam::012345678901:role/practice-delivery",
        )  # fmt: skip
        assert events(account) == []
        moment += 5 * MINUTE
        streams = {stream for stream, _ in events(account)}
        assert streams == {"eni-0c20f1b4a7d480e07-all", "eni-0c90e4a7f1c713b10-all"}


def test_two_at_once_are_strangers_and_nothing_stays_behind(account):
    from moto.ec2.models import ec2_backends
    from moto.s3.models import s3_backends

    with practice_account(records=0) as other:
        assert other.account_id == "012345678902"
        assert other.client("sts").get_caller_identity()["Account"] == other.account_id
        other.break_("no-flow-log")
        other.break_("bucket-missing")
        assert other.client("ec2").describe_flow_logs()["FlowLogs"] != []
        enis = other.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
        assert len(enis) == 12 and {eni["OwnerId"] for eni in enis} == {other.account_id}
        assert len(account.client("ec2").describe_flow_logs()["FlowLogs"]) == 2
    assert other.account_id not in ec2_backends and other.account_id not in s3_backends
    assert {other.bucket, other.services_bucket}.isdisjoint(s3_backends.bucket_accounts)
    assert len(account.client("ec2").describe_network_interfaces()["NetworkInterfaces"]) == 12
    with practice_account(records=0) as again:
        assert again.account_id == other.account_id
        assert len(again.client("ec2").describe_vpcs()["Vpcs"]) == 2


@pytest.mark.parametrize(
    ("action", "ask", "code"),
    [
        ("ec2:DescribeFlowLogs", lambda c: c("ec2").describe_flow_logs(), "UnauthorizedOperation"),
        ("iam:GetRole", lambda c: c("iam").get_role(RoleName="x"), "AccessDenied"),
        ("sts:GetCallerIdentity", lambda c: c("sts").get_caller_identity(), "AccessDenied"),
        ("logs:DescribeLogGroups", lambda c: c("logs").describe_log_groups(),
         "AccessDeniedException"),
        ("kms:DescribeKey", lambda c: c("kms").describe_key(KeyId="x"), "AccessDeniedException"),
        ("s3:GetBucketPolicy", lambda c: c("s3").get_bucket_policy(Bucket=SERVICES),
         "AccessDenied"),
        ("s3:GetBucketOwnershipControls",
         lambda c: c("s3").get_bucket_ownership_controls(Bucket=SERVICES), "AccessDenied"),
        ("s3:GetEncryptionConfiguration",
         lambda c: c("s3").get_bucket_encryption(Bucket=SERVICES), "AccessDenied"),
        ("s3:GetBucketLocation", lambda c: c("s3").get_bucket_location(Bucket=SERVICES),
         "AccessDenied"),
        ("s3:ListBucket", lambda c: c("s3").list_objects_v2(Bucket=SERVICES), "AccessDenied"),
    ],
)  # fmt: skip
def test_a_denied_action_is_refused_as_its_service_would(account, action, ask, code):
    account.break_("denied", action=action)
    with pytest.raises(ClientError) as refused:
        ask(account.client)
    assert refused.value.response["Error"]["Code"] == code
    account.mend()
    others = [account.client("ec2").describe_vpcs, account.client("iam").list_roles]
    assert all(other() for other in others)


def test_what_moto_cannot_do_is_refused_at_once(account):
    began = time.monotonic()
    with pytest.raises(ClientError, match="simulates no policies"):
        account.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::012345678901:role/practice-delivery",
            ActionNames=["logs:PutLogEvents"],
        )
    assert time.monotonic() - began < 1


def test_everything_was_made_a_month_ago(account, ec2):
    moments = [log["CreationTime"] for log in ec2.describe_flow_logs()["FlowLogs"]]
    moments += [role["CreateDate"] for role in account.client("iam").list_roles()["Roles"]]
    moments += [b["CreationDate"] for b in account.client("s3").list_buckets()["Buckets"]
                if b["Name"] == SERVICES]  # fmt: skip
    (group,) = account.client("logs").describe_log_groups()["logGroups"]
    moments.append(datetime.fromtimestamp(group["creationTime"] / 1000, UTC))
    assert len(moments) == 5
    ages = {(datetime.now(UTC) - moment).days for moment in moments}
    assert ages == {30}
