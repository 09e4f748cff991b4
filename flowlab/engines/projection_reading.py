"""Find out what a table has to be like: a flow log's, as AWS describes it; a bucket's, as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowlab import schema
from flowlab.engines.projection_formats import given_format, one_format
from flowlab.engines.projection_layout import Layout
from flowlab.engines.projection_looking import Found, Sample, look
from flowlab.engines.projection_plan import TablePlan
from flowlab.errors import FlowlabError, SourceError, UnknownNameError, unknown_name
from flowlab.setup import inventory
from flowlab.setup.destinations import Destination, destination_of
from flowlab.setup.inventory import Inventory
from flowlab.setup.looking import caller
from flowlab.setup.owners import moment
from flowlab.sources.aws import Access, explain
from flowlab.sources.places import as_place
from flowlab.sources.s3 import S3

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport

FlowLog = Mapping[str, Any]


class Said(NamedTuple):
    """What the person says; None where the flow log or the bucket is to tell."""

    fields: str | Sequence[str] | None
    parquet: bool | None
    hive: bool | None
    hourly: bool | None
    accounts: tuple[str, ...] | None  # empty: any
    regions: tuple[str, ...] | None
    since: date | None


def of_flow_log(
    flow_log: str,
    said: Said,
    access: Access,
    snapshot: SetupReport | Inventory | str | Path | None,
    names: tuple[str, str],
) -> TablePlan:
    """Plan the table of a flow log; see `athena_setup`."""
    for option in ("fields", "parquet", "hive", "hourly"):
        if getattr(said, option) is not None:
            raise FlowlabError(
                f"{option}= goes with s3://bucket/prefix alone.",
                f"AWS tells it of {flow_log}.",
                "leave it out.",
            )
    saved = None
    if snapshot is not None:
        kept: Any = getattr(snapshot, "inventory", snapshot)  # of a SetupReport
        saved = kept if isinstance(kept, Inventory) else inventory.read(kept)
    known = {
        str(one[0].get("FlowLogId")): one for one in (_saved(saved) if saved else _asked(access))
    }
    if flow_log not in known:
        raise _absent(flow_log, known, "the snapshot" if saved else f"{access.region_name()}")
    mine, account, region = known[flow_log]
    place = destination_of(mine)
    if place.place != "s3":
        raise _elsewhere(flow_log, place, str(mine.get("ResourceId") or "vpc-..."))
    made = moment(mine.get("CreationTime"))
    options = mine.get("DestinationOptions") or {}
    layout = Layout(
        *_path(place.name, place.prefix), (),
        said.since or (made or datetime.now(UTC)).date(),
        hive=bool(options.get("HiveCompatiblePartitions")),
        hourly=bool(options.get("PerHourPartition")),
        accounts=(account,) if said.accounts is None else said.accounts,
        regions=(region,) if said.regions is None else said.regions,
    )  # fmt: skip
    beside = [
        _described(one)
        for one, owner, where in known.values()
        if one is not mine
        and destination_of(one) == place
        and bool((one.get("DestinationOptions") or {}).get("HiveCompatiblePartitions"))
        == layout.hive
        and (not layout.accounts or owner in layout.accounts)
        and (not layout.regions or where in layout.regions)
    ]
    found, unseen = Found(), ""
    if saved is None:
        try:
            found = _look(access, layout, layout.hive, said)
        except SourceError:
            unseen = "nothing is in the bucket yet: it was looked for files of another format"
        except FlowlabError as problem:
            unseen = "the bucket was not looked into, so files of another format may be there: "
            unseen += " ".join(problem.what.split())
    columns, parquet, types, notes = one_format([*beside, *found.samples], _described(mine), None)
    layout = replace(layout, fields=columns, parquet=parquet, found_types=types)
    practice = saved.practice if saved else access.is_practice
    notes += [*found.notes, *([unseen] if unseen else []), *_empty_pairs(layout, found)]
    return TablePlan(
        *names, layout, access, flow_log, account, tuple(notes), practice,
        bool(saved and saved.anonymized),
    )  # fmt: skip


def of_bucket(source: Any, said: Said, access: Access, names: tuple[str, str]) -> TablePlan:
    """Plan the table of what is below a prefix; see `athena_setup`."""
    place = S3.from_url(source) if re.match(r"arn:[^/]*:s3:::", str(source)) else as_place(source)
    if not isinstance(place, S3):
        raise FlowlabError(
            f"{str(source)[:80]!r} is neither a flow log nor a place in S3.",
            "Athena reads files in S3 alone.",
            'pass the id of a flow log, "fl-...", or "s3://bucket/prefix".',
        )
    folders = place.prefix.strip("/").split("/")
    if "AWSLogs" in folders:
        at = folders.index("AWSLogs")
        if folders[at + 1 :]:
            above = "/".join([place.bucket, *folders[:at]])
            raise FlowlabError(
                f"{place}: the prefix goes on below AWSLogs.",
                "a table begins there; what is below becomes its partitions.",
                f"pass 's3://{above}', and accounts=, regions= to look at a part.",
            )
        folders = folders[:at]
    bucket, prefix = _path(place.bucket, "/".join(folders))
    accounts = tuple(sorted(place.accounts)) or None if said.accounts is None else said.accounts
    regions = tuple(sorted(place.regions)) or None if said.regions is None else said.regions
    said = said._replace(accounts=accounts, regions=regions)
    wished = None
    if said.fields is not None:
        wished = Sample("", "fields=", bool(said.parquet), given_format(said.fields))
    unsaid = [o for o in ("fields", "accounts", "regions", "since") if getattr(said, o) is None]
    layout = Layout(
        bucket, prefix, (), said.since or datetime.now(UTC).date(), hive=bool(said.hive),
        hourly=bool(said.hourly), accounts=accounts or (), regions=regions or (),
    )  # fmt: skip
    found = Found()
    if unsaid:
        found = _look(access, layout, said.hive, said)
        layout = replace(
            layout,
            hive=found.hive,
            hourly=_hourly(found, said.hourly, str(place)),
            since=said.since or found.first or layout.since,
            accounts=_of(found, 0) if accounts is None else accounts,
            regions=_of(found, 1) if regions is None else regions,
        )
        if wished and said.parquet is None and found.samples:
            wished = wished._replace(parquet=found.samples[0].parquet)
        if not layout.accounts and accounts is None:
            raise SourceError(
                f"{place}: no folder of the accounts and regions asked for.",
                fix="leave accounts= and regions= out: those that are there are found.",
            )
    if not found.samples and not wished:
        raise FlowlabError(
            f"{place}: nothing tells the format of the files.",
            next(iter(found.notes), "no file of a flow log is in its folders") + ".",
            "pass fields=, the LogFormat that `aws ec2 describe-flow-logs` shows for the flow log, "
            "and parquet=True if the files are Parquet.",
        )
    columns, parquet, types, notes = one_format(found.samples, wished, said.parquet)
    layout = replace(layout, fields=columns, parquet=parquet, found_types=types)
    notes += [*found.notes, *_empty_pairs(layout, found)]
    if place.flow_log_ids:
        notes.append("flow_log_ids= is not kept to: a table reads all files of a folder")
    if not unsaid:
        notes.append("the bucket was not looked into: all is as it was said")
    return TablePlan(*names, layout, access, "", "", tuple(notes), access.is_practice)


def _look(access: Access, layout: Layout, hive: bool | None, said: Said) -> Found:
    where = layout.bucket, layout.prefix, hive
    return look(access, *where, layout.accounts, layout.regions, said.since)


def _of(found: Found, at: int) -> tuple[str, ...]:
    return tuple(sorted({pair[at] for pair in found.pairs}))


def _hourly(found: Found, said: bool | None, place: str) -> bool:
    """Whether folders are per hour: as found, and as said."""
    if len(found.hourly) > 1 and said is None:
        raise FlowlabError(
            f"{place} has folders per day and folders per hour.",
            "flow logs with different options deliver here, or one after the other.",
            "pass hourly=True or hourly=False, and since= of a day from which it is so.",
        )
    if said is not None and found.hourly and said not in found.hourly:
        raise FlowlabError(
            f"hourly={said}, but {place} has folders per {'day' if said else 'hour'}.",
            "the table would look for folders that are not there, and find nothing.",
            f"leave it out, or pass hourly={not said}.",
        )
    return next(iter(found.hourly), False) if said is None else said


def _empty_pairs(layout: Layout, found: Found) -> Iterator[str]:
    """Tell if most combinations of account and region have no folder."""
    pairs = len(layout.accounts) * len(layout.regions)
    there = len(found.pairs)
    if there and pairs > 2 * there:
        yield (
            f"of {pairs} combinations of account and region only {there} have files; Athena looks "
            "for all: name account and region in queries, or make several tables"
        )


def _path(bucket: str, prefix: str) -> tuple[str, str]:
    """Refuse a prefix that cannot stand in a table's properties as it is."""
    if wrong := re.search(r"[\"'\\$`{}\x00-\x1f]", prefix):
        raise FlowlabError(
            f"the prefix {prefix!r} has {wrong[0]!r} in it.",
            "there Athena would read something else than a folder's name.",
            "let a flow log deliver to a prefix of letters, digits and - _ . /.",
        )
    return bucket, prefix


