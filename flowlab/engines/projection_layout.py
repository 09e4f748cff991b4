"""What flow logs' files in S3 look like to Athena: columns, partition keys, folders.

Sources: AWS, "Amazon Athena User Guide": "Supported types for partition projection", "Set up
partition projection", and the tables it gives for VPC flow logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from flowlab import schema
from flowlab.errors import FlowlabError

ACCOUNT, REGION, DAY, HOUR = "aws_account_id", "aws_region", "day", "hour"
PLAIN_DAY, HIVE_DAY = "yyyy/MM/dd", "'year='yyyy/'month='MM/'day='dd"
_DAYS = {PLAIN_DAY: "%Y/%m/%d", HIVE_DAY: "year=%Y/month=%m/day=%d"}

# AWS's type list has protocol as INT_32, its tables for Athena as bigint: what reads both.
_WIDE = {"protocol"}
_TYPES = {"int32": "int", "int64": "bigint", "time": "bigint"}

TEXT_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
TEXT_FILES = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
PARQUET_FILES = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)


def day_value(day: date, form: str) -> str:
    """Write a day as the partition key ``day`` has it.

    Parameters
    ----------
    day : date
    form : str
        ``projection.day.format`` of the table.

    Returns
    -------
    str

    Raises
    ------
    FlowlabError
        A format that `fl.athena_setup` does not write.

    Examples
    --------
    >>> from datetime import date
    >>> from flowlab.engines.projection_layout import HIVE_DAY, day_value
    >>> day_value(date(2026, 11, 2), HIVE_DAY)
    'year=2026/month=11/day=02'
    """
    if form not in _DAYS:
        raise FlowlabError(
            f"projection.day.format is {form!r}: days in that format cannot be written.",
            "the table was not made as fl.athena_setup makes it.",
            "plan a table of its own for these files with fl.athena_setup(...).",
        )
    return day.strftime(_DAYS[form])


@dataclass(frozen=True)
class Layout:
    """Files of one format in AWS's folders below one prefix.

    Attributes
    ----------
    bucket, prefix : str
        The prefix without slashes at its ends; ``AWSLogs`` stands below it.
    fields : tuple of str
        Columns of a flow frame, in the order of the format.
    since : date
        First day that is looked at.
    parquet, hive, hourly : bool
        As DestinationOptions of the flow log has them.
    accounts, regions : tuple of str
        None at all: any; a query has to name them.
    found_types : mapping
        Athena types of fields flowlab does not know, where a Parquet file told them.
    """

    bucket: str
    prefix: str
    fields: tuple[str, ...]
    since: date
    parquet: bool = False
    hive: bool = False
    hourly: bool = False
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    found_types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns and their types, in the order of the format."""
        return [(name, self._type(name)) for name in self.fields]

    def _type(self, name: str) -> str:
        if name not in schema.BY_COLUMN:
            return self.found_types.get(name, "string")
        return "bigint" if name in _WIDE else _TYPES.get(schema.kind_of(name), "string")

    @property
    def keys(self) -> list[str]:
        """Partition keys, in order; all of them are strings."""
        return [ACCOUNT, REGION, DAY, *([HOUR] if self.hourly else [])]

    @property
    def location(self) -> str:
        """What all files are below."""
        return f"s3://{self.bucket}/{self.prefix}/AWSLogs/".replace("//AWSLogs", "/AWSLogs")

    @property
    def template(self) -> str:
        """Folder of one partition, with its keys to be filled in."""
        account, region, day, hour = (f"${{{key}}}" for key in (ACCOUNT, REGION, DAY, HOUR))
        if self.hive:
            levels = [f"aws-account-id={account}", "aws-service=vpcflowlogs",
                      f"aws-region={region}", day, f"hour={hour}"]  # fmt: skip
        else:
            levels = [account, "vpcflowlogs", region, day, hour]
        return self.location + "/".join(levels if self.hourly else levels[:-1]) + "/"

    @property
    def day_format(self) -> str:
        """``projection.day.format``."""
        return HIVE_DAY if self.hive else PLAIN_DAY

    @property
    def properties(self) -> dict[str, str]:
        """TBLPROPERTIES: how Athena makes partitions out of nothing but these."""
        first = day_value(self.since, self.day_format)
        told = {} if self.parquet else {"skip.header.line.count": "1"}
        told["projection.enabled"] = "true"
        for key, values in ((ACCOUNT, self.accounts), (REGION, self.regions)):
            told[f"projection.{key}.type"] = "enum" if values else "injected"
            if values:
                told[f"projection.{key}.values"] = ",".join(values)
        told |= {
            f"projection.{DAY}.type": "date",
            f"projection.{DAY}.format": self.day_format,
            f"projection.{DAY}.range": f"{first},NOW",
            f"projection.{DAY}.interval": "1",
            f"projection.{DAY}.interval.unit": "DAYS",
        }
        if self.hourly:
            told |= {
                f"projection.{HOUR}.type": "integer",
                f"projection.{HOUR}.range": "00,23",
                f"projection.{HOUR}.digits": "2",
            }
        return told | {"storage.location.template": self.template}

    @property
    def words(self) -> str:
        """What the files are, in words."""
        kind = "Parquet" if self.parquet else "text"
        folders = "folders named for Hive" if self.hive else "plain folders"
        return f"{kind}, {folders}, one per {'hour' if self.hourly else 'day'}"


def table_input(layout: Layout, table: str) -> dict[str, object]:
    """Write the table as the Glue Data Catalog takes it (TableInput)."""
    reads, writes = PARQUET_FILES if layout.parquet else TEXT_FILES
    serde: dict[str, object] = {"SerializationLibrary": PARQUET_SERDE}
    if not layout.parquet:
        blank = {"field.delim": " ", "serialization.format": " "}
        serde = {"SerializationLibrary": TEXT_SERDE, "Parameters": blank}
    return {
        "Name": table,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **layout.properties},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in layout.keys],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in layout.columns],
            "Location": layout.location,
            "InputFormat": reads,
            "OutputFormat": writes,
            "SerdeInfo": serde,
        },
    }
