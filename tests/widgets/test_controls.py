"""Controls and settings say the same; whatever is typed is understood, or told what is wrong."""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flowlab as fl
from flowlab.errors import UnknownNameError
from flowlab.holding import hold
from flowlab.tables import as_table
from flowlab.widgets import controls as panel
from flowlab.widgets.settings import Settings
from flowlab.widgets.views import VIEWS

TYPED = ("start", "end", "timezone", "addr", "peer", "port", "interface_id", "subnet_id")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]


@pytest.fixture(scope="module")
def made(flows):
    """Controls over the sample, and the values that are there."""
    values = {
        c: [v for v in flows[c].dropna().unique().tolist()]
        for c in ("protocol", "action", "flow_direction", "interface_id", "subnet_id")
    }
    return panel.make(hold(flows), values), values


def set_to(controls, **chosen):
    panel.write(controls, Settings())
    for name, value in chosen.items():
        controls[name].value = value


# ------------------------------------------------------------------ back and forth
def test_what_is_written_is_read(made):
    controls, values = made
    draw = random.Random(4)
    for _ in range(150):
        moments = sorted(
            pd.Timestamp("2026-03-02", tz="UTC") + pd.Timedelta(draw.randrange(86400), "s")
            for _ in "12"
        )
        start, end = (t.strftime("%Y-%m-%d %H:%M:%S") for t in moments)
        chosen = Settings(
            start=draw.choice([None, start]), end=draw.choice([None, end]),
            timezone=draw.choice(ZONES),
            action=draw.choice([None, "ACCEPT", "REJECT"]),
            flow_direction=draw.choice([None, "egress"]), protocol=draw.choice([None, 6, 17]),
            addr=draw.choice(["", "10.0.0.0/8, 2001:db8::1", "10.0.1.10"]),
            peer=draw.choice(["", "198.51.100.0/24"]),
            port=draw.choice(["", "443", "53, 8000-8999"]),
            interface_id=tuple(draw.sample(values["interface_id"], draw.randrange(3))),
            subnet_id=tuple(draw.sample(values["subnet_id"], draw.randrange(2))),
            rules=draw.choice([(), ("dns",), ("dns", "ntp")]), view=draw.choice(list(VIEWS)),
            by=draw.choice(["action", "srcaddr"]), rank_by=draw.choice(["bytes", "packets"]),
            n=draw.randint(1, 30), every=draw.choice(["1min", "1h"]),
            sort_by=draw.choice(["start", "bytes"]), descending=draw.random() < 0.5,
            page=draw.randrange(40), compare=draw.random() < 0.5,
        )  # fmt: skip
        panel.write(controls, chosen)
        assert panel.read(controls, values) == (chosen, {})


def test_a_time_is_typed_in_the_zone_that_is_shown(made):
    controls, values = made
    set_to(controls, timezone="Europe/Berlin", start="2026-03-02 08:00")
    assert panel.read(controls, values)[0].start == "2026-03-02 07:00:00"
    set_to(controls, timezone="Asia/Kolkata", start="2026-03-02")
    assert panel.read(controls, values)[0].start == "2026-03-01 18:30:00"
    set_to(controls, timezone="Asia/Kolkata", start="2026-03-02T08:00Z")  # says its own
    assert panel.read(controls, values)[0].start == "2026-03-02 08:00:00"


def test_a_moment_that_a_clock_shows_twice_comes_back(made):
    controls, values = made
    chosen = Settings(start="2026-10-25 00:30:00", timezone="Europe/Berlin")
    panel.write(controls, chosen)
    assert panel.read(controls, values) == (chosen, {})


def test_another_zone_shows_other_times_and_selects_the_same(flows):
    ex = fl.explore(flows)
    ex.controls["start"].value = "2026-03-02 08:00"
    ex.controls["timezone"].value = "Europe/Berlin"
    assert ex.settings.start == "2026-03-02 08:00:00"
    assert ex.controls["start"].value == "2026-03-02 09:00:00"


@pytest.mark.parametrize("text", ["2026-10-25 02:30", "2026-03-29 02:30"])
def test_a_time_at_which_the_clock_was_changed_is_asked_for_more(made, text):
    controls, values = made
    set_to(controls, timezone="Europe/Berlin", start=text)
    _, wrong = panel.read(controls, values)
    assert "twice, or not at all" in wrong["start"] and f"{text}+01:00" in wrong["start"]


