"""The planned table run for real: its own DDL on Spark's Hive, over files in AWS's layouts."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlglot
from sqlglot import exp

import flowlab as fl
from flowlab.engines.projection import athena_setup
from flowlab.practice import generate
from flowlab.practice.writing import V2, V5, write_parquet, write_text

HERE = Path(__file__).parent
HAS_SPARK = find_spec("pyspark") and (os.environ.get("JAVA_HOME") or shutil.which("java"))
pytestmark = pytest.mark.skipif(
    not HAS_SPARK and os.environ.get("CI") != "true", reason="needs pyspark and Java 17 or later"
)
OWN, OTHER = ("012345678901", "eu-west-1"), ("111122223333", "us-east-1")
# Another order than AWS's default, so that columns found by position show whether they are right.
MIXED = ("dstport", "end", "log-status", "srcaddr", "version", "bytes", "start", "account-id",
         "action", "srcport", "tcp-flags", "traffic-path", "dstaddr", "region")  # fmt: skip
CASES = {
    "text_plain_daily": (write_text, {}, MIXED),
    "text_hive_hourly": (write_text, {"hive": True, "hourly": True}, V2),
    "parquet_plain_hourly": (write_parquet, {"hourly": True}, V5),
    "parquet_hive_daily": (write_parquet, {"hive": True}, V5),
}


def records():
    """The last 20 minutes of October, and the same an hour later: two months, two days."""
    table = generate(records=20_000, day="2026-10-31").table
    midnight = 1793491200  # date -ud 2026-11-01 +%s
    last = table.filter(pc.greater_equal(table["end"], midnight - 1200))
    last = last.filter(pc.less(last["end"], midnight))
    first = last
    for name in ("start", "end"):
        at = first.schema.get_field_index(name)
        first = first.set_column(
            at, first.field(at), pc.add(first[name], 3600).cast(first.field(at).type)
        )
    return pa.concat_tables([last, first])


def properties(ddl):
    """TBLPROPERTIES, as a parser reads them."""
    table = sqlglot.parse_one(ddl, read="athena")
    return {
        p.name: p.args["value"].name
        for p in table.args["properties"].expressions
        if type(p) is exp.Property
    }


def text(rows):
    """Rows in no order, as text with "-" for null, which is how AWS writes them."""
    return sorted(tuple("-" if value is None else str(value) for value in row) for row in rows)


def written(day, form):
    """A day in a format of Java's: what stands in quotes is kept, yyyy MM dd are filled in."""
    parts = form.split("'")
    for n in range(0, len(parts), 2):
        parts[n] = parts[n].replace("yyyy", f"{day:%Y}").replace("MM", f"{day:%m}").replace("dd", f"{day:%d}")  # fmt: skip
    return "".join(parts)


def expanded(told, keys, now):
    """All partitions that the documentation of Athena says a projection makes: values, folder."""
    found = []
    for key in keys:
        kind = told[f"projection.{key}.type"]
        if kind == "enum":
            found.append(told[f"projection.{key}.values"].split(","))
        elif kind == "integer":
            low, high = told[f"projection.{key}.range"].split(",")
            digits = int(told[f"projection.{key}.digits"])
            found.append([f"{n:0{digits}}" for n in range(int(low), int(high) + 1)])
        else:
            assert kind == "date"
            assert told[f"projection.{key}.interval"] == "1"
            assert told[f"projection.{key}.interval.unit"] == "DAYS"
            first, last = told[f"projection.{key}.range"].split(",")
            assert last == "NOW"
            form = told[f"projection.{key}.format"]
            days = [now - timedelta(days=n) for n in range(400)]
            found.append([w for w in (written(d, form) for d in reversed(days)) if w >= first])
    for values in itertools.product(*found):
        named = dict(zip(keys, values, strict=True))
        folder = told["storage.location.template"]
        for key, value in named.items():
            folder = folder.replace(f"${{{key}}}", value)
        yield named, folder


