"""Who asks AWS, and AWS's refusals in words a person can act on."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from aws.faults import ec2err, jsonerr, script
from botocore import exceptions
from botocore.exceptions import ClientError

from flowlab.errors import FlowlabError, SourceError
from flowlab.sources import aws

ROLE = "arn:aws:iam::123456789012:role/reader"


def refusal(code, message="", operation="FilterLogEvents", status=400, headers=None, **more):
    answer = {
        "Error": {"Code": code, "Message": message, **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return ClientError(answer, operation)


# --- clients -------------------------------------------------------------------------------


def test_clients_try_long_enough_and_are_shared(aws_credentials, aws_server):
    access = aws.Access(region="eu-west-1", endpoint_url=aws_server)
    client = access.client("s3", connections=7)
    assert client is aws.Access(region="eu-west-1", endpoint_url=aws_server).client(
        "s3", connections=7
    )
    assert client is not access.client("s3", connections=8)
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 10}
    assert (config.connect_timeout, config.read_timeout) == (5, 60)
    assert config.max_pool_connections == 7
    logs = access.client("logs", retries="adaptive")
    assert logs.meta.config.retries["mode"] == "adaptive"
    assert logs.meta.region_name == "eu-west-1"


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "http://localhost:1", "http://[::1]:2"])
def test_nobody_on_this_machine_gets_the_users_credentials(aws_credentials, url):
    client = aws.Access(endpoint_url=url).client("s3")
    assert client._get_credentials().access_key == "practice"
    named = aws.Access(region="eu-west-1").client("s3")
    assert named._get_credentials().access_key == aws_credentials.key


def test_the_users_profile_and_proxy_do_not_stand_in_the_way(
    aws_credentials, aws_server, monkeypatch
):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert "Buckets" in aws.Access(endpoint_url=aws_server).client("s3").list_buckets()


def test_new_credentials_are_used_at_once(aws_credentials, monkeypatch):
    access = aws.Access(region="eu-west-1")
    first = access.client("s3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFLOWLABPLANTED02")
    second = access.client("s3")
    assert second is not first
    assert second._get_credentials().access_key.endswith("02")


def test_credentials_written_to_the_file_are_used_at_once(
    no_aws_credentials, aws_server, tmp_path, monkeypatch, secrets
):
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    access = aws.Access(profile="work", region="eu-west-1", endpoint_url=aws_server)
    with pytest.raises(aws.AccessError, match="'work'.*ProfileNotFound"):
        access.client("s3")
    file.write_text(
        f"[work]\naws_access_key_id={secrets.key}\naws_secret_access_key={secrets.secret}\n"
    )
    assert access.client("s3").list_buckets()


def test_a_role_is_assumed_and_its_credentials_renewed(aws_credentials, aws_server, monkeypatch):
    access = aws.Access(region="eu-west-1", role_arn=ROLE, endpoint_url=aws_server)
    client = access.client("sts")
    assert "assumed-role/reader/flowlab" in client.get_caller_identity()["Arn"]
    credentials = client._get_credentials()
    first = credentials.get_frozen_credentials()
    assert first.access_key != aws_credentials.key

    def later():
        return datetime.now(UTC) + timedelta(minutes=55)  # of the hour that moto's are good for

    monkeypatch.setattr("botocore.credentials._local_now", later)
    credentials._time_fetcher = later
    assert credentials.get_frozen_credentials().access_key != first.access_key


def test_a_role_that_is_refused(aws_credentials, aws_server, monkeypatch):
    import botocore.session

    real = botocore.session.Session.create_client
    fault = ec2err(
        403, "AccessDenied", f"not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    )

    def refusing(self, service, *arguments, **options):
        client = real(self, service, *arguments, **options)
        if service == "sts":
            script(client, "AssumeRole", [fault])
        return client

    monkeypatch.setattr("botocore.session.Session.create_client", refusing)
    access = aws.Access(role_arn=ROLE, region="eu-west-3", endpoint_url=aws_server)
    with pytest.raises(aws.AccessError) as caught:
        access.client("s3")
    assert f"sts:AssumeRole on {ROLE} is missing" in str(caught.value)
    assert caught.value.__context__ is None


def test_a_single_sign_on_that_has_expired(no_aws_credentials, tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(
        "[profile work]\nsso_start_url=https://acme.awsapps.com/start\nsso_region=eu-west-1\n"
        "sso_account_id=123456789012\nsso_role_name=reader\nregion=eu-west-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(aws.AccessError) as caught:
        aws.Access(profile="work").client("s3")
    assert "sign-in has expired" in str(caught.value)
    assert "aws sso login --profile work" in str(caught.value)
    assert caught.value.__context__ is None


def test_no_credentials_profile_or_region(no_aws_credentials, aws_server, monkeypatch, secrets):
    with pytest.raises(aws.AccessError) as caught:
        aws.Access(region="eu-west-1").client("s3")
    told = str(caught.value)
    assert all(way in told for way in ("aws configure", "aws sso login --profile", "environment"))
    assert isinstance(caught.value, PermissionError)
    assert caught.value._render_traceback_() == [f"AccessError: {told}"]
    with pytest.raises(aws.AccessError, match="no such profile"):
        aws.Access(profile="nope").client("s3")
    with pytest.raises(aws.AccessError, match="no such profile"):
        aws.Access(profile="nope").region_name()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", secrets.key)
    with pytest.raises(aws.AccessError, match="only a part"):
        aws.Access(region="eu-west-1").client("s3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.secret)
    with pytest.raises(FlowlabError, match="which AWS region"):
        aws.Access().client("logs")
    with pytest.raises(FlowlabError, match="'no region'"):
        aws.Access(region="no region").client("logs")
    assert aws.Access(endpoint_url=aws_server).client("s3").list_buckets()  # S3 needs none


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov"),
        (None, "aws"), ("xx-new-9", "aws"),
    ],
)  # fmt: skip
def test_partitions(no_aws_credentials, region, partition):
    assert aws.Access(region=region).partition() == partition
    assert aws.Access(region=region).region_name() == region


def test_the_region_of_the_environment(no_aws_credentials, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    assert aws.Access().region_name() == "eu-south-1"


def test_what_is_shown_of_it():
    access = aws.Access("work", endpoint_url="https://ana:s3cret@proxy.example/x?token=abc")
    assert repr(access) == "Access(profile='work', endpoint_url='https://proxy.example/x')"
    assert access == aws.Access("work", endpoint_url=access.endpoint_url)
    assert pickle.loads(pickle.dumps(access)) == access


def test_importing_a_place_imports_no_boto3():
    code = (
        "import sys, flowlab.sources.s3 as s3; s3.S3('acme', 'x');"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (refusal("AccessDeniedException"), aws.AccessError, ["logs:FilterLogEvents is missing"]),
        (
            refusal("UnauthorizedOperation", operation="DescribeFlowLogs"),
            aws.AccessError,
            ["ec2:DescribeFlowLogs", "fl.read_policy"],
        ),
        (
            refusal(
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/a is not authorized to perform: logs:FilterLogEvents on "
                "resource: arn:aws:logs:eu-west-1:1:log-group:/vpc:log-stream: because no "
                "identity-based policy allows the logs:FilterLogEvents action",
            ),
            aws.AccessError,
            ["logs:FilterLogEvents on arn:aws:logs:eu-west-1:1:log-group:/vpc:log-stream: is mis"],
        ),
        (
            refusal(
                "AccessDenied",
                "User: x is not authorized to perform: s3:GetObject on resource: "
                '"arn:aws:s3:::acme/x" with an explicit deny in a service control policy',
                "GetObject",
            ),
            aws.AccessError,
            ["service control policy denies s3:GetObject"],
        ),
        (refusal("ThrottlingException"), FlowlabError, ["too many requests"]),
        (refusal("Whatever", status=429), FlowlabError, ["too many requests"]),
        (refusal("Whatever", status=503), FlowlabError, ["AWS has trouble"]),
        (refusal("ResourceNotFoundException", "no such group"), SourceError, ["no such group"]),
        (refusal("UnrecognizedClientException"), aws.AccessError, ["does not know these"]),
        (refusal("NeverHeardOf", "but it says this"), FlowlabError, ["but it says this"]),
        (refusal("RequestTimeTooSkewed"), FlowlabError, ["clock is off"]),
        (
            refusal("InvalidSignatureException", "Signature not yet current: 2026 is later"),
            FlowlabError,
            ["clock", "set the clock"],
        ),
        (
            refusal("PermanentRedirect", Endpoint="acme.s3.eu-west-3.amazonaws.com"),
            FlowlabError,
            ["region='eu-west-3'"],
        ),
        (refusal("PermanentRedirect"), FlowlabError, ["another region", "the bucket's own"]),
        (exceptions.NoCredentialsError(), aws.AccessError, ["aws configure", "aws sso login"]),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://u:pw@x.example/?t=1"),
            FlowlabError,
            ["https://x.example/", "cannot be reached"],
        ),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), FlowlabError, ["broke"]),
        (exceptions.PaginationError(message="x"), FlowlabError, ["circle"]),
        (exceptions.UnauthorizedSSOTokenError(), aws.AccessError, ["sign-in has expired"]),
        (ValueError("odd"), FlowlabError, ["ValueError", "odd"]),
    ],
)  # fmt: skip
def test_what_a_refusal_becomes(error, kind, told):
    made = aws.explain(error, "reading the group /vpc", profile="work")
    assert type(made) is kind
    assert str(made).startswith("reading the group /vpc")
    assert all(part in str(made) for part in told), str(made)
    line = aws.reason(error, "reading the group /vpc")
    assert "\n" not in line
    assert line.startswith("reading the group /vpc")


def test_what_aws_says_of_credentials_is_not_repeated():
    for code in ("InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"):
        assert "hunter2" not in str(aws.explain(refusal(code, "the key hunter2"), "reading"))


def test_errors_of_our_own_stay_as_they_are():
    own = SourceError("nothing", "because", "look")
    assert aws.explain(own, "x") is own
    assert aws.reason(own, "x") == "nothing; because; look"


def test_the_code_of_an_error():
    assert aws.code(refusal("NoSuchKey")) == "NoSuchKey"
    assert aws.code(ValueError("x")) == ""
    assert aws.is_denied(refusal("AccessDenied"))
    assert not aws.is_denied(refusal("ExpiredToken"))
    assert not aws.is_denied(ValueError("x"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key AKIAFLOWLABPLANTED01 here", "key [hidden] here"),
        ("a" * 50, "[hidden]"),
        ("https://x.example/a?X-Amz-Security-Token=abc#d e", "https://x.example/a e"),
        ("http://ana:pw@proxy:80/ x", "http://proxy:80/ x"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("arn:aws:kms:eu-west-1:1:key/0a0a0a0a-1b1b-2c2c", "arn:aws:kms:eu-west-1:1:key/0a0a0a0a-1b1b-2c2c"),
        ("word " * 100, ("word " * 100)[:297] + "..."),
    ],
)  # fmt: skip
def test_what_is_shown_of_text_from_outside(text, shown):
    assert aws.scrub(text) == shown


def test_secrets_in_what_aws_says_are_hidden(aws_credentials, aws_server, secrets):
    client = aws.Access(region="eu-west-1", endpoint_url=aws_server).client("logs")
    for code in ("InvalidSignatureException", "NeverHeardOf", "AccessDeniedException"):
        fault = jsonerr(400, code, f"x-amz-security-token:{secrets.token} {secrets.key}")
        with script(client, "DescribeLogGroups", [fault]), pytest.raises(ClientError) as caught:
            client.describe_log_groups()
        told = str(aws.explain(caught.value, "reading")) + aws.reason(caught.value, "reading")
        assert not [secret for secret in secrets if secret[:20] in told]
