"""Calls of flowlab's public functions, as data: the same object is the text and the doing."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowlab.errors import FlowlabWarning


@dataclass(frozen=True)
class Name:
    """A variable of the notebook, as in ``flows``."""

    name: str


@dataclass(frozen=True)
class Call:
    """A call of a public function of flowlab.

    Parameters
    ----------
    function : str
        Its name in flowlab, as in ``top_talkers`` or ``plots.bars``.
    arguments : sequence
        By position: names, plain values, other calls.
    options : mapping
        By keyword.
    """

    function: str
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [*map(literal, self.arguments)]
        parts += [f"{name}={literal(value)}" for name, value in self.options.items()]
        return f"fl.{self.function}({', '.join(parts)})"

    def run(self, names: Mapping[str, Any]) -> Any:
        """Do what the text says; `names` are the variables it uses."""
        import flowlab

        function: Any = flowlab
        for part in self.function.split("."):
            function = getattr(function, part)
        arguments = [_value(a, names) for a in self.arguments]
        options = {k: _value(v, names) for k, v in self.options.items()}
        with warnings.catch_warnings():  # what is empty is said where it is shown
            warnings.simplefilter("ignore", FlowlabWarning)
            return function(*arguments, **options)


@dataclass(frozen=True)
class Step:
    """A call whose result gets a name, for the calls after it."""

    target: str
    call: Call

    def __str__(self) -> str:
        return f"{self.target} = {self.call}"


def text_of(steps: Sequence[Step | Call]) -> str:
    """Write calls as lines of Python that can be run."""
    return "\n".join(map(str, steps))


def literal(value: Any) -> str:
    """Write a value as Python; text in double quotes, with nothing in it that could act."""
    if isinstance(value, Name):
        return value.name
    if isinstance(value, Call):
        return str(value)
    if isinstance(value, dt.datetime):
        return literal(f"{value:%Y-%m-%d %H:%M:%S}")
    if isinstance(value, str):
        quoted = repr(value)
        plain = quoted.startswith("'") and '"' not in quoted and "\\'" not in quoted
        return f'"{quoted[1:-1]}"' if plain else quoted
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return repr(value)


def _value(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, Name):
        return names[value.name]
    if isinstance(value, Call):
        return value.run(names)
    if isinstance(value, (list, tuple)):
        return type(value)(_value(part, names) for part in value)
    return value
