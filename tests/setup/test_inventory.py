"""Inventories: written, read back, and told apart from other files."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlab.errors import FlowlabError, SourceError
from flowlab.setup.inventory import FORMAT, Answer, Inventory, Refusal, from_json, read, scope_of

TAKEN = datetime(2026, 11, 2, 10, 30, 0, 123456, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
refusals = st.builds(
    Refusal, st.sampled_from(["denied", "failed", "not asked"]), st.text(max_size=9)
)
answers = st.builds(Answer, st.text(max_size=9), st.text(max_size=9), json_values) | st.builds(
    lambda ask, why: Answer(ask, refusal=why), st.text(max_size=9), refusals
)
scopes = st.builds(
    scope_of, st.text(max_size=12), st.text(max_size=9), st.lists(answers, max_size=4), st.text()
)


@given(st.lists(scopes, max_size=3), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(made, practice, anonymized):
    whole = Inventory(TAKEN, tuple(made), {"vpc": None, "regions": ["a"]}, practice, anonymized)
    text = whole.to_json()
    assert from_json(text) == whole
    assert from_json(text).to_json() == text


def test_order_of_answers_and_time_zone_make_no_difference():
    one = [Answer("b:B", "x", 1), Answer("a:A", "", None)]
    text = Inventory(TAKEN, (scope_of("1", "r", one),)).to_json()
    east = TAKEN.astimezone(timezone(timedelta(hours=5)))
    assert Inventory(east, (scope_of("1", "r", one[::-1]),)).to_json() == text
    assert from_json(text).taken.utcoffset() == timedelta(0)


def test_nothing_is_not_a_refusal_and_what_was_not_asked_says_so():
    (scope,) = from_json(
        Inventory(
            TAKEN, (scope_of("1", "r", [Answer("iam:GetRole", "arn"), Answer("s3:X", refusal=Refusal("denied", "no"))]),)
        ).to_json()
    ).scopes  # fmt: skip
    assert scope.get("iam:GetRole", "arn").known and scope.get("iam:GetRole", "arn").value is None
    assert scope.get("s3:X").refusal == Refusal("denied", "no") and not scope.get("s3:X").items()
    nobody = scope.get("iam:GetRole", "another")
    assert (
        nobody.refusal and nobody.refusal.kind == "not asked" and "another" in nobody.refusal.reason
    )


WHOLE = Inventory(TAKEN, (scope_of("1", "r", [Answer("a:A", "", [1])]),)).to_json()


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "null", "3", '"x"', "{}", WHOLE[: len(WHOLE) // 2],
     WHOLE.replace('"taken": "', '"taken": "x'), WHOLE.replace('"scopes"', '"scope"'),
     WHOLE.replace('"ask"', '"asks"'), WHOLE.replace('"answers": [', '"answers": [3, '),
     json.dumps(json.loads(WHOLE) | {"scopes": 3})],
)  # fmt: skip
def test_other_and_damaged_files_are_told_as_such(text):
    with pytest.raises(FlowlabError, match="setup-1.json is not a saved set-up") as told:
        from_json(text, "setup-1.json")
    assert "fl.check_setup(...).save(folder)" in str(told.value)


def test_another_version_is_named():
    with pytest.raises(FlowlabError, match="'flowlab inventory 9', not 'flowlab inventory 1'"):
        from_json(WHOLE.replace(FORMAT, "flowlab inventory 9"))


def test_a_folder_gives_its_newest(tmp_path):
    for hour in (9, 11, 10):
        whole = Inventory(TAKEN.replace(hour=hour), ())
        (tmp_path / f"setup-20261102T{hour:02}0000Z.json").write_text(whole.to_json(), "utf-8")
    # By name, not by when it was copied there.
    os.utime(tmp_path / "setup-20261102T090000Z.json", (time.time() + 99,) * 2)
    (tmp_path / "zzz.json").write_text("not ours")
    assert read(tmp_path).taken.hour == 11
    assert read(tmp_path / "setup-20261102T090000Z.json").taken.hour == 9


@pytest.mark.parametrize("name", ["", "missing", "missing/setup-1.json"])
def test_nothing_there_says_so(tmp_path, name):
    with pytest.raises(SourceError, match="there is no saved set-up at"):
        read(tmp_path / name)


def test_a_file_that_is_no_text_is_told_with_its_name(tmp_path):
    (tmp_path / "setup-1.json").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(FlowlabError, match=r"setup-1\.json is not a saved set-up"):
        read(tmp_path)
