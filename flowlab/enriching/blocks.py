"""Blocks of addresses: what each address is, answered once per distinct address."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flowlab.enriching.columns import Bools
from flowlab.errors import FlowlabError

Network = IPv4Network | IPv6Network
_NETWORKS = (IPv4Network, IPv6Network)  # iterable over their addresses
Words64 = NDArray[np.uint64]

NO_ADDRESS, MULTICAST, LINK_LOCAL, PRIVATE, RESERVED, PUBLIC = range(6)

# The first that holds an address says what it is; one that none holds is public. So are the
# documentation ranges (RFC 5737, RFC 3849): they stand for public addresses wherever they appear.
BLOCKS: tuple[tuple[int, str, str], ...] = (
    (MULTICAST, "224.0.0.0/4", "RFC 5771"),
    (MULTICAST, "255.255.255.255/32", "RFC 919, limited broadcast"),
    (MULTICAST, "ff00::/8", "RFC 4291"),
    (LINK_LOCAL, "169.254.0.0/16", "RFC 3927; AWS's services of an instance"),
    (LINK_LOCAL, "fe80::/10", "RFC 4291"),
    (LINK_LOCAL, "fd00:ec2::/32", "AWS's services of an instance, over IPv6"),
    (PRIVATE, "10.0.0.0/8", "RFC 1918"),
    (PRIVATE, "172.16.0.0/12", "RFC 1918"),
    (PRIVATE, "192.168.0.0/16", "RFC 1918"),
    (PRIVATE, "100.64.0.0/10", "RFC 6598, shared; AWS lets VPCs use it"),
    (PRIVATE, "198.18.0.0/15", "RFC 2544, benchmarks; AWS lets VPCs use it"),
    (PRIVATE, "fc00::/7", "RFC 4193"),
    (RESERVED, "0.0.0.0/8", "RFC 791, this network"),
    (RESERVED, "127.0.0.0/8", "RFC 1122, loopback"),
    (RESERVED, "240.0.0.0/4", "RFC 1112"),
    (RESERVED, "::/127", "RFC 4291, unspecified and loopback"),
)
_ALL = (1 << 64) - 1


class Addresses:
    """Distinct addresses as numbers.

    Attributes
    ----------
    family : array of uint8
        4 or 6; 0 where the text is no address.
    high, low : array of uint64
        The address's upper and lower 64 bits; an IPv4 address is all in `low`.
    """

    def __init__(self, texts: pa.Array) -> None:
        words = texts.to_pylist()
        packed = [_packed(word) for word in words]
        self.family = np.array([_FAMILY[len(p)] for p in packed], np.uint8)
        numbers = np.frombuffer(b"".join(p.rjust(16, b"\0") for p in packed), ">u8")
        self.high, self.low = numbers.astype(np.uint64).reshape(-1, 2).T.copy()

    def __len__(self) -> int:
        return len(self.family)

    def within(self, network: Network) -> Bools:
        """Say which of the addresses are in a network."""
        first, mask = int(network.network_address), int(network.netmask)
        if network.version == 4:
            low = self.low & np.uint64(mask) == np.uint64(first)
            return np.asarray((self.family == 4) & low)
        high = self.high & np.uint64(mask >> 64) == np.uint64(first >> 64)
        low = self.low & np.uint64(mask & _ALL) == np.uint64(first & _ALL)
        return np.asarray((self.family == 6) & high & low)

    @cached_property
    def kind(self) -> NDArray[np.uint8]:
        """What each address is: one of NO_ADDRESS, MULTICAST ... PUBLIC."""
        kinds = np.where(self.family == 0, NO_ADDRESS, PUBLIC).astype(np.uint8)
        for kind, block, _ in reversed(BLOCKS):
            kinds[self.within(ip_network(block))] = kind
        return kinds


_FAMILY = {0: 0, 4: 4, 16: 6}


def _packed(text: str | None) -> bytes:
    # inet_pton takes a fifth of the time of `ipaddress`, and scans have millions of addresses.
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in (text or "") else socket.AF_INET,
                                text or "")  # fmt: skip
    except OSError:
        return b""


def networks(cidrs: Iterable[str] | str, option: str) -> Sequence[Network]:
    """Read CIDRs.

    Raises
    ------
    FlowlabError
        One of them is not a CIDR, or has bits set outside its prefix.
    """
    read = []
    # Anything that is neither is told as one CIDR that is none.
    alone = isinstance(cidrs, (str, *_NETWORKS)) or not isinstance(cidrs, Iterable)
    for cidr in [cidrs] if alone else cidrs:
        try:
            read.append(ip_network(str(cidr).strip(), strict=False))
        except ValueError as problem:
            raise FlowlabError(
                f"{option}: {str(cidr)[:60]!r} is not a CIDR.",
                fix="write an address and the length of its prefix, as in '10.0.0.0/16'.",
            ) from problem
        address = str(cidr).strip().partition("/")[0]
        if _packed(address) != read[-1].network_address.packed:
            raise FlowlabError(
                f"{option}: {str(cidr)[:60]!r} has bits set outside its prefix.",
                "it is the address of a host, or the prefix is too short.",
                f"did you mean {str(read[-1])!r}?",
            )
    return read
