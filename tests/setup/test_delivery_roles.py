"""The delivery role: right, broken in each of the known ways, not to be seen."""

import copy
import json
from datetime import UTC, datetime

import pytest

from flowlab.setup.delivery_roles import judge_roles
from flowlab.setup.documents import delivery_role_policy, delivery_trust_policy
from flowlab.setup.inventory import Answer, Refusal, scope_of

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ACCOUNT, REGION, GROUP = "123456789012", "eu-west-1", "/vpc/flow"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow-logs"
FLOW_LOG = {
    "FlowLogId": "fl-0123456789abcdef0",
    "LogDestinationType": "cloud-watch-logs",
    "LogGroupName": GROUP,
    "DeliverLogsPermissionArn": ROLE,
}
ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"

# VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs": both as published.
FIVE = [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
]
PUBLISHED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": FIVE, "Resource": "*"}],
}
PUBLISHED_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
RIGHT = delivery_role_policy(ACCOUNT, REGION, GROUP)
TRUST = delivery_trust_policy(ACCOUNT, REGION)


def allow(action=FIVE, resource=ARN, effect="Allow", **more):
    row = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [row]}


def answers(policy=RIGHT, trust=TRUST, flow_log=FLOW_LOG, role=None, group=True, more=()):
    role = {"Arn": ROLE, "AssumeRolePolicyDocument": trust} if role is None else role
    return {
        (a.ask, a.of): a
        for a in [
            Answer("ec2:DescribeFlowLogs", "", [flow_log]),
            Answer("iam:GetRole", ROLE, role),
            Answer("iam:ListRolePolicies", ROLE, ["deliver"] if policy is not None else []),
            Answer("iam:GetRolePolicy", f"{ROLE}|deliver", policy),
            Answer("iam:ListAttachedRolePolicies", ROLE, []),
            Answer("logs:DescribeLogGroups", GROUP, {"logGroupName": GROUP} if group else None),
            *more,
        ]
    }


def judge(found=None, refused=(), **changes):
    found = dict(found or answers(**changes))
    for ask in refused:
        for key in [key for key in found if key[0] == ask]:
            found[key] = Answer(*key, refusal=Refusal("denied", f"AccessDenied: {ask}"))
    checks = list(judge_roles(scope_of(ACCOUNT, REGION, found.values()), NOW))
    assert len({check.check for check in checks}) == len(checks)
    for check in checks:
        assert (check.flow_log, check.link) == (FLOW_LOG["FlowLogId"], "permission")
        assert (check.account_id, check.region) == (ACCOUNT, REGION)
        assert check.evidence and bool(check.cause) == bool(check.remedy) == (check.status != "ok")
    return {check.check: check for check in checks}


def statuses(checks):
    return {name: check.status for name, check in checks.items() if check.status != "ok"}


def managed(arn, document):
    return [
        Answer("iam:GetPolicy", arn, {"Arn": arn, "DefaultVersionId": "v1"}),
        Answer("iam:GetPolicyVersion", arn, document),
    ]


def test_a_right_role_is_right_in_everything():
    checks = judge()
    assert set(checks) == {
        "role-exists",
        "role-trust",
        "role-trust-guard",
        "role-permissions",
        "role-resource-scope",
    }
    assert statuses(checks) == {}
    assert {check.resource for check in checks.values()} == {ROLE}
    assert "SCP" in checks["role-permissions"].evidence


