"""Places on loopback: buckets of the moto server, each of its own."""

from __future__ import annotations

import itertools

import pytest
from aws.faults import script
from aws.fixtures import (  # noqa: F401 - pytest finds them here
    aws_credentials,
    aws_nowhere,
    aws_server,
    no_aws_credentials,
    no_sleep,
    secrets,
)

from flowlab.sources.s3 import CONNECTIONS, S3

_numbers = itertools.count(1)


@pytest.fixture
def at(aws_server, aws_credentials):  # noqa: F811
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
