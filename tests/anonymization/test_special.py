"""Addresses: a bijection that keeps prefixes, and what blocks mean."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlab.anonymization.addresses import Addresses
from flowlab.anonymization.special import STAY, WITHIN
from flowlab.enriching import blocks

KEYS = [bytes([n]) * 32 for n in range(4)]
STAYING = [ip_network(cidr) for cidr, _ in STAY]
BLOCKS = [ip_network(cidr) for cidr, _ in (*STAY, *WITHIN)]
CARRYING = [ip_network(cidr) for cidr in ("::ffff:0:0/96", "64:ff9b::/96")]


def images(key, addresses):
    texts = pa.array([str(a) for a in addresses], pa.large_string())
    return [ip_address(i) for i in Addresses(key).images(texts).to_pylist()]


def common(a, b):
    return a.max_prefixlen - (int(a) ^ int(b)).bit_length()


@st.composite
def addresses(draw, version):
    """Any, or one in or just outside a block, so that borders are met."""
    near = draw(st.sampled_from([None, *(n for n in [*BLOCKS, *CARRYING] if n.version == version)]))
    address = draw(st.ip_addresses(v=version))
    if near is None:
        return address
    host = int(address) & int(near.hostmask) | int(near.network_address)
    flipped = draw(st.sampled_from([None, *range(near.prefixlen)]))
    if flipped is not None:
        host ^= 1 << (near.max_prefixlen - 1 - flipped)
    return type(address)(host)


def sets_of(version):
    return st.lists(addresses(version), min_size=2, max_size=20, unique=True).map(sorted)


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.data(), key=st.sampled_from(KEYS))
@settings(deadline=None, max_examples=100)
def test_prefixes_bijection_and_blocks(version, data, key):
    originals = data.draw(sets_of(version))
    made = images(key, originals)
    assert len(set(made)) == len(originals)
    # Neighbours in order are enough: what two others have in common is the least between them.
    for (a, b), (x, y) in zip(pairwise(originals), pairwise(made), strict=True):
        assert common(a, b) == common(x, y)
    for original, image in zip(originals, made, strict=True):
        holding = [n for n in BLOCKS if original in n]
        assert [n for n in BLOCKS if image in n] == holding
        if any(n in STAYING for n in holding):
            assert image == original


@pytest.mark.parametrize("key", KEYS)
def test_enrich_sees_the_same_kind_of_address(key):
    """Whatever flowlab.enrich calls private, link-local ... it still calls so."""
    known = [ip_network(block) for _, block, _ in blocks.BLOCKS]
    edges = [edge for n in known for edge in (n[0], n[-1], n[n.num_addresses // 3])]
    public = [ip_address(a) for a in ("8.8.8.8", "54.3.2.1", "203.0.113.7", "2001:db8::7")]
    texts = pa.array([str(a) for a in (*edges, *public)], pa.large_string())
    before = blocks.Addresses(texts).kind.tolist()
    assert blocks.Addresses(Addresses(key).images(texts)).kind.tolist() == before


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "127.0.0.1", "169.254.169.254", "169.254.169.253", "169.254.169.123",
        "169.254.7.9", "224.0.0.251", "239.1.2.3", "255.255.255.255", "::", "::1", "fe80::1",
        "ff02::1", "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123",
    ],
)  # fmt: skip
def test_these_stay(address):
    assert [str(i) for key in KEYS for i in images(key, [address])] == [address] * len(KEYS)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.31.9.69", "192.168.7.7", "100.64.1.1", "fd12:3456::1", "fc00::7"]
)
def test_private_ones_do_change(address):
    assert len({i for key in KEYS for i in images(key, [address])}) > 1


def test_documentation_ranges_are_ordinary_public_ones():
    for address in ("192.0.2.7", "198.51.100.7", "203.0.113.7", "2001:db8::7"):
        prefix = 24 if "." in address else 32
        own = ip_network(f"{address}/{prefix}", strict=False)
        assert any(i not in own for key in KEYS for i in images(key, [address]))


def test_what_the_rule_costs():
    """8.8.8.8 leaves the way to 10.0.0.0/8 at its 7th bit; the 8th and the rest are free."""
    keys = [bytes([n]) * 32 for n in range(1, 60)]
    near = [images(key, ["8.8.8.8"])[0] for key in keys]
    assert {str(i).split(".")[0] for i in near} == {"8", "9"}
    assert len({str(i).split(".")[1] for i in near}) > 20
    far = [images(key, ["54.0.0.1"])[0] for key in keys]
    assert all(i in ip_network("32.0.0.0/3") for i in far)
    assert len({str(i).split(".")[0] for i in far}) > 10


def test_an_ipv4_address_within_an_ipv6_one_is_the_same_host():
    for key in KEYS:
        four, mapped, translated = images(
            key, ["198.51.100.7", "::ffff:198.51.100.7", "64:ff9b::198.51.100.7"]
        )
        assert mapped.ipv4_mapped == four
        assert int(translated) == int(ip_address("64:ff9b::")) + int(four)


def test_texts_that_are_no_addresses_have_no_image():
    texts = ["", "-", "10.0.0", "10.0.0.256", "fe80::1%eth0", "web", "1:2", "10.0.0.1\0", None]
    assert Addresses(KEYS[0]).images(pa.array(texts, pa.large_string())).null_count == len(texts)
    assert len(Addresses(KEYS[0]).images(pa.array([], pa.large_string()))) == 0


def test_a_network_is_the_network_of_its_addresses():
    for key in KEYS:
        mapper = Addresses(key)
        (host,) = images(key, ["203.0.113.77"])
        assert ip_network(mapper.image("203.0.113.64/26")) == ip_network(f"{host}/26", strict=False)
        assert mapper.image("203.0.113.77/26") == f"{host}/26"
        (host,) = images(key, ["2001:db8:7::1"])
        assert ip_network(mapper.image("2001:db8:7::/48")) == ip_network(f"{host}/48", strict=False)
        assert mapper.image("10.0.0.0/8") == "10.0.0.0/8"
        assert mapper.image("10.0.0.0/33") is None


def test_ipv6_is_written_as_everywhere():
    for text in map(str, images(KEYS[1], ["2001:DB8:0:0:1::7", "fd00:1:0:0:2:0:0:3"])):
        assert text == str(ip_address(text))
    assert Addresses(KEYS[1]).image("2001:DB8::1") == Addresses(KEYS[1]).image("2001:db8::1")


@pytest.mark.parametrize(("address", "free"), [("2001:db8::7", 125), ("54.0.0.1", 29)])
def test_every_bit_that_is_free_does_flip(address, free):
    original, flipped = int(ip_address(address)), 0
    for number in range(60):
        flipped |= original ^ int(images(bytes([number]) * 32, [address])[0])
    assert flipped == 2**free - 1
