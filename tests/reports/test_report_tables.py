"""One table of a report, whatever it holds."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from flowlab.reports.tables import MOST_ROWS, plain, table


def parts(written):
    """The caption, the first page as text, and the rows that the script has."""
    data = json.loads(re.search(r'<script type="application/json">(.*)</script>', written)[1])
    body = written.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return re.search(r"<caption>(.*?)</caption>", written)[1], rows, data


def test_the_first_page_is_there_and_the_rest_is_with_it():
    frame = pd.DataFrame({"addr": [f"10.0.0.{n}" for n in range(40)], "bytes": range(40)})
    caption, rows, data = parts(table(frame, caption="Talkers", page=10))
    assert caption == "Talkers"
    assert rows == data["rows"][:10]
    assert data["rows"] == [[f"10.0.0.{n}", str(n)] for n in range(40)]
    assert data["page"] == 10
    assert data["kinds"] == ["", "n"]


def test_what_is_cut_is_said():
    frame = pd.DataFrame({"bytes": range(MOST_ROWS + 234)})
    caption, _, data = parts(table(frame, caption="All"))
    assert caption == "All: the first 1,000 of 1,234 rows"
    assert len(data["rows"]) == MOST_ROWS
    assert "All: no rows" in table(frame.head(0), caption="All")
    assert "the first 20 of 1,234 rows" in plain(frame, caption="All", most=20)


def test_values_are_written_as_people_read_them():
    frame = pd.DataFrame(
        {
            "protocol": pd.array([6, 58, None], "int32[pyarrow]"),
            "port": pd.array([3389, None, 65535], "int32[pyarrow]"),
            "bytes": [2**53 + 1, 0, 12_345],
            "share": [0.5, 0.00001, 0.25],
            "lines": [1_000, 2, 3],
            "bytes_per_hour": [1_779_056.43, 0.0, 8.96],
            "time": pd.to_datetime(
                ["2026-03-29 00:59:59", None, "2026-03-29 01:00:00"], utc=True
            ).tz_convert("Europe/Madrid"),
            "yes": [True, False, True],
        }
    )
    _, rows, data = parts(table(frame, caption="x"))
    assert rows == [
        [
            "TCP",
            "3389",
            "9,007,199,254,740,993",
            "50.00%",
            "1,000",
            "1,779,056.4",
            "2026-03-29 01:59:59",
            "True",
        ],
        ["ICMPv6", "", "0", "0.00%", "2", "0.0", "", "False"],
        ["", "65535", "12,345", "25.00%", "3", "9.0", "2026-03-29 03:00:00", "True"],
    ]
    assert data["kinds"] == ["", "", "n", "n", "n", "n", "t", ""]
    assert "time (Europe/Madrid)" in table(frame, caption="x")


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--", "a&lt;b", "\u202eevil\x1b[31m", "\u2028"]
)
def test_text_stays_text(text):
    written = table(pd.DataFrame({text: [text]}), caption=text)
    assert written.count("<script") == written.count("</script") == 1
    for mark in ("<!--", "alert(1)</script>", "\u202e", "\x1b", "\u2028"):
        assert mark not in written
    cell = parts(written)[2]["rows"][0][0]
    assert cell == (text if text.isprintable() else cell)


def test_a_long_text_is_cut_and_shows_it():
    _, rows, _ = parts(table(pd.DataFrame({"tag": ["x" * 3000]}), caption="x"))
    assert rows[0][0] == "x" * 299 + "…"
