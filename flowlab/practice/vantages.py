"""Which ENIs see a conversation, and under which addresses each of them records it.

A conversation inside the VPC is seen by two ENIs, one with a public peer by one, and one that
goes out through the NAT gateway by two, of which the NAT gateway's ENI sees every packet twice:
arriving and leaving.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import OUTCOMES, STRIDE, Conversations, Ints

# traffic-path codes; NONE becomes a null.
NONE, SAME_VPC, GATEWAY_ENDPOINT, INTERNET_GATEWAY = 0, 1, 7, 8

NAT_FIRST, NAT_COUNT = 1024, 64_512  # source ports of a NAT gateway


@dataclass(frozen=True)
class Legs:
    """One direction of one conversation at one ENI; columns of equal length.

    `conversation` is a position in the conversations, `interface` one in the environment.
    """

    conversation: Ints
    interface: Ints
    reply: Ints
    egress: Ints
    rejected: Ints
    srcaddr: Ints
    dstaddr: Ints
    srcport: Ints
    dstport: Ints
    pkt_srcaddr: Ints
    pkt_dstaddr: Ints
    path: Ints


def legs(conversations: Conversations) -> Legs:
    """Return every leg that the VPC's ENIs record."""
    book = address_book()
    c = conversations
    outcomes = list(OUTCOMES.values())
    answered = np.array([o.answered for o in outcomes])[c.outcome]
    request_rejected = np.array([o.request_rejected for o in outcomes])[c.outcome]
    reply_rejected = np.array([o.reply_rejected for o in outcomes])[c.outcome]
    endpoint = book.private[c.client] & (book.service[c.server] == book.services.index("S3"))
    through_nat = book.private[c.client] & ~book.inside[c.server] & ~endpoint
    nat = book.of("nat")[0]
    nat_port = _nat_ports(c, through_nat)

    client_path = np.where(endpoint, GATEWAY_ENDPOINT, INTERNET_GATEWAY)
    # The NAT gateway is a resource of the same VPC, and so is every server inside.
    client_path[through_nat | book.inside[c.server]] = SAME_VPC
    server_path = np.where(book.inside[c.client], SAME_VPC, INTERNET_GATEWAY)

    def seen(
        who: NDArray[np.bool_],
        interface: Ints,
        *,
        source: tuple[Ints, Ints],
        target: tuple[Ints, Ints],
        reply: bool,
        egress: bool,
        path: ArrayLike = NONE,
        rejected: ArrayLike = False,
        packet_source: Ints | None = None,
        packet_target: Ints | None = None,
    ) -> Legs:
        at = np.flatnonzero(who & answered if reply else who)
        refused = np.broadcast_to(rejected, len(c))
        columns = {
            "conversation": np.arange(len(c)),
            "interface": interface,
            "reply": reply,
            "egress": egress,
            "rejected": refused,
            "srcaddr": source[0],
            "srcport": source[1],
            "dstaddr": target[0],
            "dstport": target[1],
            "pkt_srcaddr": source[0] if packet_source is None else packet_source,
            "pkt_dstaddr": target[0] if packet_target is None else packet_target,
            "path": np.where(refused, NONE, path),  # a rejected packet took no path
        }
        return Legs(
            **{
                name: np.broadcast_to(np.asarray(column, dtype=np.int64), len(c))[at]
                for name, column in columns.items()
            }
        )

    client, server = (c.client, c.client_port), (c.server, c.server_port)
    outer = (np.full(len(c), nat), nat_port)  # the NAT gateway as the internet sees it
    at_nat = np.broadcast_to(book.interface[nat], len(c))
    # Facing the instance, the NAT gateway's address stands in for the server's; the packet
    # fields keep the server's own.
    towards_server = (outer[0], c.server_port)
    inside_client, inside_server = book.inside[c.client], book.inside[c.server]
    parts = [
        seen(
            inside_client,
            book.interface[c.client],
            source=client,
            target=server,
            reply=False,
            egress=True,
            path=client_path,
        ),
        seen(
            inside_client & ~reply_rejected,
            book.interface[c.client],
            source=server,
            target=client,
            reply=True,
            egress=False,
        ),
        seen(
            inside_server,
            book.interface[c.server],
            source=client,
            target=server,
            reply=False,
            egress=False,
            rejected=request_rejected,
        ),
        seen(
            inside_server,
            book.interface[c.server],
            source=server,
            target=client,
            reply=True,
            egress=True,
            path=server_path,
            rejected=reply_rejected,
        ),
        seen(
            through_nat,
            at_nat,
            source=client,
            target=towards_server,
            packet_target=c.server,
            reply=False,
            egress=False,
        ),
        seen(
            through_nat,
            at_nat,
            source=outer,
            target=server,
            reply=False,
            egress=True,
            path=INTERNET_GATEWAY,
        ),
        seen(through_nat, at_nat, source=server, target=outer, reply=True, egress=False),
        seen(
            through_nat,
            at_nat,
            source=towards_server,
            target=client,
            packet_source=c.server,
            reply=True,
            egress=True,
            path=SAME_VPC,
        ),
    ]
    return Legs(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Legs)}
    )


def _nat_ports(conversations: Conversations, through_nat: NDArray[np.bool_]) -> Ints:
    """Source ports the NAT gateway puts in place of the clients'; 0 where there are no ports."""
    ports = np.zeros(len(conversations), dtype=np.int64)
    at = np.flatnonzero(through_nat)
    order = at[np.argsort(conversations.start[at], kind="stable")]
    ports[order] = NAT_FIRST + np.arange(len(order)) * STRIDE % NAT_COUNT
    ports[conversations.client_port == 0] = 0
    return ports
