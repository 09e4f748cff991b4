"""Flow logs in S3: which objects cover a period, and their bytes, whole or not at all."""

from __future__ import annotations

import io
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from flowlab.errors import FlowlabError, SourceError
from flowlab.sources import aws
from flowlab.sources.items import Item, Listing, Problem
from flowlab.sources.s3keys import Asked
from flowlab.sources.s3listing import Found, Object, Walk

CONNECTIONS = 32
_ATTEMPTS = 4  # to get the whole body of an object; botocore does not try again there

# The last part of a prefix that is a file's name, or the beginning of one, and no folder.
_FILE = re.compile(r".*_vpcflowlogs_.*|.*\.(?:log|txt|gz|zst|parquet|json|csv)", re.S)


class S3:
    """Flow logs below a prefix of a bucket, in AWS's layout or any other.

    Parameters
    ----------
    bucket : str
        Its name.
    prefix : str
        Folder, at any level: above ``AWSLogs`` or inside of it; or one object's key.
    accounts, regions, flow_log_ids : str or sequence of str, optional
        Only these, by the names of folders and files; what these do not tell is kept.
    requester_pays : bool
        Agree to pay for requests and transfer, as a bucket of somebody else's may demand.
    profile, region, role_arn, endpoint_url : str, optional
        As whom and where to ask: see `flowlab.sources.aws.Access`.

    Examples
    --------
    >>> import flowlab as fl
    >>> fl.S3("acme-logs", "vpc", accounts="111122223333")
    S3('acme-logs', 'vpc', accounts=['111122223333'])
    """

    remote = True

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        accounts: str | Iterable[str] | None = None,
        regions: str | Iterable[str] | None = None,
        flow_log_ids: str | Iterable[str] | None = None,
        requester_pays: bool = False,
        profile: str | None = None,
        region: str | None = None,
        role_arn: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        if not isinstance(bucket, str) or not re.fullmatch(r"[A-Za-z0-9._-]{3,255}", bucket):
            raise FlowlabError(
                f"{bucket!r} is not the name of a bucket.",
                fix='write S3("bucket", "prefix"), or S3.from_url("s3://bucket/prefix").',
            )
        self.bucket, self.prefix = bucket, prefix.lstrip("/")
        self.accounts = _names("accounts", accounts, r"\d{12}", "111122223333")
        self.regions = _names("regions", regions, r"[a-z]{2,}(-[a-z]+)+-\d+", "eu-west-1")
        self.flow_log_ids = _names("flow_log_ids", flow_log_ids, r"fl-[0-9a-z]+", "fl-0a1b2c3d")
        self.requester_pays = requester_pays
        self.access = aws.Access(profile, region, role_arn, endpoint_url)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> S3:
        """Read ``s3://bucket/prefix``, or the ARN that a flow log has as its destination.

        Parameters
        ----------
        url : str
        **options
            As `S3` takes them.
        """
        match = re.fullmatch(r"(?:s3[an]?://|arn:aws[\w-]*:s3:::)([^/]+)/?(.*)", url, re.S)
        if not match:
            raise FlowlabError(f"{url!r} is not an address in S3.", fix="write s3://bucket/prefix.")
        return cls(match[1], match[2], **options)

    def options(self) -> dict[str, Any]:
        """Give the arguments that make an equal place, ready for JSON, without any secret."""
        asked = {
            "accounts": self.accounts,
            "regions": self.regions,
            "flow_log_ids": self.flow_log_ids,
        }
        told = {name: sorted(values) if values else None for name, values in asked.items()}
        return {
            "bucket": self.bucket,
            "prefix": self.prefix,
            **told,
            "requester_pays": self.requester_pays,
            **self.access.options(),
        }

    @property
    def _terms(self) -> dict[str, str]:
        """What every request says of who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}

    def _key(self) -> tuple[Any, ...]:
        asked = (self.accounts, self.regions, self.flow_log_ids)
        return (self.bucket, self.prefix, *asked, self.requester_pays, self.access)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, S3) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def __repr__(self) -> str:
        asked = [("accounts", self.accounts), ("regions", self.regions),
                 ("flow_log_ids", self.flow_log_ids)]  # fmt: skip
        inside = [repr(self.bucket), *([repr(self.prefix)] if self.prefix else [])]
        inside += [f"{name}={sorted(values)}" for name, values in asked if values]
        inside += ["requester_pays=True"] if self.requester_pays else []
        who = repr(self.access)[len("Access(") : -1]
        return f"S3({', '.join([*inside, *([who] if who else [])])})"

    @property
    def _root(self) -> str:
        """Where listing begins: a folder ends with a slash, so that vpc does not mean vpc2."""
        last = self.prefix.rpartition("/")[2]
        return self.prefix if not last or _FILE.fullmatch(last) else self.prefix + "/"

    def list(self, start: int | None, end: int | None) -> Listing:
        """List the objects that may hold records which start in a period.

        Parameters
        ----------
        start, end : int or None
            Half-open. [epoch s, UTC]

        Returns
        -------
        Listing
            Objects in the order of their keys; folders that AWS refuses are its problems.

        Raises
        ------
        FlowlabError
            Nothing could be listed at all: no such bucket, another region, no permission.
        SourceError
            Nothing is there.
        """
        client, profile = self.access.client("s3", connections=CONNECTIONS), self.access.profile
        asked = Asked(self.accounts, self.regions, self.flow_log_ids, start, end)
        found = Walk(client, self.bucket, self._root, asked, self._terms).run()
        if found.errors and not found.seen:
            folder, error = found.errors[0]
            where = f"listing s3://{self.bucket}/{folder}"
            raise aws.explain(error, where, profile)
        if not found.seen:
            raise SourceError(
                f"{self}: no object's key begins with {self._root!r}.",
                "the prefix is misspelled, or nothing but empty objects was delivered yet.",
                f"look around: `aws s3 ls s3://{self.bucket}/`.",
            )
        return Listing(
            [self._item(entry) for entry in found.objects],
            [
                Problem(f"s3://{self.bucket}/{folder}", aws.reason(error, "listing", profile))
                for folder, error in found.errors
            ],
            list(self._notices(found)),
        )

    def _notices(self, found: Found) -> Iterable[str]:
        for what, wanted, there in (
            ("account", self.accounts, found.accounts),
            ("region", self.regions, found.regions),
        ):
            missing = sorted(wanted - there)
            if missing and there:
                yield (
                    f"{self}: no folder of {what} {', '.join(missing)}; there are "
                    f"{', '.join(sorted(there))}"
                )
        if found.outside:
            yield (
                f"{self}: {found.outside:,} of {found.outside + len(found.objects):,} objects "
                "were not opened: by their names, their records lie outside the period"
            )
        if found.empty:
            yield f"{self}: {found.empty:,} empty objects were left out"
        if found.beside:
            yield (
                f"{self}: what lies beside the folders of flow logs was not read (for one, "
                f"{found.beside[0]}); name its folder to read it"
            )

    def _item(self, entry: Object) -> Item:
        name = f"s3://{self.bucket}/{entry.key}"
        opener = _Fetch(self.access, {"Bucket": self.bucket, **self._terms}, entry)
        return Item(name, entry.size, opener, f"{name}#{entry.etag}", remote=True)

    def read_policy(self, kms_key: str | None = None) -> dict[str, Any]:
        """Give the least an identity must be allowed, to read all of this.

        Parameters
        ----------
        kms_key : str, optional
            ARN of the key that the objects are encrypted with (SSE-KMS); the key's own policy
            must allow it, too. Without such encryption nothing is needed.

        Returns
        -------
        dict
            IAM policy; ``json.dumps`` makes it text.
        """
        # In a policy these four would be wildcards and variables.
        root = re.sub(r"[*?$]", lambda found: "${" + found[0] + "}", self._root)
        bucket = f"arn:{self.access.partition()}:s3:::{self.bucket}"
        listing: dict[str, Any] = {
            "Sid": "ListBelowThePrefix", "Effect": "Allow", "Action": "s3:ListBucket",
            "Resource": bucket,
        }  # fmt: skip
        if root:
            listing["Condition"] = {"StringLike": {"s3:prefix": f"{root}*"}}
        reading = {
            "Sid": "ReadBelowThePrefix", "Effect": "Allow", "Action": "s3:GetObject",
            "Resource": f"{bucket}/{root}*",
        }  # fmt: skip
        key = {
            "Sid": "DecryptWhatS3Reads", "Effect": "Allow", "Action": "kms:Decrypt",
            "Resource": kms_key,
            "Condition": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}},
        }  # fmt: skip
        return {
            "Version": "2012-10-17",
            "Statement": [listing, reading, *([key] if kms_key else [])],
        }


def _names(
    option: str, given: str | Iterable[str] | None, form: str, example: str
) -> frozenset[str]:
    names = frozenset([given] if isinstance(given, str) else given or ())
    wrong = [name for name in names if not isinstance(name, str) or not re.fullmatch(form, name)]
    if wrong:
        raise FlowlabError(
            f"{option}: {wrong[0]!r} cannot be one.", fix=f'write it as text, as in "{example}".'
        )
    return names


@dataclass(frozen=True, slots=True)
class _Fetch:
    """Gets one object, as it was when it was listed."""

    access: aws.Access
    request: dict[str, str]  # the bucket, and who pays
    entry: Object

    def __call__(self) -> BinaryIO:
        return io.BytesIO(self._whole())

    def _whole(self) -> bytes:
        broken = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0.5, 1) * 0.2 * 2**attempt)  # noqa: S311
            answer = self._ask()
            try:
                data = answer["Body"].read()
            except Exception as error:  # noqa: BLE001 - however the connection broke
                broken = aws.reason(error, "reading its body", self.access.profile)
                continue
            finally:
                answer["Body"].close()
            if len(data) == self.entry.size:
                return bytes(data)
            broken = f"{len(data):,} of its {self.entry.size:,} bytes arrived"
        raise aws.UnreadableError(f"{broken}; tried {_ATTEMPTS} times; read it again later")

    def _ask(self) -> Any:
        """Ask for the object; its body is still to come."""
        client = self.access.client("s3", connections=CONNECTIONS)
        wanted = {**self.request, "Key": self.entry.key}
        if self.entry.etag:
            wanted["IfMatch"] = f'"{self.entry.etag}"'
        problem = ""
        try:
            answer = client.get_object(**wanted)
        except Exception as error:  # noqa: BLE001 - one object; the others go on
            if aws.code(error) in ("PreconditionFailed", "412"):
                problem = self._changed(client)
            else:
                problem = aws.reason(error, "reading", self.access.profile)
        else:
            # Stores other than AWS's may not know IfMatch.
            if answer.get("ETag", "").strip('"') in ("", self.entry.etag):
                return answer
            answer["Body"].close()
            problem = self._changed(client)
        # Raised out here, so that it drags no botocore frames (and their locals) along.
        raise aws.UnreadableError(problem)

    def _changed(self, client: Any) -> str:
        try:
            now = client.head_object(**self.request, Key=self.entry.key)
        except Exception as error:  # noqa: BLE001
            if aws.code(error) in ("404", "NoSuchKey", "NotFound"):
                return "it was deleted between listing and reading"
            return "it was changed while being read; read it again"
        return (
            f"it was changed while being read: {self.entry.size:,} bytes when listed, "
            f"{now.get('ContentLength', 0):,} bytes now; read it again"
        )
