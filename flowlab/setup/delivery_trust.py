"""Whether the flow logs service may assume the role, and for this account alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowlab.setup.documents import FLOW_LOGS_SERVICE, delivery_trust_policy
from flowlab.setup.iam import Part, Request, applies, evaluate, parts
from flowlab.setup.inventory import Answer
from flowlab.setup.mistakes import as_json, in_words, shown, why_not
from flowlab.setup.statements import MalformedPolicyError, Statement, read_policy
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

_STRANGER = "000000000000"  # an account that no trust policy means


def judge_trust(subject: Subject, role: Answer) -> Iterator[Check]:
    """Judge the trust policy of a role.

    Parameters
    ----------
    subject : Subject
        The role of one flow log.
    role : Answer
        Of iam:GetRole.

    Yields
    ------
    Check
        role-trust: it names the service, and nothing denies it. Where it does, role-trust-guard:
        whether conditions keep other accounts from using it (the confused deputy), and whether
        they keep this account's own flow log out.
    """
    if not role.known:
        yield subject.undecided(role, "role-trust")
        yield subject.undecided(role, "role-trust-guard")
        return
    scope = subject.scope
    right = as_json(delivery_trust_policy(scope.account_id, scope.region, scope.partition))
    try:
        statements = read_policy("trust policy", role.value.get("AssumeRolePolicyDocument"))
    except MalformedPolicyError as problem:
        yield subject.check(
            "role-trust", "fail", problem.what, problem.why, f"write this trust policy: {right}"
        )
        return
    source = f"arn:{scope.partition}:ec2:{scope.region}:{scope.account_id}:vpc-flow-log/"
    request = Request(
        "sts:AssumeRole",
        subject.resource,
        {
            "aws:SourceAccount": scope.account_id,
            "aws:SourceArn": source + subject.flow_log,
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": FLOW_LOGS_SERVICE,
            "aws:SecureTransport": "true",
        },
        FLOW_LOGS_SERVICE,
    )
    meant = []
    for statement in statements:
        found = parts(statement, request)
        bare = [p for p in found if not p.operator]
        if statement.effect == "Allow" and applies(bare) is True:
            meant.append((statement, found))
    yield _trust(subject, statements, request, bool(meant), right)
    if meant:
        yield _guard(subject, statements, meant, request, right)


def _trust(
    subject: Subject,
    statements: Sequence[Statement],
    request: Request,
    named: bool,
    right: str,
) -> Check:
    remedy = f"write this trust policy: {right}"
    if not named:
        others = [p for s in statements if s.effect == "Allow" for p in s.principals]
        return subject.check(
            "role-trust",
            "fail",
            f"the trust policy names {shown(list(dict.fromkeys(others))) or 'nobody'}.",
            why_not(statements, request),
            remedy,
        )
    denies = evaluate([s for s in statements if s.effect == "Deny"], request)
    if denies.denied_by:
        return subject.check(
            "role-trust",
            "fail",
            f"{denies.denied_by} denies {FLOW_LOGS_SERVICE} sts:AssumeRole.",
            "an explicit Deny beats every Allow.",
            f"take the service out of the Deny statement, or {remedy}",
        )
    if denies.why:
        return subject.check(
            "role-trust",
            "unknown",
            f"the trust policy may deny {FLOW_LOGS_SERVICE}: {denies.undecided}.",
            "only AWS knows what these conditions are compared with.",
            remedy,
        )
    return subject.check(
        "role-trust", "ok", f"the trust policy lets {FLOW_LOGS_SERVICE} assume the role."
    )


def _guard(
    subject: Subject,
    statements: Sequence[Statement],
    meant: Sequence[tuple[Statement, list[Part]]],
    request: Request,
    right: str,
) -> Check:
    name = "role-trust-guard"
    mine = subject.scope.account_id
    foreign = {k: v and v.replace(mine, _STRANGER) for k, v in request.context.items()}
    others = request._replace(context=foreign)
    open_to_all = [
        statement
        for statement, found in meant
        if applies(found) is True and applies(parts(statement, others)) is not False
    ]
    if open_to_all and not evaluate(statements, others).denied_by:
        return subject.check(
            name,
            "warn",
            f"{open_to_all[0].sid} of the trust policy fits flow logs of any account: no condition "
            "on aws:SourceAccount or aws:SourceArn keeps them out.",
            "the service could be made to use this role for another account's flow log (the "
            "confused deputy).",
            f"write this trust policy: {right}",
        )
    verdicts = [applies(found) for _, found in meant]
    if True in verdicts:
        return subject.check(
            name, "ok", "its conditions let this account's flow log use the role, and no other's."
        )
    if None in verdicts:
        keys = [p.element for _, found in meant for p in found if p.holds is None]
        return subject.check(
            name,
            "unknown",
            f"the trust policy has conditions on {shown(list(dict.fromkeys(keys)))}.",
            "only AWS knows what these conditions are compared with.",
            f"write this trust policy: {right}",
        )
    against = [p for p in meant[0][1] if p.holds is False]
    return subject.check(
        name,
        "fail",
        "the trust policy names the service, but its conditions keep this flow log out.",
        "; ".join(in_words(part, request) for part in against) + ".",
        f"write this trust policy: {right}",
    )
