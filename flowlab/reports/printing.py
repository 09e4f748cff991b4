"""A page as PDF, printed by the Chromium of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from flowlab.errors import FlowlabError, MissingExtraError
from flowlab.writing import write_whole

# As distributions, Google, Microsoft and macOS call it.
_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_PATIENCE = 120  # seconds
_DATE = re.compile(rb"(/(?:CreationDate|ModDate) ?\(D:)\d{14}")
_CREATOR = re.compile(rb"(/Creator ?\()((?:[^()\\]|\\.){7,})(?=\))")


def print_pdf(html: Path, output: Path) -> Path:
    """Print a page that needs no network.

    Parameters
    ----------
    html : path
        The page.
    output : path
        The PDF. It is written whole or not at all; a file of that name is replaced.

    Returns
    -------
    Path
        Of the PDF, absolute. The same page and browser give the same bytes: the date in it is
        2000-01-01.

    Raises
    ------
    MissingExtraError
        There is no Chromium, Chrome or Edge here; the message says how to get one.
    FlowlabError
        It printed nothing, or the file cannot be written.
    """
    program = find_chromium()
    with tempfile.TemporaryDirectory(prefix="flowlab-", ignore_cleanup_errors=True) as folder:
        made = Path(folder, "printed.pdf")
        command = [
            program,
            "--headless",
            f"--user-data-dir={folder}/profile",  # not that of a browser which is open
            "--no-first-run",
            "--disable-gpu",
            # Nothing in a page of ours asks for anything; now nothing could.
            "--proxy-server=127.0.0.1:9",
            "--proxy-bypass-list=<-loopback>",
            "--disable-background-networking",
            "--no-pdf-header-footer",  # with the path of this file, and today's date
            f"--print-to-pdf={made}",
            Path(html).resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # as root, as in a container, it does not start else
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_PATIENCE, check=False, cwd=folder
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _unprinted(program, f"it did not finish in {_PATIENCE} s") from error
        if done.returncode or not made.is_file() or not made.stat().st_size:
            raise _unprinted(program, f"it ended with exit code {done.returncode}")
        # The same page gives the same bytes, and the system of whoever printed it is nobody's
        # business; of the same length, so that all else stays in place.
        printed = _DATE.sub(rb"\g<1>20000101000000", made.read_bytes())
        printed = _CREATOR.sub(lambda f: f[1] + b"flowlab".ljust(len(f[2])), printed)
        return write_whole(Path(output), printed)


def find_chromium() -> str:
    """Give the path of a browser that can print."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    for path in _APPS:
        if Path(path).is_file():
            return path
    raise MissingExtraError(
        "a PDF is printed by Chromium, Chrome or Edge, and none of them was found.",
        "none is installed, or its folder is not on PATH",
        "install one (Debian: apt install chromium; macOS: brew install --cask chromium;"
        " Windows: winget install Google.Chrome), or write .html and print it from any browser",
    )


def _unprinted(program: str, what: str) -> FlowlabError:
    return FlowlabError(
        f"{Path(program).name} did not print the page: {what}.",
        "too little memory, or it may not start here",
        "write .html, open it in a browser, and print it there",
    )
