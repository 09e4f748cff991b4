"""One JupyterLab for all browser tests, and a new window for each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from labharness import OpenNotebook, browser_window, chromium_path, running_lab

from flowlab.lab import START_HERE, lay_out

ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"


@pytest.fixture(scope="session")
def chromium():
    path = chromium_path()
    if path is None:
        reason = "no Chromium on PATH: install it (apt install chromium) or set FLOWLAB_CHROMIUM"
        # Where all is to be tested, a missing browser must not pass unnoticed.
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    lay_out(folder)  # a copy: no test changes the repository's notebooks
    with running_lab(folder, tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def window(chromium):
    with browser_window() as opened:
        yield opened


@pytest.fixture
def artifacts():
    """Where pictures are kept, to be looked at."""
    return ARTIFACTS


@pytest.fixture
def open_notebook(lab, window, request):
    """Return a function that opens a notebook; a picture is kept of how the test ended."""
    opened = []

    def open_it(name=START_HERE, *, address=None):
        opened.append(OpenNotebook(window.page, lab, address or f"/lab/tree/{name}"))
        return opened[-1]

    yield open_it
    ARTIFACTS.mkdir(exist_ok=True)
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    window.page.screenshot(path=ARTIFACTS / f"{name}.png")
    for notebook in opened:
        notebook.shut_down()
