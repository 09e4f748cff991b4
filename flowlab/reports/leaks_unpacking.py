"""Every text that is in a file, also where no eye would find it."""

from __future__ import annotations

import binascii
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from flowlab.reports.leaks_originals import UNSEEN

DEEPEST = 8  # times that something may be within something else
MOST = 512 * 1024 * 1024  # bytes to look through; more is not unpacked, and said so

_TAG = re.compile(r"<[A-Za-z/!]")
_BASE64 = re.compile(
    r"(?:[A-Za-z0-9+/_-]{60,}+[ \t]*\r?\n[ \t]*)++[A-Za-z0-9+/_-]*+={0,2}|[A-Za-z0-9+/_-]{10,}+"
)
_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))",
    re.DOTALL,
)
_SHORT_ESCAPES = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " ", "v": " ", "0": " "}
_SOME_TEXT = re.compile(
    rb"[\x20-\x7e]{7}|(?:[\x20-\x7e]|[\xc3-\xf4][\x80-\xbf]+){7}|(?:[\x20-\xff]\x00){6}"
)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")  # of a terminal: no part of the word behind it
_RUN = re.compile(rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3}){6,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e]\x00){6,}|(?:\x00[\x20-\x7e]){6,}")
_COMPRESSED = (b"\x1f\x8b\x08", b"x\x01", b"x^", b"x\x9c", b"x\xda")
_MAGIC = (*_COMPRESSED, b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK\x03\x04", b"%PDF-")
# Tags within a word do not end it; all others do, as the eye sees it.
_INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "em", "font", "i",
    "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "time", "tspan", "tt", "u", "var", "wbr",
})  # fmt: skip
_NO_MARKUP = ("text/plain", "text", "evalue", "traceback")  # of an output
_FOR_EYES = frozenset({
    "alt", "aria-description", "aria-label", "content", "download", "label", "placeholder",
    "summary", "title", "value",
})  # fmt: skip
_LEADS = frozenset({"action", "href", "src", "xlink:href"})  # what follows it is shown the address


class TooMuch(Exception):
    """There is more in a file than can be looked through."""


@dataclass(frozen=True)
class Piece:
    """One text.

    Attributes
    ----------
    where : str
        The way to it, from the outside in.
    text : str
    read : bool
        Whether it is there to be read: in a program or in markup, a plain word tells nothing.
    joined : bool
        Whether its lines were put together by guess: what is short may come about by that.
    """

    where: str
    text: str
    read: bool
    joined: bool = False


def pieces(data: bytes, kind: str) -> Iterator[Piece]:
    """Give every text in a file: what it shows, what it hides, and what is packed in it.

    Parameters
    ----------
    data : bytes
    kind : {"html", "ipynb", "pdf"}

    Raises
    ------
    TooMuch
        There is more than `MOST` in it.
    """
    look = Unpacking()
    if kind == "pdf":
        yield from look.document(data, "PDF", 0)
    elif kind == "ipynb":
        yield from look.notebook(data)
    else:
        yield from look.data(data, "page", 0)


