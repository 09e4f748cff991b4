"""Why a policy does not do what its author meant: the common mistakes, by name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from flowlab.setup.iam import Part, Request, parts
from flowlab.setup.matching import OPEN, match, match_arn
from flowlab.setup.statements import Statement

_SEGMENTS = ("arn", "partition", "service", "region", "account")


def nearest(
    statements: Iterable[Statement], request: Request
) -> tuple[Statement, list[Part]] | None:
    """Find the statement that allows almost what is asked.

    Returns
    -------
    (Statement, list of Part) or None
        The Allow statement with the fewest elements against it, and those elements; of equal
        ones, the first. One that is about the same action, or something that looks like it,
        comes nearer than any other; then one for the same principal.
    """
    found = []
    for statement in statements:
        if statement.effect == "Allow":
            against = [part for part in parts(statement, request) if part.holds is False]
            alien = not any(_akin(text, request.action) for text in statement.actions)
            stranger = any(part.element == "Principal" for part in against)
            found.append((alien, stranger, len(against), statement, against))
    if not found:
        return None
    *_, statement, against = min(found, key=lambda row: row[:3])
    return statement, against


def why_not(statements: Sequence[Statement], request: Request) -> str:
    """Say why nothing allows a request, by the statement that comes nearest."""
    close = nearest(statements, request)
    if close is None:
        return f"no policy says anything of {request.action}."
    statement, against = close
    if any(p.element == "Action" and not _akin_any(p.wanted, request.action) for p in against):
        return f"no policy allows {request.action}."
    for part in against:
        if part.element == "Principal" and not any(".amazonaws." in p for p in part.wanted):
            return f"{statement.policy}: no statement is for {request.principal}."
    said = "; ".join(in_words(part, request) for part in against)
    return f"{statement.policy}, {statement.sid}: {said}."


def in_words(part: Part, request: Request) -> str:
    """Say what is wrong with one element of a statement."""
    if part.element == "Principal":
        return f"it names {shown(part.wanted)} instead of {request.principal}"
    if part.element == "Action":
        return _of_action(part.wanted, request.action)
    if part.element == "Resource":
        return f"its Resource {_of_arn(part.wanted, request.resource)}"
    if part.element in ("NotPrincipal", "NotAction", "NotResource"):
        return f"its {part.element} leaves it out"
    known = {key.lower(): value for key, value in request.context.items()}
    have = known.get(part.element.lower())
    demand = f"its condition {part.operator} {part.element} demands {shown(part.wanted)}"
    if have is None:
        return f"{demand}, which the request does not carry"
    if part.operator.lower().startswith("stringequals") and any("*" in w for w in part.wanted):
        return f"{demand}, and {part.operator} takes the * literally: ArnLike is meant"
    if part.element.lower() == "aws:sourcearn":
        return f"its condition on aws:SourceArn {_of_arn(part.wanted, have)}"
    return f"{demand}, but it is {_open(have)}"


def shown(texts: Sequence[str]) -> str:
    """List values of a policy, the first few of them."""
    few = [text if len(text) <= 120 else f"{text[:117]}..." for text in texts[:4]]
    return ", ".join(few) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


def as_json(document: object) -> str:
    """Write a document in one line, to be copied."""
    return json.dumps(document)


def _akin(pattern: str, action: str) -> bool:
    """Whether a pattern names the action, or was meant to."""
    if match(pattern.lower(), action.lower()):
        return True
    service, _, name = pattern.lower().partition(":")
    wanted, _, act = action.lower().partition(":")
    if bool(match(name, act)) and bool(difflib.get_close_matches(service, [wanted], cutoff=0.7)):
        return True  # log:PutLogEvents
    close = difflib.get_close_matches(name, [act], cutoff=0.85)
    return service == wanted and bool(close)  # logs:PutLogEvent


def _akin_any(patterns: Iterable[str], action: str) -> bool:
    return any(_akin(pattern, action) for pattern in patterns)


def _of_action(patterns: Sequence[str], action: str) -> str:
    meant = [p for p in patterns if _akin(p, action)]
    if not meant:
        return f"it allows {shown(patterns)}, not {action}"
    service, wanted = meant[0].partition(":")[0], action.partition(":")[0]
    if service.lower() != wanted:
        return f"it says {service}: instead of {wanted}: ({meant[0]})"
    return f"it says {meant[0]} instead of {action}"


def _of_arn(patterns: Sequence[str], value: str) -> str:
    """Say how the nearest of several ARNs differs from the one that is needed."""
    plain = value.removesuffix(OPEN)
    pattern = max(patterns, key=lambda p: difflib.SequenceMatcher(None, p, plain).ratio())
    if match_arn(f"{pattern}:*", value):
        return f"lacks :* at its end ({pattern})"
    wanted, have = pattern.split(":", 5), value.split(":", 5)
    if len(wanted) < 6 or wanted[0] != "arn":
        return f"{pattern} does not cover {_open(value)}"
    wrong = [
        f"{name} {a or '(none)'} instead of {b or '(none)'}"
        for name, a, b in zip(_SEGMENTS, wanted, have, strict=False)
        if not match(a, b)
    ]
    if not wrong:
        wrong = [_of_rest(wanted[5], have[5])]
    return f"has the {' and the '.join(wrong)} ({pattern})"


def _of_rest(pattern: str, value: str) -> str:
    kind, _, name = value.partition(":")
    if kind == "log-group" and pattern.startswith("log-group:"):
        group = name.partition(":")[0]
        return f"log group {pattern.split(':')[1]} instead of {group}"
    hive = ("AWSLogs/aws-account-id=", "AWSLogs/")
    forms = {True: "Hive-compatible prefix", False: "default prefix"}
    if hive[1] in value and hive[1] in pattern and (hive[0] in value) != (hive[0] in pattern):
        return (
            f"{forms[hive[0] in pattern]} where the flow log writes the {forms[hive[0] in value]}"
        )
    return f"name {pattern} instead of {_open(value)}"


def _open(value: str) -> str:
    return value.replace(OPEN, "*")
