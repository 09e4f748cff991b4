"""The tables of ports and protocols."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from flowlab.enriching import services
from flowlab.enriching.flags import PATHS
from flowlab.enrichment import enrich


@pytest.mark.parametrize(
    ("number", "name"),
    # IANA, "Protocol Numbers".
    [(0, "HOPOPT"), (1, "ICMP"), (2, "IGMP"), (6, "TCP"), (17, "UDP"), (41, "IPv6"), (47, "GRE"),
     (50, "ESP"), (51, "AH"), (58, "IPv6-ICMP"), (61, None), (89, "OSPFIGP"), (103, "PIM"),
     (112, "VRRP"), (115, "L2TP"), (132, "SCTP"), (142, "ROHC"), (145, "NSH"), (146, None),
     (255, None), (None, None)],
)  # fmt: skip
def test_protocol_names(number, name):
    flows = pd.DataFrame({"protocol": pd.array([number], "int32[pyarrow]")})
    found = enrich(flows)["protocol_name"]
    assert isinstance(found.dtype, pd.CategoricalDtype)
    assert (None if pd.isna(found[0]) else found[0]) == name


@pytest.mark.parametrize(
    ("protocol", "port", "name"),
    # IANA, "Service Name and Transport Protocol Port Number Registry".
    [(6, 22, "ssh"), (6, 443, "https"), (17, 443, "https"), (17, 53, "domain"), (6, 3306, "mysql"),
     (6, 3389, "ms-wbt-server"), (6, 5432, "postgresql"), (17, 123, "ntp"), (6, 123, None),
     (6, 27017, "mongodb"), (17, 27017, None), (6, 8080, "http-alt"), (6, 9092, "kafka"),
     (6, 7443, None), (1, 22, None), (132, 5672, "amqp")],
)  # fmt: skip
def test_service_of_a_port(protocol, port, name):
    position = services.services_at(
        services.rank_of(np.array([protocol])), np.array([port], np.int32)
    )[0]
    assert (services.SERVICES[position].name if position >= 0 else None) == name


def test_each_port_has_one_name():
    listed = Counter((p, s.port) for s in services.SERVICES for p in s.protocols)
    assert set(listed.values()) == {1}
    assert len(services.SERVICES) >= 150
    assert {s.source for s in services.SERVICES} == {"IANA", "common use"}
    assert all(s.protocols and 0 < s.port < 65536 and s.name for s in services.SERVICES)


def test_the_serving_side_names_the_service_whatever_the_other_ports_name_is():
    # 3306 is the client's own choice here: it sent the SYN.
    flows = pd.DataFrame({
        "srcaddr": ["10.0.0.9", "10.0.0.5"], "dstaddr": ["10.0.0.5", "10.0.0.9"],
        "srcport": [3306, 443], "dstport": [443, 3306], "protocol": 6, "tcp_flags": [2, 18],
    })  # fmt: skip
    assert enrich(flows)["service"].tolist() == ["https", "https"]


@pytest.mark.parametrize(
    ("flags", "name"),
    # AWS, "Flow log records", tcp-flags: values and their sums.
    [(1, "FIN"), (2, "SYN"), (3, "SYN FIN"), (4, "RST"), (7, "SYN FIN RST"), (18, "SYN ACK"),
     (19, "SYN ACK FIN"), (0, "none"), (None, None)],
)  # fmt: skip
def test_flag_names(flags, name):
    column = pd.array([flags], "int32[pyarrow]")
    found = enrich(pd.DataFrame({"tcp_flags": column, "protocol": [6]}))["tcp_flag_names"][0]
    assert (None if pd.isna(found) else found) == name
    assert enrich(pd.DataFrame({"tcp_flags": column, "protocol": [17]}))["tcp_flag_names"].isna()[0]


def test_traffic_path_names():
    path = pd.array([*range(1, 10), None], "int32[pyarrow]")
    found = enrich(pd.DataFrame({"traffic_path": path}))["traffic_path_name"]
    assert found[:8].tolist() == list(PATHS[1:])
    assert found[8:].isna().all()
    # Code 6 has both its meanings.
    assert "Wavelength" in found[5] and "local gateway" in found[5]
