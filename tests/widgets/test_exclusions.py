"""The widget of exclusions: what it holds is what fl.exclude gives."""

from __future__ import annotations

import pandas as pd
import pytest

import flowlab as fl
from flowlab import widgets
from flowlab.errors import UnknownNameError


def test_it_begins_with_nothing_set_aside(flows):
    panel = widgets.exclusions(flows)
    assert panel.call == "fl.exclude(flows, rules=[])"
    pd.testing.assert_frame_equal(panel.result, flows)


def test_ticking_rules_sets_their_records_aside_and_counts_them(flows):
    panel = widgets.exclusions(flows, rules=["dns"])
    assert widgets.exclusions(flows, rules="dns").call == panel.call
    panel.controls["ntp"].value = True
    assert panel.call == 'fl.exclude(flows, rules=["dns", "ntp"])'
    pd.testing.assert_frame_equal(panel.result, eval(panel.call, {"fl": fl, "flows": flows}))
    ports = flows[["srcport", "dstport"]].isin([53, 123]).any(axis=1)
    assert len(panel.result) == len(flows) - int((ports & flows["protocol"].isin([6, 17])).sum())
    assert f"<b>{len(panel.result):,}</b> of {len(flows):,} records kept" in panel.static()
    panel.controls["ntp"].value = panel.controls["dns"].value = False
    assert len(panel.result) == len(flows)


def test_what_is_shown_is_kept_as_pictures_and_tables(flows):
    kept = widgets.exclusions(flows, rules=["dns"]).static()
    assert kept.count("<img alt=") == 3 and kept.count("<table") == 3


def test_a_rule_that_cannot_be_applied_cannot_be_switched_on(flows):
    panel = widgets.exclusions(flows.drop(columns=["protocol"]))
    assert panel.controls["dns"].disabled and panel.controls["reserved"].disabled
    assert not panel.controls["link-local"].disabled
    with pytest.raises(UnknownNameError, match="reserved"):
        widgets.exclusions(flows, rules=["reserved"])
    with pytest.raises(UnknownNameError, match="did you mean dns"):
        widgets.exclusions(flows, rules=["dsn"])


def test_rules_that_leave_nothing_say_so(flows):
    only_dns = fl.only(flows, "dns")
    panel = widgets.exclusions(only_dns, rules=["dns"])
    assert panel.error == "" and len(panel.result) == 0
    assert "<b>0</b> of" in panel.static()
