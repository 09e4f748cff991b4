"""A panel computes once for each change, shows what goes wrong in place, and keeps the last view."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import ipywidgets as w
import nbformat
import pytest
from pandas.testing import assert_frame_equal
from runner import kernel_environment

import flowlab as fl
from flowlab.errors import FlowlabError
from flowlab.rendering import run_notebook
from flowlab.widgets import base
from flowlab.widgets.base import Panel
from flowlab.widgets.calls import Call, Name


class Talkers(Panel):
    """The smallest panel there can be; it counts how often it shows something."""

    def __init__(self, flows):
        controls = {
            "n": w.IntSlider(value=3, min=1, max=100),
            "rank_by": w.Dropdown(options=["bytes", "packets", "weight"]),
        }
        super().__init__({"flows": flows}, controls)
        self.shown = []
        self.refresh()

    def steps(self):
        return [
            Call("top_talkers", [Name("flows")], {k: c.value for k, c in self.controls.items()})
        ]

    def show(self, result):
        self.shown.append(len(result))
        return f"<p>{len(result)} rows</p>"


@pytest.fixture
def asked(monkeypatch):
    """Count what the engine is asked."""
    calls = []
    ask = fl.top_talkers

    def counted(*args, **options):
        calls.append(options)
        return ask(*args, **options)

    monkeypatch.setattr(fl, "top_talkers", counted)
    return calls


@pytest.fixture
def talkers(flows, asked):
    made = Talkers(flows)
    asked.clear()
    made.shown.clear()
    return made


def shown_error(panel):
    assert panel._message in list(_inside(panel.box))
    return panel._message.value


def _inside(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _inside(child)


# ------------------------------------------------------------------ what goes wrong is seen
def test_an_error_is_shown_in_place_with_cause_and_remedy_and_the_view_stays(talkers, flows):
    before = talkers.call, talkers.result, talkers.static()
    talkers.controls["rank_by"].value = "weight"
    assert "rank_by = 'weight' is not known" in talkers.error
    assert "To fix: use one of: bytes, flow_records, packets" in talkers.error
    assert "role='alert'" in shown_error(talkers)
    assert "is not known" in shown_error(talkers) and "<br>" in shown_error(talkers)
    assert (talkers.call, talkers.static()) == (before[0], before[2])
    assert talkers.result is before[1]
    talkers.controls["rank_by"].value = "packets"  # and it goes away when all is well again
    assert talkers.error == "" and shown_error(talkers) == ""
    assert_frame_equal(talkers.result, fl.top_talkers(flows, n=3, rank_by="packets"))


@pytest.mark.parametrize(
    "problem",
    [
        FlowlabError("<script>what</script>\u202e", "<img src=x> why", "<b>fix</b> & go"),
        ValueError("<script>what</script>\u202e <img src=x> why <b>fix</b> & go"),
        RuntimeError("<script>what</script>\u202e\x1b[31m why\n<b>fix</b> & go"),
    ],
)
def test_what_an_error_says_is_text_and_no_error_is_lost(talkers, monkeypatch, problem):
    def broken(*_, **__):
        raise problem

    monkeypatch.setattr(fl, "top_talkers", broken)
    talkers.controls["n"].value = 9
    text = shown_error(talkers)
    for piece in ("what", "why", "fix"):
        assert piece in text and piece in talkers.error
    for tag in ("<script", "<img", "<b>", "\u202e", "\x1b"):
        assert tag not in text
    assert "&lt;script&gt;" in text and "&amp; go" in text
    assert talkers.shown == []


def test_an_error_while_showing_is_seen_too(talkers, monkeypatch):
    before = talkers.call
    monkeypatch.setattr(talkers, "show", lambda _: 1 / 0)
    talkers.controls["n"].value = 7
    assert "ZeroDivisionError: division by zero" in talkers.error
    assert talkers.call == before and len(talkers.result) == 3


def test_what_a_button_does_wrong_is_seen(talkers):
    button = w.Button()
    talkers.when_clicked(button, lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in talkers.error


def test_an_error_of_a_change_that_a_button_makes_is_seen(talkers):
    def act():
        talkers.controls["rank_by"].value = "weight"

    button = w.Button()
    talkers.when_clicked(button, act)
    button.click()
    assert "is not known" in talkers.error


# ------------------------------------------------------------------ interrupting
def test_an_interrupt_keeps_the_view_and_the_kernel(talkers, monkeypatch):
    before = talkers.call, talkers.result

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fl, "top_talkers", interrupted)
    talkers.controls["n"].value = 9
    assert talkers.error.startswith("Interrupted") and "Interrupted" in shown_error(talkers)
    assert talkers.call == before[0] and talkers.result is before[1]


@pytest.mark.usefixtures("interruptible")
def test_a_long_question_can_be_interrupted(talkers, monkeypatch):
    from flowlab.tables import connection

    def endless(*_, **__):
        with connection() as duck:
            return duck.sql("SELECT sum(hash(range)) FROM range(30000000000)").fetchall()

    monkeypatch.setattr(fl, "top_talkers", endless)
    began = time.monotonic()
    stop = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    stop.start()
    talkers.controls["n"].value = 9
    stop.join()
    assert time.monotonic() - began < 20
    assert "nterrupt" in talkers.error
    assert len(talkers.result) == 3


# ------------------------------------------------------------------ once for each change
def test_without_a_loop_each_change_is_computed_at_once_and_once(talkers, asked):
    talkers.controls["n"].value = 5
    assert asked == [{"n": 5, "rank_by": "bytes"}] and talkers.shown == [5]
    assert (talkers.call, len(talkers.result)) == ('fl.top_talkers(flows, n=5, rank_by="bytes")', 5)
    talkers.controls["n"].value = 5  # no change
    talkers.settle()
    assert len(asked) == 1


def test_several_changes_together_are_one(talkers, asked):
    with talkers.together():
        talkers.controls["n"].value = 5
        with talkers.together():
            talkers.controls["rank_by"].value = "packets"
        assert asked == []
    assert asked == [{"n": 5, "rank_by": "packets"}]
    with talkers.together():
        pass
    assert len(asked) == 1


def test_changes_together_that_fail_half_way_are_still_shown(talkers, asked):
    with pytest.raises(RuntimeError), talkers.together():
        talkers.controls["n"].value = 5
        raise RuntimeError
    assert asked == [{"n": 5, "rank_by": "bytes"}]


def test_however_fast_one_drags_the_last_position_is_computed_once(talkers, asked):
    async def drag():
        for n in range(11, 21):
            talkers.controls["n"].value = n
            await asyncio.sleep(0.001)
        assert asked == []  # still moving
        await asyncio.sleep(base.PAUSE * 3)

    asyncio.run(drag())
    assert asked == [{"n": 20, "rank_by": "bytes"}]
    assert talkers.shown == [20]


def test_a_result_read_right_after_a_change_is_that_of_the_change(talkers, asked):
    async def read():
        talkers.controls["n"].value = 8
        assert len(talkers.result) == 8
        talkers.controls["n"].value = 9
        assert "n=9" in talkers.call
        talkers.controls["n"].value = 7
        assert "n=7" in repr(talkers)
        await asyncio.sleep(base.PAUSE * 3)

    asyncio.run(read())
    assert [options["n"] for options in asked] == [8, 9, 7]  # nothing a second time


def test_together_in_a_loop_is_one_as_well(talkers, asked):
    async def change():
        with talkers.together():
            talkers.controls["n"].value = 5
            talkers.controls["rank_by"].value = "packets"
        await asyncio.sleep(base.PAUSE * 3)

    asyncio.run(change())
    assert asked == [{"n": 5, "rank_by": "packets"}]


def test_an_error_in_a_loop_is_seen(talkers):
    async def change():
        talkers.controls["rank_by"].value = "weight"
        await asyncio.sleep(base.PAUSE * 3)
        assert "is not known" in talkers.error

    asyncio.run(change())


# ------------------------------------------------------------------ what stays without widgets
class Handle:
    def __init__(self):
        self.updates = []

    def update(self, shown):
        self.updates.append(shown._repr_html_())


@pytest.fixture
def displayed(monkeypatch):
    shown, handle = [], Handle()

    def display(thing, **options):
        shown.append(thing)
        return handle if options else None

    monkeypatch.setattr("IPython.display.display", display)
    return shown, handle


def test_the_twin_is_shown_beside_and_renewed(talkers, displayed):
    shown, handle = displayed
    talkers.controls["n"].value = 4
    talkers._ipython_display_()
    assert shown[0] is talkers.box
    assert "<p>4 rows</p>" in shown[1]._repr_html_() and handle.updates == []
    talkers.controls["n"].value = 6
    assert len(handle.updates) == 1 and "<p>6 rows</p>" in handle.updates[0]
    talkers.controls["rank_by"].value = "weight"  # fails: the last good one stays
    assert len(handle.updates) == 1


def test_the_twin_is_renewed_once_when_the_hand_rests(talkers, displayed, monkeypatch):
    _, handle = displayed
    monkeypatch.setattr(base, "PAUSE", 0.01)
    monkeypatch.setattr(base, "REST", 0.2)
    talkers._ipython_display_()

    async def work():
        for n in (5, 6, 7):
            talkers.controls["n"].value = n
            await asyncio.sleep(0.05)
        assert handle.updates == []
        await asyncio.sleep(0.4)

    asyncio.run(work())
    assert talkers.shown == [5, 6, 7]
    assert len(handle.updates) == 1 and "<p>7 rows</p>" in handle.updates[0]


# ------------------------------------------------------------------ in a real kernel
_CELLS = [
    ("import asyncio\nimport flowlab as fl\nfrom flowlab.widgets import base\nbase.REST = 0.2\n"
    "flows, ledger = fl.sample_flows()\nflows = flows.iloc[::60].reset_index(drop=True)"),
    "ex = fl.explore(flows, ledger=ledger)\nex",
    ("asked = []\nask = ex.ask\nex.ask = lambda steps: (asked.append(str(steps[-1])), ask(steps))[1]\n"
    "for n in range(11, 21):\n    ex.controls['n'].value = n\n"
    "await asyncio.sleep(1.5)\nprint(sum('top_talkers' in text for text in asked), len(ex.result))"),
    "ex.controls['action'].value = 'REJECT'\nprint(ex.call)",
    "ex.controls['addr'].value = 'bogus'\nawait asyncio.sleep(1.5)\nprint(ex.error)",
]  # fmt: skip


def test_in_a_kernel_the_twin_follows_and_ten_quick_changes_are_one(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in _CELLS])
    path = tmp_path / "explore.ipynb"
    nbformat.write(notebook, path)
    run = run_notebook(path, timeout=120, environment=kernel_environment())
    assert not run.error
    outputs = [cell.outputs for cell in run.notebook.cells]
    assert not [o for out in outputs for o in out if o.get("name") == "stderr"]
    widget, twin = outputs[1]
    assert "application/vnd.jupyter.widget-view+json" in widget["data"]
    text = twin["data"]["text/html"]
    assert '<img alt="Bar chart of bytes' in text and '<img alt="Stacked chart of' in text
    assert "src='data:image/png;base64," in text and "<table>" in text
    # What was chosen in later cells stands in the output of the first.
    assert "REJECT" in text and "set aside by rules" in text
    printed = ["".join(o.get("text", "") for o in out).strip() for out in outputs]
    assert printed[2] == "1 20"
    assert printed[3].endswith('fl.top_talkers(selected, rank_by="bytes", n=20)')
    assert "neither an address nor a CIDR" in printed[4]
