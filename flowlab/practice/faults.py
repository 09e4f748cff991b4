"""What can go wrong with the set-up of a practice account, one fault each: the menu.

A fault says what is different from a healthy account, in words and as a change, and it holds the
answer key: which checks of a set-up must turn, and how.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowlab.practice.environment import ENVIRONMENT, PRIVATE_A, PUBLIC_A
from flowlab.practice.menu import MENU, fault
from flowlab.practice.network import SERVICES
from flowlab.practice.states import REGION, FlowLog, State, key_owner, policy

__all__ = ["MENU"]

ELSEWHERE = "210987654321"  # an account that is not this one
_VPC, _SERVICES = ENVIRONMENT.vpc, SERVICES.vpc

# Checks of what is gone with what they look at.
_ARRIVED = ("stream-per-interface", "newest-event", "skipped-records")
_OF_A_GROUP = ("log-group-class", "log-group-retention", "log-group-key", *_ARRIVED)
_OF_A_BUCKET = ("bucket-region", "bucket-policy-write", "bucket-policy-acl-check", "bucket-key",
                "newest-object")  # fmt: skip
_OF_A_ROLE = ("role-trust", "role-trust-guard", "role-permissions", "role-resource-scope",
              "role-simulated")  # fmt: skip
_OF_CLOUDWATCH = ("log-group-exists", *_OF_A_GROUP, "role-exists", *_OF_A_ROLE)
_OF_FLOW_LOGS = ("flow-log-active", "flow-log-age", "flow-log-delivers", "flow-log-format",
                 "flow-log-interval", "flow-log-overlap", "flow-log-traffic-type",
                 *_OF_CLOUDWATCH, "bucket-exists", *_OF_A_BUCKET)  # fmt: skip


def _trust(state: State) -> dict[str, Any]:
    """Give the one statement of the role's trust policy; any, where another fault took the role."""
    return state.trust["Statement"][0] if state.trust else {}


def _stop(state: State, flow_log: str = _VPC.flow_log_id) -> None:
    """Let the records end now: what is on its way has arrived already."""
    state.manner.stopped[flow_log] = state.now


@fault({"role-trust": "fail"}, ("role-trust-guard",))
def trust_policy(state: State) -> None:
    """The delivery role trusts EC2, not the flow logs service."""
    _trust(state)["Principal"] = {"Service": "ec2.amazonaws.com"}
    _stop(state)


@fault({"role-trust-guard": "warn"})
def trust_guard_missing(state: State) -> None:
    """Any account's flow logs could use the delivery role."""
    _trust(state).pop("Condition", None)


@fault({"role-trust-guard": "fail"})
def trust_guard_wrong(state: State) -> None:
    """The role's trust is for flow logs of another account only."""
    _trust(state)["Condition"] = {"StringEquals": {"aws:SourceAccount": ELSEWHERE}}
    _stop(state)


@fault({"role-exists": "fail"}, _OF_A_ROLE)
def no_role(state: State) -> None:
    """The delivery role is deleted."""
    state.trust = None
    _stop(state)


def _permit(state: State, **different: Any) -> None:
    state.permissions["Statement"][0].update(different)
    _stop(state)


@fault({"role-permissions": "fail"})
def log_typo(state: State) -> None:
    """The role's policy says log: where it should say logs:."""
    for statement in state.permissions["Statement"]:
        statement["Action"] = [action.replace("logs:", "log:") for action in statement["Action"]]
    _stop(state)


@fault({"role-permissions": "fail"})
def missing_star(state: State) -> None:
    """The role's Resource is the log group without :* behind it."""
    _permit(state, Resource=state.group_arn)


@fault({"role-permissions": "fail"})
def wrong_account(state: State) -> None:
    """The role's Resource is a log group of another account."""
    _permit(state, Resource=f"{state.group_arn.replace(state.account_id, ELSEWHERE)}:*")


@fault({"role-permissions": "fail"})
def wrong_region(state: State) -> None:
    """The role's Resource is a log group of another region."""
    _permit(state, Resource=f"{state.group_arn.replace(REGION, 'us-east-1')}:*")


@fault({"role-permissions": "fail"})
def missing_action(state: State) -> None:
    """The role may do all but logs:PutLogEvents."""
    actions = state.permissions["Statement"][0]["Action"]
    _permit(state, Action=[action for action in actions if not action.endswith(":PutLogEvents")])


@fault({"role-permissions": "fail"})
def explicit_deny(state: State) -> None:
    """A statement of the role's policy denies logs:Put*."""
    state.permissions["Statement"].append(
        {"Effect": "Deny", "Action": "logs:Put*", "Resource": "*"}
    )
    _stop(state)


@fault({"role-permissions": "fail"})
def permissions_boundary(state: State) -> None:
    """A permissions boundary leaves the role nothing but S3."""
    state.boundary = policy({"Action": "s3:*", "Resource": "*"})
    _stop(state)


@fault({"role-resource-scope": "warn"})
def resource_star(state: State) -> None:
    """The role may write into any log group."""
    for statement in state.permissions["Statement"]:
        statement["Resource"] = "*"


@fault({"log-group-exists": "fail"}, _OF_A_GROUP)
def no_log_group(state: State) -> None:
    """The log group is deleted."""
    state.log_group = False


@fault({"log-group-retention": "warn"})
def never_expires(state: State) -> None:
    """The log group keeps its records for ever."""
    state.retention = None


@fault({"log-group-key": "fail"})
def log_group_key(state: State) -> None:
    """The log group's KMS key does not let CloudWatch Logs use it."""
    state.key_policy = policy(key_owner(state.account_id))
    _stop(state)


