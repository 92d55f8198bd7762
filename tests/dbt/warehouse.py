"""A warehouse built by dbt from records that a test writes down.

`Warehouse(folder)` collects raw rows as plain dicts (columns of `extractors/streams.py`), lands them as
Parquet files with the inputs that dbt reads, and runs dbt in this process. Rows need only the columns that
matter: keys, hashes and extraction times are filled in. `build()` returns a read-only DuckDB connection.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from extractors.streams import LEDGER_SCHEMA, STREAMS
from orchestration.pipeline.publications import COMPARED, LAST

PROJECT = Path(__file__).parents[2] / "dbt_project"
SALT = "salt of the tests"
NOW = datetime(2024, 4, 1, tzinfo=UTC)
Row = dict[str, Any]

CONNECTIONS_SCHEMA = pa.schema(
    {
        "connection_id": pa.string(),
        "kind": pa.string(),
        "tool": pa.string(),
        "url": pa.string(),
        "time_zone": pa.string(),
        "position": pa.int64(),
        "is_held": pa.bool_(),
        "held_reason": pa.string(),
        "last_checked_at": pa.timestamp("us", tz="UTC"),
    }
)
SETTINGS_SCHEMA = pa.schema(
    {
        "reporting_time_zone": pa.string(),
        "daily_history_days": pa.int64(),
        "fiscal_year_start_month": pa.int64(),
        "min_responses": pa.int64(),
        "run_id": pa.string(),
        "as_of_at": pa.timestamp("us", tz="UTC"),
        "pseudonym_salt": pa.string(),
    }
)


def instant(value: str | datetime | None) -> datetime | None:
    """'2024-03-04 09:00' (UTC) as an aware instant."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


