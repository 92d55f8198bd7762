"""The vocabulary of a simulated Jira site: ids of types, priorities, resolutions and fields, by flavour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.model import Category, Person, Project, Site, Sprint, Status, Tool
from sandbox.render.common import Clock, named_id, raw, zulu
from sandbox.store import BASE

TYPES = {"Epic": 10000, "Story": 10001, "Task": 10002, "Sub-task": 10003, "Bug": 10004, "Spike": 10005}
PRIORITIES = {"Highest": 1, "High": 2, "Medium": 3, "Low": 4, "Lowest": 5}
RESOLUTIONS = {"Done": 10000, "Won't Do": 10001, "Duplicate": 10002, "Cannot Reproduce": 10003, "Declined": 10004}
CATEGORIES = {
    Category.TODO: (2, "new", "blue-gray", "To Do"),
    Category.IN_PROGRESS: (4, "indeterminate", "yellow", "In Progress"),
    Category.DONE: (3, "done", "green", "Done"),
    Category.REMOVED: (3, "done", "green", "Done"),
}
IMPEDIMENT = "10019"
"""Option id of the Flagged field's only value."""


@dataclass(frozen=True)
class Flavour:
    """How one kind of Jira names things."""

    tool: Tool
    api: str  # version in addresses of the platform API
    sprint: str
    points: str
    flagged: str
    epic_link: str
    rank: str
    rating: str  # of service requests

    @property
    def is_cloud(self) -> bool:
        return self.tool is Tool.JIRA_CLOUD


CLOUD = Flavour(
    Tool.JIRA_CLOUD, "3", "customfield_10020", "customfield_10016", "customfield_10021", "customfield_10014",
    "customfield_10019", "customfield_10030",
)  # fmt: skip
DATA_CENTER = Flavour(
    Tool.JIRA_DC, "2", "customfield_10104", "customfield_10106", "customfield_10109", "customfield_10100",
    "customfield_10105", "customfield_10130",
)  # fmt: skip


def flavour_of(tool: Tool) -> Flavour:
    return CLOUD if tool is Tool.JIRA_CLOUD else DATA_CENTER


def user_id(flavour: Flavour, person_id: int) -> str:
    """What identifies a person in documents: the account id on Cloud, the user key on Data Center."""
    return f"5b10ac8d82e05b22cc{person_id:06x}" if flavour.is_cloud else f"JIRAUSER{10000 + person_id}"


def user(flavour: Flavour, person: Person) -> dict[str, Any]:
    """A person as documents show them; of one whose account is gone little is left."""
    name = user_id(flavour, person.person_id)
    if person.removed_at is not None:
        return _former_user(flavour, name)
    common = {"displayName": person.name, "active": person.is_active, "timeZone": person.time_zone}
    if flavour.is_cloud:
        address = f"{BASE}/rest/api/3/user?accountId={name}"
        shown = {} if person.person_id % 3 == 0 else {"emailAddress": person.email}  # people may hide it
        return {"self": address, "accountId": name, "accountType": "atlassian", **shown, **common}
    login = person.email.split("@")[0]
    address = f"{BASE}/rest/api/2/user?username={login}"
    return {"self": address, "name": login, "key": name, "emailAddress": person.email, **common}


def _former_user(flavour: Flavour, name: str) -> dict[str, Any]:
    if flavour.is_cloud:
        address = f"{BASE}/rest/api/3/user?accountId={name}"
        return {
            "self": address, "accountId": name, "accountType": "atlassian", "displayName": "Former user",
            "active": False,
        }  # fmt: skip
    address = f"{BASE}/rest/api/2/user?username={name}"
    return {"self": address, "name": name, "key": name, "displayName": name, "active": False}


def status(flavour: Flavour, item: Status) -> dict[str, Any]:
    number, key, color, name = CATEGORIES[item.category]
    root = f"{BASE}/rest/api/{flavour.api}"
    return {
        "self": f"{root}/status/{item.status_id}",
        "description": "",
        "iconUrl": f"{BASE}/images/icons/statuses/generic.png",
        "name": item.name,
        "id": str(item.status_id),
        "statusCategory": {
            "self": f"{root}/statuscategory/{number}", "id": number, "key": key, "colorName": color, "name": name,
        },
    }  # fmt: skip


def issue_type(flavour: Flavour, name: str, *, is_subtask: bool) -> dict[str, Any]:
    number = named_id(TYPES, name)
    level = -1 if is_subtask else 1 if name == "Epic" else 0
    document: dict[str, Any] = {
        "self": f"{BASE}/rest/api/{flavour.api}/issuetype/{number}",
        "id": str(number), "description": "", "iconUrl": f"{BASE}/images/icons/issuetypes/{number}.svg",
        "name": name, "subtask": is_subtask,
    }  # fmt: skip
    return document | {"hierarchyLevel": level} if flavour.is_cloud else document


