"""The explorer: every view is the call it prints, every number what plain pandas counts."""

from __future__ import annotations

import gc
import html
import ipaddress
import random
import re
from html.parser import HTMLParser

import ipywidgets as w
import matplotlib.pyplot as plt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.axes import Axes
from matplotlib.backend_bases import KeyEvent
from matplotlib.widgets import SpanSelector
from pandas.testing import assert_frame_equal

import flowlab as fl
from flowlab.errors import FlowlabError
from flowlab.widgets import controls as panel
from flowlab.widgets.settings import Settings, from_text
from flowlab.widgets.views import PAGE, VIEWS

RULES = ("dns", "ntp", "icmp")  # those that plain pandas is taught here


@pytest.fixture(scope="module")
def archive(flows, tmp_path_factory):
    """The same records in Parquet."""
    folder = tmp_path_factory.mktemp("archive")
    stored = flows.assign(**{c: flows[c].astype("int64") for c in ("start", "end")})
    pq.write_table(pa.Table.from_pandas(stored, preserve_index=False), folder / "flows.parquet")
    return fl.open_archive(folder)


@pytest.fixture
def ex(sample, unrendered):
    flows, ledger = sample
    return fl.explore(flows, ledger=ledger)


# ------------------------------------------------------------------ plain pandas, no SQL
def in_networks(addresses, text):
    networks = [ipaddress.ip_network(word) for word in re.split(r"[,; ]+", text)]
    hits = {
        a: any(ipaddress.ip_address(a) in n for n in networks) for a in addresses.dropna().unique()
    }
    return addresses.map(hits).astype("boolean").fillna(False)


def in_ports(ports, text):
    hit = pd.Series(False, ports.index)
    for word in re.split(r"[,; ]+", text):
        low, _, high = word.partition("-")
        hit |= ports.between(int(low), int(high or low)).fillna(False)
    return hit


def matching(flows, chosen):
    """Records that filters and period select, and whether a rule sets each aside."""
    keep = pd.Series(True, flows.index)
    for name in ("action", "flow_direction", "protocol"):
        if (value := getattr(chosen, name)) is not None:
            keep &= (flows[name] == value).fillna(False)
    one, other = (text.strip() or "::/0, 0.0.0.0/0" for text in (chosen.addr, chosen.peer))
    if chosen.addr.strip() or chosen.peer.strip():
        keep &= (in_networks(flows["srcaddr"], one) & in_networks(flows["dstaddr"], other)) | (
            in_networks(flows["srcaddr"], other) & in_networks(flows["dstaddr"], one)
        )
    if chosen.port.strip():
        keep &= in_ports(flows["srcport"], chosen.port) | in_ports(flows["dstport"], chosen.port)
    for name in ("interface_id", "subnet_id"):
        if getattr(chosen, name):
            keep &= flows[name].isin(getattr(chosen, name))
    if chosen.start:
        keep &= flows["start"] >= pd.Timestamp(chosen.start, tz="UTC")
    if chosen.end:
        keep &= flows["start"] < pd.Timestamp(chosen.end, tz="UTC")
    ports = flows[["srcport", "dstport"]]
    either = {"dns": (53, 853), "ntp": (123,)}
    protocols = {"dns": (6, 17), "ntp": (17,), "icmp": (1, 58)}
    aside = pd.Series(False, flows.index)
    for rule in chosen.rules:
        hit = flows["protocol"].isin(protocols[rule])
        if rule in either:
            hit &= ports.isin(either[rule]).any(axis=1)
        aside |= hit
    return keep, aside


def in_order(frame):
    plain = frame.astype(
        {c: "str" for c in frame.columns if isinstance(frame[c].dtype, pd.CategoricalDtype)}
    )
    return plain.sort_values(list(plain.columns)).reset_index(drop=True)


def words(text):
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def check_ribbon(ex, flows):
    said = words(ex._screen.frame.ribbon.value)
    keep, aside = matching(flows, ex.settings)
    shown = keep & ~aside
    assert f"{shown.sum():,} of {len(flows):,} records" in said
    assert f"{(keep & aside).sum():,} set aside by rules" in said
    number, unit = re.search(r"records · ([0-9.]+) ?([kMGT]?)B ·", said).groups()
    size = float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]
    assert size == pytest.approx(int(flows["bytes"][shown].sum()), rel=0.006)
    begin, end, zone = re.search(r"(\d{4}-.{14}) to (\d{4}-.{14}) (\S+)", said).groups()
    assert zone == ex.settings.timezone
    for got, wanted in (
        (begin, ex.settings.start or flows["start"].min()),
        (end, ex.settings.end or flows["end"].max()),
    ):
        moment = pd.Timestamp(wanted)
        moment = moment if moment.tz else moment.tz_localize("UTC")
        assert pd.Timestamp(got, tz=zone) == moment


