"""A server on loopback that speaks as much of Elasticsearch and OpenSearch as shipping needs.

It is strict: NDJSON to the letter, op types, ids, and every value against the mapping that the
index template gave it, by Python's own ipaddress and datetime. It plays scripted faults. It proves
what the client sends and how it takes answers; it is no search engine.

Faults, one for each bulk request, then none: 429, 503 (whole); ("retry-after", seconds) with 429;
"rst" (line broken before), "lost" (done, then line broken), "slow"; ("item429", n), ("item400", n),
"html", "short" (an item too few), "other" (another's ids).
"""

from __future__ import annotations

import base64
import collections
import datetime
import gzip
import ipaddress
import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

SLOW = 3.0  # [s]


class FakeBulk(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, faults=(), max_bytes=10_000_000, login=None, key=None, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults, self.max_bytes = collections.deque(faults), max_bytes
        self.wanted = None
        if login:
            self.wanted = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        if key:
            self.wanted = f"ApiKey {key}"
        self.docs, self.sizes, self.wrong, self.requests = {}, [], [], []
        self.templates, self.indices = {}, {}
        self.lock = threading.Lock()
        self.tls = tls is not None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http{'s' * self.tls}://127.0.0.1:{self.server_address[1]}"

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join(5)

    def handle_error(self, request, client_address):
        pass  # broken lines are what we play

    def make(self, index):
        """Make an index, from the template that names it if there is one."""
        found = [t for t in self.templates.values() if index in t["index_patterns"]]
        self.indices[index] = found[0]["template"]["mappings"] if found else {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, code, body, headers=(), kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, code, kind, reason):
        error = {"type": kind, "reason": reason, "root_cause": [{"type": kind, "reason": reason}]}
        self.answer(code, {"error": error, "status": code})

    def do_any(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = unquote(self.path.split("?")[0])
        with server.lock:
            server.requests.append((self.command, path, dict(self.headers.items())))
        if server.wanted and self.headers.get("Authorization") != server.wanted:
            return self.refuse(401, "security_exception", "missing authentication credentials")
        parts = path.strip("/").split("/")
        if path == "/_bulk" and self.command == "POST":
            return self.bulk(body)
        if self.command == "GET" and parts[1:] == ["_mapping"]:
            if parts[0] not in server.indices:
                return self.refuse(404, "index_not_found_exception", f"no such index [{parts[0]}]")
            return self.answer(200, {parts[0]: {"mappings": server.indices[parts[0]]}})
        if self.command == "PUT" and parts[0] == "_index_template":
            server.templates[parts[1]] = json.loads(body)
            return self.answer(200, {"acknowledged": True})
        if self.command == "PUT" and len(parts) == 1:
            if parts[0] in server.indices:
                return self.refuse(400, "resource_already_exists_exception", "already exists")
            server.make(parts[0])
            return self.answer(200, {"acknowledged": True})
        return self.refuse(404, "no_handler", "no such route")

    do_GET = do_PUT = do_POST = do_HEAD = do_any

    def break_line(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def bulk(self, body):
        server = self.server
        with server.lock:
            fault = server.faults.popleft() if server.faults else None
            server.sizes.append(len(body))
        if fault == "rst":
            return self.break_line()
        if fault == "slow":
            time.sleep(SLOW)
        if fault in (429, 503):
            return self.refuse(fault, "circuit_breaking_exception", "too much at once")
        if isinstance(fault, tuple) and fault[0] == "retry-after":
            return self.answer(429, {"error": "busy"}, [("Retry-After", str(fault[1]))])
        if fault == "html":
            return self.answer(200, b"<html>welcome</html>", kind="text/html")
        if len(body) > server.max_bytes:
            return self.answer(413, b"", kind="text/plain")
        problem, pairs = self.read(body)
        if problem:
            server.wrong.append(problem)
            return self.refuse(400, "illegal_argument_exception", problem)
        items = [self.store(at, *pair, fault) for at, pair in enumerate(pairs)]
        if fault == "lost":
            return self.break_line()
        if fault == "short":
            items = items[:-1]
        if fault == "other":
            items[0]["create"]["_id"] = "another"
        errors = any(item["create"]["status"] >= 300 for item in items)
        return self.answer(200, {"took": 1, "errors": errors, "items": items})

    def read(self, body):
        """Take a request apart, or say what is wrong with it."""
        kind = self.headers.get("Content-Type", "").split(";")[0]
        if kind not in ("application/json", "application/x-ndjson"):
            return f"content type {kind}", []
        if not body.endswith(b"\n"):
            return "The bulk request must be terminated by a newline", []
        lines = body[:-1].split(b"\n")
        if len(lines) % 2:
            return "an action without a document", []
        pairs = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            ((operation, meta),) = json.loads(action).items()
            if operation != "create" or set(meta) != {"_index", "_id"}:
                return f"not a create with an id: {action!r}", []
            if not meta["_id"] or len(meta["_id"]) > 512:
                return "a bad _id", []
            pairs.append((meta, json.loads(document)))
        return "", pairs

    def store(self, at, meta, document, fault):
        server, key = self.server, (meta["_index"], meta["_id"])
        said = {"_index": key[0], "_id": key[1]}
        kind = fault[0] if isinstance(fault, tuple) else ""
        if kind == "item429" and at < fault[1]:
            error = {"type": "es_rejected_execution_exception", "reason": "queue full"}
            return {"create": {**said, "status": 429, "error": error}}
        with server.lock:
            problem = mismatch(server.indices.get(key[0], {}).get("properties", {}), document)
            if (kind == "item400" and at < fault[1]) or problem:
                cause = {"type": "illegal_argument_exception", "reason": problem or "played"}
                error = {"type": "document_parsing_exception", "reason": "failed to parse",
                         "caused_by": cause}  # fmt: skip
                return {"create": {**said, "status": 400, "error": error}}
            if key in server.docs:
                error = {"type": "version_conflict_engine_exception", "reason": "exists"}
                return {"create": {**said, "status": 409, "error": error}}
            server.docs[key] = document
        return {"create": {**said, "status": 201, "result": "created"}}


def mismatch(properties, document, above=""):
    """Say which value does not fit its mapping, or nothing."""
    for name, value in document.items():
        field = properties.get(name)
        if field is None:
            continue
        if "properties" in field:
            if not isinstance(value, dict):
                return f"{above}{name} is no object"
            if found := mismatch(field["properties"], value, f"{above}{name}."):
                return found
            continue
        for each in value if isinstance(value, list) else [value]:
            try:
                FITS[field["type"]](each)
            except (ValueError, TypeError, AssertionError):
                return f"{above}{name}: {each!r} is no {field['type']}"
    return ""


def _long(value):
    assert isinstance(value, int)
    assert not isinstance(value, bool)
    assert -(2**63) <= value < 2**63


def _text(value):
    assert isinstance(value, str)
    assert value not in ("", "-")


FITS = {
    "ip": ipaddress.ip_address,
    "long": _long,
    "keyword": _text,
    "date": lambda value: datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z"),
}
