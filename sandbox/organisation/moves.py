"""Items that go to another project, team or type, or are taken out of an old sprint's field."""

from __future__ import annotations

from sandbox.organisation.cell import Cell
from sandbox.organisation.lifecycle import assignee
from sandbox.organisation.picking import any_of, from_backlog, on_board
from sandbox.organisation.state import Work


def new_project(cell: Cell, at: int, team_id: int, _: int) -> None:
    """A backlog item goes to a team in another project of the same tool, and gets a new key."""
    mine = cell.team(team_id).team.project_id
    others = [other for other in cell.state.teams.values() if other.team.project_id != mine]
    work = from_backlog(cell, team_id)
    if work is None:
        return
    if work.children or any(sprint_id in cell.state.scribe.boards for sprint_id in work.sprints):
        cell.team(team_id).backlog.append(work.item.item_id)
        return
    target = cell.dice.choice(others)
    _hand_to(cell, at, work, target.team.team_id, sprint=None if not cell.is_jira else work.item.current["sprint"])
    target.backlog.append(work.item.item_id)


def new_team(cell: Cell, at: int, team_id: int, _: int) -> None:
    """An item goes to the other team of the project; in Azure DevOps also out of a running sprint."""
    project_id = cell.team(team_id).team.project_id
    others = [team.team.team_id for team in cell.state.teams.values() if team.team.project_id == project_id]
    others.remove(team_id)
    if not others:
        return
    target = cell.team(others[0])
    works = [] if cell.is_jira else [work for work in on_board(cell, team_id, "new", "ready") if not work.children]
    work = any_of(cell, works) or from_backlog(cell, team_id)
    if work is None or work.children or (cell.is_jira and any(s in cell.state.scribe.boards for s in work.sprints)):
        if work is not None:
            cell.team(team_id).backlog.append(work.item.item_id)
        return
    work.turn += 1
    if not cell.is_jira and work.sprints and cell.dice.random() < 0.5:
        _hand_to(cell, at, work, others[0])  # area path alone: still in the iteration, but no longer the team's
    else:
        sprint = str(target.active) if target.active and cell.dice.random() < 0.3 else None
        _hand_to(cell, at, work, others[0], sprint=work.item.current["sprint"] if cell.is_jira else sprint)
    target.backlog.append(work.item.item_id)


def _hand_to(cell: Cell, at: int, work: Work, team_id: int, **more: str | None) -> None:
    owner = cell.owner(work.team_id)
    old, new = cell.team(work.team_id).team, cell.team(team_id).team
    work.team_id = team_id
    if new.project_id != work.project_id:
        number = cell.state.numbers.get(new.project_id, 0) + 1
        cell.state.numbers[new.project_id] = number
        work.item.former_keys.append(work.item.key)
        work.item.key = f"{cell.state.projects[new.project_id].key}-{number}"
        work.project_id = new.project_id
        more.update(project=str(new.project_id), key=work.item.key, parent=None)
        if not cell.is_jira:  # perhaps of another process, with other types and states
            more.update(role=work.status, type=cell.workflow(work).types[work.kind])
    if cell.is_jira:
        labels = [label for label in (work.item.current["labels"] or "").split() if label != old.label]
        more["labels"] = " ".join([*labels, *([new.label] if new.label else [])]) or None
    else:
        more["team"] = str(team_id)
    cell.act(at, owner, work, **more)


def leaves_closed(cell: Cell, at: int, team_id: int, _: int) -> None:
    """Somebody clears an old sprint out of an item's field: that must not change the old sprint's figures."""
    if not cell.is_jira:
        return
    works = [work for item_id in cell.team(team_id).recently_done if (work := cell.work(item_id)) is not None]
    work = any_of(cell, [work for work in works if any(s not in cell.state.scribe.boards for s in work.sprints)])
    if work is not None:
        kept = [sprint_id for sprint_id in work.sprints if sprint_id in cell.state.scribe.boards]
        cell.act(at, cell.owner(team_id), work, sprint=",".join(map(str, kept)) or None)


def type_change(cell: Cell, at: int, team_id: int, _: int) -> None:
    works = [work for work in on_board(cell, team_id, "new", "ready", "doing") if work.kind in ("bug", "story")]
    work = any_of(cell, works)
    if work is not None:
        work.kind = "story" if work.kind == "bug" else "bug"
        cell.act(at, assignee(cell, work), work, type=cell.workflow(work).types[work.kind])


HANDLERS = {
    "new_project": new_project,
    "new_team": new_team,
    "leaves_closed": leaves_closed,
    "type_change": type_change,
}
