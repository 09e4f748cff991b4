"""The view of a set-up: what is picked is one call, and its chain is told in words."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import ipywidgets as w
import pytest
from setup.small_setups import (
    WRONG_TRUST,
    an_id,
    eni_of,
    flow_log_of,
    made,
    subnet_of,
    tags,
    vpc_of,
)

import flowlab as fl
from flowlab.setup.verdicts import LINKS

# Of the practice network, see flowlab/practice/network.py.
SERVICES = "vpc-0e7b3d5f9c2a41680"
PRACTICE = "vpc-0d4e8f2a6b1c37590"
PRIVATE_B = "subnet-0c83e5a6d1f270b33"
DATABASE = "eni-0b40d2e5c8a591f08"
IN_SERVICES = {"eni-0d10a6c2e8f4b5d11", "eni-0d20b7d3f9a5c6e12"}
IN_PRIVATE_B = {"eni-0c20f1b4a7d480e07", "eni-0c90e4a7f1c713b10"}


@pytest.fixture(scope="module")
def report():
    return fl.check_setup(snapshot="practice")


@pytest.fixture
def view(report):
    return fl.widgets.setup_view(report)


def pick(view, **chosen):
    for name, value in chosen.items():
        view.controls[name].value = value
    return view


def view_of(*args, **more):
    return fl.widgets.setup_view(fl.check_setup(snapshot=made(*args, **more)))


def links(view):
    """The links of each chain as the page tells them, without the tables below them."""
    text = re.sub(r"<table>.*?</table>", "", view.static(), flags=re.DOTALL)
    told = re.findall(r"<li[^>]*>(.*?)</li>", text, flags=re.DOTALL)
    plain = [html.unescape(re.sub(r"<[^>]*>", "", one)) for one in told]
    return [re.sub(r" \(\d+ checks?\)$", "", one) for one in plain]


def ids(control):
    return {value for _, value in control.options if value}


def test_it_begins_with_an_interface_in_trouble(view):
    assert view.call == f'fl.check_setup(snapshot=report, interface="{DATABASE}")'
    assert view.controls["interface"].value == DATABASE
    assert view.error == ""


def test_it_begins_with_everything_where_all_is_well():
    view = view_of()
    assert view.call == "fl.check_setup(snapshot=report)"
    assert len(view.result.interfaces) == 2
    assert [one[0] for one in links(view)] == ["✓"] * 5


@pytest.mark.parametrize(
    ("chosen", "call", "covered"),
    [
        ({"vpc": SERVICES}, f'vpc="{SERVICES}"', IN_SERVICES),
        ({"subnet": PRIVATE_B}, f'subnet="{PRIVATE_B}"', IN_PRIVATE_B),
        ({"vpc": PRACTICE, "subnet": PRIVATE_B}, f'subnet="{PRIVATE_B}"', IN_PRIVATE_B),
        (
            {"vpc": SERVICES, "interface": min(IN_SERVICES)},
            f'interface="{min(IN_SERVICES)}"',
            {min(IN_SERVICES)},
        ),
    ],
    ids=["VPC", "subnet", "subnet of a VPC", "ENI of a VPC"],
)
def test_what_is_picked_is_the_call_and_the_call_is_the_result(view, report, chosen, call, covered):
    pick(view, **chosen)
    assert view.call == f"fl.check_setup(snapshot=report, {call})"
    assert set(view.result.coverage["interface_id"]) == covered
    assert eval(view.call, {"fl": fl, "report": report}) == view.result


def test_a_vpc_offers_what_is_in_it_and_drops_what_was_picked_elsewhere(view):
    pick(view, subnet=PRIVATE_B, interface=min(IN_PRIVATE_B), vpc=SERVICES)
    subnet, eni = view.controls["subnet"], view.controls["interface"]
    assert ids(subnet) == {"subnet-0d14f8a2c6e391b44"}
    assert ids(eni) == IN_SERVICES
    assert [(c.index, c.label) for c in (subnet, eni)] == [(0, "all subnets"), (0, "all ENIs")]
    pick(view, vpc="")
    assert len(ids(subnet)) == 4
    assert len(ids(eni)) == 12


def test_a_change_asks_once(view, monkeypatch):
    asked, check_setup = [], fl.check_setup
    monkeypatch.setattr(fl, "check_setup", lambda **o: asked.append(o) or check_setup(**o))
    pick(view, vpc=PRACTICE)  # where the ENI is that was picked
    assert [set(options) for options in asked] == [{"snapshot", "vpc"}]


def test_those_in_trouble_are_offered_first_and_said_to_be(view):
    labels = [label for label, _ in view.controls["interface"].options]
    assert labels[:2] == ["all ENIs", f"{DATABASE}  RDS database: broken at newest record"]
    assert [label.partition(": ")[2] for label, _ in view.controls["vpc"].options[1:]] == [
        "10 ENIs, 3 broken or not known",
        "2 ENIs",
    ]


def test_a_silent_interface_breaks_at_the_newest_record(view):
    told = links(view)
    assert told[:4] == [f"✓ {link}: ok" for link in LINKS[:4]]
    assert told[4:] == ["✗ newest record: FAIL (newest-event) ← the chain breaks here"]
    text = html.unescape(view.static())
    assert f"The chain of {DATABASE} (RDS database) is broken at: newest record." in text
    broken = view.result.checks.iloc[0]
    for said in (broken["evidence"], broken["cause"], broken["remedy"]):
        assert said in text


def test_an_interface_without_flow_log_breaks_at_once(view):
    pick(view, interface=min(IN_PRIVATE_B))
    first, *others = links(view)
    assert first == "✗ interface: FAIL (flow-log-covers) ← the chain breaks here"
    assert others == [f"- {link}: not checked; nothing gets this far" for link in LINKS[1:]]


def test_what_one_interface_lacks_is_not_held_against_the_flow_logs_of_others(view):
    pick(view, vpc=PRACTICE)  # two flow logs, and a subnet without
    firsts = links(view)[::5]
    assert firsts[:2] == ["✓ interface: ok", "✓ interface: ok"]
    assert firsts[2].startswith("✗ interface: FAIL (flow-log-covers)")


def test_what_follows_a_broken_link_is_told_apart_from_it():
    told = links(view_of(trust=WRONG_TRUST))
    assert told[:2] == ["✓ interface: ok", "✓ flow log: ok"]
    assert told[2].startswith("✗ permission: FAIL (role-trust")
    assert told[2].endswith("← the chain breaks here")
    assert told[3:] == [
        "✓ destination: ok; nothing gets this far",
        "✓ newest record: ok; nothing gets this far",
    ]


def test_one_of_several_interfaces_breaks_no_chain_of_the_others():
    view = pick(view_of(silent={an_id("eni", 1)}), interface="")
    assert (
        links(view)[4]
        == "✗ newest record: FAIL for 1 of 2 ENIs (newest-event) ← the chain breaks here"
    )
    assert "1 of 2 ENIs in use is covered and delivering" in view.static()


def test_what_aws_did_not_say_is_not_known_rather_than_broken():
    view = view_of(denied={"ec2:DescribeFlowLogs"})
    assert links(view)[0] == "? interface: unknown (flow-log-covers)"
    assert "is not known. The first doubt: interface." in view.static()
    assert "breaks here" not in view.static()


def test_each_flow_log_of_an_interface_has_its_chain_and_many_are_counted():
    view = view_of(flow_logs=[flow_log_of(n) for n in range(1, 7)])
    assert len(links(view)) == 4 * 5
    assert "And 2 more flow logs" in view.static()


def test_the_twin_is_what_is_shown_with_a_picture_told_in_words(view):
    assert view.static() == view._view.value
    alt = re.search(r'<img alt="([^"]+)"', view.static())[1]
    assert "1 VPC, 1 subnet, 1 ENI in use" in alt
    assert "newest record FAIL (newest-event)" in alt
    assert html.escape(view.call) in view.static()


def test_names_cannot_act():
    name = "\u202e</td><script>alert(1)</script><img src=x onerror=alert(1)>"
    view = view_of(
        [vpc_of(1, name)], [subnet_of(1, 1, name)],
        [eni_of(1, description=name), eni_of(2, description=name)],
        [flow_log_of(1, LogGroupName=name)], silent={an_id("eni", 1)},
    )  # fmt: skip
    for chosen in ({}, {"interface": ""}, {"vpc": an_id("vpc", 1)}):
        pick(view, **chosen)
        assert "<script" not in view.static()
        assert "<img src=x" not in view.static()
        assert "\u202e" not in view.static()
    assert all("\u202e" not in label for c in view.controls.values() for label, _ in c.options)


@pytest.fixture(scope="module")
def crowd():
    """5,000 ENIs in 2 VPCs, the last of them silent."""
    enis = [eni_of(n, n % 2 + 1, n % 2 + 1) for n in range(1, 5001)]
    return fl.check_setup(
        snapshot=made(
            [vpc_of(1), vpc_of(2)],
            [subnet_of(1, 1), subnet_of(2, 2)],
            enis,
            [flow_log_of(1), flow_log_of(2, an_id("vpc", 2))],
            silent={an_id("eni", 5000)},
        )
    )


def test_of_thousands_one_is_typed(crowd):
    view = fl.widgets.setup_view(crowd)
    box = view.controls["interface"]
    assert isinstance(box, w.Combobox)
    assert len(box.options) == 500
    assert box.value == box.options[0]  # the silent one, as it is offered
    assert view.call.endswith(f'interface="{an_id("eni", 5000)}")')
    pick(view, interface=f" {an_id('eni', 4321)} ")  # an odd number: in the second VPC
    assert list(view.result.coverage["interface_id"]) == [an_id("eni", 4321)]
    pick(view, vpc=an_id("vpc", 2))
    assert (box.value, len(view.result.interfaces)) == ("", 2500)


def test_a_typing_mistake_is_told_in_place_and_the_view_stays(crowd):
    view = fl.widgets.setup_view(crowd)
    before = view.static()
    pick(view, interface=an_id("eni", 4321)[:-1])
    assert view.error.startswith(f"the ENI '{an_id('eni', 4321)[:-1]}' is not in this report.")
    assert "did you mean eni-" in view.error
    assert "did you mean eni-" in view._message.value
    assert view.static() == before
    pick(view, interface="<b>web</b>")
    assert "pick one that is offered" in view.error
    assert "<b>" not in view._message.value
    pick(view, interface=an_id("eni", 4321))
    assert view.error == ""


def test_an_interface_of_another_vpc_is_said_to_be_there(crowd):
    view = pick(fl.widgets.setup_view(crowd), vpc=an_id("vpc", 1), interface=an_id("eni", 4321))
    assert view.error.startswith(
        f"the ENI {an_id('eni', 4321)} is not in {an_id('vpc', 1)}.\n"
        f"  Likely cause: it is in {an_id('vpc', 2)}, {an_id('subnet', 2)}."
    )


def test_an_interface_that_nothing_uses_can_be_typed_and_is_no_fault(crowd):
    spare = eni_of(6000, status="available")
    [scope] = crowd.inventory.scopes
    asked = scope.get("ec2:DescribeNetworkInterfaces")
    more = replace(asked, value=[*asked.value, spare])
    inventory = replace(
        crowd.inventory,
        scopes=(replace(scope, answers={**scope.answers, (more.ask, ""): more}),),
    )
    view = fl.widgets.setup_view(fl.check_setup(snapshot=inventory))
    pick(view, interface=an_id("eni", 6000))
    assert view.error == ""
    assert "No ENI is in use here" in view.static()


def test_a_report_of_nothing_is_shown():
    view = view_of([], [], [], [])
    assert view.call == "fl.check_setup(snapshot=report)"
    assert "No ENI is in use here" in view.static()


def test_names_of_things_are_tags(report):
    view = fl.widgets.setup_view(fl.check_setup(snapshot=made([vpc_of() | {"Tags": tags("blue")}])))
    assert view.controls["vpc"].options[1] == (f"{an_id('vpc', 1)}  blue: 2 ENIs", an_id("vpc", 1))


def test_something_else_than_a_report_is_refused():
    with pytest.raises(fl.FlowlabError, match="takes a report of a set-up, not str"):
        fl.widgets.setup_view("practice")
