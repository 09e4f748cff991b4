"""Flat documents, named as the columns of a flow frame, for those who have their own mapping."""

from __future__ import annotations

from typing import Any

from flowlab import schema
from flowlab.exports import hashing
from flowlab.exports.documents import Target, column, first_of, moment
from flowlab.exports.ecs import TYPES

_RAW = [
    Target("@timestamp", "date", first_of(moment("end"), moment("start"))),
    *(
        Target(f.column, TYPES[f.kind], moment(f.column) if f.kind == "time" else column(f.column))
        for f in schema.FIELDS
    ),
    *(Target(d.column, TYPES[d.kind], column(d.column)) for d in schema.DERIVED),
    Target("community_id", "keyword", hashing.community_ids),
]
_OURS = {target.path for target in _RAW}


def targets_of(columns: Any = ()) -> list[Target]:
    """List the fields of a document of records with these columns."""
    others = [name for name in columns if name not in _OURS]
    return _RAW + [Target(c.replace(".", "_"), "", column(c)) for c in others]
