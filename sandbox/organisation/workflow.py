"""The workflows, resolutions, types and priorities of the three tools, by the role that each name plays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from sandbox.model import Category, Project, Status, Tool

# Resolutions that mean: closed, but not delivered. Jira names them so; Azure DevOps has them as resolved reasons.
DROPPED = ("Won't Do", "Duplicate", "Cannot Reproduce")

STATUS_DROPPED = 10005
STATUS_DROPPED_AFTER = 3  # days after the first run: whoever read the site before has seen it

STAGES = {
    "new": "todo",
    "ready": "todo",
    "analysis": "in_progress",
    "doing": "in_progress",
    "waiting": "in_progress",  # a status of category in progress, whatever its name says
    "review": "in_progress",
    "done": "done",
    "removed": "cancelled",
}


class Workflow(msgspec.Struct, frozen=True):
    """A process' own words. `statuses` gives the status id of a role; roles that the process lacks share one."""

    statuses: dict[str, int]
    types: dict[str, str]
    priorities: tuple[str, ...]
    resolved: str | None  # resolution that comes with done
    reviewed: str | None  # resolution that comes with review (Azure DevOps: Resolved)
    drops_as_done: tuple[str, ...]  # kinds that are closed undelivered with a resolution; the others are removed
    of_kind: dict[str, dict[str, int]] = {}  # kinds with statuses of their own

    def status(self, role: str, kind: str) -> int:
        return self.of_kind.get(kind, self.statuses)[role]

    def stage(self, role: str, resolution: str | None) -> str:
        if role == "done" and resolution in DROPPED:
            return "cancelled"
        return STAGES[role]

    @property
    def has_resolutions(self) -> bool:
        return self.resolved is not None or self.reviewed is not None

    @property
    def has_ready(self) -> bool:
        """Whether items that are planned have a status of their own."""
        return self.statuses["ready"] != self.statuses["new"]


_KINDS = ("epic", "story", "bug", "task", "subtask")
_JIRA = Workflow(
    statuses={
        "new": 10000, "ready": 10001, "analysis": 10005, "doing": 3, "review": 10002, "waiting": 10003, "done": 10004,
    },
    types={"epic": "Epic", "story": "Story", "bug": "Bug", "task": "Task", "subtask": "Sub-task"},
    priorities=("Highest", "High", "Medium", "Low"),
    resolved="Done",
    reviewed=None,
    drops_as_done=_KINDS,
)  # fmt: skip
_AGILE = Workflow(
    statuses={"new": 1, "ready": 1, "doing": 2, "waiting": 2, "review": 3, "done": 4, "removed": 5},
    types={"epic": "Epic", "story": "User Story", "bug": "Bug", "task": "User Story", "subtask": "Task"},
    priorities=("1", "2", "3", "4"),
    resolved=None,
    reviewed="Fixed",
    drops_as_done=("bug",),
)
_TASK = {"new": 16, "ready": 16, "doing": 17, "waiting": 17, "review": 17, "done": 14, "removed": 15}
_SCRUM = Workflow(
    statuses={"new": 11, "ready": 12, "doing": 13, "waiting": 13, "review": 13, "done": 14, "removed": 15},
    types={
        "epic": "Epic", "story": "Product Backlog Item", "bug": "Bug", "task": "Product Backlog Item",
        "subtask": "Task",
    },
    priorities=("1", "2", "3", "4"),
    resolved=None,
    reviewed=None,
    drops_as_done=(),
    of_kind={"subtask": _TASK, "epic": {**_TASK, "new": 11, "ready": 11}},
)  # fmt: skip
AGILE, SCRUM = "agile", "scrum"


def workflow_of(project: Project) -> Workflow:
    """Jira's projects all have the same one here; those of Azure DevOps have that of their process."""
    if project.tool is not Tool.AZURE_DEVOPS:
        return _JIRA
    return _SCRUM if project.process == SCRUM else _AGILE


def statuses_of(tool: Tool, renamed_at: datetime, renamed_next_at: datetime, now: datetime) -> list[Status]:
    """The site's statuses as they are called now. Jira sites rename two of theirs in the course of time.

    Another one they take out of the workflow (`STATUS_DROPPED`); `Organisation.site` knows when.
    """
    if tool is Tool.AZURE_DEVOPS:
        return [*_azure_statuses()]
    return [
        Status(10000, "To Do", Category.TODO),
        Status(10001, "Selected for Development", Category.TODO),
        Status(STATUS_DROPPED, "Analysis", Category.IN_PROGRESS),
        Status(3, "In Progress", Category.IN_PROGRESS),
        _renamed(Status(10002, "In Review", Category.IN_PROGRESS), "Code Review", renamed_at, now),
        _renamed(Status(10003, "Waiting", Category.IN_PROGRESS), "On Hold", renamed_next_at, now),
        Status(10004, "Done", Category.DONE),
    ]


def _azure_statuses() -> Iterator[Status]:
    big, backlog = ["Epic", "Feature"], ["Product Backlog Item", "Bug"]
    stories = [*big, "User Story", "Bug"]
    for number, name, category, types in (
        (1, "New", Category.TODO, [*stories, "Task"]),
        (2, "Active", Category.IN_PROGRESS, [*stories, "Task"]),
        (3, "Resolved", Category.RESOLVED, stories),
        (4, "Closed", Category.DONE, [*stories, "Task"]),
        (5, "Removed", Category.REMOVED, [*big, "User Story", "Task"]),
    ):
        yield Status(number, name, category, process=AGILE, work_item_types=types)
    for number, name, category, types in (
        (11, "New", Category.TODO, [*big, *backlog]),
        (12, "Approved", Category.TODO, backlog),
        (13, "Committed", Category.IN_PROGRESS, backlog),
        (16, "To Do", Category.TODO, ["Task"]),
        (17, "In Progress", Category.IN_PROGRESS, [*big, "Task"]),
        (14, "Done", Category.DONE, [*big, *backlog, "Task"]),
        (15, "Removed", Category.REMOVED, [*big, *backlog, "Task"]),
    ):
        yield Status(number, name, category, process=SCRUM, work_item_types=types)


def _renamed(status: Status, former: str, at: datetime, now: datetime) -> Status:
    if at > now:
        return Status(status.status_id, former, status.category)
    status.former_names = [(at, former)]
    return status
