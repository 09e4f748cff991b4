"""What happens at its own times however busy the day is: clocks, backup, people at work."""

from __future__ import annotations

import numpy as np

from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import (
    DAY,
    ICMP,
    ICMPV6,
    TCP,
    Conversations,
    build,
    concatenate,
    datagrams,
    tcp,
)
from flowlab.practice.drawing import OFFICE_HOURS, amounts, moments, pick


def housekeeping(rng: np.random.Generator) -> Conversations:
    """Return the traffic that the volume of the day does not change."""
    book = address_book()
    parts = []

    # The reporting host keeps its clock by Amazon Time Sync, which is never logged.
    for name in ("web-1", "web-2", "bastion", "staging-1", "app-1", "app-2", "dns"):
        start = np.arange(rng.integers(0, 1024), DAY, 1024) + rng.integers(0, 8)
        parts.append(
            datagrams(
                client=book.of(name),
                server=pick(rng, book.peers("time pool"), len(start)),
                server_port=123,
                start=np.minimum(start, DAY - 1),
                sent=76,
                received=76,
            )
        )

    # People at the office use the bastion, and from there the servers.
    start = np.sort(moments(rng, 14, OFFICE_HOURS))
    length = amounts(rng, 14, median=900, spread=0.6, most=4000)
    parts.append(
        tcp(
            client=book.peers("office"),
            server=book.of("bastion"),
            server_port=22,
            start=start,
            duration=length,
            sent=40_000,
            received=900_000,
        )
    )
    parts.append(
        tcp(
            client=book.of("bastion"),
            server_port=22,
            start=start + 20,
            server=pick(rng, book.of("app-1", "app-2", "web-1", "web-2", "dns"), 14),
            duration=np.maximum(length - 40, 5),
            sent=38_000,
            received=870_000,
        )
    )
    start = moments(rng, 40, OFFICE_HOURS)
    parts.append(
        tcp(
            client=book.peers("office"),
            server=book.of("staging-1"),
            server_port=443,
            start=start,
            duration=amounts(rng, 40, median=30, spread=0.8, most=300),
            sent=5_000,
            received=amounts(rng, 40, median=200_000, spread=1.0),
        )
    )

    # The nightly backup: large, from 01:10 on, and exactly what it should be.
    parts.append(
        tcp(
            client=book.of("app-2"),
            server=book.peers("object storage")[:4],
            server_port=443,
            start=4200 + np.arange(4) * 9,
            duration=900,
            sent=650_000_000,
            received=90_000,
        )
    )
    # Package updates at 06:00.
    hosts = book.of("app-1", "app-2", "dns", "reports-1")
    parts.append(
        tcp(
            client=hosts,
            server=pick(rng, book.peers("package mirror"), 4),
            server_port=80,
            start=21_600 + np.arange(4) * 41,
            duration=75,
            sent=9_000,
            received=amounts(rng, 4, median=4e7, spread=0.3, most=9e7),
        )
    )

    # The reporting host wakes twice a day and says nothing in between.
    for hour in (6.5, 18.25):
        begin = int(hour * 3600)
        reports = book.of("reports-1")
        parts.append(
            datagrams(
                client=reports,
                server=book.of("dns"),
                server_port=53,
                start=begin + np.arange(6) * 70,
                sent=66,
                received=148,
            )
        )
        parts.append(
            tcp(
                client=reports,
                server=book.of("mysql"),
                server_port=3306,
                start=begin + 5,
                duration=640,
                sent=400_000,
                received=90_000_000,
            )
        )
        parts.append(
            tcp(
                client=reports,
                server=book.peers("object storage")[:1],
                server_port=443,
                start=begin + 700,
                duration=45,
                sent=30_000_000,
                received=20_000,
            )
        )

    # A connection older than the day: no record of it ever shows a SYN or a FIN.
    parts.append(
        build(
            client=book.of("app-2"),
            server=book.of("mysql"),
            client_port=47_114,
            server_port=3306,
            protocol=TCP,
            request_packets=289,
            request_bytes=289 * 52,
            reply_packets=289,
            reply_bytes=289 * 52,
            start=0,
            duration=DAY - 1,
            outcome="established",
        )
    )

    # Application servers look after each other; a monitor tries the website over IPv6.
    start = np.arange(40, DAY, 1800)
    parts.append(
        datagrams(
            client=book.of("app-1"),
            server=book.of("app-2"),
            server_port=0,
            protocol=ICMP,
            start=start,
            packets=3,
            duration=2,
            sent=84,
            received=84,
        )
    )
    parts.append(
        datagrams(
            client=book.peers("monitor over IPv6"),
            server=book.code("2001:db8:1234:1::10"),
            server_port=0,
            protocol=ICMPV6,
            start=start + 300,
            packets=3,
            duration=2,
            sent=104,
            received=104,
        )
    )
    return concatenate(parts)
