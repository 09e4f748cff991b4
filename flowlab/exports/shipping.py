"""ship(): flow records to Elasticsearch or OpenSearch, each of them accounted for."""

from __future__ import annotations

import datetime
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from flowlab.errors import FlowlabError
from flowlab.exports import answers, clients, documents, hashing, paging, templates
from flowlab.exports.clients import Auth
from flowlab.exports.documents import Target
from flowlab.exports.sending import Document, Sender
from flowlab.exports.shipment import Shipment, ShipmentError, ShippingPlan
from flowlab.tables import as_table

_SHOWN = 3  # documents of a plan


def ship(
    flows: Any,
    to: str | None = None,
    *,
    index: str = "flow-logs",
    schema: Literal["ecs", "raw"] = "ecs",
    create: bool = False,
    dry_run: bool = False,
    start: Any = None,
    end: Any = None,
    auth: Auth = None,
    profile: str | None = None,
    ca_certs: str | os.PathLike[str] | None = None,
    allow_http: bool = False,
    client: Any = None,
    refused: str | os.PathLike[str] | None = None,
    timeout: float = 60,
    retries: int = 8,
    batch_bytes: int = 5_000_000,
    progress: bool = True,
) -> Shipment | ShippingPlan:
    """Send flow records to Elasticsearch or OpenSearch.

    Sending twice changes nothing: a document's id is made of its record's AWS fields, and a
    document is only ever created, never overwritten. So a run that was stopped is just run again.

    Parameters
    ----------
    flows : DataFrame, Archive, path or whatever `read_flows` reads
        Files go through a temporary archive on disk; 20,000 records are in memory at once.
    to : str
        Address of the server, ``https://host:9200``; a path before the index is kept.
    index : str
        Index, alias or data stream.
    schema : {"ecs", "raw"}
        Documents as of `to_ecs`; or flat, with the columns' names, @timestamp and community_id.
    create : bool
        If there is no such index, put the index template of the plan (as ``flowlab-`` and the
        index, for this one name) and make the index. Without it, that is an error: a server left
        to guess would store addresses as text.
    dry_run : bool
        Ask no server anything; give the plan: how many records, the template, first documents.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]
    auth : (str, str) or str, optional
        User and password, or an API key of Elasticsearch. By default OPENSEARCH_USERNAME and
        OPENSEARCH_PASSWORD, or ELASTIC_API_KEY, of the environment; else, for a host of AWS's
        service (domains and serverless collections), requests signed with your AWS credentials.
    profile : str, optional
        Profile of your AWS configuration to sign with.
    ca_certs : path, optional
        PEM file with the authority behind the server's certificate. Certificates are always
        checked.
    allow_http : bool
        Also send to other machines in the clear.
    client : opensearchpy.OpenSearch, optional
        A client of your own instead of `to`, `auth`, `profile`, `ca_certs` and `timeout`.
    refused : path, optional
        File for refused documents, one JSON object a line; it must not be there yet. By default
        ``<index>.refused-<time>.ndjson`` here. Made only if one is refused.
    timeout : float
        For one request. [s]
    retries : int
        Attempts after the first while nothing moves: with status 429, 502, 503 and 504, a broken
        line, no answer in time. Waits double up to a minute; a Retry-After is heeded.
    batch_bytes : int
        Largest request; halved when the server calls one too large (413).
    progress : bool
        Show a progress bar when it takes more than a second.

    Returns
    -------
    Shipment or ShippingPlan
        What became of each record; or, with `dry_run`, what would be done.

    Raises
    ------
    ShipmentError
        It stopped before the end: the server refuses us, is unreachable or stays busy, or you
        stopped it. Its ``shipment`` is the account until then.
    FlowlabError
        A wrong address or index name, no such index, one that has fields with types that these
        documents do not fit, or one without types that would store addresses as text; `refused` is
        there already. Nothing was sent.
    MissingExtraError
        opensearch-py is not installed.

    Notes
    -----
    Records that are equal in every field are one document; `Shipment.already_there` counts the
    others. The same record read with fewer columns has another id. NODATA and SKIPDATA rows are no
    records, and stay behind. A collection of AWS's
    serverless service must be of type search: those for time series take no ids.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> plan = fl.ship(flows, "https://search.example.com:9200", dry_run=True)
    >>> plan.records, plan.template["template"]["mappings"]["properties"]["source"]["properties"][
    ...     "ip"
    ... ]
    (97029, {'type': 'ip'})
    >>> fl.ship(flows, "https://search.example.com:9200", create=True)      # doctest: +SKIP
    """
    templates.index_name(index)
    if batch_bytes < 1 or retries < 0 or timeout <= 0:
        raise FlowlabError("batch_bytes= and timeout= must be above 0, retries= not below.")
    templates.targets_of(schema)
    if not dry_run:
        client, where = _client(client, to, auth, profile, ca_certs, allow_http, timeout)
    else:
        where = to or "a server"
    with paging.opened(flows, progress) as (table, notices):
        targets = templates.targets_of(schema, as_table(table).columns)
        records = paging.count(table, "ship", start, end)
        pages = paging.pages(table, "ship", start=start, end=end, in_time=True)
        if dry_run:
            return _plan(where, index, schema, records, pages, targets)
        shipment = Shipment(where, index, schema, records, notices=notices)
        file = _refused_file(refused, index)
        sender = Sender(
            client, index, shipment, refused=file, batch_bytes=batch_bytes, retries=retries
        )
        _prepare(sender, client, shipment, create)
        _send(sender, shipment, pages, targets, progress)
    return shipment


