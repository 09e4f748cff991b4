"""The table as text for others: DDL for Athena, a CloudFormation template, what each part means."""

from __future__ import annotations

import json

from flowlab.engines import projection_layout as parts
from flowlab.engines.projection_layout import Layout, table_input

_NAMED = "named in the table; files of others are never looked at"
_INJECTED = "not named in the table: every query must say which, with = or IN (at most 1,000)"

_LIMITS = (
    ("other engines", "", ("only Athena reads projection.*; Spark, EMR and Redshift Spectrum would "
     "need partitions registered in Glue, of which there are none")),
    ("SHOW PARTITIONS", "", ("lists nothing: no partition is registered, none has to be added, and "
     "no crawler, MSCK REPAIR or job is needed")),
    ("folders that are not there", "", ("do no harm: no rows, no error; Athena looks for each that "
     "the query's WHERE leaves, so many of them make it slow")),
    ("without a WHERE on day", "", "all folders of the range are listed and read, and paid for"),
)  # fmt: skip


def ddl(layout: Layout, database: str, table: str) -> str:
    """Write CREATE EXTERNAL TABLE as Athena takes it; every name is quoted."""
    columns = ",\n".join(f"  `{name}` {kind}" for name, kind in layout.columns)
    keys = ", ".join(f"`{key}` string" for key in layout.keys)
    told = ",\n".join(f"  {_text(k)} = {_text(v)}" for k, v in layout.properties.items())
    if layout.parquet:
        reads, writes = parts.PARQUET_FILES
        kind = (
            f"ROW FORMAT SERDE '{parts.PARQUET_SERDE}'\n"
            f"STORED AS INPUTFORMAT '{reads}'\n  OUTPUTFORMAT '{writes}'"
        )
    else:
        kind = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '"
    return (
        f"CREATE EXTERNAL TABLE `{database}`.`{table}` (\n{columns}\n)\n"
        f"PARTITIONED BY ({keys})\n{kind}\nLOCATION {_text(layout.location)}\n"
        f"TBLPROPERTIES (\n{told}\n)\n"
    )


def _text(value: str) -> str:
    """Write a string literal; the day format of Hive's folders has single quotes in it."""
    quote = '"' if "'" in value else "'"
    return f"{quote}{value}{quote}"


def cloudformation(layout: Layout, database: str, table: str) -> str:
    """Write a CloudFormation template, in JSON, of the table and, if wished, its database."""
    catalog = {"Ref": "AWS::AccountId"}
    text = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Athena table {database}.{table} of the VPC flow logs in "
        f"{layout.location}, with partition projection",
        "Parameters": {
            "MakeDatabase": {
                "Type": "String",
                "AllowedValues": ["yes", "no"],
                "Default": "yes",
                "Description": f"no: the database {database} exists already",
            }
        },
        "Conditions": {"MakesDatabase": {"Fn::Equals": [{"Ref": "MakeDatabase"}, "yes"]}},
        "Resources": {
            "Database": {
                "Type": "AWS::Glue::Database",
                "Condition": "MakesDatabase",
                "Properties": {"CatalogId": catalog, "DatabaseInput": {"Name": database}},
            },
            "Table": {
                "Type": "AWS::Glue::Table",
                "Properties": {
                    "CatalogId": catalog,
                    # Not just its name: so the database is there first.
                    "DatabaseName": {"Fn::If": ["MakesDatabase", {"Ref": "Database"}, database]},
                    "TableInput": table_input(layout, table),
                },
            },
        },
    }
    return json.dumps(text, indent=2) + "\n"


def explained(layout: Layout) -> list[tuple[str, str, str]]:
    """Say what each part of the table does, and what it cannot: part, value, meaning."""
    first = parts.day_value(layout.since, layout.day_format)
    order = (
        "by name: the order of the columns does not matter"
        if layout.parquet
        else "by position: the order of the format; in a file of another format, all columns shift"
    )
    meanings = {
        "skip.header.line.count": "each file begins with a line of field names",
        "projection.enabled": "partitions are computed from what follows, not looked up in Glue",
        f"projection.{parts.DAY}.type": "one folder per day",
        f"projection.{parts.DAY}.format": "how a day is written (Java's DateTimeFormatter; what "
        "stands in quotes is kept as it is). Text in this format sorts as time does",
        f"projection.{parts.DAY}.range": f"first and last day. Before {first} nothing is found, "
        "and no error says so. NOW is the moment of the query, in UTC",
        f"projection.{parts.DAY}.interval": "every day",
        f"projection.{parts.DAY}.interval.unit": "of the interval",
        f"projection.{parts.HOUR}.type": "one folder per hour",
        f"projection.{parts.HOUR}.range": "first and last hour, UTC",
        f"projection.{parts.HOUR}.digits": "hours are text: '07', not 7",
        "storage.location.template": "the folder of a partition, each key filled in",
    }
    for key, what in ((parts.ACCOUNT, "accounts"), (parts.REGION, "regions")):
        values = layout.accounts if key == parts.ACCOUNT else layout.regions
        meanings[f"projection.{key}.type"] = f"{what} are {_NAMED if values else _INJECTED}"
        meanings[f"projection.{key}.values"] = f"the {what} that are looked at"
    rows = [
        ("columns", f"{len(layout.fields)}", f"found {order}"),
        ("partition keys", ", ".join(layout.keys), ("columns that no file has: Athena fills them "
         "in from the folder. A WHERE on them decides which folders are read")),
        ("LOCATION", layout.location, "what all files are below; the template says where exactly"),
        *((name, value, meanings[name]) for name, value in layout.properties.items()),
        ("time zone", "UTC", ("folders are named by the time a file was published. A record may "
         "stand in the folder after that of its start: take a day (or hour) more than you ask for, "
         "then WHERE on start")),
    ]  # fmt: skip
    if not layout.parquet:
        rows.append(("-", "", "in a number column it is NULL; in a text column it stays '-'"))
    else:
        rows.append(("-", "", "AWS writes NULL in number columns and '-' in text columns"))
    return [*rows, *_LIMITS]
