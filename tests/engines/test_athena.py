"""The whole life of a query through real boto3, against a stand-in that runs the text it gets."""

from __future__ import annotations

import _thread
import threading
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from aws.fixtures import (  # noqa: F401 - pytest finds them here
    aws_credentials,
    aws_nowhere,
    no_aws_credentials,
    secrets,
)
from engines import athena_tables as stored
from engines.fake_athena import FakeAthena, Plan

import flowlab as fl
from flowlab.engines import athena_running as running
from flowlab.engines import athena_table
from flowlab.engines.athena_opening import athena, dry_run
from flowlab.engines.projection import athena_setup
from flowlab.errors import FlowlabError, SourceError, UnknownNameError
from flowlab.exports import paging
from flowlab.sources.aws import AccessError

PERIOD = {"start": "2026-11-01 23:10", "end": "2026-11-02 00:40"}
FIRST_DAY = {"start": "2026-11-01", "end": "2026-11-02"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with FakeAthena(tmp_path_factory.mktemp("s3")) as made:
        stored.store(made)
        yield made


@pytest.fixture
def fake(server, monkeypatch, no_aws_credentials):  # noqa: F811
    monkeypatch.setattr(running, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(running, "_LONGEST_WAIT", 0.02)
    server.reset()
    yield server
    server.workgroups.pop("other", None)


@pytest.fixture
def opened(fake):
    """Open a table of the stand-in."""

    def open_(name="hourly", **options):
        options = {"database": "network", "endpoint_url": fake.url, "progress": False} | options
        return athena(name, **options)

    return open_


@pytest.fixture(scope="module")
def frame(server):
    """The same records, read as files."""
    return fl.read_flows(server.folder / "logs/hourly", progress=False)[0]


def same(got, expected):
    pd.testing.assert_frame_equal(got, expected)


# ---------------------------------------------------------------------- the same answers
QUESTIONS = {
    "totals": lambda f: fl.totals(f, **PERIOD),
    "breakdown": lambda f: fl.breakdown(f, ["action", "protocol"], **PERIOD),
    "by id": lambda f: fl.breakdown(f, "instance_id", rank_by="flow_records", **PERIOD),
    "top_talkers": lambda f: fl.top_talkers(f, n=7, **PERIOD),
    "packet level": lambda f: fl.top_talkers(f, packet_level=True, rank_by="packets", **PERIOD),
    "over time": lambda f: fl.traffic_over_time(f, every="5min", by="action", **PERIOD),
    "few groups": lambda f: fl.traffic_over_time(f, every="15min", by="srcaddr", n=2, **PERIOD),
    "conversations": lambda f: fl.conversations(f, n=5, **PERIOD),
    "peers": lambda f: fl.peers(f, n=5, **PERIOD),
    "services": lambda f: fl.services(f, **PERIOD),
    "without": lambda f: fl.totals(fl.exclude(f, ["dns", "ntp", "scan-noise"]), **PERIOD),
    "only, without": lambda f: fl.top_talkers(
        fl.exclude(fl.only(f, fl.rule("tcp", protocol=6)), fl.rule("own", addr="10.0.2.0/26")), **PERIOD
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_those_of_the_frame(opened, frame, name):
    same(QUESTIONS[name](opened()), QUESTIONS[name](frame))


@pytest.mark.parametrize("name", ["daily", "registered", "flat"])
def test_whatever_the_layout_and_the_format(opened, frame, name):
    table = opened(name)
    same(fl.totals(table, **PERIOD), fl.totals(frame, **PERIOD))
    same(QUESTIONS["by id"](table), QUESTIONS["by id"](frame))


@pytest.mark.parametrize("rules", [["dns", "ntp"], ["dns", "scan-noise", "dns-private"]])
def test_questions_that_take_no_period_are_asked_of_a_part(opened, frame, rules):
    inside = (frame["start"] >= "2026-11-01 23:10+00:00") & (
        frame["start"] < "2026-11-02 00:40+00:00"
    )
    part = opened().between(PERIOD["start"], PERIOD["end"])
    same(fl.waterfall(part, rules), fl.waterfall(frame[inside], rules))
    same(fl.excluded_by(part, rules), fl.excluded_by(frame[inside], rules))


def test_more_rows_than_a_page_holds(opened, frame, fake, monkeypatch):
    monkeypatch.setattr(running, "_PAGE", 200)
    by = ["srcaddr", "srcport", "dstport"]
    both_days = {"start": "2026-11-01", "end": "2026-11-03"}
    got = fl.breakdown(opened(), by, **both_days)
    assert len(got) > 400
    assert [r.get("NextToken") for r in fake.asked("GetQueryResults")][:3] == [None, "200", "400"]
    same(got, fl.breakdown(frame, by, **both_days))


def test_no_record_in_the_period_is_an_empty_answer_with_its_types(opened, frame):
    none = {"start": "2026-10-05", "end": "2026-10-06"}
    same(fl.breakdown(opened(), "action", **none), fl.breakdown(frame, "action", **none))


# ---------------------------------------------------------------------- partitions
def test_late_records_lie_in_the_next_folder_and_are_found(opened, frame, fake):
    table = opened("daily")
    got = fl.totals(table, **FIRST_DAY)
    same(got, fl.totals(frame, **FIRST_DAY))
    text = fake.queries[table.last.id].sql
    assert "\"day\" BETWEEN '2026/11/01' AND '2026/11/02'" in text
    # Without the next day's folder, some would be missing: that is what the slack is for.
    narrow = text.replace("AND '2026/11/02'", "AND '2026/11/01'")
    answer, _ = table._runner.run(narrow)
    assert 0 < answer["flow_records"][0].as_py() < got["flow_records"].item()


def test_only_the_partitions_of_the_period_are_read(opened, fake):
    table = opened("hourly")
    fl.totals(table, start="2026-11-02 01:00", end="2026-11-02 01:30")
    files = fake.files_of(fake.queries[table.last.id].sql)
    assert {f.split("/day=")[1][:10] for f in files} == {"02/hour=01", "02/hour=02"} & {
        f.split("/day=")[1][:10] for f in fake.files_of('SELECT 1 FROM "network"."hourly"')
    }
    assert (
        table.last.scanned
        == dry_run(fl.totals, table, start="2026-11-02 01:00", end="2026-11-02 01:30").bytes
    )


@pytest.mark.parametrize(
    ("name", "columns"),
    [("daily", ["day"]), ("hourly", ["day", "hour"]), ("registered", ["year", "month", "day"]), ("flat", [])],
)  # fmt: skip
def test_the_levels_of_each_layout_are_told(opened, name, columns):
    assert [level.column for level in opened(name).description.levels] == columns


def test_values_of_partitions_restrict_what_is_read(opened, fake):
    table = opened("daily", partitions={"accid": stored.ACCOUNT, "reg": [stored.REGION, "eu-x-1"]})
    got = fl.totals(table, **PERIOD)
    assert got["flow_records"].item() > 0
    text = fake.queries[table.last.id].sql
    assert f"\"accid\" = '{stored.ACCOUNT}'" in text
    other = opened("daily", partitions={"accid": "444455556666"})
    assert fl.totals(other, **PERIOD)["flow_records"].item() == 0
    with pytest.raises(UnknownNameError, match="did you mean accid"):
        opened("daily", partitions={"acid": "444455556666"})
    with pytest.raises(UnknownNameError, match="day"):
        opened("daily", partitions={"day": "2026/11/01"})


def test_an_injected_column_wants_its_values(opened, frame):
    with pytest.raises(FlowlabError, match="(?s)which accid.*injected.*partitions="):
        opened("injected")
    table = opened("injected", partitions={"accid": stored.ACCOUNT})
    same(fl.totals(table, **PERIOD), fl.totals(frame, **PERIOD))


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("s3://logs/daily", {}),
        ("s3://logs/hourly", {"parquet": True, "hive": True, "hourly": True}),
        ("s3://logs/hourly", {"parquet": True, "hive": True, "hourly": True, "accounts": "any"}),
    ],
    ids=["text", "Hive, hourly Parquet", "any account"],
)
def test_a_table_that_athena_setup_planned_is_asked(opened, frame, fake, place, options):
    said = {"accounts": stored.ACCOUNT, "regions": stored.REGION, "since": "2026-10-01"} | options
    plan = athena_setup(place, table="planned", database="network", fields=stored.FORMAT, **said)
    fake.add_table(stored.made_by(plan.ddl))
    named = {"aws_account_id": stored.ACCOUNT} if "accounts" in options else None
    table = opened("planned", partitions=named)
    assert table.description.levels[0].column == "day"
    same(fl.totals(table, **PERIOD), fl.totals(frame, **PERIOD))
    assert 0 < table.last.scanned == dry_run(fl.totals, table, **PERIOD).bytes
    fake.tables.pop(("network", "planned"))


# ---------------------------------------------------------------------- a period
@pytest.mark.parametrize("given", [{}, {"start": "2026-11-01"}, {"end": "2026-11-02"}])
def test_without_a_whole_period_nothing_is_asked(opened, fake, given):
    table = opened()
    with pytest.raises(FlowlabError, match=r"(?s)needs a period: .* missing.*every file.*between"):
        fl.totals(table, **given)
    with pytest.raises(FlowlabError, match="needs a period"):
        fl.waterfall(table, ["dns"])
    assert not fake.asked("StartQueryExecution")


def test_a_table_without_partitions_says_so_and_needs_no_period(opened, frame):
    table = opened("flat")
    same(fl.totals(table), fl.totals(frame))
    assert "no partitions: every question reads all of it" in repr(table)
    assert "reads all of it" in dry_run(fl.totals, table, **PERIOD).notes[0]


# ---------------------------------------------------------------------- dry runs
def test_a_dry_run_reads_nothing_and_tells_bytes_and_price(opened, fake):
    found = dry_run(fl.top_talkers, opened("daily"), n=3, **FIRST_DAY)
    assert not fake.asked("StartQueryExecution")
    files = [p for p in (fake.folder / "logs/daily").rglob("*.gz")]
    assert (found.objects, found.bytes) == (len(files), sum(p.stat().st_size for p in files))
    assert found.partitions == 4  # two days, two accounts
    assert found.price == pytest.approx(10 / 1024 / 1024 * 5)  # the least is 10 MB, a TB is 5 USD
    assert "\"day\" BETWEEN '2026/11/01'" in found.sql
    shown = repr(found)
    assert f"{found.bytes:,} bytes" in shown
    assert "LIMIT 3" in shown
    assert "&lt;" in found._repr_html_()  # "start" < ...


def test_a_dry_run_sees_through_exclude_and_says_unknown_when_it_may_not_list(opened, fake):
    table = fl.exclude(opened("daily"), "dns")
    fake.refuse("ListObjectsV2", "AccessDenied", "Access Denied", times=50, status=403)
    found = dry_run(fl.totals, table, **PERIOD)
    assert found.bytes is found.price is None
    assert "unknown" in repr(found)
    assert "s3:ListBucket" in found.notes[0]
    assert "kept 1" in found.sql


def test_a_dry_run_of_something_else_is_refused(opened, frame):
    with pytest.raises(FlowlabError, match="costs nothing"):
        dry_run(fl.totals, frame)
    with pytest.raises(FlowlabError, match="not a question"):
        dry_run(fl.exclude, opened())


def test_periods_without_objects_or_registered_partitions_are_noticed(opened):
    none = {"start": "2026-10-05", "end": "2026-10-06"}
    assert (
        "no object is in these partitions" in dry_run(fl.totals, opened("daily"), **none).notes[-1]
    )
    assert "registered" in dry_run(fl.totals, opened("registered"), **none).notes[0]


def test_a_long_period_is_more_than_is_listed(opened):
    found = dry_run(fl.totals, opened("hourly"), start="2026-01-01", end="2026-11-02")
    assert found.bytes is None
    assert "partitions are more than are listed" in found.notes[0]


# ---------------------------------------------------------------------- limits
def test_more_bytes_than_allowed_is_refused_before(opened, fake):
    table = opened("daily", max_bytes=1000)
    with pytest.raises(
        FlowlabError, match=r"(?s)may read [\d,]+ bytes.*max_bytes is 1,000.*not run"
    ):
        fl.totals(table, **PERIOD)
    assert not fake.asked("StartQueryExecution")


def test_a_text_longer_than_athena_takes_is_refused_before(opened, fake, monkeypatch):
    monkeypatch.setattr(athena_table, "_LONGEST", 1_000)
    with pytest.raises(FlowlabError, match="(?s)Athena takes 1,000 bytes.*fewer"):
        fl.totals(opened(), **PERIOD)
    assert not fake.asked("StartQueryExecution")


def test_and_stopped_while_it_runs(opened, fake):
    fake.refuse("ListObjectsV2", "AccessDenied", "Access Denied", times=50, status=403)
    fake.plans.append(Plan(polls=3, bytes=5000))
    with pytest.raises(FlowlabError, match="stopped after 5,000 bytes; max_bytes is 1,000"):
        fl.totals(opened(max_bytes=1000), **PERIOD)
    (query,) = [fake.queries[r["QueryExecutionId"]] for r in fake.asked("StopQueryExecution")]
    assert query.state == "CANCELLED"


# ---------------------------------------------------------------------- its life
def test_queued_running_succeeded(opened, fake):
    fake.plans.append(Plan(polls=2))
    table = opened(workgroup="primary", output_location="s3://results/mine/")
    fl.totals(table, **PERIOD)
    names = [name for name, _ in fake.calls if "Query" in name]
    assert names == ["StartQueryExecution", *["GetQueryExecution"] * 5, "GetQueryResults"]
    asked = fake.asked("StartQueryExecution")[0]
    assert asked["QueryExecutionContext"] == {"Database": "network"}
    assert asked["ResultConfiguration"] == {"OutputLocation": "s3://results/mine/"}
    assert len(asked["ClientRequestToken"]) >= 32
    assert table.last.scanned > 0
    assert table.last.seconds == 1.2
    assert f"{table.last.scanned:,} bytes, $0.000048" in repr(table)


def test_a_query_that_somebody_stops(opened, fake):
    fake.plans.append(Plan(cancel="Query cancelled by user"))
    with pytest.raises(FlowlabError, match="(?s)it was cancelled.*somebody stopped it"):
        fl.totals(opened(), **PERIOD)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_stops_the_query_at_athena(opened, fake):
    table = opened()
    fake.plans.append(Plan(polls=100_000))
    timer = threading.Timer(0.7, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fl.totals(table, **PERIOD)
    finally:
        timer.cancel()
        timer.join(5)
    (query,) = [fake.queries[r["QueryExecutionId"]] for r in fake.asked("StopQueryExecution")]
    assert query.state == "CANCELLED"
    assert fl.totals(table, **PERIOD)["flow_records"].item() > 0  # and it can be asked again


def test_a_query_that_cannot_be_stopped_is_named(opened, fake, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running.time, "sleep", interrupt)
    fake.plans.append(Plan(polls=9))
    fake.refuse("StopQueryExecution", "AccessDeniedException", "no", times=3)
    with pytest.raises(KeyboardInterrupt) as caught:
        fl.totals(opened(), **PERIOD)
    assert "may still run" in caught.value.__notes__[0]


def test_throttling_passes_by_itself(opened, fake, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    for operation in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults"):
        fake.refuse(operation, "TooManyRequestsException", "Rate exceeded", times=3)
    assert fl.totals(opened(), **PERIOD)["flow_records"].item() > 0
    assert len(fake.asked("StartQueryExecution")) == 4
    assert len({r["ClientRequestToken"] for r in fake.asked("StartQueryExecution")}) == 1


def test_and_says_so_when_it_does_not(opened, fake, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    fake.refuse("StartQueryExecution", "TooManyRequestsException", "Rate exceeded", times=99)
    with pytest.raises(FlowlabError, match="(?s)TooManyRequestsException.*too many requests"):
        fl.totals(opened(), **PERIOD)


# ---------------------------------------------------------------------- cached answers
def test_the_same_question_over_the_same_objects_is_asked_once(opened, fake, frame):
    table = opened("daily")
    first = fl.totals(table, **PERIOD)
    same(fl.totals(table, **PERIOD), first)
    assert len(fake.asked("StartQueryExecution")) == 1
    fl.totals(table, start=PERIOD["start"], end="2026-11-02 00:41")
    assert len(fake.asked("StartQueryExecution")) == 2
    # Another object arrives; a changed one would be the same.
    (known,) = list((fake.folder / "logs/daily").rglob("*T0000Z*.gz"))[:1]
    more = known.with_name(known.name.replace("T0000Z", "T0001Z"))
    more.write_bytes(known.read_bytes())
    fake.refresh("network", "daily")
    try:
        again = fl.totals(table, **PERIOD)
        assert again["flow_records"].item() > first["flow_records"].item()
        assert len(fake.asked("StartQueryExecution")) == 3
    finally:
        more.unlink()
        fake.refresh("network", "daily")
    table.forget()
    same(fl.totals(table, **PERIOD), first)
    assert len(fake.asked("StartQueryExecution")) == 4


def test_where_objects_may_not_be_listed_only_settled_periods_are_kept(opened, fake):
    fake.refuse("ListObjectsV2", "AccessDenied", "Access Denied", times=500, status=403)
    table = opened("daily")
    now = datetime.now(UTC)
    recent = {"start": now - timedelta(hours=3), "end": now}
    long_ago = {"start": "2025-01-01", "end": "2025-01-02"}
    for period, runs in ((recent, 2), (long_ago, 1)):
        fake.calls.clear()
        fl.totals(table, **period)
        fl.totals(table, **period)
        assert len(fake.asked("StartQueryExecution")) == runs


def test_answers_are_kept_only_as_long_as_they_are_small_together(opened, fake, monkeypatch):
    table = opened()
    fl.totals(table, **PERIOD)
    fl.breakdown(table, "action", **PERIOD)
    monkeypatch.setattr(athena_table, "_KEPT_BYTES", 2000)
    fl.records(table, n=200, **PERIOD)  # larger than that by itself
    assert not table._answers
    fl.totals(table, **PERIOD)
    fl.totals(table, **PERIOD)
    assert len(fake.asked("StartQueryExecution")) == 4


def test_an_export_is_one_query_however_many_pages_it_has(opened, fake, frame, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 50)
    monkeypatch.setattr(running, "_PAGE", 20)
    left = fl.exclude(opened(), "ntp")
    got = list(fl.to_ecs(left, **PERIOD))
    assert len(got) > 100 and len(fake.asked("StartQueryExecution")) == 1
    starts = [document["event"]["start"] for document in got]
    assert starts == sorted(starts)
    expected = [*fl.to_ecs(fl.exclude(frame, "ntp"), **PERIOD)]
    assert sorted(map(_plain, got)) == sorted(map(_plain, expected))


def _plain(document):
    """A document without the partition columns, which files do not have."""
    return repr({name: part for name, part in document.items() if name != "flowlab"})


def test_an_export_needs_a_period_and_holds_to_the_limit_too(opened, fake):
    with pytest.raises(FlowlabError, match=r"needs a period: start and end are missing"):
        list(fl.to_ecs(opened()))
    with pytest.raises(FlowlabError, match="max_bytes is 10"):
        list(fl.to_ocsf(opened(max_bytes=10), **PERIOD))
    assert not fake.asked("StartQueryExecution")


def test_athena_may_be_told_to_reuse_its_own_results(opened, fake):
    table = opened(reuse="1h")
    fl.totals(table, **PERIOD)
    age = fake.asked("StartQueryExecution")[0]["ResultReuseConfiguration"]
    assert age == {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    table.forget()
    fl.totals(table, **PERIOD)
    assert table.last.reused
    assert "0 bytes, $0.000000" in repr(table)


# ---------------------------------------------------------------------- types
def test_every_type_comes_as_duckdb_would_give_it():
    def typed(kind, *words, **more):
        return running._typed(kind, {"Name": "c", **more}, words)

    assert typed("bigint", "9007199254740993", None).equals(pa.array([2**53 + 1, None], pa.int64()))
    assert typed("integer", "-1").type == pa.int32()
    assert typed("boolean", "true", "false", None).to_pylist() == [True, False, None]
    assert typed("double", "1.0E10", "Infinity", "0.1", None).to_pylist() == [
        1e10,
        float("inf"),
        0.1,
        None,
    ]
    assert typed("varchar", "", None, "-").to_pylist() == ["", None, "-"]
    assert typed("decimal", "1.50", None, Precision=10, Scale=2).type == pa.decimal128(10, 2)
    assert typed("varchar").type == pa.string()
    with pytest.raises(FlowlabError, match="no bigint"):
        typed("bigint", "many")


# ---------------------------------------------------------------------- what it shows
def test_shown_text_is_escaped(opened, fake):
    fake.add_table(stored.table("flat2", stored.HOURLY, [], serde=stored.PARQUET))
    table = opened("flat2")
    shown = table._repr_html_()
    assert "network.flat2" in shown
    object.__setattr__(table.description, "name", "<script>")
    assert "<script>" not in table._repr_html_()


def test_the_policy_is_all_it_needs_and_no_more(opened):
    table = opened("daily", region="eu-west-1", output_location="s3://results/athena/")
    found = {action: s["Resource"] for s in table.policy()["Statement"] for action in s["Action"]}
    assert found["athena:StartQueryExecution"] == "arn:aws:athena:eu-west-1:*:workgroup/primary"
    assert found["glue:GetTable"][1] == "arn:aws:glue:eu-west-1:111122223333:database/network"
    assert found["s3:PutObject"] == "arn:aws:s3:::results/athena/*"
    # The files themselves, and only to read.
    reading = [
        s["Resource"] for s in table.policy()["Statement"] if s["Action"] == ["s3:GetObject"]
    ]
    assert reading == ["arn:aws:s3:::logs/daily/AWSLogs/*"]
    assert not [a for a in found if "*" in a or "Create" in a or "Delete" in a]


# ---------------------------------------------------------------------- what can be wrong
def test_no_such_table_offers_the_nearest(opened):
    with pytest.raises(SourceError, match="(?s)no table 'hurly'.*did you mean hourly"):
        opened("hurly")
    with pytest.raises(SourceError, match="(?s)no database 'netwrk'.*get-databases"):
        opened(database="netwrk")


def test_names_are_written_in_lower_case_as_athena_has_them(opened):
    assert opened("Hourly", database="Network").description.name == "hourly"


def test_a_workgroup_that_decides_where_results_go(opened, fake):
    place = {"OutputLocation": "s3://theirs/"}
    fake.workgroups["other"] = {"ResultConfiguration": place, "EnforceWorkGroupConfiguration": True}
    with pytest.raises(FlowlabError, match="(?s)s3://theirs/, whatever.*leave output_location out"):
        opened(workgroup="other", output_location="s3://results/")
    assert fl.totals(opened(workgroup="other"), **PERIOD)["flow_records"].item() > 0
    fake.refuse("GetWorkGroup", "AccessDeniedException", "no", times=5)
    opened(workgroup="other", output_location="s3://results/")  # it may not be seen: Athena decides


def test_refusals_at_the_start(opened, fake):
    fake.workgroups["other"] = {}
    with pytest.raises(FlowlabError, match="(?s)No output location.*pass output_location="):
        fl.totals(opened(workgroup="other"), **PERIOD)
    with pytest.raises(SourceError, match="(?s)no such workgroup"):
        fl.totals(opened(workgroup="gone"), **PERIOD)


def test_an_expired_sign_in_shows_no_secret(fake, aws_credentials):  # noqa: F811
    table = athena(
        "hourly", database="network", endpoint_url=fake.url, profile="planted", progress=False
    )
    message = f"The security token included in the request is expired: {aws_credentials.token}"
    fake.refuse("StartQueryExecution", "ExpiredTokenException", message, times=20)
    with pytest.raises(
        AccessError, match="(?s)sign-in has expired.*aws sso login --profile planted"
    ) as caught:
        fl.totals(table, **PERIOD)
    shown = str(caught.value) + repr(table) + repr(caught.value.__context__)
    assert not [s for s in aws_credentials if s in shown]
    assert caught.value.__cause__ is None


def test_a_denied_call_names_the_permission_and_the_policy(opened, fake):
    message = (
        "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: "
        "athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary"
    )
    fake.refuse("StartQueryExecution", "AccessDeniedException", message, times=5)
    with pytest.raises(AccessError, match="(?s)athena:StartQueryExecution.*table.policy") as caught:
        fl.totals(opened(), **PERIOD)
    assert "fl.read_policy" not in str(caught.value)
    fake.refuse(
        "GetTable", "AccessDeniedException", message.replace("athena:Start", "glue:Get"), times=5
    )
    with pytest.raises(AccessError, match="describing the table network.hourly"):
        opened()


FAILURES = {
    "no table": ("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.network.gone' does not exist", SourceError, "dropped or renamed"),
    "no database": ("SCHEMA_NOT_FOUND: line 1:15: Schema 'netwrk' does not exist", SourceError, "check database="),
    "no column": ("COLUMN_NOT_FOUND: line 3:5: Column 'vpcid' cannot be resolved or requester is not authorized", FlowlabError, "open it again"),
    "wrong type": ("HIVE_BAD_DATA: Field srcport's type INT32 in parquet file s3://logs/a.parquet is incompatible with type varchar defined in table schema", FlowlabError, "fl.athena_setup"),
    "wrong value": ("HIVE_BAD_DATA: Error parsing field value 'srcaddr' for field 3: For input string", FlowlabError, "another order"),
    "partition": ("HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas.", FlowlabError, "type in the table"),
    "metastore": ("HIVE_METASTORE_ERROR: Table is missing storage descriptor", FlowlabError, "projection"),
    "injected": ("CONSTRAINT_VIOLATION: For the injected projected partition column accid, the WHERE clause must contain only static equality conditions", FlowlabError, "partitions="),
    "slow down": ("HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://logs/x: Please reduce your request rate. (Service: Amazon S3; Status Code: 503; Error Code: SlowDown)", FlowlabError, "keep up"),
    "gone": ("HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://logs/x: com.amazonaws.services.s3.model.AmazonS3Exception: NoSuchKey", FlowlabError, "deleted or replaced"),
    "denied": ("Permission denied on S3 path: s3://logs/daily; Access Denied (Service: Amazon S3; Status Code: 403)", AccessError, "table.policy()"),
    "output": ("Access denied when writing output to url: s3://results/athena/x.csv. Please ensure you are allowed to access the S3 bucket.", AccessError, "s3:PutObject"),
    "bucket": ("Unable to verify/create output bucket results", AccessError, "another region"),
    "timeout": ("Query timeout", FlowlabError, "shorter period"),
    "resources": ("Query exhausted resources at this scale factor", FlowlabError, "fewer groups"),
    "memory": ("EXCEEDED_LOCAL_MEMORY_LIMIT: Query exceeded per-node memory limit", FlowlabError, "fewer groups"),
    "kms": ("HIVE_CANNOT_OPEN_SPLIT: Access Denied: not authorized to perform: kms:Decrypt on the resource associated with this ciphertext", AccessError, "kms:Decrypt"),
    "disabled": ("WorkGroup analysts is disabled.", FlowlabError, "enabled"),
    "internal": ("INTERNAL_ERROR_QUERY_ENGINE", FlowlabError, "ask again later"),
    "unheard of": ("SOMETHING_NEW: of which nobody has heard", FlowlabError, "SOMETHING_NEW: of which nobody has heard"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_query_says_why_and_what_helps(opened, fake, name):
    said, kind, helps = FAILURES[name]
    fake.plans.append(Plan(fail=said))
    with pytest.raises(FlowlabError) as caught:
        fl.totals(opened(), **PERIOD)
    assert type(caught.value) is kind
    assert said[:40] in caught.value.what  # Athena's own words
    assert "query " in caught.value.what  # to find it in the console
    assert helps in str(caught.value)
    assert (name == "unheard of") == (not caught.value.fix)


def test_the_limit_of_a_workgroup_cancels(opened, fake):
    fake.plans.append(Plan(cancel="Bytes scanned limit was exceeded"))
    with pytest.raises(FlowlabError, match="(?s)Bytes scanned limit.*workgroup cuts off.*charged"):
        fl.totals(opened(), **PERIOD)
