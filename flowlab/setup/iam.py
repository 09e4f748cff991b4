"""What policies allow: IAM's rules for one request at a time, three-valued.

ALLOW, DENY, or UNSURE where the answer hangs on something that is not known: a condition key
that only AWS sees, an operator that is not implemented, a wildcard that AWS's rules leave open.
Identity policies with a permissions boundary; and resource policies (trust, bucket, key) for an
AWS service as the principal. Not seen: policies of organizations (SCP, RCP) and of sessions.

Source: AWS, IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from flowlab.setup.matching import (
    OPEN,
    Truth,
    all_of,
    any_of,
    condition_holds,
    covers,
    match,
    opposite,
)
from flowlab.setup.statements import Statement, read_policy

Result = Literal["ALLOW", "DENY", "UNSURE"]


class Request(NamedTuple):
    """One request to AWS.

    Attributes
    ----------
    action : str
        As in ``logs:PutLogEvents``.
    resource : str
        Its ARN; may end in `OPEN`.
    context : mapping
        What is known of the request, by condition key; None for a key that it lacks. A key that
        is not named here is not known. Values may end in `OPEN`.
    principal : str
        AWS service that asks, for a resource policy; "" for identity policies.
    """

    action: str
    resource: str
    context: Mapping[str, str | None]
    principal: str = ""


class Part(NamedTuple):
    """One element of a statement, held against a request.

    Attributes
    ----------
    element : str
        Principal, Action, NotAction, Resource, NotResource, or a condition key.
    operator : str
        Of a condition; "" otherwise.
    wanted : tuple of str
        What the statement says.
    holds : bool or None
        None where that cannot be decided.
    """

    element: str
    operator: str
    wanted: tuple[str, ...]
    holds: Truth


class Reason(NamedTuple):
    """A statement that speaks for or against: which, and whether it certainly applies."""

    policy: str
    sid: str
    effect: str
    certain: bool
    conditional: bool
    undecided: tuple[str, ...]  # its elements that could not be decided

    def __str__(self) -> str:
        return f"{self.policy}, {self.sid}"


class Decision(NamedTuple):
    """What policies say to a request.

    Attributes
    ----------
    result : {"ALLOW", "DENY", "UNSURE"}
    why : tuple of Reason
        Statements that apply, or may apply. None of them: nothing allows it.
    actions : tuple of str
        What was asked; of several, those that have this result.
    """

    result: Result
    why: tuple[Reason, ...]
    actions: tuple[str, ...]

    @property
    def denied_by(self) -> Reason | None:
        """The statement that denies it expressly."""
        return next((r for r in self.why if r.effect == "Deny" and r.certain), None)

    @property
    def conditional(self) -> bool:
        """Whether a condition had a say."""
        return any(reason.conditional for reason in self.why)

    @property
    def undecided(self) -> str:
        """Name what could not be decided, in words."""
        return "; ".join(f"{r}: {', '.join(r.undecided)}" for r in self.why if r.undecided)


def evaluate(
    policies: Iterable[Statement], request: Request, boundary: Iterable[Statement] | None = None
) -> Decision:
    """Decide one request.

    Parameters
    ----------
    policies : iterable of Statement
        All policies of the role; or the one policy of the resource.
    request : Request
    boundary : iterable of Statement, optional
        Permissions boundary, which must allow it too.

    Returns
    -------
    Decision
    """
    result, why = _decided(policies, request)
    if boundary is not None and result != "DENY":
        limit, more = _decided(boundary, request)
        why += more
        result = "DENY" if limit == "DENY" else "UNSURE" if "UNSURE" in (result, limit) else "ALLOW"
    return Decision(result, why, (request.action,))


def evaluate_all(
    policies: Sequence[Statement],
    requests: Iterable[Request],
    boundary: Sequence[Statement] | None = None,
) -> Decision:
    """Decide several requests: all are allowed, or some are denied, or some cannot be decided."""
    decisions = [evaluate(policies, request, boundary) for request in requests]
    for result in ("DENY", "UNSURE", "ALLOW"):
        same = [d for d in decisions if d.result == result]
        if same:
            break
    why = dict.fromkeys(reason for d in same for reason in d.why)
    return Decision(result, tuple(why), tuple(a for d in same for a in d.actions))


def key_allows(
    document: object,
    service: str,
    actions: Iterable[str],
    context: Mapping[str, str | None],
    key: str = OPEN,
) -> Decision:
    """Decide whether a KMS key's policy lets an AWS service use it.

    Parameters
    ----------
    document : dict
        The key policy, as kms:GetKeyPolicy gives it.
    service : str
        As in ``delivery.logs.amazonaws.com``.
    actions : iterable of str
        As in ``kms:GenerateDataKey``, without wildcards.
    context : mapping
        As in `Request`.
    key : str
        ARN of the key, if known: a policy that names another one does not count.

    Raises
    ------
    MalformedPolicyError
        It is no policy document.
    """
    statements = read_policy("key policy", document)
    return evaluate_all(statements, [Request(a, key, context, service) for a in actions])


def parts(statement: Statement, request: Request) -> list[Part]:
    """Hold each element of a statement against a request: the statement applies if all hold."""
    known = {key.lower(): value for key, value in request.context.items()}
    found = []
    if request.principal:
        named = statement.principals
        hit = request.principal in named or "*" in named
        element = "NotPrincipal" if statement.not_principal else "Principal"
        found.append(Part(element, "", named, hit != statement.not_principal))
    acts: Truth = any(match(p, request.action, re.I) for p in statement.actions)
    if statement.not_action:
        acts = opposite(acts)
    found.append(
        Part("NotAction" if statement.not_action else "Action", "", statement.actions, acts)
    )
    if statement.resources is not None:
        where = any_of(
            covers(statement.variables, p, request.resource, known) for p in statement.resources
        )
        if statement.not_resource:
            where = opposite(where)
        element = "NotResource" if statement.not_resource else "Resource"
        found.append(Part(element, "", statement.resources, where))
    elif not request.principal:  # only trust policies do without
        found.append(Part("Resource", "", (), False))
    for operator, key, wanted in statement.conditions:
        held = condition_holds(statement.variables, operator, key.lower(), wanted, known)
        found.append(Part(key, operator, wanted, held))
    return found


def applies(found: Iterable[Part]) -> Truth:
    """Say whether a statement applies, by its parts."""
    return all_of(part.holds for part in found)


def _decided(policies: Iterable[Statement], request: Request) -> tuple[Result, tuple[Reason, ...]]:
    said: dict[str, set[Truth]] = {"Allow": set(), "Deny": set()}
    why = []
    for statement in policies:
        found = parts(statement, request)
        held = applies(found)
        if held is False:
            continue
        said[statement.effect].add(held)
        unclear = tuple(dict.fromkeys(p.element for p in found if p.holds is None))
        why.append(
            Reason(
                statement.policy,
                statement.sid,
                statement.effect,
                held is True,
                bool(statement.conditions),
                unclear,
            )
        )
    if True in said["Deny"]:
        return "DENY", tuple(why)
    if None in said["Deny"] and said["Allow"]:
        return "UNSURE", tuple(why)
    if True in said["Allow"]:
        return "ALLOW", tuple(why)
    return ("UNSURE" if None in said["Allow"] else "DENY"), tuple(why)
