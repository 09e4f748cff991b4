"""Which fields a flow log should have: three formats with names, and what each can answer."""

# ruff: noqa: E501 (one question, one line)

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flowlab import schema
from flowlab.errors import LineFormatError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

_VPC = tuple(field for field in schema.FIELDS if field.log != "transit gateway")
_DEFAULT = tuple(field.name for field in _VPC if field.version == 2)

FORMATS: dict[str, tuple[str, ...]] = {
    # What AWS takes if nobody says anything. A TCP record over IPv4 has about 110 bytes in it;
    # in "recommended" about 155, in "everything" about 280 and far more with ECS.
    "minimal": _DEFAULT,
    # What unlocks most for few bytes: 45 bytes more answer 11 more of QUESTIONS. Left out are
    # vpc-id, subnet-id, instance-id, az-id and region, 86 bytes for what interface-id and a saved
    # set-up tell too; and everything of version 11, which is too new to be had everywhere.
    "recommended": (
        *_DEFAULT,
        "tcp-flags",            # who opened a connection; 2 bytes
        "pkt-srcaddr",          # who is behind NAT gateways, load balancers, pods; an address
        "pkt-dstaddr",
        "pkt-src-aws-service",  # mostly "-"
        "pkt-dst-aws-service",
        "flow-direction",       # which vantage counts, without guessing; 7 bytes
        "traffic-path",         # the way out; 2 bytes
        "reject-reason",        # 2 bytes, almost always "-"
        "resource-id",          # a regional NAT gateway has no interface-id; else "-"
        "encryption-status",    # 2 bytes
    ),
    # All but the six tag fields: those need TagFieldSpecifications, the tag keys to look for.
    "everything": tuple(f.name for f in _VPC if not f.name.removesuffix("-2").endswith("-tag")),
}  # fmt: skip
"""Formats by name: AWS's field names, in order."""

# Without these, a record cannot be placed, counted or trusted.
ESSENTIAL: tuple[str, ...] = (
    "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
    "start", "end", "action", "log-status",
)  # fmt: skip


class Question(NamedTuple):
    """A question people ask of flow records, and every AWS field its answer needs."""

    question: str
    fields: tuple[str, ...]


def _ask(question: str, fields: str) -> Question:
    return Question(question, tuple(fields.split()))


_TUPLE = "srcaddr dstaddr srcport dstport protocol"

QUESTIONS: tuple[Question, ...] = (
    _ask("Were records lost?", "interface-id log-status start end"),
    _ask("How much was accepted, how much rejected?", "action packets bytes"),
    _ask("Which protocols?", "protocol packets bytes"),
    _ask("How does traffic change over time?", "start end bytes"),
    _ask("Which ENIs carry the most?", "interface-id bytes"),
    _ask("Which VPCs, subnets and instances carry the most?", "vpc-id subnet-id instance-id bytes"),
    _ask("Which addresses send and receive the most?", "srcaddr dstaddr bytes"),
    _ask("Which services (ports) are used?", "protocol srcport dstport bytes"),
    _ask("Who talks to whom, both directions joined?", f"{_TUPLE} start end bytes"),
    _ask("Which teams, by their tags?", "instance-tag bytes"),
    _ask("Which ECS services?", "ecs-cluster-name ecs-service-name bytes"),
    _ask("Which AWS services?", "pkt-src-aws-service pkt-dst-aws-service bytes"),
    _ask("Inbound or outbound at the ENI?", "interface-id flow-direction bytes"),
    _ask("Who is behind a NAT gateway, load balancer or pod?", "srcaddr dstaddr pkt-srcaddr pkt-dstaddr"),
    _ask("Which way out: internet, peering, endpoint?", "flow-direction traffic-path bytes"),
    _ask("What crosses Availability Zones?", "az-id next-hop-az-id flow-direction bytes"),
    _ask("What goes through which endpoint or transit gateway?", "interface-type next-hop-interface-id bytes"),
    _ask("What does a regional NAT gateway carry?", "resource-id pkt-srcaddr pkt-dstaddr bytes"),
    _ask("Which traffic to AWS pays for a NAT gateway?", "interface-id flow-direction pkt-srcaddr pkt-dst-aws-service bytes"),
    _ask("What is not encrypted inside the VPC?", "encryption-status srcaddr dstaddr bytes"),
    _ask("Who is rejected, and where?", "action srcaddr dstaddr dstport protocol"),
    _ask("Does a network ACL block the way back?", f"action interface-id {_TUPLE} start end"),
    _ask("Which rejected packets only came too late?", f"action tcp-flags {_TUPLE} start end"),
    _ask("Rejected by Block Public Access or Encryption Controls?", "action reject-reason"),
    _ask("Who opened the connection?", f"tcp-flags {_TUPLE} start"),
    _ask("Who reached SSH, RDP or databases?", "action srcaddr dstaddr dstport protocol start"),
    _ask("Who scans?", "action srcaddr dstaddr dstport start"),
    _ask("Who calls home at regular times?", f"{_TUPLE} start end"),
    _ask("Who sent unusually much to the internet?", "flow-direction traffic-path srcaddr pkt-dstaddr start bytes"),
)  # fmt: skip
"""What people ask of flow records, from how much to who."""


