"""Ids and names by a key, with their shape kept: the same mapper for frames, reports, set-ups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from flowlab.anonymization import recognised
from flowlab.anonymization.words import Words

# Names that are too short or have no letter are in every sentence; alone they tell nothing.
_TELLS = re.compile(r"(?=.*[^\W\d_]).{3,}|\d{12}", re.DOTALL)
_HEX_NUMBER = re.compile(r"[0-9a-f]{8,}")
_LONG_HEX = re.compile(r"(?=.*[a-f])(?=.*\d)[0-9a-f]{16,}")
_ACCOUNT = re.compile(r"\d{12}")
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_UNKNOWN = "unknown"  # an account id that AWS does not tell


class Ids:
    """The images of ids, names and texts.

    Parameters
    ----------
    key : bytes, 32
    address : callable
        Gives the image of an address or CIDR; None for another text.
    """

    def __init__(self, key: bytes, address: Callable[[str], str | None]) -> None:
        self._words = Words(key)
        self._address = address
        self.known: dict[str, str] = {}  # what was mapped as a whole, and to what
        self._by_first: dict[str, list[str]] = {}  # names, by their first word

    def __repr__(self) -> str:
        return f"Ids({len(self.known)} known, <key not shown>)"

    def id(self, text: str) -> str:
        """Map an id or name of somebody's: everything in it but what is AWS's own.

        Parameters
        ----------
        text : str
            An account, interface or other id, an ARN, a host, bucket or tag. Percent-encoded as
            AWS writes tags, or not.

        Returns
        -------
        str
            As long, with letters, digits and separators where they were; only addresses in it
            change their length. ``unknown`` stays.
        """
        if text not in self.known:
            plain, escaped = _decoded(text)
            image = plain if plain == _UNKNOWN else recognised.IN_NAMES.sub(self._part, plain)
            self._learn(text, _encoded(image, escaped) if escaped else image)
        return self.known[text]

    def text(self, text: str) -> str:
        """Map what is somebody's in a sentence, a path or an error, and leave the rest.

        That is: addresses, ids, ARNs, s3:// places, account ids where the words before say that
        they are one, and each name that `id` was asked for before.
        """
        found = [
            (match.start(), match.end(), match) for match in recognised.IN_PROSE.finditer(text)
        ] + [(at, at + len(name), name) for at, name in self._names_in(text)]
        made, done = [], 0
        # What begins first counts, then what is longer: a name within an ARN is mapped with it.
        for start, end, what in sorted(found, key=lambda one: (one[0], -one[1])):
            if start >= done:
                image = self.known[what] if isinstance(what, str) else self._part(what)
                made += [text[done:start], image]
                done = end
        return "".join([*made, text[done:]])

    def recognised(self, text: str) -> str:
        """Map addresses, ids and ARNs in a text, but no names."""
        return recognised.IN_PROSE.sub(self._part, text)

    def words(self, text: str) -> str:
        """Map every word of a text, and leave what stands between; prefixes stay prefixes.

        So what a pattern with ``*`` matched, its image matches, unless the end of a word follows
        the ``*``.
        """
        return self._words.text(text)

    def hexadecimal(self, text: str) -> str:
        """Map a hexadecimal number, such as that of an id; a beginning maps to the beginning."""
        return self._words.hexadecimal(text)

    def _part(self, found: re.Match[str]) -> str:
        part, kind = found[0], found.lastgroup
        if kind in ("ipv4", "ipv6"):
            return self._perhaps_address(part, in_prose=found.re is recognised.IN_PROSE)
        if kind == "stays":
            return part
        if kind == "arn":
            return self._arn(part)
        if kind == "uri":
            return self.id(part)
        if kind == "host":
            return self._learn(part, self._host(part))
        if kind in ("uuid", "mac"):
            return self._learn(part, self._words.hexadecimal(part))
        if kind == "id":
            return self._learn(part, self._numbered(part))
        hexadecimal = _LONG_HEX.fullmatch(part)
        image = self._words.hexadecimal(part) if hexadecimal else self._words.text(part)
        return self._learn(part, image) if _ACCOUNT.fullmatch(part) or hexadecimal else image

    def _perhaps_address(self, part: str, *, in_prose: bool) -> str:
        for text in (part, part.rstrip(":")):  # of "2001:db8::7: refused"
            if (image := self._address(text)) is not None:
                return self._learn(text, image) + part[len(text) :]
        return part if in_prose else self._words.text(part)  # a time, or the like

    def _numbered(self, text: str) -> str:
        prefix, dash, number = text.rpartition("-")
        as_hex = _HEX_NUMBER.fullmatch(number)
        image = self._words.hexadecimal(number) if as_hex else self._words.text(number)
        return f"{prefix}{dash}{image}"

    def _host(self, text: str) -> str:
        prefix, _, numbers = text.partition("-")
        image = self._address(numbers.replace("-", "."))
        return self._words.text(text) if image is None else f"{prefix}-{image.replace('.', '-')}"

    def _arn(self, text: str) -> str:
        arn = recognised.ARN.fullmatch(text.rstrip(".:"))
        if arn is None:
            return self._words.text(text)
        head, account, resource = arn.groups()
        owner = account if account in ("", "*", "aws") else self.id(account)
        if resource is None:
            return self._learn(arn[0], f"{head}{owner}") + text[len(arn[0]) :]
        # A bucket has no type before it, and may have the name of one.
        kind = None if ":s3:" in head else recognised.TYPE.match(resource)
        rest = resource[kind.end() :] if kind else resource
        named = "".join(
            piece if piece in (":", "/", "log-stream") else self.id(piece)
            for piece in re.split(r"([:/])", rest)
        )
        image = f"{head}{owner}:{kind[0] if kind else ''}{named}"
        return self._learn(arn[0], image) + text[len(arn[0]) :]

    def _learn(self, text: str, image: str) -> str:
        if text not in self.known:
            self.known[text] = image
            if text != image and _TELLS.fullmatch(text):
                self._by_first.setdefault(_first(text), []).append(text)
        return image

    def _names_in(self, text: str) -> Iterator[tuple[int, str]]:
        """Find names that are known, the longest at each place."""
        for found in _TOKEN.finditer(text):
            names = [n for n in self._by_first.get(found[0], ()) if _stands(n, text, found.start())]
            if names:
                yield found.start(), max(names, key=len)


def _first(name: str) -> str:
    found = _TOKEN.search(name)
    return found[0] if found else name


def _stands(name: str, text: str, at: int) -> bool:
    """Whether a name stands in a text at a place, not as a part of a longer word."""
    after = text[at + len(name) : at + len(name) + 1]
    return text.startswith(name, at) and not (name[-1].isalnum() and after.isalnum())


def _decoded(text: str) -> tuple[str, str]:
    """Undo percent-encoding; give the characters that were encoded, too."""
    runs = _ESCAPES.findall(text)
    if not runs or text.count("%") != sum(map(len, runs)) // 3:
        return text, ""
    try:
        characters = "".join(bytes.fromhex(run.replace("%", "")).decode() for run in runs)
    except UnicodeDecodeError:
        return text, ""
    plain = _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), text)
    return plain, characters


def _encoded(text: str, characters: str) -> str:
    """Encode these characters again, and others outside ASCII if one of these is."""
    outside = not characters.isascii()
    return "".join(
        "".join(f"%{byte:02X}" for byte in char.encode())
        if char in characters or (outside and not char.isascii())
        else char
        for char in text
    )
