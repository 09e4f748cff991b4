"""What flow logs cost: bytes against real lines, prices by hand, ten minutes against pandas."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
from lines import IPV6, NODATA, PING_REPLY, SKIPDATA, SSH_ACCEPTED, read, text
from setup.planned import BUCKET, NOTHING, STREAM, SUBNET, VPC, plan

import flowlab as fl
from flowlab import practice, rates
from flowlab.costs import estimate_cost
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError
from flowlab.practice import writing
from flowlab.pricing import PLACES, price
from flowlab.tables import FrameTable
from flowlab.volumes import volume_of
from flowlab.weighing import stored

GB = 2**30
DATA = Path(__file__).parent / "data"
DAY = 1_788_220_800  # 2026-09-01 00:00 UTC
FLAT = {  # USD per byte, so that amounts are bytes
    "s3_delivery": GB, "parquet_conversion": 0, "s3_storage": 0, "firehose_delivery": GB,
    "firehose_ingestion": 0, "cloudwatch_delivery": GB, "cloudwatch_ia_delivery": GB,
    "cloudwatch_storage": 0, "cloudwatch_ia_storage": 0, "cloudwatch_free_gb": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def scenario():
    return practice.generate(records=1).table


@pytest.fixture(scope="module")
def written(scenario):
    """Records of ours as text, and what is read of it."""
    data = writing.to_lines(scenario)
    header = " ".join(writing.V5).encode() + b"\n"
    return data, *read(header + data)


def line(start, end, *, src="198.51.100.7", dst="10.0.1.5", port=51544, action="ACCEPT", count=12):
    return (
        f"2 000123456789 eni-0a1b2c3d4e5f60718 {src} {dst} {port} 443 6 {count} 3120 "
        f"{DAY + start} {DAY + end} {action} OK"
    ).encode()


def silence(start, end, status="NODATA"):
    dashes = " ".join(["-"] * 7)
    return f"2 000123456789 eni-0a1b2c3d4e5f60718 {dashes} {DAY + start} {DAY + end} - {status}".encode()


A_DAY = (line(0, 30), line(43_200, 43_230), line(86_370, 86_399))


def row(costs, destination="S3 text", traffic="ALL", interval=60):
    found = costs[
        (costs["destination"] == destination)
        & (costs["traffic"] == traffic)
        & (costs["interval"] == interval)
    ]
    assert len(found) == 1
    return found.iloc[0]


# Bytes


def weight(flows, ledger=None, **options):
    """Lines and bytes measured, before they are scaled."""
    found = row(estimate_cost(flows, ledger=ledger, **options))
    lines = len(flows) + (0 if ledger is None else len(ledger.no_traffic))
    return found["bytes_per_record"] * lines


def test_bytes_are_those_of_the_lines_written(written):
    data, flows, ledger = written
    assert ledger.nodata and ledger.skipdata
    assert weight(flows, ledger) == pytest.approx(len(data), abs=1e-6)


def test_bytes_are_those_of_the_bundled_files_lines():
    flows, ledger = fl.sample_flows()
    whole = gzip.decompress(Path(practice.SAMPLE).read_bytes())
    assert weight(flows, ledger) == pytest.approx(len(whole.partition(b"\n")[2]), abs=1e-6)


@pytest.mark.parametrize("name", ["coralogix-vpcflow.log.gz", "lambda-promtail-vpcflowlog.log.gz"])
def test_bytes_are_those_of_real_files(name):
    lines = gzip.decompress((DATA / name).read_bytes()).splitlines()
    lines = [one for one in lines if b"srcaddr" not in one]
    flows, ledger = read(text(*lines))
    measured = int(sum(volume(flows, ledger).lines[60][list(flows.columns)].sum()))
    assert measured + len(flows) * len(flows.columns) == len(text(*lines))


def volume(flows, ledger):
    return volume_of(
        FrameTable(flows), FrameTable(ledger.no_traffic), list(flows.columns), [], 60, None, True
    )


def test_ipv6_nodata_and_skipdata_by_the_length_of_awss_examples():
    lines = [SSH_ACCEPTED, IPV6, PING_REPLY, NODATA, SKIPDATA]
    assert weight(*read(text(*lines))) == pytest.approx(len(text(*lines)))


def test_without_a_ledger_only_records_are_counted_and_it_is_said():
    flows, _ = read(text(*A_DAY, silence(100, 160)))
    costs = estimate_cost(flows)
    assert weight(flows) == pytest.approx(len(text(*A_DAY)))
    assert "NODATA lines are not counted" in row(costs)["unsure"]


def test_nulls_are_one_character(written):
    _, flows, _ = written
    few = flows.head(1000)
    python = 0
    for record in few.itertuples(index=False):
        for name, value in zip(few.columns, record, strict=True):
            seconds = name in ("start", "end")
            shown = "-" if pd.isna(value) else int(value.timestamp()) if seconds else value
            python += len(str(shown)) + 1
    assert few.isna().any().any()
    assert weight(few) == pytest.approx(python)


def test_a_narrower_format(scenario, written):
    _, flows, ledger = written
    narrow = writing.to_lines(scenario, writing.V2)
    assert weight(flows, ledger, fields="minimal") == pytest.approx(len(narrow))
    assert weight(flows, ledger, fields=writing.V2) == pytest.approx(len(narrow))


def test_columns_of_ones_own_are_not_in_the_text():
    flows, ledger = read(text(*A_DAY))
    assert weight(flows.assign(service="https"), ledger) == pytest.approx(len(text(*A_DAY)))


def test_numbers_held_as_floats_and_text_as_objects():
    flows, ledger = read(text(*A_DAY))
    loose = flows.astype({"packets": "float64", "bytes": "float64", "interface_id": "object"})
    assert weight(loose, ledger) == pytest.approx(len(text(*A_DAY)))


def test_an_archive_tells_the_same_and_has_its_own_ledger(scenario, written, tmp_path):
    data, flows, ledger = written
    writing.write_parquet(scenario, tmp_path / "parquet", files="one")
    archive = fl.archive(tmp_path / "parquet", tmp_path / "archive", progress=False)
    ours = estimate_cost(archive)
    pd.testing.assert_frame_equal(
        ours.drop(columns="stored_gb").select_dtypes("number").iloc[:, :4],
        estimate_cost(flows, ledger=ledger).drop(columns="stored_gb").select_dtypes("number").iloc[:, :4],
    )  # fmt: skip
    assert ours["records_per_month"][0] == data.count(b"\n") * 30


# A month


def test_a_day_becomes_thirty():
    flows, ledger = read(text(*A_DAY))
    found = row(estimate_cost(flows, ledger=ledger, rates=FLAT))
    assert found["records_per_month"] == 90
    assert found["delivery_usd"] == pytest.approx(30 * len(text(*A_DAY)))
    assert found["gb_per_month"] * GB == pytest.approx(30 * len(text(*A_DAY)))
    assert "3 records and 0 NODATA or SKIPDATA lines of 1 ENIs" in found["basis"]
    assert "0.125 lines per ENI and hour" in found["basis"]


def test_for_more_enis_than_measured():
    flows, ledger = read(text(*A_DAY, A_DAY[0].replace(b"eni-0a", b"eni-0b")))
    assert row(estimate_cost(flows, ledger=ledger, interfaces=3))["records_per_month"] == 180
    flows, ledger = read(text(*A_DAY))
    assert row(estimate_cost(flows, ledger=ledger, interfaces=40))["records_per_month"] == 3600
    assert row(estimate_cost(flows, ledger=ledger, interfaces=0))["total_usd"] == 0
    with pytest.raises(FlowlabError, match="no interface-id"):
        estimate_cost(flows.drop(columns="interface_id"), interfaces=2)


def test_seconds_of_records_give_no_month():
    flows, ledger = read(text(line(0, 30), line(5, 41)))
    found = row(estimate_cost(flows, ledger=ledger))
    assert pd.isna(found["records_per_month"])
    assert pd.isna(found["total_usd"])
    assert found["bytes_per_record"] == len(line(0, 30)) + 1
    assert "42 s of records are too short" in found["unsure"]
    for by in ("field", "interface"):
        assert estimate_cost(flows, ledger=ledger, by=by)["s3_text_usd"].isna().all()


def test_records_without_a_time_give_no_month():
    flows, ledger = read(text(*A_DAY))
    timeless = flows.assign(start=pd.Series(pd.NaT, index=flows.index, dtype=flows["start"].dtype))
    for by in ("destination", "field", "interface"):
        found = estimate_cost(timeless, ledger=ledger, by=by)
        assert found["gb_per_month"].isna().all()
        assert "0 s of records are too short" in found["unsure"][0]


def test_less_than_a_day_and_hours_without_a_line_are_said():
    flows, ledger = read(text(line(0, 30), line(36_000, 36_030)))
    unsure = row(estimate_cost(flows, ledger=ledger))["unsure"]
    assert "only 10.0 h of records" in unsure
    assert "9 of 11 hours have no line" in unsure
    flows, ledger = read(
        text(*(line(h * 3600, h * 3600 + 30) for h in range(24)), line(86_399, 86_399))
    )
    assert "hours" not in row(estimate_cost(flows, ledger=ledger))["unsure"]


def test_no_records_cost_nothing():
    flows, ledger = read(text(*A_DAY))
    for by in ("destination", "field", "interface"):
        found = estimate_cost(flows.iloc[:0], by=by)
        assert list(found.columns) == list(estimate_cost(flows, by=by).columns)
        assert found.dtypes.tolist() == estimate_cost(flows, by=by).dtypes.tolist()
    empty = estimate_cost(flows.iloc[:0])
    assert (empty["total_usd"] == 0).all()
    assert "nothing was measured" in empty["basis"][0]
    asked = estimate_cost(flows, ledger=ledger, start="2027-01-01")
    assert (asked["records_per_month"] == 0).all()


def test_a_period_takes_its_nodata_lines_alone():
    flows, ledger = read(text(*A_DAY, silence(100, 160), silence(80_000, 80_060)))
    end = pd.Timestamp(DAY + 50_000, unit="s")
    found = row(estimate_cost(flows, ledger=ledger, end=end))
    assert "2 records and 1 NODATA" in found["basis"]
    assert found["records_per_month"] == round(3 * 30 * 86_400 / 43_231)


# ACCEPT, REJECT


def test_reject_is_exact(written):
    _, flows, ledger = written
    costs = estimate_cost(flows, ledger=ledger)
    for action in ("ACCEPT", "REJECT"):
        lines = int((flows["action"] == action).sum()) + len(ledger.no_traffic)
        assert row(costs, traffic=action)["records_per_month"] == lines * 30
    assert "NODATA lines are taken to be the same" in row(costs, traffic="REJECT")["unsure"]
    assert "NODATA" not in row(costs)["unsure"]


def test_rejects_alone_do_not_tell_what_all_would_be():
    flows, ledger = read(text(*(one.replace(b"ACCEPT", b"REJECT") for one in A_DAY)))
    assert "all records are REJECT" in row(estimate_cost(flows, ledger=ledger))["unsure"]


def test_without_action_reject_is_not_known():
    flows, ledger = read(text(*A_DAY))
    found = row(estimate_cost(flows.drop(columns="action"), ledger=ledger), traffic="REJECT")
    assert pd.isna(found["total_usd"])
    assert found["unsure"].startswith("unknown: the records have no action")


# 60 s and 600 s


def test_ten_minutes_against_plain_python(written):
    _, flows, _ = written
    keys = ["interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "action",
            "pkt_srcaddr", "pkt_dstaddr"]  # fmt: skip
    flat = flows.astype(dict.fromkeys(flows.select_dtypes("category"), "object"))
    flat["start"] = flat["start"].astype("int64")
    flat["end"] = flat["end"].astype("int64")
    windows = defaultdict(list)
    for record in flat.to_dict("records"):
        at = record["start"] // 600
        windows[(at, *(None if pd.isna(record[k]) else record[k] for k in keys))].append(record)
    length = 0
    for same in windows.values():
        joined = dict(same[0])
        for name in ("packets", "bytes"):
            joined[name] = sum(r[name] for r in same)
        joined["start"], joined["end"] = min(r["start"] for r in same), max(r["end"] for r in same)
        flags = [r["tcp_flags"] for r in same if not pd.isna(r["tcp_flags"])]
        joined["tcp_flags"] = 0 if flags else None
        for one in flags:
            joined["tcp_flags"] |= one
        length += sum(len("-" if pd.isna(v) else str(v)) + 1 for v in joined.values())
    found = row(estimate_cost(flows, rates=FLAT), interval=600)
    seconds = int(flat["end"].max() - flat["start"].min()) + 1
    assert found["records_per_month"] == round(len(windows) * 30 * 86_400 / seconds)
    assert found["delivery_usd"] == pytest.approx(length * 30 * 86_400 / seconds)
    assert len(windows) < len(flows)
    for action in ("ACCEPT", "REJECT"):
        count = sum(key[7] == action for key in windows)
        assert row(estimate_cost(flows), traffic=action, interval=600)["records_per_month"] == (
            round(count * 30 * 86_400 / seconds)
        )
    grouped = flat.groupby([flat["start"] // 600, *keys], dropna=False).size()
    assert len(grouped) == len(windows)


def test_nodata_of_ten_minutes_by_hand():
    lines = [
        line(0, 30), silence(60, 120), silence(120, 180),  # a record in the window: no NODATA
        silence(600, 660), silence(660, 720), silence(1140, 1199),  # one
        silence(1200, 1260, "SKIPDATA"), line(1300, 1330), line(1400, 1430),  # SKIPDATA, a record
        line(86_370, 86_399),
    ]  # fmt: skip
    costs = estimate_cost(*read(text(*lines))[:1], ledger=read(text(*lines))[1], rates=FLAT)
    found = row(costs, interval=600)
    assert row(costs)["records_per_month"] == 10 * 30
    assert found["records_per_month"] == 5 * 30
    joined = line(1300, 1430, count=24).replace(b" 3120 ", b" 6240 ")
    left = text(lines[0], silence(600, 1199), lines[6], joined, lines[9])
    assert found["delivery_usd"] == pytest.approx(30 * len(left))
    assert "Nitro" in found["unsure"]
    assert "Nitro" not in row(costs)["unsure"]


def test_behind_a_nat_gateway_records_of_two_hosts_stay_two():
    flows, ledger = read(text(line(0, 30), line(60, 90), line(86_370, 86_399)))
    behind = flows.assign(pkt_dstaddr=["192.0.2.1", "192.0.2.2", "192.0.2.1"])
    for these, left in ((flows, 2), (behind, 3)):
        found = row(estimate_cost(these, ledger=ledger), interval=600)
        assert found["records_per_month"] == left * 30


def test_one_minute_cannot_be_told_from_ten():
    flows, ledger = read(text(line(0, 590), line(43_200, 43_700), line(86_000, 86_399)))
    costs = estimate_cost(flows, ledger=ledger)
    assert costs["interval"].unique().tolist() == [600, 60]
    assert row(costs, interval=600)["records_per_month"] == 90
    assert "Nitro" not in row(costs, interval=600)["unsure"]
    assert pd.isna(row(costs, interval=60)["total_usd"])
    assert "do not tell" in row(costs, interval=60)["unsure"]
    said = estimate_cost(flows, ledger=ledger, interval=60)
    assert said["interval"].unique().tolist() == [60, 600]


def test_what_cannot_be_merged_says_why():
    flows, ledger = read(text(*A_DAY))
    found = row(estimate_cost(flows.drop(columns="srcport"), ledger=ledger), interval=600)
    assert "without srcport" in found["unsure"]
    transit = estimate_cost(flows.assign(tgw_id="tgw-0a1b2c3d4e5f60718"), ledger=ledger)
    assert "transit gateways always have 60 s" in row(transit, interval=600)["unsure"]


# Prices


@pytest.mark.parametrize(
    ("name", "gb", "usd"),
    [
        # 10 TB of 1024 GB at 0.50; 20 at 0.25; 20 at 0.10; the rest at 0.05.
        ("cloudwatch_delivery", 0, 0),
        ("cloudwatch_delivery", 1, 0.5),
        ("cloudwatch_delivery", 10_240, 5_120),
        ("cloudwatch_delivery", 10_241, 5_120.25),
        ("cloudwatch_delivery", 30_720, 10_240),
        ("cloudwatch_delivery", 51_200, 12_288),
        ("cloudwatch_delivery", 60_000, 12_728),
        # 10 TB at 0.25; 20 at 0.15; 20 at 0.075; the rest at 0.05.
        ("s3_delivery", 10_240, 2_560),
        ("s3_delivery", 10_250, 2_561.5),
        ("s3_delivery", 30_720, 5_632),
        ("s3_delivery", 51_200, 7_168),
        ("s3_delivery", 51_300, 7_173),
        ("firehose_delivery", 51_300, 7_173),
        ("cloudwatch_ia_delivery", 51_200, 12_800),
        ("parquet_conversion", 100, 3.5),
    ],
)
def test_tiers_by_hand(name, gb, usd):
    assert rates.RATES[name].charge(gb) == pytest.approx(usd)


def test_a_month_at_each_destination_by_hand():
    found = {key: price(place, 100, 20, rates.RATES) for key, place in PLACES.items()}
    assert found["cloudwatch"].total == pytest.approx(100 * 0.5 + 20 * 0.03 - 5 * 0.5)
    assert found["cloudwatch_ia"].total == pytest.approx(100 * 0.25 + 20 * 0.03 - 5 * 0.25)
    assert found["s3_text"].total == pytest.approx(100 * 0.25 + 20 * 0.023)
    assert found["s3_parquet"].total == pytest.approx(100 * 0.25 + 100 * 0.035 + 20 * 0.023)
    assert found["firehose"].total == pytest.approx(100 * 0.25 + 100 * 0.029)
    assert found["firehose"].storage is None


def test_the_free_tier_goes_to_delivery_and_then_to_storage():
    place = PLACES["cloudwatch"]
    small = price(place, 3, 0.4, rates.RATES)
    assert small.free_tier == pytest.approx(-(3 * 0.5 + 0.4 * 0.03))
    assert small.total == pytest.approx(0)
    edge = price(place, 4.9, 0.4, rates.RATES)  # 0.1 GB are left for storage
    assert edge.total == pytest.approx(0.3 * 0.03)
    assert price(place, 6, 0.4, rates.RATES).total == pytest.approx(1 * 0.5 + 0.4 * 0.03)
    assert price(PLACES["s3_text"], 3, 0.4, rates.RATES).free_tier == 0


def test_storage_of_the_first_month_or_of_days_kept():
    flows, ledger = read(text(*A_DAY))
    first = row(estimate_cost(flows, ledger=ledger))
    kept = row(estimate_cost(flows, ledger=ledger, retention_days=90))
    assert kept["stored_gb"] == pytest.approx(3 * first["stored_gb"])
    assert kept["storage_usd"] == pytest.approx(3 * first["stored_gb"] * 0.023)
    assert "each later one costs as much more" in first["unsure"]
    assert "each later one" not in kept["unsure"]


def test_stored_size_is_that_of_the_files_that_would_be_written(scenario, tmp_path):
    # An hour: twelve files. Ours are compressed a little harder, and in another order.
    hours = scenario["end"].to_numpy() // 3600
    heard = scenario["log-status"].to_numpy() == "OK"
    hour = scenario.filter(heard & (hours == hours[len(hours) // 2]))
    zipped = writing.write_text(hour, tmp_path / "text", files="s3", header=False)
    parquet = writing.write_parquet(hour, tmp_path / "parquet", files="s3")
    lines = len(writing.to_lines(hour))
    flows, _ = read(" ".join(writing.V5).encode() + b"\n" + writing.to_lines(hour))
    found = stored(FrameTable(flows), list(flows.columns), [])
    assert found.lines == len(flows)
    assert found.text == pytest.approx(sum(p.stat().st_size for p in zipped) / lines, rel=0.15)
    assert found.parquet == pytest.approx(sum(p.stat().st_size for p in parquet) / lines, rel=0.15)


# Rates


def test_rates_of_ones_own():
    flows, ledger = read(text(*A_DAY))
    costs = estimate_cost(flows, ledger=ledger, rates={"s3_delivery": [(0, 2 * GB), (1, GB)]})
    found = row(costs)
    assert found["delivery_usd"] == pytest.approx(2 * 30 * len(text(*A_DAY)))
    assert found["rates_as_of"] == "given: s3_delivery; 2025, us-east-1: s3_storage"
    assert row(costs, "CloudWatch Standard")["rates_as_of"] == "2025, us-east-1"


def test_a_changed_table_of_rates_keeps_its_doubts():
    flows, ledger = read(text(*A_DAY))
    mine = rates.table()
    mine.loc[mine["name"] == "s3_delivery", ["usd", "as_of", "region"]] = [
        0.38,
        "2026-11",
        "ap-northeast-1",
    ]
    costs = estimate_cost(flows, ledger=ledger, rates=mine)
    found = row(costs, "S3 Parquet")
    assert found["delivery_usd"] == pytest.approx(found["gb_per_month"] * 0.38)
    assert "2026-11, ap-northeast-1: s3_delivery" in found["rates_as_of"]
    assert "parquet_conversion: 0.03 to 0.035" in found["unsure"]
    same = estimate_cost(flows, ledger=ledger, rates=rates.table())
    pd.testing.assert_frame_equal(same, estimate_cost(flows, ledger=ledger))


def test_doubts_go_with_the_rate():
    flows, ledger = read(text(*A_DAY))
    costs = estimate_cost(flows, ledger=ledger)
    doubted = {r.name for r in rates.RATES.values() if r.unsure}
    for _, one in costs.iterrows():
        place = next(p for p in PLACES.values() if p.title == one["destination"])
        for name in rates.RATES:
            assert (f"{name}: " in one["unsure"]) == (name in doubted and name in place.rates)
    given = estimate_cost(flows, ledger=ledger, rates={"parquet_conversion": 0.035})
    assert "parquet_conversion" not in row(given, "S3 Parquet")["unsure"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"s3_delivry": 1}, "did you mean s3_delivery"),
        ({"s3_delivery": "much"}, "no price"),
        ({"s3_delivery": -1}, "no price"),
        ({"s3_delivery": float("nan")}, "no price"),
        ({"s3_delivery": [(5, 1)]}, "begins at 0"),
        ({"s3_delivery": [(0, 1), (9, 2), (3, 4)]}, "begins at 0"),
        ({"s3_delivery": []}, "begins at 0"),
        (pd.DataFrame({"name": ["s3_delivery"]}), "no usd"),
        (pd.DataFrame({"name": ["s3"], "usd": [1]}), "is not known"),
        ([1], "no name and no usd"),
    ],
)
def test_rates_that_cannot_be(given, says):
    flows, _ = read(text(*A_DAY))
    with pytest.raises(FlowlabError, match=says):
        estimate_cost(flows, rates=given)


# Per field, per ENI


def test_fields_add_up(written):
    _, flows, ledger = written
    whole = row(estimate_cost(flows, ledger=ledger, rates=FLAT))
    found = estimate_cost(flows, ledger=ledger, rates=FLAT, by="field")
    assert sorted(found["field"]) == sorted(c.replace("_", "-") for c in flows.columns)
    assert found["bytes_per_record"].sum() == pytest.approx(whole["bytes_per_record"])
    assert found["bytes_per_record"].is_monotonic_decreasing
    assert found["share"].sum() == pytest.approx(1)
    assert found["s3_text_usd"].sum() == pytest.approx(whole["total_usd"])


def test_a_field_adds_what_the_month_would_be_less_without_it():
    flows, ledger = read(text(*A_DAY))
    prices = {
        "s3_delivery": [(0, GB), (30 * len(text(*A_DAY)) / GB - 90 / GB, 4 * GB)],
        "s3_storage": 0,
    }
    found = estimate_cost(flows, ledger=ledger, rates=prices, by="field").set_index("field")
    # version: 2 bytes a line, 180 a month; the last 90 of the month are the dear ones.
    assert found.loc["version", "bytes_per_record"] == 2
    assert found.loc["version", "s3_text_usd"] == pytest.approx(90 * 4 + 90)


def test_enis_add_up(written):
    _, flows, ledger = written
    whole = row(estimate_cost(flows, ledger=ledger, rates=FLAT))
    found = estimate_cost(flows, ledger=ledger, rates=FLAT, by="interface")
    assert found["s3_text_usd"].sum() == pytest.approx(whole["total_usd"])
    assert found["records_per_month"].sum() == whole["records_per_month"]
    assert found["share"].is_monotonic_decreasing
    eni = found["interface_id"][0]
    lines = (flows["interface_id"] == eni).sum() + (ledger.no_traffic["interface_id"] == eni).sum()
    assert found["records_per_hour"][0] == pytest.approx(lines / 24)


def test_a_regional_nat_gateway_has_no_eni():
    columns = "version resource-id interface-id start end action log-status"
    lines = "".join(
        f"9 nat-0123456789abcdef0 - {DAY + t} {DAY + t} ACCEPT OK\n" for t in (0, 90_000)
    )
    flows, ledger = read(f"{columns}\n{lines}".encode())
    found = estimate_cost(flows, ledger=ledger, by="interface")
    assert found["interface_id"].tolist() == ["nat-0123456789abcdef0"]


def test_version_takes_two_bytes_from_version_10_on():
    columns = "version interface-id start encryption-status log-status"
    lines = "".join(f"10 eni-0a1b2c3d4e5f60718 {DAY + t} 1 OK\n" for t in (0, 90_000))
    flows, ledger = read(f"{columns}\n{lines}".encode())
    assert weight(flows, ledger) == pytest.approx(len(lines))


# Plans


def planned(**options):
    return estimate_cost(plan(**options))


def test_a_plan_is_priced_as_the_bundled_sample():
    flows, ledger = fl.sample_flows()
    found = planned().iloc[0]
    measured = row(
        estimate_cost(flows, ledger=ledger, fields="minimal", interfaces=1, retention_days=90),
        "CloudWatch Standard",
    )
    assert len(planned()) == 1
    numbers = ["records_per_month", "gb_per_month", "total_usd", "storage_usd", "interval"]
    assert found[numbers].tolist() == measured[numbers].tolist()
    assert "assumed, not measured" in found["unsure"]
    assert "not known: this is for one" in found["unsure"]
    assert found["basis"].startswith("the bundled sample: ")


def test_a_plan_is_priced_for_its_enis():
    enis = [{"NetworkInterfaceId": f"eni-{n}", "VpcId": VPC, "SubnetId": SUBNET, "Status": status}
            for n, status in enumerate(["in-use"] * 3 + ["available"])]  # fmt: skip
    known = NOTHING | {("ec2:DescribeNetworkInterfaces", ""): [*enis, {"VpcId": "vpc-other"}]}
    one = planned().iloc[0]["records_per_month"]
    for options in ({"answers": known}, {"answers": known, "resource": SUBNET}):
        found = planned(**options).iloc[0]
        assert found["records_per_month"] == pytest.approx(3 * one, abs=2)
        assert "not known" not in found["unsure"]
    assert estimate_cost(plan(), interfaces=5).iloc[0]["records_per_month"] == pytest.approx(
        5 * one, abs=3
    )


def test_a_plan_is_priced_where_how_and_what_it_records():
    s3 = planned(to="s3://acme-logs", answers=BUCKET, interval=600, traffic="REJECT").iloc[0]
    assert (s3["destination"], s3["interval"], s3["traffic"]) == ("S3 text", 600, "REJECT")
    parquet = planned(to="s3://acme-logs", answers=BUCKET, parquet=True).iloc[0]
    assert parquet["destination"] == "S3 Parquet"
    stream = {("firehose:DescribeDeliveryStream", STREAM): {"DeliveryStreamStatus": "ACTIVE"}}
    assert planned(to=STREAM, answers=stream).iloc[0]["destination"] == "Firehose"
    kept = {("logs:DescribeLogGroups", "/vpc/flow"): {"logGroupName": "/vpc/flow",
            "retentionInDays": 90, "logGroupClass": "INFREQUENT_ACCESS"}}  # fmt: skip
    infrequent = planned(answers=NOTHING | kept).iloc[0]
    assert infrequent["destination"] == "CloudWatch Infrequent Access"


def test_fields_the_sample_lacks_count_as_empty():
    wide = planned(fields="recommended").iloc[0]
    assert "counted as empty, so at least: reject-reason, resource-id" in wide["unsure"]
    fields = estimate_cost(plan(fields="recommended"), by="field").set_index("field")
    assert fields.loc["resource-id", "bytes_per_record"] == 2
    assert "cloudwatch_usd" in fields
    assert "s3_text_usd" not in fields


# Refused


def test_what_is_missing_or_unknown_is_named():
    flows, ledger = read(text(*A_DAY))
    with pytest.raises(MissingFieldError, match="start"):
        estimate_cost(flows.drop(columns="start"))
    with pytest.raises(MissingFieldError, match="tcp-flags"):
        estimate_cost(flows, fields="recommended")
    with pytest.raises(UnknownNameError, match="interface"):
        estimate_cost(flows, by="interfaces")
    with pytest.raises(UnknownNameError, match="byts"):
        estimate_cost(flows, fields=["byts"])
    with pytest.raises(FlowlabError, match="60 or 600"):
        estimate_cost(flows, interval=300)
    with pytest.raises(FlowlabError, match="interfaces=-1"):
        estimate_cost(flows, interfaces=-1)
    with pytest.raises(FlowlabError, match="retention_days=0"):
        estimate_cost(flows, retention_days=0)
    with pytest.raises(FlowlabError, match="two things"):
        estimate_cost((flows, ledger))
    with pytest.raises(FlowlabError, match="ledger, interval cannot"):
        estimate_cost(plan(), ledger=ledger, interval=60)
    with pytest.raises(FlowlabError, match="leave interfaces= out"):
        estimate_cost(flows, by="interface", interfaces=3)


def test_records_are_not_changed(written):
    _, flows, ledger = written
    before = flows.copy(), ledger.no_traffic.copy()
    estimate_cost(flows, ledger=ledger)
    pd.testing.assert_frame_equal(flows, before[0])
    pd.testing.assert_frame_equal(ledger.no_traffic, before[1])


def test_bytes_are_not_needed():
    flows, ledger = read(text(*A_DAY))
    fewer = flows.drop(columns=["bytes", "packets"])
    assert weight(fewer, ledger) == pytest.approx(len(text(*A_DAY)) - 3 * len(" 12 3120"))
