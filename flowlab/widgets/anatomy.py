"""One raw line of a flow log, to be typed, pasted, and stepped through field by field."""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets as w
import pandas as pd

from flowlab.dissecting import REFUSED
from flowlab.errors import FlowlabError
from flowlab.pictures import table_html
from flowlab.schema import FIELDS
from flowlab.widgets.base import LABEL, Panel
from flowlab.widgets.calls import Call, Step
from flowlab.wording import cut_short, plain_text

# A record of the bundled sample: a web server fetches something from S3.
EXAMPLE = (
    "5 012345678901 eni-0a11d8b2f6c035e02 10.0.1.11 198.51.100.23 49556 443 6 179 15879 1772409610"
    " 1772409611 ACCEPT OK vpc-0d4e8f2a6b1c37590 subnet-0a91c2e4b7d350f11 i-0a11e5f9a3c7b8d02 3"
    " IPv4 10.0.1.11 198.51.100.23 eu-west-1 euw1-az1 - - - S3 egress 8"
)
EXAMPLE_FORMAT = " ".join(field.name for field in FIELDS if field.version <= 5)

_LONGEST = 80  # characters of a token that are shown
_WIDE = w.Layout(width="auto")
# What is said of a field, and the column that says it.
_SAID = {
    "in words": "in_words",
    "as written": "text",
    "as flowlab reads it": "value",
    "meaning": "meaning",
    "unit": "unit",
    "since version": "version",
}


def record_anatomy(
    line: str | None = None, *, log_format: str | Sequence[str] | None = None
) -> Panel:
    """Take a line of a flow log apart, with controls to change it and step through its fields.

    Parameters
    ----------
    line : str, optional
        The line to begin with; without one, a record of the bundled sample.
    log_format : str or sequence of str, optional
        Its format, as in `fl.anatomy`. A header line, or one in AWS's default format, needs none.

    Returns
    -------
    Panel
        Shows itself in a notebook. ``.call`` is `fl.anatomy` of the line that is shown,
        ``.result`` what it gave.

    Raises
    ------
    FlowlabError
        `line` is no text.
    """
    if line is None and log_format is None:
        line, log_format = EXAMPLE, EXAMPLE_FORMAT
    if not isinstance(line, str | None):
        raise FlowlabError(
            f"record_anatomy takes one raw line as text, not {type(line).__name__}.",
            fix="pass a line of a flow-log file, or nothing for an example.",
        )
    if not isinstance(log_format, str | None):
        log_format = " ".join(map(str, log_format))
    return _Anatomy(line or "", log_format or "")


class _Anatomy(Panel):
    def __init__(self, line: str, log_format: str) -> None:
        self._field = w.IntSlider(value=1, min=1, max=1, description="field", style=LABEL)
        controls = {
            "line": w.Text(value=line.strip(), description="line", style=LABEL, layout=_WIDE),
            "log_format": w.Text(
                value=log_format, description="log_format", style=LABEL, layout=_WIDE,
                placeholder="none: the line is a header, or in AWS's default format",
            ),
            "field": self._field,
        }  # fmt: skip
        super().__init__({}, controls)
        self._previous = w.Button(description="previous field", icon="arrow-left")
        self._next = w.Button(description="next field", icon="arrow-right")
        self.when_clicked(self._previous, lambda: self._step(-1))
        self.when_clicked(self._next, lambda: self._step(1))
        self._line, self._said = w.HTML(), w.HTML()
        self.box = w.VBox(
            [
                controls["line"],
                controls["log_format"],
                self._message,
                w.HBox([self._previous, self._field, self._next]),
                self._line,
                self._said,
            ]
        )
        self.refresh()

    def steps(self) -> Sequence[Step | Call]:
        log_format = self.controls["log_format"].value.strip()
        options = {"log_format": log_format} if log_format else {}
        return [Call("anatomy", [self.controls["line"].value], options)]

    def show(self, result: pd.DataFrame) -> str:
        # A shorter line may move the slider; that asks for nothing new.
        self._field.unobserve(self._changed, "value")
        self._field.max = len(result)
        self._field.observe(self._changed, "value")
        chosen = self._field.value - 1
        self._previous.disabled, self._next.disabled = chosen == 0, chosen == len(result) - 1
        self._line.value = _line(result, chosen)
        self._said.value = _said(result.iloc[chosen], len(result))
        shown = {c: result[c].map(_shown) for c in ("field", "text", "value")}
        return _line(result) + table_html(result.assign(**shown))

    def _step(self, by: int) -> None:
        self._field.value += by


def _line(result: pd.DataFrame, chosen: int | None = None) -> str:
    """Write the line, each token with what it is; the chosen one bold and underlined."""
    tokens = []
    for number, row in enumerate(result.itertuples()):
        # In a <bdi>: a token written from right to left must not move its neighbours.
        token = f"<bdi>{_safe(row.text)}</bdi>"
        if number == chosen:
            token = f"<b style='outline:2px solid'><u>{token}</u></b>"
        title = f"{_safe(row.field)}: {html.escape(str(row.in_words))}"
        tokens.append(f'<span title="{title}">{token}</span>')
    style = "font-family:monospace;line-height:1.8;overflow-wrap:anywhere"
    return f"<p dir='ltr' style='{style}'>{' '.join(tokens)}</p>{_refusals(result)}"


def _refusals(result: pd.DataFrame) -> str:
    refused = result.loc[result["in_words"].str.startswith(REFUSED), "in_words"]
    reasons = "; ".join(refused.str.removeprefix(REFUSED))
    said = f"read_flows refuses this line: {reasons}"
    return f"<p><b>{html.escape(plain_text(said))}</b></p>" if reasons else ""


def _said(row: pd.Series, fields: int) -> str:
    """Write what there is to say of one field."""
    said = {**_SAID} if row["unit"] else {k: v for k, v in _SAID.items() if v != "unit"}
    lines = "".join(
        f"<tr><th scope='row' style='text-align:left;padding-right:1em'>{name}</th>"
        f"<td style='text-align:left;overflow-wrap:anywhere'><bdi>{_safe(row[column])}</bdi></td>"
        "</tr>"
        for name, column in said.items()
    )
    name = f"<b>{_safe(row['field'])}</b>, field {row['position']} of {fields}"
    return f"<div role='status'>{name}<table>{lines}</table></div>"


def _safe(value: object) -> str:
    return html.escape(plain_text(_shown(value)))


def _shown(value: object) -> str:
    """Write a value as text that fits; none is null."""
    return "null" if value is None or value is pd.NA else cut_short(str(value), _LONGEST)
