"""`pmo maintain` as a person meets it, and as Dagster starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extractors.landing import Landing, Run
from extractors.locks import run_lock

PMO = Path(sys.executable).parent / "pmo"


def pmo(home: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "PMO_HOME": str(home), "COLUMNS": "200"}
    done = subprocess.run(
        [str(PMO), *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    landing = Landing(tmp_path)
    for number in range(3):
        batch = landing.batch(Run(f"run-{number}", datetime.now(UTC)), "jira-a", "jira")
        batch.append("jira/issues", [{"record_id": str(number), "payload": "{}"}])
        batch.commit({}, is_final=True)
        landing.judge("jira-a", "held" if number == 1 else "accepted", None)
    return tmp_path


def test_the_summary_says_what_was_done(home: Path) -> None:
    status, text = pmo(home, "maintain", "--dry-run")
    assert status == 0
    assert "Would maintain 2 tables" in text
    assert len(Landing(home).table("jira/issues").file_uris()) == 3
    status, text = pmo(home, "maintain", "--retention-hours", "0")
    assert status == 0
    assert "Maintained 2 tables" in text
    assert "1 rows that counted for nobody removed" in text
    assert len(Landing(home).table("jira/issues").file_uris()) == 1


def test_it_does_not_work_beside_a_run(home: Path) -> None:
    with run_lock(home):
        status, text = pmo(home, "maintain")
    assert status == 1
    assert f"process {os.getpid()} holds the lock" in text
    assert len(Landing(home).table("jira/issues").file_uris()) == 3


def test_before_the_first_run_there_is_nothing_to_do(tmp_path: Path) -> None:
    status, text = pmo(tmp_path, "maintain")
    assert status == 0
    assert "Nothing to maintain" in text


def test_dagster_does_it_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMO_HOME", str(home))
    from orchestration.defs.maintenance import maintenance

    assert maintenance.execute_in_process().success
    assert len(Landing(home).table("jira/issues").file_uris()) == 1
