"""What the explorer can show: a call, a drawing of its answer, and where a click leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from flowlab import plots
from flowlab.widgets.calls import Call, Name, Step
from flowlab.widgets.settings import Settings

PAGE = 50  # records shown at a time


def listed(text: str) -> list[str]:
    """Read what was typed into a box, several with commas or spaces."""
    return text.replace(",", " ").replace(";", " ").split()


def tests(settings: Settings) -> dict[str, Any]:
    """Give what a record must be like, as `fl.rule` takes it."""
    given: dict[str, Any] = {
        "action": settings.action,
        "flow_direction": settings.flow_direction,
        "protocol": settings.protocol,
        "addr": listed(settings.addr) or listed(settings.peer),
        "port": listed(settings.port),
        "interface_id": list(settings.interface_id),
        "subnet_id": list(settings.subnet_id),
        "owner": list(settings.owner),
    }
    return {name: value for name, value in given.items() if value not in (None, [])}


def period(settings: Settings) -> dict[str, str]:
    """Give the period as every question takes it."""
    given = {"start": settings.start, "end": settings.end}
    return {name: value for name, value in given.items() if value is not None}


def selection(settings: Settings) -> list[Step]:
    """Give the calls that select records, before any question is asked."""
    steps: list[Step] = []
    wanted = tests(settings)
    if wanted:
        rules = _rules(wanted, listed(settings.addr), listed(settings.peer))
        steps.append(Step("selected", Call("only", [Name("flows")], {"rules": rules})))
    if settings.rules:
        of = Name("selected" if steps else "flows")
        steps.append(Step("selected", Call("exclude", [of], {"rules": list(settings.rules)})))
    return steps


def _rules(wanted: dict[str, Any], addr: list[str], peer: list[str]) -> Call | list[Call]:
    """Write what is wanted as a rule, or as one for each direction between two sides."""
    if not (addr and peer):
        return Call("rule", ["selected"], wanted)
    others = {name: value for name, value in wanted.items() if name != "addr"}
    return [
        Call("rule", [name], {"srcaddr": source, "dstaddr": target, **others})
        for name, source, target in (("there", addr, peer), ("back", peer, addr))
    ]


def records_of(steps: Sequence[Step]) -> Name:
    """Name what a question is asked of, after the selection."""
    return Name(steps[-1].target if steps else "flows")


@dataclass(frozen=True)
class View:
    """One way to look at the selected records.

    Attributes
    ----------
    title : str
    question : str
        The public function that is asked.
    options : callable
        Its options for these settings, without the period.
    draw : callable or None
        Draws the answer; None shows it as a table alone.
    leads_to : callable
        What a click on a row changes in the settings.
    needs : tuple of str
        Columns without which there is no such view.
    comparable : bool
        Whether it can stand beside the period before.
    """

    title: str
    question: str
    options: Callable[[Settings], dict[str, Any]]
    draw: Callable[[pd.DataFrame, Settings, Axes], Axes] | None
    leads_to: Callable[[Mapping[str, Any], Settings], dict[str, Any]]
    needs: tuple[str, ...] = ()
    comparable: bool = True

    def steps(self, settings: Settings, before: dict[str, str] | None = None) -> list[Step | Call]:
        """Give the calls that make this view; `before` is the period to put beside it."""
        chosen = selection(settings)
        of = records_of(chosen)
        asked = Call(self.question, [of], {**self.options(settings), **period(settings)})
        if before is None or not self.comparable:
            return [*chosen, asked]
        earlier = Call(self.question, [of], {**self.options(settings), "n": None, **before})
        side_by_side = Call("beside", [Name("now"), Name("before")])
        return [*chosen, Step("now", asked), Step("before", earlier), side_by_side]

    @property
    def is_ranking(self) -> bool:
        """Whether it shows the first n rows of more."""
        return "n" in self.options(Settings()) and self.draw is not None


def _ranking(settings: Settings) -> dict[str, Any]:
    return {"rank_by": settings.rank_by, "n": settings.n}


def _grouped(settings: Settings) -> dict[str, Any]:
    return {"by": settings.by, **_ranking(settings)}


def _drawn(value: str | None = None) -> Callable[[pd.DataFrame, Settings, Axes], Axes]:
    def draw(answer: pd.DataFrame, settings: Settings, ax: Axes) -> Axes:
        measure = value or settings.rank_by
        both = [measure, f"{measure}_before"]
        columns = both if both[1] in answer else [measure]
        keys = [c for c in answer.columns if c in _KEYS or c == settings.by]
        return plots.bars(answer, value=columns, label=keys, ax=ax)

    return draw


_KEYS = ("addr", "addr_a", "port_a", "addr_b", "port_b", "protocol", "service", "action")


def _to_address(row: Mapping[str, Any], _: Settings) -> dict[str, Any]:
    return {} if pd.isna(row["addr"]) else {"addr": row["addr"], "peer": ""}


def _to_pair(row: Mapping[str, Any], _: Settings) -> dict[str, Any]:
    found = _known({"addr": row["addr_a"], "peer": row["addr_b"], "port": row["port_a"]})
    told = {name: str(value) for name, value in found.items()}
    return told | _known({"protocol": row["protocol"]}) | {"view": "records"}


def _to_group(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    value = row[settings.by]
    if pd.isna(value):
        return {}
    if settings.by in ("srcaddr", "dstaddr"):
        return {"addr": value, "peer": ""}
    if settings.by in ("srcport", "dstport"):
        return {"port": str(value)}
    if settings.by in ("interface_id", "subnet_id"):
        return {settings.by: (value,)}
    if settings.by in ("src_owner", "dst_owner"):
        return {"owner": (value,)}
    return {settings.by: value} if settings.by in ("action", "flow_direction", "protocol") else {}


def _to_service(row: Mapping[str, Any], _: Settings) -> dict[str, Any]:
    found = _known({"protocol": row["protocol"], "port": row["port"]})
    return found | ({"port": str(found["port"])} if "port" in found else {})


def _to_action(row: Mapping[str, Any], _: Settings) -> dict[str, Any]:
    return _known({"action": row["action"]})


def _known(changes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a row has no value for: there is nothing to choose then."""
    return {name: value for name, value in changes.items() if not pd.isna(value)}


