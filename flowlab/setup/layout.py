"""What a drawing of a set-up shows, before it is drawn: boxes, rows, and what is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowlab.setup.chains import Chain, Covered
from flowlab.setup.telling import count_of
from flowlab.setup.verdicts import STATUSES

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport

MOST_INTERFACES, MOST_VPCS, MOST_CHAINS = 30, 5, 8
_MOST_SUBNETS, _FEW_SUBNETS = 12, 6  # over all VPCs: each takes room of its own


@dataclass(frozen=True)
class SubnetBox:
    """A subnet: ENIs shown one by one, the worst first, and how many more there are."""

    subnet_id: str
    name: str
    shown: tuple[Covered, ...]
    more: int = 0
    more_troubled: int = 0


@dataclass(frozen=True)
class VpcBox:
    """A VPC with its subnets, the chains of what is attached in it, ENIs that none covers."""

    vpc_id: str
    name: str
    subnets: tuple[SubnetBox, ...]
    chains: tuple[Chain, ...]
    bare: tuple[Covered, ...] = ()
    more_subnets: int = 0
    more_interfaces: int = 0
    more_troubled: int = 0


@dataclass(frozen=True)
class Picture:
    """All that is drawn.

    Attributes
    ----------
    vpcs : tuple of VpcBox
        Those with trouble first.
    left_out : str
        What is not drawn, in words; "" if all is.
    """

    vpcs: tuple[VpcBox, ...]
    left_out: str = ""


@dataclass
class _Vpc:
    name: str = ""
    subnets: dict[str, list[Covered]] = field(default_factory=lambda: defaultdict(list))
    chains: list[Chain] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, int]:
        enis = [eni for listed in self.subnets.values() for eni in listed]
        return (-max((_bad(eni) for eni in enis), default=-1), -len(enis))


def picture_of(report: SetupReport, vpc: str | None = None) -> Picture:
    """Decide what is drawn of a report.

    Parameters
    ----------
    report : SetupReport
    vpc : str, optional
        Only this one.

    Returns
    -------
    Picture
        At most 12 subnets, 5 VPCs and 8 flow logs, those in trouble first; each ENI if there
        are no more than 30, else only those in trouble, at most 30. The rest is counted.
    """
    found, names = _environment(report)
    ids = sorted(found, key=lambda name: (found[name].rank, name))
    if vpc is not None:
        ids = [name for name in ids if name == vpc]
    drawn, left = ids[:MOST_VPCS], ids[MOST_VPCS:]
    subnets = sorted(
        ((v, s) for v in drawn for s in found[v].subnets),
        key=lambda at: (-max(map(_bad, found[at[0]].subnets[at[1]])), at),
    )
    enis = [eni for v, s in subnets for eni in found[v].subnets[s]]
    most = _MOST_SUBNETS
    if len(enis) > MOST_INTERFACES:
        enis = sorted(filter(in_trouble, enis), key=lambda e: (-_bad(e), e.interface_id))
        # Subnets where all is well tell nothing but their number.
        most = max(_FEW_SUBNETS, min(most, len({(e.vpc_id, e.subnet_id) for e in enis})))
    kept = subnets[:most]
    shown = set(enis[:MOST_INTERFACES])
    chains = MOST_CHAINS
    boxes = []
    for name in drawn:
        one = found[name]
        attached = one.chains[:chains]
        chains -= len(attached)
        out = [s for s in one.subnets if (name, s) not in kept]
        boxes.append(
            VpcBox(
                name, one.name,
                tuple(_subnet(s, names.get(s, ""), one.subnets[s], shown)
                      for v, s in kept if v == name),
                tuple(attached), tuple(e for listed in one.subnets.values() for e in listed
                                       if not e.flow_logs and e.status == "fail"),
                len(out), sum(len(one.subnets[s]) for s in out),
                sum(in_trouble(eni) for s in out for eni in one.subnets[s]),
            )
        )  # fmt: skip
    every = len(report.chains) if vpc is None else sum(len(found[name].chains) for name in ids)
    flow_logs = every - sum(len(box.chains) for box in boxes)
    parts = [count_of(len(left), "more VPC")] if left else []
    parts += [count_of(flow_logs, "more flow log")] if flow_logs else []
    return Picture(tuple(boxes), " and ".join(parts))


def _subnet(subnet_id: str, name: str, enis: Sequence[Covered], shown: set[Covered]) -> SubnetBox:
    ours = sorted((e for e in enis if e in shown), key=lambda e: (-_bad(e), e.owner))
    rest = [eni for eni in enis if eni not in shown]
    return SubnetBox(subnet_id, name, tuple(ours), len(rest), sum(map(in_trouble, rest)))


def _environment(report: SetupReport) -> tuple[dict[str, _Vpc], dict[str, str]]:
    """VPCs with their ENIs and chains, and the names of what has a tag Name."""
    found: dict[str, _Vpc] = defaultdict(_Vpc)
    names: dict[str, str] = {}
    inside: dict[str, str] = {}  # which VPC a subnet or ENI is in
    for scope in report.inventory:
        for vpc in scope.get("ec2:DescribeVpcs").items():
            words = [_name(vpc), str(vpc.get("CidrBlock") or "")]
            found[str(vpc.get("VpcId"))].name = " ".join(filter(None, words))
        for subnet in scope.get("ec2:DescribeSubnets").items():
            names[str(subnet.get("SubnetId"))] = _name(subnet)
            inside[str(subnet.get("SubnetId"))] = str(subnet.get("VpcId"))
    for eni in report.interfaces:
        found[eni.vpc_id].subnets[eni.subnet_id].append(eni)
        inside[eni.interface_id] = inside[eni.subnet_id] = eni.vpc_id
    for chain in report.chains:
        at = inside.get(chain.attached_to, chain.attached_to)
        if at in found:  # a transit gateway is in none
            found[at].chains.append(chain)
    return dict(found), names


def _name(thing: dict[str, Any]) -> str:
    tags = {str(tag.get("Key")): str(tag.get("Value")) for tag in thing.get("Tags") or ()}
    return tags.get("Name", "")


def _bad(eni: Covered) -> int:
    return STATUSES.index(eni.status)


def in_trouble(eni: Covered) -> bool:
    """Whether the chain of an ENI is broken, or not known to hold."""
    return eni.status in ("fail", "unknown")
