"""A Parquet folder gives the answers the DataFrame gives."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flowlab as fl
from flowlab.errors import LineFormatError, SourceError
from flowlab.practice import generate, writing

QUESTIONS = [
    (fl.totals, {}),
    (fl.breakdown, {"by": ["protocol", "dstport"], "n": 20}),
    (fl.breakdown, {"by": "instance_id", "rank_by": "packets"}),
    (fl.top_talkers, {"n": None}),
    (fl.top_talkers, {"packet_level": True, "rank_by": "flow_records"}),
    (fl.traffic_over_time, {"every": "10min", "by": "action"}),
    (fl.traffic_over_time, {"every": "1h", "spread": False, "start": "2026-03-02 06:00"}),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    table = generate(records=20_000).table
    folder = tmp_path_factory.mktemp("archive")
    writing.write_parquet(table, folder, hive=True)
    text = tmp_path_factory.mktemp("text")
    writing.write_text(table, text)
    return fl.open_archive(folder), fl.read_flows(text, progress=False)[0]


@pytest.mark.parametrize(("question", "options"), QUESTIONS)
def test_answers_are_equal_in_columns_types_order_and_values(places, question, options):
    archive, flows = places
    pd.testing.assert_frame_equal(question(archive, **options), question(flows, **options))


def test_columns_are_those_of_the_flow_frame(places):
    archive, flows = places
    assert list(archive.columns) == list(flows.columns)
    assert archive.rows > len(flows)  # NODATA and SKIPDATA rows are in the files
    assert "Parquet files" in repr(archive)
    assert "Parquet files" in archive._repr_html_()


def test_nothing_is_loaded_to_open_it(places, monkeypatch):
    archive, _ = places
    monkeypatch.setattr(pq, "read_table", lambda *a, **k: pytest.fail("loaded"))
    assert fl.totals(fl.open_archive(archive.folder))["flow_records"].item() > 0


def test_files_of_different_columns_and_types(tmp_path):
    pq.write_table(
        pa.table({"srcaddr": ["10.0.0.1", "-"], "bytes": ["5", "-"], "start": [60, 1788222600123],
                  "log_status": ["OK", "NODATA"]}), tmp_path / "a.parquet")  # fmt: skip
    pq.write_table(
        pa.table({"srcaddr": ["10.0.0.1"], "bytes": pa.array([7], pa.int32()),
                  "start": pa.array([1788222600123], pa.int64()), "flow_direction": ["egress"]}),
        tmp_path / "b.parquet")  # fmt: skip
    archive = fl.open_archive(tmp_path)
    got = fl.breakdown(archive, ["srcaddr", "flow_direction"])
    assert got["bytes"].tolist() == [7, 5]
    assert got["flow_direction"].isna().tolist() == [False, True]
    assert fl.totals(archive)["first_start"].item() == pd.Timestamp(60, unit="s", tz="UTC")
    later = fl.totals(archive, start="2026-09-01 00:30", end="2026-09-01 00:31")
    assert later["bytes"].item() == 7  # its milliseconds were read as such


def test_the_sql_of_an_archive_reads_like_that_of_a_frame(places):
    archive, flows = places
    assert fl.sql(fl.top_talkers, archive) == fl.sql(fl.top_talkers, flows)


def test_folders_that_are_no_archive(tmp_path):
    with pytest.raises(SourceError, match="no such folder"):
        fl.open_archive(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="no Parquet file"):
        fl.open_archive(tmp_path)
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(
        LineFormatError, match=r"other.parquet: no flow-log field among its columns: name"
    ):
        fl.open_archive(tmp_path)
    (tmp_path / "other.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(LineFormatError, match=r"other.parquet: this Parquet file cannot be opened"):
        fl.open_archive(tmp_path)


def test_odd_folder_names_are_text_and_not_sql(tmp_path):
    folder = tmp_path / 'it\'s; -- "mine"'
    folder.mkdir()
    pq.write_table(pa.table({"srcaddr": ["10.0.0.1"], "bytes": [5]}), folder / "a'b.parquet")
    assert fl.totals(fl.open_archive(folder))["bytes"].item() == 5
