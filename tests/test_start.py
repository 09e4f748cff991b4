"""start.py, run for real: by this Python, in a small stand-in for a clone, without a network.

The stand-in has its own build backend and no dependencies, so that an installation is a real
one by pip and takes seconds. Its `flowlab` and `pytest` print how they were called.
Where the installer does not matter, a stand-in for uv does the same in no time.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ensurepip") is None, reason="this Python has no ensurepip"
)
POSIX = pytest.mark.skipif(os.name != "posix", reason="uses signals and executable scripts")

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "flowlab"
version = "0"
optional-dependencies = { lab = [], test = [] }
"""
BACKEND = """
import pathlib, time, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    here = pathlib.Path(__file__).parent
    if (here / "slow").exists():
        (here / "slow").unlink()
        time.sleep(60)
    if (here / "fails").exists():
        raise SystemExit((here / "fails").read_text())
    with (here / "installations").open("a") as file:
        file.write("one\\n")
    name = "flowlab-0-py3-none-any.whl"
    info = "flowlab-0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("flowlab.pth", str(here))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: flowlab\\nVersion: 0\\n"
            "Provides-Extra: lab\\nProvides-Extra: test\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
            "Tag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name

def build_wheel(*arguments):
    raise NotImplementedError
"""
UV = """#!/bin/sh
echo one >> "$FOLDER/installations"
for site in "$FOLDER"/.venv/lib/python*/site-packages; do echo "$FOLDER" > "$site/flowlab.pth"; done
"""
SAY_ARGUMENTS = "import sys\nprint(__name__, *sys.argv[1:])\nsys.exit(int('fail' in sys.argv) * 5)"


