"""Every question and every rule on every engine: DataFrame, archives, real Spark, Athena's text.

The one file that starts Spark (some 10 s, once): keep its tests together, as --dist loadfile does.
Athena's text is read back by sqlglot as Athena's and run by DuckDB: no Trino is here, so what is
checked is what the text means, and what the parser would let through (`_ATHENA_FUNCTIONS`, quotes).
"""

from __future__ import annotations

import gzip
import ipaddress
import os
import threading
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from pandas.testing import assert_frame_equal
from sqlglot import exp

import flowlab as fl
from flowlab import practice, schema
from flowlab.asking import sql
from flowlab.dialects import DIALECTS
from flowlab.engines import spark_table
from flowlab.engines.mapping import flows_view, written
from flowlab.engines.spark_table import spark
from flowlab.errors import FlowlabError, LineFormatError, SourceError
from flowlab.interrupting import stop_all
from flowlab.rulebook import NAMED
from flowlab.tables import FilteredTable

pyspark = pytest.importorskip("pyspark")

# In the sample's format: what engines are known to treat differently.
_EDGES = """
{v} eni-0edge0edge0edge0e 10.0.1.9 10.0.1.8 0 65535 6 9000 999999999999999999 {a} {b} ACCEPT OK {i} 3 IPv4 10.0.1.9 10.0.1.8 {z} - - egress 1
{v} eni-0edge0edge0edge0e 10.0.1.8 10.0.1.9 65535 0 6 1 999999999999999999 {a} {a} REJECT OK {i} - IPv4 10.0.1.8 10.0.1.9 {z} - - ingress -
{v} - 2001:db8::1 2001:db8::2 53 53 17 10 100 {a} {b} ACCEPT OK {i} 0 IPv6 2001:db8::1 2001:db8::2 {z} - - egress 8
{v} - 2001:db8::2 2001:db8::1 53 53 17 10 100 {a} {b} ACCEPT OK {i} 0 IPv6 2001:db8::2 2001:db8::1 {z} - - ingress -
{v} eni-0edge0edge0edge0e fe80::1 ff02::fb 5353 5353 17 1 60 {a} {b} ACCEPT OK {i} 0 IPv6 fe80::1 ff02::fb {z} - - egress 1
{v} eni-0edge0edge0edge0e fd00:ec2::254 fd12:3456::1 80 40000 6 1 60 {a} {b} ACCEPT OK {i} 18 IPv6 fd00:ec2::254 fd12:3456::1 {z} - - ingress -
{v} eni-0edge0edge0edge0e 127.255.255.255 223.255.255.255 1 1 1 - - {a} {b} REJECT OK {i} - IPv4 - - {z} - - ingress -
{v} eni-0edge0edge0edge0e 172.31.255.255 172.32.0.0 123 123 17 5 50 {a} {b} REJECT OK {i} 0 IPv4 172.31.255.255 172.32.0.0 {z} S3 AMAZON ingress -
{v} eni-0edge0edge0edge0e 198.51.100.9 10.0.1.9 1024 1688 6 5 50 {a}000 {b}000 ACCEPT OK {i} 2 IPv4 198.51.100.9 10.0.1.9 {z} - ROUTE53_HEALTHCHECKS ingress -
{v} eni-0edge0edge0edge0e - - - - - - - {a} {b} - NODATA {i} - - - - {z} - - - -
{v} eni-0edge0edge0edge0e - - - - - - - {a} {b} - SKIPDATA {i} - - - - {z} - - - -
"""
_EVERY = 40  # of the sample's lines


def _lines() -> tuple[str, list[str]]:
    text = "".join(gzip.decompress(p.read_bytes()).decode() for p in _sample_files())
    lines = text.splitlines()
    header = lines[0]
    records = [line for line in lines if line != header][::_EVERY]
    start = 1_772_409_601  # 2026-03-02, not at the beginning of a minute
    edges = _EDGES.format(
        v="5 000123456789", a=start, b=start + 599, i="vpc-0e subnet-0e i-0e", z="eu-west-1 - - -"
    )
    # Each sum fits into 64 bits; what talkers sent and received together does not.
    large = [
        f"5 000123456789 eni-0a 10.0.9.{n} 10.0.9.{n + 1} 9 9 6 1 999999999999999999 {start} {start} "
        f"ACCEPT OK vpc-0e subnet-0e - 0 IPv4 10.0.9.1 10.0.9.2 eu-west-1 {'- ' * 5}egress 1"
        for n in range(6)
    ]
    return header, records + edges.strip().splitlines() + large


