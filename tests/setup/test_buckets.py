"""The bucket of a flow log: right, broken in each of the known ways, not to be seen."""

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest

from flowlab.setup.buckets import judge_buckets
from flowlab.setup.documents import bucket_statements, key_statement, merge_bucket_policy
from flowlab.setup.inventory import Answer, Refusal, scope_of

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "amzn-s3-demo-bucket"
DESTINATION = f"arn:aws:s3:::{BUCKET}"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FLOW_LOG = {
    "FlowLogId": "fl-0123456789abcdef0",
    "LogDestinationType": "s3",
    "LogDestination": DESTINATION,
    "CreationTime": "2026-01-01T00:00:00+00:00",
}
FOLDER = f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/05/01/"
# As AWS's page "Amazon S3 bucket permissions for flow logs" prints it: the whole bucket.
PUBLISHED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AWSLogDeliveryWrite",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::amzn-s3-demo-bucket/*",
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
    ],
}
LINKS = {
    "bucket-exists": "destination",
    "bucket-region": "destination",
    "bucket-policy-write": "permission",
    "bucket-policy-acl-check": "permission",
    "bucket-key": "permission",
    "newest-object": "newest record",
}
ASKS = {
    "s3:GetBucketLocation": {"bucket-exists", "bucket-region"},
    "s3:GetBucketPolicy": {"bucket-policy-write", "bucket-policy-acl-check"},
    "s3:GetBucketOwnershipControls": {"bucket-policy-write"},
    "s3:GetEncryptionConfiguration": {"bucket-key"},
    "kms:DescribeKey": {"bucket-key"},
    "kms:GetKeyPolicy": {"bucket-key"},
    "s3:ListBucket": {"newest-object"},
}


def key_policy(*more, action=None, **conditions):
    statement = key_statement(ACCOUNT, REGION)
    statement["Action"] = action or statement["Action"]
    statement["Condition"].update(conditions)
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [root, statement, *more]}


def listing(minutes=12, flow_log=FLOW_LOG["FlowLogId"], complete=True):
    newest = None if minutes is None else NOW - timedelta(minutes=minutes)
    name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_20260501T1145Z_0a1b2c3d.log.gz"
    return {
        "objects": 0 if newest is None else 1000,
        "newest": newest and newest.isoformat(),
        "newest_key": newest and FOLDER + name,
        "looked_at": [FOLDER],
        "complete": complete,
    }


def judge(
    flow_log=None,
    location=None,
    policy=PUBLISHED,
    ownership="BucketOwnerPreferred",
    encryption=None,
    key=None,
    key_document=None,
    listed=None,
    refused=(),
):
    flow_log = {**FLOW_LOG, **(flow_log or {})}
    found = [
        Answer("ec2:DescribeFlowLogs", "", [flow_log]),
        Answer(
            "s3:GetBucketLocation",
            BUCKET,
            {"LocationConstraint": None} if location is None else location or None,
        ),
        Answer("s3:GetBucketPolicy", BUCKET, policy),
        Answer("s3:GetBucketOwnershipControls", BUCKET, ownership),
        Answer("s3:GetEncryptionConfiguration", BUCKET, encryption),
        Answer("s3:ListBucket", flow_log["LogDestination"], listed or listing()),
    ]
    if encryption and "KMSMasterKeyID" in encryption:
        about = {"KeyState": "Enabled", "KeyManager": "CUSTOMER", **(key or {})}
        found += [
            Answer("kms:DescribeKey", encryption["KMSMasterKeyID"], None if key == {} else about),
            Answer("kms:GetKeyPolicy", encryption["KMSMasterKeyID"], key_document or key_policy()),
        ]
    found = [
        Answer(a.ask, a.of, refusal=Refusal("denied", f"AccessDenied: {a.ask}"))
        if a.ask in refused
        else a
        for a in found
    ]
    checks = list(judge_buckets(scope_of(ACCOUNT, REGION, found), NOW))
    for check in checks:
        assert (check.flow_log, check.resource) == (flow_log["FlowLogId"], BUCKET)
        assert check.link == LINKS[check.check]
        assert check.evidence and bool(check.cause) == bool(check.remedy) == (check.status != "ok")
    return {check.check: check for check in checks}


