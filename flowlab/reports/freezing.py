"""A notebook that was run, as a file that shows everything without a kernel, scripts or widgets."""

from __future__ import annotations

import copy
import html
import re
from pathlib import Path
from typing import Any

import nbformat

from flowlab.reports.freezing_widgets import VIEW, Widgets
from flowlab.wording import plain_text

_TWIN = re.compile(
    r"\s*<details class=['\"]flowlab-static['\"]>\s*<summary>.*?</summary>(.*)</details>\s*",
    re.DOTALL,
)
_SCRIPT = re.compile(r"<script\b.*?(?:</script\s*>|$)", re.DOTALL | re.IGNORECASE)
_PICTURE = re.compile(
    r"<img\b[^>]*?\bsrc\s*=\s*(?P<quote>[\"'])data:(?P<kind>image/(?:png|jpeg|gif));base64,"
    r"(?P<data>[^\"']+)(?P=quote)[^>]*>",
    re.IGNORECASE,
)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
# What GitHub, an untrusted JupyterLab and nbconvert all show. All else needs an extension or runs.
_SHOWN = frozenset({
    "text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/jpeg",
    "image/gif", "image/svg+xml",
})  # fmt: skip
_KEPT = ("kernelspec", "language_info", "title", "authors")
_NEEDS_SCRIPT = (
    "(This output is made by a script, and scripts do not run in a copy that is shared.)"
)


def freeze(notebook: Any, *, pictures_apart: bool = False) -> Any:
    """Make of every output what can be read without a kernel.

    Parameters
    ----------
    notebook : NotebookNode
        With its outputs and the state of its widgets; it is not changed.
    pictures_apart : bool
        Whether pictures within HTML become outputs of their own: GitHub takes them out of HTML.

    Returns
    -------
    NotebookNode
        A widget of flowlab's is its static twin, opened, with its settings written out; of any
        other widget there are the values and what it showed. No scripts, no error with frames,
        no metadata but what a viewer needs; the home folder is written as ~.
    """
    frozen = copy.deepcopy(notebook)
    widgets = Widgets(frozen.metadata.get("widgets", {}))
    for cell in frozen.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.source = _without_home(cell.source)
        if cell.cell_type == "code":
            outputs = [made for output in _opened(cell.outputs, widgets) for made in _plain(output)]
            if pictures_apart:
                outputs = [part for output in outputs for part in _apart(output)]
            cell.outputs = outputs
    kept = {name: frozen.metadata[name] for name in _KEPT if name in frozen.metadata}
    frozen.metadata = nbformat.from_dict(kept)
    return frozen


def _opened(outputs: list[Any], widgets: Widgets) -> list[Any]:
    """Replace each widget by what it shows; where a twin follows, by its settings."""
    made: list[Any] = []
    for at, output in enumerate(outputs):
        data = output.get("data", {})
        twin = _TWIN.fullmatch(_text(data.get("text/html", "")))
        if VIEW in data:
            name = data[VIEW].get("model_id", "")
            following = outputs[at + 1].get("data", {}) if at + 1 < len(outputs) else {}
            if _TWIN.fullmatch(_text(following.get("text/html", ""))):
                made += widgets.settings(name)
            elif data.keys() & {"text/html", "image/png", "image/svg+xml"}:
                made.append(output)  # it brought its own twin
            else:
                made += widgets.shown(name)
        elif twin:
            data = {"text/html": twin[1], "text/plain": "The view, as picture and table"}
            made.append(nbformat.v4.new_output("display_data", data))
        else:
            made.append(output)
    return made


def _plain(output: Any) -> list[Any]:
    """Give an output without what needs a script, and without frames of an error."""
    if output.output_type == "stream":
        output.text = _without_home(output.text)
        return [output]
    if output.output_type == "error":
        # Frames show code, paths and, in some settings, the values of variables.
        output.evalue = _without_home(output.evalue)
        output.traceback = [f"{output.ename}: {output.evalue}"]
        return [output]
    kept = {
        kind: value
        if kind.startswith("image/") and "svg" not in kind
        else _without_home(_text(value))
        for kind, value in output.data.items()
        if kind in _SHOWN
    }
    for kind in ("text/html", "image/svg+xml"):
        if kind in kept:
            without = _SCRIPT.sub("", kept[kind])
            if not without.strip():
                without = f"<p><em>{_NEEDS_SCRIPT}</em></p>"
            kept[kind] = without
    if not kept:
        kept = {"text/plain": _NEEDS_SCRIPT}
    output.data = nbformat.from_dict(kept)
    output.metadata = nbformat.from_dict({})
    return [output]


def _apart(output: Any) -> list[Any]:
    """Put the pictures within HTML behind it, each as an output of its own."""
    text = output.get("data", {}).get("text/html", "")
    pictures = list(_PICTURE.finditer(text))
    if not pictures:
        return [output]
    output.data["text/html"] = _PICTURE.sub("", text)
    apart = [output]
    for picture in pictures:
        named = _ALT.search(picture[0])
        alt = html.unescape((named[1] or named[2] or "") if named else "")
        data = {
            picture["kind"].lower(): picture["data"],
            "text/plain": plain_text(alt) or "A picture",
        }
        apart.append(nbformat.v4.new_output("display_data", data))
    return apart


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def _without_home(text: str) -> str:
    home = str(Path.home())
    if len(Path(home).parts) < 2:  # it is /, as in some containers
        return text
    for written in {home, home.replace("\\", "\\\\"), home.replace("\\", "/")}:
        text = re.sub(rf"(?<![\w.~-]){re.escape(written)}(?![\w.-])", "~", text)
    return text
