"""How big the organisation is and who works where: a fixed function of seed and size."""

from __future__ import annotations

from datetime import date, datetime
from random import Random

import msgspec

from sandbox.model import Person, Project, Team, Tool
from sandbox.organisation import names
from sandbox.organisation.clock import HOUR, holidays_between, local_ms, to_datetime, vacation
from sandbox.organisation.workflow import AGILE, SCRUM, STATUS_DROPPED_AFTER

TOOLS = (Tool.JIRA_CLOUD, Tool.JIRA_DC, Tool.AZURE_DEVOPS)
SITE_NAMES = {Tool.JIRA_CLOUD: "acme", Tool.JIRA_DC: "Acme Jira", Tool.AZURE_DEVOPS: "pmo"}
ACCOUNT_ZONES = {Tool.JIRA_CLOUD: "America/New_York", Tool.JIRA_DC: "Europe/Berlin", Tool.AZURE_DEVOPS: "UTC"}
PEOPLE_ZONES = {
    Tool.JIRA_CLOUD: ("America/New_York", "America/Chicago", "America/New_York", "Europe/London"),
    Tool.JIRA_DC: ("Europe/Berlin", "Europe/Madrid", "Asia/Kolkata", "Europe/Berlin"),
    Tool.AZURE_DEVOPS: ("Europe/London", "Asia/Kolkata", "Europe/Lisbon", "Europe/Helsinki"),
}
TEAMS_PER_CELL = 4
MEMBERS = 6
ITEMS_PER_TEAM_DAY = 1.18  # measured; sub-tasks and epics are items too
QUIET_PACE = 0.15  # of one team at each site
_IDLE = 3 * (1 - QUIET_PACE)  # teams less than there are
LEAVING, LEAVERS = 0.2, 3  # how many of a team may leave, and the share of them that does
RENAMED = 0.1
REMOVED_AFTER = 30 * 24 * HOUR  # an account that is no longer used is deleted
HIDDEN_PROJECT = 19_000  # of each Jira site: the account may not see it; sometimes an item moves there
SHORTEST_DAYS = 70
HORIZON = 1500  # days from the start for which days off are published
USUAL_DAYS = 135
USUAL_ITEMS = 2000


class CellPlan(msgspec.Struct):
    """A group of teams at one site: two teams with a project each, and two Scrum teams that share one."""

    cell: int
    cells: int
    rank: int  # among the site's cells
    site_cells: int
    seed: int
    tool: Tool
    started_on: int  # ordinal
    status_dropped_at: int  # Jira: when a status is taken out of the workflow, in milliseconds
    pace: float
    people: list[Person]
    projects: list[Project]
    teams: list[Team]
    team_paces: list[float]


class Plan(msgspec.Struct):
    seed: int
    items: int
    days: int
    cells: int
    started_on: int
    pace: float


def plan_organisation(seed: int, items: int, until: datetime) -> Plan:
    """More items mean more teams and a longer history; the number of cells is the same for each tool."""
    days = max(SHORTEST_DAYS, int(USUAL_DAYS * (items / USUAL_ITEMS) ** 0.3))
    cells = max(3, round((items / (ITEMS_PER_TEAM_DAY * days) + _IDLE) / TEAMS_PER_CELL / 3) * 3)
    pace = items / (ITEMS_PER_TEAM_DAY * days * (cells * TEAMS_PER_CELL - _IDLE))
    return Plan(seed, items, days, cells, until.date().toordinal() - days, pace)


def status_dropped_at(plan: Plan, zone: str) -> int:
    """When the Jira sites take a status out of their workflow, in milliseconds."""
    return local_ms(zone, plan.started_on + plan.days + STATUS_DROPPED_AFTER, 11)