def statuses(checks):
    return {name: check.status for name, check in checks.items() if check.status != "ok"}


def changed(row, **changes):
    """Change the published policy: Principal, Action, Resource; or conditions, None drops one."""
    policy = copy.deepcopy(PUBLISHED)
    statement = policy["Statement"][row]
    for key, value in changes.items():
        if key in statement:
            statement[key] = value
            continue
        operator = "ArnLike" if key == "source" else "StringEquals"
        name = {"source": "aws:SourceArn", "account": "aws:SourceAccount", "acl": "s3:x-amz-acl"}
        statement["Condition"][operator].pop(name[key])
        if value is not None:
            statement["Condition"][operator][name[key]] = value
    return policy


def test_what_aws_publishes_is_right_in_everything():
    checks = judge()
    assert set(checks) == set(LINKS) and statuses(checks) == {}


@pytest.mark.parametrize("hive", [False, True])
@pytest.mark.parametrize("prefix", ["", "team/a"])
def test_our_own_statements_are_right_for_each_form(prefix, hive):
    flow_log = {
        "LogDestination": f"{DESTINATION}/{prefix}",
        "DestinationOptions": {"HiveCompatiblePartitions": hive},
    }
    wanted = bucket_statements(ACCOUNT, REGION, BUCKET, prefix, hive)
    assert statuses(judge(flow_log, policy=merge_bucket_policy(None, wanted))) == {}
    other = bucket_statements(ACCOUNT, REGION, BUCKET, prefix, not hive)
    checks = judge(flow_log, policy=merge_bucket_policy(None, other))
    assert statuses(checks) == {"bucket-policy-write": "fail"}
    words = "Hive-compatible prefix" if hive else "default prefix"
    assert f"the flow log writes the {words}" in checks["bucket-policy-write"].cause


def test_a_resource_may_name_the_service_and_the_region():
    for hive, place in (
        (True, f"aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}"),
        (False, f"{ACCOUNT}/vpcflowlogs/{REGION}"),
    ):
        flow_log = {"DestinationOptions": {"HiveCompatiblePartitions": hive}}
        policy = changed(0, Resource=f"{DESTINATION}/AWSLogs/{place}/*")
        assert statuses(judge(flow_log, policy=policy)) == {}


def test_a_bucket_that_is_gone_is_told_once():
    checks = judge(location={})
    assert statuses(checks) == {"bucket-exists": "fail"} and len(checks) == 1


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        (None, "is in us-east-1."),
        ("EU", "is in eu-west-1, the flow log in us-east-1"),
        ("ap-south-1", "is in ap-south-1, the flow log in us-east-1"),
    ],
)
def test_a_bucket_in_another_region_is_noted(constraint, said):
    check = judge(location={"LocationConstraint": constraint})["bucket-region"]
    assert check.status == "ok" and said in check.evidence


