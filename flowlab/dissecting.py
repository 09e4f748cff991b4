"""anatomy(): one line of a flow log, taken apart field by field, as reading takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError
from flowlab.explaining import in_words
from flowlab.parsing import envelopes, formats, text, values
from flowlab.parsing.text import Columns, Rejected
from flowlab.wording import cut_short, plain_text

if TYPE_CHECKING:
    import pandas as pd

REFUSED = "refused: "
_HEADER = "a header line: it names the field that stands here"
_LONGEST = 300  # characters of `in_words`


def anatomy(line: str, *, log_format: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Take one line of a flow log apart: each field, what it means and what it says here.

    The format is found as `read_flows` finds it: a header line names its own fields; any other
    line has `log_format`, or else AWS's default format if its tokens truly fit that.

    Parameters
    ----------
    line : str
        One line as AWS wrote it. A time in front, as CloudWatch exports have it, is dropped.
    log_format : str or sequence of str, optional
        AWS's ``${version} ${account-id} ...``, or field names in order (a header line will do).

    Returns
    -------
    DataFrame, one row per field, in the order of the line
        position (int64, from 1), field (AWS name), text (as written),
        value (object: int, str, UTC Timestamp as `read_flows` reads it; None where AWS wrote ``-``,
        in a header line, and where the text is wrong), meaning, unit, version (Int64: the first
        that has the field; null for one that flowlab does not know), in_words: what the value
        says, why there is none, or ``refused: `` and the reason that `read_flows` gives.

    Raises
    ------
    LineFormatError
        Not one line, or no field can be told: it is empty, JSON, of a format that nothing tells,
        or has another number of tokens than its format.

    Examples
    --------
    >>> import flowlab as fl
    >>> line = "198.51.100.7 10.0.1.5 51544 443 6 3 -"
    >>> names = "srcaddr dstaddr srcport dstport protocol tcp-flags traffic-path"
    >>> fl.anatomy(line, log_format=names).set_index("field")["in_words"].tail(4).tolist()
    ['https, by IANA', 'TCP', 'SYN, FIN', 'none: AWS writes - if: ingress, or no code fits']
    """
    if not isinstance(line, str):
        raise FlowlabError(
            f"anatomy takes one raw line as text, not {type(line).__name__}.",
            fix="pass a line of a flow-log file; a flow frame no longer holds the lines.",
        )
    known = (schema.parse_log_format(log_format),) if log_format is not None else ()
    data = line.encode("utf-8", "surrogatepass")  # what is no text is refused below, as in a file
    if envelopes.looks_like_json(data):
        raise _json(data)
    opening = formats.open_text(data, known, "this line")
    parsed = text.parse_carefully(opening.data[opening.offset :], opening.formats)
    if (lines := opening.headers + parsed.lines) != 1:
        raise _not_one(lines)
    tokens = _tokens(opening.data)
    if opening.headers or parsed.headers:
        columns = (opening.formats if opening.headers else parsed.formats)[0]
        # Not strict: of a monstrous header line, reading takes 16 KB.
        named = dict(zip(columns, map(bytes.decode, tokens), strict=False))
        return _table(named, dict.fromkeys(named), [_HEADER] * len(named))
    return _record(tokens, opening.formats, parsed.rejected)


def _tokens(data: bytes) -> list[bytes]:
    """Tokens of the one line that is neither blank nor a comment."""
    lines = (line.split() for line in data.split(b"\n"))
    return next(tokens for tokens in lines if tokens and not tokens[0].startswith(b"#"))


def _record(
    tokens: Sequence[bytes], known: Sequence[Columns], rejected: Sequence[Rejected]
) -> pd.DataFrame:
    reason = rejected[0].reason if rejected else ""
    columns = next((c for c in known if len(c) == len(tokens)), None)
    if columns is None or not _is_text(tokens):
        raise LineFormatError(
            f"this line is no record: {reason}. It begins: {rejected[0].text!r}",
            "it is damaged or cut off, or log_format is another flow log's.",
            "pass log_format= as `aws ec2 describe-flow-logs` shows it, or none if the line has "
            "AWS's default format.",
        )
    named = dict(zip(columns, map(bytes.decode, tokens), strict=True))
    read, refused = _read(named, reason)
    words = [
        REFUSED + refused[c] if c in refused else in_words(c, read[c], named[c], read)
        for c in columns
    ]
    return _table(named, read, words)


def _table(named: dict[str, str], read: dict[str, Any], words: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    columns = list(named)
    known = [schema.BY_COLUMN.get(c) for c in columns]
    names = [f.name if f else c.replace("_", "-") for c, f in zip(columns, known, strict=True)]
    return pd.DataFrame(
        {
            "position": range(1, len(columns) + 1),
            "field": pd.Series(names, dtype="str"),
            "text": pd.Series(list(named.values()), dtype="str"),
            "value": pd.Series([read[c] for c in columns], dtype="object"),
            "meaning": [f.meaning if f else "not known to flowlab: kept as text" for f in known],
            "unit": [f.unit if f else "" for f in known],
            "version": pd.array([f.version if f else None for f in known], "Int64"),
            "in_words": [cut_short(plain_text(each), _LONGEST) for each in words],
        }
    )


def _read(named: dict[str, str], reason: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by column, and why some are refused; `reason` is why the whole line is."""
    read: dict[str, Any] = {}
    refused: dict[str, str] = {}
    whole = pa.table({c: pa.array([token], values.TEXT) for c, token in named.items()})
    # If there is anything to refuse, then column by column: a line has one reason, but each field
    # may have its own.
    for table in [whole.select([c]) for c in named] if reason else [whole]:
        typed, wrong = values.conform(table, values.DASH)
        for column in typed.column_names:
            read[column] = None if wrong else _value(column, typed[column])
            if wrong:
                refused[column] = wrong[0]
    if reason and not refused:
        refused["start"] = reason  # the one rule about two fields: start is not after end
    return read, refused


def _value(column: str, typed: pa.ChunkedArray) -> Any:
    import pandas as pd

    if schema.kind_of(column) != "time":
        return typed[0].as_py()
    seconds = values.in_seconds(typed)[0].as_py()
    return None if seconds is None else pd.Timestamp(seconds, unit="s", tz="UTC")


def _is_text(tokens: Sequence[bytes]) -> bool:
    try:
        b" ".join(tokens).decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_one(lines: int) -> LineFormatError:
    if not lines:
        return LineFormatError(
            "there is no line here: only blanks or a comment (#), which reading passes over.",
            fix="type or paste one line of a flow log.",
        )
    return LineFormatError(
        f"these are {lines:,} lines, and anatomy takes one.",
        fix="pass one of them; if the first is a header line, pass that as log_format=.",
    )


def _json(data: bytes) -> LineFormatError:
    inside, refused = envelopes.unwrap(data)
    lines = inside.decode("utf-8", "replace").split("\n") if inside else []
    if lines:
        what = f"JSON around {len(lines):,} line{'s' * (len(lines) > 1)}, not a line itself."
        fix = f"pass a line inside it, such as {cut_short(lines[0], text.SHOWN)!r}."
        why = "CloudWatch Logs, a subscription or Firehose wrapped it; read_flows unwraps it."
        return LineFormatError(f"this is {what}", why, fix)
    why = refused[0].reason if refused else "there is no message in it"
    return LineFormatError(f"this is JSON that holds no log event: {why}.", fix="pass one line.")
