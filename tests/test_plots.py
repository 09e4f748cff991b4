"""Charts: what is drawn, what it is called, and that it can be read without colour."""

from __future__ import annotations

import html
import re

import matplotlib as mpl
import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import flowlab as fl
from flowlab import plots
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_left():
    """Give every test a clean pyplot."""
    plt.close("all")
    yield
    plt.close("all")


def talkers(*names, amounts=None):
    """Return a summary like top_talkers': one row for each name."""
    amounts = amounts or [10 ** (9 - at) for at in range(len(names))]
    data = {"addr": list(names), "flow_records": [1] * len(names), "bytes": amounts}
    return pd.DataFrame(data).astype({"flow_records": "int64", "bytes": "int64"})


def volume(step="1h", begin="2026-03-02", **groups):
    """Return a summary like traffic_over_time's: the bytes of each group, step by step."""
    parts = []
    for name, amounts in groups.items():
        time = pd.date_range(begin, periods=len(amounts), freq=step, tz="UTC", unit="s")
        parts.append(pd.DataFrame({"time": time, "action": name, "bytes": amounts}))
    return pd.concat(parts, ignore_index=True).sort_values("time", kind="stable")


def names_on(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def widths(ax, group=0):
    return [bar.get_width() for bar in ax.containers[group]]


# Bars.


def test_bars_stand_in_the_order_of_the_rows_with_the_first_on_top():
    ax = plots.bars(talkers("10.0.0.9", "10.0.0.1", amounts=[300, 7_000]))
    assert names_on(ax) == ["10.0.0.9", "10.0.0.1"]
    assert widths(ax) == [300, 7_000]
    bottom, top = ax.get_ylim()
    assert bottom > top
    assert ax.get_xlim()[0] == 0


def test_bars_say_units_in_words_and_amounts_in_decimal_prefixes():
    ax = plots.bars(talkers("a", "b", "c", "d", amounts=[24_424_624_176, 999_600, 1_500, 12]))
    assert ax.get_xlabel() == "bytes, as recorded at each ENI"
    assert ax.get_ylabel() == "addr"
    ends = [text.get_text() for text in ax.texts]
    assert ends == ["24.4 GB", "1 MB", "1.5 kB", "12 B"]
    assert ax.xaxis.get_major_formatter()(2_000_000_000) == "2 GB"


def test_bars_of_shares_are_percentages():
    summary = talkers("a", "b").assign(share=[0.75, 0.25])
    ax = plots.bars(summary, value="share")
    assert [text.get_text() for text in ax.texts] == ["75 %", "25 %"]
    assert ax.get_xlabel() == "share of the whole"


def test_ports_and_protocols_are_names_not_amounts():
    summary = pd.DataFrame(
        {"protocol": [6, 17, 99], "dstport": [3389, 53, 0], "bytes": [3, 2, 1]}
    ).astype({"protocol": "int32[pyarrow]", "dstport": "int32[pyarrow]"})
    assert names_on(plots.bars(summary)) == ["TCP, 3389", "UDP, 53", "protocol 99, 0"]


def test_a_null_key_has_a_name():
    summary = talkers("x", None).astype({"addr": "large_string[pyarrow]"})
    assert names_on(plots.bars(summary)) == ["x", "(none)"]
    ports = pd.DataFrame({"dstport": pd.array([22, None], "int32[pyarrow]"), "bytes": [2, 1]})
    assert names_on(plots.bars(ports)) == ["22", "(none)"]


def test_a_pair_of_addresses_is_an_arrow():
    summary = pd.DataFrame({"srcaddr": ["10.0.0.1"], "dstaddr": ["10.0.0.2"], "bytes": [1]})
    assert names_on(plots.bars(summary)) == ["10.0.0.1 → 10.0.0.2"]
    assert names_on(plots.bars(summary, label="dstaddr")) == ["10.0.0.2"]


def test_several_values_differ_without_colour():
    summary = talkers("a", "b").assign(bytes_sent=[1, 2], bytes_received=[3, 4])
    ax = plots.bars(summary, value=["bytes_sent", "bytes_received"])
    assert [widths(ax, 0), widths(ax, 1)] == [[1, 2], [3, 4]]
    hatches = [group[0].get_hatch() for group in ax.containers]
    assert len(set(hatches)) == 2
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["bytes sent", "bytes received"]
    upper, lower = (group[0].get_y() for group in ax.containers)
    assert upper + ax.containers[0][0].get_height() <= lower


def test_values_of_different_units_do_not_share_an_axis():
    with pytest.raises(FlowlabError, match="do not share a unit"):
        plots.bars(talkers("a"), value=["bytes", "flow_records"])


def test_many_rows_are_cut_and_the_chart_says_so():
    ax = plots.bars(talkers(*(f"10.0.0.{n}" for n in range(200)), amounts=[5] * 200))
    assert len(ax.containers[0]) == 30
    assert "the first 30 of 200 rows" in ax.get_ylabel()
    assert "the first 30 of 200 rows" in plots.describe(ax)


def test_nothing_but_zeros_is_drawn_from_zero():
    ax = plots.bars(talkers("a", amounts=[0]))
    assert ax.get_xlim() == (0, 1)


# Lines.


def test_lines_have_a_line_for_each_group_with_its_values():
    ax = plots.lines(volume(ACCEPT=[5, 6], REJECT=[1, 0]))
    assert [line.get_label() for line in ax.lines] == ["ACCEPT", "REJECT"]
    # The last step is drawn in its width, too.
    assert [list(line.get_ydata()) for line in ax.lines] == [[5, 6, 6], [1, 0, 0]]
    times = ax.lines[0].get_xdata(orig=True)
    assert [str(moment) for moment in times] == [
        "2026-03-02T00:00:00",
        "2026-03-02T01:00:00",
        "2026-03-02T02:00:00",
    ]
    assert {line.get_drawstyle() for line in ax.lines} == {"steps-post"}


def test_lines_differ_without_colour():
    many = {f"group {n}": [n + 1, n + 2] for n in range(7)}
    ax = plots.lines(volume(**many))
    looks = {(line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert len(looks) == len(ax.lines) == 7


def test_lines_keep_the_largest_and_the_legend_says_so():
    many = {f"group {n}": [n + 1, n + 2] for n in range(9)}
    ax = plots.lines(volume(**many))
    assert [line.get_label() for line in ax.lines] == [f"group {n}" for n in range(2, 9)]
    assert "7 largest of 9" in ax.get_legend().get_title().get_text()


def test_lines_say_utc_and_the_width_of_a_step():
    ax = plots.lines(volume("5min", ACCEPT=[5, 6, 7]))
    assert ax.get_xlabel() == "time, UTC"
    assert ax.get_ylabel() == "bytes per 5 min,\nas recorded at each ENI"
    assert plots.lines(volume("1h", A=[1, 2])).get_ylabel().startswith("bytes per hour")


def test_time_axis_is_utc_whatever_the_time_zone_of_the_column_or_of_matplotlib():
    local = volume(ACCEPT=[5, 6])
    local["time"] = local["time"].dt.tz_convert("Asia/Tokyo")
    with mpl.rc_context({"timezone": "America/New_York"}):
        ax = plots.lines(local)
        ax.figure.canvas.draw()
        ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert str(ax.lines[0].get_xdata(orig=True)[0]) == "2026-03-02T00:00:00"
    assert "00:30" in ticks
    assert "19:30" not in ticks


def test_columns_left_out_of_by_are_added_up():
    both = pd.concat([volume(A=[1, 2]).assign(type="IPv4"), volume(A=[10, 20]).assign(type="IPv6")])
    ax = plots.lines(both, by="action")
    assert [list(line.get_ydata()) for line in ax.lines] == [[11, 22, 22]]
    total = plots.lines(both, by=[])
    assert [line.get_label() for line in total.lines] == ["all traffic"]


def test_rows_without_a_time_are_not_drawn_and_the_axis_says_so():
    timeless = pd.DataFrame({"time": [pd.NaT], "action": ["ACCEPT"], "bytes": [999]})
    timeless["time"] = timeless["time"].dt.tz_localize("UTC")
    ax = plots.lines(pd.concat([volume(ACCEPT=[5, 6]), timeless]))
    assert max(ax.lines[0].get_ydata()) == 6
    assert "without a time are not drawn" in ax.get_xlabel()


def test_a_null_group_is_a_line_of_its_own():
    unnamed = volume(x=[1, 2]).assign(action=None)
    ax = plots.lines(pd.concat([volume(ACCEPT=[5, 6]), unnamed]))
    assert [line.get_label() for line in ax.lines] == ["ACCEPT", "(none)"]


# The heat map.


def test_heatmap_puts_the_mean_of_each_hour_in_its_cell():
    # 2026-03-02 is a Monday; eight days later its midnight comes a second time.
    amounts = [0] * (7 * 24) + [100]
    amounts[0], amounts[30] = 50, 7
    ax = plots.heatmap(volume(ACCEPT=amounts))
    cells = ax.collections[0].get_array().reshape(7, 24)
    assert cells[0, 0] == 75
    assert cells[1, 6] == 7
    assert cells.sum() == 82
    assert names_on(ax)[0] == "Mon"
    bottom, top = ax.get_ylim()
    assert bottom > top  # Monday is above


def test_heatmap_adds_groups_up_before_it_takes_the_mean():
    ax = plots.heatmap(volume(ACCEPT=[10], REJECT=[4]))
    assert ax.collections[0].get_array().reshape(7, 24)[0, 0] == 14


def test_heatmap_says_mean_and_marks_the_largest_and_the_unknown_without_colour():
    ax = plots.heatmap(volume(ACCEPT=[1, 9, 3]))
    scale = next(one for one in ax.figure.axes if one is not ax)
    assert scale.get_ylabel() == "mean bytes per hour,\nas recorded at each ENI"
    assert [frame.get_xy() for frame in ax.patches] == [(1, 0)]
    assert ax.patch.get_hatch()
    assert "hatched: outside the period" in ax.get_xlabel()
    assert ax.collections[0].get_array().count() == 3


def test_heatmap_colours_stay_in_order_in_grey():
    ax = plots.heatmap(volume(ACCEPT=[1, 9, 3]))
    shades = ax.collections[0].cmap(np.linspace(0, 1, 50))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(shades) < 0).all()


def test_heatmap_in_another_time_zone():
    ax = plots.heatmap(volume(ACCEPT=[1], begin="2026-03-02 23:00"), tz="Asia/Tokyo")
    cells = ax.collections[0].get_array().reshape(7, 24)
    assert cells[1, 8] == 1  # Tuesday, 08:00
    assert ax.get_xlabel().startswith("hour of the day, Asia/Tokyo")


def test_heatmap_refuses_what_it_would_show_wrongly():
    with pytest.raises(FlowlabError, match=r"300 s wide.*\n.*every=\"1h\""):
        plots.heatmap(volume("5min", ACCEPT=[1, 2]))
    with pytest.raises(FlowlabError, match="'Madrid' is not a time zone"):
        plots.heatmap(volume(ACCEPT=[1, 2]), tz="Madrid")


# All of them.

EMPTY = volume(ACCEPT=[1]).head(0)
EVERY_CHART = [
    (plots.bars, talkers("a", "b")),
    (plots.lines, volume(ACCEPT=[1, 2])),
    (plots.areas, volume(ACCEPT=[1, 2])),
    (plots.heatmap, volume(ACCEPT=[1, 2])),
]
each_chart = pytest.mark.parametrize(
    ("draw", "summary"), EVERY_CHART, ids=[draw.__name__ for draw, _ in EVERY_CHART]
)


@each_chart
def test_draws_on_the_axes_it_is_given_and_makes_no_figure(draw, summary):
    figure, ax = plt.subplots()
    assert draw(summary, ax=ax) is ax
    assert plt.get_fignums() == [figure.number]


@each_chart
def test_is_opaque_and_white_in_any_style(draw, summary):
    with plt.style.context("dark_background"), mpl.rc_context({"savefig.transparent": True}):
        ax = draw(summary)
    white = matplotlib.colors.to_rgba("white")
    assert ax.figure.get_facecolor() == ax.get_facecolor() == white
    assert ax.xaxis.label.get_color() == "black"


@each_chart
def test_does_not_change_its_input(draw, summary):
    before = summary.copy(deep=True)
    draw(summary)
    pd.testing.assert_frame_equal(summary, before)


@each_chart
def test_empty_summary_says_no_records(draw, summary):
    ax = draw(summary.head(0))
    assert [text.get_text() for text in ax.texts] == ["no records"]
    assert plots.describe(ax).endswith(": no records.")
    plots.show(ax, summary.head(0))


@each_chart
def test_missing_columns_are_named_and_no_figure_is_left(draw, summary):
    with pytest.raises(
        MissingFieldError, match=r"bytes, which this summary lacks.*\n.*\n.*flow_rec"
    ):
        draw(summary.drop(columns="bytes"))
    with pytest.raises(UnknownNameError, match="byts"):
        draw(summary, value="byts")
    with pytest.raises(UnknownNameError, match=r"value = '(addr|action)'"):
        draw(summary, value="addr" if draw is plots.bars else "action")
    assert plt.get_fignums() == []


@each_chart
def test_what_is_no_summary_is_refused_with_a_remedy(draw, summary):
    flows = pd.DataFrame({"srcaddr": ["a"], "start": [summary.iloc[0, 0]], "bytes": [1]})
    with pytest.raises(FlowlabError, match="these are flow records"):
        draw(flows)
    with pytest.raises(FlowlabError, match="cannot draw a tuple"):
        draw((summary, None))


def test_a_summary_without_time_is_told_what_to_pass():
    with pytest.raises(MissingFieldError, match=r"fl\.traffic_over_time"):
        plots.lines(talkers("a"))
    with pytest.raises(FlowlabError, match="not moments"):
        plots.heatmap(talkers("a").assign(time=["noon"]))


HOSTILE = [
    "<script>alert(1)</script>",
    r"$\frac{1}{0}$ and $x$",
    r"\$100",
    "_hidden",
    "\u202egnp.exe\u202c",
    "line\nbreak\x00",
    "x" * 500,
]
SEEN = [
    "<script>alert(1)</script>",
    r"$\frac{1}{0}$ and $x$",
    r"\$100",
    "_hidden",
    r"\u202egnp.exe\u202c",
    r"line\u000abreak\u0000",
    "x" * 39 + "…",
]


def test_hostile_names_are_shown_as_text():
    ax = plots.bars(talkers(*HOSTILE, amounts=[1] * 7))
    ax.figure.canvas.draw()
    for text, seen in zip(ax.get_yticklabels(), SEEN, strict=True):
        cleaned, is_formula = text._preprocess_math(text.get_text())
        assert (cleaned.strip(), is_formula) == (seen, False)


def test_hostile_names_of_lines_stand_in_the_legend_as_text():
    parts = [volume(x=[1, 2]).assign(action=name) for name in HOSTILE]
    ax = plots.lines(pd.concat(parts))
    ax.figure.canvas.draw()
    texts = ax.get_legend().get_texts()
    assert [text._preprocess_math(text.get_text())[1] for text in texts] == [False] * 7
    told = [text._preprocess_math(text.get_text())[0].strip() for text in texts]
    assert told == SEEN


def test_long_names_that_begin_alike_stay_apart():
    ax = plots.lines(volume(**{"x" * 100 + "1": [1, 2], "x" * 100 + "2": [3, 4]}))
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 2, 2], [3, 4, 4]]


