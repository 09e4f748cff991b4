"""What a server's answer means: try again, give up, or this document is not wanted."""

from __future__ import annotations

from typing import Any

from flowlab.errors import FlowlabError
from flowlab.sources.refusals import scrub

# What passes by itself: too many requests, a gateway in trouble, a broken line, silence.
PASSING = (429, 502, 503, 504, "N/A", "TIMEOUT")
TOO_LARGE = 413

_WHY: dict[Any, tuple[str, str]] = {
    401: (
        "the server does not know who asks: no credentials, or wrong ones.",
        (
            "pass auth=(user, password) or auth=api_key, or set OPENSEARCH_USERNAME and "
            "OPENSEARCH_PASSWORD, or ELASTIC_API_KEY."
        ),
    ),
    403: (
        "these credentials may not do this.",
        (
            "ask for the permissions create_doc (or create), view_index_metadata and, with "
            "create=True, create_index and manage_index_templates; on AWS also the domain's or the "
            "collection's access policy."
        ),
    ),
    404: (
        "there is no such thing at this address: a wrong path, or no Elasticsearch or OpenSearch.",
        "check to= with curl: it should answer with a version.",
    ),
    429: (
        "the server has more to do than it can, and so it stayed.",
        "run it again later, or at a quieter time.",
    ),
    "TIMEOUT": (
        "the server takes longer than timeout= allows.",
        "pass a longer timeout=, or smaller requests: batch_bytes=1_000_000.",
    ),
    "N/A": (
        "nothing listens there, the name is wrong, or a proxy or firewall cuts the line.",
        "check host and port of to= with curl.",
    ),
    "unsigned": (
        "there are no AWS credentials any more to sign requests with.",
        "sign in again: aws sso login, or new keys; profile= picks one of several.",
    ),
    "tls": (
        (
            "its certificate is not signed by an authority known here, is for another name, or has "
            "expired; or this port speaks no TLS."
        ),
        (
            'for a certificate of your own pass ca_certs="ca.pem"; Elasticsearch keeps it in '
            "config/certs/http_ca.crt."
        ),
    ),
}


def status_of(problem: Any) -> Any:
    """Give the status of a client's error: HTTP's, "N/A" or "TIMEOUT".

    "tls" and "unsigned" are ours: the client takes both for a broken line, and neither passes.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from opensearchpy import SSLError

    if isinstance(problem, SSLError):
        return "tls"
    if isinstance(getattr(problem, "info", None), BotoCoreError | ClientError):
        return "unsigned"
    return getattr(problem, "status_code", None)


def explain(problem: Any, doing: str, attempts: int = 1) -> FlowlabError:
    """Translate an error of the client into one that says what, why and what to do."""
    status = status_of(problem)
    passing = status in PASSING
    why, fix = _WHY.get(status, ("", ""))
    if isinstance(status, int) and status >= 500:
        why, fix = "the server, or a gateway before it, is in trouble.", "look at its own log."
    if isinstance(status, int) and 300 <= status < 400:
        why, fix = "the address has moved; credentials are not sent on.", "pass the new one as to=."
    if status is None:
        why, fix = _WHY[404]
    said = f"status {status}" if isinstance(status, int) else _NAMES.get(status, "no JSON came")
    tried = f" ({attempts} attempts)" if passing and attempts > 1 else ""
    detail = scrub(_detail(problem))
    return FlowlabError(f"{doing}: {said}{tried}" + (f": {detail}" if detail else "."), why, fix)


_NAMES = {
    "N/A": "no connection", "TIMEOUT": "no answer in time", "tls": "no secure connection",
    "unsigned": "the request could not be signed",
}  # fmt: skip


def _detail(problem: Any) -> str:
    info = getattr(problem, "info", None)
    if isinstance(info, dict):
        return reason_of(info.get("error"))
    if status_of(problem) in _NAMES:
        return str(getattr(problem, "error", ""))
    return ""


def reason_of(error: Any) -> str:
    """Say in one line why a document, or a request, was refused."""
    if not isinstance(error, dict):
        return scrub(str(error or ""))
    cause = error.get("caused_by")
    words = [str(error.get(key)) for key in ("type", "reason") if error.get(key)]
    if isinstance(cause, dict) and cause.get("reason"):
        words.append(str(cause["reason"]))
    return scrub(": ".join(words))
