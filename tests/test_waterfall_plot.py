"""The picture of a waterfall: bars hang where they should, and are told without colour."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import flowlab as fl
from flowlab import pictures, waterfalls
from flowlab.errors import FlowlabError, UnknownNameError
from flowlab.exclusions import waterfall

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_left():
    plt.close("all")
    yield
    plt.close("all")


def steps(*rows):
    """Steps like waterfall's: (name, alone, taken, remaining) in bytes."""
    table = pd.DataFrame(rows, columns=["step", "bytes_alone", "bytes_taken", "bytes_remaining"])
    return table.assign(bytes_overlap=table["bytes_alone"] - table["bytes_taken"])


# 1000 bytes; dns takes 300; udp matches 400 of which 100 were gone; 400 stay.
_STEPS = steps(
    ("all records", 0, 0, 1000), ("dns", 300, 300, 700), ("udp", 400, 300, 400), ("kept", 0, 0, 400)
)


def spans(group):
    """Left and right end of each bar that is drawn."""
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in group]
    return [None if np.isnan(right) else (left, right) for left, right in drawn]


def test_bars_hang_where_the_one_above_ends():
    ax = waterfalls.waterfall(_STEPS, value="bytes")
    left, taken, overlap = ax.containers
    assert spans(left) == [(0, 1000), None, None, (0, 400)]
    assert spans(taken) == [None, (700, 1000), (400, 700), None]
    assert spans(overlap) == [None, (1000, 1000), (700, 800), None]
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "all records",
        "dns",
        "udp",
        "kept",
    ]
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_amounts_and_units_stand_in_words():
    ax = waterfalls.waterfall(_STEPS, value="bytes")
    assert [text.get_text() for text in ax.texts] == ["1 kB", "300 B", "300 B of 400 B", "400 B"]
    assert ax.get_xlabel() == "bytes, as recorded at each ENI"
    assert ax.get_xlim()[0] == 0


def test_parts_differ_without_colour():
    ax = waterfalls.waterfall(_STEPS, value="bytes")
    assert len({group[1].get_hatch() for group in ax.containers}) == 3
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["left", "taken at its turn", "taken by earlier rules"]


def test_it_can_be_told_and_shown():
    flows, _ = fl.sample_flows()
    table = waterfall(flows, ["dns-private", "dns", "scan-noise"])
    ax = waterfalls.waterfall(table)
    told = pictures.describe(ax)
    assert told.startswith(
        "Bar chart of flow records by step: 5 bars, left from all records with 97 k"
    )
    assert "taken at its turn from dns-private with 6.49 k to dns with 760" in told
    assert "<img alt=" in pictures.show(ax, table).html


def test_an_empty_waterfall_says_so():
    flows = fl.sample_flows()[0].head(0)
    ax = waterfalls.waterfall(waterfall(flows, ["dns"]))
    assert [text.get_text() for text in ax.texts] == ["no records"]
    assert pictures.describe(ax) == "Bar chart of flow records by step: no records."


def test_names_are_text_and_short():
    name = "$x^2$ " + "long " * 20
    ax = waterfalls.waterfall(
        steps(("all records", 0, 0, 9), (name, 9, 9, 0), ("kept", 0, 0, 0)), value="bytes"
    )
    label = ax.get_yticklabels()[1].get_text()
    assert label.startswith(r"\$x^2\$")
    assert label.endswith("…")


def test_an_axes_of_one_s_own():
    _, mine = plt.subplots()
    assert waterfalls.waterfall(_STEPS, value="bytes", ax=mine) is mine


def test_bad_input():
    with pytest.raises(FlowlabError, match=r"pass the DataFrame of fl.waterfall"):
        waterfalls.waterfall(fl.sample_flows()[0])
    with pytest.raises(UnknownNameError, match="value = 'flow_records' is not known"):
        waterfalls.waterfall(_STEPS)
