"""One value of a flow record in words, for people who read a line field by field.

Sources: AWS, "Flow log records" and "Flow log record examples", as of 2026; the names of
`flowlab.enriching`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import pandas as pd

from flowlab import schema
from flowlab.enriching.columns import Columns
from flowlab.enriching.flags import PATHS, TCP, tcp_flag_names
from flowlab.enriching.services import PROTOCOL_NAMES, SERVICES, WITH_PORTS

Values = Mapping[str, Any]  # of one line, by column; None where AWS wrote -

_SILENT = {
    "NODATA": "NODATA says that there was no traffic in this window",
    "SKIPDATA": "SKIPDATA says that AWS lost records of this window",
}
_STATUS = {
    "OK": "a flow record",
    "NODATA": "no traffic at this ENI in this window: the line is no record",
    "SKIPDATA": "AWS lost records of this window, one or many: the line is no record",
}
_WORDS: dict[str, dict[Any, str]] = {
    "type": {"EFA": "Elastic Fabric Adapter"},
    "flow_direction": {"ingress": "into the recording ENI", "egress": "out of the recording ENI"},
    "reject_reason": {
        "BPA": "refused by VPC Block Public Access",
        "EC": "refused by a VPC endpoint because of Encryption Controls",
    },
    "encryption_status": {
        0: "not encrypted",
        1: "encrypted by Nitro hardware",
        2: "encrypted by the application, to judge by the port",
        3: "encrypted by Nitro hardware, and by the application, to judge by the port",
    },
}


def in_words(column: str, value: Any, text: str, line: Values) -> str:
    """Say what a value means.

    Parameters
    ----------
    column : str
        As in a flow frame; a field that flowlab does not know speaks for itself.
    value : int, str, Timestamp or None
        As it was read; None where AWS wrote ``-``.
    text : str
        As it was written.
    line : mapping
        All values of the line.

    Returns
    -------
    str
        Never empty.
    """
    if value is None:
        return f"none: {_why_none(column, line)}"
    field = schema.BY_COLUMN.get(column)
    if column in _WORDS:
        return _WORDS[column].get(value, str(value))
    if column in _SAY:
        return _SAY[column](value, line)
    if field is None:
        return str(value)
    if field.kind == "time":
        milliseconds = text.isdecimal() and int(text) >= schema.MILLISECONDS_FROM
        return f"{value:%Y-%m-%d %H:%M:%S} UTC{', written in milliseconds' * milliseconds}"
    if field.kind == "text":  # tags
        return unquote(value)
    if field.unit in ("bytes", "packets"):
        return f"{value:,} {field.unit if value != 1 else field.unit[:-1]}"
    return str(value)


def _why_none(column: str, line: Values) -> str:
    status = line.get("log_status")
    if status in _SILENT and column not in schema.IDENTITY:
        return _SILENT[status]
    field = schema.BY_COLUMN.get(column)
    if field is None or not field.null_when:
        return "it does not apply, or AWS could not tell"
    return f"AWS writes - if: {field.null_when}"


def _action(value: str, line: Values) -> str:
    if value == "ACCEPT":
        return "security groups and network ACLs let it pass; not that anybody answered"
    if value == "REJECT" and line.get("reject_reason") in _WORDS["reject_reason"]:
        return "refused; reject-reason says by what"
    if value == "REJECT":
        return "refused by a security group or network ACL, or late: its connection was over"
    return value


def _version(value: int, _: Values) -> str:
    return f"the newest field of this format came with version {value}"


def _account(value: str, _: Values) -> str:
    return "an ENI that AWS made, as for an endpoint" if value == "unknown" else value


def _status(value: str, _: Values) -> str:
    return _STATUS.get(value, f"{value}: a status flowlab does not know, read as a record")


def _protocol(value: int, _: Values) -> str:
    name = PROTOCOL_NAMES[value] if value < len(PROTOCOL_NAMES) else None
    return name or f"protocol {value}, which has no name"


def _port(value: int, line: Values) -> str:
    protocol = line.get("protocol")
    if protocol is None:
        return f"port {value}"
    if protocol not in WITH_PORTS:
        return f"none: {_protocol(protocol, line)} has no ports"
    for service in SERVICES:
        if service.port == value and protocol in service.protocols:
            return f"{service.name}, by {service.source}"
    return f"port {value}, of no service that flowlab knows; clients choose theirs freely"


def _flags(value: int, line: Values) -> str:
    protocol = line.get("protocol")
    if protocol not in (None, TCP):
        return "none: not TCP"
    if value == 0:
        return "none: only ACK, PSH or the like" + ", or not TCP" * (protocol is None)
    names = tcp_flag_names(Columns(pd.DataFrame({"tcp_flags": [value]})))
    return str(names[0]).replace(" ", ", ")


def _path(value: int, _: Values) -> str:
    name = PATHS[value] if 0 < value < len(PATHS) else None
    if name is None:
        return f"code {value}, which flowlab does not know"
    return f"within the {name}" if value == 1 else f"through {_article(name)} {name}"


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _in_packet(recorded: str) -> Callable[[Any, Values], str]:
    def say(value: str, line: Values) -> str:
        if line.get(recorded) is None:
            return value
        if value == line[recorded]:
            return f"the same as {recorded}"
        return f"not {recorded}: as with NAT, a pod, or a secondary address of the ENI"

    return say


_SAY: dict[str, Callable[[Any, Values], str]] = {
    "action": _action,
    "version": _version,
    "account_id": _account,
    "srcport": _port,
    "dstport": _port,
    "protocol": _protocol,
    "log_status": _status,
    "tcp_flags": _flags,
    "pkt_srcaddr": _in_packet("srcaddr"),
    "pkt_dstaddr": _in_packet("dstaddr"),
    "traffic_path": _path,
}
