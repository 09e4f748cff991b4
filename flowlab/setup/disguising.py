"""Words in disguise: letter for letter, by a key, so that equal ones stay equal and all fit."""

from __future__ import annotations

import hmac
import ipaddress
import re
from functools import lru_cache

_DIGITS, _LOWER, _HEX = "0123456789", "abcdefghijklmnopqrstuvwxyz", "abcdef"
_WORD = re.compile(r"[^\W_]+")
_DOCUMENTATION = ("192.0.2.0", "198.51.100.0", "203.0.113.0")


class Disguise:
    """What a key makes of words and addresses.

    A letter becomes a letter and a digit a digit, by what stands before it in its word: so two
    words are equal, or begin alike, exactly if their disguises do, and patterns with ``*`` still
    match what they matched. A hexadecimal word stays one.

    Parameters
    ----------
    key : bytes
        Without it, nobody can undo or repeat the disguise.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known = lru_cache(200_000)(self._word)

    def text(self, text: str) -> str:
        """Disguise every word of a text; what stands between them stays."""
        return _WORD.sub(lambda found: self._known(found[0]), text)

    def address(self, text: str) -> str | None:
        """Disguise an address or network, if the text is one; None if it is not.

        Private ones stay. A public IPv4 address becomes one for documentation, and a few may
        become the same, as there are only 762. An IPv6 one moves to 2001:db8::/32, and keeps
        what follows its first 56 bits: subnets stay in their VPC.
        """
        try:
            network = ipaddress.ip_interface(text).network
            host = ipaddress.ip_interface(text).ip
        except ValueError:
            return None
        if not host.is_global or not network.prefixlen:
            return text
        if isinstance(host, ipaddress.IPv6Address):
            digits = host.exploded.replace(":", "")
            moved = int("20010db8" + self._hex(digits)[8:14] + digits[14:], 16)
            new: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv6Address(moved)
        else:
            number = int.from_bytes(self._digest(f"address {host}")[:4], "big") % 762
            start = ipaddress.IPv4Address(_DOCUMENTATION[number // 254])
            new = start + 1 + number % 254
        if "/" not in text:
            return str(new)
        return str(ipaddress.ip_network(f"{new}/{network.prefixlen}", strict=False))

    def _digest(self, what: str) -> bytes:
        return hmac.digest(self._key, what.encode("utf-8", "surrogatepass"), "sha256")

    def _word(self, word: str) -> str:
        if re.fullmatch(r"[0-9a-f]*[0-9][0-9a-f]*", word):
            return self._hex(word)
        return self._replaced(word, _LOWER)

    def _hex(self, word: str) -> str:
        return self._replaced(word, _HEX)

    def _replaced(self, word: str, letters: str) -> str:
        made = []
        for at, char in enumerate(word):
            alphabet = _DIGITS if char in _DIGITS else letters if char.islower() else _LOWER.upper()
            made.append(self._char(word[:at], char, alphabet))
        return "".join(made)

    def _char(self, before: str, char: str, alphabet: str) -> str:
        """Replace by the next one in a circle of the alphabet: never by itself."""
        digest = self._digest(f"{alphabet[0]}{len(alphabet)} {before}")
        circle = sorted(range(len(alphabet)), key=digest.__getitem__)
        if char not in alphabet:  # a letter of another script: all of them are as good
            return alphabet[self._digest(f"{before}{char}")[0] % len(alphabet)]
        return alphabet[circle[(circle.index(alphabet.index(char)) + 1) % len(alphabet)]]
