"""Teams without sprints: they pull the next item when there is room."""

from __future__ import annotations

from sandbox.organisation.cell import Cell
from sandbox.organisation.lifecycle import start, usual_points

WIP_LIMIT = 6


def pull(cell: Cell, at: int, team_id: int, _: int) -> None:
    team = cell.team(team_id)
    room = max(2, round(WIP_LIMIT * team.pace * cell.plan.pace)) - len(team.doing)
    for item_id in list(team.backlog):
        if room <= 0:
            return
        team.backlog.remove(item_id)
        work = cell.work(item_id)
        if work is None or not cell.is_open(work) or work.team_id != team_id:
            continue
        room -= 1
        if work.points is None and cell.dice.random() < 0.6:
            cell.act(at, cell.owner(team_id), work, points=usual_points(cell))
        start(cell, at, work)


HANDLERS = {"pull": pull}