# In words.


def test_describe_bars():
    ax = plots.bars(talkers("10.0.2.20", "10.0.2.40", "$5", amounts=[24_424_624_176, 5_000, 7]))
    assert plots.describe(ax) == (
        "Bar chart of bytes (as recorded at each ENI) by addr:"
        " 3 bars, from 10.0.2.20 with 24.4 GB to $5 with 7 B."
    )


def test_describe_lines():
    groups = {"ACCEPT": [5, 6_000], "REJECT": [1, 0], "b": [2, 0], "c": [4, 0]}
    assert plots.describe(plots.lines(volume(**groups))) == (
        "Line chart of bytes per hour (as recorded at each ENI) over time, UTC: 4 lines,"
        " 2026-03-02 00:00 to 2026-03-02 02:00; ACCEPT peaks at 6 kB at 2026-03-02 01:00;"
        " c peaks at 4 B at 2026-03-02 00:00; b peaks at 2 B at 2026-03-02 00:00; and 1 more."
    )


def test_describe_heatmap():
    assert plots.describe(plots.heatmap(volume(ACCEPT=[1, 9_000, 3]))) == (
        "Heat map of mean bytes per hour (as recorded at each ENI) by weekday and hour of the day,"
        " UTC: 3 of 168 hours of the week are known, from Monday 01:00 with 9 kB to"
        " Monday 00:00 with 1 B."
    )


