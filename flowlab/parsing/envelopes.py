"""CloudWatch Logs in JSON: the lines inside, whichever command or service wrapped them.

Known wrappings: `aws logs filter-log-events` and `get-log-events` (``events``), subscriptions and
Firehose (``logEvents``, one or many documents, gzip and base64 inside), Logs Insights results,
and one JSON document per line with a ``message``.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from flowlab.parsing.text import SHOWN, Rejected, refuse

_LISTS = ("events", "logEvents", "Records", "records", "results")
_PACKED = ("awslogs", "kinesis", "data")
_MESSAGE = re.compile(r'"message"\s*:\s*("(?:[^"\\]|\\.)*")')
_NEXT_DOCUMENT = re.compile(r"\n\s*(?=[\[{])")
_DEEPEST = 20


def looks_like_json(data: bytes) -> bool:
    """Whether this is JSON. No flow-log line begins with a bracket."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def unwrap(data: bytes) -> tuple[bytes, list[Rejected]]:
    """Take flow-log lines out of JSON.

    Returns
    -------
    (bytes, list of Rejected)
        One message per line, so that a line number is the number of the event; and the parts
        of the JSON that hold no message or are damaged. Whole messages inside a damaged
        document are kept.
    """
    text = data.decode("utf-8-sig", "replace")
    found: list[str] = []
    rejected: list[Rejected] = []
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n,":
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            following = _NEXT_DOCUMENT.search(text, at + 1)
            stop = following.end() if following else len(text)
            damaged = text[at:stop]
            rescued = [json.loads(m) for m in _MESSAGE.findall(damaged)]
            found += rescued
            rejected.append(
                _refuse(found, f"damaged JSON; {len(rescued)} messages rescued", damaged)
            )
            at = stop
            continue
        for message, why in _walk(document):
            if why:
                rejected.append(_refuse(found, why, message))
            else:
                found += message.splitlines() or [""]
    return "\n".join(found).encode(), rejected


def _refuse(found: list[str], why: str, text: str) -> Rejected:
    return refuse(len(found) + 1, why, " ".join(text[: SHOWN * 2].split()))


def _walk(node: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Messages in a document, as (text, "") or (what was there, why it is no message)."""
    if depth > _DEEPEST:
        yield str(node)[:SHOWN], "nested too deeply"
    elif isinstance(node, str):
        yield node, ""
    elif isinstance(node, list) and (line := _insights_message(node)) is not None:
        yield line, ""
    elif isinstance(node, list):
        for item in node:
            yield from _walk(item, depth + 1)
    elif not isinstance(node, dict):
        yield str(node)[:SHOWN], "not a log event"
    elif isinstance(node.get("message"), str):
        yield node["message"], ""
    elif node.get("messageType") == "CONTROL_MESSAGE":
        yield json.dumps(node)[:SHOWN], "a CloudWatch control message"
    elif holders := [key for key in _LISTS if isinstance(node.get(key), list)]:
        for key in holders:
            yield from _walk(node[key], depth + 1)
    elif holders := [key for key in _PACKED if key in node]:
        for key in holders:
            yield from _unpack(node[key], depth)
    else:
        yield json.dumps(node)[:SHOWN], "no log event in this JSON document"


def _insights_message(row: list[Any]) -> str | None:
    for cell in row:
        if isinstance(cell, dict) and cell.get("field") == "@message":
            return str(cell.get("value", ""))
    return None


def _unpack(packed: Any, depth: int) -> Iterator[tuple[str, str]]:
    """base64, usually of gzip, of another document or of bare lines."""
    if isinstance(packed, dict):
        yield from _walk(packed, depth + 1)
        return
    try:
        raw = base64.b64decode(str(packed), validate=True)
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        text = raw.decode()
    except (binascii.Error, OSError, EOFError, zlib.error, UnicodeDecodeError):
        yield str(packed)[:SHOWN], "data that is neither base64 of text nor of gzip"
        return
    if not looks_like_json(raw):
        yield text, ""
        return
    try:
        yield from _walk(json.loads(text), depth + 1)
    except json.JSONDecodeError:
        yield text[:SHOWN], "damaged JSON"
