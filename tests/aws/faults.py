"""Faults between boto3 and AWS, for tests.

`script(client, operation, [throttle(), reset(), PASS])` answers in botocore's place before a
request is sent: the real parser and the real retries run, no server is needed. `ChaosProxy` stands
before a server on loopback and cuts bodies, resets connections, stalls: faults that only a wire has.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore import exceptions
from botocore.awsrequest import AWSResponse

Fault = Callable[[Any], Any]
PASS = None  # no fault: the request goes to the server


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, amt=65536, decode_content=None):
        while chunk := self.read(amt):
            yield chunk


def response(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Fault:
    return lambda request: AWSResponse(request.url, status, headers or {}, _Raw(body))


def jsonerr(status: int, code: str, message: str = "injected", **headers: str) -> Fault:
    """An error as CloudWatch Logs and other JSON services give it."""
    body = json.dumps({"__type": code, "message": message}).encode()
    kind = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-requestid": "injected"}
    return response(status, body, kind | headers)


def xmlerr(
    status: int, code: str, message: str = "injected", more: str = "", **headers: str
) -> Fault:
    """An error as S3 gives it; `more` are further elements."""
    body = (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    )
    return response(status, body.encode(), {"Content-Type": "application/xml"} | headers)


def ec2err(status: int, code: str, message: str = "injected") -> Fault:
    """An error as EC2 gives it."""
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>injected</RequestID></Response>"
    )
    return response(status, body.encode(), {"Content-Type": "text/xml"})


def raises(kind: type[Exception]) -> Fault:
    """A connection that fails."""

    def fail(request):
        if kind is exceptions.HTTPClientError:
            raise kind(error="injected")
        raise kind(endpoint_url=request.url, error="injected", request=request, response=None)

    return fail


def throttle() -> Fault:
    return jsonerr(400, "ThrottlingException", "Rate exceeded")


def expired() -> Fault:
    return jsonerr(400, "ExpiredTokenException", "The security token is expired")


def slowdown() -> Fault:
    return xmlerr(503, "SlowDown", "Please reduce your request rate.")


def denied() -> Fault:
    return xmlerr(403, "AccessDenied", "Access Denied")


def reset() -> Fault:
    return raises(exceptions.ConnectionClosedError)


def timeout() -> Fault:
    return raises(exceptions.ReadTimeoutError)


class script:
    """Play faults, one a request, for one operation; after the last, requests pass.

    Parameters
    ----------
    client : boto3 client
    operation : str
        As AWS names it: ``ListObjectsV2``.
    faults : sequence of faults and PASS
    match : callable, optional
        Of the request: which ones the faults are for (``lambda r: "prefix" in r.url``).
    forever : bool
        Begin again after the last.
    """

    def __init__(
        self,
        client: Any,
        operation: str,
        faults: Iterable[Fault | None],
        match: Callable[[Any], bool] | None = None,
        forever: bool = False,
    ) -> None:
        self.calls = 0
        self._match = match
        self._faults = itertools.cycle(faults) if forever else iter(faults)
        self._lock = threading.Lock()
        self._events = client.meta.events
        service = client.meta.service_model.service_id.hyphenize()
        self._event = f"before-send.{service}.{operation}"
        self._events.register_first(self._event, self._answer, unique_id=id(self))

    def _answer(self, request, **_):
        if self._match and not self._match(request):
            return None
        with self._lock:
            self.calls += 1
            fault = next(self._faults, PASS)
        return None if fault is PASS else fault(request)

    def __enter__(self) -> script:
        return self

    def __exit__(self, *_) -> None:
        self._events.unregister(self._event, self._answer, unique_id=id(self))


class ChaosProxy:
    """A TCP proxy before a server on loopback, that breaks connections by rules.

    Parameters
    ----------
    host, port
        Of the server.
    rules : sequence of (pattern, action, times)
        Pattern over the request's head; action ``("cut", bytes of the body that pass)``,
        ``("rst",)`` or ``("stall", seconds)``; how many requests it is done to.

    Attributes
    ----------
    log : list of (request line, action or None)
    """

    def __init__(self, host: str, port: int, rules: Sequence[tuple[str, tuple, int]]) -> None:
        self._server = (host, port)
        self._rules = [list(rule) for rule in rules]
        self.log: list[tuple[str, tuple | None]] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._closed = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> ChaosProxy:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._closed = True
        # accept() does not wake up when its socket is closed: knock once.
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._acceptor.join(5)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                # The thread that serves it may have closed it, and be about to discard it.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._closed:
                client.close()
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client, socket.create_connection(self._server) as server:
                while self._exchange(client, server):
                    pass
        except OSError:
            pass  # either side hung up: what a proxy lives with
        finally:
            with self._lock:
                self._open.discard(client)

    def _exchange(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass one request and its answer on; whether the connection goes on."""
        head, body = _head(client)
        if not head:
            return False
        action = self._action(head)
        if action == ("rst",):
            # Closing without waiting for what is unsent is a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        server.sendall(head + body)
        if b"100-continue" in head.lower():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        missing = (_length(head) or 0) - len(body)
        while missing > 0:
            piece = client.recv(65536)
            server.sendall(piece)
            missing -= len(piece)
        if action and action[0] == "stall":
            time.sleep(action[1])
        head, body = _head(server)
        client.sendall(head)
        total = _length(head)
        passes = action[1] if action and action[0] == "cut" else None
        sent = 0
        while True:
            if passes is not None and sent + len(body) >= passes:
                client.sendall(body[: passes - sent])
                return False
            client.sendall(body)
            sent += len(body)
            if total is not None and sent >= total:
                return True
            body = server.recv(65536)
            if not body:
                return False

    def _action(self, head: bytes) -> tuple | None:
        text = head.decode("latin1")
        with self._lock:
            action = None
            for rule in self._rules:
                if rule[2] and re.search(rule[0], text):
                    rule[2] -= 1
                    action = rule[1]
                    break
            self.log.append((text.partition("\r\n")[0], action))
        return action


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read up to the empty line: the head with it, and what of the body came along."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b"", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def _length(head: bytes) -> int | None:
    match = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(match[1]) if match else None
