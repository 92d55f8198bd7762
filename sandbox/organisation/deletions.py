"""Items that are deleted, and some that are destroyed."""

from __future__ import annotations

from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import DAY, HOUR
from sandbox.organisation.lifecycle import usual_points
from sandbox.organisation.picking import any_of, no_longer_doing, on_board
from sandbox.organisation.state import Work


def deletion(cell: Cell, at: int, team_id: int, _: int) -> None:
    """An item without children is deleted; in Azure DevOps some are destroyed later.

    In Jira it is one that was created in a sprint, if need be a new one by mistake: of others nobody could say
    afterwards on whose board they had been, as a filter does not hold what is gone.
    """
    if cell.is_jira:
        listed = [
            work for work in on_board(cell, team_id, "new", "ready", "doing", "done") if work.item.initial["sprint"]
        ]
        if not listed or cell.dice.random() < 0.5:
            _mistake(cell, at, team_id)
            return
    elif cell.dice.random() < 0.4:
        listed = on_board(cell, team_id, "new", "ready", "doing", "done")
    else:
        listed = [work for item_id in cell.team(team_id).backlog if (work := cell.work(item_id)) is not None]
    work = any_of(cell, [work for work in listed if not work.children])
    if work is not None:
        _delete(cell, at, work)


def _mistake(cell: Cell, at: int, team_id: int) -> None:
    active = cell.team(team_id).active
    if active:
        who = cell.member(team_id)
        work = cell.create(at, who, team_id, "task", sprint=str(active), points=usual_points(cell))
        cell.schedule(cell.worktime(who, at, cell.hours(10)), "take_back", work.item.item_id)


def take_back(cell: Cell, at: int, item_id: int, _: int) -> None:
    work = cell.work(item_id)
    if work is not None and not work.children:
        _delete(cell, at, work)


def _delete(cell: Cell, at: int, work: Work) -> None:
    no_longer_doing(cell, work.team_id, work)
    cell.delete(at, cell.owner(work.team_id), work)
    if not cell.is_jira and cell.dice.random() < 0.25:
        cell.schedule(at + cell.dice.randrange(HOUR, 4 * DAY), "destroy", work.item.item_id)


def destroy(cell: Cell, at: int, item_id: int, __: int) -> None:
    """Out of the recycle bin too. What outsiders know of is not destroyed before they have seen it in the bin."""
    work = cell.state.work.get(item_id)
    if work is None:
        return
    if work.is_published and not work.is_missed:
        cell.schedule(at + DAY, "destroy", item_id)
    else:
        work.item.is_destroyed = work.is_dirty = True


HANDLERS = {
    "deletion": deletion,
    "take_back": take_back,
    "destroy": destroy,
}
