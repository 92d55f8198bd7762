"""An item's working life: somebody starts it, it waits, it is reviewed, finished, and sometimes comes back."""

from __future__ import annotations

from itertools import accumulate

from sandbox.model import Worklog
from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import DAY, HOUR, MINUTE, to_datetime
from sandbox.organisation.state import Work
from sandbox.organisation.workflow import DROPPED

POINTS = ("1", "2", "3", "5", "8", "13", "0.5")
POINT_WEIGHTS = (14, 22, 26, 20, 10, 3, 5)
_POINTS_UP_TO = tuple(accumulate(POINT_WEIGHTS))


def usual_points(cell: Cell) -> str:
    return cell.dice.choices(POINTS, cum_weights=_POINTS_UP_TO)[0]


def begin(cell: Cell, at: int, item_id: int, turn: int) -> None:
    """Somebody takes the item and starts."""
    work = cell.work(item_id)
    if work is None or work.turn != turn or work.status not in ("new", "ready"):
        return
    team = cell.team(work.team_id)
    if team.team.is_scrum and team.active not in work.sprints:
        return
    start(cell, at, work)


def start(cell: Cell, at: int, work: Work, **more: str | None) -> None:
    who = cell.member(work.team_id)
    work.turn += 1
    analyses = cell.is_jira and at < cell.plan.status_dropped_at and cell.dice.random() < 0.12
    cell.act(at, who, work, role="analysis" if analyses else "doing", assignee=str(who), **more)
    team = cell.team(work.team_id)
    if work.item.item_id not in team.doing:
        team.doing.append(work.item.item_id)
    effort = cell.hours(3 + 3.5 * (3 if work.points is None else work.points), 0.55) * work.effort_factor
    if work.kind == "story" and not work.children and cell.dice.random() < 0.42:
        _split(cell, at + cell.dice.randrange(2 * MINUTE, 50 * MINUTE), work, effort)
    if analyses:
        cell.schedule(cell.worktime(who, at, effort * 0.2), "analysed", work.item.item_id, work.turn)
    if cell.dice.random() < 0.12:
        cell.schedule(cell.worktime(who, at, effort * 0.4), "wait", work.item.item_id, work.turn)
    if cell.dice.random() < 0.1:
        cell.schedule(cell.worktime(who, at, effort * 0.6), "flag", work.item.item_id)
    cell.schedule(cell.worktime(who, at, effort), "hand_over", work.item.item_id, work.turn)


def assignee(cell: Cell, work: Work) -> int:
    """Who works on it; somebody else of the team if that is nobody, or has left."""
    who = int(work.item.current["assignee"] or 0)
    return who if who and cell.is_here(who) else cell.member(work.team_id)


def analysed(cell: Cell, at: int, item_id: int, turn: int) -> None:
    work = cell.work(item_id)
    if work is not None and work.turn == turn and work.status == "analysis":
        cell.act(at, assignee(cell, work), work, role="doing")


def wait(cell: Cell, at: int, item_id: int, turn: int) -> None:
    """Somebody else has to answer first."""
    work = cell.work(item_id)
    if work is None or work.turn != turn or work.status != "doing":
        return
    work.turn += 1
    who = assignee(cell, work)
    cell.act(at, who, work, role="waiting")
    back = cell.worktime(who, at, cell.hours(7))
    cell.schedule(back, "resume", item_id, work.turn)


def resume(cell: Cell, at: int, item_id: int, turn: int) -> None:
    work = cell.work(item_id)
    if work is None or work.turn != turn:
        return
    work.turn += 1
    who = assignee(cell, work)
    cell.act(at, who, work, role="doing")
    cell.schedule(cell.worktime(who, at, cell.hours(4)), "hand_over", item_id, work.turn)


def flag(cell: Cell, at: int, item_id: int, _: int) -> None:
    """Blocked, until somebody clears the way."""
    work = cell.work(item_id)
    if work is None or not cell.is_open(work) or work.item.current["flagged"]:
        return
    who = assignee(cell, work)
    cell.act(at, who, work, flagged="yes")
    cell.schedule(cell.worktime(who, at, cell.hours(6)), "unflag", item_id)


