"""Maintenance: fewer files, the same visible rows at every instant, and nothing of what counts for nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from extractors.erasing import Person, erase
from extractors.errors import AlreadyRunning
from extractors.landing import Landing, Run
from extractors.maintenance import maintain, tidy_up

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
AT_ONCE = timedelta(0)
STREAM = "jira/issues"


def land(landing: Landing, number: int, records: range, verdict: str | None = "accepted", who: str = "jira-a") -> None:
    batch = landing.batch(Run(f"run-{number}", START + timedelta(hours=number)), who, "jira")
    batch.append(STREAM, [{"record_id": str(n), "payload": f'{{"v": {number}}}', "labels": ["a"]} for n in records])
    batch.append("jira/issue_changes", [{"record_id": f"{n}:{number}", "issue_id": str(n)} for n in records])
    batch.commit({"number": number, "much": "x" * 100}, is_final=True)
    if verdict:
        landing.judge(who, verdict, None if verdict == "accepted" else "bad")


def orphan(landing: Landing) -> None:
    """Rows of a run that was killed before its commit."""
    batch = landing.batch(Run("killed", START), "jira-a", "jira")
    batch.append(STREAM, [{"record_id": "orphan", "payload": "{}"}])
    batch._flush(STREAM)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """Twelve accepted runs, a held one, an orphan, a pending one, and another connection."""
    landing = Landing(tmp_path)
    for number in range(12):
        land(landing, number, range(number, number + 30))
    land(landing, 20, range(500, 505), "held")
    land(landing, 21, range(100, 110), who="jira-b")
    orphan(landing)
    land(landing, 22, range(7, 9), None)
    return landing


def visible(landing: Landing, who: str = "jira-a") -> list[dict[str, Any]]:
    rows = landing.latest(STREAM, who, ["record_id", "payload", "payload_hash", "run_id", "labels", "extracted_at"])
    return sorted(rows.to_pylist(), key=lambda row: row["record_id"])


def accepted_rows(landing: Landing) -> list[tuple[str, str, str]]:
    """What dbt may read: all versions of the accepted batches."""
    batches = landing.ledger.accepted()["batch_id"].to_pylist()
    table = ds.dataset(landing.table(STREAM).file_uris()).to_table(columns=["batch_id", "record_id", "payload"])
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    return sorted(row for row in rows if row[0] in set(batches))


def stored_ids(landing: Landing) -> set[str]:
    return set(ds.dataset(landing.table(STREAM).file_uris()).to_table(columns=["record_id"])["record_id"].to_pylist())


def snapshot(landing: Landing) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in landing.folder.rglob("*") if path.is_file()}


def test_what_is_visible_stays_and_what_counts_for_nobody_goes(landing: Landing) -> None:
    before = visible(landing), visible(landing, "jira-b"), accepted_rows(landing), landing.cursor("jira-a")
    assert {"500", "orphan"} <= stored_ids(landing)
    report = maintain(landing, retention=AT_ONCE)
    for known in (landing, Landing(landing.home)):  # one that has its caches, and one that has not
        assert (visible(known), visible(known, "jira-b"), accepted_rows(known), known.cursor("jira-a")) == before
    assert stored_ids(landing) & {"500", "orphan"} == set()
    issues = next(table for table in report.tables if table.name == STREAM)
    assert (issues.files_before, issues.files_after, issues.rows_removed) == (16, 2, 6)  # the pending file stays alone
    on_disk = {path.name for path in landing.table(STREAM).path.glob("*.parquet")}
    assert on_disk == {Path(uri).name for uri in landing.table(STREAM).file_uris()}
    assert len(on_disk) == 2
    assert landing.judge("jira-a", "held", "late") == 1
    assert maintain(landing, retention=AT_ONCE).total("rows_removed") == 4  # two records, in two streams


def test_runs_go_on_after_it(landing: Landing) -> None:
    maintain(landing, retention=AT_ONCE)
    land(landing, 30, range(3, 12))
    latest = {row["record_id"]: row["run_id"] for row in visible(landing)}
    assert {latest[str(number)] for number in range(3, 12)} == {"run-30"}
    assert landing.cursor("jira-a") == {"number": 30, "much": "x" * 100}


def test_rows_of_one_record_are_neighbours(landing: Landing) -> None:
    maintain(landing)
    files = landing.table(STREAM).files("jira-a")
    together = next(file for file in files if file.batch_id is None)
    ids = pq.read_table(together.path, columns=["connection_id", "record_id"])
    keys = list(zip(ids["connection_id"].to_pylist(), ids["record_id"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_a_dry_run_says_the_same_and_touches_nothing(landing: Landing) -> None:
    before = snapshot(landing)
    told = maintain(landing, is_dry=True)
    assert snapshot(landing) == before
    done = maintain(landing)
    streams = [table for table in done.tables if table.name != "pmo/batches"]
    planned = [table for table in told.tables if table.name != "pmo/batches"]
    assert [(t.name, t.files_after, t.rows_removed) for t in streams] == [
        (t.name, t.files_after, t.rows_removed) for t in planned
    ]


def test_files_are_kept_as_long_as_somebody_may_read_them(landing: Landing) -> None:
    reading = landing.table(STREAM).file_uris()
    maintain(landing)
    assert all(Path(uri).exists() for uri in reading)
    assert maintain(landing, retention=AT_ONCE).total("files_vacuumed") > 0
    gone = set(reading) - set(landing.table(STREAM).file_uris())
    assert len(gone) == 15
    assert not any(Path(uri).exists() for uri in gone)


def test_a_second_time_there_is_nothing_to_do(landing: Landing) -> None:
    maintain(landing, retention=AT_ONCE)
    again = maintain(landing, retention=AT_ONCE)
    assert [table.name for table in again.tables if table.has_work] == []


def test_it_does_not_work_beside_an_extraction(landing: Landing) -> None:
    before = snapshot(landing)
    with landing.exclusive("jira-b"), pytest.raises(AlreadyRunning, match="jira-b"):
        maintain(landing)
    assert {path: time for path, time in snapshot(landing).items() if "locks" not in path} == before


def test_only_the_cursors_that_a_run_can_go_on_from_are_kept(landing: Landing) -> None:
    maintain(landing)
    rows = landing.batches("jira-a")
    assert [row.sequence for row in rows if row.cursor] == [12, 13, 14]  # the last accepted one, the held, the pending
    assert landing.judge("jira-a", "held", "bad") == 1
    assert landing.cursor("jira-a") == {"number": 11, "much": "x" * 100}


def test_runs_tidy_up_tables_with_many_small_files(tmp_path: Path) -> None:
    """However many runs there are, a table never has more than so many small files."""
    landing, most = Landing(tmp_path), 5
    counts = []
    for number in range(30):
        land(landing, number, range(number, number + 3))
        tidy_up(landing, most)
        counts.append(len(landing.table(STREAM).all_files()))
    assert max(counts) == most
    assert len(visible(landing)) == 32
    assert len(accepted_rows(landing)) == 90


def assert_the_ledger_knows_the_files(landing: Landing) -> None:
    """Of every batch exactly the files that hold rows of it, and of no other."""
    for row in landing.batches():
        for part in json.loads(row.streams):
            table = landing.table(part["stream"])
            columns = {file.path.name: pq.read_table(file.path, columns=["batch_id"]) for file in table.all_files()}
            holding = {name for name, found in columns.items() if row.batch_id in found["batch_id"].to_pylist()}
            assert set(part["files"]) == holding, (row.sequence, row.verdict)
            assert holding or row.verdict == "held"


@pytest.mark.parametrize("way", ["maintain", "tidy_up", "erase"])
def test_the_ledger_knows_the_files_of_a_batch_right_after(landing: Landing, way: str) -> None:
    verdicts = [(row.batch_id, row.verdict, row.cursors, row.committed_at) for row in landing.batches()]
    if way == "maintain":
        maintain(landing, retention=AT_ONCE)
    elif way == "tidy_up":
        assert tidy_up(landing, 5)
    else:
        erase(landing, Person(frozenset({"7:7"}), frozenset()), "tester")
    assert_the_ledger_knows_the_files(landing)
    assert_the_ledger_knows_the_files(Landing(landing.home))
    if way == "tidy_up":
        assert [(row.batch_id, row.verdict, row.cursors, row.committed_at) for row in landing.batches()] == verdicts
    assert landing.judge("jira-a", "accepted") == 1
    assert_the_ledger_knows_the_files(landing)


def test_what_a_kill_left_in_the_ledger_is_set_right_next_time(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the tables and the ledger."""
    with monkeypatch.context() as killed:
        killed.setattr("extractors.maintenance.set_right", lambda _: None)
        maintain(landing, retention=AT_ONCE)
    with pytest.raises(AssertionError):
        assert_the_ledger_knows_the_files(landing)
    maintain(landing, retention=AT_ONCE)
    assert_the_ledger_knows_the_files(landing)


_MAINTAINED = """
import sys, pathlib
from datetime import timedelta
from extractors.landing import Landing
from extractors.maintenance import maintain
print("begun", flush=True)
maintain(Landing(pathlib.Path(sys.argv[1])), retention=timedelta(0))
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_changes_nothing_that_is_visible(landing: Landing) -> None:
    before = visible(landing), accepted_rows(landing), landing.cursor("jira-a")
    for attempt in range(12):
        worker = subprocess.Popen(
            [sys.executable, "-c", _MAINTAINED, str(landing.home)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(attempt * 0.012)
        worker.kill()
        worker.wait()
        fresh = Landing(landing.home)
        assert (visible(fresh), accepted_rows(fresh), fresh.cursor("jira-a")) == before
        land(fresh, 100 + attempt, range(400 + attempt, 401 + attempt))
        before = visible(fresh), accepted_rows(fresh), fresh.cursor("jira-a")
    maintain(landing, retention=AT_ONCE)
    assert (visible(landing), accepted_rows(landing), landing.cursor("jira-a")) == before
    on_disk = {path.name for path in landing.table(STREAM).path.glob("*.parquet")}
    assert on_disk == {Path(uri).name for uri in landing.table(STREAM).file_uris()}
