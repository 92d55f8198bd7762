"""Landing: what is visible when, and what is written at all."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow.parquet as pq
import pytest

from extractors.errors import AlreadyRunning, LandingError
from extractors.landing import Landing, Run
from extractors.locks import run_lock
from extractors.streams import LEDGER_SCHEMA, STREAMS

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def run(number: int) -> Run:
    return Run(f"run-{number}", START + timedelta(hours=number))


def issue(number: int, payload: str, **columns: Any) -> dict[str, Any]:
    return {"record_id": str(number), "updated_at": START, "payload": payload, "issue_id": str(number), **columns}


def land(landing: Landing, number: int, rows: list[dict[str, Any]], *, is_final: bool = True) -> int:
    batch = landing.batch(run(number), "jira-a", "jira")
    landed = batch.append("jira/issues", rows)
    batch.commit({"number": number}, is_final=is_final)
    return landed


def held(landing: Landing) -> dict[str, str | None]:
    table = landing.latest("jira/issues", "jira-a", ["record_id", "payload", "is_deleted"])
    return {row["record_id"]: row["payload"] for row in table.to_pylist() if not row["is_deleted"]}


def test_rows_become_visible_with_the_ledger_commit_and_not_before(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    batch = landing.batch(run(1), "jira-a", "jira")
    assert batch.append("jira/issues", [issue(1, "{}")]) == 1
    batch._flush("jira/issues")
    assert held(landing) == {}
    batch.commit({"since": "x"}, is_final=True)
    assert held(landing) == {"1": "{}"}
    assert landing.cursor("jira-a") == {"since": "x"}
    assert landing.cursor("jira-b") is None


@pytest.mark.parametrize("reason", ["it's 'held'", "a \\ path", 'a "name"', "'", "\\'\" -- it's"])
def test_a_reason_is_kept_as_it_is_told(tmp_path: Path, reason: str) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "{}")])
    assert landing.judge("jira-a", "held", reason) == 1
    assert [row.verdict_reason for row in landing.batches()] == [reason]


def test_an_unchanged_record_is_not_written_again(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert land(landing, 1, [issue(1, '{"a": 1}'), issue(2, '{"a": 2}')]) == 2
    assert land(landing, 2, [issue(1, '{"a": 1}'), issue(2, '{"a": 3}')]) == 1
    assert held(landing) == {"1": '{"a": 1}', "2": '{"a": 3}'}


def test_a_change_back_is_written(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    for number, payload in enumerate(["a", "b", "a"]):
        assert land(landing, number, [issue(1, payload)]) == 1
    assert held(landing) == {"1": "a"}


def test_of_two_rows_of_one_record_in_a_batch_the_last_counts(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    batch = landing.batch(run(1), "jira-a", "jira")
    assert batch.append("jira/issues", [issue(1, "a"), issue(1, "b")]) == 1
    assert batch.append("jira/issues", [issue(1, "c")]) == 1
    assert batch.append("jira/issues", [issue(1, "c")]) == 0
    batch.commit({}, is_final=True)
    assert held(landing) == {"1": "c"}
    assert sum(pq.ParquetFile(file).metadata.num_rows for file in landing.table("jira/issues").file_uris()) == 1


def test_a_held_batch_is_as_if_it_had_never_been(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "good")])
    assert landing.judge("jira-a", "accepted") == 1
    land(landing, 2, [issue(1, "bad"), issue(2, "bad")])
    assert landing.judge("jira-a", "held", "no issues of project A") == 1
    assert held(landing) == {"1": "good"}
    assert landing.cursor("jira-a") == {"number": 1}
    assert landing.watermark("jira-a") == run(1).started_at
    assert land(landing, 3, [issue(1, "bad")]) == 1
    assert [row.verdict_reason for row in landing.batches("jira-a")] == [None, "no issues of project A", None]


def test_deletions_are_rows_and_can_be_taken_back(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "a"), issue(2, "b")])
    gone = {"record_id": "1", "is_deleted": True}
    assert land(landing, 2, [gone, {"record_id": "99", "is_deleted": True}]) == 1
    assert held(landing) == {"2": "b"}
    assert land(landing, 3, [gone]) == 0
    assert land(landing, 4, [issue(1, "a")]) == 1
    assert held(landing) == {"1": "a", "2": "b"}


def test_connections_do_not_see_each_other(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "a")])
    batch = landing.batch(run(1), "jira-b", "jira")
    assert batch.append("jira/issues", [issue(1, "a")]) == 1
    batch.commit({}, is_final=True)
    landing.judge("jira-b", "held", "x")
    assert held(landing) == {"1": "a"}
    assert landing.latest("jira/issues", "jira-b", ["record_id"]).num_rows == 0


def test_latest_by_record_ids_equals_latest_of_all(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    for number in range(6):
        land(landing, number, [issue(n, f"{n}-{number}") for n in range(number * 7, number * 7 + 20)])
    everything = held(landing)
    assert len(everything) == 55
    some = landing.latest("jira/issues", "jira-a", ["record_id", "payload"], record_ids=["3", "14", "30", "777"])
    assert {row["record_id"]: row["payload"] for row in some.to_pylist()} == {
        k: everything[k] for k in ["3", "14", "30"]
    }


def test_text_is_cleaned_of_nul_and_the_payload_stays_as_sent(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, '{"s": "a\\u0000b"}', summary="a\x00b")])
    row = landing.latest("jira/issues", "jira-a", ["summary", "payload"]).to_pylist()[0]
    assert row == {"summary": "ab", "payload": '{"s": "a\\u0000b"}'}


def test_a_huge_record_stops_nothing(tmp_path: Path) -> None:
    """One issue of 20 MB and one with 30,000 changes, between ordinary ones."""
    landing = Landing(tmp_path)
    huge = json.dumps({"description": "x" * 20_000_000})
    batch = landing.batch(run(1), "jira-a", "jira")
    assert batch.append("jira/issues", [issue(1, "{}"), issue(2, huge), issue(3, "{}")]) == 3
    changes = [{"record_id": f"3:{n}:0", "issue_id": "3", "payload": "{}"} for n in range(30_000)]
    assert batch.append("jira/issue_changes", changes) == 30_000
    batch.commit({}, is_final=True)
    assert held(landing) == {"1": "{}", "2": huge, "3": "{}"}
    assert landing.latest("jira/issue_changes", "jira-a", ["record_id"]).num_rows == 30_000
    assert land(landing, 2, [issue(2, huge)]) == 0


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    batch = Landing(tmp_path).batch(run(1), "jira-a", "jira")
    with pytest.raises(ValueError, match="no such columns: colour"):
        batch.append("jira/issues", [issue(1, "a", colour="red")])


def test_inputs_of_dbt_hold_accepted_batches_as_known_on(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "a")])
    landing.judge("jira-a", "accepted")
    between = datetime.now(UTC)
    land(landing, 2, [issue(1, "b")])
    landing.judge("jira-a", "accepted")
    land(landing, 3, [issue(1, "c")])
    target = tmp_path / "dbt" / "inputs"
    landing.write_inputs(target)
    assert pq.read_table(target / "batches.parquet").num_rows == 2
    assert pq.read_schema(target / "batches.parquet") == LEDGER_SCHEMA
    landing.write_inputs(target, as_of=between)
    assert pq.read_table(target / "batches.parquet").num_rows == 1
    streams = json.loads((target / "streams.json").read_text())
    assert [entry["stream"] for entry in streams] == list(STREAMS)
    files = {entry["stream"]: entry["files"] for entry in streams}
    assert len(files["jira/issues"]) == 4
    assert all(Path(file).is_absolute() for entry in streams for file in entry["files"])
    for name, stream in STREAMS.items():
        empty = pq.read_table(files[name][0])
        assert empty.num_rows == 0
        assert empty.schema == stream.schema


def _land_one_connection(home: str, connection: str, batches: int) -> None:
    landing = Landing(Path(home))
    for number in range(batches):
        batch = landing.batch(run(number), connection, "jira")
        batch.append("jira/issues", [issue(number, f"{connection}-{number}")])
        batch.commit({"number": number}, is_final=True)
        landing.judge(connection, "accepted")


def test_connections_land_and_are_judged_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_land_one_connection, args=(str(tmp_path), f"c{n}", 8)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    landing = Landing(tmp_path)
    for n in range(3):
        rows = landing.batches(f"c{n}")
        assert [row.sequence for row in rows] == list(range(1, 9))
        assert {row.verdict for row in rows} == {"accepted"}
        assert landing.latest("jira/issues", f"c{n}", ["record_id"]).num_rows == 8


def test_two_writers_of_one_connection_cannot_both_commit(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    first, second = landing.batch(run(1), "jira-a", "jira"), landing.batch(run(2), "jira-a", "jira")
    first.commit({}, is_final=True)
    with pytest.raises(AlreadyRunning):
        second.commit({}, is_final=True)


def test_connections_that_create_a_table_at_once_all_land(tmp_path: Path) -> None:
    """A first run extracts all connections side by side: several find that a table is not there yet."""
    connections = [f"jira-{number}" for number in range(4)]
    for attempt in range(5):
        home, start = tmp_path / str(attempt), Barrier(len(connections))

        def first_run(connection_id: str, home: Path = home, start: Barrier = start) -> None:
            batch = Landing(home).batch(run(1), connection_id, "jira")
            start.wait()
            batch.append("jira/worklogs", [{"record_id": "1", "issue_id": "1", "payload": "{}"}])
            batch.commit({}, is_final=True)

        with ThreadPoolExecutor(len(connections)) as pool:
            list(pool.map(first_run, connections))
        for connection_id in connections:
            assert Landing(home).latest("jira/worklogs", connection_id, ["record_id"]).num_rows == 1


def test_the_run_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    code = "import sys, time, pathlib\nfrom extractors.locks import run_lock\n"
    code += "with run_lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), run_lock(tmp_path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with run_lock(tmp_path, wait_seconds=5):
        pass


_KILLED = """
import sys, pathlib
from datetime import UTC, datetime
from extractors.landing import Landing, Run
landing = Landing(pathlib.Path(sys.argv[1]))
done = (landing.cursor("jira-a") or {"number": -1})["number"]
for number in range(done + 1, 16):
    batch = landing.batch(Run("r", datetime.now(UTC)), "jira-a", "jira")
    rows = [{"record_id": str(number * 10 + n), "issue_id": "1", "payload": "x" * 100} for n in range(10)]
    batch.append("jira/issue_changes", rows)
    batch.append("jira/issues", rows)
    batch.commit({"number": number}, is_final=True)
    print(number, flush=True)
