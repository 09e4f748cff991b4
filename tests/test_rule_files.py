"""Rules in a file: what was saved comes back, and a mistake has its line."""

from __future__ import annotations

import functools
import operator
import re

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import flowlab as fl
from flowlab.choosing import rule
from flowlab.conditions import depth, to_plain
from flowlab.errors import FlowlabError, FlowlabWarning, LineFormatError, SourceError
from flowlab.exclusion_rules import DEEPEST
from flowlab.exclusions import excluded_by
from flowlab.rule_files import load_rules, save_rules
from flowlab.rulebook import NAMED

_WRITTEN = """\
# What the network team agreed on.
rules:
- dns
- name: backup
  why: rsync every night
  match:
    dstport: 873
    srcaddr: [10.0.9.0/24, 2001:db8:9::/48]
- name: old hosts
  match:
    any:
    - addr: 10.0.7.0/24
      port: 1024-65535
    - not:
        account_id: 000123456701
        instance_id: null
    - all:
      - protocol: [tcp, 17]
      - action: reject
"""


def load(tmp_path, text):
    file = tmp_path / "rules.yaml"
    file.write_text(text, "utf-8")
    return load_rules(file)


def test_a_file_as_a_person_writes_it(tmp_path):
    dns, backup, old = load(tmp_path, _WRITTEN)
    assert dns is NAMED["dns"]
    by_hand = rule(
        "backup", dstport=873, srcaddr=["10.0.9.0/24", "2001:db8:9::/48"], why="rsync every night"
    )
    assert backup == by_hand
    expected = (
        rule("a", addr="10.0.7.0/24", port=(1024, 65535))
        | ~rule("b", account_id="000123456701", instance_id=None)
        | rule("c", protocol=[6, 17], action="REJECT")
    )
    sample = fl.sample_flows()[0]
    assert (
        excluded_by(sample, old).drop(columns="rule").to_numpy().tolist()
        == excluded_by(sample, expected).drop(columns="rule").to_numpy().tolist()
    )


def test_what_was_saved_comes_back_and_reads_well(tmp_path):
    backup = rule("backup", dstport=873, srcaddr="10.0.9.0/24", why="nächtlich: rsync")
    file = save_rules(
        ["icmp", backup, ~backup, rule("dns", servers=["10.0.2.53"])], tmp_path / "r.yaml"
    )
    icmp, first, other, dns = load_rules(file)
    assert (icmp, first) == (NAMED["icmp"], backup)
    assert other.name == "not backup"
    assert dns.name == "dns"
    assert "- icmp\n" in file.read_text("utf-8")
    assert "match: {dstport: 873, srcaddr: 10.0.9.0/24}\n" in file.read_text("utf-8")
    assert "why: 'nächtlich: rsync'\n" in file.read_text("utf-8")


_values = {
    "dstport": st.integers(0, 65535) | st.sampled_from(["80-443", None]),
    "addr": st.ip_addresses().map(str) | st.sampled_from(["10.0.0.0/8", "::/0", None]),
    "protocol": st.sampled_from(["tcp", 17, 50, None]),
    "account_id": st.text("0123456789", min_size=12, max_size=12),
    "instance_tag": st.text(min_size=1, max_size=8),
    "a column": st.text(max_size=5) | st.integers() | st.booleans() | st.none(),
}
_single = st.dictionaries(st.sampled_from(sorted(_values)), st.none(), min_size=1).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.lists(_values[name], min_size=1, max_size=3) for name in names}
    )
)
_rules = st.recursive(
    _single.map(lambda conditions: rule("own", **conditions)),
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | st.builds(lambda a: ~a, inner)
    ),
    max_leaves=4,
)


@given(_rules)
@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(rule("odd line breaks", instance_tag=["\x85", "a\u2028b", "\r\n"]))
def test_any_rule_comes_back(tmp_path, one):
    (back,) = load_rules(save_rules(one, tmp_path / "rules.yaml"))
    assert back.name == one.name
    assert to_plain(back.condition) == to_plain(one.condition)


