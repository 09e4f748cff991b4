"""Charts on one figure: clicked, dragged over, drawn anew, as pictures, and without ipympl."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import ipywidgets as w
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import MouseEvent
from runner import kernel_environment

import flowlab as fl
from flowlab import plots
from flowlab.errors import FlowlabError
from flowlab.widgets.charts import Chart


@pytest.fixture
def no_ipympl(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipympl.backend_nbagg", None)


def at(ax, x, y):
    """Pixels of a point, data along x and y."""
    return ax.transData.transform((x, y))


def mouse(chart, kind, point, **options):
    canvas = chart.figure.canvas
    event = MouseEvent(kind, canvas, *point, button=1, **options)
    canvas.callbacks.process(kind, event)


def bars(flows, n=5):
    return lambda ax: plots.bars(fl.top_talkers(flows, n=n), ax=ax)


def lines(flows):
    return lambda ax: plots.lines(fl.traffic_over_time(flows, every="1h", by="action"), ax=ax)


# ------------------------------------------------------------------ with the mouse
def test_a_click_on_a_bar_gives_its_number_from_the_top(flows):
    clicked = []
    chart = Chart((6, 3), clicked=clicked.append)
    assert chart.is_live
    chart.draw(bars(flows))
    ax = chart._ax
    for number, bar in enumerate(ax.containers[0]):
        middle = at(ax, bar.get_width() / 2, bar.get_y() + bar.get_height() / 2)
        mouse(chart, "button_release_event", middle)
        assert clicked[-1] == number
    clicked.clear()
    mouse(chart, "button_release_event", (1, 1))  # beside the axes
    gap = (
        ax.containers[0][0].get_y() + ax.containers[0][0].get_height() + ax.containers[0][1].get_y()
    ) / 2
    mouse(chart, "button_release_event", at(ax, 1, gap))
    assert clicked == []


def test_a_click_beside_a_bar_in_its_row_counts_too(flows):
    # The last bars are a few pixels wide: nobody could hit them.
    clicked = []
    chart = Chart((6, 3), clicked=clicked.append)
    chart.draw(bars(flows))
    bar = chart._ax.containers[0][4]
    mouse(
        chart,
        "button_release_event",
        at(chart._ax, chart._ax.get_xlim()[1] * 0.9, bar.get_y() + 0.2),
    )
    assert clicked == [4]


def test_of_two_bars_of_a_row_either_gives_its_number(flows):
    clicked = []
    chart = Chart((6, 3), clicked=clicked.append)
    both = ["bytes_sent", "bytes_received"]
    chart.draw(lambda ax: plots.bars(fl.top_talkers(flows, n=3), value=both, ax=ax))
    for container in chart._ax.containers:
        bar = container[2]
        mouse(chart, "button_release_event", at(chart._ax, 1, bar.get_y() + bar.get_height() / 2))
    assert clicked == [2, 2]


def test_a_drag_gives_two_moments_in_utc(flows):
    dragged = []
    chart = Chart((8, 2.5), dragged=lambda *moments: dragged.append(moments))
    chart.draw(lines(flows))
    ax = chart._ax
    middle = np.mean(ax.get_ylim())
    wanted = [pd.Timestamp("2026-03-02 06:00"), pd.Timestamp("2026-03-02 09:30")]
    points = [at(ax, np.datetime64(t).astype("datetime64[s]").astype(float) / 86400, middle) for t in wanted]  # fmt: skip
    for backwards in (False, True):  # dragged to the left as well
        dragged.clear()
        first, last = points[::-1] if backwards else points
        mouse(chart, "button_press_event", first)
        mouse(chart, "motion_notify_event", last)
        mouse(chart, "button_release_event", last)
        ((begin, end),) = dragged
        assert str(begin.tz) == str(end.tz) == "UTC"
        a_pixel = pd.Timedelta("4min")
        for got, moment in zip((begin, end), wanted, strict=True):
            assert abs(got.tz_localize(None) - moment) < a_pixel
            assert got == got.floor("s")


def test_a_click_is_no_drag(flows):
    dragged = []
    chart = Chart((8, 2.5), dragged=lambda *moments: dragged.append(moments))
    chart.draw(lines(flows))
    point = at(chart._ax, np.mean(chart._ax.get_xlim()), np.mean(chart._ax.get_ylim()))
    mouse(chart, "button_press_event", point)
    mouse(chart, "button_release_event", point)
    assert dragged == []


def test_a_chart_that_was_drawn_often_answers_once(flows):
    dragged = []
    chart = Chart((8, 2.5), dragged=lambda *moments: dragged.append(moments))
    for _ in range(4):
        chart.draw(lines(flows))
    low, high = chart._ax.get_xlim()
    middle = np.mean(chart._ax.get_ylim())
    points = [at(chart._ax, low + part * (high - low), middle) for part in (0.2, 0.6)]
    mouse(chart, "button_press_event", points[0])
    mouse(chart, "motion_notify_event", points[1])
    mouse(chart, "button_release_event", points[1])
    assert len(dragged) == 1


# ------------------------------------------------------------------ drawing
@pytest.mark.parametrize("with_ipympl", [True, False])
def test_the_figure_stays_and_pyplot_never_sees_it(flows, with_ipympl, request):
    if not with_ipympl:
        request.getfixturevalue("no_ipympl")
    chart = Chart((6, 3), clicked=print)
    widget, figure = chart.widget, chart.figure
    known = len(figure.canvas.callbacks.callbacks.get("button_press_event", ()))
    for n in (3, 5, 2):
        chart.draw(bars(flows, n))
        assert len(chart._ax.containers[0]) == n
        assert len(figure.axes) == 1
    assert chart.widget is widget and chart.figure is figure
    assert len(figure.canvas.callbacks.callbacks.get("button_press_event", ())) == known
    assert plt.get_fignums() == []


def test_the_axis_of_time_is_as_long_as_the_traffic(flows):
    chart = Chart((8, 2.5), dragged=print)
    chart.draw(lines(flows))
    low, high = (pd.Timestamp(x, unit="D") for x in chart._ax.get_xlim())
    assert pd.Timestamp("2026-03-01 12:00") < low < high < pd.Timestamp("2026-03-03 12:00")


def test_a_picture_says_what_it_shows_and_hostile_names_are_text(flows):
    chart = Chart((6, 3))
    assert chart.picture() == ""  # nothing is drawn yet
    few = flows.head(3).assign(az_id=['"><script>alert(1)</script>', "\u202egnp", "' onerror='x"])
    chart.draw(lambda ax: plots.bars(fl.breakdown(few, "az_id"), ax=ax))
    text = chart.picture()
    (said,) = re.findall(r'<img alt="([^"]*)"', text)
    assert said.startswith("Bar chart of bytes") and "3 bars" in said
    assert "<script" not in text and "\u202e" not in text and "onerror='" not in text
    data = re.search(r"base64,([A-Za-z0-9+/=]+)'", text)
    assert data is not None and data[1].startswith("iVBORw0KGgo")  # PNG


def test_names_and_legend_stay_inside_the_picture(flows):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    few = flows.head(12).assign(az_id=[f"a rather long name of a place, {n}" for n in range(12)])
    for paint in (
        lambda ax: plots.bars(fl.breakdown(few, "az_id"), ax=ax),
        lambda ax: plots.lines(fl.traffic_over_time(flows, every="1h", by="srcaddr", n=6), by="srcaddr", ax=ax),
    ):  # fmt: skip
        chart = Chart((9.6, 3.6))
        chart.draw(paint)
        box = chart.figure.get_tightbbox(FigureCanvasAgg(chart.figure).get_renderer())
        assert box.x0 >= -0.05 and box.y0 >= -0.05
        assert box.x1 <= 9.65 and box.y1 <= 3.65


def test_what_cannot_be_drawn_leaves_the_last_picture(flows):
    chart = Chart((6, 3))
    chart.draw(bars(flows))
    before = chart.picture()
    with pytest.raises(FlowlabError):
        chart.draw(lambda ax: plots.bars(fl.top_talkers(flows), value="weight", ax=ax))
    assert chart.picture() == before


def test_what_was_drawn_before_leaves_no_trace(flows):
    """Drawings of a kind share their Axes: each looks as on a figure of its own."""
    over_time = fl.traffic_over_time(flows, every="1h", by="action")
    ports = fl.traffic_over_time(flows, every="6h", by="dstport", n=6)
    many, few = fl.top_talkers(flows, n=20), fl.top_talkers(flows, n=3, rank_by="flow_records")
    both = [
        ("areas", lambda ax: plots.areas(over_time, ax=ax)),
        (
            "areas",
            lambda ax: plots.areas(ports, ax=ax, tz="Asia/Kolkata").axvspan(20514.2, 20514.4),
        ),
        ("areas", lambda ax: plots.areas(over_time, value="flow_records", ax=ax)),
        ("bars", lambda ax: plots.bars(many, ax=ax)),
        ("bars", lambda ax: plots.bars(few, value="flow_records", ax=ax)),
        ("bars", lambda ax: plots.bars(many, value=["bytes_sent", "bytes_received"], ax=ax)),
        ("", lambda ax: plots.heatmap(fl.traffic_over_time(flows, every="1h"), ax=ax)),
    ]
    shared, draw = Chart((9.6, 3), dragged=print), random.Random(3)
    for kind, paint in [*both, *draw.choices(both, k=14)]:
        shared.draw(paint, kind)
        alone = Chart((9.6, 3), dragged=print)
        alone.draw(paint)
        assert shared.png() == alone.png()


# ------------------------------------------------------------------ without ipympl
def test_without_ipympl_it_is_a_picture(flows, no_ipympl):
    chart = Chart((6, 3), clicked=print, dragged=print)
    assert not chart.is_live and isinstance(chart.widget, w.Image)
    chart.draw(bars(flows))
    first = bytes(chart.widget.value)
    assert first.startswith(b"\x89PNG") and first == chart.png()
    chart.draw(lines(flows))
    assert chart.widget.value != first


def test_without_ipympl_a_period_is_chosen_on_a_slider(flows, run, no_ipympl, everything):
    ex = fl.explore(flows)
    (slider,) = (one for one in everything(ex.box) if isinstance(one, w.SelectionRangeSlider))
    labels = [label for label, _ in slider.options]
    assert (labels[0], labels[-1]) == ("2026-03-02 00:00", "2026-03-03 00:00")
    assert len(labels) == 97 and slider.index == (0, 96)  # every quarter of an hour
    slider.index = (24, 28)
    assert (ex.settings.start, ex.settings.end) == ("2026-03-02 06:00:00", "2026-03-02 07:00:00")
    inside = flows["start"].between("2026-03-02 06:00Z", "2026-03-02 07:00Z", inclusive="left")
    assert len(ex.flows) == inside.sum() > 0
    pd.testing.assert_frame_equal(run(ex.call, flows), ex.result)
    ex.controls["timezone"].value = "Asia/Kolkata"
    assert slider.index == (24, 28) and slider.options[24][0] == "2026-03-02 11:30"
    ex.controls["start"].value = ex.controls["end"].value = ""
    assert slider.index == (0, 96)  # it follows the boxes


def test_with_ipympl_there_is_no_slider(flows, everything):
    assert not any(
        isinstance(w_, w.SelectionRangeSlider) for w_ in everything(fl.explore(flows).box)
    )


@pytest.mark.parametrize(
    "last", ["2026-03-02 10:00:01", "2026-03-02 23:59:59", "2029-03-02", "2226-03-02"]
)
def test_a_slider_has_few_stops_however_long_the_time(flows, no_ipympl, everything, last):
    some = flows.head(2).copy()
    times = [pd.Timestamp("2026-03-02 10:00:00", tz="UTC"), pd.Timestamp(last, tz="UTC")]
    some["start"] = some["end"] = pd.Series(times).astype("datetime64[s, UTC]")
    ex = fl.explore(some)
    (slider,) = (one for one in everything(ex.box) if isinstance(one, w.SelectionRangeSlider))
    assert 2 <= len(slider.options) <= 200 and ex.error == ""


def test_without_ipympl_a_period_is_typed(flows, run, no_ipympl):
    ex = fl.explore(flows)
    pictures = [
        one for one in (ex._screen.over_time, ex._screen.chart) if isinstance(one.widget, w.Image)
    ]
    assert len(pictures) == 2
    before = ex._screen.over_time.widget.value
    ex.controls["start"].value = "2026-03-02 06:00"
    ex.controls["end"].value = "2026-03-02 07:00"
    assert ex.error == ""
    inside = flows["start"].between("2026-03-02 06:00Z", "2026-03-02 07:00Z", inclusive="left")
    assert len(ex.flows) == inside.sum() > 0
    pd.testing.assert_frame_equal(run(ex.call, flows), ex.result)
    assert ex._screen.over_time.widget.value != before  # the period is marked
    assert "<img alt=" in ex.static()


# ------------------------------------------------------------------ what it does to others
_BACKEND = """
import matplotlib as mpl, matplotlib.pyplot as plt
{first}
before = mpl.get_backend()
import flowlab as fl
flows, _ = fl.sample_flows()
fl.explore(flows.head(50))
assert mpl.get_backend() == before, (before, mpl.get_backend())
assert "ipympl" not in type(plt.figure().canvas).__module__
"""


@pytest.mark.parametrize("backend", ["agg", "module://matplotlib_inline.backend_inline"])
def test_other_figures_of_the_notebook_stay_what_they_were(backend):
    done = subprocess.run(
        [sys.executable, "-c", _BACKEND.format(first=f"mpl.use({backend!r})")],
        env=kernel_environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
