"""Addresses by a key: texts to numbers, Crypto-PAn where it may, and back to texts."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flowlab.anonymization.cryptopan import CryptoPan, Words64
from flowlab.anonymization.special import CARRY_IPV4, halves, may_flip

_FAMILY = {0: 0, 4: 4, 16: 6}
_OCTETS = pa.array([str(octet) for octet in range(256)], pa.large_string())
_DOT = pa.scalar(".", pa.large_string())
_LOWEST_32 = np.uint64(0xFFFF_FFFF)


class Addresses:
    """The images of addresses.

    Parameters
    ----------
    key : bytes, 32
    """

    def __init__(self, key: bytes) -> None:
        self._pan = CryptoPan(key)

    def images(self, texts: pa.Array) -> pa.Array:
        """Give the image of each text that is an address; null where it is none.

        Parameters
        ----------
        texts : array of large_string

        Returns
        -------
        array of large_string
            IPv6 as RFC 5952 writes it.
        """
        packed = [_packed(text) for text in texts.to_pylist()]
        family = np.array([_FAMILY[len(p)] for p in packed], np.uint8)
        numbers = np.frombuffer(b"".join(p.ljust(16, b"\0") for p in packed), ">u8")
        high, low = numbers.astype(np.uint64).reshape(-1, 2).T.copy()
        self._map(family, high, low)
        return _written(family, high, low)

    def image(self, text: str) -> str | None:
        """Give the image of an address or CIDR; None for any other text."""
        address, slash, length = text.partition("/")
        image: str | None = self.images(pa.array([address], pa.large_string()))[0].as_py()
        if image is None or not slash:
            return image
        try:
            given = ip_network(text, strict=False)
            mapped = ip_network(f"{image}/{length}", strict=False)
        except ValueError:
            return None
        own_host = _packed(address) != given.network_address.packed
        return f"{image}/{length}" if own_host else str(mapped)

    def _map(self, family: NDArray[Any], high: Words64, low: Words64) -> None:
        carry = np.zeros(len(family), bool)
        for cidr, _ in CARRY_IPV4:
            first_high, first_low, mask_high, mask_low = map(np.uint64, halves(ip_network(cidr)))
            carry |= (high & mask_high == first_high) & (low & mask_low == first_low)
        carry &= family == 6
        carried = low[carry] << np.uint64(32)
        self._flip((family == 6) & ~carry, high, low, 128)
        self._flip(family == 4, high, low, 32)
        self._flip(np.ones(len(carried), bool), carried, np.zeros_like(carried), 32)
        low[carry] = low[carry] & ~_LOWEST_32 | carried >> np.uint64(32)

    def _flip(self, chosen: NDArray[Any], high: Words64, low: Words64, width: int) -> None:
        some_high, some_low = high[chosen], low[chosen]
        flips = self._pan.flips(some_high, some_low, width)
        free = may_flip(some_high, some_low, width)
        high[chosen] = some_high ^ flips[0] & free[0]
        low[chosen] = some_low ^ flips[1] & free[1]


def _packed(text: str | None) -> bytes:
    # inet_pton takes a fifth of the time of `ipaddress`, and scans have millions of addresses.
    family = socket.AF_INET6 if ":" in (text or "") else socket.AF_INET
    try:
        return socket.inet_pton(family, text or "")
    except (OSError, ValueError):  # ValueError: a zero byte in it
        return b""


def _written(family: NDArray[Any], high: Words64, low: Words64) -> pa.Array:
    four, six = np.flatnonzero(family == 4), np.flatnonzero(family == 6)
    octets = [
        _OCTETS.take(pa.array((high[four] >> np.uint64(shift)).astype(np.uint8)))
        for shift in (56, 48, 40, 32)
    ]
    packed = np.stack([high[six], low[six]], 1).astype(">u8").tobytes()
    others = [
        socket.inet_ntop(socket.AF_INET6, packed[at : at + 16]) for at in range(0, len(packed), 16)
    ]
    texts = pa.chunked_array(
        [pc.binary_join_element_wise(*octets, _DOT), pa.array(others, pa.large_string())]
    )
    place = np.zeros(len(family), np.int64)
    place[np.append(four, six)] = np.arange(len(four) + len(six))
    return texts.combine_chunks().take(pa.array(place, mask=family == 0))