def check(ex, flows, run, archive=None):
    """What is shown is what the text gives, on a frame that was never held."""
    assert ex.error == ""
    assert_frame_equal(run(ex.call, flows), ex.result)
    if archive is not None:
        assert_frame_equal(run(ex.call, archive), ex.result)
    assert panel.read(ex.controls, ex._values) == (ex.settings, {})
    assert from_text(ex.settings.to_text()) == ex.settings
    assert ex._screen.frame._call.value == ex.call
    check_ribbon(ex, flows)


# ------------------------------------------------------------------ opening
def test_it_opens_with_a_call_a_chart_and_rows(ex, flows, run, everything):
    check(ex, flows, run)
    assert ex.call == 'fl.top_talkers(flows, rank_by="bytes", n=10)'
    assert_frame_equal(ex.result, fl.top_talkers(flows))
    inside = list(everything(ex.box))
    for control in ex.controls.values():
        assert control in inside
    assert ex._screen.over_time.widget in inside and ex._screen.rows.box in inside
    assert len(ex._screen.rows.box.children) == 11  # the head and ten rows
    assert "0 rejected lines · 4 SKIPDATA · limit reached: the first 10 rows" in words(
        ex._screen.frame.ribbon.value
    )


def test_the_first_view_has_its_chart(ex, everything):
    assert ex._screen.chart.widget in list(everything(ex.box))


def test_every_control_has_a_label(ex, everything):
    for widget in everything(ex.box):
        if isinstance(widget, (w.Text, w.Dropdown, w.Button, w.Checkbox, w.BoundedIntText, w.SelectMultiple,
                               w.Textarea, w.ToggleButtons, w.Combobox)):  # fmt: skip
            assert widget.description or widget in [
                line.children[0] for line in ex._screen.rows._lines
            ]


def test_it_opens_with_settings_as_text_or_as_they_are(flows, unrendered):
    wanted = Settings(action="REJECT", view="services", n=4, rules=("ntp",))
    for given in (wanted, wanted.to_text()):
        opened = fl.explore(flows, settings=given)
        assert opened.settings == wanted and opened.error == ""
        assert opened.call.startswith("selected = fl.only(")
    with pytest.raises(FlowlabError, match="not the settings of an explorer"):
        fl.explore(flows, settings="nonsense")


def test_settings_on_another_clock_keep_their_period(flows, unrendered):
    wanted = Settings(start="2026-03-02 06:00:00", end="2026-03-02 07:00:00", timezone="Asia/Tokyo")
    opened = fl.explore(flows, settings=wanted.to_text())
    assert opened.settings == wanted and 'start="2026-03-02 06:00:00"' in opened.call
    assert opened.controls["start"].value == "2026-03-02 15:00:00"
    for other in (wanted.but(timezone="UTC", end="2026-03-02 09:00:00"), Settings(), wanted):
        opened.settings = other
        assert opened.settings == other


def test_an_archive_is_explored_like_a_frame(flows, archive, unrendered, run):
    ex = fl.explore(archive)
    ex.controls["action"].value = "REJECT"
    check(ex, flows, run, archive)
    assert "pass ledger=" in ex._screen.frame.ribbon.value


def test_what_holds_no_records_is_refused(flows):
    with pytest.raises(FlowlabError, match="flows, ledger = fl.read_flows"):
        fl.explore((flows, None))


# ------------------------------------------------------------------ a walk over everything
TYPED = {
    "addr": ["", "10.0.1.10", "10.0.0.0/8", "198.51.100.0/24, 203.0.113.0/24", "2001:db8::/32", "::/0", "192.0.2.1"],
    "peer": ["", "", "10.0.2.0/24", "10.0.0.0/8 2001:db8::/32"],
    "port": ["", "443", "53 123", "1024-65535", "22,80-90"],
    "start": ["", "2026-03-02 06:00", "2026-03-02", "2026-03-02 12:34:56"],
    "end": ["", "2026-03-02 14:00", "2026-03-03", "2026-03-02 23:00:01"],
    "timezone": ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"],
}  # fmt: skip
MISTYPED = {
    "addr": ["10.0.0", "10.0.0.1/8", "<b>", "10.0.0.1, x"], "port": ["htps", "99999", "9-1"],
    "start": ["noon", "nan"], "end": ["later", "99999"], "timezone": ["Mars", ""],
    "interface_id": ["eni-<script>"], "subnet_id": ["nowhere"],
}  # fmt: skip


