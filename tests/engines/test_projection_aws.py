"""Planned from a bucket and from flow logs, created in Glue: boto3 against a server on loopback."""

from __future__ import annotations

import gzip
import io
import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aws.faults import denied, ec2err, jsonerr, script
from aws.fixtures import (  # noqa: F401 - pytest finds them here
    aws_credentials,
    aws_nowhere,
    aws_server,
    no_aws_credentials,
    no_sleep,
    secrets,
)

from flowlab.engines.projection import athena_setup
from flowlab.errors import FlowlabError, LineFormatError, SourceError, UnknownNameError
from flowlab.setup.inventory import Answer, Inventory, scope_of
from flowlab.setup.reporting import SetupReport
from flowlab.sources.aws import Access, AccessError
from flowlab.sources.s3 import S3

_numbers = itertools.count(1)
A, B = "111122223333", "222233334444"
V2 = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
]
ONE, TWO = "fl-0000000000000000a", "fl-0000000000000000b"


class Account:
    """An account that is everybody's here, with a bucket of one's own."""

    id = "123456789012"

    def __init__(self, **options):
        self.options = options
        self.access = Access(**options)
        self.bucket = f"acme-{next(_numbers)}"
        self.client("s3").create_bucket(Bucket=self.bucket)

    def client(self, service):
        return self.access.client(service)

    def put(self, day="2026/11/02", fields=V2, *, account=A, region="eu-west-1", flow_log=ONE,
            hive=False, hour="", parquet=False, prefix="vpc/", body=None):  # fmt: skip
        if parquet:
            columns = {f.replace("-", "_"): pa.array([1], pa.int32()) for f in fields}
            file = io.BytesIO()
            pq.write_table(pa.table(columns), file)
            data = file.getvalue()
        else:
            data = gzip.compress((" ".join(fields) + "\n" + "- " * len(fields) + "\n").encode())
        if hive:
            year, month, date = day.split("/")
            folder = (f"aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
                      f"year={year}/month={month}/day={date}/" + (f"hour={hour}/" if hour else ""))  # fmt: skip
        else:
            folder = f"{account}/vpcflowlogs/{region}/{day}/" + (f"{hour}/" if hour else "")
        stamp = day.replace("/", "") + f"T{hour or '00'}00Z"
        name = f"{account}_vpcflowlogs_{region}_{flow_log}_{stamp}_0123abcd.log."
        key = f"{prefix}AWSLogs/{folder}{name}{'parquet' if parquet else 'gz'}"
        self.client("s3").put_object(
            Bucket=self.bucket, Key=key, Body=data if body is None else body
        )

    def plan(self, source=None, **options):
        return athena_setup(source or f"s3://{self.bucket}/vpc", **self.options | options)

    def flow_log(self, fields=V2, **options):
        """A flow log into the bucket, as moto makes it; options that it drops are put in place."""
        from moto.ec2.models import ec2_backends

        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
        made = ec2.create_flow_logs(
            ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{self.bucket}",
            LogFormat=" ".join(f"${{{f}}}" for f in fields),
        )["FlowLogIds"][0]  # fmt: skip
        kept = ec2_backends[self.id]["us-east-1"].flow_logs[made]
        kept.log_destination = f"arn:aws:s3:::{self.bucket}/vpc"  # moto knows no prefix
        kept.creation_time = datetime(2026, 11, 3, 9, tzinfo=UTC)
        kept.destination_options = {
            "FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False
        } | options  # fmt: skip
        return made


@pytest.fixture
def account(aws_server):  # noqa: F811
    # Nobody's credentials, the same for all tests: so boto3's clients are made once.
    return Account(endpoint_url=aws_server)


@pytest.fixture
def planted(aws_server, aws_credentials):  # noqa: F811
    """With credentials that no message may show."""
    return Account(endpoint_url=aws_server, profile="planted")


# ------------------------------------------------------------------------------ of a bucket
@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("hive", [False, True])
@pytest.mark.parametrize("hour", ["", "07"])
def test_a_bucket_tells_everything(account, parquet, hive, hour):
    for day in ("2026/09/30", "2026/11/02", "2026/10/15"):
        account.put(day, hive=hive, hour=hour, parquet=parquet)
    account.put(account=B, region="us-east-1", hive=hive, hour=hour, parquet=parquet)
    made = account.plan()
    layout = made.layout
    assert (layout.parquet, layout.hive, layout.hourly) == (parquet, hive, bool(hour))
    assert [name for name, _ in layout.columns] == [f.replace("-", "_") for f in V2]
    assert layout.accounts == (A, B)
    assert layout.regions == ("eu-west-1", "us-east-1")
    assert str(layout.since) == "2026-09-30"
    assert made.notes == ()