def _asked(access: Access) -> list[tuple[FlowLog, str, str]]:
    """Flow logs of the account and region that is asked."""
    account, region = caller(access), access.region_name() or ""
    try:
        pages = access.client("ec2").get_paginator("describe_flow_logs").paginate()
        return [(one, account, region) for page in pages for one in page["FlowLogs"]]
    except Exception as error:  # noqa: BLE001 - botocore's errors have no common class
        told = explain(error, "asking AWS for its flow logs", access.profile)
    raise told


def _saved(saved: Inventory) -> list[tuple[FlowLog, str, str]]:
    return [
        (one, scope.account_id, scope.region)
        for scope in saved
        for one in scope.get("ec2:DescribeFlowLogs").items()
    ]


def _described(flow_log: FlowLog) -> Sample:
    """Read the format of a flow log as AWS describes it."""
    columns = schema.parse_log_format(flow_log.get("LogFormat") or schema.DEFAULT_FORMAT)
    parquet = (flow_log.get("DestinationOptions") or {}).get("FileFormat") == "parquet"
    return Sample(str(flow_log.get("FlowLogId")), "by DescribeFlowLogs", parquet, columns)


def _absent(flow_log: str, known: Mapping[str, Any], where: str) -> UnknownNameError:
    near = unknown_name("", flow_log, known).fix if known else ""
    return UnknownNameError(
        f"there is no flow log {flow_log[:60]} in {where}.",
        "it is misspelled or deleted, or of another region or account.",
        f"{near} Or pass region= or profile= of where it is.".strip(),
    )


def _elsewhere(flow_log: str, place: Destination, resource: str) -> FlowlabError:
    reads = ""
    if place.place == "cloudwatch":
        reads = f"; or read it as it is: fl.read_flows('cloudwatch://{place.name}')"
    return FlowlabError(
        f"{flow_log} delivers to {place}, not to S3.",
        "Athena reads files in S3 alone"
        + (", and Firehose has folders and files of its own." if reads == "" else "."),
        f"plan one beside it: fl.plan_flow_logs({resource!r}, to='s3://bucket/prefix')"
        + reads + ".",
    )  # fmt: skip
