"""Flow logs where Spark can read them, asked by the questions flowlab asks anything."""

from __future__ import annotations

import html
import itertools
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flowlab.engines.mapping import flows_view, written
from flowlab.engines.spark_files import open_folder
from flowlab.engines.spark_refusals import explained
from flowlab.errors import FlowlabError, MissingExtraError
from flowlab.interrupting import stoppable

if TYPE_CHECKING:
    import pyarrow as pa

# With these otherwise, sums would wrap around and patterns read otherwise, without an error.
_NEEDED = {"spark.sql.ansi.enabled": "true", "spark.sql.parser.escapedStringLiterals": "false"}
_OWN_SESSION = {
    "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
}  # fmt: skip
_PLACES = itertools.count(1)


def spark(
    session: Any, table_or_path: Any, *, log_format: str | Sequence[str] | None = None
) -> SparkTable:
    """Open flow logs in Spark, to ask questions of them where they are.

    Parameters
    ----------
    session : SparkSession or None
        Yours, of Spark 4 or later. None starts one on this machine (or takes the running one).
    table_or_path : str, path or pyspark DataFrame
        A table's name; or a folder of AWS's Parquet or text files, anywhere the session can read
        (``s3a://bucket/AWSLogs/``), with all folders below, plain or Hive; or a DataFrame. A name
        without a slash is a table's, if there is one.
    log_format : str or sequence of str, optional
        The flow log's LogFormat, for text files without header lines.

    Returns
    -------
    SparkTable
        Every question accepts it in place of a DataFrame, and gives the same columns and types.

    Raises
    ------
    SourceError
        No such table or folder, or no flow log in it.
    FlowlabError
        Columns of types that cannot hold their fields, Java is missing, or settings of the session
        with which sums would be wrong.
    MissingExtraError
        pyspark is not installed.

    Notes
    -----
    NODATA and SKIPDATA rows are left out, as everywhere. Text is read anew for each question, so
    for more than a few keep it: ``session.read...cache()``, or Parquet. Damaged text lines (another
    number of fields) are left out; `SparkTable.damaged` counts them. Text that is no number is
    null there, while `read_flows` refuses the line.

    Examples
    --------
    >>> logs = fl.spark(session, "s3a://acme-logs/AWSLogs/")           # doctest: +SKIP
    >>> fl.top_talkers(logs, start="2026-11-01", end="2026-11-02")  # doctest: +SKIP
    """
    session = _session(session)
    _check(session)
    if hasattr(table_or_path, "createOrReplaceTempView"):
        return SparkTable(session, table_or_path, "a DataFrame")
    name = os.fspath(table_or_path)
    doing = f"opening {name} in Spark"
    local = Path(name).expanduser()
    is_path = not isinstance(table_or_path, str) or "/" in name or name.startswith((".", "~"))
    with explained(doing):
        if not is_path and not (local.exists() and not session.catalog.tableExists(name)):
            table = exp.to_table(name, dialect="spark")
            return SparkTable(session, session.table(name), name, table)
        place = str(local.absolute()) if local.exists() else name
        frame, damaged = open_folder(session, place, log_format)
        return SparkTable(session, frame, name, damaged=damaged)