class Walk:
    """Does what a person could do, at random; every step is told, so that a failure can be read."""

    def __init__(self, ex, seed):
        self.ex, self.draw, self.kept, self.told = ex, random.Random(seed), [], []
        self.kinds = {
            self.choose: 10, self.type: 7, self.mistype: 3, self.several: 3, self.drill: 8, self.back: 3,
            self.reset: 1, self.drag: 2, self.keep: 2, self.restore: 2,
        }  # fmt: skip

    def step(self):
        """Take a step; say whether it left something mistyped."""
        (kind,) = self.draw.choices(list(self.kinds), list(self.kinds.values()))
        return kind() is True

    def set(self, name, value):
        self.told.append(f"{name} = {value!r}")
        if name != "page":  # see test_a_page_that_is_gone_is_left
            self.ex.controls["page"].value = 1
        self.ex.controls[name].value = value

    def choose(self):
        names = [n for n in self.ex.controls if n not in (*TYPED, "interface_id", "subnet_id")]
        name = self.draw.choice([*names, *["view"] * len(names)])
        control = self.ex.controls[name]
        if isinstance(control, w.SelectMultiple):
            self.set(name, tuple(self.draw.sample(RULES, self.draw.randrange(3))))
        elif isinstance(control, w.BoundedIntText):
            self.set(name, self.draw.randint(control.min, control.max))
        elif isinstance(control, w.Checkbox):
            self.set(name, not control.value)
        else:
            options = [o[1] if isinstance(o, tuple) else o for o in control.options]
            self.set(name, self.draw.choice(options))

    def type(self):
        name = self.draw.choice(list(TYPED))
        self.set(name, self.draw.choice(TYPED[name]))
        start, end = (self.ex.controls[n].value for n in ("start", "end"))
        return bool(start and end and "ends before" in self.ex.error)

    def mistype(self):
        name = self.draw.choice(list(MISTYPED))
        self.set(name, self.draw.choice(MISTYPED[name]))
        return True

    def several(self):
        name = self.draw.choice(["interface_id", "subnet_id"])
        some = self.draw.sample(self.ex._values[name], self.draw.randrange(3))
        self.set(name, ", ".join(some))

    def drill(self):
        lines = self.ex._screen.rows.box.children[1:]
        if self.ex._screen.rows.box.layout.display != "none" and lines:
            button = self.draw.choice(lines).children[0]
            self.told.append(f"click on {button.description}")
            if not button.disabled:
                button.click()

    def back(self):
        self.told.append("back")
        self.ex._screen.frame.back.click()

    def reset(self):
        self.told.append("everything")
        self.ex._screen.frame.everything.click()

    def drag(self):
        hours = sorted(self.draw.sample(range(24), 2))
        self.told.append(f"drag {hours}")
        low, high = (pd.Timestamp(f"2026-03-02 {h:02}:10").to_datetime64().astype("M8[s]").astype(float) / 86400 for h in hours)  # fmt: skip
        self.ex._screen.over_time._selected(low, high)

    def keep(self):
        self.kept.append(self.ex.settings.to_text())

    def restore(self):
        if self.kept:
            self.told.append("settings")
            self.ex.settings = self.draw.choice(self.kept)


@pytest.mark.parametrize("seed", [1, 5])
def test_a_walk_over_all_controls_never_shows_what_the_call_does_not_say(
    sample, archive, run, unrendered, seed
):
    flows, ledger = sample
    ex = fl.explore(flows, ledger=ledger)
    walk = Walk(ex, seed)
    mistyped, seen, wrong = False, set(), 0
    for number in range(32):
        good = ex.call, ex.result
        mistyped = walk.step()
        try:
            if mistyped or ex.error:
                # Either just mistyped, or a box that was mistyped before still is.
                wrong += 1
                _, told = panel.read(ex.controls, ex._values)
                assert told and all(text in ex.error for text in told.values())
                for name, place in ex._screen.frame._wrong.items():
                    assert bool(place.value) == (name in told)
                assert ex.call == good[0] and ex.result is good[1]
                ex.settings = ex.settings  # what was mistyped goes, the good view is still there
            check(ex, flows, run, archive if number % 10 == 0 else None)
            if number % 6 == 0:
                keep, aside = matching(flows, ex.settings)
                assert_frame_equal(
                    in_order(ex.flows), in_order(flows[keep & ~aside]), check_dtype=False
                )
            seen.add(ex.settings.view)
        except AssertionError as problem:
            problem.add_note(f"step {number}: " + "; ".join(walk.told[-8:]))
            raise
    assert len(seen) >= 4 and wrong >= 2  # else it went nowhere
    assert plt.get_fignums() == []


