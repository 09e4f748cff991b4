"""From records to a file that can be forwarded: the front door of reports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from flowlab.errors import FlowlabError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.anonymization.keyed import Anonymizer
    from flowlab.ledger import Ledger
    from flowlab.reports.material import Material
    from flowlab.reports.sections import Chapter

_KINDS = (".html", ".ipynb", ".pdf")
_TITLE = "VPC flow logs: what they show"
# What names nobody however it is found: too short, or numbers that any table may have.
_TELLS = re.compile(r"(?=.*[^\W\d_]).{3,}|\d{12}|.*[.:].*[.:].*", re.DOTALL)
_PLAIN_WORD = re.compile(r"[A-Za-z]+")


def report(
    flows: Any,
    output: str | Path,
    *,
    title: str | None = None,
    sections: str | Iterable[str] | None = None,
    anonymize: bool = False,
    key: str | bytes | Anonymizer | None = None,
    ledger: Ledger | None = None,
    rules: Any = None,
    before: Any = None,
    start: Any = None,
    end: Any = None,
    tz: str = "UTC",
) -> Path:
    """Write a report that can be forwarded: one file that needs no network and no kernel.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    output : path
        ``.html``: one page with tables that sort, search and turn pages. ``.ipynb``: a notebook
        with its outputs, as GitHub and an untrusted JupyterLab show it. ``.pdf``: the page,
        printed by Chromium. Written whole or not at all; a file of that name is replaced.
    title : str, optional
    sections : str or sequence of str, optional
        Of basis, totals, over_time, talkers, services, conversations, rejected, comparison,
        impossible_traffic, exclusions, coverage, never_captured and reading; all by default, and
        basis always.
    anonymize : bool
        Replace addresses, ids and names, as `flowlab.anonymize` does, in all that is shown. Times
        stay: give anonymized `flows` with a shift to hide them, too.
    key : str or bytes, optional
        For `anonymize`: the same key gives the same replacements in every report. By default a
        new one that is kept nowhere.
    ledger : Ledger, optional
        Of the reading. Without one, the report says that it does not know what was lost.
    rules : str, Rule, or a sequence of them, optional
        Records to set aside before the findings, as `exclude` does; the report accounts for them.
    before : DataFrame or Archive, optional
        Records of an earlier period to compare with, under the same rules.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]
    tz : str
        Zone that times are shown in, such as "Europe/Madrid".

    Returns
    -------
    Path
        Of the file, absolute.

    Raises
    ------
    FlowlabError
        The file cannot be written; a suffix that is none of these; a key without `anonymize`;
        something that must not leave is left in the file: an access key, a path or name of
        whoever writes it or, with `anonymize`, an original address, id or name. Then there is
        no file.
    MissingFieldError
        A rule or the period needs a column that is absent. Where a section does, it says so
        itself.
    UnknownNameError
        No such section, rule or time zone.

    Notes
    -----
    The same records, options and versions give the same bytes, whatever the order of the records;
    with `anonymize`, the same key, too. Above every finding stands what was found, below it what
    it cannot show.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, ledger = fl.sample_flows()
    >>> fl.report(flows, "friday.html", ledger=ledger).name                    # doctest: +SKIP
    'friday.html'
    """
    path = Path(output).expanduser().absolute()
    kind = require_output(path)
    if key is not None and not anonymize:
        raise FlowlabError(
            "a key was given, but nothing is to be anonymized.", fix="add anonymize=True."
        )
    if ledger is not None and not hasattr(ledger, "entries"):
        raise FlowlabError(
            f"ledger is a {type(ledger).__name__}, not the ledger of a reading.",
            fix="pass the second of flows, ledger = fl.read_flows(...), or leave it out.",
        )
    if tz not in available_timezones():
        raise unknown_name("report: the time zone", tz, available_timezones())

    from flowlab.reports.leaks import refuse_leaks
    from flowlab.reports.material import Material, rules_of
    from flowlab.reports.printing import print_pdf
    from flowlab.reports.sections import chapter, wanted
    from flowlab.writing import write_whole

    if ledger is None:
        own = getattr(flows, "ledger", None)  # an archive that flowlab wrote knows its own
        ledger = own if own is not None and own.entries else None
    period = (_moment(start, "start"), _moment(end, "end"))
    material = Material(
        flows, rules_of(rules), before, ledger, *period, tz, _hiding(anonymize, key)
    )
    chapters = [chapter(name, material) for name in wanted(sections, before is not None)]
    originals, images = _originals(material)
    if originals:
        originals = _not_in_every_report(originals, kind, chapters)

    def refuse(data: bytes) -> None:
        refuse_leaks(data, kind, originals=originals, images=images)

    data = _page(kind, title, material, chapters)
    if kind != "pdf":
        return write_whole(path, data, check=refuse)
    with TemporaryDirectory(prefix="flowlab-") as folder:
        page = Path(folder) / "report.html"
        page.write_bytes(data)
        printed = print_pdf(page, Path(folder) / "report.pdf").read_bytes()
    return write_whole(path, printed, check=refuse)


def require_output(output: str | Path) -> str:
    """Find out, before records are read, whether a report can be written there.

    Returns
    -------
    {"html", "ipynb", "pdf"}

    Raises
    ------
    FlowlabError
        It cannot; see `report`.
    """
    from flowlab.reports.printing import find_chromium
    from flowlab.writing import require_writable

    path = Path(output).expanduser().absolute()
    kind = _kind_of(path)
    require_writable(path)
    if kind == "pdf":
        find_chromium()
    return kind


def _kind_of(path: Path) -> str:
    if path.suffix.lower() not in _KINDS:
        raise FlowlabError(
            f"a report cannot be written as {path.name}.",
            f"its name does not end in one of {', '.join(_KINDS)}.",
            'write "friday.html", say.',
        )
    return path.suffix.lower().removeprefix(".")


def _moment(moment: Any, name: str) -> pd.Timestamp | None:
    import pandas as pd

    from flowlab.reading import epoch

    seconds = epoch(moment, name)
    return None if seconds is None else pd.Timestamp(seconds, unit="s", tz="UTC")


def _hiding(anonymize: bool, key: str | bytes | Anonymizer | None) -> Anonymizer | None:
    if not anonymize:
        return None
    from flowlab.anonymization.keyed import Anonymizer as Made

    return key if isinstance(key, Made) else Made(key)


def _page(kind: str, title: str | None, material: Material, chapters: list[Chapter]) -> bytes:
    from flowlab.reports.notebook_pages import notebook_page
    from flowlab.reports.pages import html_page

    write = notebook_page if kind == "ipynb" else html_page
    named = material.text(title) if title else _TITLE
    return write(named, _about(material), chapters, hidden=material.hidden is not None)


def _about(material: Material) -> str:
    """Say in one line what the report is about."""
    sums = material.sums
    if not material.records:
        return "There are no records in this period."
    if "first_start" not in sums:
        return f"{material.records:,} flow records, without times."
    last = f" to {material.moment(sums['last_end'])}" if "last_end" in sums else ""
    return (
        f"{material.records:,} flow records, {material.moment(sums['first_start'])}{last}"
        f" {material.tz}."
    )


def _originals(material: Material) -> tuple[list[str], list[str]]:
    """Give what must not be in an anonymized report, and what the same key made of it."""
    if material.hidden is None:
        return [], []
    from flowlab.reports.fingerprint import names_in
    from flowlab.reports.own_words import own_words
    from flowlab.tables import as_table

    for table in (material.flows, material.before):
        if table is not None:
            material.hidden.values(names_in(as_table(table)))
    pairs = material.hidden.pairs()
    own = own_words()
    return [name for name in pairs if _tells(name, own)], list(pairs.values())


def _not_in_every_report(names: list[str], kind: str, chapters: list[Chapter]) -> list[str]:
    """Leave out names that a report without any records has, too: "python3", "utf-8"."""
    from flowlab.reports.basis import made_with
    from flowlab.reports.leaks import find_leaks, shown
    from flowlab.reports.notebook_pages import notebook_page
    from flowlab.reports.pages import html_page

    write = notebook_page if kind == "ipynb" else html_page
    same = [chapter for chapter in chapters if chapter.name == "never_captured"]
    page = write(_TITLE, made_with(), same, hidden=True)
    found = find_leaks(page, "ipynb" if kind == "ipynb" else "html", originals=names, machine=False)
    everywhere = {leak.found for leak in found}
    return [name for name in names if shown(name) not in everywhere]


def _tells(name: str, own: frozenset[str]) -> bool:
    # A tag that is a word of ours, "shop" or "backup", would be found in every report.
    if _PLAIN_WORD.fullmatch(name):
        return len(name) > 3 and name.casefold() not in own
    return bool(_TELLS.fullmatch(name))
