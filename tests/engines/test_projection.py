"""Plans of Athena tables as text: read back by a parser of Athena's dialect, by cfn-lint, by hand."""

from __future__ import annotations

import json
import re

import pytest
import sqlglot
from cfnlint.api import lint_all
from sqlglot import exp

from flowlab.engines.projection import athena_setup
from flowlab.engines.projection_layout import day_value
from flowlab.errors import FlowlabError, UnknownNameError

# "Create and query a table for Amazon VPC flow logs using partition projection", Athena User Guide.
AWS_TABLE = """version int, account_id string, interface_id string, srcaddr string, dstaddr string,
srcport int, dstport int, protocol bigint, packets bigint, bytes bigint, start bigint, end bigint,
action string, log_status string, vpc_id string, subnet_id string, instance_id string,
tcp_flags int, type string, pkt_srcaddr string, pkt_dstaddr string, az_id string,
sublocation_type string, sublocation_id string, pkt_src_aws_service string,
pkt_dst_aws_service string, flow_direction string, traffic_path int"""
COLUMNS = [tuple(column.split()) for column in AWS_TABLE.replace("\n", " ").split(", ")]
KEYS = ["aws_account_id", "aws_region", "day"]


def plan(source="s3://acme-logs/vpc", **options):
    return athena_setup(
        source,
        **{
            "fields": "version account-id srcaddr end region",
            "accounts": "111122223333", "regions": "eu-west-1", "since": "2026-11-01",
        } | options,
    )  # fmt: skip


LAYOUTS = [
    {"parquet": parquet, "hive": hive, "hourly": hourly}
    for parquet in (False, True)
    for hive in (False, True)
    for hourly in (False, True)
]


def checked(ddl):
    """Read a statement with sqlglot, and refuse what it lets through though Athena does not."""
    table = sqlglot.parse_one(ddl, read="athena")
    assert isinstance(table, exp.Create)  # a misspelled clause makes it a Command, or nothing
    assert "PARTITIONED BY (" in ddl
    names = [i for i in table.find_all(exp.Identifier)]
    assert names
    assert all(name.args["quoted"] for name in names)
    told = {
        p.name: p.args["value"]
        for p in table.args["properties"].expressions
        if type(p) is exp.Property
    }
    assert all(value.is_string for value in told.values())
    (keys,) = table.find_all(exp.PartitionedByProperty)
    (location,) = table.find_all(exp.LocationProperty)
    kinds = {exp.DType.TEXT: "string", exp.DType.INT: "int", exp.DType.BIGINT: "bigint"}
    columns = [(c.name, kinds[c.kind.this]) for c in table.this.expressions]
    partitions = [(c.name, kinds[c.kind.this]) for c in keys.this.expressions]
    told = {name: value.name for name, value in told.items()}
    template = told["storage.location.template"]
    assert template.startswith(location.this.name)
    assert location.this.name.endswith("/") and template.endswith("/")
    assert not {c for c, _ in columns} & {c for c, _ in partitions}
    for key, _ in partitions:
        assert f"projection.{key}.type" in told
        assert f"${{{key}}}" in template
    assert set(re.findall(r"\$\{(\w+)\}", template)) == {key for key, _ in partitions}
    return columns, partitions, told


@pytest.mark.parametrize("options", LAYOUTS, ids=lambda o: "-".join(k for k in o if o[k]) or "text")
def test_every_layout_is_a_table_for_athena(options):
    columns, partitions, told = checked(plan(**options).ddl)
    assert columns == [
        ("version", "int"), ("account_id", "string"), ("srcaddr", "string"), ("end", "bigint"),
        ("region", "string"),
    ]  # fmt: skip
    keys = [*KEYS, "hour"] if options["hourly"] else KEYS
    assert partitions == [(key, "string") for key in keys]
    assert ("skip.header.line.count" in told) == (not options["parquet"])
    assert told["projection.enabled"] == "true"


