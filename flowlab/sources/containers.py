"""What a file is, found from its first bytes, and its contents with every wrapping removed."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator

import pyarrow as pa
from isal import igzip_lib, isal_zlib  # twice as fast as zlib

# The stub calls IsalError an instance.
_GZIP_ERRORS: tuple[type[Exception], ...] = (
    igzip_lib.IsalError,  # type: ignore[assignment]
    zlib.error,
    EOFError,
    ValueError,
)

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
BIG = 64 << 20  # stored bytes from which a file is read in blocks
_BLOCK = 32 << 20
_CHUNK = 1 << 20
_DEEPEST = 4  # a gzip of a gzip is met in Firehose deliveries


class TruncatedError(Exception):
    """A compressed stream ends early or is damaged; what came before it is good."""


def is_compressed(head: bytes) -> bool:
    """Whether these first bytes open a gzip or zstd stream."""
    return head[:2] == GZIP or head[:4] == ZSTD


def compression(head: bytes) -> str:
    """Name of the compression these first bytes open, with a space behind it, or nothing."""
    return "gzip " if head[:2] == GZIP else "zstd " if head[:4] == ZSTD else ""


def unpack(data: bytes) -> tuple[bytes, str]:
    """Remove every compression from a file's contents.

    Returns
    -------
    (bytes, str)
        The contents, and what was wrong with the compression ("" if nothing): then the
        contents go as far as they could be read.
    """
    problem = ""
    for _ in range(_DEEPEST):
        if not is_compressed(data):
            break
        if data[:2] == GZIP:
            try:
                data = _gunzip(data)
                continue
            except _GZIP_ERRORS:
                pass  # again, piece by piece, to keep what is readable
        pieces: list[bytes] = []
        try:
            pieces.extend(inflate([data]))  # extends as far as it comes
        except TruncatedError as stop:
            problem = str(stop)
        data = b"".join(pieces)
    return data, problem


# Where another member may begin; a chance hit inside compressed data only costs time.
_MEMBER = GZIP + b"\x08"
_USUAL_RATIO = 64  # flow logs: 5 to 30; a damaged trailer must not ask for gigabytes


def _gunzip(data: bytes) -> bytes:
    """All members of a flawless gzip file at once."""
    size = int.from_bytes(data[-4:], "little")
    if size <= _USUAL_RATIO * len(data) and data.find(_MEMBER, 4) < 0:
        # One member, whose trailer tells its size, so that no buffer has to grow. With one byte
        # to spare the end is seen at the first go.
        whole = isal_zlib.decompress(data, 31, size + 1)
        if len(whole) == size:
            return whole
    pieces = []
    rest = data
    while rest:
        if rest[:2] != GZIP:
            raise ValueError("not gzip")
        member = isal_zlib.decompressobj(31)
        pieces.append(member.decompress(rest))
        if not member.eof:
            raise EOFError
        rest = member.unused_data.lstrip(b"\0")  # zero padding is allowed
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def inflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress a gzip (any number of members) or zstd stream piece by piece.

    Raises
    ------
    TruncatedError
        After the last good piece, if the stream is cut off or damaged.
    """
    chunks = iter(chunks)
    first = next(chunks, b"")
    if first[:4] == ZSTD:
        yield from _inflate_zstd(first, chunks)
        return
    member, rest, anything = isal_zlib.decompressobj(31), first, False
    while True:
        if not rest:
            rest = next(chunks, b"")
            if not rest:
                break
        for start in range(0, len(rest), _CHUNK // 16):
            # Small steps: zlib gives up a whole step's output when it meets damage in it.
            step = rest[start : start + _CHUNK // 16]
            try:
                piece = member.decompress(step)
            except _GZIP_ERRORS as damage:
                raise TruncatedError("the gzip stream is damaged") from damage
            if piece:
                anything = True
                yield piece
            if member.eof:
                rest = (member.unused_data + rest[start + len(step) :]).lstrip(b"\0")
                break
        else:
            rest = b""
            continue
        if not rest:
            rest = next(chunks, b"").lstrip(b"\0")
            if not rest:
                return
        if rest[:2] != GZIP[: len(rest[:2])]:
            raise TruncatedError("something that is no gzip follows the last gzip member")
        member = isal_zlib.decompressobj(31)
    if not member.eof:
        raise TruncatedError(
            "the gzip stream ends early" if anything else "the gzip stream is empty"
        )


def _inflate_zstd(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    source = pa.PythonFile(_Joined(first, chunks), mode="r")
    stream = pa.CompressedInputStream(source, "zstd")
    while True:
        try:
            piece = stream.read(_CHUNK // 16)  # a failing read loses what it had read
        except (OSError, pa.ArrowInvalid) as damage:
            raise TruncatedError("the zstd stream ends early or is damaged") from damage
        if not piece:
            return
        yield piece


class _Joined:
    """The least of a file that Arrow asks for, over chunks."""

    closed = False

    def __init__(self, first: bytes, chunks: Iterator[bytes]) -> None:
        self._ready, self._chunks = first, chunks

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._ready) < size:
            more = next(self._chunks, b"")
            if not more:
                break
            self._ready += more
        size = len(self._ready) if size < 0 else size
        out, self._ready = self._ready[:size], self._ready[size:]
        return out

    def close(self) -> None:
        self.closed = True


def blocks(stored: Iterator[bytes]) -> Iterator[tuple[bytes, str]]:
    """Cut a large text, compressed or not, into blocks that end at a line's end.

    Parameters
    ----------
    stored : iterator of bytes
        The file as it is stored; the first piece must show its magic number.

    Yields
    ------
    (bytes, str)
        A block, and what stopped the reading early ("" while all is well).
    """
    first = next(stored, b"")
    raw = itertools.chain([first], stored)
    pieces: list[bytes] = []
    size, problem = 0, ""
    source = inflate(raw) if is_compressed(first) else raw
    while True:
        try:
            piece = next(source, b"")
        except TruncatedError as stop:
            piece, problem = b"", str(stop)
        pieces.append(piece)
        size += len(piece)
        if piece and size < _BLOCK:
            continue
        whole = b"".join(pieces)
        cut = whole.rfind(b"\n") + 1 if piece else len(whole)
        if cut or not piece:
            yield whole[:cut], problem
        if not piece:
            return
        pieces, size = [whole[cut:]], len(whole) - cut