def _sample_files() -> list[Path]:
    place = Path(practice.SAMPLE)
    return sorted(place.rglob("*.gz")) if place.is_dir() else [place]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same records as AWS delivers them: text, Hive folders; Parquet, plain folders."""
    header, records = _lines()
    root = tmp_path_factory.mktemp("logs")
    hive = root / "text/AWSLogs/aws-account-id=000123456789/aws-service=vpcflowlogs"
    plain = root / "parquet/AWSLogs/000123456789/vpcflowlogs/eu-west-1/2026/03/02"
    day = hive / "aws-region=eu-west-1/year=2026/month=03/day=02"
    for number, part in enumerate((records[::2], records[1::2])):
        name = f"000123456789_vpcflowlogs_eu-west-1_fl-0a1b_20260302T000{number}Z_aa.log"
        for folder in (day, plain):
            folder.mkdir(parents=True, exist_ok=True)
        (day / f"{name}.gz").write_bytes(gzip.compress("\n".join([header, *part, ""]).encode()))
        pq.write_table(_as_aws_writes(header, part), plain / f"{name}.parquet")
    return root


def _as_aws_writes(header: str, lines: list[str]) -> pa.Table:
    """Type columns as AWS's Parquet has them: numbers null, text keeps its dash."""
    names = [token.replace("-", "_") for token in header.split()]
    columns = {}
    for name, tokens in zip(
        names, zip(*(line.split() for line in lines), strict=True), strict=True
    ):
        kind = schema.kind_of(name)
        if kind in ("int32", "int64", "time"):
            numbers = [None if token == "-" else int(token) for token in tokens]
            columns[name] = pa.array(numbers, pa.int32() if kind == "int32" else pa.int64())
        else:
            columns[name] = pa.array(tokens, pa.string())
    return pa.table(columns)


@pytest.fixture(scope="module")
def flows(folders):
    frame, ledger = fl.read_flows(folders / "text", progress=False)
    assert ledger.balanced and ledger.skipdata >= 1 and not ledger.rejected
    return frame


@pytest.fixture(scope="module")
def session():
    if not spark_table._java():
        assert os.environ.get("CI") != "true", "no Java, and here all is to be tested"
        pytest.skip("no Java 17: apt install openjdk-17-jre-headless")
    settings = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1", "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "Pacific/Auckland",  # must not matter
        # Small data: compiling takes longer than interpreting. benchmarks/engines.py compiles.
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }  # fmt: skip
    builder = pyspark.sql.SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    running = builder.getOrCreate()
    running.sparkContext.setLogLevel("OFF")
    yield running
    running.stop()


class _AthenaText:
    """Runs Athena's text, translated, over the Parquet files; the table is as AWS's DDL has it."""

    dialect = "athena"

    def __init__(self, folder: Path) -> None:
        self._duck = duckdb.connect()
        self._duck.create_function(
            "ip_in",
            _ip_in,
            ["VARCHAR", "VARCHAR"],
            "BOOLEAN",
            type="arrow",
            null_handling="special",
        )
        files = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = false)"
        self._duck.execute(f'CREATE VIEW "vpc_flow_logs" AS SELECT * FROM {files}')
        hive = {"INTEGER": "int", "BIGINT": "bigint", "VARCHAR": "string"}
        shape = self._duck.execute('DESCRIBE "vpc_flow_logs"').fetchall()
        table = exp.table_("vpc_flow_logs", quoted=True)
        types = {name: hive[kind] for name, kind, *_ in shape}
        self._view, self.columns = flows_view(table, types, dialect="athena")

    def run(self, query: exp.Query) -> pa.Table:
        text = written(query, self._view, "athena")
        return self._duck.sql(_translated(text)).to_arrow_table()


# What the questions need of Trino's functions; the parser takes any other word too.
_ATHENA_FUNCTIONS = {
    "AND", "OR", "COUNT", "SUM", "MIN", "MAX", "COALESCE", "CAST", "TRY_CAST", "NULLIF", "CASE",
    "IF", "LEAST", "GREATEST", "BITWISE_AND", "CONTAINS", "UNNEST", "SEQUENCE", "TRIM",
}  # fmt: skip
_SQLGLOT_NAMES = {"ARRAY_CONTAINS": "CONTAINS", "GENERATE_SERIES": "SEQUENCE"}


