"""Stacked charts: the height is the sum, whatever is left out of the legend."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.dates import num2date
from test_plots import HOSTILE, SEEN, volume

from flowlab import plots
from flowlab.errors import FlowlabError

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_left():
    """Give every test a clean pyplot."""
    plt.close("all")
    yield
    plt.close("all")


def layers(ax):
    """Label, upper and lower edge of each layer."""
    return [
        (one.get_label(), above.tolist(), below.tolist())
        for one in ax.patches
        for above, _, below in [one.get_data()]
    ]


def test_each_group_lies_on_the_one_before():
    ax = plots.areas(volume(ACCEPT=[5, 6], REJECT=[1, 0], z=[2, 2]))
    assert layers(ax) == [
        ("ACCEPT", [5, 6], [0, 0]),
        ("REJECT", [6, 6], [5, 6]),
        ("z", [8, 8], [6, 6]),
    ]
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 8


def test_a_step_is_as_wide_as_it_is_and_the_last_one_too():
    ax = plots.areas(volume("5min", ACCEPT=[5, 6]))
    edges = [f"{moment:%H:%M}" for moment in num2date(ax.patches[0].get_data().edges)]
    assert edges == ["00:00", "00:05", "00:10"]
    assert ax.get_ylabel().startswith("bytes per 5 min")


def test_more_groups_than_hatches_are_summed_up_so_that_the_height_is_the_sum():
    many = {f"g{n}": [n + 1, 10 * n] for n in range(9)}
    ax = plots.areas(volume(**many))
    told = layers(ax)
    assert [name for name, *_ in told] == ["g3", "g4", "g5", "g6", "g7", "g8", "(3 others)"]
    assert told[-1][1] == [sum(n + 1 for n in range(9)), sum(10 * n for n in range(9))]


def test_layers_differ_without_colour():
    ax = plots.areas(volume(**{f"g{n}": [n + 1, n + 2] for n in range(7)}))
    assert len({one.get_hatch() for one in ax.patches}) == 7


def test_a_group_without_a_row_in_a_step_has_nothing_there():
    some = volume(ACCEPT=[5, 6], REJECT=[1, 3])
    ax = plots.areas(some.iloc[[0, 2, 3]])  # REJECT's first
    assert layers(ax)[1] == ("REJECT", [5, 9], [5, 6])


def test_rows_without_a_time_are_not_drawn_and_the_axis_says_so():
    timeless = pd.DataFrame({"time": [pd.NaT], "action": ["ACCEPT"], "bytes": [999]})
    timeless["time"] = timeless["time"].dt.tz_localize("UTC")
    ax = plots.areas(pd.concat([volume(ACCEPT=[5, 6]), timeless]))
    assert layers(ax) == [("ACCEPT", [5, 6], [0, 0])]
    assert "without a time are not drawn" in ax.get_xlabel()


def test_nothing_but_zeros_has_a_scale():
    ax = plots.areas(volume(ACCEPT=[0, 0]))
    assert ax.get_ylim() == (0, 1)


def test_a_single_step_can_be_seen():
    ax = plots.areas(volume(ACCEPT=[7]))
    first, last = ax.get_xlim()
    assert last > first and layers(ax) == [("ACCEPT", [7], [0])]


def test_the_legend_has_the_order_of_the_stack():
    ax = plots.areas(volume(ACCEPT=[5, 6], REJECT=[1, 0]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["REJECT", "ACCEPT"]


def test_hostile_names_stand_in_the_legend_as_text():
    parts = [volume(x=[1, 2]).assign(action=name) for name in HOSTILE]
    ax = plots.areas(pd.concat(parts))
    ax.figure.canvas.draw()
    texts = ax.get_legend().get_texts()
    told = [text._preprocess_math(text.get_text()) for text in texts]
    assert [formula for _, formula in told] == [False] * 7
    assert [text.strip() for text, _ in told] == SEEN[::-1]


def test_it_is_told_in_words():
    groups = {
        "ACCEPT": [5_000, 8_000],
        "REJECT": [1_000, 2_000],
        "b": [2_000, 0],
        "c": [1_500, 500],
    }
    assert plots.describe(plots.areas(volume(**groups))) == (
        "Stacked chart of bytes per hour (as recorded at each ENI) over time, UTC: 4 layers,"
        " 2026-03-02 00:00 to 2026-03-02 02:00; together they peak at 10.5 kB at"
        " 2026-03-02 01:00; of the whole ACCEPT 65%, REJECT 15%, b 10%, and 1 more."
    )


def test_the_axis_and_the_words_are_of_the_chosen_zone():
    ax = plots.areas(volume(ACCEPT=[5, 6]), tz="Asia/Kolkata")
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == "time, Asia/Kolkata"
    assert "06:00" in [text.get_text() for text in ax.get_xticklabels()]
    told = plots.describe(ax)
    assert "over time, Asia/Kolkata" in told and "2026-03-02 05:30 to 2026-03-02 07:30" in told


@pytest.mark.parametrize("tz", ["Mars", "", "America", "../etc/passwd"])
def test_what_is_no_time_zone_is_refused(tz):
    with pytest.raises(FlowlabError, match="not a time zone"):
        plots.areas(volume(ACCEPT=[5, 6]), tz=tz)
