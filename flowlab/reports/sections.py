"""The sections of a report, in their order, and what becomes of them where fields are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowlab.errors import FlowlabError, MissingFieldError, unknown_name
from flowlab.reports.basis import BASIS, READING
from flowlab.reports.findings import Found, Section
from flowlab.reports.limits import LIMITS
from flowlab.reports.material import Material
from flowlab.reports.traffic import TRAFFIC

SECTIONS: dict[str, Section] = {**BASIS, **TRAFFIC, **LIMITS, **READING}
_ALWAYS = "basis"


@dataclass(frozen=True)
class Chapter:
    """A section with what it found.

    Attributes
    ----------
    name : str
        Its anchor on the page.
    lacking : str
        Why there is no finding; "" if there is one.
    """

    name: str
    section: Section
    found: Found
    lacking: str = ""


def wanted(names: str | Iterable[str] | None, compared: bool) -> list[str]:
    """Give the names of the sections to write; what the report rests on is always among them.

    Raises
    ------
    UnknownNameError
        There is no such section.
    FlowlabError
        A comparison was asked for, but nothing to compare with.
    """
    if names is None:
        return [name for name in SECTIONS if compared or name != "comparison"]
    listed = list(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in listed:
        if name not in SECTIONS:
            raise unknown_name("report: the section", name, SECTIONS)
    if "comparison" in listed and not compared:
        raise FlowlabError(
            "the section comparison has nothing to compare with.",
            fix="pass before=, the records of an earlier period.",
        )
    return listed if _ALWAYS in listed else [_ALWAYS, *listed]


def chapter(name: str, material: Material) -> Chapter:
    """Ask what a section asks; fields that are missing are its answer, not an error."""
    section = SECTIONS[name]
    try:
        return Chapter(name, section, section.find(material))
    except MissingFieldError as missing:
        return Chapter(name, section, Found([]), f"{missing.what} {missing.why}".strip())
