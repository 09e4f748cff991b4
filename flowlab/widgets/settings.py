"""What the explorer is set to: everything a person chose, as data that can be kept and shared."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from dataclasses import dataclass, fields
from typing import Any

from flowlab.errors import FlowlabError

_MOST_TEXT = 100_000  # characters; a shared text is a few hundred


@dataclass(frozen=True)
class Settings:
    """All choices of an explorer.

    Attributes
    ----------
    start, end : str or None
        Period, half-open, as ``YYYY-MM-DD HH:MM:SS``. [UTC] None: from or to the end of what is
        there.
    timezone : str
        In which times are shown, as in ``Europe/Berlin``.
    action, flow_direction : str or None
        Keep only these; None keeps all.
    protocol : int or None
    addr, port : str
        Addresses or CIDRs, and ports or ranges, of either side; several with commas.
    peer : str
        With `addr`: addresses or CIDRs of the other side.
    interface_id, subnet_id, owner : tuple of str
        Keep only these; empty keeps all.
    rules : tuple of str
        Names of rules whose records are set aside.
    view : str
        What is shown.
    by : str
        Column to group by, and to split the chart over time by.
    rank_by : str
    n : int
        Rows of a ranking.
    every : str
        Step of the chart over time.
    sort_by : str
        Column the records are sorted by.
    descending : bool
    page : int
        Of the records; the first is 0.
    compare : bool
        Beside the period before, of the same length.
    """

    start: str | None = None
    end: str | None = None
    timezone: str = "UTC"
    action: str | None = None
    flow_direction: str | None = None
    protocol: int | None = None
    addr: str = ""
    peer: str = ""
    port: str = ""
    interface_id: tuple[str, ...] = ()
    subnet_id: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    view: str = "talkers"
    by: str = "action"
    rank_by: str = "bytes"
    n: int = 10
    every: str = "15min"
    sort_by: str = "start"
    descending: bool = False
    page: int = 0
    compare: bool = False

    def but(self, **changes: Any) -> Settings:
        """Give the same settings with some changed."""
        return dataclasses.replace(self, **changes)

    def chosen(self) -> dict[str, Any]:
        """Give what differs from an explorer that was just opened."""
        return {
            f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default
        }

    def to_text(self) -> str:
        """Write the settings as a short text: to be saved, mailed, passed to `explore`."""
        data = json.dumps(self.chosen(), ensure_ascii=True, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


def from_text(text: str) -> Settings:
    """Read what `Settings.to_text` wrote.

    Raises
    ------
    FlowlabError
        Not the text of settings; cut, changed, or of a newer flowlab.
    """
    try:
        if len(text) > _MOST_TEXT:
            raise ValueError(len(text))
        packed = base64.urlsafe_b64decode(text.strip() + "=" * (-len(text.strip()) % 4))
        inflate = zlib.decompressobj()
        data = inflate.decompress(packed, _MOST_TEXT)
        if not inflate.eof:
            raise ValueError(text)
        return _checked(json.loads(data))
    except (ValueError, TypeError, RecursionError, zlib.error) as problem:
        raise FlowlabError(
            "these are not the settings of an explorer.",
            "the text was cut or changed, or a newer flowlab wrote it.",
            "copy it whole, as ex.settings gave it.",
        ) from problem


def _checked(chosen: Any) -> Settings:
    """Make settings of plain data; every value has the type of its default."""
    types = {f.name: str(f.type) for f in fields(Settings)}
    made: dict[str, Any] = {}
    for name, value in dict(chosen).items():
        if name not in types:
            raise ValueError(name)
        wanted = types[name]
        if wanted.startswith("tuple"):
            value = tuple(value) if isinstance(value, list) else value
            right = isinstance(value, tuple) and all(isinstance(v, str) for v in value)
        else:
            kinds = {"str": str, "int": int, "bool": bool, "None": type(None)}
            right = type(value) in {kinds[part.strip()] for part in wanted.split("|")}
        if not right:
            raise ValueError(name)
        made[name] = value
    return Settings(**made)
