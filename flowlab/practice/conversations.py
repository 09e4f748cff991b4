"""Conversations: who talked to whom, how much, and how it ended.

They are the truth behind the records. Records follow from them by rules (`vantages`, `records`),
and the answer key is counted here, so that the records can be held against it.
Times are seconds of the day; addresses are codes of the address book.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowlab.practice.addresses import address_book

Ints = NDArray[np.int64]

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, SYN_ACK = 1, 2, 4, 18
DAY = 86_400

EPHEMERAL = -1  # a client port to be chosen once all conversations of the client are known
EPHEMERAL_FIRST, EPHEMERAL_COUNT = 32_768, 28_232  # Linux: 32768 to 60999
STRIDE = 7919  # has no factor in common with the count: every port is used once before any twice


@dataclass(frozen=True)
class Outcome:
    """How a conversation went.

    Attributes
    ----------
    request_flags, reply_flags : (int, int, int)
        TCP flags seen in the first capture window, in every one, and in the last.
    answered : bool
        There are packets in the other direction.
    request_rejected, reply_rejected : bool
        Refused at the server's ENI, on the way in or on the way out.
    """

    request_flags: tuple[int, int, int]
    reply_flags: tuple[int, int, int] = (0, 0, 0)
    answered: bool = True
    request_rejected: bool = False
    reply_rejected: bool = False


OUTCOMES = {
    "served": Outcome((SYN, 0, FIN), (SYN_ACK, 0, FIN)),
    "reset": Outcome((SYN, 0, RST), (SYN_ACK, 0, 0)),
    "established": Outcome((0, 0, 0)),  # opened before the day and still open after it
    "refused": Outcome((0, SYN, 0), (0, RST, 0)),  # by the host: nothing listens on the port
    "unanswered": Outcome((0, SYN, 0), answered=False),
    "rejected": Outcome((0, SYN, 0), answered=False, request_rejected=True),
    "reply rejected": Outcome((SYN, 0, 0), (SYN_ACK, 0, 0), reply_rejected=True),
    "late FIN": Outcome((0, FIN, 0), answered=False, request_rejected=True),
    "late RST": Outcome((0, RST, 0), answered=False, request_rejected=True),
}
OUTCOME_CODES = {name: code for code, name in enumerate(OUTCOMES)}


@dataclass(frozen=True)
class Conversations:
    """Columns of equal length, one entry per conversation."""

    client: Ints
    server: Ints
    client_port: Ints
    server_port: Ints
    protocol: Ints
    request_packets: Ints
    request_bytes: Ints
    reply_packets: Ints
    reply_bytes: Ints
    start: Ints
    duration: Ints
    outcome: Ints

    def __len__(self) -> int:
        """Return the number of conversations."""
        return len(self.start)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Conversations:
        """Return the conversations at positions, or where a mask is true."""
        return Conversations(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @property
    def finish(self) -> Ints:
        """Second of the last packet."""
        return self.start + self.duration


def build(*, outcome: str | ArrayLike = "served", **columns: ArrayLike) -> Conversations:
    """Make conversations from columns; single values are repeated to the length of the others.

    Durations are cut at midnight: no conversation leaves the day, so that what is sent in it is
    also recorded in it.
    """
    codes = OUTCOME_CODES[outcome] if isinstance(outcome, str) else outcome
    names, values = list(columns), list(columns.values())
    full = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v)) for v in [*values, codes]))
    made = dict(zip([*names, "outcome"], (v.astype(np.int64) for v in full), strict=True))
    made["duration"] = np.minimum(made["duration"], DAY - 1 - made["start"])
    return Conversations(**made)


def tcp(
    *,
    client: ArrayLike,
    server: ArrayLike,
    server_port: ArrayLike,
    start: ArrayLike,
    duration: ArrayLike,
    sent: ArrayLike,
    received: ArrayLike,
    outcome: str | ArrayLike = "served",
) -> Conversations:
    """Make TCP conversations from what the two programs exchanged.

    Parameters
    ----------
    sent, received : int or array
        Payload from client to server, and back. [bytes] Packets and their headers follow from
        it: full segments, an acknowledgement for every second one, opening and closing.
    """
    book = address_book()
    client, server = np.asarray(client), np.asarray(server)
    sent, received = np.asarray(sent), np.asarray(received)
    header = np.where(book.ipv6[server], 72, 52)  # IP and TCP with timestamps
    # Jumbo frames stay inside the VPC; 1500 bytes is what leaves it.
    segment = np.where(book.inside[client] & book.inside[server], 8500, 1500) - header
    up, down = -(-sent // segment), -(-received // segment)
    request_packets = 3 + up + -(-down // 2)
    reply_packets = 2 + down + -(-up // 2)
    return build(
        client=client,
        server=server,
        client_port=EPHEMERAL,
        server_port=server_port,
        protocol=TCP,
        request_packets=request_packets,
        request_bytes=request_packets * header + sent,
        reply_packets=reply_packets,
        reply_bytes=reply_packets * header + received,
        start=start,
        duration=duration,
        outcome=outcome,
    )


def attempts(
    *,
    client: ArrayLike,
    server: ArrayLike,
    server_port: ArrayLike,
    start: ArrayLike,
    outcome: str | ArrayLike,
    packets: ArrayLike = 1,
    duration: ArrayLike = 0,
    size: ArrayLike = 60,
    client_port: ArrayLike = EPHEMERAL,
    protocol: ArrayLike = TCP,
) -> Conversations:
    """Make conversations that never got going; `size` is the bytes of each packet."""
    packets = np.asarray(packets)
    answered = isinstance(outcome, str) and OUTCOMES[outcome].answered
    return build(
        client=client,
        server=server,
        client_port=client_port,
        server_port=server_port,
        protocol=protocol,
        request_packets=packets,
        request_bytes=packets * np.asarray(size),
        reply_packets=packets * answered,
        reply_bytes=packets * 40 * answered,
        start=start,
        duration=duration,
        outcome=outcome,
    )


def datagrams(
    *,
    client: ArrayLike,
    server: ArrayLike,
    server_port: ArrayLike,
    start: ArrayLike,
    sent: ArrayLike,
    received: ArrayLike,
    packets: ArrayLike = 1,
    duration: ArrayLike = 0,
    protocol: int = UDP,
    outcome: str = "served",
) -> Conversations:
    """Make UDP or ICMP exchanges; `sent`, `received` are the bytes of each packet."""
    packets = np.asarray(packets)
    return build(
        client=client,
        server=server,
        client_port=EPHEMERAL if protocol == UDP else 0,
        server_port=server_port,
        protocol=protocol,
        request_packets=packets,
        request_bytes=packets * np.asarray(sent),
        reply_packets=packets,
        reply_bytes=packets * np.asarray(received),
        start=start,
        duration=duration,
        outcome=outcome,
    )


def concatenate(parts: list[Conversations]) -> Conversations:
    """Put conversations one after the other."""
    return Conversations(
        **{
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(Conversations)
        }
    )


def choose_ports(rng: np.random.Generator, conversations: Conversations) -> Conversations:
    """Give every EPHEMERAL client port a number.

    A client goes through its whole range before it uses a port again. Two conversations on one
    5-tuple in one capture window would be a single flow record, so they must not happen.
    """
    chosen = conversations.client_port.copy()
    open_ = np.flatnonzero(chosen == EPHEMERAL)
    offsets = rng.integers(0, EPHEMERAL_COUNT, len(address_book().text))
    order = open_[np.lexsort((conversations.start[open_], conversations.client[open_]))]
    client = conversations.client[order]
    nth = np.arange(len(order)) - np.searchsorted(client, client)
    chosen[order] = EPHEMERAL_FIRST + (offsets[client] + nth * STRIDE) % EPHEMERAL_COUNT
    return replace(conversations, client_port=chosen)
