"""The rules flowlab knows by name, as data. None is ever applied unasked.

Sources: the pages named with each rule, as of 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from numbers import Integral
from typing import Any

from flowlab.addresses import network
from flowlab.conditions import from_plain
from flowlab.errors import FlowlabError
from flowlab.exclusion_rules import Rule

PRIVATE = [
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7",
]  # fmt: skip
# What never comes from the internet. Ranges for documentation count as public: our samples and
# tests have no other.
NOT_INTERNET = [
    *PRIVATE, "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
    "::/127", "fe80::/10", "ff00::/8",
]  # fmt: skip
METADATA = ["169.254.169.254", "fd00:ec2::254"]
ECS_METADATA = ["169.254.170.2"]
POD_IDENTITY = ["169.254.170.23", "fd00:ec2::23"]
TIME_SYNC = ["169.254.169.123", "fd00:ec2::123"]
ACTIVATION = ["169.254.169.250", "169.254.169.251", "fd00:ec2::250"]
PUBLIC_RESOLVERS = [
    "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844",  # Google
    "1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001",  # Cloudflare
    "9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9",  # Quad9
    "208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53",  # OpenDNS
]  # fmt: skip
# A health check is small; a TLS certificate alone is larger than this. Our choice, not AWS's.
HEALTH_CHECK_BYTES = 2_000
_CHECKS = "health-checks"
_BY_ROUTE53 = {"aws_service": "ROUTE53_HEALTHCHECKS"}

_LIMITS_PAGE = "AWS VPC user guide, 'Flow log limitations'"
_RECORDS_PAGE = "AWS VPC user guide, 'Flow log records'"
_TCP_UDP = ["tcp", "udp"]
_MULTICAST_DNS: dict[str, Any] = {
    "protocol": "udp",
    "dstport": 5353,
    "any": [{"srcport": 5353}, {"dstaddr": ["224.0.0.251", "ff02::fb"]}],
}


def _either_end(port: Any, addr: Any, protocol: Any = _TCP_UDP) -> list[dict[str, Any]]:
    """One and the same side has the port and the address."""
    return [
        {"protocol": protocol, "dstport": port, "dstaddr": addr},
        {"protocol": protocol, "srcport": port, "srcaddr": addr},
    ]


def _rule(
    name: str, condition: Mapping[str, Any], *, why: str, source: str, limits: str = ""
) -> Rule:
    return Rule(name, from_plain(condition), why, source, limits)


_ALL = (
    _rule(
        "dns",
        {"any": [{"protocol": _TCP_UDP, "port": [53, 853]}, _MULTICAST_DNS]},
        why="Name look-ups are many small records that hide what the hosts really do.",
        source="IANA port registry: 53 domain, 853 domain-s, 5353 mdns; RFC 7858, RFC 9250",
        limits="Tells by the port: a tunnel on port 53 goes too, DNS over HTTPS stays. Queries to "
        "Amazon's own resolver are never logged. With servers=, only traffic of those servers.",
    ),
    _rule(
        "dns-private",
        {"any": _either_end([53, 853], PRIVATE)},
        why="Own DNS servers and Active Directory are logged, other than Amazon's resolver.",
        source=f"{_LIMITS_PAGE}; RFC 1918, RFC 6598, RFC 2544, RFC 4193",
        limits="A server with a public address, or IPv6 from AWS's pool, is not private: name it "
        'with fl.rule("dns", servers=...).',
    ),
    _rule(
        "dns-public",
        {"any": _either_end([53, 853], PUBLIC_RESOLVERS)},
        why="Look-ups at Google, Cloudflare, Quad9 or OpenDNS go past the resolver of the VPC.",
        source="Google Public DNS, Cloudflare 1.1.1.1, Quad9 and OpenDNS: their own set-up pages",
        limits="Four operators' main addresses; there are many more resolvers.",
    ),
    _rule(
        "mdns",
        _MULTICAST_DNS,
        why="Hosts that look for their neighbours by multicast; nobody in a VPC answers.",
        source="RFC 6762",
        limits="Unicast answers to port 5353 alone are not recognised.",
    ),
    _rule(
        "dns-over-tls",
        {"protocol": _TCP_UDP, "port": 853},
        why="Encrypted look-ups, often past the company's resolver.",
        source="RFC 7858 (TCP), RFC 9250 (QUIC, UDP)",
        limits="Tells by the port.",
    ),
    _rule(
        "dhcp",
        {
            "protocol": "udp",
            "any": [
                {"srcport": [67, 68], "dstport": [67, 68]},
                {"srcport": [546, 547], "dstport": [546, 547]},
            ],
        },
        why="Leases say nothing about the work of a host.",
        source=f"{_LIMITS_PAGE}; IANA port registry: 67, 68, 546, 547",
        limits="AWS does not log DHCP: expect nothing. See fl.impossible_traffic.",
    ),
    _rule(
        "metadata",
        {"addr": [*METADATA, *ECS_METADATA, *POD_IDENTITY]},
        why="Credentials and settings that a host, task or pod fetches from its own machine.",
        source="AWS EC2, ECS and EKS user guides: instance metadata, task metadata, Pod Identity",
        limits="AWS does not log instance metadata: expect nothing. See fl.impossible_traffic.",
    ),
    _rule(
        "time-sync",
        {"addr": TIME_SYNC},
        why="Clocks set by Amazon Time Sync.",
        source="AWS EC2 user guide, 'Set the time'",
        limits="AWS does not log it: expect nothing. See fl.impossible_traffic.",
    ),
    _rule(
        "ntp",
        {"protocol": "udp", "port": 123},
        why="Clocks set by public pools or own servers, every few minutes for ever.",
        source="IANA port registry: 123 ntp; RFC 5905",
        limits="Tells by the port; attackers use it for amplification.",
    ),
    _rule(
        "windows-activation",
        {"any": [{"protocol": "tcp", "port": 1688}, {"addr": ACTIVATION}]},
        why="Windows hosts that renew their licence at a KMS server.",
        source=f"{_LIMITS_PAGE}; EC2Launch; IANA port registry: 1688",
        limits="AWS does not log its own servers; an own KMS server is. NAT gateways and load "
        "balancers use 1688 as an ephemeral port too.",
    ),
    _rule(
        "link-local",
        {"addr": ["169.254.0.0/16", "fe80::/10"]},
        why="Services of the machine itself; such addresses never leave it.",
        source="RFC 3927, RFC 4291; AWS EC2 user guide, 'Instance addressing'",
        limits="Most of it is never logged. What is may deserve a look, not exclusion.",
    ),
    _rule(
        "multicast",
        {"addr": ["224.0.0.0/4", "ff00::/8"]},
        why="Announcements to groups; a VPC carries none without a transit gateway.",
        source="RFC 5771, RFC 4291",
        limits="With multicast on a transit gateway this is work.",
    ),
    _rule(
        "broadcast",
        {"dstaddr": "255.255.255.255"},
        why="Hosts that call to all; a VPC does not carry it.",
        source="RFC 919; AWS VPC user guide, 'Subnet CIDR blocks'",
        limits="The last address of each subnet is in the rule reserved.",
    ),
    _rule(
        _CHECKS,
        _BY_ROUTE53,
        why="Route 53 asks every few seconds from many places whether a host is well.",
        source=f"{_RECORDS_PAGE}, pkt-src-aws-service; AWS ip-ranges.json",
        limits="Route 53 only; with ip_ranges=, AWS's ip-ranges.json, also where the records lack "
        "AWS's fields. Load balancers check from the addresses they also forward requests "
        f"from: with load_balancers=, records of at most {HEALTH_CHECK_BYTES:,} bytes with them "
        "(our choice, not AWS's), small requests among them.",
    ),
    _rule(
        "icmp",
        {"protocol": ["icmp", "icmpv6"]},
        why="Pings, traceroutes, neighbour discovery.",
        source="IANA protocol numbers: 1, 58",
        limits="Types are not recorded: path MTU errors and ICMP tunnels go too.",
    ),
    _rule(
        "scan-noise",
        {
            "action": "REJECT",
            "not": {"srcaddr": NOT_INTERNET},
            "first_possible": [{"flow_direction": "ingress"}, {"dstaddr": NOT_INTERNET}],
        },
        why="Strangers knock at every public address all day, and security groups turn them away.",
        source="RFC 1918, RFC 6598, RFC 2544, RFC 4193, RFC 6890; "
        f"{_RECORDS_PAGE}, action, flow-direction",
        limits="Also late packets of connections that are over, replies that a network ACL stops, "
        "and an attack that failed. Without flow-direction, IPv6 is not recognised.",
    ),
    _rule(
        "aws-control-plane",
        {"aws_service": ["AMAZON", "EBS", "EC2_INSTANCE_CONNECT", "ROUTE53"]},
        why="Agents that talk to AWS's own APIs: Systems Manager, CloudWatch, ECR and others.",
        source=f"{_RECORDS_PAGE}, pkt-src-aws-service",
        limits="AMAZON is whatever has no name of its own, SQS and Kinesis too: data can leave "
        "there. S3 and DynamoDB are not in it. Interface endpoints have private addresses and "
        "no service name.",
    ),
)

NAMED: dict[str, Rule] = {rule.name: rule for rule in _ALL}


# ------------------------------------------------------------------------------ with parameters
def _dns(*, servers: Any) -> Rule:
    return _rule(
        "dns",
        {"any": _either_end([53, 853], servers)},
        why=NAMED["dns"].why,
        source=NAMED["dns"].source,
        limits="Look-ups at other servers stay, and deserve a look.",
    )


def _health_checks(
    *, load_balancers: Any = None, most_bytes: Any = HEALTH_CHECK_BYTES, ip_ranges: Any = None
) -> Rule:
    checkers = []
    if load_balancers is not None:
        checkers.append(_load_balancer_checks(load_balancers, most_bytes))
    if ip_ranges is not None:
        checkers.append(_route53_checks(ip_ranges))
    if not checkers:
        raise FlowlabError("the rule health-checks: ip_ranges is None.", fix="leave it out.")
    if len(checkers) == 1:
        return checkers[0]
    both = checkers[0] | checkers[1]
    return replace(both, name=_CHECKS, why=" ".join(one.why for one in checkers))


def _load_balancer_checks(load_balancers: Any, most_bytes: Any) -> Rule:
    whole = isinstance(most_bytes, Integral) and not isinstance(most_bytes, bool)
    if not whole or most_bytes < 0:
        raise FlowlabError(
            f"the rule health-checks: most_bytes={most_bytes!r} is no number of bytes.",
            fix=f"write a whole number, as in most_bytes={HEALTH_CHECK_BYTES:_}.",
        )
    return _rule(
        _CHECKS,
        {"addr": load_balancers, "bytes": (0, most_bytes)},
        why="A load balancer asks every few seconds whether its targets are well.",
        source="AWS Elastic Load Balancing user guides, 'Health checks'",
        limits=f"Tells by size, at most {most_bytes:,} bytes in a record: small requests that the "
        "load balancer forwards go too, checks with a TLS certificate stay.",
    )


def _route53_checks(ip_ranges: Any) -> Rule:
    from flowlab.enriching.ip_ranges import read_ip_ranges

    ranges = read_ip_ranges(ip_ranges)
    networks = sorted({*ranges.networks.get("ROUTE53_HEALTHCHECKS", ())})
    if not networks:
        raise FlowlabError(
            f"the rule health-checks: the {ranges.basis} have no ROUTE53_HEALTHCHECKS.",
            "the file was cut.",
            "pass the whole file that AWS publishes.",
        )
    return _rule(
        _CHECKS,
        {
            "any": [
                {"addr": networks},
                {"first_possible": [{"packet_addr": networks}, {"addr": networks}]},
                {"first_possible": [_BY_ROUTE53, {"addr": networks}]},
            ]
        },
        why=NAMED[_CHECKS].why,
        source=f"AWS {ranges.basis}, ROUTE53_HEALTHCHECKS",
        limits="Ranges of that day: AWS adds and moves some.",
    )


def reserved_addresses(subnet: object) -> list[str]:
    """Addresses that AWS reserves in a subnet: the first four and the last.

    Raises
    ------
    FlowlabError
        Not a CIDR, or smaller than a subnet can be.
    """
    block = network(subnet)
    smallest = 28 if isinstance(block, IPv4Network) else 64
    if block.prefixlen > smallest:
        raise FlowlabError(
            f"{block} is smaller than a subnet can be (/{smallest}).", fix="pass the subnet's CIDR."
        )
    first, last = block.network_address, block.broadcast_address
    return [*(str(first + n) for n in range(4)), str(last)]


def _reserved(*, subnets: Any) -> Rule:
    return _rule(
        "reserved",
        {"addr": [address for subnet in subnets for address in reserved_addresses(subnet)]},
        why="Addresses that AWS keeps for itself in each subnet: no host has one.",
        source="AWS VPC user guide, 'Subnet CIDR blocks'",
        limits="As right as the CIDRs: with a wrong mask it takes traffic of real hosts.",
    )


def _flow_log_delivery(*, readers: Any) -> Rule:
    return _rule(
        "flow-log-delivery",
        {"addr": readers, "aws_service": ["S3", "AMAZON"]},
        why="Whoever fetches flow logs from inside the VPC makes records of doing so.",
        source="AWS VPC user guide, 'Logging IP traffic using VPC Flow Logs': delivery itself is "
        "outside the path of the traffic, so it has no records",
        limits="All that these hosts do at S3 and at AWS's unnamed services goes with it.",
    )


Maker = Callable[..., Rule]
MAKERS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "dns": (_dns, ("servers",)),
    _CHECKS: (_health_checks, ("load_balancers", "most_bytes", "ip_ranges")),
    "reserved": (_reserved, ("subnets",)),
    "flow-log-delivery": (_flow_log_delivery, ("readers",)),
}
# What can be done where the records lack a rule's columns; before the remedy.
INSTEAD = {
    _CHECKS: 'fl.rule("health-checks", ip_ranges="ip-ranges.json") tells those of Route 53 by '
    "address, and load_balancers=[...] those of your own; or ",
}
# For the table of rules alone: rules that there are not without their parameter.
SHAPES: dict[str, tuple[Rule, str]] = {
    "reserved": (
        _reserved(subnets=["192.0.2.0/24"]),
        "either address is the first four or the last address of each of the subnets",
    ),
    "flow-log-delivery": (
        _flow_log_delivery(readers=["192.0.2.1"]),
        "either address is one of the readers and either AWS service S3 or AMAZON",
    ),
}
