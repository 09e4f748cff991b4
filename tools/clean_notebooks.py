#!/usr/bin/env python3
"""Keep committed notebooks clean.

    python3 tools/clean_notebooks.py              clean every notebook in notebooks/
    python3 tools/clean_notebooks.py --check      only say which are not clean (exit code 1)
    python3 tools/clean_notebooks.py FILE...      these files or folders

Clean: no outputs, execution counts or widget state, nothing about the machine it was run on,
an id for every cell. Outputs hold addresses and account ids, and make every diff unreadable.
Standard library only, and no git filter to install; tests/notebooks checks the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
KEPT_NOTEBOOK_METADATA = {"title"}
KEPT_CELL_METADATA = {"tags", "jupyter", "slideshow", "editable", "deletable"}
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def cleaned(text: str) -> str:
    """Return the text of a notebook as it is to be committed.

    Parameters
    ----------
    text : str
        Content of an .ipynb file.

    Returns
    -------
    str
        The same for every notebook with the same cells; cleaning it again changes nothing.
    """
    notebook = json.loads(text)
    kept = {k: v for k, v in notebook.get("metadata", {}).items() if k in KEPT_NOTEBOOK_METADATA}
    notebook["metadata"] = {**kept, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    for number, cell in enumerate(notebook["cells"]):
        cell.setdefault("id", f"cell-{number}")
        cell["metadata"] = {
            k: v for k, v in cell.get("metadata", {}).items() if k in KEPT_CELL_METADATA
        }
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        if not cell.get("attachments"):
            cell.pop("attachments", None)
        if isinstance(cell["source"], str):
            cell["source"] = cell["source"].splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def notebooks_in(places: Iterable[Path]) -> list[Path]:
    """Return the notebooks that are, or are in, these places, without checkpoints."""
    found = []
    for place in places:
        found += [place] if place.is_file() else sorted(place.rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def main(arguments: list[str]) -> int:
    """Clean or check; return the exit code."""
    only_check = "--check" in arguments
    places = [Path(word) for word in arguments if word != "--check"]
    dirty = 0
    for path in notebooks_in(places or [HERE / "notebooks"]):
        text = path.read_text("utf-8")
        if cleaned(text) == text:
            continue
        dirty += 1
        print(f"{'not clean' if only_check else 'cleaned'}: {path}")
        if not only_check:
            path.write_text(cleaned(text), "utf-8", newline="\n")
    return 1 if dirty and only_check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
