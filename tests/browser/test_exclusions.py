"""The notebook on exclusions, as a person uses it: run all, then switch rules on and off."""

from __future__ import annotations

import re

import pytest

import flowlab as fl

pytestmark = pytest.mark.browser

NOTEBOOK = "04-exclusions.ipynb"


def test_the_notebook_runs_and_the_pictures_follow_the_check_boxes(open_notebook, window):
    flows, _ = fl.sample_flows()
    notebook = open_notebook(NOTEBOOK)
    notebook.run_all()
    assert notebook.errors() == []

    boxes = notebook.panel.locator(".widget-vbox", has=window.page.locator(".widget-checkbox"))
    view = boxes.filter(has_text="records kept").first

    def box(name):
        words = window.page.get_by_text(name, exact=True)
        return view.locator(".widget-checkbox", has=words).locator("input")

    def wait_for(rules):
        kept = len(fl.exclude(flows, rules))
        words = f"{kept:,} of {len(flows):,} records kept, {len(flows) - kept:,} set aside."
        view.get_by_role("status").filter(has_text=words).wait_for()

    def alternative(number):
        return view.locator("img").nth(number).get_attribute("alt")

    wait_for(["dns"])
    assert box("dns").is_checked() and not box("ntp").is_checked()
    # The waterfall, the traffic over time, the top talkers.
    before = [alternative(number) for number in range(view.locator("img").count())]
    assert len(before) == 3

    box("scan-noise").click()
    wait_for(["dns", "scan-noise"])
    view.get_by_alt_text(re.compile("taken at its turn from dns .* to scan-noise")).wait_for()
    assert all(alternative(number) != before[number] for number in range(3))
    box("dns").click()
    box("scan-noise").click()
    wait_for([])

    # Keys do what clicks do.
    box("ntp").focus()
    window.page.keyboard.press("Space")
    wait_for(["ntp"])

    # What needs to be told something cannot be switched on, and says how.
    assert box("reserved").is_disabled()
    assert view.get_by_text('rules=[fl.rule("reserved", subnets=[...])]').count() == 1

    # The call under the widget is the one that was set when its cell ran.
    call = re.compile(re.escape('fl.exclude(flows, rules=["dns"])'))
    assert notebook.panel.locator(".jp-OutputArea-output pre").filter(has_text=call).count() == 1

    view.locator("img").last.scroll_into_view_if_needed()  # for the picture that is kept
    assert window.page.locator(".jp-Dialog").count() == 0
    assert notebook.errors() == []
    assert window.external == []
    assert window.console_errors == []
