"""Lines and helpers shared by the tests: AWS's published example records, and a way to read bytes."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

import flowlab as fl
from flowlab.ledger import Ledger

# AWS, "Flow log record examples" (VPC user guide), default format.
SSH_ACCEPTED = b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
RDP_REJECTED = b"2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"
NODATA = b"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
SKIPDATA = b"2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA"
PING = b"2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK"
PING_REPLY = b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK"
IPV6 = b"2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK"

HEADER = b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
V2_FIELDS = HEADER.decode().split()

# A second of a day of our own, in the default format: {} are srcaddr dstaddr srcport dstport.
TEMPLATE = (
    "2 000123456789 eni-0a1b2c3d4e5f60718 {} {} {} {} 6 12 3120 1788222600 1788222631 ACCEPT OK"
)
GOOD = TEMPLATE.format("198.51.100.7", "10.0.1.5", 51544, 443).encode()


def read(data: bytes, **options: Any) -> tuple[pd.DataFrame, Ledger]:
    """Read bytes; whatever happens, the ledger balances and agrees with the frame."""
    flows, ledger = fl.read_flows(io.BytesIO(data), progress=False, **options)
    assert ledger.balanced, ledger
    assert len(flows) == ledger.records
    assert len(ledger.no_traffic) == ledger.nodata + ledger.skipdata
    return flows, ledger


def text(*lines: bytes) -> bytes:
    """Lines as a file."""
    return b"".join(line + b"\n" for line in lines)


def reasons(ledger: Ledger) -> list[tuple[int, str]]:
    """Line numbers and reasons of the rejected lines."""
    table = ledger.rejected_lines
    return list(zip(table["line_number"].tolist(), table["reason"].tolist(), strict=True))
