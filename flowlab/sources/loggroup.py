"""What AWS tells about a log group: whether it exists, what it keeps, which formats it is fed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError, SourceError
from flowlab.sources import aws
from flowlab.sources.items import Problem

DAY = 86_400_000  # ms
_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_ARN = re.compile(r"arn:[^:]*:logs:([^:]*):[^:]*:log-group:([^:]+)")
_STREAM = re.compile(r"[^:*]{1,512}\*?")
_NAMES_LOOKED_AT = 1_000  # for "did you mean"; an account may have a million log groups


class Group(NamedTuple):
    """What AWS says of a log group."""

    account: str
    region: str
    created: int  # ms
    keeps: int | None  # days; None: for ever

    def kept_from(self, now: int) -> int:
        """Time before which retention deletes events, both in ms; 0 if it keeps all."""
        # An hour more, because between the listing and the reading time goes by.
        return now - self.keeps * DAY + DAY // 24 if self.keeps else 0


def name_of(group: object) -> str:
    """Name of a log group, as given.

    Raises
    ------
    FlowlabError
        No group can be called that.
    """
    if isinstance(group, str) and _NAME.fullmatch(group):
        return group
    fix = "pass the name alone, as `aws logs describe-log-groups` shows it: '/vpc/flow-logs'."
    if arn := _ARN.match(str(group)):
        fix = f"pass CloudWatch({arn[2]!r}, region={arn[1]!r})."
    elif str(group).startswith("cloudwatch://"):
        fix = f"use CloudWatch.from_url({group!r})."
    raise FlowlabError(
        f"{group!r} cannot be the name of a log group.",
        "names have up to 512 letters, digits and . - _ / #",
        fix,
    )


def find(logs: Any, name: str, profile: str | None) -> Group | str:
    """Look a log group up.

    Returns
    -------
    Group or str
        The group; or, where these credentials may not ask, why that is so.

    Raises
    ------
    SourceError
        There is no such group; the message offers the nearest names.
    FlowlabError
        AWS cannot be reached, or fails.
    """
    doing = f"looking for log group {name}"
    others: set[str] = set()
    try:
        ask = logs.get_paginator("describe_log_groups").paginate
        for page in ask(logGroupNamePrefix=name):
            for found in _listed(page, "logGroups"):
                if found["logGroupName"] == name:
                    region, account = found["arn"].split(":")[3:5]
                    return Group(
                        account, region, found.get("creationTime", 0), found.get("retentionInDays")
                    )
        for page in ask():
            others.update(found["logGroupName"] for found in _listed(page, "logGroups"))
            if len(others) >= _NAMES_LOOKED_AT:
                break
    except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's alike
        problem = aws.explain(error, doing, profile)
        if aws.is_denied(error):
            return aws.reason(error, doing, profile)
    else:
        problem = _missing(name, others, logs.meta.region_name)
    # Raised out here, so that it drags no botocore frames (and their locals) along.
    raise problem


def _missing(name: str, others: Iterable[str], region: str) -> SourceError:
    # A slash too many or too few is the commonest mistake, and weighs little in a long name.
    slashes = {other.strip("/"): other for other in others}
    near = difflib.get_close_matches(name.strip("/"), slashes, n=3)
    names = " or ".join(slashes[n] for n in near)
    return SourceError(
        f"there is no log group {name} in {region}.",
        "it is misspelled, in another region or account, or its flow log has not recorded yet.",
        f"did you mean {names}?" if names else "check the name, region= and profile=; "
        "`aws logs describe-log-groups` lists them.",
    )  # fmt: skip


def stream_names(streams: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of log streams, each once, sorted; None means all streams.

    Raises
    ------
    FlowlabError
        None at all, or one that cannot be a name.
    """
    if streams is None:
        return None
    names = [streams] if isinstance(streams, str) else list(streams)
    wrong = [n for n in names if not isinstance(n, str) or not _STREAM.fullmatch(n)]
    if names and not wrong:
        return tuple(sorted(set(names)))
    what = f"no log stream can be called {wrong[0]!r}" if wrong else "it names no log stream"
    raise FlowlabError(
        f"streams={streams!r}: {what}.",
        fix="pass names like 'eni-0123456789abcdef0-all', or beginnings like 'eni-0123*'; leave "
        "it out to read all streams.",
    )


