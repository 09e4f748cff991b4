"""A report as text: the chains first, then what is wrong and what to do, then counts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flowlab.setup.restricting import FLOW_LOGS
from flowlab.setup.verdicts import LINKS, Check, Status
from flowlab.wording import cut_short, plain_text

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.setup.chains import Chain, LinkState
    from flowlab.setup.reporting import SetupReport

# What is not ok, in the order in which people need it.
TITLES: dict[Status, str] = {"fail": "Broken", "unknown": "Not known", "warn": "Warnings"}
_WIDTH = 100
_MOST_CHAINS = 12
_MOST_ALIKE = 3  # problems shown of one check and status; the others are counted
_MOST_NAMED = 4  # resources named in one line


class Problem(NamedTuple):
    """Checks that say the same of several resources.

    Attributes
    ----------
    check : Check
        The first of them, which stands for all.
    resources : tuple of str
        What it is said of.
    more : int
        Other problems of the same check and status that are not listed.
    """

    check: Check
    resources: tuple[str, ...]
    more: int = 0


def problems_of(judged: Iterable[Check], status: Status) -> list[Problem]:
    """Put together what is the same, in the order of the chain: the first link first."""
    alike: dict[tuple[str, ...], list[Check]] = {}

    # What AWS says of delivery is the symptom; the check that tells the cause stands before it.
    def order(check: Check) -> tuple[int, bool, str, str]:
        symptom = check.check == "flow-log-delivers"
        return (LINKS.index(check.link), symptom, check.check, check.resource)

    for check in sorted(judged, key=order):
        if check.status == status:
            alike.setdefault(_likeness(check), []).append(check)
    found: dict[str, list[Problem]] = {}
    for checks in alike.values():
        named = tuple(dict.fromkeys(check.resource for check in checks))
        found.setdefault(checks[0].check, []).append(Problem(checks[0], named))
    shown = []
    for problems in found.values():
        problems.sort(key=lambda p: -len(p.resources))
        left = sum(len(p.resources) for p in problems[_MOST_ALIKE:])
        kept = problems[:_MOST_ALIKE]
        shown += [*kept[:-1], kept[-1]._replace(more=left)]
    return shown


def _likeness(check: Check) -> tuple[str, ...]:
    """What two checks share that tell of the same problem at two resources."""
    names = sorted({check.resource, check.interface, check.flow_log} - {""}, key=len, reverse=True)
    texts = []
    for text in (check.cause, check.remedy):
        for name in names:
            text = text.replace(name, "\0")
        texts.append(text)
    return (check.check, check.account_id, check.region, *texts)


def heading_of(report: SetupReport) -> str:
    """Say what was looked at, when, and whether it is real."""
    inventory = report.inventory
    asked = [f"{kind} {name}" for kind, name in inventory.asked.items()
             if name and kind in ("vpc", "subnet", "interface")]  # fmt: skip
    marks = ["practice account, no AWS"] if inventory.practice else []
    marks += ["anonymized"] if inventory.anonymized else []
    where = ", ".join(dict.fromkeys(f"{s.account_id} {s.region}" for s in inventory))
    return plain_text(
        "Set-up of flow logs"
        + (f" ({'; '.join(marks)})" if marks else "")
        + (f" of {', '.join(asked)}" if asked else "")
        + (f" in {cut_short(where, 120)}" if where else "")
        + f", as it was on {inventory.taken:%Y-%m-%d %H:%M} UTC"
    )


def summary_of(report: SetupReport) -> str:
    """Say in a sentence how many ENIs deliver, and which link breaks first."""
    statuses = [eni.status for eni in report.interfaces]
    whole = [eni for eni in report.interfaces if eni.status in ("ok", "warn")]
    # A chain without a fault proves nothing: a new flow log, or a stream that cannot be looked at.
    fine = sum(eni.age is not None for eni in whole)
    if statuses:
        verb = "is" if fine == 1 else "are"
        said = f"{fine:,} of {len(statuses):,} ENIs in use {verb} covered and delivering"
        doubtful = statuses.count("unknown")
        said += f", of {doubtful:,} it is not known" if doubtful else ""
        unseen = len(whole) - fine
        said += f", of {unseen:,} no record was seen, nor a fault" if unseen else ""
    elif report.counts["unknown"]:
        said = "it is not known which ENIs are in use"
    else:
        said = "no ENI is in use here, so there is nothing to record"
    failing = problems_of(report.judged, "fail")
    if failing:
        first = failing[0].check
        said += f"; first broken link: {first.link} of {plain_text(first.resource)} ({first.check})"
    elif report.counts["unknown"]:
        said += f"; {count_of(report.counts['unknown'], 'check')} could not be decided"
    return said[0].upper() + said[1:] + "."


def text_of(report: SetupReport) -> str:
    """Write the whole report, at most 100 characters a line; names are never broken."""
    lines = [*_wrapped(heading_of(report)), *_wrapped(report.summary), "", *_chains(report)]
    for status, title in TITLES.items():
        problems = problems_of(report.judged, status)
        if problems:
            lines += ["", f"{title} ({report.counts[status]:,})"]
        for problem in problems:
            lines += _problem(problem)
    told = ", ".join(f"{n:,} {status}" for status, n in report.counts.items())
    return "\n".join([*lines, "", f"Checks: {told}. All of them: report.checks, report.coverage."])


def state_in_words(state: LinkState, interfaces: int) -> str:
    """Say how a link is: ``ok``, ``FAIL (role-trust)``, for how many ENIs if not for all."""
    if state.status in (None, "ok"):
        return state.status or "not checked"
    word = "FAIL" if state.status == "fail" else state.status
    own = state.interfaces
    some = f" for {own:,} of {count_of(interfaces, 'ENI')}" if own and own < interfaces else ""
    return f"{word}{some} ({state.names})"


def named(names: Sequence[str], more: int = 0) -> str:
    """List some of many names and count the rest."""
    left = len(names) - _MOST_NAMED + more if len(names) > _MOST_NAMED else more
    shown = ", ".join(plain_text(name) for name in names[:_MOST_NAMED])
    return f"{shown} and {left:,} more" if left else shown


def count_of(number: int, noun: str) -> str:
    """Write a number and what is counted."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _chains(report: SetupReport) -> list[str]:
    lines = ["Chains, from the ENI to the newest record"]
    for chain in report.chains[:_MOST_CHAINS]:
        lines += _wrapped(chain_heading(chain), "  ", "      ")
        links = ["ENI", *(f"{link} {state_in_words(state, len(chain.interfaces))}"
                          for link, state in chain.links.items())]  # fmt: skip
        lines += _wrapped(" -> ".join(links), "    ", "      ")
    left = report.chains[_MOST_CHAINS:]
    if left:
        fine = sum(1 for chain in left if chain.broken is None)
        more = count_of(len(left), "more flow log")
        lines.append(f"  and {more}, {fine:,} of them without a break")
    for status, words in (("fail", "no flow log covers"), ("unknown", "not known what covers")):
        bare = [e for e in report.interfaces if not e.flow_logs and e.status == status]
        if bare:
            told = named([f"{eni.interface_id} ({eni.owner})" for eni in bare])
            lines += _wrapped(f"{words} {count_of(len(bare), 'ENI')}: {told}", "  ", "      ")
    silent = [scope.region for scope in report.inventory if not scope.get(FLOW_LOGS).known]
    if silent:
        lines += _wrapped(f"AWS did not say which flow logs there are in {named(silent)}", "  ")
    return lines if len(lines) > 1 else [*lines, "  there is no flow log"]


