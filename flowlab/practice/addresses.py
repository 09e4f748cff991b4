"""Numbers for addresses, so that a day of traffic is a few integer arrays."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network

import numpy as np
from numpy.typing import NDArray

from flowlab.practice.environment import DOCUMENTATION_RANGES, ENVIRONMENT, hosts

Codes = NDArray[np.int64]

OUTSIDE = -1


class AddressBook:
    """Every address a record can name, and what is known of each; arrays are indexed by code.

    Attributes
    ----------
    text : list of str
    interface : array of int
        Position of the ENI that has the address, or OUTSIDE.
    private : array of bool
        The ENI is in a subnet without a route to the internet gateway.
    ipv6 : array of bool
    service : array of int
        Position in `services`; 0 is None, no AWS service.
    """

    def __init__(self) -> None:
        owners: dict[str, int] = {}
        for position, interface in enumerate(ENVIRONMENT.interfaces):
            owners[interface.address] = position
            if interface.ipv6:
                owners[interface.ipv6] = position
        named = {a: peer.aws_service for peer in ENVIRONMENT.peers for a in peer.addresses}
        # Whole IPv4 ranges, not only the named peers: whoever does harm is not on the list.
        public = hosts(*(r for r in DOCUMENTATION_RANGES if ip_network(r).version == 4))

        self.text = list(dict.fromkeys([*owners, *public, *named]))
        self._codes = {address: code for code, address in enumerate(self.text)}
        self.interface = np.array([owners.get(a, OUTSIDE) for a in self.text], dtype=np.int64)
        self.private = np.array(
            [
                a in owners and not ENVIRONMENT.subnet(ENVIRONMENT.interfaces[owners[a]]).public
                for a in self.text
            ]
        )
        self.ipv6 = np.array([":" in a for a in self.text])
        self.services = [None, *dict.fromkeys(s for s in named.values() if s)]
        self.service = np.array([self.services.index(named.get(a)) for a in self.text])

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which addresses belong to an ENI of the VPC."""
        return np.asarray(self.interface != OUTSIDE)

    def code(self, *addresses: str) -> Codes:
        """Return the codes of addresses; KeyError for one that the network does not know."""
        return np.array([self._codes[address] for address in addresses], dtype=np.int64)

    def of(self, *names: str) -> Codes:
        """Return the codes of the IPv4 addresses of ENIs, by name."""
        return self.code(*(ENVIRONMENT.interface(name).address for name in names))

    def peers(self, name: str) -> Codes:
        """Return the codes of all addresses of a public peer."""
        return self.code(*ENVIRONMENT.peer(name).addresses)


@cache
def address_book() -> AddressBook:
    """Return the address book of the practice network, built on first use."""
    return AddressBook()
