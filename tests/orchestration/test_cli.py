"""`pmo` as a person meets it: help, refusals, exit status. Real processes, as installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from extractors.locks import run_lock
from orchestration.cli import app
from orchestration.commands.failing import readable_errors

PMO = Path(sys.executable).parent / "pmo"
SURVEY = """
[[connections]]
id = "nps"
kind = "survey_file"
path = "nowhere.csv"
survey = "NPS"
metric = "nps"
score_column = "score"
survey_date = 2024-06-30
"""


def pmo(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PMO_", "DAGSTER", "DBT_"))}
    environment = {**kept, "PMO_HOME": str(folder / "home"), "COLUMNS": "200", **environ}
    command = [str(PMO), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def assert_paragraph(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Refused in words, without a traceback."""
    assert done.returncode == 1
    flat = " ".join(done.stderr.split())
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in flat


def test_help_names_the_commands_and_loads_nothing_slow():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in ("run", "rebuild", "doctor", "explain", "sandbox", "dev", "docs"))
    code = "import sys, orchestration.cli; print({'dagster', 'dbt', 'pandas', 'duckdb', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["config", "only", "full", "as-of"])
def test_run_has_its_options(name: str):
    assert f"--{name}" in CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output


def test_unknown_options_are_refused_by_name():
    result = CliRunner().invoke(app, ["run", "--ful"])
    assert result.exit_code == 2
    assert "--full" in result.output


def test_a_missing_settings_file_is_named(tmp_path: Path):
    assert_paragraph(pmo(tmp_path, "run", "--config", "nowhere.toml"), "nowhere.toml", "pmo.example.toml")


def test_a_malformed_file_names_the_line(tmp_path: Path):
    (tmp_path / "pmo.toml").write_text(SURVEY + "score_colum = 1\n")
    assert_paragraph(pmo(tmp_path, "run"), "pmo.toml, line 10", "Did you mean `score_column`?")
    assert_paragraph(pmo(tmp_path, "doctor"), "pmo.toml, line 10")


def test_only_must_name_a_connection(tmp_path: Path):
    (tmp_path / "pmo.toml").write_text(SURVEY)
    assert_paragraph(pmo(tmp_path, "run", "--only", "nsp"), "--only nsp", "It has: nps")


def test_a_bad_seed_is_told_before_anything_starts(tmp_path: Path):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "stage_mapping.csv").write_text("connection_id,stag\n*,done\n")
    (tmp_path / "pmo.toml").write_text('seeds = "seeds"\n' + SURVEY)
    done = pmo(tmp_path, "run")
    assert_paragraph(done, "stage_mapping.csv, line 1", "stag")
    assert "Extract" not in done.stdout


def test_doctor_says_what_is_missing(tmp_path: Path):
    (tmp_path / "pmo.toml").write_text(SURVEY)
    done = pmo(tmp_path, "doctor")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "nowhere.csv" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_explain_before_the_first_run(tmp_path: Path):
    assert_paragraph(pmo(tmp_path, "explain", "velocity"), "Nothing is published", "pmo run")


def test_explain_of_two_scopes_is_refused(tmp_path: Path):
    done = pmo(tmp_path, "explain", "velocity", "--team", "A", "--portfolio", "B")
    assert done.returncode == 2
    assert "A value has one scope, not team and portfolio." in done.stderr


def test_explain_of_what_another_version_published(tmp_path: Path):
    (tmp_path / "home" / "published").mkdir(parents=True)
    with duckdb.connect(tmp_path / "home" / "published" / "marts.duckdb") as marts:
        marts.execute("create schema marts; set schema = 'marts'; create table dim_kpi as select 'velocity' as kpi_id")
    assert_paragraph(pmo(tmp_path, "explain", "velocity"), "another version", "kpi_scorecard", "`pmo run`")


def test_advance_before_the_sandbox_exists(tmp_path: Path):
    assert_paragraph(pmo(tmp_path, "sandbox", "advance", "--days", "7"), "pmo sandbox serve")


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path):
    (tmp_path / "pmo.toml").write_text(SURVEY)
    with run_lock(tmp_path / "home"):
        assert_paragraph(pmo(tmp_path, "run"), "Already running", str(os.getpid()))


def test_a_defect_is_one_paragraph_and_its_traceback_is_in_the_log(tmp_path: Path):
    """A folder where a file belongs is nothing that the product expects."""
    (tmp_path / "pmo.toml").write_text(SURVEY)
    (tmp_path / "home" / "pseudonym.key").mkdir(parents=True)
    assert_paragraph(pmo(tmp_path, "run"), "unexpected IsADirectoryError", "pmo.log")
    assert "Traceback" in (tmp_path / "home" / "logs" / "pmo.log").read_text()


def test_serve_says_when_a_port_is_taken_and_ends(tmp_path: Path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        begun = time.monotonic()
        assert_paragraph(pmo(tmp_path, "sandbox", "serve", "--items", "20", "--port-base", port), port)
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError('IO Error: Could not write file "x": No space left on device'),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_full_disk_is_no_defect(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setenv("PMO_HOME", str(tmp_path))
    with pytest.raises(SystemExit), readable_errors():
        raise ValueError from error
    told = capsys.readouterr().err
    assert "Free space" in told
    assert "unexpected" not in told
    assert list(tmp_path.iterdir()) == []  # nor is anything written
