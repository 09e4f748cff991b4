"""read_flows(): the one front door from bytes anywhere to a flow frame and its ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError, MissingFieldError, unknown_name
from flowlab.fetching import load, raise_first
from flowlab.ledger import MOST_LISTED, UNREAD, FileEntry, Ledger, RejectedLine
from flowlab.settling import Job, Part
from flowlab.sources.items import Problem
from flowlab.sources.places import survey
from flowlab.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.archives import Archive


def read_flows(
    source: Any,
    *,
    start: Any = None,
    end: Any = None,
    log_format: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    errors: Literal["collect", "raise"] = "collect",
    drop_duplicates: bool = False,
    progress: bool = True,
) -> tuple[pd.DataFrame, Ledger]:
    r"""Read flow logs into a flow frame, and account for every line.

    What a file is (text, gzip, zstd, Parquet, CloudWatch JSON, CSV export) is found from its
    content. Its format is found from its header line, else from `log_format`, else it is AWS's
    default format if the lines truly fit that.

    Parameters
    ----------
    source : path, glob, open binary file, S3, CloudWatch, Archive, or a list of these
        A folder means every file below it. ``"s3://bucket/prefix"`` and
        ``"cloudwatch://log-group"`` stand for `S3` and `CloudWatch` with their defaults.
    start, end : datetime-like or str, optional
        Period, half-open: records whose ``start`` lies in it. [UTC where no zone is given]
        Files whose S3-style names prove them outside are not opened.
    log_format : str or sequence of str, optional
        Format of lines without a header: AWS's ``${version} ${account-id} ...`` or field names.
    columns : sequence of str, optional
        Columns to keep, in this order; saves time and memory. Every line is checked all the same.
    errors : {"collect", "raise"}
        Collect rejected lines in the ledger, or stop at the first.
    drop_duplicates : bool
        Drop records equal in every field to an earlier one (overlapping flow logs), and count them.
    progress : bool
        Show a progress bar when reading takes more than a second.

    Returns
    -------
    flows : DataFrame, one row per flow record
        Satisfies the contract in `flowlab.frames`; NODATA and SKIPDATA lines are in the ledger.
    ledger : Ledger
        Counts that add up, rejected lines, files, silent windows, notices.

    Raises
    ------
    SourceError
        Nothing to read there.
    LineFormatError
        No file is a flow log, its format cannot be known, or a line is wrong and
        ``errors="raise"``.
    MissingFieldError, UnknownNameError
        A column asked for is in none of the records, or is no field at all.

    Examples
    --------
    >>> import flowlab as fl, io
    >>> lines = b"srcaddr dstaddr bytes\n198.51.100.7 10.0.1.5 3120\n"
    >>> flows, ledger = fl.read_flows(io.BytesIO(lines))
    >>> ledger.balanced, flows["bytes"].item()
    (True, 3120)
    """
    if errors not in ("collect", "raise"):
        raise unknown_name("errors =", errors, ["collect", "raise"])
    wanted = _column_names(columns)
    job = Job(
        formats=(schema.parse_log_format(log_format),) if log_format is not None else (),
        start=epoch(start, "start"),
        end=epoch(end, "end"),
        columns=None if drop_duplicates else wanted,
    )
    if job.start is not None and job.end is not None and job.start >= job.end:
        raise FlowlabError(f"the period is empty: start {start} is not before end {end}.")
    archive = _archive(source)
    if archive is not None and archive.ours:
        return _finish(archive.load(job), Ledger(), job, wanted, drop_duplicates)
    listing = survey(source if archive is None else archive.files, job.start, job.end)
    ledger = Ledger(notices=list(listing.notices))
    parts = [unlisted(problem) for problem in listing.problems]
    if parts and errors == "raise":
        raise_first(parts[0])
    for loaded in load(listing.items, job, errors, progress):
        parts += loaded
    return _finish(parts, ledger, job, wanted, drop_duplicates)


def _archive(source: Any) -> Archive | None:
    """Give the archive that a source is, or whose folder it names."""
    from flowlab.archives import Archive, open_archive

    if isinstance(source, str | os.PathLike) and Store.is_one(Path(source).expanduser()):
        return open_archive(source)
    return source if isinstance(source, Archive) else None


def unlisted(problem: Problem) -> Part:
    """Put something that could not be listed into the account."""
    return Part(FileEntry(problem.name, content="not listed", problem=problem.reason))


def epoch(moment: Any, name: str) -> int | None:
    """Epoch seconds of a moment; text and datetimes without a zone are UTC.

    Raises
    ------
    FlowlabError
        Not a moment.
    """
    if moment is None:
        return None
    import pandas as pd

    try:
        stamp = pd.Timestamp(moment)
    except (ValueError, TypeError) as problem:
        raise FlowlabError(
            f"{name}={moment!r} is not a moment in time.",
            fix=f"write it like {name}='2026-11-01 08:00' (UTC), or pass a datetime.",
        ) from problem
    if pd.isna(stamp):
        raise FlowlabError(
            f"{name} is NaT, not a moment in time.", fix="leave it out, or pass one."
        )
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    # A fraction of a second rounds up: a record's start is a whole second, and start >= 8.5
    # means the same as start >= 9, start < 8.5 the same as start < 9.
    return -int(-stamp.value // 1_000_000_000)


def _column_names(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    names = [columns] if isinstance(columns, str) else [str(c) for c in columns]
    if not names:
        raise FlowlabError("columns=[] asks for no column.", fix="leave it out to get them all.")
    return tuple(dict.fromkeys(n.replace("-", "_") for n in names))


def _finish(
    parts: Iterable[Part],
    ledger: Ledger,
    job: Job,
    wanted: tuple[str, ...] | None,
    drop_duplicates: bool,
) -> tuple[pd.DataFrame, Ledger]:
    import pandas as pd

    from flowlab import frames

    parts = list(parts)
    refused = [part.not_a_flow_log for part in parts if part.not_a_flow_log]
    if refused and len(refused) == len(parts):
        raise refused[0] if len(refused) == 1 else _none_is_a_flow_log(refused)
    if parts and all(part.entry.content in UNREAD for part in parts):
        raise _nothing_could_be_had(parts)
    fill(ledger, parts)
    formats = [*(part.formats for part in parts), job.formats]
    found = _all_columns(formats) or schema.DEFAULT_FORMAT
    columns = _chosen(wanted, found)
    tables = [part.records for part in parts if part.records is not None]
    flows = frames.to_frame(tables, found if drop_duplicates else columns)
    silent = [part.no_traffic for part in parts if part.no_traffic is not None]
    del parts, tables
    identity = [c for c in schema.IDENTITY if any(c in t.column_names for t in silent)]
    ledger.no_traffic = frames.to_frame(
        silent, identity or ["interface_id", "log_status", "start", "end"]
    )
    if drop_duplicates:
        again = flows.duplicated()
        ledger.duplicates = int(again.sum())
        flows = flows.loc[~again, list(columns)].reset_index(drop=True)
    assert isinstance(flows, pd.DataFrame)  # noqa: S101
    return flows, ledger


def _none_is_a_flow_log(refused: Sequence[FlowlabError]) -> LineFormatError:
    return LineFormatError(
        f"none of these {len(refused)} files is a flow log. The first: {refused[0].what}",
        refused[0].why,
        refused[0].fix,
    )


def _nothing_could_be_had(parts: Sequence[Part]) -> FlowlabError:
    first = parts[0].entry
    return FlowlabError(
        f"nothing could be read: {first.file}: {first.problem}"
        + (f" ({len(parts)} in all)" if len(parts) > 1 else ""),
    )


def _all_columns(formats: Iterable[Sequence[tuple[str, ...]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for several in formats for one in several for c in one))


def _chosen(wanted: tuple[str, ...] | None, found: tuple[str, ...]) -> tuple[str, ...]:
    if wanted is None:
        return found
    missing = [c for c in wanted if c not in found]
    for name in missing:
        if name not in schema.BY_COLUMN:
            raise unknown_name("the column", name, {*found, *schema.BY_COLUMN})
    if missing:
        names = ", ".join(schema.BY_COLUMN[c].name for c in missing)
        raise MissingFieldError(
            f"columns= asks for {', '.join(missing)}, which these records lack.",
            f"the flow log's format does not include the AWS field {names}.",
            "leave it out, or create a flow log with that field; a format cannot be edited.",
        )
    return wanted


def fill(ledger: Ledger, parts: Sequence[Part]) -> None:
    """Write parts into a ledger, joining the blocks of one file."""
    by_file: dict[str, FileEntry] = {}
    unknown: dict[str, None] = {}
    statuses: dict[str, int] = {}
    milliseconds = guessed = not_listed = 0
    for part in parts:
        entry = by_file.get(part.entry.file)
        if entry is None or not part.continues:
            by_file[part.entry.file] = part.entry
            ledger.entries.append(part.entry)
        else:
            _add(entry, part.entry)
        for rejected in part.rejected:
            if len(ledger.listed) < MOST_LISTED:
                line = (part.entry.file, rejected.line_number, rejected.reason, rejected.text)
                ledger.listed.append(RejectedLine(*line))
            else:
                not_listed += 1
        unknown |= dict.fromkeys(
            c for columns in part.formats for c in columns if c not in schema.BY_COLUMN
        )
        for status, count in part.unknown_status.items():
            statuses[status] = statuses.get(status, 0) + count
        milliseconds += part.milliseconds
        guessed += part.guessed_no_traffic
        if part.not_a_flow_log:
            ledger.notices.append(f"not read: {part.not_a_flow_log.what}")
        elif part.entry.content in UNREAD:
            ledger.notices.append(f"{part.entry.content}: {part.entry.file}: {part.entry.problem}")
        elif part.entry.problem:
            ledger.notices.append(
                f"{part.entry.file}: {part.entry.problem}; read as far as it goes"
            )
    for name in unknown:
        ledger.notices.append(f"field {name} is new to flowlab; kept as text")
    for status, count in statuses.items():
        ledger.notices.append(f"log status {status!r} is new to flowlab; {count:,} records kept")
    if milliseconds:
        ledger.notices.append(f"{milliseconds:,} lines had times in milliseconds; read as such")
    if guessed:
        ledger.notices.append(
            f"the format has no log-status: {guessed:,} lines without addresses and action were "
            "counted as NODATA; some may have been SKIPDATA"
        )
    if not_listed:
        ledger.notices.append(f"{not_listed:,} more rejected lines are counted but not listed")


def _add(total: FileEntry, more: FileEntry) -> None:
    for name in ("lines", "headers", "records", "nodata", "skipdata", "rejected", "outside_period"):
        setattr(total, name, getattr(total, name) + getattr(more, name))
    starts = [t for t in (total.first_start, more.first_start) if t is not None]
    ends = [t for t in (total.last_end, more.last_end) if t is not None]
    total.first_start, total.last_end = min(starts, default=None), max(ends, default=None)
    total.problem = total.problem or more.problem
