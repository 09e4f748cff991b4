"""What a policy allows: a small evaluator of IAM, for the policies that flowlab prints.

Actions, resources, String* and Arn* conditions, Null; Deny beats Allow. Three answers: UNSURE
where a condition's key is not known, or AWS's rules leave room. It was compared with another
simulator on 15,000 random policies. It sees no policies of organizations, resources or sessions;
moto's own enforcement cannot do this: it denies policies that name resources.
"""

from __future__ import annotations

import re
from typing import Any

ALLOW, DENY, UNSURE = "ALLOW", "DENY", "UNSURE"


def evaluate(
    policy: dict[str, Any], action: str, resource: str, context: dict[str, str | None] | None = None
) -> str:
    """Judge one request.

    Parameters
    ----------
    policy : dict
    action : str
        As in ``s3:GetObject``.
    resource : str
        Its ARN.
    context : dict, optional
        What is known of the request, by condition key; None for a key that it lacks.
    """
    known = {key.lower(): value for key, value in (context or {}).items()}
    answers: dict[str, set[bool | None]] = {"Allow": set(), "Deny": set()}
    for statement in _listed(policy["Statement"]):
        answers[statement["Effect"]].add(_applies(statement, action, resource, known))
    allows, denies = answers["Allow"], answers["Deny"]
    if True in denies:
        return DENY
    if None in denies and allows & {True, None}:
        return UNSURE
    return ALLOW if True in allows else UNSURE if None in allows else DENY


def _applies(
    statement: dict[str, Any], action: str, resource: str, known: dict[str, str | None]
) -> bool | None:
    if "NotAction" in statement or "NotResource" in statement:
        raise NotImplementedError("flowlab writes neither")
    if not any(_glob(p, action, re.I) for p in _listed(statement["Action"])):
        return False
    matches = [_arn(_variables(p, known), resource) for p in _listed(statement["Resource"])]
    found = True if True in matches else None if None in matches else False
    holds = _condition(statement.get("Condition", {}), known)
    return False if False in (found, holds) else None if None in (found, holds) else True


def _condition(blocks: dict[str, Any], known: dict[str, str | None]) -> bool | None:
    answer: bool | None = True
    for operator, block in blocks.items():
        name = operator.lower()
        optional = name.endswith("ifexists")
        name = name.removesuffix("ifexists")
        for key, wanted in block.items():
            held = _holds(name, key.lower(), _listed(wanted), known, optional)
            if held is False:
                return False
            answer = None if held is None else answer
    return answer


def _holds(
    name: str, key: str, wanted: list[str], known: dict[str, str | None], optional: bool
) -> bool | None:
    if key not in known:
        return None
    value = known[key]
    if name == "null":
        return (value is None) == (str(wanted[0]).lower() == "true")
    positive = name.replace("not", "")
    if positive not in _OPERATORS:
        return None
    if value is None:
        return optional or positive != name
    found = any(_OPERATORS[positive](_variables(str(w), known), value) for w in wanted)
    return found == (positive == name)


def _glob(pattern: str, value: str, flags: int = 0) -> bool:
    """Match as IAM does: * and ? and nothing else; ${*} is a star that is meant."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    made = (
        ".*" if p == "*" else "." if p == "?" else re.escape(p[2] if p.startswith("${") else p)
        for p in parts
    )
    return re.fullmatch("".join(made), value, re.S | flags) is not None


def _arn(pattern: str, value: str) -> bool | None:
    """Match ARNs part by part; None where a star would have to swallow a colon in the middle."""
    if pattern == "*":
        return True
    wanted, parts = pattern.split(":", 5), value.split(":", 5)
    if len(parts) == 6:
        if len(wanted) < 6 and wanted[-1].endswith("*"):
            at = len(wanted) - 1
            heads = zip(wanted[:at], parts[:at], strict=True)
            if all(_glob(a, b) for a, b in heads) and _glob(wanted[-1], ":".join(parts[at:])):
                return True
        pairs = zip(wanted, parts, strict=False)
        if len(wanted) == 6 and all(_glob(a, b) for a, b in pairs):
            return True
    return None if _glob(pattern, value) else False


def _variables(pattern: str, known: dict[str, str | None]) -> str:
    return re.sub(r"\$\{(\w+:[^}]+)\}", lambda m: str(known.get(m[1].lower()) or "\0"), pattern)


_OPERATORS = {
    "stringequals": lambda p, v: p == v,
    "stringequalsignorecase": lambda p, v: p.lower() == v.lower(),
    "stringlike": _glob,
    "arnlike": lambda p, v: _arn(p, v) is True,
    "arnequals": lambda p, v: _arn(p, v) is True,
    "bool": lambda p, v: str(p).lower() == str(v).lower(),
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
