"""Random histories: every interval, every item's flow and every scope's figures against a plain Python oracle.

One build holds all the items of all seeds, so that the dice may roll often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.dbt.flow_oracle import Course, Flow, Rules, midnight_after, percentile, stage_of, start_of
from tests.dbt.lives import PROJECTS, STAGE_MAPPING, STATUSES, TYPES, Dice, State, azure_rows, jira_rows
from tests.dbt.stories import records
from tests.dbt.warehouse import Warehouse

NOW = datetime(2024, 4, 20, 10, tzinfo=UTC)
BEGIN = datetime(2024, 3, 1, tzinfo=UTC)  # summer time begins on 03-31 in Berlin, on 03-10 in New York
ZONES = {"jira": ZoneInfo("Europe/Berlin"), "azure": ZoneInfo("America/New_York")}
ITEMS = 400
POLICIES = [
    Rules("default"),
    Rules("first_done", done_rule="first", flow_types="all", flow_efficiency_base="from_created"),
    Rules("last_start", start_rule="last", day_count="calendar_inclusive", flow_types="bug;epic"),
    Rules("fresh", start_rule="after_last_todo", day_count="working", skipped_start="zero"),
    Rules("fresh_first", start_rule="after_last_todo", done_rule="first"),
]
HEADER = (
    "policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,"
    "completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base"
)


@pytest.fixture(scope="module")
def courses() -> dict[str, Course]:
    dice = Dice(seed=20240301, begin=BEGIN, end=NOW)
    lives = [dice.life(number) for number in range(1, ITEMS + 1)]
    return {f"{tool}:{life.item_id}": Course(tool, life, NOW) for tool in ZONES for life in lives}


@pytest.fixture(scope="module")
def warehouse(
    courses: dict[str, Course], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    lives = [course.life for course in courses.values() if course.tool == "jira"]
    seeds = {
        "stage_mapping": STAGE_MAPPING,
        "metric_policies": "\n".join([HEADER, *(rules.line for rules in POLICIES)]),
    }
    built = Warehouse(tmp_path_factory.mktemp("random"), now=NOW, seeds=seeds)
    built.jira("jira", time_zone="Europe/Berlin", **jira_rows(lives))
    built.azure("azure", time_zone="America/New_York", **azure_rows(lives))
    connection = built.build(select="+kpi_flow +kpi_cfd +kpi_wip")
    yield connection
    connection.close()


def test_intervals(warehouse: duckdb.DuckDBPyConnection, courses: dict[str, Course]) -> None:
    found: dict[str, list[tuple[Any, ...]]] = {}
    rows = records(warehouse, "select * from core.fct_state_interval order by item_key, sequence")
    for row in rows:
        name = (row["status"], row["stage"], row["entered_at"], row["left_at"], row["points_at_entry"])
        found.setdefault(row["item_key"], []).append((*name, round(row["hours"], 6), round(row["blocked_hours"], 6)))
    expected = {
        key: [
            (
                STATUSES[each.status][1],
                each.stage,
                _naive(each.entered_at),
                each.left_at and _naive(each.left_at),
                course.points_at(position),
                round(each.hours, 6),
                round(each.blocked_hours, 6),
            )
            for position, each in enumerate(course.intervals)
        ]
        for key, course in courses.items()
    }
    assert found == expected


@pytest.mark.parametrize("rules", POLICIES, ids=lambda rules: rules.policy_id)
def test_item_flow(warehouse: duckdb.DuckDBPyConnection, courses: dict[str, Course], rules: Rules) -> None:
    rows = records(warehouse, "select * from core.fct_item_flow where policy_id = ?", rules.policy_id)
    assert {row["item_key"] for row in rows} == courses.keys()
    for row in rows:
        course = courses[row["item_key"]]
        flow = Flow(course, rules, ZONES[course.tool])
        spent = flow.spent
        assert _close(row["lead_time_hours"], flow.lead_time_hours), row
        assert _close(row["cycle_time_hours"], flow.cycle_time_hours), row
        assert _close(row["cycle_time_days"], flow.cycle_time_days), row
        assert _close(row["active_hours"], spent and spent[0]), row
        assert _close(row["waiting_hours"], spent and spent[1]), row
        assert _close(row["blocked_hours"], spent and spent[2]), row
        assert row["reopen_count"] == flow.reopen_count, row
        assert row["backward_move_count"] == flow.backward_move_count, row
        assert row["has_skipped_start"] == (flow.done is not None and flow.start is None), row


@pytest.mark.parametrize("rules", POLICIES, ids=lambda rules: rules.policy_id)
def test_delivered_per_period(warehouse: duckdb.DuckDBPyConnection, courses: dict[str, Course], rules: Rules) -> None:
    cycle_times: dict[tuple[str, ...], list[float]] = {}
    delivered: Counter[tuple[str, ...]] = Counter()
    for course in courses.values():
        flow = Flow(course, rules, ZONES[course.tool])
        if flow.done is None or not rules.counts(course.intervals[flow.done].state):
            continue
        interval = course.intervals[flow.done]
        for scope in _scopes(course.tool, interval.state):
            zone = ZoneInfo("UTC") if scope[0] == "all" else ZONES[course.tool]
            for period in _periods(interval.entered_at.astimezone(zone).date()):
                delivered[*scope, *period] += 1
                if flow.cycle_time_hours is not None:
                    cycle_times.setdefault((*scope, *period), []).append(flow.cycle_time_hours)
    rows = records(warehouse, "select * from marts.kpi_flow where policy_id = ?", rules.policy_id)
    assert sum(delivered.values()) == sum(row["delivered_items"] for row in rows)
    for row in rows:
        key = (row["scope_type"], row["scope_key"], row["period_type"], row["period_start_date"].isoformat())
        assert row["delivered_items"] == delivered[key], key
        assert row["cycle_time_items"] == len(cycle_times.get(key, [])), key
        assert _close(row["cycle_time_p85_hours"], percentile(cycle_times.get(key, []), 0.85)), key
        assert _close(row["cycle_time_p50_hours"], percentile(cycle_times.get(key, []), 0.5)), key


@pytest.mark.parametrize("rules", POLICIES, ids=lambda rules: rules.policy_id)
def test_occupancy(warehouse: duckdb.DuckDBPyConnection, courses: dict[str, Course], rules: Rules) -> None:
    occupied: Counter[tuple[str, ...]] = Counter()
    # In New York the first items were created on the day before.
    days = [BEGIN.date() + timedelta(days=n) for n in range(-1, (NOW.date() - BEGIN.date()).days + 1)]
    for course in courses.values():
        for zone_name, is_all in ((ZONES[course.tool], False), (ZoneInfo("UTC"), True)):
            for day in days:
                state = course.state_at(min(midnight_after(day, zone_name), NOW + timedelta(microseconds=1)))
                if state is None or not rules.counts(state):
                    continue
                for scope in _scopes(course.tool, state):
                    if (scope[0] == "all") == is_all:
                        occupied[*scope, day.isoformat(), stage_of(course.tool, state)] += 1
    rows = records(warehouse, "select * from marts.kpi_cfd where policy_id = ?", rules.policy_id)
    assert sum(row["items"] for row in rows) == sum(occupied.values())
    for row in rows:
        key = (row["scope_type"], row["scope_key"], row["day_date"].isoformat(), row["stage"])
        assert row["items"] == occupied[key], key


def test_entries_less_exits_are_occupancy(warehouse: duckdb.DuckDBPyConnection) -> None:
    broken = records(
        warehouse,
        """
        select * from (
            select *, sum(entered - "left") over (
                partition by scope_type, scope_key, stage, policy_id order by day_date
            ) as total
            from marts.kpi_cfd
        ) where total <> items
        """,
    )
    assert broken == []


@pytest.mark.parametrize("rules", POLICIES, ids=lambda rules: rules.policy_id)
def test_work_in_progress(warehouse: duckdb.DuckDBPyConnection, courses: dict[str, Course], rules: Rules) -> None:
    """wip_items and wip_age at every period's end: the start as it was known then."""
    rows = records(
        warehouse,
        "select * from marts.kpi_flow where policy_id = ? and scope_type in ('connection', 'team')",
        rules.policy_id,
    )
    for row in rows:
        zone = ZONES[row["connection_id"]]
        end = min(midnight_after(row["period_end_date"], zone), NOW)
        ages, count = [], 0
        for course in courses.values():
            state = course.state_at(end if end < NOW else NOW + timedelta(microseconds=1))
            if state is None or not rules.counts(state) or course.tool != row["connection_id"]:
                continue
            if stage_of(course.tool, state) not in ("in_progress", "waiting"):
                continue
            if row["scope_type"] == "team" and (row["scope_type"], row["scope_key"]) not in _scopes(course.tool, state):
                continue
            count += 1
            seen = sum(each.entered_at < end for each in course.intervals)
            start = start_of(course, rules, seen)
            if start is not None:
                ages.append((end - course.intervals[start].entered_at) / timedelta(hours=1))
        assert row["wip_items"] == count, row
        assert _close(row["wip_age_p85_hours"], percentile(ages, 0.85)), row


def _scopes(tool: str, state: State) -> list[tuple[str, str]]:
    project_id, project = PROJECTS[state.project]
    team = f"{tool}:project:{project_id}" if tool == "jira" else f"{tool}:team:t{project}"
    return [
        ("item_type", f"{tool}:{TYPES[state.item_type][1]}"),
        ("team", team),
        ("project", f"{tool}:{project_id}"),
        ("connection", tool),
        ("all", "all"),
    ]


def _periods(day: date) -> list[tuple[str, str]]:
    quarter = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    monday = day - timedelta(days=day.weekday())
    starts = {"day": day, "week": monday, "month": day.replace(day=1), "quarter": quarter}
    return [(period, start.isoformat()) for period, start in starts.items()]


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _close(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    return abs(found - expected) < 1e-6
