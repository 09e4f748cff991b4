"""The Firehose stream of a flow log: right, broken, not to be seen."""

from datetime import UTC, datetime

import pytest

from flowlab.setup.delivery_streams import judge_streams
from flowlab.setup.inventory import Answer, Refusal, scope_of

STREAM = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/flow-logs"
FLOW_LOG = {
    "FlowLogId": "fl-0123456789abcdef0",
    "LogDestinationType": "kinesis-data-firehose",
    "LogDestination": STREAM,
}


def judge(value=None, refusal=None, flow_log=FLOW_LOG):
    found = [
        Answer("ec2:DescribeFlowLogs", "", [flow_log]),
        Answer("firehose:DescribeDeliveryStream", STREAM, value, refusal),
    ]
    scope = scope_of("123456789012", "eu-west-1", found)
    checks = list(judge_streams(scope, datetime(2026, 5, 1, tzinfo=UTC)))
    for check in checks:
        assert (check.resource, check.flow_log) == (STREAM, FLOW_LOG["FlowLogId"])
        assert check.link == "destination"
        assert check.evidence and bool(check.cause) == bool(check.remedy) == (check.status != "ok")
    return {check.check: (check.status, check.evidence) for check in checks}


def stream(state="ACTIVE", source="DirectPut", **more):
    # The names are those of botocore's model of Firehose, DeliveryStreamDescription.
    return {
        "DeliveryStreamARN": STREAM,
        "DeliveryStreamStatus": state,
        "DeliveryStreamType": source,
        **more,
    }


def test_a_stream_that_takes_records():
    checks = judge(stream())
    assert {name: status for name, (status, _) in checks.items()} == {
        "stream-exists": "ok",
        "stream-active": "ok",
    }


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        (stream("CREATING"), "warn", "CREATING"),
        (stream("DELETING"), "fail", "DELETING"),
        (stream("CREATING_FAILED", FailureDescription={"Type": "CREATE_KMS_GRANT_FAILED", "Details": "x"}), "fail", "CREATE_KMS_GRANT_FAILED"),
        (stream(source="KinesisStreamAsSource"), "fail", "KinesisStreamAsSource"),
        (stream(source="MSKAsSource"), "fail", "MSKAsSource"),
        ({}, "fail", "unknown"),
    ],
)  # fmt: skip
def test_a_stream_that_does_not(value, status, said):
    checks = judge(value)
    assert checks["stream-exists"][0] == "ok"
    assert checks["stream-active"][0] == status and said in checks["stream-active"][1]


def test_a_stream_that_is_gone_is_told_once():
    checks = judge(None)
    assert list(checks) == ["stream-exists"] and checks["stream-exists"][0] == "fail"


def test_a_stream_that_may_not_be_read():
    checks = judge(refusal=Refusal("denied", "AccessDenied"))
    assert {status for status, _ in checks.values()} == {"unknown"} and len(checks) == 2


def test_flow_logs_to_elsewhere_are_left_alone():
    assert judge(stream(), flow_log={**FLOW_LOG, "LogDestinationType": "s3"}) == {}