def log_format_text(fields: Iterable[str]) -> str:
    """Write fields as AWS takes them, ``${version} ${account-id} ...``.

    Parameters
    ----------
    fields : iterable of str
        AWS's names, or columns of a flow frame, in order.

    Returns
    -------
    str

    Raises
    ------
    UnknownNameError
        A field that VPC flow logs do not have.
    """
    known = {field.name for field in _VPC}
    names = [name.replace("_", "-") for name in fields]
    for name in names:
        if name not in known:
            raise unknown_name("the field", name, known)
    return " ".join(f"${{{name}}}" for name in names)


@lru_cache(maxsize=256)  # thousands of ENIs share a few formats
def columns_of(log_format: str) -> tuple[str, ...]:
    """Give the columns of a flow log's format; none where it is missing or unreadable."""
    try:
        return schema.parse_log_format(log_format)
    except LineFormatError:
        return ()


@lru_cache(maxsize=256)
def name_of(log_format: str) -> str:
    """Name a flow log's format.

    Parameters
    ----------
    log_format : str
        LogFormat of DescribeFlowLogs.

    Returns
    -------
    str
        A name in FORMATS if fields and order are the same, else ``custom (n fields)``.
    """
    columns = columns_of(log_format)
    named = (name for name, fields in FORMATS.items() if _columns(fields) == columns)
    count = len(columns)
    return next(named, f"custom ({count} field{'s' * (count != 1)})")


def questions_answered(columns: Iterable[str]) -> pd.DataFrame:
    """Tell which questions records with these columns can answer.

    Parameters
    ----------
    columns : iterable of str
        Columns of a flow frame, or AWS's field names; others do no harm.

    Returns
    -------
    DataFrame, one row per question
        question (str), answered (bool), missing (str: the AWS fields that it lacks, joined by
        ", "; empty if answered).

    Examples
    --------
    >>> from flowlab.setup.formats import FORMATS, questions_answered
    >>> table = questions_answered(FORMATS["minimal"])
    >>> table.loc[table["question"] == "Who opened the connection?", "missing"].item()
    'tcp-flags'
    """
    import pandas as pd

    have = frozenset(_columns(columns))
    lacking = [(q.question, missing(q, have)) for q in QUESTIONS]
    return pd.DataFrame(
        {
            "question": pd.Series([question for question, _ in lacking], dtype="str"),
            "answered": [not fields for _, fields in lacking],
            "missing": pd.Series([", ".join(fields) for _, fields in lacking], dtype="str"),
        }
    )


def missing(question: Question, columns: Iterable[str]) -> tuple[str, ...]:
    """Give the AWS fields that a question needs and these columns lack."""
    have = frozenset(columns)
    return tuple(field for field in question.fields if field.replace("-", "_") not in have)


def _columns(fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(field.replace("-", "_") for field in fields)