@dataclass
class Warehouse:
    """Raw rows of a test and the build over them. `rows` holds them by stream."""

    home: Path
    now: datetime = NOW
    settings: Row = field(default_factory=dict)
    seeds: dict[str, str] = field(default_factory=dict)  # seed name → CSV text that replaces the shipped one
    rows: dict[str, list[Row]] = field(default_factory=dict)
    connections: dict[str, Row] = field(default_factory=dict)
    batches: list[Row] = field(default_factory=list)
    published_figures: list[Row] = field(default_factory=list)  # what dbt reads of the log of publications
    published: dict[str, list[Row]] = field(default_factory=dict)  # tables of the last publication
    reached_at: dict[str, datetime] = field(default_factory=dict)  # connection → start of its last run, if not `now`

    def connection(self, connection_id: str, tool: str, **values: Any) -> Warehouse:
        """A configured connection with one final accepted batch at `now`."""
        self.connections[connection_id] = {
            "connection_id": connection_id,
            "kind": "survey_file" if tool == "surveys" else tool,
            "tool": tool,
            "url": f"https://{connection_id}.example.com",
            "time_zone": "UTC",
            "position": len(self.connections),
            "is_held": False,
            **values,
        }
        return self

    def land(self, stream: str, rows: Iterable[Row], connection_id: str, batch: str = "") -> Warehouse:
        """Add raw rows. Text instants become UTC instants; keys that a row does not give are made up."""
        schema = STREAMS[stream].schema
        landed = self.rows.setdefault(stream, [])
        for row in rows:
            unknown = row.keys() - set(schema.names)
            if unknown:
                raise KeyError(f"{stream} has no columns {sorted(unknown)}")
            full = {
                "connection_id": connection_id,
                "record_id": f"{len(landed)}",
                "extracted_at": self.now,
                "run_id": "run",
                "batch_id": batch or f"{connection_id}:final",
                "is_deleted": False,
                "payload_hash": f"{len(landed):032x}",
                **row,
            }
            landed.append({name: _typed(value, schema.field(name).type) for name, value in full.items()})
        return self

    def jira(self, connection_id: str = "jira", time_zone: str = "UTC", **streams: Sequence[Row]) -> Warehouse:
        """Rows of Jira streams by name: issues, issue_changes, sprints, statuses …"""
        if connection_id not in self.connections:
            self.connection(connection_id, "jira", time_zone=time_zone)
        for stream, rows in streams.items():
            self.land(f"jira/{stream}", (with_record_id(f"jira/{stream}", row) for row in rows), connection_id)
        return self

    def azure(self, connection_id: str = "azure", time_zone: str = "UTC", **streams: Sequence[Row]) -> Warehouse:
        """Rows of Azure DevOps streams by name: revisions, team_areas, states …"""
        if connection_id not in self.connections:
            self.connection(connection_id, "azure_devops", time_zone=time_zone)
        for stream, rows in streams.items():
            name = f"azure_devops/{stream}"
            self.land(name, (with_record_id(name, row) for row in rows), connection_id)
        return self

    def surveys(self, connection_id: str = "surveys", **streams: Sequence[Row]) -> Warehouse:
        """Rows of survey streams by name: responses, invitations."""
        if connection_id not in self.connections:
            self.connection(connection_id, "surveys")
        for stream, rows in streams.items():
            self.land(f"surveys/{stream}", rows, connection_id)
        return self

    def build(self, select: str | None = None, command: str = "build") -> duckdb.DuckDBPyConnection:
        """Run dbt over the rows; a failure of a model or test fails the caller. Returns the warehouse, read-only."""
        self._write_inputs()
        run_dbt(self.home, self.seeds, command, select)
        warehouse = duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True)
        warehouse.execute("set TimeZone = 'UTC'")
        return warehouse

    def _write_inputs(self) -> None:
        inputs = self.home / "dbt" / "inputs"
        (inputs / "empty").mkdir(parents=True, exist_ok=True)
        streams = []
        for name, stream in STREAMS.items():
            file = inputs / "empty" / f"{name.replace('/', '__')}.parquet"
            pq.write_table(stream.schema.empty_table(), file)
            files = [file]
            if name in self.rows:
                files.append(inputs / f"{name.replace('/', '__')}.parquet")
                pq.write_table(pa.Table.from_pylist(self.rows[name], schema=stream.schema), files[-1])
            streams.append({"stream": name, "files": [str(path) for path in files]})
        (inputs / "streams.json").write_text(json.dumps(streams))
        final = [self._final_batch(number, key) for number, key in enumerate(self.connections)]
        _write(inputs / "batches.parquet", [*self.batches, *final], LEDGER_SCHEMA)
        _write(inputs / "connections.parquet", list(self.connections.values()), CONNECTIONS_SCHEMA)
        settings = {
            "daily_history_days": 400,
            "fiscal_year_start_month": 1,
            "min_responses": 5,
            "run_id": "run",
            "pseudonym_salt": SALT,
            **self.settings,
        }
        _write(inputs / "settings.parquet", [settings], SETTINGS_SCHEMA)
        _write(inputs / "publications.parquet", self.published_figures, LAST)
        (inputs / "published" / "empty").mkdir(parents=True, exist_ok=True)
        for name, schema in COMPARED.items():
            _write(inputs / "published" / "empty" / f"{name}.parquet", [], schema)
            _write(inputs / "published" / f"{name}.parquet", self.published.get(name, []), schema)

    def _final_batch(self, number: int, connection_id: str) -> Row:
        return {
            "batch_id": f"{connection_id}:final",
            "run_id": "run",
            "run_started_at": self.reached_at.get(connection_id, self.now),
            "connection_id": connection_id,
            "kind": self.connections[connection_id]["kind"],
            "sequence": 1000 + number,
            "committed_at": self.now,
            "is_final": True,
            "verdict": "accepted",
        }


