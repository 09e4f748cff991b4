"""The report: its tables, its text, its page, and what it keeps."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from setup.small_setups import (
    ACCOUNT,
    EVERYTHING,
    GROUP,
    NOW,
    REGION,
    ROLE,
    WRONG_TRUST,
    an_id,
    eni_of,
    flow_log_of,
    made,
    subnet_of,
    vpc_of,
)

from flowlab.errors import FlowlabError
from flowlab.setup import inventory as inventories
from flowlab.setup.checking import judged
from flowlab.setup.coverage import coverage_rows
from flowlab.setup.inventory import Answer
from flowlab.setup.reporting import COVERAGE_COLUMNS, SetupReport
from flowlab.setup.telling import age_in_words, problems_of
from flowlab.setup.verdicts import Check

mpl.use("Agg")


def report_of(*checks, **options):
    """Return a report that says just this."""
    inventory = made(**options)
    (scope,) = inventory
    return SetupReport(inventory, checks, tuple(coverage_rows(scope, checks, NOW)))


def failing(resource="eni-1", check="newest-event", **more):
    told = {"evidence": "it is silent.", "cause": "c", "remedy": "r", "link": "newest record"}
    return Check(resource, check, "fail", **told | more)


# The tables.


def test_checks_stand_worst_first_then_by_resource_and_check():
    checks = [
        Check("b", "y", "ok", ""),
        Check("b", "x", "fail", ""),
        Check("a", "z", "warn", ""),
        Check("c", "x", "unknown", ""),
        Check("a", "y", "fail", ""),
        Check("a", "x", "fail", "", interface="eni-9", account_id="012345678901"),
    ]
    table = report_of(*checks).checks
    assert list(zip(table["status"], table["resource"], table["check"], strict=True)) == [
        ("fail", "a", "x"), ("fail", "a", "y"), ("fail", "b", "x"),
        ("unknown", "c", "x"), ("warn", "a", "z"), ("ok", "b", "y"),
    ]  # fmt: skip
    assert list(table.columns) == [
        "status", "resource", "check", "evidence", "cause", "remedy", "control", "link",
        "flow_log", "interface_id", "account_id", "region",
    ]  # fmt: skip
    assert table.loc[0, "interface_id"] == "eni-9"
    assert table.loc[0, "account_id"] == "012345678901"
    assert table["status"].cat.ordered
    assert (table["status"] > "warn").sum() == 4


def test_tables_of_nothing_have_their_columns_and_types():
    some, none = judged(made()), judged(made([], [], [], []))
    for name in ("checks", "coverage"):
        full, empty = getattr(some, name), getattr(none, name)
        assert (len(empty), len(full)) == (0, len(full) or pytest.fail())
        pd.testing.assert_series_equal(full.dtypes, empty.dtypes)


def test_coverage_has_the_columns_of_its_rows_and_an_age():
    inventory = made(silent=[an_id("eni", 2)])
    (scope,) = inventory
    assert tuple(coverage_rows(scope, [], NOW)[0]) == COVERAGE_COLUMNS
    coverage = judged(inventory).coverage
    assert coverage["newest_record_age"].dtype == "timedelta64[s]"
    assert coverage["interface_id"].tolist() == [an_id("eni", 2), an_id("eni", 1)]  # worst first
    ages = coverage["newest_record_age"].dt.total_seconds().tolist()
    assert ages == [7200, 120]
    assert coverage["first_broken_link"].tolist() == ["newest record", ""]


@pytest.mark.parametrize(
    ("statuses", "code"),
    [((), 0), (("ok", "warn"), 0), (("ok", "unknown"), 2), (("unknown", "fail", "ok"), 1)],
)
def test_the_exit_code_is_of_the_worst(statuses, code):
    checks = [Check("r", f"c{n}", status, "") for n, status in enumerate(statuses)]
    assert report_of(*checks).exit_code == code


def test_the_checks_as_json_are_those_of_the_table():
    report = judged(made(trust=WRONG_TRUST, vpcs=[vpc_of(name="ünï/\u202e")]))
    rows = json.loads(report.to_json())
    assert pd.DataFrame(rows).equals(report.checks.astype({"status": "str"}))
    assert rows[0]["check"] == "role-trust"


# The text.


def test_the_text_names_chain_break_cause_and_remedy():
    text = str(judged(made(trust=WRONG_TRUST)))
    assert f"first broken link: permission of {ROLE} (role-trust)." in " ".join(text.split())
    assert "ENI -> flow log ok -> permission FAIL (role-trust) -> destination ok" in text
    broken = text[text.index("Broken (1)") :]
    assert re.search(r"role-trust: .*\n.*ec2\.amazonaws\.com\.\n +Likely cause: .*\n", broken)
    assert "To fix: write this trust policy:" in broken
    assert "Checks: 1 fail, 0 unknown" in text
    assert "\x1b" not in text


def test_lines_fit_and_names_are_not_broken():
    # Longer than a line, as a role with a path may be: an ARN stays whole, to be copied.
    long = f"arn:aws:iam::{ACCOUNT}:role/platform/networking/" + "x" * 64
    text = str(report_of(failing(long, remedy="do this " * 60)))
    assert long in text
    assert all(len(line) <= 100 for line in text.splitlines() if long not in line)


def test_a_healthy_text_is_short_and_says_how_many():
    text = str(judged(made()))
    assert "2 of 2 ENIs in use are covered and delivering." in text
    assert not re.search("Broken|Not known|Warnings", text)
    assert len(text.splitlines()) < 12


def test_what_was_never_seen_to_deliver_is_not_said_to():
    young = made(flow_logs=[flow_log_of(CreationTime=NOW.isoformat())])
    empty = {"since": 0, "until": 1_200_000, "complete": True, "streams": {}}
    (scope,) = young.scopes
    scope = scope.having(
        Answer("logs:DescribeLogStreams", GROUP, []), Answer("logs:FilterLogEvents", GROUP, empty)
    )
    report = judged(replace(young, scopes=(scope,)))
    assert report.exit_code == 0  # too early to tell
    said = "0 of 2 ENIs in use are covered and delivering, of 2 no record was seen, nor a fault."
    assert report.summary == said


def test_unknown_is_told_apart_from_broken():
    report = judged(made(denied=["iam:GetRole"]))
    assert report.exit_code == 2
    text = " ".join(str(report).split())
    assert "0 of 2 ENIs in use are covered and delivering, of 2 it is not known" in text
    assert "Not known (" in text
    assert "allow iam:GetRole" in text
    assert "Broken" not in text


@pytest.mark.parametrize(
    ("inventory", "code", "said"),
    [
        (made([], [], [], []), 0, "No ENI is in use here, so there is nothing to record."),
        (made(denied=EVERYTHING), 2, "It is not known which ENIs are in use"),
        (made(enis=[eni_of(status="available")], flow_logs=[]), 0, "No ENI is in use here"),
        (made(flow_logs=[]), 1, "0 of 2 ENIs in use are covered and delivering"),
        (made(denied=["ec2:DescribeFlowLogs"]), 2, "of 2 it is not known"),
    ],
    ids=["no VPC", "all denied", "nothing in use", "no flow log", "flow logs denied"],
)
def test_what_is_not_there_is_said(inventory, code, said):
    report = judged(inventory)
    assert report.exit_code == code
    assert said in report.summary
    assert said in " ".join(str(report).split())
    plt.close(report.draw().figure)
    assert said in report._repr_html_()


def test_flow_logs_that_aws_did_not_list_are_not_called_missing():
    text = str(judged(made(denied=["ec2:DescribeFlowLogs"])))
    assert f"AWS did not say which flow logs there are in {REGION}" in text
    assert "there is no flow log" not in text
    assert "no flow log covers" not in text
    assert "not known what covers 2 ENIs" in text


def test_the_same_problem_of_many_is_told_once_with_their_number():
    checks = [
        failing(f"eni-{n}", interface=f"eni-{n}", remedy=f"create one for eni-{n}.")
        for n in range(1000)
    ]
    other = failing("/acme", "log-group-exists", link="destination", remedy="make it.")
    first, second = problems_of([*checks, other], "fail")
    assert (first.check.check, len(first.resources)) == ("log-group-exists", 1)  # comes earlier
    assert len(second.resources) == 1000
    text = str(report_of(*checks, other))
    assert "and 996 more" in text
    assert text.count("To fix:") == 2


def test_different_problems_of_one_check_do_not_crowd_out_others():
    many = [failing(f"fl-{n}", "flow-log-format", cause=f"cause {n}") for n in range(50)]
    told = problems_of([*many, failing("x", "newest-object")], "fail")
    assert [problem.check.check for problem in told] == ["flow-log-format"] * 3 + ["newest-object"]
    assert told[2].more == 47
    assert "47 more of this check: see report.checks" in str(report_of(*many))


def test_control_and_direction_marks_are_visible_everywhere():
    evil = "a\u202eb\x1b[31m\nc"
    check = failing(evil, evidence=evil, cause=evil, remedy=evil)
    report = report_of(check, enis=[eni_of(description=evil)])
    cells = "".join(
        map(str, [*report.checks.to_numpy().ravel(), *report.coverage.to_numpy().ravel()])
    )
    for text in (str(report), report._repr_html_(), cells, report.summary):
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "\\u202e" in text


def test_practice_and_anonymized_stand_on_every_output():
    report = judged(made(practice=True, anonymized=True))
    axes = report.draw()
    plt.close(axes.figure)
    for text in (str(report), report._repr_html_(), axes.get_title()):
        assert "practice account, no AWS; anonymized" in text
    assert "practice" not in str(judged(made()))


def test_ages_are_in_whole_units():
    ages = ["59s", "119min", "2h", "47h", "48h", "30D"]
    told = [age_in_words(pd.Timedelta(age)) for age in ages]
    assert told == ["59 s", "119 min", "2 h", "47 h", "2 days", "30 days"]


# The page.


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.rows, self.words = [], [], 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_shows_drawing_problems_and_tables_and_closes_its_figure():
    plt.close("all")
    page = Page(text := judged(made(trust=WRONG_TRUST))._repr_html_())
    assert plt.get_fignums() == []
    assert page.tags.count("img") == 1
    assert "permission FAIL (role-trust)" in re.search('alt="([^"]*)"', text)[1]
    assert page.tags.count("details") == 3  # broken; both tables
    said = " ".join(page.words)
    assert "permission: role-trust" in said
    assert "To fix" in said
    assert 'src="data:image/png' in text
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)


def test_nothing_of_a_name_becomes_markup():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"&"
    check = failing(evil, evidence=evil, cause=evil, remedy=evil, control=evil)
    options = {"vpcs": [vpc_of(name=evil)], "subnets": [subnet_of(name=evil)]}
    text = report_of(check, enis=[eni_of(description=evil)], **options)._repr_html_()
    page = Page(text)
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert "onerror" not in page.attributes
    assert evil in " ".join(page.words)


def test_a_name_in_a_script_that_the_drawing_lacks_is_no_warning():
    report = judged(made(enis=[eni_of(description="\u65e5\u672c")]))
    assert "\u65e5\u672c" in report._repr_html_()  # warnings are errors in these tests


def test_long_tables_are_cut_and_say_so():
    enis = [eni_of(n) for n in range(1, 301)]
    page = Page(judged(made(enis=enis))._repr_html_())
    said = " ".join(page.words)
    assert "What covers each ENI (300, the first 200 of 300 rows)" in said
    assert page.tags.count("tr") <= 2 * 201


# What is kept.


def test_saved_and_read_again_it_says_the_same(tmp_path):
    report = judged(made(trust=WRONG_TRUST))
    path = report.save(tmp_path / "new" / "folder")
    assert path.name == "setup-20261102T120000Z.json"
    again = judged(inventories.read(path))
    assert str(again) == str(report)
    pd.testing.assert_frame_equal(again.checks, report.checks)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_anonymized_copy_judges_alike_and_holds_no_id(tmp_path):
    report = judged(made(silent=[an_id("eni", 2)], vpcs=[vpc_of(name="payroll")]))
    kept = report.save(tmp_path)
    path = report.save(tmp_path, anonymize=True)
    assert path.name == "setup-20261102T120000Z-anonymized.json"
    assert kept.name == "setup-20261102T120000Z.json"
    assert not inventories.read(tmp_path).anonymized
    text = path.read_text("utf-8")
    for secret in (ACCOUNT, an_id("eni", 2), an_id("vpc", 1), an_id("fl", 1), "payroll"):
        assert secret not in text
    again = judged(inventories.read(path))
    assert "anonymized" in str(again)
    assert again.counts == report.counts
    assert again.coverage["first_broken_link"].tolist() == ["newest record", ""]
    assert not report.inventory.anonymized


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    report = judged(made())
    path = report.save(tmp_path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FlowlabError, match="could not be written: No space left") as caught:
        judged(made(flow_logs=[])).save(tmp_path)
    assert "in a folder" in caught.value.fix
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FlowlabError, match="could not be written"):
        judged(made()).save(tmp_path / "file")


def test_two_flow_logs_of_a_region_have_each_their_chain():
    logs = [flow_log_of(1), flow_log_of(2, status="FAILED", error="Rate limited")]
    report = judged(made(flow_logs=logs))
    first, second = report.chains
    assert (first.flow_log_id, first.status) == (an_id("fl", 2), "fail")
    assert (second.flow_log_id, second.broken) == (an_id("fl", 1), None)
    assert len(first.interfaces) == len(second.interfaces) == 2