def folders(root):
    return {f"s3://acme-logs/vpc/{p.parent.relative_to(root)}/" for p in root.rglob("*.log.*")}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Each case: its files, its plan, what projects from it, and what Spark read."""
    base = tmp_path_factory.mktemp("spark")
    table, cases = records(), {}
    job = {"tables": {}, "formats": {}, "answers": str(base / "answers.json")}
    for name, (write, options, fields) in CASES.items():
        root = base / name
        write(table, root, fields=fields, files="s3", **options)
        # Everything a second time, as of another account and region.
        for old, new in zip(OWN, OTHER, strict=True):
            for folder in list(root.rglob(f"*{old}")):
                beside = folder.with_name(folder.name.replace(old, new))
                if old == OWN[0]:
                    shutil.copytree(folder, beside)
                elif OTHER[0] in str(folder):
                    folder.rename(beside)
        plan = athena_setup(
            "s3://acme-logs/vpc", table=name, fields=fields, parquet=write is write_parquet,
            accounts=[OWN[0], OTHER[0]], regions=[OWN[1], OTHER[1]], since="2026-10-31",
            **{"hive": False, "hourly": False} | options,
        )  # fmt: skip
        told = properties(plan.ddl)
        parts = list(expanded(told, plan.layout.keys, date(2026, 11, 1)))
        there = folders(root)
        local = f"file://{root}/"
        job["tables"][name] = {
            "ddl": plan.ddl.replace("s3://acme-logs/vpc/", local),
            "partitions": [
                [values, folder.replace("s3://acme-logs/vpc/", local)]
                for values, folder in parts
                if folder in there  # one without a folder is nothing to Athena, an error to Spark
            ],
        }
        job["formats"][told["projection.day.format"]] = ["2026-10-31", "2026-11-01", "2024-02-29"]
        cases[name] = (root, plan, parts)
    (base / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, HERE / "projection_spark.py", base / "job.json"],
        capture_output=True, text=True, timeout=300, cwd=base,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return cases, json.loads((base / "answers.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_what_projects_is_where_the_files_are(tables, name):
    root, plan, parts = tables[0][name]
    there = folders(root)
    named = {folder for _, folder in parts}
    assert len(named) == len(parts)  # no folder is read twice
    assert there <= named
    hours = {"00", "23"} if plan.layout.hourly else None
    wanted = {
        folder for values, folder in parts
        if (values["aws_account_id"], values["aws_region"]) in (OWN, OTHER)
        and (hours is None or values["hour"] in hours)
    }  # fmt: skip
    if hours:  # 23 of the first day, 00 of the second
        wanted = {f for f in wanted if re.search(r"31/(hour=)?23/|01/(hour=)?00/", f)}
    assert there == wanted
    assert len(there) == 4


@pytest.mark.parametrize("name", CASES)
def test_rows_on_spark_are_those_that_flowlab_reads(tables, name):
    root, plan, _parts = tables[0][name]
    flows, _ledger = fl.read_flows(root)
    columns, *rows = tables[1]["rows"][name]
    fields = [c for c, _ in plan.layout.columns]
    assert columns == [*fields, *plan.layout.keys]
    files = len(list(root.rglob("*.log.*")))
    status = columns.index("log_status")
    if not plan.layout.parquet:  # Spark does not know skip.header.line.count; Athena does
        heads = [row for row in rows if row[status] == "log-status"]
        assert len(heads) == files
        rows = [row for row in rows if row[status] != "log-status"]
    assert len(rows) == 2 * records().num_rows
    on_spark = text(row[: len(fields)] for row in rows if row[status] == "OK")
    epochs = {c: flows[c].astype("int64") for c in {"start", "end"} & set(flows)}
    frame = flows.assign(**epochs)[fields].astype("object")
    assert on_spark == text(frame.where(frame.notna(), None).itertuples(index=False))
    assert len(on_spark) > 400


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_numbers_and_dash_is_null_in_them(tables, name):
    _, plan, _ = tables[0][name]
    columns, *rows = tables[1]["rows"][name]
    silent = [row for row in rows if row[columns.index("log_status")] == "NODATA"]
    assert silent
    for column, kind in plan.layout.columns:
        at = columns.index(column)
        if column in ("srcport", "dstport", "bytes", "packets"):
            assert kind != "string"
            assert {row[at] for row in silent} == {None}
        if column in ("srcaddr", "dstaddr", "action"):
            assert {row[at] for row in silent} == {"-"}


def test_java_writes_days_as_planned(tables):
    days = tables[1]["days"]
    assert days["yyyy/MM/dd"] == ["2026/10/31", "2026/11/01", "2024/02/29"]
    assert days["'year='yyyy/'month='MM/'day='dd"] == [
        "year=2026/month=10/day=31", "year=2026/month=11/day=01", "year=2024/month=02/day=29"
    ]  # fmt: skip
