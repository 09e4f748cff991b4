"""Errors that say what happened, the likely cause, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_NAMES = 12  # that a message lists


class FlowlabError(Exception):
    """An error a person can act on.

    Parameters
    ----------
    what : str
        What happened, naming the file, column or value.
    why : str, optional
        The likely cause.
    fix : str, optional
        What to do about it.
    """

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(what, why, fix)

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  Likely cause: {self.why}")
        if self.fix:
            lines.append(f"  To fix: {self.fix}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        # IPython calls this: a notebook shows three lines, not a page of frames.
        return [f"{type(self).__name__}: {self}"]


class LineFormatError(FlowlabError, ValueError):
    """Text does not fit the flow-log format it was read with."""


class MissingFieldError(FlowlabError, ValueError):
    """A question needs AWS fields these records do not have."""


class UnknownNameError(FlowlabError, ValueError):
    """A name (column, field, option) that does not exist."""


class SourceError(FlowlabError, FileNotFoundError):
    """Nothing to read at the place that was named."""

    def __str__(self) -> str:
        return FlowlabError.__str__(self)  # OSError's own takes over otherwise


class MissingExtraError(FlowlabError, ImportError):
    """An optional package is not installed."""


class FlowlabWarning(UserWarning):
    """A result that is right, and perhaps not what was meant."""


def unknown_name(what: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not known, offering the nearest ones."""
    names = sorted(known)
    small = {one.lower(): one for one in names}
    near = [small[one] for one in difflib.get_close_matches(str(name).lower(), small, n=3)]
    more = f" ... ({len(names)} in all)" if len(names) > MOST_NAMES else ""
    listed = f"use one of: {', '.join(names[:MOST_NAMES])}{more}."
    fix = f"did you mean {' or '.join(near)}?" if near else listed
    return UnknownNameError(f"{what} {name!r} is not known.", fix=fix)
