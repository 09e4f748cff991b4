"""One format for one table: files of another shift the columns, and nobody would be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flowlab import schema
from flowlab.engines.projection_layout import ACCOUNT, DAY, HOUR, REGION
from flowlab.engines.projection_looking import Sample
from flowlab.errors import FlowlabError, LineFormatError, unknown_name


def given_format(fields: str | Sequence[str]) -> tuple[str, ...]:
    """Read the fields a person gives.

    Raises
    ------
    UnknownNameError
        A name that is no field; in AWS's own ``${...}`` text, a newer field is taken as it is.
    LineFormatError
        It cannot be a format.
    """
    columns = schema.parse_log_format(fields)
    if not (isinstance(fields, str) and "${" in fields):
        for column in columns:
            if column not in schema.BY_COLUMN:
                raise unknown_name(
                    "the field", column.replace("_", "-"), (f.name for f in schema.FIELDS)
                )
    return columns


def one_format(
    samples: Sequence[Sample], wished: Sample | None, parquet: bool | None
) -> tuple[tuple[str, ...], bool, Mapping[str, str], list[str]]:
    """Find the one format that all files have.

    Parameters
    ----------
    samples : sequence of Sample
        Of everything that the table will look at.
    wished : Sample, optional
        What the table is made for: its flow log, or the fields a person gave. Without it there
        must be samples.
    parquet : bool, optional
        What the person says of the files.

    Returns
    -------
    tuple
        Columns; whether they are Parquet; Athena types of fields flowlab does not know; notes.

    Raises
    ------
    LineFormatError
        Text and Parquet, or text of several formats, below one prefix; a column with the name of
        a partition key.
    FlowlabError
        The files are not what the person says.
    """
    seen = [*([wished] if wished else []), *samples]
    first = seen[0]
    for other in seen[1:]:
        if other.parquet != first.parquet:
            raise _mixed(first, other, "one is Parquet, the other text")
        if not first.parquet and other.columns != first.columns:
            raise _mixed(first, other, _difference(first.columns, other.columns))
    if parquet is not None and parquet != first.parquet:
        raise FlowlabError(
            f"parquet={parquet}, but {first.told_by} is {'Parquet' if first.parquet else 'text'}.",
            fix=f"leave it out, or pass parquet={first.parquet}.",
        )
    columns = tuple(dict.fromkeys(name for one in seen for name in one.columns))
    if taken := [name for name in columns if name in (ACCOUNT, REGION, DAY, HOUR)]:
        raise LineFormatError(
            f"the format has a field {taken[0]}, which is the name of a partition key.",
            "Athena takes no column twice.",
            "make this table by hand, with another name for the key.",
        )
    types = {name: kind for one in seen for name, kind in one.types.items()}
    return columns, first.parquet, types, list(_told(seen, columns))


def _told(seen: Sequence[Sample], columns: Sequence[str]) -> list[str]:
    notes = []
    if len({one.columns for one in seen}) > 1:
        fewest = min(seen, key=lambda one: len(set(one.columns) & set(columns)))
        lacking = [name for name in columns if name not in fewest.columns]
        notes.append(
            "Parquet of several formats is below this prefix. It is read by name, so the table has "
            f"all columns; where a file lacks one, it is NULL ({fewest.flow_log or 'fields='}: "
            f"{', '.join(lacking[:4])}{' ...' if len(lacking) > 4 else ''})"
        )
    if strange := [name for name in columns if name not in schema.BY_COLUMN]:
        notes.append(
            f"flowlab does not know the field{'s' * (len(strange) > 1)} {', '.join(strange)}: "
            "text columns, unless a Parquet file says otherwise"
        )
    return notes


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Say where two formats part: the first column that is not the same."""
    for n, (mine, other) in enumerate(zip(ours, theirs, strict=False), 1):
        if mine != other:
            return f"column {n} is {mine} in one and {other} in the other"
    return f"one has {len(ours)} columns, the other {len(theirs)}"


def _mixed(first: Sample, other: Sample, how: str) -> LineFormatError:
    one = "the fields given" if first.told_by == "fields=" else f"{first.flow_log}"
    return LineFormatError(
        f"files of different formats are below one prefix: {one} and {other.flow_log} "
        f"({other.told_by}): {how}.",
        "a text table is read by position and one table has one format: the columns of the other "
        "files would shift, without any error.",
        "let each flow log deliver to a prefix of its own, or all as Parquet; for a table of a "
        "part, pass since= of a day after the others ended, or accounts= and regions= without "
        "them."
        + (" Or leave fields= out: the files tell it." if first.told_by == "fields=" else ""),
    )


def table_name(option: str, name: object) -> str:
    """Check the name of a database or table.

    Raises
    ------
    FlowlabError
        Athena does not take it, or only in quotes everywhere.
    """
    text = str(name)
    if isinstance(name, str) and re.fullmatch(r"[a-z_][a-z0-9_]{0,254}", text):
        return text
    better = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")[:255]
    better = f"t_{better}" if not re.match("[a-z_]", better) else better
    raise FlowlabError(
        f"{option}={text[:60]!r} is no name for Athena.",
        "it takes a to z, 0 to 9 and _, up to 255 of them, and the first must not be a digit.",
        f"pass {option}={better!r}.",
    )