def unflag(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is not None:
        cell.act(at, assignee(cell, work), work, flagged=None)


def hand_over(cell: Cell, at: int, item_id: int, turn: int) -> None:
    """To review; small things go straight to done."""
    work = cell.work(item_id)
    if work is None or work.turn != turn or work.status not in ("analysis", "doing", "waiting"):
        return
    who = assignee(cell, work)
    if cell.dice.random() < 0.12:
        finish(cell, at, work)
        return
    work.turn += 1
    reviewed = cell.workflow(work).reviewed
    more = {} if reviewed is None else {"resolution": reviewed}
    cell.act(at, who, work, role="review", **more)
    cell.schedule(cell.worktime(who, at, cell.hours(4, 0.9)), "judge", item_id, work.turn)


def judge(cell: Cell, at: int, item_id: int, turn: int) -> None:
    """The review's outcome: back to work, or done."""
    work = cell.work(item_id)
    if work is None or work.turn != turn or work.status != "review":
        return
    if cell.dice.random() < 0.1:
        work.turn += 1
        who = assignee(cell, work)
        cell.act(at, cell.member(work.team_id), work, role="doing", resolution=None)
        cell.schedule(cell.worktime(who, at, cell.hours(5)), "hand_over", item_id, work.turn)
    else:
        finish(cell, at, work)


def finish(cell: Cell, at: int, work: Work, **more: str | None) -> None:
    """Done. Sub-tasks that are still open are closed along, mostly."""
    team = cell.team(work.team_id)
    who = assignee(cell, work)
    item_id = work.item.item_id
    for child_id in work.children:
        child = cell.work(child_id)
        if child is not None and cell.is_open(child) and child.kind == "subtask" and cell.dice.random() < 0.8:
            _close_subtask(cell, at, child)
    work.turn += 1
    if work.item.current["release"] is None and cell.dice.random() < 0.5 and team.release:
        more["release"] = str(team.release)
    if (resolved := cell.workflow(work).resolved) is not None:
        more["resolution"] = resolved
    cell.act(at, who, work, role="done", **more)
    work.done_at = at
    if item_id in team.doing:
        team.doing.remove(item_id)
    team.recently_done = [*team.recently_done[-24:], item_id]
    team.done_this_month += 1
    if work.carried or work.reopened:
        team.troubled_this_month += 1
    if cell.dice.random() < 0.055:
        cell.schedule(cell.worktime(who, at, cell.hours(20)), "reopen", item_id, work.turn)
    if cell.dice.random() < 0.3:
        cell.schedule(at + cell.dice.randrange(4 * HOUR, 3 * DAY), "rate", item_id)
    if not team.team.is_scrum:
        cell.schedule(at + cell.dice.randrange(MINUTE, HOUR), "pull", work.team_id)


def drop(cell: Cell, at: int, work: Work, who: int) -> None:
    """Closed without being delivered: in Jira done with a resolution that says so, in Azure DevOps mostly Removed."""
    team = cell.team(work.team_id)
    work.turn += 1
    reason = cell.dice.choice(DROPPED[1:] if work.kind == "bug" else DROPPED[:2])
    if work.kind in cell.workflow(work).drops_as_done:
        cell.act(at, who, work, role="done", resolution=reason)
    else:
        cell.act(at, who, work, role="removed", resolution=None)
    work.done_at = at
    for listed in (team.backlog, team.doing):
        if work.item.item_id in listed:
            listed.remove(work.item.item_id)
    for child_id in work.children:
        child = cell.work(child_id)
        if child is not None and cell.is_open(child) and child.kind == "subtask":
            _close_subtask(cell, at, child)


def reopen(cell: Cell, at: int, item_id: int, turn: int) -> None:
    """It was not done after all. It goes on in this sprint, or back to the backlog."""
    work = cell.work(item_id)
    if work is None or work.turn != turn or work.status not in ("done", "removed"):
        return
    team = cell.team(work.team_id)
    who = cell.member(work.team_id)
    work.turn += 1
    work.reopened += 1
    work.done_at = None
    resumes = not team.team.is_scrum or team.active in work.sprints or cell.dice.random() < 0.6
    if not resumes or (team.team.is_scrum and not team.active):
        cell.act(at, who, work, role="new", resolution=None)
        team.backlog.insert(0, item_id)
        return
    if team.team.is_scrum and team.active not in work.sprints:
        if cell.dice.random() < 0.5:
            cell.put(at, who, work, team.active, role="doing", resolution=None)
        else:
            cell.act(at, who, work, role="doing", resolution=None)
            cell.schedule(cell.worktime(who, at, cell.hours(3)), "join", item_id, team.active)
    else:
        cell.act(at, who, work, role="doing", resolution=None)
    team.doing.append(item_id)
    cell.schedule(cell.worktime(who, at, cell.hours(8)), "hand_over", item_id, work.turn)


def join(cell: Cell, at: int, item_id: int, sprint_id: int) -> None:
    """The item is put into the sprint, if that has not ended, whatever state the item is in."""
    work = cell.work(item_id)
    if work is None or sprint_id in work.sprints or sprint_id not in cell.state.scribe.boards:
        return
    if cell.state.sprints[sprint_id].closed_at is None and work.team_id == cell.state.sprints[sprint_id].team_id:
        cell.put(at, cell.owner(work.team_id), work, sprint_id)


def _split(cell: Cell, at: int, work: Work, effort: float) -> None:
    for _ in range(cell.dice.choice((1, 2, 2, 3, 4))):
        cell.schedule(at, "subtask", work.item.item_id, max(1, int(effort / 3)))
        at += cell.dice.randrange(20_000, 4 * MINUTE)


def subtask(cell: Cell, at: int, parent_id: int, effort: int) -> None:
    parent = cell.work(parent_id)
    if parent is None or not cell.is_open(parent):
        return
    hours = max(1, round(cell.hours(effort, 0.5)))
    given: dict[str, str | None] = {"parent": str(parent_id), "remaining_hours": str(hours)}
    given["priority"] = parent.item.current["priority"]
    given["labels"] = cell.team(parent.team_id).team.label
    if not cell.is_jira and parent.sprints:
        given["sprint"] = str(parent.sprints[-1])
    work = cell.create(at, assignee(cell, parent), parent.team_id, "subtask", **given)
    who = cell.member(parent.team_id)
    cell.schedule(cell.worktime(who, at, cell.hours(2)), "begin_subtask", work.item.item_id, who)


def begin_subtask(cell: Cell, at: int, item_id: int, who: int) -> None:
    work = cell.work(item_id)
    if work is None or work.status != "new":
        return
    who = who if cell.is_here(who) else cell.member(work.team_id)
    cell.act(at, who, work, role="doing", assignee=str(who))
    hours = float(work.item.current["remaining_hours"] or 1)
    for part in (0.4, 0.75):
        cell.schedule(cell.worktime(who, at, hours * part), "burn", item_id, int(100 * (1 - part)))
    cell.schedule(cell.worktime(who, at, hours * cell.dice.uniform(0.7, 1.6)), "end_subtask", item_id)


def burn(cell: Cell, at: int, item_id: int, percent: int) -> None:
    """Remaining work is corrected; now and then upwards."""
    work = cell.work(item_id)
    if work is None or not cell.is_open(work):
        return
    initial = float(work.item.initial["remaining_hours"] or 1)
    left = round(2 * initial * percent / 100 * cell.dice.choice((0.8, 1, 1, 1.5))) / 2
    who = assignee(cell, work)
    spent = log_work(cell, at, work, who, max(0.5, round(initial * cell.dice.choice((0.5, 0.7, 0.9))) / 2))
    cell.act(at, who, work, remaining_hours=f"{left:g}", spent_hours=spent)


def end_subtask(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is not None and cell.is_open(work):
        _close_subtask(cell, at, work)


def _close_subtask(cell: Cell, at: int, work: Work) -> None:
    resolved = cell.workflow(work).resolved
    more: dict[str, str | None] = {} if resolved is None else {"resolution": resolved}
    who = assignee(cell, work)
    if left := float(work.item.current["remaining_hours"] or 0):
        more["spent_hours"] = log_work(cell, at, work, who, left)
    cell.act(at, who, work, role="done", remaining_hours="0", **more)
    work.done_at = at


def log_work(cell: Cell, at: int, work: Work, who: int, hours: float) -> str:
    """Somebody notes the hours worked; returns the new sum. Jira keeps each note, Azure DevOps the sum alone."""
    if cell.is_jira:
        started_at = to_datetime(at - int(hours * HOUR))
        work.item.worklogs.append(Worklog(cell.number("worklog"), to_datetime(at), who, started_at, hours))
    return f"{float(work.item.current['spent_hours'] or 0) + hours:g}"


HANDLERS = {
    "begin": begin,
    "analysed": analysed,
    "wait": wait,
    "resume": resume,
    "flag": flag,
    "unflag": unflag,
    "hand_over": hand_over,
    "judge": judge,
    "reopen": reopen,
    "join": join,
    "subtask": subtask,
    "begin_subtask": begin_subtask,
    "burn": burn,
    "end_subtask": end_subtask,
}
