"""Flow logs that stay in S3, asked through Amazon Athena by the questions flowlab asks anything."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flowlab import clauses as build
from flowlab.engines import athena_pruning as pruning
from flowlab.engines import athena_sizes as sizes
from flowlab.engines.athena_catalog import Description, registered
from flowlab.engines.athena_periods import Span, period_asked
from flowlab.engines.athena_policies import policy
from flowlab.engines.athena_running import Run, Runner
from flowlab.engines.athena_sizes import DryRun
from flowlab.engines.mapping import flows_view, written
from flowlab.errors import FlowlabError
from flowlab.options import period_of
from flowlab.sources.aws import Access
from flowlab.tables import FilteredTable

if TYPE_CHECKING:
    import pyarrow as pa

_KEPT, _KEPT_BYTES = 100, 64 * 2**20  # answers, and what they take together
_LONGEST = 262_144  # text of a query (AWS, "Athena service quotas") [bytes]
_SETTLED = 86_400  # a period that ended so long ago gets no more records [s]


class AthenaTable:
    """Flow records in Athena. Made by `athena`; asked by every question, with a period.

    Attributes
    ----------
    columns : sequence of str
        As in a flow frame.
    description : Description
        What the catalog says of the table.
    last : Run or None
        The last query that Athena ran for it: its id, bytes scanned, seconds.
    """

    dialect = "athena"

    def __init__(
        self,
        description: Description,
        runner: Runner,
        access: Access,
        named: Mapping[str, Sequence[str]],
    ) -> None:
        self.description = description
        self.last: Run | None = None
        self._runner, self._access, self._named = runner, access, named
        self._answers: dict[tuple[str, str], pa.Table] = {}
        types = dict(description.columns) | {key.name: key.type for key in description.keys}
        source = exp.table_(description.name, db=description.database, quoted=True)
        self._view, names = flows_view(source, types, dialect=self.dialect)
        self.columns: Sequence[str] = names

    def run(self, query: exp.Query) -> pa.Table:
        """Answer a query over the relation "flows".

        The same text over the same objects is answered from memory, for nothing: objects are
        listed, not read. Where they may not be listed, only a period that ended a day ago is.

        Raises
        ------
        FlowlabError
            No period; more bytes than `max_bytes`; or Athena refuses or fails it.
        """
        plan = self._plan(query)
        key = (plan.sql, plan.state)
        if plan.state and key in self._answers:
            return self._answers[key]
        self._refuse(plan)
        answer, self.last = self._runner.run(plan.sql, plan.stock.bytes if plan.stock else None)
        if plan.state:
            self._keep(key, answer)
        return answer

    def pages(self, query: exp.Query, rows: int) -> Iterator[pa.Table]:
        """Answer a query with many rows by one query of Athena's; so many rows are in memory.

        Raises
        ------
        FlowlabError
            As `run`.
        """
        import pyarrow as pa

        plan = self._plan(query)
        self._refuse(plan)
        self.last = self._runner.start(plan.sql, plan.stock.bytes if plan.stock else None)
        held: list[pa.Table] = []
        for part in self._runner.rows(self.last.id):
            held.append(part)
            if sum(one.num_rows for one in held) >= rows:
                yield pa.concat_tables(held)
                held = []
        if held:
            yield pa.concat_tables(held)

    def _keep(self, key: tuple[str, str], answer: pa.Table) -> None:
        self._answers[key] = answer
        sizes_of = {name: kept.nbytes for name, kept in self._answers.items()}
        for old in list(sizes_of):
            if len(sizes_of) <= _KEPT and sum(sizes_of.values()) <= _KEPT_BYTES:
                return
            del self._answers[old], sizes_of[old]

    def forget(self) -> None:
        """Forget the answers kept in memory: the next question is asked of Athena again."""
        self._answers.clear()

    def between(self, start: Any, end: Any) -> FilteredTable:
        """Give those records that start in a period; for questions that take no period themselves.

        Parameters
        ----------
        start, end : datetime-like or str
            Half-open. [UTC]

        Returns
        -------
        FilteredTable
            Every question accepts it, `excluded_by` and `waterfall` too.
        """
        these = exp.and_(*period_of(self, "between", start, end))
        return FilteredTable(self, these, f"from {start} to {end}")

    def text(self, query: exp.Query, *, pretty: bool = True) -> str:
        """Write the text Athena runs for a query over the relation "flows"; nothing is asked."""
        return self._written(query, period_asked(query), pretty)[0]

    def dry_run(self, query: exp.Query) -> DryRun:
        """Say what a query over the relation "flows" would read and cost."""
        plan = self._plan(query, pretty=True)
        found, notes = plan.stock, list(plan.notes)
        if found and self.description.format == "Parquet":
            notes.append("Athena reads only the columns that are asked for, so it will be less")
        if found and not found.objects:
            notes.append(
                "no object is in these partitions: the period is before the flow log's first, or "
                "the folders are not where the table looks"
            )
        return DryRun(
            plan.sql,
            plan.places,
            found.objects if found else None,
            found.bytes if found else None,
            sizes.price(found.bytes) if found else None,
            tuple(notes),
        )

    def policy(self) -> dict[str, Any]:
        """Give the least IAM policy that asking this table needs; ``json.dumps`` makes it text."""
        return policy(self.description, self._access, self._workgroup_name, self._output())

    def check_output(self, location: str) -> None:
        """Check that the workgroup lets a call say where results go.

        Raises
        ------
        FlowlabError
            It has a place of its own that overrides the call's.
        """
        settings = self._workgroup()
        own = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
        managed = (settings.get("ManagedQueryResultsConfiguration") or {}).get("Enabled")
        if managed or (settings.get("EnforceWorkGroupConfiguration") and own != location):
            raise FlowlabError(
                f"the workgroup {self._workgroup_name} stores results "
                f"{'itself' if managed else f'at {own}'}, whatever output_location says.",
                "it overrides client-side settings (EnforceWorkGroupConfiguration).",
                "leave output_location out, or choose another workgroup.",
            )

    # ---------------------------------------------------------------------- beneath
    def _plan(self, query: exp.Query, *, pretty: bool = False) -> _Plan:
        span = period_asked(query)
        sql, times = self._written(query, span, pretty)
        places, notes = self._places(times), []
        found, why = sizes.stock(self._access.client("s3"), places)
        if why:
            notes.append(f"bytes are unknown: {why}")
        if not self.description.levels:
            notes.append(self._unpruned())
        if places == [] and not self.description.projected:
            notes.append("no partition of this period is registered in the catalog")
        settled = span[1] is not None and span[1] + _SETTLED < time()
        state = found.state if found else "settled" if settled else ""
        return _Plan(sql, None if places is None else len(places), found, state, tuple(notes))

    def _written(
        self, query: exp.Query, span: Span, pretty: bool = False
    ) -> tuple[str, list[datetime]]:
        """Write the text, its view reading only the partitions of the period."""
        levels = self.description.levels
        conditions: list[exp.Expr] = []
        times: list[datetime] = []
        if levels:
            start, end = span
            if start is None or end is None:
                raise self._no_period(span)
            times = pruning.moments(levels, start, end)
            conditions += pruning.predicate(levels, times)
        for name, values in self._named.items():
            column, words = (
                build.column(name),
                [_literal(self.description, name, v) for v in values],
            )
            conditions.append(column.eq(words[0]) if len(words) == 1 else column.isin(*words))
        view = self._view.where(*conditions) if conditions else self._view
        return written(query, view, self.dialect, pretty=pretty), times

    def _no_period(self, span: Span) -> FlowlabError:
        lacking = [n for n, v in zip(("start", "end"), span, strict=True) if v is None]
        return FlowlabError(
            f"{self._runner.doing} needs a period: {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing.",
            "without one Athena would read, and charge for, every file of the table.",
            "pass start= and end= to the question; where it takes none, ask "
            "table.between(start, end) in place of the table.",
        )

    def _places(self, times: Sequence[datetime]) -> list[str] | None:
        if self.description.keys and not self.description.projected:
            return registered(self._access.client("glue"), self.description, times, self._named)
        return self.description.prefixes(times, self._named)

    def _refuse(self, plan: _Plan) -> None:
        if len(plan.sql.encode()) > _LONGEST:
            raise FlowlabError(
                f"{self._runner.doing}: the text of the question has {len(plan.sql):,} characters; "
                f"Athena takes {_LONGEST:,} bytes.",
                "a rule names very many networks or values.",
                "use rules with fewer of them, or ask an archive: fl.archive(...).",
            )
        most = self._runner.most
        if most is not None and plan.stock and plan.stock.bytes > most:
            raise FlowlabError(
                f"{self._runner.doing}: it may read {plan.stock.bytes:,} bytes "
                f"(${sizes.price(plan.stock.bytes):,.4f}); max_bytes is {most:,}. It was not run.",
                "the partitions of the period hold that much"
                + ("; of Parquet, only the columns asked for are read."
                   if self.description.format == "Parquet" else "."),
                "ask for a shorter period, or one account or region (partitions=), or pass a "
                "larger max_bytes to fl.athena(...).",
            )  # fmt: skip

    def _unpruned(self) -> str:
        if self.description.keys:
            return "no partition column tells a time: every question reads all folders"
        return "the table has no partitions: every question reads all of it, whatever the period"

    @property
    def _workgroup_name(self) -> str:
        return str(self._runner.request["WorkGroup"])

    def _workgroup(self) -> dict[str, Any]:
        """Settings of the workgroup; empty where they may not be seen."""
        try:
            told = self._runner.call("get_work_group", WorkGroup=self._workgroup_name)
        except PermissionError:
            return {}
        return dict(told["WorkGroup"].get("Configuration") or {})

    def _output(self) -> str:
        given = (self._runner.request.get("ResultConfiguration") or {}).get("OutputLocation")
        own = (self._workgroup().get("ResultConfiguration") or {}).get("OutputLocation")
        return str(given or own or "")

    def _told(self) -> list[tuple[str, str]]:
        told = self.description
        keys = ", ".join(key.name for key in told.keys) or "none"
        rows = [
            ("table", f"{told.database}.{told.name}"),
            ("workgroup", self._workgroup_name),
            ("format", f"{told.format}, {len(self.columns)} columns"),
            ("partitions", f"{keys}{' (projected)' if told.projected else ''}"),
        ]
        if not told.levels:
            rows.append(("note", self._unpruned()))
        if self.last:
            cost = 0.0 if self.last.reused else sizes.price(self.last.scanned)
            figures = f"{self.last.scanned:,} bytes, ${cost:,.6f}, {self.last.seconds:,.1f} s"
            rows.append(("last query", f"{figures} ({self.last.id})"))
        return rows

    def __repr__(self) -> str:
        return "Athena: " + "; ".join(f"{name} {value}" for name, value in self._told())

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._told()
        )
        return f"<table>{cells}</table>"


@dataclass(frozen=True)
class _Plan:
    """A query ready to run."""

    sql: str
    places: int | None  # partitions
    stock: sizes.Stock | None
    state: str  # of the partitions; "" where an answer must not be kept
    notes: tuple[str, ...]


def _literal(table: Description, name: str, value: str) -> exp.Expr:
    (kind,) = (key.type for key in table.keys if key.name == name)
    return exp.Literal.string(value) if kind in ("string", "varchar") else build.number(int(value))