def test_what_is_said_is_looked_for_no_further(account):
    for day in ("2026/09/30", "2026/11/02"):
        account.put(day)
        account.put(day, account=B)
    made = account.plan(accounts=B, since="2026-10-05")
    assert made.layout.accounts == (B,)
    assert str(made.layout.since) == "2026-10-05"
    with pytest.raises(SourceError, match="no folder of the accounts and regions asked for"):
        account.plan(regions="ap-south-1")


def test_text_of_two_formats_below_one_prefix_is_refused(account):
    other = [*V2[:4], "pkt-srcaddr", *V2[4:]]
    account.put(flow_log=ONE)
    account.put("2026/11/03", flow_log=ONE)
    account.put("2026/11/03", other, flow_log=TWO)
    with pytest.raises(LineFormatError) as caught:
        account.plan()
    said = str(caught.value)
    assert f"{ONE} and {TWO}" in said
    assert "column 5 is dstaddr in one and pkt_srcaddr in the other" in said
    assert "would shift" in said and "prefix of its own" in said
    assert account.plan(accounts=A, since="2026-11-02", regions="eu-west-1", fields=V2).layout


def test_an_old_format_is_seen_on_the_first_day_and_left_out_by_since(account):
    account.put("2026/10/01", V2[::-1], flow_log=TWO)
    account.put("2026/11/02")
    with pytest.raises(LineFormatError, match=TWO):
        account.plan()
    assert account.plan(since="2026-10-02").layout.fields[0] == "version"


def test_another_format_beside_does_not_matter_where_the_table_does_not_look(account):
    account.put()
    account.put(fields=V2[::-1], account=B, flow_log=TWO)
    assert account.plan(accounts=A).layout.fields[0] == "version"
    with pytest.raises(LineFormatError, match="column 1 is version in one and log_status"):
        account.plan()


def test_fields_that_the_files_do_not_have_are_refused(account):
    account.put()
    with pytest.raises(LineFormatError, match=f"the fields given and {ONE}"):
        account.plan(fields="version srcaddr")
    assert account.plan(fields=V2).layout.fields[1] == "account_id"


def test_parquet_of_two_formats_is_read_by_name(account):
    account.put(parquet=True)
    account.put(fields=["version", "dstaddr", "quantum-state"], parquet=True, flow_log=TWO)
    made = account.plan()
    assert made.layout.columns[-1] == ("quantum_state", "int")  # as the file has it
    assert len(made.layout.columns) == 15
    assert any("it is NULL" in note and TWO in note for note in made.notes)


def test_text_and_parquet_are_not_mixed(account):
    account.put()
    account.put(parquet=True, flow_log=TWO)
    with pytest.raises(LineFormatError, match="one is Parquet, the other text"):
        account.plan()


def test_folders_of_two_kinds_ask_which(account):
    account.put()
    account.put(hive=True, flow_log=TWO)
    with pytest.raises(FlowlabError, match="both plain folders and folders named for Hive"):
        account.plan()
    assert account.plan(hive=True).layout.hive


def test_folders_per_day_and_per_hour_ask_which(account):
    account.put("2026/11/01")
    account.put("2026/11/02", hour="05")
    with pytest.raises(FlowlabError, match="folders per day and folders per hour"):
        account.plan()
    assert account.plan(since="2026-11-02").layout.hourly
    with pytest.raises(FlowlabError, match="hourly=False, but .* has folders per hour"):
        account.plan(since="2026-11-02", hourly=False)


@pytest.mark.parametrize("day", ["2026/11/01", "2026/11/03"])
def test_a_file_beside_the_folders_of_hours_is_seen(account, day):
    account.put("2026/11/01", hour="05")
    account.put("2026/11/03", hour="05")
    account.put(day, V2[::-1], flow_log=TWO)
    with pytest.raises(LineFormatError, match=TWO):
        account.plan(hourly=True)


def test_fields_of_parquet_may_be_said(account):
    account.put(parquet=True, fields=["start", "end"])
    made = account.plan(fields=["end", "srcaddr", "start"])
    assert made.layout.parquet
    assert made.layout.fields == ("end", "srcaddr", "start")
    assert any(f"it is NULL ({ONE}: srcaddr)" in note for note in made.notes)


def test_flow_log_ids_of_a_place_cannot_be_kept_to(account):
    account.put()
    place = S3(account.bucket, "vpc", flow_log_ids=ONE, accounts=A, **account.options)
    made = athena_setup(place)
    assert made.layout.accounts == (A,)
    assert any("flow_log_ids= is not kept to" in note for note in made.notes)


