"""The gate of a practice account: every request passes it on its way to moto."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

# What S3 is asked, by what stands in the query of a GET; none of these is the bucket's objects.
_OF_BUCKETS = {
    "policy": "s3:GetBucketPolicy",
    "location": "s3:GetBucketLocation",
    "ownershipControls": "s3:GetBucketOwnershipControls",
    "encryption": "s3:GetEncryptionConfiguration",
}
_JSON = ("logs", "kms", "firehose")
_CODES = {"ec2": "UnauthorizedOperation", **dict.fromkeys(_JSON, "AccessDeniedException")}
_DENIED = "not authorized to perform {}: the practice account was told to deny it"
_UNABLE = "the practice account simulates no policies"


class Gate:
    """WSGI application that every request passes; what is to go wrong on purpose goes here.

    Attributes
    ----------
    denied : list of str
        Of a bucket, as in "/bucket/prefix": what is below is neither listed nor read.
    denied_actions : tuple of str
        IAM actions, as in ``ec2:DescribeFlowLogs``.
    before : callable
        Called before events or objects are asked for.
    """

    def __init__(self, account_id: str) -> None:
        self.app: Any = None  # moto's
        self.account_id = account_id
        self.denied: list[str] = []
        self.denied_actions: tuple[str, ...] = ()
        self.before: Callable[[], None] = lambda: None

    def deny(self, actions: tuple[str, ...]) -> None:
        """Refuse these IAM actions from now on, and no others."""
        self.denied_actions = actions

    def __call__(self, environ: dict[str, Any], respond: Any) -> Iterable[bytes]:
        """Answer a request, or let moto do it."""
        # Else it would be moto's own account, and the records another's.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account_id
        listed = parse_qs(environ.get("QUERY_STRING", "")).get("prefix", [""])[0]
        asked = environ["PATH_INFO"].rstrip("/") + (f"/{listed}" if listed else "")
        if any(asked.startswith(prefix) for prefix in self.denied):
            return _refuse(respond, "s3", "AccessDenied", "Access Denied")
        action = action_of(environ)
        service = action.partition(":")[0]
        if action in self.denied_actions:
            code = _CODES.get(service, "AccessDenied")
            return _refuse(respond, service, code, _DENIED.format(action))
        if action == "iam:SimulatePrincipalPolicy":
            # moto would answer with a server error, which boto3 would try ten times.
            return _refuse(respond, service, "NotImplemented", _UNABLE, "400 Bad Request")
        if re.match("logs:(Describe|Filter|Get)|s3:(Get|List)", action):
            self.before()
        answer: Iterable[bytes] = self.app(environ, respond)
        return answer


def action_of(environ: dict[str, Any]) -> str:
    """Tell which IAM action permits a request, as in ``ec2:DescribeVpcs``; "" if it is unclear."""
    signed = re.search(
        r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", "")
    )
    service = signed[1] if signed else ""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return f"{service}:{target.rpartition('.')[2]}"
    if service == "s3":
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        reading = environ["REQUEST_METHOD"] == "GET"
        named = [action for word, action in _OF_BUCKETS.items() if reading and word in query]
        bucket_alone = "/" not in environ["PATH_INFO"].strip("/")
        listing = "s3:ListBucket" if environ["PATH_INFO"].strip("/") else "s3:ListAllMyBuckets"
        of_all = listing if bucket_alone else "s3:GetObject"
        return (named or [of_all if reading else "s3:"])[0]
    if service in ("ec2", "iam", "sts") and environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)  # moto reads it again
        return f"{service}:{parse_qs(body.decode()).get('Action', [''])[0]}"
    return f"{service}:"


def _refuse(
    respond: Any, service: str, code: str, message: str, status: str = "403 Forbidden"
) -> list[bytes]:
    """Refuse in the words of a service."""
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if service in _JSON:
        respond("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps({"__type": code, "message": message}).encode()]
    respond(status, [("Content-Type", "text/xml")])
    if service == "s3":
        return [f"<Error>{error}</Error>".encode()]
    if service == "ec2":
        return [f"<Response><Errors><Error>{error}</Error></Errors></Response>".encode()]
    return [f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>".encode()]
