"""What fills and clears the backlogs: arrivals, epics, releases, small edits, grooming, links."""

from __future__ import annotations

import math
from datetime import date
from itertools import accumulate

from sandbox.model import Release
from sandbox.organisation.cell import EARLY, Cell
from sandbox.organisation.clock import DAY, HOUR, MINUTE, is_workday, local_day, local_ms, to_ms
from sandbox.organisation.lifecycle import drop, usual_points
from sandbox.organisation.state import TeamState, Work

ARRIVALS_PER_DAY = 0.92  # per team, workdays, without sub-tasks
KEPT = 45 * DAY  # after so long a closed item is left in peace
LONGEST_BACKLOG = 45
RELEASE_WEEKS = 6
EDITS_PER_ITEM = 8.5
COMMENTS_PER_ITEM = 1.5
EDITS = ("rank", "priority", "title", "labels", "assignee", "points", "parent")
EDIT_WEIGHTS = (45, 16, 7, 14, 12, 4, 2)
_EDITS_UP_TO = tuple(accumulate(EDIT_WEIGHTS))


def day(cell: Cell, at: int, _: int, __: int) -> None:
    """A new local day begins: the scribe closes the one before, then the day's arrivals are thrown."""
    today = local_day(cell.zone, at)
    if today > cell.plan.started_on:
        cell.scribe.period_ended(today - 1)
    cell.schedule(local_ms(cell.zone, today + 1), "day", order=EARLY)
    for team_id, team in cell.state.teams.items():
        if today == cell.plan.started_on:
            _found(cell, at, team_id, team)
            if cell.is_jira:
                cell.schedule(cell.plan.status_dropped_at, "drop_status", team_id)
        if is_workday(today):
            _workday(cell, today, team_id, team)
        if date.fromordinal(today).day == 3:
            cell.schedule(local_ms(cell.zone, today, 10), "ask", team_id)
    if today % 7 == 2:  # Tuesday
        cell.schedule(local_ms(cell.zone, today, 3), "tidy")
        for team_id in cell.state.teams:
            cell.schedule(cell.worktime(cell.owner(team_id), at, cell.dice.uniform(2, 7)), "groom", team_id)


def _found(cell: Cell, at: int, team_id: int, team: TeamState) -> None:
    """The team's first days: two epics and a first backlog; a Scrum team sets the day of its first sprint."""
    owner = cell.owner(team_id)
    for _ in range(2):
        cell.schedule(cell.worktime(owner, at, cell.dice.uniform(0.5, 4)), "epic", team_id)
    for _ in range(round(16 * team.pace * cell.plan.pace)):
        cell.schedule(cell.worktime(owner, at, cell.dice.uniform(4, 30)), "arrive", team_id)
    if team.team.is_scrum:
        monday = cell.plan.started_on + 6 - (cell.plan.started_on + 5) % 7 + 7  # at least a week from now
        team.anchor = monday + (7 if team_id % 2 else 0)
        cell.schedule(cell.soonest(team_id, at, 6), "plan_sprint", team_id)


def _workday(cell: Cell, today: int, team_id: int, team: TeamState) -> None:
    for _ in range(_poisson(cell, ARRIVALS_PER_DAY * team.pace * cell.plan.pace)):
        who = cell.member(team_id)
        begin = local_ms(cell.zone, today, 7)
        cell.schedule(cell.worktime(who, begin, cell.dice.uniform(0, 8)), "arrive", team_id)
    if not team.team.is_scrum:
        cell.schedule(cell.worktime(cell.member(team_id), local_ms(cell.zone, today, 6), 0.3), "pull", team_id)


def _poisson(cell: Cell, mean: float) -> int:
    limit, product, count = math.exp(-mean), cell.dice.random(), 0
    while product > limit:
        product *= cell.dice.random()
        count += 1
    return count


def arrive(cell: Cell, at: int, team_id: int, _: int) -> None:
    team, dice = cell.team(team_id), cell.dice
    kind = dice.choices(("story", "bug", "task"), (60, 26, 14))[0]
    given: dict[str, str | None] = {}
    if kind != "bug" and team.epics and dice.random() < 0.8:
        given["parent"] = str(dice.choice(team.epics[-3:]))
    if dice.random() < 0.35:
        given["points"] = usual_points(cell)
    if kind == "bug" and team.team.is_scrum and team.active and dice.random() < 0.12:
        given["sprint"] = str(team.active)  # urgent: created in the running sprint
    author = cell.member(team_id)
    work = cell.create(at, author, team_id, kind, **given)
    item_id = work.item.item_id
    if dice.random() < 0.06:
        work.effort_factor = 6.0
    if given.get("sprint"):
        cell.schedule(cell.worktime(author, at, cell.hours(2)), "begin", item_id, work.turn)
    else:
        team.backlog.append(item_id)
    for _ in range(_poisson(cell, COMMENTS_PER_ITEM)):
        cell.schedule(cell.worktime(author, at, cell.hours(20, 1.2)), "comment", item_id)
    for _ in range(_poisson(cell, EDITS_PER_ITEM)):
        cell.schedule(cell.worktime(author, at, cell.hours(16, 1.2)), "edit", item_id)
    if dice.random() < 0.07 and len(team.backlog) > 3:
        other = cell.work(dice.choice(cell.team(dice.choice(list(cell.state.teams))).backlog or team.backlog))
        if other is not None and other is not work:
            cell.link(at, author, work, other)


