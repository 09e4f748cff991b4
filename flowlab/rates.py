"""What AWS charges for flow logs: a dated table as data, which anyone can replace.

Sources: AWS's pricing as `aws-samples/sample-cfm-tips-mcp` has it (2025) and AWS, "CloudWatch
billing and cost". Prices change and differ by Region: no figure made of them is a bill.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

REGION = "us-east-1"
AS_OF = "2025"
GB = 2**30  # bytes; a TB is 1024 of them


@dataclass(frozen=True)
class Rate:
    """One rate.

    Parameters
    ----------
    name : str
    tiers : tuple of (from_gb, usd)
        Each price holds from so many GB in a month until the next begins.
    unit : str
    unsure : str
        Why it may be wrong; "" if nothing is known against it but its age.
    region, as_of : str
    """

    name: str
    tiers: tuple[tuple[float, float], ...]
    unit: str = "USD/GB"
    unsure: str = ""
    region: str = REGION
    as_of: str = AS_OF

    @property
    def first(self) -> float:
        """Price of the first tier."""
        return self.tiers[0][1]

    def charge(self, amount: float) -> float:
        """Price an amount in USD, each part of it at its own tier's price."""
        ends = [start for start, _ in self.tiers[1:]] + [math.inf]
        return sum(
            (min(amount, end) - start) * usd
            for (start, usd), end in zip(self.tiers, ends, strict=True)
            if amount > start
        )


_VENDED = ((0, 0.25), (10_240, 0.15), (30_720, 0.075), (51_200, 0.05))
RATES: dict[str, Rate] = {
    rate.name: rate
    for rate in (
        Rate("cloudwatch_delivery", ((0, 0.5), (10_240, 0.25), (30_720, 0.1), (51_200, 0.05))),
        Rate(
            "cloudwatch_ia_delivery",
            ((0, 0.25),),
            unsure="only a price of the first tier is known, and not for sure",
        ),
        Rate("s3_delivery", _VENDED),
        Rate("firehose_delivery", _VENDED),
        Rate("parquet_conversion", ((0, 0.035),), unsure="0.03 to 0.035"),
        Rate(
            "firehose_ingestion",
            ((0, 0.029),),
            unsure="flow logs may have a price of their own, each record may count as 5 KB",
        ),
        Rate("cloudwatch_storage", ((0, 0.03),), "USD/GB-month", "from general knowledge"),
        Rate("cloudwatch_ia_storage", ((0, 0.03),), "USD/GB-month", "taken to be that of Standard"),
        Rate("s3_storage", ((0, 0.023),), "USD/GB-month"),
        Rate(
            "cloudwatch_free_gb",
            ((0, 5),),
            "GB/month",
            "one for the whole account, all other logs and queries included",
        ),
    )
}
"""Rates by name. `cloudwatch_free_gb` is no price: so many GB a month cost nothing."""

_COLUMNS = ("name", "from_gb", "usd", "unit", "region", "as_of", "unsure")


def table() -> pd.DataFrame:
    """List the rates, to read, to change, and to pass to `estimate_cost`.

    Returns
    -------
    DataFrame, one row per rate and tier
        name, from_gb (where the tier begins, in a month) [GB of 2**30 bytes], usd, unit, region,
        as_of, unsure (why it may be wrong).

    Examples
    --------
    >>> from flowlab import rates
    >>> mine = rates.table()
    >>> mine.loc[mine["name"] == "s3_storage", "usd"].item()
    0.023
    """
    import pandas as pd

    rows = [
        (rate.name, float(start), float(usd), rate.unit, rate.region, rate.as_of, rate.unsure)
        for rate in RATES.values()
        for start, usd in rate.tiers
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def chosen(rates: Mapping[str, Any] | pd.DataFrame | None) -> dict[str, Rate]:
    """Put a user's own rates in the place of those here.

    Parameters
    ----------
    rates : mapping, DataFrame or None
        By name, a price or its tiers ``[(from_gb, usd), ...]``; or a table such as `table` gives,
        of which name and usd are enough. What is not given stays as it is.

    Raises
    ------
    UnknownNameError
        No such rate.
    FlowlabError
        Not a price, tiers that do not begin at 0 and rise, or a table without name and usd.
    """
    if rates is None:
        return dict(RATES)
    given = _of_mapping(rates) if isinstance(rates, Mapping) else _of_table(rates)
    return RATES | {rate.name: rate for rate in given}


def _of_mapping(rates: Mapping[str, Any]) -> list[Rate]:
    found = []
    for name, value in rates.items():
        tiers = [(0, value)] if not isinstance(value, (Sequence, list)) else list(value)
        found.append(_checked(name, tiers, {}))
    return found


def _of_table(rates: Any) -> list[Rate]:
    import pandas as pd

    lacking = [c for c in ("name", "usd") if c not in getattr(rates, "columns", ())]
    if not isinstance(rates, pd.DataFrame) or lacking:
        raise FlowlabError(
            f"rates= has no {' and no '.join(lacking)}.",
            fix="pass a mapping of name to price, or a changed flowlab.rates.table().",
        )
    found = []
    for name, rows in rates.groupby("name", sort=False, dropna=False):
        told = {c: str(rows[c].iloc[0]) for c in ("unit", "region", "as_of", "unsure") if c in rows}
        begins = rows["from_gb"] if "from_gb" in rows else [0] * len(rows)
        found.append(_checked(name, zip(begins, rows["usd"], strict=True), told))
    return found


def _checked(name: Any, tiers: Iterable[Any], told: dict[str, str]) -> Rate:
    if name not in RATES:
        raise unknown_name("rates: the rate", name, RATES)
    try:
        pairs = tuple((float(start), float(usd)) for start, usd in tiers)
    except (TypeError, ValueError):
        pairs = ()
    begins = [start for start, _ in pairs]
    if (
        begins != sorted(set(begins))
        or begins[:1] != [0]
        or not all(math.isfinite(usd) and usd >= 0 for _, usd in pairs)
    ):
        raise FlowlabError(
            f"rates: {name} is no price of 0 or more, and no list of tiers that begins at 0 GB.",
            fix="write {'s3_delivery': 0.25}, or {'s3_delivery': [(0, 0.25), (10240, 0.15)]}.",
        )
    defaults = {"unit": RATES[name].unit, "region": "", "as_of": "given", "unsure": ""}
    return Rate(name, pairs, **(defaults | told))
