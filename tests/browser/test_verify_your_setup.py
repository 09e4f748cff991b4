"""The notebook on the set-up, as a person uses it: run all, then look into one chain."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

NOTEBOOK = "01-verify-your-setup.ipynb"
DATABASE, WEB_1 = "eni-0b40d2e5c8a591f08", "eni-0a10f3c5e7b924d01"
UNCOVERED, SERVICES = "eni-0c20f1b4a7d480e07", "vpc-0e7b3d5f9c2a41680"


def test_the_notebook_runs_and_the_view_follows_what_is_picked(open_notebook, window):
    notebook = open_notebook(NOTEBOOK)
    notebook.run_all()
    assert notebook.errors() == []
    # The report, the view, three reports of the practice account, and the puzzle.
    assert len([width for width in notebook.picture_widths() if width > 1000]) >= 6

    lists = window.page.locator(".widget-dropdown")
    view = notebook.panel.locator(".widget-vbox", has=lists)
    shown = view.locator(".widget-html-content").last
    shown.get_by_text(f"The chain of {DATABASE} (RDS database) is broken at").wait_for()
    assert shown.get_by_text("the chain breaks here").count() == 1

    # A healthy one: no link is marked.
    notebook.dropdown("ENI").select_option(label=f"{WEB_1}  web-1")
    shown.get_by_text(f"The chain of {WEB_1} (web-1) holds.").wait_for()
    assert shown.get_by_text("the chain breaks here").count() == 0
    assert shown.locator("li").count() == 5

    # What AWS answered can be unfolded.
    permission = shown.locator("li", has_text="permission")
    permission.locator("summary").click()
    permission.get_by_text("vpc-flow-logs.amazonaws.com").first.wait_for()

    # A VPC changes what can be picked inside it.
    notebook.dropdown("VPC").select_option(label=f"{SERVICES}  services: 2 ENIs")
    shown.get_by_text(f'fl.check_setup(snapshot=report, vpc="{SERVICES}")').wait_for()
    eni = notebook.dropdown("ENI")
    assert eni.locator("option").count() == 3
    assert eni.evaluate("list => list.selectedOptions[0].label") == "all\xa0ENIs"
    notebook.dropdown("VPC").select_option(label="all VPCs")
    eni.select_option(label=f"{UNCOVERED}  app-2: broken at interface")
    shown.get_by_text(f"The chain of {UNCOVERED} (app-2) is broken at: interface.").wait_for()
    assert "not checked; nothing gets this far" in shown.inner_text()
    picture = shown.locator("img")
    assert "no flow log covers 1 ENI" in picture.get_attribute("alt")

    view.scroll_into_view_if_needed()  # for the picture that is kept
    assert window.page.locator(".jp-Dialog").count() == 0
    assert notebook.errors() == []
    assert window.external == []
    assert window.console_errors == []
