"""Random item histories in random sprints, under several policies at once, against the plain-Python oracle.

Each example is one warehouse with hundreds of items in Jira and in Azure DevOps. Instants come from a coarse grid
that contains starts, closes and midnights, so that changes often fall on them, or together.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.sprint_oracle import Policy, Sprint, SprintItem, burndown, sprint_items, velocity
from tests.dbt.stories import Change, Row, Story, azure_rows, jira_rows, records
from tests.dbt.warehouse import Warehouse

ITEMS = 400  # per tool
ZONE = "Europe/Berlin"
START = datetime.fromisoformat("2024-03-18")  # the clocks go forward on 03-31
NOW = datetime.fromisoformat("2024-04-20 07:00")
POLICIES = [
    Policy("default"),
    Policy("planned", ends_as_planned=True),
    Policy("current", uses_current_estimate=True),
    Policy("grace", grace_hours=30, includes_subtasks=True),
    Policy("grace_planned", grace_hours=100.5, ends_as_planned=True),
]
COLUMNS = (
    "policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,"
    "completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base"
)
FACTS = (
    "is_committed", "is_in_scope", "added_at", "removed_at", "points_at_start", "points_at_add", "points_at_remove",
    "points_at_close", "completed_at", "outcome",
)  # fmt: skip


def policy_line(policy: Policy) -> str:
    cutoff = "planned_end" if policy.ends_as_planned else "actual_close"
    estimate = "current" if policy.uses_current_estimate else "event"
    subtasks = "include" if policy.includes_subtasks else "exclude"
    return (
        f"{policy.policy_id},true,,first,last,elapsed,null,no_epics_no_subtasks,{policy.grace_hours},"
        f"{cutoff},{estimate},3,{subtasks},from_start"
    )


def random_instant(dice: random.Random) -> datetime:
    """Some full or half hour between the creation of the first item and now."""
    return START - timedelta(days=4) + timedelta(hours=dice.choice([0, 6, 8, 9, 17, 22, 23]), days=dice.randrange(36))


def random_sprints(dice: random.Random) -> list[Sprint]:
    """Six Jira sprints, some at the same time, with early and late closes; the last is active."""
    sprints = []
    for number in range(6):
        start = START + timedelta(days=4 * number, hours=dice.choice([8, 9]))
        planned = dice.choice([None, start + timedelta(days=6), start + timedelta(days=8, hours=14), start])
        close = start + timedelta(days=dice.randrange(1, 12), hours=dice.choice([0, 8, 14]))
        is_closed = number < 5
        sprints.append(Sprint(str(number + 1), start, planned, close if is_closed else NOW, True, is_closed))
    return sprints


def iterations() -> list[Sprint]:
    """Four Azure DevOps iterations of a week in the team's zone; the last one is active."""
    found = []
    for number in range(4):
        start, end = (_midnight(START + timedelta(days=7 * number + days)) for days in (0, 7))
        if number == 3:
            end = _midnight(NOW + timedelta(days=2))
        is_closed = end <= NOW
        found.append(Sprint(str(number + 1), start, end, end if is_closed else NOW, False, is_closed))
    return found


def _midnight(day: datetime) -> datetime:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def random_change(dice: random.Random, instant: datetime, sprint_ids: list[str], most: int) -> Change:
    return Change(
        instant,
        stage=dice.choice([None, None, "todo", "in_progress", "done", "done", "cancelled"]),
        sprints=tuple(sorted(dice.sample(sprint_ids, dice.randint(0, most)))) if dice.random() < 0.5 else None,
        points=dice.choice([None, None, None, 1.0, 3.0, 5.5, nan]),
        hours=dice.choice([None, None, None, 0.0, 2.0, 8.0]),
    )


def random_stories(dice: random.Random, sprint_ids: list[str], most: int) -> list[Story]:
    """Items with up to twelve changes; every fifth is a sub-task of an earlier item; some are deleted.

    Sub-tasks change at odd minutes, so that their order among their parent's changes is no matter of ids.
    """
    stories: list[Story] = []
    for number in range(ITEMS):
        parents = [told for told in stories if told.parent_id is None and told.deleted_at is None]
        parent = dice.choice(parents) if parents and number % 5 == 4 else None
        instants = sorted(random_instant(dice) for _ in range(dice.randint(1, 12)))
        if parent:
            instants = [max(instant, parent.changes[0].at) + timedelta(minutes=7) for instant in instants]
        changes = [random_change(dice, instant, sprint_ids, most) for instant in instants]
        deleted_at = None
        if parent is None and dice.random() < 0.1:
            deleted_at = min(instants[-1] + timedelta(hours=dice.choice([1, 24, 200])), NOW)
        told = Story(str(number + 1), tuple(changes), parent.item_id if parent else None, deleted_at)
        stories.append(told)
    return stories


def sprint_row(sprint: Sprint) -> Row:
    return {
        "sprint_id": sprint.sprint_id,
        "name": f"Sprint {sprint.sprint_id}",
        "board_id": "1",
        "state": "closed" if sprint.is_closed else "active",
        "start_at": sprint.start,
        "end_at": sprint.planned_end,
        # An old completion of a sprint that was activated again is ignored.
        "complete_at": sprint.close if sprint.is_closed else sprint.start + timedelta(days=1),
    }