@pytest.mark.parametrize(
    ("wrong", "line", "says"),
    [
        ("rules:\n- dns\n- dsn\n", 3, "did you mean dns"),
        ("rules:\n- name: a\n  match:\n    srcaddr: 10.0.9.7/24\n", 4, 'write "10.0.9.0/24"'),
        ("rules:\n- name: a\n  match:\n    srcaddr:\n    - 10.0.9.0/24\n    - 10.0.9.9/24\n", 6, "is no network"),
        ("rules:\n- name: a\n  match: {dstport: 90-80}\n", 3, "ends before it begins"),
        ("rules:\n- name: a\n  whi: b\n  match: {dstport: 1}\n", 3, "did you mean why"),
        ("rules:\n- name: a\n  match:\n    dstport:\n", 4, "write null"),
        ("rules:\n- name: a\n  match:\n    not:\n    - dstport: 1\n", 5, "no condition"),
        ("rules:\n- name: a\n  match:\n    any:\n      dstport: 1\n", 5, "any is no list"),
        ("rules:\n- name: a\n  match:\n    dstport: {a: 1}\n", 4, "neither a value nor a list"),
        ("rules:\n- name: a\n  match:\n    size: {from: 1, to: x}\n", 4, "is no range"),
        ("rules:\n- name: a\n  match:\n    size: {from: 5, to: 1}\n", 4, "ends before it begins"),
        ("rules:\n- dns\nrule:\n- ntp\n", 3, "did you mean rules"),
        ("rules:\n- name: '  '\n  match: {dstport: 1}\n", 2, "no name"),
        ("rules:\n- name: a\n  match: {action: DENY}\n", 3, "use one of: ACCEPT, REJECT"),
        ("rules:\n- name: a\n\n- name: b\n  match: {dstport: 1}\n", 2, "would match every record"),
        ("rules:\n- name: a\n  match: {}\n", 3, "no condition"),
        ("rules:\n- match: {dstport: 1}\n", 2, "no name"),
        ("rules:\n- name: a\n  match: {dstport: 1}\n  name: b\n", 4, "stands twice"),
        ("rules:\n- name: a\n  match: {start: 1}\n", 3, "not when"),
        ("rules: dns\n", 1, "no list"),
        ("rule:\n- dns\n", 1, "did you mean rules"),
        ("- dns\n", 1, "no rules"),
        ("", 1, "no rules"),
        ("rules:\n- reserved\n", 2, "needs subnets="),
        ("rules:\n- name: a\n  match: {dstport: 1\n- dns\n", 5, "begins in line 3"),
        ("rules:\n- name: 'a\n", 3, "no YAML"),
        ("rules:\n- &a [*a]\n", 2, "references"),
        ("rules:\n- name: [a]\n  match: {dstport: 1}\n", 2, "name is no text"),
        ("rules:\n- [dns]\n", 2, "no rule"),
        ("rules:\n- ? [a]\n  : b\n", 2, "a key is not a word"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line(tmp_path, wrong, line, says):
    with pytest.raises(
        LineFormatError, match=rf"^rules.yaml, line {line}: (.|\n)*{re.escape(says)}"
    ):
        load(tmp_path, wrong)


def test_no_object_is_made_of_a_file(tmp_path):
    with pytest.raises(FlowlabError):
        load(tmp_path, "rules:\n- !!python/object/apply:os.system ['true']\n")
    (one,) = load(tmp_path, "rules:\n- name: a\n  match: {x: !!python/name:os.system ''}\n")
    assert to_plain(one.condition) == {"x": ""}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        load_rules(tmp_path / "nowhere.yaml")
    with pytest.raises(SourceError, match="no such folder"):
        save_rules("dns", tmp_path / "nowhere" / "rules.yaml")
    (tmp_path / "b.yaml").write_bytes(b"rules:\n- name: B\xfcro\n")
    with pytest.raises(LineFormatError, match="b.yaml, line 2: .*UTF-8"):
        load_rules(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00rules")
    with pytest.raises(LineFormatError, match="no YAML"):
        load_rules(tmp_path / "b.yaml")
    with pytest.raises(LineFormatError, match="line 1: .*too deep"):
        load(tmp_path, "[" * 600)
    with pytest.raises(LineFormatError, match="line 2: .*too deep"):
        load(tmp_path, "rules:\n- name: a\n  match: " + "{not: " * 150 + "{port: 1}" + "}" * 150)
    with pytest.raises(LineFormatError, match="line 3: .*too deep"):
        load(tmp_path, "rules:\n- name: a\n  match: " + "{not: " * 3000 + "{port: 1}" + "}" * 3000)


def test_a_column_that_is_nearly_one_is_doubted_with_its_line(tmp_path):
    with pytest.warns(FlowlabWarning, match="line 5: dstprot is no.*did you mean dstport") as told:
        (one,) = load(tmp_path, "rules:\n- name: a\n  match:\n    any:\n    - dstprot: 873\n"
                                "    - not: {team: blue}\n    - {bytes: 5, why: x}\n")  # fmt: skip
    assert len(told) == 1 and told[0].filename == __file__
    assert "dstprot" in one.matches
    # A column of one's own may have any name.
    flows = pd.DataFrame({"dstprot": [873, 1], "team": ["blue", "blue"], "bytes": 1, "why": "x"})
    assert len(fl.only(flows, one)) == 1


def test_hundreds_of_rules_joined_are_no_deeper_than_one(tmp_path):
    many = [rule(f"r{port}", dstport=port) for port in range(1, 501)]
    for one in (functools.reduce(operator.or_, many), functools.reduce(operator.and_, many)):
        assert load_rules(save_rules(one, tmp_path / "rules.yaml")) == [one]


def test_the_deepest_rule_can_be_used_saved_and_read_and_no_deeper_one_made(tmp_path):
    many = [rule(f"r{port}", dstport=port) for port in range(1, 51)]
    deep = functools.reduce(lambda one, other: ~one & other, many)
    deep = ~deep
    assert depth(deep.condition) == DEEPEST
    assert load_rules(save_rules(deep, tmp_path / "rules.yaml")) == [deep]
    # Each port but the last is undone by the one after it: without the ~, 50 alone is left.
    flows = pd.DataFrame({"dstport": [1, 2, 49, 50, 51]})
    assert fl.only(flows, deep)["dstport"].tolist() == [1, 2, 49, 51]
    with pytest.raises(FlowlabError, match="too deep"):
        operator.invert(deep)


def test_the_head_of_the_file_is_a_comment(tmp_path):
    file = save_rules("dns", tmp_path / "rules.yaml")
    assert yaml.safe_load(file.read_text("utf-8")) == {"rules": ["dns"]}
