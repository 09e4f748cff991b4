"""The documents are those of AWS's pages; merging takes nothing away."""

import copy
import json

import pytest

from flowlab.setup.documents import (
    bucket_statements,
    delivery_role_policy,
    delivery_trust_policy,
    key_statement,
    merge_bucket_policy,
)
from flowlab.setup.statements import MalformedPolicyError

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "amzn-s3-demo-bucket"

# VPC User Guide, "Amazon S3 bucket permissions for flow logs", with the default prefix.
PUBLISHED = [
    {
        "Sid": "AWSLogDeliveryWrite",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::amzn-s3-demo-bucket/AWSLogs/123456789012/*",
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": "123456789012",
                "s3:x-amz-acl": "bucket-owner-full-control",
            },
            "ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:123456789012:*"},
        },
    },
    {
        "Sid": "AWSLogDeliveryAclCheck",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:GetBucketAcl",
        "Resource": "arn:aws:s3:::amzn-s3-demo-bucket",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:123456789012:*"},
        },
    },
]
TLS = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::amzn-s3-demo-bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def ours(**more):
    return bucket_statements(ACCOUNT, REGION, BUCKET, **more)


def test_the_bucket_statements_are_those_that_aws_publishes():
    assert ours() == PUBLISHED


def test_the_folder_has_the_prefix_and_the_form_of_the_flow_log():
    write, acl = ours(prefix="/team/a/", hive=True)
    assert write["Resource"] == (
        "arn:aws:s3:::amzn-s3-demo-bucket/team/a/AWSLogs/aws-account-id=123456789012/*"
    )
    assert acl["Resource"] == "arn:aws:s3:::amzn-s3-demo-bucket"
    china = bucket_statements(ACCOUNT, "cn-north-1", BUCKET, partition="aws-cn")
    assert china[0]["Resource"].startswith("arn:aws-cn:s3:::")
    assert china[0]["Condition"]["ArnLike"]["aws:SourceArn"] == (
        "arn:aws-cn:logs:cn-north-1:123456789012:*"
    )


def test_the_trust_policy_is_the_one_that_aws_recommends():
    (statement,) = delivery_trust_policy(ACCOUNT, REGION)["Statement"]
    assert statement["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/*"},
    }
    (one,) = delivery_trust_policy(ACCOUNT, REGION, flow_log_id="fl-0")["Statement"]
    assert one["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":vpc-flow-log/fl-0")


def test_the_role_gets_the_five_actions_on_its_group():
    write, find = delivery_role_policy(ACCOUNT, REGION, "/vpc/flow")["Statement"]
    # VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs".
    assert {*write["Action"], find["Action"]} == {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
    }
    assert write["Resource"] == "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow:*"
    assert find["Resource"] == "arn:aws:logs:us-east-1:123456789012:log-group:*"


def test_the_key_statement_is_the_one_that_aws_publishes():
    # CloudWatch Logs User Guide, "Amazon S3 bucket server-side encryption"; the Sid is ours.
    statement = key_statement(ACCOUNT, REGION)
    assert statement["Action"] == [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:DescribeKey",
    ]
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Condition"] == PUBLISHED[1]["Condition"]


def test_a_bucket_without_a_policy_gets_ours():
    assert merge_bucket_policy(None, ours()) == {"Version": "2012-10-17", "Statement": PUBLISHED}


def test_what_others_wrote_stays_byte_for_byte():
    policy = {"Version": "2008-10-17", "Id": "theirs", "Statement": [TLS]}
    before = json.dumps(policy)
    merged = merge_bucket_policy(policy, ours())
    assert json.dumps(policy) == before  # not even the one that was passed in changes
    assert json.dumps({**merged, "Statement": merged["Statement"][:1]}) == before
    assert merged["Statement"][1:] == PUBLISHED


def test_a_single_statement_need_not_be_in_a_list():
    merged = merge_bucket_policy({"Version": "2012-10-17", "Statement": TLS}, ours())
    assert merged["Statement"] == [TLS, *PUBLISHED]


@pytest.mark.parametrize("policy", [None, {"Statement": [TLS]}, {"Statement": PUBLISHED}])
def test_merging_twice_changes_nothing_more(policy):
    once = merge_bucket_policy(policy, ours())
    assert merge_bucket_policy(once, ours()) == once


def test_statements_that_are_there_under_another_sid_are_not_added():
    theirs = [{**statement, "Sid": f"S{n}"} for n, statement in enumerate(PUBLISHED)]
    assert merge_bucket_policy({"Statement": theirs}, ours())["Statement"] == theirs


def test_a_broken_one_of_ours_is_replaced():
    broken = copy.deepcopy(PUBLISHED)
    broken[0]["Condition"]["StringEquals"]["aws:SourceAccount"] = "999999999999"
    assert merge_bucket_policy({"Statement": [TLS, *broken]}, ours())["Statement"] == [
        TLS,
        *PUBLISHED,
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Resource", "arn:aws:s3:::amzn-s3-demo-bucket/AWSLogs/999999999999/*"),
        ("Resource", [PUBLISHED[0]["Resource"], "arn:aws:s3:::amzn-s3-demo-bucket/x/*"]),
        ("Action", ["s3:PutObject", "s3:ListBucket"]),
        ("Effect", "Deny"),
        ("source", "arn:aws:logs:eu-west-1:123456789012:*"),
        ("source", ["arn:aws:logs:us-east-1:123456789012:*", "arn:aws:logs:*:999999999999:*"]),
    ],
)
def test_one_that_serves_somebody_else_keeps_its_sid(path, value):
    theirs = copy.deepcopy(PUBLISHED[0])
    if path == "source":
        theirs["Condition"]["ArnLike"]["aws:SourceArn"] = value
    else:
        theirs[path] = value
    merged = merge_bucket_policy({"Statement": [theirs]}, ours())
    assert merged["Statement"][0] == theirs
    assert merged["Statement"][1] == {**PUBLISHED[0], "Sid": "AWSLogDeliveryWrite2"}
    assert merge_bucket_policy(merged, ours()) == merged


def test_several_regions_deliver_to_one_bucket():
    policy = None
    for region in ("us-east-1", "eu-west-1", "ap-south-1"):
        policy = merge_bucket_policy(policy, bucket_statements(ACCOUNT, region, BUCKET))
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(set(sids)) == 6 and all(sid.isalnum() for sid in sids)
    assert "AWSLogDeliveryWrite3" in sids


def test_what_is_no_policy_is_not_added_to():
    with pytest.raises(MalformedPolicyError, match="no Statement"):
        merge_bucket_policy({"Version": "2012-10-17"}, ours())
