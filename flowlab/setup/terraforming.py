"""A plan as text for Terraform: what it creates; what it changes stands in comments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowlab.setup import documents
from flowlab.setup.templates import (
    beside,
    creates_of,
    folder_of,
    nothing_for,
    one_line,
    path_of,
    policy_name,
    split,
)

if TYPE_CHECKING:
    from flowlab.setup.planning import Plan


def terraform(plan: Plan) -> str:
    """Write what a plan creates for Terraform's AWS provider; see `Plan`."""
    made, rest = split(plan)
    wish, creates = plan.wish, creates_of(made)
    where = (plan.account_id, plan.region)
    lines = [
        f"# {one_line(plan.title)}",
        "# Written by flowlab. Its syntax is checked; it was not run through terraform: look at",
        "# `terraform plan` first. Wants the AWS provider, version 5 or newer.",
    ]
    if rest:
        lines += ["#", "# Not in here, because it concerns what exists already:"]
        lines += [f"# {line}" for step in rest for line in beside(plan, step).splitlines()]
    blocks: list[str] = []
    flow: dict[str, Any] = {}
    depends = ""
    if "CreateLogGroup" in creates:
        blocks.append(_block("aws_cloudwatch_log_group", "flow", {
            "name": wish.destination.name, "retention_in_days": wish.retention_days or 0,
        }))  # fmt: skip
    if role := creates.get("CreateRole"):
        group, partition = wish.destination.name, plan.partition
        trust = documents.delivery_trust_policy(*where, partition)
        deliver = documents.delivery_role_policy(*where, group, partition)
        blocks.append(_block("aws_iam_role", "flow", {
            "name": role["RoleName"], "path": role.get("Path", "/"),
            "assume_role_policy": _Code(f"jsonencode({_hcl(trust)})"),
        }))  # fmt: skip
        blocks.append(_block("aws_iam_role_policy", "flow", {
            "name": policy_name(made), "role": _Code("aws_iam_role.flow.id"),
            "policy": _Code(f"jsonencode({_hcl(deliver)})"),
        }))  # fmt: skip
        depends = "aws_iam_role_policy.flow"
    if "CreateBucket" in creates:
        blocks += _tf_bucket(plan)
        depends = "aws_s3_bucket_policy.flow"
    if ids := creates.get("CreateFlowLogs", {}).get("ResourceIds"):
        argument = {"VPC": "vpc_id", "Subnet": "subnet_id"}.get(wish.resource_type, "eni_id")
        flow = {
            "for_each": _Code(f"toset({_hcl(ids)})"), argument: _Code("each.value"),
            "traffic_type": wish.traffic, "max_aggregation_interval": wish.interval,
            "log_format": wish.log_format, **_tf_destination(plan, creates),
        }  # fmt: skip
        flow |= {"tags": {"Name": wish.name}} if wish.name else {}
        flow |= {"depends_on": _Code(f"[{depends}]")} if depends else {}
        blocks.append(_block("aws_flow_log", "flow", flow))
    if not blocks:
        raise nothing_for("Terraform")
    return "\n".join(lines) + "\n\n" + "\n\n".join(blocks) + "\n"


def _tf_destination(plan: Plan, creates: Mapping[str, Any]) -> dict[str, Any]:
    wish = plan.wish
    if wish.destination.place == "cloudwatch":
        group = f"arn:{plan.partition}:logs:{plan.region}:{plan.account_id}:log-group:"
        return {
            "log_destination_type": "cloud-watch-logs",
            "log_destination": _Code("aws_cloudwatch_log_group.flow.arn")
            if "CreateLogGroup" in creates else group + wish.destination.name,
            "iam_role_arn": _Code("aws_iam_role.flow.arn")
            if "CreateRole" in creates else plan.delivery_role,
        }  # fmt: skip
    if wish.destination.place == "firehose":
        return {
            "log_destination_type": "kinesis-data-firehose",
            "log_destination": wish.destination.name,
        }
    options = wish.file_options
    return {
        "log_destination_type": "s3",
        "log_destination": f"arn:{plan.partition}:s3:::{path_of(plan)}",
        "destination_options": _Block({
            "file_format": options["FileFormat"],
            "hive_compatible_partitions": options["HiveCompatiblePartitions"],
            "per_hour_partition": options["PerHourPartition"],
        }),
    }  # fmt: skip


def _tf_bucket(plan: Plan) -> list[str]:
    wish = plan.wish
    bucket = {"bucket": _Code("aws_s3_bucket.flow.id")}
    blocks = ("block_public_acls", "block_public_policy", "ignore_public_acls",
              "restrict_public_buckets")  # fmt: skip
    statements = documents.bucket_statements(
        plan.account_id, plan.region, wish.destination.name, wish.destination.prefix, wish.hive,
        plan.partition, acl=False,
    )  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    made = [
        _block("aws_s3_bucket", "flow", {"bucket": wish.destination.name}),
        _block("aws_s3_bucket_public_access_block", "flow", bucket | dict.fromkeys(blocks, True)),
        _block("aws_s3_bucket_ownership_controls", "flow", bucket | {
            "rule": _Block({"object_ownership": "BucketOwnerEnforced"}),
        }),
        _block("aws_s3_bucket_policy", "flow", bucket | {
            "policy": _Code(f"jsonencode({_hcl(policy)})"),
        }),
    ]  # fmt: skip
    if wish.retention_days:
        rule = {"id": "flowlab-expire", "status": "Enabled",
                "filter": _Block({"prefix": folder_of(plan)}),
                "expiration": _Block({"days": wish.retention_days})}  # fmt: skip
        made.append(_block(
            "aws_s3_bucket_lifecycle_configuration", "flow", bucket | {"rule": _Block(rule)}
        ))  # fmt: skip
    return made


class _Code(str):
    """An expression of HCL, to be written as it is."""

    __slots__ = ()


class _Block(dict[str, Any]):
    """A block inside of another: written without an equals sign."""


def _block(kind: str, name: str, content: Mapping[str, Any]) -> str:
    return f'resource "{kind}" "{name}" {{\n{_body(content, 1)}\n}}'


def _body(content: Mapping[str, Any], depth: int) -> str:
    pad, lines = "  " * depth, []
    for name, value in content.items():
        if isinstance(value, _Block):
            lines.append(f"{pad}{name} {{\n{_body(value, depth + 1)}\n{pad}}}")
        else:
            text = value if isinstance(value, _Code) else _hcl(value)
            lines.append(f"{pad}{name} = " + text.replace("\n", f"\n{pad}"))
    return "\n".join(lines)


def _hcl(value: Any) -> str:
    # HCL reads JSON's lists, objects and text, but takes ${ and %{ for templates of its own.
    return re.sub(r"([$%])\{", r"\1\1{", json.dumps(value, indent=2))
