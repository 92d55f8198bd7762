"""Picking items out of a team's board or backlog."""

from __future__ import annotations

from sandbox.organisation.cell import Cell
from sandbox.organisation.state import Work


def on_board(cell: Cell, team_id: int, *statuses: str) -> list[Work]:
    """Items of the running sprint in one of these states, sub-tasks apart."""
    active = cell.team(team_id).active
    if not active:
        return []
    items = [cell.work(item_id) for item_id in cell.state.scribe.boards[active]]
    return [work for work in items if work and work.kind != "subtask" and work.status in statuses]


def any_of(cell: Cell, works: list[Work]) -> Work | None:
    return cell.dice.choice(works) if works else None


def from_backlog(cell: Cell, team_id: int) -> Work | None:
    """An open item of the team's backlog, taken off it."""
    team = cell.team(team_id)
    for item_id in team.backlog[:8]:
        work = cell.work(item_id)
        if work is not None and cell.is_open(work) and work.team_id == team_id:
            team.backlog.remove(item_id)
            return work
    return None


def no_longer_doing(cell: Cell, team_id: int, work: Work) -> None:
    doing = cell.team(team_id).doing
    if work.item.item_id in doing:
        doing.remove(work.item.item_id)
