"""The command `flowlab`, and what it does for lab and report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

import flowlab
import flowlab.setup.checking
from flowlab import cli, lab, rendering
from flowlab.errors import FlowlabError, MissingExtraError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a folder that stands for flowlab's own notebooks."""
    folder = tmp_path / "source"
    (folder / "exercises").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    for name in ("00-start-here.ipynb", "exercises/ports.ipynb", ".ipynb_checkpoints/old.ipynb"):
        (folder / name).write_text(f"flowlab's {name}")
    monkeypatch.setattr(lab, "notebooks_folder", lambda: folder)
    return folder


def notebook_of(folder, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "made.ipynb")
    return folder / "made.ipynb"


def names(paths):
    return [path.as_posix() for path in paths]


# flowlab lab


def test_lay_out_copies_the_notebooks_and_nothing_else(source, tmp_path):
    done = lab.lay_out(tmp_path / "new" / "work")
    assert names(done.copied) == ["00-start-here.ipynb", "exercises/ports.ipynb"]
    assert (done.unchanged, done.kept) == ((), ())
    assert not list((tmp_path / "new").rglob("*checkpoints*"))


def test_lay_out_never_overwrites_what_a_person_changed(source, tmp_path):
    work = tmp_path / "work"
    lab.lay_out(work)
    (work / "00-start-here.ipynb").write_text("my notes")
    done = lab.lay_out(work)
    assert names(done.kept) == ["00-start-here.ipynb"]
    assert names(done.unchanged) == ["exercises/ports.ipynb"]
    assert done.copied == ()
    assert (work / "00-start-here.ipynb").read_text() == "my notes"


def test_lay_out_where_the_notebooks_come_from_changes_nothing(source):
    done = lab.lay_out(source)
    assert (done.copied, done.kept, len(done.unchanged)) == ((), (), 2)


def test_lay_out_says_when_the_folder_cannot_be_made(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FlowlabError, match="could not be put into") as caught:
        lab.lay_out(tmp_path / "file")
    assert "flowlab lab FOLDER" in caught.value.fix


def test_lab_says_what_it_kept_and_starts_with_what_follows_the_dashes(
    source, tmp_path, monkeypatch, capsys
):
    started = []
    monkeypatch.setattr(lab, "start_lab", lambda *arguments: started.append(arguments))
    work = tmp_path / "work"
    work.mkdir()
    (work / "00-start-here.ipynb").write_text("my notes")
    assert cli.main(["lab", str(work), "--", "--port", "9000"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"files put into {work}: 1",
        f"kept {work / '00-start-here.ipynb'}: it differs from flowlab's, so it may be your work",
    ]
    assert started == [(work, ["--port", "9000"])]


def test_lab_only_lays_out_when_asked(source, tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "start_lab", lambda *arguments: pytest.fail("started"))
    assert cli.main(["lab", str(tmp_path / "work"), "--no-run"]) == 0


def test_lab_without_jupyterlab_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    with pytest.raises(MissingExtraError, match="JupyterLab is not installed") as caught:
        lab.start_lab(tmp_path)
    assert caught.value.fix == "pip install 'flowlab[lab]'"


# flowlab report


def test_render_writes_a_page_with_the_results_and_no_way_out(tmp_path):
    made = notebook_of(tmp_path, "n = 2", "print('total', n * 21)")
    before = made.read_bytes()
    written = rendering.render_notebook(made, tmp_path / "out" / "page.html", parameters={"n": 3})
    page = written.read_text("utf-8")
    assert "total 63" in page
    assert 'src="http' not in page
    assert "default-src 'none'" in page
    assert made.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["page.html"]


def test_render_leaves_the_earlier_page_when_a_cell_fails(tmp_path):
    made = notebook_of(tmp_path, "n = 2", "{}['vpc']")
    page = tmp_path / "page.html"
    page.write_text("yesterday's")
    with pytest.raises(FlowlabError, match=r"no report was written: made\.ipynb stopped with Key"):
        rendering.render_notebook(made, page)
    assert page.read_text() == "yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.ipynb", "page.html"]


