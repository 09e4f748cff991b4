"""The life of one Athena query: started, watched, stopped when nobody wants it, its rows read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import pyarrow as pa

from flowlab.engines.athena_refusals import explain, failed
from flowlab.errors import FlowlabError

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 4.0  # between two looks at a query [s]
_PAGE = 1000  # rows; Athena gives no more at once
_TYPES: dict[str, tuple[pa.DataType, Callable[[str], Any]]] = {
    "boolean": (pa.bool_(), lambda word: word == "true"),
    "tinyint": (pa.int8(), int),
    "smallint": (pa.int16(), int),
    "integer": (pa.int32(), int),
    "int": (pa.int32(), int),
    "bigint": (pa.int64(), int),
    "float": (pa.float32(), float),
    "real": (pa.float32(), float),
    "double": (pa.float64(), float),
}


@dataclass(frozen=True)
class Run:
    """One query that Athena ran.

    Attributes
    ----------
    id : str
        Athena's; the console finds the query by it.
    scanned : int
        Bytes that Athena read, and charges. [bytes]
    seconds : float
        From the start to the end, queueing included. [s]
    reused : bool
        Whether Athena gave back an earlier result, for nothing.
    """

    id: str
    scanned: int
    seconds: float
    reused: bool


@dataclass(frozen=True)
class Runner:
    """How queries are run.

    Parameters
    ----------
    client : boto3 client for Athena
    doing : str
        What a question does, for messages: ``asking the table network.flows``.
    request : dict
        Arguments of every StartQueryExecution: database, workgroup, place for results.
    most : int or None
        Bytes after which a query is stopped.
    progress : bool
    profile : str or None
    """

    client: Any
    doing: str
    request: dict[str, Any]
    most: int | None = None
    progress: bool = True
    profile: str | None = None

    def run(self, sql: str, expected: int | None = None) -> tuple[pa.Table, Run]:
        """Run a query to its end; an interrupt, or any error, stops it at Athena too.

        Parameters
        ----------
        sql : str
        expected : int, optional
            Bytes it will read at most, for the progress bar.

        Raises
        ------
        FlowlabError
            Athena refuses or fails it, somebody stops it, or it reads more than `most`.
        """
        run = self.start(sql, expected)
        return pa.concat_tables(self.rows(run.id)), run

    def start(self, sql: str, expected: int | None = None) -> Run:
        """Run a query as `run` does, and leave its rows at Athena."""
        asked = self.call("start_query_execution", QueryString=sql, **self.request)
        name = str(asked["QueryExecutionId"])
        try:
            done = self._wait(name, expected)
        except BaseException as stopped:
            try:
                self.client.stop_query_execution(QueryExecutionId=name)
            except Exception:  # noqa: BLE001 - what stopped us matters more
                stopped.add_note(f"The query {name} could not be stopped and may still run.")
            raise
        self._judge(name, done)
        figures = done.get("Statistics") or {}
        return Run(
            name,
            int(figures.get("DataScannedInBytes", 0)),
            int(figures.get("TotalExecutionTimeInMillis", 0)) / 1000,
            bool((figures.get("ResultReuseInformation") or {}).get("ReusedPreviousResult")),
        )

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call Athena; its refusals come back in words."""
        problem = None
        try:
            return getattr(self.client, operation)(**arguments)
        except Exception as error:  # noqa: BLE001 - botocore's, of whatever kind
            problem = explain(error, self.doing, self.profile)
        raise problem  # out here, so that it drags no signed request along

    def _wait(self, name: str, expected: int | None) -> dict[str, Any]:
        from tqdm.auto import tqdm

        wait = _FIRST_WAIT
        with tqdm(
            desc="Athena", total=expected, unit="B", unit_scale=True, delay=1, leave=False,
            disable=not self.progress,
        ) as bar:  # fmt: skip
            while True:
                told: dict[str, Any] = self.call("get_query_execution", QueryExecutionId=name)
                query = told["QueryExecution"]
                state = query["Status"]["State"]
                scanned = int((query.get("Statistics") or {}).get("DataScannedInBytes", 0))
                bar.set_description(f"Athena, {state.lower()}", refresh=False)
                bar.update(scanned - bar.n)
                if state not in ("QUEUED", "RUNNING"):
                    return dict(query)
                if self.most is not None and scanned > self.most:
                    self._too_much(scanned)
                time.sleep(wait)
                wait = min(wait * 1.5, _LONGEST_WAIT)

    def _too_much(self, scanned: int) -> NoReturn:
        raise FlowlabError(
            f"{self.doing}: stopped after {scanned:,} bytes; max_bytes is {self.most:,}.",
            "the period has more records than was allowed for; what was read is charged.",
            "ask for a shorter period, or pass a larger max_bytes to fl.athena(...).",
        )

    def _judge(self, name: str, query: dict[str, Any]) -> None:
        status = query["Status"]
        if status["State"] == "SUCCEEDED":
            return
        said = str(
            status.get("StateChangeReason")
            or (status.get("AthenaError") or {}).get("ErrorMessage")
            or ""
        )
        doing = f"{self.doing} (query {name})"
        if status["State"] == "CANCELLED" and "limit" not in said.lower():
            raise FlowlabError(
                f"{doing}: it was cancelled.",
                "somebody stopped it, in the console or by StopQueryExecution.",
                "ask again.",
            )
        raise failed(said, doing)

    def rows(self, name: str) -> Iterator[pa.Table]:
        """Give the rows of a query that has ended, a thousand at a time; at least one table."""
        columns: list[dict[str, Any]] = []
        for number, page in enumerate(self._pages(name)):
            found = page["ResultSet"]
            columns = columns or found["ResultSetMetadata"]["ColumnInfo"]
            rows = found["Rows"][1:] if number == 0 else found["Rows"]  # first the names
            cells = [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]
            turned = list(zip(*cells, strict=True)) or [()] * len(columns)
            arrays = [_typed(c["Type"], c, v) for c, v in zip(columns, turned, strict=True)]
            yield pa.Table.from_arrays(arrays, names=[c["Name"] for c in columns])

    def _pages(self, name: str) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            page = self.call("get_query_results", QueryExecutionId=name, MaxResults=_PAGE, **more)
            yield page
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


def _typed(kind: str, column: dict[str, Any], words: Any) -> pa.Array:
    """Read a column of text as what Athena says it is."""
    if kind == "decimal":
        type_ = pa.decimal128(column.get("Precision") or 38, column.get("Scale") or 0)
        return pa.array([None if w is None else Decimal(w) for w in words], type_)
    type_, read = _TYPES.get(kind, (pa.string(), str))
    with contextlib.suppress(ValueError):
        return pa.array([None if w is None else read(w) for w in words], type_)
    raise FlowlabError(
        f"Athena's column {column['Name']} holds text that is no {kind}.",
        "the answer was cut off or changed on its way.",
        "ask again.",
    )
