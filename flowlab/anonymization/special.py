"""Addresses that have a meaning, and how anonymizing keeps it.

Addresses form a tree, a bit at each fork, and Crypto-PAn decides at each fork whether its two
halves change places; whatever it decides, no two addresses become one, and what two have in
common at the beginning they keep. So a block stays where it is if the forks on the way to it do
not flip, and everything else keeps both properties. What it costs: an address keeps the bits that
it shares with the nearest such block, and one more. 8.8.8.8 stays in 8.0.0.0/7, for 10.0.0.0/8 is
near; 54.0.0.1 may be anywhere in 32.0.0.0/3.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import numpy as np

from flowlab.anonymization.cryptopan import Words64

Network = IPv4Network | IPv6Network

# Nothing in them changes.
STAY: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "RFC 791, this network; unspecified"),
    ("127.0.0.0/8", "RFC 1122, loopback"),
    ("169.254.0.0/16", "RFC 3927, link-local; AWS's metadata, DNS and time"),
    ("224.0.0.0/4", "RFC 5771, multicast"),
    ("255.255.255.255/32", "RFC 919, limited broadcast"),
    ("::/127", "RFC 4291, unspecified and loopback"),
    ("fd00:ec2::/32", "AWS's metadata, DNS and time, over IPv6"),
    ("fe80::/10", "RFC 4291, link-local"),
    ("ff00::/8", "RFC 4291, multicast"),
)
# Their addresses become others of the same block. Documentation ranges (RFC 5737, RFC 3849) are
# not among them: they stand for public addresses wherever they appear.
WITHIN: tuple[tuple[str, str], ...] = (
    ("10.0.0.0/8", "RFC 1918, private"),
    ("172.16.0.0/12", "RFC 1918, private"),
    ("192.168.0.0/16", "RFC 1918, private"),
    ("100.64.0.0/10", "RFC 6598, shared; AWS lets VPCs use it"),
    ("198.18.0.0/15", "RFC 2544, benchmarks; AWS lets VPCs use it"),
    ("240.0.0.0/4", "RFC 1112, reserved"),
    ("2000::/3", "RFC 4291, global unicast: so that public ones still look it"),
    ("fc00::/7", "RFC 4193, private"),
)
# Their last 32 bits are an IPv4 address, and stay that of the same host.
CARRY_IPV4: tuple[tuple[str, str], ...] = (
    ("::ffff:0:0/96", "RFC 4291, IPv4-mapped"),
    ("64:ff9b::/96", "RFC 6052; NAT gateways translate it (NAT64)"),
)
_ALL = (1 << 64) - 1


def halves(network: Network) -> tuple[int, int, int, int]:
    """Give a block's first address and its mask, each as the halves of 128 bits."""
    shift = 128 - network.max_prefixlen
    first, mask = int(network.network_address) << shift, int(network.netmask) << shift
    return first >> 64, first & _ALL, mask >> 64, mask & _ALL


def _blocks(width: int) -> Sequence[tuple[Network, bool]]:
    listed = [(STAY, True), (WITHIN, False), (CARRY_IPV4, False)]
    found = [(ip_network(cidr), stays) for rows, stays in listed for cidr, _ in rows]
    return [(network, stays) for network, stays in found if network.max_prefixlen == width]


_BLOCKS = {32: _blocks(32), 128: _blocks(128)}


def may_flip(high: Words64, low: Words64, width: int) -> tuple[Words64, Words64]:
    """Give the bits of addresses that may be flipped: those at forks that lead to no block.

    Parameters
    ----------
    high, low : array of uint64
        Addresses, as the upper and lower half of 128 bits; IPv4 ones in the top 32.
    width : {32, 128}
    """
    free = np.full((2, len(high)), _ALL, np.uint64)
    for network, stays in _BLOCKS[width]:
        first_high, first_low, mask_high, mask_low = map(np.uint64, halves(network))
        apart_high = (high ^ first_high) & mask_high
        apart_low = (low ^ first_low) & mask_low
        inside = (apart_high | apart_low) == 0
        # Below the first bit in which an address and the block differ, and below the block.
        below_high, below_low = _from_first(apart_high), _from_first(apart_low)
        below_low[apart_high != 0] = _ALL
        below_low = below_low >> np.uint64(1) | below_high << np.uint64(63) | ~mask_low
        below_high = below_high >> np.uint64(1) | ~mask_high
        if stays:
            below_high[inside] = below_low[inside] = 0
        free[0] &= below_high
        free[1] &= below_low
    return free[0], free[1]


def _from_first(words: Words64) -> Words64:
    """Set all bits from the first one that is set to the last."""
    words = words.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        words |= words >> np.uint64(shift)
    return words
