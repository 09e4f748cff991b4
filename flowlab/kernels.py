"""A notebook client that holds no more than a bounded amount of what cells print and show."""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import IO, Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

# Likely cause and remedy, where it is not a cell that failed.
TOO_LONG = (
    "it waits for what does not come, or there is more to do than usual",
    "allow more time for one cell (--timeout, or timeout=), or give it fewer records",
)
DIED = (
    "it held more records than there is memory for, or a library crashed",
    "give it a shorter period, or ask an archive (fl.open_archive) instead of loading all",
)
MOST_PRINTED = 1_000_000  # characters that one cell may print; a person reads less
LOOK_AGAIN = 1.0  # seconds without a message, after which it is looked for anew
MOST_SHOWN = 20_000_000  # characters that one cell may show: pictures in base64, pages of tables


class BoundedClient(NotebookClient):
    """Runs one notebook, in a fresh kernel of this very Python.

    Parameters
    ----------
    notebook : NotebookNode
    folder : path
        Where the kernel starts.
    sockets : path
        A folder that only we can read.
    timeout : float
        For one cell, rounded up. [seconds]
    started : callable
        Is given each cell and its number, from 0, when it starts.
    """

    def __init__(
        self,
        notebook: Any,
        *,
        folder: Path,
        sockets: str,
        timeout: float,
        started: Callable[[Any, int], None],
    ) -> None:
        super().__init__(
            notebook,
            km=AsyncKernelManager(
                kernel_name="python3",
                # Looking nowhere else, it takes the ipykernel of this Python. A kernel that
                # someone registered as `python3` may belong to another.
                kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
                **_transport(sockets),
            ),
            timeout=math.ceil(timeout),
            # When cells ran is nobody's business, and the same notebook is to give the same file.
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        )
        self._printed: dict[int, int] = {}
        self._cut: set[int] = set()
        self._shown: dict[int, int] = {}
        self.on_cell_execute = lambda cell, cell_index: started(cell, cell_index)

    async def async_start_new_kernel_client(self) -> Any:
        """Start a client that misses no message."""
        client: Any = await super().async_start_new_kernel_client()
        for channel in (client.shell_channel, client.iopub_channel):
            channel.get_msg = looking_again(channel.get_msg)
        return client

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Cut what is too long before it is kept."""
        kind, content = msg["msg_type"], msg["content"]
        if kind == "stream":
            if cell_index in self._cut:
                return None
            text = content["text"]
            room = MOST_PRINTED - self._printed.get(cell_index, 0)
            self._printed[cell_index] = MOST_PRINTED - room + len(text)
            if len(text) > room:
                self._cut.add(cell_index)
                content["text"] = (
                    f"{text[:room]}\n[cut: a cell may print {MOST_PRINTED:,} characters]"
                )
        elif kind in ("display_data", "execute_result", "update_display_data"):
            data = content["data"]
            size = sum(len(value) for value in data.values() if isinstance(value, str))
            shown = self._shown.get(cell_index, 0)
            if shown + size > MOST_SHOWN:
                said = f"[left out: {size:,} characters; a cell may show {MOST_SHOWN:,}]"
                content["data"] = {"text/plain": said}
            else:
                self._shown[cell_index] = shown + size
        kept = super().process_message(msg, cell, cell_index)
        # In how many pieces a text arrives depends on the moment. (nbclient's own coalesce_streams
        # takes minutes for a line of a million characters.)
        if kind == "stream" and len(cell.outputs) > 1:
            before, last = cell.outputs[-2:]
            if before.output_type == "stream" and before.name == last.get("name"):
                before.text += last.text
                cell.outputs.pop()
        return kept

    def last_words(self, complaints: IO[bytes]) -> str:
        """Give the last line that a kernel wrote which never came up."""
        atexit.unregister(self._cleanup_kernel)  # it fails where there is nothing to clean up
        complaints.seek(0)
        lines = complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def looking_again(get_message: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Look for a message each second, whether or not one was announced.

    On a busy machine pyzmq once in a while does not tell asyncio of a message that is there.
    nbclient would then wait for a cell that has long ended, until its time is up, or leave out
    what it showed.
    """

    async def get(timeout: float | None = None) -> Any:
        until = math.inf if timeout is None else monotonic() + timeout
        while True:
            left = until - monotonic()
            try:
                return await get_message(timeout=max(0.0, min(left, LOOK_AGAIN)))
            except Empty:
                if left <= LOOK_AGAIN:
                    raise

    return get


def first_line(cell: Any) -> str:
    """Give the first line of a cell that says something."""
    lines = [line.strip() for line in cell.source.splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def read_notebook(path: Path) -> Any:
    """Read a notebook, of whatever version.

    Raises
    ------
    ValueError
        It is none.
    """
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def _transport(folder: str) -> dict[str, str]:
    # Sockets in a folder only we can read, instead of TCP ports that everyone on this machine
    # can connect to (ipykernel warns of those). The path must be absolute: the kernel starts
    # in the notebook's folder, and would never answer on a relative one. Windows has TCP only.
    if os.name != "posix":
        return {}
    return {"transport": "ipc", "ip": str(Path(folder).resolve() / "kernel")}
