"""Every text and stream in a PDF."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flowlab.errors import FlowlabError, MissingExtraError


def parts(data: bytes) -> Iterator[tuple[str, str | bytes]]:
    """Give what the pages show, and then every text and stream of every object.

    Also of objects that no page refers to. Each with its place.

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
    yield "source", data


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
