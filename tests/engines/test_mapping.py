"""Each source's columns become the flow frame's: what AWS's own tables have, by hand."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp, parse_one

from flowlab import schema
from flowlab.dialects import DIALECTS, text_of
from flowlab.engines.mapping import flows_view, written
from flowlab.errors import FlowlabError, UnknownNameError

# AWS, Athena user guide, "Create and query a table for Amazon VPC flow logs": its first form, and
# the one with partition projection.
_OLD = {
    "version": "int", "account": "string", "interfaceid": "string", "sourceaddress": "string",
    "destinationaddress": "string", "sourceport": "int", "destinationport": "int",
    "protocol": "int", "numpackets": "int", "numbytes": "bigint", "starttime": "int",
    "endtime": "int", "action": "string", "logstatus": "string", "dt": "string",
}  # fmt: skip
_NEW = {
    "version": "int", "account_id": "string", "interface_id": "string", "srcaddr": "string",
    "dstaddr": "string", "srcport": "int", "dstport": "int", "protocol": "bigint",
    "packets": "bigint", "bytes": "bigint", "start": "bigint", "end": "bigint", "action": "string",
    "log_status": "string", "accid": "string", "region": "string", "day": "string",
}  # fmt: skip
_EVERYTHING = exp.select("*").from_('"flows"')


def _asked(columns: dict[str, str], *rows: str) -> list[dict[str, object]]:
    duck = duckdb.connect()
    names = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    duck.execute(f"CREATE TABLE t ({names})")
    for row in rows:
        duck.execute(f"INSERT INTO t VALUES ({row})")
    view, _ = flows_view(exp.to_table("t"), columns, dialect="duckdb")
    return duck.sql(written(_EVERYTHING, view, "duckdb")).to_arrow_table().to_pylist()


@pytest.mark.parametrize("columns", [_OLD, _NEW])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_awss_tables_are_recognised(columns, dialect):
    view, names = flows_view(exp.to_table("t"), columns, dialect=dialect)
    assert tuple(names[:14]) == schema.DEFAULT_FORMAT
    assert names[14:] == list(columns)[14:]  # partition columns, as they are
    assert [one.alias_or_name for one in view.expressions] == names


def test_values_become_those_of_a_flow_frame():
    tail = "'2026-03-02'"
    rows = _asked(
        _OLD,
        f"2, '000123456789', '-', '192.0.2.1', '', 1, 2, 6, 3, 40, 1788222600, 1788222660, "
        f"'ACCEPT', 'OK', {tail}",
        f"2, '1', 'eni-0a', '-', '-', NULL, NULL, NULL, NULL, NULL, 1, 2, '-', 'NODATA', {tail}",
        f"2, '1', 'eni-0a', '-', '-', NULL, NULL, NULL, NULL, NULL, 1, 2, '-', 'SKIPDATA', {tail}",
        f"2, '1', 'eni-0a', '-', '-', NULL, NULL, NULL, NULL, NULL, 1, 2, '-', '-', {tail}",
    )
    assert [row["log_status"] for row in rows] == ["OK", None]
    first = rows[0]
    assert (first["account_id"], first["interface_id"], first["dstaddr"]) == (
        "000123456789",
        None,
        None,
    )
    assert (first["start"], first["end"], first["bytes"]) == (1788222600, 1788222660, 40)


def test_text_milliseconds_and_timestamps():
    columns = {
        "srcaddr": "varchar", "bytes": "string", "srcport": "varchar(5)", "start": "string",
        "end": "timestamp", "packets": "double", "account_id": "bigint", "more": "struct(a int)",
    }  # fmt: skip
    rows = _asked(
        columns,
        "'192.0.2.1', '-', '443', '1788222600123', '2026-09-01 00:00:01.9', 3.0, 123456789012, NULL",
        "'-', '5', '-', '1788222600', NULL, NULL, NULL, NULL",
    )
    assert rows == [{
        "srcaddr": "192.0.2.1", "bytes": None, "srcport": 443, "start": 1788222600,
        "end": 1788220801, "packets": 3, "account_id": "123456789012",
    }]  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reserved_word_is_quoted_and_the_view_comes_first(dialect):
    view, _ = flows_view(exp.table_("t", db="d"), _NEW, dialect=dialect)
    inner = exp.select("*").from_('"flows"')
    query = _EVERYTHING.with_(exp.to_identifier("kept 1", quoted=True), as_=inner)
    tree = parse_one(written(query, view, dialect, pretty=True), read=dialect)
    assert next(cte.alias for cte in tree.find_all(exp.CTE)) == "flows"
    assert all(name.quoted for name in tree.find_all(exp.Identifier))


def test_types_that_cannot_be_are_refused():
    with pytest.raises(FlowlabError, match="bytes has type boolean"):
        flows_view(exp.to_table("t"), {"bytes": "boolean"}, dialect="athena")
    with pytest.raises(FlowlabError, match="no flow-log field"):
        flows_view(exp.to_table("t"), {"colour": "string"}, dialect="spark")
    with pytest.raises(UnknownNameError, match="duckdb"):
        text_of(_EVERYTHING, "duckbd")


def test_each_engine_divides_whole_numbers_without_leaving_them():
    view = {d: flows_view(exp.to_table("t"), {"start": "bigint"}, dialect=d)[0] for d in DIALECTS}
    assert "DOUBLE" not in text_of(view["athena"], "athena")
    assert "/ 1000" in text_of(view["athena"], "athena")
    assert "DIV 1000" in text_of(view["spark"], "spark")
    assert "// 1000" in text_of(view["duckdb"], "duckdb")


def test_spark_is_told_to_try():
    cast = exp.TryCast(this=exp.column("a"), to=exp.DataType.build("INTEGER"))
    assert text_of(exp.select(cast), "spark") == "SELECT TRY_CAST(`a` AS INT)"
