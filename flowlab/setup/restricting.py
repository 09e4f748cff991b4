"""One VPC, subnet or ENI of an inventory, without asking AWS again."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from flowlab.errors import UnknownNameError
from flowlab.setup.inventory import Answer, Inventory, Scope, scope_of
from flowlab.setup.targets import Target

VPCS, SUBNETS, INTERFACES, FLOW_LOGS = (
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeFlowLogs",
)
_KINDS = {"vpc": ("VPC", VPCS, "VpcId"), "subnet": ("subnet", SUBNETS, "SubnetId"),
          "interface": ("ENI", INTERFACES, "NetworkInterfaceId")}  # fmt: skip


def restricted(
    inventory: Inventory,
    vpc: str | None = None,
    subnet: str | None = None,
    interface: str | None = None,
) -> Inventory:
    """Keep one VPC, subnet or ENI, with what contains it and the flow logs that cover it.

    Parameters
    ----------
    inventory : Inventory
    vpc, subnet, interface : str, optional
        Ids; of several given, all hold.

    Returns
    -------
    Inventory
        With the accounts and regions that hold it. Flow logs of what contains it stay: a subnet
        and an ENI inherit them.

    Raises
    ------
    UnknownNameError
        An id is not in the inventory; the message says where it was looked for.
    FlowlabError
        One is no id, or the id of something else.
    """
    asked = Target(vpc, subnet, interface).options()
    scopes = inventory.scopes
    for kind, wanted in asked.items():
        if wanted is None:
            continue
        kept = [scope for scope in scopes if _holds(scope, kind, wanted)]
        if not kept:
            raise _absent(inventory, scopes, kind, wanted)
        scopes = tuple(_within(scope, kind, wanted) for scope in kept)
    given = {kind: wanted for kind, wanted in asked.items() if wanted is not None}
    return dataclasses.replace(inventory, scopes=scopes, asked={**inventory.asked, **given})


def _holds(scope: Scope, kind: str, wanted: str) -> bool:
    _, ask, key = _KINDS[kind]
    return any(item.get(key) == wanted for item in scope.get(ask).items())


def _within(scope: Scope, kind: str, wanted: str) -> Scope:
    _, ask, key = _KINDS[kind]
    found = next(item for item in scope.get(ask).items() if item.get(key) == wanted)
    # What the id belongs to: a subnet names its VPC, an ENI its VPC and subnet.
    belongs: Mapping[str, Any] = {
        name: found[name] for name in ("VpcId", "SubnetId", key) if found.get(name)
    }
    answers = dict(scope.answers)
    for about in (VPCS, SUBNETS, INTERFACES):
        _keep(answers, about, lambda item: all(item.get(k, v) == v for k, v in belongs.items()))
    left = {
        item.get(name)
        for about, name in ((VPCS, "VpcId"), (SUBNETS, "SubnetId"),
                            (INTERFACES, "NetworkInterfaceId"))
        for item in (answers[about, ""].items() if (about, "") in answers else [])
    } | set(belongs.values())  # fmt: skip
    _keep(answers, FLOW_LOGS, lambda item: item.get("ResourceId") in left)
    return scope_of(scope.account_id, scope.region, answers.values(), scope.partition)


def _keep(answers: dict[tuple[str, str], Answer], ask: str, fits: Any) -> None:
    answer = answers.get((ask, ""))
    if answer is not None and answer.known:
        kept = [item for item in answer.items() if fits(item)]
        answers[ask, ""] = dataclasses.replace(answer, value=kept)


def _absent(
    inventory: Inventory, scopes: tuple[Scope, ...], kind: str, wanted: str
) -> UnknownNameError:
    noun, ask, key = _KINDS[kind]
    known = {str(item.get(key)) for scope in scopes for item in scope.get(ask).items()}
    silent = [scope for scope in scopes if not scope.get(ask).known]
    where = ", ".join(f"{scope.account_id} {scope.region}" for scope in scopes) or "no account"
    near = difflib.get_close_matches(wanted, known, n=3) or sorted(known)[:3]
    why = f"looked for in {where}, taken {inventory.taken:%Y-%m-%d %H:%M} UTC"
    if silent:
        why += f"; {ask} was not answered in {', '.join(scope.region for scope in silent)}"
    fix = f"did you mean {' or '.join(near)}?" if near else f"there is no {noun} at all."
    return UnknownNameError(f"the {noun} {wanted!r} is not in this set-up.", f"{why}.", fix)