def plan_cell(plan: Plan, cell: int) -> CellPlan:
    """Everything that is fixed about a cell. A site's first cell has one team that hardly gets any items."""
    tool = TOOLS[cell % 3]
    rank, site_cells = cell // 3, plan.cells // 3
    dice = Random(f"{plan.seed}/{cell}/people")
    zone = ACCOUNT_ZONES[tool]
    people, teams = [], []
    projects = [_project(plan, tool, rank, cell, number) for number in range(3)]
    if rank == 0 and tool is not Tool.AZURE_DEVOPS:
        projects.append(Project(HIDDEN_PROJECT, "CONF", "Confidential", names.PORTFOLIOS[0], tool, is_visible=False))
    for number in range(TEAMS_PER_CELL):
        members = [_person(dice, tool, rank, number * MEMBERS + index, plan) for index in range(MEMBERS)]
        people.extend(members)
        project = projects[(0, 1, 1, 2)[number]]
        team = _team(tool, zone, cell, rank, number, project, [member.person_id for member in members])
        team.days_off = list(holidays_between(plan.started_on, plan.started_on + HORIZON))
        teams.append(team)
    paces = [round(dice.uniform(0.8, 1.2), 2) for _ in teams]
    if rank == 0:
        paces[2] = QUIET_PACE
    return CellPlan(
        cell,
        plan.cells,
        rank,
        site_cells,
        plan.seed,
        tool,
        plan.started_on,
        status_dropped_at(plan, zone),
        plan.pace,
        people,
        projects,
        teams,
        paces,
    )


def _project(plan: Plan, tool: Tool, rank: int, cell: int, number: int) -> Project:
    index = rank * 3 + number
    product = names.pick(names.PRODUCTS, plan.cells // 3 * 3 * (cell % 3) + index)
    key = names.project_key(plan.cells // 3 * 3 * (cell % 3) + index)
    portfolio = names.PORTFOLIOS[(cell + number) % len(names.PORTFOLIOS)]
    process = SCRUM if number == 0 and tool is Tool.AZURE_DEVOPS else AGILE
    kind = "service_desk" if number == 2 and tool is not Tool.AZURE_DEVOPS else "software"
    return Project(10000 + index, key, product, portfolio, tool, process, kind)


def _person(dice: Random, tool: Tool, rank: int, number: int, plan: Plan) -> Person:
    person_id = 101 + rank * TEAMS_PER_CELL * MEMBERS + number
    first, last = dice.choice(names.FIRST), dice.choice(names.LAST)
    year = _day(plan.started_on).year
    away = [day for span in (year - 1, year, year + 1) for day in vacation(person_id, span)]
    zone, hour, fate = dice.choice(PEOPLE_ZONES[tool]), dice.choice((8, 9, 9, 10)), dice.random()
    when = local_ms(zone, plan.started_on + int(plan.days * dice.uniform(0.2, 1.15)), 12)
    leaves = fate < LEAVING and number % MEMBERS > MEMBERS - LEAVERS - 1  # never so many that a team stands still
    renamed = [(to_datetime(when), f"{first} {dice.choice(names.LAST)}")] if fate > 1 - RENAMED else []
    return Person(
        person_id,
        f"{first} {last}",
        f"{first}.{last}.{person_id}@example.com".lower(),
        zone,
        starts_at_hour=hour,
        former_names=renamed,
        deactivated_at=to_datetime(when) if leaves else None,
        removed_at=to_datetime(when + REMOVED_AFTER) if leaves and fate < LEAVING / 2 else None,
        days_off=sorted(
            {_day(day) for day in away} | set(holidays_between(plan.started_on, plan.started_on + HORIZON))
        ),
    )


def _day(ordinal: int) -> date:
    return date.fromordinal(ordinal)


def _team(tool: Tool, zone: str, cell: int, rank: int, number: int, project: Project, members: list[int]) -> Team:
    team_id = 1 + rank * TEAMS_PER_CELL + number
    name = names.pick(names.TEAMS, cell * TEAMS_PER_CELL + number)
    shares = number in (1, 2) and tool is not Tool.AZURE_DEVOPS
    label = name.lower().replace(" ", "-") if shares else None
    jql = f"project = {project.key}" + (f' AND labels = "{label}"' if shares else "")
    return Team(
        team_id,
        name,
        project.project_id,
        board_id=team_id,
        is_scrum=number != 3,
        time_zone=zone,
        members=members,
        tool=tool,
        label=label,
        board_jql="" if tool is Tool.AZURE_DEVOPS else f"{jql} ORDER BY Rank ASC",
    )
