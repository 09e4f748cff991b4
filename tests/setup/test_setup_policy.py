"""The printed policy suffices, and every action in it is needed for exactly its own answers."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import pytest
from aws.fixtures import tap
from aws.iam_eval import ALLOW, evaluate

from flowlab.setup.collecting import collect
from flowlab.setup.permissions import NEEDS, setup_policy

# How IAM sees each request: service, operation -> action, resource. From AWS's Service
# Authorization Reference; written here a second time, so that it can disagree.
ACTIONS = {
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "HeadBucket"): "s3:ListBucket",
}


def as_iam_sees_it(service: str, operation: str, asked: dict, account: str):
    action = ACTIONS.get((service, operation), f"{service}:{operation}")
    region = "us-east-1"
    context: dict[str, str | None] = {}
    if service == "ec2":
        resource = "*"
    elif service == "s3":
        resource = f"arn:aws:s3:::{asked['Bucket']}"
        context["s3:prefix"] = asked.get("Prefix")
    elif service == "logs":
        # AWS's own messages show this form, also for what is about a group as a whole.
        name = asked.get("logGroupName", "")
        resource = f"arn:aws:logs:{region}:{account}:log-group:{name}:log-stream:"
    elif service == "kms":
        resource = asked["KeyId"]
    elif service == "firehose":
        name = asked["DeliveryStreamName"]
        resource = f"arn:aws:firehose:{region}:{account}:deliverystream/{name}"
    elif "RoleName" in asked:
        resource = f"arn:aws:iam::{account}:role/{asked['RoleName']}"
    else:
        resource = asked.get("PolicyArn") or asked["PolicySourceArn"]
    return action, resource, context


@pytest.fixture
def filled(account):
    """A bit of everything that the collector asks about."""
    ec2, iam, logs = (account.client(name) for name in ("ec2", "iam", "logs"))
    s3, kms, firehose = (account.client(name) for name in ("s3", "kms", "firehose"))
    vpc, subnet, _ = account.vpc("10.1.0.0/24")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, InstanceType="t3.micro"
    )
    document = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})  # fmt: skip
    trust = document.replace('"Resource": "*"', '"Principal": {"Service": "x.amazonaws.com"}')
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=document)["Policy"]["Arn"]
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_role(
        RoleName="delivery", AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary
    )
    iam.put_role_policy(RoleName="delivery", PolicyName="inline", PolicyDocument=document)
    iam.attach_role_policy(RoleName="delivery", PolicyArn=managed)
    logs.create_log_group(logGroupName="/flow")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    bucket = f"flow-{account.id}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]},
    )  # fmt: skip
    stream = firehose.create_delivery_stream(
        DeliveryStreamName="flow",
        ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{account.id}:role/delivery",
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )["DeliveryStreamARN"]
    account.log(vpc)
    account.log(vpc, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")
    account.log(vpc, LogDestinationType="kinesis-data-firehose", LogDestination=stream)
    return account


@pytest.fixture
def collected(filled, monkeypatch):
    """Collect while AWS, so to say, enforces a policy."""
    policy: dict = {}

    def enforce(model, asked, **_):
        service = model.service_model.signing_name
        if service == "sts":
            return None  # needs no permission
        action, resource, context = as_iam_sees_it(service, model.name, asked, filled.id)
        if evaluate(policy, action, resource, context) == ALLOW:
            return simulated() if model.name == "SimulatePrincipalPolicy" else None
        error = {"Code": "AccessDenied", "Message": f"not authorized to perform: {action}"}
        answer = {"Error": error, "ResponseMetadata": {"HTTPHeaders": {}}}
        return SimpleNamespace(status_code=403, raw=None), answer

    def simulated():  # which moto lacks
        row = {"EvalActionName": "logs:PutLogEvents", "EvalDecision": "allowed"}
        parsed = {"EvaluationResults": [row], "IsTruncated": False}
        return SimpleNamespace(status_code=200), parsed

    monkeypatch.setattr("flowlab.sources.aws._MADE", {})
    tap(monkeypatch, [enforce])

    def collected(given):
        policy.clear()
        policy.update(given)
        (scope,) = collect([filled.access], progress=False)
        return scope.answers

    return collected


def kinds(answers):
    return {
        name: "known" if answer.known else answer.refusal.kind for name, answer in answers.items()
    }


def without(action: str) -> dict:
    policy = copy.deepcopy(setup_policy())
    for statement in policy["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a != action]
    policy["Statement"] = [s for s in policy["Statement"] if s["Action"]]
    return policy


# What cannot be asked without another answer.
DEPENDENTS = {
    "ec2:DescribeInstances": {"ec2:DescribeInstanceTypes"},
    "iam:GetPolicy": {"iam:GetPolicyVersion"},
}
# What is not even known to exist without another answer, so that nobody misses it.
UNSEEN = {
    "ec2:DescribeFlowLogs": {"logs", "s3", "kms", "iam", "firehose"},
    "s3:GetEncryptionConfiguration": {"kms"},
    "iam:ListRolePolicies": {"iam:GetRolePolicy"},
    "iam:ListAttachedRolePolicies": {"iam:GetPolicy", "iam:GetPolicyVersion"},
    "iam:GetRole": {"iam:GetPolicy", "iam:GetPolicyVersion"},  # of the boundary alone
}


def test_it_suffices_and_every_action_is_needed_for_its_own_answers(collected):
    whole = collected(setup_policy())
    assert set(kinds(whole).values()) == {"known"}
    actions = [action for need in NEEDS for action in need.actions]
    # Every question has its permission, and every permission a question.
    assert {ask for ask, _ in whole} == {*actions, "sts:GetCallerIdentity"}
    for action in actions:
        answers = kinds(collected(without(action)))
        for (ask, of), was in kinds(whole).items():
            now = answers.get((ask, of))
            unseen = {ask, ask.partition(":")[0]} & UNSEEN.get(action, set())
            if ask == action:
                assert now == "denied", (action, ask, of)
            elif ask in DEPENDENTS.get(action, ()):
                assert now == "not asked", (action, ask, of)
            elif not (unseen and now is None):
                assert now == was, (action, ask, of)


def test_a_narrow_policy_suffices_for_what_it_names(collected, filled):
    narrow = setup_policy(
        account_id=filled.id,
        region="us-east-1",
        log_group="/flow",
        bucket=f"flow-{filled.id}",
        role="delivery",
    )
    assert "*" not in {
        resource.split(":")[4] for s in narrow["Statement"][1:3] for resource in s["Resource"]
    }
    assert set(kinds(collected(narrow)).values()) == {"known"}
    other = collected(setup_policy(log_group="/other"))
    denied = {ask for ask, _ in other if not other[ask, _].known}
    assert denied == {"logs:DescribeLogStreams", "logs:FilterLogEvents"}


# Where AWS documents flow logs in a bucket to be, plain and as Hive partitions.
PLAIN = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/02/"
HIVE = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/"


@pytest.mark.parametrize("prefix", ["", "flow/", "a/b/"])
@pytest.mark.parametrize("folder", [PLAIN, HIVE])
def test_folders_of_flow_logs_can_be_listed_and_others_cannot(prefix, folder):
    def answer(asked):
        bucket = "arn:aws:s3:::central"
        return evaluate(setup_policy(), "s3:ListBucket", bucket, {"s3:prefix": asked})

    assert answer(prefix + folder) == ALLOW
    for other in (prefix, prefix + folder.replace("vpcflowlogs", "CloudTrail"), None):
        assert answer(other) != ALLOW


def test_it_prints_as_the_json_that_aws_takes():
    policy = setup_policy(bucket="acme-logs")
    assert json.loads(str(policy)) == json.loads(f"{policy!r}") == policy
    assert json.dumps(policy).startswith('{"Version": "2012-10-17"')


def test_it_only_looks():
    reading = ("Describe", "Get", "List", "Filter", "Simulate")
    for statement in setup_policy()["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            assert action.partition(":")[2].startswith(reading) and "*" not in action
            assert action not in ("s3:GetObject", "logs:GetLogEvents", "kms:Decrypt")
    # Json, and small enough for a managed policy (6,144 characters without white space).
    assert len(json.dumps(setup_policy(), separators=(",", ":"))) < 6144
