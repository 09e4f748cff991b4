"""The practice network is a possible one, and nobody's."""

import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from flowlab.practice.environment import ENVIRONMENT, hosts

# RFC 5737 and RFC 3849.
DOCUMENTATION = [
    ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def test_interfaces_lie_in_their_subnets_and_off_the_reserved_addresses():
    for interface in ENVIRONMENT.interfaces:
        network = ip_network(ENVIRONMENT.subnet(interface).cidr)
        position = int(ip_address(interface.address)) - int(network.network_address)
        # AWS keeps the first four addresses and the last.
        assert 4 <= position < network.num_addresses - 1, interface
        if interface.ipv6:
            assert ip_address(interface.ipv6) in ip_network(ENVIRONMENT.subnet(interface).ipv6_cidr)


def test_subnets_lie_in_the_vpc_and_apart():
    networks = [ip_network(s.cidr) for s in ENVIRONMENT.vpc.subnets]
    assert all(n.subnet_of(ip_network(ENVIRONMENT.vpc.cidr)) for n in networks)
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b)


def test_ids_look_like_those_of_aws_and_are_unique():
    ids = [i.interface_id for i in ENVIRONMENT.interfaces]
    ids += [i.instance_id for i in ENVIRONMENT.interfaces if i.instance_id]
    ids += [s.subnet_id for s in ENVIRONMENT.vpc.subnets]
    ids += [ENVIRONMENT.vpc.vpc_id, ENVIRONMENT.vpc.flow_log_id]
    assert all(re.fullmatch(r"(eni|i|subnet|vpc|fl)-0[0-9a-f]{16}", i) for i in ids), ids
    assert len(set(ids)) == len(ids)
    assert re.fullmatch(r"0\d{11}", ENVIRONMENT.vpc.account_id)


def test_aws_managed_interfaces_have_no_instance():
    managed = {i.kind for i in ENVIRONMENT.interfaces if i.instance_id is None}
    assert managed == {"NAT gateway", "RDS for MySQL"}


def test_peers_are_documentation_addresses_with_one_role_each():
    addresses = [a for peer in ENVIRONMENT.peers for a in peer.addresses]
    assert len(set(addresses)) == len(addresses)
    for address in addresses:
        assert any(ip_address(address) in network for network in DOCUMENTATION), address
        assert ip_address(address) not in ip_network(ENVIRONMENT.vpc.ipv6_cidr)


def test_hosts_leaves_out_network_and_broadcast():
    assert hosts("192.0.2.0/30", "192.0.2.8/30") == (
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.9",
        "192.0.2.10",
    )


def test_unknown_names_raise():
    with pytest.raises(KeyError, match="no-such-host"):
        ENVIRONMENT.interface("no-such-host")
    with pytest.raises(KeyError, match="nobody"):
        ENVIRONMENT.peer("nobody")


def test_importing_practice_is_light():
    code = (
        "import sys, flowlab.practice; "
        "print([m for m in ('boto3', 'matplotlib', 'moto', 'ipywidgets') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout.strip() == "[]"
