"""Every notebook runs, reads well, and is committed without outputs."""

from __future__ import annotations

import json

import nbformat
import pytest
from clean_notebooks import cleaned, notebooks_in
from runner import NOTEBOOKS, kernel_environment, problems_reading, problems_running

ALL = notebooks_in([NOTEBOOKS])
each_notebook = pytest.mark.parametrize("path", ALL, ids=[path.stem for path in ALL])


def write(folder, *cells):
    """Write a notebook; text is a code cell, a cell is itself."""
    made = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    path = folder / "made.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def test_there_are_notebooks():
    assert [path.name for path in ALL if path.name.startswith("00-")] == ["00-start-here.ipynb"]


@each_notebook
def test_is_committed_clean(path):
    text = path.read_text("utf-8")
    assert cleaned(text) == text, "run: python3 tools/clean_notebooks.py"


@each_notebook
def test_reads_well(path):
    assert problems_reading(path) == []


@each_notebook
def test_runs_without_an_aws_account(path):
    before = path.read_bytes()
    assert problems_running(path) == []
    assert path.read_bytes() == before


# The checks themselves.

IN_A_WIDGET = "import ipywidgets as w\nfrom IPython.display import display\nout = w.Output()\n"
IN_A_CALLBACK = """
import ipywidgets as w
def show(n):
    return {}["gone"]
w.VBox([w.interactive_output(show, {"n": w.IntSlider()})])
"""


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise ValueError('no such field')", "ValueError: no such field"),
        ("import sys\nprint('careful', file=sys.stderr)", "stderr: careful"),
        ("import warnings\nwarnings.warn('old', DeprecationWarning)", "DeprecationWarning: old"),
        (IN_A_WIDGET + "with out:\n    1 / 0\ndisplay(w.VBox([out]))", "ZeroDivisionError"),
        (IN_A_CALLBACK, "KeyError"),
    ],
    ids=["exception", "stderr", "warning", "in an Output widget", "in interactive_output"],
)
def test_runner_catches(tmp_path, source, problem):
    found = problems_running(write(tmp_path, source))
    assert len(found) == 1
    assert problem in found[0]


def test_runner_passes_a_good_notebook_and_what_its_tags_allow(tmp_path):
    loud = nbformat.v4.new_code_cell("import sys; print('hm', file=sys.stderr)")
    loud.metadata["tags"] = ["allow-stderr"]
    failing = nbformat.v4.new_code_cell("1 / 0")
    failing.metadata["tags"] = ["raises-exception"]
    assert problems_running(write(tmp_path, IN_A_WIDGET + "out", loud, failing, "2 + 2")) == []


def test_runner_leaves_no_way_to_an_aws_account(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "AWS_PROFILE" not in kernel_environment()
    source = "import boto3\nassert boto3.Session().get_credentials() is None"
    assert problems_running(write(tmp_path, source)) == []


def test_runner_reports_a_cell_that_hangs(tmp_path):
    found = problems_running(write(tmp_path, "import time; time.sleep(60)"), timeout=1)
    assert found == ["a cell took longer than 1 s"]


def test_style_check_names_each_departure(tmp_path):
    path = write(tmp_path, "import this", "\n".join(f"a{n} = {n}" for n in range(16)))
    assert problems_reading(path) == [
        "the first cell is not Markdown: say the question and what it takes",
        "the last cell is not Markdown: say the key points and what is next",
        "the second code cell is not tagged `parameters`",
        "cell 1 has 16 lines; at most 15",
        "1 of 2 code cells follow another without a word; at most 1 in 5",
    ]


def test_cleaning_removes_what_a_run_leaves_and_keeps_what_was_written(tmp_path):
    cell = nbformat.v4.new_code_cell("n = 5", metadata={"tags": ["parameters"], "scrolled": True})
    path = write(tmp_path, nbformat.v4.new_markdown_cell("# Why"), cell)
    clean = cleaned(path.read_text("utf-8"))

    dirty = json.loads(clean)
    dirty["metadata"]["widgets"] = {"state": {}}
    dirty["metadata"]["language_info"]["version"] = "3.11.2"
    dirty["cells"][1]["execution_count"] = 7
    dirty["cells"][1]["metadata"]["execution"] = {"iopub.status.busy": "2026-11-02"}
    dirty["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "192.0.2.1"}
    ]
    assert cleaned(json.dumps(dirty)) == clean
    assert cleaned(clean) == clean
    assert json.loads(clean)["cells"][1]["metadata"] == {"tags": ["parameters"]}
    assert "# Why" in clean
