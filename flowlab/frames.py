"""The flow frame: what every function of flowlab takes and every way of reading gives.

The contract, column by column, by the kind a field has in the schema:

- ids and enumerations: ``category``, categories sorted; null where AWS wrote ``-``.
- addresses, tags, fields flowlab does not know: Arrow-backed strings (64-bit offsets). IPv6 is
  written as RFC 5952 does, so that one host is one text.
- integers: Arrow-backed ``int32`` or ``int64``, exact, nullable.
- ``start`` and ``end``: ``datetime64[s, UTC]``.

Columns stand in the order of the format; the index is 0, 1, 2 ...
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from flowlab import schema
from flowlab.parsing import values

_NO_TIME = np.iinfo(np.int64).min  # how numpy writes NaT


def to_frame(tables: Sequence[pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    """Put parsed tables together into one flow frame.

    Parameters
    ----------
    tables : sequence of pyarrow.Table
        Typed as `flowlab.parsing.values.arrow_type` says; a table may lack columns.
    columns : sequence of str
        Columns of the frame, in order.

    Returns
    -------
    DataFrame
        One row per row of the tables, in their order.
    """
    rows = sum(table.num_rows for table in tables)
    # Several columns at a time: numpy and Arrow let go of the interpreter while they copy.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        built = pool.map(lambda name: _column(name, tables), columns)
        data = dict(zip(columns, built, strict=True))
    return pd.DataFrame(data, index=pd.RangeIndex(rows), copy=False)


def _column(name: str, tables: Sequence[pa.Table]) -> pd.api.extensions.ExtensionArray:
    target = values.arrow_type(name)
    chunks: list[pa.Array] = []
    for table in tables:
        if name in table.column_names:
            chunks += table.column(name).chunks
        elif table.num_rows:
            chunks.append(pa.nulls(table.num_rows, target))
    kind = schema.kind_of(name)
    if kind == "id":
        return _category(chunks)
    if kind == "time":
        return _times(chunks)
    return pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, target))


def _category(chunks: Sequence[pa.DictionaryArray]) -> pd.Categorical:
    names = [chunk.dictionary.to_pylist() for chunk in chunks]
    # Only values that occur: a filtered chunk still carries its whole dictionary.
    used = [
        np.flatnonzero(np.bincount(_places(chunk), minlength=len(words) + 1)[: len(words)])
        for chunk, words in zip(chunks, names, strict=True)
    ]
    categories = sorted(
        {words[i] for words, present in zip(names, used, strict=True) for i in present}
    )
    place = {word: i for i, word in enumerate(categories)}
    codes = np.empty(sum(map(len, chunks)), np.min_scalar_type(-len(categories) - 1))
    at = 0
    for chunk, words in zip(chunks, names, strict=True):
        # The last entry is for null.
        lookup = np.array([place.get(word, -1) for word in words] + [-1], codes.dtype)
        # clip: every place is in range, and mode "raise" would go through a buffer.
        np.take(lookup, _places(chunk), out=codes[at : at + len(chunk)], mode="clip")
        at += len(chunk)
    dtype = pd.CategoricalDtype(pd.Index(categories, dtype="str"))
    return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)


def _places(chunk: pa.DictionaryArray) -> np.ndarray[Any, Any]:
    """Where each value stands in the chunk's dictionary; a null stands behind its end."""
    places: np.ndarray[Any, Any] = chunk.indices.fill_null(len(chunk.dictionary)).to_numpy()
    return places


def _times(chunks: Sequence[pa.Array]) -> pd.arrays.DatetimeArray:
    seconds = np.empty(sum(map(len, chunks)), np.int64)
    at = 0
    for chunk in chunks:
        seconds[at : at + len(chunk)] = chunk.fill_null(_NO_TIME).to_numpy()
        at += len(chunk)
    return pd.DatetimeIndex(seconds.view("M8[s]"), copy=False).tz_localize("UTC").array
