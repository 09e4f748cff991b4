"""AWS on loopback: one moto server for all tests of the places, and credentials that are none."""

from __future__ import annotations

import itertools
import os
from typing import NamedTuple

import pytest
from aws.faults import script

from flowlab.sources.s3 import CONNECTIONS, S3

_numbers = itertools.count(1)


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


@pytest.fixture
def at(aws_server, aws_credentials):
    """Make a place on the server."""
    return lambda bucket, prefix="", **options: S3(
        bucket, prefix, **{"endpoint_url": aws_server, "profile": "planted", **options}
    )


@pytest.fixture
def bucket(at):
    """A bucket of its own, and how to put objects into it."""

    class Bucket:
        name = f"logs-{next(_numbers)}"
        client = at(name).access.client("s3", connections=CONNECTIONS)

        def put(self, *keys, body=b"a line\n"):
            for name in keys:
                self.client.put_object(Bucket=self.name, Key=name, Body=body)

        def listed(self, prefix="", start=None, end=None, **options):
            found = at(self.name, prefix, **options).list(start, end).items
            return [item.name.removeprefix(f"s3://{self.name}/") for item in found]

        def requests(self):
            """The listings that are asked for."""
            return script(self.client, "ListObjectsV2", [])

    made = Bucket()
    made.client.create_bucket(Bucket=made.name)
    return made
