"""One cell at work: the clock, the dice, and the desk over which every action on an item goes.

An action is written twice, at the same moment and apart from each other: into the item's own
history, as the tool would keep it, and, told as a situation, to the scribe.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random

import msgspec

from sandbox.model import Answer, Change, ChangeSet, Item, Link, Tool
from sandbox.organisation import names
from sandbox.organisation.books import ItemBook
from sandbox.organisation.clock import DAY, WorkCalendar, local_ms, to_datetime, to_ms
from sandbox.organisation.plan import ACCOUNT_ZONES, CellPlan
from sandbox.organisation.scribe import Scribe, ScribeState, Situation
from sandbox.organisation.state import CellState, TeamState, Work
from sandbox.organisation.workflow import Workflow, workflow_of

NEVER = 1 << 60
EARLY, LATE = -(1 << 40), 1 << 40  # before, and after, everything else of one millisecond
Handler = Callable[["Cell", int, int, int], None]
_item_encoder = msgspec.msgpack.Encoder()


class Cell:
    def __init__(self, plan: CellPlan, state: CellState | None = None) -> None:
        self.plan = plan
        self.dice = Random(f"{plan.seed}/{plan.cell}")
        self.zone = ACCOUNT_ZONES[plan.tool]
        self.is_jira = plan.tool is not Tool.AZURE_DEVOPS
        self.state = state or _fresh(plan, self.dice)
        version, words, gauss = self.state.dice
        self.dice.setstate((version, tuple(words), gauss))
        self.scribe = Scribe(self.state.scribe)
        self.now = 0
        self._calendars: dict[int, WorkCalendar] = {}
        self._people = {person.person_id: person for person in plan.people}
        self._workflows = {project.project_id: workflow_of(project) for project in plan.projects}
        self._staff: dict[int, tuple[int, list[int]]] = {}
        self.answers: list[Answer] = []
        self.filed: list[tuple[int, str, bytes, ItemBook | None]] = []  # items nothing can happen to any more
        self.handlers: dict[str, Handler] = {}

    # Clock

    def schedule(self, at: int, what: str, whom: int = 0, argument: int = 0, order: int = 0) -> None:
        """Let something happen at an instant that has not passed. Raises ValueError if it has."""
        if at < self.now:
            raise ValueError(f"{what} of {whom} at {to_datetime(at)}: it is {to_datetime(self.now)} already")
        self.state.sequence += 1
        heapq.heappush(self.state.heap, (at, self.state.sequence + order, what, whom, argument))

    def run(self, until: int) -> None:
        """Live on until that instant, inclusive."""
        heap, handlers = self.state.heap, self.handlers
        while heap and heap[0][0] <= until:
            at, _, what, whom, argument = heapq.heappop(heap)
            self.now = at
            handlers[what](self, at, whom, argument)
        version, words, gauss = self.dice.getstate()
        self.state.dice = (version, list(words), gauss)

    def worktime(self, person_id: int, at: int, hours: float) -> int:
        """When that person has worked so many hours from `at` on."""
        calendar = self._calendars.get(person_id)
        if calendar is None:
            person = self._people[person_id]
            calendar = WorkCalendar(person_id, person.time_zone, person.starts_at_hour, self.plan.started_on - 10)
            self._calendars[person_id] = calendar
        return calendar.after(at, hours)

    def soonest(self, team_id: int, at: int, hours: float) -> int:
        """When the first of the team has worked so many hours: what must not wait for anybody's vacation."""
        return min(self.worktime(member, at, hours) for member in self.state.teams[team_id].team.members)

    def hours(self, median: float, spread: float = 0.7) -> float:
        """A lognormal duration."""
        return median * self.dice.lognormvariate(0.0, spread)

    # People and teams

    def team(self, team_id: int) -> TeamState:
        return self.state.teams[team_id]

    def owner(self, team_id: int) -> int:
        return self.state.teams[team_id].team.members[0]

    def member(self, team_id: int) -> int:
        """Somebody of the team who still works here, and is not the owner."""
        until, staff = self._staff.get(team_id, (0, []))
        if self.now >= until:
            until, staff = self._staff[team_id] = self._staff_now(team_id)
        return self.dice.choice(staff)

    def _staff_now(self, team_id: int) -> tuple[int, list[int]]:
        """Until when the team stays as it is, and who is in it."""
        leaving = {number: self._leaves_at(number) for number in self.state.teams[team_id].team.members[1:]}
        later = [at for at in leaving.values() if at > self.now]
        return min(later), [number for number, at in leaving.items() if at > self.now]

    def _leaves_at(self, person_id: int) -> int:
        left = self._people[person_id].deactivated_at
        return NEVER if left is None else to_ms(left)

    def is_here(self, person_id: int) -> bool:
        return self._leaves_at(person_id) > self.now

    # Items

    def work(self, item_id: int) -> Work | None:
        """The item, if it is there and something can still happen to it."""
        work = self.state.work.get(item_id)
        return None if work is None or work.deleted else work

    def number(self, what: str) -> int:
        """The next id: ascending in this cell and apart from those of the site's other cells."""
        counters = self.state.counters
        counters[what] = counters.get(what, 0) + 1
        base = {"item": 10000 if self.is_jira else 0, "change": 50000}.get(what, 0)
        return base + counters[what] * self.plan.site_cells + self.plan.rank

    def workflow(self, work: Work) -> Workflow:
        return self._workflows[work.project_id]

    def workflow_at(self, project_id: int) -> Workflow:
        return self._workflows[project_id]

    def stage(self, work: Work) -> str:
        return self.workflow(work).stage(work.status, work.item.current["resolution"])

    def is_open(self, work: Work) -> bool:
        return not work.deleted and work.status not in ("done", "removed")

    def create(self, at: int, author: int, team_id: int, kind: str, **given: str | None) -> Work:
        """A new item. `given`: attributes that it has from the start; `sprint` is one id, `role` a status role."""
        state, team = self.state, self.state.teams[team_id].team
        role = given.pop("role", None) or "new"
        project_id = team.project_id
        state.numbers[project_id] = number = state.numbers.get(project_id, 0) + 1
        key = f"{state.projects[project_id].key}-{number}"
        workflow = self._workflows[project_id]
        initial: dict[str, str | None] = {
            "type": workflow.types[kind],
            "title": names.title(self.dice, kind),
            "status": str(workflow.status(role, kind)),
            "resolution": None,
            "sprint": None,
            "points": None,
            "remaining_hours": None,
            "spent_hours": None,
            "assignee": None,
            "team": None if self.is_jira else str(team_id),
            "project": str(project_id),
            "key": key,
            "parent": None,
            "priority": workflow.priorities[self.dice.choice((0, 1, 1, 2, 2, 2, 3))],
            "flagged": None,
            "release": None,
            "labels": team.label,
            "rank": f"0|i{number:06d}:",
        }
        if not self.is_jira:
            initial.update(comments=None, deleted=None)
        initial.update(given)
        item_id = self.number("item")
        item = Item(
            item_id=item_id,
            tool=self.plan.tool,
            number=number,
            former_keys=[],
            key=key,
            created_at=to_datetime(at),
            creator=author,
            initial=initial,
            history=[],
            current=dict(initial),
            updated_at=to_datetime(at),
            description=names.description(self.dice, kind),
            is_subtask=kind == "subtask",
        )
        work = Work(item, kind, team_id, project_id, role)
        work.points = None if initial["points"] is None else float(initial["points"])
        work.sprints = [] if initial["sprint"] is None else [int(initial["sprint"])]
        state.work[item_id] = work
        if initial["parent"] is not None:
            parent = state.work.get(int(initial["parent"]))
            if parent is not None:
                parent.children.append(item_id)
        self.scribe.created(
            at,
            item_id,
            is_flow=kind not in ("epic", "subtask"),
            is_subtask=kind == "subtask",
            now=self._situation(work),
        )
        return work

    def act(self, at: int, author: int, work: Work, **new: str | None) -> None:
        """Change attributes of an item in one go; those that stay as they are do not count as changed.

        `role` stands for the status that plays it. Now and then the tool writes such a go as two histories of
        the same millisecond.
        """
        role = new.pop("role", None)
        if role is not None:
            new["status"] = str(self.workflow(work).status(role, work.kind))
        current = work.item.current
        changes = [Change(name, current[name], value) for name, value in new.items() if current[name] != value]
        if not changes:
            work.status = role or work.status  # two roles may share a status
            return
        if len(changes) > 1 and role is not None and self.dice.random() < 0.03 and "project" not in new:
            cut = self.dice.randrange(1, len(changes))
            self._write(at, author, work, changes[:cut], role)
            changes = changes[cut:]
        self._write(at, author, work, changes, role)

    def _write(self, at: int, author: int, work: Work, changes: list[Change], role: str | None) -> None:
        item = work.item
        for change in changes:
            item.current[change.attribute] = change.new
            if change.attribute == "status":
                work.status = role or work.status
            elif change.attribute == "points":
                work.points = None if change.new is None else float(change.new)
            elif change.attribute == "sprint":
                work.sprints = [] if change.new is None else [int(part) for part in change.new.split(",")]
        item.updated_at = to_datetime(at)
        item.history.append(ChangeSet(self.number("change"), item.updated_at, author, changes))
        work.is_dirty = True
        self.scribe.seen(at, item.item_id, self._situation(work))
        if self.is_jira and any(change.attribute == "sprint" for change in changes):
            for child in self._living_children(work):
                self.scribe.seen(at, child.item.item_id, self._situation(child))

    def note(self, at: int, author: int, work: Work, *changes: Change) -> None:
        """Changes that say nothing about how the item stands, written into its history alone."""
        item = work.item
        item.updated_at = to_datetime(at)
        item.current.update({change.attribute: change.new for change in changes})
        item.history.append(ChangeSet(self.number("change"), item.updated_at, author, list(changes)))
        work.is_dirty = True

    def touch(self, at: int, work: Work) -> None:
        """Something that the tool keeps outside of the history: the item counts as updated."""
        work.item.updated_at = to_datetime(at)
        work.is_dirty = True

    def _living_children(self, work: Work) -> Iterator[Work]:
        for child_id in work.children:
            child = self.work(child_id)
            if child is not None and child.kind == "subtask":
                yield child

    def _situation(self, work: Work) -> Situation:
        """How the item stands: what anybody in the room can see."""
        current = work.item.current
        hours = float(current["remaining_hours"] or 0)
        stage = self.stage(work)
        if self.is_jira:
            sprints = work.sprints
            if work.kind == "subtask":
                parent = self.state.work.get(int(current["parent"] or 0))
                sprints = parent.sprints if parent is not None and not parent.deleted else []
            return Situation(stage, work.points, hours, sprints, 0, work.team_id)
        teams = self.state.scribe.sprint_teams
        area = int(current["team"] or 0)
        return Situation(stage, work.points, hours, [s for s in work.sprints if teams[s] == area], area, 0)

    def sprint_field(self, work: Work, sprint_id: int | None) -> str | None:
        """The field's new value when the item is put into a sprint, or, with None, out of its open one.

        Jira keeps the closed sprints in it.
        """
        if not self.is_jira:
            return None if sprint_id is None else str(sprint_id)
        closed = [other for other in work.sprints if other not in self.state.scribe.boards or self._closed(other)]
        kept = sorted({*closed, sprint_id} if sprint_id is not None else set(closed))
        return ",".join(map(str, kept)) or None

    def _closed(self, sprint_id: int) -> bool:
        sprint = self.state.sprints.get(sprint_id)
        return sprint is None or sprint.closed_at is not None

    def put(self, at: int, author: int, work: Work, sprint_id: int | None, **more: str | None) -> None:
        self.act(at, author, work, sprint=self.sprint_field(work, sprint_id), **more)

    def in_sprint(self, work: Work, sprint_id: int) -> bool:
        """Whether the item is in a sprint that counts it as the team's own."""
        return sprint_id in work.sprints and (self.is_jira or work.item.current["team"] == str(self._owner(sprint_id)))

    def _owner(self, sprint_id: int) -> int:
        return self.state.scribe.sprint_teams[sprint_id]

    def link(self, at: int, author: int, work: Work, target: Work) -> None:
        kind = self.dice.choice(("Blocks", "Relates"))
        work.item.links.append(Link(self.number("link"), kind, target.item.item_id, to_datetime(at), author))
        for end in (work, target):
            self.touch(at, end)

    def delete(self, at: int, author: int, work: Work) -> None:
        """Jira says nothing of a deletion: whoever knew the item misses it at his next look, so the scribe waits."""
        work.deleted = work.is_dirty = True
        work.item.deleted_at = work.item.updated_at = to_datetime(at)
        work.item.deleted_by = author
        if not self.is_jira:
            self.scribe.deleted(at, work.item.item_id)

    # Putting away

    def look(self, now: int) -> None:
        """Somebody from outside reads everything, now: he strikes what he never saw and misses what Jira has lost."""
        unseen = [work.item.item_id for work in self.state.work.values() if self.is_unseen(work)]
        self.scribe.strike(unseen)
        for item_id, work in self.state.work.items():
            if work.deleted and self.is_jira and work.is_published and not work.is_missed:
                self.scribe.deleted(now, item_id)
                work.is_missed = True

    def file(self, work: Work) -> None:
        """Nothing can happen to the item any more: out of memory with it."""
        item_id = work.item.item_id
        if self.is_unseen(work):
            self.scribe.strike([item_id])
        card = self.state.scribe.cards.get(item_id)
        book = None if card is None else card.book()
        if card is not None:
            self.scribe.file_away(item_id)
        if work.is_dirty:
            self.filed.append((item_id, work.item.key, _item_encoder.encode(work.item), book))
        del self.state.work[item_id]

    def is_unseen(self, work: Work) -> bool:
        """Deleted before anybody outside could read it, and gone without a trace."""
        return work.deleted and not work.is_published and (self.is_jira or work.item.is_destroyed)


def _fresh(plan: CellPlan, dice: Random) -> CellState:
    version, words, gauss = dice.getstate()
    state = CellState(
        cell=plan.cell,
        seed=plan.seed,
        tool=plan.tool.value,
        started_on=plan.started_on,
        account_time_zone=ACCOUNT_ZONES[plan.tool],
        dice=(version, list(words), gauss),
        sequence=0,
        heap=[],
        counters={},
        work={},
        teams={team.team_id: TeamState(team, pace) for team, pace in zip(plan.teams, plan.team_paces, strict=True)},
        projects={project.project_id: project for project in plan.projects},
        numbers={},
        sprints={},
        releases={},
        reopening=[],
        scribe=ScribeState(zone=ACCOUNT_ZONES[plan.tool]),
    )
    heapq.heappush(state.heap, (local_ms(state.account_time_zone, plan.started_on), EARLY, "day", 0, 0))
    return state


__all__ = ["DAY", "EARLY", "LATE", "Cell", "Handler"]
