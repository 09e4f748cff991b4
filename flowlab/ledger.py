"""The ledger: what was read, set aside and refused, so that nothing is lost silently."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 100_000  # rejected lines kept as text; all of them are counted
UNREAD = ("not listed", "not fetched")  # content of what should have been read and could not be


@dataclass
class FileEntry:
    """What one file held. Line counts leave out blank lines and comments."""

    file: str
    content: str = "text"  # text, gzip text, parquet, json ...; or why it is no flow log
    fields: int = 0  # columns of its (first) format
    lines: int = 0
    headers: int = 0
    records: int = 0
    nodata: int = 0
    skipdata: int = 0
    rejected: int = 0
    outside_period: int = 0
    first_start: int | None = None  # epoch s
    last_end: int | None = None
    origin: str = ""  # archive or fetched; "" where files are read where they are
    problem: str = ""


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no record."""

    file: str
    line_number: int | None  # from 1; the event's or row's number in JSON and Parquet
    reason: str
    text: str  # at most 200 characters


@dataclass
class Ledger:
    """Account of one reading. Every line read stands in exactly one of its counts.

    ``lines == headers + records + nodata + skipdata + rejected + duplicates + outside_period``;
    blank lines and comments are not lines. `balanced` says whether that holds.

    Attributes
    ----------
    complete : bool
        Whether everything that should have been read could be had; `files` says what could not.
    lines, headers, records, nodata, skipdata, rejected, duplicates, outside_period : int
        Counts. [lines] `duplicates` only with ``drop_duplicates=True``.
    rejected_lines : DataFrame
        file, line_number (Int64), reason, text (cut at 200 characters).
    files : DataFrame
        One row per file: content, fields, the counts, first_start, last_end [UTC], problem.
    no_traffic : DataFrame
        The NODATA and SKIPDATA rows with their interface and window.
    notices : list of str
        What a reader of the results should know.
    """

    entries: list[FileEntry] = field(default_factory=list)
    listed: list[RejectedLine] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    no_traffic: pd.DataFrame = field(default=None)  # type: ignore[assignment]
    duplicates: int = 0

    def _sum(self, name: str) -> int:
        return sum(getattr(entry, name) for entry in self.entries)

    @property
    def lines(self) -> int:
        """Lines read, without blank lines and comments."""
        return self._sum("lines")

    @property
    def headers(self) -> int:
        """Header lines."""
        return self._sum("headers")

    @property
    def records(self) -> int:
        """Flow records in the frame."""
        return self._sum("records") - self.duplicates

    @property
    def nodata(self) -> int:
        """NODATA lines: no traffic in the window."""
        return self._sum("nodata")

    @property
    def skipdata(self) -> int:
        """SKIPDATA lines: AWS lost records in the window."""
        return self._sum("skipdata")

    @property
    def rejected(self) -> int:
        """Lines that are no record, whatever the reason."""
        return self._sum("rejected")

    @property
    def outside_period(self) -> int:
        """Good lines that start before or after the period asked for."""
        return self._sum("outside_period")

    @property
    def balanced(self) -> bool:
        """Whether every line read is accounted for."""
        parts = sum(count for name, count in self._counts() if name not in ("lines",))
        return self.lines == parts

    @property
    def complete(self) -> bool:
        """Whether everything that should have been read could be had."""
        return not any(entry.content in UNREAD for entry in self.entries)

    @property
    def rejected_lines(self) -> pd.DataFrame:
        """The rejected lines, one row each, in reading order."""
        import pandas as pd

        names = ["file", "line_number", "reason", "text"]
        rows = [(r.file, r.line_number, r.reason, r.text) for r in self.listed]
        types = {"file": "str", "line_number": "Int64", "reason": "str", "text": "str"}
        return pd.DataFrame(rows, columns=names).astype(types)

    @property
    def files(self) -> pd.DataFrame:
        """What each file held, one row each, in reading order."""
        import pandas as pd

        names = list(FileEntry.__dataclass_fields__)
        rows = [tuple(getattr(e, n) for n in names) for e in self.entries]
        table = pd.DataFrame(rows, columns=names)
        for name in ("first_start", "last_end"):
            seconds = pd.Series(table[name], dtype="Int64")
            table[name] = pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[s, UTC]")
        return table.astype({"file": "str", "content": "str", "origin": "str", "problem": "str"})

    def _counts(self) -> list[tuple[str, int]]:
        names = (
            "lines", "headers", "records", "nodata", "skipdata", "rejected", "duplicates",
            "outside_period",
        )  # fmt: skip
        return [(name, getattr(self, name)) for name in names]

    def __repr__(self) -> str:
        rows = "\n".join(
            f"{name.replace('_', ' '):<15}{count:>14,}" for name, count in self._counts()
        )
        return "\n".join([self._headline(), rows, *(f"- {n}" for n in self._told())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{name.replace('_', ' ')}</th>"
            f"<td style='text-align:right'>{count:,}</td></tr>"
            for name, count in self._counts()
        )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._told())
        caption = html.escape(self._headline())
        return (
            "<table class='flowlab-ledger'>"
            f"<caption style='text-align:left;white-space:nowrap'>{caption}</caption>"
            f"<tbody>{rows}</tbody></table><ul>{notes}</ul>"
        )

    def _headline(self) -> str:
        state = "balanced" if self.balanced else "NOT BALANCED"
        files = len(self.entries)
        state += "" if self.complete else ", NOT COMPLETE"
        return f"Ledger of {files:,} file{'s' * (files != 1)}: {state}"

    def _told(self) -> Iterable[str]:
        if self.rejected:
            yield "why lines were rejected: see ledger.rejected_lines"
        if self.skipdata:
            yield "SKIPDATA: AWS lost records here, one line can stand for many (ledger.no_traffic)"
        yield from self.notices
