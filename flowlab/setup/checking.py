"""check_setup(): ask AWS, or take what was saved, and judge it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError
from flowlab.setup import inventory as inventories
from flowlab.setup.buckets import judge_buckets
from flowlab.setup.coverage import coverage_rows
from flowlab.setup.delivery_roles import judge_roles
from flowlab.setup.delivery_streams import judge_streams
from flowlab.setup.flow_logs import judge_flow_logs
from flowlab.setup.inventory import Inventory
from flowlab.setup.limits import judge_limits
from flowlab.setup.log_groups import judge_log_groups
from flowlab.setup.reporting import SetupReport
from flowlab.setup.restricting import restricted

if TYPE_CHECKING:
    from flowlab.setup.verdicts import Check

PRACTICE = "practice"  # as a snapshot: the bundled one
_JUDGES = (
    judge_flow_logs, judge_roles, judge_buckets, judge_streams, judge_log_groups, judge_limits,
)  # fmt: skip


def check_setup(
    *,
    vpc: str | None = None,
    subnet: str | None = None,
    interface: str | None = None,
    regions: str | Sequence[str] | None = None,
    profile: str | None = None,
    role_arns: str | Sequence[str] | None = None,
    endpoint_url: str | None = None,
    snapshot: str | os.PathLike[str] | Inventory | SetupReport | None = None,
    progress: bool = True,
) -> SetupReport:
    """Check, ENI by ENI, that flow logs are on, may deliver, and do arrive.

    Parameters
    ----------
    vpc, subnet, interface : str, optional
        Look at this VPC, subnet or ENI only, with the flow logs that it inherits.
    regions : str or sequence of str, optional
        As in ``["eu-west-1"]``; else the profile's own. ``"all"`` for each one that is turned on.
    profile : str, optional
        Profile of the AWS configuration.
    role_arns : str or sequence of str, optional
        Roles in other accounts, to look there too.
    endpoint_url : str, optional
        Where AWS's services answer, if not at AWS: that of a `practice_account`.
    snapshot : path, Inventory, SetupReport or "practice", optional
        Judge what was saved before (a file, or the newest of a folder) instead of asking AWS.
        ``"practice"`` is bundled, and needs neither an account nor a network.
    progress : bool
        Show a progress bar when asking takes more than a second.

    Returns
    -------
    SetupReport
        Shows itself; ``checks`` and ``coverage`` are DataFrames, ``save(folder)`` keeps it.

    Raises
    ------
    AccessError
        No credentials, an unknown profile, an expired sign-in. What AWS denies once signed in
        is no error: the checks that need it are ``unknown`` and name the permission to ask for.
    UnknownNameError
        There is no such VPC, subnet, ENI or region.
    FlowlabError
        `snapshot` is no saved set-up, or is given together with what only AWS can answer.

    Notes
    -----
    Nothing is changed at AWS: every call is a Describe, List, Get, Filter or Simulate, and
    `setup_policy` prints the permissions they need. No flow record is kept, no object of a
    bucket opened and no secret read: of events and objects only counts, times and names stay.
    A snapshot is judged as of the time it was taken.

    Examples
    --------
    >>> import flowlab as fl
    >>> report = fl.check_setup(snapshot="practice")
    >>> report.exit_code, report.coverage["first_broken_link"].ne("").sum().item()
    (1, 3)
    """
    if snapshot is None:
        from flowlab.setup.collecting import collect
        from flowlab.sources.aws import Access

        roles = [role_arns] if isinstance(role_arns, str) else list(role_arns or ())
        accesses = [Access(profile, None, role, endpoint_url) for role in (None, *roles)]
        return judged(
            collect(
                accesses,
                regions=regions,
                vpc=vpc,
                subnet=subnet,
                interface=interface,
                progress=progress,
            )
        )
    online = {"regions": regions, "profile": profile, "role_arns": role_arns,
              "endpoint_url": endpoint_url}  # fmt: skip
    given = [name for name, value in online.items() if value is not None]
    if given:
        raise FlowlabError(
            f"snapshot= cannot go with {', '.join(f'{name}=' for name in given)}.",
            "a snapshot is judged without asking AWS.",
            "leave out one or the other.",
        )
    return judged(restricted(_saved(snapshot), vpc, subnet, interface))


def judged(inventory: Inventory) -> SetupReport:
    """Judge an inventory; asks nothing.

    Parameters
    ----------
    inventory : Inventory

    Returns
    -------
    SetupReport
        As of the time the inventory was taken.
    """
    checks: list[Check] = []
    rows: list[dict[str, Any]] = []
    for scope in inventory:
        found = [check for judge in _JUDGES for check in judge(scope, inventory.taken)]
        checks += found
        rows += coverage_rows(scope, found, inventory.taken)
    return SetupReport(inventory, tuple(checks), tuple(rows))


def _saved(snapshot: Any) -> Inventory:
    if isinstance(snapshot, Inventory):
        return snapshot
    if isinstance(snapshot, SetupReport):
        return snapshot.inventory
    if snapshot == PRACTICE:
        bundled = files("flowlab.practice") / "setup-demo.json"
        return inventories.from_json(bundled.read_text("utf-8"), "the bundled set-up")
    if isinstance(snapshot, str | os.PathLike):
        return inventories.read(os.fspath(snapshot))
    raise FlowlabError(
        f"snapshot={type(snapshot).__name__} is no saved set-up.",
        fix='pass a path, an Inventory, a SetupReport, or the word "practice".',
    )
