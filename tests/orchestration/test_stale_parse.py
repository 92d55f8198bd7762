"""Case 53: what dbt remembers of an earlier parse may be cut, empty or foreign; the manifest stays the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt_files import dbt_environment, dbt_executable, ensure_manifest
from orchestration.paths import DBT_PROJECT, Home

pytestmark = pytest.mark.slow
MEMORY = "partial_parse.msgpack"


def parsed(home: Home) -> dict[str, Any]:
    """The manifest as the product makes it, anew, but for its times and the folders that it lies in."""
    (home.dbt_target / "parsed.sha256").unlink(missing_ok=True)
    return facts(ensure_manifest(home))


def facts(file: Path) -> dict[str, Any]:
    manifest = json.loads(file.read_bytes())
    found = {**manifest["nodes"], **manifest["sources"], **manifest["macros"], **manifest["unit_tests"]}
    kept = ("raw_code", "macro_sql", "depends_on", "refs", "config", "columns", "description", "checksum", "fqn")
    return {name: {key: node.get(key) for key in kept} for name, node in found.items()}


def parse_of(project: Path, home: Home) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **dbt_environment(home), "DBT_PROFILES_DIR": str(project)}
    command = [str(dbt_executable()), "--quiet", "parse", "--project-dir", str(project)]
    return subprocess.Popen(command, env=environment, cwd=project)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("home")
    return Home(root, root)


@pytest.fixture(scope="module")
def clean(home: Home) -> dict[str, Any]:
    return parsed(home)


@pytest.fixture(scope="module")
def foreign(home: Home, clean: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What dbt remembers of a project of the same name, in another folder, in which models say something else."""
    assert clean
    project = tmp_path_factory.mktemp("foreign") / "dbt_project"
    shutil.copytree(DBT_PROJECT, project)
    models = sorted((project / "models" / "marts").rglob("*.sql"))
    for model in (models[0], models[-1]):
        model.write_text(model.read_text().replace("select", "select /* not ours */", 1))
    other = Home(project.parent / "home", project.parent / "home")
    shutil.copytree(home.dbt_seeds, other.dbt_seeds)
    assert parse_of(project, other).wait(240) == 0
    return (other.dbt_target / MEMORY).read_bytes()


DAMAGE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "cut": lambda own, _: own[: len(own) // 2],
    "foreign": lambda _, foreign: foreign,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_stale_memory_changes_nothing(home: Home, clean: dict[str, Any], foreign: bytes, damage: str) -> None:
    memory = home.dbt_target / MEMORY
    memory.write_bytes(DAMAGE[damage](memory.read_bytes(), foreign))
    again = parsed(home)
    assert again == clean


def test_two_parses_at_once_from_an_empty_memory(home: Home, clean: dict[str, Any]) -> None:
    (home.dbt_target / MEMORY).write_bytes(b"")
    (home.dbt_target / "parsed.sha256").unlink()
    code = f"""from pathlib import Path
from orchestration.dbt_files import ensure_manifest
from orchestration.paths import Home
ensure_manifest(Home(Path({str(home.root)!r}), Path({str(home.root)!r})))"""
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=DBT_PROJECT.parent) for _ in range(2)]
    assert [one.wait(240) for one in both] == [0, 0]
    assert facts(home.manifest) == clean
    assert parsed(home) == clean
