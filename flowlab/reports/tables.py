"""Tables that sort, search and turn pages without a kernel, and can be read without a script.

The first page is plain HTML: a mail program, GitHub, an untrusted notebook or a printer shows it.
Where the one script of the page runs, it takes over. Put `style` and `script` into the page once.
"""

from __future__ import annotations

import html
import json
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from flowlab.wording import MEASURES, cut_short, plain_text

MOST_ROWS = 1000  # of one table in a file; the caption says when there are more
_LONGEST = 300  # characters of one cell
_LABELS = frozenset({"protocol", "port", "srcport", "dstport", "port_a", "port_b", "version"})


def table(frame: pd.DataFrame, *, caption: str, page: int = 15) -> str:
    """Write a table that sorts, searches and turns pages.

    Parameters
    ----------
    frame : DataFrame
        At most its first 1000 rows are taken; the caption says so when there are more.
    caption : str
        Plain text, what the table shows.
    page : int
        Rows of a page.

    Returns
    -------
    str
        A piece of HTML. Every value is text in it, whatever it holds; control characters and
        marks of direction are visible.
    """
    rows, kinds = cells(frame.head(MOST_ROWS)), _kinds(frame)
    heads = "".join(
        f'<th scope="col"{_class(k)}>{_text(h)}</th>'
        for h, k in zip(headings(frame), kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{_class(k)}>{_text(c)}</td>" for c, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows[:page]
    )
    more = len(rows) > page
    note = f"<p class='fl-note'>Rows 1 to {page} of {len(rows):,}.</p>" if more else ""
    data = {"page": page, "kinds": kinds, "rows": rows}
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Nothing in it can end the element, or begin a comment, in any parser of HTML.
    for mark in "<>&\u2028\u2029":
        written = written.replace(mark, f"\\u{ord(mark):04x}")
    return (
        f'<div class="fl-table"><div class="fl-wide"><table><caption>{_text(told(frame, caption))}'
        f"</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        f'<script type="application/json">{written}</script></div>'
    )


def plain(frame: pd.DataFrame, *, caption: str, most: int) -> str:
    """Write a table of its first rows that needs neither style nor script."""
    rows = cells(frame.head(most))
    align = ['align="right"' if kind == "n" else 'align="left"' for kind in _kinds(frame)]
    heads = "".join(
        f'<th scope="col" {a}>{_text(h)}</th>' for h, a in zip(headings(frame), align, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td {a}>{_text(c)}</td>" for c, a in zip(row, align, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{_text(told(frame, caption, most))}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def told(frame: pd.DataFrame, caption: str, most: int = MOST_ROWS) -> str:
    """Give a caption that says when a table is cut."""
    if len(frame) <= most:
        return caption if len(frame) else f"{caption}: no rows"
    return f"{caption}: the first {most:,} of {len(frame):,} rows"


def headings(frame: pd.DataFrame) -> list[str]:
    """Give the columns in words, with unit or time zone."""
    return [_heading(str(name), frame[name]) for name in frame.columns]


def _heading(name: str, column: pd.Series[Any]) -> str:
    words = plain_text(name.replace("_", " "))
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return f"{words} ({column.dtype.tz})"
    return words


def _kinds(frame: pd.DataFrame) -> list[str]:
    """Say which columns are numbers ("n") and which times ("t"); ports and protocols are names."""
    return [_kind(str(name), frame[name].dtype) for name in frame.columns]


def _kind(name: str, dtype: Any) -> str:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "t"
    is_number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    return "n" if is_number and name not in _LABELS else ""


def cells(frame: pd.DataFrame) -> list[list[str]]:
    """Write all values as they are shown; null is empty."""
    columns = [_written(str(name), frame[name]) for name in frame.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _written(name: str, column: pd.Series[Any]) -> list[str]:
    from flowlab.pictures import cell_text

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        texts = column.dt.strftime("%Y-%m-%d %H:%M:%S")
        return ["" if pd.isna(text) else text for text in texts]
    if name not in _LABELS and name not in MEASURES:
        if pd.api.types.is_integer_dtype(column.dtype):
            return ["" if pd.isna(value) else f"{value:,}" for value in column]
        if pd.api.types.is_float_dtype(column.dtype):
            return ["" if pd.isna(value) else f"{value:,.1f}" for value in column]
    return [
        "" if pd.isna(value) else cut_short(cell_text(name, value), _LONGEST) for value in column
    ]


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _text(text: str) -> str:
    return html.escape(plain_text(text))


@cache
def script() -> str:
    """The script that every such table of a page shares."""
    return files("flowlab.reports").joinpath("tables.js").read_text("utf-8")


@cache
def style() -> str:
    """The style of such tables; colours come from the page."""
    return files("flowlab.reports").joinpath("tables.css").read_text("utf-8")
