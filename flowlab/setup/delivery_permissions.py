"""What the policies of a delivery role say about its log group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowlab.setup.documents import delivery_role_policy, log_group_arn
from flowlab.setup.iam import Decision, Request, evaluate, evaluate_all
from flowlab.setup.inventory import Answer
from flowlab.setup.matching import OPEN
from flowlab.setup.mistakes import as_json, shown, why_not
from flowlab.setup.statements import MalformedPolicyError, Statement, read_policy
from flowlab.setup.subjects import Subject
from flowlab.setup.verdicts import Check

UNSEEN = "Policies of organizations (SCP, RCP) and of sessions are not seen here."

_WRITE = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
_CREATE, _FIND = "logs:CreateLogGroup", "logs:DescribeLogGroups"


def judge_permissions(subject: Subject, role: Answer, group: str) -> Iterator[Check]:
    """Judge the permissions of a role on one log group.

    Parameters
    ----------
    subject : Subject
        The role of one flow log.
    role : Answer
        Of iam:GetRole: whether it has a permissions boundary.
    group : str
        Name of the log group.

    Yields
    ------
    Check
        role-permissions, role-resource-scope; role-simulated where AWS's simulator answered.
    """
    yield from _Permissions(subject, role, group).judge()


@dataclass(frozen=True)
class _Read:
    """What could be read of a role's policies."""

    policies: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None
    missing: Answer | None  # the first policy that AWS did not show
    no_boundary: Answer | None  # why the permissions boundary is not known


