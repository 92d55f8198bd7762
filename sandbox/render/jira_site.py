"""A simulated Jira site's metadata: fields, statuses, projects, boards, sprints, people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.model import Category, Site, Team
from sandbox.render.common import Clock
from sandbox.render.jira_words import (
    PRIORITIES,
    RESOLUTIONS,
    TYPES,
    Flavour,
    flavour_of,
    issue_type,
    named,
    project,
    sprint_dates,
    sprint_state,
    status,
    user,
    user_id,
)
from sandbox.store import BASE, Store

Rows = Iterable[tuple[str, str, Any]]
_CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes"
SYSTEM_FIELDS = (
    ("issuetype", "Issue Type", "issuetype"), ("project", "Project", "project"), ("status", "Status", "status"),
    ("summary", "Summary", "string"), ("description", "Description", "string"), ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"), ("resolution", "Resolution", "resolution"),
    ("resolutiondate", "Resolved", "datetime"), ("priority", "Priority", "priority"),
    ("assignee", "Assignee", "user"), ("reporter", "Reporter", "user"), ("creator", "Creator", "user"),
    ("labels", "Labels", "array"), ("fixVersions", "Fix versions", "array"), ("components", "Components", "array"),
    ("timeestimate", "Remaining Estimate", "number"), ("timeoriginalestimate", "Original estimate", "number"),
    ("timespent", "Time Spent", "number"), ("duedate", "Due date", "date"), ("issuelinks", "Linked Issues", "array"),
    ("comment", "Comment", "comments-page"), ("worklog", "Log Work", "array"),
)  # fmt: skip


def put_site(store: Store, site: Site) -> None:
    """Writes all metadata of a site into its store, replacing what was there."""
    flavour, clock = flavour_of(site.tool), Clock(ZoneInfo(site.account_time_zone))
    store.set_meta("name", site.name)
    store.set_meta("flavour", site.tool.value)
    store.set_meta("time_zone", site.account_time_zone)
    store.set_meta("now", site.now.isoformat())
    store.set_meta("clock", "stands" if site.clock_stands else "goes")
    store.put_resources("field", _fields(flavour))
    statuses = [one for one in site.statuses if one.deleted_at is None]
    store.put_resources("status", ((str(s.status_id), "", status(flavour, s)) for s in statuses))
    store.put_resources("issuetype", _types(flavour))
    store.put_resources("priority", _named(flavour, "priority", PRIORITIES))
    store.put_resources("resolution", _named(flavour, "resolution", RESOLUTIONS))
    store.put_resources("project", ((str(p.project_id), "", project(flavour, p)) for p in site.projects))
    store.put_resources("version", _versions(flavour, site))
    people = [person for person in site.people if person.removed_at is None]
    store.put_resources("user", ((user_id(flavour, p.person_id), "", user(flavour, p)) for p in people))
    store.put_resources("filter", _filters(flavour, site))
    store.put_resources("board", _boards(site))
    store.put_resources("configuration", _configurations(flavour, site))
    store.put_resources("sprint", _sprints(flavour, site, clock))


def _fields(flavour: Flavour) -> Iterator[tuple[str, str, Any]]:
    for number, name, kind in SYSTEM_FIELDS:
        schema = {"type": kind, "system": number} | ({"items": "string"} if kind == "array" else {})
        yield number, "", _field(flavour, number, name, schema, [number])
    for number, name, kind, custom in (
        (flavour.sprint, "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint"),
        (flavour.points, "Story Points", "number", f"{_CUSTOM}:float"),
        (flavour.flagged, "Flagged", "array", f"{_CUSTOM}:multicheckboxes"),
        (flavour.epic_link, "Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link"),
        (flavour.rank, "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
        (flavour.rating, "Satisfaction", "sd-feedback", "com.atlassian.servicedesk:sd-request-feedback"),
    ):
        custom_id = int(number.rpartition("_")[2])
        schema_ = {"type": kind, "custom": custom, "customId": custom_id}
        items = {"items": "json" if name == "Sprint" else "option"} if kind == "array" else {}
        yield number, "", _field(flavour, number, name, schema_ | items, [f"cf[{custom_id}]", name])


def _field(flavour: Flavour, number: str, name: str, schema: dict[str, Any], clauses: list[str]) -> dict[str, Any]:
    document = {
        "id": number, "name": name, "custom": "custom" in schema, "orderable": True,
        "navigable": number not in ("comment", "worklog"), "searchable": True, "clauseNames": clauses,
        "schema": schema,
    }  # fmt: skip
    return document | {"key": number} if flavour.is_cloud else document


def _types(flavour: Flavour) -> Rows:
    return [
        (str(number), "", issue_type(flavour, name, is_subtask=name == "Sub-task")) for name, number in TYPES.items()
    ]


def _named(flavour: Flavour, kind: str, known: dict[str, int]) -> Rows:
    return [(str(number), "", named(flavour, kind, known, name)) for name, number in known.items()]


def _versions(flavour: Flavour, site: Site) -> Iterator[tuple[str, str, Any]]:
    for release in site.releases:
        document: dict[str, Any] = {
            "self": f"{BASE}/rest/api/{flavour.api}/version/{release.release_id}",
            "id": str(release.release_id), "name": release.name, "archived": False,
            "released": release.is_released, "projectId": release.project_id,
            "startDate": release.start_date.isoformat(),
        }  # fmt: skip
        if release.release_date:
            document["releaseDate"] = release.release_date.isoformat()
        yield str(release.release_id), str(release.project_id), document


def _filter_id(team: Team) -> str:
    return str(10_000 + team.board_id)


def _filters(flavour: Flavour, site: Site) -> Iterator[tuple[str, str, Any]]:
    for team in site.teams:
        number, jql = _filter_id(team), team.board_jql
        address = f"{BASE}/rest/api/{flavour.api}/filter/{number}"
        yield number, "", {"self": address, "id": number, "name": f"Filter for {team.name}", "jql": jql}


def _boards(site: Site) -> Iterator[tuple[str, str, Any]]:
    projects = {p.project_id: p for p in site.projects}
    for team in sorted(site.teams, key=lambda one: one.board_id):
        place = projects[team.project_id]
        shown = f"{place.name} ({place.key})"
        location = {
            "projectId": place.project_id, "displayName": shown, "projectName": place.name,
            "projectKey": place.key, "projectTypeKey": place.kind, "name": shown,
        }  # fmt: skip
        yield (
            str(team.board_id),
            str(place.project_id),
            {
                "id": team.board_id, "self": f"{BASE}/rest/agile/1.0/board/{team.board_id}",
                "name": team.name, "type": "scrum" if team.is_scrum else "kanban", "location": location,
            },
        )  # fmt: skip


def _configurations(flavour: Flavour, site: Site) -> Iterator[tuple[str, str, Any]]:
    api = f"{BASE}/rest/api/{flavour.api}"
    for team in site.teams:
        done = [s for s in site.statuses if s.category in (Category.DONE, Category.REMOVED)]
        groups = [(s.name, [s]) for s in site.statuses if s not in done and not s.deleted_at] + [("Done", done)]
        columns = [
            {"name": name, "statuses": [{"id": str(s.status_id), "self": f"{api}/status/{s.status_id}"} for s in held]}
            for name, held in groups
        ]
        key = next(p.key for p in site.projects if p.project_id == team.project_id)
        document: dict[str, Any] = {
            "id": team.board_id, "name": team.name, "type": "scrum" if team.is_scrum else "kanban",
            "self": f"{BASE}/rest/agile/1.0/board/{team.board_id}/configuration",
            "location": {"type": "project", "projectKeyOrId": key},
            "filter": {"id": _filter_id(team), "self": f"{api}/filter/{_filter_id(team)}"},
            "columnConfig": {"columns": columns, "constraintType": "none" if team.is_scrum else "issueCount"},
            "ranking": {"rankCustomFieldId": int(flavour.rank.rpartition("_")[2])},
        }  # fmt: skip
        if team.is_scrum:
            points = {"fieldId": flavour.points, "displayName": "Story Points"}
            document["estimation"] = {"type": "field", "field": points}
        yield str(team.board_id), "", document


def _sprints(flavour: Flavour, site: Site, clock: Clock) -> Iterator[tuple[str, str, Any]]:
    boards = {team.team_id: team.board_id for team in site.teams}
    for sprint in sorted(site.sprints, key=lambda one: one.sprint_id):
        board_id = boards[sprint.team_id]
        document: dict[str, Any] = {
            "id": sprint.sprint_id, "self": f"{BASE}/rest/agile/1.0/sprint/{sprint.sprint_id}",
            "state": sprint_state(sprint), "name": sprint.name,
            **{name: date for name, date in sprint_dates(flavour, sprint, clock).items() if date},
            "originBoardId": board_id, "goal": sprint.goal,
        }  # fmt: skip
        if not flavour.is_cloud:
            document |= {"synced": False, "autoStartStop": False}
        yield str(sprint.sprint_id), str(board_id), document
