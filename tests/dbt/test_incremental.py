"""A warehouse that is built day after day, each time only what changed, holds what one built at once holds."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt.comparing import differences
from tests.dbt.lives import STAGE_MAPPING, Dice, Life, Row, azure_rows, jira_rows
from tests.dbt.warehouse import Warehouse, run_dbt

BEGIN = datetime(2024, 2, 1, tzinfo=UTC)
DAYS = 60 if os.environ.get("PMO_ALL_DAYS") else 12  # sixty builds take some six minutes of processor time
ITEMS = 60  # per tool
BUILT = "resource_type:seed resource_type:model"


def until(life: Life, now: datetime) -> Life:
    """What a tool knows of a life at an instant."""
    deleted_at = life.deleted_at if life.deleted_at and life.deleted_at <= now else None
    return replace(life, changes=tuple(each for each in life.changes if each[0] <= now), deleted_at=deleted_at)


class Company:
    """Random lives, landed day by day: only rows that a day's run would land, in a batch of that run."""

    def __init__(self, home: Path, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - dice of a test
        end = BEGIN + timedelta(days=DAYS)
        dice = Dice(seed=seed, begin=BEGIN, end=end)
        self.lives = [dice.life(number) for number in range(1, ITEMS + 1)]
        self.warehouse = Warehouse(home, now=BEGIN, seeds={"stage_mapping": STAGE_MAPPING})
        self.warehouse.connection("jira", "jira", time_zone="Europe/Berlin")
        self.warehouse.connection("azure", "azure_devops", time_zone="America/New_York")
        self.landed: set[str] = set()

    def live(self, day: int) -> None:
        """One more day; on some nothing happens but that time goes by, on some only one tool could be reached."""
        now = BEGIN + timedelta(days=day, hours=self.dice.randrange(24))
        self.warehouse.now = now
        reached = self.dice.choice([("jira", "azure"), ("jira", "azure"), ("jira",), ("azure",), ()])
        known = [until(life, now) for life in self.lives if life.created_at <= now]
        for tool, stream_rows, land in (
            ("jira", jira_rows(known), self.warehouse.jira),
            ("azure", azure_rows(known), self.warehouse.azure),
        ):
            if tool in reached or day == DAYS:
                land(tool, **{stream: self._new(tool, stream, rows, now) for stream, rows in stream_rows.items()})
        if day == DAYS // 2:
            self.warehouse.seeds["stage_mapping"] = STAGE_MAPPING.replace(",,,14,,waiting", ",,,14,,in_progress")

    def _new(self, tool: str, stream: str, rows: object, now: datetime) -> list[Row]:
        new = []
        for row in rows:  # type: ignore[attr-defined]
            seen = f"{tool}|{stream}|{sorted((key, str(value)) for key, value in row.items())}"
            if seen not in self.landed:
                self.landed.add(seen)
                new.append({"extracted_at": now, **row} if not row.get("is_deleted") else dict(row))
        return new


@pytest.mark.slow
def test_day_by_day_equals_at_once(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    (tmp_path / "once").mkdir()
    company = Company(tmp_path / "daily", seed=60)
    for day in range(1, DAYS + 1):
        company.live(day)
        company.warehouse.build(select=BUILT).close()
    once = replace(company.warehouse, home=tmp_path / "once")
    once.build(select=BUILT).close()
    assert differences(tmp_path / "daily", tmp_path / "once") == {}


def test_what_changed_is_built_and_nothing_else(tmp_path: Path) -> None:
    """The same inputs build nothing; another mapping builds what follows from it; a dropped table comes back."""
    company = Company(tmp_path, seed=3)
    company.live(DAYS)
    built = "+fct_state_interval"
    company.warehouse.build(select=built).close()
    first = _states(tmp_path)
    seeds = {"stage_mapping": STAGE_MAPPING}
    run_dbt(tmp_path, seeds, select=built)
    assert _states(tmp_path) == first
    seeds["stage_mapping"] = STAGE_MAPPING.replace(",,,14,,waiting", ",,,14,,in_progress")
    run_dbt(tmp_path, seeds, select=built)
    second = _states(tmp_path)
    changed = {table for table in first if first[table] != second[table]}
    assert {"seeds.stage_mapping", "intermediate.int_status_stage", "core.fct_state_interval"} <= changed
    assert not {table for table in changed if table.startswith("staging.")}
    assert "intermediate.int_jira__item_history" not in changed
    _drop(tmp_path, "core.fct_state_interval")
    run_dbt(tmp_path, seeds, select=built)
    assert _states(tmp_path) == second


def _states(home: Path) -> dict[str, str]:
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        rows = session.execute(
            "select schema_name || '.' || table_name, comment from duckdb_tables() where schema_name <> 'state'"
        ).fetchall()
    assert all(comment for _, comment in rows)
    return dict(rows)


def _drop(home: Path, table: str) -> None:
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb")) as session:
        session.execute(f"drop table {table}")
