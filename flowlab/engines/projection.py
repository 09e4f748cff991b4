"""The Athena table for one flow log's format: planned, shown, written for others, or created.

The partition keys of such a table, all of type string, in this order, none of them an AWS field:

``aws_account_id``
    Owner of the flow log. ``projection.aws_account_id.type`` is ``enum`` (with ``.values``), or
    ``injected`` where accounts were not named: then every query must say which, with = or IN.
``aws_region``
    Region of the flow log. ``enum`` or ``injected``, like the account.
``day``
    Folder of the day, UTC. ``date``, with ``.range`` = ``first,NOW`` and ``.format`` one of
    ``yyyy/MM/dd`` (2026/11/02) or, for folders named for Hive, ``'year='yyyy/'month='MM/'day='dd``
    (year=2026/month=11/day=02). Text of either sorts as time does, so <, >= and BETWEEN prune;
    `projection_layout.day_value` writes a day in the format that a table has.
``hour``
    Only of hourly folders. ``integer`` with two digits: text '00' to '23'.

A folder is that of the time its file was published, not of a record's start: who asks for a
period looks a little further in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlab.engines.projection_formats import table_name
from flowlab.engines.projection_plan import TablePlan
from flowlab.engines.projection_reading import Said, of_bucket, of_flow_log
from flowlab.errors import FlowlabError
from flowlab.setup.wishes import access_of
from flowlab.sources.s3 import S3

if TYPE_CHECKING:
    from flowlab.setup.inventory import Inventory
    from flowlab.setup.reporting import SetupReport

_ACCOUNT, _REGION = r"\d{12}", r"[a-z]{2,}(-[a-z]+)+-\d+"


def athena_setup(
    flow_log: str | S3,
    *,
    database: str = "flowlab",
    table: str = "vpc_flow_logs",
    fields: str | Sequence[str] | None = None,
    parquet: bool | None = None,
    hive: bool | None = None,
    hourly: bool | None = None,
    accounts: str | Iterable[str] | None = None,
    regions: str | Iterable[str] | None = None,
    since: Any = None,
    snapshot: SetupReport | Inventory | str | Path | None = None,
    region: str | None = None,
    profile: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
) -> TablePlan:
    """Plan the Athena table for a flow log's files: its format, its folders, its partitions.

    Partitions are computed by Athena from the table itself (partition projection): nothing has to
    be registered, today or on any later day. AWS is only read. `TablePlan.create` makes the table;
    or take it elsewhere as DDL or as a CloudFormation template.

    Parameters
    ----------
    flow_log : str or S3
        Id of a flow log that delivers to S3, or where files are: ``s3://bucket/prefix``, above
        ``AWSLogs``.
    database, table : str
        Names in Athena: small letters, digits, underscores.
    fields : str or sequence of str, optional
        Format of the files: LogFormat as AWS shows it, or names in order. Where left out, the
        files tell.
    parquet, hive, hourly : bool, optional
        What the files and folders are, as in `plan_flow_logs`. Where left out, the bucket tells.
    accounts, regions : str or iterable of str, optional
        Whose folders; "any": not named in the table, then every query has to. Where left out,
        those that have folders; with a flow log, its own.
    since : date-like, optional
        First day. [UTC] Where left out, the day of the first file; with a flow log, of its making.
    snapshot : SetupReport, Inventory or path, optional
        Look for the flow log in a saved set-up, without asking AWS.
    region, profile, role_arn, endpoint_url : str, optional
        As whom and where to ask: see `flowlab.sources.aws.Access`.

    Returns
    -------
    TablePlan
        Shows itself; `ddl`, `cloudformation`, `explain`, `create`.

    Raises
    ------
    FlowlabError
        A flow log that does not deliver to S3; a bucket that may not be listed (AccessError), or
        is not as said here; a name Athena does not take.
    LineFormatError
        Files of different formats would be read by one text table: its columns would shift.
    UnknownNameError
        No such flow log or field; the nearest are named.

    Notes
    -----
    A bucket is looked into for what is not said, and for files of another format: the first and
    the newest day of each account and region. If fields, accounts, regions and since are all
    given, it is not. The table has never been run on Athena by flowlab: it is parsed in Athena's
    dialect, and an equal one is run on Spark.

    Examples
    --------
    >>> import flowlab as fl
    >>> plan = fl.athena_setup(
    ...     "s3://acme-logs/vpc", fields="${version} ${srcaddr} ${start} ${end}",
    ...     accounts="111122223333", regions="eu-west-1", since="2026-11-01",
    ... )
    >>> print(plan.ddl.splitlines()[0])
    CREATE EXTERNAL TABLE `flowlab`.`vpc_flow_logs` (
    """
    names = table_name("database", database), table_name("table", table)
    access = access_of(flow_log, profile, region, role_arn, endpoint_url)
    said = Said(
        fields, parquet, hive, hourly, _listed("accounts", accounts, _ACCOUNT, "111122223333"),
        _listed("regions", regions, _REGION, "eu-west-1"), _day(since),
    )  # fmt: skip
    if isinstance(flow_log, str) and flow_log.startswith("fl-"):
        return of_flow_log(flow_log, said, access, snapshot, names)
    return of_bucket(flow_log, said, access, names)


def _listed(
    option: str, given: str | Iterable[str] | None, form: str, example: str
) -> tuple[str, ...] | None:
    """Read accounts or regions: None where nothing is said, empty for any."""
    if given is None:
        return None
    if given == "any":
        return ()
    one = isinstance(given, str) or not isinstance(given, Iterable)
    names: list[Any] = [given] if one else list(given)
    for name in names or [""]:
        if not isinstance(name, str) or not re.fullmatch(form, name):
            raise FlowlabError(
                f"{option}: {name!r} cannot be one.",
                fix=f'write it as text, as in {option}="{example}", a list of these, or "any".',
            )
    return tuple(sorted(set(names)))


def _day(given: Any) -> date | None:
    """Read the first day, in UTC."""
    import pandas as pd

    if given is None:
        return None
    found = pd.to_datetime(given, errors="coerce")
    if not isinstance(found, pd.Timestamp):
        raise FlowlabError(f"since={given!r} is no day.", fix='write it like since="2026-11-01".')
    day = (found.tz_convert("UTC") if found.tzinfo else found).date()
    if day > datetime.now(UTC).date():
        raise FlowlabError(
            f"since={given!r} is still to come.",
            "the table's range of days ends with the day of a query, so it would be empty.",
            "pass a day that has passed.",
        )
    return day
