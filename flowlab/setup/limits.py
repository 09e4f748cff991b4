"""What no flow log will ever show in a VPC, with the addresses by which it would be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple

from flowlab.setup.inventory import Scope
from flowlab.setup.verdicts import Check, undecided

_MOST_NAMED = 8  # addresses of one kind in a sentence: a VPC may have hundreds of subnets
_RESOLVER, _ROUTER = 2, 1  # places of AWS's own in a network, counted from its base


class NeverShown(NamedTuple):
    """One kind of traffic that AWS keeps out of every flow log.

    Attributes
    ----------
    what : str
    addresses : tuple of str
        AWS's end of it; empty where it has no address of its own.
    ports : str
        ``UDP 123``; "" where every port is meant.
    """

    what: str
    addresses: tuple[str, ...] = ()
    ports: str = ""


def never_shown(cidrs: Sequence[str], subnets: Sequence[str]) -> list[NeverShown]:
    """List what no flow log of a VPC shows.

    Parameters
    ----------
    cidrs : sequence of str
        CIDRs of the VPC, the primary one first: only there the third address is the resolver's.
    subnets : sequence of str
        CIDRs of its subnets, IPv4 and IPv6.

    Returns
    -------
    list of NeverShown
        Texts that are no CIDR add no address.

    Notes
    -----
    AWS names the IPv4 addresses of metadata and time only; that the IPv6 ones are left out too is
    inferred. Your own DNS, time and licence servers are logged like anything else.
    Source: AWS, "Flow log limitations"; "Subnet CIDR blocks" for the reserved addresses.
    """
    primary = _networks(cidrs[:1])
    routers = tuple(_at(network, _ROUTER) for network in _networks(subnets))
    return [
        NeverShown(
            "queries to the VPC resolver (Amazon DNS)",
            (*(_at(n, _RESOLVER) for n in primary if n.version == 4),
             "169.254.169.253", "fd00:ec2::253"),
            "port 53",
        ),
        NeverShown("instance metadata", ("169.254.169.254", "fd00:ec2::254")),
        NeverShown("Amazon Time Sync", ("169.254.169.123", "fd00:ec2::123"), "UDP 123"),
        NeverShown(
            "Windows licence activation",
            ("169.254.169.250", "169.254.169.251", "fd00:ec2::250"),
            "TCP 1688",
        ),
        NeverShown("DHCP", (), "UDP 67, 68, 546, 547"),
        NeverShown("traffic to the router's own addresses", routers),
        NeverShown("ARP"),
        NeverShown("mirrored traffic at its source"),
        NeverShown("traffic between an endpoint's ENI and a network load balancer's"),
    ]  # fmt: skip


def judge_limits(scope: Scope, now: datetime) -> Iterator[Check]:
    """Name what no flow log will ever show, for each VPC: no fault, but good to know.

    Parameters
    ----------
    scope : Scope
    now : datetime
        Not used: these limits are of no time.

    Yields
    ------
    Check
        ``never-shown``, one per VPC.
    """
    vpcs, subnets = scope.get("ec2:DescribeVpcs"), scope.get("ec2:DescribeSubnets")
    if not vpcs.known:
        yield undecided(scope, vpcs, scope.region, "never-shown")
        return
    within: dict[str, list[str]] = {}
    for subnet in subnets.items():
        within.setdefault(str(subnet.get("VpcId")), []).extend(_cidrs(subnet))
    for vpc in vpcs.items():
        name = str(vpc.get("VpcId", ""))
        if not subnets.known:
            yield undecided(scope, subnets, name, "never-shown")
            continue
        told = never_shown(list(_cidrs(vpc)), within.get(name, []))
        yield Check(
            name, "never-shown", "ok",
            f"no flow log shows: {'; '.join(map(_sentence, told))}. That nothing is seen of it "
            "proves nothing.",
            account_id=scope.account_id, region=scope.region,
        )  # fmt: skip


def _cidrs(of: Mapping[str, Any]) -> Iterator[str]:
    """CIDRs of a VPC or subnet, each once, the primary one first."""
    listed = [of.get("CidrBlock")]
    for name, family in (("CidrBlockAssociationSet", ""), ("Ipv6CidrBlockAssociationSet", "Ipv6")):
        for block in of.get(name) or ():
            state = (block.get(f"{family}CidrBlockState") or {}).get("State", "associated")
            if state == "associated":
                listed.append(block.get(f"{family}CidrBlock"))
    yield from dict.fromkeys(str(cidr) for cidr in listed if cidr)


def _networks(cidrs: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    found = []
    for cidr in cidrs:
        try:
            found.append(ip_network(cidr, strict=False))
        except ValueError:
            continue
    return found


def _at(network: IPv4Network | IPv6Network, place: int) -> str:
    return str(network.network_address + place)


def _sentence(unseen: NeverShown) -> str:
    shown = ", ".join(unseen.addresses[:_MOST_NAMED])
    more = len(unseen.addresses) - _MOST_NAMED
    inside = [part for part in (shown + (f" and {more:,} more" if more > 0 else ""), unseen.ports)
              if part]  # fmt: skip
    return unseen.what + (f" ({', '.join(inside)})" if inside else "")
