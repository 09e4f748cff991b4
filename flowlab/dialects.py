"""The engines whose SQL flowlab writes, and how a query becomes an engine's text.

Where sqlglot alone would write what an engine takes otherwise, it is put right here.
"""

from __future__ import annotations

from sqlglot import exp

from flowlab.errors import unknown_name

DIALECTS = ("duckdb", "athena", "spark")
# Spark's SQL as its makers write it: for plain Spark sqlglot writes CAST instead of TRY_CAST, which
# since Spark 4 fails on text that is no number.
_WRITTEN = {"spark": "databricks"}


def text_of(query: exp.Expr, dialect: str, *, pretty: bool = False) -> str:
    """Write a query in an engine's SQL, with every name quoted.

    Raises
    ------
    UnknownNameError
        flowlab does not write this engine's SQL.
    """
    if dialect not in DIALECTS:
        raise unknown_name("dialect =", dialect, DIALECTS)
    whole = query.copy()
    for name in whole.find_all(exp.Identifier):
        name.set("quoted", True)
    return whole.sql(dialect=_WRITTEN.get(dialect, dialect), pretty=pretty)
