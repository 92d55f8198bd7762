"""`pmo dev` and `pmo docs`: the Dagster UI and dbt's documentation, on the same state as `pmo run`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from orchestration.dbt_files import dbt_environment, dbt_executable, ensure_manifest
from orchestration.errors import PmoError
from orchestration.instance import dagster_home
from orchestration.paths import DBT_PROJECT, PROJECT, Home


def serve_dagster(port: int) -> int:
    """Run `dagster dev` until Ctrl+C; its exit status."""
    home = Home.of()
    ensure_manifest(home)
    environment = {**os.environ, "PMO_HOME": str(home.root), "DAGSTER_HOME": str(dagster_home(home))}
    command = [
        str(Path(sys.executable).with_name("dagster")), "dev",
        "--module-name", "orchestration.definitions", "--working-directory", str(PROJECT), "--port", str(port),
    ]  # fmt: skip
    Console().print(f"Dagster at http://127.0.0.1:{port} · state in {home.dagster} · Ctrl+C ends it", highlight=False)
    return subprocess.run(command, env=environment, check=False).returncode


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
