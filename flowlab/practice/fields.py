"""The fields the generator fills: versions 2 to 5, from the schema, with their Parquet types."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from flowlab import schema


class Field(NamedTuple):
    """One field: AWS's name, the flow log version that brought it, the type of its values."""

    name: str
    version: int
    type: pa.DataType


INT32, INT64, TEXT = pa.int32(), pa.int64(), pa.string()
_TYPES = {"int32": INT32, "int64": INT64, "time": INT64}

FIELDS = tuple(
    Field(f.name, f.version, _TYPES.get(f.kind, TEXT))
    for f in schema.FIELDS
    if f.version <= 5  # later versions need services this environment does not have
)

#: The default format of a flow log.
V2 = tuple(field.name for field in FIELDS if field.version == 2)
#: Every field up to version 5.
V5 = tuple(field.name for field in FIELDS)