def test_render_says_when_the_page_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FlowlabError, match="could not be written"):
        rendering.render_notebook(notebook_of(tmp_path, "1"), tmp_path / "file" / "page.html")


def test_render_of_nothing_and_parameters_for_nothing_are_explained(tmp_path):
    with pytest.raises(FlowlabError, match="there is no notebook"):
        rendering.render_notebook(tmp_path / "gone.ipynb", tmp_path / "page.html")
    cell = nbformat.v4.new_code_cell("1")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "plain.ipynb")
    with pytest.raises(FlowlabError, match=r"plain\.ipynb takes no parameters"):
        rendering.render_notebook(
            tmp_path / "plain.ipynb", tmp_path / "page.html", parameters={"n": 1}
        )


@pytest.mark.parametrize("package", ["nbconvert", "nbclient"])
def test_render_without_its_packages_names_the_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=package) as caught:
        rendering.render_notebook(tmp_path / "made.ipynb", tmp_path / "page.html")
    assert "flowlab[lab]" in caught.value.fix


@pytest.fixture
def written(monkeypatch):
    """Stand in for the report, and tell what it was asked for."""
    from flowlab.reports import composing

    asked = []

    def report(flows, output, **options):
        asked.append((flows, output, options))
        return output

    monkeypatch.setattr(composing, "report", report)
    return asked


