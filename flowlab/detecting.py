"""What rules need to know and records can suggest: DNS servers, CIDRs of subnets.

Suggestions to look at, then to hand to a rule; nothing is taken from them unseen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any

import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import MEASURES, Question, question
from flowlab.options import period_of, sums
from flowlab.rulebook import reserved_addresses
from flowlab.tables import Table, require

_WIDEST, _SMALLEST = 16, 28  # of an IPv4 subnet


@question
def dns_servers(table: Table, *, start: Any = None, end: Any = None) -> Question:
    """List the addresses that answer on the ports of DNS.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcaddr, dstaddr, srcport and protocol; with action, only accepted answers count.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row per address, the busiest first
        addr (string), askers (distinct addresses that got an answer, int64), flow_records, packets,
        bytes (int64) of the answers. Hand the addresses you know to
        ``fl.rule("dns", servers=...)``. Amazon's own resolver is never logged, so never listed; a
        NAT gateway that passes answers on is listed.

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Examples
    --------
    >>> import flowlab as fl
    >>> fl.dns_servers(fl.sample_flows()[0])["addr"].tolist()
    ['10.0.2.53', '198.51.100.53', '10.0.1.220']
    """
    require(table, ["srcaddr", "dstaddr", "srcport", "protocol"], "dns_servers")
    answers = [
        build.column("srcport").isin(build.number(53), build.number(853)),
        build.column("protocol").isin(build.number(6), build.number(17)),
        *period_of(table, "dns_servers", start, end),
    ]
    if "action" in table.columns:
        answers.append(build.column("action").eq("ACCEPT"))
    askers = exp.Count(this=exp.Distinct(expressions=[build.column("dstaddr")]))
    measures = [m for m in MEASURES if m == "flow_records" or m in table.columns]
    query = (
        exp.select(
            build.named(build.column("srcaddr"), "addr"),
            build.named(askers, "askers"),
            *sums(measures),
        )
        .from_(build.flows())
        .where(*answers)
        .group_by(build.column("srcaddr"))
        .order_by(
            exp.Ordered(this=build.column("flow_records"), desc=True, nulls_first=False),
            exp.Ordered(this=build.column("addr"), nulls_first=False),
        )
    )
    return Question(query, lambda answer: answer.astype({"askers": "int64"}))


@question
def infer_subnets(table: Table, *, start: Any = None, end: Any = None) -> Question:
    """Suggest the CIDR of each subnet from the addresses of its ENIs.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs subnet_id, flow_direction, srcaddr and dstaddr: on ingress the ENI's own address is
        the destination, on egress the source.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row per subnet and IP version, in order
        subnet_id, cidr (the smallest IPv4 network, /28 to /16, that holds all its addresses with
        none on a reserved place; for IPv6 the /64; null if there is none), addresses (int64).
        The real network may be larger: its last address is then elsewhere. Compare with the
        console before you hand it to ``fl.rule("reserved", subnets=...)``.

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.

    Examples
    --------
    >>> import flowlab as fl
    >>> fl.infer_subnets(fl.sample_flows()[0])["cidr"].tolist()
    ['10.0.1.0/24', '2001:db8:1234:1::/64', '10.0.2.0/26', '10.0.3.0/25']
    """
    require(table, ["subnet_id", "flow_direction", "srcaddr", "dstaddr"], "infer_subnets")
    direction = build.column("flow_direction")
    own = exp.Case().when(direction.eq("ingress"), build.column("dstaddr"))
    own = own.when(direction.eq("egress"), build.column("srcaddr"))
    query = (
        exp.select(build.column("subnet_id"), build.named(own, "addr"))
        .distinct()
        .from_(build.flows())
        .where(
            build.column("subnet_id").is_(exp.null()).not_(),
            *period_of(table, "infer_subnets", start, end),
        )
    )
    return Question(query, _covered)


def _covered(answer: pd.DataFrame) -> pd.DataFrame:
    known: dict[tuple[str, int], set[Any]] = {}
    for subnet, text in zip(answer["subnet_id"], answer["addr"], strict=True):
        if isinstance(text, str):
            address = ipaddress.ip_address(text)
            known.setdefault((subnet, address.version), set()).add(address)
    rows = [(subnet, _network_of(own), len(own)) for (subnet, _), own in sorted(known.items())]
    found = pd.DataFrame(rows, columns=["subnet_id", "cidr", "addresses"])
    return found.astype({"subnet_id": "str", "cidr": "str", "addresses": "int64"})


def _network_of(own: Collection[Any]) -> str | None:
    if next(iter(own)).version == 6:
        blocks = {ipaddress.ip_network(f"{address}/64", strict=False) for address in own}
        return str(blocks.pop()) if len(blocks) == 1 else None
    texts = set(map(str, own))
    for width in range(_SMALLEST, _WIDEST - 1, -1):
        block = ipaddress.ip_network(f"{min(own)}/{width}", strict=False)
        if all(address in block for address in own) and not texts & set(reserved_addresses(block)):
            return str(block)
    return None
