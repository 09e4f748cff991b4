"""The questions that CloudWatch Logs Insights can express, in its query language.

Sources: AWS CloudWatch Logs user guide, "Supported logs and discovered fields" and "Logs Insights
QL commands and functions"; AWS Knowledge Center, "How do I use CloudWatch Logs Insights to analyze
custom Amazon VPC flow logs?"; as of 2026.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.choosing import chosen, need
from flowlab.conditions import Condition, Either, Every, FirstPossible, Not, missing
from flowlab.errors import FlowlabError
from flowlab.matches import Match, Span, Value
from flowlab.options import seconds_of
from flowlab.reading import epoch
from flowlab.tables import Outline

if TYPE_CHECKING:
    import pandas as pd

# What Insights names the fields of the default format by itself. Others need parse.
_DISCOVERED = {
    "version": "version", "account_id": "accountId", "interface_id": "interfaceId",
    "srcaddr": "srcAddr", "dstaddr": "dstAddr", "srcport": "srcPort", "dstport": "dstPort",
    "protocol": "protocol", "packets": "packets", "bytes": "bytes", "start": "startTime",
    "end": "endTime", "action": "action", "log_status": "logStatus",
}  # fmt: skip
_TRAFFIC = ("srcaddr", "dstaddr", "action")
# A sum may not have the name of a field that parse made: "Ephemeral field is already defined".
_SUMS = {"packets": "total_packets", "bytes": "total_bytes"}
_MOST_ROWS = 10_000  # of an answer, unless a query says otherwise
_TWO_ROWS = "a record must count at both its addresses, and a query has no UNION"
_DISTINCT = "count_distinct is an approximation where there are many values"
_CANNOT = {
    "top_talkers": f"{_TWO_ROWS}; breakdown by srcaddr and by dstaddr it can",
    "peers": f"{_TWO_ROWS}, and {_DISTINCT}",
    "conversations": "nothing says which of two columns a key comes from (no CASE)",
    "services": "nothing says which of two columns a key comes from (no CASE)",
    "waterfall": "nothing sums up what a condition is true for (no CASE)",
    "excluded_by": "nothing sums up what a condition is true for (no CASE); only= with one rule "
    "and totals it can",
    "impossible_traffic": "nothing names the condition that a record meets (no CASE); only= with "
    "records it can",
    "dns_servers": _DISTINCT,
    "infer_subnets": "it takes addresses from one of two columns (no CASE)",
}


def insights(
    asked: Callable[..., pd.DataFrame],
    *args: Any,
    fmt: str | Sequence[str] | None = None,
    exclude: Any = (),
    only: Any = (),
    **options: Any,
) -> str:
    """Write a question as a CloudWatch Logs Insights query.

    Parameters
    ----------
    asked : function
        `totals`, `breakdown`, `records`, or `traffic_over_time` with ``spread=False``.
    *args, **options
        The question's own, without the records.
    fmt : str or sequence of str, optional
        The flow log's LogFormat, if it is not the default one: Insights knows the names of the
        default fields alone, so the query parses the others out of ``@message``.
    exclude, only : str, Rule, or a sequence of them
        Rules whose records are set aside, or kept, as `flowlab.exclude` and `only` do.

    Returns
    -------
    str
        The query; lines with ``#`` say what is not in it. Nulls are ``-`` there, as AWS writes, and
        sums are called total_packets and total_bytes.

    Raises
    ------
    FlowlabError
        Insights cannot express the question or an option; the message says what it lacks.
    MissingFieldError, UnknownNameError
        The format has no such field.

    Notes
    -----
    Set the time range of the query itself around the period: it goes by when a record arrived,
    minutes after its start. Insights was not at hand to run these: their words are AWS's own.

    Examples
    --------
    >>> import flowlab as fl
    >>> print(fl.insights(fl.breakdown, "srcaddr", n=5))            # doctest: +ELLIPSIS
    # share and cumulative_share are left out: a query cannot relate rows to their sum
    filter logStatus != "NODATA" and logStatus != "SKIPDATA"
    | stats count(*) as flow_records, sum(packets) as total_packets, ... by srcAddr
    | sort total_bytes desc, srcAddr asc
    | limit 5
    """
    columns = schema.DEFAULT_FORMAT if fmt is None else schema.parse_log_format(fmt)
    if tuple(columns) == schema.DEFAULT_FORMAT:
        fields, first = dict(_DISCOVERED), []
    else:
        fields = {name: name for name in columns}
        first = [f'parse @message "{" ".join("*" * len(columns))}" as {", ".join(columns)}']
    table = Outline("duckdb", list(columns))  # whose checks of names and options hold here too
    name = getattr(asked, "__name__", str(asked))
    writer = _WRITERS.get(name)
    if writer is None or not hasattr(asked, "builder"):
        raise FlowlabError(
            f"CloudWatch Logs Insights cannot express {name}.",
            f"{_CANNOT[name]}." if name in _CANNOT else "it is not a question of records.",
            f"read the records (fl.read_flows) and ask them; Insights can: {', '.join(_WRITERS)}.",
        )
    builder: Any = asked.builder
    builder(table, *args, **options)
    given = inspect.signature(builder).bind(table, *args, **options)
    given.apply_defaults()
    notes, commands = writer(fields, given.arguments)
    filters = [*_records(fields), *_period(fields, given.arguments)]
    for rules, kept in ((exclude, False), (only, True)):
        if taken := chosen(rules, name):
            need(table, taken)
            hit = _condition(Either(tuple(rule.condition for rule in taken)), fields)
            filters.append(hit if kept else f"not ({hit})")
    whole = [*first, *(f"filter {one}" for one in filters), *commands]
    return "\n".join([*(f"# {note}" for note in notes), "\n| ".join(whole)])


# ------------------------------------------------------------------------------ questions
Fields = Mapping[str, str]
Told = tuple[list[str], list[str]]  # notes, commands


def _totals(fields: Fields, options: Mapping[str, Any]) -> Told:
    sums, computed, notes = _sums(fields), [], []
    for name, action in (("accepted", "ACCEPT"), ("rejected", "REJECT")):
        if "action" in fields:
            computed.append(f'strcontains({fields["action"]}, "{action}") as is_{name}')
            sums.append(f"sum(is_{name}) as {name}")
    if "interface_id" in fields:
        notes.append(f"interfaces is left out: {_DISTINCT}")
    sums += [f"min({fields['start']}) as first_start"] if "start" in fields else []
    sums += [f"max({fields['end']}) as last_end"] if "end" in fields else []
    return notes, [
        *([f"fields {', '.join(computed)}"] * bool(computed)),
        f"stats {', '.join(sums)}",
    ]


def _breakdown(fields: Fields, options: Mapping[str, Any]) -> Told:
    by = [options["by"]] if isinstance(options["by"], str) else list(options["by"])
    keys, rank_by = [fields[key] for key in by], options["rank_by"]
    notes = ["share and cumulative_share are left out: a query cannot relate rows to their sum"]
    order = ", ".join([f"{_SUMS.get(rank_by, rank_by)} desc", *(f"{key} asc" for key in keys)])
    commands = [f"stats {', '.join(_sums(fields))} by {', '.join(keys)}", f"sort {order}"]
    return _limited(notes, commands, options["n"])


def _over_time(fields: Fields, options: Mapping[str, Any]) -> Told:
    if options["spread"]:
        raise FlowlabError(
            "CloudWatch Logs Insights cannot spread a record over its capture window.",
            "a query cannot make a row for each step that a record touches.",
            "pass spread=False: each record counts whole, where it starts.",
        )
    if options["n"] is not None:
        raise FlowlabError(
            "CloudWatch Logs Insights cannot sum up all but the largest groups over time.",
            "a query cannot look back at which groups are largest.",
            "leave n out.",
        )
    by = options["by"]
    keys = [] if by is None else [fields[key] for key in ([by] if isinstance(by, str) else by)]
    every = seconds_of(options["every"])
    notes = ["steps without traffic are left out: a query gives rows only for records"]
    grouped = ", ".join(["time", *keys])
    return _limited(notes, [
        f"fields floor({fields['start']} / {every}) * {every} as time",
        f"stats {', '.join(_sums(fields))} by {grouped}",
        f"sort {', '.join(f'{key} asc' for key in ['time', *keys])}",
    ], None)  # fmt: skip


def _pages(fields: Fields, options: Mapping[str, Any]) -> Told:
    if options["offset"]:
        raise FlowlabError(
            "CloudWatch Logs Insights cannot leave out records before a page.",
            "its limit has no offset.",
            "ask for the first page of a later period.",
        )
    first = fields[options["sort_by"]]
    rest = [name for name in fields.values() if name != first]
    order = [f"{first} {'desc' if options['descending'] else 'asc'}", *(f"{r} asc" for r in rest)]
    commands = [f"sort {', '.join(order)}", f"display {', '.join(fields.values())}"]
    return _limited([], commands, options["n"])


_WRITERS: dict[str, Callable[[Fields, Mapping[str, Any]], Told]] = {
    "totals": _totals, "breakdown": _breakdown, "traffic_over_time": _over_time, "records": _pages,
}  # fmt: skip


def _sums(fields: Fields) -> list[str]:
    measures = [f"sum({fields[m]}) as {_SUMS[m]}" for m in ("packets", "bytes") if m in fields]
    return ["count(*) as flow_records", *measures]


def _limited(notes: list[str], commands: list[str], n: int | None) -> Told:
    if n is None:
        notes = [*notes, f"no more than {_MOST_ROWS:,} rows"]
    return notes, [*commands, f"limit {n or _MOST_ROWS}"]


# ------------------------------------------------------------------------------ conditions
def _records(fields: Fields) -> list[str]:
    if "log_status" in fields:
        return [" and ".join(f'{fields["log_status"]} != "{w}"' for w in schema.NO_TRAFFIC)]
    there = [f'{fields[name]} != "-"' for name in _TRAFFIC if name in fields]
    return [" or ".join(there)] * bool(there)


def _period(fields: Fields, options: Mapping[str, Any]) -> list[str]:
    bounds = [
        f"{fields['start']} {sign} {moment}"
        for sign, name in ((">=", "start"), ("<", "end"))
        if (moment := epoch(options[name], name)) is not None
    ]
    return [" and ".join(bounds)] * bool(bounds)


def _condition(condition: Condition, fields: Fields) -> str:
    if isinstance(condition, Match):
        pairs = itertools.product(condition.columns, condition.values)
        return _joined("or", [_test(fields[name], value) for name, value in pairs])
    if isinstance(condition, Not):
        return f"not ({_condition(condition.part, fields)})"
    if isinstance(condition, FirstPossible):
        possible = [part for part in condition.parts if not missing(part, list(fields))]
        return _condition(possible[0], fields)
    word = "and" if isinstance(condition, Every) else "or"
    return _joined(word, [_condition(part, fields) for part in condition.parts])


def _joined(word: str, tests: Sequence[str]) -> str:
    return tests[0] if len(tests) == 1 else "(" + f" {word} ".join(tests) + ")"


def _test(field: str, value: Value) -> str:
    if isinstance(value, IPv4Network):
        return f'isIpv4InSubnet({field}, "{value}")'
    if isinstance(value, IPv6Network):
        return f'isIpv6InSubnet({field}, "{value}")'
    if isinstance(value, Span):
        return f"({field} >= {value.low} and {field} <= {value.high})"
    if value is None:
        return f'{field} = "-"'
    if isinstance(value, (int, float)):
        return f"{field} = {value + 0}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field} = "{escaped}"'
