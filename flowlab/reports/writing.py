"""A file, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from flowlab.errors import FlowlabError


def write_whole(output: Path, data: bytes, *, check: Callable[[bytes], None] | None = None) -> Path:
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
    output = Path(output).absolute()
    if output.exists() and not output.is_file():  # a device would be replaced, for everybody
        raise FlowlabError(f"{output} is not a file.", fix="name another one.")
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(output)
    except OSError as error:
        raise FlowlabError(
            f"{output} could not be written: {error.strerror}.",
            "the folder is read-only, the disk is full, or a folder has that name",
            "name another file",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # after the replacement, or without a folder
            temporary.unlink()
    return output


def require_writable(output: Path) -> None:
    """Find out before long work whether a file can be written.

    Raises
    ------
    FlowlabError
        It cannot.
    """
    output = Path(output).absolute()
    nearest = next(folder for folder in output.parents if folder.exists())
    if output.is_dir():
        what = "it is a folder"
    elif output.exists() and not output.is_file():
        what = "it is not a file"
    elif not nearest.is_dir():
        what = f"{nearest} is not a folder"
    elif not os.access(nearest, os.W_OK):
        what = f"{nearest} is read-only"
    else:
        return
    raise FlowlabError(f"{output} could not be written: {what}.", fix="name another file")
