"""What is wrong with a notebook: run headless, and read as its author wrote it.

python tests/notebooks/runner.py notebooks/*.ipynb      (with .venv's Python)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat

from flowlab.rendering import NotebookRun, run_notebook

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LONGEST_CELL = 15  # lines; what needs more belongs in flowlab/


def kernel_environment() -> dict[str, str]:
    """Return an environment for kernels under test, with no way to an AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        # boto3 would otherwise go on to files in the home folder and to a machine's own role.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONPATH": str(NOTEBOOKS.parent),  # the flowlab that is tested, installed or not
        # What the notebook itself does that is deprecated, not what a library does.
        "PYTHONWARNINGS": "default::DeprecationWarning:__main__",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def problems_running(path: Path, *, timeout: float = 120) -> list[str]:
    """Run a notebook; return what went wrong, one line each.

    That is an exception, also one that a widget's Output caught and showed (nbclient does not
    count those), and anything on stderr, so Python's warnings too. A cell tagged
    ``raises-exception`` may raise; one tagged ``allow-stderr`` may write to stderr.
    """
    run = run_notebook(path, timeout=timeout, environment=kernel_environment())
    problems = [run.error] if run.error else []
    for number, cell in enumerate(run.notebook.cells):
        tags = cell.metadata.get("tags", [])
        for output in shown_outputs(cell, run):
            kind = output["output_type"]
            if kind == "stream" and output["name"] == "stderr" and "allow-stderr" not in tags:
                problems.append(f"cell {number}: stderr: {output['text'].strip()[:300]}")
            # What stopped the notebook is in run.error; what a widget shows stops nothing.
            stopped = run.error and output in cell.outputs
            if kind == "error" and "raises-exception" not in tags and not stopped:
                problems.append(f"cell {number}: {output['ename']}: {output['evalue']}")
    return problems


def shown_outputs(cell: nbformat.NotebookNode, run: NotebookRun) -> list[dict]:
    """Return a cell's outputs, with those inside its widgets."""
    found = list(cell.get("outputs", []))
    waiting = [_widget_of(output) for output in found]
    seen = {None}
    while waiting:
        widget = waiting.pop()
        if widget in seen:
            continue
        seen.add(widget)
        state = run.widgets.get(widget, {})
        inside = state.get("outputs") or []
        found += inside
        waiting += [_widget_of(output) for output in inside]
        waiting += [
            child.removeprefix("IPY_MODEL_")
            for child in state.get("children") or []
            if isinstance(child, str)
        ]
    return found


def _widget_of(output: dict) -> str | None:
    view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json", {})
    return view.get("model_id")


def problems_reading(path: Path) -> list[str]:
    """Return where a notebook departs from the house style, one line each."""
    cells = nbformat.read(path, as_version=4).cells
    code = [number for number, cell in enumerate(cells) if cell.cell_type == "code"]
    problems = []
    if not cells or cells[0].cell_type != "markdown":
        problems.append("the first cell is not Markdown: say the question and what it takes")
    if not cells or cells[-1].cell_type != "markdown":
        problems.append("the last cell is not Markdown: say the key points and what is next")
    if len(code) < 2 or "parameters" not in cells[code[1]].metadata.get("tags", []):
        problems.append("the second code cell is not tagged `parameters`")
    for number in code:
        lines = len(cells[number].source.splitlines())
        if lines > LONGEST_CELL:
            problems.append(f"cell {number} has {lines} lines; at most {LONGEST_CELL}")
    following = [number for number in code if number - 1 in code]
    if len(following) * 5 > len(code):
        problems.append(
            f"{len(following)} of {len(code)} code cells follow another without a word;"
            " at most 1 in 5"
        )
    return problems


def main(paths: list[str]) -> int:
    """Print what is wrong with some notebooks; return the exit code."""
    bad = 0
    for path in map(Path, paths or sorted(NOTEBOOKS.glob("*.ipynb"))):
        problems = problems_reading(path) + problems_running(path)
        bad += bool(problems)
        print("FAIL" if problems else "ok  ", path)
        for problem in problems:
            print("     ", problem)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
