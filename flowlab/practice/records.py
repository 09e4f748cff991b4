"""From conversations to flow records: cut at capture windows, then laid out as AWS's fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flowlab.practice.addresses import address_book
from flowlab.practice.conversations import DAY, OUTCOMES, TCP, Conversations, Ints
from flowlab.practice.environment import ENVIRONMENT
from flowlab.practice.fields import FIELDS
from flowlab.practice.vantages import NONE, Legs, legs

WINDOW = 60  # aggregation interval [seconds]
SLOT = 300  # S3 gets a new file every five minutes [seconds]

OK, NODATA, SKIPDATA = 0, 1, 2
STATUS = ["OK", "NODATA", "SKIPDATA"]

Rows = dict[str, Ints]


def flow_records(
    conversations: Conversations, *, midnight: int, skipped: list[tuple[str, int]]
) -> pa.Table:
    """Return what the flow log writes of a day's conversations.

    Parameters
    ----------
    conversations : Conversations
    midnight : int
        Beginning of the day. [Unix seconds]
    skipped : list of (str, int)
        ENI name and second of the day; the capture window there gets a SKIPDATA record.

    Returns
    -------
    pyarrow.Table
        Columns as `fields.FIELDS`, null where the log writes `-`. Ordered like the files in S3:
        by the five-minute slot of `end`, then ENI, then `start`. Capture windows without traffic
        have a NODATA record, so every ENI accounts for the whole day.
    """
    seen = legs(conversations)
    rows = _cut(conversations, seen)
    windows = _windows_without_traffic(rows)
    windows = _append(windows, _skipped_windows(skipped))
    rows = _append(rows, windows)
    order = np.lexsort((rows["start"], rows["interface"], (midnight + rows["end"]) // SLOT))
    return _table({name: column[order] for name, column in rows.items()}, midnight)


def _phases() -> Ints:
    return np.array([i.window_phase for i in ENVIRONMENT.interfaces], dtype=np.int64)


def _cut(conversations: Conversations, seen: Legs) -> Rows:
    """Cut every leg at its ENI's capture windows; a window without a packet gives no row.

    Packets are spread evenly: packet j of P leaves at start + duration * j // (P - 1). Counting
    the packets before a moment is then exact integer arithmetic, so the windows of a leg add up
    to the conversation, whatever the ENI's phase.
    """
    c, of, reply = conversations, seen.conversation, seen.reply == 1
    total = np.where(reply, c.reply_packets[of], c.request_packets[of])
    size = np.where(reply, c.reply_bytes[of], c.request_bytes[of])
    start = c.start[of]
    duration = np.where(total > 1, c.duration[of], 0)
    phase = _phases()[seen.interface]
    first = (start - phase) // WINDOW
    count = (start + duration - phase) // WINDOW - first + 1

    leg = np.repeat(np.arange(len(of)), count)
    nth = np.arange(len(leg)) - np.repeat(np.cumsum(count) - count, count)
    window = first[leg] + nth
    total, size, start, duration = total[leg], size[leg], start[leg], duration[leg]
    gaps = np.maximum(total - 1, 1)

    def packets_before(moment: Ints) -> Ints:
        # At least one second of length stands in for none: all packets are in one window then.
        before = -(-(moment - start) * gaps // np.maximum(duration, 1))
        before = np.where(duration == 0, np.where(moment > start, total, 0), before)
        return np.clip(before, 0, total)

    opens = window * WINDOW + phase[leg]
    low, high = packets_before(opens), packets_before(opens + WINDOW)
    flags = _flags(c.outcome[of][leg], reply[leg], low == 0, high == total)
    rows = {
        "status": np.full(len(leg), OK),
        "interface": seen.interface[leg],
        "window": window,
        "protocol": c.protocol[of][leg],
        "packets": high - low,
        "bytes": size * high // total - size * low // total,
        "start": start + duration * low // gaps,
        "end": start + duration * (high - 1) // gaps,
        "flags": np.where(c.protocol[of][leg] == TCP, flags, 0),
        **{
            name: getattr(seen, name)[leg]
            for name in (
                "egress",
                "rejected",
                "srcaddr",
                "dstaddr",
                "srcport",
                "dstport",
                "pkt_srcaddr",
                "pkt_dstaddr",
                "path",
            )
        },
    }
    kept = high > low
    return {name: column[kept] for name, column in rows.items()}


def _flags(
    outcome: Ints, reply: NDArray[np.bool_], first: NDArray[np.bool_], last: NDArray[np.bool_]
) -> Ints:
    """OR together the flags of the packets that fall into each window."""
    known = np.array([[o.request_flags, o.reply_flags] for o in OUTCOMES.values()])
    opening, every, closing = known[outcome, reply.astype(np.int64)].T
    return np.asarray(every | np.where(first, opening, 0) | np.where(last, closing, 0))


def _windows_without_traffic(rows: Rows) -> Rows:
    """NODATA for every capture window of an ENI that no row falls into."""
    parts = []
    for interface, phase in enumerate(_phases()):
        every = np.arange((0 - phase) // WINDOW, (DAY - 1 - phase) // WINDOW + 1)
        busy = np.unique(rows["window"][rows["interface"] == interface])
        parts.append(_window_rows(interface, np.setdiff1d(every, busy), NODATA))
    return _concatenated(parts)


def _skipped_windows(skipped: list[tuple[str, int]]) -> Rows:
    names = [interface.name for interface in ENVIRONMENT.interfaces]
    parts = [_window_rows(-1, np.array([], dtype=np.int64), SKIPDATA)]
    for name, second in skipped:
        interface = names.index(name)
        window = (second - _phases()[interface]) // WINDOW
        parts.append(_window_rows(interface, np.array([window]), SKIPDATA))
    return _concatenated(parts)


def _window_rows(interface: int, window: Ints, status: int) -> Rows:
    """Rows that carry only an ENI and the bounds of a window, kept inside the day."""
    opens = window * WINDOW + _phases()[interface]
    return {
        "status": np.full(len(window), status),
        "interface": np.full(len(window), interface),
        "window": window,
        "start": np.maximum(opens, 0),
        "end": np.minimum(opens + WINDOW - 1, DAY - 1),
    }


def _concatenated(parts: list[Rows]) -> Rows:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _append(rows: Rows, more: Rows) -> Rows:
    """Put rows after others; columns that only the first have are filled with 0."""
    length = len(more["start"])
    return {
        name: np.concatenate([column, more.get(name, np.zeros(length, dtype=np.int64))])
        for name, column in rows.items()
    }


def _table(rows: Rows, midnight: int) -> pa.Table:
    book, interfaces = address_book(), ENVIRONMENT.interfaces
    subnets = [ENVIRONMENT.subnet(interface) for interface in interfaces]
    silent = rows["status"] != OK

    def number(name: str, missing: NDArray[np.bool_] | None = None) -> pa.Array:
        return pa.array(rows[name], mask=missing)

    def words(
        codes: Ints, values: Sequence[str | None], missing: NDArray[np.bool_] | None = None
    ) -> pa.Array:
        # A dictionary holds each value once and no null; `values` may have both.
        kept = list(dict.fromkeys(value for value in values if value is not None))
        positions = np.array([kept.index(v) if v is not None else -1 for v in values])[codes]
        absent = positions < 0 if missing is None else missing | (positions < 0)
        return pa.DictionaryArray.from_arrays(
            pa.array(positions.astype(np.int32), mask=absent), pa.array(kept, pa.string())
        )

    same = np.zeros(len(silent), dtype=np.int64)
    eni = rows["interface"]
    vpc = ENVIRONMENT.vpc
    columns = {
        "version": pa.array(np.full(len(silent), 5)),
        "account-id": words(same, [vpc.account_id]),
        "interface-id": words(eni, [i.interface_id for i in interfaces]),
        "srcaddr": words(rows["srcaddr"], book.text, silent),
        "dstaddr": words(rows["dstaddr"], book.text, silent),
        "srcport": number("srcport", silent),
        "dstport": number("dstport", silent),
        "protocol": number("protocol", silent),
        "packets": number("packets", silent),
        "bytes": number("bytes", silent),
        "start": pa.array(midnight + rows["start"]),
        "end": pa.array(midnight + rows["end"]),
        "action": words(rows["rejected"], ["ACCEPT", "REJECT"], silent),
        "log-status": words(rows["status"], STATUS),
        "vpc-id": words(same, [vpc.vpc_id]),
        "subnet-id": words(eni, [subnet.subnet_id for subnet in subnets]),
        "instance-id": words(eni, [i.instance_id for i in interfaces], silent),
        "tcp-flags": number("flags", silent),
        "type": words(book.ipv6[rows["srcaddr"]].astype(np.int64), ["IPv4", "IPv6"], silent),
        "pkt-srcaddr": words(rows["pkt_srcaddr"], book.text, silent),
        "pkt-dstaddr": words(rows["pkt_dstaddr"], book.text, silent),
        "region": words(same, [vpc.region]),
        "az-id": words(eni, [subnet.az_id for subnet in subnets]),
        "sublocation-type": words(same, [None]),
        "sublocation-id": words(same, [None]),
        "pkt-src-aws-service": words(book.service[rows["pkt_srcaddr"]], book.services, silent),
        "pkt-dst-aws-service": words(book.service[rows["pkt_dstaddr"]], book.services, silent),
        "flow-direction": words(rows["egress"], ["ingress", "egress"], silent),
        "traffic-path": number("path", silent | (rows["path"] == NONE)),
    }
    schema = pa.schema(
        [
            (f.name, f.type if pa.types.is_integer(f.type) else pa.dictionary(pa.int32(), f.type))
            for f in FIELDS
        ]
    )
    return pa.table({f.name: columns[f.name] for f in FIELDS}).cast(schema)