# ------------------------------------------------------------------ selecting
def test_flows_are_the_selected_records_with_their_types(ex, flows):
    ex.controls["addr"].value = "10.0.1.0/24"
    ex.controls["rules"].value = ("dns",)
    ex.controls["end"].value = "2026-03-02 12:00"
    keep, aside = matching(flows, ex.settings)
    got = ex.flows
    assert_frame_equal(in_order(got), in_order(flows[keep & ~aside]))
    assert list(got.columns) == list(flows.columns)
    assert got["start"].is_monotonic_increasing


def test_owners_are_chosen_where_records_name_them(flows, run, unrendered):
    owned = flows.assign(
        src_owner=pd.Categorical(["web, eu (blue)" if n % 3 else "db" for n in range(len(flows))]),
        dst_owner=pd.Categorical(["db" if n % 5 else None for n in range(len(flows))]),
    )
    ex = fl.explore(owned)
    assert set(ex.controls["owner"].options) == {"web, eu (blue)", "db"}
    ex.controls["owner"].value = "web, eu (blue)"
    assert ex.settings.owner == ("web, eu (blue)",) and ex.error == ""
    assert len(ex.flows) == sum(1 for n in range(len(flows)) if n % 3)
    assert_frame_equal(run(ex.call, owned), ex.result)
    ex.controls["owner"].value = "db"
    assert len(ex.flows) == sum(1 for n in range(len(flows)) if not n % 3 or n % 5)
    ex.settings = Settings(view="groups", by="dst_owner")
    ex._drill(0)
    assert ex.settings.owner == ("db",)
    ex.controls["owner"].value = "nobody"
    assert "no record here has the owner" in ex.error


def test_a_mistyped_box_says_so_beside_it_and_the_view_stays(ex):
    for name, texts in MISTYPED.items():
        for text in texts:
            good, ribbon, result = ex.call, ex._screen.frame.ribbon.value, ex.result
            before = ex.controls[name].value
            ex.controls[name].value = text
            assert ex.error, (name, text)
            beside = ex._screen.frame._wrong[name].value
            assert "role='alert'" in beside and "<b>" not in beside and "<script" not in beside
            assert html.unescape(re.sub(r"<[^>]*>", "", beside)) in ex.error
            assert (ex.call, ex._screen.frame.ribbon.value) == (good, ribbon)
            assert ex.result is result
            ex.controls[name].value = before
            assert ex.error == "" and ex._screen.frame._wrong[name].value == ""


def test_all_records_are_there_page_by_page_and_none_twice(ex, flows):
    ex.controls["view"].value = "records"
    pages = -(-len(flows) // PAGE)
    assert ex.controls["page"].max == pages
    read = []
    for number in range(1, pages + 1):
        ex.controls["page"].value = number
        assert f"page {number} of {pages}" in words(ex._screen.frame.ribbon.value)
        read.append(ex.result)
        assert "<table>" in ex._screen.frame._table.value
    whole = pd.concat(read, ignore_index=True)
    assert len(whole) == len(flows)
    assert_frame_equal(in_order(whole), in_order(flows), check_dtype=False)


def test_records_are_sorted_by_any_column(ex, flows):
    ex.controls["view"].value = "records"
    ex.controls["descending"].value = True
    ex.controls["sort_by"].value = "bytes"
    assert ex.result["bytes"].tolist() == sorted(flows["bytes"].tolist(), reverse=True)[:PAGE]


def test_a_page_that_is_gone_is_left(ex, flows, run):
    ex.controls["view"].value = "records"
    ex.controls["page"].value = 20
    ex.controls["action"].value = "REJECT"  # three pages
    assert len(ex.result) > 0
    check(ex, flows, run)


def test_the_period_before_stands_beside(ex, flows):
    ex.controls["compare"].value = True
    ex.controls["start"].value = "2026-03-02 12:00"
    ex.controls["end"].value = "2026-03-02 14:00"
    first = ex.result.iloc[0]
    before = flows[
        flows["start"].between("2026-03-02 10:00Z", "2026-03-02 12:00Z", inclusive="left")
    ]
    ends = before[["srcaddr", "dstaddr"]].eq(first["addr"])
    assert first["flow_records_before"] == int(ends["srcaddr"].sum() + ends["dstaddr"].sum())


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("", "of which there are no records"),
        ("2026-03-02 10:00", "which begins before the first record"),
        ("2026-03-02 20:00", ""),
    ],
)
def test_the_ribbon_says_which_period_stands_beside_and_whether_it_has_records(ex, start, said):
    ex.controls["start"].value = start
    ex.controls["timezone"].value = "Europe/Berlin"
    assert "beside" not in words(ex._screen.frame.ribbon.value)
    ex.controls["compare"].value = True
    ribbon = words(ex._screen.frame.ribbon.value)
    told = re.search("beside (.{19}) to (.{19})(?:, ([^·]*))? ·", ribbon)
    assert said == (told[3] or "")
    for moment in told[1], told[2]:
        there = pd.Timestamp(moment, tz="Europe/Berlin").tz_convert("UTC")
        assert f'"{there:%Y-%m-%d %H:%M:%S}"' in ex.call.splitlines()[1]
    ex.controls["view"].value = "records"
    assert "beside" not in words(ex._screen.frame.ribbon.value)


