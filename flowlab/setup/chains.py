"""The chain of each flow log, link by link: what the text, the page and the drawing tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from flowlab.setup.destinations import destination_of
from flowlab.setup.verdicts import LINKS, STATUSES, Check, Link, Status, worst

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.setup.inventory import Inventory

Key = tuple[str, str, str]  # account, region, id


class Covered(NamedTuple):
    """An ENI in use, as the coverage tells of it.

    Attributes
    ----------
    interface_id, owner, subnet_id, vpc_id, account_id, region : str
    flow_logs : tuple of str
        Ids of those that cover it.
    status : Status
        Of its chain: the worst link of the best flow log.
    broken : str
        First link that fails or is not known; "" if none.
    what : str
        What AWS answered about that link.
    age : Timedelta or None
        Of its newest record.
    """

    interface_id: str
    owner: str
    subnet_id: str
    vpc_id: str
    account_id: str
    region: str
    flow_logs: tuple[str, ...]
    status: Status
    broken: str
    what: str
    age: pd.Timedelta | None


def covered_of(rows: Iterable[Mapping[str, Any]]) -> list[Covered]:
    """Take the ENIs in use from rows of `coverage_rows`."""
    return [
        Covered(
            row["interface_id"], row["owner"], row["subnet_id"], row["vpc_id"],
            row["account_id"], row["region"],
            tuple(row["flow_log"].split(", ")) if row["flow_log"] else (),
            row["status"], row["first_broken_link"], row["what"], row["newest_record_age"],
        )
        for row in rows
        if row["in_use"]
    ]  # fmt: skip


@dataclass(frozen=True)
class LinkState:
    """How one link of a chain is.

    Attributes
    ----------
    status : Status or None
        The worst of its checks; None where nothing was checked.
    checks : tuple of Check
        Those of this status.
    """

    status: Status | None
    checks: tuple[Check, ...] = ()

    @property
    def names(self) -> str:
        """The checks by name, each once."""
        return ", ".join(dict.fromkeys(check.check for check in self.checks))

    @property
    def interfaces(self) -> int:
        """How many ENIs have this status of their own; 0 where it is a matter of all."""
        if any(not check.interface for check in self.checks):
            return 0
        return len({check.interface for check in self.checks})


@dataclass(frozen=True, eq=False)
class Chain:
    """From the ENIs that a flow log covers to the newest record.

    Attributes
    ----------
    account_id, region : str
    flow_log : mapping
        As DescribeFlowLogs gives it.
    interfaces : tuple of Covered
        ENIs in use that it covers.
    links : mapping
        State of each link after the first, which is the ENIs' own: is there any flow log?
    """

    account_id: str
    region: str
    flow_log: Mapping[str, Any]
    interfaces: tuple[Covered, ...]
    links: Mapping[Link, LinkState]

    @property
    def flow_log_id(self) -> str:
        """Id of the flow log."""
        return str(self.flow_log.get("FlowLogId", ""))

    @property
    def attached_to(self) -> str:
        """Id of the VPC, subnet or ENI that it is attached to."""
        return str(self.flow_log.get("ResourceId", ""))

    @property
    def destination(self) -> str:
        """Destination in words."""
        return str(destination_of(self.flow_log))

    @property
    def broken(self) -> Link | None:
        """First link that fails."""
        return next((link for link, state in self.links.items() if state.status == "fail"), None)

    @property
    def status(self) -> Status:
        """The worst of its links."""
        return worst(state.status for state in self.links.values() if state.status)


def chains_of(
    inventory: Inventory, checks: Iterable[Check], interfaces: Iterable[Covered]
) -> list[Chain]:
    """Put the checks in the order of the chain, for each flow log.

    Parameters
    ----------
    inventory : Inventory
    checks : iterable of Check
    interfaces : iterable of Covered

    Returns
    -------
    list of Chain
        The worst first, then by account, region and id.
    """
    covered: dict[Key, list[Covered]] = defaultdict(list)
    for eni in interfaces:
        for flow_log in eni.flow_logs:
            covered[eni.account_id, eni.region, flow_log].append(eni)
    sorted_in: dict[Key, dict[Link, list[Check]]] = defaultdict(lambda: defaultdict(list))
    for check in checks:
        if check.flow_log:
            key = (check.account_id, check.region, check.flow_log)
            sorted_in[key][check.link].append(check)
    chains = []
    for scope in inventory:
        for flow_log in scope.get("ec2:DescribeFlowLogs").items():
            key = (scope.account_id, scope.region, str(flow_log.get("FlowLogId", "")))
            links = {link: _state(sorted_in[key][link]) for link in LINKS[1:]}
            enis = tuple(covered.get(key, ()))
            chains.append(Chain(scope.account_id, scope.region, flow_log, enis, links))
    return sorted(
        chains,
        key=lambda c: (-STATUSES.index(c.status), c.account_id, c.region, c.flow_log_id),
    )


def _state(checks: Sequence[Check]) -> LinkState:
    if not checks:
        return LinkState(None)
    status = worst(check.status for check in checks)
    return LinkState(status, tuple(check for check in checks if check.status == status))
