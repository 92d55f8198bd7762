"""dbt's files: the environment it runs in, and the manifest, parsed when it is missing or older than the project.

Nothing is written into the project: target, logs and seeds lie under $PMO_HOME/dbt.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from orchestration.errors import PmoError
from orchestration.paths import DBT_PROJECT, Home
from orchestration.seeds import merge_seeds

MOST_MEMORY_MB = 6_000
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # bytes that a container may use


def dbt_executable() -> Path:
    """dbt of this environment, whatever PATH says."""
    return Path(sys.executable).with_name("dbt")


def dbt_environment(home: Home) -> dict[str, str]:
    """What dbt_project.yml, profiles.yml and the macros read. For a build of the past PMO_HOME is its own folder."""
    return {
        "PMO_HOME": str(home.build),
        "PMO_SEEDS": str(home.dbt_seeds),
        "PMO_MEMORY_LIMIT": os.environ.get("PMO_MEMORY_LIMIT") or memory_limit(),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(home.dbt_target),
        "DBT_LOG_PATH": str(home.dbt_logs),
        "DBT_LOG_LEVEL_FILE": "warn",  # its debug log costs seconds; the run's own lines are in logs/dbt.log
    }


def memory_limit(cgroup: Path = CGROUP_LIMIT) -> str:
    """What DuckDB may use: six tenths of the memory of this machine or container, at most 6 GB.

    The rest is for dbt itself and the other steps. Beyond it DuckDB works on disk, in $PMO_HOME/dbt/spill.
    """
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no cgroups, or no limit: "max"
        available = min(available, int(cgroup.read_text()))
    return f"{min(MOST_MEMORY_MB, available * 6 // 10 // 10**6)}MB"


@contextlib.contextmanager
def in_dbt_environment(home: Home) -> Iterator[None]:
    """Hold the variables while a process is started that takes this one's environment."""
    wanted = dbt_environment(home)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ensure_manifest(home: Home) -> Path:
    """The manifest's path; parsed anew if a file of the project or a seed has changed since."""
    if not home.dbt_seeds.exists():
        merge_seeds(None, home.dbt_seeds)
    if is_parsed(home):
        return home.manifest
    home.dbt_target.mkdir(parents=True, exist_ok=True)
    with FileLock(home.dbt_target / "parse.lock"):  # two of dbt would write into one manifest
        if not is_parsed(home):
            _parse(home)
    return home.manifest


def _parse(home: Home) -> None:
    command = [str(dbt_executable()), "--quiet", "parse", "--project-dir", str(DBT_PROJECT)]
    done = subprocess.run(
        command, env={**os.environ, **dbt_environment(home)},
        capture_output=True, text=True, check=False, cwd=DBT_PROJECT,
    )  # fmt: skip
    if done.returncode != 0 or not home.manifest.exists():
        said = " ".join((done.stdout + done.stderr).split())[:1500]
        raise PmoError(f"dbt cannot parse the project in {DBT_PROJECT}: {said}")
    _stamp(home).write_text(_project_state(home))


def is_parsed(home: Home) -> bool:
    """Whether there is a manifest of the project as it is now."""
    stamp = _stamp(home)
    return home.manifest.exists() and stamp.exists() and stamp.read_text() == _project_state(home)


def _stamp(home: Home) -> Path:
    return home.dbt_target / "parsed.sha256"


def _project_state(home: Home) -> str:
    """A hash over the project's files by name, size and time; of seeds by name, as the manifest has no rows."""
    state = hashlib.sha256()
    for folder in ("models", "macros", "tests"):
        for file in sorted((DBT_PROJECT / folder).rglob("*")):
            if file.is_file():
                status = file.stat()
                state.update(f"{file}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    for file in [DBT_PROJECT / "dbt_project.yml", DBT_PROJECT / "profiles.yml"]:
        state.update(file.read_bytes())
    for file in sorted(home.dbt_seeds.glob("*.csv")):
        state.update(file.name.encode())
    return state.hexdigest()
