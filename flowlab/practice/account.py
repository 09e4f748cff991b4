"""A practice account: an AWS to read from on this machine, filled with the practice network.

The services are moto's, over HTTP on loopback. Nothing is patched: boto3 in this process goes on
to reach the real AWS unless it is given the practice account's address.
"""

from __future__ import annotations

import html
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.practice import endpoint
from flowlab.practice.environment import ENVIRONMENT

if TYPE_CHECKING:
    import pyarrow as pa

    from flowlab.sources.cloudwatch import CloudWatch
    from flowlab.sources.s3 import S3

REGION = ENVIRONMENT.vpc.region
_NOT_AWS = "practice account on this machine, no AWS"
_HOUR, _DAY = 3600, 86_400
_SETTLED = 2 * _HOUR  # before now: by then, AWS would have delivered everything
_OLDEST_EVENT = 14 * _DAY  # that CloudWatch Logs takes
_LATE = 24  # slots before the end at which files are held back: well inside the last hours

_LOCK = threading.Lock()
_NUMBERS: set[int] = set()  # of the accounts that run: moto keeps one state for the whole process


def practice_account(
    *,
    day: str | None = None,
    records: int = 20_000,
    seed: int | None = None,
    late_files: int = 0,
    clock: Callable[[], float] = time.time,
) -> PracticeAccount:
    """Start an AWS account to practise on, on this machine, with a day of flow logs in it.

    Its bucket holds the day as text under ``text/`` and as Parquet, in Hive folders, under
    ``parquet/``; its log group holds the same day, one log stream per ENI, in the format that
    DescribeFlowLogs tells. Real credentials are neither needed nor used.

    Parameters
    ----------
    day : str, optional
        Date, YYYY-MM-DD, in the last two weeks [UTC]; else the 24 hours until about two hours ago.
    records : int
        How many, approximately; no fewer than about 14,000, and NODATA lines on top.
    seed : int, optional
        Of the records; that of the bundled sample if left out.
    late_files : int
        So many files of ``text/``, at most 24, are held back until
        `PracticeAccount.deliver_late`: five minutes each, from about two hours before the end on.
    clock : callable
        Gives the time, in epoch seconds.

    Returns
    -------
    PracticeAccount
        Running; stop it with ``stop()``, by ``with``, or by leaving Python.

    Raises
    ------
    MissingExtraError
        moto or its server is not installed.
    FlowlabError
        `day` is no date, or none that CloudWatch Logs takes events of.

    Examples
    --------
    >>> import flowlab as fl
    >>> with fl.practice_account() as account:                    # doctest: +SKIP
    ...     flows, ledger = fl.read_flows(account.s3, start=account.end - pd.Timedelta("1h"))
    """
    from flowlab.practice.scenarios import DAY, SEED, generate

    start = _start(day, clock())
    scenario = generate(seed=SEED if seed is None else seed, day=day or DAY, records=records)
    account = PracticeAccount(start, clock)
    try:
        account.fill(_moved(scenario.table, start), late_files)
    except BaseException:
        account.stop()
        raise
    return account


def _start(day: str | None, now: float) -> int:
    """First moment of what the account holds, in epoch seconds."""
    if day is None:
        return int(now - _SETTLED) // _HOUR * _HOUR - _DAY
    try:
        start = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except (ValueError, TypeError) as problem:
        fix = "write it like '2026-11-02'."
        raise FlowlabError(f"day={day!r} is no date.", fix=fix) from problem
    if not now - _OLDEST_EVENT < start <= now - _DAY:
        raise FlowlabError(
            f"day={day!r} is not a whole day of the last two weeks.",
            "CloudWatch Logs takes no events from the future, or older than 14 days.",
            "leave day out for the last 24 hours.",
        )
    return start


def _moved(table: pa.Table, start: int) -> pa.Table:
    """Move the records into the 24 hours from `start`, each at its own time of day."""
    import numpy as np
    import pyarrow as pa

    begins = table["start"].to_numpy()
    # What comes at night stays at night, whatever time it is now.
    moved = start + (begins - start) % _DAY - begins
    for name in ("start", "end"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(table[name].to_numpy() + moved))
    return table.take(pa.array(np.argsort(table["start"].to_numpy(), kind="stable")))