@pytest.mark.parametrize("view", ["records", "conversations", "week"])
def test_moments_in_tables_are_on_the_clock_that_was_chosen(ex, everything, view):
    ex.controls["timezone"].value = "Asia/Kolkata"
    ex.controls["view"].value = view
    column = ex.result.select_dtypes("datetimetz").columns[0]
    moment = ex.result[column].iloc[0]
    assert str(moment).endswith("+00:00")  # what is kept is UTC
    there = str(moment.tz_convert("Asia/Kolkata"))
    rows = [line.children for line in ex._screen.rows._lines[:1]]
    live = ex._screen.frame._table.value + "".join(b.description + c.value for b, c in rows)
    assert there in live and there in ex.static()


# ------------------------------------------------------------------ where everything stands
def test_what_is_not_shown_stays_in_the_page(ex):
    frame = ex._screen.frame
    parts = frame._view.children

    def seen():
        return [part for part in parts if part.layout.display != "none"]

    assert ex._screen.rows.box in seen() and frame._table not in seen()
    ex.controls["view"].value = "records"
    assert seen() == [frame._table]
    ex.controls["view"].value = "services"
    assert len(seen()) == 2 and frame._table not in seen()
    assert frame._view.children == parts


@pytest.mark.parametrize(("view", "after"), [("talkers", "first row"), ("week", "call")])
def test_the_tab_key_leads_out_of_a_chart(ex, monkeypatch, view, after):
    sent = []
    monkeypatch.setattr(w.DOMWidget, "focus", lambda self: sent.append(self))
    ex.controls["view"].value = view

    def press(chart, key):
        KeyEvent("key_release_event", chart.widget, key)._process()

    press(ex._screen.over_time, "tab")
    press(ex._screen.over_time, "shift+tab")
    press(ex._screen.over_time, "a")
    assert sent == [ex.controls["view"], ex.controls["rules"]]
    sent.clear()
    press(ex._screen.chart, "tab")
    press(ex._screen.chart, "shift+tab")
    row, call = ex._screen.rows._lines[0].children[0], ex._screen.frame._call
    assert sent == [row if after == "first row" else call, ex.controls["view"]]


def test_the_trail_says_what_was_chosen_as_the_controls_say_it(ex):
    ex.controls["timezone"].value = "Europe/Berlin"
    ex.controls["start"].value = "2026-03-02 13:00"
    ex.controls["protocol"].value = 6
    ex.controls["compare"].value = True
    ex.controls["compare"].value = False
    assert html.unescape(ex._screen.frame._trail.value).split(" > ")[1:] == [
        "time zone Europe/Berlin",
        "from 2026-03-02 13:00:00",
        "protocol TCP",
        "beside the period before",
        "not beside the period before",
    ]


# ------------------------------------------------------------------ drilling, and the way back
def test_a_click_on_a_talker_leads_into_it_and_back_leads_out(ex):
    top = ex.result["addr"].iloc[0]
    ex._screen.rows._lines[0].children[0].click()
    assert ex.settings.addr == top and ex.controls["addr"].value == top
    assert top in ex._screen.frame._trail.value
    ex.controls["view"].value = "services"
    assert not ex._screen.frame.back.disabled
    ex._screen.frame.back.click()
    assert (ex.settings.view, ex.settings.addr) == ("talkers", top)
    ex._screen.frame.back.click()
    assert ex.settings == Settings() and ex._screen.frame.back.disabled
    ex._screen.frame.back.click()
    assert ex.settings == Settings() and ex.error == ""


def test_everything_is_shown_again(ex):
    for name, value in (("action", "REJECT"), ("view", "week"), ("addr", "bogus")):
        ex.controls[name].value = value
    assert ex.error
    ex._screen.frame.everything.click()
    assert ex.settings == Settings() and ex.error == ""


def test_a_click_on_a_conversation_shows_its_records_and_no_others(unrendered):
    flows, _ = fl.sample_flows()
    some = flows[flows["srcaddr"].isin(["10.0.1.11"]) | flows["dstaddr"].isin(["10.0.1.11"])]
    ex = fl.explore(some.iloc[::20], settings=Settings(view="conversations", n=30))
    # Scanners, whose port is the lower one: many spoke to this side's higher.
    ex.settings = ex.settings.but(port="8080", rank_by="flow_records")
    start = ex.settings
    for row in range(0, 30, 10):
        wanted = ex.result.iloc[row]
        ex._drill(row)
        got = ex.flows
        assert len(got) == wanted["flow_records"]
        assert {*got["srcaddr"], *got["dstaddr"]} == {wanted["addr_a"], wanted["addr_b"]}
        ex.settings = start


