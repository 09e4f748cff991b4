"""Look into a bucket before a table is planned: which folders, which formats, since when.

A few requests per account and region: the first and the newest day, and there one file of every
flow log. AWS sorts a folder by flow log, so each next one is a single request away.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from flowlab import schema
from flowlab.engines.projection_layout import HIVE_DAY, PLAIN_DAY, day_value
from flowlab.errors import FlowlabError, SourceError
from flowlab.sources.aws import Access, explain, reason
from flowlab.sources.s3keys import place

MOST_PAIRS = 40  # of account and region that are looked into
_MOST_FILES = 20  # that are opened in one folder
_HOURS = 24  # folders that may lie beside the files of a day
_HEAD = 1 << 16  # bytes of a text file that hold its first line
_LARGEST = 64 << 20  # bytes of a Parquet file that is opened: AWS ends them at 75 MB or before
_FILE = re.compile(r"\d{12}_vpcflowlogs_[a-z0-9-]+_(fl-[0-9a-z]+)_")
_LEVELS = {False: ("", "{}/vpcflowlogs/", ""),
           True: ("aws-account-id=", "{}/aws-service=vpcflowlogs/", "aws-region=")}  # fmt: skip
_TYPES = {"int32": "int", "int64": "bigint", "double": "double"}


class Sample(NamedTuple):
    """The format of one flow log, and who says so."""

    flow_log: str
    told_by: str  # a file, or AWS's DescribeFlowLogs
    parquet: bool
    columns: tuple[str, ...]
    types: Mapping[str, str] = {}  # Athena's, as a Parquet file has them


@dataclass
class Found:
    """What is below a prefix."""

    hive: bool = False
    hourly: set[bool] = field(default_factory=set)
    pairs: list[tuple[str, str]] = field(default_factory=list)  # account and region
    first: date | None = None
    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look(
    access: Access,
    bucket: str,
    prefix: str,
    hive: bool | None,
    accounts: Iterable[str],
    regions: Iterable[str],
    since: date | None,
) -> Found:
    """Look into a bucket.

    Parameters
    ----------
    access : Access
    bucket, prefix : str
    hive : bool, optional
        Only these folders; None for those that are there.
    accounts, regions : iterable of str
        Only these; none at all for those that are there.
    since : date, optional
        Not before.

    Returns
    -------
    Found

    Raises
    ------
    FlowlabError
        The bucket cannot be listed, or both kinds of folders are in it.
    SourceError
        No flow logs are there.
    """
    bucket_of = _Bucket(access, bucket)
    root = f"{prefix}/AWSLogs/".lstrip("/")
    kinds = {k: bucket_of.pairs(root, k) for k in ((False, True) if hive is None else (hive,))}
    there = [kind for kind, pairs in kinds.items() if pairs]
    if len(there) > 1:
        raise FlowlabError(
            f"s3://{bucket}/{root} has both plain folders and folders named for Hive.",
            "flow logs with different options deliver here; a table can look at one kind.",
            "pass hive=True or hive=False; make a table for each to have both.",
        )
    if not there:
        raise SourceError(
            f"no flow logs are in s3://{bucket}/{root}"
            + ("" if hive is None else f" in {'Hive' if hive else 'plain'} folders") + ".",
            "nothing was delivered yet, or the prefix is misspelled.",
            f"look around: `aws s3 ls s3://{bucket}/`; or say all that files would tell: fields=, "
            "accounts=, regions=, since=.",
        )  # fmt: skip
    found = Found(hive=there[0])
    wanted = (set(accounts), set(regions))
    for pair in kinds[found.hive]:
        if all(not want or one in want for one, want in zip(pair, wanted, strict=True)):
            found.pairs.append(pair)
    if len(found.pairs) > MOST_PAIRS:
        found.notes.append(
            f"of {len(found.pairs)} pairs of account and region, files of the first {MOST_PAIRS} "
            "were looked at; a file of another format may be in the others"
        )
    for account, region in found.pairs[:MOST_PAIRS]:
        before, service, named = _LEVELS[found.hive]
        base = f"{root}{before}{service.format(account)}{named}{region}/"
        bucket_of.sample(base, since, found)
    return found


class _Bucket:
    """Reads a bucket, a request at a time."""

    def __init__(self, access: Access, name: str) -> None:
        self.client, self.profile, self.name = access.client("s3"), access.profile, name
        self.opened: set[str] = set()

    def _list(self, prefix: str, **options: Any) -> Any:
        try:
            return self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **options)
        except Exception as error:  # noqa: BLE001 - botocore's errors have no common class
            told = explain(error, f"listing s3://{self.name}/{prefix}", self.profile)
        raise told

    def _folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders in a folder, sorted."""
        token: dict[str, str] = {}
        while True:
            page = self._list(prefix, Delimiter="/", **token)
            for one in page.get("CommonPrefixes") or []:
                yield one["Prefix"][len(prefix) : -1]
            if not page.get("NextContinuationToken"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def pairs(self, root: str, hive: bool) -> list[tuple[str, str]]:
        """Accounts and regions that have flow logs."""
        before, service, named = _LEVELS[hive]
        accounts = [
            found[1]
            for name in self._folders(root)
            if (found := re.fullmatch(rf"{before}(\d{{12}})", name))
        ]
        return [
            (account, name.removeprefix(named))
            for account in accounts
            for name in self._folders(root + before + service.format(account))
            if name.startswith(named)
        ]

    def sample(self, base: str, since: date | None, found: Found) -> None:
        """Look at the first and the newest day of one account and region."""
        form = HIVE_DAY if found.hive else PLAIN_DAY
        # A folder of that very day comes after its own name without the slash.
        after = {"StartAfter": base + day_value(since, form)} if since else {}
        first = self._list(base, MaxKeys=1, **after).get("Contents")
        if not first:
            return
        oldest = first[0]["Key"].rpartition("/")[0] + "/"
        newest = base
        while folders := [name for name in self._folders(newest) if re.search(r"\d\d?$", name)]:
            newest += folders[-1] + "/"
        for folder in (oldest, newest):
            told = place(folder) or {}
            if "day" not in told:
                found.notes.append(f"s3://{self.name}/{folder} is no folder of AWS's layout")
                continue
            # Files may lie in the folders of a day and of its hours: of different flow logs.
            above = folder[:-1].rpartition("/")[0] + "/" if "hour" in told else ""
            if self._open_each(folder, found):
                found.hourly.add("hour" in told)
            if above and self._open_each(above, found):
                found.hourly.add(False)
            day = date(int(told["year"]), int(told["month"]), int(told["day"]))
            found.first = min(found.first or day, day)

    def _open_each(self, folder: str, found: Found) -> bool:
        """Open one file of each flow log in a folder; tell whether any is there."""
        after = folder
        if folder in self.opened:
            return False
        self.opened.add(folder)
        for n in range(_MOST_FILES):
            page = self._list(folder, Delimiter="/", MaxKeys=_HOURS + 1, StartAfter=after)
            entries = page.get("Contents")
            if not entries:
                return n > 0
            key = after = entries[0]["Key"]
            match = _FILE.match(key.rpartition("/")[2])
            if not match or not entries[0]["Size"]:
                continue
            after = folder + match[0] + "~"  # sorts after every time
            try:
                found.samples.append(self._open(key, match[1], entries[0]["Size"]))
            except Exception as error:  # noqa: BLE001 - one file; the others tell as well
                why = reason(error, "reading it", self.profile)
                found.notes.append(f"s3://{self.name}/{key} does not tell its format: {why}")
        found.notes.append(
            f"in s3://{self.name}/{folder} only {_MOST_FILES} files were looked at; a file of "
            "another format may be among the others"
        )
        return True

    def _open(self, key: str, flow_log: str, size: int) -> Sample:
        where = f"s3://{self.name}/{key}"
        if key.endswith(".parquet"):
            import pyarrow.parquet as pq

            if size > _LARGEST:
                raise FlowlabError(f"it has {size:,} bytes, too many to be opened for its format")
            body = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
            told = pq.read_schema(io.BytesIO(body))
            kinds = {f.name: _TYPES.get(str(f.type), "string") for f in told}
            return Sample(flow_log, where, True, tuple(told.names), kinds)
        part = f"bytes=0-{_HEAD - 1}"
        head = self.client.get_object(Bucket=self.name, Key=key, Range=part)["Body"].read()
        if head[:2] == b"\x1f\x8b":
            head = zlib.decompressobj(31).decompress(head, _HEAD)
        columns = schema.header_columns(head.partition(b"\n")[0].decode("ascii", "replace").split())
        if not columns:
            raise FlowlabError(
                "it does not begin with a line of field names, so Athena would skip a record"
            )
        return Sample(flow_log, where, False, columns)
