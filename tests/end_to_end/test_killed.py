"""`kill -9` of `pmo run` in each of its parts: the publication stays whole, the next run ends as if undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.workspace import PMO, Workspace, serving
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CONFIGURATION = """
[[connections]]
id = "cloud"
kind = "jira"
url = "http://127.0.0.1:{0}"
username = "pmo@example.com"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "ado"
kind = "azure_devops"
url = "http://127.0.0.1:{2}/pmo"
token_env = "SANDBOX_TOKEN"
"""

PARTS = ("Extract and judge", "Build the warehouse", "Judge the marts", "Publish")

# What does not depend on when the run was.
LASTING = (
    "select item_key, item_ref, status, stage, points, team_key, created_at from marts.dim_work_item",
    "select item_key, status, entered_at, left_at, hours from marts.fct_state_interval where left_at is not null",
    "select * from marts.kpi_velocity where is_final",
    "select item_key, policy_id, started_at, done_at, lead_time_hours from marts.fct_item_flow "
    "where done_at is not null",
)


@dataclass
class Killed:
    workspace: Workspace
    undisturbed: Workspace
    survivors: list[str]
    unreadable: list[str]


def processes_of(home: Path) -> list[str]:
    """The processes that belong to a PMO_HOME: all that a run starts has it in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"PMO_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def killed_in(workspace: Workspace, part: str) -> None:
    """`pmo run`, killed as soon as it says that `part` begins."""
    command = [str(PMO), "run", "--config", "pmo.toml"]
    run = subprocess.Popen(command, cwd=workspace.folder, env=workspace.env(), stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        line = next((line for line in run.stdout if part in line), None)
        assert line is not None, f"the run ended before {part!r}"
        time.sleep(0.5)
        os.kill(run.pid, signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL


def survivors(home: Path) -> list[str]:
    """What still runs some seconds after the run was killed."""
    deadline = time.monotonic() + 20
    while (found := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def unreadable(workspace: Workspace) -> str | None:
    """Why what is published cannot be read; None if it can, or if nothing was published yet."""
    file = workspace.home / "published" / "marts.duckdb"
    if not os.path.lexists(workspace.home / "published"):
        return None
    try:
        return None if workspace.query("select count(*) from marts.kpi_scorecard")[0][0] else "empty"
    except duckdb.Error as error:
        return f"{file}: {error}"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    port = free_ports(4)
    secrets = {"SANDBOX_TOKEN": "anything"}
    undisturbed, workspace = (Workspace(tmp_path_factory.mktemp(name), secrets) for name in ("undisturbed", "killed"))
    told = Killed(workspace, undisturbed, [], [])
    with serving(undisturbed, port, "--items", "60", "--port-base", str(port)):
        for each in (undisturbed, workspace):
            each.configure(CONFIGURATION.format(port, port + 1, port + 2))
        for part in PARTS:
            killed_in(workspace, part)
            told.survivors += survivors(workspace.home)
            told.unreadable += [text] if (text := unreadable(workspace)) else []
        workspace.run()
        undisturbed.run()
        yield told


def test_the_next_run_ends_as_if_nothing_had_happened(killed: Killed):
    for sql in LASTING:
        expected = sorted(map(repr, killed.undisturbed.query(sql)))
        assert expected, sql
        assert sorted(map(repr, killed.workspace.query(sql))) == expected, sql


def test_what_is_published_can_be_read_at_any_time(killed: Killed):
    assert killed.unreadable == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
def test_nothing_that_the_run_started_lives_on(killed: Killed):
    assert killed.survivors == []


def test_nothing_unfinished_is_left_behind(killed: Killed):
    publications = killed.workspace.home / "publications"
    assert [path.name for path in publications.iterdir() if path.name.startswith(".building")] == []
    assert len([path for path in publications.iterdir() if path.is_dir()]) <= 2
