"""A report as one HTML file: nothing is fetched, and the one script is named by its hash."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib.resources import files

from flowlab.reports import tables
from flowlab.reports.findings import Facts, Figure, Listing
from flowlab.reports.sections import Chapter
from flowlab.wording import plain_text

_HEAD = "What this cannot show"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="flowlab">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div class="page">
<header>
<h1>{title}</h1>
<p class="about">{about}</p>
</header>
<nav aria-label="Contents"><h2>Contents</h2><ol>{contents}</ol></nav>
<main>
<section class="card short" aria-labelledby="short"><h2 id="short">In short</h2><ul>{short}</ul>
</section>
{sections}
</main>
<footer>Made with flowlab. This file asks nobody for anything: it can be kept, and opened without
a network.</footer>
</div>
<script>{script}</script>
</body>
</html>
"""


def html_page(title: str, about: str, chapters: Sequence[Chapter], *, hidden: bool) -> bytes:
    """Write a report as one HTML file.

    Parameters
    ----------
    title, about : str
        Plain text: what it is called, and what it is about in one line.
    chapters : sequence of Chapter
    hidden : bool
        Whether names were replaced; the page says so at its top.

    Returns
    -------
    bytes
        UTF-8. All text of the records is text in it, whatever it holds.
    """
    style = files("flowlab.reports").joinpath("page.css").read_text("utf-8") + tables.style()
    script = tables.script()
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}';"
        f" script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    badge = ' <span class="badge">names replaced</span>' if hidden else ""
    page = _PAGE.format(
        policy=policy,
        title=_text(title),
        style=style,
        about=_text(about) + badge,
        contents="".join(
            f'<li><a href="#{c.name}">{_text(c.section.title)}</a></li>' for c in chapters
        ),
        short="".join(map(_in_short, chapters)),
        sections="\n".join(map(_section, chapters)),
        script=script,
    )
    return page.encode("utf-8", "surrogatepass")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _in_short(chapter: Chapter) -> str:
    said = headline(chapter)
    if not said:
        return ""
    link = f'<a href="#{chapter.name}">{_text(chapter.section.title)}</a>'
    return f"<li>{link}: {_text(said)}</li>"


def headline(chapter: Chapter) -> str:
    """Give the most important sentence of a section; "" where it says nothing of its own."""
    if chapter.name in ("never_captured", "reading"):
        return ""
    return chapter.found.says[0] if chapter.found.says else "not told by these records"


def call_of(chapter: Chapter) -> str:
    """Give the Python that a section stands for."""
    return chapter.found.call or chapter.section.call


def _section(chapter: Chapter) -> str:
    section = chapter.section
    says = "".join(
        f'<p class="lead">{_text(said)}</p>' if at == 0 else f"<p>{_text(said)}</p>"
        for at, said in enumerate(chapter.found.says)
    )
    lacking = (
        f"<p><strong>Not told by these records.</strong> {_text(chapter.lacking)}</p>"
        if chapter.lacking
        else ""
    )
    parts = "".join(map(_part, chapter.found.parts))
    cannot = "".join(f"<li>{_text(limit)}</li>" for limit in section.cannot)
    return (
        f'<section class="card" id="{chapter.name}"><h2>{_text(section.title)}</h2>'
        f"{says}{lacking}{parts}"
        f'<div class="cannot"><h3>{_HEAD}</h3><ul>{cannot}</ul></div>'
        "<details><summary>Asked in Python</summary>"
        f"<pre><code>{_text(call_of(chapter), lines=True)}</code></pre></details></section>"
    )


def _part(part: Facts | Listing | Figure) -> str:
    if isinstance(part, Listing):
        return tables.table(part.frame, caption=part.caption)
    if isinstance(part, Figure):
        data = base64.b64encode(part.png).decode("ascii")
        return (
            f'<figure><img src="data:image/png;base64,{data}" alt="{_text(part.text)}"'
            f' width="{part.width}"><figcaption>{_text(part.text)} The numbers are in the table'
            " below.</figcaption></figure>"
        )
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in part.rows
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def _text(text: str, *, lines: bool = False) -> str:
    if lines:
        return "\n".join(html.escape(plain_text(line)) for line in text.split("\n"))
    return html.escape(plain_text(text))
