"""Rules as people name them: flowlab's own by name, their own by what they match."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from keyword import iskeyword
from typing import Any

import pandas as pd

from flowlab.conditions import from_plain, missing, to_plain
from flowlab.errors import FlowlabError, unknown_name
from flowlab.exclusion_rules import Rule
from flowlab.matches import is_null, listed
from flowlab.rulebook import INSTEAD, MAKERS, NAMED, SHAPES
from flowlab.tables import Table, require

KNOWN = [*NAMED, *SHAPES]

_ALONE = "ip_ranges"  # a parameter that needs no other

_DETECT = {
    "reserved": "; fl.infer_subnets(flows) lists what the records suggest",
    "flow-log-delivery": ", the addresses of the hosts that fetch the flow logs",
}


def rule(name: str, *, why: str = "", **matches: Any) -> Rule:
    """Make a rule of your own, or take one of flowlab's with what it needs to know.

    Parameters
    ----------
    name : str
        A name of your own; or one of `rules`, without conditions.
    why : str
        Why these records are set aside, for whoever reads the result.
    **matches
        Columns and what they may hold; all of them must fit. A value or a list of values; None is
        null. Ports and AWS's other numbers: also a range, ``"1024-65535"`` or ``(1024, 65535)``,
        ends included; a column of your own takes the second. Addresses: also CIDRs, IPv4 and IPv6.
        Protocols: also tcp, udp, icmp, icmpv6.
        ``port``, ``addr``, ``packet_addr`` and ``aws_service`` match on either side. ``any`` and
        ``all`` take a list of conditions as dicts, as in a file of rules: `load_rules`.
        For flowlab's own rules: ``dns`` takes servers, ``health-checks`` load_balancers (and
        most_bytes) and ip_ranges (AWS's ip-ranges.json, a path or a dict; for those of Route 53),
        ``reserved`` subnets (CIDRs), ``flow-log-delivery`` readers.

    Returns
    -------
    Rule
        Rules combine: ``a & b``, ``a | b``, ``~a``.

    Raises
    ------
    FlowlabError
        No condition, or one that could never be met: a CIDR with host bits, a range that ends
        before it begins.

    Examples
    --------
    >>> import flowlab as fl
    >>> backup = fl.rule("backup", dstport=873, srcaddr="10.0.9.0/24", why="rsync every night")
    >>> backup.matches
    'dstport 873 and srcaddr 10.0.9.0/24'
    """
    if not isinstance(name, str) or not name.strip():
        raise FlowlabError(f"{name!r} is no name for a rule.", fix='fl.rule("backup", dstport=873)')
    if not isinstance(why, str):
        raise FlowlabError(
            f"why={why!r} is no text.",
            fix='write the reason; of a column called why: all=[{"why": ...}].',
        )
    if name in KNOWN:
        return _named(name, why, matches)
    if not matches:
        near = unknown_name("the rule", name, KNOWN)
        raise FlowlabError(
            f"the rule {name!r} has no condition, so it would match every record.",
            fix=f'name columns, as in fl.rule("{name}", dstport=873); '
            f"or was one of flowlab's rules meant: {near.fix}",
        )
    return Rule(name, from_plain(matches), why)


def _named(name: str, why: str, given: dict[str, Any]) -> Rule:
    make, parameters = MAKERS.get(name, (None, ()))
    if wrong := [key for key in given if key not in parameters]:
        takes = f" It takes {', '.join(parameters)}." if parameters else ""
        raise FlowlabError(
            f"{name} is one of flowlab's rules, and does not take {wrong[0]}.{takes}",
            fix="give a rule of your own another name.",
        )
    if make is not None and given:
        first = parameters[0]
        if given.get(_ALONE) is not None and given.get(first, 0) is None:
            del given[first]
        if first in given:
            given[first] = _several(name, first, given[first])
        elif rest := [key for key in given if key != _ALONE]:
            raise FlowlabError(
                f"the rule {name} takes {', '.join(rest)} only together with {first}.",
                fix=f'fl.rule("{name}", {first}=[...], ...)',
            )
        made = make(**given)
    elif name in NAMED:
        made = NAMED[name]
    else:
        raise FlowlabError(
            f"the rule {name} needs {parameters[0]}=.",
            fix=f'pass fl.rule("{name}", {parameters[0]}=[...]){_DETECT[name]}.',
        )
    return replace(made, why=why) if why else made


def _several(name: str, parameter: str, given: Any) -> list[Any]:
    several = listed(given)
    if not several or any(map(is_null, several)):
        raise FlowlabError(
            f"the rule {name}: {parameter} has {'a null' if several else 'nothing'} in it.",
            fix=f'fl.rule("{name}", {parameter}=[...]) takes addresses or CIDRs; .dropna() of a '
            "column leaves nulls out.",
        )
    return several


def chosen(rules: Any, asked_by: str) -> list[Rule]:
    """Take rules as people give them: a name, a rule, or several of either.

    Raises
    ------
    UnknownNameError
        No rule has this name; the nearest ones are offered.
    FlowlabError
        Not a rule, or one that needs a parameter.
    """
    listed = [rules] if isinstance(rules, (str, Rule)) or not isinstance(rules, Iterable) else rules
    taken = []
    for one in listed:
        if isinstance(one, Rule):
            taken.append(one)
        elif isinstance(one, str) and one in KNOWN:
            taken.append(_named(one, "", {}))
        elif isinstance(one, str):
            raise unknown_name(f"{asked_by}: the rule", one, KNOWN)
        else:
            raise FlowlabError(
                f"{asked_by}: a {type(one).__name__} is no rule.",
                fix='pass names of fl.rules(), or own rules: fl.rule("backup", dstport=873).',
            )
    return taken


def as_arguments(one: Rule) -> str | dict[str, Any]:
    """Give the name of one of flowlab's rules, or what `rule` makes a like one from."""
    if NAMED.get(one.name) == one:
        return one.name
    # `rule` does not give a name of flowlab's to other conditions.
    named = {"name": f"{one.name} as given" if one.name in KNOWN else one.name}
    matches = to_plain(one.condition)
    if not all(map(_can_be_keyword, matches)):
        matches = {"all": [matches]}
    return named | ({"why": one.why} if one.why else {}) | matches


def _can_be_keyword(name: str) -> bool:
    # Python reads a name in its source as NFKC has it: the micro sign as the letter mu.
    same = unicodedata.normalize("NFKC", name) == name
    taken = iskeyword(name) or name in ("name", "why", "__debug__")
    return same and name.isidentifier() and not taken


def need(table: Table, rules: Sequence[Rule]) -> None:
    """Check that the records have the columns of all rules.

    Raises
    ------
    MissingFieldError, UnknownNameError
        They do not; the message names rule, columns and AWS fields.
    """
    for one in rules:
        instead = INSTEAD.get(one.name, "") if one == NAMED.get(one.name) else ""
        require(table, missing(one.condition, table.columns), f"the rule {one.name}", instead)


def rules() -> pd.DataFrame:
    """List the rules flowlab knows by name. None of them is applied unasked.

    Returns
    -------
    DataFrame, one row per rule
        rule, matches, why, source, limits (what it cannot tell), needs (columns), takes (parameters
        of `rule`; those with ``!`` must be given).

    Examples
    --------
    >>> import flowlab as fl
    >>> fl.rules().set_index("rule").loc["icmp", "matches"]
    'protocol ICMP or ICMPv6'
    """
    rows = []
    for name in KNOWN:
        known, matches = SHAPES[name] if name in SHAPES else (NAMED[name], NAMED[name].matches)
        needs = ", ".join(missing(known.condition, ()))
        takes = ", ".join(MAKERS[name][1]) if name in MAKERS else ""
        takes += "!" * (name in SHAPES)
        rows.append((name, matches, known.why, known.source, known.limits, needs, takes))
    names = ["rule", "matches", "why", "source", "limits", "needs", "takes"]
    return pd.DataFrame(rows, columns=names)
