"""Names of ports and protocols, as data: a part of IANA's registries, the same on every machine.

Sources: IANA, "Service Name and Transport Protocol Port Number Registry" and "Protocol Numbers",
as of 2025. Of the ports only those that people meet in a VPC. Where IANA has no name for what
listens there today, or one of a program that nobody meets any more, the name in common use stands
instead, marked with `*`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.columns import Bools, Columns, Ints

# Linux takes client ports from here on, Windows from 49152: a port from here on is no proof of a
# server. Nor is one below: gateways and load balancers of AWS, and old systems, take lower ones.
EPHEMERAL = 32_768

# Protocols that have ports, and the letter each has in the table.
WITH_PORTS = {6: "t", 17: "u", 132: "s"}

# name, a star if that is no name of IANA's; then port and letters of the protocols.
_TABLE = """
echo 7tu, discard 9tu, daytime 13tu, chargen 19tu, ftp-data 20t, ftp 21t, ssh 22t, telnet 23t,
smtp 25t, time 37tu, whois 43t, tacacs 49t, domain 53tu, bootps 67u, bootpc 68u, tftp 69u,
gopher 70t, finger 79t, http 80t, kerberos 88tu, pop3 110t, sunrpc 111tu, auth 113t, nntp 119t,
ntp 123u, epmap 135tu, netbios-ns 137tu, netbios-dgm 138tu, netbios-ssn 139tu, imap 143t,
snmp 161tu, snmptrap 162tu, bgp 179t, ldap 389tu, svrloc 427tu, https 443tus, microsoft-ds 445t,
kpasswd 464tu, submissions 465t, isakmp 500u, mbap 502t, exec 512t, login 513t, shell 514t,
syslog 514u, printer 515t, router 520u, dhcpv6-client 546u, dhcpv6-server 547u, afpovertcp 548t,
rtsp 554tu, submission 587t, http-rpc-epmap 593t, asf-rmcp 623u, ipp 631t, ldaps 636t,
domain-s 853tu, rsync 873t, ftps-data 989t, ftps 990t, telnets 992t, imaps 993t, pop3s 995t,
socks 1080t, rmiregistry 1099t, openvpn 1194tu, ms-sql-s 1433t, ms-sql-m 1434u, oracle* 1521t,
kms* 1688t, l2tp 1701u, pptp 1723t, radius 1812u, radius-acct 1813u, mqtt 1883t, ssdp 1900u,
nfs 2049tu, zookeeper* 2181t, docker 2375t, docker-s 2376t, swarm 2377t, etcd-client 2379t,
etcd-server 2380t, ttc 2483t, ttc-ssl 2484t, grafana* 3000t, gds-db 3050t, squid* 3128t,
iscsi-target 3260t, msft-gc 3268t, msft-gc-ssl 3269t, mysql 3306t, ms-wbt-server 3389tu,
stun 3478tu, svn 3690t, ws-discovery 3702u, otlp* 4317t, otlp-http* 4318t, epmd 4369t,
ipsec-nat-t 4500u, salt-publish* 4505t, salt-request* 4506t, vxlan 4789u, logstash* 5044t,
sip 5060tu, sips 5061tu, xmpp-client 5222t, xmpp-server 5269t, stuns 5349t, mdns 5353u,
llmnr 5355u, postgresql 5432t, redshift* 5439t, kibana* 5601t, nrpe* 5666t, amqps 5671t,
amqp 5672ts, rfb 5900t, couchdb 5984t, wsman 5985t, wsmans 5986t, x11 6000t, geneve 6081u,
redis 6379t, kubernetes* 6443t, syslog-tls 6514t, irc* 6667t, ircs-u 6697t, afs3-fileserver 7000u,
neo4j 7474t, neptune* 8182t, http-alt 8080t, influxdb* 8086t, puppet 8140t, vault* 8200t,
consul* 8500t, https-alt* 8443t, otv 8472u, secure-mqtt 8883t, cassandra* 9042t, prometheus* 9090t,
kafka* 9092t, kafka-tls* 9094t, kafka-iam* 9098t, node-exporter* 9100t, elasticsearch* 9200t,
elasticsearch-nodes* 9300t, adws 9389t, git 9418t, zabbix-agent 10050t, zabbix-trapper 10051t,
kubelet* 10250t, memcache 11211tu, rabbitmq* 15672t, cockroach 26257t, mongodb 27017t,
mongodb-shard* 27018t, mongodb-config* 27019t, mysqlx 33060t, winrm 47001t, bacnet 47808u,
ibm-db2 50000t, grpc* 50051t, wireguard* 51820u, activemq* 61616t
"""

_PROTOCOLS = """
HOPOPT ICMP IGMP GGP IPv4 ST TCP CBT EGP IGP BBN-RCC-MON NVP-II PUP ARGUS EMCON XNET CHAOS UDP MUX
DCN-MEAS HMP PRM XNS-IDP TRUNK-1 TRUNK-2 LEAF-1 LEAF-2 RDP IRTP ISO-TP4 NETBLT MFE-NSP MERIT-INP
DCCP 3PC IDPR XTP DDP IDPR-CMTP TP++ IL IPv6 SDRP IPv6-Route IPv6-Frag IDRP RSVP GRE DSR BNA ESP AH
I-NLSP SWIPE NARP Min-IPv4 TLSP SKIP IPv6-ICMP IPv6-NoNxt IPv6-Opts 61 CFTP 63 SAT-EXPAK KRYPTOLAN
RVD IPPC 68 SAT-MON VISA IPCV CPNX CPHB WSN PVP BR-SAT-MON SUN-ND WB-MON WB-EXPAK ISO-IP VMTP
SECURE-VMTP VINES IPTM NSFNET-IGP DGP TCF EIGRP OSPFIGP Sprite-RPC LARP MTP AX.25 IPIP MICP SCC-SP
ETHERIP ENCAP 99 GMTP IFMP PNNI PIM ARIS SCPS QNX A/N IPComp SNP Compaq-Peer IPX-in-IP VRRP PGM 114
L2TP DDX IATP STP SRP UTI SMP SM PTP ISIS-over-IPv4 FIRE CRTP CRUDP SSCOPMCE IPLT SPS PIPE SCTP FC
RSVP-E2E-IGNORE Mobility-Header UDPLite MPLS-in-IP manet HIP Shim6 WESP ROHC Ethernet AGGFRAG NSH
"""
# Numbers in the table are IANA's "any ...", which have no name: any host internal protocol (61),
# local network (63), distributed file system (68), private encryption (99), 0-hop (114).
PROTOCOL_NAMES: tuple[str | None, ...] = tuple(
    None if name.isdigit() else name for name in _PROTOCOLS.split()
)


class Service(NamedTuple):
    """What listens on a port."""

    name: str
    port: int
    protocols: tuple[int, ...]
    source: str  # IANA, or common use


def _read(entry: str) -> Service:
    name, where = entry.split()
    port = where.rstrip("tus")
    protocols = tuple(p for p, letter in WITH_PORTS.items() if letter in where[len(port) :])
    return Service(
        name.rstrip("*"), int(port), protocols, "common use" if name.endswith("*") else "IANA"
    )


SERVICES: tuple[Service, ...] = tuple(
    _read(entry) for entry in _TABLE.replace("\n", " ").split(",")
)


@functools.cache
def _by_port() -> Ints:
    """Position in SERVICES by rank of the protocol and port; NULL where there is none."""
    table = np.full((len(WITH_PORTS) + 1, 65_536), NULL, np.int16)
    for position, service in enumerate(SERVICES):
        for protocol in service.protocols:
            table[_RANKS[protocol], service.port] = position
    return table


@functools.cache
def _is_service() -> Bools:
    table = np.asarray(_by_port() != NULL)
    table[:, EPHEMERAL:] = False
    return table


_RANKS = np.full(256, len(WITH_PORTS), np.uint8)
_RANKS[list(WITH_PORTS)] = range(len(WITH_PORTS))
NO_PORTS = len(WITH_PORTS)  # the rank of every other protocol


def rank_of(protocol: Ints) -> Ints:
    """Give a protocol's place among those with ports; NO_PORTS for any other, and for null."""
    ranks: Ints = _RANKS[np.clip(protocol, 0, 255)]
    return ranks  # null reads as 0, which has no ports


def services_at(rank: Ints, port: Ints) -> Ints:
    """Give positions in SERVICES of what listens on ports; NULL where the table has nothing."""
    table = _by_port()
    found: Ints = table.ravel()[rank.astype(np.int32) * table.shape[1] + (port & 0xFFFF)]
    return found


def is_service(rank: Ints, port: Ints) -> Bools:
    """Say which ports are a service's: named here, and no client's own choice."""
    table = _is_service()
    return np.asarray(table.ravel()[rank.astype(np.int32) * table.shape[1] + (port & 0xFFFF)])


def protocol_name(columns: Columns) -> pd.Categorical:
    """Name the protocol of each record; null where IANA has no name."""
    protocol = columns.integers("protocol")
    known = (protocol >= 0) & (protocol < len(PROTOCOL_NAMES))
    return category(np.where(known, protocol, NULL), PROTOCOL_NAMES)


def service_names(position: Ints) -> pd.Categorical:
    """Name services by their positions."""
    return category(position, [service.name for service in SERVICES])