def test_files_that_tell_nothing_are_noted(account):
    account.put(body=b"\x1f\x8b broken")
    account.put(flow_log=TWO)
    assert any("does not tell its format" in note for note in account.plan().notes)
    account.put("2026/11/05", body=gzip.compress(b"2 111122223333 - -\n"), flow_log=TWO)
    assert any("Athena would skip a record" in note for note in account.plan().notes)


def test_nothing_but_broken_files(account):
    account.put(body=b"\x1f\x8b broken")
    with pytest.raises(
        FlowlabError, match="(?s)nothing tells the format.*does not tell its format"
    ):
        account.plan()


def test_files_that_may_not_be_read(account):
    account.put()
    with (
        script(account.client("s3"), "GetObject", [denied()]),
        pytest.raises(
            FlowlabError, match="(?s)nothing tells the format.*s3:GetObject.*pass fields="
        ),
    ):
        account.plan()
    with script(account.client("s3"), "GetObject", [denied()]):
        assert "s3:GetObject" in " ".join(account.plan(fields=V2).notes)


def test_parquet_that_is_text(account):
    account.put()
    with pytest.raises(FlowlabError, match="parquet=True, but s3://.* is text"):
        account.plan(parquet=True)


def test_an_empty_bucket_and_a_missing_one(account):
    with pytest.raises(SourceError, match="(?s)no flow logs are in s3://.*aws s3 ls"):
        account.plan()
    with pytest.raises(FlowlabError, match="NoSuchBucket"):
        account.plan("s3://acme-nowhere/vpc")


def test_a_bucket_that_may_not_be_listed(planted, secrets):  # noqa: F811
    with (
        script(planted.client("s3"), "ListObjectsV2", [denied()]),
        pytest.raises(AccessError, match="s3:ListBucket") as caught,
    ):
        planted.plan()
    assert secrets.key not in str(caught.value)


def test_many_empty_combinations_are_told(account):
    for number in range(3):
        account.put(account=f"{number}" * 12, region=f"eu-west-{number + 1}")
    assert any("of 9 combinations" in note and "only 3" in note for note in account.plan().notes)


def test_one_file_of_each_flow_log_is_opened_however_many_there_are(account):
    for minute in range(12):
        stamp = f"20261102T00{minute * 5:02}Z"
        key = f"vpc/AWSLogs/{A}/vpcflowlogs/eu-west-1/2026/11/02/{A}_vpcflowlogs_eu-west-1_{ONE}_{stamp}_0.log.gz"
        body = gzip.compress((" ".join(V2) + "\n").encode())
        account.client("s3").put_object(Bucket=account.bucket, Key=key, Body=body)
    account.put(fields=V2[::-1], flow_log=TWO)
    asked = script(account.client("s3"), "GetObject", [])
    with asked, pytest.raises(LineFormatError):
        account.plan()
    assert asked.calls == 2


# ------------------------------------------------------------------------------ of a flow log
def test_a_flow_log_tells_everything(account):
    made = account.flow_log(
        V2[::-1], FileFormat="parquet", HiveCompatiblePartitions=True, PerHourPartition=True
    )
    plan = account.plan(made)
    layout = plan.layout
    assert (layout.parquet, layout.hive, layout.hourly) == (True, True, True)
    assert layout.fields[0] == "log_status"
    assert (layout.bucket, layout.prefix) == (account.bucket, "vpc")
    assert (layout.accounts, layout.regions) == ((account.id,), ("us-east-1",))
    assert str(layout.since) == "2026-11-03"  # of its making
    assert "nothing is in the bucket yet" in plan.notes[-1]
    assert f'plan.create(confirm="{account.id}")' in repr(plan)
    assert made in repr(plan)


def test_other_accounts_can_be_added(account):
    plan = account.plan(account.flow_log(), accounts=[A, account.id], regions="any")
    assert plan.layout.accounts == (A, account.id)
    assert plan.layout.properties["projection.aws_region.type"] == "injected"


def test_another_flow_log_to_the_same_place_with_another_format(account):
    mine = account.flow_log()
    other = account.flow_log([*V2, "vpc-id"])
    with pytest.raises(LineFormatError, match=f"{mine} and {other}") as caught:
        account.plan(mine)
    assert "one has 14 columns, the other 15" in str(caught.value)
    assert account.plan(mine, regions="eu-west-1").layout  # where the other does not deliver


def test_files_of_a_flow_log_that_is_gone(account):
    mine = account.flow_log()
    account.put("2026/11/04", V2[::-1], account=account.id, region="us-east-1", flow_log=TWO)
    with pytest.raises(LineFormatError, match=f"{mine} and {TWO}"):
        account.plan(mine)
    assert account.plan(mine, since="2026-11-05").layout


