"""What a plan says, from answers of AWS's written down here: nothing is asked."""

from __future__ import annotations

import json

import pytest
from setup.planned import (
    ACCOUNT,
    ALLOWED,
    BUCKET,
    DEFAULT,
    GROUP,
    REGION,
    ROLE,
    STREAM,
    SUBNET,
    TRUST,
    VPC,
    flow_log,
    group,
    plan,
    role,
    saved,
    told,
)

from flowlab.errors import FlowlabError, LineFormatError, UnknownNameError
from flowlab.setup.inventory import Refusal
from flowlab.setup.planning import plan_flow_logs
from flowlab.sources.cloudwatch import CloudWatch
from flowlab.sources.s3 import S3


def test_from_nothing_all_is_made_in_an_order_that_works():
    made = plan(retention_days=30)
    assert told(made) == [
        "create log group", "create retention", "create delivery role", "create policy of the role",
        "create flow log", "verify delivery",
    ]  # fmt: skip
    assert [*made.steps["api_call"]] == [
        "logs:CreateLogGroup", "logs:PutRetentionPolicy", "iam:CreateRole", "iam:PutRolePolicy",
        "ec2:CreateFlowLogs", "",
    ]  # fmt: skip
    given = made.todo[4].call.parameters
    assert given["LogFormat"] == DEFAULT
    assert given["DeliverLogsPermissionArn"] == made.delivery_role
    written = json.loads(made.todo[3].call.parameters["PolicyDocument"])["Statement"]
    assert f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*" in [
        s["Resource"] for s in written
    ]
    assert not made.empty


def test_an_equal_one_leaves_nothing_to_do():
    made = plan(flow_log(), answers=role() | group())
    assert made.empty
    assert "already as wished, nothing to do" in repr(made)
    assert {step.action for step in made.todo} == {"keep"}


def test_the_order_of_the_fields_is_no_reason_to_make_another():
    turned = " ".join(reversed(DEFAULT.split()))
    assert plan(flow_log(LogFormat=turned), answers=role() | group()).empty


def test_a_role_that_trusts_one_flow_log_by_its_id_is_fine_for_that_one():
    one = flow_log()
    trust = json.loads(
        json.dumps(TRUST).replace("vpc-flow-log/*", f"vpc-flow-log/{one['FlowLogId']}")
    )
    assert plan(one, answers=role(trust) | group()).empty
    changed = plan(one, answers=role(trust) | group(), interval=600)
    assert "change trust of the role" in told(changed)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"LogFormat": "${version} ${srcaddr}"}, "lacks account-id, interface-id, dstaddr"),
        ({"LogFormat": f"{DEFAULT} ${{vpc-id}}"}, "has vpc-id besides"),
        ({"MaxAggregationInterval": 600}, "aggregates over 600 s, not 60 s"),
        ({"TrafficType": "REJECT"}, "records REJECT, not ALL"),
    ],
)
def test_another_wish_makes_a_new_one_first_and_deletes_last(other, why):
    made = plan(flow_log(**other), answers=role() | group())
    assert told(made)[-3:] == ["create flow log", "verify delivery", "delete flow log"]
    assert why in made.todo[-3].why
    assert made.todo[-1].call.parameters == {"FlowLogIds": [flow_log()["FlowLogId"]]}
    assert made.todo[-3].call.parameters["DeliverLogsPermissionArn"] == ROLE  # it works: used again


def test_a_flow_log_to_elsewhere_is_left_alone_and_told():
    made = plan(flow_log(LogGroupName="/other"))
    assert "delete flow log" not in told(made)
    assert any("both are paid for" in note for note in made.notes)


def test_only_what_is_not_covered_is_made():
    one, two = "subnet-0000000000000000a", "subnet-0000000000000000b"
    there = {("ec2:DescribeSubnets", ""): [{"SubnetId": one}, {"SubnetId": two}]}
    made = plan(flow_log(ResourceId=one), answers=role() | group() | there, resource=[one, two])
    (creation,) = [s for s in made.todo if s.action == "create"]
    assert creation.call.parameters["ResourceIds"] == [two]
    assert creation.call.parameters["ResourceType"] == "Subnet"


