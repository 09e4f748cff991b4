"""What the company's network does on an ordinary working day.

Each function makes one kind of traffic; `KINDS` says how much of each there is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import (
    DAY,
    ICMP,
    OUTCOME_CODES,
    TCP,
    UDP,
    Conversations,
    attempts,
    choose_ports,
    concatenate,
    datagrams,
    tcp,
)
from flowlab.practice.drawing import (
    ALL_DAY,
    OFFICE_HOURS,
    VISITOR_HOURS,
    amounts,
    moments,
    pick,
)
from flowlab.practice.housekeeping import housekeeping


def website_visits(rng: np.random.Generator, count: int) -> Conversations:
    """Let people visit over IPv4; now and then a browser resets instead of closing."""
    book = address_book()
    # Strangers' addresses are not popular in numeric order.
    visitors = np.random.default_rng(5).permutation(book.peers("visitors"))
    ending = rng.choice(["served", "reset"], count, p=[0.96, 0.04])
    return tcp(
        client=pick(rng, visitors, count, skew=0.7),
        server=pick(rng, book.of("web-1", "web-2"), count, skew=0.4),
        server_port=rng.choice([443, 80], count, p=[0.9, 0.1]),
        start=moments(rng, count, VISITOR_HOURS),
        duration=amounts(rng, count, median=9, spread=1.1, most=290),
        sent=amounts(rng, count, median=1500, spread=0.8),
        received=amounts(rng, count, median=110_000, spread=1.6),
        outcome=np.array([OUTCOME_CODES[name] for name in ending]),
    )


def ipv6_visits(rng: np.random.Generator, count: int) -> Conversations:
    """Let people visit over IPv6."""
    book = address_book()
    servers = book.code("2001:db8:1234:1::10", "2001:db8:1234:1::11")
    return tcp(
        client=pick(rng, book.peers("visitors over IPv6"), count, skew=0.7),
        server=pick(rng, servers, count, skew=0.4),
        server_port=443,
        start=moments(rng, count, VISITOR_HOURS),
        duration=amounts(rng, count, median=9, spread=1.1, most=290),
        sent=amounts(rng, count, median=1500, spread=0.8),
        received=amounts(rng, count, median=110_000, spread=1.6),
    )


def content_delivery(rng: np.random.Generator, count: int) -> Conversations:
    """Let a content delivery network fetch what it lacks, over connections it keeps."""
    book = address_book()
    return tcp(
        client=pick(rng, book.peers("content delivery"), count, skew=0.3),
        server=pick(rng, book.of("web-1", "web-2"), count),
        server_port=443,
        start=moments(rng, count, VISITOR_HOURS),
        duration=amounts(rng, count, median=90, spread=0.5, most=600),
        sent=amounts(rng, count, median=9_000, spread=0.7),
        received=amounts(rng, count, median=1_400_000, spread=1.1),
    )


def application_calls(rng: np.random.Generator, count: int) -> Conversations:
    """Let the web servers ask the application servers."""
    book = address_book()
    return tcp(
        client=pick(rng, book.of("web-1", "web-2"), count),
        server=pick(rng, book.of("app-1", "app-2"), count, skew=0.3),
        server_port=8080,
        start=moments(rng, count, VISITOR_HOURS),
        duration=amounts(rng, count, median=12, spread=1.0, most=240),
        sent=amounts(rng, count, median=6_000, spread=1.0),
        received=amounts(rng, count, median=130_000, spread=1.2),
    )


def database_sessions(rng: np.random.Generator, count: int) -> Conversations:
    """Keep pooled connections to MySQL, for minutes each: many records a conversation."""
    book = address_book()
    return tcp(
        client=pick(rng, book.of("app-1", "app-2"), count, skew=0.3),
        server=book.of("mysql"),
        server_port=3306,
        start=moments(rng, count, OFFICE_HOURS),
        duration=amounts(rng, count, median=540, spread=0.5, most=1800),
        sent=amounts(rng, count, median=900_000, spread=0.8),
        received=amounts(rng, count, median=22_000_000, spread=0.9, most=4e8),
    )


def dns_queries(rng: np.random.Generator, count: int) -> Conversations:
    """Ask the company's own DNS server, often for an A and an AAAA record at once.

    MySQL and the NAT gateway ask Amazon's resolver, which no flow log shows.
    """
    book = address_book()
    clients = book.of("app-1", "web-1", "app-2", "web-2", "bastion", "staging-1")
    return datagrams(
        client=pick(rng, clients, count, skew=0.8),
        server=book.of("dns"),
        server_port=53,
        start=moments(rng, count, OFFICE_HOURS),
        packets=rng.integers(1, 3, count),
        sent=rng.integers(58, 84, count),
        received=rng.integers(90, 340, count),
    )


def dns_forwarding(rng: np.random.Generator, count: int) -> Conversations:
    """Let the DNS server ask a public resolver what it does not know, through the NAT gateway."""
    book = address_book()
    return datagrams(
        client=book.of("dns"),
        server=book.peers("public resolver"),
        server_port=53,
        start=moments(rng, count, OFFICE_HOURS),
        sent=rng.integers(58, 84, count),
        received=rng.integers(90, 480, count),
    )


def private_calls_out(rng: np.random.Generator, count: int) -> Conversations:
    """Let application servers use partners and AWS APIs through the NAT gateway."""
    book = address_book()
    return tcp(
        client=pick(rng, book.of("app-1", "app-2"), count, skew=0.2),
        server=np.where(
            rng.random(count) < 0.5,
            pick(rng, book.peers("AWS APIs"), count),
            np.where(
                rng.random(count) < 0.6,
                pick(rng, book.peers("payment provider"), count),
                pick(rng, book.peers("partner API"), count),
            ),
        ),
        server_port=443,
        start=moments(rng, count, OFFICE_HOURS),
        duration=amounts(rng, count, median=4, spread=1.0, most=120),
        sent=amounts(rng, count, median=4_000, spread=1.0),
        received=amounts(rng, count, median=9_000, spread=1.1),
    )


def web_calls_out(rng: np.random.Generator, count: int) -> Conversations:
    """Let web servers use S3 by the internet gateway: their subnet has no gateway endpoint."""
    book = address_book()
    server = np.where(
        rng.random(count) < 0.6,
        pick(rng, book.peers("object storage"), count),
        pick(rng, book.peers("AWS APIs"), count),
    )
    return tcp(
        client=pick(rng, book.of("web-1", "web-2"), count),
        server=server,
        server_port=443,
        start=moments(rng, count, VISITOR_HOURS),
        duration=amounts(rng, count, median=3, spread=0.9, most=60),
        sent=amounts(rng, count, median=3_000, spread=1.0),
        received=amounts(rng, count, median=60_000, spread=1.6),
    )


def private_storage(rng: np.random.Generator, count: int) -> Conversations:
    """Let application servers read and write S3 by the gateway endpoint."""
    book = address_book()
    return tcp(
        client=pick(rng, book.of("app-1", "app-2"), count),
        server=pick(rng, book.peers("object storage"), count),
        server_port=443,
        start=moments(rng, count, OFFICE_HOURS),
        duration=amounts(rng, count, median=5, spread=1.0, most=120),
        sent=amounts(rng, count, median=500_000, spread=1.6),
        received=amounts(rng, count, median=300_000, spread=1.6),
    )


def internet_background(rng: np.random.Generator, count: int) -> Conversations:
    """Let strangers knock at every public address, all day; no security group lets them in."""
    book = address_book()
    protocol = rng.choice([TCP, UDP, ICMP], count, p=[0.9, 0.08, 0.02])
    tcp_port = rng.choice(
        [22, 23, 3389, 8080, 445, 5900, 6379, 2375, 8443, 25],
        count,
        p=[0.24, 0.2, 0.13, 0.1, 0.08, 0.06, 0.06, 0.05, 0.05, 0.03],
    )
    server_port = np.where(rng.random(count) < 0.4, rng.integers(1, 65_536, count), tcp_port)
    # Not the ports where web servers answer: a stranger who finds one open is a visitor.
    server_port[(server_port == 80) | (server_port == 443)] = 81
    server_port[protocol == UDP] = rng.choice([53, 123, 161, 1900, 5060], count)[protocol == UDP]
    server_port[protocol == ICMP] = 0
    return attempts(
        client=pick(rng, book.peers("internet background"), count, skew=0.5),
        server=pick(rng, book.of("web-1", "web-2", "bastion", "staging-1"), count, skew=0.2),
        client_port=np.where(protocol == ICMP, 0, rng.integers(1024, 65_536, count)),
        server_port=server_port,
        protocol=protocol,
        start=moments(rng, count, ALL_DAY),
        size=rng.choice([40, 44, 52, 60], count, p=[0.45, 0.3, 0.1, 0.15]),
        outcome="rejected",
    )


def unlucky_calls(rng: np.random.Generator, count: int) -> Conversations:
    """Call a partner's server that no longer answers, and a port that a deployment closed."""
    book = address_book()
    retired = attempts(
        client=book.of("app-1"),
        server=book.peers("retired partner"),
        server_port=443,
        start=moments(rng, count, ALL_DAY),
        packets=4,
        duration=7,
        outcome="unanswered",
    )
    closed = attempts(
        client=pick(rng, book.of("web-1", "web-2"), count),
        server=book.of("app-1"),
        server_port=8081,
        start=moments(rng, count, OFFICE_HOURS),
        outcome="refused",
    )
    return concatenate([retired, closed])


