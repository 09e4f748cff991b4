"""What an index must know before the first document: types, and whether it has others already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowlab.errors import FlowlabError, unknown_name
from flowlab.exports import documents, ecs, raw
from flowlab.exports.documents import Target

SCHEMAS = ("ecs", "raw")
# A server guesses numbers and times right, but takes an address for text.
_ADDRESSES = {"ecs": ("source.ip", "destination.ip", "related.ip"), "raw": ("srcaddr", "dstaddr")}
_LONGEST_NAME = 255  # bytes
_FORBIDDEN = re.compile(r'[A-Z\\/*?"<>| ,#:\s]')

# Types that hold the same values; a stored mapping may have either.
_ALIKE = {
    "keyword": {"keyword", "constant_keyword", "wildcard", "flat_object", "flattened"},
    "long": {"long", "integer", "unsigned_long"},
    "date": {"date", "date_nanos"},
}


def targets_of(schema: str, columns: Sequence[str] = ()) -> list[Target]:
    """List the fields of the documents of a schema.

    Raises
    ------
    UnknownNameError
        No such schema.
    """
    if schema not in SCHEMAS:
        raise unknown_name("ship: schema =", schema, SCHEMAS)
    return ecs.targets_of(columns) if schema == "ecs" else raw.targets_of(columns)


def index_name(name: str) -> str:
    """Check a name by the rules that Elasticsearch and OpenSearch have for an index.

    Raises
    ------
    FlowlabError
        No server would take it.
    """
    wrong = (
        "it is empty" if not name
        else "capitals, spaces and any of \\ / * ? \" < > | , # : are not allowed"
        if _FORBIDDEN.search(name)
        else "it begins with -, _ or +" if name[0] in "-_+"
        else "it is a dot or two" if name in (".", "..")
        else f"it is longer than {_LONGEST_NAME} bytes" if len(name.encode()) > _LONGEST_NAME
        else ""
    )  # fmt: skip
    if wrong:
        raise FlowlabError(
            f"index={name[:60]!r} cannot be the name of an index: {wrong}.",
            fix='use small letters, digits, "-" and ".", as in "flow-logs-2026.11".',
        )
    return name


def template(index: str, schema: str) -> dict[str, Any]:
    """Write the index template for an index of this name, and no other."""
    mappings = {
        "date_detection": False,
        # Columns of one's own: text that is not searched word by word.
        "dynamic_templates": [
            {
                "text_is_keyword": {
                    "match_mapping_type": "string",
                    "mapping": {"type": "keyword", "ignore_above": 1024},
                }
            }
        ],
        "properties": documents.properties(targets_of(schema)),
    }
    return {
        "index_patterns": [index],
        "priority": 200,  # above the stack's own, which are at 100
        "template": {"mappings": mappings},
        "_meta": {"description": f"VPC Flow Logs, schema {schema}, by flowlab"},
    }


def conflicts(answer: Mapping[str, Any], schema: str) -> list[str]:
    """Name the fields that an index has with a type our values cannot have.

    Parameters
    ----------
    answer : mapping
        What the server answers to ``GET index/_mapping``: by name of a concrete index.
    schema : str
    """
    wanted = {target.path: target.type for target in targets_of(schema)}
    found = []
    for name, held in answer.items():
        there = dict(_flat(held.get("mappings", {}).get("properties", {})))
        for path, want in wanted.items():
            has = there.get(path)
            if has and has != want and has not in _ALIKE.get(want, ()):
                found.append(f"{path} is {has}, not {want}" + (f" ({name})" * (len(answer) > 1)))
    return found


def untyped(answer: Mapping[str, Any], schema: str) -> list[str]:
    """Name the addresses for which an index has no type, so that the server would guess text.

    Parameters
    ----------
    answer : mapping
        As for `conflicts`. An index with dynamic templates of its own, or which takes no field
        that it does not know, guesses nothing.
    schema : str
    """
    found = []
    for name, held in answer.items():
        mappings = held.get("mappings", {})
        guesses = str(mappings.get("dynamic", True)).lower() == "true"
        if guesses and not mappings.get("dynamic_templates"):
            there = dict(_flat(mappings.get("properties", {})))
            lacking = [path for path in _ADDRESSES[schema] if path not in there]
            found += [path + f" ({name})" * (len(answer) > 1) for path in lacking]
    return found


def _flat(properties: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from _flat(field["properties"], f"{above}{name}.")
        # An object without a field yet has neither.
        elif "type" in field:
            yield f"{above}{name}", field["type"]
