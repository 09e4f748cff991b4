"""The drawing of a set-up: what stands in it, what is marked, and its words."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch
from setup.small_setups import (
    EVERYTHING,
    WRONG_TRUST,
    an_id,
    eni_of,
    flow_log_of,
    made,
    subnet_of,
    vpc_of,
)

from flowlab.errors import UnknownNameError
from flowlab.pictures import describe, show
from flowlab.setup.checking import judged

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_left():
    plt.close("all")
    yield
    plt.close("all")


def drawn(inventory, **options):
    return judged(inventory).draw(**options)


def words(ax):
    return [text.get_text() for text in ax.texts]


def boxes(ax, dashed):
    return [
        patch
        for patch in ax.patches
        if isinstance(patch, FancyBboxPatch) and (patch.get_linestyle() == "--") == dashed
    ]


def crosses(ax):
    return [text for text in ax.texts if text.get_text() == "✗" and text.get_fontsize() > 10]


def styles(ax):
    return [text.arrow_patch.get_linestyle() for text in ax.texts if hasattr(text, "arrow_patch")]


def test_a_healthy_setup_has_no_broken_mark_and_says_so():
    ax = drawn(made())
    assert not boxes(ax, dashed=True)
    assert not crosses(ax)
    assert styles(ax) == ["-"] * 4
    said = words(ax)
    assert an_id("fl", 1) in said
    assert any("nat-0a1" in text for text in said)
    assert "2 min old" in said
    assert said.count("✓") == 2
    assert "permission ok" in describe(ax)
    assert "FAIL" not in describe(ax)


def test_a_broken_role_is_crossed_dashed_and_in_words_and_what_follows_is_dotted():
    ax = drawn(made(trust=WRONG_TRUST))
    assert len(crosses(ax)) == 1
    assert styles(ax) == ["-", "--", ":", ":"]
    (broken,) = boxes(ax, dashed=True)
    (said,) = [t for t in ax.texts if "role-trust" in t.get_text()]
    left, low = broken.get_x(), broken.get_y()
    assert left < said.get_position()[0] < left + broken.get_width()
    assert low < said.get_position()[1] < low + broken.get_height()
    assert "broken at permission" in words(ax)
    assert "permission FAIL (role-trust)" in describe(ax)


def test_a_silent_interface_is_marked_and_the_others_are_not():
    ax = drawn(made(enis=[eni_of(n) for n in range(1, 6)], silent=[an_id("eni", 3)]))
    at = {text.get_text(): text.get_position()[1] for text in ax.texts}
    marked = [text.get_position()[1] for text in ax.texts if text.get_text() == "✗"]
    assert marked == [at[an_id("eni", 3)]]
    assert words(ax).count("broken at newest record") == 1
    assert not crosses(ax)  # the link holds for the other four
    assert "newest record FAIL for 1 of 5 ENIs" in describe(ax)


def test_an_uncovered_subnet_has_a_crossed_arrow_to_no_flow_log():
    subnets = [subnet_of(1), subnet_of(2, name="data")]
    on_one = [flow_log_of(resource=an_id("subnet", 1))]
    ax = drawn(made(subnets=subnets, enis=[eni_of(1), eni_of(2, subnet=2)], flow_logs=on_one))
    assert {"no flow log", "no flow log covers it"} <= set(words(ax))
    assert len(crosses(ax)) == 1
    assert len(boxes(ax, dashed=True)) == 1
    assert "no flow log covers 1 ENI" in describe(ax)


def test_a_flow_log_begins_where_it_is_attached():
    enis = [eni_of(1), eni_of(2)]
    logs = [flow_log_of(1, resource=an_id("eni", 2)), flow_log_of(2)]
    ax = drawn(made(enis=enis, flow_logs=logs))
    at = {text.get_text(): text.get_position()[1] for text in ax.texts if text.get_text()}
    starts = [a.xyann[1] for a in ax.texts if hasattr(a, "arrow_patch")]
    assert at[an_id("eni", 2)] in starts
    assert next(y for text, y in at.items() if text.startswith("VPC ")) in starts


def test_several_vpcs_those_in_trouble_first_and_one_alone():
    vpcs = [vpc_of(n, f"name {n}") for n in (1, 2, 3)]
    subnets = [subnet_of(n, vpc=n) for n in (1, 2, 3)]
    enis = [eni_of(n, subnet=n, vpc=n) for n in (1, 2, 3)]
    logs = [flow_log_of(n, resource=an_id("vpc", n)) for n in (1, 2, 3)]
    report = judged(made(vpcs, subnets, enis, logs, silent=[an_id("eni", 3)]))
    titles = [text for text in words(report.draw()) if text.startswith("VPC ")]
    assert [title.split()[1] for title in titles] == [an_id("vpc", n) for n in (3, 1, 2)]
    alone = words(report.draw(vpc=an_id("vpc", 2)))
    assert an_id("fl", 2) in alone
    assert an_id("fl", 1) not in alone
    with pytest.raises(UnknownNameError, match="vpc-9"):
        report.draw(vpc="vpc-9")


def test_thousands_of_interfaces_are_counted_and_the_broken_ones_drawn():
    enis = [eni_of(n, subnet=1 + n % 100) for n in range(1, 3001)]
    silent = [an_id("eni", n) for n in (7, 2_999)]
    subnets = [subnet_of(n) for n in range(1, 101)]
    ax = drawn(made(subnets=subnets, enis=enis, silent=silent))
    shown = [text for text in words(ax) if text.startswith("eni-")]
    assert sorted(shown) == sorted(silent)
    assert "29 more ENIs, delivering" in words(ax)
    assert "and 94 more subnets with 2,820 ENIs, delivering" in words(ax)
    assert "100 subnets, 3,000 ENIs in use" in describe(ax)


def test_never_more_than_thirty_interfaces_even_if_all_are_broken():
    enis = [eni_of(n) for n in range(1, 201)]
    ax = drawn(made(enis=enis, flow_logs=[]))
    assert sum(text.startswith("eni-") for text in words(ax)) == 30
    assert "170 more ENIs, 170 of them broken or not known" in words(ax)


def test_flow_logs_that_are_not_drawn_are_counted():
    logs = [flow_log_of(n) for n in range(1, 11)]
    logs.append(flow_log_of(11, resource="tgw-0a1"))
    ax = drawn(made(flow_logs=logs))
    assert sum(text.startswith("fl-") for text in words(ax)) == 8
    assert any("Not drawn: 3 more flow logs" in text for text in words(ax))


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        (made([], [], [], []), "No ENI is in use here"),
        (made(denied=EVERYTHING), "It is not known which ENIs are in use"),
    ],
)
def test_nothing_to_draw_is_said_on_the_drawing(inventory, said):
    ax = drawn(inventory)
    assert any(text.startswith(said) for text in words(ax))
    assert said in describe(ax)


def test_names_cannot_be_formulas_marks_or_wider_than_their_place():
    evil = "<b>$x^2$\u202egnp" + "W" * 300
    ax = drawn(made(vpcs=[vpc_of(name=evil)], enis=[eni_of(description=evil)], practice=True))
    ax.figure.canvas.draw()
    at = {text.get_text()[:3]: text.get_tightbbox() for text in ax.texts}
    assert at["VPC"].x1 <= ax.patches[0].get_window_extent().x1
    assert at["<b>"].x1 <= at["eni"].x0
    assert not any("\u202e" in text for text in words(ax))
    assert r"\$x^2\$\u202egnp" in " ".join(words(ax))
    assert "practice account" in ax.get_title()


def test_words_are_black_enough_and_large_enough_in_any_style():
    with plt.style.context("dark_background"):
        ax = drawn(made(trust=WRONG_TRUST))
    assert ax.figure.get_facecolor()[:3] == (1, 1, 1)
    assert min(text.get_fontsize() for text in ax.texts) >= 8
    for text in [*ax.texts, ax.title]:
        red, green, blue, _ = mpl.colors.to_rgba(text.get_color())
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5


def test_a_picture_of_it_has_its_words_as_alt_text():
    report = judged(made(practice=True))
    picture = show(report.draw())
    assert picture.text.startswith("Set-up of flow logs (practice account, no AWS)")
    assert 'alt="Set-up of flow logs' in picture.html
    assert plt.get_fignums() == []


def test_it_can_be_drawn_on_axes_of_others():
    _, (left, right) = plt.subplots(1, 2)
    assert drawn(made(), ax=right) is right
    assert not left.texts
    assert right.texts
