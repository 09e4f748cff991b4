"""What the ledger shows, in a terminal and in a notebook."""

from __future__ import annotations

import pandas as pd
from lines import GOOD, HEADER, NODATA, SKIPDATA, read, text

from flowlab.ledger import FileEntry, Ledger, RejectedLine


def test_as_text():
    _, ledger = read(text(HEADER, GOOD, NODATA, SKIPDATA, b"bad"))
    assert repr(ledger).splitlines() == [
        "Ledger of 1 file: balanced",
        "lines                       5",
        "headers                     1",
        "records                     1",
        "nodata                      1",
        "skipdata                    1",
        "rejected                    1",
        "duplicates                  0",
        "outside period              0",
        "- why lines were rejected: see ledger.rejected_lines",
        "- SKIPDATA: AWS lost records here, one line can stand for many (ledger.no_traffic)",
    ]


def test_as_html_with_everything_escaped():
    ledger = Ledger(
        [FileEntry("<img src=x>.log", lines=1, records=1)], notices=["<script>alert(1)</script>"]
    )
    shown = ledger._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "balanced" in shown


def test_an_unbalanced_ledger_says_so():
    ledger = Ledger([FileEntry("a.log", lines=3, records=1)])
    assert not ledger.balanced
    assert "NOT BALANCED" in repr(ledger)


def test_tables_have_their_types_even_when_empty():
    ledger = Ledger()
    assert ledger.balanced
    assert ledger.rejected_lines.dtypes.astype(str).to_dict() == {
        "file": "str", "line_number": "Int64", "reason": "str", "text": "str",
    }  # fmt: skip
    assert str(ledger.files["first_start"].dtype) == "datetime64[s, UTC]"
    listed = Ledger(listed=[RejectedLine("a", None, "why", "text")])
    assert listed.rejected_lines["line_number"].isna().all()


def test_files_tell_format_and_times():
    _, ledger = read(text(HEADER, GOOD, NODATA))
    file = ledger.files.iloc[0]
    assert (file["content"], file["fields"], file["lines"]) == ("text", 14, 3)
    assert file["first_start"] == pd.Timestamp("2026-09-01 00:30:00", tz="UTC")
    assert file["last_end"] == pd.Timestamp("2026-09-01 00:30:31", tz="UTC")