# Conversations per 100,000 records.
KINDS: dict[Callable[[np.random.Generator, int], Conversations], int] = {
    website_visits: 10_000,
    ipv6_visits: 900,
    content_delivery: 900,
    application_calls: 3_000,
    database_sessions: 290,
    dns_queries: 1_500,
    dns_forwarding: 190,
    private_calls_out: 950,
    web_calls_out: 800,
    private_storage: 700,
    internet_background: 4_200,
    unlucky_calls: 60,
}


def late_packets(rng: np.random.Generator, day: Conversations, count: int) -> Conversations:
    """Send packets after their connection was forgotten: rejected, yet nobody's attack."""
    book = address_book()
    public_tcp = (day.protocol == TCP) & (day.finish < DAY - 600)
    visits = public_tcp & ~book.inside[day.client] & (day.outcome == OUTCOME_CODES["served"])
    calls = (
        public_tcp & book.inside[day.client] & ~book.private[day.client] & ~book.inside[day.server]
    )
    parts = []
    for which, from_client in ((visits, True), (calls, False)):
        some = np.flatnonzero(which)
        old = day.take(rng.choice(some, min(count, len(some)), replace=False))
        # They always come from the public side, towards our ENI.
        ends = [(old.client, old.client_port), (old.server, old.server_port)]
        (sender, from_port), (receiver, to_port) = ends if from_client else reversed(ends)
        ending = rng.choice([OUTCOME_CODES["late FIN"], OUTCOME_CODES["late RST"]], len(old))
        parts.append(
            attempts(
                client=sender,
                client_port=from_port,
                server=receiver,
                server_port=to_port,
                start=old.finish + rng.integers(65, 400, len(old)),
                outcome=ending,
                size=np.where(book.ipv6[sender], 72, 52),
            )
        )
    return concatenate(parts)


def everyday(seed: int, scale: float) -> Conversations:
    """Return an ordinary day; `scale` is 1 for about 100,000 records."""
    # A generator per kind: more of one kind leaves the others as they were.
    parts = [
        kind(np.random.default_rng([seed, number]), max(1, round(per_day * scale)))
        for number, (kind, per_day) in enumerate(KINDS.items())
    ]
    rng = np.random.default_rng([seed, 100])
    day = choose_ports(rng, concatenate([*parts, housekeeping(rng)]))
    return concatenate([day, late_packets(rng, day, max(1, round(190 * scale)))])