def test_describe_follows_what_is_drawn_and_not_what_was_passed():
    ax = plots.bars(talkers("a", "b"))
    for bar, width in zip(ax.containers[0], [1, 44], strict=True):
        bar.set_width(width)
    assert "from b with 44 B to a with 1 B" in plots.describe(ax)


def test_describe_of_somebody_elses_chart_claims_nothing():
    _, ax = plt.subplots()
    ax.plot([1, 2])
    ax.set_title("Mine")
    assert plots.describe(ax) == "Mine: values by position."


def test_describe_passes_over_lines_that_are_not_ours():
    ax = plots.lines(volume(ACCEPT=[5, 6]))
    ax.axhline(3)
    assert "1 line," in plots.describe(ax)


# In a notebook.


def test_show_carries_the_alt_text_and_closes_the_figure():
    ax = plots.bars(talkers("a", "b"))
    text = plots.describe(ax)
    picture = plots.show(ax)
    assert repr(picture) == text
    alt = re.search(r'<img alt="([^"]*)" src="data:image/png;base64,', picture._repr_html_())
    assert html.unescape(alt.group(1)) == text
    assert "<figcaption>Bar chart of bytes (as recorded at each ENI) by addr<" in picture.html
    assert "<details>" not in picture.html
    assert plt.get_fignums() == []


