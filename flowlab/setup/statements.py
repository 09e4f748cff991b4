"""Policy documents of IAM, as AWS answers them: checked, and read into statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from flowlab.errors import FlowlabError


class MalformedPolicyError(FlowlabError, ValueError):
    """What should be a policy document is none."""


class Statement(NamedTuple):
    """One statement of a policy.

    Attributes
    ----------
    policy : str
        Name of its policy, for people.
    sid : str
        Its Sid, in words; its number where it has none.
    effect : {"Allow", "Deny"}
    principals : tuple of str
        Services, ARNs, account ids, or *; empty in an identity policy.
    actions, resources : tuple of str
        Patterns. `resources` is None in a trust policy.
    not_principal, not_action, not_resource : bool
        Whether these are what it does not apply to.
    conditions : tuple of (operator, key, values)
    variables : bool
        Whether ``${...}`` are variables: only since version 2012-10-17 of the language.
    """

    policy: str
    sid: str
    effect: Literal["Allow", "Deny"]
    principals: tuple[str, ...]
    not_principal: bool
    actions: tuple[str, ...]
    not_action: bool
    resources: tuple[str, ...] | None
    not_resource: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    variables: bool


def read_policy(name: str, document: object) -> tuple[Statement, ...]:
    """Read a policy document.

    Parameters
    ----------
    name : str
        What to call it.
    document : dict
        As AWS answers it.

    Raises
    ------
    MalformedPolicyError
        It is none: not JSON, no Statement, no Effect ...
    """
    if isinstance(document, str):  # documents that are JSON come as objects
        raise _malformed(name, "it is a text that is not JSON")
    if not isinstance(document, Mapping):
        raise _malformed(name, f"it is {_kind(document)} instead of an object")
    if "Statement" not in document:
        raise _malformed(name, "it has no Statement")
    content = document["Statement"]
    rows = content if isinstance(content, list) else [content]
    variables = document.get("Version") == "2012-10-17"
    return tuple(_statement(name, n, row, variables) for n, row in enumerate(rows, 1))


def _statement(name: str, number: int, row: Any, variables: bool) -> Statement:
    where = f"statement {number}"
    if not isinstance(row, Mapping):
        raise _malformed(name, f"{where} is {_kind(row)} instead of an object")
    if row.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(name, f"the Effect of {where} is neither Allow nor Deny")
    actions, not_action = _either(name, where, row, "Action")
    if actions is None:
        raise _malformed(name, f"{where} has no Action")
    resources, not_resource = _either(name, where, row, "Resource")
    principals, not_principal = _principals(name, where, row)
    sid = row.get("Sid")
    return Statement(
        name,
        f"statement {sid}" if sid else where,
        row["Effect"],
        principals,
        not_principal,
        actions,
        not_action,
        resources,
        not_resource,
        tuple(_conditions(name, where, row.get("Condition", {}))),
        variables,
    )


def _either(
    name: str, where: str, row: Mapping[str, Any], element: str
) -> tuple[tuple[str, ...] | None, bool]:
    for key in (element, f"Not{element}"):
        if key in row:
            return _texts(name, f"{key} of {where}", row[key]), key != element
    return None, False


def _principals(name: str, where: str, row: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    for key in ("Principal", "NotPrincipal"):
        if key in row:
            value = row[key]
            # AWS: "*" and {"AWS": "*"} mean the same in a resource policy.
            groups = value.values() if isinstance(value, Mapping) else [value]
            found = [_texts(name, f"{key} of {where}", group) for group in groups]
            return tuple(text for group in found for text in group), key != "Principal"
    return (), False


def _conditions(name: str, where: str, content: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    if not isinstance(content, Mapping) or not all(
        isinstance(block, Mapping) for block in content.values()
    ):
        raise _malformed(name, f"the Condition of {where} is not an object of objects")
    return [
        (operator, key, _texts(name, f"{key} of {where}", wanted))
        for operator, block in content.items()
        for key, wanted in block.items()
    ]


def _texts(name: str, what: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(v, str | bool | int | float) for v in values):
        raise _malformed(name, f"{what} is neither a text nor a list of texts")
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def _kind(value: object) -> str:
    kinds = {str: "a text", list: "a list", type(None): "null"}
    return kinds.get(type(value), "something else")


def _malformed(name: str, why: str) -> MalformedPolicyError:
    return MalformedPolicyError(
        f"the {name} is no policy document: {why}.",
        "it was edited by hand, or cut.",
        "write a valid one in its place; AWS's policy editor shows what is wrong.",
    )