@pytest.mark.parametrize(
    ("broken", "step"),
    [
        (role(trust={"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
             "Action": "sts:AssumeRole"}]}), "change trust of the role"),
        (role(allowed=json.loads(json.dumps(ALLOWED).replace("logs:", "log:"))),
         "change policy of the role"),
        ({("iam:GetRole", ROLE): None}, "create delivery role"),
        (role() | {("logs:DescribeLogGroups", GROUP): None}, "create log group"),
        (role() | group(None), "change retention"),
    ],
)  # fmt: skip
def test_what_is_broken_is_mended_and_no_second_flow_log_made(broken, step):
    failed = flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error")
    made = plan(failed, answers=group() | broken)
    assert step in told(made)
    assert "create flow log" not in told(made)
    assert told(made)[-1] == "verify delivery"


def test_a_failure_without_anything_to_mend_is_told():
    failed = flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Rate limited")
    made = plan(failed, answers=role() | group())
    assert made.empty
    assert any("Rate limited" in note for note in made.notes)


def test_a_shorter_retention_says_that_records_go():
    made = plan(flow_log(), answers=role() | group(365), retention_days=30)
    (change,) = [s for s in made.todo if s.action == "change"]
    assert "what is older than 30 days will be DELETED" in change.why
    assert change.undo.parameters == {"logGroupName": GROUP, "retentionInDays": 365}
    longer = plan(flow_log(), answers=role() | group(30), retention_days=365)
    assert "DELETED" not in repr(longer)


def test_for_ever_is_a_warning():
    made = plan(retention_days=None)
    assert "create retention" not in told(made)
    assert any("for ever" in note for note in made.notes)


def test_a_role_of_another_account_is_not_touched():
    other = ROLE.replace(ACCOUNT, "111122223333")
    made = plan(flow_log(DeliverLogsPermissionArn=other), answers=group())
    assert made.empty
    assert any("of another account" in note for note in made.notes)


# S3

THEIRS = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
          "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-logs/*"}  # fmt: skip


def test_a_bucket_that_is_missing_is_made_shut():
    made = plan(answers={("s3:GetBucketLocation", "acme-logs"): None}, to="s3://acme-logs/vpc/")
    assert told(made) == [
        "create bucket", "create public access block", "create ownership", "create retention",
        "create bucket policy", "create flow log", "verify bucket policy", "verify delivery",
    ]  # fmt: skip
    assert made.todo[5].call.parameters["LogDestination"] == "arn:aws:s3:::acme-logs/vpc"


def test_a_bucket_policy_keeps_what_stands_in_it_and_shows_the_difference():
    policy = {"Version": "2012-10-17", "Statement": [THEIRS]}
    answers = BUCKET | {("s3:GetBucketPolicy", "acme-logs"): policy}
    made = plan(answers=answers, to="s3://acme-logs", hive=True, parquet=True)
    (change,) = [s for s in made.todo if s.action == "change"]
    after = json.loads(change.call.parameters["Policy"])["Statement"]
    assert after[0] == THEIRS
    assert after[1]["Resource"] == f"arn:aws:s3:::acme-logs/AWSLogs/aws-account-id={ACCOUNT}/*"
    assert json.loads(change.undo.parameters["Policy"]) == policy
    assert '+   "Sid": "AWSLogDeliveryAclCheck",' in change.detail
    assert '-   "Sid": "Theirs"' not in change.detail
    creation = next(s for s in made.todo if s.what == "flow log").call.parameters
    assert creation["DestinationOptions"] == {
        "FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": False
    }  # fmt: skip


def test_a_bucket_policy_that_cannot_be_read_is_never_written():
    denied = Refusal("denied", "AccessDenied")
    made = plan(answers=BUCKET | {("s3:GetBucketPolicy", "acme-logs"): denied}, to="s3://acme-logs")
    assert not any("PutBucketPolicy" in step.call.operation for step in made.todo if step.call)
    assert any("AWSLogDeliveryWrite" in note for note in made.notes)


def test_a_bucket_policy_without_room_is_refused():
    much = [THEIRS | {"Sid": f"S{n}", "Resource": f"arn:aws:s3:::acme-logs/{'x' * 940}{n}"}
            for n in range(19)]  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": much}
    with pytest.raises(FlowlabError, match="20 KB"):
        plan(answers=BUCKET | {("s3:GetBucketPolicy", "acme-logs"): policy}, to="s3://acme-logs")


def test_an_encrypted_bucket_needs_a_word_with_its_key():
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}
    answers = BUCKET | {("s3:GetEncryptionConfiguration", "acme-logs"): key}
    (note,) = [n for n in plan(answers=answers, to="s3://acme-logs").notes if "KMS" in n]
    assert "kms:GenerateDataKey*" in note


