"""Create a planned table in the Glue Data Catalog: whole or not at all, and never another's."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from flowlab.engines.projection_layout import table_input
from flowlab.errors import FlowlabError
from flowlab.setup.looking import caller
from flowlab.sources.aws import AccessError, code, explain, is_denied
from flowlab.wording import plain_text

if TYPE_CHECKING:
    from flowlab.engines.projection_plan import TablePlan

Outcome = Literal["created", "was there"]
_NEEDS = (
    "glue:GetDatabase, glue:CreateDatabase, glue:DeleteDatabase, glue:GetTable, glue:CreateTable"
)


@dataclass(frozen=True)
class Created:
    """What became of a plan. Made by `TablePlan.create`.

    Attributes
    ----------
    database, table : str
    region : str
        Whose Data Catalog.
    database_was, table_was : {"created", "was there"}
    """

    database: str
    table: str
    region: str
    database_was: Outcome
    table_was: Outcome

    def __repr__(self) -> str:
        text = (
            f"database {self.database} in {self.region}: {self.database_was}\n"
            f"table {self.table}: {self.table_was}"
            f"{', exactly as planned' if self.table_was == 'was there' else ''}\n"
            f'ask it: fl.athena("{self.table}", database="{self.database}")'
        )
        return "\n".join(map(plain_text, text.splitlines()))

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)).replace(chr(10), '<br>')}</p>"


def create(plan: TablePlan, confirm: str) -> Created:
    """Create what a plan says; see `TablePlan.create`."""
    access = plan.access
    if plan.anonymized:
        raise FlowlabError(
            "this plan was made from an anonymized snapshot: nothing was created.",
            "its ids are not those of the account.",
            "make the plan without snapshot=.",
        )
    account = caller(access)
    if confirm != account:
        raise FlowlabError(
            f"confirm={confirm!r} is not the account: nothing was created.",
            f"these credentials are of account {account}.",
            f"if {account} is the right one, pass confirm={account!r}.",
        )
    glue = _Glue(plan)
    made = False
    try:
        has_database = glue.database()
        theirs = glue.table() if has_database else None
        if theirs is None:
            if not has_database:
                made = glue.make_database()
            try:
                glue.make_table()
            except Exception as error:
                # Somebody may have been faster; then theirs is judged like one that was there.
                if code(error) != "AlreadyExistsException":
                    raise
                theirs = glue.table()
        problem = None
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be left behind
        problem = _explained(error, plan)
    else:
        if theirs is not None and (other := list(differences(plan, theirs))):
            problem = _another(plan, other)
    if problem is not None:
        if made and (left := glue.drop_database()):
            problem = type(problem)(f"{problem.what} {left}", problem.why, problem.fix)
        raise problem  # out here, so that it drags no signed requests along
    return Created(
        plan.database, plan.table, access.region_name() or "",
        "created" if made else "was there", "created" if theirs is None else "was there",
    )  # fmt: skip


class _Glue:
    """The few calls that a plan needs."""

    def __init__(self, plan: TablePlan) -> None:
        self.plan, self.client = plan, plan.access.client("glue")

    def _get(self, operation: str, wanted: str, **names: str) -> Any:
        try:
            return getattr(self.client, operation)(**names)[wanted]
        except Exception as error:
            if code(error) == "EntityNotFoundException":
                return None
            raise

    def database(self) -> bool:
        return self._get("get_database", "Database", Name=self.plan.database) is not None

    def table(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._get(
            "get_table", "Table", DatabaseName=self.plan.database, Name=self.plan.table
        )
        return found

    def make_database(self) -> bool:
        try:
            self.client.create_database(DatabaseInput={"Name": self.plan.database})
        except Exception as error:
            if code(error) == "AlreadyExistsException":
                return False
            raise
        return True

    def make_table(self) -> None:
        self.client.create_table(
            DatabaseName=self.plan.database,
            TableInput=table_input(self.plan.layout, self.plan.table),
        )

    def drop_database(self) -> str:
        """Take the database back; say so if that fails."""
        try:
            self.client.delete_database(Name=self.plan.database)
        except Exception as error:  # noqa: BLE001 - it is told along with what went wrong before
            return f"The new, empty database {self.plan.database} is left ({code(error)})."
        return ""


def differences(plan: TablePlan, theirs: Mapping[str, Any]) -> Iterator[str]:
    """Say what a table of the catalog has otherwise than planned; nothing if it reads the same."""
    ours: Any = table_input(plan.layout, plan.table)
    mine, other = ours["StorageDescriptor"], theirs.get("StorageDescriptor") or {}
    for what, a, b in (
        ("columns", mine["Columns"], other.get("Columns")),
        ("partition keys", ours["PartitionKeys"], theirs.get("PartitionKeys")),
    ):
        wanted, there = _named(a), _named(b)
        if wanted == there:
            continue
        if sorted(wanted) == sorted(there):
            yield f"{what} are in another order"
        if more := [c for c in wanted if c not in there]:
            yield f"{what}: it lacks {', '.join(more)}"
        if more := [c for c in there if c not in wanted]:
            yield f"{what}: it has {', '.join(more)}"
    serde, theirs_serde = mine["SerdeInfo"], other.get("SerdeInfo") or {}
    delimiter = (serde.get("Parameters") or {}).get("field.delim")
    settings = ours["Parameters"]
    set_there = dict(theirs.get("Parameters") or {})
    names = dict.fromkeys([*settings, *(n for n in set_there if n.startswith("projection."))])
    for what, a, b in (
        ("location", mine["Location"], other.get("Location")),
        ("files are read by", serde["SerializationLibrary"],
         theirs_serde.get("SerializationLibrary")),
        ("delimiter", delimiter, (theirs_serde.get("Parameters") or {}).get("field.delim")),
        *((name, settings.get(name), set_there.get(name)) for name in names if name != "EXTERNAL"),
    ):  # fmt: skip
        if a != b:
            yield f"{what}: {_shown(b)} there, {_shown(a)} planned"


def _named(columns: Any) -> list[str]:
    return [f"{c.get('Name')} {c.get('Type')}" for c in columns or ()]


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _another(plan: TablePlan, other: list[str]) -> FlowlabError:
    return FlowlabError(
        f"a table {plan.name} is there, and is another one: nothing was created. "
        + "; ".join(other) + ".",
        "it was made by hand, for another flow log, or planned with other options.",
        "pass table= with another name; or, if nobody needs it, drop that one yourself and create "
        "again (DROP TABLE leaves the files where they are).",
    )  # fmt: skip


def _explained(error: Exception, plan: TablePlan) -> FlowlabError:
    told = explain(error, f"creating {plan.name}", plan.access.profile)
    if isinstance(told, AccessError) and is_denied(error):
        return AccessError(
            told.what,
            told.why,
            f"ask whoever runs this account to allow {_NEEDS} on the catalog, the database and the "
            "table; where Lake Formation governs it, CREATE_TABLE there as well. Or give them "
            "plan.ddl or plan.cloudformation().",
        )
    return told