def epic(cell: Cell, at: int, team_id: int, _: int) -> None:
    team = cell.team(team_id)
    work = cell.create(at, cell.owner(team_id), team_id, "epic")
    team.epics.append(work.item.item_id)
    cell.schedule(cell.worktime(cell.owner(team_id), at, 60), "begin_epic", work.item.item_id)


def begin_epic(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is not None:
        cell.act(at, cell.owner(work.team_id), work, role="doing", assignee=str(cell.owner(work.team_id)))
        cell.schedule(cell.worktime(cell.owner(work.team_id), at, 8 * cell.dice.uniform(40, 70)), "end_epic", item_id)


def end_epic(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is None:
        return
    team = cell.team(work.team_id)
    resolved = cell.workflow(work).resolved
    more: dict[str, str | None] = {} if resolved is None else {"resolution": resolved}
    cell.act(at, cell.owner(work.team_id), work, role="done", **more)
    work.done_at = at
    if item_id in team.epics:
        team.epics.remove(item_id)
    cell.schedule(at + 20 * MINUTE, "epic", work.team_id)


def edit(cell: Cell, at: int, item_id: int, _: int) -> None:
    """Somebody tidies the item's fields."""
    work = cell.work(item_id)
    if work is None:
        return
    who, dice, current = cell.member(work.team_id), cell.dice, work.item.current
    what = dice.choices(EDITS, cum_weights=_EDITS_UP_TO)[0]
    if what == "rank":
        cell.act(at, who, work, rank=f"0|i{dice.randrange(10**6):06d}:")
    elif what == "priority":
        cell.act(at, who, work, priority=dice.choice(cell.workflow(work).priorities))
    elif what == "title":
        cell.act(at, who, work, title=f"{current['title']} ({dice.choice(('part 1', 'v2', 'beta', 'again'))})"[:120])
    elif what == "labels":
        more = dice.choice(("ux", "tech-debt", "security", "quick-win", "customer"))
        labels = (current["labels"] or "").split()
        changed = [label for label in labels if label != more] if more in labels else [*labels, more]
        cell.act(at, who, work, labels=" ".join(changed) or None)
    elif what == "assignee":
        cell.act(at, who, work, assignee=str(cell.member(work.team_id)))
    elif what == "points" and work.kind != "epic" and cell.is_open(work):
        cell.act(at, who, work, points=usual_points(cell) if dice.random() < 0.93 else None)
    elif what == "parent" and work.kind in ("story", "task") and cell.team(work.team_id).epics:
        cell.act(at, who, work, parent=str(dice.choice(cell.team(work.team_id).epics)))


def groom(cell: Cell, at: int, team_id: int, _: int) -> None:
    """The owner drops what nobody will do, and opens a new release when the last one is old."""
    team, owner = cell.team(team_id), cell.owner(team_id)
    waiting = [work for item_id in team.backlog if (work := cell.work(item_id)) is not None and cell.is_open(work)]
    for work in waiting[: max(0, len(waiting) - LONGEST_BACKLOG)]:
        drop(cell, at, work, owner)
    if waiting and cell.dice.random() < 0.12:
        drop(cell, at, cell.dice.choice(waiting), owner)
    _release(cell, at, team)


def _release(cell: Cell, at: int, team: TeamState) -> None:
    today = local_day(cell.zone, at)
    current = cell.state.releases.get(team.release)
    if current is not None and today - current.start_date.toordinal() < 7 * RELEASE_WEEKS:
        return
    if current is not None:
        current.is_released, current.release_date = True, date.fromordinal(today)
    number = sum(1 for release in cell.state.releases.values() if release.name.startswith(team.team.name)) + 1
    release_id = cell.number("release")
    name = f"{team.team.name} 1.{number}"
    cell.state.releases[release_id] = Release(release_id, team.team.project_id, name, date.fromordinal(today))
    team.release = release_id


def tidy(cell: Cell, at: int, _: int, __: int) -> None:
    """Items that were closed long ago leave the simulation's memory; so do sprints."""
    running = {sprint_id for team in cell.state.teams.values() for sprint_id in (team.active, team.future)}
    for work in list(cell.state.work.values()):
        if work.kind != "subtask" and _is_settled(cell, at, work, running):
            family = [child for child_id in work.children if (child := cell.state.work.get(child_id)) is not None]
            if work.kind == "epic" or all(_is_settled(cell, at, child, running) for child in family):
                if work.kind != "epic":
                    for child in family:
                        cell.file(child)
                cell.file(work)


def _is_settled(cell: Cell, at: int, work: Work, running: set[int]) -> bool:
    if work.deleted:
        if work.is_published and not work.is_missed:
            return False
        gone_at = work.item.deleted_at or work.item.hidden_at
        return work.aside is None and gone_at is not None and at - to_ms(gone_at) > 10 * DAY
    if work.done_at is None or cell.is_open(work) or at - work.done_at < KEPT:
        return False
    card = cell.state.scribe.cards[work.item.item_id]
    return not card.watched and not running.intersection(work.sprints)


HANDLERS = {
    "day": day,
    "arrive": arrive,
    "epic": epic,
    "begin_epic": begin_epic,
    "end_epic": end_epic,
    "edit": edit,
    "groom": groom,
    "tidy": tidy,
}
__all__ = ["HANDLERS", "HOUR"]
