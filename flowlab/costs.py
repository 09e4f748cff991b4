"""What flow logs cost a month, from the records themselves. An estimate, never a bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowlab import rates as rating
from flowlab import schema
from flowlab.cost_tables import Case, by_destination, by_field, by_interface
from flowlab.errors import FlowlabError, unknown_name
from flowlab.options import period_of
from flowlab.pricing import PLACES
from flowlab.tables import FrameTable, as_table, require
from flowlab.volumes import volume_of

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.ledger import Ledger
    from flowlab.setup.planning import Plan

_INTERVALS = (60, 600)
_TABLES = {"destination": by_destination, "field": by_field, "interface": by_interface}


def estimate_cost(
    flows: Any,
    *,
    by: str = "destination",
    ledger: Ledger | None = None,
    fields: str | Sequence[str] | None = None,
    interval: int | None = None,
    interfaces: int | None = None,
    retention_days: int | None = None,
    rates: Mapping[str, Any] | pd.DataFrame | None = None,
    start: Any = None,
    end: Any = None,
) -> pd.DataFrame:
    """Estimate what flow logs cost a month, from records of one's own or for a plan.

    What is measured: the lines these records are, and how long each is as AWS writes it in text.
    That is scaled to 30 days.

    Parameters
    ----------
    flows : DataFrame (one row per flow record), Archive or Plan
        Needs start; uses every AWS field there is. A plan has no records yet: its ENIs are taken
        to be as busy as those of the bundled sample, and `unsure` says so.
    by : {"destination", "field", "interface"}
        What the rows are.
    ledger : Ledger, optional
        Of the same reading, for its NODATA and SKIPDATA lines, which cost as much as others. An
        archive has its own.
    fields : str or sequence of str, optional
        A narrower format: fields of these records, or the name of one of flowlab's formats.
    interval : {60, 600}, optional
        Aggregation interval the records were written with; by default 60, unless a record or
        NODATA line is longer than two minutes. [s]
    interfaces : int, optional
        ENIs the estimate is for, each as busy as those measured are on average; by default
        those measured.
    retention_days : int, optional
        How long records are kept: the month is one with so many days in store. By default it is
        the first, with a month's records in store, and each later one costs as much more.
    rates : mapping or DataFrame, optional
        Prices to use instead, by name: a price, or tiers ``[(from_gb, usd), ...]``; or a changed
        `flowlab.rates.table`, which has them all. ``{"cloudwatch_free_gb": 0}`` if other logs use
        up the free tier.
    start, end : datetime-like or str, optional
        Period, half-open, on the record's start. [UTC]

    Returns
    -------
    DataFrame
        by="destination": one row per destination, interval and traffic; of a plan the one that
        is planned. destination, interval [s], traffic (ALL, ACCEPT, REJECT),
        records_per_month (lines, NODATA and SKIPDATA included, Int64), bytes_per_record [bytes],
        gb_per_month [GB of 2**30 bytes of text], stored_gb [GB, compressed], delivery_usd,
        conversion_usd (to Parquet), ingestion_usd (Firehose's own), storage_usd,
        free_tier_usd (0 or less), total_usd, rates_as_of, basis (what was measured),
        unsure (what may be wrong). Float64; null where it cannot be known, `unsure` says why.

        by="field": field, bytes_per_record (its separator included), share [0-1, of the text],
        gb_per_month, a column per destination (what the month would cost less without it)
        [USD], rates_as_of, basis, unsure.

        by="interface": interface_id (or the id of a regional NAT or transit gateway),
        records_per_month, records_per_hour (in the period), bytes_per_record, share,
        gb_per_month, a column per destination (its share of the total) [USD], rates_as_of,
        basis, unsure. Largest first.

    Raises
    ------
    MissingFieldError
        The records lack start, or one of `fields`.
    UnknownNameError
        No such rate, field, format or `by`.
    FlowlabError
        A setting that cannot be.

    Notes
    -----
    Not included: queries, requests, encryption keys, transfer, taxes, discounts.
    600 s records are counted from those of 60 s: one for all that have the same ENI, addresses,
    ports, protocol and action in the same ten minutes by the clock. AWS's windows begin at other
    moments, which changes the number a little. The other way round it cannot be told.
    NODATA lines are taken to be the same for ACCEPT and REJECT alone.
    If the records come from flow logs of several formats, all count as if of the widest.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, ledger = fl.sample_flows()
    >>> costs = fl.estimate_cost(flows, ledger=ledger)
    >>> costs.loc[costs["traffic"] == "ALL", "records_per_month"].unique().tolist()
    [3039720, 2089710]
    >>> fl.estimate_cost(flows, by="field")["field"].head(2).tolist()
    ['subnet-id', 'interface-id']
    """
    if by not in _TABLES:
        raise unknown_name("estimate_cost: by =", by, _TABLES)
    if interval not in (None, *_INTERVALS):
        raise FlowlabError(
            f"interval={interval!r} is none that AWS offers.", fix="use 60 or 600 [s]."
        )
    _check_count("interfaces", interfaces, 0)
    _check_count("retention_days", retention_days, 1)
    prices = rating.chosen(rates)
    if by == "interface" and (interfaces is not None or _is_plan(flows)):
        raise FlowlabError(
            'by="interface" shows the ENIs that were measured, not those they stand for.',
            fix="leave interfaces= out, and pass records instead of a plan.",
        )
    if _is_plan(flows):
        given = {
            "ledger": ledger,
            "fields": fields,
            "interval": interval,
            "start": start,
            "end": end,
        }
        if told := [name for name, value in given.items() if value is not None]:
            raise FlowlabError(
                f"estimate_cost: {', '.join(told)} cannot be given with a plan, which has its own.",
                fix="for records of your own, pass these: fields=plan.wish.fields.",
            )
        case = _of_plan(flows, interfaces, retention_days)
    else:
        table = as_table(flows)
        columns = _columns(fields, table.columns)
        require(table, ["start", *columns], "estimate_cost")
        ledger = ledger or getattr(flows, "ledger", None)
        silent = None if ledger is None else ledger.no_traffic
        where = period_of(table, "estimate_cost", start, end)
        dated = FrameTable(silent) if silent is not None and "start" in silent else None
        volume = volume_of(table, dated, columns, where, interval, interfaces, by == "destination")
        case = Case(volume, retention_days, notes=_lost(silent))
    return _TABLES[by](case, prices)


def _check_count(name: str, value: int | None, least: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise FlowlabError(
            f"{name}={value!r} is no number to count with.", fix=f"pass {least} or more."
        )


def _columns(fields: str | Sequence[str] | None, there: Sequence[str]) -> tuple[str, ...]:
    from flowlab.setup.formats import FORMATS

    if fields is None:
        return tuple(c for c in there if c in schema.BY_COLUMN)
    if isinstance(fields, str) and fields in FORMATS:
        fields = FORMATS[fields]
    return schema.parse_log_format(fields)


def _lost(no_traffic: pd.DataFrame | None) -> tuple[str, ...]:
    if no_traffic is None or "log_status" not in no_traffic:
        return ()
    if (no_traffic["log_status"] == "SKIPDATA").any():
        return ("SKIPDATA: AWS may charge for more than it published",)
    return ()


def _is_plan(flows: Any) -> bool:
    from flowlab.setup.planning import Plan

    return isinstance(flows, Plan)


def _of_plan(plan: Plan, interfaces: int | None, retention_days: int | None) -> Case:
    from flowlab.sources.sample import sample_flows

    wish, notes = plan.wish, []
    count = _interfaces(plan) if interfaces is None else interfaces
    if count is None:
        notes.append("how many ENIs there are is not known: this is for one, pass interfaces=")
    flows, ledger = sample_flows()
    columns = schema.parse_log_format(wish.fields)
    volume = volume_of(
        FrameTable(flows),
        FrameTable(ledger.no_traffic),
        columns,
        (),
        None,
        1 if count is None else count,
        both=True,
    )
    notes.append("lines are assumed, not measured: each ENI as busy as those of the bundled sample")
    volume = replace(volume, basis=f"the bundled sample: {volume.basis}")
    if empty := [schema.BY_COLUMN[c].name for c in columns if c not in flows.columns]:
        notes.append(f"counted as empty, so at least: {', '.join(empty)}")
    return Case(
        volume,
        wish.retention_days if retention_days is None else retention_days,
        (wish.traffic,),
        (PLACES[_place(plan)],),
        (wish.interval,),
        tuple(notes),
    )


def _interfaces(plan: Plan) -> int | None:
    """Count the ENIs that a plan is for, if AWS was asked for them."""
    wish = plan.wish
    if wish.resource_type == "NetworkInterface":
        return len(wish.resource_ids)
    answer = plan.scope.get("ec2:DescribeNetworkInterfaces")
    key = f"{'Vpc' if wish.resource_type == 'VPC' else 'Subnet'}Id"
    if not answer.known:
        return None
    in_use = [eni for eni in answer.items() if eni.get("Status", "in-use") == "in-use"]
    return sum(eni.get(key) in wish.resource_ids for eni in in_use)


def _place(plan: Plan) -> str:
    place = plan.wish.destination.place
    if place == "s3":
        return "s3_parquet" if plan.wish.parquet else "s3_text"
    if place == "cloudwatch":
        group = plan.scope.get("logs:DescribeLogGroups", plan.wish.destination.name).value or {}
        return (
            "cloudwatch_ia" if group.get("logGroupClass") == "INFREQUENT_ACCESS" else "cloudwatch"
        )
    return place
