"""Ask AWS about a set-up: all accounts and regions at once, reading only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flowlab.setup import network
from flowlab.setup.accounts import Account, who
from flowlab.setup.asking_aws import THREADS, Talk
from flowlab.setup.following import Inquiry, Task
from flowlab.setup.inventory import Answer, Inventory, Scope
from flowlab.setup.targets import Target, regions_of
from flowlab.sources.aws import Access


def collect(
    accesses: Sequence[Access],
    *,
    regions: str | Sequence[str] | None = None,
    vpc: str | None = None,
    subnet: str | None = None,
    interface: str | None = None,
    progress: bool = True,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Inventory:
    """Ask AWS, reading only, all that a set-up is judged by.

    Parameters
    ----------
    accesses : sequence of Access
        One per account.
    regions : str or sequence of str, optional
        Names, or ``"all"`` for every region that the account has enabled; the region of the
        access if left out.
    vpc, subnet, interface : str, optional
        Look at this one alone, at what contains it and at the flow logs that cover it.
    progress : bool
        Show a progress bar when it takes more than a second.
    clock : callable
        Gives the time. [UTC]

    Returns
    -------
    Inventory
        What AWS refuses or fails to answer is in it, as a refusal.

    Raises
    ------
    AccessError
        Nothing can be asked: no credentials, no such profile, a role that is refused.
    UnknownNameError
        No such region; or the VPC, subnet or ENI is in none of the accounts and regions.
    FlowlabError
        No region is known, one is not enabled, AWS cannot be reached, or an id is none.
    """
    target, taken = Target(vpc, subnet, interface), clock()
    named = (
        list(regions) if isinstance(regions, Iterable) and not isinstance(regions, str) else regions
    )
    if named is not None and named != "all":
        regions_of(named, "", None, "")  # refuses what is none, before anything is asked
    inquiries: list[Inquiry] = []
    with _Asking(progress) as asking:
        for account in asking.accounts([_in_a_region(access, named) for access in accesses]):
            inquiries += account.inquiries(named, target, taken)
        asking.carry_out(inquiries)
    scopes = [inquiry.scope() for inquiry in inquiries]
    if target:
        scopes = _where_it_is(scopes, target)
    practice = any(access.is_practice for access in accesses)
    return Inventory(taken, tuple(scopes), {**target.options(), "regions": named}, practice)


def _in_a_region(access: Access, named: str | Sequence[str] | None) -> Access:
    """Give an access that has a region: an account is not in one, but who asks it must be."""
    if access.region_name() or named == "all":
        return access
    if named is None:
        access.client("ec2")  # says that no region is known, and what to do
        return access
    return replace(access, region=named if isinstance(named, str) else named[0])


def _where_it_is(scopes: Sequence[Scope], target: Target) -> list[Scope]:
    """Keep the scopes that hold the target; those that may, where AWS does not say."""
    smallest = (
        network.INTERFACES if target.interface
        else network.SUBNETS if target.subnet
        else network.VPCS
    )  # fmt: skip
    holding = [scope for scope in scopes if scope.get(smallest).items()]
    unclear = [scope for scope in scopes if not scope.get(smallest).known]
    if holding or unclear:
        return holding or unclear
    raise target.absent(f"account {scope.account_id}, {scope.region}" for scope in scopes)


class _Asking:
    """The threads that ask, and what they are to ask."""

    def __init__(self, progress: bool) -> None:
        from tqdm.auto import tqdm

        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="flowlab-ask")
        self._shared: dict[tuple[Any, ...], Future[list[Answer]]] = {}
        self._waiting: dict[Future[list[Answer]], list[Inquiry]] = {}
        self._bar: Any = tqdm(
            total=0, desc="asking AWS", unit=" tasks", delay=1, leave=False, disable=not progress
        )

    def __enter__(self) -> _Asking:
        return self

    def __exit__(self, *_: object) -> None:
        # An interrupt, too, ends it here; a request that is under way is not waited for.
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._bar.close()

    def accounts(self, accesses: Sequence[Access]) -> list[Account]:
        """Find out who each access is; raise if none of them can be asked."""
        futures = [self._pool.submit(who, access) for access in dict.fromkeys(accesses)]
        left = set(futures)
        while left:
            left = wait(left, timeout=0.5).not_done
        found = [future.result() for future in futures]
        problems = [account.problem for account in found if account.problem]
        if problems and len(problems) == len(found):
            raise problems[0]
        return found

    def carry_out(self, inquiries: Sequence[Inquiry]) -> None:
        """Put the questions of all inquiries."""
        for inquiry in inquiries:
            self._next(inquiry)
        while self._waiting:
            # Waking up twice a second lets an interrupt through on every system.
            for future in wait(self._waiting, timeout=0.5, return_when=FIRST_COMPLETED).done:
                self._bar.update()
                answers = future.result()
                for inquiry in self._waiting.pop(future):
                    inquiry.take(answers)
                    inquiry.open -= 1
                    if not inquiry.open:
                        self._next(inquiry)

    def _next(self, inquiry: Inquiry) -> None:
        """Begin with the next step; one that has nothing to wait for is over at once."""
        for tasks in inquiry.steps:
            for task in tasks:
                self._submit(task, inquiry)
            if inquiry.open:
                return

    def _submit(self, task: Task, inquiry: Inquiry) -> None:
        same = (replace(task.access, region=None), *task.key) if task.key else ()
        future = self._shared.get(same) if same else None
        if future is None:
            future = self._pool.submit(self._put, task)
            self._bar.total += 1
            self._waiting[future] = []
            if same:
                self._shared[same] = future
        elif future not in self._waiting:
            inquiry.take(future.result())
            return
        if inquiry not in self._waiting[future]:
            self._waiting[future].append(inquiry)
            inquiry.open += 1

    def _put(self, task: Task) -> list[Answer]:
        talk = Talk(task.access, self._stop)
        task.put(talk)
        return talk.answers
