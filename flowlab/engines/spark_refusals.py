"""What Spark says when it will not, in words a person can act on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from flowlab.errors import FlowlabError, LineFormatError, SourceError

_TOO_LARGE = (
    "{doing}: a number is larger than 64 bits hold.",
    "a sum of more than 9.2 * 10^18, or a damaged value in a column of numbers.",
    "ask for a shorter period, or look for the value with fl.records, sorted by it.",
)
_UNREADABLE = (
    "{doing}: a file cannot be read. Spark: {said}",
    "it was cut off or damaged on the way, or it is no flow log.",
    "move it out of the folder.",
)
_SAID: dict[str, tuple[type[FlowlabError], str, str, str]] = {
    "TABLE_OR_VIEW_NOT_FOUND": (
        SourceError, "{doing}: Spark knows no such table.",
        "its database is not the current one, or the session has another catalog.",
        "session.catalog.listTables() lists what there is; a folder needs a slash: './logs'.",
    ),
    "PATH_NOT_FOUND": (
        SourceError, "{doing}: there is no such folder.", "", "check the path.",
    ),
    "USER_RAISED_EXCEPTION": (
        LineFormatError, "{doing}: {said}",
        "files of two formats are here, and Spark parts all lines alike.",
        "name the folder of one flow log; fl.read_flows reads several formats.",
    ),
    "CANNOT_MERGE_SCHEMAS": (
        FlowlabError, "{doing}: a column has one type in some files, and another in others.",
        "a tool re-wrote some of the files.",
        "fl.open_archive(folder) reads them, or open the two kinds apart.",
    ),
    "CAST_INVALID_INPUT": (
        FlowlabError, "{doing}: a value does not fit its column. Spark: {said}", "",
        "look at it with the session itself; fl.read_flows sets such lines aside.",
    ),
    "ARITHMETIC_OVERFLOW": (FlowlabError, *_TOO_LARGE),
    "CAST_OVERFLOW": (FlowlabError, *_TOO_LARGE),
    "NUMERIC_VALUE_OUT_OF_RANGE": (FlowlabError, *_TOO_LARGE),
    "FAILED_READ_FILE": (FlowlabError, *_UNREADABLE),
}  # fmt: skip
_OTHER = (
    FlowlabError, "{doing}: Spark did not answer. It says: {said}", "",
    "see the session's own log for more.",
)  # fmt: skip
_GONE = "{doing}: the Spark session is no longer there."


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what Spark raises inside into errors that say what to do.

    Raises
    ------
    SourceError, LineFormatError, FlowlabError
        By Spark's own name of the error.
    """
    from pyspark.errors import PySparkException

    try:
        with _without_tracebacks():
            yield
    except PySparkException as problem:
        name = (problem.getCondition() or "").partition(".")[0]
        kind, what, why, fix = _SAID.get(name, _OTHER)
        raise kind(what.format(doing=doing, said=_said(problem)), why, fix) from None
    except Exception as problem:
        # py4j is pyspark's own way to Java; its errors have no other name here.
        if not (
            isinstance(problem, ConnectionError) or type(problem).__module__.startswith("py4j")
        ):
            raise
        raise FlowlabError(
            _GONE.format(doing=doing),
            "it was stopped, or Java ran out of memory and ended.",
            "make a new session, and open the table with it again.",
        ) from problem


def _said(problem: Exception) -> str:
    first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    plain = re.sub(r"^\[[A-Z_.0-9]+\] ?|\s*SQLSTATE:.*$", "", first)
    return plain[:300]


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    # Spark's Python side prints Java's whole traceback beside the error.
    told = logging.getLogger("SQLQueryContextLogger")
    before, told.disabled = told.disabled, True
    try:
        yield
    finally:
        told.disabled = before
