"""A frozen notebook as one HTML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

# nbconvert's own template fetches three scripts from other sites, for widgets and formulas. A
# report on private traffic must ask nobody for anything: the scripts go, and the policy makes
# the browser refuse whatever else would.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head -%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
 font-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="flowlab">
<style>@media print { .jp-Cell { break-inside: auto; } tr, img { break-inside: avoid; } }</style>
{{ super() }}
{%- endblock -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""

# The policy hinders neither a page that goes elsewhere by itself nor a look-up of a name ahead.
_LEADING_AWAY = re.compile(
    r"<meta\b[^>]*\bhttp-equiv\s*=\s*[\"']?\s*refresh\b[^>]*>|<link\b[^>]*>", re.IGNORECASE
)


def page(notebook: Any, *, name: str, folder: Path) -> bytes:
    """Write a frozen notebook as a page that asks nobody for anything.

    Parameters
    ----------
    notebook : NotebookNode
        As `freeze` gives it.
    name : str
        Its title, if it has none of its own.
    folder : path
        Where pictures that its Markdown names lie; they become part of the page.

    Returns
    -------
    bytes
        UTF-8.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=_TEMPLATE, embed_images=True)
    made, _ = exporter.from_notebook_node(
        notebook, resources={"metadata": {"name": name, "path": str(folder)}}
    )
    made = _LEADING_AWAY.sub("", str(made))
    return made.encode("utf-8", "surrogatepass")