def _translated(text: str) -> str:
    tree = sqlglot.parse_one(text, read="athena")
    assert isinstance(tree, exp.Query)
    assert all(name.args.get("quoted") for name in tree.find_all(exp.Identifier)), text
    for called in tree.find_all(exp.Func):
        name = called.name if isinstance(called, exp.Anonymous) else called.sql_name()
        assert _SQLGLOT_NAMES.get(name.upper(), name.upper()) in _ATHENA_FUNCTIONS, name
    assert not {"RANGE", "REGEXP_MATCHES", "//"} & set(text.upper().replace("(", " ").split())

    def in_duckdb(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Div) and not _is_double(node.this):
            return exp.IntDiv(this=node.this, expression=node.expression)  # as Trino divides
        if isinstance(node, exp.ArrayContains):
            block, address = node.this, node.expression
            assert isinstance(address, exp.TryCast) and address.to.sql() == "IPADDRESS"
            return exp.Anonymous(this="ip_in", expressions=[block, address.this])
        return node

    return tree.transform(in_duckdb).sql("duckdb")


def _is_double(value: exp.Expr) -> bool:
    return isinstance(value, exp.Cast) and value.to.is_type("double")


def _ip_in(block: pa.Array, address: pa.Array) -> pa.Array:
    network = ipaddress.ip_network(block[0].as_py())

    def inside(text: str | None) -> bool | None:
        try:
            return None if text is None else ipaddress.ip_address(text) in network
        except ValueError:
            return None

    return pa.array([inside(text) for text in address.to_pylist()], pa.bool_())


@pytest.fixture(scope="module", params=["archive", "aws parquet", "athena", "spark"])
def engine(request, folders):
    if request.param == "archive":
        return fl.archive(folders / "text", folders / "archive", progress=False)
    if request.param == "aws parquet":
        return fl.open_archive(folders / "parquet")
    if request.param == "athena":
        return _AthenaText(folders / "parquet")
    return spark(request.getfixturevalue("session"), folders / "parquet")


_WHEN = {"start": "2026-03-02T06:00", "end": "2026-03-02T18:00"}
_QUESTIONS = {
    "totals": lambda f: fl.totals(f),
    "totals of a period": lambda f: fl.totals(f, **_WHEN),
    "breakdown": lambda f: fl.breakdown(f, ["protocol", "action"]),
    "breakdown with nulls and ties": lambda f: fl.breakdown(f, "tcp_flags", rank_by="packets"),
    "top talkers": lambda f: fl.top_talkers(f, n=None),
    "top talkers in packets": lambda f: fl.top_talkers(f, packet_level=True, rank_by="flow_records"),
    "over time": lambda f: fl.traffic_over_time(f, every="45s", **_WHEN),
    "over time, whole": lambda f: fl.traffic_over_time(f, every="1h", by="action", spread=False),
    "over time, largest": lambda f: fl.traffic_over_time(f, every="1h", by="interface_id", n=2),
    "over time, null largest": lambda f: fl.traffic_over_time(f, every="6h", by="tcp_flags", n=1),
    "conversations": lambda f: fl.conversations(f, n=200),
    "peers": lambda f: fl.peers(f, n=None),
    "services": lambda f: fl.services(f, n=None),
    "records": lambda f: fl.records(f, sort_by="bytes", descending=True, n=50, offset=3),
    "records without a value": lambda f: fl.records(f, sort_by="tcp_flags", n=20, **_WHEN),
    "dns servers": lambda f: fl.dns_servers(f),
    "subnets": lambda f: fl.infer_subnets(f),
    "impossible": lambda f: fl.impossible_traffic(f, vpc_cidrs="10.0.0.0/16", subnets="10.0.1.0/24"),
    "every rule": lambda f: fl.excluded_by(f),
    "rules in a row": lambda f: fl.waterfall(f, [*NAMED, *_own_rules()]),
    "excluded": lambda f: fl.totals(fl.exclude(f, [*NAMED])),
    "only, twice": lambda f: fl.totals(fl.exclude(fl.only(f, ["dns", "ntp"]), "dns-private")),
    "excluded over time": lambda f: fl.traffic_over_time(
        fl.exclude(f, "dns"), every="1h", by="srcaddr", n=2
    ),
    "named": lambda f: fl.breakdown(_named(f), _NAMED_COLUMNS[:3], n=None),
    "services that AWS names": lambda f: fl.breakdown(
        fl.exclude(_named(_named(f)), "dns"), _NAMED_COLUMNS[3:], n=None
    ),
    "none": lambda f: fl.breakdown(f, "srcaddr", start="2031-01-01"),
    "no times": lambda f: fl.traffic_over_time(f, start="2031-01-01"),
}  # fmt: skip


