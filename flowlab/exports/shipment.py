"""The account of a shipment, and the plan of one."""

from __future__ import annotations

import html
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlab.errors import FlowlabError

if TYPE_CHECKING:
    import pandas as pd

_MOST_REASONS = 5  # that are shown


@dataclass
class Shipment:
    """What became of each record. Made by `ship`.

    ``records == shipped + already_there + refused + unsent``.

    Attributes
    ----------
    to, index, schema : str
        Where, and how.
    records : int
        Records of the source, counted before the first is sent.
    shipped : int
        Documents that the server created.
    already_there : int
        Documents whose record the index had: from an earlier run, from an attempt whose answer was
        lost on the way, or from a record of this source that is equal in every field.
    refused : int
        Documents that the server refused for good; `reasons` says why, `refused_file` has them.
    retried : int
        Documents that had to be sent again, each time counted.
    requests : int
        Bulk requests that were sent.
    reached : Timestamp or None
        All records that start before this moment [UTC] are settled: ``start=`` of a run that goes
        on from here.
    notices : list of str
    """

    to: str
    index: str
    schema: str
    records: int = 0
    shipped: int = 0
    already_there: int = 0
    refused: int = 0
    retried: int = 0
    requests: int = 0
    reached: pd.Timestamp | None = None
    refused_file: Path | None = None
    why: Counter[tuple[int, str]] = field(default_factory=Counter)
    notices: list[str] = field(default_factory=list)

    @property
    def unsent(self) -> int:
        """Records that nothing was heard of; sending them again does no harm."""
        return self.records - self.shipped - self.already_there - self.refused

    @property
    def complete(self) -> bool:
        """Whether every record is settled: in the index, or refused."""
        return self.unsent == 0

    @property
    def reasons(self) -> pd.DataFrame:
        """Why documents were refused: status, reason, documents; the most frequent first."""
        import pandas as pd

        rows = [(status, why, n) for (status, why), n in self.why.most_common()]
        table = pd.DataFrame(rows, columns=["status", "reason", "documents"])
        return table.astype({"status": "int64", "reason": "str", "documents": "int64"})

    def _counts(self) -> list[tuple[str, int]]:
        names = ("records", "shipped", "already_there", "refused", "unsent", "retried", "requests")
        return [(name.replace("_", " "), getattr(self, name)) for name in names]

    def _headline(self) -> str:
        state = "complete" if self.complete else "NOT COMPLETE"
        return f"Shipment to {self.to}, index {self.index} ({self.schema}): {state}"

    def _told(self) -> list[str]:
        told = [
            f"{n:,} refused, status {status}: {why}"
            for (status, why), n in self.why.most_common(_MOST_REASONS)
        ]
        if self.refused_file:
            told.append(f"refused documents are in {self.refused_file}")
        return [*told, *self.notices]

    def __repr__(self) -> str:
        rows = [f"{name:<15}{count:>14,}" for name, count in self._counts()]
        return "\n".join([self._headline(), *rows, *(f"- {n}" for n in self._told())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{name}</th>"
            f"<td style='text-align:right'>{count:,}</td></tr>"
            for name, count in self._counts()
        )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._told())
        caption = html.escape(self._headline())
        return (
            "<table class='flowlab-shipment'>"
            f"<caption style='text-align:left;white-space:nowrap'>{caption}</caption>"
            f"<tbody>{rows}</tbody></table><ul>{notes}</ul>"
        )


class ShipmentError(FlowlabError):
    """A shipment that stopped before its end.

    Attributes
    ----------
    shipment : Shipment
        What became of each record until then.
    """

    def __init__(self, problem: FlowlabError, shipment: Shipment) -> None:
        settled = shipment.records - shipment.unsent
        account = (
            f" {settled:,} of {shipment.records:,} records were settled before: "
            f"{shipment.shipped:,} shipped, {shipment.already_there:,} already there, "
            f"{shipment.refused:,} refused."
        )
        again = " Then run it again: nothing is stored twice."
        if shipment.reached is not None:
            again += f" start={str(shipment.reached)!r} leaves out what is settled."
        super().__init__(problem.what + account, problem.why, problem.fix + again)
        self.shipment = shipment


@dataclass(frozen=True)
class ShippingPlan:
    """What `ship` would do. Nothing was sent.

    Attributes
    ----------
    to, index, schema : str
    records : int
        Records that would be sent.
    template : dict
        The index template that ``create=True`` would put first, as ``flowlab-`` and the index.
    documents : list of dict
        The first documents, with their ``_id``.
    """

    to: str
    index: str
    schema: str
    records: int
    template: dict[str, Any]
    documents: list[dict[str, Any]]

    def __repr__(self) -> str:
        first = json.dumps(self.documents[:1], indent=1, ensure_ascii=False)
        return (
            f"Plan, nothing sent: {self.records:,} records to {self.to}, index {self.index} "
            f"({self.schema}).\nWith create=True, first PUT _index_template/flowlab-{self.index} "
            f"(plan.template), then PUT {self.index}.\nThe first document:\n{first}"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"
