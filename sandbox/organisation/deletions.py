"""Items that are deleted, destroyed, restored, or moved out of sight."""

from __future__ import annotations

from sandbox.model import Change, ChangeSet, Project
from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import DAY, HOUR, MINUTE, local_day, to_datetime
from sandbox.organisation.lifecycle import usual_points
from sandbox.organisation.picking import any_of, no_longer_doing, on_board
from sandbox.organisation.plan import HIDDEN_PROJECT
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
    if cell.is_jira and _hidden_project(cell) and cell.dice.random() < 0.3:
        _hide(cell, at, work)
        return
    back = at + cell.dice.randrange(10 * MINUTE, 5 * HOUR)
    is_today = local_day(cell.zone, at) == local_day(cell.zone, back)
    if not cell.is_jira and is_today and cell.dice.random() < 0.4:
        _into_the_bin(cell, at, work)
        cell.schedule(back, "restore", work.item.item_id)
        return
    cell.delete(at, cell.owner(work.team_id), work)
    if not cell.is_jira and cell.dice.random() < 0.25:
        cell.schedule(at + cell.dice.randrange(HOUR, 4 * DAY), "destroy", work.item.item_id)


def _hidden_project(cell: Cell) -> Project | None:
    return cell.state.projects.get(HIDDEN_PROJECT)


def _hide(cell: Cell, at: int, work: Work) -> None:
    """Jira: it moves to a project that the account may not see. From outside that looks like a deletion."""
    number = cell.state.numbers[HIDDEN_PROJECT] = cell.state.numbers.get(HIDDEN_PROJECT, 0) + 1
    item, project = work.item, cell.state.projects[HIDDEN_PROJECT]
    key = f"{project.key}-{number}"
    moved = Change("project", item.current["project"], str(HIDDEN_PROJECT)), Change("key", item.key, key)
    cell.note(at, cell.owner(work.team_id), work, *moved)
    item.former_keys.append(item.key)
    item.key, item.hidden_at, work.deleted = key, to_datetime(at), True


def _into_the_bin(cell: Cell, at: int, work: Work) -> None:
    """Azure DevOps: deleted by mistake, for some hours of one day, so that no sprint starts or ends meanwhile."""
    work.aside = cell.scribe.set_aside(work.item.item_id)
    cell.delete(at, cell.owner(work.team_id), work)


def restore(cell: Cell, at: int, item_id: int, _: int) -> None:
    """Azure DevOps: back from the recycle bin, as if it had never been away; its history tells of both."""
    work = cell.state.work.get(item_id)
    if work is None or work.aside is None or work.item.deleted_at is None:
        return
    item, owner = work.item, cell.owner(work.team_id)
    item.history.append(
        ChangeSet(
            cell.number("change"), work.item.deleted_at, item.deleted_by or owner, [Change("deleted", None, "yes")]
        )
    )
    cell.scribe.put_back(work.aside)
    work.deleted = work.is_missed = False
    work.aside = item.deleted_at = item.deleted_by = None
    cell.note(at, owner, work, Change("deleted", "yes", None))
    work.turn += 1
    if work.status in ("doing", "waiting", "review"):
        work.status = "doing" if work.status == "waiting" else work.status
        what = "judge" if work.status == "review" else "hand_over"
        cell.schedule(cell.worktime(owner, at, cell.hours(6)), what, item_id, work.turn)
    elif work.status in ("new", "ready") and not work.sprints:
        cell.team(work.team_id).backlog.append(item_id)


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
    "restore": restore,
}
