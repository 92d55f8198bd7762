"""`pmo dev` and `pmo docs`: the Dagster UI and dbt's documentation, on the same state as `pmo run`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from orchestration.commands.sandbox import served_sandbox
from orchestration.config.default import is_sandbox
from orchestration.dbt_files import dbt_environment, dbt_executable, ensure_manifest
from orchestration.errors import PmoError
from orchestration.instance import dagster_home
from orchestration.paths import DBT_PROJECT, PROJECT, Home

STOP_SECONDS = 30.0


def serve_dagster(port: int) -> int:
    """Run `dagster dev` until Ctrl+C, beside it the sandbox where no settings name other sources; its exit status."""
    home = Home.of()
    ensure_manifest(home)
    environment = {**os.environ, "PMO_HOME": str(home.root), "DAGSTER_HOME": str(dagster_home(home))}
    command = [
        str(Path(sys.executable).with_name("dagster")), "dev",
        "--module-name", "orchestration.definitions", "--working-directory", str(PROJECT), "--port", str(port),
    ]  # fmt: skip
    console = Console()
    with served_sandbox(home) if is_sandbox(None) else contextlib.nullcontext():
        told = f"Dagster at http://127.0.0.1:{port} · state in {home.dagster} · Ctrl+C ends it"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
        return _until_stopped(command, environment)


def _until_stopped(command: list[str], environment: dict[str, str]) -> int:
    """Run `command` in a session of its own, so that Ctrl+C reaches it once and it ends in order; its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        return 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # what is left of its web server and daemon


def write_dbt_docs() -> int:
    """Write one self-contained page from dbt's manifest and catalog."""
    home = Home.of()
    if not home.warehouse.exists():
        raise PmoError(f"There is no warehouse in {home.root} yet. `pmo run` builds it.")
    command = [str(dbt_executable()), "docs", "generate", "--static", "--project-dir", str(DBT_PROJECT)]
    done = subprocess.run(
        command, env={**os.environ, **dbt_environment(home)}, cwd=DBT_PROJECT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise PmoError(
            f"dbt could not write its documentation: {' '.join((done.stdout + done.stderr).split())[-1500:]}"
        )
    Console().print(f"Written: {home.dbt_target / 'static_index.html'}", highlight=False, soft_wrap=True)
    return 0
