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
<style>@media screen and (prefers-color-scheme: dark) {
:root { color-scheme: dark; }
{{ resources.dark }}
img { background: white; } }</style>
{%- endblock -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""

_DARK = "static/theme-dark.css"
_SOURCE = re.compile(r"(<img\b[^>]*?\bsrc\s*=\s*[\"'])([^\"']*)", re.IGNORECASE)
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
    from jinja2 import pass_context
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Prose(IPythonRenderer):
        def _html_embed_images(self, html: str) -> str:
            # nbconvert's own parses each piece alone, and so closes a <details> that ends in
            # another: what is folded would stand open.
            return _SOURCE.sub(lambda f: f[1] + (self._src_to_base64(f[2]) or f[2]), html)

    class Exporter(HTMLExporter):
        @pass_context
        def markdown2html(self, context: Any, source: str) -> str:
            attachments = context.get("cell", {}).get("attachments", {})
            prose = Prose(
                escape=False, attachments=attachments, embed_images=True, path=str(folder)
            )
            return str(MarkdownWithMath(renderer=prose).render(source))

    exporter = Exporter(raw_template=_TEMPLATE)  # type: ignore[no-untyped-call]
    dark, *_ = exporter.environment.loader.get_source(exporter.environment, _DARK)
    resources = {"metadata": {"name": name, "path": str(folder)}, "dark": dark}
    made, _ = exporter.from_notebook_node(notebook, resources=resources)
    made = _LEADING_AWAY.sub("", str(made))
    return made.encode("utf-8", "surrogatepass")
