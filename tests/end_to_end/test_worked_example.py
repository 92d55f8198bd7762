"""The worked example of the KPI contract and its corners, told through HTTP by Jira Cloud, Jira Data Center and Azure
DevOps in one workspace, with every choice of the policies: the same published figures three times.

The story is `sandbox/stories/worked_example.json`, instants as in the contract, and beside it sub-task A1 of A (1 pt,
6 hours), in progress and done with A. The figures below were computed by hand. What differs, because it must:

- An Azure DevOps iteration has days: it lasts from 00:00 of 03-04 to 00:00 after 03-17, so its burndown ends on
  03-17, its close is its planned end, and policy `planned` changes nothing there.
- F is done on the morning before the sprint starts at 09:00. That iteration has begun at midnight by then, so there F
  is done on 03-03 at 08:00: its lead time is 24 hours less, in days and means too.
- Policy `grace`: 66 hours end on 03-07 at 03:00 in Jira, on 03-06 at 18:00 in Azure DevOps; nothing happens between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from tests.end_to_end.test_books import CONFIGURATION
from tests.end_to_end.workspace import ROOT, Workspace, serving
from tests.ports import free_ports

STORY = ROOT / "sandbox" / "stories" / "worked_example.json"
TOOLS = ("cloud", "dc", "ado")
POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,event,3,exclude,from_start
planned,true,,first,last,elapsed,null,no_epics_no_subtasks,0,planned_end,event,3,exclude,from_start
current,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,current,3,exclude,from_start
grace,true,,first,last,elapsed,null,no_epics_no_subtasks,66,actual_close,event,3,exclude,from_start
everything,true,,last,last,calendar_inclusive,zero,all,0,actual_close,event,3,include,from_created
fresh_start,true,,after_last_todo,first,working,null,no_epics_no_subtasks,0,actual_close,event,1,exclude,from_start
"""
Row = dict[str, Any]


class Published:
    """What one workspace has published; `midway` is what it had published on 03-14 at noon, if it ran then."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.midway: dict[str, list[Row]] = {}

    def rows(self, sql: str) -> list[Row]:
        names = [name for name, *_ in self.workspace.query(f"describe {sql}")]
        return [dict(zip(names, row, strict=True)) for row in self.workspace.query(sql)]

    def sprint(self, table: str, tool: str, name: str, policy: str = "default", order: str = "1") -> list[Row]:
        return self.rows(
            f"select s.name as sprint, t.* from marts.{table} as t join marts.dim_sprint as s using (sprint_key) "
            f"where s.connection_id = '{tool}' and s.name = '{name}' and t.policy_id = '{policy}' order by {order}"
        )

    def by_item(self, table: str, tool: str, policy: str = "default") -> dict[str, Row]:
        """Rows of a table of items by the item's name."""
        found = self.rows(
            f"select i.title as item, t.* from marts.{table} as t join marts.dim_work_item as i using (item_key) "
            f"where i.connection_id = '{tool}' and t.policy_id = '{policy}'"
        )
        assert len({row["item"] for row in found}) == len(found)
        return {row["item"]: row for row in found}

    def flow(self, tool: str, team: str, policy: str = "default", period: str = "month") -> list[Row]:
        return self.rows(
            f"select * from marts.kpi_flow where connection_id = '{tool}' and scope_type = 'team' "
            f"and scope_name = '{team}' and policy_id = '{policy}' and period_type = '{period}' "
            "order by period_start_date"
        )


