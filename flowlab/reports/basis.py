"""What a report rests on: its source, period, ledger, format, rules of counting, versions."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path, PurePath

import pandas as pd

from flowlab import __version__, schema
from flowlab.ledger import Ledger
from flowlab.reports.findings import Facts, Figure, Found, Listing, Section, counted
from flowlab.reports.fingerprint import fingerprint
from flowlab.reports.material import Material
from flowlab.rulebook import NAMED

_ENGINES = ("pandas", "pyarrow", "duckdb", "matplotlib")
_VANTAGE = (
    "as recorded at each ENI: what two logged ENIs recorded, or a NAT gateway passed on, counts"
    " more than once"
)


def _basis(material: Material) -> Found:
    rows = [
        ("source", _source(material)),
        ("period", _period(material)),
        ("time zone", f"{material.tz}; steps of time are aligned to midnight UTC"),
        ("records", _records(material)),
        ("bytes and packets", _VANTAGE),
        ("reading", _reading(material.ledger)),
        ("format", _format(material)),
        ("fingerprint", _fingerprint(material)),
        ("names", "as recorded" if material.hidden is None else _HIDDEN),
        ("made with", made_with()),
    ]
    parts: list[Facts | Listing | Figure] = [Facts(rows)]
    fields = _fields(material)
    lacking = fields[fields["in_these_records"] == "no"].drop(columns="in_these_records")
    parts.append(Listing("Fields that AWS has and these records lack", lacking))
    return Found([_headline(material)], parts, _call(material))


def made_with() -> str:
    """Name the versions of all that a report was made with."""
    engines = [f"{name} {version(name)}" for name in _ENGINES]
    return ", ".join([f"flowlab {__version__}", f"Python {platform.python_version()}", *engines])


_HIDDEN = (
    "replaced by a key that is not in this file: one thing has one replacement throughout, and"
    " subnets stay subnets. Ports, times, sizes and AWS's own words are as recorded"
)


def _headline(material: Material) -> str:
    ledger = material.ledger
    if ledger is None:
        return "No ledger came with these records, so what was lost in reading is not known."
    if not ledger.balanced or not ledger.complete:
        return "Not everything that should have been read could be: see what was read."
    return "Every line that was read is accounted for."


def _call(material: Material) -> str:
    """What all other calls of the report begin with."""
    lines = ["import flowlab as fl", "from flowlab import plots", ""]
    lines.append("flows, ledger = fl.read_flows(...)")
    if not material.rules:
        return "\n".join([*lines, "work = flows"])
    names = material.rule_names()
    own = any(name not in NAMED or NAMED[name] not in material.rules for name in names)
    listed = "[...]" if own else json.dumps(list(names))
    return "\n".join([*lines, f"rules = {listed}", "work = fl.exclude(flows, rules)"])


def _source(material: Material) -> str:
    kind = "DataFrame" if isinstance(material.flows, pd.DataFrame) else type(material.flows)
    held = kind if isinstance(kind, str) else kind.__name__
    names = [] if material.ledger is None else [e.file for e in material.ledger.entries]
    if not names:
        return f"{held}; where the records come from was not said"
    shown = [material.name(name) for name in short(names)]
    return f"{held}, read from {shown[0]}" + (
        f" and {len(shown) - 1:,} more, see what was read" if len(shown) > 1 else ""
    )


def _period(material: Material) -> str:
    ends = [
        "the beginning" if material.start is None else material.moment(material.start),
        "the end" if material.end is None else material.moment(material.end),
    ]
    asked = f"from {ends[0]} up to, but without, {ends[1]} {material.tz}, by a record's start"
    if material.start is None and material.end is None:
        asked = "all that was given"
    sums = material.sums
    if not material.records or "first_start" not in sums:
        return asked
    last = f" to {material.moment(sums['last_end'])}" if "last_end" in sums else ""
    return f"{asked}; the records are from {material.moment(sums['first_start'])}{last}"


def _records(material: Material) -> str:
    if not material.rules:
        return f"{material.records:,}; nothing was set aside"
    names = ", ".join(material.rule_names().values())
    return f"{material.records:,}, after these rules: {names}"


def _reading(ledger: Ledger | None) -> str:
    if ledger is None:
        return "no ledger was given"
    state = "balanced" if ledger.balanced else "NOT BALANCED"
    state += "" if ledger.complete else ", NOT COMPLETE"
    return (
        f"{state}: {ledger.lines:,} lines, {ledger.rejected:,} rejected,"
        f" {ledger.nodata:,} NODATA, {ledger.skipdata:,} SKIPDATA"
    )


def _format(material: Material) -> str:
    listed = _fields(material)
    have = listed[listed["in_these_records"] == "yes"]
    newest = int(have["version"].max()) if len(have) else 0
    names = " ".join(have["field"])
    return f"{len(have)} of AWS's {len(listed)} fields, up to version {newest}: {names}"


def _fields(material: Material) -> pd.DataFrame:
    of_log = "transit gateway" if "tgw_id" in material.work.columns else "vpc"
    known = [field for field in schema.FIELDS if field.log in (of_log, "both")]
    have = set(material.work.columns)
    rows = [
        (field.name, field.version, "yes" if field.column in have else "no", field.meaning)
        for field in known
    ]
    return pd.DataFrame(rows, columns=["field", "version", "in_these_records", "meaning"])


def _fingerprint(material: Material) -> str:
    made = fingerprint(material.whole)
    if made is None:
        return f"not computed by {material.whole.dialect}"
    if material.hidden is None:
        return f"{made}, of the records before rules, in any order"
    # With few records one could try out which they are; without the key one cannot.
    return f"{material.hidden.mark(made)}, of the records before rules, in any order, and the key"


def _read(material: Material) -> Found:
    ledger = material.ledger
    if ledger is None:
        return Found(["No ledger was given: fl.report(..., ledger=ledger) shows what was read."])
    counts = [
        (name.replace("_", " "), f"{getattr(ledger, name):,}")
        for name in ("lines", "headers", "records", "nodata", "skipdata", "rejected", "duplicates",
                     "outside_period")
    ]  # fmt: skip
    files = ledger.files
    names = [material.name(name) for name in short(files["file"])]
    wanted = ["content", "lines", "records", "nodata", "skipdata", "rejected", "outside_period",
              "first_start", "last_end", "problem"]  # fmt: skip
    listed = files[wanted].assign(problem=[_said(p, material) for p in files["problem"]])
    listed.insert(0, "file", names)
    parts: list[Facts | Listing | Figure] = [Facts(counts)]
    parts.append(Listing("Files", material.shown(listed, keep=listed.columns)))
    if ledger.rejected:
        why = ledger.rejected_lines["reason"].map(_kind_of_reason)
        table = why.value_counts(sort=False).sort_index().rename_axis("reason")
        parts.append(Listing("Why lines were rejected", table.reset_index(name="lines")))
    state = "add up" if ledger.balanced else "do NOT add up"
    says = [
        f"{counted(ledger.lines, 'line')} from {counted(len(files), 'file')}: the counts {state}."
    ]
    return Found([*says, *(_said(notice, material) for notice in ledger.notices)], parts)


def _kind_of_reason(reason: str) -> str:
    """Leave out the value that was refused: it may be anything, and there may be very many."""
    return re.sub(r"\d{5,}", "…", reason.partition(": ")[0])


def _said(text: str, material: Material) -> str:
    """A message of the reading, without the folders of whoever read, and without names."""
    return material.text(_without_folders(text))


_FOLDERS = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\:,;'\"]+[/\\])+")


def _without_folders(text: str) -> str:
    return _FOLDERS.sub("…/", text)


def short(names: Iterable[object]) -> list[str]:
    """Give names of files without the folders that all of them are in.

    Those are of whoever read them, and say who that is. Places that are no files on this machine,
    such as s3://, stay as they are.
    """
    given = [str(name) for name in names]
    local = [name for name in given if PurePath(name).is_absolute()]
    if not local:
        return given
    above = os.path.commonpath([str(Path(name).parent) for name in local])
    return [
        Path(name).relative_to(above).as_posix() if PurePath(name).is_absolute() else name
        for name in given
    ]


BASIS = {
    "basis": Section(
        "What this report rests on",
        "flows, ledger = fl.read_flows(...)\nledger",
        ["A flow log holds what AWS recorded at the ENIs it was made for, and nothing else."],
        _basis,
    )
}
READING = {
    "reading": Section(
        "What was read",
        "ledger.files",
        ["What was never delivered to the place that was read is in no ledger."],
        _read,
    )
}
