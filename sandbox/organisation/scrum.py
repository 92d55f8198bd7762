"""Sprints: planned, filled, started, closed, and what is left goes on to the next."""

from __future__ import annotations

from sandbox.model import Sprint
from sandbox.organisation.cell import EARLY, LATE, Cell
from sandbox.organisation.clock import DAY, HOUR, MINUTE, local_day, local_ms, to_datetime, to_ms
from sandbox.organisation.lifecycle import usual_points
from sandbox.organisation.mishaps import throw_mishaps
from sandbox.organisation.picking import from_backlog
from sandbox.organisation.state import TeamState, Work

CAPACITY = 10.5  # items that a usual team takes into a sprint
THEMES = ("Faster pages", "Fewer tickets", "Pilot customers", "Audit ready", "Month-end", "Clean-up", "Partner launch")


def plan_sprint(cell: Cell, at: int, team_id: int, _: int) -> None:
    """The next sprint gets its record and its dates; there are always two ahead."""
    team = cell.team(team_id)
    for _ahead in range(2):
        if sum(1 for sprint in _coming(cell, team_id)) < 2:
            _new_sprint(cell, team_id, team)
    if not team.future:
        team.future = _coming(cell, team_id)[0].sprint_id
        _schedule_planning(cell, at, team_id, team)


def _coming(cell: Cell, team_id: int) -> list[Sprint]:
    sprints = (sprint for sprint in cell.state.sprints.values() if sprint.team_id == team_id)
    return sorted((sprint for sprint in sprints if sprint.started_at is None), key=lambda sprint: sprint.sprint_id)


def _new_sprint(cell: Cell, team_id: int, team: TeamState) -> None:
    monday = team.anchor + 14 * team.sprint_number
    team.sprint_number += 1
    sprint_id = cell.number("sprint")
    if cell.is_jira:
        begin, end = local_ms(cell.zone, monday, 10), local_ms(cell.zone, monday + 11, 17)
    else:
        begin, end = local_ms(cell.zone, monday), local_ms(cell.zone, monday + 12)
    name = f"{team.team.name} Sprint {team.sprint_number}"
    goal = cell.dice.choice(THEMES) if cell.dice.random() < 0.8 else ""
    cell.state.sprints[sprint_id] = Sprint(sprint_id, team_id, name, goal, to_datetime(begin), to_datetime(end))
    cell.scribe.sprint_planned(sprint_id, team_id)


def _schedule_planning(cell: Cell, at: int, team_id: int, team: TeamState) -> None:
    """Refinement some days before the start, the rest just before it."""
    sprint = cell.state.sprints[team.future]
    begin = to_ms(sprint.planned_start_at)
    if cell.is_jira:
        ahead = max(at, begin - int(cell.dice.uniform(3, 5) * DAY))
        meeting = max(at, begin - cell.dice.randrange(25, 70) * MINUTE)
        late = cell.dice.random()
        start = begin + (cell.dice.randrange(-8, 25) * MINUTE if late < 0.85 else cell.dice.randrange(20, 50) * HOUR)
        start += cell.dice.randrange(MINUTE)
        cell.schedule(max(start, at + 5 * MINUTE), "start_sprint", team_id, team.future)
    else:
        friday = local_ms(cell.zone, local_day(cell.zone, begin) - 3, 9)
        ahead = max(at, friday - int(cell.dice.uniform(1, 3) * DAY))
        meeting = max(at, friday + cell.dice.randrange(5 * HOUR))
        cell.schedule(begin, "start_iteration", team_id, team.future, order=EARLY)
    refinement = cell.soonest(team_id, ahead, 0.1)
    cell.schedule(refinement, "fill", team_id, 60)
    cell.schedule(max(meeting, refinement + 10 * MINUTE), "fill", team_id, 100)


