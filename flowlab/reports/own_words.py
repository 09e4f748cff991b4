"""All words that flowlab itself may write: of a name that is one of them nothing can be told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_PLAIN_WORD = re.compile(r"[A-Za-z]+")


@cache
def own_words() -> frozenset[str]:
    """Give the words of flowlab's own programs, scripts and styles, folded."""
    texts = [file.read_text("utf-8") for file in _sources(files("flowlab"))]
    return frozenset(word.casefold() for text in texts for word in _PLAIN_WORD.findall(text))


def _sources(folder: Traversable) -> Iterable[Traversable]:
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir():
            yield from _sources(one)
        elif one.name.endswith((".py", ".js", ".css")):
            yield one
