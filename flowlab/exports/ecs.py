"""Elastic Common Schema: the documents that dashboards on Elasticsearch and OpenSearch expect.

Names and values follow Elastic's own two mappings of VPC Flow Logs, the AWS integration's pipeline
and Beats' parse_aws_vpc_flow_log, as of 2026. Where they differ: event.action is in lower case and
related.ip has the addresses in the packet too, as in Beats; pkt_src_service, sublocation.type and
their like are named as in the integration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowlab import schema
from flowlab.enriching.services import PROTOCOL_NAMES
from flowlab.exports import documents, hashing, paging
from flowlab.exports.documents import Target, Values, column, constant, first_of, mapped, moment
from flowlab.exports.paging import Page
from flowlab.tables import as_table

VERSION = "8.11.0"  # of ECS, as Elastic's integration has it

TYPES = {
    "int32": "long", "int64": "long", "time": "date", "id": "keyword", "text": "keyword",
    "address": "ip",
}  # fmt: skip
_TRANSPORTS = {n: name.lower() for n, name in enumerate(PROTOCOL_NAMES) if name}
_FLAGS = ((1, "fin"), (2, "syn"), (4, "rst"), (8, "psh"), (16, "ack"), (32, "urg"))
_FLAG_WORDS = {n: [word for bit, word in _FLAGS if n & bit] or None for n in range(256)}
_OUTCOMES = {"ACCEPT": "success", "REJECT": "failure"}
_KINDS = {"ACCEPT": ["connection", "allowed"], "REJECT": ["connection", "denied"]}
_ADDRESSES = ("srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr")
_WAYS = {"ingress": "ingress", "egress": "egress"}


def to_ecs(flows: Any, *, start: Any = None, end: Any = None) -> Iterator[dict[str, Any]]:
    """Give each flow record as a document of the Elastic Common Schema.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    iterator of dict
        One nested document per record, ready for JSON: times are RFC 3339 in UTC, a null is left
        out. Made 20,000 at a time, so that memory does not grow with the records. What ECS has no
        field for is in ``aws.vpcflow``; columns that are not AWS's (those of `enrich`, and your
        own) are in ``flowlab``. source.bytes and network.bytes are the same number: a flow record
        is of one direction. network.direction is AWS's, else that of `enrich`.

    Raises
    ------
    FlowlabError
        A record that no flow log can contain, when its turn comes.
    MissingFieldError
        A period, but no column start.

    Notes
    -----
    Follows the AWS integration of Elastic and Beats' VPC Flow Log processor, ECS 8.11.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> document = next(fl.to_ecs(flows))
    >>> document["source"]["ip"], document["event"]["type"], document["event"]["end"]
    ('203.0.113.97', ['connection', 'allowed'], '2026-03-02T00:00:34Z')
    """
    targets = targets_of(as_table(flows).columns)
    turn = paging.pages(flows, "to_ecs", start=start, end=end)
    return (
        document
        for page in turn
        for document in documents.build(targets, paging.as_lists(page), page.num_rows)
    )


def _network_type(page: Page, rows: int) -> Values | None:
    found = page.get("srcaddr")
    if found is None:
        return None
    return [None if a is None else "ipv6" if ":" in a else "ipv4" for a in found]


def _related(page: Page, rows: int) -> Values | None:
    found = [page[name] for name in _ADDRESSES if name in page]
    if not found:
        return None
    distinct = (dict.fromkeys(a for a in each if a) for each in zip(*found, strict=True))
    return [list(addresses) or None for addresses in distinct]


def _only_with(name: str, value: str) -> documents.Maker:
    """Give a constant to the records that have a value in a column."""

    def make(page: Page, rows: int) -> Values | None:
        found = page.get(name)
        return None if found is None else [None if v is None else value for v in found]

    return make


_DIRECTION = first_of(mapped("flow_direction", _WAYS), mapped("direction", _WAYS))
_CODES = {"version", "tcp_flags", "traffic_path", "encryption_status"}  # words, not amounts
_SAYS_LESS = {"protocol", "packets", "bytes", "start", "end", *_ADDRESSES[:2], "srcport", "dstport",
              "region", "az_id", "flow_direction", "reject_reason", "ecs_service_name",
              "ecs_cluster_name", "ecs_container_instance_arn",
              "ecs_container_instance_id"}  # fmt: skip
_RENAMED = {
    "pkt_src_aws_service": "pkt_src_service", "pkt_dst_aws_service": "pkt_dst_service",
    "sublocation_type": "sublocation.type", "sublocation_id": "sublocation.id",
}  # fmt: skip

# fmt: off
_ECS = [
    Target("@timestamp", "date", first_of(moment("end"), moment("start"))),
    Target("ecs.version", "keyword", constant(VERSION)),
    Target("event.kind", "keyword", constant("event")),
    Target("event.category", "keyword", constant(["network"])),
    Target("event.type", "keyword", first_of(mapped("action", _KINDS, *[["connection"]] * 2),
                                             constant(["connection"]))),
    Target("event.action", "keyword", mapped("action", {"ACCEPT": "accept", "REJECT": "reject"})),
    Target("event.outcome", "keyword", mapped("action", _OUTCOMES)),
    Target("event.reason", "keyword", column("reject_reason")),
    Target("event.start", "date", moment("start")),
    Target("event.end", "date", moment("end")),
    *(Target(f"{end}.{leaf}", kind, column(name)) for end, leaf, kind, name in (
        ("source", "address", "keyword", "srcaddr"), ("source", "ip", "ip", "srcaddr"),
        ("source", "port", "long", "srcport"),
        ("source", "bytes", "long", "bytes"), ("source", "packets", "long", "packets"),
        ("destination", "address", "keyword", "dstaddr"), ("destination", "ip", "ip", "dstaddr"),
        ("destination", "port", "long", "dstport"),
        ("network", "bytes", "long", "bytes"), ("network", "packets", "long", "packets"),
    )),
    Target("network.iana_number", "keyword", column("protocol", words=True)),
    Target("network.transport", "keyword", mapped("protocol", _TRANSPORTS)),
    Target("network.type", "keyword", _network_type),
    Target("network.direction", "keyword", _DIRECTION),
    Target("network.community_id", "keyword", hashing.community_ids),
    Target("related.ip", "ip", _related),
    Target("cloud.provider", "keyword", constant("aws")),
    Target("cloud.account.id", "keyword", column("account_id")),
    Target("cloud.region", "keyword", column("region")),
    Target("cloud.availability_zone", "keyword", column("az_id")),
    Target("cloud.instance.id", "keyword", column("instance_id")),
    Target("orchestrator.type", "keyword", _only_with("ecs_cluster_arn", "ecs")),
    Target("orchestrator.cluster.id", "keyword", column("ecs_cluster_arn")),
    Target("orchestrator.cluster.name", "keyword", column("ecs_cluster_name")),
    Target("orchestrator.resource.type", "keyword", _only_with("ecs_container_instance_arn", "container")),  # noqa: E501
    Target("orchestrator.resource.name", "keyword", column("ecs_container_instance_arn")),
    Target("orchestrator.resource.id", "keyword", column("ecs_container_instance_id")),
    Target("container.id", "keyword", column("ecs_container_id")),
    Target("service.name", "keyword", column("ecs_service_name")),
    Target("aws.vpcflow.tcp_flags_array", "keyword", mapped("tcp_flags", _FLAG_WORDS)),
    *(Target(f"aws.vpcflow.{_RENAMED.get(f.column, f.column)}",
             "keyword" if f.column in _CODES else TYPES[f.kind],
             column(f.column, words=f.column in _CODES))
      for f in schema.FIELDS if f.column not in _SAYS_LESS),
    *(Target(f"flowlab.{d.column}", TYPES[d.kind], column(d.column)) for d in schema.DERIVED),
]
# fmt: on
_OURS = {*schema.BY_COLUMN, *(d.column for d in schema.DERIVED)}


def targets_of(columns: Any = ()) -> list[Target]:
    """List the fields of a document of records with these columns."""
    others = [name for name in columns if name not in _OURS]
    # A dot in a name of one's own would be read as an object within an object.
    return _ECS + [Target(f"flowlab.{c.replace('.', '_')}", "", column(c)) for c in others]
