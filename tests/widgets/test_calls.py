"""The text of a call is Python that gives back the very values, and its doing is the text's."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import flowlab as fl
from flowlab.errors import FlowlabError
from flowlab.widgets.calls import Call, Name, Step, literal, text_of

HOSTILE = [
    "", "'", '"', "'\"", '"""', "'''", "\\", "\\'", '\\"', "\\\\\"'", "\n", "a\nb\r\n\tc", "\0", "\x1b[31m",
    "{}", "{0}", "{flows}", "%s", '"); import os; os.system("x"); ("', "' + str(1) + '", "# no comment",
    "\u202egnp.exe", "\u2066\u2069", "\u200b", "\u2028", "\ufeff", "ü€😀", "<script>alert(1)</script>", "\ud800",
    "\\N{BULLET}", "\\x41", "eni-0a", "x" * 5000,
]  # fmt: skip
plain = st.recursive(
    st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_and_nothing_in_it_acts(text):
    written = literal(text)
    assert eval(written, {"__builtins__": {}}) == text
    assert "\n" not in written and "\r" not in written
    assert all(c.isprintable() for c in written)  # nothing turns the line around, or hides


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back(text):
    assert eval(literal(text), {"__builtins__": {}}) == text
    assert literal(text).isprintable()


@given(plain)
@settings(max_examples=200, deadline=None)
def test_any_plain_value_comes_back_with_its_type(value):
    again = eval(literal(value), {"__builtins__": {}})
    assert again == value
    assert repr(again) == repr(value)


def test_text_stands_in_double_quotes_as_people_write_it():
    assert literal("10.0.0.0/8") == '"10.0.0.0/8"'
    assert literal(["a", ("b",), None]) == '["a", ("b",), None]'
    assert literal(dt.datetime(2026, 3, 2, 8)) == '"2026-03-02 08:00:00"'  # noqa: DTZ001
    assert literal(Name("flows")) == "flows"


def test_calls_in_calls_are_written_where_they_stand():
    rule = Call("rule", ["mine"], {"addr": ["10.0.0.0/8"], "port": "1-2"})
    call = Call("only", [Name("flows")], {"rules": [rule, "dns"]})
    assert str(call) == (
        'fl.only(flows, rules=[fl.rule("mine", addr=["10.0.0.0/8"], port="1-2"), "dns"])'
    )
    assert text_of([Step("kept", call), Call("totals", [Name("kept")])]) == (
        f"kept = {call}\nfl.totals(kept)"
    )


@pytest.mark.parametrize(
    "steps",
    [
        [Call("top_talkers", [Name("flows")], {"rank_by": "packets", "n": 3})],
        [
            Step("kept", Call("only", [Name("flows")], {
                "rules": [Call("rule", ["a"], {"addr": ["10.0.0.0/16"], "protocol": 6}),
                          Call("rule", ["b"], {"port": (50, 60)})]})),
            Step("kept", Call("exclude", [Name("kept")], {"rules": ["dns"]})),
            Call("breakdown", [Name("kept")], {"by": ["action", "dstport"], "n": None}),
        ],
        [
            Step("now", Call("peers", [Name("flows")], {"n": 4})),
            Step("before", Call("peers", [Name("flows")], {"n": None})),
            Call("beside", [Name("now"), Name("before")]),
        ],
    ],
)  # fmt: skip
def test_doing_is_what_the_text_says(flows, run, steps):
    names = {"flows": flows}
    for step in steps:
        answer = (step.call if isinstance(step, Step) else step).run(names)
        if isinstance(step, Step):
            names[step.target] = answer
    assert_frame_equal(run(text_of(steps), flows), answer)
    assert names["flows"] is flows


def test_a_function_of_a_module_is_found_too(flows):
    drawn = Call("plots.describe", [Call("plots.bars", [Call("breakdown", [Name("f"), "action"])])])
    import matplotlib.pyplot as plt

    assert drawn.run({"f": flows}).startswith("Bar chart of bytes")
    plt.close("all")


def test_errors_of_the_function_arrive_as_they_are(flows):
    with pytest.raises(FlowlabError, match="rank_by"):
        Call("top_talkers", [Name("flows")], {"rank_by": "weight"}).run({"flows": flows})
    assert not hasattr(fl, "no_such_function")
    with pytest.raises(AttributeError, match="no_such_function"):
        Call("no_such_function").run({})
