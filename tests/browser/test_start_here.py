"""What a newcomer does first: open JupyterLab, run the notebook that is open."""

from __future__ import annotations

import urllib.request

import nbformat
import pytest
from clean_notebooks import cleaned

from flowlab.lab import START_HERE

pytestmark = pytest.mark.browser


def test_lab_opens_on_the_first_notebook(lab):
    # The address that a browser is sent to leads to the notebook, not to a launcher.
    with urllib.request.urlopen(f"{lab.address}/?token={lab.token}") as answer:
        assert answer.url.split("?")[0] == f"{lab.address}/lab/tree/{START_HERE}"


def test_start_here_runs_and_shows_a_chart(open_notebook, window):
    notebook = open_notebook(START_HERE)
    notebook.run_all()

    assert notebook.errors() == []
    assert max(notebook.picture_widths(), default=0) > 200
    notebook.pictures().last.scroll_into_view_if_needed()  # for the picture that is kept
    assert window.page.locator(".jp-Dialog").count() == 0
    assert window.external == []
    assert window.console_errors == []


def test_harness_notices_errors_and_requests_to_elsewhere(open_notebook, window, lab):
    cells = [
        nbformat.v4.new_code_cell("1 / 0"),
        nbformat.v4.new_code_cell(
            "from IPython.display import HTML\nHTML('<img src=\"https://example.org/x.png\">')"
        ),
    ]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    (lab.folder / "bad.ipynb").write_text(cleaned(text))
    notebook = open_notebook("bad.ipynb")
    notebook.command("notebook:run-cell-and-select-next")
    notebook.command("notebook:run-cell")
    notebook.wait_until_idle()
    notebook.panel.locator("img").wait_for(state="attached")
    assert "ZeroDivisionError" in notebook.errors()[0]
    assert set(window.external) == {"https://example.org/x.png"}
