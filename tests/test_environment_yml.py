"""environment.yml stays what conda, mamba and Binder can use, and repeats nothing.

A real solve needs conda-forge's package lists, so it is not done here. What can go wrong
without it is held: the file names only an interpreter and pip, and leaves the rest to
pyproject.toml, whose installation every other test runs on.
"""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def conda_lines(environment):
    return [line for line in environment["dependencies"] if isinstance(line, str)]


def test_conda_brings_only_python_and_pip(environment):
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    names = [re.split(r"[ =<>!~]", line)[0] for line in conda_lines(environment)]
    assert names == ["python", "pip"]


def test_pip_installs_this_folder_with_the_lab_extra(environment, project):
    # Without -e . Binder would not install the package at all.
    pip = [line for line in environment["dependencies"] if not isinstance(line, str)]
    assert pip == [{"pip": ["-e .[lab]"]}]
    assert "lab" in project["optional-dependencies"]


def test_python_is_one_that_the_project_allows(environment, project):
    # Binder's repo2docker understands `python=X.Y` and no other way of writing it.
    match = re.fullmatch(r"python=(\d+\.\d+)", conda_lines(environment)[0])
    assert match
    assert f"{match[1]}.0" in SpecifierSet(project["requires-python"])


def test_conda_accepts_every_line(environment):
    rattler = pytest.importorskip("rattler")
    for line in conda_lines(environment):
        rattler.MatchSpec(line)
    with pytest.raises(Exception, match="unable to parse version spec"):
        rattler.MatchSpec("python==>3")


def test_no_binder_folder_overrides_it():
    # repo2docker ignores an environment.yml in the root when there is one of these.
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()


def test_constraints_pin_one_version_each_and_name_no_place_to_get_it():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []
    assert "flowlab" not in {pin.split("==")[0] for pin in pins}


def test_constraints_pin_every_package_the_project_names(project):
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", text, re.M)}
    named = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in named}
    assert names - {"flowlab"} - pinned == set()  # one extra brings others of our own
