"""The named formats, and the questions a format can answer."""

from __future__ import annotations

import pytest

from flowlab import schema
from flowlab.errors import UnknownNameError
from flowlab.setup import formats

# AWS, "Flow log records": the default format, as DescribeFlowLogs writes it.
AWS_DEFAULT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)


def test_minimal_is_the_default_of_aws():
    assert formats.log_format_text(formats.FORMATS["minimal"]) == AWS_DEFAULT
    assert formats.name_of(AWS_DEFAULT) == "minimal"


def test_every_format_is_read_back_and_has_a_name():
    for name, fields in formats.FORMATS.items():
        text = formats.log_format_text(fields)
        assert formats.name_of(text) == name
        assert [c.replace("_", "-") for c in schema.parse_log_format(text)] == list(fields)


def test_everything_is_all_54_fields_but_the_six_of_tags():
    everything = set(formats.FORMATS["everything"])
    vpc = {f.name for f in schema.FIELDS if f.log != "transit gateway"}
    assert len(vpc) == 54 and len(everything) == 48
    assert vpc - everything == {
        "instance-tag", "instance-tag-2", "interface-tag", "interface-tag-2", "asg-tag",
        "asg-tag-2",
    }  # fmt: skip


def test_the_order_makes_a_format_another_one():
    swapped = AWS_DEFAULT.replace("${srcaddr} ${dstaddr}", "${dstaddr} ${srcaddr}")
    assert formats.name_of(swapped) == "custom (14 fields)"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("${srcaddr}", "custom (1 field)"),
        ("${srcaddr} ${not-known-yet}", "custom (2 fields)"),
        ("", "custom (0 fields)"),
        ("${srcaddr} ${srcaddr}", "custom (0 fields)"),
        ("<b>", "custom (0 fields)"),
    ],
)
def test_other_formats_are_custom_and_never_raise(text, name):
    assert formats.name_of(text) == name


def test_a_field_that_aws_would_refuse_is_refused_here():
    with pytest.raises(UnknownNameError, match="'scraddr' is not known.\n.*srcaddr"):
        formats.log_format_text(["scraddr"])
    with pytest.raises(UnknownNameError, match="tgw-id"):
        formats.log_format_text(["version", "tgw_id"])


def test_what_the_formats_answer():
    answered = {
        name: int(formats.questions_answered(fields)["answered"].sum())
        for name, fields in formats.FORMATS.items()
    }
    # Counted by hand in QUESTIONS.
    assert answered == {"minimal": 13, "recommended": 24, "everything": 28}


def test_what_is_missing_is_named_as_aws_names_it():
    table = formats.questions_answered(schema.DEFAULT_FORMAT).set_index("question")
    assert table.loc["Who opened the connection?", "missing"] == "tcp-flags"
    assert not table.loc["Who opened the connection?", "answered"]
    assert table.loc["Who scans?", "missing"] == ""
    assert table.loc["Who scans?", "answered"]


def test_no_columns_answer_nothing_and_hyphens_do_no_harm():
    nothing = formats.questions_answered([])
    assert not nothing["answered"].any() and len(nothing) == len(formats.QUESTIONS)
    assert nothing["missing"].str.len().gt(0).all()
    assert formats.questions_answered(["tcp-flags"]).equals(
        formats.questions_answered(["tcp_flags"])
    )


def test_every_question_asks_for_fields_that_exist_and_only_once():
    names = {f.name for f in schema.FIELDS if f.log != "transit gateway"}
    for question in formats.QUESTIONS:
        assert set(question.fields) <= names, question
    assert len({q.question for q in formats.QUESTIONS}) == len(formats.QUESTIONS)


def test_the_bytes_that_speak_for_recommended():
    # One TCP record over IPv4, written out by hand with ids as long as AWS's.
    minimal = (
        "5 000123456789 eni-0a1b2c3d4e5f60718 10.0.1.5 198.51.100.20 34210 443 6 7 471 "
        "1788232200 1788232205 ACCEPT OK\n"
    )
    recommended = minimal[:-1] + " 3 10.0.1.5 198.51.100.20 - S3 egress 8 - - -\n"
    assert len(minimal.split()) == len(formats.FORMATS["minimal"])
    assert len(recommended.split()) == len(formats.FORMATS["recommended"])
    assert (len(minimal), len(recommended)) == (110, 155)