def existing(
    logs: Any, name: str, streams: Sequence[str] | None, profile: str | None
) -> tuple[tuple[str, ...] | None, list[Problem]]:
    """Leave out log streams that do not exist: one of them makes AWS refuse the whole request.

    Returns
    -------
    (tuple of str or None, list of Problem)
        The streams to ask for, and those that are not there. All of them, unchecked, where
        these credentials may not ask.

    Raises
    ------
    SourceError
        None of the streams exists.
    """
    if streams is None:
        return None, []
    absent = [
        stream
        for stream in streams
        if not stream.endswith("*") and _lacks(logs, name, stream, profile)
    ]
    if len(absent) == len(streams):
        raise SourceError(
            f"log group {name} has no log stream {' or '.join(absent[:3])}.",
            "it is misspelled; or the ENI had no traffic yet: its stream begins with it.",
            "`aws logs describe-log-streams --log-group-name ...` lists them; a flow log's are "
            "called like eni-0123456789abcdef0-all.",
        )
    problems = [
        Problem(
            f"cloudwatch://{name}, log stream {stream}",
            "there is no such log stream: it is misspelled, or its ENI had no traffic yet; the "
            "other streams can be read; check streams=",
        )
        for stream in absent
    ]
    return tuple(s for s in streams if s not in absent), problems


def _lacks(logs: Any, name: str, stream: str, profile: str | None) -> bool:
    try:
        answer = logs.describe_log_streams(logGroupName=name, logStreamNamePrefix=stream)
        # Names are sorted, so the exact one comes first of all that begin like it.
        return all(s["logStreamName"] != stream for s in _listed(answer, "logStreams"))
    except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's alike
        problem = aws.explain(error, f"looking for log stream {stream}", profile)
        if aws.is_denied(error):
            return False  # reading will tell
    raise problem


def _listed(answer: dict[str, Any], key: str) -> Any:
    # botocore takes an answer that breaks off for one that holds nothing (measured, 1.44).
    if key not in answer:
        raise FlowlabError(
            "an answer of AWS was cut off, or is not AWS's.",
            "the connection broke, or a proxy or sign-in page stands between here and AWS.",
            "check the connection and ask again.",
        )
    return answer[key]


def formats(access: aws.Access, name: str) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Ask for the formats of all flow logs that deliver to a log group.

    Returns
    -------
    (tuple of column tuples, list of str)
        Each format once; and notices: what could not be asked or understood.
    """
    doing = "asking for the format (DescribeFlowLogs)"
    found: dict[tuple[str, ...], None] = {}
    notices = []
    try:
        pages = access.client("ec2").get_paginator("describe_flow_logs").paginate()
        logs = [log for page in pages for log in _listed(page, "FlowLogs") if _delivers(log, name)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the lines may still tell
        why = aws.reason(error, doing, access.profile)
        return (), [f"the format could not be asked for: {why}"]
    for log in logs:
        try:
            found[schema.parse_log_format(log.get("LogFormat") or schema.DEFAULT_FORMAT)] = None
        except LineFormatError as unclear:
            notices.append(f"the format of {log.get('FlowLogId')} is left out: {unclear.what}")
    if not logs:
        notices.append(
            f"the format is not known from AWS: no flow log of this account delivers to {name} "
            "now (deleted since, or another account's); log_format= says it"
        )
    return tuple(sorted(found)), notices  # AWS's order is not the same every time


def _delivers(log: dict[str, Any], name: str) -> bool:
    """Whether a flow log writes to this group; AWS names the group or gives its ARN."""
    _, _, target = str(log.get("LogDestination", "")).partition(":log-group:")
    return name in (log.get("LogGroupName"), target.removesuffix(":*"))


def owner(access: aws.Access, group: Group | None, region: str) -> str | None:
    """Whose the log group is, for an archive: account, region, and the endpoint if it is another.

    None if AWS does not say: groups of the same name in two accounts must never be taken for one.
    """
    account = group.account if group else None
    if account is None:
        try:
            account = str(access.client("sts").get_caller_identity()["Account"])
        except Exception:  # noqa: BLE001 - whatever it is, nobody says whose it is
            return None
    where = urlsplit(access.endpoint_url or "")  # its host and port alone: it may hold a password
    place = f"@{where.hostname}:{where.port or ''}" if where.hostname else ""
    return f"{account}/{group.region if group else region}{place}"
