"""The archive is never wrong, only less complete: whatever happens while it is written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
from lines import GOOD, HEADER, NODATA, SKIPDATA, text

import flowlab as fl
from flowlab import archiving
from flowlab.errors import FlowlabError, SourceError
from flowlab.practice import generate, writing
from flowlab.sources.items import Item, Listing, Problem
from flowlab.store import Store

PERIOD = {"start": "2026-03-02 08:00", "end": "2026-03-02 09:30"}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A day as AWS delivers it: 288 text files."""
    folder = tmp_path_factory.mktemp("logs")
    writing.write_text(generate(records=20_000).table, folder, files="s3")
    return folder


@pytest.fixture(scope="module")
def kept(logs, tmp_path_factory):
    return fl.archive(logs, tmp_path_factory.mktemp("archive"), progress=False)


def _sorted(flows: pd.DataFrame) -> pd.DataFrame:
    plain = flows.astype({c: "str" for c in flows.columns if str(flows[c].dtype) == "category"})
    return plain.sort_values(list(plain.columns)).reset_index(drop=True)


# ------------------------------------------------------------------ what it holds
@pytest.mark.parametrize(
    "options",
    [{}, {"columns": ["bytes", "srcaddr", "start"]}, PERIOD, {**PERIOD, "columns": ["action"]}],
)
def test_read_from_the_archive_is_read_from_the_source(logs, kept, options):
    ours, ledger = fl.read_flows(kept, progress=False, **options)
    theirs, account = fl.read_flows(logs, progress=False, **options)
    assert ours.dtypes.astype(str).to_dict() == theirs.dtypes.astype(str).to_dict()
    pd.testing.assert_frame_equal(_sorted(ours), _sorted(theirs))
    assert ledger.balanced
    assert (ledger.nodata, ledger.skipdata) == (account.nodata, account.skipdata)
    assert set(ledger.files["origin"]) == {"archive"}


def test_the_folder_of_an_archive_is_read_as_the_archive(kept):
    by_folder, ledger = fl.read_flows(str(kept.folder), progress=False, **PERIOD)
    pd.testing.assert_frame_equal(by_folder, fl.read_flows(kept, progress=False, **PERIOD)[0])
    assert ledger.notices == []


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (fl.totals, {}),
        (fl.breakdown, {"by": ["protocol", "dstport"]}),
        (fl.top_talkers, PERIOD),
        (fl.traffic_over_time, {"every": "10min", "by": "action"}),
    ],
)
def test_asked_of_the_archive_is_asked_of_the_frame(logs, kept, question, options):
    flows, _ = fl.read_flows(logs, progress=False)
    pd.testing.assert_frame_equal(question(kept, **options), question(flows, **options))


def test_the_ledger_is_that_of_the_reading(logs, kept):
    _, account = fl.read_flows(logs, progress=False)
    assert kept.ledger.balanced
    assert [n for _, n in kept.ledger._counts()] == [n for _, n in account._counts()]
    assert len(kept.ledger.no_traffic) == account.nodata + account.skipdata
    assert set(fl.open_archive(kept.folder).ledger.files["origin"]) == {"archive"}


def test_files_are_by_day_and_sorted_by_start(kept):
    import pyarrow.parquet as pq

    assert {p.parent.name for p in kept.files} == {"day=2026-03-02"}
    for path in kept.files:
        starts = pq.read_table(path)["start"].to_pandas()
        assert starts.is_monotonic_increasing


def test_rejected_lines_and_silent_windows_are_kept(tmp_path):
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD, NODATA, SKIPDATA, b"bad line"))
    archive = fl.archive(tmp_path / "a.log", tmp_path / "archive", progress=False)
    again = fl.open_archive(tmp_path / "archive")
    for ledger in (archive.ledger, again.ledger):
        assert (ledger.records, ledger.nodata, ledger.skipdata, ledger.rejected) == (1, 1, 1, 1)
        assert ledger.rejected_lines["text"].tolist() == ["bad line"]
        assert ledger.no_traffic["log_status"].tolist() == ["NODATA", "SKIPDATA"]


def test_formats_without_times_and_archives_without_records(tmp_path):
    (tmp_path / "a.log").write_bytes(b"srcaddr dstaddr bytes\n10.0.0.1 10.0.0.2 5\n")
    archive = fl.archive(tmp_path / "a.log", tmp_path / "one", progress=False)
    assert archive.files[0].parent.name == "day=unknown"
    assert fl.breakdown(archive, "srcaddr")["bytes"].tolist() == [5]
    (tmp_path / "b.log").write_bytes(HEADER + b"\n")
    empty = fl.archive(tmp_path / "b.log", tmp_path / "none", progress=False)
    assert fl.totals(empty)["flow_records"].tolist() == [0]
    assert fl.read_flows(empty, progress=False)[0].empty


