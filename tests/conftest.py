"""What holds for every test."""

from __future__ import annotations

import signal


def pytest_configure():
    """Let Ctrl-C interrupt, as in a terminal: what starts tests in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
