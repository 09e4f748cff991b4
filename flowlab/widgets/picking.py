"""What can be picked in a report of a set-up: VPCs, subnets and ENIs, those in trouble first."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flowlab.errors import UnknownNameError
from flowlab.setup.chains import Covered
from flowlab.setup.restricting import SUBNETS, VPCS
from flowlab.setup.telling import count_of
from flowlab.setup.verdicts import STATUSES
from flowlab.wording import cut_short, plain_text

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport

_LONGEST = 50  # characters of an owner
Option = tuple[str, str]  # label and id; "" for all: a list that shows None shows nothing


class _Place(NamedTuple):
    """A VPC or a subnet; `inside` is the VPC of a subnet."""

    id: str
    name: str
    inside: str = ""


class Places:
    """VPCs, subnets and ENIs of a report.

    Parameters
    ----------
    report : SetupReport
    """

    def __init__(self, report: SetupReport) -> None:
        self._enis = sorted(
            report.interfaces, key=lambda e: (-STATUSES.index(e.status), e.interface_id)
        )
        self._homes = {
            str(row["interface_id"]): (row["vpc_id"], row["subnet_id"]) for row in report.covered
        }
        # By id: what is shared is described in each account that it is shared with.
        self._vpcs: dict[str, _Place] = {}
        self._subnets: dict[str, _Place] = {}
        for scope in report.inventory:
            for vpc in scope.get(VPCS).items():
                self._vpcs[vpc["VpcId"]] = _Place(vpc["VpcId"], _name(vpc))
            for subnet in scope.get(SUBNETS).items():
                name, inside = subnet["SubnetId"], subnet.get("VpcId", "")
                self._subnets[name] = _Place(name, _name(subnet), inside)

    def vpcs(self) -> list[Option]:
        """Give labels and ids of the VPCs, before them one for all."""
        return self._options("all VPCs", self._vpcs.values(), lambda eni: eni.vpc_id)

    def subnets(self, vpc: str) -> list[Option]:
        """Give labels and ids of the subnets of a VPC, or of all."""
        fitting = (subnet for subnet in self._subnets.values() if vpc in ("", subnet.inside))
        return self._options("all subnets", fitting, lambda eni: eni.subnet_id)

    def within(self, vpc: str, subnet: str) -> list[Covered]:
        """Give the ENIs in use in a VPC and a subnet; "" for all."""
        return [
            eni for eni in self._enis if vpc in ("", eni.vpc_id) and subnet in ("", eni.subnet_id)
        ]

    def require(self, eni: str, vpc: str, subnet: str) -> None:
        """Refuse an ENI that is not in a VPC and subnet.

        Raises
        ------
        UnknownNameError
            It is elsewhere, or nowhere in the report; the nearest ids are named.
        """
        home = self._homes.get(eni)
        if home is None:
            near = difflib.get_close_matches(eni, self._homes, n=3)
            fix = f"did you mean {' or '.join(near)}?" if near else "pick one that is offered."
            raise UnknownNameError(f"the ENI {eni[:60]!r} is not in this report.", fix=fix)
        if vpc not in ("", home[0]) or subnet not in ("", home[1]):
            raise UnknownNameError(
                f"the ENI {eni} is not in {subnet or vpc}.",
                f"it is in {home[0]}, {home[1]}.",
                "pick all VPCs and all subnets first.",
            )

    def _options(
        self, every: str, places: Iterable[_Place], home: Callable[[Covered], str]
    ) -> list[Option]:
        inside: dict[str, list[Covered]] = defaultdict(list)
        for eni in self._enis:
            inside[home(eni)].append(eni)
        rows = []
        for place in places:
            enis = inside[place.id]
            bad = sum(eni.status in ("fail", "unknown") for eni in enis)
            told = count_of(len(enis), "ENI") + (f", {bad:,} broken or not known" if bad else "")
            label = plain_text(f"{place.id}  {place.name}".rstrip())
            rows.append((-bad, -len(enis), place.id, f"{label}: {told}"))
        return [(every, ""), *((label, one) for *_, one, label in sorted(rows))]


def eni_label(eni: Covered) -> str:
    """Write the id of an ENI, whose it is, and where its chain breaks."""
    how = "broken" if eni.status == "fail" else "not known"
    told = f": {how} at {eni.broken}" if eni.broken else ""
    owner = cut_short(eni.owner, _LONGEST)
    return plain_text(f"{eni.interface_id}  {owner}{told}")


def _name(thing: Mapping[str, Any]) -> str:
    tags = {str(tag.get("Key")): str(tag.get("Value")) for tag in thing.get("Tags") or ()}
    return cut_short(tags.get("Name", ""))
