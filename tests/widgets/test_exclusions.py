"""The widget of exclusions: what it holds is what fl.exclude gives."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
import pytest

import flowlab as fl
from flowlab import widgets
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError


def repr_of(panel):
    return " ".join(html.unescape(line.children[1].value) for line in panel.box.children[:-3])


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
    with pytest.raises(FlowlabError, match="reserved needs subnets="):
        widgets.exclusions(flows, rules=["reserved"])
    with pytest.raises(UnknownNameError, match="did you mean dns"):
        widgets.exclusions(flows, rules=["dsn"])
    lean = flows.drop(columns=["pkt_src_aws_service", "pkt_dst_aws_service"])
    assert 'rules=[fl.rule("health-checks"' in repr_of(widgets.exclusions(lean))
    with pytest.raises(MissingFieldError, match="ip_ranges"):
        widgets.exclusions(lean, rules="health-checks")


def test_rules_of_ones_own_stand_first_and_are_written_out(flows):
    web = fl.rule("web", dstport=[80, 443], why='it\'s "known"')
    odd = fl.rule("<b>tcp</b>", protocol="tcp") & ~web
    told = fl.rule("reserved", subnets=["10.0.1.0/24"])
    panel = widgets.exclusions(flows, rules=[told, "ntp", web, odd])
    assert list(panel.controls)[:3] == ["web", odd.name, "dns"]
    assert not panel.controls["reserved"].disabled
    assert panel.error == "" and "<b>tcp" not in panel.static()
    there = {"fl": fl, "flows": flows}
    for kept in ([web, odd, "ntp", told], ["ntp", told], ["ntp"]):
        pd.testing.assert_frame_equal(panel.result, fl.exclude(flows, kept))
        pd.testing.assert_frame_equal(panel.result, eval(panel.call, there))
        for name in list(panel.controls)[:2] if len(kept) == 4 else ["reserved"]:
            panel.controls[name].value = False


def test_what_a_call_writes_of_a_rule_is_that_rule(flows, tmp_path):
    rules = [
        fl.rule("dns", servers=["10.0.2.53"]),
        fl.rule("health-checks", load_balancers="10.0.1.0/24"),
        ~fl.rule("deep", any=[{"port": "1-1023"}, {"all": [{"port": 53}, {"port": 123}]}]),
        fl.rule("nulls", instance_id=None) | fl.rule("spans", bytes=(40, 60), action=["REJECT"]),
    ]
    flows = flows.assign(
        **{
            "size": np.arange(len(flows)),
            "\u00b5s": np.arange(len(flows)) % 9,
            "__debug__": 1,
            "why": np.arange(len(flows)) % 7,
        }
    )
    rules += [
        fl.rule("own range", size=(1, 5)), fl.rule("sign", **{"\u00b5s": range(4, 6)}),
        fl.rule("odd", all=[{"__debug__": 1, "why": (1, 3)}]),
    ]  # fmt: skip
    for rule in [*rules, *fl.load_rules(fl.save_rules(rules, tmp_path / "rules.yaml"))]:
        panel = widgets.exclusions(flows, rules=rule)
        again = eval(panel.call, {"fl": fl, "flows": flows})
        pd.testing.assert_frame_equal(again, fl.exclude(flows, rule))
        assert len(again) < len(flows)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([fl.rule("a", dstport=1), fl.rule("a", dstport=2)], "two rules are called a"),
        ([fl.rule("a", own=True), fl.rule("a", own=1)], "two rules are called a"),
        (["dns", fl.rule("dns", servers="10.0.2.53")], "two rules are called dns"),
        ([fl.rule("a", tcp_flags=2)], "the rule a.*tcp_flags"),
        ([3], "is no rule"),
        (None, "is no rule"),
    ],
)
def test_rules_that_cannot_be_boxes_are_refused(flows, given, says):
    with pytest.raises(FlowlabError, match=says):
        widgets.exclusions(flows.drop(columns="tcp_flags"), rules=given)


def test_rules_that_leave_nothing_say_so(flows):
    only_dns = fl.only(flows, "dns")
    panel = widgets.exclusions(only_dns, rules=["dns"])
    assert panel.error == "" and len(panel.result) == 0
    assert "<b>0</b> of" in panel.static()
    panel.controls["dns-private"].value = True
    assert "dns-private: earlier rules took all it matches." in panel.static()
