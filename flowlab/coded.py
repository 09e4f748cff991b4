"""Columns of text as codes: which of the distinct texts stands in each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flowlab.working import POOL, blocks, taken

NULL = -1


def encoded(column: pa.ChunkedArray) -> tuple[list[pa.Array], pa.Array]:
    """Give the codes of a column of text, chunk by chunk, and the distinct texts they stand for.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of large strings

    Returns
    -------
    list of pyarrow.Array, pyarrow.Array
        Code i is the text at i; null stays null.
    """
    coded = pc.dictionary_encode(column, memory_pool=POOL)
    texts = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], column.type)
    # All chunks have the same texts, which to unify would hash once for each chunk.
    if not all(chunk.dictionary.equals(texts) for chunk in coded.chunks):
        coded = coded.unify_dictionaries()
        texts = coded.chunk(0).dictionary
    return [chunk.indices for chunk in coded.chunks], texts


def category(codes: NDArray[Any], words: Sequence[str | None]) -> pd.Categorical:
    """Make a column of ids or words as a flow frame has it: sorted, and only those that occur.

    Parameters
    ----------
    codes : array of integers
        Code i is words[i]; NULL is null.
    words : sequence of str or None
        One that is None is null.
    """
    used = np.zeros(len(words) + 1, bool)
    for rows in blocks(len(codes)):
        used[codes[rows]] = True  # NULL is the last
    there = [word for word, here in zip(words, used, strict=False) if here]
    kept = sorted({word for word in there if word is not None})
    place: dict[str | None, int] = {word: number for number, word in enumerate(kept)}
    width = np.min_scalar_type(-len(kept) - 1)
    lookup = np.array([place.get(word, NULL) for word in words] + [NULL], width)
    dtype = pd.CategoricalDtype(pd.Index(kept, dtype="str"))
    return pd.Categorical.from_codes(taken(lookup, codes), dtype=dtype, validate=False)
