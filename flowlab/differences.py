"""What is new, gone or grown between two periods, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlglot import exp

from flowlab import clauses as build
from flowlab.asking import Question, question
from flowlab.enriching.blocks import PUBLIC, Addresses
from flowlab.enriching.services import EPHEMERAL
from flowlab.exchanges import conversations
from flowlab.options import sums
from flowlab.serving import services
from flowlab.summaries import breakdown
from flowlab.tables import Table

CHANGES = ("new", "gone", "grown")
EDGE = ("client", "server", "protocol", "port")
SERVICE = ("protocol", "port", "service")


@question
def edges(table: Table, rank_by: str) -> Question:
    """Group conversations by their two addresses and the port that serves.

    Serving is the lower port, as in `conversations`; one from 32,768 on is a client's or a data
    channel's, another in each conversation, and is null.
    """
    pairs = conversations.builder(table, rank_by=rank_by, n=None).query  # type: ignore[attr-defined]
    measures = [m for m in ("packets", "bytes") if m in table.columns]
    port = exp.Case().when(
        exp.LT(this=build.column("port_b"), expression=build.number(EPHEMERAL)),
        build.column("port_b"),
    )
    named = exp.select(
        build.named(build.column("addr_a"), "client"),
        build.named(build.column("addr_b"), "server"),
        build.column("protocol"),
        build.named(port, "port"),
        *(build.column(m) for m in ("flow_records", *measures)),
    ).from_(pairs.subquery("pairs"))
    totals = [build.named(build.total(build.column(m)), m) for m in ("flow_records", *measures)]
    query = (
        exp.select(*map(build.column, EDGE), *totals)
        .from_(named.subquery("named"))
        .group_by(*map(build.column, EDGE))
    )
    return Question(query)


@question
def by_scope(table: Table, measure: str) -> Question:
    """Sum traffic by how far it went."""
    grouped = exp.select(build.column("scope"), *sums([measure])).from_(build.flows())
    return Question(grouped.group_by(build.column("scope")))


def served(flows: Any, measure: str) -> pd.DataFrame:
    """Give all that is served, with its names."""
    return services(flows, rank_by=measure, n=None)


def destinations(edges_: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Sum edges up by the address that serves."""
    summed = edges_.groupby("server", dropna=False, sort=False)[[measure]].sum().reset_index()
    return summed.rename(columns={"server": "destination"})


def changed(
    before: pd.DataFrame,
    after: pd.DataFrame,
    keys: list[str],
    measure: str,
    hours: tuple[float, float] | None,
) -> pd.DataFrame:
    """Put two periods side by side, and say of each row what changed.

    Parameters
    ----------
    before, after : DataFrame
        One row per group: `keys` and `measure`. Null is a group like any other.
    hours : tuple of float, or None
        Length of each period, to compare amounts per hour; None compares them as they are.

    Returns
    -------
    DataFrame
        change ("new", "gone", "grown", or "" for the rest), keys, measure of both periods (0
        where there was none), and with `hours` both per hour. New ones first, then gone, grown;
        the largest difference first, ties in the order of the keys.
    """
    old = f"{measure}_before"
    new, gone = after[[*keys, measure]].copy(), before[[*keys, measure]].copy()
    gone = gone.rename(columns={measure: old})
    new[old], gone[measure] = 0, 0
    new["seen"], gone["seen"] = 1, 2
    both = pd.concat([new, gone], ignore_index=True)
    joined = both.groupby(keys, dropna=False, sort=False, observed=True).sum().reset_index()
    more = joined[measure] - joined[old]
    if hours is not None:
        joined[f"{old}_per_hour"] = joined[old] / hours[0]
        joined[f"{measure}_per_hour"] = joined[measure] / hours[1]
        more = joined[f"{measure}_per_hour"] - joined[f"{old}_per_hour"]
    what = np.select(
        [joined["seen"] == 1, joined["seen"] == 2, more > 0],
        ["new", "gone", "grown"],
        "",
    )
    joined.insert(0, "change", pd.Series(what, index=joined.index, dtype="str"))
    order = pd.Series(what).map({name: at for at, name in enumerate((*CHANGES, ""))})
    joined = joined.assign(_order=order, _more=-more.abs())
    joined = joined.sort_values(["_order", "_more", *keys], ignore_index=True)
    return joined.drop(columns=["seen", "_order", "_more"])


def first(table: pd.DataFrame, n: int | None) -> pd.DataFrame:
    """Keep the first n rows of each change, and none where nothing changed."""
    kept = table[table["change"] != ""]
    kept = kept if n is None else kept.groupby("change", sort=False).head(n)
    return kept.reset_index(drop=True)


def on_the_internet(addresses: pd.Series[Any]) -> pd.Series[Any]:
    """Say which addresses are public."""
    words = pa.array([None if pd.isna(a) else str(a) for a in addresses], pa.large_string())
    return pd.Series(Addresses(words).kind == PUBLIC, index=addresses.index)


def aws_services(flows: Any, columns: list[str]) -> dict[str, str] | None:
    """Give the AWS service of each destination that has one; None where no field tells."""
    if "pkt_dst_aws_service" not in columns:
        return None
    # The field is about the address within the packet.
    address = "pkt_dstaddr" if "pkt_dstaddr" in columns else "dstaddr"
    told = breakdown(flows, [address, "pkt_dst_aws_service"], rank_by="flow_records").dropna()
    return dict(
        zip(told[address].astype(str), told["pkt_dst_aws_service"].astype(str), strict=True)
    )
