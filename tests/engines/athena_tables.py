"""Two days of flow logs in buckets, in AWS's layouts, and the tables that people make of them."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from engines.fake_athena import FakeAthena
from sqlglot import exp

from flowlab import practice, schema
from flowlab.practice import writing

ACCOUNT, REGION = practice.ENVIRONMENT.vpc.account_id, practice.ENVIRONMENT.vpc.region
TEXT = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
FORMAT = " ".join(f"${{{name}}}" for name in writing.V5)
DAYS = ("2026-11-01", "2026-11-02")
PLAIN = "s3://logs/daily/AWSLogs"
HOURLY = "s3://logs/hourly/AWSLogs"


def columns(fields=writing.V5, rename=None):
    kinds = {"int32": "int", "int64": "bigint", "time": "bigint"}
    names = [f.replace("-", "_") for f in fields]
    return [
        {"Name": (rename or {}).get(n, n), "Type": kinds.get(schema.kind_of(n), "string")}
        for n in names
    ]


def table(name, location, keys, *, serde=TEXT, properties=None, cols=None, kind="EXTERNAL_TABLE"):
    """A table as Glue's GetTable describes it."""
    return {
        "Name": name,
        "DatabaseName": "network",
        "CatalogId": "111122223333",
        "TableType": kind,
        "StorageDescriptor": {
            "Columns": cols or columns(),
            "Location": location,
            "SerdeInfo": {"SerializationLibrary": serde},
        },
        "PartitionKeys": [{"Name": n, "Type": t} for n, t in keys],
        "Parameters": {"EXTERNAL": "TRUE", **(properties or {})},
    }


def made_by(ddl):
    """The table that a CREATE EXTERNAL TABLE makes, as Glue then describes it."""
    tree = sqlglot.parse_one(ddl, read="athena")
    properties = {
        p.name: p.args["value"].name for p in tree.find_all(exp.Property) if "value" in p.args
    }
    keys = re.search(r"PARTITIONED BY \((.*)\)", ddl)[1]
    cols = re.findall(r"^  `(\w+)` (\w+)", ddl, re.M)
    made = table(
        tree.this.this.name,
        re.search("LOCATION '([^']+)'", ddl)[1],
        re.findall(r"`(\w+)` (\w+)", keys),
        serde=PARQUET if "parquet" in ddl.lower() else TEXT,
        properties=properties,
        cols=[{"Name": n, "Type": t} for n, t in cols],
    )
    return made | {"DatabaseName": tree.this.this.db}


def projected(**more):
    """Projection over AWS's layout, as AWS's own example has it."""
    return {
        "projection.enabled": "true",
        "projection.accid.type": "enum",
        "projection.accid.values": f"{ACCOUNT},444455556666",
        "projection.reg.type": "enum",
        "projection.reg.values": REGION,
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        "projection.day.range": "2026/10/01,NOW",
        "storage.location.template": PLAIN + "/${accid}/vpcflowlogs/${reg}/${day}",
        **{k.replace("__", "."): v for k, v in more.items()},
    }


KEYS = [("accid", "string"), ("reg", "string"), ("day", "string")]


def records():
    """The hours before and after a midnight; the seed makes them the same each time."""
    made = [practice.generate(records=1500, day=day).table for day in DAYS]
    whole = pa.concat_tables(made, promote_options="permissive")
    midnight = 1793577600  # 2026-11-02 00:00 UTC
    near = pc.and_(
        pc.greater_equal(whole["end"], midnight - 2 * 3600), pc.less(whole["end"], midnight + 7200)
    )
    return whole.filter(near)


def store(fake: FakeAthena) -> None:
    """Write the files, and add the tables."""
    made = records()
    writing.write_text(made, fake.folder / "logs/daily", files="s3")
    writing.write_parquet(made, fake.folder / "logs/hourly", files="s3", hive=True, hourly=True)
    (fake.folder / "results").mkdir()
    days = fake.folder / f"logs/daily/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/11"
    # Delivered late: a file of the first day's last minutes, in the folder of the next day.
    late = sorted((days / "01").iterdir())[-1]
    late.rename(days / "02" / late.name)

    fake.add_table(table("daily", PLAIN, KEYS, properties=projected()))
    fake.add_table(
        table("injected", PLAIN, KEYS, properties=projected(projection__accid__type="injected"))
    )
    hive = (
        HOURLY
        + "/aws-account-id=${accid}/aws-service=vpcflowlogs/aws-region=${reg}/${day}/hour=${hour}"
    )
    fake.add_table(
        table(
            "hourly", HOURLY, [*KEYS, ("hour", "string")], serde=PARQUET,
            properties=projected(
                projection__day__format="'year='yyyy/'month='MM/'day='dd",
                projection__hour__type="integer", projection__hour__range="00,23",
                projection__hour__digits="2", storage__location__template=hive,
            ),
        )
    )  # fmt: skip
    # As AWS's own integration makes it: partitions are registered, day by day.
    parts = [("year", "string"), ("month", "string"), ("day", "string")]
    place = f"{PLAIN}/{ACCOUNT}/vpcflowlogs/{REGION}/2026/11/"
    registered = [
        {"Values": ["2026", "11", d], "StorageDescriptor": {"Location": place + d}}
        for d in ("01", "02")
    ]
    fake.add_table(table("registered", PLAIN, parts), registered)
    fake.add_table(table("unregistered", PLAIN, parts), [])
    fake.add_table(table("flat", HOURLY, [], serde=PARQUET))
