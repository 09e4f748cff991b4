"""The menu of faults: what a fault is, and how one gets onto the menu."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong.

    Attributes
    ----------
    name, words : str
        What it is called, and what it does.
    finds : mapping
        Names of the checks that must turn, and to which status.
    follows : tuple of str
        Names of the checks that may turn with it; all others stay as they were.
    change : callable
        Changes a `State`.
    options : tuple of str
        What `change` takes besides.
    """

    name: str
    words: str
    finds: Mapping[str, str]
    follows: tuple[str, ...]
    change: Callable[..., None]
    options: tuple[str, ...] = ()


#: All there are, by name.
MENU: dict[str, Fault] = {}


def fault(
    finds: Mapping[str, str], follows: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put a change on the menu, under its own name and with its own first line.

    Parameters
    ----------
    finds, follows
        See `Fault`.
    """

    def enter(change: Callable[..., None]) -> Callable[..., None]:
        name = change.__name__.replace("_", "-")
        options = tuple(inspect.signature(change).parameters)[1:]
        MENU[name] = Fault(name, str(change.__doc__), finds, follows, change, options)
        return change

    return enter
