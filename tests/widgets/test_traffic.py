"""The small widgets: their call is what they show, for all of their options."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pytest
from pandas.testing import assert_frame_equal

import flowlab as fl
from flowlab import widgets


@pytest.mark.parametrize("make", [widgets.talkers, widgets.timeline])
def test_the_call_is_what_is_shown_for_all_options(flows, run, make):
    panel = make(flows)
    names = list(panel.controls)
    choices = []
    for control in panel.controls.values():
        options = getattr(control, "options", None)
        choices.append(
            [o[1] if isinstance(o, tuple) else o for o in options] if options else [1, 4, 30]
        )
    for chosen in itertools.islice(itertools.product(*choices), 0, None, 3):
        with panel.together():
            for name, value in zip(names, chosen, strict=True):
                panel.controls[name].value = value
        assert panel.error == ""
        assert_frame_equal(run(panel.call, flows), panel.result)
        for value in chosen:
            assert str(value).replace("nothing", "by=None") in panel.call
    assert plt.get_fignums() == []


def test_what_it_begins_with_is_what_was_asked_for(flows):
    assert widgets.talkers(flows, rank_by="packets", n=3).call == (
        'fl.top_talkers(flows, rank_by="packets", n=3)'
    )
    assert widgets.timeline(flows, every="1h", by=None).call == (
        'fl.traffic_over_time(flows, every="1h", by=None)'
    )


def test_they_are_asked_of_an_archive_or_held_records_too(flows):
    from flowlab.holding import hold

    assert_frame_equal(widgets.talkers(hold(flows)).result, widgets.talkers(flows).result)


def test_the_picture_stays_with_the_notebook_and_says_what_it_shows(flows):
    for panel, kind in (
        (widgets.talkers(flows), "Bar chart"),
        (widgets.timeline(flows), "Line chart"),
    ):
        assert f'<img alt="{kind} of bytes' in panel.static()
        assert "<table>" in panel.static()
        assert panel._view.value == panel.static()


def test_records_without_bytes_or_of_few_columns_have_fewer_options(flows):
    few = flows.drop(columns=["bytes"])
    assert next(iter(widgets.timeline(few).controls["by"].options)) == ("nothing", "nothing")
    assert widgets.talkers(few, rank_by="packets").controls["rank_by"].options == (
        "flow_records", "packets",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "lacking"), [(widgets.talkers, "bytes"), (widgets.timeline, "action")]
)
def test_records_that_lack_what_it_begins_with_are_shown_all_the_same(flows, make, lacking):
    assert make(flows.drop(columns=lacking)).error == ""


def test_an_option_that_does_not_exist_is_told_as_everywhere(flows):
    with pytest.raises(fl.FlowlabError, match="weight"):
        widgets.talkers(flows, rank_by="weight")


def test_no_records_are_shown_as_none(flows):
    for make in (widgets.talkers, widgets.timeline):
        panel = make(flows.iloc[:0])
        assert panel.error == "" and len(panel.result) == 0
        assert "no records" in panel.static()
    assert plt.get_fignums() == []


def test_the_package_offers_its_widgets_by_name():
    assert {"talkers", "timeline"} <= set(dir(widgets))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = widgets.nothing