class PracticeAccount:
    """An AWS account on loopback. Made, filled and started by `practice_account`.

    Attributes
    ----------
    endpoint_url, region, account_id : str
        Where its services answer; `endpoint_url` fits ``aws --endpoint-url`` too.
    bucket, log_group : str
    start, end : Timestamp
        Period, half-open, in which the records that it holds start. [UTC]
    s3, s3_parquet : S3
        The day as text, and the same as Parquet; sources for `read_flows` and its like.
    cloudwatch : CloudWatch
        The same in the log group.
    lines : int
        Records and NODATA lines together, in each of the three.
    """

    region = REGION
    account_id = ENVIRONMENT.vpc.account_id

    def __init__(self, start: int, clock: Callable[[], float] = time.time) -> None:
        import pandas as pd

        from flowlab.sources.cloudwatch import CloudWatch
        from flowlab.sources.s3 import S3

        self.start = pd.Timestamp(start, unit="s", tz="UTC")
        self.end = self.start + pd.Timedelta("24h")
        self._server, self._gate = endpoint.serve(self.account_id)
        self.endpoint_url = "http://{}:{}".format(*self._server.get_host_and_port())
        with _LOCK:
            self._number = next(n for n in itertools.count(1) if n not in _NUMBERS)
            _NUMBERS.add(self._number)
        more = "" if self._number == 1 else f"-{self._number}"
        self.bucket = f"flowlab-practice{more}"
        self.log_group = f"/practice/vpc-flow-logs{more}"
        where: dict[str, Any] = {"region": REGION, "endpoint_url": self.endpoint_url}
        self.s3: S3 = S3(self.bucket, "text", **where)
        self.s3_parquet: S3 = S3(self.bucket, "parquet", **where)
        self.cloudwatch: CloudWatch = CloudWatch(self.log_group, clock=clock, **where)
        self._late: list[tuple[str, bytes]] = []
        self._vpcs: list[str] = []
        self._flow_logs: list[str] = []
        self._clients: dict[str, Any] = {}
        self.lines = 0
        self.running = True

    def client(self, service: str) -> Any:
        """Give a boto3 client of this account, with credentials that are none."""
        if service not in self._clients:
            self._clients[service] = endpoint.client(service, self.endpoint_url, REGION)
        return self._clients[service]

    def fill(self, table: pa.Table, late_files: int = 0) -> None:
        """Put records into the bucket and the log group.

        Parameters
        ----------
        table : pyarrow.Table
            As in `flowlab.practice.Scenario`, sorted by start.
        late_files : int
            Files of ``text/`` to hold back; at most 24.
        """
        from flowlab.practice.writing import write_parquet, write_text

        with TemporaryDirectory(prefix="flowlab-practice-") as folder:
            text = write_text(table, Path(folder, "text"), files="s3")
            parquet = write_parquet(table, Path(folder, "parquet"), hive=True)
            files = [
                (path.relative_to(folder).as_posix(), path.read_bytes())
                for path in [*text, *parquet]
            ]
        at = max(0, len(text) - _LATE)
        held = slice(at, min(at + late_files, len(text)))
        self._late = files[held]
        del files[held]
        self.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._put, files))
        self._log(table)
        self.lines = table.num_rows

    def _put(self, file: tuple[str, bytes]) -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=file[0], Body=file[1])

    def _log(self, table: pa.Table) -> None:
        """Make the log group, the flow log that delivers to it, and the events."""
        from flowlab.practice.writing import V5, to_lines

        logs, ec2 = self.client("logs"), self.client("ec2")
        logs.create_log_group(logGroupName=self.log_group)
        vpc = ec2.create_vpc(CidrBlock=ENVIRONMENT.vpc.cidr)["Vpc"]["VpcId"]
        self._vpcs.append(vpc)
        made = ec2.create_flow_logs(
            ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName=self.log_group,
            DeliverLogsPermissionArn=f"arn:aws:iam::{self.account_id}:role/practice-delivery",
            LogFormat=" ".join(f"${{{name}}}" for name in V5), MaxAggregationInterval=60,
        )  # fmt: skip
        self._flow_logs += made["FlowLogIds"]
        lines = to_lines(table, V5).decode().splitlines()
        streams: dict[str, list[tuple[int, str]]] = {}
        for eni, begin, line in zip(
            table["interface-id"].to_pylist(), table["start"].to_pylist(), lines, strict=True
        ):
            streams.setdefault(f"{eni}-all", []).append((begin * 1000, line))
        for stream, events in streams.items():
            logs.create_log_stream(logGroupName=self.log_group, logStreamName=stream)
            for batch in endpoint.batches(events):
                logs.put_log_events(
                    logGroupName=self.log_group, logStreamName=stream, logEvents=batch
                )

    def deliver_late(self) -> list[str]:
        """Put the files that were held back into the bucket; give their keys."""
        files, self._late = self._late, []
        for file in files:
            self._put(file)
        return [key for key, _ in files]

    def deny(self, prefix: str) -> None:
        """Refuse from now on to list or read what is below a prefix of the bucket."""
        self._gate.denied.append(f"/{self.bucket}/{prefix.lstrip('/')}")

    def stop(self) -> None:
        """Stop it and forget what it held; stopping twice does nothing."""
        if not self.running:
            return
        self.running = False
        self._gate.denied.clear()
        try:
            endpoint.forget(self.client, self.bucket, self.log_group, self._flow_logs, self._vpcs)
        finally:
            self._server.stop()
        with _LOCK:
            _NUMBERS.discard(self._number)

    def __enter__(self) -> PracticeAccount:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _facts(self) -> dict[str, str]:
        return {
            "endpoint": self.endpoint_url if self.running else "stopped",
            "account": f"{self.account_id}, {REGION}",
            "bucket": f"{self.bucket} (text/ and parquet/)",
            "log group": self.log_group,
            "records start": f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC",
            "lines": f"{self.lines:,} in each",
            "held back": f"{len(self._late)} files of text/",
        }

    def __repr__(self) -> str:
        facts = (f"{name:<14} {value}" for name, value in self._facts().items())
        return "\n".join([f"PracticeAccount: {_NOT_AWS}", *facts])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._facts().items()
        )
        caption = f"<caption style='text-align:left'>PracticeAccount: {_NOT_AWS}</caption>"
        return f"<table class='flowlab-practice'>{caption}<tbody>{rows}</tbody></table>"
