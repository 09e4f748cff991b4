"""The server of a practice account: moto's, on loopback, with a gate that every request passes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs

from flowlab.errors import MissingExtraError

# What one PutLogEvents takes; each event counts 26 bytes more than its message.
_MOST_EVENTS, _MOST_BYTES, _EVENT_BYTES = 10_000, 1 << 20, 26


class Gate:
    """WSGI application that every request passes; what is to go wrong on purpose goes here."""

    def __init__(self, account_id: str) -> None:
        self.app: Any = None  # moto's
        self.account_id = account_id
        self.denied: list[str] = []  # "/bucket/prefix"

    def __call__(self, environ: dict[str, Any], respond: Any) -> Iterable[bytes]:
        """Answer a request, or let moto do it."""
        # Else it would be moto's own account, and the records another's.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account_id
        listed = parse_qs(environ.get("QUERY_STRING", "")).get("prefix", [""])[0]
        asked = environ["PATH_INFO"].rstrip("/") + (f"/{listed}" if listed else "")
        if any(asked.startswith(prefix) for prefix in self.denied):
            respond("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        answer: Iterable[bytes] = self.app(environ, respond)
        return answer


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


def forget(
    client: Callable[[str], Any],
    bucket: str,
    group: str,
    flow_logs: Sequence[str],
    vpcs: Sequence[str],
) -> None:
    """Delete what an account was filled with: moto keeps it as long as the process runs."""
    s3, logs, ec2 = client("s3"), client("logs"), client("ec2")
    if any(found["Name"] == bucket for found in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            if keys := [{"Key": found["Key"]} for found in page.get("Contents", [])]:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        s3.delete_bucket(Bucket=bucket)
    if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.delete_log_group(logGroupName=group)
    if flow_logs:
        ec2.delete_flow_logs(FlowLogIds=flow_logs)
    for vpc in vpcs:
        ec2.delete_vpc(VpcId=vpc)
