"""Requests decided as AWS's IAM User Guide decides them in its examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlab.setup.iam import Request, evaluate, evaluate_all, key_allows
from flowlab.setup.matching import OPEN, match, match_arn
from flowlab.setup.statements import MalformedPolicyError, read_policy

VERSION = "2012-10-17"


def statements(*rows, version=VERSION):
    return read_policy("policy P", {"Version": version, "Statement": list(rows)})


def allow(action, resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return allow(action, resource, "Deny", **more)


def result(rows, action, resource="arn:aws:s3:::b/k", boundary=None, **context):
    context = {key.replace("__", ":"): value for key, value in context.items()}
    limit = None if boundary is None else statements(*boundary)
    return evaluate(statements(*rows), Request(action, resource, context), limit).result


# "Policy evaluation logic": default deny, allow, explicit deny; the boundary's intersection.
@pytest.mark.parametrize(
    ("rows", "boundary", "expected"),
    [
        ([], None, "DENY"),
        ([allow("s3:*")], None, "ALLOW"),
        ([allow("s3:*"), deny("s3:GetObject")], None, "DENY"),
        ([deny("s3:GetObject"), allow("*")], None, "DENY"),
        ([allow("s3:*")], [allow(["s3:*", "cloudwatch:*", "ec2:*"])], "ALLOW"),
        ([allow("s3:*")], [allow("ec2:*")], "DENY"),
        ([allow("ec2:*")], [allow("s3:*")], "DENY"),
        ([allow("s3:*")], [allow("s3:*"), deny("s3:Get*")], "DENY"),
        ([], [allow("*")], "DENY"),
    ],
)
def test_deny_beats_allow_and_a_boundary_only_limits(rows, boundary, expected):
    assert result(rows, "s3:GetObject", boundary=boundary) == expected


@pytest.mark.parametrize(
    ("row", "action", "resource", "expected"),
    [
        # "IAM JSON policy elements: Action": case does not matter, * and ? do.
        (allow("iam:*AccessKey*"), "iam:CreateAccessKey", "arn:aws:iam::123456789012:user/a", "ALLOW"),
        (allow("S3:getobject"), "s3:GetObject", "arn:aws:s3:::b/k", "ALLOW"),
        (allow("s3:GetObjec?"), "s3:GetObject", "arn:aws:s3:::b/k", "ALLOW"),
        (allow("s3:GetObject?"), "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
        (allow("s3:[GP]etObject"), "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
        # "NotAction": with Allow, all but; with Deny, nothing but.
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", "ALLOW"),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
        # "Resource": case matters; a star runs over slashes.
        (allow("s3:*", "arn:aws:s3:::b/*/test/*"), "s3:GetObject", "arn:aws:s3:::b/1/2/test/object.jpg", "ALLOW"),
        (allow("s3:*", "arn:aws:s3:::B/*"), "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
        ({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
        ({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::other/*"}, "s3:GetObject", "arn:aws:s3:::b/k", "ALLOW"),
        ({"Effect": "Allow", "Action": "s3:*"}, "s3:GetObject", "arn:aws:s3:::b/k", "DENY"),
    ],
)  # fmt: skip
def test_actions_and_resources(row, action, resource, expected):
    assert result([row], action, resource) == expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "johndoe", "johndoe", "ALLOW"),
        ("StringEquals", "johndoe", "JohnDoe", "DENY"),
        ("StringEquals", "john*", "johndoe", "DENY"),
        ("StringEquals", ["a", "johndoe"], "johndoe", "ALLOW"),
        ("StringNotEquals", ["a", "johndoe"], "johndoe", "DENY"),
        ("StringNotEquals", ["a", "b"], "johndoe", "ALLOW"),
        ("StringEqualsIgnoreCase", "johndoe", "JohnDoe", "ALLOW"),
        ("StringNotEqualsIgnoreCase", "johndoe", "JohnDoe", "DENY"),
        ("StringLike", "john*", "johndoe", "ALLOW"),
        ("StringNotLike", "john*", "johndoe", "DENY"),
        ("Bool", "true", "true", "ALLOW"),
        ("Bool", True, "true", "ALLOW"),
        ("Bool", False, "true", "DENY"),
        ("ArnLike", "arn:aws:ec2:*:123456789012:vpc-flow-log/*", "arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/fl-0", "ALLOW"),
        ("ArnEquals", "arn:aws:ec2:eu-*:123456789012:vpc-flow-log/fl-?", "arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/fl-0", "ALLOW"),
        ("ArnLike", "arn:aws:logs:*:123456789012:*", "arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/fl-0", "DENY"),
        ("ArnNotLike", "arn:aws:logs:*:123456789012:*", "arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/fl-0", "ALLOW"),
        ("Null", "false", "x", "ALLOW"),
        ("Null", "true", "x", "DENY"),
        # The key is not in the request.
        ("StringEquals", "a", None, "DENY"),
        ("StringNotEquals", "a", None, "ALLOW"),
        ("StringEqualsIfExists", "a", None, "ALLOW"),
        ("StringNotEqualsIfExists", "a", None, "ALLOW"),
        ("StringEqualsIfExists", "a", "b", "DENY"),
        ("BoolIfExists", "false", "true", "DENY"),
        ("Null", "true", None, "ALLOW"),
        # Not decided: better no answer than a wrong one.
        ("NumericLessThan", "10", "5", "UNSURE"),
        ("IpAddress", "203.0.113.0/24", "203.0.113.5", "UNSURE"),
        ("ForAnyValue:StringEquals", "a", "a", "UNSURE"),
        ("ForAllValues:StringEquals", "a", None, "UNSURE"),
    ],
)  # fmt: skip
def test_conditions(operator, wanted, value, expected):
    row = allow("s3:*", Condition={operator: {"AWS:Key": wanted}})
    assert result([row], "s3:GetObject", aws__key=value) == expected


def test_a_key_that_is_not_known_leaves_it_open_unless_something_else_settles_it():
    unknown = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    known = {"Bool": {"aws:PrincipalIsAWSService": "false"}}
    context = {"aws__PrincipalIsAWSService": "true"}
    assert result([allow("s3:*", Condition=unknown)], "s3:GetObject") == "UNSURE"
    assert result([allow("s3:*"), deny("*", Condition=unknown)], "s3:GetObject") == "UNSURE"
    # Nothing allows it: the open Deny does not matter. Nor does it where another part is false.
    assert result([deny("*", Condition=unknown)], "s3:GetObject") == "DENY"
    both = deny("*", Condition={**unknown, **known})
    assert result([allow("s3:*"), both], "s3:GetObject", **context) == "ALLOW"
    # An Allow that holds makes another, open one irrelevant; a Deny that holds, everything.
    assert result([allow("s3:*"), allow("*", Condition=unknown)], "s3:GetObject") == "ALLOW"
    assert result([deny("s3:*"), allow("*", Condition=unknown)], "s3:GetObject") == "DENY"
    open_boundary = [allow("s3:*", Condition=unknown)]
    assert result([allow("s3:*")], "s3:GetObject", boundary=open_boundary) == "UNSURE"
    assert result([], "s3:GetObject", boundary=open_boundary) == "DENY"


# "IAM policy elements: Variables and tags", its examples.
@pytest.mark.parametrize(
    ("resource", "context", "version", "expected"),
    [
        ("arn:aws:s3:::b/${aws:username}/*", {"aws:username": "jane"}, VERSION, "ALLOW"),
        ("arn:aws:s3:::b/${aws:username}/*", {"aws:username": "joe"}, VERSION, "DENY"),
        ("arn:aws:s3:::b/${aws:username}/*", {"aws:username": None}, VERSION, "DENY"),
        ("arn:aws:s3:::b/${aws:username}jane/*", {"aws:username": None}, VERSION, "DENY"),
        ("arn:aws:s3:::b/${aws:username}/*", {}, VERSION, "UNSURE"),
        ("arn:aws:s3:::b/${aws:username}/*", {"aws:username": "j*"}, VERSION, "DENY"),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team, 'jane'}/*", {"aws:PrincipalTag/team": None}, VERSION, "ALLOW"),
        ("arn:aws:s3:::b/${*}/*", {}, VERSION, "DENY"),
        # Without the version of 2012 a variable is plain text.
        ("arn:aws:s3:::b/${aws:username}/*", {"aws:username": "jane"}, "2008-10-17", "DENY"),
    ],
)  # fmt: skip
def test_variables(resource, context, version, expected):
    rows = statements(allow("s3:GetObject", resource), version=version)
    request = Request("s3:GetObject", "arn:aws:s3:::b/jane/k", context)
    assert evaluate(rows, request).result == expected


def test_a_literal_star_of_a_variable_matches_only_itself():
    rows = statements(allow("s3:GetObject", "arn:aws:s3:::b/${*}"))
    assert evaluate(rows, Request("s3:GetObject", "arn:aws:s3:::b/*", {})).result == "ALLOW"
    rows = statements(allow("s3:*", Condition={"StringEquals": {"k:v": "${*}x"}}))
    assert evaluate(rows, Request("s3:A", "arn:aws:s3:::b", {"k:v": "*x"})).result == "ALLOW"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", True),
        ("arn:aws:logs:*", True),  # stops early
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/*", True),
        ("arn:aws:logs:*:*:*", True),
        ("arn:aws:logs:*:log-group:/vpc/flow:*", None),  # the star would swallow the account
        ("arn:aws:logs:us-*:123456789012:log-group:/vpc/flow:*", False),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow", False),
        ("arn:aws:s3:::*", False),
    ],
)
def test_arns_are_matched_part_by_part(pattern, expected):
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow:log-stream:eni-0"
    assert match_arn(pattern, arn) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("eni-*", True),
        ("*", True),
        ("eni-0*", None),
        ("eni", False),
        ("x*", False),
        ("*-all", None),
    ],
)
def test_a_value_with_an_open_end(pattern, expected):
    assert match(pattern, f"eni-{OPEN}") is expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"Service": "vpc-flow-logs.amazonaws.com"}, "ALLOW"),
        ({"Service": ["ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com"]}, "ALLOW"),
        ("*", "ALLOW"),
        ({"AWS": "*"}, "ALLOW"),
        ({"Service": "ec2.amazonaws.com"}, "DENY"),
        ({"Service": "*.amazonaws.com"}, "DENY"),  # AWS: no wildcard in part of a principal
        ({"AWS": "arn:aws:iam::123456789012:root"}, "DENY"),
    ],
)
def test_principals(principal, expected):
    row = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    request = Request("sts:AssumeRole", "arn:aws:iam::123456789012:role/r", {}, "vpc-flow-logs.amazonaws.com")  # fmt: skip
    assert evaluate(statements(row), request).result == expected
    # NotPrincipal with Deny: everybody but.
    but = {"Effect": "Deny", "NotPrincipal": principal, "Action": "*"}
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "*"}
    assert evaluate(statements(everybody, but), request).result == expected


def test_a_decision_says_why():
    rows = statements(
        allow("s3:*", Sid="Read"), deny("s3:Put*", Condition={"StringEquals": {"aws:SourceVpc": "v"}})
    )  # fmt: skip
    decision = evaluate(rows, Request("s3:PutObject", "arn:aws:s3:::b/k", {}))
    assert [str(reason) for reason in decision.why] == [
        "policy P, statement Read",
        "policy P, statement 2",
    ]
    assert decision.undecided == "policy P, statement 2: aws:SourceVpc"
    assert decision.conditional and decision.denied_by is None
    several = [Request(a, "arn:aws:s3:::b/k", {}) for a in ("s3:Get", "s3:PutObject", "ec2:A")]
    assert evaluate_all(rows, several)[::2] == ("DENY", ("ec2:A",))
    assert evaluate_all(rows, several[:2])[::2] == ("UNSURE", ("s3:PutObject",))
    assert evaluate_all(rows, several[:1])[::2] == ("ALLOW", ("s3:Get",))


def test_a_key_policy_for_a_service():
    # CloudWatch Logs User Guide, "Encrypt log data using AWS KMS": its example key policy.
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow"
    document = {
        "Version": VERSION,
        "Id": "key-default-1",
        "Statement": [
            {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"Service": "logs.eu-west-1.amazonaws.com"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                "Resource": "*",
                "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
            },
        ],
    }  # fmt: skip
    actions, key = ["kms:GenerateDataKey", "kms:Decrypt"], "kms:EncryptionContext:aws:logs:arn"
    logs = "logs.eu-west-1.amazonaws.com"
    assert key_allows(document, logs, actions, {key: group}).result == "ALLOW"
    assert key_allows(document, logs, actions, {key: group + "2"}).result == "DENY"
    assert key_allows(document, logs, actions, {}).result == "UNSURE"
    assert key_allows(document, "delivery.logs.amazonaws.com", actions, {key: group})[::2] == (
        "DENY",
        tuple(actions),
    )


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("not JSON at all", "not JSON"),
        (["Statement"], "a list"),
        (None, "null"),
        ({"Version": VERSION}, "no Statement"),
        ({"Statement": "Allow"}, "statement 1 is a text"),
        ({"Statement": [{"Action": "s3:*", "Resource": "*"}]}, "Effect of statement 1"),
        ({"Statement": [{"Effect": "allow", "Action": "s3:*"}]}, "Effect of statement 1"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "statement 1 has no Action"),
        ({"Statement": {"Effect": "Allow", "Action": {"s3": 1}}}, "Action of statement 1"),
        ({"Statement": {"Effect": "Allow", "Action": "*", "Condition": ["x"]}}, "Condition"),
        (
            {"Statement": {"Effect": "Allow", "Action": "*", "Condition": {"Bool": "x"}}},
            "Condition",
        ),
        ({"Statement": {"Effect": "Allow", "Action": "*", "Principal": {"AWS": []}}}, "Principal"),
    ],
)
def test_what_is_no_policy_document_is_told(document, why):
    with pytest.raises(MalformedPolicyError, match=why) as error:
        read_policy("trust policy", document)
    assert "the trust policy is no policy document" in error.value.what


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "Allow", "s3:*", "${a:b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
ELEMENTS = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]  # fmt: skip
rows = st.dictionaries(st.sampled_from(ELEMENTS), json_values)


@given(json_values | st.fixed_dictionaries({"Version": json_values, "Statement": st.lists(rows, max_size=2)}))  # fmt: skip
def test_whatever_a_document_is_it_is_read_or_told(document):
    try:
        found = read_policy("policy", document)
    except MalformedPolicyError:
        return
    evaluate(found, Request("s3:GetObject", "arn:aws:s3:::b/k", {"a:b": "c"}, "x.amazonaws.com"))
