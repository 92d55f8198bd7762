"""What Jira's sprint report and velocity chart say of a sprint.

Written as Jira computes them, from issues and their histories, by rules of Jira's own that differ from
the product's on purpose, because real ones do:

- done is a status of the board's last column, whatever the resolution says;
- the report shows the issues that the board's filter holds today, and none that is deleted;
- sub-tasks are no part of it;
- changes of the very instant of start and close count as before it;
- an issue that is done at the close was completed in the sprint if it last entered the last column after the start
  while it was in the sprint, else outside of it;
- the commitment of the velocity chart is what was in the sprint at its start and not done then, by the estimates of
  that instant; what was completed is counted by the estimates at the close.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from sandbox.render.common import milliseconds
from sandbox.servers.jira_site import HEAD, dated_lines

FOREVER = 10**15


class Item(msgspec.Struct):
    field: str
    old: str | None = msgspec.field(default=None, name="from")
    old_text: str | None = msgspec.field(default=None, name="fromString")
    new: str | None = msgspec.field(default=None, name="to")
    new_text: str | None = msgspec.field(default=None, name="toString")


class History(msgspec.Struct):
    items: list[Item] = []


class State(msgspec.Struct, frozen=True):
    """What the report needs of an issue from an instant (epoch milliseconds) on."""

    since: int
    sprints: frozenset[int]
    status: int
    points: float | None


class Life(msgspec.Struct):
    """An issue's states, the first at its creation."""

    number: int
    key: str
    type_name: str
    states: list[State]

    def at(self, instant: int) -> State | None:
        """The state after the changes of this very instant; None before the creation."""
        found = [state for state in self.states if state.since <= instant]
        return found[-1] if found else None


class Listed(msgspec.Struct, frozen=True):
    """An issue of a report: in which list it stands, and its estimates at start (or adding) and close (or removal)."""

    name: str
    life: Life
    at_start: float | None
    at_close: float | None
    is_added: bool


_history = msgspec.json.Decoder(History)


def states_of(created: int, last: State, histories: bytes) -> Iterator[State]:
    """From the state at the creation (what the first changes lead away from) to today's."""
    changes = [
        (int(line[: HEAD - 1]), item)
        for line in dated_lines(histories)
        for item in _history.decode(line[HEAD:]).items
        if item.field in ("Sprint", "status", "Story Points")
    ]
    first = {item.field: item for _, item in reversed(changes)}
    sprints = _sprints(first["Sprint"].old) if "Sprint" in first else last.sprints
    status = int(first["status"].old or 0) if "status" in first else last.status
    points = _points(first["Story Points"].old_text) if "Story Points" in first else last.points
    yield State(created, sprints, status, points)
    for instant, item in changes:
        if item.field == "Sprint":
            sprints = _sprints(item.new)
        elif item.field == "status":
            status = int(item.new or 0)
        else:
            points = _points(item.new_text)
        yield State(max(instant, created), sprints, status, points)


def _sprints(ids: str | None) -> frozenset[int]:
    return frozenset(int(part) for part in (ids or "").split(",") if part.strip())


def _points(text: str | None) -> float | None:
    return float(text) if text else None


class SprintReport:
    """One sprint's report."""

    def __init__(self, sprint: dict[str, Any], board: dict[str, Any], lives: Iterable[Life], points_field: str) -> None:
        self._sprint = sprint
        self._points_field = points_field
        self._done = {int(status["id"]) for status in board["columnConfig"]["columns"][-1]["statuses"]}
        self._start = instant_of(sprint.get("activatedDate") or sprint.get("startDate"))
        self._close = instant_of(sprint.get("completeDate")) or FOREVER
        judged = [self._judge(life, self._start) for life in lives] if self._start is not None else []
        self._issues = [issue for issue in judged if issue is not None]

    def _judge(self, life: Life, start: int) -> Listed | None:
        """Where an issue stands; None if it was never in the sprint between start and close."""
        number = int(self._sprint["id"])
        at_start, last = life.at(start), life.at(self._close)
        during = [state for state in life.states if start < state.since <= self._close]
        was_in = at_start is not None and number in at_start.sprints
        seen = [state for state in ([at_start] if at_start else []) + during if number in state.sprints]
        if not seen or last is None:
            return None
        estimate = seen[0].points
        if number not in last.sprints:
            return Listed("puntedIssues", life, estimate, seen[-1].points, not was_in)
        if last.status not in self._done:
            name = "issuesNotCompletedInCurrentSprint"
        elif self._was_finished_in_it(life, number, start):
            name = "completedIssues"
        else:
            name = "issuesCompletedInAnotherSprint"
        return Listed(name, life, estimate, last.points, not was_in)

    def _was_finished_in_it(self, life: Life, number: int, start: int) -> bool:
        """Whether its last entry into the last column lies after the start, and the sprint held it before and after."""
        until_close = [state for state in life.states if state.since <= self._close]
        entries = [
            (before, state)
            for before, state in pairwise(until_close)
            if before.status not in self._done and state.status in self._done
        ]
        if not entries:
            return False
        before, entry = entries[-1]
        return entry.since > start and number in before.sprints and number in entry.sprints

    def document(self) -> dict[str, Any]:
        """As the page's request answers."""
        contents: dict[str, Any] = {
            "completedIssues": [],
            "issuesNotCompletedInCurrentSprint": [],
            "puntedIssues": [],
            "issuesCompletedInAnotherSprint": [],
        }
        for issue in self._issues:
            contents[issue.name].append(
                {
                    "id": issue.life.number,
                    "key": issue.life.key,
                    "hidden": False,
                    "typeName": issue.life.type_name,
                    "done": issue.name.startswith("completed"),
                    "estimateStatistic": self._statistic(issue.at_start),
                    "currentEstimateStatistic": self._statistic(issue.at_close),
                }
            )
        contents["issueKeysAddedDuringSprint"] = {issue.life.key: True for issue in self._issues if issue.is_added}
        return {"contents": contents, "sprint": sprint_document(self._sprint), "supportsPages": True}

    def velocity(self) -> dict[str, Any]:
        """The sprint's entry of the velocity chart."""
        estimated = completed = 0.0
        for issue in self._issues:
            began = issue.life.at(self._start or 0)
            if not issue.is_added and began is not None and began.status not in self._done:
                estimated += issue.at_start or 0
            if issue.name == "completedIssues":
                completed += issue.at_close or 0
        return {"estimated": _number(estimated), "completed": _number(completed)}

    def _statistic(self, points: float | None) -> dict[str, Any]:
        return {"statFieldId": self._points_field, "statFieldValue": {} if points is None else {"value": points}}


def sprint_document(sprint: dict[str, Any]) -> dict[str, Any]:
    return {"id": sprint["id"], "sequence": sprint["id"], "name": sprint["name"], "state": sprint["state"].upper()}


def _number(value: float) -> dict[str, Any]:
    return {"value": value, "text": str(value)}


def instant_of(text: str | None) -> int | None:
    return milliseconds(datetime.fromisoformat(text)) if text else None