class SparkTable:
    """Flow records in Spark. Made by `spark`; asked by every question.

    Attributes
    ----------
    columns : sequence of str
        As in a flow frame.
    """

    dialect = "spark"

    def __init__(
        self,
        session: Any,
        frame: Any,
        name: str,
        table: exp.Table | None = None,
        damaged: Any = None,
    ) -> None:
        self._session, self._frame, self.name, self._damaged = session, frame, name, damaged
        # What has no name in Spark gets one for as long as a question runs.
        self._given = "" if table is not None else f"flow_log_{next(_PLACES)}"
        source = table if table is not None else exp.to_table(self._given)
        self._view, names = flows_view(source, dict(frame.dtypes), dialect=self.dialect)
        self.columns: Sequence[str] = names

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows".

        Raises
        ------
        FlowlabError
            Spark cannot, and why.
        KeyboardInterrupt
            It was interrupted; Spark stops too.
        """
        import pyarrow as pa

        text = written(query, self._view, self.dialect)
        _check(self._session)
        with explained(f"asking {self.name}"), self._named(), self._stoppable():
            answer = self._session.sql(text).toArrow()
        return pa.table(dict(zip(answer.column_names, answer.columns, strict=True)))

    def text(self, query: exp.Query, *, pretty: bool = True) -> str:
        """Write the text Spark runs for a query over the relation "flows"; nothing is asked."""
        return written(query, self._view, self.dialect, pretty=pretty)

    def damaged(self) -> int:
        """Count the lines that no question sees, as they have another number of fields."""
        if self._damaged is None:
            return 0
        with explained(f"asking {self.name}"):
            return int(self._damaged.count())

    @contextmanager
    def _named(self) -> Iterator[None]:
        if not self._given:
            yield
            return
        self._frame.createOrReplaceTempView(self._given)
        try:
            yield
        finally:
            self._session.catalog.dropTempView(self._given)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        job = _Job(self._session)
        job.begin()
        try:
            with stoppable(job):
                yield
        finally:
            job.end()

    def __repr__(self) -> str:
        return f"Spark: {self.name}, {len(self.columns)} columns"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


class _Job:
    """What an interrupt stops: the jobs that a question starts."""

    def __init__(self, session: Any) -> None:
        self._tag = f"flowlab-{uuid.uuid4().hex}"
        self._done = threading.Event()
        if hasattr(session, "sparkContext"):
            # The session's own tags do not reach the thread in which Java answers in Arrow.
            context = session.sparkContext
            self._add, self._remove = context.addJobTag, context.removeJobTag
            self._cancel = context.cancelJobsWithTag
        else:  # Spark Connect
            self._add, self._remove = session.addTag, session.removeTag
            self._cancel = session.interruptTag

    def begin(self) -> None:
        self._add(self._tag)

    def end(self) -> None:
        self._done.set()
        self._remove(self._tag)

    def interrupt(self) -> None:
        # Not from the thread that waits for Java's answer: the two would share a connection.
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        # Spark forgets an interrupt that comes before a job begins, and a query has several.
        with suppress(Exception):  # the session itself is gone: then there is nothing to stop
            while not self._done.is_set():
                self._cancel(self._tag)
                self._done.wait(0.5)


def _session(given: Any) -> Any:
    if given is not None and hasattr(given, "sql") and hasattr(given, "catalog"):
        if int(given.version.partition(".")[0]) < 4:
            raise FlowlabError(
                f"this session is of Spark {given.version}; flowlab needs Spark 4 or later.",
                "before it, sums wrap around without an error.",
                "start a session with a newer Spark.",
            )
        return given
    if given is not None:
        raise FlowlabError(
            f"a {type(given).__name__} is no Spark session.",
            fix="fl.spark(session, ...) with SparkSession.builder.getOrCreate(), or None.",
        )
    try:
        from pyspark.sql import SparkSession
    except ImportError as problem:
        raise MissingExtraError(
            "Spark needs the package pyspark, which is not installed.",
            fix="pip install 'flowlab[spark]' (some 490 MB: it brings Spark), and have Java 17.",
        ) from problem
    if SparkSession.getActiveSession() is None and not _java():
        raise FlowlabError(
            "Spark needs Java, which is not here.",
            "neither JAVA_HOME nor PATH leads to a java.",
            "install 17 or later: conda install -c conda-forge openjdk, or "
            "apt-get install openjdk-17-jre-headless.",
        )
    builder = SparkSession.builder.master("local[*]").appName("flowlab")
    for name, value in _OWN_SESSION.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return bool(shutil.which("java", path=str(Path(home, "bin")) if home else None))


def _check(session: Any) -> None:
    for name, needed in _NEEDED.items():
        with explained("looking at the session's settings"):
            found = session.conf.get(name)
        if str(found).lower() != needed:
            raise FlowlabError(
                f"the session has {name} = {found}.",
                "with that, a sum that is too large, or a pattern, is wrong without an error.",
                f"session.conf.set({name!r}, {needed!r})",
            )
