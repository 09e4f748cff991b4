"""A report as a piece of a page: drawing, problems, and both tables folded. All text escaped."""

from __future__ import annotations

import html
import warnings
from typing import TYPE_CHECKING

import pandas as pd

from flowlab.setup.telling import TITLES, Problem, age_in_words, heading_of, named, problems_of
from flowlab.wording import plain_text

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport
    from flowlab.setup.verdicts import Status

_MOST_ROWS = 200
# Of the coverage, what people look for first.
_TOLD = ["status", "interface_id", "owner", "first_broken_link", "what", "newest_record_age",
         "flow_log", "inherited_from", "traffic_type", "destination", "format", "subnet_id",
         "vpc_id", "account_id", "region"]  # fmt: skip
_MOST_PROBLEMS = 12
# Borders in the text's own colour, so that they are there in the dark theme too.
_LINE = "1px solid color-mix(in srgb, currentColor 30%, transparent)"
_LEFT = "text-align:left;vertical-align:top"


def page_of(report: SetupReport) -> str:
    """Write a report as HTML that needs nothing from elsewhere and carries no script."""
    from flowlab.pictures import show
    from flowlab.setup.drawing import draw_setup

    counts = ", ".join(f"{n:,} {status}" for status, n in report.counts.items())
    about = f"{_text(heading_of(report))}. Checks: {counts}."
    with warnings.catch_warnings():
        # Names in scripts that the picture's font lacks are boxes there; the tables have them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        drawing = show(draw_setup(report)).html
    parts = [
        f"<p><strong>{_text(report.summary)}</strong><br>{about}</p>",
        drawing,
        *(_problems(report, status) for status in TITLES),
        _table(report.coverage[_TOLD], "What covers each ENI"),
        _table(report.checks, "All checks"),
    ]
    return f"<div class='flowlab-setup'>{''.join(parts)}</div>"


def _problems(report: SetupReport, status: Status) -> str:
    problems = problems_of(report.judged, status)
    if not problems:
        return ""
    left = len(problems) - _MOST_PROBLEMS
    more = f"<p>{left:,} more: see report.checks</p>" if left > 0 else ""
    open_ = "" if status == "warn" else " open"
    return (
        f"<details{open_}><summary>{TITLES[status]}"
        f" ({report.counts[status]:,})</summary>"
        f"{''.join(map(_problem, problems[:_MOST_PROBLEMS]))}{more}</details>"
    )


def _problem(problem: Problem) -> str:
    check = problem.check
    control = f" [{_text(check.control)}]" if check.control else ""
    rows = [("Evidence", check.evidence), ("Likely cause", check.cause), ("To fix", check.remedy)]
    if problem.more:
        rows.append(("And", f"{problem.more:,} more of this check: see report.checks"))
    told = "".join(
        f"<tr><th scope='row' style='{_LEFT};white-space:nowrap'>{name}</th>"
        f"<td style='{_LEFT};white-space:pre-wrap;overflow-wrap:anywhere'>{_text(text)}</td></tr>"
        for name, text in rows
        if text
    )
    return (
        f"<div style='border-left:4px solid currentColor;padding:0 0 0 0.8em;margin:0.6em 0'>"
        f"<div><strong>{_text(check.link)}: {_text(check.check)}</strong>{control} "
        f"{_text(named(problem.resources))}</div><table>{told}</table></div>"
    )


def _table(table: pd.DataFrame, title: str) -> str:
    rows = table.head(_MOST_ROWS)
    # A column that says nothing takes the place of those that do.
    columns = [name for name in rows.columns if any(map(_said, rows[name]))]
    head = "".join(
        f"<th scope='col' style='{_LEFT}'>{name.replace('_', ' ')}</th>" for name in columns
    )
    cell = "<td style='text-align:left'>"
    body = "".join(
        f"<tr valign='top' style='border-bottom:{_LINE}'>"
        + "".join(f"{cell}{_text(_said(value))}</td>" for value in row)
        + "</tr>"
        for row in rows[columns].itertuples(index=False, name=None)
    )
    cut = f", the first {len(rows):,} of {len(table):,} rows" if len(table) > len(rows) else ""
    return (
        f"<details><summary>{title} ({len(table):,}{cut})</summary>"
        "<div style='overflow-x:auto'>"
        f"<table style='border-collapse:collapse'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></details>"
    )


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timedelta):
        return age_in_words(value)
    return "" if value is pd.NaT else str(value)


def _text(text: str) -> str:
    return html.escape("\n".join(plain_text(line) for line in text.split("\n")))
