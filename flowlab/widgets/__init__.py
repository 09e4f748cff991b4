"""Controls around flowlab's public functions; whatever they show is one call that can be kept."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "talkers": "flowlab.widgets.traffic",
    "timeline": "flowlab.widgets.traffic",
    "setup_view": "flowlab.widgets.chains",
    "exclusions": "flowlab.widgets.excluding",
    "record_anatomy": "flowlab.widgets.anatomy",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'flowlab.widgets' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
