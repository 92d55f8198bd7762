"""Corners of the tools: what they allow, and few expect."""

from __future__ import annotations

from sandbox.model import Change, Comment
from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import to_datetime
from sandbox.organisation.lifecycle import usual_points
from sandbox.organisation.picking import any_of, on_board


def created_doing(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Somebody writes down what he is at already: created in progress, in the running sprint or outside of it."""
    team, who = cell.team(team_id), cell.member(team_id)
    sprint = str(team.active) if team.active and cell.dice.random() < 0.7 else None
    points = usual_points(cell) if cell.dice.random() < 0.5 else None
    kind = "bug" if cell.dice.random() < 0.5 else "task"
    work = cell.create(at, who, team_id, kind, role="doing", assignee=str(who), sprint=sprint, points=points)
    team.doing.append(work.item.item_id)
    cell.schedule(cell.worktime(who, at, cell.hours(8)), "hand_over", work.item.item_id, work.turn)


def two_sprints(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Jira: an item of the running sprint is put into a second open one: the team's next, or another team's."""
    team = cell.team(team_id)
    work = any_of(cell, on_board(cell, team_id, "new", "ready", "doing"))
    if not cell.is_jira or work is None or work.team_id != team_id:
        return
    running = [other.active for other in cell.state.teams.values() if other.team.project_id == team.team.project_id]
    others = [sprint_id for sprint_id in (team.future, *running) if sprint_id and sprint_id not in work.sprints]
    if others:
        both = sorted({*work.sprints, cell.dice.choice(others)})
        cell.act(at, cell.owner(team_id), work, sprint=",".join(map(str, both)))


def comment(cell: Cell, at: int, item_id: int, _: int) -> None:
    """Jira: the item counts as updated, its history says nothing. Azure DevOps: one more revision."""
    work = cell.work(item_id)
    if work is None:
        return
    item, who = work.item, cell.member(work.team_id)
    before, item.comment_count = item.comment_count, item.comment_count + 1
    item.comments.append(Comment(cell.number("comment"), to_datetime(at), who))
    if cell.is_jira:
        cell.touch(at, work)
    else:
        cell.note(at, who, work, Change("comments", str(before) if before else None, str(item.comment_count)))


def drop_status(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Jira: a status goes out of the workflow; whatever is in it is moved on first, item by item."""
    for work in list(cell.state.work.values()):
        if work.team_id == team_id and work.status == "analysis" and not work.deleted:
            cell.act(at, cell.owner(team_id), work, role="doing")


HANDLERS = {
    "created_doing": created_doing,
    "two_sprints": two_sprints,
    "comment": comment,
    "drop_status": drop_status,
}