_NAMED_COLUMNS = [
    "protocol_name", "tcp_flag_names", "traffic_path_name", "src_aws_service", "dst_aws_service",
    "aws_service_basis",
]  # fmt: skip


def _named(f):
    return fl.enrich(f, columns=_NAMED_COLUMNS)


def _own_rules():
    return [
        fl.rule("dns", servers=["10.0.2.53", "2001:db8::1"]),
        fl.rule("health-checks", load_balancers="10.0.1.0/24"),
        fl.rule("reserved", subnets=["10.0.1.0/24", "2001:db8:1234:1::/64"]),
        fl.rule("flow-log-delivery", readers="172.16.0.0/12"),
        ~fl.rule(
            "own", dstport="1024-65535", srcaddr=["192.0.2.0/25", "2000::/3"], action="accept"
        ),
        fl.rule("nobody", interface_id=None),
        fl.rule("everything", addr=["0.0.0.0/0", "::/0"]),
    ]


@pytest.fixture(scope="module")
def expected(flows):
    answers: dict[str, pd.DataFrame] = {}

    def of(name: str) -> pd.DataFrame:
        if name not in answers:
            answers[name] = _QUESTIONS[name](flows)
        return answers[name]

    return of


@pytest.mark.parametrize("name", _QUESTIONS)
def test_every_engine_gives_the_same_frame(name, engine, expected):
    assert_frame_equal(_QUESTIONS[name](engine), expected(name), check_exact=True)


# ------------------------------------------------------------------------------ Spark's own
_FEW = ("totals", "breakdown with nulls and ties", "over time, largest", "records", "every rule")


@pytest.mark.parametrize("name", _FEW)
def test_text_in_hive_folders_gives_the_same_in_spark(name, session, folders, expected):
    table = spark(session, str(folders / "text"))
    assert_frame_equal(_QUESTIONS[name](table), expected(name), check_exact=True)
    assert table.damaged() == 0


def test_a_table_a_view_and_a_frame_are_asked_alike(session, folders, expected):
    frame = session.read.option("recursiveFileLookup", "true").parquet(str(folders / "parquet"))
    # AWS's first example for Athena names the columns so; times as a catalog may have them.
    renamed = frame.selectExpr(
        "action", "interface_id AS interfaceid", "packets AS numpackets", "bytes AS numbytes",
        "timestamp_seconds(IF(start >= 100000000000, start DIV 1000, start)) AS starttime",
        "CAST(`end` AS STRING) AS endtime", "log_status AS logstatus", "'eu-west-1' AS dt",
    )  # fmt: skip
    renamed.createOrReplaceTempView("by_other_names")
    table = spark(session, "by_other_names")
    assert table.columns[1:4] == ["interface_id", "packets", "bytes"] and "dt" in table.columns
    assert "flow_log_" not in table.text(exp.select("*").from_('"flows"'))
    for asked in (table, spark(session, renamed)):
        assert_frame_equal(fl.totals(asked), expected("totals"), check_exact=True)
    views = [row.viewName for row in session.sql("SHOW VIEWS").collect()]
    assert "by_other_names" in views and not [v for v in views if v.startswith("flow_log_")]


def test_types_are_those_of_duckdb(session, folders, flows):
    table = spark(session, folders / "parquet")
    query = fl.records.builder(table, n=1).query
    archive = fl.open_archive(folders / "parquet")
    assert table.run(query).schema.equals(archive.run(query).schema)


def test_explore_takes_a_spark_table_and_what_is_left_of_it(session, folders):
    table = spark(session, folders / "parquet")
    left = fl.exclude(table, "dns")
    assert isinstance(left, FilteredTable) and repr(left).startswith("Spark: ")
    assert fl.explore(left).result is not None


