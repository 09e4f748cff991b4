"""AWS's published address ranges: which service an address was of on the day of the file."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np

from flowlab.coded import NULL
from flowlab.enriching.blocks import Addresses, Words64
from flowlab.enriching.columns import Ints
from flowlab.errors import FlowlabError, SourceError

_FIX = "pass the file that AWS publishes at https://ip-ranges.amazonaws.com/ip-ranges.json."

# Of names for one prefix, the one that says most. AMAZON is everything of AWS's.
_VAGUE = {"EC2": 1, "AMAZON": 2}


@dataclass(frozen=True)
class IpRanges:
    """An ip-ranges.json.

    Attributes
    ----------
    date : str
        createDate of the file, the day alone. [UTC]
    services : tuple of str
    prefixes : mapping
        By IP version and length of the prefix: the first address's bits, and a place in
        `services`.
    networks : mapping
        By service: its CIDRs as the file has them, also those that have another name as well.
    """

    date: str
    services: tuple[str, ...]
    prefixes: Mapping[tuple[int, int], Mapping[int, int]]
    networks: Mapping[str, Sequence[str]]

    @property
    def basis(self) -> str:
        """What a claim rests on."""
        return f"ip-ranges {self.date}"

    def service_of(self, addresses: Addresses) -> Ints:
        """Give places in `services`, of the most specific prefix; NULL where there is none."""
        found = np.full(len(addresses), NULL, np.int32)
        for (version, length), prefixes in sorted(self.prefixes.items(), reverse=True):
            open_ = np.flatnonzero((addresses.family == version) & (found == NULL))
            bits = _first_bits(addresses, open_, version, length)
            known = np.array(sorted(prefixes), np.uint64)
            services = np.array([prefixes[int(p)] for p in known], np.int32)
            at = np.minimum(np.searchsorted(known, bits), len(known) - 1)
            found[open_] = np.where(known[at] == bits, services[at], NULL)
        return found


def _first_bits(addresses: Addresses, which: Ints, version: int, length: int) -> Words64:
    # AWS publishes no IPv6 prefix longer than 64 bits that one of 64 does not hold as well.
    numbers = addresses.low[which] if version == 4 else addresses.high[which]
    return np.asarray(numbers >> np.uint64((32 if version == 4 else 64) - length))


def read_ip_ranges(given: str | Path | Mapping[str, Any]) -> IpRanges:
    """Read AWS's ip-ranges.json.

    Parameters
    ----------
    given : path, or the content as a dict

    Raises
    ------
    SourceError
        No such file.
    FlowlabError
        Not an ip-ranges.json.
    """
    try:
        content = _content(given)
        date = re.match(r"\d{4}-\d\d-\d\d", content["createDate"])
        if not date:
            raise ValueError("createDate")
        names: dict[tuple[int, int], dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        networks: dict[str, list[str]] = defaultdict(list)
        for version, key, prefix in (
            (4, "prefixes", "ip_prefix"), (6, "ipv6_prefixes", "ipv6_prefix"),
        ):  # fmt: skip
            width = 32 if version == 4 else 64
            for row in content[key]:
                network = ip_network(row[prefix])
                if network.version != version:
                    raise ValueError(prefix)
                length = min(network.prefixlen, width)
                first = int(network.network_address) >> (network.max_prefixlen - length)
                names[version, length][first].add(str(row["service"]))
                networks[str(row["service"])].append(row[prefix])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        place = "ip_ranges" if isinstance(given, Mapping) else _said(given)
        raise FlowlabError(
            f"{place} is not AWS's ip-ranges.json.", "it is another file, or it was cut.", _FIX
        ) from problem
    services = sorted({name for group in names.values() for every in group.values()
                       for name in every})  # fmt: skip
    place_of = {name: place for place, name in enumerate(services)}
    prefixes = {
        key: {first: place_of[_best(every)] for first, every in group.items()}
        for key, group in names.items()
    }
    return IpRanges(date.group(), tuple(services), prefixes, networks)


def _best(names: set[str]) -> str:
    return min(names, key=lambda name: (_VAGUE.get(name, 0), name))


def _content(given: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    try:
        content: Mapping[str, Any] = json.loads(Path(given).expanduser().read_text("utf-8"))
    except OSError as problem:
        raise SourceError(f"{_said(given)} cannot be read.", fix=_FIX) from problem
    return content


def _said(given: Any) -> str:
    return f"ip_ranges: {str(given)[:200]!r}"  # somebody may have passed what is in the file
