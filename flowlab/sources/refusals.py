"""AWS's refusals, in words a person can act on: what happened, why, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from flowlab.errors import FlowlabError, SourceError

ATTEMPTS = 10  # botocore's own default, 3, gives up after 0.1 s of trouble


class AccessError(FlowlabError, PermissionError):
    """AWS does not let these credentials do that, or there are none."""

    def __str__(self) -> str:
        return FlowlabError.__str__(self)  # OSError's own takes over otherwise


_HIDDEN = (
    (re.compile(r"(?<=//)[^/@\s]+@"), ""),  # user:password@ of an address
    (re.compile(r"(https?://[^\s?]+)\?\S+"), r"\1"),  # a signed query
    (re.compile(r"\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{8,}"), "[hidden]"),
    (re.compile(r"[A-Za-z0-9+/=_]{40,}"), "[hidden]"),  # secrets, tokens, signatures
)


def scrub(text: str) -> str:
    """Text from outside as one short line, without anything that may be a credential."""
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 300 else text[:297] + "..."


_KEYS = (
    "get credentials in one of the usual three ways: `aws configure`; `aws sso login --profile "
    "{profile}`, then profile={profile!r}; or the environment (AWS_ACCESS_KEY_ID ...) or a role "
    "of the machine, or role_arn=."
)
_AGAIN = "ask again later."


class _Meaning(NamedTuple):
    codes: str  # of AWS, names of botocore's exceptions
    kind: type[FlowlabError]
    why: str
    fix: str


_MEANINGS = (
    _Meaning(
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError NoAuthTokenError",
        AccessError, "there are no AWS credentials here, or only a part of them.", _KEYS,
    ),
    _Meaning(
        "ProfileNotFound", AccessError, "the AWS configuration has no such profile.",
        "choose one that `aws configure list-profiles` shows, or make it: `aws configure "
        "--profile {profile}` or `aws configure sso --profile {profile}`; or leave profile= out.",
    ),
    _Meaning(
        "SSOError TokenRetrievalError LoginError ExpiredToken ExpiredTokenException "
        "TokenRefreshRequired UnauthorizedException ForbiddenException",
        AccessError, "the sign-in has expired.", "sign in again, then ask again: " + _KEYS,
    ),
    _Meaning(
        "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException InvalidToken "
        "AuthFailure SignatureDoesNotMatch InvalidSignatureException IncompleteSignature",
        AccessError, "AWS does not know these credentials, or key and secret do not match.", _KEYS,
    ),
    _Meaning(
        "NoRegionError", FlowlabError, "nothing says which AWS region to ask.",
        "pass region= (as in 'eu-west-1'), or set AWS_DEFAULT_REGION, or `aws configure set "
        "region`.",
    ),
    _Meaning(
        "NoSuchBucket", SourceError, "no bucket has this name: it was deleted or misspelled.",
        "check the name: `aws s3 ls` lists the buckets of an account.",
    ),
    _Meaning(
        "NoSuchKey", SourceError, "it was deleted between listing and reading.",
        "a lifecycle rule may expire it; its records cannot be had here any more.",
    ),
    _Meaning(
        "ResourceNotFoundException", SourceError, "it is not in this account and region.",
        "check name, region and profile; a flow log's log group appears with its first records.",
    ),
    _Meaning("404 NotFound", SourceError, "it is not there, or not any more.", "check the name."),
    _Meaning(
        "PreconditionFailed 412", FlowlabError, "it was changed while being read.", "read it again."
    ),
    _Meaning(
        "InvalidObjectState", FlowlabError, "it was moved to an archive storage class (Glacier).",
        "restore it first: `aws s3api restore-object`.",
    ),
    _Meaning(
        "KMS.Denied", AccessError, "it is encrypted with a KMS key that may not be used here.",
        "ask the owner of the key to allow kms:Decrypt, in the key's policy and in yours.",
    ),
    _Meaning(
        "KMS.DisabledException KMS.KMSInvalidStateException KMS.NotFoundException", FlowlabError,
        "the KMS key it is encrypted with is disabled, deleted or about to be.",
        "ask the owner of the key to enable it; until then nobody can read this.",
    ),
    _Meaning(
        "Throttling ThrottlingException ThrottledException TooManyRequestsException SlowDown "
        "RequestLimitExceeded LimitExceededException RequestThrottled BandwidthLimitExceeded 429",
        FlowlabError, f"too many requests: up to {ATTEMPTS} attempts did not help.",
        "others may be asking too; " + _AGAIN,
    ),
    _Meaning(
        "InternalError InternalFailure ServiceUnavailable ServiceUnavailableException "
        "RequestTimeout 500 502 503 504",
        FlowlabError, f"AWS has trouble: up to {ATTEMPTS} attempts did not help.", _AGAIN,
    ),
    _Meaning(
        "EndpointConnectionError ConnectTimeoutError ProxyConnectionError SSLError", FlowlabError,
        "the address cannot be reached: no network, a proxy, or a region that does not exist.",
        "check the connection, region= and endpoint_url=.",
    ),
    _Meaning(
        "HTTPClientError IncompleteReadError FlexibleChecksumError", FlowlabError,
        "the connection broke, again and again.", _AGAIN,
    ),
    _Meaning(
        "PaginationError", FlowlabError, "the listing turns in a circle: it may lack something.",
        _AGAIN,
    ),
)  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden",
           "AllAccessDisabled", "AccountProblem", "AuthorizationErrorException"}  # fmt: skip
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect", "301",
              "IllegalLocationConstraintException", "307"}  # fmt: skip
# What each call needs; AWS's answer does not always say.
_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket", "HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject", "AssumeRole": "sts:AssumeRole",
    "DescribeFlowLogs": "ec2:DescribeFlowLogs",
}  # fmt: skip


def explain(error: Exception, doing: str, profile: str | None = None) -> FlowlabError:
    """Translate an error of boto3 into one that says what, why and what to do.

    Parameters
    ----------
    error : Exception
        What boto3 raised; a FlowlabError is given back as it is.
    doing : str
        What was being done, naming the place: ``listing s3://bucket/prefix``.
    profile : str, optional
        Profile in use, for the commands that are suggested.

    Returns
    -------
    FlowlabError
        To be raised ``from None``: botocore's frames hold signed requests. Holds nothing secret.
    """
    if isinstance(error, FlowlabError):
        return error
    answer = getattr(error, "response", None)
    if not isinstance(answer, Mapping):
        names = [kind.__name__ for kind in type(error).__mro__]
        return _meaning(names, f"{doing} failed ({names[0]})", str(error), profile)
    said = answer.get("Error") or {}
    named, message = code(error), str(said.get("Message", ""))
    what = f"{doing}: AWS answered {scrub(named) or 'an error'}"
    if named in _DENIED and re.search("kms:|ciphertext", message):
        named = "KMS.Denied"
    # CloudWatch Logs and others call a clock that is off a bad signature.
    late = named in _SKEWED or re.match(r"Signature (expired|not yet current)", message)
    if late:
        return FlowlabError(
            what, _skew(answer), "set the clock (turn on network time), then ask again."
        )
    if named in _DENIED:
        return _denied(what, message, str(getattr(error, "operation_name", "")))
    if named in _ELSEWHERE:
        return _elsewhere(what, answer, message)
    return _meaning([named, _status(answer)], what, message, profile)


def reason(error: Exception, doing: str, profile: str | None = None) -> str:
    """Give what `explain` says, as one line for the ledger."""
    told = explain(error, doing, profile)
    parts = [told.what.rstrip("."), told.why.rstrip("."), told.fix.rstrip(".")]
    return "; ".join(" ".join(part.split()) for part in parts if part)


def code(error: Exception) -> str:
    """AWS's code of an error (``NoSuchKey``), or nothing if it is none of AWS's."""
    answer = getattr(error, "response", None)
    said = answer.get("Error") if isinstance(answer, Mapping) else None
    return str(said.get("Code", "")) if isinstance(said, Mapping) else ""


def is_denied(error: Exception) -> bool:
    """Whether AWS says that a permission is missing (and not that the sign-in is no good)."""
    return code(error) in _DENIED


def _meaning(names: list[str], what: str, message: str, profile: str | None) -> FlowlabError:
    for codes, kind, why, fix in _MEANINGS:
        if not set(names).isdisjoint(codes.split()):
            fix = fix.format(profile=profile or "NAME")
            # What AWS says about credentials may quote them, and adds nothing.
            quoted = "" if kind is AccessError else _quoted(message)
            return kind(f"{what}{quoted}.", why, fix)
    return FlowlabError(f"{what}{_quoted(message)}.")


def _quoted(message: str) -> str:
    text = scrub(message).rstrip(".")
    return f" ({text})" if text else ""


def _denied(what: str, message: str, operation: str) -> AccessError:
    named = re.search(r"perform: ?([\w-]+:\w+)(?: on (?:the )?resource:? (\S+))?", message)
    logs = operation.endswith(("LogEvents", "LogGroups", "LogStreams", "Query", "QueryResults"))
    needed = _PERMISSIONS.get(operation) or (f"logs:{operation}" if logs else "")
    if named:
        needed = named[1]
    where = f" on {scrub(named[2])}" if named and named[2] and named[2].startswith("arn:") else ""
    why = f"the permission {needed}{where} is missing." if needed else "a permission is missing."
    if "explicit deny" in message:
        rule = re.search(r"explicit deny in an? ([a-z ]+)", message)
        why = f"{rule[1].strip() if rule else 'a policy'} denies {needed or 'it'}{where}."
    return AccessError(
        f"{what}{_quoted(message)}.",
        why,
        f"ask whoever runs this account to allow {needed or 'it'}{where}; "
        "fl.read_policy(source) prints all that reading needs.",
    )


def _elsewhere(what: str, answer: Mapping[str, Any], message: str) -> FlowlabError:
    said, headers = answer["Error"], _headers(answer)
    region = headers.get("x-amz-bucket-region") or said.get("Region")
    if not region:
        found = re.search(r"expecting '([a-z0-9-]+)'", message) or re.search(
            r"\bs3[.-]([a-z]{2}-[a-z0-9-]+-\d)\.", str(said.get("Endpoint", ""))
        )
        region = found[1] if found else None
    there = (
        f"the bucket is in {scrub(str(region))}" if region else "the bucket is in another region"
    )
    fix = (
        f"pass region={scrub(str(region))!r}." if region else "pass region= with the bucket's own."
    )
    return FlowlabError(f"{what}.", f"{there}, and another region was asked.", fix)


def _skew(answer: Mapping[str, Any]) -> str:
    try:
        theirs = parsedate_to_datetime(_headers(answer)["date"])
        off = round((datetime.now(UTC) - theirs).total_seconds())
    except (KeyError, TypeError, ValueError):
        return "this computer's clock is off by more than AWS allows."
    return (
        f"this computer's clock is {abs(off)} seconds {'ahead of' if off > 0 else 'behind'} AWS's."
    )


def _headers(answer: Mapping[str, Any]) -> Mapping[str, str]:
    return (answer.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}


def _status(answer: Mapping[str, Any]) -> str:
    return str((answer.get("ResponseMetadata") or {}).get("HTTPStatusCode", ""))
