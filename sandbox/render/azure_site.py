"""A simulated Azure DevOps organisation's metadata: projects, teams, nodes, iterations, capacities, boards, types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from sandbox.model import Person, Project, Site, Sprint, Team
from sandbox.render.azure_words import (
    CATEGORIES,
    FIELDS,
    IDENTITY_FIELDS,
    PROCESSES,
    ROOT,
    Words,
    area_of,
    area_root,
    guid,
    identity,
    iteration_folder,
    iteration_of,
    iteration_root,
    states_of,
)
from sandbox.render.common import zulu
from sandbox.store import Store

HOURS_PER_DAY = 6.0
WORKING_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
Rows = Iterable[tuple[str, str, Any]]


def put_site(store: Store, site: Site, words: Words) -> None:
    """Writes all metadata into the store, replacing what was there."""
    store.set_meta("name", site.name)
    store.set_meta("now", site.now.isoformat())
    store.set_meta("clock", "stands" if site.clock_stands else "goes")
    store.set_meta("paths", msgspec.json.encode(words.paths()).decode())
    teams = sorted(site.teams, key=lambda team: team.team_id)
    store.put_resources(
        "project", ((guid("project", p.project_id), p.name, _project(p)) for p in site.projects if p.is_visible)
    )
    store.put_resources("team", ((guid("team", t.team_id), *_team(words, t)) for t in teams))
    store.put_resources("settings", ((guid("team", t.team_id), "", _settings(t)) for t in teams))
    store.put_resources("fieldvalues", ((guid("team", t.team_id), "", _field_values(words, t)) for t in teams))
    store.put_resources("iteration", _iterations(site, words))
    store.put_resources("capacity", _capacities(site))
    store.put_resources("daysoff", _days_off(site))
    store.put_resources("board", ((guid("board", t.team_id), guid("team", t.team_id), _board(site, t)) for t in teams))
    store.put_resources("areas", ((guid("project", p.project_id), "", _areas(site, p)) for p in site.projects))
    store.put_resources("iterations", ((guid("project", p.project_id), "", _nodes(site, p)) for p in site.projects))
    store.put_resources("type", _types(site))
    store.put_resources("field", ((number, "", _field(number, name, kind)) for number, name, kind in FIELDS))
    store.put_resources("user", ((guid("person", p.person_id), "", identity(p)) for p in site.people))


def _project(project: Project) -> dict[str, Any]:
    name = guid("project", project.project_id)
    return {
        "id": name, "name": project.name, "description": f"Part of {project.portfolio}",
        "url": f"{ROOT}/_apis/projects/{name}", "state": "wellFormed", "revision": 100 + project.project_id,
        "visibility": "private", "lastUpdateTime": "2024-01-01T00:00:00Z",
    }  # fmt: skip


def _team(words: Words, team: Team) -> tuple[str, dict[str, Any]]:
    project, name = words.projects[team.project_id], guid("team", team.team_id)
    place = guid("project", project.project_id)
    address = f"{ROOT}/_apis/projects/{place}/teams/{name}"
    document = {
        "id": name, "name": team.name, "url": address, "description": f"Team {team.name}",
        "identityUrl": f"{ROOT}/_apis/Identities/{name}", "projectName": project.name, "projectId": place,
    }  # fmt: skip
    return place, document


def _team_address(team: Team) -> str:
    return f"{ROOT}/{guid('project', team.project_id)}/{guid('team', team.team_id)}/_apis/work/teamsettings"


def _settings(team: Team) -> dict[str, Any]:
    folder = {
        "id": guid("iteration", iteration_folder(team.team_id)),
        "name": team.name,
        "path": f"\\{team.name}",  # as settings write it: below the project
        "url": f"{ROOT}/{guid('project', team.project_id)}/_apis/wit/classificationNodes/Iterations/{team.name}",
    }
    return {
        "backlogIteration": folder, "bugsBehavior": "asRequirements", "workingDays": WORKING_DAYS,
        "backlogVisibilities": {"Microsoft.EpicCategory": True, "Microsoft.RequirementCategory": True},
        "defaultIterationMacro": "@currentIteration", "url": _team_address(team),
        "_links": {"self": {"href": _team_address(team)}},
    }  # fmt: skip


def _field_values(words: Words, team: Team) -> dict[str, Any]:
    path = f"{words.projects[team.project_id].name}\\{team.name}"
    address = f"{_team_address(team)}/teamfieldvalues"
    field = {"referenceName": "System.AreaPath", "url": f"{ROOT}/_apis/wit/fields/System.AreaPath"}
    values = [{"value": path, "includeChildren": True}]
    return {"field": field, "defaultValue": path, "values": values, "url": address}


def _days(sprint: Sprint) -> tuple[date, date]:
    """First and last day of an iteration; it ends at 00:00 of the day after the last."""
    return sprint.planned_start_at.date(), sprint.planned_end_at.date() - timedelta(days=1)


def _midnight(day: date) -> str:
    return zulu(datetime.combine(day, time.min, UTC))[:-5] + "Z"


def _time_frame(sprint: Sprint, now: datetime) -> str:
    if sprint.planned_end_at <= now:
        return "past"
    return "current" if sprint.planned_start_at <= now else "future"


def _iterations(site: Site, words: Words) -> Iterator[tuple[str, str, Any]]:
    """Iterations that a team subscribed to; `parent` is the team."""
    for sprint in sorted(site.sprints, key=lambda one: (one.planned_start_at, one.sprint_id)):
        team = words.team_of(sprint)
        name = guid("iteration", iteration_of(sprint.sprint_id))
        first, last = _days(sprint)
        attributes = {"startDate": _midnight(first), "finishDate": _midnight(last)}
        document = {
            "id": name, "name": sprint.name, "path": words.iteration_path(sprint),
            "attributes": attributes | {"timeFrame": _time_frame(sprint, site.now)},
            "url": f"{_team_address(team)}/iterations/{name}",
        }  # fmt: skip
        yield name, guid("team", team.team_id), document


def _capacities(site: Site) -> Iterator[tuple[str, str, Any]]:
    people = {person.person_id: person for person in site.people}
    teams = {team.team_id: team for team in site.teams}
    for sprint in site.sprints:
        name, team = guid("iteration", iteration_of(sprint.sprint_id)), teams[sprint.team_id]
        address = f"{_team_address(team)}/iterations/{name}/capacities"
        members = [_capacity(people[number], sprint, address) for number in team.members]
        off = sum(len(member["daysOff"]) for member in members)
        total = HOURS_PER_DAY * len(members)
        yield name, "", {"teamMembers": members, "totalCapacityPerDay": total, "totalDaysOff": off}


def _capacity(person: Person, sprint: Sprint, address: str) -> dict[str, Any]:
    first, last = _days(sprint)
    return {
        "teamMember": identity(person),
        "activities": [{"capacityPerDay": HOURS_PER_DAY, "name": "Development"}],
        "daysOff": _ranges(day for day in person.days_off if first <= day <= last),
        "url": f"{address}/{guid('person', person.person_id)}",
    }


def _ranges(days: Iterable[date]) -> list[dict[str, str]]:
    """Days off as date ranges, neighbouring days joined."""
    ranges: list[list[date]] = []
    for day in sorted(days):
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1][1] = day
        else:
            ranges.append([day, day])
    return [{"start": _midnight(first), "end": _midnight(last)} for first, last in ranges]


def _days_off(site: Site) -> Iterator[tuple[str, str, Any]]:
    teams = {team.team_id: team for team in site.teams}
    for sprint in site.sprints:
        name, (first, last) = guid("iteration", iteration_of(sprint.sprint_id)), _days(sprint)
        team = teams[sprint.team_id]
        days = _ranges(day for day in team.days_off if first <= day <= last)
        yield name, "", {"daysOff": days, "url": f"{_team_address(team)}/iterations/{name}/teamdaysoff"}


def _board(site: Site, team: Team) -> dict[str, Any]:
    (project,) = (one for one in site.projects if one.project_id == team.project_id)
    types = PROCESSES[project.process].board_types
    shown = [one for one in states_of(site.statuses, project, types[0]) if CATEGORIES[one.category] != "Removed"]
    columns = []
    for position, status in enumerate(shown):
        kind = "incoming" if position == 0 else "outgoing" if position == len(shown) - 1 else "inProgress"
        columns.append(
            {
                "id": guid("column", team.team_id * 100 + status.status_id), "name": status.name,
                "itemLimit": 5 if kind == "inProgress" else 0, "columnType": kind,
                "stateMappings": dict.fromkeys(types, status.name),
                **({"isSplit": False, "description": ""} if kind == "inProgress" else {}),
            }
        )  # fmt: skip
    name = guid("board", team.team_id)
    address = f"{_team_address(team).removesuffix('/teamsettings')}/boards/{name}"
    return {"id": name, "name": "Stories", "url": address, "columns": columns}


def _node(number: int, name: str, kind: str, path: str, project: Project, children: list[Any]) -> dict[str, Any]:
    group = "Areas" if kind == "area" else "Iterations"
    below = path.split("\\", 3)[3] if path.count("\\") > 2 else ""  # behind \Project\Area
    address = f"{ROOT}/{guid('project', project.project_id)}/_apis/wit/classificationNodes/{group}/{below}".rstrip("/")
    node = {
        "id": number, "identifier": guid(kind, number), "name": name, "structureType": kind,
        "hasChildren": bool(children), "path": path, "url": address.replace("\\", "/").replace(" ", "%20"),
    }  # fmt: skip
    return node | ({"children": children} if children else {})


def _areas(site: Site, project: Project) -> dict[str, Any]:
    root = f"\\{project.name}\\Area"
    children = [
        _node(area_of(team.team_id), team.name, "area", f"{root}\\{team.name}", project, [])
        for team in site.teams if team.project_id == project.project_id
    ]  # fmt: skip
    return _node(area_root(project), project.name, "area", root, project, children)


def _nodes(site: Site, project: Project) -> dict[str, Any]:
    """The tree of iterations: the project, below it a folder for each team, in it the team's sprints."""
    root = f"\\{project.name}\\Iteration"
    folders = []
    for team in site.teams:
        if team.project_id != project.project_id:
            continue
        path, leaves = f"{root}\\{team.name}", []
        for sprint in site.sprints:
            if sprint.team_id == team.team_id:
                first, last = _days(sprint)
                number = iteration_of(sprint.sprint_id)
                leaf = _node(number, sprint.name, "iteration", f"{path}\\{sprint.name}", project, [])
                leaves.append(leaf | {"attributes": {"startDate": _midnight(first), "finishDate": _midnight(last)}})
        folders.append(_node(iteration_folder(team.team_id), team.name, "iteration", path, project, leaves))
    return _node(iteration_root(project.project_id), project.name, "iteration", root, project, folders)


