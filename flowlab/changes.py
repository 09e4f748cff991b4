"""What changed between two periods, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from flowlab.wording import MEASURES, amount_text, value_text

_NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
_NAMED = 3  # of many


def whole(sums: pd.DataFrame, measure: str, hours: tuple[float, float] | None) -> str:
    """Say how much more or less there is of everything."""
    before, after = (int(amount) for amount in sums[measure])
    records = [int(amount) for amount in sums["flow_records"]]
    if not any(records):
        return "There are no records, neither before nor after."
    if not all(records):
        return f"There are no records {'after' if records[0] else 'before'}."
    unit = " an hour" if hours else ""
    old, new = before / hours[0] if hours else before, after / hours[1] if hours else after
    how = _percent(old, new)
    return (
        f"All traffic: {how}, from {_amount(old, measure)}{unit} to {_amount(new, measure)}{unit}."
    )


def about_edges(edges: pd.DataFrame, measure: str) -> str:
    """Say how many edges are new, gone and grown, and which is the largest new one."""
    new, gone, grown = _counts(edges)
    if not new + gone + grown:
        return "No new edge (two addresses and a service), none gone, none grown."
    said = (
        f"{_many(new, 'new edge')} (two addresses and a service), {gone:,} gone, {grown:,} grown."
    )
    if new:
        top = edges.iloc[0]
        said += (
            f" The largest new one: {_text(top['client'])} to {_text(top['server'])},"
            f" {_service(top)}, {_amount(top[measure], measure)}."
        )
    return said[0].upper() + said[1:]


def about_destinations(table: pd.DataFrame, of_aws: Mapping[str, str] | None) -> list[str]:
    """Say how many destinations are new and gone, and whose they are."""
    public = table[table["internet"]]
    new, gone, _ = _counts(public)
    within = _counts(table[~table["internet"]])[0]
    said = f"{_many(new, 'new internet destination')}"
    if new and of_aws is not None:
        fresh = public.loc[public["change"] == "new", "destination"].astype(str)
        owners = Counter(of_aws[address] for address in fresh if address in of_aws)
        in_aws = [f"{_number(c)} of them in {name}" for name, c in sorted(owners.items())]
        said += f", {', '.join(in_aws) if in_aws else 'none of them in an AWS service'}"
    if gone:
        said += f"; {_number(gone)} gone"
    if within:
        said += f"; {_many(within, 'new destination')} in private or special ranges"
    sentences = [f"{said[0].upper()}{said[1:]}."]
    if new and of_aws is None:
        sentences.append(
            "Which of them are AWS's cannot be told: the records lack pkt-dst-aws-service."
        )
    return sentences


def about_services(table: pd.DataFrame) -> str:
    """Say which services are new and gone; ports without a registered name are only counted."""
    parts = []
    for change in ("new", "gone"):
        found = table[(table["change"] == change) & table["port"].notna()]
        named = found[found["service"].notna()]
        others = len(found) - len(named)
        if found.empty:
            continue
        said = f"{_many(len(named), 'service')} {change}"
        if len(named):
            said += ": " + ", ".join(_service(row) for _, row in named.head(_NAMED).iterrows())
        if len(named) > _NAMED:
            said += f" and {len(named) - _NAMED:,} more"
        if others:
            said += f"; and {_many(others, 'port')} without a registered name"
        parts.append(f"{said[0].upper()}{said[1:]}.")
    return " ".join(parts) or "No service is new, and none is gone."


def about_zones(scopes: pd.DataFrame, measure: str) -> str:
    """Say how traffic between Availability Zones changed."""
    row = scopes[scopes["scope"].astype("str") == "cross-az"]
    if row.empty:
        return "No cross-AZ traffic, neither before nor after."
    rate = "_per_hour" if f"{measure}_per_hour" in row else ""
    old, new = row[f"{measure}_before{rate}"].item(), row[f"{measure}{rate}"].item()
    return f"Cross-AZ traffic: {_percent(old, new)}."


def _counts(table: pd.DataFrame) -> tuple[int, int, int]:
    new, gone, grown = (int((table["change"] == what).sum()) for what in ("new", "gone", "grown"))
    return new, gone, grown


def _percent(old: float, new: float) -> str:
    if not old or not new:
        return "as before" if old == new else "all of it new" if new else "all of it gone"
    if old == new:
        return "as before"
    return f"{100 * (new - old) / old:+,.3g} %"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def _many(count: int, what: str) -> str:
    return f"{_number(count)} {what}{'' if count == 1 else 's'}"


def _amount(value: Any, measure: str) -> str:
    words, unit, _ = MEASURES[measure]
    return amount_text(float(value), unit) + ("" if unit else f" {words}")


def _service(row: pd.Series[Any]) -> str:
    protocol = value_text("protocol", row["protocol"])
    name = row.get("service")
    named = "" if name is None or pd.isna(name) else f" ({name})"
    return (
        f"{protocol} {row['port']}{named}" if pd.notna(row["port"]) else f"{protocol}, no service"
    )


def _text(value: Any) -> str:
    return "(none)" if pd.isna(value) else str(value)
