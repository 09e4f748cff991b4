"""How values are written for people: units, names, amounts; hostile text made harmless."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

# What a summary measures: in words, the unit after a number, and whether vantage matters.
MEASURES = {
    "bytes": ("bytes", "B", True),
    "bytes_sent": ("bytes sent", "B", True),
    "bytes_received": ("bytes received", "B", True),
    "packets": ("packets", "", True),
    "flow_records": ("flow records", "", False),
    "accepted": ("accepted flow records", "", False),
    "rejected": ("rejected flow records", "", False),
    "interfaces": ("ENIs", "", False),
    "bytes_a_to_b": ("bytes from a to b", "B", True),
    "bytes_b_to_a": ("bytes from b to a", "B", True),
    "peers": ("peers", "", False),
    "peers_sent_to": ("peers sent to", "", False),
    "peers_heard_from": ("peers heard from", "", False),
    "share": ("share of the whole", "%", False),
    "cumulative_share": ("cumulative share of the whole", "%", False),
}
# Of an earlier period, beside this one's.
MEASURES |= {
    f"{name}_before": (f"{words} before", unit, vantage)
    for name, (words, unit, vantage) in MEASURES.items()
    if unit != "%"
}
VANTAGE = ",\nas recorded at each ENI"
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LONGEST = 40  # characters of one label


def measure_words(name: str) -> tuple[str, str, bool]:
    """Return a measure in words, its unit, and whether its vantage matters."""
    return MEASURES.get(name, (plain_text(name), "", False))


def step_in_words(seconds: int) -> str:
    """Write the width of a time step."""
    if not seconds:
        return "step"
    for width, one, many in (
        (86400, "day", "days"),
        (3600, "hour", "hours"),
        (60, "minute", "min"),
    ):
        if seconds % width == 0:
            return one if seconds == width else f"{seconds // width} {many}"
    return f"{seconds} s"


def value_text(key: str, value: Any) -> str:
    """Write a key's value: ports and protocols are names, not amounts."""
    if pd.isna(value):
        return "(none)"
    if key == "protocol":
        return _PROTOCOLS.get(value, f"protocol {value}")
    return plain_text(str(value))


def plain_text(text: str) -> str:
    """Make control and direction marks visible instead of letting them work."""
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c
        for c in text
    )


def cut_short(text: str, longest: int = LONGEST) -> str:
    """Cut a long label, and show that it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def as_label(text: str) -> str:
    """Read a label back as it was before matplotlib's escapes."""
    return text.replace(r"\$", "$").strip()


def amount_text(value: float, unit: str, digits: int = 3) -> str:
    """Write a number in three digits: 12.3 GB, 1.5 k, 40 %. Decimal prefixes."""
    if np.isnan(value):
        return "(none)"
    if unit == "%":
        return f"{value * 100:.{digits}g} %"
    prefixes = ("", "k", "M", "G", "T", "P", "E")
    power = 0
    while abs(value) >= 1000 - 0.5 * 10 ** (3 - digits) and power < len(prefixes) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.{digits}g} {prefixes[power]}{unit}".rstrip()


class PolicyText(dict[str, Any]):
    """A policy document that shows itself as the JSON that AWS takes."""

    def __repr__(self) -> str:
        """Write it as JSON."""
        return json.dumps(self, indent=2)
