"""SetupReport: the judgement of a set-up, as tables, text, page and drawing."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlab.setup.chains import Chain, Covered, chains_of, covered_of
from flowlab.setup.inventory import Inventory
from flowlab.setup.verdicts import STATUSES, Check, Status
from flowlab.wording import plain_text
from flowlab.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CHECK_COLUMNS = (
    "status", "resource", "check", "evidence", "cause", "remedy", "control", "link", "flow_log",
    "interface_id", "account_id", "region",
)  # fmt: skip
COVERAGE_COLUMNS = (
    "interface_id", "owner", "in_use", "subnet_id", "vpc_id", "account_id", "region", "flow_log",
    "inherited_from", "traffic_type", "destination", "format", "newest_record_age",
    "first_broken_link", "status", "what",
)  # fmt: skip


@dataclass(frozen=True)
class SetupReport:
    """What is right, broken, or not known about a set-up. Made by `check_setup`.

    In a notebook it shows itself as a drawing and tables, printed as text.

    Parameters
    ----------
    inventory : Inventory
        What AWS answered; all else here is judged from it.
    judged : tuple of Check
        In no particular order.
    covered : tuple of mapping
        One per ENI, as `flowlab.setup.coverage.coverage_rows` gives them.
    """

    inventory: Inventory
    judged: tuple[Check, ...]
    covered: tuple[Mapping[str, Any], ...]

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Every check, the worst first, then by resource and check.

        Columns: status (ordered category: ok < warn < unknown < fail), resource, check, evidence
        (what AWS answered), cause, remedy (both empty where the status is ok), control, link (of
        the chain), flow_log, interface_id (empty where it is a matter of no single one),
        account_id, region. Control and direction marks in names are made visible.
        """
        import pandas as pd

        rows = [
            (c.status, c.resource, c.check, c.evidence, c.cause, c.remedy, c.control, c.link,
             c.flow_log, c.interface, c.account_id, c.region)
            for c in sorted(self.judged, key=_worst_first)
        ]  # fmt: skip
        table = pd.DataFrame([[visible(v) for v in row] for row in rows], columns=CHECK_COLUMNS)
        table = table.astype("str")
        order = pd.CategoricalDtype(list(STATUSES), ordered=True)
        return table.assign(status=table["status"].astype(order))

    @cached_property
    def interfaces(self) -> list[Covered]:
        """The ENIs in use."""
        return covered_of(self.covered)

    @cached_property
    def chains(self) -> list[Chain]:
        """The chain of each flow log, the worst first."""
        return chains_of(self.inventory, self.judged, self.interfaces)

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many checks have each status, the worst first."""
        found = Counter(check.status for check in self.judged)
        return {status: found[status] for status in reversed(STATUSES)}

    @property
    def exit_code(self) -> int:
        """0 where every check is ok or a warning, 1 where any fails, else 2: something unknown."""
        return 1 if self.counts["fail"] else 2 if self.counts["unknown"] else 0

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """One row per ENI, the worst first: whose it is, what covers it, what breaks first.

        Columns: interface_id, owner (in words), in_use (bool), subnet_id, vpc_id, account_id,
        region; flow_log, inherited_from (ENI, subnet or VPC), traffic_type, destination, format
        (of several flow logs joined by ", "); newest_record_age (timedelta64; NaT if not known),
        first_broken_link (empty if none), status (of its chain), what (AWS answered about that
        link). Control and direction marks in names are made visible.
        """
        import pandas as pd

        ordered = sorted(
            self.covered, key=lambda row: (-STATUSES.index(row["status"]), row["interface_id"])
        )
        rows = [[visible(row[name]) for name in COVERAGE_COLUMNS] for row in ordered]
        table = pd.DataFrame(rows, columns=COVERAGE_COLUMNS)
        types = dict.fromkeys(COVERAGE_COLUMNS, "str") | {"in_use": "bool"}
        ages = pd.to_timedelta(table.pop("newest_record_age")).astype("timedelta64[s]")
        table.insert(COVERAGE_COLUMNS.index("newest_record_age"), "newest_record_age", ages)
        del types["newest_record_age"]
        return table.astype(types)

    def save(self, folder: str | os.PathLike[str], *, anonymize: bool = False) -> Path:
        """Write what AWS answered, so that it can be judged again without AWS.

        Parameters
        ----------
        folder : path
            Made if it is not there. The file is ``setup-<time taken>.json``, or
            ``...-anonymized.json``, whole or not at all; ``check_setup(snapshot=folder)`` takes
            the newest.
        anonymize : bool
            Replace ids, names, tags and public addresses by others of the same shape. Private
            addresses stay: without them, nobody could judge subnets and limits.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        FlowlabError
            It cannot be written.
        """
        inventory = self.inventory
        if anonymize and not inventory.anonymized:
            from flowlab.setup.anonymizing import anonymize as without_names

            inventory = without_names(inventory)
        place = Path(folder).expanduser()
        # Of the two next to each other, check_setup(snapshot=folder) takes the one with real names.
        mark = "-anonymized" if inventory.anonymized else ""
        target = place / f"setup-{inventory.taken.astimezone(UTC):%Y%m%dT%H%M%SZ}{mark}.json"
        return write_whole(target, inventory.to_json().encode())

    def to_json(self) -> str:
        """Write the checks as a JSON array, one object each with the columns of `checks`."""
        return json.dumps(self.checks.to_dict("records"), indent=1, ensure_ascii=False)

    @property
    def summary(self) -> str:
        """One sentence: how many ENIs are covered and delivering, and what breaks first."""
        from flowlab.setup.telling import summary_of

        return summary_of(self)

    def draw(self, ax: Axes | None = None, *, vpc: str | None = None) -> Axes:
        """Draw the environment and its chains; see `flowlab.setup.drawing.draw_setup`."""
        from flowlab.setup.drawing import draw_setup

        return draw_setup(self, vpc=vpc, ax=ax)

    def __repr__(self) -> str:
        from flowlab.setup.telling import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from flowlab.setup.page import page_of

        return page_of(self)


def visible(value: Any) -> Any:
    """Make control and direction marks in a text visible; leave all else as it is."""
    # Looking at a text as a whole is a hundred times faster than at each character.
    return value if not isinstance(value, str) or value.isprintable() else plain_text(value)


def _worst_first(check: Check) -> tuple[Any, ...]:
    return (-STATUSES.index(check.status), check.resource, check.check, check.flow_log,
            check.interface, check.account_id, check.region)  # fmt: skip
