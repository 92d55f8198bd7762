"""What does not go by the book. Every corner of the KPI contract's sprint rules happens here, sooner or later.

At a sprint's start the team's mishaps are thrown; each comes to pass at its own time if it still can.
"""

from __future__ import annotations

from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import DAY, HOUR, MINUTE, to_ms
from sandbox.organisation.lifecycle import drop, finish, start, usual_points
from sandbox.organisation.picking import any_of, from_backlog, no_longer_doing, on_board
from sandbox.organisation.workflow import DROPPED

# How often a sprint of a usual team has it.
CHANCES = {
    "late_addition": 0.9,
    "second_addition": 0.5,
    "urgent_bug": 0.6,
    "take_out": 0.45,
    "out_and_back": 0.3,
    "done_outside": 0.2,
    "put_in_done": 0.2,
    "created_done": 0.2,
    "done_too_early": 0.2,
    "in_and_out": 0.2,
    "given_up": 0.35,
    "estimate_again": 0.9,
    "estimate_lost": 0.1,
    "late_verdict": 0.12,
    "old_item_back": 0.3,
    "cancelled_back": 0.12,
    "deletion": 0.25,
    "new_project": 0.2,
    "new_team": 0.15,
    "leaves_closed": 0.12,
    "type_change": 0.15,
    "created_doing": 0.2,
    "two_sprints": 0.2,
}


def throw_mishaps(cell: Cell, at: int, team_id: int, length: float) -> None:
    scale = min(1.0, cell.team(team_id).pace * cell.plan.pace)
    for what, chance in CHANCES.items():
        if cell.dice.random() < chance * scale:
            hours = cell.dice.uniform(1, 0.85 * length)
            cell.schedule(cell.worktime(cell.member(team_id), at, hours), what, team_id)