class Unpacking:
    """What was looked at, and how much more may be."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._runs: set[str] = set()
        self._left = MOST

    def _new(self, what: str | bytes) -> bool:
        mark = hash((type(what), what))  # alone, text and the same bytes have one hash
        if mark in self._seen:
            return False
        self._seen.add(mark)
        self._left -= len(what)
        if self._left < 0:
            raise TooMuch
        return True

    # ------------------------------------------------------------ text
    def text(self, text: str, where: str, depth: int, read: bool = True) -> Iterator[Piece]:
        """Give a text, and what is written in it in another way."""
        text = UNSEEN.sub("", _COLOUR.sub("", text))
        if depth > DEEPEST or not text or not self._new(text):
            return
        if _TAG.search(text):
            yield from self._markup(text, where, depth)
            # Once more as it is: a browser may see it otherwise than this parser.
            yield Piece(f"{where} > source", text, False)
            if "&" in text:
                yield Piece(f"{where} > source", html.unescape(text), False)
        else:
            yield Piece(where, text, read)
            if "&" in text:
                yield from self.text(html.unescape(text), where, depth + 1, read)
        if "%" in text:
            yield from self.text(unquote(text), where, depth + 1, read)
        if "\\" in text:
            yield from self.text(_ESCAPE.sub(_unescaped, text), where, depth + 1, read)
        for run in _BASE64.findall(text):
            if run not in self._runs:
                self._runs.add(run)
                yield from self._base64(run, f"{where} > base64", depth + 1)

    def _markup(self, text: str, where: str, depth: int) -> Iterator[Piece]:
        parser = _Parts()
        try:
            parser.feed(text)
            parser.close()
        except (AssertionError, ValueError):  # how the parser gives up on "<![x"
            parser.parts.append(("rest", parser.rawdata, False))
        for place, part, shown in parser.parts:
            yield from self.text(part, f"{where} > {place}", depth + 1, shown)
        yield from self.text("".join(parser.shown), f"{where} > text", depth + 1)

    def _base64(self, run: str, where: str, depth: int) -> Iterator[Piece]:
        if _HEX.fullmatch(run):  # as the state of a widget may have it, too
            yield from self.data(bytes.fromhex(run), where.replace("base64", "hex"), depth)
        run = "".join(run.split()).rstrip("=").replace("-", "+").replace("_", "/")
        # What stands before it may be of the same letters: then it begins one, two or three later.
        for at in range(4):
            whole = run[at:]
            whole = whole[: len(whole) - (len(whole) % 4 == 1)]
            data = binascii.a2b_base64(whole + "=" * (-len(whole) % 4))
            packed = data.startswith(_MAGIC)
            if packed or _SOME_TEXT.search(data):
                yield from self.data(data, where, depth)
            elif len(data) >= 16:  # less does not become shorter by packing
                yield from self._inflated(data, where, depth)
            if packed and at == 0:
                return

    # ------------------------------------------------------------ bytes
    def data(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        """Give every text in bytes, whatever they are."""
        if depth > DEEPEST or not self._new(data):
            return
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            yield from self._png(data, f"{where} > PNG", depth + 1)
        elif data.startswith(b"\xff\xd8\xff"):
            yield from self._jpeg(data, f"{where} > JPEG", depth + 1)
        elif data.startswith(b"%PDF-"):
            yield from self.document(data, f"{where} > PDF", depth + 1)
        elif data.startswith(b"PK\x03\x04"):
            yield from self._zip(data, f"{where} > zip", depth + 1)
        elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
            yield from self.text(data.decode("utf-16", "replace"), where, depth)
        else:
            text = data.decode("utf-8", "replace")
            if text.count("\ufffd") > len(text) / 20:  # not text: only what looks like some
                runs = b"\n".join(run[0] for run in _RUN.finditer(data))
                text = runs.decode("utf-8", "replace")
            yield from self.text(text, where, depth)
            if b"\0" in data:
                yield from self._wide(data, where, depth)
            yield from self._inflated(data, where, depth)

    def _wide(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        runs = b"\n".join(run.replace(b"\0", b"") for run in _WIDE.findall(data))
        yield from self.text(runs.decode("ascii"), where, depth + 1)
        if data.count(b"\0") > len(data) / 4:
            for code in ("utf-16-le", "utf-16-be"):
                yield from self.text(data.decode(code, "replace"), where, depth + 1)

    def _inflated(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        at = data.find(b"\x1f\x8b\x08")
        while at >= 0:
            yield from self._unzipped(data[at:], 31, f"{where} > gzip", depth)
            at = data.find(b"\x1f\x8b\x08", at + 1)
        if data.startswith(_COMPRESSED[1:]):
            yield from self._unzipped(data, 15, f"{where} > deflate", depth)
        elif not data.startswith(_COMPRESSED) and not data.isascii():
            yield from self._unzipped(data, -15, f"{where} > deflate", depth)

    def _unzipped(self, data: bytes, bits: int, where: str, depth: int) -> Iterator[Piece]:
        unpack = zlib.decompressobj(bits)
        made = []
        while not unpack.eof:
            try:
                part = unpack.decompress(data, 1 << 20)
            except zlib.error:
                break
            made.append(part)
            self._left -= len(part)
            if self._left < 0:
                raise TooMuch
            data = unpack.unconsumed_tail
            if not data and not part:
                break
        whole = b"".join(made)
        # Anything may begin like raw deflate by chance; only what ends well was.
        if bits > 0 or unpack.eof:
            yield from self.data(whole, where, depth + 1)

    def _png(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        at = 8
        while at + 12 <= len(data):
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            body = data[at + 8 : at + 8 + size]
            at += 12 + size
            if kind == b"IDAT":  # pixels
                continue
            name = f"{where} {kind.decode('latin-1')}"
            yield from self.data(body, name, depth)
            # Keyword, null, flags, and in iTXt two more words: the packed text is at the end.
            for start in range(min(len(body), 160)):
                if kind in (b"zTXt", b"iTXt", b"iCCP") and body[start : start + 1] == b"x":
                    yield from self._unzipped(body[start:], 15, name, depth)
            if kind == b"IEND":
                break
        yield from self.data(data[at:], f"{where}, behind its end", depth)

    def _jpeg(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        at = 2
        while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # then, pixels
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            yield from self.data(data[at + 4 : end], where, depth)
            at = end
        _, end_of_image, behind = data[at:].rpartition(b"\xff\xd9")
        yield from self.data(behind if end_of_image else b"", f"{where}, behind its end", depth)

    def _zip(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for info in archive.infolist():
                    yield from self.text(info.filename, where, depth)
                    if info.file_size > self._left:
                        raise TooMuch
                    yield from self.data(archive.read(info), where, depth)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error):
            yield from self.text(data.decode("utf-8", "replace"), where, depth)

    def document(self, data: bytes, where: str, depth: int) -> Iterator[Piece]:
        """Give every text in a PDF."""
        from flowlab.reports import leaks_pdf

        if depth > DEEPEST:
            return
        for place, part in leaks_pdf.parts(data):
            if place.startswith("page "):
                # A long name is broken where its column ends.
                yield Piece(f"{where} > {place}", _joined(str(part)), True, joined=True)
            if isinstance(part, str):
                yield from self.text(part, f"{where} > {place}", depth + 1)
            else:
                yield from self.data(part, f"{where} > {place}", depth + 1)

    # ------------------------------------------------------------ notebooks
    def notebook(self, data: bytes) -> Iterator[Piece]:
        """Give every text in a notebook, cell by cell."""
        try:
            content = json.loads(data)
        except ValueError:  # not one; whatever it is, it is looked through
            yield from self.data(data, "notebook", 0)
            return
        cells = content.pop("cells", []) if isinstance(content, dict) else []
        for number, cell in enumerate(cells if isinstance(cells, list) else [cells], 1):
            yield from self._json(cell, f"cell {number}", 0)
        yield from self._json(content, "notebook", 0)
        # As it is, too: of a name that stands twice in an object, the first one was lost.
        yield Piece("notebook > source", data.decode("utf-8", "replace"), False)

    def _json(self, value: Any, where: str, depth: int) -> Iterator[Piece]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from self.text(str(name), f"{where} > name", depth + 1, read=False)
                if name in _NO_MARKUP:  # "<Table of ...>" is no tag there
                    text = inner if isinstance(inner, str) else "".join(map(str, inner or []))
                    yield Piece(f"{where} > {name}", text, True)
                yield from self._json(inner, f"{where} > {str(name)[:40]}", depth)
        elif isinstance(value, list):
            if value and all(isinstance(part, str) for part in value):
                yield from self.text("".join(value), where, depth)  # as notebooks keep lines
            for inner in value:
                yield from self._json(inner, where, depth)
        elif value is not None:
            yield from self.text(str(value), where, depth)


class _Parts(HTMLParser):
    """What is shown, and every other part with its place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[tuple[str, str, bool]] = []
        self.shown: list[str] = []
        self._raw = ""
        self._data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._between(tag)
        self._raw = tag if tag in ("script", "style") else ""
        self._data = "json" in (dict(attrs).get("type") or "")  # the rows of a table are to be read
        for name, value in attrs:
            leads = name in _LEADS and not (value or "").startswith(("#", "data:"))
            read = leads or name in _FOR_EYES or name.startswith("data-")
            self.parts.append((f"{tag} {name[:40]}", value or "", read))
            if not name.isascii() or len(name) > 20:  # "<10.0.1.5 ..." is a tag to nobody
                self.parts.append((tag[:40], name, False))

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""
        self._between(tag)

    def _between(self, tag: str) -> None:
        if tag not in _INLINE:
            self.shown.append("\n")

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.parts.append((self._raw, data, self._data))
        else:
            self.shown.append(data)

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data, True))

    def handle_decl(self, decl: str) -> None:
        self.parts.append(("declaration", decl, False))

    def handle_pi(self, data: str) -> None:
        self.parts.append(("instruction", data, False))

    def unknown_decl(self, data: str) -> None:
        self.parts.append(("declaration", data, False))


def _joined(text: str) -> str:
    """Put every two, three and four lines that follow each other together."""
    lines = text.split("\n")
    return "\n".join("".join(lines[at : at + n]) for n in (2, 3, 4) for at in range(len(lines)))


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3] or match[4]
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else " "
    return _SHORT_ESCAPES.get(match[5], match[5])