def _nowhere(_: Mapping[str, Any], __: Settings) -> dict[str, Any]:
    return {}


_ENDS = ("srcaddr", "dstaddr")
VIEWS: dict[str, View] = {
    "talkers": View("Top talkers", "top_talkers", _ranking, _drawn(), _to_address, _ENDS),
    "peers": View(
        "Talkers by peers",
        "peers",
        lambda settings: {"n": settings.n},
        _drawn("peers"),
        _to_address,
        _ENDS,
    ),
    "services": View(
        "Services", "services", _ranking, _drawn(), _to_service, ("srcport", "dstport", "protocol")
    ),
    "conversations": View(
        "Conversations",
        "conversations",
        _ranking,
        _drawn(),
        _to_pair,
        (*_ENDS, "srcport", "dstport", "protocol"),
    ),
    "groups": View("By column", "breakdown", _grouped, _drawn(), _to_group),
    "verdicts": View(
        "Accepted, rejected",
        "breakdown",
        lambda settings: {"by": _with_action(settings.by), **_ranking(settings)},
        _drawn(),
        _to_action,
        ("action",),
    ),
    "week": View(
        "Hour by weekday",
        "traffic_over_time",
        lambda _: {"every": "1h"},
        lambda answer, settings, ax: plots.heatmap(
            answer, value=settings.rank_by, tz=settings.timezone, ax=ax
        ),
        _nowhere,
        ("start", "end"),
        comparable=False,
    ),
    "records": View(
        "Records",
        "records",
        lambda settings: {
            "sort_by": settings.sort_by,
            "descending": settings.descending,
            "n": PAGE,
            "offset": settings.page * PAGE,
        },
        None,
        _nowhere,
        comparable=False,
    ),
}


def _with_action(by: str) -> list[str]:
    return ["action"] if by == "action" else [by, "action"]
