"""What AWS never logs: the table of it, and a look for records that should not exist.

Not rules to exclude by: a hit is an anomaly to look into, and no hit is the normal answer.

Sources: AWS VPC user guide, "Flow log limitations" and "Subnet CIDR blocks"; AWS EC2, ECS and EKS
user guides for the addresses; as of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab.addresses import Network, network
from flowlab.asking import Question, question, with_times
from flowlab.conditions import from_plain, to_sql
from flowlab.errors import FlowlabError
from flowlab.matches import listed
from flowlab.options import period_of, sums
from flowlab.rulebook import ACTIVATION, ECS_METADATA, METADATA, POD_IDENTITY, TIME_SYNC
from flowlab.tables import Table, require

_KEYS = ("recogniser", "srcaddr", "dstaddr", "dstport", "protocol")
_NORMAL = "none found: the normal answer. AWS does not log this, so absence proves nothing"
_ON_THE_HOST = (
    "a proxy or a service of yours answers at this address, or it was spoofed: AWS's own traffic "
    "there ends on the host and passes no ENI"
)
_COLLIDING = (
    "a host of yours has this address, or vpc_cidrs is not this VPC's: a peered or on-premises "
    "network with the same range"
)


@dataclass(frozen=True)
class _Recogniser:
    """What would be recognised: records to it, records from it, and what a hit may be."""

    name: str
    to: Mapping[str, Any]
    back: Mapping[str, Any]
    likely: str
    lacks: str = ""


def _at(
    name: str, addresses: Sequence[str], likely: str, lacks: str = "", **more: int
) -> _Recogniser:
    to: dict[str, Any] = {"dstaddr": addresses}
    back: dict[str, Any] = {"srcaddr": addresses}
    if more:
        to["dstport"] = back["srcport"] = more["port"]
    return _Recogniser(name, to, back, likely, lacks)


def _recognisers(vpc: Sequence[Network], subnets: Sequence[Network]) -> list[_Recogniser]:
    # Only the primary CIDR, the first one given, has the resolver.
    own = [str(block.network_address + 2) for block in vpc[:1]]
    routers = [str(block.network_address + 1) for block in dict.fromkeys([*vpc, *subnets])]
    needs = "" if vpc else "vpc_cidrs"
    dhcp = {"protocol": "udp", "any": [
        {"srcport": [67, 68], "dstport": [67, 68]}, {"srcport": [546, 547], "dstport": [546, 547]},
    ]}  # fmt: skip
    return [
        _at("amazon-dns", ["169.254.169.253", "fd00:ec2::253"], _ON_THE_HOST, port=53),
        _at("amazon-dns-base-plus-2", own, f"an own resolver: {_COLLIDING}", needs, port=53),
        _at("metadata", METADATA, _ON_THE_HOST),
        _at("container-metadata", [*ECS_METADATA, *POD_IDENTITY], _ON_THE_HOST),
        _at("time-sync", TIME_SYNC, _ON_THE_HOST),
        _Recogniser("dhcp", dhcp, {}, "a DHCP server or relay of yours: AWS's own is not logged"),
        _at("windows-activation", ACTIVATION, _ON_THE_HOST),
        _at("router", ["fe80:ec2::1", *routers], _COLLIDING, "" if vpc or subnets else "vpc_cidrs"),
    ]


@question
def impossible_traffic(
    table: Table,
    *,
    vpc_cidrs: str | Sequence[str] | None = None,
    subnets: str | Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
) -> Question:
    """Look for records that should not exist, as AWS does not log such traffic.

    Amazon's DNS server, instance and container metadata, Time Sync, DHCP, Windows activation, and
    the VPC router's own addresses.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs srcaddr, dstaddr, srcport, dstport and protocol.
    vpc_cidrs : str or sequence of str, optional
        CIDRs of the VPC, the primary one first: Amazon's DNS server is at its base + 2. Without
        them that address and the router's are not looked for, and the result says so.
    subnets : str or sequence of str, optional
        CIDRs of subnets, whose base + 1 is the router.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame, one row per recogniser, srcaddr, dstaddr, dstport and protocol
        recogniser, srcaddr, dstaddr, dstport (null for records that come from the address: there
        it is the asker's own port), protocol, flow_records (int64), packets, bytes (int64)
        [bytes], first_start (datetime64[s, UTC]), likely_explanation (own resolver, colliding
        CIDR, proxy or spoof). packets, bytes and first_start only where the format has them. A
        recogniser without a hit has one row with 0 flow_records, which is the normal answer.

    Raises
    ------
    MissingFieldError
        A needed column is absent; the message names the AWS field.
    FlowlabError
        A CIDR cannot be read.

    Notes
    -----
    To see who uses what is never logged, look elsewhere: `never_captured` says where.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> int(fl.impossible_traffic(flows, vpc_cidrs="10.0.0.0/16")["flow_records"].sum())
    0
    """
    require(table, ["srcaddr", "dstaddr", "srcport", "dstport", "protocol"], "impossible_traffic")
    known = _recognisers(_blocks("vpc_cidrs", vpc_cidrs), _blocks("subnets", subnets))
    sides = {
        one.name: (_sql(table, one.to), _sql(table, one.back)) for one in known if not one.lacks
    }
    name, towards = exp.Case(), exp.or_(*(to for to, _ in sides.values()))
    for recogniser, (to, back) in sides.items():
        name = name.when(exp.or_(to, back), exp.Literal.string(recogniser))
    measures = [
        m for m in ("flow_records", "packets", "bytes") if m in ("flow_records", *table.columns)
    ]
    facts = {
        "accepted": _same(table, "action", "ACCEPT"),
        "rejected": _same(table, "action", "REJECT"),
        "translated": _translated(table),
    }
    carried = [c for c in ("packets", "bytes", "start") if c in table.columns]
    marked = (
        exp.select(
            build.named(name, "recogniser"),
            *(build.column(c) for c in ("srcaddr", "dstaddr", "protocol", *carried)),
            build.named(exp.Case().when(towards, build.column("dstport")), "dstport"),
            *(build.named(fact, f"is {word}") for word, fact in facts.items()),
        )
        .from_(build.flows())
        .where(
            exp.or_(*(exp.or_(*both) for both in sides.values())),
            *period_of(table, "impossible_traffic", start, end),
        )
    )
    wanted = [*(build.column(k) for k in _KEYS), *sums(measures)]
    if "start" in carried:
        wanted.append(build.named(exp.Min(this=build.column("start")), "first_start"))
    for word in facts:
        hit = exp.Case().when(build.column(f"is {word}"), build.number(1))
        wanted.append(build.named(exp.Count(this=hit), word))
    query = (
        exp.select(*wanted)
        .from_(marked.subquery("marked"))
        .group_by(*(build.column(k) for k in _KEYS))
        .order_by(*(exp.Ordered(this=build.column(k), nulls_first=False) for k in _KEYS))
    )
    return Question(query, lambda answer: _explained(answer, known, list(facts)))


def _blocks(name: str, cidrs: str | Sequence[str] | None) -> list[Network]:
    blocks = [] if cidrs is None else [network(cidr) for cidr in listed(cidrs)]
    for block in blocks:
        if block.num_addresses < 16:  # /28 is the smallest that AWS gives
            raise FlowlabError(f"{name}: {block} is smaller than AWS's smallest, a /28.",
                               fix="pass the CIDR, not an address.")  # fmt: skip
    if name == "vpc_cidrs" and blocks and not isinstance(blocks[0], IPv4Network):
        raise FlowlabError(
            f"vpc_cidrs begins with {blocks[0]}, which is IPv6.",
            "the primary CIDR of a VPC is IPv4, and Amazon's DNS server is found by it.",
            "put the primary CIDR first.",
        )
    return blocks


def _sql(table: Table, condition: Mapping[str, Any]) -> exp.Expr:
    if not condition:
        return exp.false()
    return to_sql(from_plain(condition), table.columns, table.dialect)


def _same(table: Table, name: str, value: str) -> exp.Expr:
    return build.column(name).eq(value) if name in table.columns else exp.false()


def _translated(table: Table) -> exp.Expr:
    pairs = [("pkt_srcaddr", "srcaddr"), ("pkt_dstaddr", "dstaddr")]
    there = [pair for pair in pairs if pair[0] in table.columns]
    return exp.or_(exp.false(), *(build.column(a).neq(build.column(b)) for a, b in there))


def _explained(
    answer: pd.DataFrame, known: Sequence[_Recogniser], facts: Sequence[str]
) -> pd.DataFrame:
    likely = {one.name: one.likely for one in known}
    rows = zip(*(answer[c] for c in ("recogniser", *facts)), strict=True)
    said = [_explanation(likely[name], *map(bool, seen)) for name, *seen in rows]
    answer = answer.drop(columns=list(facts)).assign(likely_explanation=pd.array(said, "str"))
    found = set(answer["recogniser"])
    silent = [one for one in known if one.name not in found]
    empty = pd.DataFrame(
        {
            "recogniser": [one.name for one in silent],
            "flow_records": 0,
            "likely_explanation": [
                f"not looked for: it needs {one.lacks}" if one.lacks else _NORMAL for one in silent
            ],
        }
    )
    for measure in ("packets", "bytes"):
        if measure in answer:
            empty[measure] = 0
    empty = empty.reindex(columns=answer.columns).astype(answer.dtypes)
    order = {one.name: place for place, one in enumerate(known)}
    whole = pd.concat([answer, empty], ignore_index=True)
    whole = whole.sort_values("recogniser", key=lambda names: names.map(order), kind="stable")
    return with_times(whole.reset_index(drop=True), ["first_start"])


def _explanation(likely: str, accepted: bool, rejected: bool, translated: bool) -> str:
    if translated:
        return "a proxy or NAT in between: the packet itself has other addresses (pkt_*)"
    if rejected and not accepted:
        return f"spoofed or misdirected, and turned away; or {likely}"
    return likely


_LIMITS = "AWS VPC user guide, 'Flow log limitations'"
_UNSAID = "not on AWS's list: ends on the host, so no ENI sees it"
_NEVER = (
    ("queries to Amazon's DNS server",
     "169.254.169.253, fd00:ec2::253, primary VPC CIDR base + 2; port 53",
     "AWS leaves it out", "Route 53 Resolver query logging", _LIMITS),
    ("Windows licence activation", f"{', '.join(ACTIVATION)}; TCP 1688",
     "AWS leaves it out", "the Windows event log of the host", _LIMITS),
    ("instance metadata", ", ".join(METADATA), "AWS leaves it out (it names the IPv4 address)",
     "CloudWatch metric MetadataNoToken; CloudTrail for what the credentials did", _LIMITS),
    ("container metadata and credentials", ", ".join([*ECS_METADATA, *POD_IDENTITY]), _UNSAID,
     "CloudTrail for what the credentials did", "AWS ECS and EKS user guides"),
    ("Amazon Time Sync", ", ".join(TIME_SYNC), "AWS leaves it out (it names the IPv4 address)",
     "the clock service of the host, such as chronyc tracking", _LIMITS),
    ("DHCP", "UDP 67, 68; DHCPv6 546, 547", "AWS leaves it out",
     "the DHCP client's log on the host", _LIMITS),
    ("mirrored traffic, at its source", "", "AWS leaves it out",
     "records of the mirror target: VXLAN, UDP 4789", _LIMITS),
    ("traffic to the VPC router's own address", "subnet base + 1, fe80:ec2::1", "AWS leaves it out",
     "a capture on the host; what passes through the router is logged", _LIMITS),
    ("between an endpoint's ENI and a Network Load Balancer's ENI", "", "AWS leaves it out",
     "records of the load balancer's targets", _LIMITS),
    ("ARP", "", "not IP", "a capture on the host", _LIMITS),
    ("a regional NAT gateway that lived for minutes", "", "deleted before it is logged",
     "records of the instances behind it", _LIMITS),
    ("payload, host names, users, processes", "", "a flow record has none of them",
     "Traffic Mirroring, Route 53 Resolver query logging, logs of the host",
     "AWS VPC user guide, 'Flow log records'"),
)  # fmt: skip


def never_captured() -> pd.DataFrame:
    """List what flow logs never show, and what to use instead.

    Returns
    -------
    DataFrame, one row per kind of traffic
        what, addresses (empty where none tells it), reason, use_instead, source.

    Examples
    --------
    >>> import flowlab as fl
    >>> fl.never_captured().set_index("what").loc["queries to Amazon's DNS server", "use_instead"]
    'Route 53 Resolver query logging'
    """
    return pd.DataFrame(_NEVER, columns=["what", "addresses", "reason", "use_instead", "source"])
