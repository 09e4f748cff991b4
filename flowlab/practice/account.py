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
from typing import TYPE_CHECKING, Any

from flowlab.practice import endpoint, filling
from flowlab.practice.breaking import Faults
from flowlab.practice.delivering import Delivery
from flowlab.practice.environment import ENVIRONMENT
from flowlab.practice.setting_up import SetUp

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from flowlab.sources.cloudwatch import CloudWatch
    from flowlab.sources.s3 import S3

REGION = ENVIRONMENT.vpc.region
_NOT_AWS = "practice account on this machine, no AWS"
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

    It is also set up as an account should be, to be checked by `check_setup`: two VPCs with their
    ENIs, a flow log of each, one into the log group and one into a bucket of its own, and records
    that go on arriving. `PracticeAccount.break_` breaks something of it.

    Parameters
    ----------
    day : str, optional
        Date, YYYY-MM-DD, in the last two weeks [UTC]; else the 24 hours until two to four hours
        ago, always of two days.
    records : int
        How many, approximately; no fewer than about 14,000, and NODATA lines on top. 0 leaves the
        day out: enough to practise a set-up on, and started sooner.
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

    start = filling.first_moment(day, clock())
    table = None
    if records:
        seed = SEED if seed is None else seed
        table = filling.moved(generate(seed=seed, day=day or DAY, records=records).table, start)
    account = PracticeAccount(start, clock)
    try:
        account.fill(table, late_files)
    except BaseException:
        account.stop()
        raise
    return account


class PracticeAccount:
    """An AWS account on loopback. Made, filled and started by `practice_account`.

    Attributes
    ----------
    endpoint_url, region, account_id : str
        Where its services answer; `endpoint_url` fits ``aws --endpoint-url`` too. Accounts that
        run at the same time have different ids.
    bucket, services_bucket, log_group : str
        The second bucket is the one that the flow log of the second VPC delivers into.
    start, end : Timestamp
        Period, half-open, in which the records that it holds start. [UTC]
    s3, s3_parquet : S3
        The day as text, and the same as Parquet; sources for `read_flows` and its like.
    cloudwatch : CloudWatch
        The same in the log group. What arrives later starts at `end` or after.
    lines : int
        Records and NODATA lines together, in each of the three.
    """

    region = REGION

    def __init__(self, start: int, clock: Callable[[], float] = time.time) -> None:
        import pandas as pd

        from flowlab.sources.cloudwatch import CloudWatch
        from flowlab.sources.s3 import S3

        self.start = pd.Timestamp(start, unit="s", tz="UTC")
        self.end = self.start + pd.Timedelta("24h")
        with _LOCK:
            self._number = next(n for n in itertools.count(1) if n not in _NUMBERS)
            _NUMBERS.add(self._number)
        # Each has an account id of its own: moto keeps what is in one apart from the others.
        self.account_id = f"{int(ENVIRONMENT.vpc.account_id) + self._number - 1:012d}"
        try:
            self._server, self._gate = endpoint.serve(self.account_id)
        except BaseException:
            _NUMBERS.discard(self._number)
            raise
        self.endpoint_url = "http://{}:{}".format(*self._server.get_host_and_port())
        more = "" if self._number == 1 else f"-{self._number}"
        self.bucket = f"flowlab-practice{more}"
        self.services_bucket = f"flowlab-practice-services{more}"
        self.log_group = f"/practice/vpc-flow-logs{more}"
        where: dict[str, Any] = {"region": REGION, "endpoint_url": self.endpoint_url}
        self.s3: S3 = S3(self.bucket, "text", **where)
        self.s3_parquet: S3 = S3(self.bucket, "parquet", **where)
        self.cloudwatch: CloudWatch = CloudWatch(self.log_group, clock=clock, **where)
        delivery = Delivery(self.account_id, int(self.end.timestamp()), clock)
        self._gate.before = delivery.deliver
        self._faults = Faults(
            SetUp(
                self.client, self.account_id, self.log_group, self.services_bucket, delivery,
                self._gate.deny,
            )
        )  # fmt: skip
        self._late: list[tuple[str, bytes]] = []
        self._clients: dict[str, Any] = {}
        self.lines = 0
        self.running = True

    def client(self, service: str) -> Any:
        """Give a boto3 client of this account, with credentials that are none."""
        if service not in self._clients:
            self._clients[service] = endpoint.client(service, self.endpoint_url, REGION)
        return self._clients[service]

    def fill(self, table: pa.Table | None, late_files: int = 0) -> None:
        """Set the account up, and put records into its bucket and log group.

        Parameters
        ----------
        table : pyarrow.Table or None
            As in `flowlab.practice.Scenario`, sorted by start.
        late_files : int
            Files of ``text/`` to hold back; at most 24.
        """
        self._faults.set_up.build()
        self.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        if table is None:
            return
        table = filling.owned(table, self.account_id)
        text, parquet = filling.files(table, self.account_id)
        at = max(0, len(text) - _LATE)
        held = slice(at, min(at + late_files, len(text)))
        self._late = text[held]
        del text[held]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._put, [*text, *parquet]))
        filling.put_events(self.client("logs"), self.log_group, table)
        self.lines = table.num_rows

    def _put(self, file: tuple[str, bytes]) -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=file[0], Body=file[1])

    def faults(self) -> pd.DataFrame:
        """List what can be broken: the menu of `break_`.

        Returns
        -------
        DataFrame, one row per fault: fault (its name), what_it_does, check_setup_says (the checks
            that turn, and to which status), broken (bool, now)
        """
        return self._faults.table()

    def break_(self, fault: str, **options: str) -> None:
        """Break something of the set-up; what was broken before stays so.

        Parameters
        ----------
        fault : str
            A name on the menu, see `faults`.
        action : str
            Of ``denied``: the IAM action that is refused, as in ``ec2:DescribeFlowLogs``.

        Raises
        ------
        UnknownNameError
            There is no such fault.
        """
        self._faults.break_(fault, **options)

    def mend(self, fault: str | None = None) -> None:
        """Mend one fault, or all of them; what is not broken is left as it is.

        Raises
        ------
        UnknownNameError
            There is no such fault.
        """
        self._faults.mend(fault)

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
            self._faults.set_up.forget()
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
            "broken": ", ".join(self._faults.broken) or "nothing",
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