def named(flavour: Flavour, kind: str, known: dict[str, int], name: str) -> dict[str, Any]:
    """A priority or a resolution."""
    number = named_id(known, name)
    return {"self": f"{BASE}/rest/api/{flavour.api}/{kind}/{number}", "id": str(number), "name": name}


def project(flavour: Flavour, item: Project) -> dict[str, Any]:
    document: dict[str, Any] = {
        "self": f"{BASE}/rest/api/{flavour.api}/project/{item.project_id}",
        "id": str(item.project_id), "key": item.key, "name": item.name, "projectTypeKey": item.kind,
    }  # fmt: skip
    return document | {"simplified": False} if flavour.is_cloud else document


def sprint_state(item: Sprint) -> str:
    return "closed" if item.closed_at else "active" if item.started_at else "future"


def sprint_dates(flavour: Flavour, item: Sprint, clock: Clock) -> dict[str, str | None]:
    """Cloud's `startDate` of a started sprint is its start (it has no activatedDate); Data Center's is the plan's."""
    if flavour.is_cloud:
        return {
            "startDate": zulu(item.started_at or item.planned_start_at),
            "endDate": zulu(item.planned_end_at),
            "completeDate": zulu(item.closed_at) if item.closed_at else None,
        }
    return {
        "startDate": clock.with_colon(item.planned_start_at),
        "endDate": clock.with_colon(item.planned_end_at),
        "completeDate": clock.with_colon(item.closed_at) if item.closed_at else None,
        "activatedDate": clock.with_colon(item.started_at) if item.started_at else None,
    }


def sprint_value(flavour: Flavour, item: Sprint, board_id: int, clock: Clock) -> Any:
    """A sprint as an issue's Sprint field shows it: an object on Cloud, the old text form on Data Center."""
    dates = sprint_dates(flavour, item, clock)
    if flavour.is_cloud:
        known = {name: date for name, date in dates.items() if date}
        state = sprint_state(item)
        return {
            "id": item.sprint_id, "name": item.name, "state": state, "boardId": board_id, "goal": item.goal, **known,
        }  # fmt: skip
    parts = {
        "id": item.sprint_id, "rapidViewId": board_id, "state": sprint_state(item).upper(), "name": item.name, **dates,
        "sequence": item.sprint_id, "goal": item.goal, "autoStartStop": "false", "synced": "false",
    }  # fmt: skip
    text = ",".join(f"{name}={'<null>' if value in (None, '') else value}" for name, value in parts.items())
    return f"com.atlassian.greenhopper.service.sprint.Sprint@{item.sprint_id:08x}[{text}]"


class Words:
    """A site's vocabulary as serialised fragments, made once and put into every document."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.flavour = flavour = flavour_of(site.tool)
        self.clock = clock
        self.users = {p.person_id: raw(user(flavour, p)) for p in site.people}
        self.people = {p.person_id: p for p in site.people}
        self.statuses = {s.status_id: s for s in site.statuses}
        self.status_docs = {s.status_id: raw(status(flavour, s)) for s in site.statuses}
        self.projects = {p.project_id: p for p in site.projects}
        self.project_docs = {p.project_id: raw(project(flavour, p)) for p in site.projects}
        boards = {t.team_id: t.board_id for t in site.teams}
        self.sprints = {s.sprint_id: s for s in site.sprints}
        self.sprint_docs = {s.sprint_id: raw(sprint_value(flavour, s, boards[s.team_id], clock)) for s in site.sprints}
        self.releases = {r.release_id: r for r in site.releases}
        self._named: dict[tuple[str, str, bool], msgspec.Raw] = {}

    def type_doc(self, name: str, *, is_subtask: bool) -> msgspec.Raw:
        return self._cached("issuetype", name, is_subtask)

    def priority_doc(self, name: str) -> msgspec.Raw:
        return self._cached("priority", name)

    def resolution_doc(self, name: str) -> msgspec.Raw:
        return self._cached("resolution", name)

    def _cached(self, kind: str, name: str, is_subtask: bool = False) -> msgspec.Raw:
        slot = (kind, name, is_subtask)
        if slot not in self._named:
            known = PRIORITIES if kind == "priority" else RESOLUTIONS
            self._named[slot] = raw(
                issue_type(self.flavour, name, is_subtask=is_subtask)
                if kind == "issuetype"
                else named(self.flavour, kind, known, name)
            )
        return self._named[slot]
