"""A frame's columns in the types of AWS's fields, whoever made the frame.

``read_csv`` makes numbers of account ids, text of times, floats of ports that have a null among
them, and floats of columns without values. Questions are asked of what was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.errors import FlowlabError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NUMBERS, _WORDS = ("int32", "int64", "time"), ("id", "address", "text")
_ACCOUNT_DIGITS = 12


def in_arrow(flows: pd.DataFrame) -> pa.Table:
    """Give a frame as an Arrow table, ``start`` and ``end`` as epoch seconds.

    Raises
    ------
    FlowlabError
        A column holds what its field cannot be, or values of different kinds.
    """
    arrow = _converted(_with_epochs(flows))
    for at, name in enumerate(arrow.column_names):
        given = arrow[at]
        mended = _as_its_field(name, given)
        if mended is not given:
            arrow = arrow.set_column(at, name, mended)
    return arrow


def _converted(flows: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    refused = pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError
    try:
        return pa.Table.from_pandas(flows, preserve_index=False)
    except refused as problem:
        for name in flows.columns:
            try:
                pa.Table.from_pandas(flows[[name]], preserve_index=False)
            except refused:
                raise FlowlabError(
                    f"the column {name} holds values of different kinds.",
                    "text and numbers are mixed in it, or objects that are neither.",
                    f'flows["{name}"] = flows["{name}"].astype("string") makes text of them all.',
                ) from problem
        raise


def _with_epochs(flows: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    epochs: dict[str, Any] = {}
    for name in ("start", "end"):
        if name not in flows or pd.api.types.is_numeric_dtype(flows[name].dtype):
            continue
        seconds = flows[name]
        if seconds.dtype != pd.DatetimeTZDtype("s", "UTC"):
            seconds = _times(seconds)
        whole = seconds.astype("int64")
        epochs[name] = whole.astype("Int64").mask(seconds.isna()) if seconds.hasnans else whole
    return flows.assign(**epochs) if epochs else flows


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read times without a zone (UTC then), finer ones, and those held as text."""
    import pandas as pd

    try:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return pd.to_datetime(column, utc=True).dt.as_unit("s")
        column = column.astype(object)
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.notna().sum() == column.notna().sum():  # epoch seconds, as AWS writes them
            return pd.to_datetime(numbers, unit="s", utc=True).dt.as_unit("s")
        # Others could be read in more than one way, such as 03/04/2026.
        return pd.to_datetime(column, utc=True, format="ISO8601").dt.as_unit("s")
    except (ValueError, TypeError, OverflowError) as problem:
        raise FlowlabError(
            f"the column {column.name} does not hold times.",
            "the frame is not one of fl.read_flows.",
            f'flows["{column.name}"] = pd.to_datetime(flows["{column.name}"], utc=True, '
            'errors="coerce") makes nulls of what is no time.',
        ) from problem


def _as_its_field(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.types as t

    if name not in schema.BY_COLUMN:
        return column
    kind = schema.kind_of(name)
    held = column.type.value_type if t.is_dictionary(column.type) else column.type
    is_text = t.is_string(held) or t.is_large_string(held) or t.is_string_view(held)
    if kind in _NUMBERS and (is_text or t.is_floating(held) or t.is_decimal(held)):
        try:
            return column.cast(held).cast(pa.int64())
        except pa.ArrowInvalid as problem:
            raise FlowlabError(
                f"the column {name} does not hold whole numbers.",
                "the frame is not one of fl.read_flows.",
                f'flows["{name}"] = pd.to_numeric(flows["{name}"], errors="coerce").round() makes '
                "nulls of what is no number.",
            ) from problem
    if kind in _WORDS and not is_text:
        if column.null_count == len(column):
            return pa.chunked_array([pa.nulls(len(column), pa.string())])
        if t.is_integer(held) or t.is_floating(held):
            return _words(name, column.cast(held))
    return column


def _words(name: str, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        words = numbers.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:  # a tag such as 1.5
        return numbers.cast(pa.string())
    # A number has lost the zeros in front.
    return pc.utf8_lpad(words, _ACCOUNT_DIGITS, "0") if name.endswith("account_id") else words
