"""How much text a month of flow logs is: lines weighed, and scaled to 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlglot import exp

from flowlab import weighing
from flowlab.errors import FlowlabError
from flowlab.tables import Table

MONTH = 30 * 86_400  # [s]
TOO_SHORT = 600  # less tells nothing of a month [s]
_DAY = 86_400
_MINUTE = 60
# Records and NODATA lines of a 60 s interval are no longer than this; AWS's times may be 60 s off.
_LONGEST_OF_A_MINUTE = 120
_GUESSED = weighing.Stored(text=0.2, parquet=0.2, lines=0)  # of 0.1 to 0.2
_MERGED = (
    "600 s: counted in whole ten minutes by the clock, and ENIs of Nitro instances stay at 60 s or "
    "less whatever is set"
)


@dataclass(frozen=True)
class Volume:
    """Lines that were weighed, and how they become a month.

    Attributes
    ----------
    lines : dict of int to DataFrame or str
        By aggregation interval [s], what was recorded first: as `weighing.records` gives them,
        or why it is not known.
    fields : tuple of str
        Columns of the format.
    seconds : int
        Period covered.
    factor : float or None
        Times as much in a month; None: the period is too short to tell.
    stored : Stored
    basis : str
    notes : tuple of str
        What may be wrong.
    """

    lines: dict[int, pd.DataFrame | str]
    fields: tuple[str, ...]
    seconds: int
    factor: float | None
    stored: weighing.Stored
    basis: str
    notes: tuple[str, ...]

    def of(self, interval: int, traffic: str) -> pd.DataFrame | str:
        """Give the lines of one interval and traffic type, or why they are not known."""
        lines = self.lines[interval]
        if isinstance(lines, str) or traffic == "ALL":
            return lines
        if not lines.empty and not lines["kind"].isin(["ACCEPT", "REJECT"]).any():
            return "the records have no action to tell ACCEPT from REJECT by"
        return lines[lines["kind"].isin([traffic, weighing.SILENT])]

    def text(self, lines: pd.DataFrame) -> int:
        """Add up the bytes of lines: values, and one separator behind each."""
        values = int(lines[list(self.fields)].to_numpy().sum())
        return values + int(lines["lines"].sum()) * len(self.fields)


def volume_of(
    table: Table,
    no_traffic: Table | None,
    fields: Sequence[str],
    where: Sequence[exp.Expr],
    interval: int | None,
    interfaces: int | None,
    both: bool,
) -> Volume:
    """Weigh the lines, and say how to scale them; `both` intervals or the recorded one alone.

    Raises
    ------
    FlowlabError
        Scaled to a number of ENIs, but the records do not tell how many they are of.
    """
    times = [weighing.hours(table, where)]
    if no_traffic is not None:
        times.append(weighing.hours(no_traffic, where))
    hours = pd.concat(times)
    longest = hours["longest"].max()
    if interval is None:
        interval = weighing.WINDOW if longest > _LONGEST_OF_A_MINUTE else _MINUTE

    whole = weighing.records(table, fields, where)
    silent = weighing.silent(no_traffic, fields, where) if no_traffic is not None else None
    lines = whole if silent is None else pd.concat([whole, silent], ignore_index=True)
    by_interval: dict[int, pd.DataFrame | str] = {interval: lines}
    if both and interval == _MINUTE:
        by_interval[weighing.WINDOW] = _merged(table, no_traffic, fields, where)
    elif both:
        by_interval[_MINUTE] = "records of 600 s do not tell how many there would be of 60 s"

    seconds = int(hours["last"].max() - hours["first"].min()) + 1 if len(hours) else 0
    count, enis = int(lines["lines"].sum()), int(lines["eni"].nunique())
    factor = _factor(count, seconds, enis, interfaces)
    stored = weighing.stored(table, fields, where) or _GUESSED
    silent_lines = int(silent["lines"].sum()) if silent is not None else 0
    basis = _basis(count, silent_lines, enis, seconds, hours)
    if interfaces is not None:
        basis += f", taken for {interfaces:,} ENIs"
    notes = [] if no_traffic is not None else ["NODATA lines are not counted: pass ledger="]
    notes += _doubts(count, hours, seconds)
    if not stored.lines:
        notes.append(f"stored size: taken to be {stored.text:g} of the text")
    return Volume(by_interval, tuple(fields), seconds, factor, stored, basis, tuple(notes))


def notes_of(volume: Volume, interval: int, traffic: str) -> list[str]:
    """Say what may be wrong with the number of lines of one interval and traffic type."""
    notes = list(volume.notes)
    recorded, *_ = volume.lines
    if interval == weighing.WINDOW != recorded:
        notes.append(_MERGED)
    lines = volume.of(interval, traffic)
    if isinstance(lines, str):
        return [f"unknown: {lines}"]
    kinds = set(lines["kind"].dropna()) - {weighing.SILENT}
    if traffic == "ALL" and len(kinds) == 1:
        notes.append(f"all records are {kinds.pop()}: their flow log may not record the others")
    if traffic != "ALL" and (lines["kind"] == weighing.SILENT).any():
        notes.append(f"NODATA lines are taken to be the same for {traffic} alone")
    return notes


def _merged(
    table: Table, no_traffic: Table | None, fields: Sequence[str], where: Sequence[exp.Expr]
) -> pd.DataFrame | str:
    if "tgw_id" in table.columns:
        return "flow logs of transit gateways always have 60 s"
    if lacking := [c for c in ("interface_id", *weighing.FIVE) if c not in table.columns]:
        return f"without {', '.join(lacking)} it cannot be told which records would be one"
    lines = weighing.merged(table, fields, where)
    if no_traffic is None:
        return lines
    return pd.concat([lines, weighing.silent(no_traffic, fields, where, table)], ignore_index=True)


def _factor(lines: int, seconds: int, enis: int, interfaces: int | None) -> float | None:
    if not lines:
        return 0.0
    if seconds < TOO_SHORT:
        return None
    if interfaces is None:
        return MONTH / seconds
    if not enis:
        raise FlowlabError(
            "estimate_cost(interfaces=) needs to know how many ENIs the records are of.",
            "the flow log's format has no interface-id.",
            "leave interfaces= out.",
        )
    return MONTH / seconds * interfaces / enis


def _basis(lines: int, silent: int, enis: int, seconds: int, hours: pd.DataFrame) -> str:
    if not lines:
        return "no record: nothing was measured"
    if not seconds:
        return f"{lines:,} lines, none with a time"
    first, last = (
        pd.Timestamp(int(t), unit="s") for t in (hours["first"].min(), hours["last"].max())
    )
    per_hour = lines / (enis or 1) / (seconds / 3600)
    return (
        f"{lines - silent:,} records and {silent:,} NODATA or SKIPDATA lines of {enis:,} ENIs "
        f"from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC "
        f"({seconds / 3600:,.1f} h; {per_hour:,.4g} lines per ENI and hour)"
    )


def _doubts(lines: int, hours: pd.DataFrame, seconds: int) -> list[str]:
    if not lines:
        return []
    if seconds < TOO_SHORT:
        return [f"unknown: {seconds} s of records are too short to tell a month from"]
    notes = []
    if seconds < _DAY:
        notes.append(f"only {seconds / 3600:.1f} h of records, not a whole day")
    span = int(hours["hour"].max() - hours["hour"].min()) + 1
    if gaps := span - hours["hour"].nunique():
        notes.append(
            f"{gaps:,} of {span:,} hours have no line at all: if records are missing, it is more"
        )
    return notes