# ------------------------------------------------------------------ what is mistyped
MISTYPED = [
    ("start", "noon", "'noon' is no time"), ("start", "2026-13-01", "is no time"),
    ("start", "nan", "is no time"), ("start", "NaT", "is no time"), ("start", "-1", "is no time"),
    ("start", "99999-01-01", "is no time"), ("end", "2026-03-02 25:00", "is no time"),
    ("timezone", "Mars/Olympus", "the time zone 'Mars/Olympus' is not known"),
    # pandas alone would take them for today's, and for a day in March or in February.
    ("start", "13:00", "'13:00' is no time"), ("end", "now", "is no time"), ("start", "03/02/2026", "is no time"),
    ("timezone", "berlin", "Did you mean Europe/Berlin"),
    ("timezone", "Europe/Berlinn", "Did you mean Europe/Berlin"), ("timezone", "", "is not known"),
    ("addr", "10.0.0", "neither an address nor a CIDR"),
    ("addr", "10.0.0.1/8", 'Write "10.0.0.0/8" for the network'),
    ("addr", "10.0.0.1, 2001:db8::/129", "neither an address nor a CIDR"),
    ("addr", "10.0.0.256", "neither an address nor a CIDR"), ("addr", "fe80::1%eth0", "neither"),
    ("peer", "10.0.0", "neither an address nor a CIDR"),
    ("addr", "!" * 9000, "neither an address nor a CIDR"),
    ("port", "htps", "'htps' is neither a number nor a range. Write it like \"443"),
    ("port", "htps", "Did you mean https"), ("port", "70000", "not between 0 and 65535"),
    ("port", "90-80", "ends before it begins"), ("port", "-1", "neither a number nor a range"),
    ("interface_id", "eni-nobody", "no record here has the interface-id 'eni-nobody'. "),
    ("subnet_id", "subnet-0", "subnet-id 'subnet-0'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "said"), MISTYPED)
def test_what_is_mistyped_is_told_with_a_remedy(made, name, text, said):
    controls, values = made
    set_to(controls, **{name: text})
    _, wrong = panel.read(controls, values)
    assert list(wrong) == [name]
    assert said in wrong[name]
    assert len(wrong[name]) > len(said)  # the remedy


@pytest.mark.parametrize("name", ["timezone", "interface_id"])
def test_what_is_told_fits_beside_a_box(flows, name):
    values = {"interface_id": [f"eni-{n:017x}" for n in range(400)]}
    controls = panel.make(as_table(flows), {**dict.fromkeys(flows.columns, ()), **values})
    set_to(controls, **{name: "€€€"})
    assert len(panel.read(controls, values)[1][name]) < 400


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("https", "443"),
        ("SSH, domain 8000-8999", "22, 53, 8000-8999"),
        ("", ""),
        ("53 123", "53, 123"),
    ],
)
def test_a_service_stands_for_its_port(made, text, ports):
    controls, values = made
    set_to(controls, port=text)
    settings, wrong = panel.read(controls, values)
    assert (settings.port, wrong) == (ports, {})


def test_all_that_is_wrong_is_told_at_once(made):
    controls, values = made
    set_to(controls, addr="x", port="y", start="z")
    assert set(panel.read(controls, values)[1]) == {"addr", "port", "start"}
    set_to(controls, start="2026-03-02 08:00", end="2026-03-02 08:00")
    assert panel.read(controls, values)[1] == {"end": "the period ends before it begins."}


@given(st.sampled_from(TYPED), st.text(max_size=30) | st.from_regex(r"[0-9./:, -]{1,20}"))
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_typed_nothing_breaks(made, name, text):
    controls, values = made
    set_to(controls, **{name: text})
    chosen, wrong = panel.read(controls, values)
    assert set(wrong) <= {name, "end"}
    assert isinstance(chosen, Settings)


# ------------------------------------------------------------------ which controls there are
def test_every_control_has_a_label_and_none_takes_html(made):
    controls, _ = made
    for name, control in controls.items():
        assert control.description, name
        assert not getattr(control, "description_allow_html", False), name


def test_there_are_only_controls_that_these_records_allow(flows):
    few = flows[["srcaddr", "dstaddr", "start", "end", "packets"]]
    controls = panel.make(as_table(few), {})
    assert not {"action", "flow_direction", "protocol", "interface_id", "subnet_id"} & set(controls)
    assert [value for _, value in controls["view"].options] == ["talkers", "peers", "groups", "week", "records"]  # fmt: skip
    assert list(controls["rank_by"].options) == ["packets", "flow_records"]
    assert list(controls["by"].options) == ["srcaddr", "dstaddr"]
    assert "dns" not in controls["rules"].options and "multicast" in controls["rules"].options


def test_rules_that_need_a_column_or_a_parameter_are_not_offered(flows):
    offered = panel.possible_rules(set(flows.columns))
    assert "dns" in offered and "reserved" not in offered and "flow-log-delivery" not in offered
    for name in offered:  # each can be applied as it is
        fl.exclude(flows.head(5), [name])
    assert "dns" not in panel.possible_rules(set(flows.columns) - {"dstport"})


def test_an_unknown_zone_is_refused_and_local_times_are_those_of_the_zone():
    with pytest.raises(UnknownNameError):
        panel.zone_of("Europe/Atlantis")
    assert panel.local("2026-07-01 12:00:00", ZoneInfo("Europe/Berlin")) == "2026-07-01 14:00:00"
    assert panel.local(None, ZoneInfo("UTC")) == ""
