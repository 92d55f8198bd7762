"""Random item histories in random sprints, under several policies at once, against the plain-Python oracle.

Each example is one warehouse with hundreds of items in Jira and in Azure DevOps. Instants come from a coarse grid
that contains starts, closes and midnights, so that changes often fall on them, or together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.sprint_lives import BOARD, ZONE, SprintDice, iteration_row, sprint_row
from tests.dbt.sprint_oracle import Policy, Sprint, SprintItem, burndown, sprint_items, velocity
from tests.dbt.stories import Story, azure_rows, jira_rows, records
from tests.dbt.warehouse import Warehouse

ITEMS = 400  # per tool
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


def build(
    folder: Path, jira: list[Story], sprints: list[Sprint], azure: list[Story], iterations: list[Sprint]
) -> duckdb.DuckDBPyConnection:
    seeds = {"metric_policies": "\n".join([COLUMNS, *map(policy_line, POLICIES)])}
    warehouse = Warehouse(folder, now=NOW.replace(tzinfo=ZoneInfo("UTC")), seeds=seeds)
    shown = [sprint_row(sprint, NOW) for sprint in sprints]
    warehouse.jira("jira", ZONE, sprints=shown, boards=[BOARD], **jira_rows(jira))
    warehouse.azure("azure", ZONE, team_iterations=[iteration_row(each) for each in iterations], **azure_rows(azure))
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
    dice = SprintDice(seed, START, NOW, ITEMS)
    sprints, iterations = dice.sprints(), dice.iterations()
    yield "jira:", dice.stories(sprints, 2), sprints, True
    yield "azure:team:", dice.stories(iterations, 1), iterations, False


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
    (_, jira, sprints, _), (_, azure, iterations, _) = told = list(cases(seed))
    with TemporaryDirectory() as folder:
        warehouse = build(Path(folder), jira, sprints, azure, iterations)
        for prefix, stories, tool_sprints, subtasks_follow in told:
            for sprint in tool_sprints:
                for policy in POLICIES:
                    key = prefix + sprint.sprint_id
                    items = sprint_items(stories, sprint, policy, subtasks_follow=subtasks_follow)
                    compare_sums(warehouse, key, policy, compare_items(warehouse, key, policy, items))
                    compare_days(warehouse, key, policy, sprint, list(items.values()))
        warehouse.close()
