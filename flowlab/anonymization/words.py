"""Words by a key: a letter for a letter and a digit for a digit, by what stands before it.

As Crypto-PAn does with bits: two words are equal, or begin alike, exactly if their images do, and
a pattern such as ``flow-*`` matches what it matched before. How long a word is can be seen, and
where in it digits stand; of hexadecimal numbers only how long they are.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache, lru_cache

HEX = "0123456789abcdef"
WORD = r"(?:[0-9A-Za-z]|[^\x00-\x7f])+"

_WORD = re.compile(WORD)
_SMALL = 64
# Of one version of Unicode, so that every Python gives the same images.
_CATEGORY = unicodedata.ucd_3_2_0.category
_BY_WIDTH = {1: (0, 0x80), 2: (0x80, 0x800), 3: (0x800, 0x10000), 4: (0x10000, 0x110000)}


class Words:
    """The images of words.

    Parameters
    ----------
    key : bytes
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        # Words come again, and so do their beginnings.
        self._word = lru_cache(200_000)(self._replaced)
        self._circle = lru_cache(200_000)(self._shuffled)

    def __repr__(self) -> str:
        return "Words(<key not shown>)"

    def text(self, text: str) -> str:
        """Replace every word of a text; what stands between them (``-_./``, spaces) stays."""
        return _WORD.sub(lambda found: self._word(found[0]), text)

    def hexadecimal(self, text: str) -> str:
        """Replace the digits of a hexadecimal number; other characters stay, as does a 0 ahead.

        The numbers of AWS's long ids begin with 0.
        """
        head = "0" if text.startswith("0") else ""
        made, before = [head], head
        for char in text[len(head) :]:
            alphabet = HEX[1:] if not before else HEX
            made.append(self._other(f"hexadecimal {before}", char, alphabet))
            before += char
        return "".join(made)

    def _replaced(self, word: str) -> str:
        return "".join(
            self._other(f"word {word[:at]}", char, _alphabet(char)) for at, char in enumerate(word)
        )

    def _other(self, before: str, char: str, alphabet: str) -> str:
        """Give the next in a circle of the alphabet: never the same."""
        if char not in alphabet:
            return char
        if len(alphabet) > _SMALL:  # other scripts; to shuffle thousands for one letter is slow
            step = 1 + int.from_bytes(self._digest(before, alphabet, 16), "big") % (
                len(alphabet) - 1
            )
            return alphabet[(alphabet.index(char) + step) % len(alphabet)]
        circle = self._circle(before, alphabet)
        return circle[(circle.index(char) + 1) % len(circle)]

    def _shuffled(self, before: str, alphabet: str) -> str:
        digest = self._digest(before, alphabet, 4 * len(alphabet))
        draws = {char: digest[4 * at : 4 * at + 4] for at, char in enumerate(alphabet)}
        return "".join(sorted(alphabet, key=draws.__getitem__))

    def _digest(self, before: str, alphabet: str, size: int) -> bytes:
        # SHAKE with the key ahead, which is of one length: a pseudorandom function (as in KMAC).
        said = f"{alphabet[0]}{len(alphabet)} {before}".encode("utf-8", "surrogatepass")
        return hashlib.shake_256(self._key + said).digest(size)


def _alphabet(char: str) -> str:
    """Give the characters of a character's kind that take as many bytes; none if it stays."""
    kind, width = _CATEGORY(char), len(char.encode("utf-8", "surrogatepass"))
    stays = kind[0] in "PZ" or kind in ("Cc", "Cf", "Cs") or (width == 1 and kind[0] not in "LN")
    return "" if stays else _kin(kind, width)


@cache
def _kin(kind: str, width: int) -> str:
    return "".join(char for char in map(chr, range(*_BY_WIDTH[width])) if _CATEGORY(char) == kind)
