"""Opening a table in Amazon Athena, and saying what a question to it would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowlab.engines.athena_catalog import Description, describe
from flowlab.engines.athena_running import Runner
from flowlab.engines.athena_sizes import DryRun
from flowlab.engines.athena_table import AthenaTable
from flowlab.errors import FlowlabError, unknown_name
from flowlab.options import seconds_of
from flowlab.sources.aws import Access
from flowlab.tables import Table, as_table, unlayered

if TYPE_CHECKING:
    import pandas as pd


def athena(
    table: str,
    *,
    database: str = "default",
    workgroup: str = "primary",
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    output_location: str | None = None,
    partitions: Mapping[str, str | Sequence[str]] | None = None,
    max_bytes: int | None = None,
    reuse: str | None = None,
    progress: bool = True,
) -> AthenaTable:
    """Open a table of flow logs in Amazon Athena, to ask questions of it where it is.

    Nothing is created and no record is read: the table is looked up in the Glue Data Catalog.

    Parameters
    ----------
    table, database : str
        As in the catalog. Columns may be named as in any of AWS's examples.
    workgroup : str
        In which the queries run. Its own limit of bytes (BytesScannedCutoffPerQuery) holds too.
    profile, region, role_arn, endpoint_url : str, optional
        As whom and where to ask: see `flowlab.sources.aws.Access`.
    output_location : str, optional
        Where Athena stores results, such as ``s3://bucket/folder/``; by default the workgroup says.
    partitions : mapping, optional
        Values of partition columns that are no times, such as ``{"aws_region": "eu-west-1"}``:
        only these are read. Needed for columns that are projected as "injected".
    max_bytes : int, optional
        A question that would read more is refused; one that turns out to is stopped. [bytes]
    reuse : str, optional
        Let Athena give back its own result of the same query, if it is no older than this
        ("1h", at most "7D"); new records do not count then.
    progress : bool
        Show a bar when a query takes more than a second.

    Returns
    -------
    AthenaTable
        Every question accepts it in place of a DataFrame, with a period: ``start`` and ``end``.

    Raises
    ------
    SourceError
        There is no such table or database; near names are offered.
    FlowlabError
        AWS refuses, or the workgroup does not let a call say where results go.

    Notes
    -----
    It needs a period because Athena charges for bytes read, and the period is what tells it which
    folders to leave out. Folders are named after the end of their records or later, so one named
    up to an hour after the period is read too; the records are then chosen by their own start.

    Examples
    --------
    >>> import flowlab as fl
    >>> logs = fl.athena("vpc_flow_logs", database="network")                      # doctest: +SKIP
    >>> fl.top_talkers(logs, start="2026-11-01", end="2026-11-02", n=5)           # doctest: +SKIP
    """
    access = Access(profile, region, role_arn, endpoint_url)
    found = describe(access.client("glue"), database.lower(), table.lower(), profile)
    request: dict[str, Any] = {
        "QueryExecutionContext": {"Database": found.database},
        "WorkGroup": workgroup,
    }
    if output_location:
        request["ResultConfiguration"] = {"OutputLocation": output_location}
    if reuse:
        request["ResultReuseConfiguration"] = {
            "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": _minutes(reuse)}
        }
    doing = f"asking the table {found.database}.{found.name}"
    runner = Runner(access.client("athena"), doing, request, max_bytes, progress, profile)
    opened = AthenaTable(found, runner, access, _named(found, partitions or {}))
    if output_location:
        opened.check_output(output_location)
    return opened


def dry_run(asked: Callable[..., pd.DataFrame], flows: Any, *args: Any, **options: Any) -> DryRun:
    """Say what a question would read and cost in Athena, without asking it.

    Parameters
    ----------
    asked : function
        A question, such as `top_talkers`.
    flows : AthenaTable, or what `exclude` and `only` make of one
    *args, **options
        The question's own, its period among them.

    Returns
    -------
    DryRun
        The SQL; bytes of the partitions it prunes to, from listing them in S3, and their price at
        a dated rate. Athena itself tells bytes only once it has read them.

    Raises
    ------
    FlowlabError
        Not a question, not of Athena, or no period.
    """
    builder = getattr(asked, "builder", None)
    if builder is None:
        raise FlowlabError(
            f"{getattr(asked, '__name__', asked)!r} is not a question flowlab asks in SQL.",
            fix="pass the function itself: fl.dry_run(fl.top_talkers, table, start=..., end=...).",
        )
    table: Table = as_table(flows)
    table, query = unlayered(table, builder(table, *args, **options).query)
    if not isinstance(table, AthenaTable):
        raise FlowlabError(
            f"a dry run of a {type(flows).__name__} tells nothing: asking it costs nothing.",
            fix="pass a table of fl.athena(...).",
        )
    return table.dry_run(query)


def _named(
    table: Description, given: Mapping[str, str | Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Check the values that partitions are restricted to, and that none is lacking."""
    of_time = {level.column for level in table.levels}
    free = [key for key in table.keys if key.name not in of_time]
    for name in given:
        if name not in {key.name for key in free}:
            what = f"{table.name}: the partition column that is no time"
            raise unknown_name(what, name, [key.name for key in free])
    lacking = [
        k.name for k in free if k.projection.get("type") == "injected" and k.name not in given
    ]
    if lacking:
        raise FlowlabError(
            f"{table.database}.{table.name}: which {' and which '.join(lacking)}?",
            "these partition columns are projected as 'injected': a query must name their values.",
            f"pass partitions={{{lacking[0]!r}: '...'}}.",
        )
    return {n: [v] if isinstance(v, str) else [str(one) for one in v] for n, v in given.items()}


def _minutes(reuse: str) -> int:
    return min(seconds_of(reuse) // 60, 7 * 24 * 60)