def chain_heading(chain: Chain) -> str:
    """Name a flow log, what it is attached to, what it covers and where it delivers."""
    return plain_text(
        f"{chain.flow_log_id} on {chain.attached_to} ({count_of(len(chain.interfaces), 'ENI')}"
        f" in use) to {chain.destination}"
    )


def _problem(problem: Problem) -> list[str]:
    check = problem.check
    where = f", {check.account_id} {check.region}".rstrip(", ")
    control = f" [{check.control}]" if check.control else ""
    lines = _wrapped(
        f"{check.check}: {named(problem.resources)} ({check.link}{where}){control}", "  ", "      "
    )
    said = [check.evidence]
    said += [f"Likely cause: {check.cause}"] * bool(check.cause)
    said += [f"To fix: {check.remedy}"] * bool(check.remedy)
    said += [f"{problem.more:,} more of this check: see report.checks"] * bool(problem.more)
    for text in said:
        lines += _wrapped(text, "    ", "      ")
    return lines


def _wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    """Break a text into lines; what it holds of control marks is made visible."""
    lines: list[str] = []
    for part in text.splitlines():
        lines += textwrap.wrap(
            plain_text(part), _WIDTH, initial_indent=first if not lines else then,
            subsequent_indent=then, break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return lines


def age_in_words(age: pd.Timedelta) -> str:
    """Write an age in its largest whole unit: ``4 min``, ``3 h``, ``2 days``."""
    seconds = int(age.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86400 else f"{seconds // 86400} days"
