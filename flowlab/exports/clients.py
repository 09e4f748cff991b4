"""A client for Elasticsearch or OpenSearch: where, as whom, over a connection that is checked."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from flowlab.errors import FlowlabError, MissingExtraError
from flowlab.sources.refusals import explain, scrub

if TYPE_CHECKING:
    import opensearchpy

# AWS's service: domains (es), serverless collections (aoss), and the dual-stack names of both.
_AWS_HOSTS = (
    re.compile(r"\.(?P<region>[a-z0-9-]+)\.(?P<service>es|aoss)\.amazonaws\.com(?:\.cn)?$"),
    re.compile(r"\.(?P<service>aos|aoss)\.(?P<region>[a-z0-9-]+)\.on\.aws$"),
)
Auth = str | tuple[str, str] | None


def connect(
    to: str, *, auth: Auth, profile: str | None, ca_certs: Any, allow_http: bool, timeout: float
) -> tuple[opensearchpy.OpenSearch, str]:
    """Make a client, without asking the server anything yet.

    Returns
    -------
    (OpenSearch, str)
        The client, which leaves retries to us; and the address for people, without secrets.

    Raises
    ------
    FlowlabError
        Not an address of a server, one that would be reached in the clear, or no credentials.
    MissingExtraError
        opensearch-py is not installed.
    """
    opensearch = library()
    url = _address(to, allow_http)
    options: dict[str, Any] = {}
    auth = auth if auth is not None else _from_environment()
    if isinstance(auth, str):
        options["headers"] = {"Authorization": f"ApiKey {auth}"}
    elif auth is not None:
        options["http_auth"] = _user_and_password(auth)
    elif aws := aws_service(url.hostname or ""):
        options["http_auth"] = _signer(*aws, profile)
    if ca_certs is not None:
        options["ca_certs"] = _existing(ca_certs)
    secure = url.scheme == "https"
    host = {
        "host": url.hostname, "port": url.port or (443 if secure else 80), "use_ssl": secure,
        "url_prefix": url.path.strip("/"),
    }  # fmt: skip
    client = opensearch.OpenSearch(
        hosts=[host], connection_class=_listening(), timeout=timeout, http_compress=True,
        max_retries=0, **options,
    )  # fmt: skip
    return client, f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def library() -> Any:
    """Import opensearch-py.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import opensearchpy
    except ImportError as error:
        raise MissingExtraError(
            "shipping to Elasticsearch or OpenSearch needs opensearch-py, which is not installed.",
            "flowlab was installed without its extra `opensearch`",
            "pip install 'flowlab[opensearch]'",
        ) from error
    return opensearchpy


def aws_service(host: str) -> tuple[str, str] | None:
    """Give service and region of AWS's own OpenSearch by its host name, or None."""
    for pattern in _AWS_HOSTS:
        if found := pattern.search(host.lower()):
            return {"aos": "es"}.get(found["service"], found["service"]), found["region"]
    return None


def _address(to: str, allow_http: bool) -> SplitResult:
    fix = 'pass to="https://host:9200", the address that `curl` would take.'
    try:
        url = urlsplit(str(to))
        host, _ = url.hostname, url.port
    except ValueError:
        raise FlowlabError("to= is not the address of a server.", fix=fix) from None
    if url.username is not None or url.password is not None:
        raise FlowlabError(
            f"to= has a user or a password in it (host {host}).",
            "an address is shown in notebooks, ledgers and messages.",
            "leave them out, and pass auth=(user, password), or set OPENSEARCH_USERNAME and "
            "OPENSEARCH_PASSWORD.",
        )
    if url.scheme not in ("http", "https") or not host or url.query or url.fragment:
        raise FlowlabError(f"to={scrub(str(to))!r} is not the address of a server.", fix=fix)
    if url.scheme == "http" and not (allow_http or _is_loopback(host)):
        raise FlowlabError(
            f"to= asks for {host} without TLS: flow records and credentials could be read on the "
            "way.",
            fix="use https://, with ca_certs= for a certificate of your own; or allow_http=True.",
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_environment() -> Auth:
    user, password = (os.environ.get(f"OPENSEARCH_{name}") for name in ("USERNAME", "PASSWORD"))
    if user and password:
        return user, password
    return os.environ.get("ELASTIC_API_KEY") or None


def _user_and_password(auth: Any) -> tuple[str, str]:
    pair = tuple(auth) if isinstance(auth, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(part, str) and part for part in pair):
        raise FlowlabError(
            "auth= is neither a key nor a pair.",
            fix="pass auth=(user, password), auth=key for an API key, or leave it out.",
        )
    return pair


def _signer(service: str, region: str, profile: str | None) -> Any:
    import boto3
    from opensearchpy import Urllib3AWSV4SignerAuth

    try:
        credentials = boto3.Session(profile_name=profile).get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()  # an expired sign-in shows here, before any record
    except Exception as problem:  # noqa: BLE001 (botocore's own, all of them explained)
        raise explain(problem, "looking for AWS credentials", profile) from None
    if credentials is None:
        raise FlowlabError(
            "AWS's OpenSearch asks for signed requests, and there are no AWS credentials here.",
            fix="sign in (aws sso login, aws configure) and pass profile=, or pass "
            "auth=(user, password) of the domain's own user database.",
        )
    return Urllib3AWSV4SignerAuth(credentials, region, service)


def _existing(ca_certs: Any) -> str:
    if not os.path.isfile(ca_certs):  # noqa: PTH113 (any kind of path)
        raise FlowlabError(
            f"ca_certs={str(ca_certs)!r}: there is no such file.",
            fix="pass the PEM file with the certificate of the authority that signed the server's.",
        )
    return str(ca_certs)


def _listening() -> type[Any]:
    """Make the connection class that remembers Retry-After, which the client's errors drop."""
    from opensearchpy import Urllib3HttpConnection

    class Listening(Urllib3HttpConnection):
        retry_after: str | None = None

        def get_response_headers(self, response: Any) -> Mapping[str, str]:
            headers: Mapping[str, str] = super().get_response_headers(response)
            self.retry_after = headers.get("retry-after")
            return headers

    return Listening
