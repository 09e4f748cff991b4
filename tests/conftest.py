"""What holds for every test."""

from __future__ import annotations

import gc
import signal

import pytest

# They begin first, so that no processor is left with one of them at the end.
_LONG = {
    "browser", "notebooks", "engines", "reports", "widgets", "test_account.py", "test_benchmarks.py",
    "test_lint.py", "test_start.py",
}  # fmt: skip


def pytest_configure():
    """Let Ctrl-C interrupt, as in a terminal: what starts tests in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Put files whose tests take long in front."""
    items.sort(key=lambda item: not _LONG.intersection(item.path.parts))


@pytest.fixture
def interruptible():
    """Take out what hooks into the garbage collector: an interrupt that arrives there is lost.

    Hypothesis does, from its first test on, to the end of the process.
    """
    hooks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(hooks)
