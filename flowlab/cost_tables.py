"""The tables of `estimate_cost`: a volume, priced per destination, field or ENI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flowlab import schema
from flowlab.errors import FlowlabError
from flowlab.pricing import PLACES, Place, Price, dated, doubts, price
from flowlab.rates import GB, Rate
from flowlab.volumes import Volume, notes_of

_TOLD = ("rates_as_of", "basis", "unsure")


@dataclass(frozen=True)
class Case:
    """What is to be priced: a volume, and which of its options."""

    volume: Volume
    retention_days: int | None
    traffics: tuple[str, ...] = ("ALL", "ACCEPT", "REJECT")
    places: tuple[Place, ...] = tuple(PLACES.values())
    intervals: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def options(self) -> list[tuple[int, str]]:
        """List intervals and traffic types to price; what was recorded, or is planned, first."""
        intervals = self.intervals or tuple(self.volume.lines)
        return [(i, traffic) for i in intervals for traffic in self.traffics]

    def gb(self, text: float) -> float | None:
        """Scale bytes of text to a month, in GB."""
        factor = self.volume.factor
        return None if factor is None else text * factor / GB

    def stored(self, place: Place, gb: float) -> float:
        """Say how many GB are in store, compressed, of so many GB of text a month."""
        ratio = {"text": self.volume.stored.text, "parquet": self.volume.stored.parquet}
        return gb * ratio.get(place.stored_as, 0.0) * (self.retention_days or 30) / 30

    def price(self, place: Place, gb: float, prices: Mapping[str, Rate]) -> Price:
        """Price so many GB of text a month."""
        return price(place, gb, self.stored(place, gb), prices)

    def told(
        self, interval: int, traffic: str, places: Sequence[Place], prices: Any
    ) -> dict[str, str]:
        """Give the columns that say how much to trust a row."""
        basis, stored = self.volume.basis, self.volume.stored
        kinds = {p.stored_as: getattr(stored, p.stored_as) for p in places if p.stored_as}
        if stored.lines and kinds:
            shares = " and ".join(f"{kind} at {share:.2g}" for kind, share in kinds.items())
            basis += f"; stored: {shares} of the text, tried on {stored.lines:,} lines"
        notes = [*self.notes, *notes_of(self.volume, interval, traffic)]
        if self.retention_days is None and kinds:
            notes.append("storage of the first month: each later one costs as much more")
        notes += [doubt for place in places for doubt in doubts(place, prices)]
        return {
            "rates_as_of": "; ".join(dict.fromkeys(dated(place, prices) for place in places)),
            "basis": basis,
            "unsure": "; ".join(dict.fromkeys(notes)),
        }


def by_destination(case: Case, prices: Mapping[str, Rate]) -> pd.DataFrame:
    """Make a row per interval, traffic type and destination."""
    rows = []
    for interval, traffic in case.options():
        lines = case.volume.of(interval, traffic)
        for place in case.places:
            row: dict[str, Any] = {
                "destination": place.title, "interval": interval, "traffic": traffic
            }  # fmt: skip
            if not isinstance(lines, str):
                row |= _amounts(case, lines)
            if (gb := row.get("gb_per_month")) is not None:
                priced = case.price(place, gb, prices)
                row |= {
                    "stored_gb": case.stored(place, gb) if place.storage else None,
                    "delivery_usd": priced.delivery, "conversion_usd": priced.conversion,
                    "ingestion_usd": priced.ingestion, "storage_usd": priced.storage,
                    "free_tier_usd": priced.free_tier, "total_usd": priced.total,
                }  # fmt: skip
            rows.append(row | case.told(interval, traffic, [place], prices))
    names = [
        "destination", "interval", "traffic", "records_per_month", "bytes_per_record",
        "gb_per_month", "stored_gb", "delivery_usd", "conversion_usd", "ingestion_usd",
        "storage_usd", "free_tier_usd", "total_usd",
    ]  # fmt: skip
    return _typed(pd.DataFrame(rows, columns=[*names, *_TOLD]))


def _amounts(case: Case, lines: pd.DataFrame) -> dict[str, Any]:
    count, text, factor = int(lines["lines"].sum()), case.volume.text(lines), case.volume.factor
    return {
        "records_per_month": None if factor is None else round(count * factor),
        "bytes_per_record": text / count if count else None,
        "gb_per_month": case.gb(text),
    }


def by_field(case: Case, prices: Mapping[str, Rate]) -> pd.DataFrame:
    """Make a row per field: what the month would be less without it."""
    option, lines = _one(case)
    count, text = int(lines["lines"].sum()), case.volume.text(lines)
    told = case.told(*option, case.places, prices)
    whole = case.gb(text)
    rows = []
    for column in case.volume.fields:
        own = int(lines[column].sum()) + count
        gb = case.gb(own)
        row: dict[str, Any] = {
            "field": schema.BY_COLUMN[column].name if column in schema.BY_COLUMN else column,
            "bytes_per_record": own / count if count else None,
            "share": own / text if text else None,
            "gb_per_month": gb,
        }
        if whole is not None and gb is not None:
            for place in case.places:
                without = case.price(place, whole - gb, prices).total
                row[f"{place.key}_usd"] = case.price(place, whole, prices).total - without
        rows.append(row | told)
    names = ["field", "bytes_per_record", "share", "gb_per_month"]
    names += [f"{place.key}_usd" for place in case.places]
    found = pd.DataFrame(rows, columns=[*names, *_TOLD])
    order = found["bytes_per_record"].astype("Float64").sort_values(ascending=False, kind="stable")
    return _typed(found.loc[order.index].reset_index(drop=True))


def by_interface(case: Case, prices: Mapping[str, Rate]) -> pd.DataFrame:
    """Make a row per ENI: its share of the month."""
    option, lines = _one(case)
    text, seconds = case.volume.text(lines), case.volume.seconds
    whole = case.gb(text)
    told = case.told(*option, case.places, prices)
    rows = []
    for eni, own in lines.groupby("eni", dropna=False):
        amounts = _amounts(case, own)
        share = case.volume.text(own) / text if text else 0.0
        row: dict[str, Any] = {
            "interface_id": None if pd.isna(eni) else eni,
            "records_per_hour": int(own["lines"].sum()) * 3600 / seconds if seconds else None,
            "share": share,
        } | amounts
        if whole is not None:
            for place in case.places:
                row[f"{place.key}_usd"] = case.price(place, whole, prices).total * share
        rows.append(row | told)
    names = [
        "interface_id", "records_per_month", "records_per_hour", "bytes_per_record", "share",
        "gb_per_month", *(f"{place.key}_usd" for place in case.places),
    ]  # fmt: skip
    found = pd.DataFrame(rows, columns=[*names, *_TOLD])
    order = ["share", "interface_id"]
    found = found.sort_values(order, ascending=[False, True], ignore_index=True)
    return _typed(found)


def _one(case: Case) -> tuple[tuple[int, str], pd.DataFrame]:
    """Choose what was recorded (or is planned) of the options."""
    option = case.options()[0]
    lines = case.volume.of(*option)
    if isinstance(lines, str):  # a plan's are always known, and so is ALL of what was recorded
        raise FlowlabError(f"estimate_cost: {lines}.")
    return option, lines


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Amounts that may be null, whole or not; everything else is text."""
    whole = ("interval", "records_per_month")
    words = ("destination", "traffic", "field", "interface_id", *_TOLD)
    return table.astype(
        {c: "Int64" if c in whole else "str" if c in words else "Float64" for c in table.columns}
    )
