"""Before a large read: what it will take, cost, and need permission for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.fetching import load
from flowlab.reading import epoch
from flowlab.settling import Job
from flowlab.sources.items import Item
from flowlab.sources.places import as_place, survey

if TYPE_CHECKING:
    import pandas as pd

# USD, us-east-1, as published in 2025; to be replaced by the user's own where they differ.
RATES: dict[str, float] = {
    "s3_get_per_1000": 0.0004,
    "s3_list_per_1000": 0.005,
    # Out of AWS to the internet, first 10 TB a month. Nothing within the bucket's Region.
    "transfer_per_gb": 0.09,
}
RATES_AS_OF = "2025, us-east-1, unsure"
_SAMPLES = 3


def estimate(
    source: Any,
    *,
    start: Any = None,
    end: Any = None,
    rates: Mapping[str, float] | None = None,
    within_region: bool = False,
) -> pd.DataFrame:
    """Say what reading a source would take, before it is read.

    Lists the source, and fetches and parses up to three of its items to measure how fast that
    goes here; nothing else is read.

    Parameters
    ----------
    source : anything `read_flows` takes
        An open stream is not touched: nothing of it can be said.
    start, end : datetime-like or str, optional
        Period, half-open. [UTC]
    rates : mapping, optional
        USD; what is not given is taken from ``flowlab.estimates.RATES``.
    within_region : bool
        Run inside the bucket's Region: no transfer out of AWS is charged.

    Returns
    -------
    DataFrame, one row
        objects, bytes (as stored; unknown where the place does not tell: null) [bytes], seconds
        (measured rate, extrapolated) [s], cost (requests and transfer) [USD], rates_as_of.

    Raises
    ------
    FlowlabError
        Nothing to read there.
    """
    import pandas as pd

    listing = survey(source, epoch(start, "start"), epoch(end, "end"))
    items = [item for item in listing.items if item.size is not None]
    price = {**RATES, **(rates or {})}
    if unknown := set(price) - set(RATES):
        raise FlowlabError(
            f"rates: {', '.join(sorted(unknown))} is no rate.", fix=f"rates are {', '.join(RATES)}."
        )
    seconds, measured = _measure(items)
    # A log group does not tell the size of its slices; what was fetched of them does.
    told = all(item.size for item in items)
    size = sum(item.size or 0 for item in items) if told else _scaled(measured, items)
    remote = [item for item in items if item.remote]
    in_s3 = [item for item in remote if item.name.startswith("s3://")]
    requests = len(in_s3) / 1000 * (price["s3_get_per_1000"] + price["s3_list_per_1000"] / 1000)
    leaving = 0.0 if within_region or not remote else (size or 0) / 1e9 * price["transfer_per_gb"]
    row = {
        "objects": [len(items)],
        "bytes": pd.array([size], dtype="Int64"),
        "seconds": [round(seconds, 1)],
        "cost": [round(requests + leaving, 6)],
        "rates_as_of": ["given" if rates else RATES_AS_OF],
    }
    return pd.DataFrame(row)


def _measure(items: list[Item]) -> tuple[float, int]:
    """Seconds for all items, and the bytes of the few that were tried."""
    if not items:
        return 0.0, 0
    step = max(1, len(items) // _SAMPLES)
    tried = items[::step][:_SAMPLES]
    sizes: list[int] = []

    def weighed(item: Item) -> Item:
        def fetch() -> Any:
            import io

            with item.open() as stream:
                data = stream.read()
            sizes.append(len(data))
            return io.BytesIO(data)

        return Item(item.name, item.size, fetch, formats=item.formats, remote=item.remote)

    began = time.perf_counter()
    for _ in load([weighed(item) for item in tried], Job(), progress=False):
        pass
    spent = time.perf_counter() - began
    # By size where sizes are known: one large object among small ones would mislead a count.
    whole, part = sum(i.size or 0 for i in items), sum(i.size or 0 for i in tried)
    return spent * (whole / part if part else len(items) / len(tried)), sum(sizes)


def _scaled(measured: int, items: list[Item]) -> int | None:
    tried = min(_SAMPLES, len(items))
    return round(measured / tried * len(items)) if tried else None


def read_policy(source: Any) -> dict[str, Any]:
    """Give the least IAM policy that reading a source needs.

    Parameters
    ----------
    source : S3, CloudWatch or their addresses
        Nothing is asked of AWS.

    Returns
    -------
    dict
        An IAM policy document; ``json.dumps(policy, indent=1)`` is what the console takes.

    Raises
    ------
    FlowlabError
        Not a place in AWS.

    Examples
    --------
    >>> import flowlab as fl
    >>> [s["Action"] for s in fl.read_policy("s3://acme-logs/vpc")["Statement"]]
    ['s3:ListBucket', 's3:GetObject']
    """
    place = as_place(source)
    if place is None or not hasattr(place, "read_policy"):
        raise FlowlabError(
            f"{source!r} needs no AWS permission.", fix="pass s3://... or cloudwatch://..."
        )
    policy: dict[str, Any] = place.read_policy()
    return policy
