"""An hour in which nothing happens: tables of days and moves stay, what ages is built, all as if built at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.dbt.comparing import differences
from tests.dbt.lives import STAGE_MAPPING, Dice, azure_rows, jira_rows
from tests.dbt.warehouse import Warehouse

BEGIN, NOON = datetime(2024, 2, 20, tzinfo=UTC), datetime(2024, 4, 20, 12, tzinfo=UTC)
ITEMS = 40  # per tool
BUILT = "resource_type:seed resource_type:model"
OF_DAYS = {
    "intermediate.int_stage_move", "intermediate.int_stage_delta", "intermediate.int_wip_period", "marts.kpi_cfd",
}  # fmt: skip


@pytest.mark.slow
def test_an_hour_builds_what_ages_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "hourly").mkdir()
    (tmp_path / "once").mkdir()
    dice = Dice(seed=5, begin=BEGIN, end=NOON)
    lives = [dice.life(number) for number in range(1, ITEMS + 1)]
    warehouse = Warehouse(tmp_path / "hourly", now=NOON, seeds={"stage_mapping": STAGE_MAPPING})
    warehouse.jira("jira", time_zone="Europe/Berlin", **jira_rows(lives))
    warehouse.azure("azure", time_zone="America/New_York", **azure_rows(lives))
    # Two days before, some of it lies in the future and does not count; no tests, for such data is never landed.
    warehouse.now = NOON - timedelta(days=2)
    warehouse.build(command="seed").close()
    warehouse.build(command="run").close()
    early = _states(tmp_path / "hourly")
    warehouse.now = NOON
    warehouse.build(select=BUILT).close()
    noon = _states(tmp_path / "hourly")
    assert not {table for table in OF_DAYS if early[table] == noon[table]}
    warehouse.now = NOON + timedelta(hours=1)
    warehouse.build(select=BUILT).close()
    later = _states(tmp_path / "hourly")
    changed = {table for table in noon if noon[table] != later[table]}
    assert "core.fct_state_interval" in changed
    assert not changed & OF_DAYS
    once = replace(warehouse, home=tmp_path / "once")
    once.build(select=BUILT).close()
    assert differences(tmp_path / "hourly", tmp_path / "once") == {}


def _states(home: Path) -> dict[str, str]:
    """By table what it was made of and what it holds."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        query = "select schema_name || '.' || table_name, comment from duckdb_tables() where schema_name <> 'state'"
        return dict(session.execute(query).fetchall())
