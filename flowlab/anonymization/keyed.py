"""One key, and everything that it maps."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flowlab.anonymization.addresses import Addresses
from flowlab.anonymization.ids import Ids
from flowlab.errors import FlowlabError

_SALT = b"flowlab anonymization 1"  # another number: another mapping from the same key
_LONGEST_SHIFT = 3650  # days


class Anonymizer:
    """What a key makes of addresses, ids, names and texts.

    Parameters
    ----------
    key : str, bytes or None
        Of any length; what is easily guessed is easily undone, for there are few addresses. None
        is a new one that is kept nowhere: nobody can repeat or undo the mapping.

    Raises
    ------
    FlowlabError
        The key is empty, or of another type.

    Notes
    -----
    The same key gives the same images in every frame, report and set-up, and in every later
    version of flowlab. It cannot be read from an Anonymizer, which cannot be saved either.

    Examples
    --------
    >>> hidden = Anonymizer("a secret of this course")
    >>> hidden.id("unknown"), hidden.address("169.254.169.254")
    ('unknown', '169.254.169.254')
    """

    def __init__(self, key: str | bytes | None = None) -> None:
        if not isinstance(key, str | bytes | None):
            raise FlowlabError(
                f"a key is text or bytes, not {type(key).__name__}.",
                fix='pass key="..." that only you know, or leave it out for one nobody knows.',
            )
        if key is not None and not key:
            raise FlowlabError(
                "the key is empty.",
                "the variable or file it comes from is.",
                'pass key="..." that only you know, or leave it out for one nobody knows.',
            )
        given = secrets.token_bytes(32) if key is None else key
        given = given.encode() if isinstance(given, str) else given
        self._addresses = Addresses(_derived(given, "addresses"))
        self._ids = Ids(_derived(given, "ids"), self.address)
        self._shift = int.from_bytes(_derived(given, "time"), "big")
        self._marks = _derived(given, "marks")
        self._known: dict[str, str | None] = {}
        self._many: list[tuple[pa.Array, pa.Array]] = []

    def __repr__(self) -> str:
        return "Anonymizer(<key not shown>)"

    def __reduce__(self) -> str:
        raise FlowlabError(
            "an Anonymizer cannot be copied or saved: its key would be, too.",
            fix="make it again from the key.",
        )

    def address(self, text: str) -> str | None:
        """Map an IPv4 or IPv6 address or CIDR; None if the text is none."""
        if text not in self._known:
            self._known[text] = self._addresses.image(text)
        return self._known[text]

    def id(self, text: str) -> str:
        """Map an id or name of somebody's: everything in it but what is AWS's own.

        Account ids, AWS's ids (their prefixes stay), ARNs part by part (partition, service,
        region and type stay), hosts, buckets, tags: percent-encoded, or not.
        """
        return self._ids.id(text)

    def text(self, text: str) -> str:
        """Map what is somebody's in a sentence, a path or an error, and leave the rest.

        That is: addresses, AWS's ids, ARNs, s3:// places, account ids where the words before say
        that they are one, and each name that was mapped before; shorter ones than three
        characters are not looked for.
        """
        return self._ids.text(text)

    def words(self, text: str) -> str:
        """Map every word of a text; a beginning maps to the beginning, so patterns still fit."""
        return self._ids.words(text)

    def hexadecimal(self, text: str) -> str:
        """Map a hexadecimal number, such as that of an AWS id; a beginning to the beginning."""
        return self._ids.hexadecimal(text)

    def recognised(self, text: str) -> str:
        """Map addresses, AWS's ids and ARNs in a text, but no names."""
        return self._ids.recognised(text)

    def values(self, texts: pa.Array) -> pa.Array:
        """Map many addresses, ids and names at once.

        Parameters
        ----------
        texts : array of large_string
            Distinct; null stays null.

        Returns
        -------
        array of large_string

        Raises
        ------
        FlowlabError
            Two names have one image. One of them became, by chance, a name that stays.
        """
        images = self._addresses.images(texts)
        self._many.append((texts.filter(images.is_valid()), images.filter(images.is_valid())))
        names = texts.filter(images.is_null()).drop_null()
        named = [self._ids.id(name) for name in names.to_pylist()]
        if len(set(named)) < len(named):
            raise FlowlabError(
                "two different names would become one with this key.",
                "by chance, one of them became a name that stays as it is.",
                "choose another key.",
            )
        place = pc.index_in(texts, value_set=names)
        return pc.coalesce(images, pc.take(pa.array(named, pa.large_string()), place))

    def shift(self) -> pd.Timedelta:
        """Give the time shift that the key stands for: 1 to 3650 whole days, back."""
        return pd.Timedelta(days=-(1 + self._shift % _LONGEST_SHIFT))

    def mark(self, text: str) -> str:
        """Give 32 hexadecimal digits that tell texts apart, and without the key tell nothing."""
        return hmac.new(self._marks, text.encode(), hashlib.sha256).hexdigest()[:32]

    def pairs(self) -> dict[str, str]:
        """List what was mapped so far, and to what; without what stayed as it was.

        With it, images can be told from originals: it is as secret as these.
        """
        found: dict[str, str] = {}
        for originals, images in self._many:
            found.update(zip(originals.to_pylist(), images.to_pylist(), strict=True))
        singles: Iterable[tuple[str, str | None]] = self._known.items()
        found.update((text, image) for text, image in singles if image is not None)
        found.update(self._ids.known)
        return {text: image for text, image in found.items() if text != image}


def _derived(key: bytes, what: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=_SALT, info=what.encode()).derive(key)
