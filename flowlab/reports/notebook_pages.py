"""A report as a notebook that was run: all of it can be seen on GitHub and where nothing is run."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from flowlab.reports import tables
from flowlab.reports.findings import Facts, Figure, Listing
from flowlab.reports.pages import call_of, headline
from flowlab.reports.sections import Chapter
from flowlab.wording import plain_text

_MOST_ROWS = 30  # of a table: there are no pages to turn
_TEXT_ROWS = 10  # of its twin for a terminal
# What begins something in Markdown: wherever it stands, within an address that would become a
# link, or at the beginning of a line.
_MARKS = re.compile(r"([`*_{}\[\]~|$@]|:(?=//)|(?<=www)\.|^[#+=>-])", re.I)


def notebook_page(title: str, about: str, chapters: Sequence[Chapter], *, hidden: bool) -> bytes:
    """Write a report as an executed notebook without scripts, styles or widgets.

    Parameters
    ----------
    title, about : str
        Plain text: what it is called, and what it is about in one line.
    chapters : sequence of Chapter
    hidden : bool
        Whether names were replaced; it says so at its top.

    Returns
    -------
    bytes
        UTF-8, nbformat 4.5. For each section: prose, the call, and its answer as it was.
    """
    notice = "\n\n**Names are replaced in this report.**" if hidden else ""
    short = [
        f"- **{_mark(chapter.section.title)}**: {_mark(said)}"
        for chapter in chapters
        if (said := headline(chapter))
    ]
    head = f"# {_mark(title)}\n\n{_mark(about)}{notice}\n\n**In short**\n\n" + "\n".join(short)
    cells = [_markdown("title", head)]
    code = 0
    for chapter in chapters:
        says = "\n\n".join(_mark(said) for said in chapter.found.says)
        if chapter.lacking:
            says = f"**Not told by these records.** {_mark(chapter.lacking)}"
        cells.append(_markdown(chapter.name, f"## {_mark(chapter.section.title)}\n\n{says}"))
        outputs = [output for part in chapter.found.parts for output in _outputs(part)]
        if outputs:
            code += 1
            cells.append(_code(chapter, outputs, code))
        cannot = "\n".join(f"- {_mark(limit)}" for limit in chapter.section.cannot)
        cells.append(_markdown(f"{chapter.name}-limits", f"**What this cannot show**\n\n{cannot}"))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return text.encode("utf-8", "surrogatepass")


def _markdown(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": name.replace("_", "-"),
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }


def _code(chapter: Chapter, outputs: list[dict[str, Any]], count: int) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": f"{chapter.name}-call".replace("_", "-"),
        "metadata": {},
        "outputs": outputs,
        "source": call_of(chapter).splitlines(keepends=True),
    }


def _outputs(part: Facts | Listing | Figure) -> list[dict[str, Any]]:
    if isinstance(part, Figure):
        # As an image, not within HTML: GitHub takes such pictures out of HTML. An image has no alt
        # text there, so its sentence stands below it.
        text = [plain_text(part.text)]
        data = {"image/png": base64.b64encode(part.png).decode("ascii"), "text/plain": text}
        size = {"image/png": {"width": part.width}}
        return [_shown(data, size), _shown({"text/plain": text})]
    if isinstance(part, Listing):
        data = {
            "text/html": [tables.plain(part.frame, caption=part.caption, most=_MOST_ROWS)],
            "text/plain": _twin(part).splitlines(keepends=True),
        }
    else:
        rows = "".join(
            f'<tr><th scope="row" align="left">{_escaped(n)}</th><td align="left">{_escaped(v)}'
            "</td></tr>"
            for n, v in part.rows
        )
        lines = [f"{plain_text(n)}: {plain_text(v)}" for n, v in part.rows]
        data = {
            "text/html": [f"<table><tbody>{rows}</tbody></table>"],
            "text/plain": "\n".join(lines).splitlines(keepends=True),
        }
    return [_shown(data)]


def _shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"data": data, "metadata": metadata or {}, "output_type": "display_data"}


def _twin(part: Listing) -> str:
    first = part.frame.head(_TEXT_ROWS)
    frame = pd.DataFrame(tables.cells(first), columns=tables.headings(first), dtype="str")
    told = plain_text(tables.told(part.frame, part.caption, _TEXT_ROWS))
    return told if frame.empty else f"{told}\n{frame.map(plain_text).to_string(index=False)}"


def _mark(text: str) -> str:
    """Write plain text as Markdown that shows just that."""
    escaped = html.escape(plain_text(text), quote=False)
    # Not as two backslashes: before a bracket those begin a formula.
    return _MARKS.sub(r"\\\1", escaped.replace("\\", "&#92;"))


def _escaped(text: str) -> str:
    return html.escape(plain_text(text))
