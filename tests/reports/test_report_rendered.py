"""The example reports in the repository are what flowlab makes today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from make_rendered import NAMES, make_rendered

RENDERED = Path(__file__).resolve().parents[2] / "rendered"
_VERSIONS = re.compile(r"flowlab [\d.]+, Python .*?matplotlib [\w.]+")


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    make_rendered(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_rendered_examples_are_of_today(again, name):
    kept, made = ((folder / name).read_text("utf-8") for folder in (RENDERED, again))
    hint = "run: python3 tools/make_rendered.py"
    if _VERSIONS.findall(kept) == _VERSIONS.findall(made):
        assert kept == made, hint
    # Other versions of matplotlib, of its fonts or of Pillow draw and pack other pixels, so there
    # all must agree but the pictures and the versions.
    assert text_of(name, kept) == text_of(name, made), hint


def text_of(name: str, report: str) -> str:
    if name.endswith(".html"):
        report = re.sub(
            r"data:image/png;base64,[^\"]*\"([^>]*) width=\"\d+\"", r"picture\1", report
        )
    else:
        notebook = json.loads(report)
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                output["data"].pop("image/png", None)
        report = json.dumps(notebook)
    return _VERSIONS.sub("versions", report)
