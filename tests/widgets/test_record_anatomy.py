"""record_anatomy: its controls, its one call, and what it shows of AWS's example records."""

from __future__ import annotations

import gzip
import html
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from lines import GOOD, HEADER, IPV6, NODATA, SSH_ACCEPTED, V2_FIELDS
from test_aws_examples import TCP_FLAGS, TCP_FLAGS_FORMAT

import flowlab as fl
from flowlab import practice
from flowlab.errors import FlowlabError
from flowlab.widgets.anatomy import EXAMPLE, EXAMPLE_FORMAT, record_anatomy
from flowlab.widgets.base import Panel

SSH = SSH_ACCEPTED.decode()


def spans(view):
    """Tokens of the line, each with its title, as a browser reads them."""
    found = re.findall(r'<span title="([^"]*)">(.*?)</span>', view)
    return [(html.unescape(title), html.unescape(token)) for title, token in found]


def chosen(panel):
    """The token that is marked, and what is said of it."""
    [marked] = re.findall(r"<b [^>]*><u><bdi>(.*?)</bdi></u></b>", panel._line.value)
    rows = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*><bdi>(.*?)</bdi></td>", panel._said.value)
    [name] = re.findall(r"<b>(.*?)</b>, field", panel._said.value)
    return name, marked, {title: html.unescape(value) for title, value in rows}


def kept(panel):
    """The call that is on screen gives the result that is on screen."""
    assert panel.error == ""
    again = eval(panel.call, {"fl": fl})
    pd.testing.assert_frame_equal(panel.result, again)
    return panel.call


def test_the_example_is_a_record_of_the_sample():
    with gzip.open(practice.SAMPLE, "rt") as file:
        header = next(file).strip()
        assert header == EXAMPLE_FORMAT
        assert EXAMPLE in (line.strip() for line in file)
    panel = record_anatomy()
    assert isinstance(panel, Panel)
    assert kept(panel) == f'fl.anatomy("{EXAMPLE}", log_format="{EXAMPLE_FORMAT}")'
    assert len(panel.result) == panel.controls["field"].max == 29


def test_a_line_in_the_default_format_needs_no_other():
    panel = record_anatomy(SSH)
    assert kept(panel) == f'fl.anatomy("{SSH}")'
    assert panel.result["field"].tolist() == V2_FIELDS
    assert chosen(panel) == (
        "version",
        "2",
        {
            "in words": "the newest field of this format came with version 2",
            "as written": "2",
            "as flowlab reads it": "2",
            "meaning": "Highest version among the fields of the format",
            "since version": "2",
        },
    )


def test_every_token_says_what_it_is():
    tokens = spans(record_anatomy(SSH)._line.value)
    assert len(tokens) == 14
    assert tokens[6] == ("dstport: ssh, by IANA", "<bdi>22</bdi>")
    assert tokens[10] == ("start: 2014-12-14 04:06:50 UTC", "<bdi>1418530010</bdi>")


def test_stepping_through_the_fields():
    panel = record_anatomy(TCP_FLAGS.decode().splitlines()[6], log_format=TCP_FLAGS_FORMAT)
    panel.controls["field"].value = 20
    name, token, said = chosen(panel)
    assert (name, token, said["in words"]) == ("tcp-flags", "3", "SYN, FIN")
    assert (said["unit"], said["since version"]) == ("bit mask", "3")
    panel._next.click()
    assert panel.controls["field"].value == 21
    assert chosen(panel)[:2] == ("log-status", "OK")
    assert (panel._previous.disabled, panel._next.disabled) == (False, True)
    panel._next.click()  # as from the keyboard of someone fast
    assert panel.controls["field"].value == 21
    for _ in range(20):
        panel._previous.click()
    assert chosen(panel)[:2] == ("version", "3")
    assert (panel._previous.disabled, panel._next.disabled) == (True, False)
    kept(panel)


def test_typing_another_line():
    panel = record_anatomy()
    panel.controls["field"].value = 29
    # Protocol 17 instead of 6: what a learner tries.
    panel.controls["line"].value = EXAMPLE.replace(" 443 6 ", " 53 17 ")
    words = panel.result.set_index("field")["in_words"]
    assert (words["protocol"], words["dstport"]) == ("UDP", "domain, by IANA")
    assert words["tcp-flags"] == "none: not TCP"
    with panel.together():
        panel.controls["line"].value = IPV6.decode()
        panel.controls["log_format"].value = ""
    assert kept(panel) == f'fl.anatomy("{IPV6.decode()}")'
    assert panel.controls["field"].value == panel.controls["field"].max == 14
    assert chosen(panel)[:2] == ("log-status", "OK")


def test_a_change_is_computed_once(monkeypatch):
    panel = record_anatomy()
    panel.controls["field"].value = 29
    asked, real = [], fl.anatomy
    monkeypatch.setattr(fl, "anatomy", lambda *a, **k: asked.append(a) or real(*a, **k))
    panel.controls["line"].value = EXAMPLE.replace("443", "80")
    with panel.together():  # also where a shorter line moves the slider
        panel.controls["line"].value, panel.controls["log_format"].value = SSH, ""
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "there is no line here"),
        (SSH[:-3], "13 tokens where the format has 14"),
        (f"{SSH} OK", "15 tokens where the format has 14"),
        ('{"message": "2 x"}', "this is JSON around 1 line"),
        (f"{SSH}\n{SSH}", "these are 2 lines"),
    ],
)
def test_a_line_typed_wrong_is_told_and_the_last_view_stays(line, said):
    panel = record_anatomy(SSH, log_format=V2_FIELDS)
    before = panel.result, panel.call, panel._line.value, panel.static()
    panel.controls["line"].value = line
    assert said in panel.error
    assert said in html.unescape(panel._message.value)
    assert before == (panel.result, panel.call, panel._line.value, panel.static())
    panel.controls["line"].value = NODATA.decode()
    assert panel.error == panel._message.value == ""
    assert panel.result["text"].iloc[-1] == "NODATA"


