"""What is planted in the day to be found, and the answer key to hold findings against.

Every function returns the conversations of a story and its facts. Facts are counted on the
conversations, before any record exists, and are plain numbers and text, ready for JSON.
Times are seconds of the day here; `scenarios` makes them Unix seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import (
    DAY,
    ICMP,
    OUTCOME_CODES,
    UDP,
    Conversations,
    attempts,
    concatenate,
    datagrams,
    tcp,
)
from flowlab.practice.environment import ENVIRONMENT

Facts = dict[str, Any]
Story = tuple[Conversations, Facts]

VERTICAL_SCANNER = "192.0.2.220"
HORIZONTAL_SCANNER = "198.51.100.110"
LEAK_DESTINATION = "192.0.2.146"
BEACON_DESTINATION = "203.0.113.225"

HOUR = 3600


def vertical_scan(rng: np.random.Generator) -> Story:
    """Let one address try ports 1 to 1024 of one host in twenty minutes, and find two open."""
    book, host = address_book(), ENVIRONMENT.interface("web-1")
    ports = rng.permutation(np.arange(1, 1025))
    open_ = np.isin(ports, [80, 443])
    start = 21 * HOUR + 300 + np.sort(rng.integers(0, 1200, len(ports)))
    scanner, server = book.code(VERTICAL_SCANNER), book.code(host.address)
    closed = attempts(
        client=scanner,
        server=server,
        server_port=ports[~open_],
        start=start[~open_],
        size=44,
        outcome="rejected",
    )
    found = tcp(
        client=scanner,
        server=server,
        server_port=ports[open_],
        start=start[open_],
        duration=0,
        sent=0,
        received=0,
        outcome="reset",
    )
    return concatenate([closed, found]), {
        "source": VERTICAL_SCANNER,
        "host": host.address,
        "interface_id": host.interface_id,
        "ports": len(ports),
        "rejected_ports": len(closed),
        "open_ports": sorted(found.server_port.tolist()),
        "rejected_bytes": int(closed.request_bytes.sum()),
        "start": int(start.min()),
        "end": int(start.max()),
    }


def horizontal_scan(rng: np.random.Generator) -> Story:
    """Let another try 22 and 3389 on every public host, every two hours: slow, and wide."""
    book = address_book()
    names = ("web-1", "web-2", "bastion", "staging-1")
    passes = np.arange(12) * 2 * HOUR + rng.integers(0, 1800, 12)
    start = (passes[:, None] + np.sort(rng.integers(0, 90, (12, 8)), axis=1)).ravel()
    tries = attempts(
        client=book.code(HORIZONTAL_SCANNER),
        server=np.tile(book.of(*names), 24),
        server_port=np.tile(np.repeat([22, 3389], 4), 12),
        start=start,
        size=40,
        outcome="rejected",
    )
    return tries, {
        "source": HORIZONTAL_SCANNER,
        "hosts": sorted(ENVIRONMENT.interface(name).address for name in names),
        "ports": [22, 3389],
        "attempts": len(tries),
        "bytes": int(tries.request_bytes.sum()),
        "start": int(start.min()),
        "end": int(start.max()),
    }


def leak(rng: np.random.Generator) -> Story:
    """Let an application server send gigabytes to one address between 02:00 and 04:30.

    Many connections of a minute or two: no single record is large beside the nightly backup.
    """
    book, host = address_book(), ENVIRONMENT.interface("app-1")
    start = 2 * HOUR + np.sort(rng.integers(0, 8800, 170))
    sending = tcp(
        client=book.code(host.address),
        server=book.code(LEAK_DESTINATION),
        server_port=443,
        start=start,
        duration=rng.integers(50, 150, len(start)),
        sent=rng.integers(20_000_000, 36_000_000, len(start)),
        received=rng.integers(3_000, 6_000, len(start)),
    )
    return sending, {
        "source": host.address,
        "interface_id": host.interface_id,
        "destination": LEAK_DESTINATION,
        "port": 443,
        "connections": len(sending),
        "bytes_sent": int(sending.request_bytes.sum()),
        "packets_sent": int(sending.request_packets.sum()),
        "bytes_received": int(sending.reply_bytes.sum()),
        "start": int(sending.start.min()),
        "end": int(sending.finish.max()),
    }


def misconfiguration(rng: np.random.Generator) -> Story:
    """Let app-2, after a deployment at 09:40, look for PostgreSQL on the MySQL host for ever."""
    book = address_book()
    source, target = ENVIRONMENT.interface("app-2"), ENVIRONMENT.interface("mysql")
    start = 9 * HOUR + 2400 + np.cumsum(rng.integers(26, 36, 1600))
    start = start[start < DAY - 10]
    tries = attempts(
        client=book.code(source.address),
        server=book.code(target.address),
        server_port=5432,
        start=start,
        packets=3,
        duration=3,
        outcome="rejected",
    )
    return tries, {
        "source": source.address,
        "destination": target.address,
        "rejected_by": target.interface_id,
        "port": 5432,
        "attempts": len(tries),
        "packets": int(tries.request_packets.sum()),
        "bytes": int(tries.request_bytes.sum()),
        "start": int(tries.start.min()),
        "end": int(tries.finish.max()),
    }


def nacl_return_block(rng: np.random.Generator) -> Story:
    """Let a monitor's pings in; the network ACL of the public subnet stops the replies."""
    book = address_book()
    hosts = [ENVIRONMENT.interface(name).address for name in ("web-1", "web-2")]
    monitor = ENVIRONMENT.peer("monitor").addresses[0]
    start = np.repeat(np.arange(144) * 600 + rng.integers(0, 400, 144), 2)
    pings = datagrams(
        client=book.code(monitor),
        server=np.tile(book.code(*hosts), 144),
        server_port=0,
        protocol=ICMP,
        start=start,
        packets=4,
        duration=3,
        sent=84,
        received=84,
        outcome="reply rejected",
    )
    return pings, {
        "source": monitor,
        "hosts": hosts,
        "protocol": ICMP,
        "ping_series": len(pings),
        "packets_accepted": int(pings.request_packets.sum()),
        "bytes_accepted": int(pings.request_bytes.sum()),
        "packets_rejected": int(pings.reply_packets.sum()),
        "bytes_rejected": int(pings.reply_bytes.sum()),
    }


