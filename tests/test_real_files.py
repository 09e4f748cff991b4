"""Files of other projects' test suites; their totals were counted by hand (tests/data/README.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowlab as fl

DATA = Path(__file__).parent / "data"
PARQUET = next(DATA.glob("*.parquet"))


@pytest.mark.parametrize(
    ("path", "records", "total_bytes", "packets", "accepted"),
    [
        (DATA / "lambda-promtail-vpcflowlog.log.gz", 3, 34_052, 97, 3),
        (DATA / "coralogix-vpcflow.log.gz", 2, 9_156, 40, 2),
        (PARQUET, 7, 14_516, 64, 4),
    ],
)
def test_totals(path, records, total_bytes, packets, accepted):
    flows, ledger = fl.read_flows(path, progress=False)
    assert ledger.balanced
    assert ledger.rejected == 0
    assert len(flows) == records
    assert flows["bytes"].sum() == total_bytes
    assert flows["packets"].sum() == packets
    assert (flows["action"] == "ACCEPT").sum() == accepted


def test_text_and_parquet_have_the_same_columns_and_types():
    text, _ = fl.read_flows(DATA / "coralogix-vpcflow.log.gz", progress=False)
    parquet, _ = fl.read_flows(PARQUET, progress=False)
    kinds = [
        {c: "category" if str(t) == "category" else t for c, t in frame.dtypes.items()}
        for frame in (text, parquet)
    ]
    assert kinds[0] == kinds[1]


def test_one_folder_with_all_of_them_and_a_file_that_is_no_flow_log():
    flows, ledger = fl.read_flows(DATA, progress=False)
    assert len(flows) == 12
    assert ledger.balanced
    assert any("README.md" in notice for notice in ledger.notices)
    assert sorted(ledger.files["content"]) == [
        "gzip text",
        "gzip text",
        "not a flow log",
        "parquet",
    ]
