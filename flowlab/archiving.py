"""Keep what was read: fl.archive() and fl.refresh() fetch what an archive lacks, and only that."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flowlab import schema
from flowlab.archives import Archive
from flowlab.errors import FlowlabError, SourceError
from flowlab.fetching import load
from flowlab.ledger import UNREAD, FileEntry, Ledger
from flowlab.reading import epoch, fill, unlisted
from flowlab.settling import Job, Part
from flowlab.sources.items import Item, Listing
from flowlab.sources.places import as_place, survey
from flowlab.store import Commit, Store

_ROWS = 1_000_000  # in memory before they are written


def archive(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    start: Any = None,
    end: Any = None,
    log_format: str | Sequence[str] | None = None,
    progress: bool = True,
) -> Archive:
    """Write flow logs into a local archive of Parquet files, fetching only what it lacks.

    Parameters
    ----------
    source : path, glob, S3, CloudWatch, their addresses, or a list of these
        As for `read_flows`; an open stream cannot be archived, as nothing tells it again.
    folder : path
        The archive; made if need be.
    start, end : datetime-like or str, optional
        Period, half-open: what may hold records of it is archived whole. [UTC]
    log_format : str or sequence of str, optional
        Format of lines without a header.
    progress : bool
        Show a progress bar when it takes more than a second.

    Returns
    -------
    Archive
        Its ``ledger`` accounts for everything in it: what was there (origin ``archive``), what was
        added now (``fetched``), and what could not be had. Capture windows that AWS may still add
        to are not archived yet; a notice says how many.

    Raises
    ------
    FlowlabError
        Nothing to read there, another process is archiving here, or the disk is full.

    Notes
    -----
    Records are sorted by start and partitioned by day. A run that is interrupted or killed leaves
    the archive whole: what was committed stays, the next run goes on from there.

    Examples
    --------
    >>> import flowlab as fl
    >>> kept = fl.archive("s3://acme-logs/vpc", "november", start="2026-11-01")  # doctest: +SKIP
    """
    said = {"source": _remember(source), "start": epoch(start, "start"), "end": epoch(end, "end")}
    said["log_format"] = schema.parse_log_format(log_format) if log_format is not None else None
    return _archive(source, Path(folder).expanduser(), said, progress)


def refresh(folder: str | os.PathLike[str], *, progress: bool = True) -> Archive:
    """Bring an archive up to date from where it came from.

    Parameters
    ----------
    folder : path
        An archive that `archive` made. What it came from is listed again from its first moment
        on: AWS delivers late, and an earlier run may have been refused something.
    progress : bool
        Show a progress bar when it takes more than a second.

    Returns
    -------
    Archive

    Raises
    ------
    SourceError
        No archive of flowlab's there.
    """
    path = Path(folder).expanduser()
    if not Store.is_one(path) or not (commits := Store(path).commits):
        raise SourceError(
            f"{path}: there is no archive to refresh.", fix="make one: fl.archive(source, folder)."
        )
    result = None
    for said in _distinct(commit.source for commit in commits):
        result = _archive(_recall(said["source"]), path, said | {"end": None}, progress)
    assert result is not None  # noqa: S101 (there is a commit)
    return result


def _archive(source: Any, folder: Path, said: dict[str, Any], progress: bool) -> Archive:
    store = Store(folder)
    job = Job(formats=(tuple(said["log_format"]),) if said["log_format"] else ())
    ledger = Ledger()
    with store.writing():
        listing = survey(source, said["start"], said["end"])
        todo = _missing(listing, store, job, ledger)
        for problem in listing.problems:
            fill(ledger, [unlisted(problem)])
        ledger.notices += listing.notices
        for parts in _batches(list(todo.values()), job, progress):
            _commit(parts, todo, job, store, said, ledger)
    return Archive(folder, ledger)


def _key(item: Item, job: Job) -> str:
    """What an archived item is known by: its contents, and the format the caller gave for them."""
    return item.identity + "".join("|" + " ".join(columns) for columns in job.formats)


def _missing(listing: Listing, store: Store, job: Job, ledger: Ledger) -> dict[str, Item]:
    """Items to fetch, by name; what cannot be archived is said in the ledger."""
    known, names = store.items, {e.file for e in store.items.values()}
    todo: dict[str, Item] = {}
    young = 0
    for item in listing.items:
        if not item.identity:
            raise FlowlabError(
                f"{item.name}: a stream cannot be archived.",
                "nothing tells later whether it is the same stream.",
                "archive a file, a folder, s3:// or cloudwatch://; or read it with fl.read_flows.",
            )
        if _key(item, job) in known:
            continue
        if not item.settled:
            young += 1
        elif item.name in names:
            reason = (
                "it has changed, or its format is given differently, since it was archived; the "
                "archived records are kept. Archive it into another folder to have the new ones"
            )
            entry = FileEntry(item.name, content="not fetched", problem=reason)
            fill(ledger, [Part(entry)])
        else:
            todo[item.name] = item
    if young:
        ledger.notices.append(
            f"{young} slices are so young that AWS may still add to them; not archived yet"
        )
    return todo


def _batches(items: Sequence[Item], job: Job, progress: bool) -> Iterator[list[Part]]:
    """Parts enough for one write, whole files always together."""
    batch: list[Part] = []
    rows = 0
    for parts in load(items, job, "collect", progress):
        if rows >= _ROWS and not parts[0].continues:
            yield batch
            batch, rows = [], 0
        batch += parts
        rows += sum(t.num_rows for part in parts for t in (part.records,) if t is not None)
    if batch:
        yield batch


def _commit(
    parts: Sequence[Part],
    todo: dict[str, Item],
    job: Job,
    store: Store,
    said: dict[str, Any],
    ledger: Ledger,
) -> None:
    unread = [part for part in parts if part.entry.content in UNREAD]
    fill(ledger, unread)
    had = [part for part in parts if part.entry.content not in UNREAD]
    account = Ledger()
    fill(account, had)
    tables = [t for part in had for t in (part.records, part.no_traffic) if t is not None]
    commit = Commit(
        items={_key(todo[e.file], job): dataclasses.asdict(e) for e in account.entries},
        rejected=account.listed,
        notices=account.notices,
        columns=list(dict.fromkeys(c for part in had for f in part.formats for c in f)),
        source=said,
    )
    if commit.items:
        store.add([t for t in tables if t.num_rows], commit)
    for entry in account.entries:
        entry.origin = "fetched"
    ledger.entries += account.entries


def _remember(source: Any) -> Any:
    """Describe a source so that it can be found again; never with credentials."""
    from flowlab.sources.files import parts

    if isinstance(source, list | tuple):
        return [_remember(part) for part in parts(source)]
    if hasattr(source, "options") and as_place(source) is not None:
        kind = type(source)
        return {"place": f"{kind.__module__}:{kind.__name__}", "options": source.options()}
    if isinstance(source, str) and "://" in source:
        return source
    if isinstance(source, str | os.PathLike):
        return str(Path(os.fspath(source)).expanduser().absolute())
    raise FlowlabError(
        f"a {type(source).__name__} cannot be archived: it could not be found again.",
        fix="pass a path, fl.S3(...), fl.CloudWatch(...) or their addresses.",
    )


def _recall(said: Any) -> Any:
    if isinstance(said, list):
        return [_recall(part) for part in said]
    if isinstance(said, dict):
        kinds = {"flowlab.sources.s3:S3", "flowlab.sources.cloudwatch:CloudWatch"}
        if said["place"] not in kinds:  # a commit is a file anyone may have changed
            raise FlowlabError(f"the archive names a source that flowlab does not know: {said}.")
        import importlib

        module, name = said["place"].split(":")
        return getattr(importlib.import_module(module), name)(**said["options"])
    return said


def _distinct(sources: Any) -> list[dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    for source in sources:
        seen.setdefault(repr({**source, "end": None}), source)
    return list(seen.values())
