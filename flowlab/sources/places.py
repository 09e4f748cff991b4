"""One door for every kind of source: what a person names becomes items to read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.sources import files
from flowlab.sources.items import Listing, Place


def survey(source: Any, start: int | None = None, end: int | None = None) -> Listing:
    """List everything a source names that may hold records of a period.

    Parameters
    ----------
    source : path, glob, open binary file, ``s3://`` or ``cloudwatch://`` address, S3, CloudWatch,
        or a list of these
    start, end : int or None
        Half-open period. [epoch s, UTC]

    Returns
    -------
    Listing
        Local files outside the period, as their names prove, are left out with a notice.

    Raises
    ------
    FlowlabError
        Nothing there, or nothing there may be listed.
    """
    whole = Listing()
    local: list[Any] = []
    for part in files.parts(source):
        place = as_place(part)
        if place is None:
            local.append(part)
            continue
        found = place.list(start, end)
        whole.items += [
            replace(item, formats=found.formats, remote=place.remote) for item in found.items
        ]
        whole.problems += found.problems
        whole.notices += found.notices
    if local:
        items = files.find(local)
        kept = [item for item in items if not files.outside(item.name, start, end)]
        whole.items += kept
        if len(kept) < len(items):
            whole.notices.append(
                f"{len(items) - len(kept)} of {len(items)} files were not opened: by their names, "
                "their records lie outside the period"
            )
    return whole


def as_place(source: Any) -> Place | None:
    """Give the place that an address or object stands for; None for local files and streams.

    Raises
    ------
    FlowlabError
        An address of a kind flowlab does not read.
    """
    if hasattr(source, "list") and hasattr(source, "remote"):
        return source  # type: ignore[no-any-return]
    if not isinstance(source, str) or "://" not in source:
        return None
    kind = source.split("://", 1)[0].lower()
    if kind == "s3":
        from flowlab.sources.s3 import S3

        return S3.from_url(source)
    if kind == "cloudwatch":
        from flowlab.sources.cloudwatch import CloudWatch

        return CloudWatch.from_url(source)
    raise FlowlabError(
        f"{source}: addresses of the kind {kind}:// cannot be read.",
        fix="use a path, s3://bucket/prefix or cloudwatch://log-group.",
    )