def _typed(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_timestamp(kind):
        return instant(value)
    if pa.types.is_date(kind) and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def with_record_id(stream: str, row: Row) -> Row:
    """The row with the id that the extractor gives such a record, unless it has one."""
    keys: Mapping[str, tuple[str, ...]] = {
        "jira/issues": ("issue_id",),
        "jira/issue_changes": ("issue_id", "history_id", "item_number"),
        "jira/sprints": ("sprint_id",),
        "jira/statuses": ("status_id",),
        "jira/resolutions": ("resolution_id",),
        "jira/boards": ("board_id",),
        "jira/board_items": ("board_id", "issue_id"),
        "jira/projects": ("project_id",),
        "azure_devops/revisions": ("item_id", "rev"),
        "azure_devops/deleted_items": ("item_id",),
        "azure_devops/team_areas": ("team_id", "area_path"),
        "azure_devops/team_iterations": ("team_id", "iteration_guid"),
        "azure_devops/states": ("project", "item_type", "state"),
    }
    if "record_id" in row or stream not in keys:
        return row
    return {"record_id": ":".join(str(row.get(key, 0)) for key in keys[stream]), **row}


def _write(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


_manifest: Any = None


def run_dbt(home: Path, seeds: Mapping[str, str], command: str = "build", select: str | None = None) -> None:
    """Run dbt in this process on `home`. The project is parsed once per process; its unit tests are left out."""
    from dbt.cli.main import dbtRunner

    parsed, options = _parsed(home, seeds)
    arguments = [command, *options]
    if command == "build":
        arguments += ["--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]
    if select:
        arguments += ["--select", *select.split()]
    # A copy: a run leaves what it compiled in the manifest, and ephemeral models are not put in a second time.
    outcome = dbtRunner(manifest=parsed.deepcopy()).invoke(arguments)
    _release_warehouse()
    if not outcome.success:
        failed = [
            f"{r.node.name}: {r.message}"
            for r in getattr(outcome.result, "results", [])
            if r.status in ("error", "fail")
        ]
        raise AssertionError("dbt failed\n" + "\n".join(failed or [str(outcome.exception)]))


def compiled_models() -> dict[str, str]:
    """By name the SQL of every model, as the last build of this process ran it."""
    assert _session_folder is not None
    return {file.stem: file.read_text() for file in (_session_folder / "target" / "compiled").rglob("models/**/*.sql")}


def manifest(home: Path) -> Any:
    """dbt's manifest of the project, as it was parsed first in this process."""
    return _parsed(home, {})[0]


def _parsed(home: Path, seeds: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The manifest, and the options of every command on `home`."""
    global _manifest
    from dbt.cli.main import dbtRunner

    seeds_folder = _seeds_folder(seeds)
    os.environ["PMO_HOME"] = str(home)
    os.environ["PMO_SEEDS"] = str(seeds_folder)
    os.environ["DBT_ENGINE_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
    options += ["--target-path", str(seeds_folder.parent / "target"), "--log-path", str(home / "dbt" / "logs")]
    options += ["--log-level-file", "none", "--no-write-json"]  # both cost more than a small build
    if _manifest is None:
        parsed = dbtRunner().invoke(["parse", *options])
        if not parsed.success:
            raise AssertionError(f"dbt parse failed: {parsed.exception}")
        _manifest = parsed.result
    return _manifest, options


_session_folder: Path | None = None


def _seeds_folder(seeds: Mapping[str, str]) -> Path:
    """The shipped seeds with the test's own over them. One folder per process, because the manifest names it."""
    global _session_folder
    if _session_folder is None:
        import tempfile

        _session_folder = Path(tempfile.mkdtemp(prefix="dbt-tests-"))
        atexit.register(shutil.rmtree, _session_folder, ignore_errors=True)
    folder = _session_folder / "seeds"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(PROJECT / "seeds", folder)
    for name, text in seeds.items():
        (folder / f"{name}.csv").write_text(text.strip() + "\n")
    return folder


def _release_warehouse() -> None:
    """Close the adapter's DuckDB instance, so that the next test may open another file."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
