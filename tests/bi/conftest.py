"""A published synthetic warehouse, made once per test session and worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from bi.publish import publish

from .synthetic import RUN, make_warehouse


@dataclass(frozen=True)
class Home:
    """A PMO_HOME with a warehouse and dbt's manifest."""

    path: Path
    warehouse: Path
    manifest: Path

    @property
    def published(self) -> Path:
        return self.path / "published"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The warehouse alone. Shared: do not write into it."""
    path = tmp_path_factory.mktemp("home")
    manifest = make_warehouse(path / "warehouse.duckdb")
    return Home(path, path / "warehouse.duckdb", manifest)


@pytest.fixture(scope="session")
def published(built: Home) -> Home:
    """The warehouse, published once. Shared: do not write into it."""
    publish(built.warehouse, built.path, run=RUN, manifest=built.manifest)
    return built


@pytest.fixture
def home(published: Home, tmp_path: Path) -> Home:
    """A home of one's own with the same warehouse, not yet published; the page's fixed parts are there."""
    warehouse = tmp_path / "home" / "warehouse.duckdb"
    warehouse.parent.mkdir()
    shutil.copy(published.warehouse, warehouse)
    shutil.copytree(published.path / "cache", warehouse.parent / "cache")
    return Home(warehouse.parent, warehouse, published.manifest)


@contextmanager
def copied_marts(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published tables in memory, to be changed by a test."""
    with duckdb.connect() as marts:
        marts.execute(f"attach '{published / 'marts.duckdb'}' as pmo (read_only)")
        names = marts.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        for (name,) in names:
            marts.execute(f"create table {name} as from pmo.marts.{name}")
        yield marts
