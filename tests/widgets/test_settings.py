"""Settings as a short text: what was written is read, and what was not is refused with a remedy."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlab.errors import FlowlabError
from flowlab.widgets.settings import Settings, from_text

_words = st.tuples() | st.lists(st.text(max_size=12), max_size=4).map(tuple)
_KINDS = {
    "str": st.text(max_size=40),
    "int": st.integers(),
    "bool": st.booleans(),
    "tuple[str, ...]": _words,
    "str | None": st.none() | st.text(max_size=40),
    "int | None": st.none() | st.integers(),
}
any_settings = st.builds(
    Settings, **{f.name: _KINDS[str(f.type)] for f in dataclasses.fields(Settings)}
)


def packed(data: object) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")


@given(any_settings)
@settings(max_examples=200, deadline=None)
def test_what_was_written_is_read(chosen):
    text = chosen.to_text()
    assert from_text(text) == chosen
    assert from_text(f"  {text}\n") == chosen  # as it is copied out of a mail
    assert text.isascii() and not set(text) & set(" \n'\"<>&+/=")


def test_an_explorer_that_was_just_opened_has_a_text_of_a_few_characters():
    assert Settings().chosen() == {}
    assert len(Settings().to_text()) < 20
    assert from_text(Settings().to_text()) == Settings()
    assert Settings().but(n=5).chosen() == {"n": 5}


@given(any_settings, st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_text_is_refused_or_says_the_same(chosen, data):
    text = chosen.to_text()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FFF))
    damaged = data.draw(
        st.sampled_from([text[:at], text[at + 1 :], text[:at] + other + text[at + 1 :]])
    )
    try:
        read = from_text(damaged)
    except FlowlabError as problem:
        assert problem.what and problem.why and problem.fix
    else:
        # Base64 skips what is no letter of it; the last letter has bits nobody reads.
        assert read == chosen


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused_with_a_remedy(text):
    try:
        assert isinstance(from_text(text), Settings)
    except FlowlabError as problem:
        assert "copy it whole" in problem.fix


@pytest.mark.parametrize(
    "data",
    [
        {"colour": "red"}, {"__class__": "x"}, {"n": "10"}, {"n": 1.5}, {"n": True}, {"n": None},
        {"addr": None}, {"addr": ["10.0.0.1"]}, {"rules": "dns"}, {"rules": [1]}, {"rules": [["dns"]]},
        {"compare": 1}, {"page": False}, {"protocol": "6"}, {"protocol": True}, {"start": 5},
        [], "text", 5, None, [1], [["n"]], b"", b"{", b"\xff\xfe", b'{"n": NaN}', b'{"n": 1' + b"0" * 5000 + b"}",
    ],
)  # fmt: skip
def test_unknown_names_and_wrong_types_are_refused(data):
    if data == []:
        assert from_text(packed(data)) == Settings()  # no choice at all
        return
    with pytest.raises(FlowlabError, match="not the settings of an explorer"):
        from_text(packed(data))


@pytest.mark.parametrize("text", ["", " ", "====", "\0", "ü", "AAAA" * 30_000, "A" * 5, None, 7])
def test_what_is_no_settings_at_all_is_refused(text):
    with pytest.raises(FlowlabError, match="copy it whole"):
        from_text(text)


def test_a_text_that_swells_is_refused_before_it_fills_the_memory():
    import tracemalloc

    bomb = packed(b'{"addr": "' + b"1" * 30_000_000 + b'"}')
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(FlowlabError, match="not the settings"):
        from_text(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_brackets_in_brackets_do_not_exhaust_the_interpreter():
    with pytest.raises(FlowlabError, match="not the settings"):
        from_text(packed(b"[" * 90_000))


def test_settings_cannot_be_changed_only_made_anew():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().n = 5  # type: ignore[misc]