@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        (changed(0, Principal={"Service": "vpc-flow-logs.amazonaws.com"}), "it names vpc-flow-logs.amazonaws.com instead of delivery.logs.amazonaws.com"),
        (changed(0, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), "no statement is for delivery.logs.amazonaws.com"),
        (changed(0, Action="s3:PutObjectAcl"), "says s3:PutObjectAcl instead of s3:PutObject"),
        (changed(0, Resource=f"arn:aws:s3:::{BUCKET}/AWSLogs/999999999999/*"), "AWSLogs/999999999999/*"),
        (changed(0, Resource=f"arn:aws:s3:::{BUCKET}"), f"the name {BUCKET} instead of {BUCKET}/AWSLogs"),
        (changed(0, account="999999999999"), "aws:SourceAccount demands 999999999999, but it is 123456789012"),
        (changed(0, source=f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"), "service ec2 instead of logs"),
        (changed(0, source=f"arn:aws:logs:eu-west-1:{ACCOUNT}:*"), "region eu-west-1 instead of us-east-1"),
        (changed(0, source=f"arn:aws:logs:{REGION}:999999999999:*"), "account 999999999999 instead of"),
        (changed(0, acl="private"), "s3:x-amz-acl demands private, but it is bucket-owner-full-control"),
    ],
)  # fmt: skip
def test_a_policy_that_does_not_let_it_write(policy, cause):
    checks = judge(policy=policy)
    assert statuses(checks) == {"bucket-policy-write": "fail"}, "nothing else is blamed"
    assert cause in checks["bucket-policy-write"].cause
    # The statements of the remedy, added, mend it.
    added, _ = json.JSONDecoder().raw_decode(
        checks["bucket-policy-write"].remedy.partition(": ")[2]
    )
    assert statuses(judge(policy=merge_bucket_policy(policy, added))) == {}


def test_a_policy_that_does_not_let_it_check_the_acl():
    for policy, cause in (
        (changed(1, Action="s3:ListBucket"), "no policy allows s3:GetBucketAcl"),
        (changed(1, Resource=f"{DESTINATION}/*"), f"{BUCKET}/* instead of {BUCKET}"),
        (changed(1, account="999999999999"), "aws:SourceAccount"),
        ({**PUBLISHED, "Statement": PUBLISHED["Statement"][:1]}, "no policy allows"),
    ):
        checks = judge(policy=policy)
        assert statuses(checks) == {"bucket-policy-acl-check": "fail"}
        assert cause in checks["bucket-policy-acl-check"].cause


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (None, "has no policy"),
        ("{'Statement': []}", "not JSON"),
        ({"Version": "2012-10-17"}, "no Statement"),
        ({"Statement": [{"Action": "s3:*"}]}, "Effect of statement 1"),
        ({"Statement": []}, "does not allow"),
    ],
)
def test_no_policy_and_what_is_none(policy, said):
    checks = judge(policy=policy)
    broken = ["bucket-policy-write", "bucket-policy-acl-check"]
    assert statuses(checks) == dict.fromkeys(broken, "fail")
    assert all(said in checks[name].evidence for name in broken)


def deny(**condition):
    row = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    row |= {"Resource": [DESTINATION, f"{DESTINATION}/*"], "Condition": condition}
    return {**PUBLISHED, "Statement": [*PUBLISHED["Statement"], row]}


