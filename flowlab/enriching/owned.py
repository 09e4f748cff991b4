"""Whose an address was at the time of a record, from saved set-ups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.columns import Columns, Ints, lookup_codes
from flowlab.errors import FlowlabError
from flowlab.setup import inventory as saved
from flowlab.setup.owners import known_owners

NOT_THEN = "unknown at that time"
SEVERAL = "several at that time"

NEEDED = ("interface_id", "address", "owner", "subnet_id", "vpc_id", "valid_from", "valid_until")


def read_owners(inventory: Any) -> pd.DataFrame:
    """Read who owned which address when.

    Parameters
    ----------
    inventory : path, Inventory, SetupReport, sequence of them, or DataFrame
        A saved set-up; a folder of them, taken at different times; what
        `flowlab.setup.owners.known_owners` gives.

    Raises
    ------
    SourceError, FlowlabError
        Nothing there, not an inventory, or a table without the columns.
    """
    if isinstance(inventory, pd.DataFrame):
        missing = [name for name in NEEDED if name not in inventory.columns]
        if missing:
            raise FlowlabError(
                f"inventory lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.",
                "it is not a table of owners.",
                "pass a saved set-up, or the folder of several.",
            )
        table = inventory
    else:
        tables = [known_owners(one) for one in _inventories(inventory)]
        table = pd.concat(tables, ignore_index=True)
    return table[list(NEEDED)].reset_index(drop=True)


def _inventories(given: Any) -> Iterator[saved.Inventory]:
    given = getattr(given, "inventory", given)  # of a SetupReport
    if isinstance(given, saved.Inventory):
        yield given
    elif isinstance(given, str | Path):
        place = Path(given).expanduser()
        files = sorted(place.glob("setup-*.json")) if place.is_dir() else []
        yield from map(saved.read, files or [place])
    elif isinstance(given, list | tuple) and given:
        for one in given:
            yield from _inventories(one)
    else:
        raise FlowlabError(
            f"inventory cannot be a {type(given).__name__}.",
            fix="pass a saved set-up, the folder of several, or fl.check_setup(...).inventory.",
        )


def owners_of(columns: Columns, end: Ints, owners: pd.DataFrame) -> pd.Categorical:
    """Name the owner of each record's source or destination when the record began.

    Parameters
    ----------
    columns : Columns
    end : array of int
        Address of each record, as codes.
    owners : DataFrame
        As `read_owners` gives them.

    Notes
    -----
    An owner is known from `valid_from` to `valid_until`, both included. Null for an address that
    no inventory has.
    """
    periods = _Periods(columns, owners)
    names = [NOT_THEN, SEVERAL, *periods.names]
    owner = np.full(len(end), NULL, np.int32)
    known = np.flatnonzero(periods.has[end])
    owner[known] = periods.at(end[known], columns.seconds("start")[known])
    return category(owner, names)


class _Periods:
    """Owners by address and time: each address's time in pieces, each with one owner."""

    def __init__(self, columns: Columns, owners: pd.DataFrame) -> None:
        held = lookup_codes(columns.addresses, map(str, owners["address"]))
        here = owners[held != NULL].assign(code=held[held != NULL])
        codes, names = pd.factorize(here["owner"].astype("str"))
        self.names = [str(name) for name in names]
        self.has = np.zeros(len(columns.addresses) + 1, bool)
        self.has[here["code"]] = True
        periods = _periods(here.assign(owner=codes))
        pieces: list[tuple[int, int, int]] = []
        for code, of_one in periods.groupby("code"):
            pieces += _pieces(code, of_one[["first", "last", "owner"]].to_numpy().tolist())
        table = np.array(sorted(pieces), np.int64).reshape(-1, 3)
        self._from = table[:, 0] << 34 | table[:, 1]
        self._owner = table[:, 2]

    def at(self, code: Ints, second: Ints) -> Ints:
        """Give the owner as a place in the names, after NOT_THEN and SEVERAL."""
        when = code.astype(np.int64) << 34 | np.clip(second, 0, (1 << 34) - 1)
        found = self._owner[np.searchsorted(self._from, when, side="right") - 1]
        return np.where(second == NULL, 0, found)


def _periods(told: pd.DataFrame) -> pd.DataFrame:
    """When each owner held an address by one ENI: what the next set-up after a time says."""
    told = told.assign(first=_seconds(told["valid_from"]), last=_seconds(told["valid_until"]))
    told = told.sort_values(["code", "interface_id", "last"], kind="stable")
    before = told.groupby(["code", "interface_id"], dropna=False)[["last", "owner"]].shift()
    after = before["last"].fillna(-1).astype("int64") + 1
    told["first"] = told["first"].where(told["first"] > after, after)
    # The same owner in set-up after set-up is one period.
    goes_on = (before["owner"] == told["owner"]) & (told["first"] == after)
    run = (~goes_on).cumsum()
    return told.groupby(run).agg(code=("code", "first"), first=("first", "first"),
                                 last=("last", "last"), owner=("owner", "first"))  # fmt: skip


def _seconds(times: pd.Series) -> Ints:
    return np.asarray(pd.to_datetime(times, utc=True).dt.as_unit("s").astype("int64"))


def _pieces(code: Any, periods: list[list[int]]) -> list[tuple[int, int, int]]:
    """Cut the time of one address where an owner comes or goes."""
    cuts = sorted({0} | {p[0] for p in periods} | {p[1] + 1 for p in periods})
    pieces = []
    for cut in cuts:
        then = {owner for first, last, owner in periods if first <= cut <= last}
        pieces.append((code, cut, 2 + then.pop() if len(then) == 1 else 1 if then else 0))
    return pieces