def test_other_files_are_another_wish():
    one = flow_log(LogDestinationType="s3", LogDestination="arn:aws:s3:::acme-logs",
                   LogGroupName=None, DestinationOptions={"FileFormat": "parquet"})  # fmt: skip
    assert "delete flow log" in told(plan(one, answers=BUCKET, to="s3://acme-logs"))
    same = plan(one, answers=BUCKET, to="s3://acme-logs", parquet=True)
    assert "create flow log" not in told(same)


# Firehose


def test_a_stream_must_be_there():
    with pytest.raises(FlowlabError, match="no Firehose stream flows") as error:
        plan(answers={("firehose:DescribeDeliveryStream", STREAM): None}, to=STREAM)
    assert "Direct PUT" in error.value.fix
    there = {("firehose:DescribeDeliveryStream", STREAM): {"DeliveryStreamStatus": "CREATING"}}
    made = plan(answers=there, to=STREAM)
    assert told(made) == ["keep Firehose stream", "create flow log", "verify delivery"]
    assert any("CREATING" in note for note in made.notes)


# what is refused


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"fields": "${nope}"}, UnknownNameError, "field 'nope' is not known"),
        ({"fields": ["version", "srcadr"]}, UnknownNameError, "did you mean srcaddr"),
        ({"fields": "recomended"}, UnknownNameError, "did you mean recommended"),
        ({"fields": ["tgw-id"]}, FlowlabError, "transit gateways' flow logs alone"),
        ({"fields": ["srcaddr", "instance-tag-2"]}, FlowlabError, "TagFieldSpecifications"),
        ({"fields": ""}, LineFormatError, "names no field"),
        ({"fields": ["srcaddr", "srcaddr"]}, LineFormatError, "stands twice: srcaddr"),
        ({"interval": 30}, FlowlabError, "use 60 or 600"),
        ({"traffic": "all"}, UnknownNameError, "'all' is not known"),
        ({"retention_days": 8}, FlowlabError, "the nearest is 7"),
        ({"retention_days": "90"}, FlowlabError, "is none that CloudWatch Logs offers"),
        ({"parquet": True}, FlowlabError, "parquet=True goes with S3 alone"),
        ({"name": ""}, FlowlabError, "1 to 256"),
        ({"to": "/vpc/flow"}, FlowlabError, "cloudwatch:///vpc/flow"),
        ({"to": "flows"}, FlowlabError, "no destination of a flow log"),
        ({"to": "s3://acme-logs/x/AWSLogs/y"}, FlowlabError, "may be called AWSLogs"),
        ({"to": "ftp://acme"}, FlowlabError, "cannot be read"),
        ({"resource": "tgw-0a1b2c3d4e5f60718"}, FlowlabError, "transit gateways are not planned"),
        ({"resource": "i-0a1b2c3d4e5f60718"}, FlowlabError, "not the id of a VPC"),
        ({"resource": [VPC, SUBNET]}, FlowlabError, "not of one kind"),
        ({"resource": []}, FlowlabError, "0 resources"),
        ({"resource": [f"eni-{n:017x}" for n in range(301)]}, FlowlabError, "301 resources"),
        ({"resource": "vpc-0a1b2c3d4e5f60719"}, FlowlabError, f"there is {VPC}"),
        ({"region": "us-east-1"}, FlowlabError, "eu-west-1 of account"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_or_not_mind_is_refused_here(options, kind, text):
    with pytest.raises(kind, match=text):
        plan(**options)


def test_the_same_places_as_for_reading():
    assert plan(to=CloudWatch(GROUP)).wish == plan().wish
    bucket = plan(answers=BUCKET, to=S3("acme-logs", "a/b/")).wish
    assert bucket == plan(answers=BUCKET, to="s3://acme-logs/a/b").wish
    assert bucket == plan(answers=BUCKET, to="arn:aws:s3:::acme-logs/a/b").wish


def test_text_of_others_is_shown_harmless():
    evil = "<script>alert(1)</script>"
    failed = flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage=evil)
    page = plan(failed, answers=role() | group())._repr_html_()
    assert evil not in page
    assert "&lt;script&gt;" in page


def test_a_plan_of_anonymized_ids_is_for_reading_alone():
    made = plan_flow_logs(VPC, to=f"cloudwatch://{GROUP}", snapshot=saved(anonymized=True))
    assert made.anonymized
    assert "read, not applied" in repr(made)


def test_a_plan_is_made_from_a_file(tmp_path):
    file = tmp_path / "setup-1.json"
    file.write_text(saved(flow_log(), answers=role() | group()).to_json())
    assert plan_flow_logs(VPC, to=f"cloudwatch://{GROUP}", fields="minimal", snapshot=file).empty
