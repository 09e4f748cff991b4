"""Plans as text for other tools: read back by what those tools read with."""

from __future__ import annotations

import json
import shlex

import hcl2
import pytest
from botocore import xform_name
from botocore.session import Session
from cfnlint.api import lint_all
from setup.planned import (
    ACCOUNT,
    BUCKET,
    DEFAULT,
    GROUP,
    REGION,
    ROLE,
    STREAM,
    VPC,
    flow_log,
    group,
    plan,
    role,
)

from flowlab.errors import FlowlabError
from flowlab.practice.endpoint import client

NO_BUCKET = {("s3:GetBucketLocation", "acme-logs"): None}
THEIRS = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
     "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-logs/*"}]}  # fmt: skip
ENIS = ["eni-0000000000000000a", "eni-0000000000000000b"]

PLANS = {
    "from nothing": plan,
    "named, for ever": lambda: plan(name='it\'s "mine" ${x}', retention_days=None),
    "group and role there": lambda: plan(answers=group() | role(), fields="everything"),
    "replacing": lambda: plan(
        flow_log(TrafficType="REJECT"), answers=group(7) | role(), retention_days=90
    ),
    "two": lambda: plan(
        resource=ENIS, interval=600, traffic="REJECT",
        answers={("ec2:DescribeNetworkInterfaces", ""): [{"NetworkInterfaceId": e} for e in ENIS]},
    ),
    "new bucket": lambda: plan(
        answers=NO_BUCKET, to="s3://acme-logs/a/b", parquet=True, hive=True, hourly=True
    ),
    "bucket there": lambda: plan(
        answers=BUCKET | {("s3:GetBucketPolicy", "acme-logs"): THEIRS}, to="s3://acme-logs"
    ),
    "firehose": lambda: plan(to=STREAM),
}  # fmt: skip


@pytest.fixture(params=PLANS, ids=str)
def made(request):
    return PLANS[request.param]()


def lint(template):
    """Errors and warnings, as the command reports them; lint_all adds hints (I...) to these."""
    return [str(found) for found in lint_all(template) if found.rule.id[0] in "EW"]


@pytest.mark.filterwarnings("default")  # of cfn-lint's own parts
def test_cloudformation_is_clean_by_cfn_lint(made):
    assert lint(made.cloudformation()) == []


@pytest.mark.filterwarnings("default")
def test_cfn_lint_would_have_told():
    wrong = plan().cloudformation().replace('"TrafficType": "ALL"', '"TrafficType": "SOME"')
    assert lint(wrong)


def resources(made, kind):
    found = json.loads(made.cloudformation())["Resources"].values()
    return [r["Properties"] for r in found if r["Type"] == kind]


def test_cloudformation_writes_arns_that_work_at_aws():
    """Fn::GetAtt Arn of a log group ends in :* at AWS and nowhere else."""
    (made,) = resources(plan(), "AWS::IAM::Role")
    (policy,) = made["Policies"]
    rows = [s["Resource"]["Fn::Sub"] for s in policy["PolicyDocument"]["Statement"]]
    mine = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/vpc/flow:*"
    assert mine in rows
    (flow,) = resources(plan(), "AWS::EC2::FlowLog")
    assert flow["LogFormat"] == DEFAULT  # no Fn::Sub there: ${version} is no variable
    assert flow["DeliverLogsPermissionArn"] == {"Fn::GetAtt": ["Role", "Arn"]}


def test_cloudformation_never_owns_what_is_there():
    made = PLANS["bucket there"]()
    template = json.loads(made.cloudformation())
    assert {r["Type"] for r in template["Resources"].values()} == {"AWS::EC2::FlowLog"}
    (beside,) = template["Metadata"]["NotInThisTemplate"]
    command = shlex.split(beside.splitlines()[-1])
    merged = json.loads(command[command.index("--policy") + 1])["Statement"]
    assert [s["Sid"] for s in merged] == ["Theirs", "AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"]


def test_what_is_to_go_stands_beside():
    made = PLANS["replacing"]()
    beside = json.loads(made.cloudformation())["Metadata"]["NotInThisTemplate"]
    assert [b.split(" (")[0] for b in beside] == [
        "change retention", "delete flow log, after records of the new one have arrived"
    ]  # fmt: skip
    (flow,) = resources(made, "AWS::EC2::FlowLog")
    assert (flow["LogGroupName"], flow["DeliverLogsPermissionArn"]) == (GROUP, ROLE)


