"""Where flow logs can be delivered, and what a month of them is charged there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flowlab.rates import Rate


@dataclass(frozen=True)
class Place:
    """A destination, and the names of the rates that apply there ("" for none)."""

    key: str
    title: str
    delivery: str
    stored_as: Literal["text", "parquet", ""] = ""
    storage: str = ""
    conversion: str = ""
    ingestion: str = ""
    free: str = ""
    unsure: str = ""

    @property
    def rates(self) -> tuple[str, ...]:
        """Names of its rates."""
        names = (self.delivery, self.conversion, self.ingestion, self.storage, self.free)
        return tuple(name for name in names if name)


_METERED = "delivery is taken to be metered before compression"
PLACES: dict[str, Place] = {
    place.key: place
    for place in (
        Place("cloudwatch", "CloudWatch Standard", "cloudwatch_delivery", "text",
              "cloudwatch_storage", free="cloudwatch_free_gb"),
        Place("cloudwatch_ia", "CloudWatch Infrequent Access", "cloudwatch_ia_delivery", "text",
              "cloudwatch_ia_storage", free="cloudwatch_free_gb"),
        Place("s3_text", "S3 text", "s3_delivery", "text", "s3_storage", unsure=_METERED),
        Place("s3_parquet", "S3 Parquet", "s3_delivery", "parquet", "s3_storage",
              conversion="parquet_conversion", unsure=_METERED),
        Place("firehose", "Firehose", "firehose_delivery", ingestion="firehose_ingestion",
              unsure="what the stream delivers to is not included"),
    )
}  # fmt: skip
"""Destinations by key."""


@dataclass(frozen=True)
class Price:
    """A month at one destination, in USD."""

    delivery: float
    conversion: float
    ingestion: float
    storage: float | None  # None: stored where flowlab does not know
    free_tier: float  # 0 or less

    @property
    def total(self) -> float:
        """All of it."""
        paid = self.delivery + self.conversion + self.ingestion + (self.storage or 0)
        return paid + self.free_tier


def price(place: Place, gb: float, stored_gb: float, rates: Mapping[str, Rate]) -> Price:
    """Price a month.

    Parameters
    ----------
    place : Place
    gb : float
        Text delivered in the month. [GB of 2**30 bytes]
    stored_gb : float
        Compressed, in store for the month. [GB]
    rates : mapping
        As `flowlab.rates.chosen` gives them.

    Returns
    -------
    Price
        The free tier is spent on delivery first, then on storage, at the first tiers' prices.
    """

    def charge(name: str, amount: float) -> float:
        return rates[name].charge(amount) if name else 0.0

    free = 0.0
    if place.free:
        granted = rates[place.free].first
        delivered = min(granted, gb)
        kept = min(granted - delivered, stored_gb)
        free = delivered * rates[place.delivery].first + kept * rates[place.storage].first
    return Price(
        charge(place.delivery, gb),
        charge(place.conversion, gb),
        charge(place.ingestion, gb),
        charge(place.storage, stored_gb) if place.storage else None,
        0.0 - free,  # never -0.0
    )


def doubts(place: Place, rates: Mapping[str, Rate]) -> list[str]:
    """Say what may be wrong with the prices of a destination."""
    known = [f"{name}: {rates[name].unsure}" for name in place.rates if rates[name].unsure]
    return [*known, *([place.unsure] if place.unsure else [])]


def dated(place: Place, rates: Mapping[str, Rate]) -> str:
    """Say of when and where the prices of a destination are."""
    dates: dict[str, list[str]] = {}
    for name in place.rates:
        rate = rates[name]
        when = ", ".join(filter(None, (rate.as_of, rate.region)))
        dates.setdefault(when, []).append(name)
    if len(dates) == 1:
        return next(iter(dates))
    return "; ".join(f"{when}: {', '.join(names)}" for when, names in dates.items())
