"""Networks and addresses: the SQL says what Python's ipaddress says, however it is spelled."""

from __future__ import annotations

import ipaddress
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from flowlab.addresses import ip_in, network
from flowlab.errors import FlowlabError
from flowlab.tables import connection


def in_sql(addresses, networks):
    test = ip_in([network(n) for n in networks], exp.column("a", quoted=True), "duckdb")
    with connection() as duck:
        duck.register("them", pa.table({"a": pa.array(addresses, pa.string())}))
        query = exp.select(exp.alias_(test, "hit")).from_("them")
        return [hit for (hit,) in duck.sql(query.sql("duckdb")).fetchall()]


def in_python(addresses, networks):
    known = [ipaddress.ip_network(n) for n in networks]

    def hit(text):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in n for n in known if n.version == address.version)

    return [hit(text) for text in addresses]


# What one address may look like in text that no reader of ours has seen.
def _spellings(address):
    yield str(address)
    yield str(address).upper()
    if address.version == 6:
        yield address.exploded
        yield address.exploded.replace("0000", "0")


@st.composite
def networks_and_addresses(draw):
    """Networks of any width, and addresses in them, beside them and anywhere."""
    networks, addresses = [], []
    for address in draw(st.lists(st.ip_addresses(), min_size=1, max_size=4)):
        longest = address.max_prefixlen
        width = draw(st.integers(0, longest))
        known = ipaddress.ip_network(f"{address}/{width}", strict=False)
        networks.append(str(known))
        first, last = int(known.network_address), int(known.broadcast_address)
        near = {first - 1, first, last, last + 1, draw(st.integers(first, last))}
        kind = type(address)
        addresses += [kind(n) for n in near if 0 <= n < 2**longest]
    addresses += draw(st.lists(st.ip_addresses(), max_size=4))
    # Dots in IPv6 are how Pythons from 3.13 on write IPv4-mapped addresses.
    texts = [t for a in addresses for t in _spellings(a) if not (":" in t and "." in t)]
    return [*texts, None, "", "x", "10.", "fe80:x::"], networks


@given(networks_and_addresses())
@settings(deadline=None, max_examples=150)
def test_sql_is_what_ipaddress_says(case):
    addresses, networks = case
    assert in_sql(addresses, networks) == in_python(addresses, networks)


def test_networks_whose_head_is_zero():
    networks = ["::1", "64:ff9b::/96", "::/64", "0:0:5::/48", "800::/5"]
    addresses = [
        "::1", "::2", "0:0:0:0:0:0:0:1", "64:ff9b::a00:1", "0064:ff9b:0::1", "65::1", "::5:0:0:0:0:1",
        "0:0:5::1", "800::", "fff::1", "0800:1::", "1000::", "7ff::1",
    ]  # fmt: skip
    expected = [True, True, True, True, True, False, True, True, True, True, True, False, False]
    assert in_python(addresses, networks) == expected
    assert in_sql(addresses, networks) == expected


def test_thousands_of_networks():
    draw = random.Random(7)
    networks = [f"{draw.randrange(1, 200)}.{draw.randrange(256)}.{draw.randrange(256)}.0/24"
                for _ in range(2000)] + [f"2001:db8:{n:x}::/48" for n in range(1000)]  # fmt: skip
    addresses = [n.split("/")[0] for n in networks[::100]] + ["200.1.1.1", "2001:db8:ffff::1"]
    assert in_sql(addresses, networks) == in_python(addresses, networks)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.9.5/24", 'write "10.0.9.0/24" for the network, or "10.0.9.5" for the one address'),
        ("2001:db8::1/32", 'write "2001:db8::/32" for the network, or "2001:db8::1"'),
        ("10.0.9", "neither an address nor a CIDR"),
        ("10.0.9.0/33", "neither an address nor a CIDR"),
        ("10.0.0.*", "neither an address nor a CIDR"),
        ("fe80::1%eth0", "neither an address nor a CIDR"),
        ("10.0.9.0/255.255.255.0", "neither an address nor a CIDR"),
        ("", "neither an address nor a CIDR"),
        (None, "neither an address nor a CIDR"),
    ],
)
def test_what_is_no_network_is_refused_with_what_was_meant(text, says):
    with pytest.raises(FlowlabError, match=says.replace("(", r"\(")):
        network(text)


def test_an_engine_without_a_test_is_refused():
    with pytest.raises(FlowlabError, match="cannot be tested against networks in oracle"):
        ip_in([network("10.0.0.0/8")], exp.column("a"), "oracle")
