"""The field table against AWS's documentation."""

from __future__ import annotations

from collections import Counter

import pytest

import flowlab as fl
from flowlab import schema
from flowlab.errors import LineFormatError


def test_54_vpc_fields_in_the_versions_aws_gives_them():
    vpc = [f for f in schema.FIELDS if f.log != "transit gateway"]
    # AWS, "Flow log records": fields that came with each version.
    assert Counter(f.version for f in vpc) == {
        2: 14, 3: 7, 4: 4, 5: 4, 7: 10, 8: 1, 9: 1, 10: 1, 11: 12,
    }  # fmt: skip
    assert len(vpc) == 54


def test_the_default_formats():
    assert " ".join(schema.DEFAULT_FORMAT).replace("_", "-") == (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
        "start end action log-status"
    )
    assert len(schema.TRANSIT_GATEWAY_FORMAT) == 36
    assert set(schema.TRANSIT_GATEWAY_FORMAT) <= set(schema.BY_COLUMN)
    both = {f.column for f in schema.FIELDS if f.log != "vpc"}
    assert both == set(schema.TRANSIT_GATEWAY_FORMAT)


def test_names_are_unique_and_meanings_are_there():
    assert len(schema.BY_COLUMN) == len(schema.FIELDS)
    assert all(f.meaning for f in schema.FIELDS)


def test_fields_is_a_table():
    table = fl.fields()
    assert len(table) == len(schema.FIELDS)
    assert table.loc[table["column"] == "traffic_path", "version"].item() == 5


@pytest.mark.parametrize(
    "log_format",
    ["${version} ${account-id}", "${version}${account-id}", "version account-id", "version,account-id",
     ["version", "account-id"], ("version", "account_id")],
)  # fmt: skip
def test_log_formats_in_every_form(log_format):
    assert schema.parse_log_format(log_format) == ("version", "account_id")


@pytest.mark.parametrize("log_format", ["", [], "${version} ${version}", "2 123456789010", "a b!c"])
def test_log_formats_that_are_none(log_format):
    with pytest.raises(LineFormatError, match="log_format cannot be used"):
        schema.parse_log_format(log_format)


@pytest.mark.parametrize(
    ("line", "is_header"),
    [
        ("version account-id interface-id", True),
        ("version account_id", True),
        ("action", True),
        ("srcaddr brand-new", True),
        ("hello world", False),
        ("srcaddr hello world", False),
        ("2 123456789010 eni-0a", False),
        ("ACCEPT", False),
        ("", False),
    ],
)
def test_what_is_a_header(line, is_header):
    assert (schema.header_columns(line.split()) is not None) is is_header
