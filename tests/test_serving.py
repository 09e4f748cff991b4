"""What is served, against plain Python."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from lines import read, text

import flowlab as fl

_FIELDS = (
    b"srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags log-status"
)


def _flows(*rows: str) -> pd.DataFrame:
    ends = b"10.0.0.1 10.0.0.2"
    lines = [
        ends
        + f" {row.split('|')[0].strip()} 1 100 1788222600 1788222600 ACCEPT {row.split('|')[1].strip()} OK".encode()
        for row in rows
    ]
    return read(text(_FIELDS, *lines))[0]


def _ports(flows):
    got = fl.services(flows, rank_by="flow_records", n=None)
    return {
        (p, None if pd.isna(port) else port): n
        for p, port, n in zip(got["protocol"], got["port"], got["flow_records"], strict=True)
    }


@pytest.mark.parametrize(
    ("record", "port"),
    [
        ("40000 443 6 | 0", 443),  # the well-known side, whoever sends
        ("443 40000 6 | 0", 443),
        ("443 22 6 | 2", 22),  # both are well known: the SYN says
        ("443 22 6 | 18", 443),
        ("443 22 6 | 0", None),  # and without it, nothing does
        ("40000 41000 6 | 0", None),
        ("40000 41000 6 | 3", 41000),  # SYN and FIN in one window
        ("40000 41000 6 | 19", 40000),
        ("53 40000 17 | 0", 53),
        ("443 3306 17 | 0", 443),  # MySQL is no service of UDP
        ("0 0 1 | 0", None),
        ("40000 443 6 | -", 443),  # an invalid combination of flags
    ],
)
def test_the_serving_side_is_told_by_flags_then_by_the_registry(record, port):
    assert list(_ports(_flows(record))) == [(int(record.split()[2]), port)]


def test_nothing_is_lost_and_no_port_is_ephemeral_for_https():
    sample, _ = fl.sample_flows()
    got = fl.services(sample, n=None)
    assert got["flow_records"].sum() == len(sample)
    assert got["bytes"].sum() == sample["bytes"].sum()
    flags = sample["tcp_flags"].fillna(0)
    both = Counter(
        d if f & 18 == 2 else s
        for s, d, f, p in zip(
            sample["srcport"], sample["dstport"], flags, sample["protocol"], strict=True
        )
        if p == 6 and f & 18 in (2, 18)
    )
    served = got[got["protocol"] == 6].set_index("port")["flow_records"]
    assert all(served[port] >= count for port, count in both.items())


def test_without_flags_only_the_registry_tells():
    flows = _flows("443 22 6 | 2", "40000 443 6 | 2").drop(columns="tcp_flags")
    assert _ports(flows) == {(6, None): 1, (6, 443): 1}


def test_the_sql_names_what_it_counts():
    assert '"port"' in fl.sql(fl.services, _flows("40000 443 6 | 0"))
