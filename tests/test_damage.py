"""A corpus of damaged files: every good line survives, every bad one is named."""

from __future__ import annotations

import gzip
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lines import HEADER, TEMPLATE, read, text

LINES = [TEMPLATE.format("198.51.100.7", "10.0.1.5", 1024 + n, 443).encode() for n in range(40)]


def _token(line: bytes, at: int, new: bytes) -> bytes:
    tokens = line.split()
    tokens[at] = new
    return b" ".join(tokens)


# What is done to a line, and how the ledger must put it.
DAMAGE = {
    "cut in the middle": (lambda line: line[:50], "tokens where the format has 14"),
    "one token more": (lambda line: line + b" more", "15 tokens where the format has 14"),
    "one token less": (lambda line: line.rsplit(b" ", 1)[0], "13 tokens where the format has 14"),
    "letters in a number": (lambda line: _token(line, 9, b"12x4"), "bytes is not a whole number: '12x4'"),
    "hexadecimal": (lambda line: _token(line, 9, b"0x1F"), "bytes is not a whole number: '0x1F'"),
    "a fraction": (lambda line: _token(line, 8, b"1.5"), "packets is not a whole number: '1.5'"),
    "a negative count": (lambda line: _token(line, 9, b"-5"), "bytes is not a whole number: '-5'"),
    "port 70000": (lambda line: _token(line, 6, b"70000"), "dstport 70000 is not between 0 and 65535"),
    "port beyond 64 bits": (lambda line: _token(line, 5, b"9" * 30), "srcport is not a whole number"),
    "protocol 256": (lambda line: _token(line, 7, b"256"), "protocol 256 is not between 0 and 255"),
    "start after end": (lambda line: _token(line, 11, b"1788000000"), "start 1788222600 is after end"),
    "no address": (lambda line: _token(line, 4, b"10.0.1.500"), "dstaddr is not an IP address: '10.0.1.500'"),
    "a name for an address": (lambda line: _token(line, 3, b"localhost"), "srcaddr is not an IP address"),
    "broken UTF-8": (lambda line: _token(line, 2, b"eni-\xff\xfe"), "not valid UTF-8"),
    "two lines run together": (lambda line: line + line, "tokens where the format has 14"),
    "a line of 10 MB": (lambda line: b"x" * 10_000_000, "1 token where the format has 14"),
    "a million tokens": (lambda line: b"x " * 1_000_000, "1000000 tokens where the format has 14"),
    "binary": (lambda line: bytes(range(128, 256)), "1 token"),
    "a script": (lambda line: b"<script>alert(1)</script>", "1 token where the format has 14"),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 17, 39])
@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_line_costs_only_itself(damage, reason, place):
    lines = [*LINES[:place], damage(LINES[place]), *LINES[place + 1 :]]
    flows, ledger = read(text(HEADER, *lines))
    kept = [1024 + n for n in range(40) if n != place]
    assert flows["srcport"].tolist() == kept
    told = ledger.rejected_lines.iloc[0]
    assert told["line_number"] == place + 2
    assert reason in told["reason"]
    assert len(told["text"]) <= 200
    assert told["text"].isprintable()
    assert len(ledger.rejected_lines) == ledger.rejected == 1


def test_all_damages_at_once():
    mixed = [
        line
        for n, (damage, _) in enumerate(DAMAGE.values())
        for line in (LINES[n], damage(LINES[n]))
    ]
    flows, ledger = read(text(HEADER, *mixed))
    assert flows["srcport"].tolist() == [1024 + n for n in range(len(DAMAGE))]
    assert ledger.rejected_lines["line_number"].tolist() == [2 * n + 3 for n in range(len(DAMAGE))]


def test_a_truncated_gzip_gives_the_lines_before_the_cut():
    rng = random.Random(7)
    lines = [TEMPLATE.format("198.51.100.7", f"10.0.{rng.randrange(256)}.{rng.randrange(256)}",
                             n, rng.randrange(65536)).encode() for n in range(5_000)]  # fmt: skip
    whole = gzip.compress(text(HEADER, *lines))
    reached = []
    for cut in range(200, len(whole), len(whole) // 12):
        flows, ledger = read(whole[:cut])
        assert flows["srcport"].tolist() == list(range(len(flows)))
        assert ledger.files["problem"].tolist() == ["the gzip stream ends early"]
        reached.append(len(flows))
    assert reached == sorted(reached)
    assert reached[-1] > 4_000


def test_a_flipped_byte_in_a_gzip_never_makes_records_up():
    rng = random.Random(11)
    lines = [TEMPLATE.format("198.51.100.7", f"10.0.{rng.randrange(256)}.{rng.randrange(256)}",
                             n, rng.randrange(65536)).encode() for n in range(3_000)]  # fmt: skip
    whole = bytearray(gzip.compress(text(HEADER, *lines)))
    for _ in range(12):
        at = rng.randrange(20, len(whole) - 8)
        damaged = bytes(whole[:at]) + bytes([whole[at] ^ 0x55]) + bytes(whole[at + 1 :])
        flows, ledger = read(damaged)
        # Nothing after the damage can be trusted; whatever is given says where it ends.
        assert ledger.files["problem"].tolist() != [""]
        assert len(flows) <= 3_000


def test_a_second_member_that_is_cut_keeps_the_first():
    first, second = gzip.compress(text(HEADER, *LINES)), gzip.compress(text(*LINES * 50))
    flows, ledger = read(first + second[: len(second) // 2])
    assert flows["srcport"].tolist()[:40] == list(range(1024, 1064))
    assert ledger.files["problem"].tolist() == ["the gzip stream ends early"]


def test_a_damaged_row_group_costs_only_itself():
    table = pa.table({"srcaddr": ["10.0.0.1"] * 400, "dstport": pa.array(range(400), pa.int32())})
    sink = io.BytesIO()
    # Checksums, as damage inside a page may otherwise decode to other numbers.
    pq.write_table(table, sink, row_group_size=100, compression="gzip", write_page_checksum=True)
    data = bytearray(sink.getvalue())
    chunk = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(1).column(1)
    at = chunk.data_page_offset + 40
    data[at : at + 8] = b"\xaa" * 8
    flows, ledger = read(bytes(data))
    assert flows["dstport"].tolist() == [*range(100), *range(200, 400)]
    assert ledger.rejected == 100
    assert "rows 101 to 200 cannot be read" in ledger.rejected_lines["reason"].item()


def test_truncated_json_gives_the_whole_messages():
    document = json.dumps({"events": [{"message": line.decode()} for line in LINES]}).encode()
    for cut in range(200, len(document), 700):
        flows, ledger = read(document[:cut])
        assert flows["srcport"].tolist() == [1024 + n for n in range(len(flows))]
        assert ledger.rejected == 1
        assert "messages rescued" in ledger.rejected_lines["reason"].item()


def test_json_with_wrong_events_among_right_ones():
    events = [
        {"message": LINES[0].decode()},
        {"message": None},
        7,
        {"other": 1},
        {"message": LINES[1].decode()},
    ]
    flows, ledger = read(json.dumps({"events": events}).encode())
    assert flows["srcport"].tolist() == [1024, 1025]
    assert ledger.rejected == 3


def test_many_bad_lines_are_counted_even_where_they_are_not_listed(monkeypatch):
    monkeypatch.setattr("flowlab.reading.MOST_LISTED", 10)
    _, ledger = read(text(HEADER, LINES[0], *[b"bad"] * 50))
    assert ledger.rejected == 50
    assert len(ledger.rejected_lines) == 10
    assert "40 more rejected lines are counted but not listed" in ledger.notices
