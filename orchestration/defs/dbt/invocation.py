"""Start dbt for a whole build, ahead of its turn where the run knows that it will come.

dagster-dbt's own `DbtCliResource.cli` runs `dbt --version` and loads a second dbt into this process before each
command: seconds, for a version that the lock file fixes and for columns that we read from the warehouse. So the
process is started here, and dagster-dbt turns its events into Dagster's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.dbt_files import dbt_environment, is_parsed
from orchestration.paths import DBT_PROJECT, Home

if TYPE_CHECKING:
    import dagster as dg
    from dagster_dbt import DbtCliInvocation

BUILD = ("build", "--exclude-resource-type", "unit_test")
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class _Ahead:
    """A dbt that waits for its turn, for the build in `target`."""

    target: Path
    process: subprocess.Popen[bytes]


_waiting: list[_Ahead] = []


@contextlib.contextmanager
def dbt_ahead(home: Home) -> Iterator[None]:
    """While the block runs, dbt gets ready for the build of `home`; unless its project has to be parsed anew."""
    if is_parsed(home):
        _waiting.append(_Ahead(home.dbt_target, _start("ahead", home)))
    try:
        yield
    finally:
        leave_no_dbt()


def leave_no_dbt() -> None:
    """End what was started ahead and has not been used."""
    while _waiting:
        process = _waiting.pop().process
        process.kill()
        process.wait(STOP_SECONDS)


def start_build(context: dg.AssetExecutionContext, home: Home) -> DbtCliInvocation:
    """Build everything: the dbt that waits, or a new one. Its `stream()` gives Dagster's events."""
    from dagster_dbt import DbtCliInvocation
    from packaging.version import Version

    from orchestration.defs.dbt.manifest import manifest
    from orchestration.defs.dbt.translator import Translator

    shutil.rmtree(home.dbt_spill, ignore_errors=True)
    return DbtCliInvocation(
        process=_ready(home) or _start("now", home),
        manifest=manifest(),
        dagster_dbt_translator=Translator(),
        project_dir=DBT_PROJECT,
        target_path=home.dbt_target,
        raise_on_error=True,
        cli_version=Version(version("dbt-core")),
        context=context,
    )


def _ready(home: Home) -> subprocess.Popen[bytes] | None:
    """The process that was started ahead for this build, told to go on; None if there is none that lives."""
    found = next((each for each in _waiting if each.target == home.dbt_target), None)
    if found is None:
        return None
    _waiting.remove(found)
    try:
        assert found.process.stdin is not None  # noqa: S101 - a pipe, see _start
        found.process.stdin.write(b"go\n")
        found.process.stdin.flush()
    except BrokenPipeError:
        found.process.wait()
        return None
    return found.process


def _start(mode: str, home: Home) -> subprocess.Popen[bytes]:
    """dbt with structured events on standard output, as dagster-dbt reads them."""
    told: dict[str, Any] = {"DBT_LOG_FORMAT": "json", "DBT_PROJECT_DIR": str(DBT_PROJECT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.dbt_process", mode, *BUILD],
        env={**os.environ, **dbt_environment(home), **told},
        cwd=DBT_PROJECT.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