"""


def test_a_kill_at_any_instant_leaves_whole_batches(tmp_path: Path) -> None:
    for milliseconds in (0, 4, 11, 17, 23, 37):
        worker = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(milliseconds / 1000)
        worker.kill()
        worker.wait()
        landing = Landing(tmp_path)
        done = (landing.cursor("jira-a") or {"number": -1})["number"]
        for stream in ("jira/issues", "jira/issue_changes"):
            assert landing.latest(stream, "jira-a", ["record_id"]).num_rows == 10 * (done + 1)
    subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    landing = Landing(tmp_path)
    ids = landing.latest("jira/issues", "jira-a", ["record_id"])["record_id"].to_pylist()
    assert sorted(map(int, ids)) == list(range(160))
    assert [row.sequence for row in landing.batches("jira-a")] == list(range(1, 17))


def test_a_disk_that_cannot_be_written_is_told_in_one_paragraph(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file where a folder has to be")
    batch = Landing(tmp_path).batch(run(1), "jira-a", "jira")
    batch.append("jira/issues", [issue(1, "a")])
    with pytest.raises(LandingError, match="Connection 'jira-a'"):
        batch.commit({}, is_final=True)


_FULL_DISK = """
import resource, signal, sys, pathlib
from datetime import UTC, datetime
from extractors.errors import LandingError
from extractors.landing import Landing, Run
landing = Landing(pathlib.Path(sys.argv[1]))
batch = landing.batch(Run("r", datetime.now(UTC)), "jira-a", "jira")
batch.append("jira/issues", [{"record_id": str(n), "payload": str(n) * 997} for n in range(5000)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    batch.commit({}, is_final=True)
except LandingError as error:
    print(error)
"""


def test_a_full_disk_is_one_paragraph_and_the_next_run_is_whole(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, 1, [issue(1, "a")])
    told = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    assert told.startswith("Connection 'jira-a': stream jira/issues could not be stored")
    assert "\n" not in told
    assert held(Landing(tmp_path)) == {"1": "a"}
    land(Landing(tmp_path), 2, [issue(number, "b") for number in range(1, 50)])
    assert held(Landing(tmp_path)) == {str(number): "b" for number in range(1, 50)}