# ------------------------------------------------------------------ asked again
def _nothing_is_opened(monkeypatch):
    def fail(group, job):
        pytest.fail(f"opened {[item.name for item in group]}")

    monkeypatch.setattr("flowlab.fetching.load_group", fail)


def test_asked_again_nothing_is_fetched(logs, kept, monkeypatch):
    _nothing_is_opened(monkeypatch)
    again = fl.archive(logs, kept.folder, progress=False)
    assert set(again.ledger.files["origin"]) == {"archive"}
    assert again.rows == kept.rows


def test_only_what_is_missing_is_fetched(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_bytes(text(HEADER, GOOD))
    fl.archive(logs, tmp_path / "archive", progress=False)
    (logs / "b.log").write_bytes(text(HEADER, GOOD, GOOD))
    for bring in (lambda: fl.refresh(tmp_path / "archive", progress=False),):
        archive = bring()
        origins = dict(
            zip(archive.ledger.files["file"], archive.ledger.files["origin"], strict=True)
        )
        assert origins == {str(logs / "a.log"): "archive", str(logs / "b.log"): "fetched"}
        assert archive.rows == 3


def test_a_source_that_changed_is_not_added_twice(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(text(HEADER, GOOD))
    fl.archive(path, tmp_path / "archive", progress=False)
    path.write_bytes(text(HEADER, GOOD, GOOD))
    archive = fl.archive(path, tmp_path / "archive", progress=False)
    assert archive.rows == 1
    assert not archive.ledger.complete
    assert "has changed" in archive.ledger.files["problem"].iloc[-1]


def test_another_log_format_is_not_mixed_in(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"10.0.0.1 10.0.0.2 5\n")
    fl.archive(path, tmp_path / "archive", log_format="srcaddr dstaddr bytes", progress=False)
    archive = fl.archive(
        path, tmp_path / "archive", log_format="dstaddr srcaddr bytes", progress=False
    )
    assert fl.breakdown(archive, "srcaddr")["srcaddr"].tolist() == ["10.0.0.1"]
    assert not archive.ledger.complete


# ------------------------------------------------------------------ places
@dataclass(frozen=True)
class _Place:
    """A remote place of three items: one good, one too young, one that cannot be had."""

    remote = True

    def options(self):
        return {}

    def list(self, start, end):
        import io

        from flowlab.sources.aws import UnreadableError

        def denied():
            raise UnreadableError("AccessDenied: ask for s3:GetObject")

        good = Item("x://good", 10, lambda: io.BytesIO(text(HEADER, GOOD)), "x://good#1")
        young = Item("x://young", 10, lambda: io.BytesIO(text(HEADER, GOOD)), "x://young", False)
        return Listing(
            [good, young, Item("x://denied", 10, denied, "x://denied#1")],
            [Problem("x://prefix/", "AccessDenied: ask for s3:ListBucket")],
        )


def test_what_can_be_had_is_had_and_the_rest_is_named(tmp_path):
    flows, ledger = fl.read_flows(_Place(), progress=False)
    assert len(flows) == 2  # young slices are read
    assert not ledger.complete
    assert ledger.balanced
    assert "NOT COMPLETE" in repr(ledger)
    told = dict(zip(ledger.files["file"], ledger.files["problem"], strict=True))
    assert told["x://denied"] == "AccessDenied: ask for s3:GetObject"
    assert told["x://prefix/"] == "AccessDenied: ask for s3:ListBucket"
    archive = fl.archive(_Place(), tmp_path / "archive", progress=False)
    assert archive.rows == 1  # and not archived
    assert any("so young" in notice for notice in archive.ledger.notices)
    assert not archive.ledger.complete
    with pytest.raises(FlowlabError, match="ask for s3:ListBucket"):
        fl.read_flows(_Place(), progress=False, errors="raise")


def test_a_stream_cannot_be_archived(tmp_path):
    import io

    with pytest.raises(FlowlabError, match="could not be found again"):
        fl.archive(io.BytesIO(GOOD), tmp_path / "archive", progress=False)


def test_refresh_gets_what_an_earlier_run_was_refused_however_old(tmp_path, monkeypatch):
    from flowlab.sources import files
    from flowlab.sources.aws import UnreadableError

    logs = tmp_path / "logs"
    logs.mkdir()
    old = GOOD.replace(b"1788222600", b"1700000000").replace(b"1788222631", b"1700000031")
    # Named as AWS does, so that a look-back of days would pass the old one over.
    named = "000123456789_vpcflowlogs_eu-west-1_fl-0a_{}_0a1b2c3d.log"
    (logs / named.format("20231114T2210Z")).write_bytes(text(HEADER, old))
    (logs / named.format("20260901T0030Z")).write_bytes(text(HEADER, GOOD))

    def refused():
        raise UnreadableError("AccessDenied")

    find = files.find
    with monkeypatch.context() as once:
        items = [replace(i, open=refused) if "2023" in i.name else i for i in find(logs)]
        once.setattr(files, "find", lambda _: items)
        assert not fl.archive(logs, tmp_path / "archive", progress=False).ledger.complete
    archive = fl.refresh(tmp_path / "archive", progress=False)
    assert archive.ledger.complete
    assert archive.rows == 2


def test_a_source_that_is_not_there_is_not_a_full_disk(tmp_path):
    with pytest.raises(SourceError, match="there is no such file or folder"):
        fl.archive(tmp_path / "nowhere", tmp_path / "archive", progress=False)


def test_nothing_to_refresh(tmp_path):
    with pytest.raises(SourceError, match="no archive to refresh"):
        fl.refresh(tmp_path)


# ------------------------------------------------------------------ bad days
_RUN = """
import sys, flowlab as fl
from flowlab import archiving
archiving._ROWS = 500   # many commits, so that there is much to be killed between
fl.archive(sys.argv[1], sys.argv[2], progress=False)
"""


def _start(logs: Path, folder: Path, code: str = _RUN) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, str(logs), str(folder)]
    return subprocess.Popen(command)


def _is_right(folder: Path, whole: fl.archives.Archive) -> int:
    """Everything in the archive is in the source, once; returns how much of it is there."""
    archive = fl.open_archive(folder)
    entries = archive.ledger.files
    assert archive.ledger.balanced
    assert not entries["file"].duplicated().any()
    totals = fl.totals(archive)
    assert totals["flow_records"].item() == entries["records"].sum()
    assert totals["flow_records"].item() <= fl.totals(whole)["flow_records"].item()
    return len(entries)


def test_killed_at_any_moment(logs, kept, tmp_path):
    rng = random.Random(3)
    reached = []
    for _ in range(6):
        process = _start(logs, tmp_path)
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("commits/*.json")) and time.monotonic() < deadline:
            if process.poll() is not None:
                break
            time.sleep(0.005)
        time.sleep(rng.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reached.append(_is_right(tmp_path, kept))
    assert reached == sorted(reached)
    process = _start(logs, tmp_path)
    assert process.wait(60) == 0
    assert _is_right(tmp_path, kept) == 288
    pd.testing.assert_frame_equal(fl.totals(fl.open_archive(tmp_path)), fl.totals(kept))
    assert {p.name for p in tmp_path.rglob("*.part")} == set()


def test_what_a_killed_writer_left_is_cleared_by_the_next(logs, tmp_path):
    fl.archive(logs, tmp_path, progress=False)
    before = fl.totals(fl.open_archive(tmp_path))
    (tmp_path / "commits/.01795496136829034893-f0e5b67e.json.part").write_text('{"half')
    fl.archive(logs, tmp_path, progress=False)
    assert {p.name for p in tmp_path.rglob("*.part")} == set()
    pd.testing.assert_frame_equal(fl.totals(fl.open_archive(tmp_path)), before)


def test_two_at_once(logs, kept, tmp_path):
    both = [_start(logs, tmp_path) for _ in range(2)]
    assert [p.wait(60) for p in both] == [0, 0]
    assert _is_right(tmp_path, kept) == 288
    pd.testing.assert_frame_equal(fl.totals(fl.open_archive(tmp_path)), fl.totals(kept))


_FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import flowlab as fl
from flowlab import archiving
archiving._ROWS = 3_000
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    fl.archive(sys.argv[1], sys.argv[2], progress=False)
except fl.FlowlabError as error:
    print(error); sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_no_room_for_a_file(logs, kept, tmp_path):
    command = [sys.executable, "-c", _FULL, str(logs), str(tmp_path), "60000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert "the archive could not be written" in done.stdout
    assert "make room" in done.stdout
    assert list(tmp_path.rglob("*.parquet")) == []  # nothing half-written stays
    archive = fl.archive(logs, tmp_path, progress=False)
    pd.testing.assert_frame_equal(fl.totals(archive), fl.totals(kept))


def test_an_interrupt_keeps_what_was_committed(logs, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "_ROWS", 500)
    add, calls = Store.add, []

    def interrupted(self, tables, commit):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        add(self, tables, commit)

    monkeypatch.setattr(Store, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fl.archive(logs, tmp_path, progress=False)
    monkeypatch.setattr(Store, "add", add)
    assert 0 < _is_right(tmp_path, kept) < 288
    archive = fl.archive(logs, tmp_path, progress=False)
    pd.testing.assert_frame_equal(fl.totals(archive), fl.totals(kept))


def test_rests_of_a_run_that_was_cut_off_are_ignored_and_cleared(tmp_path):
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD))
    folder = tmp_path / "archive"
    archive = fl.archive(tmp_path / "a.log", folder, progress=False)
    rest = archive.files[0].with_name("rest.parquet")
    rest.write_bytes(archive.files[0].read_bytes())
    assert fl.totals(fl.open_archive(folder))["flow_records"].tolist() == [1]
    fl.archive(tmp_path / "a.log", folder, progress=False)
    assert not rest.exists()


def test_a_damaged_or_newer_commit_is_named(tmp_path):
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD))
    fl.archive(tmp_path / "a.log", tmp_path / "archive", progress=False)
    commit = next((tmp_path / "archive" / "commits").glob("*.json"))
    content = commit.read_text()
    commit.write_text(json.dumps(json.loads(content) | {"format": 99}))
    with pytest.raises(FlowlabError, match="written by a newer flowlab"):
        fl.open_archive(tmp_path / "archive")
    commit.write_text(content[:50])
    with pytest.raises(FlowlabError, match="this commit of the archive cannot be read"):
        fl.open_archive(tmp_path / "archive")


