"""Ctrl-C, or a notebook's interrupt button, stops the engine too.

DuckDB sees a Ctrl-C, but then waits until its own threads are through with the question, which
can be minutes (2.0.0, with more than one thread). They stop at once when their connection is told.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class _Running:
    connection: Any
    stopped: bool = False


_RUNNING: set[_Running] = set()
_TRIES = 30  # to find the kernel idle, a second apart


def stop_all() -> bool:
    """Stop every question that is being answered, in whatever thread; tell if there was any."""
    asked = list(_RUNNING)
    for one in asked:
        one.stopped = True
        one.connection.interrupt()
    return bool(asked)


@contextmanager
def stoppable(connection: Any) -> Iterator[None]:
    """Let an interrupt stop what a connection is asked inside.

    Parameters
    ----------
    connection : object
        Has ``interrupt()``, which may be called from another thread.

    Raises
    ------
    KeyboardInterrupt
        It was stopped.
    """
    running = _Running(connection)
    _RUNNING.add(running)
    try:
        with _heard():
            yield
    except Exception as problem:
        if running.stopped:  # what the engine makes of it depends on where it was
            raise KeyboardInterrupt from problem
        raise
    finally:
        _RUNNING.discard(running)


@contextmanager
def _heard() -> Iterator[None]:
    """Hear an interrupt while the engine works: Python would only note it for later."""
    before = signal.getsignal(signal.SIGINT)
    here = threading.current_thread() is threading.main_thread()
    if not here or not callable(before):  # only the main thread may; ignored by somebody's wish
        yield
        return

    def handle(number: int, frame: Any) -> None:
        stop_all()
        before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def listen_while_idle() -> None:
    """Let an interrupt reach what widgets compute, which a kernel takes for idleness.

    JupyterLab has their messages handled in a thread of its own, and while no cell runs a kernel
    ignores interrupts. Called while a cell runs; without a kernel it does nothing.
    """
    with suppress(RuntimeError):  # no loop: a script
        loop = asyncio.get_running_loop()
        loop.call_soon(_try, loop, _TRIES)


def _try(loop: asyncio.AbstractEventLoop, left: int) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a kernel has it between cells
        signal.signal(signal.SIGINT, lambda *_: stop_all())
    elif left and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        loop.call_later(1, _try, loop, left - 1)
