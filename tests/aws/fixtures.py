"""AWS on loopback, for every folder of tests: a moto server, and credentials that are none."""

from __future__ import annotations

import os
from typing import NamedTuple

import boto3
import pytest


class Secrets(NamedTuple):
    """Credentials that no message may ever hold; recognizable, and shaped like AWS's."""

    key: str = "AKIAFLOWLABPLANTED01"
    secret: str = "plantedSECRETplantedSECRETplantedSECRET0"
    token: str = "FwoGZXIvYXdzEPlantedTokenPlantedToken" * 4 + "=="


@pytest.fixture(scope="session")
def aws_server():
    """Address of a moto server; it answers for every service."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def aws_nowhere(tmp_path_factory):
    """A place for AWS's configuration, where there is none."""
    return tmp_path_factory.mktemp("aws")


@pytest.fixture
def no_aws_credentials(monkeypatch, aws_nowhere):
    """No credentials, no configuration, whatever this machine has."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws_nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(aws_nowhere / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def secrets():
    return Secrets()


@pytest.fixture
def aws_credentials(monkeypatch, tmp_path, no_aws_credentials, secrets):
    """Credentials in the environment: fake, recognizable, never to be shown."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", secrets.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.secret)
    monkeypatch.setenv("AWS_SESSION_TOKEN", secrets.token)
    # Also as a profile: without one, nobody on loopback is given any credentials.
    file = tmp_path / "credentials"
    file.write_text(
        f"[planted]\naws_access_key_id={secrets.key}\naws_secret_access_key={secrets.secret}\n"
        f"aws_session_token={secrets.token}\nregion=us-east-1\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return secrets


@pytest.fixture
def no_sleep(monkeypatch):
    """Retries wait for nothing."""
    monkeypatch.setattr("time.sleep", lambda _: None)


def tap(monkeypatch, hooks):
    """Have hooks called before every request of clients that are made from here on.

    A hook is called with what botocore gives to ``before-call``, and ``asked``: the arguments of
    the call. What it gives back, if anything, is taken for AWS's answer.
    """
    made = boto3.Session.client

    def client(self, service, *args, **options):
        new = made(self, service, *args, **options)

        def remember(params, context, **_):
            context["asked"] = params

        def call(model, context, **more):
            answers = (hook(model=model, asked=context["asked"], **more) for hook in hooks)
            return next((answer for answer in answers if answer is not None), None)

        new.meta.events.register("provide-client-params", remember)
        new.meta.events.register("before-call", call)
        return new

    monkeypatch.setattr(boto3.Session, "client", client)
