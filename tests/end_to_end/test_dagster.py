"""Runs that Dagster launches: the nightly census and the hourly refresh, by Dagster's own command line and instance."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from extractors.locks import run_lock
from orchestration.instance import dagster_home
from orchestration.paths import Home
from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAGSTER = Path(sys.executable).with_name("dagster")

CONFIGURATION = """
seeds = "seeds"

[[connections]]
id = "cloud"
kind = "jira"
url = "http://127.0.0.1:{port}"
username = "pmo@example.com"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "answers"
kind = "survey_file"
path = "answers.csv"
survey = "answers"
metric = "nps"
score_column = "score"
survey_date = 2026-01-31
"""


class Office:
    """A project folder whose Jira is not there yet."""

    def __init__(self, workspace: Workspace, port: int) -> None:
        self.workspace = workspace
        self.port = port
        self.home = Home(workspace.home, workspace.home)

    def execute(self, job: str, **options: Any) -> tuple[int, str]:
        """`dagster job execute` in the project folder; its exit status, and what it said."""
        config = self.workspace.folder / "run.yaml"
        config.write_text(json.dumps({"resources": {"pipeline": {"config": {**options}}}}))
        environment = {**self.workspace.env(), "DAGSTER_HOME": str(dagster_home(self.home))}
        command = [str(DAGSTER), "job", "execute", "-m", "orchestration.definitions", "-j", job, "-c", str(config)]
        done = subprocess.run(
            command, cwd=self.workspace.folder, env=environment, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout + done.stderr

    def last_run(self) -> tuple[Any, list[Any]]:
        """Dagster's record of the latest run, and its events."""
        from dagster import DagsterInstance

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home.dagster))
            instance = DagsterInstance.from_config(str(self.home.dagster))
        with instance:
            (run,) = instance.get_runs(limit=1)
            return run, [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.is_dagster_event]

    def failures(self) -> list[str]:
        """What the steps of the latest run failed with, or else the run: the words that the Dagster UI shows first."""
        _, events = self.last_run()
        steps = [event.event_specific_data for event in events if event.event_type_value == "STEP_FAILURE"]
        runs = [event.event_specific_data for event in events if event.event_type_value == "PIPELINE_FAILURE"]
        told = [each.user_failure_data.description for each in steps if each.user_failure_data]
        return told or [each.error.to_string() for each in runs if each.error]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    workspace = Workspace(tmp_path_factory.mktemp("dagster"), {"SANDBOX_TOKEN": "anything"})
    (workspace.folder / "answers.csv").write_text("score\n9\n10\n")
    (workspace.folder / "seeds").mkdir()
    port = free_ports(4)
    workspace.configure(CONFIGURATION.format(port=port))
    return Office(workspace, port)


def test_the_nightly_census_tries_again_until_the_source_is_there_and_publishes(office: Office):
    workspace, port = office.workspace, office.port
    with ThreadPoolExecutor(1) as pool:
        census = pool.submit(office.execute, "census", census=True, retry_seconds=10, transient_retries=4)
        wait_for_a_failed_read(workspace)
        with serving(workspace, port, "--items", "60", "--port-base", str(port)):
            status, said = census.result()
    assert status == 0, said[-4000:]
    run, events = office.last_run()
    assert run.status.value == "SUCCESS"
    assert run.job_name == "census"
    retried = [event.step_key for event in events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert set(retried) == {"raw_jira"}
    assert office.workspace.query("select count(*) > 0 from marts.dim_work_item") == [(True,)]
    (record,) = (office.workspace.home / "runs").glob("*.json")
    assert record.stem == run.run_id
    checks = [event.event_specific_data for event in events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    assert len(checks) > 50
    assert all(check.passed for check in checks if check.severity.value == "ERROR")


def test_a_person_can_build_one_table_alone(office: Office):
    """By the test before, the warehouse stands. A selection goes through dagster-dbt's own command line."""
    command = [
        str(DAGSTER),
        "asset",
        "materialize",
        "-m",
        "orchestration.definitions",
        "--select",
        'key:"core/dim_date"',
    ]
    environment = {**office.workspace.env(), "DAGSTER_HOME": str(dagster_home(office.home))}
    done = subprocess.run(
        command, cwd=office.workspace.folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    _, events = office.last_run()
    made = [event.asset_key.to_user_string() for event in events if event.event_type_value == "ASSET_MATERIALIZATION"]
    assert made == ["core/dim_date"]


def wait_for_a_failed_read(workspace: Workspace) -> None:
    """Until the run's record says that the source could not be read."""
    deadline = time.monotonic() + 240
    while not any("could not be reached" in file.read_text() for file in workspace.home.glob("runs/*.json")):
        assert time.monotonic() < deadline, "nobody asked the source"
        time.sleep(0.2)


def test_a_run_waits_for_nobody_and_says_who_runs(office: Office):
    with run_lock(office.workspace.home):
        status, _ = office.execute("refresh")
    assert status == 1
    run, _ = office.last_run()
    assert run.status.value == "FAILURE"
    assert any("Already running: process" in text for text in office.failures())


def test_a_bad_seed_is_told_in_the_words_of_the_command_line(office: Office):
    seed = office.workspace.folder / "seeds" / "stage_mapping.csv"
    seed.write_text("connection_id,status,stage\n,Open,dooing\n")
    try:
        told = office.workspace.pmo("run").stderr
        status, _ = office.execute("refresh")
    finally:
        seed.unlink()
    assert "stage_mapping.csv, line 2" in told
    assert status == 1
    assert {" ".join(text.split()) for text in office.failures()} == {" ".join(told.split())}