def beacon(rng: np.random.Generator) -> Story:
    """Let a web server report to one address every five minutes, seconds early or late."""
    book, host = address_book(), ENVIRONMENT.interface("web-2")
    start = np.arange(140, DAY - 10, 300)
    start = start + rng.integers(-9, 10, len(start))
    calls = tcp(
        client=book.code(host.address),
        server=book.code(BEACON_DESTINATION),
        server_port=443,
        start=start,
        duration=1,
        sent=rng.integers(300, 420, len(start)),
        received=rng.integers(150, 200, len(start)),
    )
    return calls, {
        "source": host.address,
        "interface_id": host.interface_id,
        "destination": BEACON_DESTINATION,
        "port": 443,
        "contacts": len(calls),
        "interval": 300,
        "median_interval": float(np.median(np.diff(start))),
        "bytes_sent": int(calls.request_bytes.sum()),
        "bytes_received": int(calls.reply_bytes.sum()),
        "start": int(calls.start.min()),
        "end": int(calls.finish.max()),
    }


def dns_facts(day: Conversations) -> Facts:
    """Count the ordinary traffic of the company's own DNS server."""
    book, server = address_book(), ENVIRONMENT.interface("dns")
    asked = (day.server == book.code(server.address)) & (day.server_port == 53)
    queries = day.take(asked & (day.protocol == UDP) & (day.outcome == OUTCOME_CODES["served"]))
    upstream = ENVIRONMENT.peer("public resolver").addresses[0]
    clients, count = np.unique(queries.client, return_counts=True)
    return {
        "server": server.address,
        "interface_id": server.interface_id,
        "conversations": len(queries),
        "clients": {book.text[c]: int(n) for c, n in zip(clients, count, strict=True)},
        # A query and its reply take less than a second: two records at each of two ENIs.
        "records": 4 * len(queries),
        "bytes_asked": int(queries.request_bytes.sum()),
        "bytes_answered": int(queries.reply_bytes.sum()),
        "upstream": upstream,
        "forwarded": int((day.server == book.code(upstream)).sum()),
    }


def stories(seed: int) -> tuple[Conversations, dict[str, Facts]]:
    """Return all planted conversations, and the facts of each story by name."""
    parts, key = [], {}
    for number, tell in enumerate(
        (vertical_scan, horizontal_scan, leak, misconfiguration, nacl_return_block, beacon)
    ):
        conversations, key[tell.__name__] = tell(np.random.default_rng([seed, 200 + number]))
        parts.append(conversations)
    scans = {"vertical": key.pop("vertical_scan"), "horizontal": key.pop("horizontal_scan")}
    return concatenate(parts), {"scan": scans, **key}