def run_midway(published: Published) -> None:
    """Runs on 03-14 at noon, keeps what was published then, and goes on to 03-20."""
    published.workspace.run()
    for tool in TOOLS:
        published.midway[tool] = published.sprint("kpi_velocity", tool, "S")
        published.midway[f"{tool} burndown"] = published.sprint("kpi_burndown", tool, "S", order="day_date")
        published.midway[f"{tool} wip"] = list(published.by_item("kpi_wip", tool).values())
    done = published.workspace.pmo("sandbox", "advance", "--days", "6")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", params=["told at once", pytest.param("in two parts", marks=pytest.mark.slow)])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    workspace = Workspace(tmp_path_factory.mktemp("worked-example"), {"SANDBOX_TOKEN": "anything"})
    port = free_ports(4)
    (workspace.folder / "seeds").mkdir()
    (workspace.folder / "seeds" / "metric_policies.csv").write_text(POLICIES.lstrip(), "utf-8")
    workspace.configure('seeds = "seeds"\n' + CONFIGURATION.format(port, port + 1, port + 2))
    story, is_midway = STORY, request.param == "in two parts"
    if is_midway:
        story = workspace.folder / "story.json"
        story.write_text(json.dumps(json.loads(STORY.read_bytes()) | {"now": "2024-03-14T12:00:00Z"}), "utf-8")
    with serving(workspace, port, "--story", str(story), "--port-base", str(port)):
        result = Published(workspace)
        if is_midway:
            run_midway(result)
        workspace.run()
        yield result


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pick(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


WHAT = ("committed", "added", "removed", "cancelled", "completed", "not_completed")
RATIOS = ("say_do", "scope_change")
USUAL = {"committed": (5, 23), "added": (1, 2), "removed": (1, 5), "cancelled": (0, 0), "completed": (3, 11),
         "not_completed": (2, 10), "estimate_change": 1, "say_do": (8, 23), "scope_change": (7, 23)}  # fmt: skip
SPRINT: dict[str, Row] = {
    "default": USUAL,
    "planned": USUAL | {"completed": (2, 8), "not_completed": (3, 13), "say_do": (5, 23)},
    "current": USUAL | {"added": (1, 3), "estimate_change": 0, "scope_change": (8, 23)},
    "grace": USUAL | {"committed": (6, 25), "added": (0, 0), "say_do": (11, 25), "scope_change": (5, 25)},
    "everything": USUAL | {"committed": (6, 24), "completed": (4, 12), "say_do": (9, 24), "scope_change": (7, 24)},
    "fresh_start": USUAL,
}
CORNERS = {"committed": (2, 8), "added": (2, 5), "removed": (2, 8), "cancelled": (1, 3), "completed": (1, 2),
           "not_completed": (0, 0), "estimate_change": 0, "say_do": (0, 8), "scope_change": (13, 8)}  # fmt: skip


def assert_figures(row: Row, expected: Row) -> None:
    """Items and points as pairs, ratios as (numerator, denominator)."""
    found: Row = {what: pick(row, f"{what}_items", f"{what}_points") for what in WHAT}
    found["estimate_change"] = row["estimate_change_points"]
    assert found == {name: value for name, value in expected.items() if name not in RATIOS}
    for ratio in RATIOS:
        over, under = expected[ratio]
        assert row[f"{ratio}_ratio"] == pytest.approx(over / under)


def expected_of(tool: str, policy: str) -> Row:
    return SPRINT["default" if (tool, policy) == ("ado", "planned") else policy]


@pytest.mark.parametrize("policy", SPRINT)
def test_velocity_under_every_policy(published: Published, tool: str, policy: str) -> None:
    (row,) = published.sprint("kpi_velocity", tool, "S", policy)
    expected = expected_of(tool, policy)
    assert_figures(row, expected)
    assert pick(row, "completed_elsewhere_items", "is_final", "velocity_stddev_points") == (1, True, None)
    assert row["velocity_mean_points"] == expected["completed"][1]


@pytest.mark.parametrize("policy", ["default", "planned", "current", "everything", "fresh_start"])
def test_velocity_of_the_corners(published: Published, tool: str, policy: str) -> None:
    (row,) = published.sprint("kpi_velocity", tool, "S corners", policy)
    assert_figures(row, CORNERS)
    assert row["completed_elsewhere_items"] == 3


BURNDOWN = {  # from 03-04 on
    "default": [23, 21, 25, 17, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10],
    "planned": [23, 21, 25, 17, 13, 13, 13, 16, 13, 13, 13, 13],
    "current": [23, 21, 26, 18, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10],
    "grace": [25, 25, 25, 17, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10],
    "everything": [24, 22, 26, 18, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10],
    "fresh_start": [23, 21, 25, 17, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10],
}
COMPLETED = [0, 0, 0, 3, 8, 8, 8, 5, 8, 8, 8, 8, 11, 11, 11]


@pytest.mark.parametrize("policy", BURNDOWN)
def test_burndown_under_every_policy(published: Published, tool: str, policy: str) -> None:
    days = published.sprint("kpi_burndown", tool, "S", policy, order="day_date")
    by_default = (tool, policy) == ("ado", "planned")
    expected = BURNDOWN["default" if by_default else policy][: 14 if tool == "ado" else 15]
    assert [day["day_date"] for day in days] == [date(2024, 3, 4 + number) for number in range(len(expected))]
    assert [day["remaining_points"] for day in days] == expected
    if policy == "default":
        assert [day["completed_points"] for day in days] == COMPLETED[: len(expected)]
        assert [day["scope_points"] for day in days][-1] == 21
        assert [day["remaining_hours"] for day in days] == [6, 6, 2, 2] + [0] * (len(expected) - 4)
        ideal = [round(23 * (1 - used / 10), 6) for used in (1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 10, 10, 10)]
        assert [round(day["ideal_points"], 6) for day in days] == ideal[: len(expected)]


def test_burndown_of_the_corners(published: Published, tool: str) -> None:
    days = published.sprint("kpi_burndown", tool, "S corners", order="day_date")
    assert [day["remaining_points"] for day in days] == [8, 3, 8, 8, 5, 3] + [0] * (8 if tool == "ado" else 9)


def test_sprint_items(published: Published, tool: str) -> None:
    rows = published.by_item("fct_sprint_item", tool)
    at = datetime.fromisoformat
    facts = {name: pick(row, "is_committed", "added_at", "removed_at", "outcome") for name, row in rows.items()}
    assert facts == {
        "A": (True, None, None, "completed"),
        "B": (True, None, None, "completed"),
        "C": (True, None, None, "not_completed"),
        "D": (False, at("2024-03-06T12:00"), None, "completed"),
        "E": (True, None, at("2024-03-07T09:00"), "removed"),
        "F": (False, None, None, "completed_elsewhere"),
        "G": (True, None, None, "not_completed"),
        "H": (True, None, None, "cancelled"),
        "I": (True, None, at("2024-03-05"), "completed_elsewhere"),
        "J": (False, None, None, "completed_elsewhere"),
        "K": (False, None, None, "completed_elsewhere"),
        "L": (False, at("2024-03-06"), None, "completed"),
        "M": (False, at("2024-03-06"), at("2024-03-08"), "removed"),
    }
    assert rows["B"]["completed_at"] == at("2024-03-16T11:00")
    assert pick(rows["D"], "points_at_start", "points_at_add", "points_at_close") == (None, 2, 3)


F_LEAD = {"cloud": 80, "dc": 80, "ado": 56}
ITEM_FLOW: dict[str, dict[str, tuple[float | None, ...]]] = {  # lead and cycle hours, lead and cycle days
    "default": {"A": (184, 78, 184 / 24, 3.25), "A1": (183, 77, 183 / 24, 77 / 24), "B": (371, 242, 371 / 24, 242 / 24),
                "D": (175, 126, 175 / 24, 5.25), "G": (419, 122, 419 / 24, 122 / 24), "I": (120, None, 5, None),
                "J": (72, None, 3, None), "K": (0, None, 0, None), "L": (184, None, 184 / 24, None)},
    "everything": {"A": (184, 78, 8, 4), "B": (371, 122, 16, 6), "D": (175, 126, 8, 6), "G": (419, 122, 18, 6)},
    "fresh_start": {"A": (184, 78, 6, 4), "B": (156, 27, 5, 2), "D": (175, 126, 6, 4), "G": (419, 122, 12, 4),
                    "L": (1, None, 1, None)},
}  # fmt: skip


@pytest.mark.parametrize("policy", ITEM_FLOW)
def test_lead_and_cycle_times(published: Published, tool: str, policy: str) -> None:
    rows = published.by_item("fct_item_flow", tool, policy)
    names = ("lead_time_hours", "cycle_time_hours", "lead_time_days", "cycle_time_days")
    found = {name: pick(row, *names) for name, row in rows.items() if name in ITEM_FLOW[policy]}
    assert found == {name: pytest.approx(figures) for name, figures in ITEM_FLOW[policy].items()}
    assert rows["F"]["lead_time_hours"] == F_LEAD[tool]
    assert rows["F"]["cycle_time_hours"] == (0 if policy == "everything" else None)
    assert [name for name, row in rows.items() if row["done_at"] is None] == [
        name for name in rows if name in {"C", "E", "H", "M"}
    ]


def test_reopenings_and_efficiency(published: Published, tool: str) -> None:
    rows, everything = published.by_item("fct_item_flow", tool), published.by_item("fct_item_flow", tool, "everything")
    assert {name for name, row in rows.items() if row["reopen_count"] == 1} == {"B", "L"}
    assert {name for name, row in rows.items() if row["has_skipped_start"]} == set("FIJKL")
    assert rows["H"]["cancelled_at"] == datetime.fromisoformat("2024-03-10")
    assert rows["B"]["active_hours"] == 27 + 122
    efficiency = {name: everything[name]["flow_efficiency_ratio"] for name in "ABDG"}
    assert efficiency == pytest.approx({"A": 78 / 184, "B": 149 / 278, "D": 126 / 175, "G": 122 / 419})


def test_flow_of_the_month(published: Published, tool: str) -> None:
    (row,) = published.flow(tool, "Example team")
    moved = ("arrived_items", "started_items", "delivered_items", "cancelled_items", "reopened_items", "wip_items")
    assert pick(row, *moved) == (7, 4, 5, 0, 1, 0)
    assert pick(row, "delivered_points", "cycle_time_items", "skipped_start_count", "defect_ratio") == (14, 4, 1, 0)
    leads = ("lead_time_p50_hours", "lead_time_p85_hours", "lead_time_mean_hours")
    assert pick(row, *leads) == pytest.approx((184, 371 + 0.4 * 48, (184 + 371 + 175 + F_LEAD[tool] + 419) / 5))
    cycles = tuple(f"cycle_time_{name}_hours" for name in ("p50", "p70", "p85", "p95", "mean"))
    assert pick(row, *cycles) == pytest.approx((124, 137.6, 189.8, 224.6, 142))
    assert row["flow_efficiency_ratio"] == 1


def test_flow_of_the_month_under_other_policies(published: Published, tool: str) -> None:
    names = ("arrived_items", "started_items", "delivered_items", "delivered_points", "cycle_time_items")
    (everything,), (fresh,) = (published.flow(tool, "Example team", name) for name in ("everything", "fresh_start"))
    assert pick(everything, *names) == (8, 5, 6, 15, 6)
    assert everything["cycle_time_p50_hours"] == 100
    total = 184 + 183 + 278 + 175 + F_LEAD[tool] + 419
    assert everything["flow_efficiency_ratio"] == pytest.approx((78 + 77 + 149 + 126 + 122) / total)
    assert pick(fresh, *names) == (7, 4, 5, 14, 4)
    assert pick(fresh, "cycle_time_p50_hours", "reopened_items") == (100, 1)


def test_flow_of_the_corners(published: Published, tool: str) -> None:
    (row,) = published.flow(tool, "Corner team")
    moved = ("arrived_items", "started_items", "delivered_items", "delivered_points", "cancelled_items")
    assert pick(row, *moved) == (6, 0, 4, 10, 1)
    assert pick(row, "skipped_start_count", "reopened_items", "cycle_time_p50_hours") == (4, 1, None)
    assert row["lead_time_p50_hours"] == 96


def test_work_in_progress_and_cumulative_flow_by_day(published: Published, tool: str) -> None:
    days = published.flow(tool, "Example team", period="day")
    wip = {5: 1, 6: 2, 7: 2, 8: 1, 9: 1, 10: 1, 11: 2, 12: 1, 13: 2, 14: 2, 15: 2, 16: 1, 17: 1}
    assert [(day["period_start_date"].day, day["wip_items"]) for day in days] == [
        (number, wip.get(number, 0)) for number in range(1, 21)
    ]
    ages = {day["period_start_date"].day: day["wip_age_p85_hours"] for day in days}
    assert (ages[5], ages[6]) == pytest.approx((14, 15 + 0.85 * (38 - 15)))
    found = published.rows(
        "select day_date, stage, items from marts.kpi_cfd where policy_id = 'default' and scope_type = 'team' "
        f"and scope_name = 'Example team' and connection_id = '{tool}' and day_date >= '2024-03-04'"
    )
    done, todo = (
        {row["day_date"].day: row["items"] for row in found if row["stage"] == stage} for stage in ("done", "todo")
    )
    assert [done[day] for day in (4, 6, 7, 8, 11, 12, 16, 18, 20)] == [1, 1, 2, 3, 2, 3, 4, 5, 5]
    assert [todo[day] for day in (4, 5, 6, 7, 12, 13, 20)] == [5, 5, 4, 3, 3, 2, 2]


def test_scorecard(published: Published, tool: str) -> None:
    rows = published.rows(
        "select kpi_id, value, trust_ratio from marts.kpi_scorecard where policy_id = 'default' "
        f"and scope_type = 'team' and scope_name = 'Example team' and connection_id = '{tool}' "
        "and period_type in ('sprint', 'month')"
    )
    values = {row["kpi_id"]: row["value"] for row in rows}
    expected = {"velocity": 11, "say_do": 8 / 23, "scope_change": 7 / 23, "predictability": None, "throughput": 5,
                "cycle_time_p50": 124, "cycle_time_p85": 189.8, "lead_time_p85": 390.2, "wip": 0}  # fmt: skip
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert {row["trust_ratio"] for row in rows if row["value"]} == {1}


@pytest.mark.parametrize("tool", ["cloud", "dc"])
def test_differences_from_jiras_own_report_are_explained(published: Published, tool: str) -> None:
    """Jira counts what is closed undelivered as completed, and knows no policies; Azure DevOps has no such report."""
    rows = published.rows(f"select * from marts.kpi_parity where connection_id = '{tool}'")
    assert {row["policy_id"] for row in rows} == set(SPRINT)
    assert [row for row in rows if row["unexplained_difference"]] == []
    assert {row["sprint_name"] for row in rows if row["policy_id"] == "default" and not row["is_equal"]} == {
        "S corners"
    }


@pytest.mark.parametrize("published", [pytest.param("in two parts", marks=pytest.mark.slow)], indirect=True)
def test_midway_the_sprint_is_judged_as_it_stands(published: Published, tool: str) -> None:
    """On 03-14 at noon: A and D are done, B is re-opened, G in progress since the day before."""
    (row,) = published.midway[tool]
    assert row["is_final"] is False
    assert_figures(row, USUAL | {"completed": (2, 8), "not_completed": (3, 13), "say_do": (5, 23)})
    days = published.midway[f"{tool} burndown"]
    assert [day["remaining_points"] for day in days] == BURNDOWN["default"][:11]
    wip = {row["item"]: (row["stage"], round(row["age_hours"], 3)) for row in published.midway[f"{tool} wip"]}
    assert wip == {"B": ("in_progress", 195), "G": ("in_progress", 27)}