def test_what_else_the_policy_denies():
    both = ["bucket-policy-write", "bucket-policy-acl-check"]
    checks = judge(policy=deny(StringNotEquals={"aws:SourceAccount": "999999999999"}))
    assert statuses(checks) == dict.fromkeys(both, "fail")
    assert "statement No denies" in checks[both[0]].evidence
    # Log delivery speaks TLS, and is a service of AWS's.
    assert statuses(judge(policy=deny(Bool={"aws:SecureTransport": "false"}))) == {}
    perimeter = {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    assert statuses(judge(policy=deny(**perimeter))) == {}
    # Whether it sends an encryption header, nobody says.
    header = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    checks = judge(policy=deny(**header))
    assert statuses(checks) == dict.fromkeys(both, "unknown")
    assert "s3:x-amz-server-side-encryption" in checks[both[0]].evidence


def test_conditions_that_are_written_otherwise_hold_too():
    policy = changed(0, source=None)
    policy["Statement"][0]["Condition"]["StringLike"] = {
        "aws:SourceArn": f"arn:aws:logs:*:{ACCOUNT}:*"
    }
    assert statuses(judge(policy=policy)) == {}
    # Which of the logs service's ARNs comes is not known.
    policy = changed(0, source=f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-source:*")
    assert statuses(judge(policy=policy)) == {"bucket-policy-write": "unknown"}
    policy["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceOrgID": "o-1"}}
    assert statuses(judge(policy=policy)) == {"bucket-policy-write": "unknown"}


def test_the_acl_trap():
    quiet = {"ownership": "BucketOwnerEnforced", "listed": listing(45)}
    checks = judge(**quiet)
    assert statuses(checks) == {"bucket-policy-write": "warn", "newest-object": "warn"}
    assert "BucketOwnerEnforced" in checks["bucket-policy-write"].evidence
    # Not where the condition is not there, ACLs are on, or objects arrive all the same.
    assert statuses(judge(policy=changed(0, acl=None), **quiet)) == {"newest-object": "warn"}
    for ownership in ("ObjectWriter", "BucketOwnerPreferred", None):
        assert statuses(judge(**{**quiet, "ownership": ownership})) == {"newest-object": "warn"}
    for minutes in (12, 30):
        assert statuses(judge(ownership="BucketOwnerEnforced", listed=listing(minutes))) == {}


def test_a_policy_that_is_nearly_full_is_told_before_aws_refuses_the_next_flow_log():
    filler = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject"}
    rows = [{**filler, "Resource": f"{DESTINATION}/{n:0100d}"} for n in range(85)]
    policy = {**PUBLISHED, "Statement": [*PUBLISHED["Statement"], *rows]}
    size = len(json.dumps(policy, separators=(",", ":")))
    assert 18432 < size < 20480
    checks = judge(policy=policy)
    assert checks["bucket-policy-write"].status == "warn"
    assert f"{size:,} bytes" in checks["bucket-policy-write"].evidence
    missing = judge(policy={**policy, "Statement": rows + rows[:5]})["bucket-policy-write"]
    assert missing.status == "fail" and "longer than the 20,480 bytes" in missing.remedy


def kms(key=KEY, **more):
    return {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key, **more}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"encryption": None}, "none of its own"),
        ({"encryption": {"SSEAlgorithm": "AES256"}}, "AES256"),
        ({"encryption": kms()}, KEY),
        ({"encryption": kms(SSEAlgorithm="aws:kms:dsse")}, KEY),
        ({"encryption": kms(BucketKeyEnabled=True)}, "Bucket Keys"),
    ],
)
def test_an_encryption_that_is_right(answers, said):
    checks = judge(**answers)
    assert statuses(checks) == {} and said in checks["bucket-key"].evidence


def test_the_arn_to_write_is_given_where_aws_tells_it():
    check = judge(encryption=kms("alias/flow-logs"), key={"Arn": KEY})["bucket-key"]
    assert check.remedy.endswith(f": {KEY}.")


NO = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ({"encryption": {"SSEAlgorithm": "aws:kms"}}, "fail", "unreadable"),
        ({"encryption": kms(), "key": {"KeyManager": "AWS"}}, "fail", "unreadable"),
        ({"encryption": kms("1234abcd-12ab-34cd-56ef-1234567890ab")}, "fail", "undeliverable"),
        ({"encryption": kms("alias/flow-logs")}, "fail", "undeliverable"),
        ({"encryption": kms(), "key": {}}, "fail", "AWS knows no key"),
        ({"encryption": kms(), "key": {"KeyState": "Disabled"}}, "fail", "state Disabled"),
        ({"encryption": kms(), "key": {"KeyState": "PendingDeletion"}}, "fail", "PendingDeletion"),
        ({"encryption": kms(), "key_document": {"Statement": []}}, "fail", "no policy says"),
        ({"encryption": kms(), "key_document": {"Statement": key_policy()["Statement"][:1]}}, "fail", "no statement is for delivery.logs"),
        ({"encryption": kms(), "key_document": key_policy(StringEquals={"aws:SourceAccount": "999999999999"})}, "fail", "999999999999"),
        ({"encryption": kms(), "key_document": key_policy(ArnLike={"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:*"})}, "fail", "service ec2 instead of logs"),
        ({"encryption": kms(), "key_document": key_policy(action="kms:Encrypt")}, "fail", "kms:GenerateDataKey"),
        ({"encryption": kms(), "key_document": key_policy(NO)}, "fail", "statement No denies kms:Decrypt"),
        ({"encryption": kms(), "key_document": "no JSON"}, "fail", "not JSON"),
        ({"encryption": kms(), "key_document": key_policy(action=["kms:GenerateDataKey*", "kms:Decrypt"])}, "warn", "kms:Encrypt"),
        ({"encryption": kms(), "key_document": key_policy(StringEquals={"kms:CallerAccount": ACCOUNT})}, "unknown", "kms:CallerAccount"),
    ],
)  # fmt: skip
def test_an_encryption_that_is_not(answers, status, said):
    checks = judge(**answers)
    assert statuses(checks) == {"bucket-key": status}, "nothing else is blamed"
    assert said in checks["bucket-key"].evidence + checks["bucket-key"].cause