@fault({"log-group-class": "warn"})
def infrequent_access(state: State) -> None:
    """The log group is of the class Infrequent Access."""
    state.log_class = "INFREQUENT_ACCESS"


@fault({"newest-event": "fail"}, _ARRIVED)
def silent_eni(state: State) -> None:
    """The database's ENI has delivered nothing for hours."""
    state.manner.silent.add(ENVIRONMENT.interface("mysql").interface_id)


@fault({"newest-event": "fail"}, _ARRIVED)
def stale(state: State) -> None:
    """No ENI of the VPC has delivered anything for hours."""
    state.manner.silent |= {interface.interface_id for interface in ENVIRONMENT.interfaces}


@fault({"skipped-records": "warn"})
def skipped_records(state: State) -> None:
    """A web server's ENI loses records: one window in three."""
    state.manner.skipping.add(ENVIRONMENT.interface("web-1").interface_id)


@fault({"flow-log-covers": "fail"})
def uncovered_subnet(state: State) -> None:
    """Two subnets have flow logs, the third and its ENIs none."""
    state.flow_logs.pop("cloudwatch", None)
    for number, subnet in enumerate((PUBLIC_A, PRIVATE_A), 1):
        state.flow_logs[subnet.name] = FlowLog(f"fl-0e5f1a7b3c9d2468{number}", subnet.subnet_id)


@fault({"flow-log-covers": "fail"}, _OF_CLOUDWATCH)
def no_flow_log(state: State) -> None:
    """The VPC's flow log is deleted."""
    state.flow_logs.pop("cloudwatch", None)


@fault({"flow-log-overlap": "warn"})
def overlapping(state: State) -> None:
    """A subnet's second flow log doubles its records in the log group."""
    state.flow_logs["overlapping"] = FlowLog("fl-0e5f1a7b3c9d24683", PUBLIC_A.subnet_id)


def _alter(state: State, **different: Any) -> None:
    for name, value in different.items():
        if "cloudwatch" in state.flow_logs:
            setattr(state.flow_logs["cloudwatch"], name, value)


@fault({"flow-log-traffic-type": "warn"}, _ARRIVED)
def reject_only(state: State) -> None:
    """The flow log records rejected traffic only."""
    _alter(state, traffic="REJECT")


@fault({"flow-log-delivers": "fail"})
def delivery_failed(state: State) -> None:
    """AWS says of the delivery: Access error."""
    _alter(state, error="Access error")
    _stop(state)


@fault({"flow-log-delivers": "fail"})
def rate_limited(state: State) -> None:
    """AWS says of the delivery: Rate limited."""
    _alter(state, error="Rate limited")


@fault({"flow-log-age": "warn"}, _ARRIVED)
def young(state: State) -> None:
    """The flow log was made just now."""
    _alter(state, created=datetime.fromtimestamp(state.now, UTC).replace(tzinfo=None))


@fault({"bucket-exists": "fail"}, _OF_A_BUCKET)
def bucket_missing(state: State) -> None:
    """The bucket is deleted."""
    state.bucket = False


@fault({"bucket-policy-write": "fail", "bucket-policy-acl-check": "fail"})
def bucket_policy_missing(state: State) -> None:
    """The bucket has no policy."""
    state.bucket_policy = None
    _stop(state, _SERVICES.flow_log_id)


def _bucket_statements(state: State) -> list[dict[str, Any]]:
    _stop(state, _SERVICES.flow_log_id)
    return list(state.bucket_policy["Statement"]) if state.bucket_policy else []


@fault({"bucket-policy-write": "fail", "bucket-policy-acl-check": "fail"})
def bucket_policy_account(state: State) -> None:
    """The bucket's policy is for another account's flow logs."""
    for statement in _bucket_statements(state):
        statement["Condition"]["StringEquals"]["aws:SourceAccount"] = ELSEWHERE


@fault({"bucket-policy-write": "warn", "newest-object": "fail"})
def bucket_acl_trap(state: State) -> None:
    """ACLs are switched off in the bucket, its policy asks for one, and nothing arrives."""
    for statement in _bucket_statements(state)[:1]:
        conditions = statement["Condition"]["StringEquals"]
        statement["Condition"] = {
            **statement["Condition"],
            "StringEquals": {**conditions, "s3:x-amz-acl": "bucket-owner-full-control"},
        }
    state.manner.silent.add(_SERVICES.flow_log_id)


@fault({"bucket-policy-write": "fail"})
def bucket_hive_prefix(state: State) -> None:
    """The bucket's policy is for plain folders, not Hive's."""
    for statement in _bucket_statements(state)[:1]:
        statement["Resource"] = f"{state.bucket_arn}/AWSLogs/{state.account_id}/*"


@fault({"bucket-key": "fail"})
def bucket_key_id(state: State) -> None:
    """The bucket names its KMS key by id instead of ARN."""
    state.bucket_key = state.bucket_key.rpartition("/")[2]
    _stop(state, _SERVICES.flow_log_id)


@fault({"newest-object": "fail"})
def bucket_silent(state: State) -> None:
    """The newest object in the bucket is hours old."""
    state.manner.silent.add(_SERVICES.flow_log_id)


@fault({"flow-log-covers": "unknown"}, _OF_FLOW_LOGS)
def denied(state: State, action: str = "ec2:DescribeFlowLogs") -> None:
    """Whoever asks lacks a permission: action='ec2:DescribeFlowLogs'."""
    state.denied += (action,)
