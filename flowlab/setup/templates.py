"""A plan as text for other tools: a CloudFormation template, commands of the AWS CLI.

CloudFormation (and Terraform, in `terraforming`) own what they describe. So they are told only
of what is to be created; what exists is named, what would change or go stands beside, as commands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.setup import documents

if TYPE_CHECKING:
    from flowlab.setup.planning import Plan
    from flowlab.setup.steps import Step

_KEEP = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def cloudformation(plan: Plan) -> str:
    """Write what a plan creates as a CloudFormation template, in JSON; see `Plan`."""
    made, rest = split(plan)
    wish, creates = plan.wish, creates_of(made)
    account, region, partition = "${AWS::AccountId}", "${AWS::Region}", "${AWS::Partition}"
    resources: dict[str, Any] = {}
    settings: dict[str, Any] = {
        "TrafficType": wish.traffic, "MaxAggregationInterval": wish.interval,
        "LogFormat": wish.log_format,
    }  # fmt: skip
    needs: dict[str, Any] = {}
    if "CreateLogGroup" in creates:
        keep = {"RetentionInDays": wish.retention_days} if wish.retention_days else {}
        named = {"LogGroupName": wish.destination.name}
        resources["Group"] = {"Type": "AWS::Logs::LogGroup", **_KEEP, "Properties": named | keep}
    if role := creates.get("CreateRole"):
        group = wish.destination.name
        deliver = documents.delivery_role_policy(account, region, group, partition)
        trust = documents.delivery_trust_policy(account, region, partition)
        resources["Role"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                **{
                    name: role[name] for name in ("RoleName", "Path", "Description") if name in role
                },
                "AssumeRolePolicyDocument": _sub(trust),
                "Policies": [{"PolicyName": policy_name(made), "PolicyDocument": _sub(deliver)}],
            },
        }
    if "CreateBucket" in creates:
        bucket, prefix = wish.destination.name, wish.destination.prefix
        resources["Bucket"] = {
            "Type": "AWS::S3::Bucket", **_KEEP, "Properties": _bucket_properties(plan)
        }  # fmt: skip
        statements = documents.bucket_statements(
            account, region, bucket, prefix, wish.hive, partition, acl=False
        )
        policy = {"Version": "2012-10-17", "Statement": _sub(statements)}
        resources["BucketPolicy"] = {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy},
        }
        needs = {"DependsOn": "BucketPolicy"}
    settings |= _cfn_destination(plan, resources)
    if wish.name:
        settings["Tags"] = [{"Key": "Name", "Value": wish.name}]
    for one in creates.get("CreateFlowLogs", {}).get("ResourceIds", []):
        logical = "FlowLog" + one.replace("-", "")
        mine = {"ResourceId": one, "ResourceType": wish.resource_type} | settings
        resources[logical] = {"Type": "AWS::EC2::FlowLog", **needs, "Properties": mine}
    if not resources:
        raise nothing_for("CloudFormation")
    template: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"VPC flow log to {wish.destination}, for account {plan.account_id} "
        f"in {plan.region}",
        "Resources": resources,
    }
    if rest:
        template["Metadata"] = {"NotInThisTemplate": [beside(plan, step) for step in rest]}
    return json.dumps(template, indent=2) + "\n"


def policy_name(made: Sequence[Step]) -> str:
    """Name of the inline policy that a plan writes."""
    return str(creates_of(made)["PutRolePolicy"]["PolicyName"])


def _cfn_destination(plan: Plan, resources: Mapping[str, Any]) -> dict[str, Any]:
    wish = plan.wish
    if wish.destination.place == "cloudwatch":
        group = {"Ref": "Group"} if "Group" in resources else wish.destination.name
        role = {"Fn::GetAtt": ["Role", "Arn"]} if "Role" in resources else plan.delivery_role
        return {
            "LogDestinationType": "cloud-watch-logs", "LogGroupName": group,
            "DeliverLogsPermissionArn": role,
        }  # fmt: skip
    if wish.destination.place == "firehose":
        return {
            "LogDestinationType": "kinesis-data-firehose",
            "LogDestination": wish.destination.name,
        }
    return {
        "LogDestinationType": "s3",
        "LogDestination": {"Fn::Sub": "arn:${AWS::Partition}:s3:::" + path_of(plan)},
        "DestinationOptions": wish.file_options,
    }


def _bucket_properties(plan: Plan) -> dict[str, Any]:
    wish = plan.wish
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    properties: dict[str, Any] = {
        "BucketName": wish.destination.name,
        "PublicAccessBlockConfiguration": dict.fromkeys(blocks, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    }
    if wish.retention_days:
        rule = {"Id": "flowlab-expire", "Status": "Enabled", "Prefix": folder_of(plan),
                "ExpirationInDays": wish.retention_days}  # fmt: skip
        properties["LifecycleConfiguration"] = {"Rules": [rule]}
    return properties


def _sub(value: Any) -> Any:
    """Let CloudFormation put account, region and partition in, wherever they stand."""
    if isinstance(value, Mapping):
        return {name: _sub(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sub(inner) for inner in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${AWS::" in value else value


def cli(plan: Plan) -> str:
    """Write a plan as commands of the AWS CLI; see `Plan`."""
    lines = [
        f"# {one_line(plan.title)}",
        "# Written by flowlab, for a POSIX shell; one command at a time, looking at each answer.",
    ]
    for n, step in enumerate(plan.todo, 1):
        lines += ["", f"# {n}. {step.action} {step.what}: {one_line(step.why)}"]
        if step.call is None:
            continue
        command = plan.command(step.call)
        if step.call.operation == "CreateFlowLogs":
            lines.append("# Also look at Unsuccessful in the answer: AWS says there what failed. A")
            lines.append("# new role takes some seconds until AWS can assume it: then try again.")
        if step.action in ("delete", "verify"):
            lines.append("# Only when that is so; without the # in front:")
            command = f"# {command}"
        lines.append(command)
    return "\n".join(lines) + "\n"


def split(plan: Plan) -> tuple[list[Step], list[Step]]:
    """Part the steps into what a template can create, and what is to be done beside it."""
    calls = [step for step in plan.todo if step.call and step.action != "verify"]
    made = [step for step in calls if step.action == "create"]
    return made, [step for step in calls if step.action != "create"]


def creates_of(made: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
    """Give the parameters of what is created, by operation."""
    return {step.call.operation: step.call.parameters for step in made if step.call}


def beside(plan: Plan, step: Step) -> str:
    """Write a step that no template can do: why, and the command."""
    when = ", after records of the new one have arrived" if step.action == "delete" else ""
    command = plan.command(step.call) if step.call else ""
    return f"{step.action} {step.what}{when} ({one_line(step.why)}):\n{command}"


def one_line(text: str) -> str:
    """Write text in one line: a comment must not end where a name has a line break."""
    return " ".join(text.split())


def path_of(plan: Plan) -> str:
    """Give bucket and prefix, as in the ARN of a destination."""
    place = plan.wish.destination
    return f"{place.name}/{place.prefix}".rstrip("/")


def folder_of(plan: Plan) -> str:
    """Give the folder that AWS makes below the prefix."""
    prefix = plan.wish.destination.prefix
    return f"{prefix}/AWSLogs/" if prefix else "AWSLogs/"


def nothing_for(tool: str) -> FlowlabError:
    """Build the error of a plan that creates nothing."""
    return FlowlabError(
        f"this plan creates nothing, so there is nothing for {tool} to make.",
        "all is there already, or only what exists has to change.",
        "plan.cli() gives the commands, if there is anything to change.",
    )
