"""Files look like those AWS delivers, and hold the records of the table."""

import gzip
import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowlab.practice import SAMPLE, generate
from flowlab.practice.__main__ import main, sample_text
from flowlab.practice.writing import V2, V5, to_lines, write_parquet, write_text

# The default format, from AWS's documentation.
DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
    "start end action log-status"
)
NAME = re.compile(r"012345678901_vpcflowlogs_eu-west-1_fl-[0-9a-f]{17}_(\d{8}T\d{4}Z)_[0-9a-f]{8}")


@pytest.fixture(scope="module")
def table():
    return generate(records=20_000).table


def shown(value):
    return "-" if value is None else str(value)


def read(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_field_lists():
    assert " ".join(V2) == DEFAULT
    assert len(V5) == 29
    assert V5[:14] == V2


def test_lines_are_the_rows(table):
    lines = to_lines(table, V5).decode().split("\n")
    assert lines.pop() == ""  # the last line ends like every other
    assert len(lines) == table.num_rows
    for row in (*range(40), table.num_rows // 2, table.num_rows - 1):
        values = table.slice(row, 1).to_pylist()[0]
        assert lines[row].split(" ") == [shown(values[name]) for name in V5]


def test_lines_have_the_documented_shape_when_there_was_no_traffic(table):
    silent = [line for line in to_lines(table, V2).decode().splitlines() if "NODATA" in line]
    pattern = r"2 012345678901 eni-\w+ - - - - - - - \d{10} \d{10} - NODATA"
    assert silent
    assert all(re.fullmatch(pattern, line) for line in silent)


def test_fields_can_be_chosen_and_ordered(table):
    lines = to_lines(table.slice(0, 30), ["tcp-flags", "version", "dstaddr"]).decode().splitlines()
    rows = table.slice(0, 30).to_pylist()
    assert [line.split(" ") for line in lines] == [
        [shown(row["tcp-flags"]), "3", shown(row["dstaddr"])] for row in rows
    ]


@pytest.mark.parametrize(
    ("fields", "version"),
    [(V2, "2"), ((*V2, "vpc-id"), "3"), ((*V2, "az-id", "type"), "4"), (V5, "5")],
)
def test_version_is_the_highest_of_the_fields(table, fields, version):
    lines = to_lines(table.slice(0, 50), fields).decode().splitlines()
    assert {line.split(" ")[0] for line in lines} == {version}


def test_unknown_fields_are_refused(table):
    with pytest.raises(ValueError, match="not a field of version 5: src-addr"):
        to_lines(table, ["version", "src-addr"])


def test_no_records_no_lines_no_files(table, tmp_path):
    assert to_lines(table.slice(0, 0), V5) == b""
    assert write_text(table.slice(0, 0), tmp_path) == []


def test_large_tables_are_written_in_parts(table, monkeypatch):
    whole = to_lines(table, V5)
    monkeypatch.setattr("flowlab.practice.writing._CHUNK", 1000)
    assert to_lines(table, V5) == whole


def test_one_text_file(table, tmp_path):
    [path] = write_text(table, tmp_path / "new")
    assert path.parent == tmp_path / "new"
    lines = read(path)
    assert lines[0] == " ".join(V5)
    assert lines[1:] == to_lines(table, V5).decode().splitlines()


def test_plain_text_without_header(table, tmp_path):
    [path] = write_text(table, tmp_path, fields=V2, header=False, compress=False)
    assert path.name.endswith(".log")
    assert path.read_bytes() == to_lines(table, V2)


def test_compressed_files_carry_no_time(table, tmp_path):
    [first] = write_text(table, tmp_path / "a")
    [second] = write_text(table, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # MTIME, RFC 1952


def test_s3_layout(table, tmp_path):
    paths = write_text(table, tmp_path, files="s3")
    assert len(paths) == 288
    assert paths == sorted(paths)
    together = []
    for path in paths:
        assert path.parent == tmp_path / "AWSLogs/012345678901/vpcflowlogs/eu-west-1/2026/03/02"
        stamp = NAME.fullmatch(path.name.removesuffix(".log.gz")).group(1)
        slot = datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC).timestamp()
        header, *lines = read(path)
        assert header == " ".join(V5)
        for line in lines:
            assert slot <= int(line.split(" ")[11]) <= slot + 299
        together += lines
    assert together == to_lines(table, V5).decode().splitlines()


def test_other_s3_layouts(table, tmp_path):
    row = table.slice(0, 1)
    account = "AWSLogs/aws-account-id=012345678901/aws-service=vpcflowlogs"
    expected = {
        (False, True): "AWSLogs/012345678901/vpcflowlogs/eu-west-1/2026/03/02/00",
        (True, False): f"{account}/aws-region=eu-west-1/year=2026/month=03/day=02",
        (True, True): f"{account}/aws-region=eu-west-1/year=2026/month=03/day=02/hour=00",
    }
    for (hive, hourly), folder in expected.items():
        [path] = write_text(row, tmp_path, files="s3", hive=hive, hourly=hourly)
        assert path.parent == tmp_path / folder
        [path] = write_parquet(row, tmp_path, hive=hive, hourly=hourly)
        assert path.parent == tmp_path / folder


def test_a_wrong_word_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match='files must be "one" or "s3", not \'many\''):
        write_text(table, tmp_path, files="many")


def test_parquet_has_the_names_types_and_nulls_of_aws(table, tmp_path):
    [path] = write_parquet(table, tmp_path, files="one")
    assert path.name.endswith(".log.parquet")
    file = pq.ParquetFile(path)
    assert file.metadata.row_group(0).column(0).compression == "GZIP"
    read_back = file.read()
    small = ["version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"]
    large = ["packets", "bytes", "start", "end"]
    types = {f.name: str(f.type) for f in read_back.schema}
    assert list(types) == [name.replace("-", "_") for name in V5]
    assert types == {
        name: "int32" if name in small else "int64" if name in large else "string" for name in types
    }
    for name in V5:
        values, written = table[name], read_back[name.replace("-", "_")]
        if name.replace("-", "_") in small + large:
            assert written.to_pylist() == values.to_pylist()
        else:
            assert written.null_count == 0
            assert written.to_pylist() == [shown(v) for v in values.to_pylist()]


def test_parquet_of_the_default_format_says_version_2(table, tmp_path):
    [path] = write_parquet(table, tmp_path, files="one", fields=V2)
    assert set(pq.read_table(path)["version"].to_pylist()) == {2}


def test_parquet_in_s3_holds_every_record(table, tmp_path):
    paths = write_parquet(table, tmp_path)
    assert len(paths) == 288
    # Each file alone: a reader given the folder would add a column for every `=` in its path.
    ends = [pq.ParquetFile(path).read(["end"])["end"] for path in paths]
    assert pa.chunked_array([c for column in ends for c in column.chunks]).to_pylist() == (
        table["end"].to_pylist()
    )


# The bundled sample and the command


def test_bundled_sample_is_what_the_generator_makes():
    assert gzip.decompress(SAMPLE.read_bytes()) == sample_text()
    assert SAMPLE.stat().st_size < 2_000_000


def test_command(tmp_path, capsys):
    key = tmp_path / "key.json"
    assert (
        main(
            [
                str(tmp_path / "out"),
                "--records",
                "15000",
                "--seed",
                "3",
                "--format",
                "v2",
                "--files",
                "one",
                "--answer-key",
                str(key),
            ]
        )
        == 0
    )
    [path] = (tmp_path / "out").iterdir()
    expected = generate(seed=3, records=15_000).table
    assert read(path)[1:] == to_lines(expected, V2).decode().splitlines()
    assert "192.0.2.146" in key.read_text()
    assert f"{expected.num_rows:,} records in 1 files" in capsys.readouterr().out


def test_command_writes_parquet(tmp_path):
    assert main([str(tmp_path), "--records", "1", "--format", "parquet", "--files", "one"]) == 0
    [path] = tmp_path.iterdir()
    assert path.name.endswith(".log.parquet")


@pytest.mark.parametrize("arguments", [[], ["out", "--sample"]])
def test_command_wants_either_a_folder_or_the_sample(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "give either OUT or --sample" in capsys.readouterr().err
