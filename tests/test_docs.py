"""What the documentation says is run, and what is public is documented."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import flowlab as fl

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MODULES = [
    m.name for m in pkgutil.walk_packages(fl.__path__, "flowlab.") if "__main__" not in m.name
]


@pytest.mark.parametrize("name", ["flowlab", *MODULES])
def test_examples_in_docstrings(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_the_tour_of_the_readme_runs(monkeypatch, capsys):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("agg")
    tour = re.search(r"## Two minutes\n\n```python\n(.*?)```", README, re.S)
    exec(compile(tour[1], "README.md", "exec"), {})
    plt.close("all")
    assert "SELECT" in capsys.readouterr().out


def test_own_files_as_the_readme_reads_them(tmp_path, monkeypatch):
    from flowlab.practice import generate, writing

    table = generate(records=1, day="2026-11-01").table
    writing.write_text(table, tmp_path / "logs", files="s3")
    writing.write_parquet(table, tmp_path / "parquet-logs")
    monkeypatch.chdir(tmp_path)
    block = re.search(r"## Your own files\n\n```python\n(.*?)```", README, re.S)
    names = {"fl": fl}
    exec(compile(block[1], "README.md", "exec"), names)
    assert 0 < len(names["flows"]) < names["archive"].rows
    assert names["ledger"].balanced


@pytest.mark.parametrize("name", [n for n in fl.__all__ if not n.endswith("Error")])
def test_every_public_function_is_in_the_readme(name):
    assert f"fl.{name}" in README


def test_files_the_readme_names_exist():
    for path in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / path).exists(), path
    for notebook in re.findall(r"^\| `(\d\d-[a-z-]+)` ", README, re.M):
        assert (ROOT / "notebooks" / f"{notebook}.ipynb").exists(), notebook


def test_the_changelog_knows_this_version():
    assert f"## {fl.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
