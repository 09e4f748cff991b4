"""The line over the explorer that says what of all records is shown, and what is not."""

from __future__ import annotations

import html
from typing import NamedTuple

from flowlab.ledger import Ledger
from flowlab.wording import amount_text, plain_text


class Counts(NamedTuple):
    """What a ribbon says.

    Attributes
    ----------
    read : int
        Records there are.
    matching : int
        Those that period and filters select, before any rule.
    shown : int
        Those of them that no rule sets aside.
    size : int or None
        Their bytes, as recorded at each ENI; None where the format has none.
    period : str
        In the display's time zone; "" where the records have no time.
    before : str
        The period that stands beside it; "" if none does.
    """

    read: int
    matching: int
    shown: int
    size: int | None
    period: str
    timezone: str
    before: str = ""


def written(counts: Counts, ledger: Ledger | None, cut: str) -> str:
    """Write the ribbon as HTML.

    Parameters
    ----------
    counts : Counts
    ledger : Ledger, optional
        Of the reading; without one, what was lost there is not known, and said so.
    cut : str
        What the table below does not show; "" if it shows everything.
    """
    parts = [f"<b>{counts.shown:,}</b> of {counts.read:,} records"]
    if counts.size is not None:
        parts.append(amount_text(counts.size, "B"))
    parts.append(f"{counts.period} {counts.timezone}" if counts.period else "no time")
    if counts.before:
        parts.append(f"beside {counts.before}")
    parts.append(f"{counts.matching - counts.shown:,} set aside by rules")
    parts += _reading(ledger, counts.read)
    if cut:
        parts.append(f"<b>limit reached</b>: {cut}")
    style = "padding:.4em .8em;border:1px solid rgba(128,128,128,.5);border-radius:4px"
    told = " · ".join(part if "<b>" in part else html.escape(plain_text(part)) for part in parts)
    return f"<div role='status' style='{style}'>{told}</div>"


def _reading(ledger: Ledger | None, given: int) -> list[str]:
    if ledger is None:
        return ["rejected lines and SKIPDATA: pass ledger= to see them"]
    told = [f"{ledger.rejected:,} rejected lines", f"{ledger.skipdata:,} SKIPDATA"]
    if ledger.records > given:  # by fl.exclude, say, before they came here
        told.insert(0, f"{ledger.records - given:,} more were read, and left out before")
    if not ledger.complete:
        told.append("the reading is not complete: see the ledger")
    return told
