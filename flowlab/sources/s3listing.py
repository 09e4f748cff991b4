"""Walk a bucket: folders side by side, only those that can hold what was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flowlab.errors import FlowlabError
from flowlab.sources import s3keys

THREADS = 16
MOST_PAGES = 20_000  # of one folder; 20 million keys
_DEEPEST, _MOST_FOLDERS = 3, 100  # how far AWSLogs is looked for by folders


class Object(NamedTuple):
    """One object, as the listing tells it."""

    key: str
    size: int
    etag: str


@dataclass
class Found:
    """What a walk found, and what it could not see."""

    objects: list[Object] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)  # folder, what went wrong
    accounts: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    seen: int = 0  # objects and folders
    empty: int = 0
    outside: int = 0  # objects that are of another period, by their names
    beside: list[str] = field(default_factory=list)  # what lies next to the layout


@dataclass
class _Part:
    """One listing: of a folder, or of all that is below it."""

    objects: list[Object] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    error: Exception | None = None
    seen: int = 0
    empty: int = 0
    outside: int = 0


class Walk:
    """A walk through what is below a prefix.

    Parameters
    ----------
    client : boto3 client for S3
    bucket, root : str
        Where to begin: "", a folder with a slash at the end, or the beginning of a name.
    asked : Asked
        What is wanted.
    terms : dict, optional
        Further arguments of every request.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        root: str,
        asked: s3keys.Asked,
        terms: dict[str, str] | None = None,
    ) -> None:
        self._client, self._bucket, self._root, self._asked = client, bucket, root, asked
        self._terms = terms or {}
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="flowlab-list")
        self._running: dict[Future[_Part], str] = {}
        self._searched = 0
        self._unsearched: list[str] = []
        self._plain: list[Object] = []  # outside of AWS's layout
        self._layout = False  # whether flow logs were found in AWS's layout
        self._found = Found()

    def run(self) -> Found:
        """Walk, and give what was found, in the order of the keys."""
        found = self._found
        try:
            if self._root.endswith("/") or not self._root:
                self._plan(self._root)
            else:
                self._submit(self._root, by_level=True)  # a file, or the beginning of its name
            self._drain()
            if not self._layout:
                for folder in self._unsearched:
                    self._submit(folder, by_level=False)
                self._unsearched = []
                self._drain()
        finally:  # an interrupt, too, ends the walk at the next page
            self._stop.set()
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._layout:
            found.beside = sorted([o.key for o in self._plain] + self._unsearched)
        else:
            found.objects += self._plain
        found.objects.sort()
        found.errors.sort(key=lambda pair: pair[0])
        return found

    def _plan(self, folder: str) -> None:
        """Decide whether and how to list a folder."""
        levels = s3keys.place(folder)
        if levels is None:
            deep = folder.count("/") - self._root.count("/")
            if deep > _DEEPEST or self._searched >= _MOST_FOLDERS:
                self._unsearched.append(folder)
                return
            self._searched += 1
            self._submit(folder, by_level=True)
            return
        self._found.accounts.update([levels["account"]] if "account" in levels else [])
        self._found.regions.update([levels["region"]] if "region" in levels else [])
        self._layout |= levels.get("service") == "vpcflowlogs"
        if folder == self._root or self._asked.folder(levels):
            self._submit(folder, by_level=self._asked.by_level(levels))

    def _submit(self, folder: str, *, by_level: bool) -> None:
        self._running[self._pool.submit(self._list, folder, by_level)] = folder

    def _drain(self) -> None:
        found = self._found
        while self._running:
            # Waking up twice a second lets an interrupt through on every system.
            for future in wait(self._running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                folder, part = self._running.pop(future), future.result()
                inside = s3keys.place(folder) is not None
                (found.objects if inside else self._plain).extend(part.objects)
                found.seen += part.seen
                found.empty += part.empty
                found.outside += part.outside
                if part.error:
                    found.errors.append((folder, part.error))
                for child in part.folders:
                    self._plan(child)

    def _list(self, folder: str, by_level: bool) -> _Part:
        part = _Part()
        try:
            for page in self._pages(folder, by_level):
                for entry in page.get("Contents", ()):
                    self._take(entry, part)
                part.folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
                part.seen += len(page.get("CommonPrefixes", ()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other folders go on
            part.error = error
        return part

    def _take(self, entry: Any, part: _Part) -> None:
        key, size = entry["Key"], entry["Size"]
        if not size:
            part.empty += not key.endswith("/")  # an empty key with a slash is a console's folder
            return
        part.seen += 1
        refused = self._asked.key(key)
        part.outside += refused == "period"
        if not refused:
            part.objects.append(Object(key, size, entry.get("ETag", "").strip('"')))

    def _pages(self, folder: str, by_level: bool) -> Iterator[Any]:
        """List page by page, leaping over names that are not wanted; each key at most once."""
        request: dict[str, str] = {"Bucket": self._bucket, "Prefix": folder, **self._terms}
        if by_level:
            request["Delimiter"] = "/"
        after: dict[str, str] = {}
        last, tokens = "", set[str]()
        for _ in range(MOST_PAGES):
            if self._stop.is_set():
                return
            page = self._client.list_objects_v2(**request, **after)
            if "IsTruncated" not in page:
                raise FlowlabError(
                    "the answer is not S3's.",
                    "a proxy or a sign-in page stands between here and AWS.",
                    "open a web page to sign in to the network; check endpoint_url=.",
                )
            keys = [entry["Key"] for entry in page.get("Contents", ())]
            names = keys + [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
            if names and last and min(names) <= last:
                raise _circle("gives keys again that it gave before")
            yield page
            if not page.get("IsTruncated"):
                return
            token = page.get("NextContinuationToken")
            if not token or token in tokens:
                raise _circle("repeats its place" if token else "breaks off")
            tokens.add(token)
            last = max([last, *names])
            leap = self._asked.jump(keys[-1]) if keys and keys[-1] == last else None
            after = {"StartAfter": leap} if leap and leap > last else {"ContinuationToken": token}
        raise _circle(f"does not end after {MOST_PAGES:,} pages")


def _circle(what: str) -> FlowlabError:
    return FlowlabError(
        f"S3's listing {what}, so it may lack objects.",
        "the server, or something between here and there, does not page as S3 does.",
        "ask again; for a store that is not AWS's own, check its version.",
    )