@dataclass(frozen=True)
class _Permissions:
    """What the policies of a role say about one log group."""

    subject: Subject
    role: Answer
    group: str

    def judge(self) -> Iterator[Check]:
        try:
            read = self._read()
        except MalformedPolicyError as problem:
            yield self.subject.check(
                "role-permissions", "fail", problem.what, problem.why, problem.fix
            )
            return
        yield self._permissions(read)
        yield self._scope(read)
        yield from self._simulated(read)

    def _read(self) -> _Read:
        scope, arn = self.subject.scope, self.subject.resource
        statements: list[Statement] = []
        missing: list[Answer] = []

        def add(name: str, answer: Answer) -> None:
            if answer.known:
                statements.extend(read_policy(name, answer.value))
            else:
                missing.append(answer)

        inline = scope.get("iam:ListRolePolicies", arn)
        attached = scope.get("iam:ListAttachedRolePolicies", arn)
        missing += [answer for answer in (inline, attached) if not answer.known]
        for name in inline.items():
            add(f"inline policy {name}", scope.get("iam:GetRolePolicy", f"{arn}|{name}"))
        for policy in attached.items():
            add(f"policy {policy['PolicyName']}", self._managed(policy["PolicyArn"]))
        boundary, no_boundary = None, None if self.role.known else self.role
        limit = (self.role.value or {}).get("PermissionsBoundary") if self.role.known else None
        if limit:
            answer = self._managed(str(limit.get("PermissionsBoundaryArn")))
            if answer.known:
                boundary = read_policy("permissions boundary", answer.value)
            else:
                no_boundary = answer
        return _Read(tuple(statements), boundary, missing[0] if missing else None, no_boundary)

    def _managed(self, arn: str) -> Answer:
        """Give a managed policy's document; the earlier refusal where there was one."""
        version = self.subject.scope.get("iam:GetPolicyVersion", arn)
        policy = self.subject.scope.get("iam:GetPolicy", arn)
        return policy if not version.known and not policy.known else version

    def _requests(self, actions: tuple[str, ...], group: str) -> list[Request]:
        scope = self.subject.scope
        name = log_group_arn(scope.account_id, scope.region, group, scope.partition)[:-1]
        context = {
            "aws:RequestedRegion": scope.region,
            "aws:PrincipalArn": self.subject.resource,
            "aws:PrincipalAccount": scope.account_id,
            "aws:PrincipalType": "AssumedRole",
            "aws:PrincipalIsAWSService": "false",
            "aws:SecureTransport": "true",
        }
        # AWS checks actions on a group as on "GROUP:log-stream:", with an empty name; which is
        # why a policy needs ":*". Streams are called after the ENI.
        streams = {_WRITE[0], _WRITE[1]}
        return [
            Request(
                action, f"{name}log-stream:{'eni-' + OPEN if action in streams else ''}", context
            )
            for action in actions
        ]

    def _permissions(self, read: _Read) -> Check:
        check = "role-permissions"
        exists = self.subject.scope.get("logs:DescribeLogGroups", self.group)
        needed = _WRITE if exists.known and exists.value is not None else (*_WRITE, _CREATE)
        requests = self._requests(needed, self.group)
        decision = evaluate_all(read.policies, requests, read.boundary)
        if decision.result == "DENY" and (decision.denied_by or read.missing is None):
            return self._denied(read, decision, requests)
        for answer in (read.missing, read.no_boundary):
            if answer is not None:
                return self.subject.undecided(answer, check)
        if decision.result == "UNSURE":
            return self._unsure(check, decision, self.group)
        notes = self._notes(read, needed)
        if notes[0]:
            return self.subject.check(check, "warn", *notes)
        by = shown(tuple(dict.fromkeys(r.policy for r in decision.why)))
        return self.subject.check(
            check, "ok", f"{by}: delivery to {self.group} is allowed.{notes[1]} {UNSEEN}"
        )

    def _notes(self, read: _Read, needed: tuple[str, ...]) -> tuple[str, str, str]:
        """Judge the two actions that delivery can do without: (evidence, cause, remedy)."""
        # It lists all groups of an account; a policy for the one group is what many write.
        (one,) = self._requests((_FIND,), self.group)
        (every,) = self._requests((_FIND,), "")
        if not any(
            evaluate(read.policies, r, read.boundary).result != "DENY" for r in (one, every)
        ):
            return (
                f"{_FIND} is not allowed; the other actions on {self.group} are.",
                "AWS names it among the permissions that a delivery role must have at least.",
                f"add {_FIND}: {self._right()}",
            )
        if _CREATE in needed:
            return "", "", ""
        created = evaluate_all(read.policies, self._requests((_CREATE,), self.group), read.boundary)
        note = f" {_CREATE} is not, and not needed: the group exists."
        return "", note if created.result == "DENY" else "", ""

    def _denied(self, read: _Read, decision: Decision, requests: list[Request]) -> Check:
        evidence = f"{shown(decision.actions)} on log group {self.group}: not allowed."
        against = decision.denied_by
        if against:
            cause = f"{against} denies it."
            remedy = "take that out of the Deny statement, or except this log group from it."
        elif read.boundary is not None and (
            evaluate_all(read.policies, requests).result == "ALLOW"
        ):
            cause = "the policies allow it, the role's permissions boundary does not."
            remedy = "let the permissions boundary allow these actions on this log group."
        elif not read.policies:
            cause, remedy = "the role has no policy at all.", f"give it this one: {self._right()}"
        else:
            first = next(r for r in requests if r.action == decision.actions[0])
            cause = why_not(read.policies, first)
            remedy = f"write: {self._right()}"
        return self.subject.check("role-permissions", "fail", evidence, cause, remedy)

    def _unsure(self, check: str, decision: Decision, group: str) -> Check:
        return self.subject.check(
            check,
            "unknown",
            f"{shown(decision.actions)} on {group}: {decision.undecided}.",
            "only AWS knows what these conditions and names are compared with.",
            "leave them out for this role, or ask AWS: aws iam simulate-principal-policy.",
        )

    def _scope(self, read: _Read) -> Check:
        check = "role-resource-scope"
        # A name that no policy mentions: who may write there may write anywhere.
        other = self._requests(_WRITE[:2], "flowlab-asks-about-any-other-group")
        decision = evaluate_all(read.policies, other[1:], read.boundary)
        if decision.result == "DENY" and (decision.denied_by or read.missing is None):
            return self.subject.check(check, "ok", "it cannot write to just any log group.")
        for answer in (read.missing, read.no_boundary):
            if answer is not None:
                return self.subject.undecided(answer, check)
        if decision.result == "UNSURE":
            return self._unsure(check, decision, "other log groups")
        scope = self.subject.scope
        arn = log_group_arn(scope.account_id, scope.region, self.group, scope.partition)
        return self.subject.check(
            check,
            "warn",
            f"{shown(tuple(str(r) for r in decision.why))}: it may write to any log group.",
            'the Resource is wider than this log group, often "*", as in AWS\'s own example.',
            f"restrict the Resource to {arn}: {self._right()}",
        )

    def _simulated(self, read: _Read) -> Iterator[Check]:
        answer = self.subject.scope.get("iam:SimulatePrincipalPolicy", self.subject.resource)
        # AWS was asked about every log group that the role delivers to.
        rows = [
            row
            for row in answer.items()
            if row.get("EvalActionName") in _WRITE
            and _is_about(str(row.get("EvalResourceName")), self.group)
        ]
        if not rows:
            return
        check, says = "role-simulated", "AWS's simulator says"
        denied = tuple(r["EvalActionName"] for r in rows if r.get("EvalDecision") != "allowed")
        decision = evaluate_all(read.policies, self._requests(_WRITE, self.group), read.boundary)
        complete = read.missing is None and read.no_boundary is None
        if not denied and decision.result == "DENY" and complete:
            yield self.subject.check(
                check,
                "warn",
                f"{says} allowed; these policies, read by AWS's rules, do not allow "
                f"{shown(decision.actions)} on {self.group}.",
                "the simulator was asked about another form of the log group's ARN, or a rule is "
                "read wrongly here.",
                "mend role-permissions; if records arrive all the same, please report this.",
            )
        elif not denied or decision.result == "DENY":
            said = f"{shown(denied)}: denied" if denied else "allowed"
            yield self.subject.check(check, "ok", f"{says} {said}, as role-permissions does.")
        elif decision.result == "ALLOW" and complete and not decision.conditional:
            yield self.subject.check(
                check,
                "fail",
                f"{says} {shown(denied)}: denied. The role's own policies allow it.",
                "something above them denies it: a policy of the organization (SCP, RCP), say.",
                "ask who manages the AWS organization; the management account sees its policies.",
            )
        else:
            yield self.subject.check(
                check,
                "unknown",
                f"{says} {shown(denied)}: denied.",
                "the policies have conditions, or could not all be read, and the simulator was "
                "not told what the conditions are compared with.",
                "see role-permissions.",
            )

    def _right(self) -> str:
        scope = self.subject.scope
        return as_json(
            delivery_role_policy(scope.account_id, scope.region, self.group, scope.partition)
        )


def _is_about(resource: str, group: str) -> bool:
    name = resource.partition(":log-group:")[2]
    return resource == "*" or name == group or name.startswith(f"{group}:")