@pytest.mark.parametrize("view", [name for name, view in VIEWS.items() if view.draw])
def test_a_click_on_any_row_of_any_view_leads_somewhere_that_can_be_shown(ex, flows, run, view):
    ex.controls["view"].value = view
    start = ex.settings
    for row in range(min(4, len(ex.result))):
        ex._drill(row)
        check(ex, flows, run)
        assert (
            ex._screen.frame.ribbon.value.count("<b>0</b>") == 0
        )  # there are records behind every row
        ex.settings = start


def test_a_drag_over_time_sets_the_period(ex, flows):
    low, high = (
        pd.Timestamp(t).timestamp() / 86400 for t in ("2026-03-02 06:00", "2026-03-02 07:30")
    )
    ex._screen.over_time._selected(low, high)
    assert (ex.settings.start, ex.settings.end) == ("2026-03-02 06:00:00", "2026-03-02 07:30:00")
    assert ex.controls["start"].value == "2026-03-02 06:00:00"
    check_ribbon(ex, flows)


# ------------------------------------------------------------------ what goes wrong
@pytest.fixture
def breaking(ex, monkeypatch):
    """Make the engine fail from now on."""

    def now(name="top_talkers"):
        def broken(*_, **__):
            raise FlowlabError("the disk is full.", "<b>logs</b>", "delete some.")

        monkeypatch.setattr(fl, name, broken)

    return now


def test_an_engine_that_fails_is_told_and_the_view_stays(ex, breaking):
    good = ex.call, ex.result, ex.settings
    breaking()
    ex.controls["n"].value = 17
    assert "the disk is full." in ex.error and "delete some." in ex._message.value
    assert "<b>" not in ex._message.value
    assert (ex.call, ex.settings) == (good[0], good[2]) and ex.result is good[1]


def test_an_engine_that_fails_behind_a_click_is_told(ex, breaking):
    breaking()
    ex._screen.rows._lines[0].children[0].click()
    assert "the disk is full." in ex.error


def test_a_ribbon_belongs_to_the_view_below_it(ex, breaking):
    ribbon = ex._screen.frame.ribbon.value
    breaking("top_talkers")
    ex.controls["action"].value = "REJECT"
    assert "the disk is full." in ex.error
    assert ex._screen.frame.ribbon.value == ribbon


def test_a_chart_over_time_that_cannot_be_had_says_so_in_its_place(ex, breaking):
    breaking("traffic_over_time")
    ex.controls["action"].value = "REJECT"
    assert ex.error == "" and set(ex.result.columns) >= {"addr"}
    assert "the disk is full." in ex._screen.over_time.picture()


def test_what_a_person_does_to_a_result_is_not_shown_to_them_later(ex, flows, run):
    ex.result["bytes"] = 0
    ex.controls["n"].value = 12
    ex.controls["n"].value = 10
    assert_frame_equal(run(ex.call, flows), ex.result)


def test_a_table_that_shows_everything_says_of_no_limit(ex):
    ex.controls["view"].value = "groups"
    ex.controls["by"].value = "action"
    ex.controls["n"].value = 2
    assert len(ex.result) == 2
    assert "limit reached" not in ex._screen.frame.ribbon.value


_NOT_HERE = [
    {"view": "nope"},
    {"by": "colour"},
    {"start": "garbage"},
    {"every": "7min"},
    {"rules": ("nope",)},
]


@pytest.mark.parametrize("chosen", _NOT_HERE)
def test_settings_that_do_not_fit_these_records_are_refused_whole(ex, chosen):
    before = ex.settings
    with pytest.raises(FlowlabError):
        ex.settings = Settings(action="REJECT").but(**chosen)
    assert ex.settings == before


# ------------------------------------------------------------------ asked once
def test_a_change_asks_each_question_once_and_going_back_asks_nothing(ex, monkeypatch):
    asked = []
    table = ex.names["flows"]
    run = type(table).run
    monkeypatch.setattr(type(table), "run", lambda self, query: asked.append(query.sql("duckdb")) or run(self, query))  # fmt: skip
    ex.controls["action"].value = "REJECT"
    assert len(asked) == len(set(asked)) == 3  # the view, its totals, the chart over time
    asked.clear()
    ex.controls["view"].value = "services"
    assert len(asked) == 1
    asked.clear()
    ex._screen.frame.back.click()
    ex._screen.frame.back.click()
    assert asked == []


