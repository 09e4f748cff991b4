"""Parsed rows to records, silent windows and counts: who owns which row, and what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowlab import schema
from flowlab.errors import FlowlabError, MissingFieldError
from flowlab.ledger import FileEntry
from flowlab.parsing import values
from flowlab.parsing.text import Columns, Rejected
from flowlab.working import POOL

# What settling a table needs, whatever columns were asked for.
_NEEDED = ("log_status", "start", "end", "interface_id", "resource_id")
_TRAFFIC = ("srcaddr", "dstaddr", "action")
_RECORD, _NODATA, _SKIPDATA, _OUTSIDE = range(4)


@dataclass(frozen=True)
class Job:
    """What one call of read_flows asks of every file."""

    formats: tuple[Columns, ...] = ()  # of lines without header, as the caller says
    start: int | None = None  # epoch s
    end: int | None = None
    columns: Columns | None = None

    def only(self, columns: Columns) -> tuple[str, ...]:
        """Columns to parse of a format; empty means all."""
        if self.columns is None:
            return ()
        extra = _NEEDED if "log_status" in columns else _NEEDED + _TRAFFIC
        return (*self.columns, *extra)


@dataclass
class Part:
    """What one file, or one block of it, gave."""

    entry: FileEntry
    records: pa.Table | None = None
    no_traffic: pa.Table | None = None
    rejected: list[Rejected] = field(default_factory=list)
    formats: list[Columns] = field(default_factory=list)
    unknown_status: Counter[str] = field(default_factory=Counter)
    milliseconds: int = 0
    guessed_no_traffic: int = 0
    not_a_flow_log: FlowlabError | None = None
    continues: bool = False  # a later block of the same file

    def refuse(self, rejected: Sequence[Rejected]) -> None:
        """Set lines aside; they are counted among the lines read."""
        self.rejected += rejected
        self.entry.rejected += sum(r.lines for r in rejected)


def settle(table: pa.Table, owners: Sequence[tuple[Part, int]], job: Job) -> None:
    """Part the rows of a table into records, silent windows and what lies outside the period.

    `owners` says whose rows they are, in order; the tables go to the first owner.
    """
    first = owners[0][0]
    table, first.milliseconds = _times_in_seconds(table)
    kinds = _status_kinds(table, first)
    _mark_outside(table, kinds, job)
    _count(table, kinds, owners)
    keep = table.select([c for c in table.column_names if not job.columns or c in job.columns])
    if not kinds.any():
        first.records = keep
        return
    first.records = _filter(keep, kinds == _RECORD)
    silent = (kinds == _NODATA) | (kinds == _SKIPDATA)
    if silent.any():
        identity = [c for c in schema.IDENTITY if c in table.column_names]
        first.no_traffic = _with_status(_filter(table.select(identity), silent), kinds[silent])


def _filter(table: pa.Table, mask: np.ndarray) -> pa.Table:
    # pc.call_function is the one way to hand Table.filter a memory pool.
    return pc.call_function("filter", [table, pa.array(mask)], pc.FilterOptions(), POOL)


def _with_status(table: pa.Table, kinds: np.ndarray) -> pa.Table:
    if "log_status" in table.column_names:
        return table
    words = pa.array(np.where(kinds == _NODATA, "NODATA", "SKIPDATA")).cast(pa.string())
    return table.append_column("log_status", words.dictionary_encode())


def _times_in_seconds(table: pa.Table) -> tuple[pa.Table, int]:
    changed = np.zeros(table.num_rows, bool)
    for name in ("start", "end"):
        if name in table.column_names:
            before = table.column(name)
            after = values.in_seconds(before)
            if after is not before:
                differ = pc.fill_null(pc.not_equal(before, after), False)
                changed |= differ.to_numpy()
                table = table.set_column(table.column_names.index(name), name, after)
    return table, int(changed.sum())


def _status_kinds(table: pa.Table, part: Part) -> np.ndarray:
    kinds = np.zeros(table.num_rows, np.int8)
    if "log_status" in table.column_names:
        known = {"NODATA": _NODATA, "SKIPDATA": _SKIPDATA}
        at = 0
        for chunk in table.column("log_status").chunks:
            words = chunk.dictionary.to_pylist()
            lookup = np.array([known.get(w, _RECORD) for w in words] + [_RECORD], np.int8)
            codes = chunk.indices.fill_null(-1).to_numpy()
            kinds[at : at + len(chunk)] = lookup[codes]
            for code, word in enumerate(words):
                if word not in known and word != "OK":
                    part.unknown_status[word] += int((codes == code).sum())
            at += len(chunk)
        return kinds
    telling = [c for c in _TRAFFIC if c in table.column_names]
    if telling:
        silent = np.ones(table.num_rows, bool)
        for name in telling:
            silent &= pc.is_null(table.column(name)).to_numpy()
        kinds[silent] = _NODATA
        part.guessed_no_traffic = int(silent.sum())
    return kinds


def _mark_outside(table: pa.Table, kinds: np.ndarray, job: Job) -> None:
    if job.start is None and job.end is None:
        return
    name = next((c for c in ("start", "end") if c in table.column_names), None)
    if name is None:
        raise MissingFieldError(
            "start= and end= need the time of a record, which these records lack.",
            "the flow log's format includes neither the AWS field start nor end.",
            "leave the period out.",
        )
    times = pc.fill_null(table.column(name), -1).to_numpy()  # no time: in no period
    inside = times >= (job.start if job.start is not None else 0)
    if job.end is not None:
        inside &= times < job.end
    kinds[~inside] = _OUTSIDE


def _count(table: pa.Table, kinds: np.ndarray, owners: Sequence[tuple[Part, int]]) -> None:
    """Count each owner's rows by kind, and find its first start and last end."""
    ends = np.cumsum([length for _, length in owners])
    starts = ends - [length for _, length in owners]
    for (part, _), first, last in zip(owners, starts, ends, strict=True):
        counts = np.bincount(kinds[first:last], minlength=4).tolist()
        part.entry.records += counts[_RECORD]
        part.entry.nodata += counts[_NODATA]
        part.entry.skipdata += counts[_SKIPDATA]
        part.entry.outside_period += counts[_OUTSIDE]
    filled = [owner for owner in range(len(owners)) if ends[owner] > starts[owner]]
    for name, side, pick, none in (
        ("start", "first_start", np.minimum, np.iinfo(np.int64).max),
        ("end", "last_end", np.maximum, -1),
    ):
        if name not in table.column_names or not filled:
            continue
        times = pc.fill_null(table.column(name), none).to_numpy()
        times = np.where(kinds == _RECORD, times, none)
        for owner, found in zip(filled, pick.reduceat(times, starts[filled]), strict=True):
            entry = owners[owner][0].entry
            seen = [t for t in (getattr(entry, side), int(found)) if t is not None and t != none]
            setattr(entry, side, pick.reduce(seen).item() if seen else None)
