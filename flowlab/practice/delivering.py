"""What the flow logs of a practice account deliver while somebody watches.

Nothing runs in the background: when the account is asked for events or objects, what has come
due since is put there first. Records are few and plain; the day of traffic is elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flowlab.practice.environment import ENVIRONMENT, Interface, Vpc, hosts
from flowlab.practice.fields import FIELDS
from flowlab.practice.network import ENVIRONMENTS

_MINUTE = 60
_SLOT = 5 * _MINUTE  # an object in S3 holds five minutes
_BACK = 30 * _MINUTE  # how far back is delivered what nobody asked for until now
_LAG = _MINUTE  # from the end of a capture window to its delivery
_BEFORE = 5 * _MINUTE  # of records that an ENI which fell silent has left behind

_VERSIONS = {known.name: known.version for known in FIELDS}
_VISITORS = hosts("203.0.113.0/28")
# By the name of an ENI, who talks to it at which port and protocol; the others have no traffic.
_TRAFFIC = {
    "web-1": (_VISITORS, 443, 6),
    "web-2": (_VISITORS, 443, 6),
    "staging-1": (("203.0.113.240",), 443, 6),
    "nat": (("10.0.2.20", "10.0.3.20"), 443, 6),
    "app-1": (("10.0.1.10", "10.0.1.11"), 8080, 6),
    "app-2": (("10.0.1.10", "10.0.1.11"), 8080, 6),
    "mysql": (("10.0.2.20", "10.0.3.20"), 3306, 6),
    "dns": (("10.0.2.20", "10.0.3.20"), 53, 17),
    "services": (_VISITORS, 443, 6),
    "status-page": (("10.20.0.10",), 80, 6),
}


@dataclass
class Manner:
    """How deliveries go; what faults change.

    Attributes
    ----------
    stopped : dict
        Flow logs, and when they delivered for the last time. [epoch seconds]
    silent : set of str
        ENIs, and flow logs into buckets, whose last record is hours old.
    skipping : set of str
        ENIs that lose records: SKIPDATA.
    """

    stopped: dict[str, float] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    skipping: set[str] = field(default_factory=set)


class Delivery:
    """Delivers into the log groups and buckets of one practice account.

    Parameters
    ----------
    account_id : str
    end : int
        What the account was filled with ends here: nothing is delivered before. [epoch seconds]
    clock : callable
        Gives the time, in epoch seconds.
    """

    def __init__(self, account_id: str, end: int, clock: Callable[[], float]) -> None:
        self.account_id = account_id
        self.end = end
        self.clock = clock
        self.manner = Manner()
        self._until: dict[tuple[str, str], int] = {}  # delivered, of a flow log for an ENI
        self._objects: list[tuple[str, str]] = []  # bucket and key
        self._lock = threading.Lock()

    def deliver(self) -> None:
        """Put where it belongs what has come due."""
        from moto.ec2.models import ec2_backends

        with self._lock:
            for flow_log in list(
                ec2_backends[self.account_id][ENVIRONMENT.vpc.region].flow_logs.values()
            ):
                if flow_log.log_destination_type == "s3":
                    self._into_bucket(flow_log)
                elif flow_log.log_destination_type == "cloud-watch-logs":
                    self._into_group(flow_log)

    def change(self, manner: Manner) -> None:
        """Take back what was delivered; deliver in another manner, as if it had been so before."""
        with self._lock:
            self.manner = manner
            self._until.clear()
            for group in groups(self.account_id).values():
                for stream in group.streams.values():
                    stream.events = [e for e in stream.events if e.timestamp < self.end * 1000]
                for name in [n for n in group.streams if not n.endswith("-all")]:
                    del group.streams[name]
            for bucket, key in self._objects:
                # Gone with its bucket, perhaps: one of the same name was made in its place.
                if (
                    bucket in buckets(self.account_id)
                    and key in buckets(self.account_id)[bucket].keys
                ):
                    buckets(self.account_id)[bucket].keys.pop(key)
            self._objects.clear()

    def _due(self, flow_log: Any, name: str, step: int) -> Iterator[int]:
        """Yield the beginnings of what has come due, `step` seconds each."""
        now = int(self.clock())
        until = int(min(now, self.manner.stopped.get(flow_log.id, now)))
        created = int(flow_log.creation_time.replace(tzinfo=UTC).timestamp())
        first, last = max(now - _BACK, self.end, created), until - step - _LAG
        if name in self.manner.silent:
            # An object's age is judged by hours, so its last one is an hour older yet.
            fell = self.end - (60 * _MINUTE if name == flow_log.id else 0)
            first, last = fell, fell + _BEFORE - step
        key = (flow_log.id, name)
        first = max(-(-first // step) * step, self._until.get(key, 0))
        for begin in range(first, last + 1, step):
            self._until[key] = begin + step
            yield begin

    def _into_group(self, flow_log: Any) -> None:
        arn = flow_log.log_destination or ""
        name = flow_log.log_group_name or arn.partition(":log-group:")[2].removesuffix(":*")
        group = groups(self.account_id).get(name)
        if group is None:
            return
        for vpc, interface in _covered(flow_log):
            eni = interface.interface_id
            stream = f"{eni}-{flow_log.traffic_type.lower()}"
            begins = list(self._due(flow_log, eni, _MINUTE))
            if not begins:
                continue
            if stream not in group.streams:
                group.create_log_stream(stream)
                group.streams[stream].creation_time = flow_log.creation_time
            group.put_log_events(
                stream,
                [
                    {
                        "timestamp": (begin + interface.window_phase) * 1000,
                        "message": self._line(flow_log, vpc, interface, begin),
                    }
                    for begin in begins
                ],
            )
            arrived = datetime.fromtimestamp(begins[-1] + 2 * _MINUTE + _LAG, UTC)
            group.streams[stream].last_ingestion_time = arrived.replace(tzinfo=None)

    def _into_bucket(self, flow_log: Any) -> None:
        from moto.s3.models import s3_backends

        name, _, prefix = flow_log.log_destination.rpartition(":::")[2].partition("/")
        if name not in buckets(self.account_id):
            return
        names = re.findall(r"\$\{([^}]+)\}", flow_log.log_format)
        for slot in self._due(flow_log, flow_log.id, _SLOT):
            lines = [
                self._line(flow_log, vpc, interface, begin)
                for begin in range(slot, slot + _SLOT, _MINUTE)
                for vpc, interface in _covered(flow_log)
            ]
            made = s3_backends[self.account_id]["aws"].put_object(
                name,
                self._key(flow_log, prefix, slot),
                gzip.compress("\n".join([" ".join(names), *lines, ""]).encode(), mtime=0),
            )
            delivered = datetime.fromtimestamp(slot + _SLOT + _LAG, UTC)
            made.last_modified = delivered.replace(tzinfo=None)
            self._objects.append((name, made.name))

    def _key(self, flow_log: Any, prefix: str, slot: int) -> str:
        when, region = datetime.fromtimestamp(slot, UTC), ENVIRONMENT.vpc.region
        options = getattr(flow_log, "destination_options", None) or {}
        folder = f"{self.account_id}/vpcflowlogs/{region}/{when:%Y/%m/%d}"
        if options.get("HiveCompatiblePartitions"):
            folder = (
                f"aws-account-id={self.account_id}/aws-service=vpcflowlogs/aws-region={region}/"
                f"year={when:%Y}/month={when:%m}/day={when:%d}"
            )
        if options.get("PerHourPartition"):
            hour = "hour=" if options.get("HiveCompatiblePartitions") else ""
            folder += f"/{hour}{when:%H}"
        digest = hashlib.sha256(f"{flow_log.id} {slot}".encode()).hexdigest()[:8]
        name = f"{self.account_id}_vpcflowlogs_{region}_{flow_log.id}_{when:%Y%m%dT%H%MZ}_{digest}"
        return "/".join(filter(None, [prefix.strip("/"), "AWSLogs", folder, f"{name}.log.gz"]))

    def _line(self, flow_log: Any, vpc: Vpc, interface: Interface, begin: int) -> str:
        """Write one line in the format of the flow log."""
        start, minute = begin + interface.window_phase, begin // _MINUTE
        values = {
            "account-id": self.account_id,
            "interface-id": interface.interface_id,
            "start": str(start),
            "end": str(start + _MINUTE - 1),
            "log-status": "NODATA",
        }
        if interface.interface_id in self.manner.skipping and minute % 3 == 0:
            values["log-status"] = "SKIPDATA"
        elif interface.name in _TRAFFIC:
            peers, port, protocol = _TRAFFIC[interface.name]
            packets = 4 + minute % 7
            peer = peers[minute % len(peers)]
            values |= {
                "srcaddr": peer, "dstaddr": interface.address,
                "srcport": str(40_000 + minute % 999), "dstport": str(port),
                "protocol": str(protocol), "packets": str(packets),
                "bytes": str(packets * 120), "log-status": "OK", "vpc-id": vpc.vpc_id,
                "action": "REJECT" if flow_log.traffic_type == "REJECT" else "ACCEPT",
                "subnet-id": interface.subnet_id, "type": "IPv4", "region": vpc.region,
                "instance-id": interface.instance_id or "-", "pkt-srcaddr": peer,
                "pkt-dstaddr": interface.address, "flow-direction": "ingress",
                "tcp-flags": "3" if protocol == 6 else "0",
            }  # fmt: skip
        names = re.findall(r"\$\{([^}]+)\}", flow_log.log_format)
        values["version"] = str(max(_VERSIONS.get(name, 2) for name in names))
        return " ".join(values.get(name, "-") for name in names)


def _covered(flow_log: Any) -> Iterator[tuple[Vpc, Interface]]:
    """Yield the ENIs that a flow log records."""
    for environment in ENVIRONMENTS:
        for interface in environment.interfaces:
            above = (environment.vpc.vpc_id, interface.subnet_id, interface.interface_id)
            if flow_log.resource_id in above:
                yield environment.vpc, interface


def groups(account_id: str) -> dict[str, Any]:
    """Give moto's register of log groups."""
    from moto.logs.models import logs_backends

    groups: dict[str, Any] = logs_backends[account_id][ENVIRONMENT.vpc.region].groups
    return groups


def buckets(account_id: str) -> dict[str, Any]:
    """Give moto's register of buckets."""
    from moto.s3.models import s3_backends

    buckets: dict[str, Any] = s3_backends[account_id]["aws"].buckets
    return buckets
