"""Working hours and days: calendars with holidays, several stretches a day, night shifts and summer time.

The oracle walks through the time minute by minute.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.dbt.stories import Story, at, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

NOW = datetime(2024, 4, 12, tzinfo=UTC)
CALENDARS = """
calendar_id,time_zone,weekday,from,to
default,,Monday,09:00,17:00
default,,Tuesday,09:00,17:00
default,,Wednesday,09:00,17:00
default,,Thursday,09:00,17:00
default,,Friday,09:00,17:00
shifts,,Saturday,00:00,24:00
shifts,,Sunday,00:00,24:00
shifts,,1,08:00,12:00
shifts,,1,13:30,18:00
india,Asia/Kolkata,Mon,09:00,18:00
india,Asia/Kolkata,Tue,09:00,18:00
"""
HOLIDAYS = """
calendar_id,date,name
default,2024-03-29,Good Friday
,2024-04-01,Easter Monday
"""
TEAM_MAPPING = """
connection_id,board_id,project,area_path,team,calendar_id,time_zone
berlin,,,,Berlin,,Europe/Berlin
shifts,,,,Shifts,shifts,Europe/Berlin
india,,,,India,india,America/New_York
"""
# Per connection: the weekday (0 Monday) → stretches of work, the zone of the stretches, the holidays.
WEEK = {day: [(9, 17)] for day in range(5)}
OFFICE: dict[str, tuple[dict[int, list[tuple[float, float]]], ZoneInfo, set[date]]] = {
    "plain": (WEEK, ZoneInfo("UTC"), {date(2024, 3, 29), date(2024, 4, 1)}),
    "berlin": (WEEK, ZoneInfo("Europe/Berlin"), {date(2024, 3, 29), date(2024, 4, 1)}),
    "shifts": (
        {5: [(0, 24)], 6: [(0, 24)], 0: [(8, 12), (13.5, 18)]},
        ZoneInfo("Europe/Berlin"),
        {date(2024, 4, 1)},
    ),
    "india": ({0: [(9, 18)], 1: [(9, 18)]}, ZoneInfo("Asia/Kolkata"), {date(2024, 4, 1)}),
}
STORIES: list[Story] = [
    story("1", 1, ("03-29 15:30", {}), ("04-02 10:15", {"stage": "in_progress"}), ("04-05 18:00", {"stage": "done"})),
    # Summer time begins in Berlin on 03-31 at 02:00, a Sunday.
    story("2", 1, ("03-30 22:00", {}), ("03-31 04:00", {"stage": "in_progress"}), ("04-09 07:59", {"stage": "done"})),
    story("3", 1, ("03-09 06:00", {}), ("03-09 06:00", {"stage": "in_progress"}), ("03-10 12:00", {"stage": "done"})),
]
POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,working,null,all,0,actual_close,event,3,exclude,from_start
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    seeds = {
        "calendars": CALENDARS,
        "holidays": HOLIDAYS,
        "team_mapping": TEAM_MAPPING,
        "metric_policies": POLICIES,
    }
    built = Warehouse(tmp_path_factory.mktemp("working"), now=NOW, seeds=seeds)
    for connection_id in OFFICE:
        built.jira(connection_id, **jira_rows(STORIES))
    return built.build(select="+fct_item_flow")


def is_working(connection_id: str, instant: datetime) -> bool:
    week, zone, holidays = OFFICE[connection_id]
    local = instant.astimezone(zone)
    if local.date() in holidays:
        return False
    hour = local.hour + local.minute / 60
    return any(begin <= hour < end for begin, end in week.get(local.weekday(), []))


def worked(connection_id: str, since: datetime, until: datetime) -> float:
    minutes = int((until - since) / timedelta(minutes=1))
    return sum(is_working(connection_id, since + timedelta(minutes=n)) for n in range(minutes)) / 60


@pytest.mark.parametrize("connection_id", OFFICE)
def test_working_hours(warehouse: duckdb.DuckDBPyConnection, connection_id: str) -> None:
    rows = records(warehouse, "select * from core.fct_state_interval where connection_id = ?", connection_id)
    assert len(rows) == 9
    for row in rows:
        since, until = (_aware(row["entered_at"]), _aware(row["left_at"]) if row["left_at"] else NOW)
        assert row["working_hours"] == pytest.approx(worked(connection_id, since, until), abs=1e-6), row


@pytest.mark.parametrize(
    ("connection_id", "zone"), [("plain", "UTC"), ("berlin", "Europe/Berlin"), ("india", "America/New_York")]
)
def test_working_days(warehouse: duckdb.DuckDBPyConnection, connection_id: str, zone: str) -> None:
    """Days are those of the team's zone; both ends count."""
    week, _, holidays = OFFICE[connection_id]
    rows = records(warehouse, "select * from core.fct_item_flow where connection_id = ?", connection_id)
    for row in rows:
        first, last = (_aware(row[end]).astimezone(ZoneInfo(zone)).date() for end in ("started_at", "done_at"))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        expected = sum(day.weekday() in week and day not in holidays for day in days)
        assert row["cycle_time_days"] == expected, row


def test_calendar_days(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = records(
        warehouse, "select * from core.dim_calendar_day where day_date between '2024-03-28' and '2024-04-02'"
    )
    days: dict[str, dict[date, Any]] = {}
    for row in rows:
        days.setdefault(row["calendar_id"], {})[row["day_date"]] = row["working_hours"]
    thursday = date(2024, 3, 28)
    assert [days["default"][thursday + timedelta(days=n)] for n in range(6)] == [8, 0, 0, 0, 0, 8]
    assert [days["shifts"][thursday + timedelta(days=n)] for n in range(6)] == [0, 0, 24, 24, 0, 0]


def _aware(instant: datetime) -> datetime:
    return datetime.combine(instant.date(), instant.time(), tzinfo=UTC)


def test_the_oracle_knows_summer_time() -> None:
    """23 hours of a Sunday shift on the day on which summer time begins."""
    midnight = datetime.combine(date(2024, 3, 31), time(0), tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert worked("shifts", midnight, midnight + timedelta(hours=23)) == 23
    assert at("03-31") + timedelta(hours=22) == at("03-31 22:00")
