"""Make flow logs for the benchmarks: as many records as asked for, the same ones every time.

Every file is drawn from its own seed, so the output depends on the arguments, not on how many
processes make it. Files are named like those that AWS delivers to S3. ``manifest.json`` beside
them holds what a reader must find in each file, so that a benchmark can check its answers.

>>> python -m benchmarks.make_logs --out DIR --records 10_000_000        # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import os
import sys
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
    "start end action log-status"
)
_VERSION_5 = (
    f"{_DEFAULT} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
    "sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction "
    "traffic-path"
)
FORMATS = {"v2": tuple(_DEFAULT.split()), "v5": tuple(_VERSION_5.split())}

_ACCOUNT, _REGION = "123456789010", "us-east-1"
_FIRST_MINUTE = 1_735_689_600  # 2025-01-01 00:00 UTC [epoch s]
_AT_ONCE = 1_000_000  # records drawn at a time: bounds memory
_AZS = ("use1-az1", "use1-az2", "use1-az4")
_SERVICES = ("-", "AMAZON", "S3", "EC2", "DYNAMODB", "CLOUDFRONT")
_STATUSES = ("NODATA", "SKIPDATA", "OK")

# What a record is of, and how often.
_SHARES = {
    "nodata": 0.0098, "skipdata": 0.0002, "scan": 0.02, "ipv6": 0.04, "dns": 0.08, "dhcp": 0.002,
    "metadata": 0.003, "ntp": 0.005, "east_west": 0.30, "north_south": 0.54,
}  # fmt: skip
_KINDS = {kind: number for number, kind in enumerate(_SHARES)}


@dataclass(frozen=True)
class Plan:
    """What to make."""

    out: str
    records: int = 1_000_000
    files: int = 16
    format: str = "v2"
    output: str = "gz"  # or "parquet", as AWS writes it
    seed: int = 7
    minutes: int = 1440
    internal: int = 200  # ENIs
    external: int = 50_000  # public IPv4 addresses; a twentieth as many IPv6 ones

    def sizes(self) -> list[int]:
        """Records of each file."""
        return [
            self.records // self.files + (i < self.records % self.files) for i in range(self.files)
        ]


class World:
    """Addresses, ENIs and their attributes: the same for every file."""

    def __init__(self, seed: int, internal: int, external: int, skew: float = 1.05) -> None:
        r = np.random.default_rng(np.random.SeedSequence([seed, 10**9]))
        self.internal, self.external = internal, external
        self.subnet = r.integers(0, 4, internal)
        host = r.choice(np.arange(5, 4000), internal, replace=False)
        internal_v4 = [
            f"10.{10 + s}.{h >> 8}.{h & 255}" for s, h in zip(self.subnet, host, strict=True)
        ]
        internal_v6 = [
            f"2600:1f18:{0x1A00 + s:x}:{0xB100 + s:x}:{a:x}:{b:x}:{c:x}:{d:x}"
            for s, (a, b, c, d) in zip(
                self.subnet, r.integers(1, 65536, (internal, 4)), strict=True
            )
        ]
        external_v4, is_aws = _public_v4(r, external)
        external_v6 = _public_v6(r, max(1, external // 20))
        # Own resolver, DHCP (two), instance metadata, time server, gateway.
        special = "10.10.0.53 0.0.0.0 255.255.255.255 169.254.169.254 129.6.15.28 10.10.0.1"
        addresses = [*internal_v4, *internal_v6, *external_v4, *external_v6, *special.split()]
        self.addresses = pa.array(addresses)
        self.at_internal_v6, self.at_external_v4 = internal, 2 * internal
        self.at_external_v6 = self.at_external_v4 + external
        self.at_special = self.at_external_v6 + len(external_v6)
        service = np.zeros(len(addresses), np.int64)
        service[self.at_external_v4 : self.at_external_v6] = np.where(
            is_aws, r.choice([1, 2, 3, 4, 5], external, p=[0.5, 0.25, 0.15, 0.05, 0.05]), 0
        )
        self.service = service.astype(np.int32)
        self.enis = pa.array([f"eni-{h}a" for h in _hex(r, internal)])
        self.instances = pa.array([f"i-{h}b" for h in _hex(r, internal)])
        self.subnets = pa.array([f"subnet-{h}c" for h in _hex(r, 4)])
        self.vpc = f"vpc-{_hex(r, 1)[0]}d"
        self.flow_log = f"fl-{_hex(r, 1)[0]}"
        # A few addresses carry most of the traffic.
        self.likely_v4 = _cumulative(external, skew)
        self.likely_v6 = _cumulative(len(external_v6), skew)
        self.likely_internal = _cumulative(internal, 0.7)


def _public_v4(r: np.random.Generator, count: int) -> tuple[list[str], np.ndarray]:
    """Public addresses, about a third of them in ranges that AWS uses."""
    reserved = (10, 127, 100, 169, 172, 192, 198, 203)
    first_aws = np.array([3, 13, 18, 34, 35, 44, 52, 54])
    first_any = np.array([x for x in range(1, 224) if x not in reserved])
    is_aws = r.random(count) < 0.33
    octets = r.integers(1, 255, (count, 4))
    octets[:, 0] = np.where(is_aws, r.choice(first_aws, count), r.choice(first_any, count))
    return [f"{a}.{b}.{c}.{d}" for a, b, c, d in octets], is_aws


def _public_v6(r: np.random.Generator, count: int) -> list[str]:
    high = 0x2A00000000000000 + r.integers(0, 2**52, count)
    low = r.integers(0, 2**62, count)
    return [
        str(ipaddress.IPv6Address(int(h) << 64 | int(w))) for h, w in zip(high, low, strict=True)
    ]


def _hex(r: np.random.Generator, count: int) -> list[str]:
    return ["".join(f"{byte:02x}" for byte in row) for row in r.integers(0, 256, (count, 8))]


def _cumulative(count: int, skew: float) -> np.ndarray:
    weights = 1.0 / np.arange(1, count + 1) ** skew
    return np.cumsum(weights / weights.sum())


def _pick(r: np.random.Generator, likely: np.ndarray, count: int) -> np.ndarray:
    return np.minimum(np.searchsorted(likely, r.random(count)), len(likely) - 1).astype(np.int32)


def draw(world: World, r: np.random.Generator, count: int, first: int, last: int) -> pa.Table:
    """Records of one file: all 29 fields, typed, null where the log has ``-``.

    Parameters
    ----------
    world : World
        Who talks to whom.
    r : Generator
        The file's own.
    count : int
        Records.
    first, last : int
        Their period. [epoch s]
    """
    kind = np.searchsorted(np.cumsum(list(_SHARES.values())[:-1]), r.random(count))
    me = _pick(r, world.likely_internal, count)
    peer = world.at_external_v4 + _pick(r, world.likely_v4, count)
    local = me.copy()
    protocol = np.full(count, 6, np.int32)
    services = np.array([443, 80, 22, 8443, 25, 3389])
    service_port = r.choice(services, count, p=[0.72, 0.14, 0.05, 0.04, 0.03, 0.02]).astype(
        np.int32
    )
    high_port = r.integers(32768, 61000, count).astype(np.int32)

    def rows(name: str) -> np.ndarray:
        return np.flatnonzero(kind == _KINDS[name])

    at = rows("scan")  # from the tail of the population, to many ports
    rare = r.integers(0, max(1, world.external // 20), at.size)
    peer[at] = world.at_external_v4 + world.external - 1 - rare
    service_port[at] = r.integers(1, 65536, at.size)
    protocol[at] = np.where(r.random(at.size) < 0.12, 17, 6)
    at = rows("ipv6")
    local[at] += world.at_internal_v6
    peer[at] = world.at_external_v6 + _pick(r, world.likely_v6, at.size)
    at = rows("dns")
    peer[at], service_port[at] = world.at_special, 53
    protocol[at] = np.where(r.random(at.size) < 0.98, 17, 6)
    at = rows("dhcp")
    local[at], peer[at] = world.at_special + 1, world.at_special + 2
    service_port[at], high_port[at], protocol[at] = 67, 68, 17
    at = rows("metadata")
    peer[at], service_port[at] = world.at_special + 3, 80
    at = rows("ntp")
    peer[at], service_port[at], high_port[at], protocol[at] = world.at_special + 4, 123, 123, 17
    at = rows("east_west")
    step = 1 + r.integers(0, world.internal - 1, at.size) * (
        _pick(r, world.likely_internal, at.size) % 3 > 0
    )
    peer[at] = (me[at] + step) % world.internal
    service_port[at] = r.choice(np.array([5432, 3306, 6379, 8080, 9092, 9200, 443]), at.size)
    north_south = kind == _KINDS["north_south"]
    at = np.flatnonzero(north_south & (r.random(count) < 0.01))  # ping
    protocol[at], service_port[at], high_port[at] = 1, 0, 0

    outgoing = r.random(count) < 0.5
    scan = kind == _KINDS["scan"]
    outgoing[scan] = False
    we_serve = north_south & (r.random(count) < 0.35)
    source, destination = np.where(outgoing, local, peer), np.where(outgoing, peer, local)
    source_port = np.where(outgoing ^ we_serve, high_port, service_port)
    destination_port = np.where(outgoing ^ we_serve, service_port, high_port)
    source_port[scan], destination_port[scan] = high_port[scan], service_port[scan]
    rejected = scan | (north_south & (r.random(count) < 0.004))
    packets = np.maximum(1, np.exp(r.normal(1.9, 1.4, count))).astype(np.int64)
    small = rejected | (kind == _KINDS["dns"])
    packets[small] = 1 + (r.random(int(small.sum())) < 0.2)
    size = np.clip(np.exp(r.normal(5.6, 0.9, count)), 40, 1460)
    size[rejected] = 44
    n_bytes = np.maximum(40, packets * size).astype(np.int64)
    start = r.integers(first, max(first + 1, last - 59), count).astype(np.int64)
    end = start + r.integers(1, 60, count)

    # Grouped by ENI inside a minute, as in real files.
    o = np.lexsort((me, start // 60))
    me, source, destination, kind, outgoing = me[o], source[o], destination[o], kind[o], outgoing[o]
    silent = kind <= _KINDS["skipdata"]
    words, numbers = _words, pa.array
    columns = {
        "version": np.full(count, 2, np.int32),
        "account-id": words(np.zeros(count), pa.array([_ACCOUNT])),
        "interface-id": words(me, world.enis),
        "srcaddr": words(source, world.addresses, silent),
        "dstaddr": words(destination, world.addresses, silent),
        "srcport": numbers(source_port[o].astype(np.int32), mask=silent),
        "dstport": numbers(destination_port[o].astype(np.int32), mask=silent),
        "protocol": numbers(protocol[o], mask=silent),
        "packets": numbers(packets[o], mask=silent),
        "bytes": numbers(n_bytes[o], mask=silent),
        "start": start[o],
        "end": end[o],
        "action": words(rejected[o], pa.array(["ACCEPT", "REJECT"]), silent),
        "log-status": words(np.minimum(kind, 2), pa.array(_STATUSES)),
    }
    flags = r.choice(
        np.array([2, 18, 19, 3, 1, 0, 4], np.int32),
        count,
        p=[0.25, 0.25, 0.2, 0.1, 0.1, 0.07, 0.03],
    )
    # Behind a NAT gateway the packet's own source is another one.
    natted = (kind == _KINDS["north_south"]) & outgoing & (r.random(count) < 0.05)
    packet_source = np.where(natted, _pick(r, world.likely_internal, count), source)
    path = np.select([kind == _KINDS["north_south"], kind == _KINDS["east_west"]], [8, 1], 6)
    nowhere = pa.nulls(count, pa.dictionary(pa.int32(), pa.string()))
    services_of = [world.service[packet_source], world.service[destination]]
    columns |= {
        "vpc-id": words(np.zeros(count), pa.array([world.vpc])),
        "subnet-id": words(world.subnet[me], world.subnets),
        "instance-id": words(me, world.instances),
        "tcp-flags": numbers(np.where(protocol[o] == 6, flags, 0), mask=silent),
        "type": words(kind == _KINDS["ipv6"], pa.array(["IPv4", "IPv6"]), silent),
        "pkt-srcaddr": words(packet_source, world.addresses, silent),
        "pkt-dstaddr": words(destination, world.addresses, silent),
        "region": words(np.zeros(count), pa.array([_REGION])),
        "az-id": words(world.subnet[me] % 3, pa.array(_AZS)),
        "sublocation-type": nowhere,
        "sublocation-id": nowhere,
        "pkt-src-aws-service": words(
            services_of[0], pa.array(_SERVICES), silent | (services_of[0] == 0)
        ),
        "pkt-dst-aws-service": words(
            services_of[1], pa.array(_SERVICES), silent | (services_of[1] == 0)
        ),
        "flow-direction": words(outgoing, pa.array(["ingress", "egress"]), silent),
        "traffic-path": numbers(path.astype(np.int32), mask=silent | ~outgoing),
    }
    return pa.table(
        {name: pa.array(v) if isinstance(v, np.ndarray) else v for name, v in columns.items()}
    )


def _words(codes: np.ndarray, values: pa.Array, mask: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), values)


def to_text(table: pa.Table) -> memoryview:
    """The log lines, each with its newline."""
    cells = [c.combine_chunks().cast(pa.string()) for c in table.columns]
    null = pc.JoinOptions(null_handling="replace", null_replacement="-")
    cells[-1] = pc.binary_join_element_wise(cells[-1], "", "\n", options=null)
    lines = pc.binary_join_element_wise(*cells, " ", options=null)
    ends = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[ends[0] : ends[-1]]


@cache
def _world(seed: int, internal: int, external: int) -> World:
    return World(seed, internal, external)


def make_file(plan: Plan, number: int) -> dict[str, Any]:
    """Write one file; return what a reader must find in it."""
    world = _world(plan.seed, plan.internal, plan.external)
    r = np.random.default_rng(np.random.SeedSequence([plan.seed, number]))
    span = plan.minutes * 60
    first = _FIRST_MINUTE + number * span // plan.files // 60 * 60
    last = max(first + 120, _FIRST_MINUTE + (number + 1) * span // plan.files)
    left = plan.sizes()[number]
    tables = []
    while left:
        tables.append(draw(world, r, min(_AT_ONCE, left), first, last))
        left -= tables[-1].num_rows
    fields = FORMATS[plan.format]
    if plan.format == "v5":
        tables = [
            t.set_column(0, "version", pa.array(np.full(len(t), 5, np.int32))) for t in tables
        ]
    tables = [t.select(fields) for t in tables]
    path = Path(plan.out, _name(plan, world, number, first))
    path.parent.mkdir(parents=True, exist_ok=True)
    text_bytes = (_write_parquet if plan.output == "parquet" else _write_gzip)(path, tables)
    whole = pa.concat_tables(tables)
    return {
        "path": str(path.relative_to(plan.out)),
        "rows": whole.num_rows,
        "records": pc.sum(pc.equal(whole["log-status"].cast(pa.string()), "OK")).as_py() or 0,
        "bytes": pc.sum(whole["bytes"]).as_py() or 0,
        "text": text_bytes,
        "stored": path.stat().st_size,
    }


def _name(plan: Plan, world: World, number: int, first: int) -> str:
    when = datetime.fromtimestamp(first // 300 * 300, UTC)
    digest = hashlib.sha1(f"{plan.seed}/{number}/{plan.format}".encode()).hexdigest()[:8]
    folder = f"AWSLogs/{_ACCOUNT}/vpcflowlogs/{_REGION}/{when:%Y/%m/%d}"
    suffix = "log.parquet" if plan.output == "parquet" else "log.gz"
    stem = f"{_ACCOUNT}_vpcflowlogs_{_REGION}_{world.flow_log}_{when:%Y%m%dT%H%MZ}_{digest}"
    return f"{folder}/{stem}.{suffix}"


def _write_gzip(path: Path, tables: Sequence[pa.Table]) -> int:
    pieces = [(" ".join(tables[0].column_names) + "\n").encode(), *map(to_text, tables)]
    member = zlib.compressobj(6, zlib.DEFLATED, 31)
    path.write_bytes(b"".join([*(member.compress(piece) for piece in pieces), member.flush()]))
    return sum(map(len, pieces))


def _write_parquet(path: Path, tables: Sequence[pa.Table]) -> int:
    table = pa.concat_tables(tables)
    plain = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    names = [name.replace("-", "_") for name in table.column_names]
    pq.write_table(pa.table(plain, names), path, compression="gzip")
    return 0


def make(plan: Plan, jobs: int | None = None) -> dict[str, Any]:
    """Write all files of a plan and their manifest; return the manifest."""
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        files = list(pool.map(make_file, [plan] * plan.files, range(plan.files)))
    manifest = {"plan": asdict(plan), "files": files}
    Path(plan.out, "manifest.json").write_text(json.dumps(manifest, indent=1))
    return manifest


def main(arguments: Sequence[str] | None = None) -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.make_logs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--format", choices=FORMATS, default="v2")
    parser.add_argument("--output", choices=("gz", "parquet"), default="gz")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=int, default=1440)
    parser.add_argument("--jobs", type=int, default=None)
    given = vars(parser.parse_args(arguments))
    jobs = given.pop("jobs")
    began = time.perf_counter()
    plan = Plan(**given)
    make(plan, jobs)
    seconds = time.perf_counter() - began
    print(f"made {plan.records:,} records in {seconds:.0f} s: {plan.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
