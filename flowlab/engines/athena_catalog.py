"""What the Glue Data Catalog says of a table: columns, partitions, format, where its files are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flowlab.engines import athena_pruning as pruning
from flowlab.engines.athena_pruning import Key, Level
from flowlab.engines.athena_refusals import explain
from flowlab.errors import FlowlabError, SourceError, unknown_name

_MOST_REGISTERED = 20_000  # partitions looked through for those of a period
_FORMATS = {
    "parquet": "Parquet",
    "orc": "ORC",
    "lazysimple": "text",
    "regex": "text",
    "csv": "text",
}


@dataclass(frozen=True)
class Description:
    """A table, as the catalog describes it.

    Attributes
    ----------
    columns : dict of str to str
        The files' columns and their types; without the partition columns.
    keys : tuple of Key
        Partition columns.
    format : str
        "text", "Parquet" ...; "view" for a view.
    location : str
        Where its files are, as s3://bucket/prefix; "" for a view.
    template : str
        Where a projected partition's files are; "" if its folders are named in Hive's way.
    projected : bool
        Whether partitions are computed, and none need be registered.
    owner : str
        Account that has the catalog.
    """

    database: str
    name: str
    columns: Mapping[str, str]
    keys: tuple[Key, ...]
    format: str
    location: str
    template: str
    projected: bool
    owner: str
    sample: Mapping[str, str]  # values of one registered partition

    @cached_property
    def levels(self) -> list[Level]:
        """Partition columns that tell a time, from the coarsest."""
        return pruning.levels(self.keys, self.sample)

    def prefixes(
        self, times: Sequence[Any], named: Mapping[str, Sequence[str]]
    ) -> list[str] | None:
        """Give the places of the projected partitions of a period; None where they are not known.

        Parameters
        ----------
        times : sequence of datetime
            As `athena_pruning.moments` gives them.
        named : mapping
            Values of partition columns, as the user restricted them.
        """
        if not self.keys:
            return [self.location]
        of_time = {level.column: level for level in self.levels}
        rest: dict[str, list[str]] = {}
        for key in self.keys:
            if key.name not in of_time:
                rest[key.name] = list(named.get(key.name, ())) or _projected(key)
        if not all(rest.values()) or (self.keys and not times):
            return None
        found: dict[str, None] = {}
        for moment in times:
            stamp = {column: level.text(moment) for column, level in of_time.items()}
            for values in itertools.product(*rest.values()):
                found[self._place(stamp | dict(zip(rest, values, strict=True)))] = None
        return list(found)

    def _place(self, values: Mapping[str, str]) -> str:
        if self.template:
            return re.sub(r"\$\{(\w+)\}", lambda m: values.get(m[1].lower(), m[0]), self.template)
        return "/".join(
            [self.location.rstrip("/"), *(f"{k.name}={values[k.name]}" for k in self.keys)]
        )


def _projected(key: Key) -> list[str]:
    """List the values that a column is projected to, if that can be told here."""
    kind = key.projection.get("type", "").lower()
    if kind == "enum":
        return key.projection.get("values", "").split(",")
    if kind == "integer":
        low, _, high = key.projection.get("range", "").partition(",")
        if low.strip().isdigit() and high.strip().isdigit():
            width = int(key.projection.get("digits", "1"))
            return [
                str(n).zfill(width) for n in range(int(low), min(int(high), int(low) + 999) + 1)
            ]
    return []


def describe(glue: Any, database: str, name: str, profile: str | None = None) -> Description:
    """Ask the Glue Data Catalog for a table.

    Raises
    ------
    SourceError
        There is no such table or database; near names are offered.
    FlowlabError
        AWS refuses, or the table's columns are not known.
    """
    doing = f"describing the table {database}.{name}"
    problem = None
    try:
        table = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        problem = _not_found(glue, database, name)
    except Exception as error:  # noqa: BLE001 - botocore's, of whatever kind
        problem = explain(error, doing, profile)
    if problem:
        raise problem
    properties = table.get("Parameters") or {}
    storage = table.get("StorageDescriptor") or {}
    keys = tuple(_key(column, properties) for column in table.get("PartitionKeys") or ())
    projected = properties.get("projection.enabled", "").lower() == "true"
    columns = {c["Name"]: c.get("Type", "string").lower() for c in storage.get("Columns") or ()}
    if not columns:
        raise FlowlabError(
            f"{doing}: it has no columns.",
            "it is shared from another account or is not a table of files.",
            "name the table itself; fl.athena_setup(...) makes one.",
        )
    sample: Mapping[str, str] = {}
    if keys and not projected:
        first = next(_pages(glue, database, name, doing, profile, 1), [])
        sample = _values(keys, first[0]) if first else {}
    return Description(
        database, name, columns, keys, _format(table, storage), storage.get("Location") or "",
        properties.get("storage.location.template", "") if projected else "", projected,
        table.get("CatalogId") or "*", sample,
    )  # fmt: skip


def registered(
    glue: Any, table: Description, times: Sequence[Any], named: Mapping[str, Sequence[str]]
) -> list[str] | None:
    """Give the places of the registered partitions of a period; None if there are too many."""
    wanted = pruning.names(table.levels, times)
    found, seen = [], 0
    for page in _pages(glue, table.database, table.name, f"listing partitions of {table.name}"):
        for partition in page:
            values = _values(table.keys, partition)
            ours = all(values[c] in of for c, of in named.items())
            if ours and (not table.levels or pruning.name(table.levels, values) in wanted):
                found.append(str(partition["StorageDescriptor"]["Location"]))
        seen += len(page)
        if seen >= _MOST_REGISTERED:
            return None
    return found


def _pages(
    glue: Any, database: str, name: str, doing: str, profile: str | None = None, most: int = 1000
) -> Iterator[list[dict[str, Any]]]:
    problem = None
    try:
        request = {"DatabaseName": database, "TableName": name, "ExcludeColumnSchema": True}
        while True:
            page = glue.get_partitions(**request, MaxResults=most)
            yield page["Partitions"]
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]
    except Exception as error:  # noqa: BLE001 - botocore's, of whatever kind
        problem = explain(error, doing, profile)
    raise problem


def _key(column: Mapping[str, str], properties: Mapping[str, str]) -> Key:
    name = column["Name"].lower()
    start = f"projection.{name}."
    told = {
        k.lower()[len(start) :]: v for k, v in properties.items() if k.lower().startswith(start)
    }
    enabled = properties.get("projection.enabled", "").lower() == "true"
    return Key(name, column.get("Type", "string").lower(), told if enabled else {})


def _values(keys: Sequence[Key], partition: Mapping[str, Any]) -> dict[str, str]:
    return dict(zip((key.name for key in keys), map(str, partition["Values"]), strict=True))


def _format(table: Mapping[str, Any], storage: Mapping[str, Any]) -> str:
    if table.get("TableType") == "VIRTUAL_VIEW":
        return "view"
    reader = str((storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")).lower()
    return next((told for word, told in _FORMATS.items() if word in reader), "unknown format")


def _not_found(glue: Any, database: str, name: str) -> FlowlabError:
    try:
        there = [t["Name"] for t in glue.get_tables(DatabaseName=database)["TableList"]]
    except glue.exceptions.EntityNotFoundException:
        return SourceError(
            f"there is no database {database!r} in the Glue Data Catalog of this region.",
            "it is misspelled, or in another region or account.",
            "pass database= and region=; `aws glue get-databases` lists what there is.",
        )
    except Exception:  # noqa: BLE001 - listing is a courtesy; the answer is known without it
        there = []
    if there:
        return SourceError(
            f"there is no table {name!r} in the database {database!r}.",
            "it is misspelled, or was not made yet.",
            unknown_name("table", name, there).fix + " fl.athena_setup(...) makes one.",
        )
    return SourceError(
        f"there is no table {name!r} in the database {database!r}.",
        "it was not made yet, or is in another region, account or database.",
        "fl.athena_setup(...) makes one; or pass database= and region=.",
    )
