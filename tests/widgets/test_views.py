"""Views: what is asked for which settings, and where a click on a row leads."""

from __future__ import annotations

import pandas as pd
import pytest

import flowlab as fl
from flowlab import schema
from flowlab.widgets import views
from flowlab.widgets.calls import text_of
from flowlab.widgets.settings import Settings
from flowlab.widgets.views import VIEWS

PERIOD = {"start": "2026-03-02 06:00:00", "end": "2026-03-02 07:00:00"}


def test_what_was_typed_is_read_with_commas_spaces_and_semicolons():
    assert views.listed(" 10.0.0.1,10.0.0.2; ::1\t\n443 ") == ["10.0.0.1", "10.0.0.2", "::1", "443"]
    assert views.listed(" ,; ") == []


def test_nothing_chosen_selects_nothing():
    assert views.selection(Settings()) == []
    assert views.period(Settings()) == {}
    assert (
        text_of(VIEWS["talkers"].steps(Settings()))
        == 'fl.top_talkers(flows, rank_by="bytes", n=10)'
    )


def test_all_choices_stand_in_the_calls():
    chosen = Settings(
        **PERIOD, action="REJECT", flow_direction="ingress", protocol=6, addr="10.0.0.0/8 ::1",
        port="22, 80-90", interface_id=("eni-0a",), subnet_id=("subnet-1", "subnet-2"),
        rules=("dns", "ntp"), view="services", n=5, rank_by="packets",
    )  # fmt: skip
    assert text_of(VIEWS["services"].steps(chosen)) == (
        'selected = fl.only(flows, rules=fl.rule("selected", action="REJECT", '
        'flow_direction="ingress", protocol=6, addr=["10.0.0.0/8", "::1"], port=["22", "80-90"], '
        'interface_id=["eni-0a"], subnet_id=["subnet-1", "subnet-2"]))\n'
        'selected = fl.exclude(selected, rules=["dns", "ntp"])\n'
        'fl.services(selected, rank_by="packets", n=5, start="2026-03-02 06:00:00", '
        'end="2026-03-02 07:00:00")'
    )


def test_two_sides_are_asked_for_in_both_directions():
    chosen = Settings(addr="10.0.0.0/8, ::1", peer="192.0.2.1", port="443", action="ACCEPT")
    (step,) = views.selection(chosen)
    assert str(step) == (
        'selected = fl.only(flows, rules=[fl.rule("there", srcaddr=["10.0.0.0/8", "::1"], '
        'dstaddr=["192.0.2.1"], action="ACCEPT", port=["443"]), '
        'fl.rule("back", srcaddr=["192.0.2.1"], dstaddr=["10.0.0.0/8", "::1"], '
        'action="ACCEPT", port=["443"])])'
    )
    (alone,) = views.selection(Settings(peer="192.0.2.1"))
    assert str(alone) == str(views.selection(Settings(addr="192.0.2.1"))[0])


def test_protocol_number_0_is_a_choice_too():
    assert views.tests(Settings(protocol=0)) == {"protocol": 0}


def test_rules_alone_are_set_aside_from_all():
    (step,) = views.selection(Settings(rules=("dns",)))
    assert str(step) == 'selected = fl.exclude(flows, rules=["dns"])'


def test_the_period_before_stands_beside_with_all_its_rows():
    before = {"start": "2026-03-02 05:00:00", "end": "2026-03-02 06:00:00"}
    text = text_of(VIEWS["talkers"].steps(Settings(**PERIOD), before))
    assert text.splitlines() == [
        'now = fl.top_talkers(flows, rank_by="bytes", n=10, start="2026-03-02 06:00:00", end="2026-03-02 07:00:00")',
        'before = fl.top_talkers(flows, rank_by="bytes", n=None, start="2026-03-02 05:00:00", end="2026-03-02 06:00:00")',
        "fl.beside(now, before)",
    ]  # fmt: skip
    for name in ("week", "records"):
        assert not VIEWS[name].comparable
        assert "beside" not in text_of(VIEWS[name].steps(Settings(**PERIOD), before))