def fill(cell: Cell, at: int, team_id: int, percent: int) -> None:
    """Take items from the top of the backlog into the coming sprint, up to a share of what the team can do."""
    team = cell.team(team_id)
    if not team.future:
        return
    room = round(CAPACITY * team.pace * cell.plan.pace * percent / 100) - _planned(cell, team.future)
    moment = at
    for item_id in list(team.backlog):
        work = cell.work(item_id)
        if work is None or not cell.is_open(work) or work.team_id != team_id:
            team.backlog.remove(item_id)
            continue
        if room <= 0:
            break
        room -= 1
        team.backlog.remove(item_id)
        if work.points is None and cell.dice.random() < 0.9:
            cell.schedule(moment, "estimate", item_id)
        moment += cell.dice.randrange(900, 4 * MINUTE if percent < 100 else 50_000)
        cell.schedule(moment, "take", item_id, team.future)


def _planned(cell: Cell, sprint_id: int) -> int:
    items = (cell.state.work.get(item_id) for item_id in cell.state.scribe.boards[sprint_id])
    return sum(1 for work in items if work is not None and work.kind != "subtask" and cell.is_open(work))


def estimate(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is not None and cell.is_open(work):
        cell.act(at, cell.member(work.team_id), work, points=usual_points(cell))


def take(cell: Cell, at: int, item_id: int, sprint_id: int) -> None:
    """Into the coming (or, when planning ran late, the running) sprint."""
    work = cell.work(item_id)
    if work is None or not cell.is_open(work):
        return
    sprint = cell.state.sprints.get(sprint_id)
    if sprint is None or sprint.closed_at is not None or sprint.team_id != work.team_id:
        cell.team(work.team_id).backlog.insert(0, item_id)
        return
    more: dict[str, str | None] = {}
    if cell.workflow(work).has_ready and work.status == "new" and cell.dice.random() < 0.4:
        more["role"] = "ready"
    cell.put(at, cell.owner(work.team_id), work, sprint_id, **more)
    _move_tasks(cell, at, work, sprint_id)
    if sprint.started_at is not None:
        cell.schedule(cell.worktime(cell.member(work.team_id), at, cell.hours(12)), "begin", item_id, work.turn)


def _move_tasks(cell: Cell, at: int, work: Work, sprint_id: int) -> None:
    """Azure DevOps: tasks have an iteration of their own; somebody moves them along, mostly."""
    if cell.is_jira:
        return
    for child_id in work.children:
        child = cell.work(child_id)
        if child is not None and cell.is_open(child) and cell.dice.random() < 0.9:
            cell.schedule(at + cell.dice.randrange(200, 40_000), "take_task", child_id, sprint_id)


def take_task(cell: Cell, at: int, item_id: int, sprint_id: int) -> None:
    work = cell.work(item_id)
    if work is not None and cell.is_open(work):
        cell.put(at, cell.owner(work.team_id), work, sprint_id)


def start_sprint(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Jira: somebody presses the button. The last one has to be closed first."""
    team = cell.team(team_id)
    if team.active:
        cell.schedule(at + cell.dice.randrange(20 * MINUTE, 3 * HOUR), "start_sprint", team_id, sprint_id)
        return
    sprint = cell.state.sprints[sprint_id]
    if cell.dice.random() < 0.15 and team.backlog:
        work = cell.work(team.backlog[0])  # a last one, in the very millisecond of the start
        if work is not None and cell.is_open(work) and work.team_id == team_id:
            team.backlog.pop(0)
            cell.put(at, cell.owner(team_id), work, sprint_id)
    _opened(cell, at, team_id, team, sprint)
    cell.schedule(at, "board_read", sprint_id, order=LATE)
    cell.schedule(max(_closing_time(cell, sprint), at + 5 * DAY), "close_sprint", team_id, sprint_id)


def _closing_time(cell: Cell, sprint: Sprint) -> int:
    planned, dice = to_ms(sprint.planned_end_at), cell.dice
    case = dice.random()
    if case < 0.55:
        at = planned + dice.randrange(-90, 60) * MINUTE
    elif case < 0.82:
        at = planned + 64 * HOUR + dice.randrange(5, 50) * MINUTE  # Monday after nine
    elif case < 0.93:
        at = planned + 4 * DAY - dice.randrange(4 * HOUR)
    else:
        at = planned - DAY + dice.randrange(-120, 30) * MINUTE
    return at + dice.randrange(MINUTE)


def start_iteration(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Azure DevOps: the day begins, nothing else; now and then a rule puts an item in at 00:00 sharp."""
    sprint = cell.state.sprints[sprint_id]
    cell.scribe.sprint_started(sprint_id, at)
    if cell.dice.random() < 0.2 and (late := from_backlog(cell, team_id)) is not None:
        cell.schedule(at, "take", late.item.item_id, sprint_id)
    _opened(cell, at, team_id, cell.team(team_id), sprint)
    cell.schedule(to_ms(sprint.planned_end_at), "end_iteration", team_id, sprint_id, order=EARLY)
    friday = local_ms(cell.zone, local_day(cell.zone, to_ms(sprint.planned_end_at)) - 1, 14)
    cell.schedule(friday + cell.dice.randrange(2 * HOUR), "carry_early", team_id, sprint_id)


def _opened(cell: Cell, at: int, team_id: int, team: TeamState, sprint: Sprint) -> None:
    sprint.started_at = to_datetime(at)
    team.active, team.future = sprint.sprint_id, 0
    length = (to_ms(sprint.planned_end_at) - at) / DAY * 8 * 5 / 7
    for item_id in list(cell.state.scribe.boards[sprint.sprint_id]):
        work = cell.work(item_id)
        if work is not None and work.kind != "subtask" and work.status in ("new", "ready"):
            hours = cell.dice.uniform(0.2, 0.72 * length)
            cell.schedule(cell.worktime(cell.member(team_id), at, hours), "begin", item_id, work.turn)
    throw_mishaps(cell, at, team_id, length)
    if cell.dice.random() < 0.12:
        cell.schedule(cell.worktime(cell.owner(team_id), at, 9), "rename_sprint", team_id, sprint.sprint_id)
    cell.schedule(cell.soonest(team_id, at, 2), "plan_sprint", team_id)


def rename_sprint(cell: Cell, at: int, _: int, sprint_id: int) -> None:
    sprint = cell.state.sprints.get(sprint_id)
    if sprint is None or sprint.closed_at is not None:
        return
    sprint.former_names.append((to_datetime(at), sprint.name))
    sprint.name = f"{sprint.name} - {cell.dice.choice(THEMES)}"


def board_read(cell: Cell, at: int, sprint_id: int, _: int) -> None:
    cell.scribe.sprint_started(sprint_id, at)


def board_closed(cell: Cell, at: int, sprint_id: int, _: int) -> None:
    cell.scribe.sprint_closed(sprint_id, at, comes_back=sprint_id in cell.state.reopening)


def reopen_sprint(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Jira: closed too early. It is re-activated if the next one has not begun, and closed again soon.

    What went on to the next sprint is now in both; some of it is taken out of the next one again.
    """
    cell.state.reopening.remove(sprint_id)
    team = cell.team(team_id)
    if team.active:
        cell.scribe.sprint_stays_closed(sprint_id)
        return
    sprint = cell.state.sprints[sprint_id]
    sprint.reopenings.append((sprint.closed_at or to_datetime(at), to_datetime(at)))
    sprint.closed_at = None
    team.active = sprint_id
    cell.scribe.sprint_reopened(sprint_id)
    for work in _left_over(cell, sprint_id):
        if work.team_id == team_id and team.future in work.sprints and cell.dice.random() < 0.5:
            cell.schedule(at + cell.dice.randrange(1000, 20 * MINUTE), "take", work.item.item_id, sprint_id)
    cell.schedule(at + cell.dice.randrange(2 * HOUR, 30 * HOUR), "close_sprint", team_id, sprint_id)


def close_sprint(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Jira: the button again. Open items go to the next sprint, some to the backlog; the field keeps this sprint."""
    team = cell.team(team_id)
    sprint = cell.state.sprints[sprint_id]
    sprint.closed_at = to_datetime(at)
    team.active = 0
    cell.schedule(at, "board_closed", sprint_id, order=LATE)
    if not sprint.reopenings and cell.dice.random() < 0.12:
        cell.state.reopening.append(sprint_id)
        cell.schedule(at + cell.dice.randrange(5 * MINUTE, 20 * HOUR), "reopen_sprint", team_id, sprint_id)
    for work in _left_over(cell, sprint_id):
        if work.team_id != team_id:
            continue  # it is on another team's board too, who decides
        if cell.dice.random() < 0.85 and team.future:
            _carry(cell, at + cell.dice.choice((0, 3, 7, 41, 260)), work, team.future)
        else:
            team.backlog.insert(0, work.item.item_id)
    _last_finish(cell, at, sprint_id)


def _left_over(cell: Cell, sprint_id: int) -> list[Work]:
    items = [cell.work(item_id) for item_id in cell.state.scribe.boards[sprint_id]]
    return [work for work in items if work is not None and work.kind != "subtask" and cell.is_open(work)]


def _carry(cell: Cell, at: int, work: Work, sprint_id: int) -> None:
    work.carried += 1
    cell.schedule(at, "take", work.item.item_id, sprint_id)


def _last_finish(cell: Cell, at: int, sprint_id: int) -> None:
    """Somebody drags a card to done in the very millisecond of the close, or a minute too late."""
    ready = [work for work in _left_over(cell, sprint_id) if work.status == "review"]
    if ready and cell.dice.random() < 0.3:
        work = cell.dice.choice(ready)
        moment = at if cell.dice.random() < 0.4 else at + cell.dice.randrange(500, 2 * HOUR)
        cell.schedule(moment, "judge", work.item.item_id, work.turn)


def carry_early(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Azure DevOps: on the last afternoon some open items are already moved on: they count as removed."""
    team = cell.team(team_id)
    for work in _left_over(cell, sprint_id):
        if cell.dice.random() < 0.2 and team.future:
            at += cell.dice.randrange(300, 90_000)
            _carry(cell, at, work, team.future)


def end_iteration(cell: Cell, at: int, team_id: int, sprint_id: int) -> None:
    """Azure DevOps: the last day is over. What is left is moved at the weekend by the diligent, else on Monday."""
    team = cell.team(team_id)
    left = _left_over(cell, sprint_id)
    cell.scribe.sprint_closed(sprint_id, at)
    cell.state.sprints[sprint_id].closed_at = to_datetime(at)
    team.active = 0
    moment = at + cell.dice.choice((10, 35, 56, 57)) * HOUR + cell.dice.randrange(HOUR)
    if left and team.future and cell.dice.random() < 0.2:
        _carry(cell, at, left.pop(), team.future)  # by a rule, at 00:00 sharp: the iteration is over
    for work in left:
        moment += cell.dice.randrange(400, 2 * MINUTE)
        if cell.dice.random() < 0.85 and team.future:
            _carry(cell, moment, work, team.future)
        else:
            cell.schedule(moment, "return", work.item.item_id, sprint_id)


def return_to_backlog(cell: Cell, at: int, item_id: int, sprint_id: int) -> None:
    work = cell.work(item_id)
    if work is not None and cell.is_open(work) and sprint_id in work.sprints:
        cell.put(at, cell.owner(work.team_id), work, None)
        cell.team(work.team_id).backlog.insert(0, item_id)


HANDLERS = {
    "plan_sprint": plan_sprint,
    "fill": fill,
    "estimate": estimate,
    "take": take,
    "take_task": take_task,
    "start_sprint": start_sprint,
    "start_iteration": start_iteration,
    "rename_sprint": rename_sprint,
    "board_read": board_read,
    "board_closed": board_closed,
    "close_sprint": close_sprint,
    "reopen_sprint": reopen_sprint,
    "carry_early": carry_early,
    "end_iteration": end_iteration,
    "return": return_to_backlog,
}
