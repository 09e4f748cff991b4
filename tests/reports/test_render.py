"""Notebooks run in real kernels, and what is left of them in a file that is forwarded."""

from __future__ import annotations

import asyncio
import base64
import os
import queue
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pypdf
import pytest

from flowlab import cli, kernels, rendering
from flowlab.errors import FlowlabError, MissingExtraError, UnknownNameError
from flowlab.parameters import parameter
from flowlab.reports import leaks_secrets, printing
from flowlab.reports.freezing import freeze
from flowlab.reports.freezing_page import page as page_of
from flowlab.reports.leaks import LeakError, find_leaks
from flowlab.writing import require_writable, write_whole

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"pixels" * 5).decode()
CHROMIUM = pytest.mark.skipif(
    not any(map(shutil.which, printing._NAMES)), reason="there is no Chromium"
)


def made(folder, *cells, tags=(), name="made.ipynb"):
    """Write a notebook; a cell that begins with # is Markdown, the first of code takes settings."""
    kinds = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[kinds[c.startswith("# ")](c) for c in cells])
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].metadata["tags"] = ["parameters"]
    for cell in code[1:]:
        cell.metadata["tags"] = list(tags)
    nbformat.write(notebook, folder / name)
    return folder / name


SHOWS = (
    "# Week 48",
    "n, title = 2, 'x'",
    "print(title, n * 21)",
    """import ipywidgets as w
from IPython.display import HTML, display
inner = w.Output()
with inner:
    display(HTML("<p>inside an output</p>"))
hidden = w.IntSlider(value=77, description="hidden", layout=w.Layout(display="none"))
many = w.SelectMultiple(options=["a", "b", "c"], value=["a", "c"], description="letters")
ports = w.SelectionRangeSlider(options=["22", "80", "443"], index=(0, 1), description="ports")
w.VBox([w.IntSlider(value=7, description="rows"), w.Password(value="hunter2", description="pw"),
        many, ports, w.Checkbox(value=True, description="all"), hidden, inner,
        w.HTML("<p>a note</p>"), w.Tab([w.Label("of the tab")], titles=["Second"])])""",
    """from flowlab.widgets.base import _Static
display(w.HBox([w.Dropdown(options=["bytes", "packets"], description="rank by")]))
display(_Static("<p>the twin</p><img alt='the chart' src='data:image/png;base64,PIXEL'>"))""".replace("PIXEL", PIXEL),
    """display(HTML("<p>kept</p><script>alert(1)</script>"), HTML("<script src='x'></script>"))
display({"application/javascript": "alert(2)"}, raw=True)
from pathlib import Path
Path.home() / "flows.log" """,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the notebook above once; the home folder in it is ours."""
    folder = tmp_path_factory.mktemp("shows")
    told = []
    ran = rendering.run_notebook(
        made(folder, *SHOWS), parameters={"n": 3, "title": "total"}, progress=told.append
    )
    assert ran.error == ""
    return ran, told


def texts(notebook):
    return nbformat.writes(notebook)


def test_progress_names_each_cell(run):
    assert run[1][:3] == [
        "code cell 1 of 5 (n, title = 2, 'x')",
        "the parameters (n = 3)",
        "code cell 2 of 5 (print(title, n * 21))",
    ]
    assert len(run[1]) == 6


def test_widgets_are_what_they_show_and_hold(run):
    outputs = [o.data for o in freeze(run[0].notebook).cells[4].outputs]
    said = [data["text/plain"] for data in outputs]
    assert said[0] == "Settings: rows 7; letters a, c; ports 22 to 80; all yes"
    shown = "".join(data.get("text/html", "") for data in outputs)
    assert "inside an output" in shown
    assert "a note" in shown
    assert "<h4>Second</h4>" in shown
    assert "of the tab" in shown
    assert "hunter2" not in shown
    assert "hidden" not in shown


def test_a_twin_is_opened_beneath_the_settings_and_the_widget_is_gone(run):
    settings, twin = freeze(run[0].notebook).cells[5].outputs
    assert settings.data["text/plain"] == "Settings: rank by bytes"
    assert twin.data["text/html"].startswith("<p>the twin</p><img alt='the chart'")
    assert "details" not in twin.data["text/html"]


def test_pictures_stand_apart_for_github(run):
    _, twin, picture = freeze(run[0].notebook, pictures_apart=True).cells[5].outputs
    assert "<img" not in twin.data["text/html"]
    assert picture.data == {"image/png": PIXEL, "text/plain": "the chart"}


def test_nothing_needs_a_kernel_a_script_or_a_widget(run):
    frozen = freeze(run[0].notebook)
    text = repr([cell.outputs for cell in frozen.cells if cell.cell_type == "code"])
    text += repr(frozen.metadata)
    for left in ("alert", "<script", "widget-view", "widget-state", "IPY_MODEL", "javascript"):
        assert left not in text
    assert "This output is made by a script" in text
    assert "<p>kept</p>" in text


def test_the_home_folder_is_written_as_a_tilde(run):
    text = texts(freeze(run[0].notebook))
    assert str(Path.home()) + "/flows.log" not in text
    assert "~/flows.log" in text
    assert find_leaks(text.encode(), "ipynb", machine=False) == []


def test_freezing_leaves_the_notebook_as_it_was_and_is_repeatable(run):
    before = texts(run[0].notebook)
    assert texts(freeze(run[0].notebook)) == texts(freeze(run[0].notebook))
    assert texts(run[0].notebook) == before
    assert nbformat.validate(freeze(run[0].notebook, pictures_apart=True)) is None


def test_the_page_asks_nobody_for_anything(run, tmp_path):
    page = page_of(freeze(run[0].notebook), name="<b>", folder=tmp_path).decode()
    assert "total 63" in page
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert "<title>&lt;b&gt;</title>" in page


def test_what_is_folded_stays_folded_and_its_pictures_come_along(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    folded = "<details><summary>A hint</summary><img src='a.png'>\n\nIt was *him*.\n\n</details>"
    cells = [nbformat.v4.new_markdown_cell(f"{folded}\n\n![b](a.png)")]
    html = page_of(nbformat.v4.new_notebook(cells=cells), name="made", folder=tmp_path).decode()
    (inside,) = re.findall(r"<details>(.*?)</details>", html, re.DOTALL)
    assert "<em>him</em>" in inside
    assert html.count('src="data:image/png;base64,iVBORw0KGgo="') == 2


def test_the_page_is_dark_where_everything_is(tmp_path):
    html = page_of(nbformat.v4.new_notebook(), name="made", folder=tmp_path).decode()
    _, dark = html.split("@media screen and (prefers-color-scheme: dark)")
    assert re.search(r"--jp-layout-color0: (#111|var\(--jp-.*900\))", dark)


def test_the_page_does_not_lead_away(tmp_path):
    away = '<META HTTP-EQUIV="refresh" content="0;url=https://a.example">'
    ahead = '<link rel="preconnect" href="https://b.example">'
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(f"a {away} {ahead} b")]
    )
    html = page_of(notebook, name="made", folder=tmp_path).decode()
    assert "a.example" not in html
    assert "b.example" not in html
    assert "Content-Security-Policy" in html


def test_errors_that_are_meant_to_be_there_are_their_message_alone(tmp_path):
    path = made(tmp_path, "secret = 'value-of-a-variable'", "1 / 0", tags=["raises-exception"])
    run = rendering.run_notebook(path)
    assert "ipython-input" in texts(run.notebook) or "Traceback" in texts(run.notebook)
    (error,) = freeze(run.notebook).cells[1].outputs
    assert error.traceback == ["ZeroDivisionError: division by zero"]


# From the command line


def test_render_writes_a_notebook_by_its_parameters(tmp_path, capsys):
    path = made(tmp_path, "n, day = 1, ''", "print('total', n * 21, day)")
    before = path.read_bytes()
    out = tmp_path / "out" / "made.ipynb"
    command = ["render", str(path), "-o", str(out), "-p", "n=3", "-p", "day=2026-03-02"]
    assert cli.main(command) == 0
    printed = capsys.readouterr()
    assert printed.out == f"report written to {out}\n"
    assert "code cell 2 of 2 (print('total', n * 21, day))" in printed.err
    cells = nbformat.read(out, as_version=4).cells
    assert cells[2].outputs[0].text == "total 63 2026-03-02\n"
    assert path.read_bytes() == before
    first = out.read_bytes()
    assert cli.main(command) == 0
    assert out.read_bytes() == first


def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path, capsys):
    path = made(tmp_path, "n = 1", "# prose", "fine = 1", "#a comment\n{}['vpc']")
    (tmp_path / "page.html").write_text("yesterday's")
    assert cli.main(["render", str(path), "-o", str(tmp_path / "page.html")]) == 1
    err = capsys.readouterr().err
    assert "made.ipynb stopped with KeyError: 'vpc', in code cell 3 of 3 ({}['vpc'])." in err
    assert "Traceback" not in err
    assert (tmp_path / "page.html").read_text() == "yesterday's"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made.ipynb", "page.html"]


def test_an_error_of_showing_a_result_counts_too(tmp_path):
    shown = "class A:\n    def _ipython_display_(self): raise ValueError('no view')\nA()"
    with pytest.raises(FlowlabError, match="ValueError: no view, in code cell 2 of 2"):
        rendering.render_notebook(made(tmp_path, "n = 1", shown), tmp_path / "page.html")


def test_a_cell_that_hangs_is_stopped_and_named(tmp_path, capfd):
    path = made(tmp_path, "n = 1", "import time; time.sleep(60)")
    command = ["render", str(path), "-o", str(tmp_path / "o.html"), "--timeout", "1"]
    assert cli.main(command) == 1
    err = capfd.readouterr().err
    assert "because a cell took longer than 1 s, in code cell 2 of 2 (import time" in err
    assert "--timeout" in err
    assert "Traceback" not in err  # the kernel's, of being stopped
    assert not (tmp_path / "o.html").exists()


def test_a_kernel_that_dies_is_said_to_have(tmp_path):
    path = made(tmp_path, "n = 1", "import os; os._exit(1)")
    with pytest.raises(FlowlabError, match="the kernel died; .*, in code cell 2 of 2") as caught:
        rendering.render_notebook(path, tmp_path / "page.html")
    assert "shorter period" in str(caught.value)


def test_a_kernel_that_does_not_start_is_said_to_have_not(tmp_path, monkeypatch):
    start_up = tmp_path / "ipython" / "profile_default" / "startup"
    start_up.mkdir(parents=True)
    (start_up / "0.py").write_text("import os; os.write(2, b'no room'); os._exit(1)")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with pytest.raises(FlowlabError, match="kernel did not start: no room"):
        rendering.render_notebook(made(tmp_path, "n = 1"), tmp_path / "page.html")


def test_what_is_printed_or_shown_beyond_reading_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_SHOWN", 100_000)
    printing_much = "for _ in range(200): print('x' * 1_000_000, flush=True)"  # 200 MB
    showing_much = "from IPython.display import HTML\nHTML('y' * 200_000)"
    in_pieces = "import sys\nfor part in 'z!': print(part, flush=True)\nprint('e', file=sys.stderr)"
    run = rendering.run_notebook(made(tmp_path, "n = 1", printing_much, showing_much, in_pieces))
    assert run.error == ""
    printed = "".join(o.text for o in run.notebook.cells[1].outputs)
    assert 1_000_000 <= len(printed) < 1_000_200
    assert printed.endswith("[cut: a cell may print 1,000,000 characters]")
    (shown,) = run.notebook.cells[2].outputs
    assert "left out: 200," in shown.data["text/plain"]
    assert [o.text for o in run.notebook.cells[3].outputs] == ["z\n!\n", "e\n"]


@pytest.mark.parametrize("timeout", [None, 5, 0.03])
def test_a_message_that_nobody_announced_is_found(monkeypatch, timeout):
    """As of pyzmq on a busy machine: what is there is found only when it is looked for anew."""
    monkeypatch.setattr(kernels, "LOOK_AGAIN", 0.02)
    asked = []

    async def get_message(timeout):
        asked.append(timeout)
        if len(asked) < 3:
            await asyncio.sleep(timeout)  # nothing wakes it
            raise queue.Empty
        return "reply"

    waiting = kernels.looking_again(get_message)(timeout=timeout)
    if timeout == 0.03:
        with pytest.raises(queue.Empty):
            asyncio.run(waiting)
        assert len(asked) == 2 and sum(asked) == pytest.approx(0.03, abs=0.005)
    else:
        assert asyncio.run(waiting) == "reply"
        assert asked == [0.02] * 3


@pytest.mark.parametrize("suffix", ["html", "ipynb"])
def test_a_key_in_an_output_stops_the_export(tmp_path, suffix):
    path = made(tmp_path, "n = 1", "'AKIA' + 'IOSFODNN7' + 'EXAMPLE'")
    with pytest.raises(LeakError, match="AWS access key id AKIA… .20 characters. in"):
        rendering.render_notebook(path, tmp_path / f"out.{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == ["made.ipynb"]


def test_the_user_name_in_an_output_stops_the_export(tmp_path, monkeypatch):
    monkeypatch.setattr(leaks_secrets.getpass, "getuser", lambda: "mmustermann9")
    leaks_secrets.of_this_machine.cache_clear()
    path = made(tmp_path, "n = 1", "'mmuster' + 'mann9'")
    with pytest.raises(LeakError, match="user name of this machine mmus… .12 characters. in"):
        rendering.render_notebook(path, tmp_path / "out.html")
    leaks_secrets.of_this_machine.cache_clear()
    assert [p.name for p in tmp_path.iterdir()] == ["made.ipynb"]


@pytest.mark.parametrize("text", ["", "nope", "[]", "null", '{"cells": 3}', '{"nbformat": 99}'])
def test_what_is_no_notebook_is_said_to_be_none(tmp_path, text):
    (tmp_path / "made.ipynb").write_text(text)
    with pytest.raises(FlowlabError, match=r"made\.ipynb is not a notebook"):
        rendering.render_notebook(tmp_path / "made.ipynb", tmp_path / "page.html")


def test_mistakes_are_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "run_notebook", lambda *_, **__: pytest.fail("ran"))
    path = made(tmp_path, "n = 1")
    for output, said in (
        (tmp_path / "made.docx", r"cannot be written as made\.docx"),
        (path / "page.html", "made.ipynb is not a folder"),
        (tmp_path, "cannot be written as"),
    ):
        with pytest.raises(FlowlabError, match=said):
            rendering.render_notebook(path, output)
    (tmp_path / "is.html").mkdir()
    with pytest.raises(FlowlabError, match="it is a folder"):
        rendering.render_notebook(path, tmp_path / "is.html")
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(FlowlabError, match="it is not a file"):
        rendering.render_notebook(path, tmp_path / "pipe.html")


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(FlowlabError, match="it is not a file"):
        write_whole(tmp_path / "pipe.html", b"x")
    assert (tmp_path / "pipe.html").is_fifo()


def test_parameters_that_the_notebook_does_not_have_are_refused(tmp_path):
    path = made(tmp_path, "rows = 1")
    with pytest.raises(UnknownNameError, match="'row' is not known") as caught:
        rendering.render_notebook(path, tmp_path / "page.html", parameters={"row": 2})
    assert "rows" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-7", -7), ("0.5", 0.5), ("1e3", 1000.0), ("true", True), ("False", False),
        ("None", None), ("text", "text"), ("", ""), ("2026-03-02", "2026-03-02"),
        ("08:30", "08:30"), ("000123456789", "000123456789"), ("yes", "yes"), ("nan", "nan"),
        ('"5"', "5"), ("['a', 2]", ["a", 2]), ("{day: 2026-03-02, n: 1}", {"day": "2026-03-02", "n": 1}),
        ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_settings_have_the_types_they_look_like(text, value):
    name, read = parameter(f"n={text}")
    assert (name, read, type(read)) == ("n", value, type(value))


@pytest.mark.parametrize("text", ["n", "=5", "2n=5", "for=5", "n=[1", "n='x"])
def test_settings_that_are_none_are_explained(text):
    with pytest.raises(FlowlabError, match="is not a setting|cannot be read as YAML"):
        parameter(text)


# Writing and printing


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    def refuse(data):
        raise LeakError("no")

    with pytest.raises(LeakError):
        write_whole(tmp_path / "a" / "page.html", b"x", check=refuse)
    assert list(tmp_path.iterdir()) == []
    assert write_whole(tmp_path / "a" / "page.html", b"x").read_bytes() == b"x"
    (tmp_path / "page.html").mkdir()
    with pytest.raises(FlowlabError, match="could not be written"):
        write_whole(tmp_path / "page.html", b"x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "page.html", "page.html"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_out_before(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FlowlabError, match="is read-only"):
        require_writable(tmp_path / "page.html")
    tmp_path.chmod(0o700)


@CHROMIUM
def test_a_pdf_has_the_text_and_nothing_of_this_machine(tmp_path):
    path = made(tmp_path, "n = 1", "print('total', 63)")
    written = rendering.render_notebook(path, tmp_path / "page.pdf")
    reader = pypdf.PdfReader(written)
    text = "".join(page.extract_text() for page in reader.pages)
    assert "total 63" in text
    assert str(tmp_path) not in text
    assert reader.metadata["/CreationDate"].startswith("D:2000")
    assert reader.metadata["/Creator"].strip() == "flowlab"  # not the system of this machine
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".pdf"] == ["page.pdf"]


def test_without_chromium_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(printing, "_APPS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="none of them was found") as caught:
        rendering.render_notebook(made(tmp_path, "n = 1"), tmp_path / "page.pdf")
    assert "apt install chromium" in caught.value.fix


@pytest.mark.skipif(os.name != "posix", reason="a script stands for the browser")
def test_a_browser_that_prints_nothing_is_told(tmp_path, monkeypatch):
    script = tmp_path / "chromium"
    script.write_text(f"#!{sys.executable}\nraise SystemExit(3)")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FlowlabError, match="chromium did not print the page: .* exit code 3"):
        printing.print_pdf(tmp_path / "page.html", tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()
