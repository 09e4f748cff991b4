"""What the folders and names of flow logs in S3 say: whose, where, when; and so, what to list."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from flowlab.sources import files

_SLOT = 300  # seconds that a file's name stands for
_LAG = 3600  # a folder may be named by when its files were delivered, which is later

# <prefix>/AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/[HH/], each also as in Hive: month=MM.
_LEVELS = {
    "account": re.compile(r"(?:aws-account-id=)?(\d{12})"),
    "service": re.compile(r"(?:(?:aws-)?service=)?(.+)"),
    "region": re.compile(r"(?:aws-region=)?([a-z]{2,}(?:-[a-z]+)+-\d+)"),
    "year": re.compile(r"(?:year=)?(\d{4})"),
    "month": re.compile(r"(?:month=)?(\d\d?)"),
    "day": re.compile(r"(?:day=)?(\d\d?)"),
    "hour": re.compile(r"(?:hour=)?(\d\d?)"),
}
_FILE = re.compile(r"(\d{12})_vpcflowlogs_([a-z0-9-]+)_(fl-[0-9a-z]+)_(\d{8}T\d{4}Z)_")


@lru_cache(4096)
def place(folder: str) -> Mapping[str, str] | None:
    """Read a folder as part of AWS's layout.

    Parameters
    ----------
    folder : str
        From the bucket's root, with a slash at the end.

    Returns
    -------
    mapping or None
        What its levels say (``account``, ``service``, ``region``, ``year`` ... ``hour``), and
        ``strange`` for a level that is not AWS's; None outside of any ``AWSLogs``.
    """
    parts = folder.split("/")[:-1]
    if "AWSLogs" not in parts:
        return None
    levels, found = iter(_LEVELS.items()), dict[str, str]()
    level, pattern = next(levels)
    for part in parts[len(parts) - parts[::-1].index("AWSLogs") :]:
        match = pattern.fullmatch(part)
        if match:
            found[level] = match[1]
            level, pattern = next(levels, ("strange", re.compile(".*")))
        elif level != "account":  # what stands before the account is an organization's id
            found["strange"] = part
            break
    return found


def _span(found: Mapping[str, str]) -> tuple[int, int] | None:
    """Seconds that a folder is named after, half-open; None where it names no time."""
    if "year" not in found:
        return None
    year, month, day, hour = (int(found.get(k, -1)) for k in ("year", "month", "day", "hour"))
    if month > 12 or day > 31 or hour > 23 or 0 in (month, day):
        return None  # not a time after all
    start = calendar.timegm((year, max(month, 1), max(day, 1), max(hour, 0), 0, 0))
    if hour >= 0:
        return start, start + 3600
    if day >= 0:
        return start, start + 86400
    following = (year + (month == 12), month % 12 + 1) if month >= 0 else (year + 1, 1)
    return start, calendar.timegm((*following, 1, 0, 0, 0))


def _stamp(moment: int) -> str:
    return time.strftime("%Y%m%dT%H%MZ", time.gmtime(moment))


@dataclass(frozen=True)
class Asked:
    """What a person asked for; an empty set means all of them."""

    accounts: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    flow_log_ids: frozenset[str] = frozenset()
    start: int | None = None  # period, half-open [epoch s]
    end: int | None = None

    def folder(self, found: Mapping[str, str]) -> bool:
        """Whether a folder of AWS's layout can hold what was asked for."""
        if found.get("service", "vpcflowlogs") != "vpcflowlogs":
            return False
        if not self._names(found.get("account"), found.get("region"), None):
            return False
        span = _span(found)
        return span is None or not (
            self._outside(span[1] - _SLOT, self.start, None)
            or self._outside(span[0] - _LAG, None, self.end)
        )

    def by_level(self, found: Mapping[str, str]) -> bool:
        """Whether a folder is better listed level by level than all at once."""
        if "strange" in found or "hour" in found:
            return False
        span = _span(found)
        if "day" not in found or span is None:
            return True
        # A whole day is fewest requests at once; of a part, hours may be left out.
        return bool(
            (self.start is not None and self.start > span[0])
            or (self.end is not None and self.end < span[1])
        )

    def key(self, key: str) -> str:
        """Why a key is left out: ``period``, ``other``, or nothing if it is wanted."""
        folder, _, name = key.rpartition("/")
        found = place(folder + "/") or {}
        if found.get("service", "vpcflowlogs") != "vpcflowlogs":
            return "other"
        match = _FILE.match(name)
        named = match.groups() if match else (found.get("account"), found.get("region"), None)
        if not self._names(*named[:3]):
            return "other"
        return "period" if files.outside(name, self.start, self.end) else ""

    def jump(self, key: str) -> str | None:
        """Key after which to go on listing, past names that are not wanted; None for the next.

        S3 gives keys in the order of their names: by flow log, then by time.
        """
        name = key.rpartition("/")[2]
        match = _FILE.match(name)
        if not match:
            return None
        stem = key[: len(key) - len(name) + match.start(4)]
        if not self._names(*match.groups()[:3]) or files.outside(name, None, self.end):
            return stem + "~"  # comes after every time
        if self.start is not None and files.outside(name, self.start, None):
            return stem + self._first_stamp(self.start)
        return None

    def _names(self, account: str | None, region: str | None, flow_log: str | None) -> bool:
        """Whether these are asked for; what is not known rules nothing out."""
        asked = (self.accounts, self.regions, self.flow_log_ids)
        pairs = zip(asked, (account, region, flow_log), strict=True)
        return all(not names or name is None or name in names for names, name in pairs)

    def _first_stamp(self, start: int) -> str:
        moment = start // _SLOT * _SLOT
        while not self._outside(moment - _SLOT, start, None):
            moment -= _SLOT
        return _stamp(moment)

    @staticmethod
    def _outside(slot: int, start: int | None, end: int | None) -> bool:
        return files.outside(f"_vpcflowlogs__{_stamp(slot)}_", start, end)