def late_addition(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Scope grows while the sprint runs."""
    active = cell.team(team_id).active
    work = from_backlog(cell, team_id) if active else None
    if work is not None:
        if work.points is None and cell.dice.random() < 0.7:
            cell.act(at, cell.member(team_id), work, points=usual_points(cell))
        cell.schedule(at + cell.dice.randrange(1, 10 * MINUTE), "take", work.item.item_id, active)


def urgent_bug(cell: Cell, at: int, team_id: int, _: int) -> None:
    """A bug is created right in the running sprint; now and then with an estimate."""
    team = cell.team(team_id)
    if team.active:
        points = usual_points(cell) if cell.dice.random() < 0.5 else None
        who = cell.member(team_id)
        work = cell.create(at, who, team_id, "bug", sprint=str(team.active), points=points)
        cell.schedule(cell.worktime(who, at, cell.hours(2)), "begin", work.item.item_id, work.turn)


def take_out(cell: Cell, at: int, team_id: int, _: int) -> None:
    work = any_of(cell, on_board(cell, team_id, "new", "ready", "doing"))
    if work is not None:
        work.turn += 1
        more = {"role": "new"} if work.status == "doing" and cell.dice.random() < 0.5 else {}
        cell.put(at, cell.owner(team_id), work, None, **more)
        no_longer_doing(cell, team_id, work)
        if work.status in ("new", "ready"):
            cell.team(team_id).backlog.append(work.item.item_id)


def out_and_back(cell: Cell, at: int, team_id: int, _: int) -> None:
    work = any_of(cell, on_board(cell, team_id, "new", "ready"))
    active = cell.team(team_id).active
    if work is not None:
        cell.put(at, cell.owner(team_id), work, None)
        back = cell.worktime(cell.owner(team_id), at, cell.hours(8))
        cell.schedule(back, "join", work.item.item_id, active)
        cell.schedule(back + cell.dice.randrange(HOUR, 3 * DAY), "begin", work.item.item_id, work.turn)


def done_outside(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Taken out of the sprint, finished outside, put back in."""
    work = any_of(cell, on_board(cell, team_id, "doing", "review", "new"))
    active = cell.team(team_id).active
    if work is not None:
        work.turn += 1
        owner = cell.owner(team_id)
        cell.put(at, owner, work, None)
        no_longer_doing(cell, team_id, work)
        finished = cell.worktime(owner, at, cell.hours(5))
        cell.schedule(finished, "finish_quietly", work.item.item_id, work.turn)
        cell.schedule(cell.worktime(owner, finished, cell.hours(3)), "join", work.item.item_id, active)


def finish_quietly(cell: Cell, at: int, item_id: int, turn: int) -> None:
    work = cell.work(item_id)
    if work is not None and work.turn == turn and cell.is_open(work):
        finish(cell, at, work)


def put_in_done(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Put into the sprint and set to done in one go."""
    active = cell.team(team_id).active
    work = from_backlog(cell, team_id) if active else None
    if work is not None:
        finish(cell, at, work, sprint=cell.sprint_field(work, active))


def created_done(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Somebody writes down afterwards what he has done."""
    active = cell.team(team_id).active
    if active:
        points = usual_points(cell) if cell.dice.random() < 0.6 else None
        work = cell.create(
            at,
            cell.member(team_id),
            team_id,
            "task",
            sprint=str(active),
            points=points,
            role="done",
            resolution=cell.workflow_at(cell.team(team_id).team.project_id).resolved,
        )
        work.done_at = at
        cell.team(team_id).recently_done.append(work.item.item_id)
        if cell.dice.random() < 0.2:
            cell.schedule(cell.worktime(cell.owner(team_id), at, cell.hours(9)), "reopen", work.item.item_id, work.turn)


def done_too_early(cell: Cell, at: int, team_id: int, _: int) -> None:
    """An item of the coming sprint is finished before that starts; perhaps it comes back in it."""
    future = cell.team(team_id).future
    if not future:
        return
    items = [cell.work(item_id) for item_id in cell.state.scribe.boards[future]]
    work = any_of(cell, [work for work in items if work and work.kind != "subtask" and work.status in ("new", "ready")])
    if work is None:
        work = from_backlog(cell, team_id)
        if work is None:
            return
        cell.put(at, cell.owner(team_id), work, future)
    who = cell.member(team_id)
    if cell.dice.random() < 0.5:
        start(cell, at, work)
        work.turn += 1
    cell.schedule(cell.worktime(who, at, cell.hours(4)), "finish_quietly", work.item.item_id, work.turn)
    if cell.dice.random() < 0.5:
        begin = max(at, to_ms(cell.state.sprints[future].planned_start_at))
        again = cell.worktime(who, begin, cell.dice.uniform(4, 40))
        cell.schedule(again, "reopen", work.item.item_id, work.turn + 1)


def in_and_out(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Put in and taken out again."""
    active = cell.team(team_id).active
    work = from_backlog(cell, team_id) if active else None
    if work is not None:
        cell.put(at, cell.owner(team_id), work, active)
        out = cell.worktime(cell.owner(team_id), at, cell.hours(6))
        cell.schedule(out, "leave", work.item.item_id, active)


def leave(cell: Cell, at: int, item_id: int, sprint_id: int) -> None:
    work = cell.work(item_id)
    if work is None or sprint_id not in work.sprints or sprint_id not in cell.state.scribe.boards:
        return
    if cell.state.sprints[sprint_id].closed_at is None:
        cell.put(at, cell.owner(work.team_id), work, None)
        if cell.is_open(work):
            cell.team(work.team_id).backlog.append(item_id)


def given_up(cell: Cell, at: int, team_id: int, _: int) -> None:
    work = any_of(cell, on_board(cell, team_id, "new", "ready", "doing", "waiting"))
    if work is not None:
        drop(cell, at, work, cell.owner(team_id))


def estimate_again(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Another number, also on finished work."""
    work = any_of(cell, on_board(cell, team_id, "new", "ready", "doing", "review", "done"))
    if work is not None:
        cell.act(at, cell.member(team_id), work, points=usual_points(cell))


def estimate_lost(cell: Cell, at: int, team_id: int, _: int) -> None:
    work = any_of(cell, on_board(cell, team_id, "new", "ready", "doing"))
    if work is not None:
        cell.act(at, cell.member(team_id), work, points=None)


def late_verdict(cell: Cell, at: int, team_id: int, _: int) -> None:
    """The resolution of a finished item is corrected: it was a duplicate after all."""
    work = any_of(cell, on_board(cell, team_id, "done"))
    if work is not None and cell.stage(work) == "done" and cell.workflow(work).has_resolutions:
        work.turn += 1
        cell.act(at, cell.owner(team_id), work, resolution=DROPPED[1])


def old_item_back(cell: Cell, at: int, team_id: int, _: int) -> None:
    """An item that an earlier sprint finished is re-opened."""
    team = cell.team(team_id)
    works = [work for item_id in team.recently_done if (work := cell.work(item_id)) is not None]
    work = any_of(cell, [work for work in works if work.status == "done" and team.active not in work.sprints])
    if work is not None:
        cell.schedule(at, "reopen", work.item.item_id, work.turn)


def cancelled_back(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Given up in this sprint, and wanted again some days later."""
    work = any_of(cell, on_board(cell, team_id, "new", "ready"))
    if work is not None:
        drop(cell, at, work, cell.owner(team_id))
        again = cell.worktime(cell.owner(team_id), at, cell.hours(9))
        cell.schedule(again, "reopen", work.item.item_id, work.turn)


HANDLERS = {
    "late_addition": late_addition,
    "second_addition": late_addition,
    "urgent_bug": urgent_bug,
    "take_out": take_out,
    "out_and_back": out_and_back,
    "done_outside": done_outside,
    "finish_quietly": finish_quietly,
    "put_in_done": put_in_done,
    "created_done": created_done,
    "done_too_early": done_too_early,
    "in_and_out": in_and_out,
    "leave": leave,
    "given_up": given_up,
    "estimate_again": estimate_again,
    "estimate_lost": estimate_lost,
    "late_verdict": late_verdict,
    "old_item_back": old_item_back,
    "cancelled_back": cancelled_back,
}