# AWS's own layouts, "Flow log files" in the VPC user guide.
@pytest.mark.parametrize(
    ("hive", "hourly", "folder"),
    [
        (False, False, "${aws_account_id}/vpcflowlogs/${aws_region}/${day}/"),
        (False, True, "${aws_account_id}/vpcflowlogs/${aws_region}/${day}/${hour}/"),
        (True, False, "aws-account-id=${aws_account_id}/aws-service=vpcflowlogs/aws-region=${aws_region}/${day}/"),
        (True, True, "aws-account-id=${aws_account_id}/aws-service=vpcflowlogs/aws-region=${aws_region}/${day}/hour=${hour}/"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("source", "above"),
    [
        ("s3://acme-logs", ""), ("s3://acme-logs/a/b/", "a/b/"), ("s3://acme-logs/AWSLogs/", ""),
        ("arn:aws:s3:::acme-logs/a", "a/"), ("s3://acme-logs/a/AWSLogs", "a/"),
    ],
)  # fmt: skip
def test_folders_are_those_of_aws(source, above, hive, hourly, folder):
    told = checked(plan(source, hive=hive, hourly=hourly).ddl)[2]
    assert told["storage.location.template"] == f"s3://acme-logs/{above}AWSLogs/{folder}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("`end`", "end"), ("PARTITIONED BY", "PARTITION BY"), ("LOCATION", "LOCATON"),
        ("= 'true'", "= true"), ("`aws_region` string, ", ""), ("`region` string", "`day` string"),
        ("${aws_region}/", ""), ("LOCATION 's3://acme-logs/vpc/", "LOCATION 's3://acme-logs/vpn/"),
        ("'projection.day.type'", "'projection.dat.type'"),
    ],
)  # fmt: skip
def test_the_checks_would_have_told(right, wrong):
    ddl = plan().ddl
    assert right in ddl
    with pytest.raises((AssertionError, ValueError)):
        checked(ddl.replace(right, wrong, 1))


def test_columns_and_types_are_those_of_aws_own_table():
    made = plan(fields=[name.replace("_", "-") for name, _ in COLUMNS])
    assert checked(made.ddl)[0] == COLUMNS


def test_partitions_never_need_work():
    told = " ".join(plan(hive=True).ddl.upper().split())
    for word in ("MSCK", "ADD PARTITION", "CRAWL", "IF NOT EXISTS"):
        assert word not in told


def test_several_accounts_and_regions():
    told = checked(
        plan(accounts=["222233334444", "111122223333"], regions=("us-east-1", "eu-west-1")).ddl
    )[2]
    assert told["projection.aws_account_id.type"] == "enum"
    assert told["projection.aws_account_id.values"] == "111122223333,222233334444"
    assert told["projection.aws_region.values"] == "eu-west-1,us-east-1"


def test_any_account_has_to_be_named_by_queries():
    made = plan(accounts="any")
    told = checked(made.ddl)[2]
    assert told["projection.aws_account_id.type"] == "injected"
    assert "projection.aws_account_id.values" not in told
    meaning = made.explain.set_index("part").loc["projection.aws_account_id.type", "meaning"]
    assert "every query must say which" in meaning
    assert "any account, 1 region" in repr(made)


def test_days_begin_where_it_is_said_in_utc():
    assert "'projection.day.format' = 'yyyy/MM/dd'" in plan().ddl  # as AWS has it
    assert "'2026/11/01,NOW'" in plan().ddl
    assert "'year=2026/month=11/day=01,NOW'" in plan(hive=True).ddl
    assert "'2026/10/31,NOW'" in plan(since="2026-11-01T01:00+02:00").ddl


def test_a_day_in_a_format_of_others_is_refused():
    from datetime import date

    with pytest.raises(FlowlabError, match="days in that format cannot be written"):
        day_value(date(2026, 11, 1), "dd-MM-yyyy")


def lint(text):
    return [str(found) for found in lint_all(text) if found.rule.id[0] in "EW"]


@pytest.mark.filterwarnings("default")  # of cfn-lint's own parts
@pytest.mark.parametrize("options", [LAYOUTS[0], LAYOUTS[-1]])
def test_cloudformation_is_clean_and_says_the_same(options):
    made = plan(**options)
    assert lint(made.cloudformation()) == []
    text = json.loads(made.cloudformation())["Resources"]["Table"]["Properties"]["TableInput"]
    columns, partitions, told = checked(made.ddl)
    stored = text["StorageDescriptor"]
    assert [(c["Name"], c["Type"]) for c in stored["Columns"]] == columns
    assert [(c["Name"], c["Type"]) for c in text["PartitionKeys"]] == partitions
    assert text["Parameters"] == {"EXTERNAL": "TRUE"} | told
    kind = "ParquetHiveSerDe" if options["parquet"] else "LazySimpleSerDe"
    assert stored["SerdeInfo"]["SerializationLibrary"].endswith(kind)
    if options["parquet"]:
        assert stored["InputFormat"] in made.ddl and stored["OutputFormat"] in made.ddl
    else:
        assert stored["SerdeInfo"]["Parameters"]["field.delim"] == " "


