"""The server of a practice account: moto's, on loopback, behind a gate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flowlab.errors import MissingExtraError
from flowlab.practice.gate import Gate

# What one PutLogEvents takes; each event counts 26 bytes more than its message.
_MOST_EVENTS, _MOST_BYTES, _EVENT_BYTES = 10_000, 1 << 20, 26


def serve(account_id: str) -> tuple[Any, Gate]:
    """Start moto's server on a free port of loopback, with a gate before it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns before it raises
            from moto.moto_server.werkzeug_app import MotoRequestHandler
            from moto.server import ThreadedMotoServer
    except ImportError as missing:
        raise MissingExtraError(
            "a practice account needs moto and its server, which are not installed here.",
            f"{missing.name or 'moto'} is missing: it is part of flowlab's extra 'lab'.",
            "pip install 'flowlab[lab]', then restart the kernel.",
        ) from missing

    class Quiet(MotoRequestHandler):
        def log(self, *_: Any) -> None:
            """Say nothing: each request would be a line on stderr."""

    gate = Gate(account_id)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    wsgi = server._server  # the one place where werkzeug keeps its application
    assert wsgi is not None  # noqa: S101
    gate.app, wsgi.app, wsgi.RequestHandlerClass = wsgi.app, gate, Quiet
    return server, gate


def client(service: str, endpoint_url: str, region: str) -> Any:
    """Make a client that knows nothing of the AWS configuration of this machine."""
    from botocore.config import Config

    from flowlab.sources.aws import nobody

    # Without a proxy: what would it know of this machine's loopback?
    config: Any = Config(
        proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 2},
        max_pool_connections=16, request_checksum_calculation="when_required",
    )  # fmt: skip
    return nobody(region).client(service, endpoint_url=endpoint_url, config=config)


def batches(events: Iterable[tuple[int, str]]) -> Iterator[list[dict[str, Any]]]:
    """Cut the events of a stream, in order of time, into requests that AWS would take."""
    batch: list[dict[str, Any]] = []
    size = 0
    for moment, line in events:
        weight = len(line.encode()) + _EVENT_BYTES
        if batch and (len(batch) == _MOST_EVENTS or size + weight > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": moment, "message": line})
        size += weight
    if batch:
        yield batch


def forget(client: Callable[[str], Any], account_id: str) -> None:
    """Delete all that an account held: moto keeps it as long as the process runs."""
    from moto import backends

    s3 = client("s3")
    for bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            if keys := [{"Key": found["Key"]} for found in page.get("Contents", [])]:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        s3.delete_bucket(Bucket=bucket)
    for service in ("ec2", "iam", "kms", "logs", "s3"):
        backends.get_backend(service).pop(account_id, None)