def test_a_format_typed_wrong_is_told():
    panel = record_anatomy(SSH)
    panel.controls["log_format"].value = "${version} ${srcaddr"
    assert "log_format cannot be used" in panel.error
    panel.controls["log_format"].value = "  "
    assert panel.error == ""
    kept(panel)


def test_a_format_without_a_line_asks_for_one():
    panel = record_anatomy(log_format=V2_FIELDS)
    assert "there is no line here" in panel.error
    panel.controls["line"].value = SSH
    assert kept(panel) == f'fl.anatomy("{SSH}", log_format="{HEADER.decode()}")'


def test_a_refused_line_says_so_above_its_fields():
    wrong = GOOD.decode().replace(" 12 ", " twelve ").replace(" 443 ", " 99443 ")
    panel = record_anatomy(wrong, log_format=V2_FIELDS)
    said = (
        "read_flows refuses this line: dstport 99443 is not between 0 and 65535; "
        "packets is not a whole number: 'twelve'"
    )
    assert said in html.unescape(panel._line.value)
    assert said in html.unescape(panel.static())
    panel.controls["field"].value = 7
    assert chosen(panel)[2]["as flowlab reads it"] == "null"
    kept(panel)


def test_a_header_line():
    panel = record_anatomy(HEADER.decode())
    assert [token for _, token in spans(panel._line.value)[1:]] == [
        f"<bdi>{name}</bdi>" for name in V2_FIELDS[1:]
    ]
    kept(panel)


def test_the_static_twin_has_the_line_and_a_row_for_each_field():
    panel = record_anatomy(SSH)
    assert [token for _, token in spans(panel.static())] == [f"<bdi>{t}</bdi>" for t in SSH.split()]
    assert panel.static().count("<tr>") == 1 + 14
    assert "<td style='text-align:left'>ssh, by IANA</td>" in panel.static()
    assert "2014-12-14 04:06:50+00:00" in panel.static()
    empty = record_anatomy(NODATA.decode()).static()
    assert "<td style='text-align:left'>null</td>" in empty
    assert "None" not in empty


HOSTILE = '<script>alert(1)</script> "><img/src=x/onerror=alert(1)> \u202egnp.\u200b %3Cb%3E \u0633'


OURS = {
    "p", "span", "bdi", "b", "u", "div", "table", "thead", "tbody", "tr", "th", "td",
    ("p", "dir"), ("p", "style"), ("span", "title"), ("b", "style"), ("div", "role"),
    ("th", "scope"), ("th", "style"), ("td", "style"),
}  # fmt: skip


def markup(view):
    """Tags, and attributes of tags, as a browser finds them."""
    found = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.update([tag, *((tag, name) for name, _ in attrs)])

    Reader().feed(view)
    return found


def test_hostile_text_is_shown_as_text():
    panel = record_anatomy(HOSTILE, log_format="region vpc-id az-id asg-tag subnet-id")
    for number in range(1, 6):
        panel.controls["field"].value = number
        for view in (panel._line.value, panel._said.value, panel.static()):
            assert markup(view) <= OURS
            assert not set("\u202e\u200b") & set(view)
    shown = html.unescape(panel._line.value)
    assert all(token in shown for token in HOSTILE.split()[:2])
    assert r"\u202egnp.\u200b" in shown
    assert "\u202e" not in kept(panel)


def test_a_quote_in_a_token_does_not_end_a_title():
    panel = record_anatomy("\"onmouseover=alert(1)' 1", log_format="region packets")
    assert markup(panel._line.value) <= OURS
    assert [title for title, _ in spans(panel._line.value)] == [
        "region: \"onmouseover=alert(1)'",
        "packets: 1 packet",
    ]


def test_a_token_of_100_kb_is_cut_where_it_is_shown_and_whole_in_the_result():
    long = "x" * 100_000
    panel = record_anatomy(f"{long} 12", log_format="region packets")
    assert panel.result["value"].tolist() == [long, 12]
    for view in (panel._line.value, panel._said.value, panel.static()):
        assert len(view) < 4000
    assert f"{'x' * 79}…" in panel._line.value
    panel.controls["line"].value = long
    assert len(panel.error) < 1000


def test_a_frame_is_no_line():
    with pytest.raises(FlowlabError, match="one raw line as text, not DataFrame"):
        record_anatomy(pd.DataFrame({"srcaddr": ["10.0.1.5"]}))


def test_every_control_has_a_label():
    panel = record_anatomy()
    assert {name: c.description for name, c in panel.controls.items()} == {
        "line": "line", "log_format": "log_format", "field": "field",
    }  # fmt: skip
    assert (panel._previous.description, panel._next.description) == (
        "previous field",
        "next field",
    )