def test_a_bucket_that_may_not_be_looked_into_is_only_a_note(account):
    mine = account.flow_log()
    with script(account.client("s3"), "ListObjectsV2", [denied()]):
        plan = account.plan(mine)
    assert any("was not looked into" in note and "AccessDenied" in note for note in plan.notes)


def test_a_flow_log_that_is_not_there(account):
    mine = account.flow_log()
    near = mine[:-1] + ("0" if mine[-1] != "0" else "1")
    with pytest.raises(UnknownNameError, match=f"no flow log {near} in us-east-1") as caught:
        account.plan(near)
    assert f"did you mean {mine}" in str(caught.value)


def test_flow_logs_that_may_not_be_listed(account):
    refused = ec2err(403, "UnauthorizedOperation", "You are not authorized")
    with (
        script(account.client("ec2"), "DescribeFlowLogs", [refused]),
        pytest.raises(AccessError, match="ec2:DescribeFlowLogs"),
    ):
        account.plan(ONE)


def saved(**flow_log):
    told = {"FlowLogId": ONE, "ResourceId": "vpc-0a1b2c3d4e5f60718",
            "CreationTime": "2026-11-02T10:00:00+00:00"} | flow_log  # fmt: skip
    scope = scope_of(A, "eu-west-1", [Answer("ec2:DescribeFlowLogs", "", [told])])
    return Inventory(datetime(2026, 11, 20, tzinfo=UTC), (scope,))


def test_a_snapshot_is_enough(tmp_path, no_aws_credentials):  # noqa: F811
    there = {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::acme-logs/a/b/"}
    plan = athena_setup(ONE, snapshot=saved(**there))
    assert plan.layout.location == "s3://acme-logs/a/b/AWSLogs/"
    assert plan.layout.fields == tuple(f.replace("-", "_") for f in V2)  # AWS's default format
    assert (plan.account_id, plan.layout.regions) == (A, ("eu-west-1",))
    (tmp_path / "setup.json").write_text(saved(**there).to_json())
    assert athena_setup(ONE, snapshot=tmp_path / "setup.json").ddl == plan.ddl
    report = SetupReport(saved(**there), (), ())
    assert athena_setup(ONE, snapshot=report).ddl == plan.ddl
    with pytest.raises(UnknownNameError, match=f"no flow log {TWO} in the snapshot"):
        athena_setup(TWO, snapshot=saved(**there))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"LogGroupName": "/vpc/flow"}, "delivers to log group /vpc/flow, not to S3.*fl.plan_flow_logs.*fl.read_flows\\('cloudwatch:///vpc/flow'"),
        ({"LogDestinationType": "kinesis-data-firehose", "LogDestination": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/x"}, "Firehose has folders and files of its own"),
    ],
)  # fmt: skip
def test_flow_logs_that_do_not_deliver_to_s3(there, said):
    with pytest.raises(FlowlabError, match="(?s)" + said):
        athena_setup(ONE, snapshot=saved(**there))


# ------------------------------------------------------------------------------ created
def tables(account, database):
    return account.client("glue").get_tables(DatabaseName=database)["TableList"]


def is_there(account, database):
    found = account.client("glue").get_databases()["DatabaseList"]
    return database in [one["Name"] for one in found]


@pytest.fixture
def database():
    """Name of a database of one's own, that is not there yet."""
    return f"flowlab_{next(_numbers)}"


def test_created_once_and_the_same_as_the_statement(account, database):
    account.put(hive=True, hour="01")
    plan = account.plan(database=database)
    assert not is_there(account, database)  # planning creates nothing
    done = plan.create(confirm=account.id)
    assert (done.database_was, done.table_was) == ("created", "created")
    (there,) = tables(account, database)
    assert there["Name"] == "vpc_flow_logs"
    assert there["TableType"] == "EXTERNAL_TABLE"
    assert there["Parameters"] == {"EXTERNAL": "TRUE"} | plan.layout.properties
    assert [c["Name"] for c in there["PartitionKeys"]] == plan.layout.keys
    for column in there["StorageDescriptor"]["Columns"]:
        assert f"`{column['Name']}` {column['Type']}" in plan.ddl
    again = plan.create(confirm=account.id)
    assert (again.database_was, again.table_was) == ("was there", "was there")
    assert "exactly as planned" in repr(again)
    assert f'fl.athena("vpc_flow_logs", database="{database}")' in repr(again)
    assert "<br>" in again._repr_html_()


