"""Every text and stream in a PDF."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import Any

from flowlab.errors import FlowlabError, MissingExtraError

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_MOST = 1 << 26  # bytes of one stream


def parts(data: bytes) -> Iterator[tuple[str, str | bytes]]:
    """Give what the pages show, and then every text and stream of every object.

    Also of objects that no page refers to, and of those that a later version of them replaced.
    Each with its place.

    Raises
    ------
    FlowlabError
        It cannot be read, or only with a password.
    MissingExtraError
        pypdf is not installed.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
        from pypdf.generic import IndirectObject
    except ImportError as error:
        raise MissingExtraError(
            "looking into a PDF needs the package pypdf, which is not installed.",
            "flowlab was installed without its extra `lab`",
            "pip install 'flowlab[lab]'",
        ) from error
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise FlowlabError(
                "this PDF is locked, so nobody can say what is in it.", fix="scan it unlocked."
            )
        for number, page in enumerate(reader.pages, 1):
            yield f"page {number}", page.extract_text()
        yield "metadata", "\n".join(map(str, (reader.metadata or {}).values()))
        for number in range(1, int(str(reader.trailer["/Size"]))):
            held = reader.get_object(IndirectObject(number, 0, reader))
            yield from _values(held, f"object {number}")
    except (PyPdfError, KeyError, ValueError, RecursionError) as error:
        raise FlowlabError(
            "this PDF cannot be read, so nobody can say what is in it.", "it is damaged"
        ) from error
    yield from _source(data)


def _source(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Give what is in the file, whether an object leads to it or not; but no pixels."""
    # Without its first bytes, by which it would be taken for a document again.
    yield "source", _STREAM.sub(b" ", data).removeprefix(b"%PDF-")
    for found in _STREAM.finditer(data):
        held = found[1]
        if held.startswith(b"\xff\xd8"):  # a JPEG: what stands before its pixels
            yield "picture", held[: held.find(b"\xff\xda")]
        elif (
            b"/Image" not in data[max(found.start() - 500, 0) : found.start()].rpartition(b"obj")[2]
        ):
            try:
                yield "stream", zlib.decompressobj().decompress(held, _MOST)
            except zlib.error:  # packed in another way, of which pypdf has the keys
                continue


def _values(value: Any, place: str) -> Iterator[tuple[str, str | bytes]]:
    from pypdf.generic import ArrayObject, DictionaryObject, StreamObject

    if isinstance(value, DictionaryObject):
        for name, inner in value.items():
            yield place, str(name)
            yield from _values(inner, place)  # what it only refers to has its own turn
        # Pixels are no text, and there are many of them.
        if isinstance(value, StreamObject) and value.get("/Subtype") != "/Image":
            yield place, value.get_data()
    elif isinstance(value, ArrayObject):
        for inner in value:
            yield from _values(inner, place)
    elif isinstance(value, str | bytes):
        yield place, value
