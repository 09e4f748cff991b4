"""Crypto-PAn: which bits of an address to flip, so that common prefixes stay common.

Source: Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization: Measurement-based
Security Evaluation and a New Cryptography-based Scheme", ICNP 2002; the reference implementation
fixed the padding and the bit that is taken. IPv6 as later implementations have it: 128 bits
instead of 32. yacryptopan (BSD) does the same with one call of AES per bit of one address; here
each call takes thousands of addresses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

Words64 = NDArray[np.uint64]

_AT_ONCE = 1 << 13  # addresses: a block of AES for each fits into a core's own cache
_BLOCK = 16


class CryptoPan:
    """The flips of one key.

    Parameters
    ----------
    key : bytes, 32
        The AES key, then what the padding is made of.
    """

    def __init__(self, key: bytes) -> None:
        # One block at a time, each a different prefix: ECB is AES itself, as the paper has it.
        self._cipher = Cipher(algorithms.AES(key[:16]), modes.ECB())  # noqa: S305
        pad = self._cipher.encryptor().update(key[16:])
        self._pad = int.from_bytes(pad, "big")

    def __repr__(self) -> str:
        return "CryptoPan(<key not shown>)"

    def flips(self, high: Words64, low: Words64, width: int) -> tuple[Words64, Words64]:
        """Give the bits to flip.

        Parameters
        ----------
        high, low : array of uint64
            Addresses, as the upper and lower half of 128 bits; IPv4 ones in the top 32.
        width : {32, 128}
            Bits of an address.

        Returns
        -------
        high, low : array of uint64
            1 where a bit of the address is to be flipped.
        """
        flips = np.zeros((2, len(high)), np.uint64)
        for at in range(0, len(high), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            self._some(high[part], low[part], width, flips[:, part])
        return flips[0], flips[1]

    def _some(self, high: Words64, low: Words64, width: int, flips: NDArray[Any]) -> None:
        blocks = np.empty((len(high), 2), ">u8")
        made = np.empty((len(high) + 1) * _BLOCK, np.uint8)  # a block more, as OpenSSL asks
        plain = blocks.view(np.uint8).reshape(-1).data
        encryptor = self._cipher.encryptor()
        for bit in range(width):
            # The bits before this one, and the padding from here on.
            prefix = ((1 << bit) - 1) << (128 - bit)
            for half, (word, shift) in enumerate(((high, 64), (low, 0))):
                mask = (prefix >> shift) & _ALL
                pad = (self._pad >> shift) & ~mask & _ALL
                blocks[:, half] = word & np.uint64(mask) | np.uint64(pad)
            encryptor.update_into(plain, made.data)
            first = (made[: len(plain) : _BLOCK] >> 7).astype(np.uint64)
            flips[bit // 64] |= first << np.uint64(63 - bit % 64)


_ALL = (1 << 64) - 1
