"""What names a record or a conversation: Community ID, and the id of a document.

Source: Corelight, "Community ID Flow Hashing", version 1. The library of its authors takes 150
microseconds for each (measured), this less than 10: with ten million records, that is 25 minutes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.exports import paging

if TYPE_CHECKING:
    import pandas as pd

_WITH_PORTS = (6, 17, 132)  # TCP, UDP, SCTP
_ICMP = (1, 58)  # which the standard hashes by type and code; flow logs have neither
_NEEDS = ("protocol", "srcaddr", "dstaddr", "srcport", "dstport")


def community_id(flows: Any) -> pd.Series[str]:
    r"""Compute the Community ID of each record, by which Zeek, Suricata and others join.

    Parameters
    ----------
    flows : DataFrame or Archive

    Returns
    -------
    Series of str, one per record
        ``1:...``, the same in both directions; for a DataFrame, with its index. Null for ICMP,
        whose type and code flow logs do not have, and where an address, a port or the protocol is
        null. It is computed from srcaddr and dstaddr, as the recording ENI saw them.

    Raises
    ------
    MissingFieldError
        One of srcaddr, dstaddr, srcport, dstport, protocol is not there.

    Notes
    -----
    Version 1 with seed 0, which are every tool's defaults.
    https://github.com/corelight/community-id-spec

    Examples
    --------
    >>> import flowlab as fl, io
    >>> ends = b"2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8:1234:a102:3304:8879:34cf:4071"
    >>> log = b"srcaddr dstaddr srcport dstport protocol\n" + ends + b" 34892 22 6"
    >>> flows, _ = fl.read_flows(io.BytesIO(log))
    >>> fl.community_id(flows).item()
    '1:hXZclvxUJScaVf0xMIJR6yW6tBQ='
    """
    import pandas as pd

    from flowlab.tables import as_table, require

    require(as_table(flows), _NEEDS, "community_id")
    found: list[str | None] = []
    for page in paging.pages(flows, "community_id"):
        found += community_ids(paging.as_lists(page.select(_NEEDS)), page.num_rows)
    index = flows.index if isinstance(flows, pd.DataFrame) else None
    return pd.Series(found, index=index, name="community_id", dtype="str")


def community_ids(page: paging.Page, rows: int) -> list[str | None]:
    """Compute the Community ID of each record of a page; null where it cannot be."""
    if any(name not in page for name in _NEEDS):
        return [None] * rows
    return [_community_id(*record) for record in zip(*(page[n] for n in _NEEDS), strict=True)]


@functools.lru_cache(maxsize=1 << 17)
def _community_id(
    protocol: int | None, source: str | None, target: str | None, from_: int | None, to: int | None
) -> str | None:
    if protocol is None or protocol in _ICMP or source is None or target is None:
        return None
    ends = [(_packed(source), b""), (_packed(target), b"")]
    if protocol in _WITH_PORTS:
        if from_ is None or to is None:
            return None
        ends = [(ends[0][0], struct.pack("!H", from_)), (ends[1][0], struct.pack("!H", to))]
    (low, low_port), (high, high_port) = sorted(ends)
    hashed = b"\0\0" + low + high + bytes([protocol, 0]) + low_port + high_port
    return "1:" + base64.b64encode(hashlib.sha1(hashed, usedforsecurity=False).digest()).decode()


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def document_ids(page: paging.Page, rows: int) -> Iterator[str]:
    """Name each record by its content: all its AWS fields that are not null.

    The same record has the same id wherever it was read from, and whatever columns flowlab or its
    user added. Records equal in every field share one.
    """
    names = sorted(name for name in page if name in schema.BY_COLUMN)
    columns = [page[name] for name in names]
    for row in range(rows):
        # No value of a flow log has a line end in it.
        parts = [
            f"{name}={column[row]}"
            for name, column in zip(names, columns, strict=True)
            if column[row] is not None
        ]
        digest = hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).digest()
        yield base64.urlsafe_b64encode(digest).decode().rstrip("=")