def test_what_aws_publishes_delivers_and_is_wider_than_it_needs_to_be():
    checks = judge(policy=PUBLISHED, trust=PUBLISHED_TRUST)
    assert statuses(checks) == {"role-trust-guard": "warn", "role-resource-scope": "warn"}
    assert ARN in checks["role-resource-scope"].remedy
    assert "confused deputy" in checks["role-trust-guard"].cause
    # The remedies are the documents themselves: with them in place all is well.
    mended = {
        name: json.loads(checks[name].remedy.partition(": ")[2])
        for name in ("role-trust-guard", "role-resource-scope")
    }
    assert statuses(
        judge(policy=mended["role-resource-scope"], trust=mended["role-trust-guard"])
    ) == {}  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        ("*", "warn"),
        ("arn:aws:logs:*:*:*", "warn"),
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*", "warn"),
        (ARN, None),
        ([ARN, f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:other:*"], None),
    ],
)
def test_the_scope_of_the_resource(resource, status):
    assert statuses(judge(policy=allow(resource=resource))).get("role-resource-scope") == status


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (None, "names no role"),
        ("", "names no role"),
        ("arn:aws:iam::999999999999:role/flow-logs", "of account 999999999999"),
        ("flow-logs", "of account (none)"),
    ],
)
def test_a_flow_log_without_a_role_of_its_own_account(arn, why):
    checks = judge(flow_log={**FLOW_LOG, "DeliverLogsPermissionArn": arn})
    assert statuses(checks) == {"role-exists": "fail"} and len(checks) == 1
    assert why in checks["role-exists"].evidence


def test_a_role_that_was_deleted_is_told_once():
    found = answers()
    found["iam:GetRole", ROLE] = Answer("iam:GetRole", ROLE, None)
    checks = judge(found)
    assert statuses(checks) == {"role-exists": "fail"} and len(checks) == 1


def test_a_role_for_s3_is_of_no_use():
    to_s3 = {**FLOW_LOG, "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b"}
    assert statuses(judge(flow_log=to_s3)) == {"role-exists": "warn"}
    del to_s3["DeliverLogsPermissionArn"]
    assert judge(flow_log=to_s3) == {}


def trust(change, **conditions):
    document = copy.deepcopy(TRUST)
    document["Statement"][0].update(change)
    for operator, block in conditions.items():
        document["Statement"][0]["Condition"][operator] = block
    return document


@pytest.mark.parametrize(
    ("document", "evidence", "cause"),
    [
        (trust({"Principal": {"Service": "ec2.amazonaws.com"}}), "names ec2.amazonaws.com", "instead of vpc-flow-logs.amazonaws.com"),
        (trust({"Principal": {"Service": "delivery.logs.amazonaws.com"}}), "delivery.logs", "it names delivery.logs"),
        (trust({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}), ":root", "no statement is for vpc-flow-logs"),
        (trust({"Action": "sts:TagSession"}), "names vpc-flow-logs", "no policy allows sts:AssumeRole"),
        ({"Statement": []}, "names nobody", "no policy says anything"),
        ({"Statement": [*TRUST["Statement"], {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "sts:*"}]}, "statement No denies", "explicit Deny"),
        ("{'Statement': []}", "no policy document", "edited by hand"),
        ({"Version": "2012-10-17"}, "no Statement", "edited by hand"),
        (None, "null", "edited by hand"),
        ({"Statement": [{"Principal": "*", "Action": "*"}]}, "Effect of statement 1", "edited"),
    ],
)  # fmt: skip
def test_a_trust_policy_that_keeps_the_service_out(document, evidence, cause):
    checks = judge(trust=document)
    assert checks["role-trust"].status == "fail"
    assert evidence in checks["role-trust"].evidence and cause in checks["role-trust"].cause
    assert set(statuses(checks)) <= {"role-trust"}, "nothing else is blamed"


def test_a_deny_that_cannot_be_decided_leaves_the_trust_open():
    no = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:*",
        "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
    }
    checks = judge(trust={"Statement": [*TRUST["Statement"], no]})
    assert statuses(checks) == {"role-trust": "unknown"}
    assert "aws:PrincipalOrgID" in checks["role-trust"].evidence
    # As AWS's data perimeter policies write it: services are excepted.
    no["Condition"]["Bool"] = {"aws:PrincipalIsAWSService": "false"}
    assert statuses(judge(trust={"Statement": [*TRUST["Statement"], no]})) == {}


