"""Many originals looked for at once: every word of a text is looked up, however many there are."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator

from flowlab.wording import plain_text

_WORD = re.compile(r"[^\W_]+")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# Wherever it stands, in the name of a file, too: log10.0.1.5.gz, 10_0_1_5.csv, ip-10-0-1-5.
_IPV4_WITHIN = re.compile(r"(?<!\d)(?=(\d{1,3})([._-])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?!\d))")
_ACCOUNT = re.compile(r"(\d{4})(\d{4})(\d{4})")
_PLAIN = re.compile(r"[^\W\d_]+")  # a word of letters alone
_MORE_BEFORE = re.compile(r"(?:^|[^0-9a-z])[0-9a-f]{1,4}::?$")  # of an IPv6 address
_MORE_BEHIND = re.compile(r"::?[0-9a-f]")
# IPv4 mapped into IPv6, and translated for it (NAT64).
_CARRY = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
SHORTEST = 3  # characters: shorter ones are in every text, and tell nothing
_LONG = 16  # characters: such do not come about by joining lines that do not belong together
# Pixels and the like: any short name is in them by chance, and none of more than one word can be.
_PACKED = re.compile(
    r"[0-9A-Za-z+/]{400,}+|(?:[0-9A-Za-z+/]{60,}+[ \t]*\r?\n[ \t]*){6,}+[0-9A-Za-z+/]*+"
)
# Dashes of other widths, after NFKC.
_DASHES = dict.fromkeys(map(ord, "\u2010\u2012\u2013\u2212"), "-")
# What is not seen: marks of direction, soft hyphens, spaces without width, variants of a glyph.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
    "\U000e0001\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)


class Originals:
    """What to look for.

    Parameters
    ----------
    originals : iterable of str
        Addresses are found in their other spellings, too: of IPv6, within an IPv6 one
        (``64:ff9b::a00:105``), as in names of hosts and files (``ip-10-0-1-5``), in reverse
        (``5.1.0.10.in-addr.arpa``); account ids as consoles write them (``1234-5678-9012``).
    images : iterable of str
        What must not be reported, although it is an original.
    """

    def __init__(self, originals: Iterable[str], images: Iterable[str] = ()) -> None:
        allowed = {folded(image) for image in images}
        self._spelled: dict[str, str] = {}  # every spelling, and the original it is of
        for original in dict.fromkeys(originals):
            name = folded(original)
            if len(name) >= SHORTEST and name not in allowed:
                shown = folded(plain_text(original))  # as flowlab writes it
                for spelling in (name, shown, *_spellings(name)):
                    self._spelled.setdefault(spelling, original)
        self._lengths: dict[str, set[int]] = {}  # by the first word, how long they may be
        for spelling in self._spelled:
            first = _WORD.search(spelling)
            if first:
                lengths = self._lengths.setdefault(first[0], set())
                lengths.add((len(spelling) << 8) + min(first.start(), 255))
        self._ipv4 = any(map(_IPV4.fullmatch, self._spelled))
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
        yield from self._addresses_in(text, joined)

    def _addresses_in(self, text: str, joined: bool) -> Iterator[str]:
        """Give each original that stands in a text as an address, however it is written."""
        if self._ipv4 and not joined:
            for match in _IPV4_WITHIN.finditer(text):
                address = ".".join(match.group(1, 3, 4, 5))
                if address in self._spelled:
                    yield self._spelled[address]
        if self._ipv6 or (self._ipv4 and ("ffff:" in text or "ff9b:" in text)):
            for match in _IPV6.finditer(text):
                found = _address(match[0]) or _address(match[0].removesuffix(":"))
                for address in _carried(found) if found is not None else ():
                    if address in self._spelled:
                        yield self._spelled[address]


def folded(text: str) -> str:
    """Write a text as it is compared: what looks the same is the same."""
    text = unicodedata.normalize("NFKC", UNSEEN.sub("", text)).translate(_DASHES)
    return " ".join(text.casefold().split())


def looked_into(text: str) -> str:
    """Write a text as it is looked into: folded, without what is packed in it."""
    return folded(_PACKED.sub(" ", text))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _carried(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[str]:
    """Write an address, and the IPv4 one that is in its last 32 bits."""
    yield address.compressed
    if isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _CARRY):
        yield str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))


def _spellings(name: str) -> Iterator[str]:
    if account := _ACCOUNT.fullmatch(name):
        yield "-".join(account.groups())
    elif _IPV4.fullmatch(name):
        yield ".".join(reversed(name.split("."))) + ".in-addr.arpa"
    elif ":" in name and (address := _address(name)) is not None:
        yield address.compressed
        yield address.reverse_pointer
        yield address.compressed.replace(":", "-")