def test_terraform_parses_and_says_what_is_wished(made):
    text = made.terraform()
    assert "was not run through terraform" in text
    blocks = hcl2.loads(text)["resource"]
    (flow,) = [b['"aws_flow_log"']['"flow"'] for b in blocks if '"aws_flow_log"' in b]
    wish = made.wish
    assert flow["traffic_type"] == f'"{wish.traffic}"'
    assert int(flow["max_aggregation_interval"]) == wish.interval
    assert flow["log_format"].replace("$${", "${") == f'"{wish.log_format}"'
    assert "${" not in flow["log_format"].replace("$${", "")  # that would be a template of HCL's


def test_terraform_of_a_wish_from_nothing():
    blocks = hcl2.loads(plan(retention_days=30).terraform())["resource"]
    kinds = [next(iter(block)) for block in blocks]
    assert kinds == [
        '"aws_cloudwatch_log_group"', '"aws_iam_role"', '"aws_iam_role_policy"', '"aws_flow_log"'
    ]  # fmt: skip
    assert int(blocks[0][kinds[0]]['"flow"']["retention_in_days"]) == 30
    assert "aws_s3_bucket_policy" not in PLANS["bucket there"]().terraform()


def commands(text):
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("aws ")]


SESSION = Session()


def test_every_command_has_options_that_its_operation_has(made):
    found = commands(made.cli())
    assert len(found) == sum(step.call is not None for step in made.todo)
    for words in found:
        service = SESSION.get_service_model({"s3api": "s3"}.get(words[1], words[1]))
        operations = {xform_name(name, "-"): name for name in service.operation_names}
        shape = service.operation_model(operations[words[2]]).input_shape
        options = {"--" + xform_name(name, "-"): name for name in shape.members}
        given = [word for word in words[3:] if word.startswith("--")]
        assert set(given) - set(options) == {"--region"}
        assert {options[o] for o in given if o in options} >= set(shape.required_members)


def test_values_survive_the_shell():
    (words,) = [w for w in commands(PLANS["named, for ever"]().cli()) if w[2] == "create-flow-logs"]
    assert words[words.index("--log-format") + 1] == DEFAULT
    tags = json.loads(words[words.index("--tag-specifications") + 1])
    assert tags[0]["Tags"] == [{"Key": "Name", "Value": 'it\'s "mine" ${x}'}]
    (words,) = [w for w in commands(PLANS["two"]().cli()) if w[2] == "create-flow-logs"]
    assert words[words.index("--resource-ids") + 1 :][:2] == ENIS


def test_what_must_wait_is_commented_out():
    lines = PLANS["replacing"]().cli().splitlines()
    (delete,) = [line for line in lines if "delete-flow-logs" in line]
    assert delete.startswith("# aws ec2 delete-flow-logs")


def test_nothing_to_create_is_said():
    made = plan(flow_log(), answers=role() | group())
    for write in (made.cloudformation, made.terraform):
        with pytest.raises(FlowlabError, match="creates nothing"):
            write()
    assert commands(made.cli()) == []


def test_cloudformation_deploys(monkeypatch):
    """Under moto, as far as that goes: log group, role and flow log are made as planned."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        vpc = client("ec2", url, REGION).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        template = plan().cloudformation().replace(VPC, vpc)
        client("cloudformation", url, REGION).create_stack(
            StackName="flow", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        # All servers of a process share one account: others' tests may have left flow logs there.
        ours = [{"Name": "resource-id", "Values": [vpc]}]
        (flow,) = client("ec2", url, REGION).describe_flow_logs(Filters=ours)["FlowLogs"]
        assert (flow["ResourceId"], flow["LogGroupName"]) == (vpc, GROUP)
        assert flow["DeliverLogsStatus"] == "SUCCESS"
        name = flow["DeliverLogsPermissionArn"].rpartition("/")[2]
        trust = client("iam", url, REGION).get_role(RoleName=name)["Role"]
        (row,) = trust["AssumeRolePolicyDocument"]["Statement"]
        source = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"
        assert row["Condition"]["ArnLike"] == {"aws:SourceArn": source}
    finally:
        server.stop()
