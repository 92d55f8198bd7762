"""Case 34: eight processes write 25 short assets each into Dagster's default storage at once; no event is lost.

The default storage is that of dagster.yaml, with our own class for the events.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from orchestration.paths import PROJECT

pytestmark = pytest.mark.slow
WRITERS, ASSETS = 8, 25
WRITER = f"""
import sys, time
from pathlib import Path
import dagster as dg

number, folder = int(sys.argv[1]), Path(sys.argv[2])

def short(name):
    @dg.asset(name=name)
    def made(context):
        context.log.info("short")
        return dg.MaterializeResult(metadata={{"writer": number}})
    return made

assets = [short(f"part_{{number}}_{{one}}") for one in range({ASSETS})]
(folder / f"ready-{{number}}").touch()
while len(list(folder.glob("ready-*"))) < {WRITERS}:
    time.sleep(0.02)
with dg.DagsterInstance.get() as instance:
    sys.exit(0 if dg.materialize(assets, instance=instance).success else 1)
"""


def test_eight_writers_lose_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    home, meeting = tmp_path / "dagster", tmp_path / "meeting"
    home.mkdir()
    meeting.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("PMO_HOME", str(tmp_path / "pmo"))
    with dg.DagsterInstance.get() as instance:  # the files are made by one process, as `pmo run` holds a lock
        assert instance.get_runs() == []
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    logs = [(tmp_path / f"{number}.log").open("wb") for number in range(WRITERS)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(number), str(meeting)], env=environment, stderr=log, cwd=PROJECT
        )
        for number, log in enumerate(logs)
    ]
    codes = [writer.wait(300) for writer in writers]
    said = "".join((tmp_path / f"{number}.log").read_text() for number in range(WRITERS))
    assert codes == [0] * WRITERS, said[-2_000:]
    assert "database is locked" not in said
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * WRITERS
        for run in runs:
            events = Counter(
                log.dagster_event.event_type_value for log in instance.all_logs(run.run_id) if log.dagster_event
            )
            for kind in ("STEP_START", "STEP_SUCCESS", "ASSET_MATERIALIZATION"):
                assert events[kind] == ASSETS, (kind, events)
            assert events[dg.DagsterEventType.RUN_SUCCESS.value] == 1
            told = [log for log in instance.all_logs(run.run_id) if log.user_message == "short"]
            assert len(told) == ASSETS
        names = {f"part_{number}_{one}" for number in range(WRITERS) for one in range(ASSETS)}
        latest = instance.get_latest_materialization_events([dg.AssetKey(name) for name in names])
        assert {key.to_user_string() for key, event in latest.items() if event} == names