def iteration_row(sprint: Sprint) -> Row:
    local_start, local_end = (
        instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(ZONE))
        for instant in (sprint.start, sprint.planned_end or NOW)
    )
    return {
        "team_id": "team",
        "iteration_guid": sprint.sprint_id,
        "iteration_path": f"Project\\{sprint.sprint_id}",
        "name": f"Iteration {sprint.sprint_id}",
        "start_date": local_start.date(),
        "finish_date": local_end.date() - timedelta(days=1),
    }


def build(folder: Path, jira: list[Story], azure: list[Story], sprints: list[Sprint]) -> duckdb.DuckDBPyConnection:
    seeds = {"metric_policies": "\n".join([COLUMNS, *map(policy_line, POLICIES)])}
    warehouse = Warehouse(folder, now=NOW.replace(tzinfo=ZoneInfo("UTC")), seeds=seeds)
    board = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100"}
    warehouse.jira("jira", ZONE, sprints=[sprint_row(sprint) for sprint in sprints], boards=[board], **jira_rows(jira))
    warehouse.azure(
        "azure", ZONE, team_iterations=[iteration_row(sprint) for sprint in iterations()], **azure_rows(azure)
    )
    return warehouse.build(select="+kpi_velocity +kpi_burndown +kpi_scorecard +kpi_evidence")


def compare_items(
    warehouse: duckdb.DuckDBPyConnection, key: str, policy: Policy, items: dict[str, SprintItem]
) -> list[Any]:
    """Rows of fct_sprint_item against the oracle's; returns the oracle's facts for the sums."""
    sql = "select * from core.fct_sprint_item where sprint_key = ? and policy_id = ?"
    rows = {row["item_key"].split(":")[1]: row for row in records(warehouse, sql, key, policy.policy_id)}
    judged = {item_id: item.facts() for item_id, item in items.items() if item.is_counted}
    expected = {item_id: facts for item_id, facts in judged.items() if facts is not None}
    assert rows.keys() == expected.keys(), (key, policy, [items[i].told for i in rows.keys() ^ expected.keys()])
    for item_id, facts in expected.items():
        ours = {name: rows[item_id][name] for name in FACTS}
        theirs = {name: getattr(facts, name) for name in FACTS}
        assert ours == theirs, (key, policy, items[item_id])
    return list(expected.values())


def compare_sums(warehouse: duckdb.DuckDBPyConnection, key: str, policy: Policy, facts: list[Any]) -> None:
    sql = "select * from marts.kpi_velocity where sprint_key = ? and policy_id = ?"
    (row,) = records(warehouse, sql, key, policy.policy_id)
    expected = velocity(facts)
    assert {name: row[name] for name in expected} == expected, (key, policy)


def compare_days(
    warehouse: duckdb.DuckDBPyConnection, key: str, policy: Policy, sprint: Sprint, items: list[SprintItem]
) -> None:
    sql = "select * from marts.kpi_burndown where sprint_key = ? and policy_id = ?"
    rows = {row["day_date"]: row for row in records(warehouse, sql, key, policy.policy_id)}
    expected = burndown(items, sprint, policy, ZoneInfo(ZONE))
    assert rows.keys() == expected.keys(), (key, policy)
    for day, work in expected.items():
        assert {name: rows[day][name] for name in work} == work, (key, policy, day)


def cases(seed: int) -> Iterator[tuple[str, list[Story], list[Sprint], bool]]:
    """(prefix of the sprint key, stories, sprints, sub-tasks follow their parent) for each tool."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    sprints = random_sprints(dice)
    yield "jira:", random_stories(dice, [sprint.sprint_id for sprint in sprints], 2), sprints, True
    yield "azure:team:", random_stories(dice, [sprint.sprint_id for sprint in iterations()], 1), iterations(), False


def settings_for(examples: int) -> settings:
    """Each example is a warehouse of 800 histories; shrinking a seed would tell nothing."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@settings_for(1)
@given(st.integers(min_value=0, max_value=2**32))
def test_models_agree_with_the_oracle(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@settings_for(10)
@given(st.integers(min_value=0, max_value=2**32))
def test_models_agree_with_the_oracle_on_more_histories(seed: int) -> None:
    compare(seed)


def compare(seed: int) -> None:
    (_, jira, sprints, _), (_, azure, _, _) = told = list(cases(seed))
    with TemporaryDirectory() as folder:
        warehouse = build(Path(folder), jira, azure, sprints)
        for prefix, stories, tool_sprints, subtasks_follow in told:
            for sprint in tool_sprints:
                for policy in POLICIES:
                    key = prefix + sprint.sprint_id
                    items = sprint_items(stories, sprint, policy, subtasks_follow=subtasks_follow)
                    compare_sums(warehouse, key, policy, compare_items(warehouse, key, policy, items))
                    compare_days(warehouse, key, policy, sprint, list(items.values()))
        warehouse.close()
