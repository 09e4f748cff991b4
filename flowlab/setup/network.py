"""Questions about the network: VPCs, subnets, ENIs, instances, and their flow logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowlab.setup.asking_aws import Talk
from flowlab.setup.inventory import Answer
from flowlab.setup.targets import Target, filters

_ALL = Target()
_PAGE = 1000
_MOST_VALUES = 200  # of one filter
_MOST_TYPES = 100  # of one DescribeInstanceTypes
_OF_AN_INSTANCE = ("InstanceId", "InstanceType", "State", "Tags", "VpcId", "PrivateIpAddress")

VPCS, SUBNETS, INTERFACES, INSTANCES, TYPES, FLOW_LOGS = (
    f"ec2:Describe{name}"
    for name in (
        "Vpcs", "Subnets", "NetworkInterfaces", "Instances", "InstanceTypes", "FlowLogs",
    )
)  # fmt: skip


def vpcs(talk: Talk, target: Target = _ALL) -> Answer:
    """Ask for the VPCs."""
    return _described(talk, VPCS, "describe_vpcs", "Vpcs", target, vpc_id=target.vpc)


def subnets(talk: Talk, target: Target = _ALL) -> Answer:
    """Ask for the subnets."""
    return _described(
        talk, SUBNETS, "describe_subnets", "Subnets", target,
        vpc_id=target.vpc, subnet_id=target.subnet,
    )  # fmt: skip


def interfaces(talk: Talk, target: Target = _ALL) -> Answer:
    """Ask for the ENIs."""
    return _described(
        talk, INTERFACES, "describe_network_interfaces", "NetworkInterfaces", target,
        vpc_id=target.vpc, subnet_id=target.subnet, network_interface_id=target.interface,
    )  # fmt: skip


def instances(talk: Talk, target: Target = _ALL, enis: Answer | None = None) -> None:
    """Ask for the instances, and what machines their types are.

    Parameters
    ----------
    talk : Talk
    target : Target
    enis : Answer, optional
        ENIs that were found, if not all are wanted: only their instances are.
    """
    attached = None
    if target and enis is not None and enis.known:
        owners = ((eni.get("Attachment") or {}).get("InstanceId") for eni in enis.items())
        attached = sorted({owner for owner in owners if owner})
    few = attached is not None and len(attached) <= _MOST_VALUES
    asked = filters(instance_id=attached) if few else filters(vpc_id=target.vpc)

    def wanted(instance: Mapping[str, Any]) -> bool:
        if attached is not None:
            return instance["InstanceId"] in attached
        return target.vpc is None or instance.get("VpcId") == target.vpc

    def found() -> list[dict[str, Any]]:
        if attached == []:
            return []  # a filter without values would be refused
        reservations = talk.items(
            talk.client("ec2").describe_instances, "Reservations", MaxResults=_PAGE, **asked
        )
        every = (instance for one in reservations for instance in one["Instances"])
        return [
            {name: instance[name] for name in _OF_AN_INSTANCE if name in instance}
            for instance in every
            if wanted(instance)
        ]

    answer = talk.ask(INSTANCES, "", found)
    if not answer.known:
        talk.skip(TYPES, "", "which types are in use is not known")
        return
    names = sorted({str(i["InstanceType"]) for i in answer.items() if i.get("InstanceType")})
    talk.ask(TYPES, "", lambda: _types(talk, names))


def flow_logs(talk: Talk, found: Sequence[Answer] | None) -> Answer:
    """Ask for the flow logs.

    Parameters
    ----------
    talk : Talk
    found : sequence of Answer, optional
        VPCs, subnets and ENIs that were found, if not all are wanted: only their flow logs are.
    """
    keys = ("NetworkInterfaceId", "SubnetId", "VpcId")  # from the narrowest
    things = [thing for answer in found or () for thing in answer.items()]
    ids = {next(str(thing[key]) for key in keys if key in thing) for thing in things}
    few = found is not None and 0 < len(ids) <= _MOST_VALUES
    asked = filters(resource_id=sorted(ids)) if few else {}

    def listed() -> list[Any]:
        # DescribeFlowLogs alone calls it Filter.
        given = {"Filter": asked["Filters"]} if asked else {}
        every = talk.items(
            talk.client("ec2").describe_flow_logs, "FlowLogs", MaxResults=_PAGE, **given
        )
        return [log for log in every if found is None or log.get("ResourceId") in ids]

    return talk.ask(FLOW_LOGS, "", listed)


def only(talk: Talk, target: Target) -> list[Answer]:
    """Ask for one VPC, subnet or ENI, what contains it, and what is in it.

    Returns
    -------
    list of Answer
        Of VPCs, subnets and ENIs: those that were asked for.
    """
    answers = []
    wider = target
    if target.interface:
        answers.append(interfaces(talk, target))
        wider = _around(answers[-1], wider)
    if not target.interface or answers[-1].items():
        answers.append(subnets(talk, Target(wider.vpc, wider.subnet)))
        if not target.interface:
            wider = _around(answers[-1], wider) if target.subnet else wider
    if answers[-1].items() or not (target.interface or target.subnet):
        answers.append(vpcs(talk, Target(wider.vpc)))
        if not target.interface:
            answers.append(interfaces(talk, target))
    asked = {answer.ask: answer for answer in answers}
    for missing in {VPCS, SUBNETS, INTERFACES} - asked.keys():
        talk.skip(missing, "", f"{answers[-1].ask} did not give what was looked for")
    if wider.vpc:
        instances(talk, wider, asked.get(INTERFACES))
    return answers


def _around(found: Answer, target: Target) -> Target:
    """Add to a target the subnet and VPC that contain it."""
    first: dict[str, Any] = next(iter(found.items()), {})
    return Target(first.get("VpcId", target.vpc), first.get("SubnetId", target.subnet),
                  target.interface)  # fmt: skip


def _described(
    talk: Talk, ask: str, operation: str, key: str, target: Target, **wanted: str | None
) -> Answer:
    def found() -> Iterable[Any]:
        call = getattr(talk.client("ec2"), operation)
        every = talk.items(call, key, MaxResults=_PAGE, **filters(**wanted))
        # A stand-in for AWS may ignore a filter.
        return [thing for thing in every if target.includes(thing)]

    return talk.ask(ask, "", found)


def _types(talk: Talk, names: Sequence[str]) -> list[dict[str, Any]]:
    call = talk.client("ec2").describe_instance_types
    found = []
    for at in range(0, len(names), _MOST_TYPES):
        some = list(names[at : at + _MOST_TYPES])
        found += talk.items(call, "InstanceTypes", InstanceTypes=some)
    return [{name: kind.get(name) for name in ("InstanceType", "Hypervisor")} for kind in found]
