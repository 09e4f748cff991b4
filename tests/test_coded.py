"""Columns of text as codes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlab.coded import category, encoded

_words = st.lists(st.none() | st.sampled_from(["", "a", "b", "10.0.0.1"]), max_size=4)


@given(st.lists(_words, max_size=4))
def test_every_row_keeps_its_text(chunks):
    column = pa.chunked_array(chunks, pa.large_string())
    codes, texts = encoded(column)
    given = [word for chunk in chunks for word in chunk]
    assert [word for some in codes for word in texts.take(some).to_pylist()] == given
    assert sorted(texts.to_pylist()) == sorted({*given} - {None})


def test_a_text_that_each_chunk_has_is_there_once():
    codes, texts = encoded(pa.chunked_array([["b", "a"], ["a", "c"]], pa.large_string()))
    assert texts.to_pylist() == ["b", "a", "c"]
    assert [some.to_pylist() for some in codes] == [[0, 1], [1, 2]]


@pytest.mark.parametrize("rows", [0, 3, 200_000])
def test_a_category_has_the_words_that_occur_sorted(rows):
    codes = np.resize(np.array([3, -1, 0, 1], np.int8), rows)
    column = category(codes, ["b", None, "never", "a"])
    assert column.tolist()[:4] == ["a", np.nan, "b", np.nan][:rows]
    assert column.categories.tolist() == (["a", "b"] if rows else [])
    assert column.isna().sum() == (codes == -1).sum() + (codes == 1).sum()
