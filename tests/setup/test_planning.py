"""What a plan says, from answers of AWS's written down here: nothing is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from setup.planned import (
    ACCOUNT,
    ALLOWED,
    BUCKET,
    DEFAULT,
    ENI,
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


@pytest.mark.parametrize("kept", [None, 365, 7])
def test_an_existing_group_keeps_its_retention_unless_told(kept):
    made = plan(flow_log(), answers=role() | group(kept))
    assert made.empty
    assert any("retention_days=90 would change" in note for note in made.notes) == (kept is None)
    assert "change retention" in told(
        plan(flow_log(), answers=role() | group(kept), retention_days=90)
    )


def test_for_ever_is_a_warning():
    made = plan(retention_days=None)
    assert "create retention" not in told(made)
    assert any("for ever" in note for note in made.notes)


def test_a_role_of_another_account_is_not_touched():
    other = ROLE.replace(ACCOUNT, "111122223333")
    made = plan(flow_log(DeliverLogsPermissionArn=other), answers=group())
    assert made.empty
    assert any("of another account" in note for note in made.notes)


@pytest.mark.parametrize(
    ("broken", "by"),
    [
        (role(allowed={**ALLOWED, "Statement": [
            *ALLOWED["Statement"],
            {"Effect": "Deny", "Action": "logs:Put*", "Resource": "*"}]}), "denies"),
        (role(trust={**TRUST, "Statement": [
            *TRUST["Statement"],
            {**TRUST["Statement"][0], "Effect": "Deny", "Condition": {}}]}), "denies"),
        (role() | {
            ("iam:GetRole", ROLE): {
                "Arn": ROLE, "AssumeRolePolicyDocument": TRUST,
                "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/b"}},
            ("iam:GetPolicyVersion", "arn:aws:iam::1:policy/b"): {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]},
        }, "permissions boundary"),
    ],
)  # fmt: skip
def test_what_no_addition_mends_is_told_and_nothing_is_changed(broken, by):
    made = plan(flow_log(), answers=group() | broken)
    assert made.empty
    (note,) = [n for n in made.notes if "takes nothing out" in n]
    assert by in note
    assert "broken where no plan can mend it" in repr(made)
    assert "it may be assumed" not in repr(made)


# flow logs are inherited

WITHIN = {
    ("ec2:DescribeSubnets", ""): [{"SubnetId": SUBNET, "VpcId": VPC}],
    ("ec2:DescribeNetworkInterfaces", ""): [
        {"NetworkInterfaceId": ENI, "SubnetId": SUBNET, "VpcId": VPC, "Status": "in-use"},
    ],
}


@pytest.mark.parametrize("part", [SUBNET, ENI])
def test_what_the_vpc_has_is_kept_for_its_parts(part):
    made = plan(flow_log(), answers=role() | group() | WITHIN, resource=part)
    assert made.empty
    assert f"already as wished, on {VPC}, which contains {part}" in repr(made)
    # Otherwise than wished, it stays: it is for others as well.
    made = plan(flow_log(), answers=role() | group() | WITHIN, resource=part, interval=600)
    assert "create flow log" in told(made) and "delete flow log" not in told(made)
    assert any("counts and costs twice" in note for note in made.notes)


@pytest.mark.parametrize("part", [SUBNET, ENI])
def test_what_records_the_same_again_goes_after_records_were_seen(part):
    double = flow_log(2, ResourceId=part)
    for there, first in ([flow_log()], "verify delivery"), ([], "create flow log"):
        made = plan(*there, double, answers=role() | group() | WITHIN)
        assert [step for step in told(made) if "keep" not in step] == [
            *dict.fromkeys([first, "verify delivery"]), "delete flow log",
        ]  # fmt: skip
        assert made.todo[-1].call.parameters == {"FlowLogIds": [double["FlowLogId"]]}
        assert made.delivery_role in ("", ROLE)  # one that delivers there already is used again
    other = flow_log(2, ResourceId=part, TrafficType="REJECT")
    made = plan(flow_log(), other, answers=role() | group() | WITHIN)
    assert made.empty
    assert any(f"a part of {VPC}" in note and "stays" in note for note in made.notes)


def test_what_may_record_the_same_again_is_told():
    denied = Refusal("denied", "AccessDenied")
    double = flow_log(2, ResourceId=ENI)
    for ask, noted in ({}, True), ({("ec2:DescribeNetworkInterfaces", ""): []}, False):
        answers = {("ec2:DescribeNetworkInterfaces", ""): denied} | ask
        made = plan(flow_log(), double, answers=role() | group() | answers)
        assert made.empty
        assert any("whether it records" in note for note in made.notes) == noted


# keys

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
OWNER = {"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
         "Action": "kms:*", "Resource": "*"}  # fmt: skip


def key(policy, key=KEY):
    return {("kms:DescribeKey", key): {"Arn": key, "KeyState": "Enabled", "KeyManager": "CUSTOMER"},
            ("kms:GetKeyPolicy", key): policy}  # fmt: skip


def test_the_key_of_a_log_group_gets_the_statement_that_it_lacks():
    with_key = {("logs:DescribeLogGroups", GROUP):
                {"logGroupName": GROUP, "retentionInDays": 90, "kmsKeyId": KEY}}  # fmt: skip
    before = {"Version": "2012-10-17", "Statement": [OWNER]}
    made = plan(flow_log(), answers=role() | with_key | key(before))
    assert told(made)[1] == "change key policy"
    call = made.todo[1].call
    after = json.loads(call.parameters["Policy"])
    assert after["Statement"][0] == OWNER
    assert after["Statement"][1]["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    assert (call.operation, call.parameters["KeyId"]) == ("PutKeyPolicy", KEY)
    assert json.loads(made.todo[1].undo.parameters["Policy"]) == before
    assert plan(flow_log(), answers=role() | with_key | key(after)).empty

    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    made = plan(flow_log(), answers=role() | with_key | key({**before, "Statement": [deny]}))
    assert made.empty and any("denies" in note for note in made.notes)


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


def test_a_bucket_that_cannot_be_made_is_not_planned():
    with pytest.raises(FlowlabError, match="none of this name can be made"):
        plan(answers={("s3:GetBucketLocation", "Acme_Logs"): None}, to="s3://Acme_Logs")


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


def bucket(*rows, ownership="BucketOwnerEnforced"):
    return BUCKET | {
        ("s3:GetBucketPolicy", "acme-logs"): {"Version": "2012-10-17", "Statement": [*rows]},
        ("s3:GetBucketOwnershipControls", "acme-logs"): ownership,
    }


def delivery(action, resource, **conditions):
    mine = {"StringEquals": {"aws:SourceAccount": ACCOUNT, **conditions},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}  # fmt: skip
    return {"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": action, "Resource": f"arn:aws:s3:::{resource}", "Condition": mine}  # fmt: skip


CHECK = delivery("s3:GetBucketAcl", "acme-logs")
# As AWS's guide has it.
ASKS_ACL = {"Sid": "AWSLogDeliveryWrite", **delivery(
    "s3:PutObject", f"acme-logs/AWSLogs/{ACCOUNT}/*",
    **{"s3:x-amz-acl": "bucket-owner-full-control"})}  # fmt: skip


@pytest.mark.parametrize("ownership", ["BucketOwnerEnforced", "ObjectWriter"])
def test_a_bucket_policy_that_allows_delivery_is_kept_whatever_its_form(ownership):
    for write in delivery("s3:PutObject", "acme-logs/*"), ASKS_ACL:
        made = plan(answers=bucket(write, CHECK, ownership=ownership), to="s3://acme-logs")
        assert "keep bucket policy" in told(made) and "change bucket policy" not in told(made)
        warned = any("s3:x-amz-acl" in note for note in made.notes)
        assert warned == (write is ASKS_ACL and ownership == "BucketOwnerEnforced")


@pytest.mark.parametrize(("hours", "changes"), [(0, False), (5, True)])
def test_the_acl_is_not_asked_for_any_more_where_nothing_arrives(hours, changes):
    one = flow_log(LogDestinationType="s3", LogDestination="arn:aws:s3:::acme-logs",
                   LogGroupName=None, CreationTime="2026-11-01T00:00:00+00:00")  # fmt: skip
    newest = datetime(2026, 11, 23, tzinfo=UTC) - timedelta(hours=hours)
    listed = {("s3:ListBucket", "arn:aws:s3:::acme-logs"): {
        "objects": 1, "newest": newest.isoformat(), "newest_key": f"x_{one['FlowLogId']}_y.log.gz",
        "looked_at": ["AWSLogs/"], "complete": True,
    }}  # fmt: skip
    made = plan(one, answers=bucket(ASKS_ACL, CHECK) | listed, to="s3://acme-logs")
    assert ("change bucket policy" in told(made)) == changes
    if changes:
        change = next(step for step in made.todo if step.what == "bucket policy")
        assert "s3:x-amz-acl" not in change.call.parameters["Policy"]
        assert json.loads(change.call.parameters["Policy"])["Statement"][1] == CHECK


def test_a_deny_in_a_bucket_policy_is_told_and_nothing_added():
    deny = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::acme-logs/*"}  # fmt: skip
    made = plan(answers=bucket(deny), to="s3://acme-logs")
    assert "change bucket policy" not in told(made)
    assert any("statement No denies" in note and "does not help" in note for note in made.notes)


def test_what_is_added_asks_for_an_acl_only_where_there_are_acls():
    for ownership, asks in ("BucketOwnerEnforced", False), ("BucketOwnerPreferred", True):
        made = plan(answers=bucket(THEIRS, ownership=ownership), to="s3://acme-logs")
        (change,) = [s for s in made.todo if s.action == "change"]
        assert ("s3:x-amz-acl" in change.call.parameters["Policy"]) == asks


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


def test_an_encryption_that_may_not_be_looked_at_is_told():
    ask = ("s3:GetEncryptionConfiguration", "acme-logs")
    denied = plan(answers=BUCKET | {ask: Refusal("denied", "AccessDenied")}, to="s3://acme-logs")
    assert any("encrypted" in note and "AccessDenied" in note for note in denied.notes)
    for plain in None, {"SSEAlgorithm": "AES256"}:
        made = plan(answers=BUCKET | {ask: plain}, to="s3://acme-logs")
        assert not any("encrypted" in note for note in made.notes)


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