def test_damaged_and_foreign_text_is_told(session, tmp_path):
    good = "2 1 eni-0a 192.0.2.1 192.0.2.2 1 2 6 3 40 1788222600 1788222660 ACCEPT OK"
    head = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes"
    head += " start end action log-status"
    (tmp_path / "a.log").write_text(
        f"{head}\n{good}\n\n{good} more\n{good.replace(' 40 ', ' x ')}\n"
    )
    table = spark(session, tmp_path)
    assert fl.totals(table)[["flow_records", "bytes"]].to_numpy().tolist() == [[2, 40]]
    assert table.damaged() == 1
    (tmp_path / "b.log").write_text("version srcaddr dstaddr\n")
    with pytest.raises(LineFormatError, match=r"another header line: version srcaddr.*b\.log"):
        fl.totals(spark(session, tmp_path))
    (tmp_path / "a.log").write_text(f"{good}\n")
    (tmp_path / "b.log").unlink()
    with pytest.raises(LineFormatError, match="log_format="):
        spark(session, tmp_path)
    assert len(fl.records(spark(session, tmp_path, log_format=head))) == 1
    pq.write_table(pa.table({"srcaddr": ["192.0.2.1"]}), tmp_path / "c.parquet")
    with pytest.raises(FlowlabError, match="Parquet and text"):
        spark(session, tmp_path)


def test_what_spark_refuses_says_what_to_do(session, tmp_path, folders):
    with pytest.raises(SourceError, match=r"knows no such table[\s\S]*listTables"):
        spark(session, "nothing_here")
    with pytest.raises(SourceError, match="no such folder"):
        spark(session, tmp_path / "nothing")
    with pytest.raises(SourceError, match="neither Parquet nor text"):
        spark(session, tmp_path)
    pq.write_table(pa.table({"colour": ["red"]}), tmp_path / "c.parquet")
    with pytest.raises(FlowlabError, match="no flow-log field"):
        spark(session, tmp_path)
    large = session.sql(
        "SELECT '192.0.2.1' AS srcaddr, 'x' AS action, 9000000000000000000 AS bytes UNION ALL "
        "SELECT '192.0.2.1', 'x', 9000000000000000000"
    )
    with pytest.raises(FlowlabError, match="larger than 64 bits"):
        fl.totals(spark(session, large))
    wrong = session.sql("SELECT '192.0.2.1' AS srcaddr, DATE '2026-03-02' AS srcport")
    with pytest.raises(FlowlabError, match="srcport has type date"):
        spark(session, wrong)
    table = spark(session, folders / "parquet")
    session.conf.set("spark.sql.ansi.enabled", "false")
    try:
        with pytest.raises(FlowlabError, match=r"ansi[\s\S]*session\.conf\.set"):
            fl.totals(table)
    finally:
        session.conf.set("spark.sql.ansi.enabled", "true")


def test_an_interrupt_stops_spark(session):
    slow = session.range(2**40).selectExpr("'192.0.2.1' AS srcaddr", "id AS bytes", "'x' AS action")
    table, began = spark(session, slow), time.monotonic()
    threading.Timer(3, stop_all).start()
    with pytest.raises(KeyboardInterrupt):
        fl.breakdown(table, "srcaddr")
    assert time.monotonic() - began < 60


# ------------------------------------------------------------------------------ the text
@pytest.mark.parametrize(
    ("question", "args", "options"),
    [
        (fl.totals, (), {}),
        (fl.breakdown, ("action",), {"n": 3}),
        (fl.traffic_over_time, (), {"by": "srcaddr", "n": 2}),
        (fl.waterfall, (["scan-noise", "dns"],), {}),
        (fl.records, (), {"n": 5, "offset": 5}),
    ],
)
@pytest.mark.parametrize("left", [False, True])
def test_an_archive_shows_the_text_of_every_engine(folders, question, args, options, left):
    archive = fl.open_archive(folders / "parquet")
    records = fl.exclude(archive, "metadata") if left else archive
    texts = {d: sql(question, records, *args, dialect=d, **options) for d in DIALECTS}
    assert texts["spark"] != texts["duckdb"]
    assert _translated(texts["athena"])
    assert isinstance(sqlglot.parse_one(texts["spark"], read="spark"), exp.Query)
    assert texts["duckdb"] == sql(question, records, *args, **options)
