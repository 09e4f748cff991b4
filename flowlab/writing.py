"""A file, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from flowlab.errors import FlowlabError


@contextlib.contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a place to write to; what is there in the end takes the name, or leaves no trace.

    Parameters
    ----------
    path : path
        The file, in a folder that is there. One of that name is replaced.

    Yields
    ------
    Path
        A file beside it, to be written.

    Raises
    ------
    FlowlabError
        The file cannot be written; one that was there stays as it is.
    """
    output = Path(path).expanduser().absolute()
    if output.exists() and not output.is_file():
        raise _refused(output, _kind(output))
    unfinished = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield unfinished
        unfinished.replace(output)
    except FlowlabError:  # some of ours are OSErrors too, and say more
        raise
    except OSError as problem:
        raise _refused(output, problem.strerror or str(problem)) from problem
    finally:
        with contextlib.suppress(OSError):  # after the replacement, or without a folder
            unfinished.unlink()


def write_whole(
    output: str | os.PathLike[str], data: bytes, *, check: Callable[[bytes], None] | None = None
) -> Path:
    """Write a file so that nobody ever finds a part of it.

    Parameters
    ----------
    output : path
        The file. One of that name is replaced; folders that lack are made.
    data : bytes
        All of it.
    check : callable, optional
        Is given the bytes before anything is written. What it raises is raised, and there is
        nothing at `output` that was not there before.

    Returns
    -------
    Path
        Of the file, absolute.

    Raises
    ------
    FlowlabError
        The file cannot be written; one that was there stays as it is.
    """
    if check is not None:
        check(data)
    output = Path(output).expanduser().absolute()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _refused(output, problem.strerror or str(problem)) from problem
    with whole(output) as unfinished:
        unfinished.write_bytes(data)
    return output


def require_writable(output: str | os.PathLike[str]) -> None:
    """Find out before long work whether a file can be written.

    Raises
    ------
    FlowlabError
        It cannot.
    """
    output = Path(output).expanduser().absolute()
    nearest = next(folder for folder in output.parents if folder.exists())
    if output.exists() and not output.is_file():
        raise _refused(output, _kind(output))
    if not nearest.is_dir():
        raise _refused(output, f"{nearest} is not a folder")
    if not os.access(nearest, os.W_OK):
        raise _refused(output, f"{nearest} is read-only")


def _kind(path: Path) -> str:
    # A device or a pipe would be replaced by a file, for everybody.
    return "it is a folder" if path.is_dir() else "it is not a file"


def _refused(output: Path, reason: str) -> FlowlabError:
    return FlowlabError(
        f"{output} could not be written: {reason}.",
        "there is no such folder, it is not yours, the disk is full, or the name is taken.",
        "name a file in a folder that is there and that you may write to.",
    )
