"""The one small company network that documentation, tests and notebooks share.

One VPC with a public subnet (web servers, bastion, staging, NAT gateway) and two private ones
(application servers, MySQL, own DNS server, a reporting host that is mostly idle). Elastic IP
addresses do not appear: a flow log shows the private address of the ENI.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network


@dataclass(frozen=True)
class Subnet:
    """A subnet; `public` means that its route table leads to the internet gateway."""

    subnet_id: str
    name: str
    cidr: str
    az_id: str
    public: bool
    ipv6_cidr: str | None = None


@dataclass(frozen=True)
class Vpc:
    """The VPC, who owns it, and the flow log that records it."""

    vpc_id: str
    account_id: str
    region: str
    cidr: str
    ipv6_cidr: str
    flow_log_id: str
    subnets: tuple[Subnet, ...]


@dataclass(frozen=True)
class Interface:
    """An ENI.

    Attributes
    ----------
    interface_id, address, ipv6, name, kind, subnet_id : str
        `ipv6` is None for an ENI without one; `kind` is a word for people.
    instance_id : str or None
        None for an ENI that AWS manages: NAT gateway, RDS.
    window_phase : int
        When this ENI's capture windows begin. [seconds past the minute] Every ENI has its own,
        so the two vantages of one conversation are cut at different moments.
    """

    interface_id: str
    address: str
    ipv6: str | None
    name: str
    kind: str
    subnet_id: str
    instance_id: str | None
    window_phase: int


@dataclass(frozen=True)
class Peer:
    """Public addresses with one role; `aws_service` as pkt-src/dst-aws-service names it."""

    name: str
    addresses: tuple[str, ...]
    aws_service: str | None = None


@dataclass(frozen=True)
class Environment:
    """Everything a flow record of the practice network can name."""

    vpc: Vpc
    interfaces: tuple[Interface, ...]
    peers: tuple[Peer, ...]

    def interface(self, name: str) -> Interface:
        """Return the ENI called `name`; KeyError if there is none."""
        return {known.name: known for known in self.interfaces}[name]

    def peer(self, name: str) -> Peer:
        """Return the public peer called `name`; KeyError if there is none."""
        return {known.name: known for known in self.peers}[name]

    def subnet(self, interface: Interface) -> Subnet:
        """Return the subnet an ENI is in."""
        return {known.subnet_id: known for known in self.vpc.subnets}[interface.subnet_id]


def hosts(*networks: str) -> tuple[str, ...]:
    """Every host address of the networks, in order."""
    return tuple(str(address) for network in networks for address in ip_network(network).hosts())


# The only public ranges in use: set aside for documentation by RFC 5737 and RFC 3849.
DOCUMENTATION_RANGES = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")

PUBLIC_A = Subnet(
    "subnet-0a91c2e4b7d350f11",
    "public-a",
    "10.0.1.0/24",
    "euw1-az1",
    True,
    ipv6_cidr="2001:db8:1234:1::/64",
)
PRIVATE_A = Subnet("subnet-0b42d7f1a8c960e22", "private-a", "10.0.2.0/24", "euw1-az1", False)
PRIVATE_B = Subnet("subnet-0c83e5a6d1f270b33", "private-b", "10.0.3.0/24", "euw1-az2", False)

ENVIRONMENT = Environment(
    vpc=Vpc(
        vpc_id="vpc-0d4e8f2a6b1c37590",
        account_id="012345678901",  # the leading zero is what a number type would lose
        region="eu-west-1",
        cidr="10.0.0.0/16",
        ipv6_cidr="2001:db8:1234::/56",
        flow_log_id="fl-0e5f1a7b3c9d24680",
        subnets=(PUBLIC_A, PRIVATE_A, PRIVATE_B),
    ),
    interfaces=(
        Interface(
            "eni-0a10f3c5e7b924d01",
            "10.0.1.10",
            "2001:db8:1234:1::10",
            "web-1",
            "web server",
            PUBLIC_A.subnet_id,
            "i-0a10c4e8f2b6d7a01",
            4,
        ),
        Interface(
            "eni-0a11d8b2f6c035e02",
            "10.0.1.11",
            "2001:db8:1234:1::11",
            "web-2",
            "web server",
            PUBLIC_A.subnet_id,
            "i-0a11e5f9a3c7b8d02",
            17,
        ),
        Interface(
            "eni-0a20b7e1d4f846a03",
            "10.0.1.20",
            None,
            "bastion",
            "bastion",
            PUBLIC_A.subnet_id,
            "i-0a20f6a1b4d8c9e03",
            41,
        ),
        Interface(
            "eni-0a30c6d9e2a157b04",
            "10.0.1.30",
            None,
            "staging-1",
            "web server",
            PUBLIC_A.subnet_id,
            "i-0a30a7b2c5e9d1f04",
            29,
        ),
        Interface(
            "eni-0a22e4f7b1d268c05",
            "10.0.1.220",
            None,
            "nat",
            "NAT gateway",
            PUBLIC_A.subnet_id,
            None,
            52,
        ),
        Interface(
            "eni-0b20a5c8f3e379d06",
            "10.0.2.20",
            None,
            "app-1",
            "application server",
            PRIVATE_A.subnet_id,
            "i-0b20b8c3d6f1e2a06",
            11,
        ),
        Interface(
            "eni-0c20f1b4a7d480e07",
            "10.0.3.20",
            None,
            "app-2",
            "application server",
            PRIVATE_B.subnet_id,
            "i-0c20c9d4e7a2f3b07",
            36,
        ),
        Interface(
            "eni-0b40d2e5c8a591f08",
            "10.0.2.40",
            None,
            "mysql",
            "RDS for MySQL",
            PRIVATE_A.subnet_id,
            None,
            47,
        ),
        Interface(
            "eni-0b53c3f6d9b602a09",
            "10.0.2.53",
            None,
            "dns",
            "DNS server",
            PRIVATE_A.subnet_id,
            "i-0b53d1e5f8b3a4c09",
            22,
        ),
        Interface(
            "eni-0c90e4a7f1c713b10",
            "10.0.3.90",
            None,
            "reports-1",
            "reporting host",
            PRIVATE_B.subnet_id,
            "i-0c90e2f6a9c4b5d10",
            58,
        ),
    ),
    peers=(
        Peer("visitors", hosts("203.0.113.0/25", "198.51.100.128/25")),
        Peer(
            "visitors over IPv6",
            tuple(f"2001:db8:{0xA000 + n:x}::{n * 7919 % 65536:x}" for n in range(1, 61)),
        ),
        Peer("office", ("203.0.113.240",)),
        Peer("monitor", ("198.51.100.100",)),
        Peer("monitor over IPv6", ("2001:db8:b000::100",)),
        Peer("internet background", hosts("192.0.2.0/25", "203.0.113.128/26")),
        Peer("object storage", hosts("198.51.100.16/28"), "S3"),
        Peer("content delivery", hosts("198.51.100.32/28"), "CLOUDFRONT"),
        Peer("partner API", hosts("198.51.100.48/30"), "EC2"),
        Peer("AWS APIs", hosts("198.51.100.56/29"), "AMAZON"),
        Peer("public resolver", ("198.51.100.53",)),
        Peer("package mirror", hosts("198.51.100.64/30")),
        Peer("payment provider", hosts("198.51.100.72/30")),
        Peer("retired partner", ("198.51.100.81",)),
        Peer("time pool", hosts("198.51.100.120/29")),
    ),
)
