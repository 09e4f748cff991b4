"""The archive's files: what is in it, said by commits that are written whole or not at all.

An archive is a folder: ``records/day=YYYY-MM-DD/*.parquet`` and ``commits/*.json``. A commit names
the Parquet files it adds and everything that went into them. Only what a commit names is in the
archive; anything else is the rest of a run that was cut off, and is cleared away by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flowlab.errors import FlowlabError
from flowlab.ledger import FileEntry, RejectedLine

_FORMAT = 1  # of the commits; a newer flowlab may write another
_ROW_GROUP = 1 << 17  # rows that a period can skip at once
_DAY = 86_400


@dataclass
class Commit:
    """What one write added to the archive."""

    files: list[str] = field(default_factory=list)  # Parquet files, relative to the archive
    items: dict[str, dict[str, Any]] = field(default_factory=dict)  # identity: FileEntry as a dict
    rejected: list[RejectedLine] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)


class Store:
    """The commits of an archive folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commits: list[Commit] = []
        for path in sorted((folder / "commits").glob("*.json")):
            self.commits.append(_read_commit(path))

    @staticmethod
    def is_one(folder: Path) -> bool:
        """Whether this folder is an archive that flowlab wrote."""
        return (folder / "commits").is_dir() and (folder / "records").is_dir()

    @property
    def files(self) -> list[Path]:
        """The Parquet files, by day."""
        return sorted(self.folder / name for commit in self.commits for name in commit.files)

    @property
    def items(self) -> dict[str, FileEntry]:
        """Everything that was archived, by identity."""
        return {
            identity: FileEntry(**entry)
            for commit in self.commits
            for identity, entry in commit.items.items()
        }

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers out, and clear away what cut-off runs left.

        Raises
        ------
        FlowlabError
            Another process is writing, or the folder cannot be written to.
        """
        from filelock import FileLock, Timeout

        try:
            for name in ("commits", "records"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=10)
            with lock:
                self.__init__(self.folder)  # type: ignore[misc]  # what the last writer added
                self._clear()
                yield
        except Timeout:
            raise FlowlabError(
                f"{self.folder}: another process is archiving into this folder.",
                fix="wait until it is done; what it archives is not fetched again.",
            ) from None
        except FlowlabError:
            raise  # some of ours are OSErrors too: a source that is not there, a refused sign-in
        except OSError as problem:
            raise FlowlabError(
                f"{self.folder}: the archive could not be written: {problem.strerror or problem}.",
                "the disk is full, or this folder is not yours.",
                "make room and run it again; what was archived so far is whole and will be kept.",
            ) from problem

    def _clear(self) -> None:
        named = set(self.files)
        for path in (self.folder / "records").rglob("*"):
            if path.is_file() and path not in named:
                path.unlink()
        for path in (self.folder / "commits").glob(".*.part"):  # of a writer that was killed
            path.unlink()

    def add(self, tables: Sequence[pa.Table], commit: Commit) -> None:
        """Write records by day, sorted by start, and then the commit that makes them count."""
        made: list[Path] = []
        try:
            for day, rows in _by_day(tables):
                path = self.folder / "records" / f"day={day}" / f"{uuid.uuid4().hex}.parquet"
                made.append(path)
                _write_parquet(rows, path)
            commit.files = [path.relative_to(self.folder).as_posix() for path in made]
            name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
            content = asdict(commit) | {"format": _FORMAT}
            _write_whole(self.folder / "commits" / name, json.dumps(content).encode())
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise
        self.commits.append(commit)


def _read_commit(path: Path) -> Commit:
    try:
        content = json.loads(path.read_text("utf-8"))
        if content.pop("format") != _FORMAT:
            raise FlowlabError(
                f"{path}: this archive was written by a newer flowlab.", fix="install that version."
            )
        content["rejected"] = [RejectedLine(**line) for line in content["rejected"]]
        return Commit(**content)
    except (ValueError, KeyError, TypeError) as problem:
        raise FlowlabError(
            f"{path}: this commit of the archive cannot be read.",
            "it was changed or damaged by something other than flowlab.",
            "delete it and run fl.archive again: only what it named is fetched once more.",
        ) from problem


def _by_day(tables: Sequence[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Tables as one, sorted by start, cut at midnight UTC."""
    if not tables:
        return
    whole = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    if "start" not in whole.column_names:
        yield "unknown", whole
        return
    whole = whole.take(pc.sort_indices(whole, [("start", "ascending", "at_end")]))
    days = pc.divide(whole["start"], _DAY)
    at = 0
    for run in pc.run_end_encode(days.combine_chunks()).run_ends.to_pylist():
        day = days[at].as_py()
        name = "unknown" if day is None else str(pc.strftime(
            pa.scalar(day * _DAY, pa.timestamp("s")), format="%Y-%m-%d"))  # fmt: skip
        yield name, whole.slice(at, run - at)
        at = run


def _write_parquet(rows: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _whole(path) as target:
        pq.write_table(rows, target, compression="zstd", row_group_size=_ROW_GROUP)


def _write_whole(path: Path, content: bytes) -> None:
    with _whole(path) as target:
        target.write(content)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """Open a file that appears under its name complete and on the disk, or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
        if os.name == "posix":  # the name itself is on the disk only when its folder is
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)
