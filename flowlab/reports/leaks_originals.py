"""Many originals looked for at once: every word of a text is looked up, however many there are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W_]+")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_PLAIN = re.compile(r"[^\W\d_]+")  # a word of letters alone
_MORE_BEFORE = re.compile(r"(?:^|[^0-9a-z])[0-9a-f]{1,4}::?$")  # of an IPv6 address
_MORE_BEHIND = re.compile(r"::?[0-9a-f]")
SHORTEST = 3  # characters: shorter ones are in every text, and tell nothing
_LONG = 16  # characters: such do not come about by joining lines that do not belong together


class Originals:
    """What to look for.

    Parameters
    ----------
    originals : iterable of str
        Addresses are found in their other spellings, too: of IPv6, as in host names
        (``ip-10-0-1-5``), and in reverse (``5.1.0.10.in-addr.arpa``).
    images : iterable of str
        What must not be reported, although it is an original.
    """

    def __init__(self, originals: Iterable[str], images: Iterable[str] = ()) -> None:
        allowed = {folded(image) for image in images}
        self._spelled: dict[str, str] = {}  # every spelling, and the original it is of
        for original in dict.fromkeys(originals):
            name = folded(original)
            if len(name) >= SHORTEST and name not in allowed:
                for spelling in (name, *_spellings(name)):
                    self._spelled.setdefault(spelling, original)
        self._lengths: dict[str, set[int]] = {}  # by the first word, how long they may be
        for spelling in self._spelled:
            first = _WORD.search(spelling)
            if first:
                lengths = self._lengths.setdefault(first[0], set())
                lengths.add((len(spelling) << 8) + min(first.start(), 255))
        self._ipv6 = any(":" in spelling for spelling in self._spelled)

    def found_in(self, text: str, *, read: bool = True, joined: bool = False) -> Iterator[str]:
        """Give each original that stands in a `folded` text as a whole.

        ``10.0.1.1`` does not stand in ``10.0.1.10``. Plain words are looked for only in what is
        there to be `read`, and nothing short where lines were `joined` by guess.
        """
        if not self._lengths:
            return
        for word in _WORD.finditer(text):
            for packed in self._lengths.get(word[0], ()):
                start = word.start() - (packed & 255)
                end = start + (packed >> 8)
                spelling = text[max(start, 0) : end]
                if spelling in self._spelled and not text[end : end + 1].isalnum():
                    if joined and len(spelling) < _LONG:
                        continue
                    if _IPV6.fullmatch(spelling) and (
                        _MORE_BEHIND.match(text, end)
                        or _MORE_BEFORE.search(text[max(start - 6, 0) : start])
                    ):
                        continue
                    if read or not _PLAIN.fullmatch(spelling):
                        yield self._spelled[spelling]
        if self._ipv6:
            for match in _IPV6.finditer(text):
                address = _address(match[0]) or _address(match[0].removesuffix(":"))
                if address is not None and address.compressed in self._spelled:
                    yield self._spelled[address.compressed]


def folded(text: str) -> str:
    """Write a text as it is looked into."""
    return text.casefold()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _spellings(name: str) -> Iterator[str]:
    if _IPV4.fullmatch(name):
        yield name.replace(".", "-")
        yield ".".join(reversed(name.split("."))) + ".in-addr.arpa"
    elif ":" in name and (address := _address(name)) is not None:
        yield address.compressed
        yield address.reverse_pointer
        yield address.compressed.replace(":", "-")
