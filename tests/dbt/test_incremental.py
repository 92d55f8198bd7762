"""A warehouse that is built day after day, each time only what changed, holds what one built at once holds."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.pipeline.publications import COMPARED, LAST
from tests.dbt.company import TOOLS, ZONES, Company, Streams, land
from tests.dbt.comparing import differences, tables
from tests.dbt.lives import STAGE_MAPPING, Row
from tests.dbt.stories import records
from tests.dbt.warehouse import Warehouse, run_dbt, with_record_id

BEGIN = datetime(2024, 2, 1, tzinfo=UTC)
DAYS, PART = 60, 15
ITEMS = 25  # for each of four tools
BUILT = "resource_type:seed resource_type:model"
OTHER_MAPPING = STAGE_MAPPING.replace(",,,14,,waiting", ",,,14,,in_progress") + ",,,,Doing,waiting\n"
# What a figure of the log of publications says beside the scorecard's own columns.
LOGGED = """
    select * exclude (data_as_of_at), false as is_withdrawn, true as is_last, false as is_restatement,
        value as first_value, cast(? as timestamptz) as published_at, cast(? as timestamptz) as first_published_at,
        cast(? as timestamptz) as last_published_at, data_as_of_at at time zone 'UTC' as data_as_of_at
    from marts.kpi_scorecard where policy_id = 'default'
"""


class Operation:
    """A company whose tools are read day by day: only rows that a day's run would land, by connection."""

    day = 0

    def __init__(self, home: Path, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - dice of a test
        self.company = Company(seed, BEGIN, BEGIN + timedelta(days=DAYS), ITEMS)
        self.warehouse = Warehouse(home, now=BEGIN, seeds=self.company.seeds)
        self.landed: dict[tuple[str, str, str], Row] = {}

    def run_until(self, day: int) -> None:
        """Live and build day by day, with a publication every ten days for the next builds to compare with."""
        while self.day < day:
            if self.day and self.day % 10 == 0:
                self.publish()  # only now: what is compared after a day's build has read the same publications
            self.day += 1
            self.live(self.day)
            self.warehouse.build(select=BUILT).close()

    def live(self, day: int) -> None:
        """One day; on some nothing is read at all, on some only one tool or two could be reached."""
        now = BEGIN + timedelta(days=day, hours=self.dice.randrange(24) if day < DAYS else 0)
        self.warehouse.now = now
        shown = self.company.rows_at(now)
        reached = set(TOOLS) if day in (1, DAYS) else set(self.dice.sample(list(TOOLS), self.dice.choice([0, 1, 2, 5])))
        for connection_id, streams in shown.items():
            if connection_id in reached:
                new: Streams = {stream: self._new(connection_id, stream, rows, now) for stream, rows in streams.items()}
                land(self.warehouse, connection_id, new, ZONES.get(connection_id, "UTC"))
                self.warehouse.reached_at[connection_id] = now
        if day == DAYS - 5:  # after the last publication, so that its figures are restated
            self.warehouse.seeds["stage_mapping"] = OTHER_MAPPING

    def publish(self) -> None:
        """Let the next builds compare with what was built last, as a publication would."""
        with duckdb.connect(str(self.warehouse.home / "warehouse.duckdb"), read_only=True) as built:
            built.execute("set TimeZone = 'UTC'")
            figures = records(built, LOGGED, *[self.warehouse.now] * 3)
            self.warehouse.published_figures = [{name: row.get(name) for name in LAST.names} for row in figures]
            for table, schema in COMPARED.items():
                layer = "marts" if table.startswith("kpi") else "core"
                self.warehouse.published[table] = records(
                    built, f"select {', '.join(schema.names)} from {layer}.{table}"
                )

    def _new(self, connection_id: str, stream: str, rows: Iterable[Row], now: datetime) -> list[Row]:
        """Records that differ from what was landed last of them. Who came and went unseen was never there."""
        name, new = f"{TOOLS[connection_id]}/{stream}", []
        latest = {str(row["record_id"]): row for row in (with_record_id(name, row) for row in rows)}
        for record_id, row in latest.items():
            key, content = (connection_id, stream, record_id), {**row, "extracted_at": None}
            is_unseen_deletion = row.get("is_deleted") and key not in self.landed
            if not is_unseen_deletion and self.landed.get(key) != content:
                self.landed[key] = content
                new.append({**row, "extracted_at": now})
        return new


@pytest.fixture(scope="module")
def operation(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return Operation(tmp_path_factory.mktemp("daily"), seed=60)


@pytest.mark.slow
@pytest.mark.parametrize("day", range(PART, DAYS + 1, PART))
def test_day_by_day_equals_at_once(operation: Operation, tmp_path: Path, day: int) -> None:
    """Every table of core and marts, none of them empty in the end."""
    operation.run_until(day)
    once = replace(operation.warehouse, home=tmp_path)
    once.build(select=BUILT).close()
    assert differences(operation.warehouse.home, tmp_path) == {}
    if day == DAYS:
        assert _empty_tables(tmp_path) <= {"restricted.person_name"}


def test_what_changed_is_built_and_nothing_else(tmp_path: Path) -> None:
    """The same inputs build nothing; another mapping builds what follows from it; a dropped table comes back."""
    operation = Operation(tmp_path, seed=3)
    operation.live(DAYS)
    built, seeds = "+fct_state_interval", dict(operation.company.seeds)
    operation.warehouse.seeds = seeds
    operation.warehouse.build(select=built).close()
    first = _states(tmp_path)
    run_dbt(tmp_path, seeds, select=built)
    assert _states(tmp_path) == first
    seeds = {**seeds, "stage_mapping": OTHER_MAPPING}
    run_dbt(tmp_path, seeds, select=built)
    second = _states(tmp_path)
    changed = {table for table in first if first[table] != second[table]}
    assert {"seeds.stage_mapping", "intermediate.int_status_stage", "core.fct_state_interval"} <= changed
    assert not {table for table in changed if table.startswith("staging.")}
    assert "intermediate.int_jira__item_history" not in changed
    _drop(tmp_path, "core.fct_state_interval")
    run_dbt(tmp_path, seeds, select=built)
    assert _states(tmp_path) == second


def _empty_tables(home: Path) -> set[str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        (database,) = session.execute("select current_database()").fetchone() or ("",)
        return {
            table
            for table in tables(session, database)
            if session.execute(f"select count(*) from {table}").fetchall() == [(0,)]
        }


def _states(home: Path) -> dict[str, str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        rows = session.execute(
            "select schema_name || '.' || table_name, comment from duckdb_tables() where schema_name <> 'state'"
        ).fetchall()
    assert all(comment for _, comment in rows)
    return dict(rows)


def _drop(home: Path, table: str) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as session:
        session.execute(f"drop table {table}")
