"""Local files: which ones a person means, and which of them can hold records of a period."""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from flowlab.errors import FlowlabError, SourceError
from flowlab.sources.items import Item


def find(source: Any) -> list[Item]:
    """List what a source names, each file once, in a stable order.

    Parameters
    ----------
    source : path, glob pattern, open binary file, or a sequence of these
        A folder means every file below it, hidden ones left out.

    Raises
    ------
    SourceError
        Nothing there.
    FlowlabError
        Not something that can be read.
    """
    items: dict[object, Item] = {}
    for number, part in enumerate(parts(source)):
        if hasattr(part, "read"):
            items[number] = _stream(part, number)
            continue
        for path in _paths(part):
            known = path.stat()
            items.setdefault((known.st_dev, known.st_ino), _file(path, known))
    return list(items.values())


def parts(source: Any) -> Sequence[Any]:
    """Take a list of sources apart; one source is a list of one.

    Raises
    ------
    FlowlabError
        Not something that can be read.
    """
    if isinstance(source, str | os.PathLike) or hasattr(source, "read") or hasattr(source, "list"):
        return [source]
    if isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | memoryview):
        return list(source)
    raise FlowlabError(
        f"a source of type {type(source).__name__} cannot be read.",
        fix="pass a file, a folder, a glob pattern, s3://bucket/prefix, cloudwatch://log-group, "
        "a list of these, or an open binary file (io.BytesIO for bytes).",
    )


def _paths(part: Any) -> list[Path]:
    text = os.fspath(part)
    if not isinstance(text, str):
        text = os.fsdecode(text)
    path = Path(text).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
        if found:
            return found
        raise SourceError(f"{text}: this folder holds no file.", fix="check the path.")
    if glob.has_magic(text):
        matches = sorted(Path(p) for p in glob.glob(str(path), recursive=True))  # noqa: PTH207
        files = [p for p in matches if p.is_file()]
        for folder in (p for p in matches if p.is_dir()):
            files += sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p, folder))
        if files:
            return files
        raise SourceError(f"{text}: no file matches this pattern.", fix="check the pattern.")
    raise SourceError(
        f"{text}: there is no such file or folder.",
        f"the path is relative to {Path.cwd().name}/, the folder this runs in."
        if not path.is_absolute()
        else "it was moved or misspelled.",
        "check the path.",
    )


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_SUCCESS")) for part in path.relative_to(root).parts)


def _file(path: Path, known: os.stat_result) -> Item:
    identity = f"{path.resolve().as_uri()}#{known.st_size}-{known.st_mtime_ns}"
    return Item(str(path), known.st_size, lambda: path.open("rb"), identity)


def _stream(stream: Any, number: int) -> Item:
    if isinstance(stream, io.TextIOBase):
        raise FlowlabError(
            "an open text file cannot be read: flow logs are bytes, often compressed.",
            fix="open it with open(path, 'rb').",
        )
    name = getattr(stream, "name", None)
    shown = name if isinstance(name, str) else f"<stream {number + 1}>"
    return Item(shown, None, lambda: nullcontext(stream))  # the caller closes it


_SLOT = re.compile(r"_vpcflowlogs_[^/]*_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_")
# A file is stamped with the five minutes its records END in. A record that starts inside the
# period may end one aggregation interval (10 min) later; delivery is best effort, so 15 more.
_SLOT_SECONDS, _INTERVAL, _LATE = 300, 600, 900


def outside(name: str, start: int | None, end: int | None) -> bool:
    """Whether a file's S3-style name proves that no record in it starts in the period.

    Parameters
    ----------
    name : str
        Path or key; only names as AWS gives them prove anything.
    start, end : int or None
        Half-open period. [epoch s, UTC]
    """
    import calendar

    match = _SLOT.search(name)
    if not match:
        return False
    year, month, day, hour, minute = map(int, match.groups())
    slot = calendar.timegm((year, month, day, hour, minute, 0))
    before = start is not None and slot + _SLOT_SECONDS + _LATE <= start
    after = end is not None and slot >= end + _INTERVAL + _LATE
    return before or after
