"""What a question will read and cost, before it is asked: the objects of its partitions, listed."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flowlab.rates import GB, Rate
from flowlab.sources import aws

RATE = Rate(
    "athena_query",
    ((0, 5 / 1024),),
    "USD/GB scanned",
    unsure="5 USD a TB is from general knowledge; Regions differ, reserved capacity too",
)
LEAST = 10 * 2**20  # charged for any query [bytes]
_MOST_PLACES, _MOST_PAGES = 1000, 20  # listed at most: partitions, pages of 1000 objects in each
_LISTERS = 16


def price(scanned: int) -> float:
    """Say what a query that reads so many bytes is charged, in USD."""
    return RATE.charge(max(scanned, LEAST) / GB) if scanned else 0.0


@dataclass(frozen=True)
class Stock:
    """What lies in some partitions.

    Attributes
    ----------
    objects : int
    bytes : int
    state : str
        Changes when an object is added, replaced or taken away.
    """

    objects: int
    bytes: int
    state: str


def stock(s3: Any, places: Sequence[str] | None) -> tuple[Stock | None, str]:
    """List the objects of partitions; nothing of them is read.

    Parameters
    ----------
    s3 : boto3 client for S3
    places : sequence of str or None
        As s3://bucket/prefix; None if they are not known.

    Returns
    -------
    Stock or None
        None where it cannot be told.
    str
        Why not; else "".
    """
    if places is None:
        return None, "which folders the partitions are is not known"
    if len(places) > _MOST_PLACES:
        return None, f"{len(places):,} partitions are more than are listed"
    pool = ThreadPoolExecutor(_LISTERS, thread_name_prefix="flowlab-list")
    try:
        parts = list(pool.map(lambda place: _listed(s3, place), places))
    except Exception as error:  # noqa: BLE001 - an estimate is a courtesy; its absence is told
        return None, aws.reason(error, "listing the partitions")
    finally:  # an interrupt does not wait for what is still to be listed
        pool.shutdown(wait=False, cancel_futures=True)
    if any(part is None for part in parts):
        return None, "a partition has more objects than are listed"
    found = sorted(entry for part in parts if part for entry in part)
    digest = hashlib.sha256(repr(found).encode()).hexdigest()
    return Stock(len(found), sum(size for _, size, _ in found), digest), ""


def _listed(s3: Any, place: str) -> list[tuple[str, int, str]] | None:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    request = {"Bucket": bucket, "Prefix": prefix.rstrip("/") + "/" if prefix else ""}
    found: list[tuple[str, int, str]] = []
    for _ in range(_MOST_PAGES):
        page = s3.list_objects_v2(**request)
        for entry in page.get("Contents", ()):
            name = entry["Key"].rpartition("/")[2]
            if name and name[0] not in "._":  # Athena skips these
                found.append((entry["Key"], entry["Size"], entry.get("ETag", "")))
        if not page.get("NextContinuationToken"):
            return found
        request["ContinuationToken"] = page["NextContinuationToken"]
    return None


@dataclass(frozen=True)
class DryRun:
    """What a question would do. Made by `dry_run`; nothing was read.

    Attributes
    ----------
    sql : str
        The text Athena would run.
    partitions : int or None
        Folders that can hold the period; None where they are not known.
    objects, bytes : int or None
        In these folders, as stored: what the question reads at most. None where they could not be
        listed. [bytes]
    price : float or None
        For that many bytes. [USD]
    notes : tuple of str
        What to know about these numbers.
    """

    sql: str
    partitions: int | None
    objects: int | None
    bytes: int | None
    price: float | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([*self._figures(), *(f"- {note}" for note in self.notes), "", self.sql])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        figures = "<br>".join(map(html.escape, self._figures()))
        return f"<p>{figures}</p><ul>{notes}</ul><pre>{html.escape(self.sql)}</pre>"

    def _figures(self) -> list[str]:
        if self.bytes is None or self.price is None:
            return ["Nothing was read. How much it would read is unknown."]
        where = f"{self.objects:,} objects in {self.partitions:,} partitions"
        return [
            f"Nothing was read. It would read at most {self.bytes:,} bytes ({where}),",
            f"for about ${self.price:,.6f} ({RATE.as_of}, {RATE.region}; {RATE.unsure}).",
        ]
