"""The vocabulary of a simulated Azure DevOps organisation: ids, identities, paths, states, fields."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.model import Category, Person, Project, Site, Sprint, Status, Team
from sandbox.render.common import raw
from sandbox.store import BASE

ORGANISATION = "pmo"
ROOT = f"{BASE}/{ORGANISATION}"
_NAMESPACE = uuid.UUID("9d2b6f5e-3f0c-4b51-8a55-0f6c1c6a7d10")
CATEGORIES = {
    Category.TODO: "Proposed",
    Category.IN_PROGRESS: "InProgress",
    Category.RESOLVED: "Resolved",
    Category.DONE: "Completed",
    Category.REMOVED: "Removed",
}
COMMON, SCHEDULING = "Microsoft.VSTS.Common", "Microsoft.VSTS.Scheduling"


@dataclass(frozen=True)
class Process:
    """What differs between the vendor's processes. `board_types`: what stands on a team's board, bugs included."""

    types: Mapping[str, str]  # name → the last part of the reference name
    board_types: tuple[str, ...]
    points_field: str
    has_resolved_reason: bool
    reasons: Mapping[Category, str]


_TYPES = {"Epic": "Epic", "Feature": "Feature", "Bug": "Bug", "Task": "Task"}
AGILE = Process(
    _TYPES | {"User Story": "UserStory"}, ("User Story", "Bug"), f"{SCHEDULING}.StoryPoints", has_resolved_reason=True,
    reasons={
        Category.TODO: "New", Category.IN_PROGRESS: "Implementation started",
        Category.RESOLVED: "Code complete and unit tests pass", Category.DONE: "Acceptance tests pass",
        Category.REMOVED: "Removed from the backlog",
    },
)  # fmt: skip
SCRUM = Process(
    _TYPES | {"Product Backlog Item": "ProductBacklogItem"}, ("Product Backlog Item", "Bug"), f"{SCHEDULING}.Effort",
    has_resolved_reason=False,
    reasons={
        Category.TODO: "New backlog item", Category.IN_PROGRESS: "Commitment made by the team",
        Category.DONE: "Work finished", Category.REMOVED: "Removed from the backlog",
    },
)  # fmt: skip
PROCESSES = {"agile": AGILE, "scrum": SCRUM}
BLOCKED_FIELD, BLOCKED_TAG = "Microsoft.VSTS.CMMI.Blocked", "Blocked"
FIELDS = (
    ("System.Id", "ID", "integer"), ("System.Rev", "Rev", "integer"), ("System.AreaId", "Area ID", "integer"),
    ("System.AreaPath", "Area Path", "treePath"), ("System.TeamProject", "Team Project", "string"),
    ("System.NodeName", "Node Name", "string"), ("System.IterationId", "Iteration ID", "integer"),
    ("System.IterationPath", "Iteration Path", "treePath"), ("System.WorkItemType", "Work Item Type", "string"),
    ("System.State", "State", "string"), ("System.Reason", "Reason", "string"), ("System.Title", "Title", "string"),
    ("System.AssignedTo", "Assigned To", "string"), ("System.CreatedDate", "Created Date", "dateTime"),
    ("System.CreatedBy", "Created By", "string"), ("System.ChangedDate", "Changed Date", "dateTime"),
    ("System.ChangedBy", "Changed By", "string"), ("System.AuthorizedDate", "Authorized Date", "dateTime"),
    ("System.RevisedDate", "Revised Date", "dateTime"), ("System.BoardColumn", "Board Column", "string"),
    ("System.BoardColumnDone", "Board Column Done", "boolean"), ("System.Tags", "Tags", "plainText"),
    ("System.Parent", "Parent", "integer"), ("System.IsDeleted", "Is Deleted", "boolean"),
    ("System.CommentCount", "Comment Count", "integer"), ("System.Description", "Description", "html"),
    (f"{COMMON}.Priority", "Priority", "integer"), (f"{COMMON}.StackRank", "Stack Rank", "double"),
    (f"{COMMON}.StateChangeDate", "State Change Date", "dateTime"),
    (f"{COMMON}.ActivatedDate", "Activated Date", "dateTime"), (f"{COMMON}.ResolvedDate", "Resolved Date", "dateTime"),
    (f"{COMMON}.ClosedDate", "Closed Date", "dateTime"), (f"{COMMON}.ResolvedReason", "Resolved Reason", "string"),
    (f"{SCHEDULING}.StoryPoints", "Story Points", "double"), (f"{SCHEDULING}.Effort", "Effort", "double"),
    (f"{SCHEDULING}.CompletedWork", "Completed Work", "double"),
    (f"{SCHEDULING}.OriginalEstimate", "Original Estimate", "double"),
    (f"{SCHEDULING}.RemainingWork", "Remaining Work", "double"), (BLOCKED_FIELD, "Blocked", "string"),
)  # fmt: skip
IDENTITY_FIELDS = {"System.AssignedTo", "System.CreatedBy", "System.ChangedBy"}


def guid(kind: str, number: int) -> str:
    """The GUID of a thing of ours; kinds: project, team, person, iteration, area, board, column …"""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{number}"))


def identity(person: Person) -> dict[str, Any]:
    name = guid("person", person.person_id)
    if person.removed_at is not None:  # the account is gone: the name is left
        return {"displayName": person.name, "uniqueName": person.email, "inactive": True, "isDeletedInOrigin": True}
    is_active = person.is_active and person.deactivated_at is None
    return {
        "displayName": person.name,
        "url": f"{ROOT}/_apis/Identities/{name}",
        "id": name,
        "uniqueName": person.email,
        "descriptor": f"aad.{name}",
        **({} if is_active else {"inactive": True}),
    }


# Numbers of classification nodes; each kind has a range of its own.
def area_root(project: Project) -> int:
    return 1_000_000 + project.project_id


def area_of(team_id: int) -> int:
    return 2_000_000 + team_id


def iteration_root(project_id: int) -> int:
    return 3_000_000 + project_id


def iteration_folder(team_id: int) -> int:
    return 4_000_000 + team_id


def iteration_of(sprint_id: int) -> int:
    return 5_000_000 + sprint_id


def uses_blocked_field(project: Project) -> bool:
    """Some projects have the CMMI field for blocked items, the others use a tag."""
    return project.process == "agile" and project.project_id % 2 == 0


def states_of(statuses: Iterable[Status], project: Project, item_type: str | None = None) -> list[Status]:
    """The states that a project's process has today: of one type, or of any."""
    return [
        status
        for status in statuses
        if status.process in ("", project.process)
        and status.deleted_at is None
        and (item_type is None or not status.work_item_types or item_type in status.work_item_types)
    ]


