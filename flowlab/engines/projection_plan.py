"""The plan of an Athena table: to be looked at, taken elsewhere, or created."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowlab.engines import projection_writing as writing
from flowlab.engines.projection_layout import Layout
from flowlab.sources.aws import Access
from flowlab.wording import plain_text

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.engines.projection_creating import Created


@dataclass(frozen=True, repr=False)
class TablePlan:
    """An Athena table as it is to be. Made by `athena_setup`; shows itself.

    Attributes
    ----------
    database, table : str
    layout : Layout
        Format of the files, folders, partitions.
    access : Access
        As whom AWS was asked, and will be.
    flow_log : str
        Whose table; "" if it was planned from a bucket.
    account_id : str
        Account of the flow log; "" if it was planned from a bucket.
    notes : tuple of str
        What to know before agreeing.
    practice, anonymized : bool
        From a practice account; from a snapshot whose ids are not the real ones.
    """

    database: str
    table: str
    layout: Layout
    access: Access
    flow_log: str = ""
    account_id: str = ""
    notes: tuple[str, ...] = ()
    practice: bool = False
    anonymized: bool = False

    @property
    def name(self) -> str:
        """``database.table``."""
        return f"{self.database}.{self.table}"

    @property
    def ddl(self) -> str:
        """The table as one statement for Athena, CREATE EXTERNAL TABLE. Print it.

        The database has to exist; without IF NOT EXISTS, so that Athena says it if a table of
        that name is there, which may be another.
        """
        return writing.ddl(self.layout, self.database, self.table)

    def cloudformation(self) -> str:
        """The table and its database as a CloudFormation template, in JSON. Print it.

        Its parameter MakeDatabase=no leaves out a database that exists.
        """
        return writing.cloudformation(self.layout, self.database, self.table)

    @property
    def explain(self) -> pd.DataFrame:
        """What each part of the table does, and what it cannot.

        part (its name in the table), value, meaning; all text.
        """
        import pandas as pd

        rows = writing.explained(self.layout)
        return pd.DataFrame(rows, columns=["part", "value", "meaning"], dtype="str")

    def create(self, confirm: str) -> Created:
        """Create the table, and its database if there is none, in the Glue Data Catalog.

        Parameters
        ----------
        confirm : str
            Number of the account, to be sure that it is the right one.

        Returns
        -------
        Created
            What was created, and what was there already.

        Raises
        ------
        FlowlabError
            `confirm` is another account; a table of that name is there and is another, the
            differences are named; AWS refuses. Nothing is left behind.

        Notes
        -----
        Running it again makes nothing twice. No table is ever changed or replaced.
        """
        from flowlab.engines.projection_creating import create

        return create(self, confirm)

    def _headline(self) -> list[str]:
        layout = self.layout
        of = f"{self.flow_log} in " if self.flow_log else ""
        account = f"account {self.account_id}" if self.account_id else "account"
        where = f", practice {account}" if self.practice else (
            f", {account}" if self.account_id else ""
        )  # fmt: skip
        many = [
            f"{len(values)} {what}{'s' * (len(values) > 1)}" if values else f"any {what}"
            for what, values in (("account", layout.accounts), ("region", layout.regions))
        ]
        return [
            f"Plan: Athena table {self.name} of {of}{layout.location}{where}",
            (
                f"{layout.words}; {len(layout.fields)} columns; {', '.join(many)}; "
                f"days from {layout.since} on (UTC)"
            ),
        ]

    def _foot(self) -> list[str]:
        account = self.account_id or "number of the account"
        how = (
            f'nothing is done yet: plan.create(confirm="{account}") does it, plan.ddl and '
            "plan.cloudformation() are the same for other tools, plan.explain says what it means"
        )
        if self.anonymized:
            how = "made from anonymized ids: it can be read, not created"
        return [*self.notes, how]

    def __repr__(self) -> str:
        ddl = [f"  {line}" for line in self.ddl.splitlines()]
        lines = [*self._headline(), "", *ddl, "", *(f"- {note}" for note in self._foot())]
        return "\n".join(map(plain_text, lines))

    def _repr_html_(self) -> str:
        title, summary = map(_safe, self._headline())
        rows = "".join(
            f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
            for row in writing.explained(self.layout)
        )
        ddl = "\n".join(map(_safe, self.ddl.splitlines()))
        notes = "".join(f"<li>{_safe(note)}</li>" for note in self._foot())
        return (
            f"<div class='flowlab-plan'><p>{title}</p><p>{summary}</p>"
            f"<details open><summary>the statement</summary><pre>{ddl}</pre></details>"
            "<details><summary>what each part means</summary><table><tr><th>part</th>"
            f"<th>value</th><th>meaning</th></tr>{rows}</table></details><ul>{notes}</ul></div>"
        )


def _safe(text: str) -> str:
    return html.escape(plain_text(text))