@pytest.mark.parametrize(
    ("listed", "created", "status", "said"),
    [
        (listing(12), None, None, "12 min old"),
        (listing(30), None, None, "30 min old"),
        (listing(31), None, "warn", "31 min old"),
        (listing(119), None, "warn", "119 min old"),
        (listing(120), None, "fail", "2 h old"),
        (listing(60 * 30), None, "fail", "30 h old"),
        (listing(None), None, "fail", "no object of today and yesterday"),
        (listing(None), 14, "unknown", "the flow log is 14 min old"),
        (listing(None), 16, "warn", "no object"),
        (listing(None), 120, "fail", "no object"),
        (listing(-3), None, None, "0 min old"),  # clocks differ
        (listing(12, complete=False), None, None, "12 min old"),
        (listing(120, complete=False), None, "unknown", "the list was cut"),
        (listing(None, complete=False), None, "unknown", "the list was cut"),
        (listing(12, "fl-0fedcba9876543210"), None, "unknown", "another flow log's"),
    ],
)
def test_the_age_of_the_newest_object(listed, created, status, said):
    made = NOW - timedelta(minutes=created) if created else None
    flow_log = {"CreationTime": made.isoformat()} if made else {}
    checks = judge(flow_log, listed=listed)
    assert statuses(checks).get("newest-object") == status
    assert said in checks["newest-object"].evidence
    assert set(statuses(checks)) <= {"newest-object"}


@pytest.mark.parametrize(("minutes", "status"), [(12, "ok"), (60, "warn"), (None, "fail")])
def test_of_several_flow_logs_in_one_folder_each_has_its_own_newest_object(minutes, status):
    others, mine = listing(1, "fl-0fedcba9876543210"), listing(minutes)
    each = [{"flow_log": "fl-0fedcba9876543210", **others}]
    each += [{"flow_log": FLOW_LOG["FlowLogId"], **mine}] if minutes else []
    checks = judge(listed={**others, "by_flow_log": each})
    assert checks["newest-object"].status == status


def test_a_time_that_is_none_is_not_stumbled_over():
    checks = judge({"CreationTime": None}, listed=listing(None))
    assert statuses(checks) == {"newest-object": "fail"}


@pytest.mark.parametrize("ask", ASKS)
def test_what_may_not_be_read_is_unknown(ask):
    checks = judge(refused=[ask], encryption=kms())
    assert statuses(checks) == dict.fromkeys(ASKS[ask], "unknown")
    for name in ASKS[ask]:
        assert ask in checks[name].cause and ask in checks[name].remedy


def test_a_key_policy_that_was_read_is_judged_without_the_key():
    answers = {"encryption": kms(), "key_document": {"Statement": []}}
    assert statuses(judge(refused=["kms:DescribeKey"], **answers)) == {"bucket-key": "fail"}


def test_flow_logs_to_elsewhere_are_left_alone():
    assert judge({"LogDestinationType": "cloud-watch-logs"}) == {}
    assert judge(refused=["ec2:DescribeFlowLogs"]) == {}