def _client(
    client: Any, to: str | None, auth: Auth, profile: str | None, ca_certs: Any, allow_http: bool,
    timeout: float,
) -> tuple[Any, str]:  # fmt: skip
    if client is None:
        if to is None:
            raise FlowlabError(
                "ship needs to know where to.",
                fix='pass to="https://host:9200", or client=; dry_run=True shows what would go.',
            )
        return clients.connect(
            to, auth=auth, profile=profile, ca_certs=ca_certs, allow_http=allow_http,
            timeout=timeout,
        )  # fmt: skip
    if not isinstance(client, clients.library().OpenSearch):
        raise FlowlabError(
            f"client= is a {type(client).__module__}.{type(client).__name__}, not an "
            "opensearchpy.OpenSearch.",
            "Elasticsearch's own client refuses to speak to OpenSearch; opensearch-py speaks to "
            "both.",
            "pass to= and auth= instead, or an opensearchpy.OpenSearch.",
        )
    return client, "the server of client="


def _plan(
    where: str, index: str, schema: str, records: int, pages: Any, targets: Sequence[Target]
) -> ShippingPlan:
    first = itertools.chain.from_iterable(_documents(page, targets) for page in pages)
    shown = [{"_id": d.id, **json.loads(d.text)} for d in itertools.islice(first, _SHOWN)]
    return ShippingPlan(where, index, schema, records, templates.template(index, schema), shown)


def _refused_file(refused: str | os.PathLike[str] | None, index: str) -> Path:
    if refused is None:
        now = datetime.datetime.now(datetime.UTC)
        return Path(f"{index}.refused-{now:%Y%m%dT%H%M%S.%fZ}.ndjson")
    path = Path(refused).expanduser()
    if path.exists():
        raise FlowlabError(
            f"refused={str(path)!r} is there already.",
            "an earlier run may have kept its refused documents in it.",
            "name a file that is not there yet, or move that one away.",
        )
    return path


def _prepare(sender: Sender, client: Any, shipment: Shipment, create: bool) -> None:
    """See that the index is there and fits, or make it if asked to."""
    from opensearchpy import NotFoundError

    index, schema = shipment.index, shipment.schema
    doing = f"looking at index {index} at {shipment.to}"
    try:
        there = sender.patiently(lambda: client.indices.get_mapping(index=index), doing)
    except NotFoundError as missing:
        there = None
        if "index_not_found" not in str(missing.error):
            raise answers.explain(missing, doing) from None
    if there is None:
        if not create:
            raise FlowlabError(
                f"{shipment.to} has no index {index}.",
                "it was not made yet; a server left to guess would store addresses as text.",
                "look at the plan, fl.ship(..., dry_run=True), then pass create=True.",
            )
        _create(sender, client, index, schema, shipment.to)
        return
    if not isinstance(there, dict):
        raise FlowlabError(f"{doing}: the answer is no mapping.", fix="check to= with curl.")
    if wrong := templates.conflicts(there, schema):
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise FlowlabError(
            f"index {index} has fields of other types: {'; '.join(wrong[:5])}{more}.",
            "it was made by another tool, or by documents before there was a template.",
            'ship to an index of another name, or re-index it; schema="raw" has other fields.',
        )
    if guessed := templates.untyped(there, schema):
        raise FlowlabError(
            f"index {index} has no type for {', '.join(guessed[:5])}.",
            "it was made without the template; the server would store addresses as text, in which "
            "no network can be searched.",
            "delete it if it is empty and pass create=True, ship to an index of another name, or "
            "put plan.template['template']['mappings'] of a dry_run to its _mapping.",
        )


def _create(sender: Sender, client: Any, index: str, schema: str, where: str) -> None:
    body = templates.template(index, schema)
    name = f"flowlab-{index}"
    sender.patiently(
        lambda: client.indices.put_index_template(name=name, body=body),
        f"putting the index template {name} at {where}",
    )
    sender.patiently(
        # Somebody else, or an attempt whose answer was lost, may have made it in between.
        lambda: client.indices.create(index=index, ignore=400),
        f"making index {index} at {where}",
    )


def _documents(page: Any, targets: Sequence[Target]) -> Iterator[Document]:
    lists, rows = paging.as_lists(page), page.num_rows
    ids = hashing.document_ids(lists, rows)
    for id_, document in zip(ids, documents.build(targets, lists, rows), strict=True):
        yield Document(id_, json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def _send(
    sender: Sender, shipment: Shipment, pages: Any, targets: Sequence[Target], progress: bool
) -> None:
    import pandas as pd
    import pyarrow.compute as pc
    from tqdm.auto import tqdm

    bar = tqdm(
        total=shipment.records, desc="shipping", unit=" records", unit_scale=True, delay=1,
        leave=False, disable=not progress,
    )  # fmt: skip
    try:
        with bar:
            for page in pages:
                for settled in sender.send(_documents(page, targets)):
                    bar.update(settled)
                if "start" in page.column_names and page["start"].null_count < page.num_rows:
                    # Records that start in a page's last second may be in the next page too.
                    latest = pc.max(page["start"]).as_py()
                    shipment.reached = pd.Timestamp(latest, unit="s", tz="UTC")
    except KeyboardInterrupt:
        raise ShipmentError(FlowlabError("stopped."), shipment) from None
    except FlowlabError as problem:
        raise ShipmentError(problem, shipment) from problem
    if not shipment.complete:
        shipment.notices.append("the source changed while it was being read.")
