"""The simulated organisation's own books against the published marts: every sprint, every team, every item.

The books were written while the organisation lived (what was on the board when the sprint started, what
was finished when), not from the change log. The marts came through HTTP, raw tables and SQL. Equal means equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from sandbox.organisation import Organisation
from sandbox.organisation.books import ItemBook, PeriodBook, SprintBook
from tests.end_to_end.tracing import broken_links
from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

CONNECTIONS = {"jira_cloud": "cloud", "jira_dc": "dc", "azure_devops": "ado"}

CONFIGURATION = """
[[connections]]
id = "cloud"
kind = "jira"
url = "http://127.0.0.1:{0}"
username = "pmo@example.com"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "dc"
kind = "jira"
url = "http://127.0.0.1:{1}"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "ado"
kind = "azure_devops"
url = "http://127.0.0.1:{2}/pmo"
token_env = "SANDBOX_TOKEN"
"""


class Pair:
    """The published marts of one run beside the books of the same moment."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        with Organisation(workspace.home / "sandbox") as organisation:
            books = organisation.books()
            self.sprints = list(books.sprints())
            self.items = list(books.items())
            self.periods = list(books.periods())
            self.sprint_names = {
                (str(site.tool), sprint.sprint_id): sprint.name
                for site in organisation.sites()
                for sprint in site.sprints
            }
            self.team_names = {
                (str(site.tool), team.team_id): team.name for site in organisation.sites() for team in site.teams
            }
            self.now = organisation.now

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.workspace.query(sql)

    def sprint_key(self, book: SprintBook) -> tuple[str, str, str]:
        return (
            CONNECTIONS[book.tool],
            self.team_names[book.tool, book.team_id],
            self.sprint_names[book.tool, book.sprint_id],
        )