def _types(site: Site) -> Iterator[tuple[str, str, Any]]:
    """Types by project; `parent` is the project."""
    for project in site.projects:
        place = guid("project", project.project_id)
        for name, reference in PROCESSES[project.process].types.items():
            states = [
                {"name": one.name, "color": "b2b2b2", "category": CATEGORIES[one.category]}
                for one in states_of(site.statuses, project, name)
            ]
            number = f"Microsoft.VSTS.WorkItemTypes.{reference}"
            address = f"{ROOT}/{place}/_apis/wit/workItemTypes/{name.replace(' ', '%20')}"
            document = {
                "name": name, "referenceName": number, "description": "", "color": "009CCC", "isDisabled": False,
                "icon": {"id": "icon_book", "url": f"{ROOT}/_apis/wit/workItemIcons/icon_book"},
                "states": states, "fields": [], "fieldInstances": [], "transitions": {}, "url": address,
            }  # fmt: skip
            yield f"{place}/{name.lower()}", place, document


def _field(number: str, name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name, "referenceName": number, "type": kind, "usage": "workItem", "readOnly": False, "canSortBy": True,
        "isQueryable": True, "isIdentity": number in IDENTITY_FIELDS, "isPicklist": False, "isPicklistSuggested": False,
        "supportedOperations": [{"referenceName": "SupportedOperations.Equals", "name": "="}],
        "url": f"{ROOT}/_apis/wit/fields/{number}",
    }  # fmt: skip
