"""The chains of a set-up link by link, as a piece of a page. All text is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flowlab.setup.chains import Covered, LinkState
from flowlab.setup.inks import SIGNS
from flowlab.setup.telling import chain_heading, count_of, named, problems_of, state_in_words
from flowlab.setup.verdicts import LINKS, Link, Status, worst
from flowlab.wording import plain_text

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport

_MOST_CHAINS = 4  # told link by link; the drawing has more
_CELL = "text-align:left;vertical-align:top;padding:0 .8em .2em 0"
_LONG = f"{_CELL};white-space:pre-wrap;overflow-wrap:anywhere"
# The edge of a link, told apart by its kind as well: the text says it in any case.
_EDGES: dict[Status | None, str] = {"fail": "4px dashed #d55e00", "unknown": "4px dotted"}


def chains_page(report: SetupReport, drawing: str) -> str:
    """Write each flow log's chain, from the interface to the newest record.

    Parameters
    ----------
    report : SetupReport
    drawing : str
        HTML of its drawing, for the place after the headline.

    Returns
    -------
    str
        HTML. A link that breaks is marked in words, with evidence, cause and remedy; what AWS
        answered about the others is folded. At most 4 chains, the worst first.
    """
    parts = [f"<p><strong>{_safe(_headline(report))}</strong></p>", drawing]
    for chain in report.chains[:_MOST_CHAINS]:
        covers = _covers(report, chain.interfaces)
        states = {LINKS[0]: covers, **chain.links}
        parts.append(_chain(chain_heading(chain), states, len(chain.interfaces)))
    if left := report.chains[_MOST_CHAINS:]:
        parts.append(f"<p>And {count_of(len(left), 'more flow log')}: pick a VPC or subnet.</p>")
    if bare := [eni for eni in report.interfaces if not eni.flow_logs]:
        title = f"No flow log is known to cover {count_of(len(bare), 'ENI')}"
        parts.append(_chain(title, {LINKS[0]: _covers(report, bare)}, len(bare)))
    return "".join(parts)


def _headline(report: SetupReport) -> str:
    if len(report.interfaces) != 1:
        return report.summary
    eni = report.interfaces[0]
    who = f"{eni.interface_id} ({eni.owner})"
    if eni.status == "fail":
        return f"The chain of {who} is broken at: {eni.broken}."
    if eni.status == "unknown":
        return f"Whether the chain of {who} holds is not known. The first doubt: {eni.broken}."
    return f"The chain of {who} holds{', with a warning' if eni.status == 'warn' else ''}."


def _covers(report: SetupReport, enis: Sequence[Covered]) -> LinkState:
    """Say how the first link is: whether a flow log covers these ENIs."""
    ours = {eni.interface_id for eni in enis}
    found = [c for c in report.judged if c.link == LINKS[0] and c.interface in ours]
    if not found:
        return LinkState(None)
    status = worst(check.status for check in found)
    return LinkState(status, tuple(check for check in found if check.status == status))


def _chain(title: str, states: Mapping[Link, LinkState], enis: int) -> str:
    items, reached = [], True
    for link in LINKS:
        state = states.get(link, LinkState(None))
        fails = reached and state.status == "fail"
        mark = " ← the chain breaks here" if fails else "" if reached else "; nothing gets this far"
        items.append(_link(link, state, enis, mark))
        reached = reached and not fails
    return f"<p>{_safe(title)}</p><ol style='margin:.2em 0 1em 0'>{''.join(items)}</ol>"


def _link(link: str, state: LinkState, enis: int, mark: str) -> str:
    sign = SIGNS[state.status] if state.status else "-"
    said = _safe(f"{sign} {link}: {state_in_words(state, enis)}{mark}")
    answers = _answers(state)
    if state.status == "ok":  # who doubts it can unfold it
        seen = count_of(len(state.checks), "check")
        told = f"<details><summary>{said} ({seen})</summary>{answers}</details>"
    else:
        told = (f"<strong>{said}</strong>" if state.status == "fail" else said) + answers
    style = f"border-left:{_EDGES.get(state.status, '1px solid')};padding-left:.8em;margin:.4em 0"
    return f"<li style='{style}'>{told}</li>"


def _answers(state: LinkState) -> str:
    """Write what AWS answered, and what to do about it; checks that say the same as one."""
    if state.status is None:
        return ""
    rows = []
    for check, resources, more in problems_of(state.checks, state.status):
        if state.status == "ok":
            rows.append(_row(check.check, check.evidence))
            continue
        rows.append(_row(check.check, named(resources, more)))
        told = {"evidence": check.evidence, "likely cause": check.cause, "to fix": check.remedy}
        rows += [_row(name, text) for name, text in told.items() if text]
    return f"<table>{''.join(rows)}</table>"


def _row(name: str, text: str) -> str:
    head = f"<th scope='row' style='{_CELL};white-space:nowrap'>{_safe(name)}</th>"
    return f"<tr>{head}<td style='{_LONG}'>{_safe(text)}</td></tr>"


def _safe(text: str) -> str:
    return html.escape("\n".join(plain_text(line) for line in text.split("\n")))
