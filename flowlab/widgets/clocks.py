"""Moments as people write them, on the clock of a time zone; what is kept of them is UTC."""

from __future__ import annotations

import functools
import re
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd

from flowlab.errors import FlowlabError, UnknownNameError, unknown_name

_DATED = re.compile(r"\d{4}(\d{4}|-|/|$)")


@functools.cache
def zones() -> frozenset[str]:
    """Name all time zones."""
    return frozenset(available_timezones())  # which reads the whole database, each time


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone by its name.

    Raises
    ------
    UnknownNameError
        There is none; the nearest are offered.
    """
    if name not in zones():
        # As people know them: by the city, in small letters.
        near = sorted(z for z in zones() if name and name.casefold() in z.casefold())[:3]
        if near:
            raise UnknownNameError(
                f"the time zone {name!r} is not known.", fix=f"did you mean {' or '.join(near)}?"
            )
        raise unknown_name("the time zone", name, zones())
    return ZoneInfo(name)


def local(moment: str | None, zone: ZoneInfo) -> str:
    """Write a moment of the settings, which is in UTC, as a person in a zone does."""
    return "" if moment is None else there(pd.Timestamp(moment, tz="UTC"), zone)


def there(moment: pd.Timestamp, zone: ZoneInfo) -> str:
    """Write a moment on the clock of a zone."""
    local = moment.tz_convert(zone)
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    try:
        local.tz_localize(None).tz_localize(zone)
    except ValueError:  # an hour that comes twice, when summer ends
        text += local.strftime("%z")
    return text


def utc(text: str, zone: ZoneInfo) -> str | None:
    """Read a moment that was written on the clock of a zone, or with its distance from UTC.

    Raises
    ------
    FlowlabError
        It is none, has no date, or the clock was changed then.
    """
    if not text.strip():
        return None
    try:
        # pandas would take "13:00" for today's, and 03/02 for March.
        if not _DATED.match(text.strip()):
            raise ValueError(text)
        moment = pd.Timestamp(text.strip())
        if moment.tz is None:
            moment = _on_clock(moment, zone)
        return moment.tz_convert("UTC").strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, TypeError, OverflowError, NotImplementedError) as problem:  # "nan", "-1"
        raise FlowlabError(
            f"{text[:60]!r} is no time.", fix='Write it like "2026-11-02 08:00".'
        ) from problem


def _on_clock(moment: pd.Timestamp, zone: ZoneInfo) -> pd.Timestamp:
    try:
        return moment.tz_localize(zone)
    except ValueError as problem:
        raise FlowlabError(
            f"the clock of {zone.key} shows {moment:%Y-%m-%d %H:%M} twice, or not at all.",
            fix=f'Add the distance from UTC, like "{moment:%Y-%m-%d %H:%M}+01:00".',
        ) from problem