class Words:
    """A site's names and fragments, made once."""

    def __init__(self, site: Site) -> None:
        self.people = {p.person_id: raw(identity(p)) for p in site.people}
        self.mails = {p.person_id: p.email for p in site.people}
        self.statuses = {s.status_id: s for s in site.statuses}
        self.projects = {p.project_id: p for p in site.projects}
        self.teams = {t.team_id: t for t in site.teams}
        self.sprints = {s.sprint_id: s for s in site.sprints}

    def area(self, team_id: int | None, project: Project) -> tuple[int, str]:
        """(node number, path) of a team's area; without a team the project's."""
        if team_id is None:
            return area_root(project), project.name
        team = self.teams[team_id]
        return area_of(team_id), f"{self.projects[team.project_id].name}\\{team.name}"

    def iteration(self, sprint_id: int | None, project: Project) -> tuple[int, str]:
        """(node number, path) of a sprint's iteration; without a sprint the project's root."""
        if sprint_id is None:
            return iteration_root(project.project_id), project.name
        sprint = self.sprints[sprint_id]
        return iteration_of(sprint_id), self.iteration_path(sprint)

    def iteration_path(self, sprint: Sprint) -> str:
        team = self.team_of(sprint)
        return f"{self.projects[team.project_id].name}\\{team.name}\\{sprint.name}"

    def process_of(self, project: Project) -> Process:
        return PROCESSES[project.process]

    def team_of(self, sprint: Sprint) -> Team:
        return self.teams[sprint.team_id]

    def paths(self) -> dict[str, str]:
        """Names that revisions show as they are today, by what they name: sprint/<id>, or anything else."""
        names = {f"sprint/{sprint.sprint_id}": self.iteration_path(sprint) for sprint in self.sprints.values()}
        names |= {f"team/{team.team_id}": team.name for team in self.teams.values()}
        names |= {f"person/{number}": bytes(document).decode() for number, document in self.people.items()}
        return names | {f"status/{status.status_id}": status.name for status in self.statuses.values()}