@pytest.mark.filterwarnings("default")
def test_cfn_lint_would_have_told():
    assert lint(plan().cloudformation().replace('"TableInput"', '"TableInputs"'))


@pytest.mark.parametrize("options", LAYOUTS, ids=lambda o: "-".join(k for k in o if o[k]) or "text")
def test_every_property_is_explained(options):
    made = plan(**options)
    table = made.explain
    assert list(table.columns) == ["part", "value", "meaning"]
    assert (table["meaning"] != "").all()
    told = checked(made.ddl)[2]
    assert dict(zip(table["part"], table["value"], strict=True)) | told == dict(
        zip(table["part"], table["value"], strict=True)
    )
    words = " ".join(table["meaning"])
    for limit in ("UTC", "NOW is the moment of the query", "Spark", "no rows, no error"):
        assert limit in words


def test_it_shows_itself_and_nothing_in_it_works():
    made = plan("s3://acme-logs/<b>x</b>\u202e")
    shown = made._repr_html_()
    assert "<b>x" not in shown and "&lt;b&gt;x" in shown
    assert "\u202e" not in shown + repr(made)
    assert "CREATE EXTERNAL TABLE" in shown and "CREATE EXTERNAL TABLE" in repr(made)
    assert "nothing is done yet" in repr(made)
    assert "the bucket was not looked into" in repr(made)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": "VPC-Flows"}, r"table='VPC-Flows' is no name for Athena.*pass table='vpc_flows'"),
        ({"table": "2026_flows"}, r"pass table='t_2026_flows'"),
        ({"table": ""}, "is no name for Athena"),
        ({"database": "a" * 256}, "is no name for Athena"),
        ({"database": "a.b`; DROP"}, r"pass database='a_b_drop'"),
        ({"since": "yesteryear"}, "since='yesteryear' is no day"),
        ({"since": "2999-01-01"}, "still to come"),
        ({"accounts": 111122223333}, "accounts: 111122223333 cannot be one"),
        ({"accounts": ["1111"]}, "accounts: '1111' cannot be one"),
        ({"accounts": []}, "accounts: '' cannot be one"),
        ({"regions": "europe"}, "regions: 'europe' cannot be one"),
        ({"fields": "${version} ${day}"}, "a field day, which is the name of a partition key"),
        ({"fields": "version version"}, "stands twice: version"),
        ({"source": "s3://acme-logs/it's"}, "in it.*Athena would read something else"),
        ({"source": "s3://acme-logs/${day}"}, "Athena would read something else"),
        ({"source": "s3://acme-logs/vpc/AWSLogs/111122223333/"}, r"goes on below AWSLogs.*'s3://acme-logs/vpc'"),
        ({"source": "logs/today.gz"}, "neither a flow log nor a place in S3"),
        ({"source": "cloudwatch:///vpc/flow"}, "neither a flow log nor a place in S3"),
        ({"source": "fl-0123456789abcdef0"}, "fields= goes with s3://bucket/prefix alone"),
    ],
)  # fmt: skip
def test_wrong_input_says_what_to_do(options, said):
    options = dict(options)
    source = options.pop("source", "s3://acme-logs/vpc")
    with pytest.raises(FlowlabError) as caught:
        plan(source, **options)
    assert re.search(said, str(caught.value), re.S), str(caught.value)


def test_a_misspelled_field_is_not_taken_for_a_new_one():
    with pytest.raises(UnknownNameError, match=r"(?s)'scraddr' is not known.*did you mean srcaddr"):
        plan(fields="version scraddr")
    made = plan(fields="${version} ${quantum-state}")  # AWS's own text
    assert checked(made.ddl)[0] == [("version", "int"), ("quantum_state", "string")]
    assert "flowlab does not know the field quantum_state" in repr(made)