def test_another_table_of_that_name_is_left_alone(account, database):
    account.put()
    account.plan(database=database).create(confirm=account.id)
    before = tables(account, database)
    for options, said in (
        ({"since": "2026-10-01"}, "projection.day.range: '2026/11/02,NOW' there, '2026/10/01,NOW' planned"),
        ({"accounts": [A, B]}, f"projection.aws_account_id.values: '{A}' there, '{A},{B}' planned"),
        ({"regions": "any"}, "projection.aws_region.values: 'eu-west-1' there, nothing planned"),
    ):  # fmt: skip
        with pytest.raises(FlowlabError, match="another one: nothing was created") as caught:
            account.plan(database=database, **options).create(confirm=account.id)
        assert said in str(caught.value)
    assert tables(account, database) == before


def test_a_table_that_athena_made_from_the_statement_is_the_same(account, database):
    account.put()
    plan = account.plan(database=database)
    plan.create(confirm=account.id)
    glue, (there,) = account.client("glue"), tables(account, database)
    kept = ("Name", "TableType", "StorageDescriptor", "PartitionKeys", "Parameters")
    made = {name: there[name] for name in kept}
    made["Parameters"] |= {"transient_lastDdlTime": "1795490656"}  # as Athena adds it
    glue.update_table(DatabaseName=database, TableInput=made)
    assert plan.create(confirm=account.id).table_was == "was there"
    columns = made["StorageDescriptor"]["Columns"]
    columns[3], columns[4] = columns[4], columns[3]
    glue.update_table(DatabaseName=database, TableInput=made)
    with pytest.raises(FlowlabError, match="columns are in another order"):
        plan.create(confirm=account.id)
    made["StorageDescriptor"]["SerdeInfo"]["Parameters"]["field.delim"] = ","
    columns[3:5] = [{"Name": "protocol", "Type": "string"}]
    glue.update_table(DatabaseName=database, TableInput=made)
    with pytest.raises(FlowlabError) as caught:
        plan.create(confirm=account.id)
    said = str(caught.value)
    assert "columns: it lacks srcaddr string, dstaddr string" in said
    assert "delimiter: ',' there, ' ' planned" in said


@pytest.mark.parametrize("confirm", ["", "yes", "000000000000", None, True])
def test_nothing_is_created_without_the_number_of_the_account(account, database, confirm):
    account.put()
    with pytest.raises(FlowlabError, match=f"credentials are of account {account.id}"):
        account.plan(database=database).create(confirm=confirm)
    assert not is_there(account, database)


def test_what_failed_is_taken_back(planted, database, secrets):  # noqa: F811
    planted.put()
    plan = planted.plan(database=database)
    said = "User x is not authorized to perform: glue:CreateTable on resource: y"
    refused = jsonerr(400, "AccessDeniedException", said)
    with (
        script(planted.client("glue"), "CreateTable", [refused]),
        pytest.raises(AccessError, match="glue:CreateTable") as caught,
    ):
        plan.create(confirm=planted.id)
    assert not is_there(planted, database)
    assert "plan.cloudformation" in str(caught.value)
    assert not any(part in str(caught.value) for part in secrets)
    # A database that was there before stays.
    planted.client("glue").create_database(DatabaseInput={"Name": database})
    with script(planted.client("glue"), "CreateTable", [refused]), pytest.raises(AccessError):
        plan.create(confirm=planted.id)
    assert is_there(planted, database)


def test_a_database_that_cannot_be_taken_back_is_told(account, database):
    account.put()
    refused = jsonerr(400, "AccessDeniedException")
    glue = account.client("glue")
    with (
        script(glue, "CreateTable", [refused]),
        script(glue, "DeleteDatabase", [refused]),
        pytest.raises(AccessError, match=f"new, empty database {database} is left"),
    ):
        account.plan(database=database).create(confirm=account.id)


def test_somebody_else_was_faster(account, database):
    account.put()
    plan = account.plan(database=database)
    plan.create(confirm=account.id)
    gone = jsonerr(400, "EntityNotFoundException")  # when asked, it was not there yet
    with script(account.client("glue"), "GetTable", [gone]):
        assert plan.create(confirm=account.id).table_was == "was there"
    other = account.plan(database=database, since="2026-01-01")
    with (
        script(account.client("glue"), "GetTable", [gone]),
        pytest.raises(FlowlabError, match="another one: nothing was created"),
    ):
        other.create(confirm=account.id)


def test_an_anonymized_plan_creates_nothing(account, database):
    account.put()
    plan = replace(account.plan(database=database), anonymized=True)
    assert "can be read, not created" in repr(plan)
    with pytest.raises(FlowlabError, match="anonymized snapshot: nothing was created"):
        plan.create(confirm=account.id)