def test_a_commit_cannot_name_code_to_run(tmp_path):
    (tmp_path / "a.log").write_bytes(text(HEADER, GOOD))
    fl.archive(tmp_path / "a.log", tmp_path / "archive", progress=False)
    commit = next((tmp_path / "archive" / "commits").glob("*.json"))
    content = json.loads(commit.read_text())
    content["source"]["source"] = {"place": "subprocess:Popen", "options": {"args": ["true"]}}
    commit.write_text(json.dumps(content))
    with pytest.raises(FlowlabError, match="does not know"):
        fl.refresh(tmp_path / "archive", progress=False)


def test_an_estimate_is_measured_here(logs):
    told = fl.estimate(logs).iloc[0]
    assert told["objects"] == 288
    assert told["bytes"] == sum(p.stat().st_size for p in logs.rglob("*.gz"))
    assert 0 < told["seconds"] < 120
    assert told["cost"] == 0
    with pytest.raises(FlowlabError, match="is no rate"):
        fl.estimate(logs, rates={"s3": 1})


@dataclass(frozen=True)
class _SlowPlace(_Place):
    """A place whose items take their time."""

    def list(self, start, end):
        import io

        def slow():
            time.sleep(3)
            return io.BytesIO(text(HEADER, GOOD))

        return Listing([Item(f"x://{n}", 10, slow, f"x://{n}#1") for n in range(40)])


@pytest.mark.parametrize(
    "work",
    [
        lambda folder: fl.read_flows(_SlowPlace(), progress=False),
        lambda folder: fl.archive(_SlowPlace(), folder, progress=False),
    ],
    ids=["read_flows", "archive"],
)
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_obeyed_within_a_second(tmp_path, work):
    import threading

    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()  # as a kernel is
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "archive")
    assert time.monotonic() - began < 1.3


def test_what_is_under_way_is_bounded(monkeypatch):
    """However many items a place has, only a few are opened ahead of those that are done."""
    import io
    import threading

    from flowlab import fetching
    from flowlab.settling import Job

    opened, most, lock = [0], [0], threading.Lock()

    def fetch():
        with lock:
            opened[0] += 1
        return io.BytesIO(text(HEADER, GOOD))

    items = [Item(f"x://{n}", 0, fetch, remote=True) for n in range(2_000)]
    done = 0
    for parts in fetching.load(items, Job(), progress=False):
        done += len(parts)
        with lock:
            most[0] = max(most[0], opened[0] - done)
        time.sleep(0.002)
    assert done == 2_000
    assert most[0] < 100
