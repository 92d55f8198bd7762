"""The workflows, resolutions, types and priorities of the three tools, by the role that each name plays."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sandbox.model import Category, Status, Tool

# Resolutions that mean: closed, but not delivered. Jira names them so; Azure DevOps has them as resolved reasons.
DROPPED = ("Won't Do", "Duplicate", "Cannot Reproduce")

STAGES = {
    "new": "todo",
    "ready": "todo",
    "doing": "in_progress",
    "waiting": "in_progress",  # a status of category in progress, whatever its name says
    "review": "in_progress",
    "done": "done",
    "removed": "cancelled",
}


class Workflow(msgspec.Struct, frozen=True):
    """A tool's own words. `statuses` gives the status id of a role; roles that the tool lacks share one."""

    statuses: dict[str, int]
    types: dict[str, str]
    priorities: tuple[str, ...]
    resolved: str | None  # resolution that comes with done
    reviewed: str | None  # resolution that comes with review (Azure DevOps: Resolved)

    def stage(self, role: str, resolution: str | None) -> str:
        if role == "done" and resolution in DROPPED:
            return "cancelled"
        return STAGES[role]


_JIRA = Workflow(
    statuses={"new": 10000, "ready": 10001, "doing": 3, "review": 10002, "waiting": 10003, "done": 10004},
    types={"epic": "Epic", "story": "Story", "bug": "Bug", "task": "Task", "subtask": "Sub-task"},
    priorities=("Highest", "High", "Medium", "Low"),
    resolved="Done",
    reviewed=None,
)
_AZURE = Workflow(
    statuses={"new": 1, "ready": 1, "doing": 2, "waiting": 2, "review": 3, "done": 4, "removed": 5},
    types={"epic": "Epic", "story": "User Story", "bug": "Bug", "task": "User Story", "subtask": "Task"},
    priorities=("1", "2", "3", "4"),
    resolved=None,
    reviewed="Fixed",
)
WORKFLOWS = {Tool.JIRA_CLOUD: _JIRA, Tool.JIRA_DC: _JIRA, Tool.AZURE_DEVOPS: _AZURE}


def statuses_of(tool: Tool, renamed_at: datetime, renamed_next_at: datetime, now: datetime) -> list[Status]:
    """The site's statuses as they are called now. Jira sites rename two of theirs in the course of time."""
    if tool is Tool.AZURE_DEVOPS:
        return [
            Status(1, "New", Category.TODO),
            Status(2, "Active", Category.IN_PROGRESS),
            Status(3, "Resolved", Category.RESOLVED),
            Status(4, "Closed", Category.DONE),
            Status(5, "Removed", Category.REMOVED),
        ]
    return [
        Status(10000, "To Do", Category.TODO),
        Status(10001, "Selected for Development", Category.TODO),
        Status(3, "In Progress", Category.IN_PROGRESS),
        _renamed(Status(10002, "In Review", Category.IN_PROGRESS), "Code Review", renamed_at, now),
        _renamed(Status(10003, "Waiting", Category.IN_PROGRESS), "On Hold", renamed_next_at, now),
        Status(10004, "Done", Category.DONE),
    ]


def _renamed(status: Status, former: str, at: datetime, now: datetime) -> Status:
    if at > now:
        return Status(status.status_id, former, status.category)
    status.former_names = [(at, former)]
    return status
