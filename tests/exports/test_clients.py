"""Where to, as whom, and over what: addresses, TLS, credentials, and what is said when it fails."""

from __future__ import annotations

import datetime
import ipaddress
import socket

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import UnauthorizedSSOTokenError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from exports.fake_bulk import FakeBulk

import flowlab as fl
from flowlab.errors import FlowlabError, MissingExtraError
from flowlab.exports import clients, sending
from flowlab.exports.shipping import ship

SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def flows():
    return fl.sample_flows()[0].iloc[:20].reset_index(drop=True)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "ELASTIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sending, "pause", lambda seconds: None)


@pytest.fixture
def serve():
    running = []

    def start(**options):
        running.append(FakeBulk(**options))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


def go(flows, server, **options):
    return ship(flows, server.url, create=True, progress=False, retries=1, **options)


def test_tls_with_a_certificate_of_ones_own(flows, serve, certificate):
    server = serve(tls=certificate)
    got = go(flows, server, ca_certs=certificate[0])
    assert got.shipped == len(server.docs) == len(flows)


def test_tls_is_checked_by_default(flows, serve, certificate):
    server = serve(tls=certificate)
    with pytest.raises(FlowlabError, match=r"no secure connection[\s\S]*ca_certs=") as caught:
        go(flows, server)
    assert server.requests == []
    assert "attempts" not in str(caught.value)  # trying again would not help


def test_tls_where_there_is_none(flows, serve):
    server = serve()
    with pytest.raises(FlowlabError, match=r"no secure connection[\s\S]*speaks no TLS"):
        ship(flows, server.url.replace("http:", "https:"), progress=False, retries=0)


@pytest.mark.parametrize(
    ("server_side", "options", "environment"),
    [
        ({"login": ("ann", SECRET)}, {"auth": ("ann", SECRET)}, {}),
        ({"login": ("ann", SECRET)}, {},
         {"OPENSEARCH_USERNAME": "ann", "OPENSEARCH_PASSWORD": SECRET}),
        ({"key": SECRET}, {"auth": SECRET}, {}),
        ({"key": SECRET}, {}, {"ELASTIC_API_KEY": SECRET}),
    ],
    ids=["argument", "environment", "key", "key in environment"],
)  # fmt: skip
def test_credentials_get_there_and_are_never_shown(
    flows, serve, monkeypatch, server_side, options, environment, capfd, caplog
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    server = serve(**server_side)
    got = go(flows, server, **options)
    assert got.shipped == len(flows)
    shown = repr(got) + got._repr_html_() + "".join(capfd.readouterr()) + caplog.text
    assert SECRET not in shown


def test_wrong_credentials(flows, serve):
    server = serve(login=("ann", "right"))
    with pytest.raises(FlowlabError, match=r"status 401[\s\S]*OPENSEARCH_USERNAME") as caught:
        go(flows, server, auth=("ann", SECRET))
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (f"https://ann:{SECRET}@search.example.com", "has a user or a password in it"),
        ("search.example.com:9200", "not the address of a server"),
        ("ftp://search.example.com", "not the address of a server"),
        ("https://", "not the address of a server"),
        ("https://search.example.com:99999", "not the address of a server"),
        ("https://search.example.com?x=1", "not the address of a server"),
        ("http://search.example.com:9200", "without TLS"),
    ],
)
def test_addresses_that_are_none(flows, to, why):
    with pytest.raises(FlowlabError, match=why) as caught:
        ship(flows, to, auth=("ann", SECRET))
    assert SECRET not in str(caught.value)


def test_nobody_listens(flows):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(FlowlabError, match=r"no connection \(3 attempts\)[\s\S]*nothing listens"):
        ship(flows, f"http://127.0.0.1:{port}", retries=2, progress=False)


def test_a_wrong_path(flows, serve):
    server = serve()
    with pytest.raises(FlowlabError, match=r"status 404[\s\S]*check to= with curl"):
        ship(flows, server.url + "/kibana", progress=False)


