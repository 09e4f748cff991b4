"""Open Cybersecurity Schema Framework: Network Activity (class 4001), as Security Lake has it.

Follows OCSF's published mapping of Amazon VPC Flow Logs for version 1.5.0 (ocsf/examples); its
sample record is a test. Mappings are not unique: Tenzir, for one, gives a REJECT another activity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowlab.exports import documents, hashing, paging
from flowlab.exports.documents import (
    Maker,
    Target,
    Values,
    column,
    constant,
    first_of,
    mapped,
    moment,
)
from flowlab.exports.paging import Page
from flowlab.tables import as_table

VERSION = "1.5.0"


def to_ocsf(flows: Any, *, start: Any = None, end: Any = None) -> Iterator[dict[str, Any]]:
    """Give each flow record as an OCSF event of the class Network Activity (4001).

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    iterator of dict
        One nested event per record, ready for JSON: ``time`` is in milliseconds since 1970, the
        ``_dt`` times are RFC 3339, a null is left out. Made 20,000 at a time, so that memory does
        not grow with the records. An end's ``ip`` is the one in the packet; where the ENI saw
        another, that one is among its ``intermediate_ips``. Interface, VPC, subnet and instance
        belong to the end that AWS's flow_direction, else `enrich`'s direction, says is here; where
        neither does, they are in ``unmapped``, with all that OCSF has no field for.

    Raises
    ------
    FlowlabError
        A record that no flow log can contain, when its turn comes.
    MissingFieldError
        A period, but no column start.

    Notes
    -----
    OCSF 1.5.0, profiles cloud, security_control and datetime.
    https://github.com/ocsf/examples, mappings/markdown/AWS/v1.5.0/VPC Flowlogs

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> event = next(fl.to_ocsf(flows))
    >>> event["type_uid"], event["dst_endpoint"]["interface_uid"]
    (400106, 'eni-0a10f3c5e7b924d01')
    """
    columns = as_table(flows).columns
    others = [name for name in columns if name not in _MAPPED]
    targets = _OCSF + [Target(f"unmapped.{c.replace('.', '_')}", "", column(c)) for c in others]
    turn = paging.pages(flows, "to_ocsf", start=start, end=end)
    return (
        _observed(document)
        for page in turn
        for document in documents.build(targets, paging.as_lists(page), page.num_rows)
    )


def _pick(choose: dict[Any, Any], null: Any) -> Maker:
    """Translate the action; records without one are NODATA, or of a transit gateway."""
    return first_of(mapped("action", choose, null, null), constant(null))


def _end(packet: str, seen: str, intermediate: bool) -> Maker:
    """Tell the address in the packet from the one that the ENI saw instead."""

    def make(page: Page, rows: int) -> Values | None:
        at_eni = page.get(seen, [None] * rows)
        in_packet = page.get(packet, [None] * rows)
        if not intermediate:
            return [p or s for p, s in zip(in_packet, at_eni, strict=True)]
        both = zip(in_packet, at_eni, strict=True)
        return [[s] if p and s and p != s else None for p, s in both]

    return make


_DIRECTION = first_of(column("flow_direction"), column("direction"))


def _at(name: str, way: str | None) -> Maker:
    """Give what belongs to the recording ENI, for the records that go this way."""

    def make(page: Page, rows: int) -> Values | None:
        found = page.get(name)
        if found is None:
            return None
        ways = _DIRECTION(page, rows) or [None] * rows
        known = ("ingress", "egress")
        return [
            v if (w == way if way else w not in known) else None
            for v, w in zip(found, ways, strict=True)
        ]

    return make


def _in_milliseconds(page: Page, rows: int) -> Values | None:
    found = page.get("start")
    return None if found is None else [None if s is None else s * 1000 for s in found]


def _directions(ways: dict[str, Any], null: Any, absent: Any) -> Maker:
    return first_of(
        mapped("flow_direction", ways, null, null), mapped("direction", ways, absent, absent),
        constant(absent),
    )  # fmt: skip


_PATHS = {
    1: "Same VPC", 2: "Internet/VPC Gateway", 3: "Virtual Private Gateway", 4: "Intra-region VPC",
    5: "Inter-region VPC", 6: "Local Gateway", 7: "Gateway VPC", 8: "Internet Gateway",
}  # fmt: skip
_HERE = {
    "interface_uid": "interface_id", "vpc_uid": "vpc_id", "subnet_uid": "subnet_id",
    "instance_uid": "instance_id",
}  # fmt: skip
_DIRECTION_NAMES = {"ingress": "Inbound", "egress": "Outbound"}
_PROFILES = ["cloud", "security_control", "datetime"]

# fmt: off
_OCSF = [
    Target("activity_id", "", _pick({"ACCEPT": 6, "REJECT": 5}, 0)),
    Target("activity_name", "", _pick({"ACCEPT": "Traffic", "REJECT": "Refuse"}, "Unknown")),
    Target("category_uid", "", constant(4)),
    Target("category_name", "", constant("Network Activity")),
    Target("class_uid", "", constant(4001)),
    Target("class_name", "", constant("Network Activity")),
    Target("type_uid", "", _pick({"ACCEPT": 400106, "REJECT": 400105}, 400100)),
    Target("type_name", "", _pick({"ACCEPT": "Network Activity: Traffic",
                                   "REJECT": "Network Activity: Refuse"},
                                  "Network Activity: Unknown")),
    Target("severity_id", "", constant(1)),
    Target("severity", "", constant("Informational")),
    Target("action_id", "", _pick({"ACCEPT": 1, "REJECT": 2}, 99)),
    Target("action", "", mapped("action", {"ACCEPT": "Allowed", "REJECT": "Denied"})),
    Target("disposition", "", mapped("action", {"ACCEPT": "Allowed", "REJECT": "Blocked"})),
    Target("disposition_id", "", mapped("action", {"ACCEPT": 1, "REJECT": 2})),
    Target("status_code", "", column("log_status")),
    Target("time", "", _in_milliseconds),
    Target("time_dt", "", moment("start")),
    Target("start_time_dt", "", moment("start")),
    Target("end_time_dt", "", moment("end")),
    Target("metadata.version", "", constant(VERSION)),
    Target("metadata.profiles", "", constant(_PROFILES)),
    Target("metadata.product.name", "", constant("Amazon VPC")),
    Target("metadata.product.vendor_name", "", constant("AWS")),
    Target("metadata.product.version", "", column("version", words=True)),
    Target("metadata.product.feature.name", "", constant("Flowlogs")),
    Target("cloud.provider", "", constant("AWS")),
    Target("cloud.account.uid", "", column("account_id")),
    Target("cloud.region", "", column("region")),
    Target("cloud.zone", "", column("az_id")),
    Target("connection_info.protocol_num", "", column("protocol")),
    Target("connection_info.protocol_ver", "", column("type")),
    Target("connection_info.tcp_flags", "", column("tcp_flags")),
    Target("connection_info.community_uid", "", hashing.community_ids),
    Target("connection_info.direction_id", "", _directions({"ingress": 1, "egress": 2}, 99, 0)),
    Target("connection_info.direction", "", _directions(_DIRECTION_NAMES, "Other", "Unknown")),
    Target("connection_info.boundary_id", "", mapped("traffic_path", {n: n + 3 for n in _PATHS}, 99, 99)),  # noqa: E501
    Target("connection_info.boundary", "", mapped("traffic_path", _PATHS, "Other", "Other")),
    Target("traffic.packets", "", column("packets")),
    Target("traffic.bytes", "", column("bytes")),
    *(target for end, name in (("src_endpoint", "src"), ("dst_endpoint", "dst")) for target in (
        Target(f"{end}.ip", "", _end(f"pkt_{name}addr", f"{name}addr", False)),
        Target(f"{end}.intermediate_ips", "", _end(f"pkt_{name}addr", f"{name}addr", True)),
        Target(f"{end}.port", "", column(f"{name}port")),
        Target(f"{end}.svc_name", "", column(f"pkt_{name}_aws_service")),
    )),
    *(Target(f"{place}.{uid if way else name}", "", _at(name, way)) for uid, name in _HERE.items()
      for place, way in (("dst_endpoint", "ingress"), ("src_endpoint", "egress"), ("unmapped", None))),  # noqa: E501
]
# fmt: on
_MAPPED = {
    "version",
    "account_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
    "type",
    "tcp_flags",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "region",
    "az_id",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
    "flow_direction",
    "traffic_path",
    *_HERE.values(),
}  # fmt: skip


def _observed(event: dict[str, Any]) -> dict[str, Any]:
    """Add what an analyst searches for: every address, and the instance."""
    found = []
    for end in ("dst_endpoint", "src_endpoint"):
        here = event.get(end, {})
        named = [("intermediate_ips[]", ip) for ip in here.get("intermediate_ips", [])]
        named += [("ip", here["ip"])] if "ip" in here else []
        found += [(f"{end}.{name}", ip, "IP Address", 2) for name, ip in named]
        if "instance_uid" in here:
            found.append((f"{end}.instance_uid", here["instance_uid"], "Resource UID", 10))
    if found:
        keys = ("name", "value", "type", "type_id")
        event["observables"] = [dict(zip(keys, each, strict=True)) for each in found]
    return event
