"""Files: what comes back is what went out, and a half-written one is never there."""

from __future__ import annotations

import csv
import os

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from lines import SSH_ACCEPTED, read

import flowlab as fl
from flowlab.errors import FlowlabError
from flowlab.exports import paging
from flowlab.exports.files import to_csv, to_parquet


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()[0].iloc[:1000].reset_index(drop=True)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 333)


@pytest.mark.parametrize(("write", "suffix"), [(to_parquet, "parquet"), (to_csv, "csv")])
def test_reading_back_gives_an_equal_frame(sample, tmp_path, write, suffix):
    path = write(sample, tmp_path / f"flows.{suffix}")
    again, ledger = fl.read_flows(path, progress=False)
    assert ledger.balanced
    assert ledger.rejected == 0
    used = {
        c: s.cat.remove_unused_categories() for c, s in sample.select_dtypes("category").items()
    }
    pd.testing.assert_frame_equal(again, sample.assign(**used))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_archive_of_it_answers_alike(sample, tmp_path):
    to_parquet(sample, tmp_path / "flows.parquet")
    archive = fl.open_archive(tmp_path)
    pd.testing.assert_frame_equal(fl.top_talkers(archive), fl.top_talkers(sample))
    over = {"every": "1min", "by": "action"}
    pd.testing.assert_frame_equal(
        fl.traffic_over_time(archive, **over), fl.traffic_over_time(sample, **over)
    )
    # And the other way: an archive is written as a file.
    out = tmp_path / "out"
    out.mkdir()
    again, _ = fl.read_flows(to_parquet(archive, out / "again.parquet"), progress=False)
    order = list(sample.columns)
    first = again.astype("str").sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(first, sample.astype("str").sort_values(order, ignore_index=True))


def test_another_engine_reads_the_same_numbers(sample, tmp_path):
    for path in (to_parquet(sample, tmp_path / "a.parquet"), to_csv(sample, tmp_path / "b.csv")):
        asked = f"SELECT count(*), sum(bytes), min(start)::TEXT, count(traffic_path) FROM '{path}'"
        first = sample["start"].min().strftime("%Y-%m-%d %H:%M:%S")
        counted = (len(sample), sample["bytes"].sum(), first, sample["traffic_path"].count())
        rows, total, start, paths = duckdb.connect().sql(asked).fetchall()[0]
        assert (rows, total, start[:19], paths) == counted
    stored = pq.read_schema(tmp_path / "a.parquet")
    assert str(stored.field("start").type) == "timestamp[ms, tz=UTC]"


def test_a_period_and_no_records_at_all(sample, tmp_path):
    middle = sample["start"].quantile(0.5)
    path = to_parquet(sample, tmp_path / "half.parquet", start=middle)
    assert pq.read_metadata(path).num_rows == (sample["start"] >= middle).sum()
    for write, name in ((to_parquet, "none.parquet"), (to_csv, "none.csv")):
        none = write(sample, tmp_path / name, end="2000-01-01")
        again, _ = fl.read_flows(none, progress=False)
        assert len(again) == 0
        assert list(again.columns) == list(sample.columns)


HOSTILE = ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(1)", "\tx", "fine", "a,b", 'say "x"']


def test_a_spreadsheet_gets_no_formula_unless_asked(tmp_path):
    flows = pd.concat([read(SSH_ACCEPTED)[0]] * len(HOSTILE), ignore_index=True)
    flows["instance_tag"] = pd.array(HOSTILE, "large_string[pyarrow]")

    def tags(path):
        with path.open(newline="") as file:
            return [row["instance_tag"] for row in csv.DictReader(file)]

    safe = tags(to_csv(flows, tmp_path / "safe.csv"))
    assert safe == ["'" + tag for tag in HOSTILE[:5]] + HOSTILE[5:]
    assert tags(to_csv(flows, tmp_path / "as-is.csv", formulas=True)) == HOSTILE


@pytest.mark.parametrize("write", [to_parquet, to_csv])
def test_a_failure_leaves_what_was_there(sample, tmp_path, write):
    path = tmp_path / "kept"
    path.write_text("before")
    wrong = sample.assign(dstaddr=sample["dstaddr"].where(sample.index < 800, "banana"))
    with pytest.raises(FlowlabError, match="banana"):
        write(wrong, path)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("write", [to_parquet, to_csv])
def test_a_folder_that_is_not_there_is_named(sample, tmp_path, write):
    with pytest.raises(FlowlabError, match=r"could not be written: .*[\s\S]*folder"):
        write(sample, tmp_path / "missing" / "file")


def test_what_is_no_file_is_not_replaced(tmp_path):
    flows, _ = fl.sample_flows()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FlowlabError, match="is not a file"):
        to_csv(flows.head(2), tmp_path / "pipe.csv")
    assert (tmp_path / "pipe.csv").is_fifo()
