"""A report as whoever gets it uses it: opened by double click, without a network."""

from __future__ import annotations

import io
import re

import pytest
from labharness import CHROMIUM_ARGUMENTS, chromium_path
from playwright.sync_api import expect, sync_playwright
from pypdf import PdfReader

import flowlab as fl
from flowlab.reports.composing import report

pytestmark = pytest.mark.browser
SHORT = 15_000  # milliseconds; nothing in it waits for anything


@pytest.fixture(scope="module")
def made(chromium, tmp_path_factory):
    flows, ledger = fl.sample_flows()
    flows["instance_id"] = flows["instance_id"].astype("str").replace("nan", None)
    path = tmp_path_factory.mktemp("report") / "friday.html"
    hostile = fl.rule("</script><img src=x onerror=alert(1)>", dstport=1)
    return report(flows, path, ledger=ledger, rules=["dns", "ntp", hostile], title="Friday <b>")


class Reader:
    """A window without a network, and all that it heard."""

    def __init__(self, browser, made, **options):
        self.asked, self.complaints = [], []
        context = browser.new_context(
            viewport={"width": 1400, "height": 1000}, offline=True, **options
        )
        self.page = context.new_page()
        self.page.set_default_timeout(SHORT)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(made.as_uri())

    def heard(self, made):
        """What was asked for beside the file itself and the pictures in it, and complaints."""
        own = (made.as_uri(), "data:image/png")
        return [url[:80] for url in self.asked if not url.startswith(own)] + self.complaints


@pytest.fixture
def browser(chromium):
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS, timeout=60_000
        )
        yield running
        running.close()


def cells(table, column):
    return table.locator(f"tbody tr td:nth-child({column})").all_inner_texts()


def amounts(table, column):
    return [int(text.replace(",", "")) for text in cells(table, column)]


def test_a_reader_sorts_searches_and_turns_pages(browser, made, artifacts):
    reader = Reader(browser, made, color_scheme="light")
    page = reader.page
    artifacts.mkdir(exist_ok=True)
    expect(page.locator("h1")).to_have_text("Friday <b>")
    assert page.locator("h1 b").count() == 0
    page.screenshot(path=artifacts / "report-1-light.png")

    page.get_by_role("navigation").get_by_role("link", name="Top talkers").click()
    talkers = page.locator("#talkers .fl-table")
    expect(talkers.locator("output")).to_contain_text("page 1 of")
    assert len(cells(talkers, 1)) == 15
    first = amounts(talkers, 4)
    assert first == sorted(first, reverse=True)

    # Sort by packets: largest first, then smallest; the headings say so.
    packets = talkers.get_by_role("button", name="packets")
    packets.click()
    assert amounts(talkers, 3) == sorted(amounts(talkers, 3), reverse=True)
    heads = talkers.locator("thead th")
    expect(heads.nth(2)).to_have_attribute("aria-sort", "descending")
    packets.click()
    least = amounts(talkers, 3)
    assert least == sorted(least)
    assert least[0] < min(first)
    expect(heads.nth(2)).to_have_attribute("aria-sort", "ascending")
    # Addresses by their numbers: 10.0.1.9 before 10.0.1.10.
    talkers.get_by_role("button", name="address").click()
    octets = [tuple(map(int, text.split("."))) for text in cells(talkers, 1)]
    assert octets == sorted(octets)

    talkers.get_by_role("button", name="Next").click()
    expect(talkers.locator("output")).to_contain_text("page 2 of")
    assert not {tuple(map(int, t.split("."))) for t in cells(talkers, 1)} & set(octets)
    talkers.get_by_role("searchbox").fill("10.0. 20")
    expect(talkers.locator("output")).to_contain_text(re.compile(r"^\d+ of 500 rows, page 1 of 1$"))
    assert all("10.0." in text for text in cells(talkers, 1))
    talkers.get_by_role("searchbox").fill("nobody")
    expect(talkers.locator("output")).to_have_text("0 of 500 rows, page 1 of 1")
    assert cells(talkers, 1) == []

    # Every picture is there, and what a rule is called did nothing.
    widths = page.locator("img").evaluate_all(
        "images => Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert min(widths) > 300
    assert "<img src=x onerror=alert(1)>" in page.locator("#exclusions").inner_text()
    assert reader.heard(made) == []


def test_nothing_overflows_in_any_window(browser, made, artifacts):
    reader = Reader(browser, made, color_scheme="dark")
    page = reader.page
    page.locator("#services").evaluate("one => one.scrollIntoView({behavior: 'instant'})")
    page.screenshot(path=artifacts / "report-2-dark.png")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) < 150
    for width in (1400, 800, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=artifacts / "report-3-narrow.png")
    assert reader.heard(made) == []


def test_on_paper(browser, made, artifacts):
    """A4 without its margins is 686 pixels wide; what is for the screen is gone."""
    reader = Reader(browser, made, color_scheme="dark")
    page = reader.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 686, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 686
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    expect(page.get_by_role("searchbox").first).to_be_hidden()
    expect(page.get_by_role("button", name="Next").first).to_be_hidden()
    page.screenshot(path=artifacts / "report-4-print.png", full_page=True)
    # A table that goes on overleaf has its headings there, too.
    low = _sheets(page.pdf(width="210mm", height="90mm"))
    assert sum(line.startswith("time (UTC) action") for sheet in low for line in sheet) > 1
    # No section begins at the foot of a sheet, without anything of what it shows.
    titles = page.locator("section h2").all_inner_texts()
    sheets = _sheets(page.pdf(prefer_css_page_size=True))
    assert not [title for title in titles for sheet in sheets if title in sheet[-2:]]
    assert reader.heard(made) == []


def _sheets(printed):
    return [page.extract_text().splitlines() for page in PdfReader(io.BytesIO(printed)).pages]


def test_without_scripts_the_first_page_of_each_table_is_there(browser, made):
    reader = Reader(browser, made, java_script_enabled=False)
    talkers = reader.page.locator("#talkers .fl-table")
    assert talkers.locator("tbody tr").count() == 15
    expect(talkers.locator(".fl-note")).to_have_text("Rows 1 to 15 of 500.")
    assert reader.page.get_by_role("button").count() == 0
    assert reader.heard(made) == []


def test_the_notebook_in_a_jupyterlab_that_does_not_trust_it(lab, open_notebook, artifacts):
    flows, ledger = fl.sample_flows()
    sections = ["totals", "talkers", "coverage"]
    report(flows, lab.folder / "report.ipynb", ledger=ledger, sections=sections, title="For you")
    notebook = open_notebook("report.ipynb")
    expect(notebook.panel.get_by_role("heading", name="For you")).to_be_visible()
    assert min(notebook.picture_widths()) > 300
    tables = notebook.panel.locator(".jp-OutputArea-output table")
    assert tables.count() == 7
    expect(tables.last).to_contain_text("eni-0a10f3c5e7b924d01")
    assert notebook.errors() == []
    notebook.panel.get_by_role("heading", name="Top talkers").scroll_into_view_if_needed()
    notebook.page.screenshot(path=artifacts / "report-5-notebook.png")
