"""The fields of a version 5 flow record, in the order of AWS's documentation."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa


class Field(NamedTuple):
    """One field: AWS's name, the flow log version that brought it, the type of its values."""

    name: str
    version: int
    type: pa.DataType


INT32, INT64, TEXT = pa.int32(), pa.int64(), pa.string()

FIELDS = (
    Field("version", 2, INT32),
    Field("account-id", 2, TEXT),
    Field("interface-id", 2, TEXT),
    Field("srcaddr", 2, TEXT),
    Field("dstaddr", 2, TEXT),
    Field("srcport", 2, INT32),
    Field("dstport", 2, INT32),
    Field("protocol", 2, INT32),
    Field("packets", 2, INT64),
    Field("bytes", 2, INT64),
    Field("start", 2, INT64),
    Field("end", 2, INT64),
    Field("action", 2, TEXT),
    Field("log-status", 2, TEXT),
    Field("vpc-id", 3, TEXT),
    Field("subnet-id", 3, TEXT),
    Field("instance-id", 3, TEXT),
    Field("tcp-flags", 3, INT32),
    Field("type", 3, TEXT),
    Field("pkt-srcaddr", 3, TEXT),
    Field("pkt-dstaddr", 3, TEXT),
    Field("region", 4, TEXT),
    Field("az-id", 4, TEXT),
    Field("sublocation-type", 4, TEXT),
    Field("sublocation-id", 4, TEXT),
    Field("pkt-src-aws-service", 5, TEXT),
    Field("pkt-dst-aws-service", 5, TEXT),
    Field("flow-direction", 5, TEXT),
    Field("traffic-path", 5, INT32),
)

#: The default format of a flow log.
V2 = tuple(field.name for field in FIELDS if field.version == 2)
#: Every field up to version 5.
V5 = tuple(field.name for field in FIELDS)
