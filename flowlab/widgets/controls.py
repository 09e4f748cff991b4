"""The explorer's controls, and how they and its settings say the same."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo

import ipywidgets as w

from flowlab import schema
from flowlab.asking import MEASURES
from flowlab.choosing import rules
from flowlab.enriching.services import SERVICES
from flowlab.errors import FlowlabError, UnknownNameError, unknown_name
from flowlab.matches import match
from flowlab.tables import Table
from flowlab.widgets.base import LABEL
from flowlab.widgets.clocks import local, utc, zone_of, zones
from flowlab.widgets.settings import Settings
from flowlab.widgets.views import VIEWS, listed
from flowlab.wording import plain_text, value_text

# As in `services`; no name has two ports.
_PORTS = {service.name.lower(): str(service.port) for service in SERVICES}
_WIDE = w.Layout(width="auto")
_STEPS = ("1min", "5min", "15min", "1h", "6h", "1D")
ALL = "all"
_NOT_GROUPS = ("start", "end", *MEASURES)
_MOST_OFFERED = 500  # values in a list to choose from; any can be typed


def make(table: Table, values: Mapping[str, Sequence[Any]]) -> dict[str, w.Widget]:
    """Make the controls that these records allow.

    Parameters
    ----------
    table : Table
    values : mapping
        Different values of protocol, interface_id, subnet_id and so on, as far as they are there.
    """
    have = set(table.columns)
    groups = [c for c in table.columns if c not in _NOT_GROUPS]
    views = [
        (view.title, name)
        for name, view in VIEWS.items()
        if have >= {*view.needs} and (groups or name != "groups")
    ]
    made: dict[str, w.Widget] = {
        "view": w.ToggleButtons(
            options=views, description="view", style={"button_width": "12em"},
            tabbable=False,  # its buttons are; the box around them can be sent to
        ),
        "start": _typed("from", "beginning of what is there"),
        "end": _typed("until", "end of what is there"),
        "timezone": w.Combobox(
            options=sorted(zones()), value="UTC", description="time zone",
            continuous_update=False, style=LABEL, layout=_WIDE,
        ),
        "addr": _typed("address", "10.0.1.10, 192.0.2.0/24, 2001:db8::/32"),
        "peer": _typed("with", "the other side"),
        "port": _typed("port, service", "443, https, 8000-8999"),
        "rules": w.SelectMultiple(
            options=possible_rules(have), description="set aside", rows=6, style=LABEL,
            layout=_WIDE, tooltip="rules whose records are set aside; Ctrl chooses several",
        ),
        "rank_by": w.Dropdown(
            options=[m for m in reversed(MEASURES) if m == "flow_records" or m in have],
            description="rank by", style=LABEL, layout=_WIDE,
        ),
        "n": _counted("rows", 10, 30),
        "every": w.Dropdown(
            options=_STEPS, value="15min", description="every", style=LABEL, layout=_WIDE
        ),
        "sort_by": w.Dropdown(
            options=list(table.columns), description="sort by", style=LABEL, layout=_WIDE,
            value="start" if "start" in have else next(iter(table.columns)),
        ),
        "descending": w.Checkbox(
            value=False, description="largest first", indent=False, layout=_WIDE
        ),
        "page": _counted("page", 1, 1),
        "compare": w.Checkbox(
            value=False, description="beside the period before", indent=False, layout=_WIDE
        ),
    }  # fmt: skip
    if groups:
        made["by"] = w.Dropdown(
            options=groups, value="action" if "action" in groups else groups[0],
            description="group by", style=LABEL, layout=_WIDE,
        )  # fmt: skip
    if not {"srcaddr", "dstaddr"} <= have:
        del made["peer"]
    if "start" not in have:  # there is no time to choose or to compare
        for name in ("start", "end", "every", "compare"):
            del made[name]
    for name, label in (
        ("action", "action"),
        ("flow_direction", "direction"),
        ("protocol", "protocol"),
    ):
        if name in have:
            # Not None: a dropdown takes that for nothing chosen, and shows nothing.
            options = [("all", ALL), *((value_text(name, v), v) for v in values[name])]
            made[name] = w.Dropdown(options=options, description=label, style=LABEL, layout=_WIDE)
    for name, label in (("interface_id", "ENI"), ("subnet_id", "subnet"), ("owner", "owner")):
        if values.get(name):
            made[name] = w.Combobox(
                options=[plain_text(v) for v in values[name][:_MOST_OFFERED]], description=label,
                placeholder="all; several with commas", continuous_update=False, layout=_WIDE,
                style=LABEL,
            )  # fmt: skip
    return made


def possible_rules(have: set[str]) -> list[str]:
    """Name the rules that can be applied to records with these columns as they are."""
    known = rules()
    return [
        str(name)
        for name, needs, takes in zip(known["rule"], known["needs"], known["takes"], strict=True)
        if not str(takes).endswith("!") and not {*str(needs).split(", ")} - {"", *have}
    ]


def _counted(label: str, value: int, most: int) -> w.BoundedIntText:
    return w.BoundedIntText(
        value=value, min=1, max=most, description=label, style=LABEL, layout=_WIDE
    )


def _typed(label: str, placeholder: str) -> w.Text:
    return w.Text(
        description=label, placeholder=placeholder, continuous_update=False, style=LABEL,
        layout=_WIDE,
    )  # fmt: skip


def read(
    controls: Mapping[str, w.Widget], values: Mapping[str, Sequence[Any]]
) -> tuple[Settings, dict[str, str]]:
    """Say what the controls are set to, and what is wrong with what was typed.

    Returns
    -------
    tuple of Settings and dict
        What can be understood; and by name of the control, what cannot.
    """
    made: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    readers: dict[str, Callable[[Any], Any]] = {
        "timezone": lambda text: zone_of(text).key,
        "start": lambda text: utc(text, zone_of(made.get("timezone", "UTC"))),
        "end": lambda text: utc(text, zone_of(made.get("timezone", "UTC"))),
        "addr": _address,
        "peer": _address,
        "port": _port,
        "interface_id": lambda text: _among("interface_id", text, values),
        "subnet_id": lambda text: _among("subnet_id", text, values),
        "owner": lambda text: _among("owner", text, values),
        "action": lambda value: None if value == ALL else value,
        "flow_direction": lambda value: None if value == ALL else value,
        "protocol": lambda value: None if value == ALL else value,
        "rules": tuple,
        "page": lambda page: int(page) - 1,
    }
    for name in ("timezone", *(n for n in controls if n != "timezone")):
        try:
            value = controls[name].value
            made[name] = readers[name](value) if name in readers else value
        except FlowlabError as problem:
            fix = problem.fix[:1].upper() + problem.fix[1:]
            wrong[name] = " ".join(filter(None, (problem.what, fix)))
    if made.get("start") and made.get("end") and made["start"] >= made["end"]:
        wrong["end"] = "the period ends before it begins."
    return Settings(**made), wrong


def write(controls: Mapping[str, w.Widget], settings: Settings) -> None:
    """Set the controls to what the settings say.

    Raises
    ------
    FlowlabError
        They do not fit the records: a column or a value that is not there. No control is set then.
    """
    zone = zone_of(settings.timezone)
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name not in controls and value != field.default:
            raise FlowlabError(
                f"these records have nothing that {field.name}={value!r} could choose.",
                "the settings are of other records, which had more columns.",
                "begin with ex.settings of these.",
            )
    wanted = {name: _shown(name, getattr(settings, name), zone) for name in controls}
    for name, value in wanted.items():
        _check_fits(name, controls[name], value)
    for name, value in wanted.items():
        if name == "page":
            controls[name].max = max(controls[name].max, value)
        controls[name].value = value


def _shown(name: str, value: Any, zone: ZoneInfo) -> Any:
    """Give a value of the settings as its control has it."""
    if name in ("start", "end"):
        return local(utc(value or "", ZoneInfo("UTC")), zone)
    if name in ("interface_id", "subnet_id", "owner"):
        return ", ".join(map(plain_text, value))
    if name in ("action", "flow_direction", "protocol"):
        return ALL if value is None else value
    return value + 1 if name == "page" else value


def _check_fits(name: str, control: w.Widget, value: Any) -> None:
    if isinstance(control, (w.Dropdown, w.ToggleButtons, w.SelectMultiple)):
        offered = [one[1] if isinstance(one, tuple) else one for one in control.options]
        for one in value if isinstance(value, tuple) else (value,):
            if one not in offered:
                raise unknown_name(f"{control.description} =", str(one), map(str, offered))
    elif isinstance(control, w.BoundedIntText):
        most = control.max if name != "page" else value
        if not control.min <= value <= most:
            raise FlowlabError(
                f"{control.description}: {value} is not between {control.min} and {control.max}.",
                fix="choose a number between them.",
            )


def _address(text: str) -> str:
    if words := listed(text):
        match("addr", words)
    return text.strip()


def _port(text: str) -> str:
    """Read ports, ranges, and names of services, which stand for the ports they are served at."""
    words = [_PORTS.get(word.lower(), word) for word in listed(text)]
    try:
        if words:
            match("port", words)
    except FlowlabError as problem:  # its words are those of a call
        what = problem.what.removeprefix("srcport: ")
        near = difflib.get_close_matches(text.strip().lower(), _PORTS, n=2)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise FlowlabError(what, fix=f'Write it like "443, https, 8000-8999".{meant}') from problem
    return ", ".join(words)


def _among(name: str, text: str, values: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    # As the box shows them: without marks that would turn the line around.
    known = {plain_text(value): value for value in values[name]}
    chosen = [one.strip() for one in text.replace(";", ",").split(",") if one.strip()]
    if text.strip() in known:  # an owner may have a comma in its name
        chosen = [text.strip()]
    for one in chosen:
        if one not in known:
            label = name if name == "owner" else schema.BY_COLUMN[name].name
            offered = unknown_name(label, one, known)
            raise UnknownNameError(f"no record here has the {label} {one!r}.", fix=offered.fix)
    return tuple(known[one] for one in chosen)