class Clone:
    """A folder with start.py and the stand-in project."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.defpath
        shutil.copy(ROOT / "start.py", folder)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "constraints.txt").write_text("")
        (folder / "backend.py").write_text(BACKEND)
        (folder / "pytest.py").write_text(SAY_ARGUMENTS)
        (folder / "flowlab").mkdir()
        (folder / "flowlab" / "__init__.py").write_text("")
        (folder / "flowlab" / "__main__.py").write_text(SAY_ARGUMENTS)

    def environment(self, **more):
        # No uv of this system, no package index, and nothing of this test run's own Python.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        more = {"PATH": self.path, "PIP_NO_INDEX": "1", "FOLDER": str(self.folder), **more}
        return kept | more

    def with_uv(self, script=UV):
        """Put this on PATH as uv, for the starts to come."""
        folder = self.folder.parent / "bin"
        folder.mkdir()
        (folder / "uv").write_text(script)
        (folder / "uv").chmod(0o755)
        self.path = f"{folder}:{os.defpath}"

    def start(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, self.folder / "start.py", *arguments],
            env=self.environment(**environment),
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def venv(self):
        return self.folder / ".venv"

    @property
    def stamp(self):
        return self.venv / "flowlab-installed.json"

    @property
    def installations(self):
        counter = self.folder / "installations"
        return len(counter.read_text().splitlines()) if counter.exists() else 0


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "a clone"
    folder.mkdir()
    return Clone(folder)


@pytest.fixture
def quick(clone):
    """Return a clone where an installation takes no time."""
    if os.name == "posix":
        clone.with_uv()
    return clone


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a clone that was started once, and how that went; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("start") / "a clone"
    folder.mkdir()
    made = Clone(folder)
    return made, made.start()


@pytest.fixture
def start_module():
    spec = importlib.util.spec_from_file_location("start", ROOT / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What each command comes to.


def test_first_start_installs_and_opens_the_lab(installed):
    clone, first = installed
    assert first.returncode == 0, first.stderr
    heading, called = first.stdout.splitlines()
    assert heading == "Setting up .venv. This takes a minute or so, once."
    assert called == f"__main__ lab {clone.folder / 'notebooks'} --"
    assert json.loads(clone.stamp.read_text())["extras"] == ["lab"]


def test_second_start_installs_nothing_and_is_quick(installed):
    clone, _ = installed
    before = clone.installations
    began = time.monotonic()
    again = clone.start("--", "--port", "9000")
    assert time.monotonic() - began < 2
    assert again.stdout == f"__main__ lab {clone.folder / 'notebooks'} -- --port 9000\n"
    assert clone.installations == before


def test_only_set_up(installed):
    assert installed[0].start("--no-run").stdout == ""


def test_report_goes_to_the_reports_folder(installed):
    clone, _ = installed
    called = clone.start("report", "-o", "friday.html").stdout
    place = clone.folder / "reports" / "flowlab-sample-report.html"
    assert called == f"__main__ report -o {place} -o friday.html\n"


def test_exit_code_is_passed_on(installed):
    assert installed[0].start("report", "fail").returncode == 5


def test_test_adds_its_tools_once_and_a_plain_start_leaves_them(quick):
    assert quick.start("--no-run").returncode == 0
    first = quick.start("test", "-k", "parsing")
    assert first.stdout.splitlines()[-1] == "__main__ -k parsing"
    assert quick.installations == 2
    assert json.loads(quick.stamp.read_text())["extras"] == ["lab", "test"]
    quick.start()
    assert quick.start("test", "--", "-x").stdout == "__main__ -x\n"
    assert quick.installations == 2

    # When the pins change, everything that was asked for is brought up to date.
    (quick.folder / "constraints.txt").write_text("# newer\n")
    quick.start()
    assert quick.installations == 3
    assert json.loads(quick.stamp.read_text())["extras"] == ["lab", "test"]


def test_help_explains_the_commands(clone):
    done = clone.start("--help")
    assert done.returncode == 0
    for command in ("start.py ", "start.py report", "start.py test"):
        assert f"python3 {command}" in done.stdout
    assert not clone.venv.exists()


def test_an_unknown_word_gets_the_help_and_exit_code_2(clone):
    done = clone.start("tset")
    assert done.returncode == 2
    assert done.stderr == "start.py: cannot make out: tset\n"
    assert not clone.venv.exists()


# When something is wrong.


def test_an_older_python_is_told_so(start_module):
    start_module.check_version((3, 11))
    with pytest.raises(start_module.SetupError, match=r"needs Python 3\.11 or newer") as caught:
        start_module.check_version((3, 9, 18))
    assert "this is Python 3.9." in str(caught.value)
    assert "To fix: call a newer one" in str(caught.value)


def test_an_older_python_gets_as_far_as_that():
    source = (ROOT / "start.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    annotated = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) or (isinstance(node, ast.arg) and node.annotation)
    ]
    assert annotated == []  # list[str] and str | None are evaluated, and fail


def test_start_uses_nothing_but_the_standard_library():
    tree = ast.parse((ROOT / "start.py").read_text("utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_missing_ensurepip_names_the_package_and_leaves_no_installation(clone, tmp_path):
    # As on a Debian without python3-venv: the module is not there.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "u.find_spec = lambda name, *rest, find=u.find_spec:"
        " None if name == 'ensurepip' else find(name, *rest)\n"
    )
    done = clone.start(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    version = "{}.{}".format(*sys.version_info[:2])
    assert done.stderr == (
        "start.py: this Python cannot set up a virtual environment: it lacks ensurepip.\n"
        "  Likely cause: Debian and Ubuntu keep that in a package of its own.\n"
        f"  To fix: `sudo apt install python{version}-venv`, or install uv"
        " (https://docs.astral.sh/uv/).\n"
    )
    assert json.loads(clone.stamp.read_text())["unfinished"] is True


def test_a_failed_installation_says_why_and_never_counts(clone):
    (clone.folder / "fails").write_text("Failed to establish a new connection: no network")
    done = clone.start()
    assert done.returncode == 1
    assert "start.py: flowlab was not installed: pip failed.\n" in done.stderr
    assert "Likely cause: the package index could not be reached." in done.stderr
    assert "To fix: check the network" in done.stderr
    assert "no network" in done.stderr  # what pip said is shown too
    assert "Traceback" not in done.stderr.split("start.py:")[-1]

    (clone.folder / "fails").unlink()
    done = clone.start()
    assert "Setting up .venv" in done.stdout
    assert (done.returncode, clone.installations) == (0, 1)


def test_a_failed_update_is_tried_again_in_place(clone):
    clone.start("--no-run")
    (clone.folder / "constraints.txt").write_text("# newer\n")
    (clone.folder / "fails").write_text("something new")
    for _ in range(2):
        done = clone.start()
        assert "Likely cause: the last lines above say it." in done.stderr
        assert done.returncode == 1
    (clone.venv / "kept").touch()
    (clone.folder / "fails").unlink()
    assert clone.start().returncode == 0
    assert (clone.venv / "kept").exists()
    assert clone.installations == 2


@POSIX
def test_ctrl_c_during_set_up_is_quiet_and_leaves_no_installation(clone):
    (clone.folder / "slow").touch()
    process = subprocess.Popen(
        [sys.executable, clone.folder / "start.py"],
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while (clone.folder / "slow").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the children too
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "\nstart.py: stopped. Start it again to go on.\n"

    (clone.venv / "half-made").touch()
    assert clone.start().returncode == 0
    assert not (clone.venv / "half-made").exists()


@POSIX
def test_a_broken_interpreter_is_replaced(quick):
    quick.start("--no-run")
    python = quick.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert quick.start().returncode == 0
    assert quick.installations == 2


def test_a_moved_clone_is_installed_again(quick):
    quick.start("--no-run")
    moved = quick.folder.rename(quick.folder.with_name("moved"))
    quick.folder = moved
    assert f"lab {moved / 'notebooks'}" in quick.start().stdout
    assert quick.installations == 2


def test_a_venv_made_by_hand_is_used(clone):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone.venv], check=True)
    (clone.venv / "mine").touch()
    assert clone.start().returncode == 0
    assert (clone.venv / "mine").exists()


def test_something_else_called_venv_is_left_alone(quick):
    quick.venv.mkdir()
    (quick.venv / "thesis.txt").write_text("mine")
    done = quick.start()
    assert done.returncode == 1
    assert ".venv is in the way" in done.stderr
    assert (quick.venv / "thesis.txt").read_text() == "mine"


@POSIX
def test_uv_is_used_when_there_and_pip_when_it_fails(clone):
    clone.with_uv('#!/bin/sh\necho "$@" > "$FOLDER/uv-call"\necho no luck\nexit 2\n')
    done = clone.start()
    assert done.returncode == 0
    assert "no luck\nuv could not install flowlab; trying with pip." in done.stdout
    assert (clone.folder / "uv-call").read_text() == (
        f"pip install --python {clone.venv / 'bin/python'}"
        f" -c {clone.folder / 'constraints.txt'} -e .[lab]\n"
    )
    assert clone.installations == 1


@POSIX
def test_uv_alone_is_enough(quick):
    assert quick.start().stdout.splitlines()[-1].startswith("__main__ lab")
    assert not list(quick.venv.rglob("site-packages/pip"))