def test_what_to_group_by_comes_before_how_to_rank():
    text = text_of(VIEWS["verdicts"].steps(Settings(by="protocol")))
    assert text == 'fl.breakdown(flows, by=["protocol", "action"], rank_by="bytes", n=10)'


def test_pages_of_records_follow_each_other():
    text = text_of(VIEWS["records"].steps(Settings(page=3, sort_by="bytes", descending=True)))
    assert text == 'fl.records(flows, sort_by="bytes", descending=True, n=50, offset=150)'


def test_views_need_columns_that_there_are_and_questions_that_are_public():
    for view in VIEWS.values():
        assert set(view.needs) <= set(schema.BY_COLUMN)
        assert callable(getattr(fl, view.question))


# ------------------------------------------------------------------ where a click leads
def follow(flows, name, **chosen):
    """Give the rows of a view, and how many records there are after a click on each."""
    settings = Settings(view=name, n=30, **chosen)
    view = VIEWS[name]
    (*_, asked) = view.steps(settings)
    answer = asked.run({"flows": flows})
    for _, row in answer.iterrows():
        changed = settings.but(**view.leads_to(dict(row), settings))
        table = flows
        for step in views.selection(changed):
            table = step.call.run({"flows": table, "selected": table})
        yield row, len(table)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("talkers", {}), ("groups", {"by": "action"}), ("groups", {"by": "protocol"}),
     ("groups", {"by": "interface_id"}), ("groups", {"by": "subnet_id"}),
     ("groups", {"by": "flow_direction"}), ("verdicts", {"by": "action"})],
)  # fmt: skip
def test_a_click_leads_to_the_records_of_the_row(flows, name, chosen):
    rows = list(follow(flows, name, **chosen))
    assert rows
    for row, found in rows:
        expected = row["flow_records"]
        if name == "talkers":  # a record between an address and itself counts at both ends
            itself = (flows["srcaddr"] == row["addr"]) & (flows["dstaddr"] == row["addr"])
            expected -= int(itself.sum())
        assert found == expected


@pytest.mark.parametrize("name", ["peers", "services", "conversations"])
def test_a_click_leads_to_records_that_hold_the_row(flows, name):
    for row, found in follow(flows, name):
        assert found >= row["flow_records"]


@pytest.mark.parametrize("by", ["srcaddr", "dstport"])
def test_a_click_on_one_side_leads_to_either_side(flows, by):
    for row, found in follow(flows, "groups", by=by):
        assert found >= row["flow_records"]


def test_a_click_on_a_conversation_leads_to_both_of_its_ends(flows):
    row = {"addr_a": "10.0.1.10", "port_a": 40000, "addr_b": "198.51.100.7", "port_b": 443}
    changes = VIEWS["conversations"].leads_to({**row, "protocol": 17}, Settings())
    assert (changes["addr"], changes["peer"]) == ("10.0.1.10", "198.51.100.7")
    assert changes["port"] == "40000" and changes["view"] == "records"
    assert changes["protocol"] == 17


_NULLS = {
    "talkers": ({"addr": pd.NA}, {}), "peers": ({"addr": pd.NA}, {}),
    "services": ({"protocol": pd.NA, "port": pd.NA}, {}),
    "conversations": ({"addr_a": "10.0.0.1", "port_a": pd.NA, "addr_b": pd.NA, "port_b": pd.NA,
        "protocol": pd.NA}, {}),
    "action": ({"action": pd.NA}, {"by": "action"}),
    "interface_id": ({"interface_id": pd.NA}, {"by": "interface_id"}),
    "srcaddr": ({"srcaddr": pd.NA}, {"by": "srcaddr"}), "dstport": ({"dstport": pd.NA}, {"by": "dstport"}),
    "protocol": ({"protocol": pd.NA}, {"by": "protocol"}),
    "verdicts": ({"action": pd.NA}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", _NULLS)
def test_a_click_on_a_row_without_a_value_leads_to_what_can_be_chosen(name):
    row, chosen = _NULLS[name]
    view = VIEWS.get(name, VIEWS["groups"])
    for value in view.leads_to(row, Settings(**chosen)).values():
        values = value if isinstance(value, tuple) else (value,)
        assert not any(v is pd.NA or str(v) in ("nan", "<NA>") for v in values)