def test_show_folds_the_table_exact_and_with_ports_as_names():
    table = pd.DataFrame(
        {
            "protocol": [6, 17],
            "dstport": pd.array([3389, None], "int32[pyarrow]"),
            "bytes": [24_424_624_176, 1],
            "share": [0.99999, 0.00001],
        }
    )
    page = plots.show(plots.bars(table), table).html
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert cells == [
        ["protocol", "dstport", "bytes", "share"],
        ["TCP", "3389", "24,424,624,176", "100.00%"],
        ["UDP", "(none)", "1", "0.00%"],
    ]
    assert "<details><summary>" in page


def test_show_escapes_everything():
    hostile = talkers('"><script>alert(1)</script>', "\u202eevil").rename(columns={"addr": "<b>"})
    page = plots.show(plots.bars(hostile), hostile).html
    assert "<script" not in page
    assert "<b>" not in page
    assert "\u202e" not in page
    assert page.count('"><script') == 0
    assert "&lt;script&gt;" in page


def test_show_says_where_a_long_table_is_cut():
    long = talkers(*(f"10.0.{n // 256}.{n % 256}" for n in range(1_440)), amounts=[5] * 1_440)
    page = plots.show(plots.bars(long), long).html
    assert page.count("<tr>") == 201
    assert "the first 200 of 1,440 rows" in page


def test_show_describes_every_chart_of_its_figure():
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    plots.bars(talkers("a"), ax=left)
    plots.heatmap(volume(ACCEPT=[1, 2]), ax=right)
    text = plots.show(left).text
    assert text.startswith("Bar chart")
    assert "Heat map" in text
    assert not plt.fignum_exists(figure.number)


def test_the_sample_can_be_drawn():
    flows, _ = fl.sample_flows()
    ports = fl.breakdown(flows, ["protocol", "dstport"], n=5, rank_by="flow_records")
    assert names_on(plots.bars(ports, value="flow_records"))[0] == "TCP, 443"
    empty = fl.traffic_over_time(flows.head(0), every="1h", by="action")
    assert "no records" in plots.describe(plots.lines(empty))
    assert "no records" in plots.describe(plots.heatmap(empty))


def test_a_single_line_needs_no_markers_but_a_single_step_does():
    assert plots.lines(volume(ACCEPT=[1, 2])).lines[0].get_marker() == ""
    assert plots.lines(volume(ACCEPT=[1])).lines[0].get_marker() == "o"
