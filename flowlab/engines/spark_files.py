"""Folders of flow logs as AWS delivers them, opened by Spark: Parquet, or text with headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError, SourceError

_PARQUET, _TEXT = "*.parquet", "*.{log,gz,txt}"
# Folders below are places, not columns: what they say of account and day is in no flow frame.
_BELOW = {"recursiveFileLookup": "true"}


def open_folder(session: Any, path: str, log_format: str | Sequence[str] | None) -> tuple[Any, Any]:
    """Open a folder or a file of flow logs, with everything below it.

    Parameters
    ----------
    session : SparkSession
    path : str
        Local, or anything the session can read (``s3a://...``).
    log_format : str or sequence of str, optional
        The format of text files without header lines.

    Returns
    -------
    (pyspark DataFrame, pyspark DataFrame or None)
        The records' own columns, typed from Parquet, else text; and of text the damaged lines.

    Raises
    ------
    SourceError
        No Parquet and no text file there.
    LineFormatError
        The first text file has no header line, and no format is given.
    FlowlabError
        Both Parquet and text files: their columns cannot be asked together.
    """
    columnar, lines = (_read(session, glob).text(path) for glob in (_PARQUET, _TEXT))
    parquet, text = (bool(frame.inputFiles()) for frame in (columnar, lines))
    if parquet and text:
        raise FlowlabError(
            f"{path} holds Parquet and text files, which Spark cannot read as one.",
            "a flow log was made anew in the other format, or two deliver to this folder.",
            "name the folder of one of them; fl.read_flows reads both.",
        )
    if parquet:
        return _read(session, _PARQUET).option("mergeSchema", "true").parquet(path), None
    if text:
        return _parted(lines, path, log_format)
    raise SourceError(
        f"{path}: neither Parquet nor text files (.log, .gz, .txt) are here or below.",
        fix="check the path; AWS's own begins at AWSLogs/.",
    )


def _read(session: Any, glob: str) -> Any:
    return session.read.options(**_BELOW, pathGlobFilter=glob)


def _parted(lines: Any, path: str, log_format: str | Sequence[str] | None) -> tuple[Any, Any]:
    """Part lines of text into columns, and those with another number of fields from them."""
    from pyspark.sql import functions as f

    names = schema.parse_log_format(log_format) if log_format is not None else _header(lines, path)
    tokens = f.split(f.trim("value"), r"\s+")
    # As in reading: a line of words of which half are fields is a header.
    words = f.array(*(f.lit(field.name) for field in schema.FIELDS))
    known = f.size(f.array_intersect(tokens, words)) * 2 >= f.size(tokens)
    header = f.col("value").rlike(r"^\s*[a-z][a-z0-9 -]*\s*$") & known
    ours = f.array(*(f.lit(name.replace("_", "-")) for name in names))
    other = f.raise_error(
        f.concat(
            f.lit("another header line: "), f.substring("value", 1, 200), f.lit(" in "),
            f.input_file_name(),
        )
    )  # fmt: skip
    lines = lines.where(f.length(f.trim("value")) > 0)
    lines = lines.where(
        f.when(header & (tokens == ours), f.lit(False))
        .when(header, other.isNotNull())
        .otherwise(f.lit(True))
    )
    whole = f.size(tokens) == len(names)
    records = lines.where(whole)
    return (
        records.select(*(tokens[at].alias(name) for at, name in enumerate(names))),
        lines.where(~whole),
    )


def _header(lines: Any, path: str) -> Sequence[str]:
    first = lines.first()
    names = schema.header_columns(first["value"].split()) if first else None
    if names is None:
        raise LineFormatError(
            f"{path}: the first text file begins with no header line."
            if first else f"{path}: the text files here are empty.",
            "files that AWS delivers to S3 name their fields in the first line; others do not.",
            "pass log_format=, the flow log's LogFormat.",
        )  # fmt: skip
    return names