@pytest.fixture(scope="module", params=[pytest.param("first run", marks=pytest.mark.slow), "a week later"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    workspace = Workspace(tmp_path_factory.mktemp("books"), {"SANDBOX_TOKEN": "anything"})
    port = free_ports(4)
    workspace.configure(CONFIGURATION.format(port, port + 1, port + 2))
    with serving(workspace, port, "--items", "900", "--seed", "7", "--port-base", str(port)):
        workspace.run()
        if request.param == "a week later":
            done = workspace.pmo("sandbox", "advance", "--days", "7")
            assert done.returncode == 0, done.stdout + done.stderr
            workspace.run()
        yield Pair(workspace)


def close(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, float) or isinstance(right, float):
        return float(left) == pytest.approx(float(right), abs=1e-9)
    return bool(left == right)


def differences(ours: dict[Any, dict[str, Any]], theirs: dict[Any, dict[str, Any]]) -> list[str]:
    found = [f"only in the marts: {key}" for key in sorted(set(ours) - set(theirs), key=str)]
    found += [f"only in the books: {key}" for key in sorted(set(theirs) - set(ours), key=str)]
    found += [
        f"{key} {name}: marts {ours[key][name]!r}, books {expected!r}"
        for key in sorted(set(ours) & set(theirs), key=str)
        for name, expected in theirs[key].items()
        if not close(ours[key][name], expected)
    ]
    return found


SPRINT_FIGURES = [
    "is_final",
    *(
        f"{what}_{unit}"
        for what in ("committed", "added", "removed", "cancelled", "completed", "not_completed")
        for unit in ("items", "points")
    ),
    "completed_elsewhere_items",
    "estimate_change_points",
    "say_do_ratio",
]


def test_velocity_of_every_sprint(pair: Pair):
    columns = ", ".join(f"v.{name}" for name in SPRINT_FIGURES)
    ours = {
        row[:3]: dict(zip(SPRINT_FIGURES, row[3:], strict=True))
        for row in pair.query(
            f"select s.connection_id, t.name, s.name, {columns} from marts.kpi_velocity as v "
            "join marts.dim_sprint as s using (sprint_key) join marts.dim_team as t on t.team_key = s.team_key "
            "where v.policy_id = 'default'"
        )
    }
    theirs = {pair.sprint_key(book): {name: getattr(book, name) for name in SPRINT_FIGURES} for book in pair.sprints}
    tools = {key[0] for key in theirs}
    assert tools == set(CONNECTIONS.values())
    assert differences(ours, theirs) == []


def test_burndown_of_every_sprint_day(pair: Pair):
    names = [
        f"{what}_{unit}" for what in ("remaining", "scope", "completed") for unit in ("items", "points", "hours")
        if (what, unit) == ("remaining", "hours") or unit != "hours"
    ]  # fmt: skip
    ours = {
        row[:4]: dict(zip(names, row[4:], strict=True))
        for row in pair.query(
            f"select s.connection_id, t.name, s.name, b.day_date, {', '.join('b.' + name for name in names)} "
            "from marts.kpi_burndown as b join marts.dim_sprint as s using (sprint_key) "
            "join marts.dim_team as t on t.team_key = s.team_key where b.policy_id = 'default'"
        )
    }
    theirs = {
        (*pair.sprint_key(book), day.day): {name: getattr(day, name) for name in names}
        for book in pair.sprints
        for day in book.days
    }
    assert differences(ours, theirs) == []


def naive(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=None)


def test_every_item(pair: Pair):
    ours = {
        row[:2]: dict(
            zip(("created_at", "started_at", "done_at", "cancelled_at", "reopen_count"), row[2:], strict=True)
        )
        for row in pair.query(
            "select i.connection_id, i.item_id, f.created_at, f.started_at, f.done_at, f.cancelled_at, f.reopen_count "
            "from marts.fct_item_flow as f join marts.dim_work_item as i using (item_key) "
            "where f.policy_id = 'default' and not i.is_deleted"
        )
    }

    def figures(book: ItemBook) -> dict[str, Any]:
        return {
            "created_at": naive(book.created_at),
            "started_at": naive(book.started_at),
            "done_at": naive(book.done_at),
            "cancelled_at": naive(book.cancelled_at),
            "reopen_count": book.reopen_count,
        }

    theirs = {
        (CONNECTIONS[book.tool], str(book.item_id)): figures(book) for book in pair.items if book.deleted_at is None
    }
    assert len(theirs) > 500
    assert differences(ours, theirs) == []


def flow_figures(book: PeriodBook) -> dict[str, Any]:
    return {
        "arrived_items": book.arrived_items,
        "started_items": book.started_items,
        "delivered_items": book.delivered_items,
        "delivered_points": book.delivered_points
        if book.delivered_estimated_items or not book.delivered_items
        else None,
        "cancelled_items": book.cancelled_items,
        "reopened_items": book.reopened_items,
        "wip_items": book.wip_items,
        "skipped_start_count": book.skipped_start_items,
        "lead_time_mean_hours": mean(book.lead_time_hours),
        "lead_time_p85_hours": percentile(book.lead_time_hours, 0.85),
        "cycle_time_mean_hours": mean(book.cycle_time_hours),
        "cycle_time_p50_hours": percentile(book.cycle_time_hours, 0.5),
        "cycle_time_p95_hours": percentile(book.cycle_time_hours, 0.95),
        "cycle_time_items": len(book.cycle_time_hours),
    }


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def percentile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@pytest.mark.parametrize("period_type", ["week", "month"])
def test_flow_of_every_team(pair: Pair, period_type: str):
    names = list(flow_figures(PeriodBook(0, "week", pair.now.date())))
    ours = {
        row[:3]: dict(zip(names, row[3:], strict=True))
        for row in pair.query(
            f"select t.connection_id, t.name, f.period_start_date, {', '.join('f.' + name for name in names)} "
            "from marts.kpi_flow as f join marts.dim_team as t on t.team_key = f.scope_key "
            f"where f.scope_type = 'team' and f.period_type = '{period_type}' and f.policy_id = 'default'"
        )
    }
    theirs = {
        (CONNECTIONS[book.tool], pair.team_names[book.tool, book.team_id], book.period_start): flow_figures(book)
        for book in pair.periods
        if book.period_type == period_type and book.team_id
    }
    nothing = flow_figures(PeriodBook(0, "week", pair.now.date()))
    # The books have no page for a period in which nothing happened; the marts have a row of zeros.
    empty = dict.fromkeys(set(ours) - set(theirs), nothing)
    assert {key[0] for key in theirs} == set(CONNECTIONS.values())
    assert differences(ours, {**theirs, **empty}) == []


def test_every_value_leads_down_to_the_landed_file(pair: Pair):
    """`pmo explain`: value, evidence, steps, raw record with run, file and hash; the file holds that record."""
    assert broken_links(pair.workspace.home) == []


def test_explain_prints_the_chain(pair: Pair):
    (team, sprint, ref, key) = pair.query(
        "select t.name, s.name, i.item_ref, e.raw_record_key from marts.fct_sprint_event as e "
        "join marts.dim_sprint as s using (sprint_key) join marts.dim_team as t using (team_key) "
        "join marts.dim_work_item as i using (item_key) where e.event_type = 'completed' and s.is_closed "
        "and e.policy_id = 'default' and (e.item_key, e.sprint_key) in (select (item_key, sprint_key) "
        "from marts.kpi_evidence where kpi_id = 'velocity') order by e.event_at desc, e.item_key limit 1"
    )[0]
    done = pair.workspace.pmo("explain", "velocity", "--team", team, "--sprint", sprint, "--item", ref)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == f"Velocity · team {team} · sprint {sprint}"
    steps = [number for number, line in enumerate(lines) if "completed in the sprint" in line]
    (step,) = [number for number in steps if lines[number + 1] == key]  # one item may be completed several times
    assert lines[step + 2].startswith("landed ")
    assert ", hash " in lines[step + 2]
    assert lines[step + 3].endswith(".parquet")
    other = pair.workspace.pmo("explain", "velocity", "--team", team, "--sprint", sprint, "--item", "NONE-1")
    assert other.returncode == 1
    assert "NONE-1 is not among the" in other.stderr
