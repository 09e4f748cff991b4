"""The explorer as an analyst uses it: dragged over, typed into, clicked, and its call kept."""

from __future__ import annotations

import re

import nbformat
import pytest
from clean_notebooks import cleaned
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELLS = [
    "import flowlab as fl\nflows, ledger = fl.sample_flows()",
    "ex = fl.explore(flows, ledger=ledger)\nex",
]
SLOW = 30_000  # milliseconds; a loaded machine takes its time


@pytest.fixture
def explorer(lab, open_notebook, window, request):
    slow = getattr(request, "param", "")
    cells = [nbformat.v4.new_code_cell(source) for source in [*CELLS, slow] if source]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    (lab.folder / "explorer.ipynb").write_text(cleaned(text))
    window.page.set_viewport_size({"width": 1440, "height": 1800})
    notebook = open_notebook("explorer.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    return Explorer(notebook, window)


class Explorer:
    """What a person sees of it."""

    def __init__(self, notebook, window):
        self.notebook, self.page = notebook, window.page
        self.panel = notebook.panel
        self.ribbon = self.panel.get_by_role("status")
        self.call = self.panel.locator(".widget-textarea textarea")

    def box(self, label):
        return self.notebook.widget(".widget-text", label).locator("input")

    def rows(self):
        return self.panel.locator(".widget-button", has_text=re.compile(r"^\d+\.\d+\.\d+\.\d+$"))

    def wait_for(self, words):
        expect(self.ribbon).to_contain_text(words, timeout=SLOW)

    def keep(self, name, artifacts):
        artifacts.mkdir(exist_ok=True)
        self.page.screenshot(path=artifacts / f"{name}.png")


def test_an_hour_of_an_analyst(explorer, window, artifacts):
    explorer.wait_for("97,029 of 97,029 records")
    explorer.keep("explore-1-opened", artifacts)

    # Drag over the chart: a period is chosen, and fewer records are shown.
    chart = explorer.panel.locator(".jupyter-matplotlib canvas").first.bounding_box()
    y = chart["y"] + chart["height"] / 3
    window.page.mouse.move(chart["x"] + chart["width"] * 0.4, y)
    window.page.mouse.down()
    window.page.mouse.move(chart["x"] + chart["width"] * 0.6, y, steps=8)
    window.page.mouse.up()
    expect(explorer.box("from")).to_have_value(re.compile(r"^2026-03-02 "), timeout=SLOW)
    expect(explorer.call).to_have_value(re.compile("start="), timeout=SLOW)

    # Type a CIDR, then one with a mistake: it is said beside the box, the view stays.
    explorer.box("address").fill("10.0.1.0/24")
    explorer.box("address").press("Enter")
    expect(explorer.call).to_have_value(re.compile(r'addr=\["10.0.1.0/24"\]'), timeout=SLOW)
    good = explorer.call.input_value()
    explorer.box("address").fill("10.0.1.7/24")
    explorer.box("address").press("Enter")
    wrong = explorer.panel.get_by_role("alert")
    expect(wrong).to_contain_text("10.0.1.0/24", timeout=SLOW)
    assert explorer.call.input_value() == good
    explorer.keep("explore-2-mistyped", artifacts)
    explorer.box("address").fill("")
    explorer.box("address").press("Enter")
    expect(wrong).to_have_count(0, timeout=SLOW)

    # Set records aside by a rule.
    explorer.panel.locator(".widget-select-multiple select").select_option("dns")
    expect(explorer.ribbon).not_to_contain_text(re.compile(r"\b0 set aside"), timeout=SLOW)
    expect(explorer.call).to_have_value(re.compile("fl.exclude"), timeout=SLOW)  # comes last

    # Into a talker, and back.
    before = explorer.call.input_value()
    talker = explorer.rows().first.inner_text()
    explorer.rows().first.click()
    expect(explorer.call).to_have_value(re.compile(re.escape(f'addr=["{talker}"]')), timeout=SLOW)
    explorer.panel.get_by_role("button", name="back").click()
    expect(explorer.call).to_have_value(before, timeout=SLOW)

    # Keep the call: in a cell of its own, which runs.
    cells = explorer.panel.locator(".jp-CodeCell").count()
    explorer.panel.get_by_role("button", name="into a new cell").click()
    expect(explorer.panel.locator(".jp-CodeCell")).to_have_count(cells + 1, timeout=SLOW)
    explorer.notebook.command("notebook:run-cell")
    explorer.notebook.wait_until_idle()
    assert explorer.notebook.errors() == []
    table = explorer.panel.locator(".jp-CodeCell").last.locator("table.dataframe")
    expect(table).to_contain_text("bytes_sent", timeout=SLOW)

    window.page.evaluate(
        "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    expect(window.page.locator("body")).to_have_attribute(
        "data-jp-theme-light", "false", timeout=SLOW
    )
    explorer.ribbon.scroll_into_view_if_needed()
    explorer.keep("explore-3-dark", artifacts)
    window.page.evaluate(
        "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )
    assert window.external == []
    assert window.console_errors == []


SLOW_SERVICES = """
from flowlab.tables import connection
def slow(*_, **__):
    with connection() as duck:  # minutes
        duck.sql("SELECT sum(hash(range)) FROM range(30000000000)").fetchall()
fl.services = slow
"""


@pytest.mark.parametrize("explorer", [SLOW_SERVICES], indirect=True, ids=["slow"])
def test_a_bar_leads_on_and_an_interrupt_stops_what_a_click_began(explorer, window):
    explorer.wait_for("97,029 of 97,029 records")
    # The first bar is the longest: the middle of its left part is surely on it.
    chart = explorer.panel.locator(".jupyter-matplotlib canvas").nth(2)  # each has two layers
    chart.scroll_into_view_if_needed()
    top = explorer.rows().first.inner_text()
    place = chart.bounding_box()
    window.page.mouse.click(place["x"] + place["width"] * 0.3, place["y"] + 0.1 * place["height"])
    expect(explorer.call).to_have_value(re.compile(re.escape(f'addr=["{top}"]')), timeout=SLOW)

    good = explorer.call.input_value()
    explorer.panel.get_by_role("button", name="Services").click()
    window.page.wait_for_timeout(1500)  # it is computing, and would for minutes
    explorer.notebook.command("notebook:interrupt-kernel")
    expect(explorer.panel.get_by_role("alert")).to_contain_text("Interrupted", timeout=SLOW)
    assert explorer.call.input_value() == good
    explorer.panel.get_by_role("button", name="Talkers by peers").click()
    expect(explorer.call).to_have_value(re.compile(r"fl\.peers"), timeout=SLOW)
    expect(explorer.panel.get_by_role("alert")).to_have_count(0)


def test_records_take_the_place_of_a_chart_and_nothing_is_cut(explorer, window):
    explorer.wait_for("97,029 of 97,029 records")
    charts = explorer.panel.locator(".jupyter-matplotlib:visible")
    expect(charts).to_have_count(2, timeout=SLOW)
    for view, number in (("Records", 1), ("Services", 2), ("Records", 1), ("Top talkers", 2)):
        explorer.panel.get_by_role("button", name=view, exact=True).click()
        expect(charts).to_have_count(number, timeout=SLOW)
    # The width of a small screen, the folders beside it folded away; and with them, in which
    # what does not fit is scrolled.
    window.page.set_viewport_size({"width": 1024, "height": 1800})
    for folded in (True, False):
        if folded:
            window.page.evaluate(
                "window.jupyterapp.commands.execute('application:toggle-left-area').then(() => null)"
            )
        for at in range(2):
            wide, place, scrolled = charts.nth(at).evaluate(
                "e => [e.scrollWidth, e.parentElement.clientWidth,"
                " getComputedStyle(e.parentElement).overflowX]"
            )
            assert scrolled == "auto"
            assert not folded or wide <= place


def test_everything_is_reached_by_the_tab_key(explorer, window):
    explorer.wait_for("97,029 of 97,029 records")
    explorer.panel.locator(".widget-select-multiple select").focus()
    reached = explorer.panel.locator(":focus")
    window.page.keyboard.press("Tab")  # over the first chart
    expect(reached).to_have_class(re.compile("widget-toggle-buttons"), timeout=SLOW)
    for _ in range(8):
        window.page.keyboard.press("Tab")
    expect(reached).to_have_text("Records")
    window.page.keyboard.press("Tab")  # over the second
    expect(reached).to_have_text(explorer.rows().first.inner_text(), timeout=SLOW)
    window.page.keyboard.press("Enter")
    expect(explorer.call).to_have_value(re.compile("addr="), timeout=SLOW)


def test_the_view_is_kept_with_the_notebook(explorer):
    kept = explorer.panel.locator("details.flowlab-static")
    expect(kept).to_have_count(1)
    assert kept.locator("img[alt*='Bar chart']").count() == 1
    assert kept.locator("table").count() == 1
    explorer.panel.get_by_role("button", name="Services").click()
    # When the hand rests, what is kept is the new view.
    expect(kept.locator("table")).to_contain_text("https", timeout=SLOW)
