"""A Jira site on which, beside issues, links, sprints and the boards' filters live: what `jira_life` lacks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.model import Tool
from sandbox.render.jira_words import flavour_of
from sandbox.store import BASE, Store
from tests.extractors.jira_life import Issue, Life, history_item

Json = dict[str, Any]
SCRUM, KANBAN, MOVING = 1, 2, 3  # boards; the last one's filter holds other issues without any of them changing
FILTERS = {
    SCRUM: ["project = RED", "project in (RED, BLUE) AND status != 3", "project = BLUE"],
    KANBAN: ["status = 2", "status in (1, 2)", "project = BLUE AND status = 2"],
    MOVING: ["sprint in openSprints()", "updated >= -3h", "filter = 10002"],
}


@dataclass
class Sprint:
    """Of the scrum board. `state` as in Jira's agile API."""

    number: int
    name: str
    state: str = "future"


class SiteLife(Life):
    """`unseen`: issues that came or went since the last census in a way that no search tells."""

    def __init__(self, store: Store, tool: Tool, zone: str, now: datetime, dice: random.Random) -> None:
        self.links: dict[int, tuple[int, int]] = {}  # id → the issues that it goes from and to
        self.sprints: dict[int, Sprint] = {}
        self.filters = {board: jqls[0] for board, jqls in FILTERS.items()}
        self.unseen: set[int] = set()
        self._last_link, self._last_sprint = 30_000, 500
        super().__init__(store, tool, zone, now, dice)

    # -- what happens ------------------------------------------------------------------------------

    def link(self, issue: Issue) -> None:
        """From an issue to another; a history tells it on both."""
        other = self.dice.choice([one for one in self.issues.values() if one is not issue])
        self._last_link += 1
        self.links[self._last_link] = (issue.number, other.number)
        self._tell_both("Link", issue, other)

    def unlink(self, issue: Issue) -> None:
        """Any link of the issue goes."""
        for number, ends in self.links.items():
            if issue.number in ends and self._shown(ends):
                del self.links[number]
                self._tell_both("Link", *(self.issues[end] for end in ends))
                return

    def _tell_both(self, what: str, *issues: Issue) -> None:
        for issue in issues:
            self._note(issue, [history_item(what, "", "")])
            self._touch(issue)

    def plan(self, issue: Issue) -> None:
        """Into a sprint, or out of all."""
        before = issue.sprints
        issue.sprints = [self.dice.choice(list(self.sprints))] if self.sprints and self.dice.random() < 0.8 else []
        ends = (", ".join(map(str, one)) for one in (before, issue.sprints))
        self._note(issue, [history_item("Sprint", *ends, field_id=flavour_of(self.tool).sprint)])
        self._touch(issue)

    def organise(self, _: Issue) -> None:
        """A sprint comes, starts, ends, is renamed or, if nothing is in it, deleted. No issue tells of that."""
        sprint = self.dice.choice([None, *self.sprints.values()])
        if sprint is None:
            self.begin_sprint()
        elif self.dice.random() < 0.2:
            sprint.name += " again"
        elif sprint.state == "future" and not any(sprint.number in one.sprints for one in self._all()):
            del self.sprints[sprint.number]
        else:
            sprint.state = {"future": "active", "active": "closed"}.get(sprint.state, "closed")
        self.put_boards()

    def begin_sprint(self) -> None:
        self._last_sprint += 1
        self.sprints[self._last_sprint] = Sprint(self._last_sprint, f"Sprint {self._last_sprint}")
        self.put_boards()

    def refilter(self, _: Issue) -> None:
        """Somebody edits the filter of a board."""
        board = self.dice.choice(list(FILTERS))
        self.filters[board] = self.dice.choice(FILTERS[board])
        self.put_boards()

    def delete(self, issue: Issue) -> None:
        """Its links go with it, and the issues at their other ends do not say so."""
        self._vanish(issue)
        self.links = {number: ends for number, ends in self.links.items() if issue.number not in ends}
        self._show_neighbours(issue)

    def hide(self, issue: Issue) -> None:
        """A link to what one may not see is not shown either."""
        self.hidden[issue.number] = issue
        self._vanish(issue)
        self._show_neighbours(issue)

    def _vanish(self, issue: Issue) -> None:
        self.unseen.add(issue.number)
        self._forget(issue)

    def show(self) -> None:
        before = set(self.hidden)
        super().show()
        (back,) = before - set(self.hidden)
        self.unseen.add(back)
        self._show_neighbours(self.issues[back])

    def _show_neighbours(self, issue: Issue) -> None:
        """All others anew, as they are now; `updated` stays."""
        for other in self.issues.values():
            if other is not issue:
                self._write(other)

    def _all(self) -> list[Issue]:
        return [*self.issues.values(), *self.hidden.values()]

    # -- what the site shows -----------------------------------------------------------------------

    def shown_links(self) -> dict[str, tuple[str, str]]:
        return {str(n): (str(ends[0]), str(ends[1])) for n, ends in self.links.items() if self._shown(ends)}

    def shown_worklogs(self) -> dict[str, tuple[str, int]]:
        logs = [(log, issue) for issue in self.issues.values() for log in issue.worklogs]
        return {str(log.worklog_id): (str(issue.number), round(log.hours * 3600)) for log, issue in logs}

    def shown_sprints(self) -> dict[str, tuple[str, str]]:
        return {str(one.number): (one.name, one.state) for one in self.sprints.values()}

    def _shown(self, ends: tuple[int, int]) -> bool:
        return all(end in self.issues for end in ends)

    def _more(self, issue: Issue) -> Json:
        links = [self._link(n, ends, issue) for n, ends in sorted(self.links.items()) if issue.number in ends]
        sprints = [self._sprint(self.sprints[number]) for number in issue.sprints]
        return {"issuelinks": [link for link in links if link], flavour_of(self.tool).sprint: sprints or None}

    def _link(self, number: int, ends: tuple[int, int], issue: Issue) -> Json | None:
        if not self._shown(ends):
            return None
        is_outward = ends[0] == issue.number
        other = self.issues[ends[1] if is_outward else ends[0]]
        kind = {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
        shown = {"id": str(other.number), "key": other.key}
        return {"id": str(number), "type": kind, "outwardIssue" if is_outward else "inwardIssue": shown}

    def _sprint(self, sprint: Sprint) -> Json | str:
        if self.tool is Tool.JIRA_CLOUD:
            return {"id": sprint.number, "name": sprint.name, "state": sprint.state, "boardId": SCRUM, "goal": ""}
        return (
            f"com.atlassian.greenhopper.service.sprint.Sprint@{sprint.number:x}[id={sprint.number},rapidViewId={SCRUM},"
            f"state={sprint.state.upper()},name={sprint.name},startDate=<null>,endDate=<null>,completeDate=<null>,"
            f"activatedDate=<null>,sequence={sprint.number},goal=]"
        )

    def _put_site(self) -> None:
        super()._put_site()
        number = flavour_of(self.tool).sprint
        schema = {"type": "array", "items": "json", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}
        known = [{"id": one, "name": one, "schema": {"type": "string"}} for one in ("summary", "status", "issuelinks")]
        fields = [*known, {"id": number, "name": "Sprint", "schema": schema}]
        self.store.put_resources("field", [(str(one["id"]), "", one) for one in fields])
        self.put_boards()

    def put_boards(self) -> None:
        put, agile = self.store.put_resources, f"{BASE}/rest/agile/1.0"
        kinds = {board: "kanban" if board == KANBAN else "scrum" for board in FILTERS}
        put("filter", [(str(10_000 + b), "", {"id": str(10_000 + b), "name": f"f{b}", "jql": jql})
                       for b, jql in self.filters.items()])  # fmt: skip
        put("board", [(str(b), "", {"id": b, "name": f"Board {b}", "type": kind}) for b, kind in kinds.items()])
        put("configuration", [(str(b), "", {"id": b, "name": f"Board {b}", "type": kind,
                                            "filter": {"id": str(10_000 + b)}, "columnConfig": {"columns": []}})
                              for b, kind in kinds.items()])  # fmt: skip
        put("sprint", [(str(s.number), str(SCRUM), {"id": s.number, "name": s.name, "state": s.state,
                        "originBoardId": SCRUM, "goal": "", "self": f"{agile}/sprint/{s.number}"})
                       for s in self.sprints.values()])  # fmt: skip
