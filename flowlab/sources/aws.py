"""AWS: as whom it is asked, and with which client."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from flowlab.errors import FlowlabError
from flowlab.sources.refusals import ATTEMPTS, AccessError, code, explain, is_denied, reason, scrub

__all__ = [
    "Access",
    "AccessError",
    "UnreadableError",
    "code",
    "explain",
    "is_denied",
    "reason",
    "scrub",
]

Mode = Literal["standard", "adaptive"]
PRACTICE_REGION = "us-east-1"

_LOCK = threading.RLock()
_MADE: dict[Any, Any] = {}  # sessions and clients, and which surroundings they were made in


class UnreadableError(Exception):
    """One item cannot be had; what else there is can.

    Parameters
    ----------
    reason : str
        Why, and what to do, in one line without secrets.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Access:
    """How AWS is reached: as whom, in which region, at which address.

    Parameters
    ----------
    profile : str, optional
        Profile of the AWS configuration, also one that signs in by SSO.
    region : str, optional
        As in ``eu-west-1``; else the profile's or the environment's.
    role_arn : str, optional
        Role to assume first; its credentials are renewed for as long as they are used.
    endpoint_url : str, optional
        Where the services answer, if not at AWS: a practice account, a private endpoint.
    """

    profile: str | None = None
    region: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None

    def __repr__(self) -> str:
        endpoint = scrub(self.endpoint_url) if self.endpoint_url else None  # may hold a password
        fields = {"profile": self.profile, "region": self.region, "role_arn": self.role_arn}
        given = {**fields, "endpoint_url": endpoint}.items()
        return f"Access({', '.join(f'{k}={v!r}' for k, v in given if v is not None)})"

    def options(self) -> dict[str, str | None]:
        """Give the arguments that make an equal access, without a password in the address."""
        url = self.endpoint_url
        return {
            "profile": self.profile,
            "region": self.region,
            "role_arn": self.role_arn,
            "endpoint_url": url and re.sub("//[^/@]*@", "//", url),
        }

    @property
    def is_practice(self) -> bool:
        """Whether this is an account on this very machine, asked as nobody in particular."""
        host = urlsplit(self.endpoint_url or "").hostname or ""
        here = host == "localhost" or host == "::1" or host.startswith("127.")
        return here and not (self.profile or self.role_arn)

    def client(
        self,
        service: str,
        *,
        retries: Mode = "standard",
        connections: int = 16,
    ) -> Any:
        """Give a boto3 client, the same one to all who ask for the same.

        Parameters
        ----------
        service : str
            As boto3 names it: ``s3``, ``logs``, ``ec2``.
        retries : {"standard", "adaptive"}
            Adaptive also slows down by itself: for quotas that a whole account shares.
        connections : int
            Connections kept open: as many as there are threads.

        Raises
        ------
        AccessError
            No credentials, an unknown profile, an expired sign-in, a role that is refused.
        FlowlabError
            No region is known, or AWS cannot be reached.
        """
        problem = None
        key = (self, service, retries, connections)
        with _LOCK:
            _forget_if_changed()
            if key not in _MADE:
                try:
                    _MADE[key] = self._new_client(service, retries, connections)
                except FlowlabError:
                    raise
                except Exception as error:  # noqa: BLE001 - botocore's and the SSO's own alike
                    named = f" with profile {self.profile!r}" if self.profile else ""
                    problem = explain(error, f"signing in to AWS{named}", self.profile)
            if problem is None:
                return _MADE[key]
        # Raised out here, so that it drags no botocore frames (and their locals) along.
        raise problem

    def region_name(self) -> str | None:
        """Region the clients ask in; None where neither arguments nor configuration say."""
        import botocore.session

        if self.region or self.is_practice:
            return self.region or PRACTICE_REGION
        core = botocore.session.Session(profile=self.profile)
        try:
            found = core.get_config_variable("region")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the configuration
            problem = explain(error, "reading the AWS configuration", self.profile)
        else:
            return str(found) if found else None
        raise problem

    def partition(self) -> str:
        """Part of AWS that ARNs begin with: aws, aws-cn, aws-us-gov ..."""
        import boto3

        region = self.region_name() or ""
        try:
            return str(boto3.Session().get_partition_for_region(region)) if region else "aws"
        except Exception:  # noqa: BLE001 - a region newer than the boto3 that is installed
            return "aws"

    def _new_client(self, service: str, retries: Mode, connections: int) -> Any:
        from botocore.config import Config

        if self not in _MADE:
            _MADE[self] = self._session()
        config = Config(
            retries={"mode": retries, "total_max_attempts": ATTEMPTS},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=connections,
            user_agent_extra="flowlab",
            # At AWS a bucket is a host name; at any other address it can only be a path.
            s3={"addressing_style": "path"} if self.endpoint_url else None,
            # A proxy knows nothing of this machine's loopback.
            proxies={} if self.is_practice else None,
        )
        return _MADE[self].client(service, config=config, endpoint_url=self.endpoint_url)

    def _session(self) -> Any:
        import boto3
        from botocore.exceptions import NoCredentialsError

        if self.is_practice:
            return nobody(self.region or PRACTICE_REGION)
        session = boto3.Session(profile_name=self.profile, region_name=self.region)
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        if self.role_arn:
            session, credentials = self._assumed(self.role_arn, credentials)
        credentials.get_frozen_credentials()  # an expired sign-in shows here, before any reading
        return session

    def _assumed(self, role_arn: str, source: Any) -> tuple[Any, Any]:
        """Session of the role; botocore renews its credentials before they expire."""
        import boto3
        import botocore.session
        from botocore import credentials as bc
        from botocore.config import Config

        core = botocore.session.Session(profile=self.profile)
        if self.region:
            core.set_config_variable("region", self.region)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=5
        )

        def sts(service: str, **keys: Any) -> Any:
            # Any region can assume a role; the one of the client may have its STS turned off.
            region = self.region_name() or "us-east-1"
            return core.create_client(
                service, region, config=config, endpoint_url=self.endpoint_url, **keys
            )

        fetcher = bc.AssumeRoleCredentialFetcher(
            sts, source, role_arn, extra_args={"RoleSessionName": "flowlab"}
        )
        assumed = bc.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

        class Role(bc.CredentialProvider):
            METHOD = "assume-role"

            def load(self) -> Any:
                return assumed

        core.register_component("credential_provider", bc.CredentialResolver([Role()]))
        return boto3.Session(botocore_session=core), assumed


def nobody(region: str) -> Any:
    """Give a boto3 session that knows nothing of the user: for what listens on this machine.

    Whoever that is, it is not AWS: it never gets credentials of the user's, and nothing in the
    user's AWS configuration can stand in its way.
    """
    import boto3
    import botocore.session

    nothing = (None, None, None, None)
    files = {name: (None, None, os.devnull, None) for name in ("config_file", "credentials_file")}
    core = botocore.session.Session(session_vars={"profile": nothing, **files})
    return boto3.Session("practice", "practice", region_name=region, botocore_session=core)


def _forget_if_changed() -> None:
    """Drop clients when the credentials around us have changed, so that new ones are used."""
    kept = [Path(os.environ.get(name) or Path.home() / ".aws" / file).expanduser()
            for name, file in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
                               ("AWS_CONFIG_FILE", "config"))]  # fmt: skip
    stamps = [path.stat().st_mtime_ns if path.is_file() else 0 for path in kept]
    variables = sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_"))
    now = hashlib.sha256(repr((variables, kept, stamps)).encode()).hexdigest()  # not the secrets
    if _MADE.get("for") != now:
        _MADE.clear()
        _MADE["for"] = now
