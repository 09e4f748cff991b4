"""What is to be looked at: regions, and all in them or one VPC, subnet or ENI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowlab.errors import FlowlabError, UnknownNameError, unknown_name

_KINDS = {"vpc": ("vpc", "a VPC"), "subnet": ("subnet", "a subnet"), "interface": ("eni", "an ENI")}
_ON = ("opt-in-not-required", "opted-in")


@dataclass(frozen=True)
class Target:
    """One VPC, subnet or ENI; everything if all are None.

    Parameters
    ----------
    vpc, subnet, interface : str, optional
        Ids; of several given, all hold.

    Raises
    ------
    FlowlabError
        One is no id, or the id of something else.
    """

    vpc: str | None = None
    subnet: str | None = None
    interface: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be an id."""
        for option, (prefix, word) in _KINDS.items():
            given = getattr(self, option)
            if given is None or re.fullmatch(
                rf"{prefix}-[0-9a-f]{{8}}([0-9a-f]{{9}})?", str(given)
            ):
                continue
            for other, (beginning, called) in _KINDS.items():
                if other != option and str(given).startswith(f"{beginning}-"):
                    raise FlowlabError(
                        f"{option}={given!r} is the id of {called}, not of {word}.",
                        fix=f"pass {other}={given!r}.",
                    )
            raise FlowlabError(
                f"{option}={str(given)[:60]!r} cannot be the id of {word}.",
                "it is cut, misspelled, or a name.",
                f"pass the id, as in {prefix}-0123456789abcdef0.",
            )

    def __bool__(self) -> bool:
        """Whether it is less than everything."""
        return any((self.vpc, self.subnet, self.interface))

    def options(self) -> dict[str, str | None]:
        """Give the three as a dict."""
        return {"vpc": self.vpc, "subnet": self.subnet, "interface": self.interface}

    def includes(self, thing: Mapping[str, Any]) -> bool:
        """Whether a VPC, subnet or ENI, as AWS describes it, is wanted or contains what is."""
        keys = (
            ("VpcId", self.vpc),
            ("SubnetId", self.subnet),
            ("NetworkInterfaceId", self.interface),
        )
        return all(wanted is None or thing.get(key, wanted) == wanted for key, wanted in keys)

    def absent(self, places: Iterable[str]) -> UnknownNameError:
        """Make the error for a target that is nowhere."""
        smallest = self.interface or self.subnet or self.vpc
        inside = [wanted for wanted in (self.subnet, self.vpc) if wanted and wanted != smallest]
        within = f" in {' in '.join(inside)}" if inside else ""
        return UnknownNameError(
            f"there is no {smallest}{within}: looked for in {', '.join(places)}.",
            "it is misspelled or deleted, or it is in another region or account.",
            "check the id; pass regions= (or regions='all'), profile= or role_arn= of where it is.",
        )


def filters(**wanted: Any) -> dict[str, Any]:
    """Arguments of a Describe call of EC2: ``vpc_id="vpc-1"`` asks for ``vpc-id``; None for all."""
    given = {name.replace("_", "-"): value for name, value in wanted.items() if value is not None}
    listed = [
        {"Name": name, "Values": [value] if isinstance(value, str) else list(value)}
        for name, value in given.items()
    ]
    return {"Filters": listed} if listed else {}


def regions_of(
    asked: str | Sequence[str] | None,
    home: str,
    known: Sequence[Mapping[str, Any]] | None,
    who: str,
) -> list[str]:
    """Give the regions to look at.

    Parameters
    ----------
    asked : str, sequence of str, or None
        Names; ``"all"`` for every enabled one, None for the one of the access.
    home : str
        Region of the access.
    known : sequence of mapping, or None
        As DescribeRegions gives them; None where AWS did not answer.
    who : str
        Account, for the errors.

    Raises
    ------
    UnknownNameError
        No such region; the nearest names are offered.
    FlowlabError
        A region is not enabled, or AWS does not say which ones are.
    """
    states = {str(r["RegionName"]): r.get("OptInStatus", _ON[0]) for r in known or ()}
    if asked == "all":
        if known is None:
            raise FlowlabError(
                f"AWS does not tell which regions account {who} has enabled.",
                "the permission ec2:DescribeRegions is missing, or AWS failed.",
                "allow it (fl.setup_policy() prints all that is needed), or name the regions.",
            )
        return sorted(name for name, state in states.items() if state in _ON)
    names = [home] if asked is None else [asked] if isinstance(asked, str) else asked
    if (
        not isinstance(names, Sequence)
        or not names
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise FlowlabError(
            f"regions={asked!r} names no region.",
            fix="write it like regions='eu-west-1', regions=['eu-west-1', 'us-east-1'] or "
            "regions='all'.",
        )
    for name in names if known is not None else ():
        if name not in states:
            raise unknown_name("region", name, states)
        if states[name] not in _ON:
            raise FlowlabError(
                f"region {name} is not enabled in account {who}.",
                "it is an opt-in region: nothing can be in it before it is enabled.",
                f"leave it out, or enable it: `aws account enable-region --region-name {name}`.",
            )
    return list(dict.fromkeys(names))
