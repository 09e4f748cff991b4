"""How many lines flow records are, and how long, as AWS writes them in text: measured in SQL.

A line is the text of each field (null is ``-``), a space between two, a newline at the end.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.tables import Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SILENT = "no traffic"
WINDOW = 600  # the longer aggregation interval [s]
_SLOT = 300  # a file in S3 holds the records of five minutes, by `end` [s]
_MOST_LINES = 10_000
_MOST_FILES = 20
_NUMBERS = ("int32", "int64", "time")
_ENI = ("interface_id", "resource_id", "tgw_attachment_id")
FIVE = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol")
# Records that differ in one of these, or in action, are never one record however long the window.
_APART = (*_ENI, *FIVE, "pkt_srcaddr", "pkt_dstaddr")
# One record for several has their sum. All else is as long as in the longest of them: times have
# ten digits, tcp_flags that are ORed two as soon as one of them has, and the rest is the same.
_SUMMED = ("packets", "bytes")


@dataclass(frozen=True)
class Stored:
    """What files of a sample of the lines take, as a share of their text."""

    text: float  # gzip
    parquet: float  # gzip inside
    lines: int


def records(table: Table, fields: Sequence[str], where: Sequence[exp.Expr]) -> pd.DataFrame:
    """Weigh the records as they are.

    Parameters
    ----------
    table : Table
    fields : sequence of str
        Columns of the format. One that the table lacks is a ``-`` in every line.
    where : sequence of Expr
        Which records.

    Returns
    -------
    DataFrame, one row per ENI and kind of line
        eni, kind (the action), lines; and for each field the length of all its values, under the
        field's name [bytes, without separators].
    """
    lengths = [build.named(build.total(_length(f, fields, table)), _of(f)) for f in fields]
    keys = [_eni(table), _either(table, ["action"])]
    query = (
        exp.select(
            build.named(keys[0], "eni"),
            build.named(keys[1], "kind"),
            build.named(exp.Count(this=exp.Star()), "lines"),
            *lengths,
        )
        .from_(build.flows())
        .where(*where)
        .group_by(*(key.copy() for key in keys))
    )
    return _frame(table.run(query), fields)


def merged(table: Table, fields: Sequence[str], where: Sequence[exp.Expr]) -> pd.DataFrame:
    """Weigh what the records would be if those of ten minutes were one: as in `records`."""
    inner = _joined(table, fields, where, "action", [c for c in _APART if c in table.columns])
    query = (
        exp.select(
            build.column("eni"),
            build.column("kind"),
            build.named(exp.Count(this=exp.Star()), "lines"),
            *(build.named(build.total(build.column(_of(f))), _of(f)) for f in fields),
        )
        .from_(inner.subquery("joined"))
        .group_by(build.column("eni"), build.column("kind"))
    )
    return _frame(table.run(query), fields)


def silent(
    no_traffic: Table, fields: Sequence[str], where: Sequence[exp.Expr], beside: Table | None = None
) -> pd.DataFrame:
    """Weigh the NODATA and SKIPDATA lines of a ledger: as in `records`, kind SILENT.

    With `beside`, the records, they are those of ten-minute windows: one NODATA where the ENI
    has no record in the window, one SKIPDATA where it has any.
    """
    if beside is None:
        found = records(no_traffic, fields, where)
    else:
        inner = _joined(no_traffic, fields, where, "log_status", [])
        lines = _frame(no_traffic.run(inner), fields).assign(lines=1)
        busy = beside.run(
            exp.select(build.named(_eni(beside), "eni"), build.named(_window(), "window"))
            .from_(build.flows())
            .where(*where)
            .distinct()
        ).to_pandas()
        heard = lines.merge(busy, how="left", on=["eni", "window"], indicator=True)["_merge"]
        found = lines[(heard == "left_only").to_numpy() | (lines["kind"] == "SKIPDATA")]
    sums = found.groupby("eni", dropna=False)[["lines", *fields]].sum().reset_index()
    return sums.assign(kind=SILENT)


def hours(table: Table, where: Sequence[exp.Expr]) -> pd.DataFrame:
    """Tell when there are lines: hour (number), first, last [epoch s], longest window [s]."""
    start = build.column("start")
    end = exp.func("COALESCE", _ending(table), start.copy())
    length = build.column("until") - start.copy()
    sane = exp.Case().when(length.copy() <= build.number(build.LONGEST_WINDOW), length)
    hour = exp.IntDiv(this=start.copy(), expression=build.number(3600))
    timed = (
        exp.select(start.copy(), build.named(exp.func("GREATEST", end, start.copy()), "until"))
        .from_(build.flows())
        .where(*where, exp.not_(exp.Is(this=start.copy(), expression=exp.null())))
    )
    query = (
        exp.select(
            build.named(hour, "hour"),
            build.named(exp.Min(this=start.copy()), "first"),
            build.named(exp.Max(this=build.column("until")), "last"),
            build.named(exp.Max(this=sane), "longest"),
        )
        .from_(timed.subquery("timed"))
        .group_by(hour.copy())
    )
    found: pd.DataFrame = table.run(query).to_pandas()
    return found


def stored(table: Table, fields: Sequence[str], where: Sequence[exp.Expr]) -> Stored | None:
    """Write a sample of the lines as files of five minutes, and measure them.

    Returns
    -------
    Stored or None
        None where there is no record.
    """
    slot = exp.IntDiv(this=_ending(table), expression=build.number(_SLOT))
    texts = [_text(f, table) for f in fields]
    line = texts[0].copy()
    for text in texts[1:]:
        line = exp.DPipe(this=line, expression=exp.Literal.string(" "), safe=True)
        line = exp.DPipe(this=line, expression=text.copy(), safe=True)
    columns = [
        build.named(build.column(f) if _is_number(f, table) else text, _of(f))
        for f, text in zip(fields, texts, strict=True)
    ]
    query = (
        exp.select(build.named(slot, "slot"), build.named(line, "line"), *columns)
        .from_(build.flows())
        .where(*where)
        .order_by(
            *(
                exp.Ordered(this=key, desc=False, nulls_first=False)
                for key in (build.column("slot"), build.column("start"), build.column("line"))
            )
        )
        .limit(_MOST_LINES)
    )
    return _measured(table.run(query))


def _measured(sample: pa.Table) -> Stored | None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    slots = pc.unique(sample["slot"]).to_pylist()
    text = zipped = parquet = lines = 0
    for slot in slots[:: -(-len(slots) // _MOST_FILES) or 1]:
        known = pc.equal(sample["slot"], slot) if slot is not None else pc.is_null(sample["slot"])
        file = sample.filter(known)
        written = "".join(f"{line}\n" for line in file["line"].to_pylist()).encode()
        columns = file.drop_columns(["slot", "line"])
        as_parquet = io.BytesIO()
        pq.write_table(columns, as_parquet, compression="gzip")
        text += len(written)
        zipped += len(gzip.compress(written, 6, mtime=0))
        parquet += as_parquet.tell()
        lines += file.num_rows
    return Stored(zipped / text, parquet / text, lines) if text else None


def _joined(
    table: Table, fields: Sequence[str], where: Sequence[exp.Expr], kind: str, apart: Sequence[str]
) -> exp.Select:
    """One row per ENI, kind and window (and what sets records apart): the line it would be."""
    keys = [_eni(table), _either(table, [kind]), _window()]
    lengths = []
    for field in fields:
        if field in _SUMMED and field in table.columns:
            joined = exp.Sum(this=build.column(field))
            # As a number of 64 bits: a sum that is none is told.
            length: exp.Expr = exp.Length(this=_written(exp.cast(joined, "BIGINT")))
        else:
            length = exp.Max(this=_length(field, fields, table))
        lengths.append(build.named(length, _of(field)))
    return (
        exp.select(
            *(build.named(k, n) for k, n in zip(keys, ("eni", "kind", "window"), strict=True)),
            *lengths,
        )
        .from_(build.flows())
        .where(*where)
        .group_by(*(key.copy() for key in keys), *(build.column(c) for c in apart))
    )


def _frame(answer: pa.Table, fields: Sequence[str]) -> pd.DataFrame:
    found: pd.DataFrame = answer.to_pandas()
    return found.rename(columns={_of(f): f for f in fields})


def _of(field: str) -> str:
    # Not the field's own name, which the query also reads.
    return f"length of {field}"


def _window() -> exp.Expr:
    return exp.IntDiv(this=build.column("start"), expression=build.number(WINDOW))


def _ending(table: Table) -> exp.Expr:
    return build.column("end" if "end" in table.columns else "start")


def _eni(table: Table) -> exp.Expr:
    """Name what recorded: the ENI; a regional NAT gateway or a transit gateway has another id."""
    return _either(table, _ENI)


def _either(table: Table, names: Sequence[str]) -> exp.Expr:
    there = [exp.cast(build.column(c), "VARCHAR") for c in names if c in table.columns]
    return exp.func("COALESCE", *there, exp.cast(exp.null(), "VARCHAR"))


def _text(field: str, table: Table) -> exp.Expr:
    there = field in table.columns
    return _written(build.column(field)) if there else exp.Literal.string("-")


def _written(value: exp.Expr) -> exp.Expr:
    return exp.func("COALESCE", exp.cast(value, "VARCHAR"), exp.Literal.string("-"))


def _length(field: str, fields: Sequence[str], table: Table) -> exp.Expr:
    if field == "version":  # of the format, whichever the records' own was
        known = [schema.BY_COLUMN[f].version for f in fields if f in schema.BY_COLUMN]
        return build.number(len(str(max(known))))
    return exp.Length(this=_text(field, table))


def _is_number(field: str, table: Table) -> bool:
    return field in table.columns and schema.kind_of(field) in _NUMBERS