def test_report_is_of_the_sample_unless_told_otherwise(tmp_path, capsys):
    assert cli.main(["report", "-o", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"report written to {tmp_path / 'page.html'}\n"
    assert "97,029 flow records" in (tmp_path / "page.html").read_text("utf-8")


def test_report_passes_its_options_on(tmp_path, written):
    record = "2 123456789010 eni-1235b8ca123456789 192.0.2.1 198.51.100.7 443 49152 6 20 4249"
    (tmp_path / "flows.log").write_text(f"{record} 1418530010 1418530070 ACCEPT OK\n")
    (tmp_path / "key").write_bytes(b" a secret\n")
    (tmp_path / "own.yaml").write_text(
        "rules:\n- name: web\n  why: everybody's\n  match: {port: 443}\n"
    )
    command = ["report", str(tmp_path / "flows.log"), "-o", "friday.html", "--title", "Friday"]
    command += ["--start", "2014-12-14", "--end", "2014-12-15", "--anonymize"]
    command += ["--key-file", str(tmp_path / "key"), "--rules", f"dns, {tmp_path / 'own.yaml'}"]
    assert cli.main(command) == 0
    ((flows, output, options),) = written
    assert len(flows) == 1
    assert output == Path("friday.html")
    assert options["ledger"].records == 1
    assert [getattr(rule, "name", rule) for rule in options["rules"]] == ["dns", "web"]
    assert {name: options[name] for name in ("title", "start", "end", "anonymize", "key")} == {
        "title": "Friday", "start": "2014-12-14", "end": "2014-12-15", "anonymize": True,
        "key": b"a secret",
    }  # fmt: skip


def test_report_by_a_notebook_of_ones_own(tmp_path, monkeypatch, capsys):
    cells = ["source = start = rules = None", "print(source, start, rules)"]
    made = notebook_of(tmp_path, *cells)
    (tmp_path / "flows.log").write_text("")
    monkeypatch.chdir(tmp_path)
    command = ["report", "flows.log", "-o", "page.ipynb", "--notebook", str(made)]
    assert cli.main([*command, "--start", "2026-03-02", "--rules", "dns,ntp"]) == 0
    page = nbformat.read(tmp_path / "page.ipynb", as_version=4)
    said = page.cells[2].outputs[0].text
    assert said == f"{tmp_path / 'flows.log'} 2026-03-02 ['dns', 'ntp']\n"
    assert cli.main([*command, "--anonymize"]) == 1
    assert "--anonymize is about flowlab's own report" in capsys.readouterr().err


def test_report_says_when_the_key_cannot_be_read(tmp_path, capsys):
    command = ["report", "-o", "page.html", "--anonymize", "--key-file", str(tmp_path / "gone")]
    assert cli.main(command) == 1
    assert "gone could not be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "friday.txt"], "cannot be written as friday.txt"),
        (["-o", "there/friday.html"], "there is not a folder"),
        (["-o", "friday.html", "--rules", "dnss"], "'dnss' is not known"),
        (["-o", "friday.html", "--key-file", "there"], "--key-file is for --anonymize"),
    ],
)
def test_what_is_wrong_with_a_report_is_said_before_anything_is_read(
    tmp_path, monkeypatch, capsys, options, said
):
    monkeypatch.setattr(flowlab, "read_flows", lambda *_, **__: pytest.fail("read"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("a key")
    assert cli.main(["report", "logs", *options]) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


# flowlab leak-scan


def test_leak_scan_prints_what_it_finds(tmp_path, capsys):
    (tmp_path / "page.html").write_text("<p>10.0.1.5 AKIAIOSFODNN7EXAMPLE</p>")
    assert cli.main(["leak-scan", str(tmp_path / "page.html")]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "AWS access key id: AKIA… (20 characters) in page > text"
    assert out[1] == f"1 leak in {tmp_path / 'page.html'}"
    (tmp_path / "page.html").write_text("<p>10.0.1.5</p>")
    assert cli.main(["leak-scan", str(tmp_path / "page.html")]) == 0
    (tmp_path / "originals").write_text("10.0.1.4\n\n10.0.1.5\n")
    command = ["leak-scan", str(tmp_path / "page.html")]
    assert cli.main([*command, "--originals", str(tmp_path / "originals")]) == 1
    assert "original: 10.0.1.5 in page > text" in capsys.readouterr().out


# flowlab read, and the rest


def test_read_prints_the_ledger(monkeypatch, capsys):
    monkeypatch.setattr(
        flowlab, "read_flows", lambda paths: (None, f"ledger of {paths}"), raising=False
    )
    assert cli.main(["read", "one.log", "two.log.gz"]) == 0
    assert capsys.readouterr().out == "ledger of ['one.log', 'two.log.gz']\n"


def test_read_of_a_real_file(tmp_path, capsys):
    record = "2 123456789010 eni-1235b8ca123456789 192.0.2.1 198.51.100.7 443 49152 6 20 4249"
    (tmp_path / "flows.log").write_text(f"{record} 1418530010 1418530070 ACCEPT OK\n")
    assert cli.main(["read", str(tmp_path / "flows.log")]) == 0
    assert re.search(r"^records +1$", capsys.readouterr().out, re.MULTILINE)


def test_an_error_is_its_text_on_stderr_and_exit_code_1(monkeypatch, capsys):
    def fail(paths):
        raise FlowlabError("there is nothing at gone.log.", "a typo", "look again")

    monkeypatch.setattr(flowlab, "read_flows", fail, raising=False)
    assert cli.main(["read", "gone.log"]) == 1
    assert capsys.readouterr().err == (
        "flowlab: there is nothing at gone.log.\n  Likely cause: a typo\n  To fix: look again\n"
    )


def test_ctrl_c_is_quiet(monkeypatch):
    def stop(paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(flowlab, "read_flows", stop, raising=False)
    assert cli.main(["read", "slow.log"]) == 130


# flowlab check


def test_check_prints_the_report_and_its_exit_code(capsys):
    assert cli.main(["check", "--snapshot", "practice"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("Set-up of flow logs (practice account, no AWS)")
    assert "To fix: " in out


def test_check_prints_json_and_keeps_what_aws_answered_apart_from_it(tmp_path, capsys):
    command = ["check", "--snapshot", "practice", "--json", "--save", str(tmp_path)]
    assert cli.main(command) == 1
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert rows[0]["status"] == "fail"
    (kept,) = tmp_path.iterdir()
    assert printed.err == f"what AWS answered is kept in {kept}\n"
    assert cli.main(["check", "--snapshot", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == rows


def test_check_passes_its_options_on(monkeypatch, capsys):
    from flowlab.setup import checking

    asked = []

    class Report:
        exit_code = 2

    monkeypatch.setattr(checking, "check_setup", lambda **given: asked.append(given) or Report())
    command = "check --vpc v --subnet s --interface i --region a --region b --profile p"
    more = " --role-arn r --role-arn q --endpoint-url http://127.0.0.1:1 --snapshot x"
    assert cli.main((command + more).split()) == 2
    assert asked[0] == {
        "vpc": "v", "subnet": "s", "interface": "i", "regions": ["a", "b"], "profile": "p",
        "role_arns": ["r", "q"], "endpoint_url": "http://127.0.0.1:1", "snapshot": "x",
    }  # fmt: skip
    assert cli.main(["check"]) == 2
    assert set(asked[1].values()) == {None}
    cli.main(["check", "--region", "all"])
    assert asked[2]["regions"] == "all"


def test_check_explains_what_does_not_go_together(capsys):
    assert cli.main(["check", "--snapshot", "practice", "--profile", "p"]) == 1
    assert "snapshot= cannot go with profile=" in capsys.readouterr().err
    assert cli.main(["check", "--snapshot", "practice", "--anonymize"]) == 1
    assert "add --save FOLDER" in capsys.readouterr().err


def test_check_prints_names_that_the_encoding_of_a_pipe_lacks(tmp_path):
    report = flowlab.setup.checking.check_setup(snapshot="practice")
    text = report.save(tmp_path).read_text("utf-8").replace('"app-2"', '"\u65e5\u672c"')
    (tmp_path / "setup-9.json").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "flowlab", "check", "--snapshot", str(tmp_path)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert r"(\u65e5\u672c)" in done.stdout


def test_version_and_help(capsys):
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit) as ended:
            cli.main([option])
        assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("flowlab 0.")
    for command in ("lab", "report", "render", "leak-scan", "read", "check"):
        assert re.search(rf"^    {command}\s", printed, re.MULTILINE)


def test_the_command_answers_without_loading_anything_heavy():
    heavy = "{'pandas', 'pyarrow', 'duckdb', 'boto3', 'matplotlib', 'jupyterlab', 'nbclient'}"
    code = f"import sys, flowlab.cli; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


# As installed from a wheel, where there is no clone to find anything in.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def wheel_python(wheel, tmp_path_factory):
    """Return the Python of an environment with the wheel, and no dependency of it."""
    if find_spec("ensurepip") is None:
        pytest.skip("this Python has no ensurepip")
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    return python


def run_in(folder, python, *arguments):
    # With pytest's, a kernel would hand down what it otherwise keeps to itself (ipykernel.iostream).
    ours = {"PYTHONPATH", "PYTEST_CURRENT_TEST"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    command = [python, "-m", "flowlab", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_wheel_is_for_every_system_and_holds_the_notebooks(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("flowlab/") for name in archive.namelist()}
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in lab.notebooks_folder().rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    }
    assert ours
    assert ours <= inside


def test_lab_lays_out_from_a_wheel_before_any_dependency_is_needed(wheel_python, tmp_path):
    printed = run_in(tmp_path, wheel_python, "lab", "work", "--no-run")
    assert printed.startswith("files put into work: ")
    assert (tmp_path / "work" / lab.START_HERE).is_file()


def test_report_on_the_sample_from_a_wheel(wheel_python, tmp_path):
    # The dependencies of this test run, by a path; flowlab itself is the installed one.
    site = next(wheel_python.parent.parent.rglob("site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    run_in(tmp_path, wheel_python, "report", "-o", "page.html")
    assert "97,029 flow records" in (tmp_path / "page.html").read_text("utf-8")