def test_a_change_of_the_view_draws_the_time_no_more(ex, monkeypatch):
    drawn = []
    monkeypatch.setattr(ex._screen.over_time, "draw", lambda *drawing: drawn.append(drawing))
    ex.controls["view"].value = "peers"
    ex.controls["n"].value = 5
    assert drawn == []
    ex.controls["action"].value = "REJECT"
    assert len(drawn) == 1


# ------------------------------------------------------------------ hostile text
EVIL = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u202egnp.exe", "a'b\"c&<", "x" * 3000,
        "$\\frac{1}{0}$", "_hidden", "\x1b[31mred"]  # fmt: skip


class Tags(HTMLParser):
    """The tags in some HTML, and attributes that could act."""

    def __init__(self, text):
        super().__init__()
        self.found, self.acting = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.acting += [name for name, _ in attrs if name.startswith("on")]


HARMLESS = {
    "div",
    "span",
    "b",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "h4",
    "pre",
    "figure",
    "img",
}


def check_harmless(text):
    tags = Tags(text)
    assert tags.found <= HARMLESS and not tags.acting
    assert not set(text) & set("\u202e\x1b")
    assert "<script" not in text and "<img src=x" not in text


def test_hostile_text_in_fields_is_shown_as_text(flows, run, everything, unrendered):
    few = flows.head(160).copy()
    for name in ("interface_id", "subnet_id", "az_id", "flow_direction", "action", "region"):
        few[name] = pd.Categorical([EVIL[n % len(EVIL)] for n in range(len(few))])
    for name in ("srcaddr", "dstaddr"):
        few[name] = pd.array([EVIL[(n // 3) % len(EVIL)] for n in range(len(few))], few[name].dtype)
    ex = fl.explore(few)
    seen = 0
    for view in VIEWS:
        for by in ("interface_id", "srcaddr", "action") if view == "groups" else ("interface_id",):
            with ex.together():
                ex.controls["view"].value, ex.controls["by"].value = view, by
            assert ex.error == ""
            assert_frame_equal(run(ex.call, few), ex.result)
            check_harmless(ex.static())
            for widget in everything(ex.box):
                if isinstance(widget, (w.HTML, w.HTMLMath)):
                    check_harmless(widget.value)
                    seen += "script" in widget.value
                assert not getattr(widget, "description_allow_html", False)
                if isinstance(widget, w.Button):
                    assert not set(widget.description + (widget.tooltip or "")) & set("\u202e\x1b")
                    assert len(widget.description) < 60
                if isinstance(widget, (w.Dropdown, w.SelectMultiple, w.ToggleButtons)):
                    labels = "".join(o[0] if isinstance(o, tuple) else o for o in widget.options)
                    assert "\u202e" not in labels
    assert seen  # it was there to be seen, as text


def test_ids_to_choose_from_do_not_turn_the_line_around(flows, unrendered):
    few = flows.head(20).copy()
    few["interface_id"] = pd.Categorical([EVIL[2]] * 20)
    ex = fl.explore(few)
    assert "\u202e" not in "".join(ex.controls["interface_id"].options)


@pytest.mark.parametrize("number", range(len(EVIL)))
def test_a_click_on_a_hostile_name_leads_into_it_or_says_why_not(flows, run, unrendered, number):
    few = flows.head(20).copy()
    few["subnet_id"] = pd.Categorical([EVIL[number]] * 20)
    few["flow_direction"] = pd.Categorical([EVIL[number]] * 20)
    for by in ("subnet_id", "flow_direction"):
        ex = fl.explore(few, settings=Settings(view="groups", by=by))
        ex._drill(0)
        check_harmless(
            ex._message.value + "".join(one.value for one in ex._screen.frame._wrong.values())
        )
        check_harmless(ex._screen.frame._trail.value)
        assert_frame_equal(run(ex.call, few), ex.result)


# ------------------------------------------------------------------ records that lack something
@pytest.mark.parametrize(
    "lacking",
    [
        ["tcp_flags"], ["action"], ["bytes"], ["bytes", "packets"], ["interface_id"], ["protocol"], ["srcaddr"],
        ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"],
        ["start"],
        ["end"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_records_that_lack_columns_are_explored_as_far_as_they_go(flows, run, unrendered, lacking):
    few = flows.drop(columns=lacking)
    ex = fl.explore(few)
    assert ex.error == "" and not {*lacking} & {*ex.controls} - {"end"}  # that of the period
    for _, view in ex.controls["view"].options:
        ex.controls["view"].value = view
        assert ex.error == ""
        assert_frame_equal(run(ex.call, few), ex.result)
    assert "<table>" in ex.static()
    assert len(ex.flows) == len(few)


def test_records_of_a_transit_gateway_are_explored(unrendered, run):
    line = "7 TransitGateway 123456789010 tgw-0a tgw-attach-0a 123456789010 123456789010 vpc-0a vpc-0b subnet-0a subnet-0b eni-0a eni-0b use1-az1 use1-az2 tgw-pair-0a 10.0.0.{} 10.1.0.9 40000 443 6 {} {} 1788222600 1788222631 OK IPv4 0 0 0 0 2 eu-west-1 ingress - -"
    header = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region flow-direction pkt-src-aws-service pkt-dst-aws-service"
    from lines import read

    text = "\n".join([header, *(line.format(n, n, 100 * n) for n in range(1, 30))]) + "\n"
    tgw, ledger = read(text.encode())
    ex = fl.explore(tgw, ledger=ledger)
    assert ex.error == "" and "29 of 29 records" in words(ex._screen.frame.ribbon.value)
    assert "action" not in ex.controls and "verdicts" not in dict(
        map(reversed, ex.controls["view"].options)
    )
    for _, view in ex.controls["view"].options:
        ex.controls["view"].value = view
        assert ex.error == ""
        assert_frame_equal(run(ex.call, tgw), ex.result)


def test_no_records_are_explored_as_none(flows, unrendered):
    ex = fl.explore(flows.iloc[:0])
    assert ex.error == "" and len(ex.result) == 0
    assert "no records" in ex.static()
    assert ex.flows.empty


def test_records_with_nothing_to_group_by_are_shown_as_records(flows, unrendered):
    ex = fl.explore(flows[["start", "end", "packets", "bytes"]])
    assert ex.error == ""


def test_one_damaged_time_does_not_hide_all_others(flows, unrendered):
    far = flows.copy()
    far.loc[0, ["start", "end"]] = pd.Timestamp("1971-01-01", tz="UTC")
    ex = fl.explore(far, settings=Settings(every="1min"))
    assert ex.error == "" and len(ex.result) == 10


# ------------------------------------------------------------------ inserting, the twin
def test_the_call_is_offered_as_text_and_goes_into_a_cell_unharmed(ex, monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", sent.append)
    ex.controls["addr"].value = "10.0.0.0/8"
    ex._screen.frame.insert.click()
    assert ex.error == "" and ex._screen.frame._call.value == ex.call
    (script,) = sent
    (source,) = re.findall(r"setSource\((.*)\);", script.data)
    import json

    assert json.loads(source) == ex.call


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_is_kept_as_picture_and_table(sample, view):
    flows, ledger = sample
    ex = fl.explore(flows.head(400), ledger=ledger, settings=Settings(view=view))
    text = ex.static()
    alts = re.findall(r'<img alt="([^"]+)"', text)
    assert len(alts) == (1 if view == "records" else 2)
    assert alts[0].startswith("Stacked chart of bytes")
    assert text.count("<table>") == 1
    assert html.escape(ex.call) in text and words(ex._screen.frame.ribbon.value) in words(text)
    rows = re.findall(r"<tr>", text)
    assert len(rows) == len(ex.result) + 1
    assert plt.get_fignums() == []


def test_hours_of_the_week_are_those_of_the_chosen_zone(ex):
    ex.controls["view"].value = "week"
    ex.controls["timezone"].value = "Asia/Kolkata"
    assert "Asia/Kolkata" in ex._screen.chart._ax.get_xlabel()


# ------------------------------------------------------------------ memory
def test_changes_leave_nothing_behind(ex, monkeypatch):
    monkeypatch.setattr("flowlab.widgets.explorer._KEPT", 8)
    draw = random.Random(7)
    views = [value for _, value in ex.controls["view"].options]

    def change(number):
        view = views[number % len(views)]
        with ex.together():
            ex.controls["view"].value = view
            ex.controls["n"].value = draw.randint(1, 30)
            ex.controls["by"].value = draw.choice(["action", "srcaddr", "dstport", "interface_id"])
            ex.controls["action"].value = draw.choice([None, "ACCEPT", "REJECT"])
            ex.controls["page"].value = 1
        assert ex.error == ""

    def alive():
        gc.collect()
        count = {Axes: 0, SpanSelector: 0, pd.DataFrame: 0}
        for one in gc.get_objects():
            for kind in count:
                count[kind] += isinstance(one, kind)
        return count

    ex.controls["n"].value = 30  # as many rows as there can be
    for number in range(16):  # until as many answers are kept as ever will be
        change(number)
    widgets, before = len(_instances), alive()
    for number in range(32):
        change(number)
    after = alive()
    assert len(_instances) == widgets
    assert len(ex._asked) <= 8
    assert after[Axes] <= before[Axes] + 2  # a heat map has two
    assert after[SpanSelector] <= before[SpanSelector]
    assert after[pd.DataFrame] <= before[pd.DataFrame] + 5
    assert plt.get_fignums() == []