@pytest.mark.parametrize(
    ("conditions", "status", "cause"),
    [
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, "fail", "aws:SourceAccount demands 999999999999, but it is 123456789012"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/*"}}, "fail", "region us-east-1 instead of eu-west-1"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:999999999999:vpc-flow-log/*"}}, "fail", "account 999999999999 instead of"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}, "fail", "service logs instead of ec2"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:flow-log/*"}}, "fail", "name flow-log/*"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/fl-0fedcba9876543210"}}, "fail", "fl-0fedcba9876543210 instead of vpc-flow-log/fl-0123456789abcdef0"),
        ({"ArnLike": {}, "StringEquals": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"}}, "fail", "ArnLike is meant"),
        ({"ArnLike": {}, "StringLike": {"aws:SourceArn": f"arn:aws:ec2:*:{ACCOUNT}:vpc-flow-log/*"}}, "ok", ""),
        ({"ArnLike": {}, "StringEquals": {"AWS:sourceaccount": ACCOUNT}}, "ok", ""),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ec2:*:*:vpc-flow-log/*"}, "StringEquals": {}}, "warn", "confused deputy"),
        ({"ArnLike": {}, "StringEquals": {"aws:SourceAccount": [ACCOUNT, "999999999999"]}}, "ok", ""),
        ({"StringEquals": {"sts:ExternalId": "x"}}, "unknown", "only AWS knows"),
        ({"ArnLike": {}, "StringEquals": {"sts:ExternalId": "x"}}, "unknown", "only AWS knows"),
    ],
)  # fmt: skip
def test_the_guard_against_the_confused_deputy(conditions, status, cause):
    checks = judge(trust=trust({}, **conditions))
    assert checks["role-trust-guard"].status == status
    assert cause in checks["role-trust-guard"].cause
    assert set(statuses(checks)) <= {"role-trust-guard"}


def test_a_deny_is_a_guard_too():
    deny = {"Effect": "Deny", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}}  # fmt: skip
    trust = {**PUBLISHED_TRUST, "Statement": [*PUBLISHED_TRUST["Statement"], deny]}
    assert judge(trust=trust)["role-trust-guard"].status == "ok"
    deny["Condition"] = {"StringEquals": {"aws:SourceAccount": "210987654321"}}
    assert judge(trust=trust)["role-trust-guard"].status == "warn"


@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        (allow([a.replace("logs:", "log:") for a in FIVE]), "says log: instead of logs:"),
        (allow([a.replace("PutLogEvents", "PutLogEvent") for a in FIVE]), "says logs:PutLogEvent instead of logs:PutLogEvents"),
        (allow(resource=ARN.removesuffix(":*")), "lacks :* at its end"),
        (allow(resource=ARN.replace(ACCOUNT, "999999999999")), "account 999999999999 instead of 123456789012"),
        (allow(resource=ARN.replace(REGION, "us-east-1")), "region us-east-1 instead of eu-west-1"),
        (allow(resource=ARN.replace("/vpc/flow", "/vpc/flows")), "log group /vpc/flows instead of /vpc/flow"),
        (allow(resource=ARN.replace(":logs:", ":log:")), "service log instead of logs"),
        (allow(resource=ARN.replace("arn:aws:", "arn:aws-cn:")), "partition aws-cn instead of aws"),
        (allow([a for a in FIVE if a != "logs:PutLogEvents"]), "no policy allows logs:PutLogEvents"),
        (allow(Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}), "aws:RequestedRegion demands us-east-1"),
        ({"Statement": [*RIGHT["Statement"], allow("logs:Put*", "*", "Deny", Sid="No")["Statement"][0]]}, "statement No denies it"),
        ({"Statement": [{"Effect": "Allow", "NotAction": "logs:*", "Resource": "*"}]}, "NotAction leaves it out"),
        ({"Statement": []}, "no policy at all"),
        (None, "no policy at all"),
        ("no JSON", "edited by hand"),
        ({"Version": "2012-10-17"}, "edited by hand"),
        ({"Statement": [{"Action": FIVE, "Resource": "*"}]}, "edited by hand"),
    ],
)  # fmt: skip
def test_permissions_that_do_not_suffice(policy, cause):
    checks = judge(policy=policy)
    assert checks["role-permissions"].status == "fail"
    assert cause in checks["role-permissions"].cause
    assert set(statuses(checks)) == {"role-permissions"}, "nothing else is blamed"


def test_the_remedy_for_permissions_is_a_policy_that_suffices():
    remedy = judge(policy=allow(resource=ARN.removesuffix(":*")))["role-permissions"].remedy
    assert statuses(judge(policy=json.loads(remedy.partition(": ")[2]))) == {}


@pytest.mark.parametrize(
    "policy",
    [
        allow("logs:*"),
        allow([a.upper() for a in FIVE]),
        {"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": ARN}},
        allow(Condition={"StringEquals": {"aws:RequestedRegion": REGION}}),
        allow(Condition={"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}),
        {"Statement": [*PUBLISHED["Statement"], allow("*", "*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})["Statement"][0]]},
    ],
)  # fmt: skip
def test_permissions_that_suffice(policy):
    assert judge(policy=policy)["role-permissions"].status == "ok"


def test_what_only_aws_can_decide_is_unknown():
    for condition in (
        {"StringEquals": {"aws:ResourceTag/team": "net"}},
        {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
    ):
        check = judge(policy=allow(Condition=condition))["role-permissions"]
        assert check.status == "unknown"
        assert next(iter(next(iter(condition.values())))) in check.evidence
    # Streams are called after ENIs, and which ENIs there will be is not known.
    streams = allow(resource=[f"{ARN[:-1]}log-stream:eni-0a*", f"{ARN[:-1]}log-stream:"])
    assert judge(policy=streams)["role-permissions"].status == "unknown"


def test_creating_the_group_matters_only_while_there_is_none():
    policy = allow([a for a in FIVE if a != "logs:CreateLogGroup"])
    there = judge(policy=policy)["role-permissions"]
    assert there.status == "ok" and "logs:CreateLogGroup is not" in there.evidence
    missing = judge(policy=policy, group=False)["role-permissions"]
    assert missing.status == "fail" and missing.evidence.startswith("logs:CreateLogGroup on")


def test_finding_the_group_is_on_aws_list_and_not_what_writes():
    check = judge(policy=allow([a for a in FIVE if a != "logs:DescribeLogGroups"]))
    assert statuses(check) == {"role-permissions": "warn"}
    assert "logs:DescribeLogGroups" in check["role-permissions"].evidence
    # All five on the one group, as many write it.
    assert statuses(judge(policy=allow())) == {}


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/limit"


def limited(document):
    role = {
        "AssumeRolePolicyDocument": TRUST,
        "PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY},
    }
    return answers(role=role, more=managed(BOUNDARY, document))


def test_the_permissions_boundary_has_its_say():
    assert statuses(judge(limited(PUBLISHED))) == {}
    checks = judge(limited(allow("s3:*", "*")))
    assert statuses(checks) == {"role-permissions": "fail"}
    assert "permissions boundary does not" in checks["role-permissions"].cause
    denied = judge(limited({"Statement": [{"Sid": "No", "Effect": "Deny", "Action": "logs:*", "Resource": "*"}]}))  # fmt: skip
    assert "permissions boundary, statement No denies" in denied["role-permissions"].cause
    unseen = judge(limited(PUBLISHED), refused=["iam:GetPolicyVersion"])
    assert statuses(unseen) == {"role-permissions": "unknown"}
    assert "iam:GetPolicyVersion" in unseen["role-permissions"].cause


def test_attached_policies_count_too():
    arn = f"arn:aws:iam::{ACCOUNT}:policy/p"
    attached = Answer("iam:ListAttachedRolePolicies", ROLE, [{"PolicyName": "p", "PolicyArn": arn}])
    found = answers(policy=None, more=[attached, *managed(arn, RIGHT)])
    assert statuses(judge(found)) == {}
    assert "policy p" in judge(found)["role-permissions"].evidence
    for ask in ("iam:GetPolicyVersion", "iam:GetPolicy"):
        refused = ["iam:GetPolicyVersion", ask]
        checks = judge(found, refused=refused)
        assert statuses(checks) == dict.fromkeys(
            ["role-permissions", "role-resource-scope"], "unknown"
        )
        assert ask in checks["role-permissions"].cause


@pytest.mark.parametrize(
    ("ask", "unknown"),
    [
        ("iam:GetRole", {"role-exists", "role-trust", "role-trust-guard", "role-permissions"}),
        ("iam:ListRolePolicies", {"role-permissions", "role-resource-scope"}),
        ("iam:GetRolePolicy", {"role-permissions", "role-resource-scope"}),
        ("iam:ListAttachedRolePolicies", {"role-permissions", "role-resource-scope"}),
    ],
)
def test_what_may_not_be_read_is_unknown(ask, unknown):
    checks = judge(refused=[ask])
    assert statuses(checks) == dict.fromkeys(unknown, "unknown")
    assert all(ask in checks[name].cause + checks[name].remedy for name in unknown)


def test_a_deny_that_was_read_is_a_failure_whatever_was_not_read():
    checks = judge(policy=allow("logs:*", "*", "Deny"), refused=["iam:ListAttachedRolePolicies"])
    assert statuses(checks) == {"role-permissions": "fail"}


def simulated(**decisions):
    rows = [
        {"EvalActionName": a, "EvalResourceName": ARN, "EvalDecision": decisions.get(a[5:], "allowed")}
        for a in FIVE
    ]  # fmt: skip
    return [Answer("iam:SimulatePrincipalPolicy", ROLE, rows)]


@pytest.mark.parametrize(
    ("policy", "decisions", "status", "said"),
    [
        (RIGHT, {}, "ok", "allowed"),
        (RIGHT, {"CreateLogGroup": "implicitDeny"}, "ok", "allowed"),  # not needed
        (RIGHT, {"PutLogEvents": "explicitDeny"}, "fail", "logs:PutLogEvents: denied"),
        (allow("s3:*"), {"PutLogEvents": "implicitDeny"}, "ok", "denied"),
        (allow("s3:*"), {}, "warn", "do not allow"),
        (allow(Condition={"StringEquals": {"aws:RequestedRegion": REGION}}), {"PutLogEvents": "implicitDeny"}, "unknown", "denied"),
        (allow(Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}), {}, "ok", "allowed"),
    ],
)  # fmt: skip
def test_aws_simulator_has_its_say(policy, decisions, status, said):
    check = judge(policy=policy, more=simulated(**decisions))["role-simulated"]
    assert check.status == status and said in check.evidence
    assert check.evidence.startswith("AWS's simulator says")


def test_what_the_simulator_says_of_another_log_group_is_not_held_against_this_one():
    (answer,) = simulated()
    elsewhere = ARN.replace(GROUP, f"{GROUP}-of-others")
    denied = [
        {**row, "EvalResourceName": elsewhere, "EvalDecision": "implicitDeny"}
        for row in answer.value
    ]
    both = Answer(answer.ask, answer.of, [*denied, *answer.value])
    assert judge(policy=RIGHT, more=[both])["role-simulated"].status == "ok"
    only_others = Answer(answer.ask, answer.of, denied)
    assert "role-simulated" not in judge(policy=RIGHT, more=[only_others])


def test_where_the_simulator_may_not_be_asked_nothing_is_said():
    assert "role-simulated" not in judge(more=simulated(), refused=["iam:SimulatePrincipalPolicy"])


def test_without_the_flow_logs_there_is_nothing_to_judge():
    assert judge(refused=["ec2:DescribeFlowLogs"]) == {}