@pytest.mark.parametrize("auth", [("ann",), ("ann", ""), 7, ("a", "b", "c")])
def test_credentials_of_another_kind(flows, auth):
    with pytest.raises(FlowlabError, match="neither a key nor a pair"):
        ship(flows, "https://search.example.com", auth=auth)


def test_a_certificate_file_that_is_not_there(flows):
    with pytest.raises(FlowlabError, match="there is no such file"):
        ship(flows, "https://search.example.com", ca_certs="gone.pem")


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("search-logs-x1y2.eu-west-1.es.amazonaws.com", ("es", "eu-west-1")),
        ("vpc-logs-x1y2.us-gov-west-1.es.amazonaws.com", ("es", "us-gov-west-1")),
        ("search-logs.cn-north-1.es.amazonaws.com.cn", ("es", "cn-north-1")),
        ("abc123.us-east-1.aoss.amazonaws.com", ("aoss", "us-east-1")),
        ("search-logs-x1y2.aos.eu-west-1.on.aws", ("es", "eu-west-1")),
        ("search.example.com", None),
        ("es.amazonaws.com.example.com", None),
        ("evil-eu-west-1.es.amazonaws.com.example.com", None),
    ],
)
def test_aws_is_known_by_its_host_names(host, found):
    assert clients.aws_service(host) == found


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """No AWS credentials anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    return monkeypatch


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_requests_to_aws_are_signed(flows, serve, nobody, service):
    """The signature is botocore's; that it is there, for region and service, is ours."""
    nobody.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    server = serve()
    # The name of the test server stands in for AWS's; the rest of the way is the real one.
    nobody.setattr(clients, "aws_service", lambda host: (service, "eu-west-1"))
    got = go(flows, server)
    assert got.shipped == len(flows)
    for _, _, headers in server.requests:
        assert f"/eu-west-1/{service}/aws4_request" in headers["Authorization"]
        assert SECRET not in str(headers)
        assert "X-Amz-Content-SHA256" in headers
    assert SECRET not in repr(got)


def test_a_sign_in_that_expires_on_the_way_is_told_and_not_waited_for(flows, serve, nobody):
    class Expiring:
        signed = 0

        def get_frozen_credentials(self):
            self.signed += 1
            if self.signed > 2:
                raise UnauthorizedSSOTokenError()
            return Credentials("AKIAIOSFODNN7EXAMPLE", SECRET)

    expiring = Expiring()
    nobody.setattr(boto3.Session, "get_credentials", lambda self: expiring)
    nobody.setattr(clients, "aws_service", lambda host: ("es", "eu-west-1"))
    nobody.setattr(sending, "pause", lambda seconds: pytest.fail("waited"))
    with pytest.raises(FlowlabError, match=r"could not be signed[\s\S]*aws sso login"):
        go(flows, serve())
    expiring.signed = 10
    server = serve()
    with pytest.raises(FlowlabError, match=r"looking for AWS credentials[\s\S]*aws sso login"):
        go(flows, server)
    assert not server.requests


def test_aws_without_credentials_or_profile(flows, nobody):
    nobody.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(FlowlabError, match="there are no AWS credentials here"):
        ship(flows, "https://search-x.eu-west-1.es.amazonaws.com")
    with pytest.raises(FlowlabError, match="no such profile"):
        ship(flows, "https://search-x.eu-west-1.es.amazonaws.com", profile="nope")
    assert boto3.DEFAULT_SESSION is None


def test_a_client_of_ones_own(flows, serve):
    from opensearchpy import OpenSearch

    server = serve(login=("ann", SECRET), faults=[429])
    client = OpenSearch(server.url, http_auth=("ann", SECRET))
    got = ship(flows, client=client, create=True, progress=False)
    assert got.shipped == len(flows)
    with pytest.raises(FlowlabError, match="not an opensearchpy.OpenSearch"):
        ship(flows, client=object())


def test_without_the_library(flows, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "opensearchpy", None)
    with pytest.raises(MissingExtraError, match=r"flowlab\[opensearch\]"):
        ship(flows, "https://search.example.com")
    assert ship(flows, dry_run=True).records == len(flows)
