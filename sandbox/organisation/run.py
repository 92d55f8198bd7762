"""Simulating: cells one by one, or on all processors for a big organisation; results go into one file."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from sandbox.organisation import (
    backlog,
    corners,
    deletions,
    kanban,
    lifecycle,
    mishaps,
    moves,
    scrum,
    storage,
    surveys,
)
from sandbox.organisation.cell import Cell, Handler
from sandbox.organisation.clock import to_datetime, to_ms
from sandbox.organisation.flow_book import FlowBook
from sandbox.organisation.plan import Plan, plan_cell, plan_organisation
from sandbox.organisation.state import decode_cell, encode

HANDLERS: dict[str, Handler] = {
    **lifecycle.HANDLERS,
    **backlog.HANDLERS,
    **scrum.HANDLERS,
    **kanban.HANDLERS,
    **mishaps.HANDLERS,
    **moves.HANDLERS,
    **deletions.HANDLERS,
    **corners.HANDLERS,
    **surveys.HANDLERS,
}
ALONE = 6000  # up to so many items one process is quicker than starting others


class CellResult(msgspec.Struct):
    """What one cell's run changed, ready to be stored."""

    cell: int
    tool: str
    state: bytes
    parts: list[tuple[str, int, bytes]]
    items: list[tuple[int, str, bytes, bytes | None]]  # id, key, body, book
    answers: list[tuple[int, bytes]]
    sprints: list[tuple[int, bytes]]
    periods: list[tuple[int, str, bytes]]
    surveys: list[tuple[str, bytes]]


def run_cell(plan: Plan, cell_number: int, state: bytes | None, until: int) -> CellResult:
    """Take a cell up (or found it), let it live until the instant, and put it away."""
    was_enabled = gc.isenabled()
    gc.disable()  # a cell makes hardly any cycles, but millions of small objects
    try:
        cell = Cell(plan_cell(plan, cell_number), None if state is None else decode_cell(state))
        cell.handlers = HANDLERS
        cell.run(until)
        return _put_away(cell, until)
    finally:
        if was_enabled:
            gc.enable()


def _put_away(cell: Cell, now: int) -> CellResult:
    state, scribe = cell.state, cell.state.scribe
    cell.look(now)
    items = [(item_id, key, body, None if book is None else encode(book)) for item_id, key, body, book in cell.filed]
    for item_id, work in state.work.items():
        if work.is_dirty:
            card = scribe.cards.get(item_id)
            items.append((item_id, work.item.key, encode(work.item), None if card is None else encode(card.book())))
            work.is_dirty = False
        work.is_published = True
        work.is_missed = work.deleted
    ledgers = [*scribe.finished, *scribe.running.values()]
    sprints = [(ledger.sprint_id, encode(ledger.book(now))) for ledger in ledgers]
    scribe.finished = []
    periods = _periods(cell, now)
    parts = [
        *(("person", person.person_id, encode(person)) for person in cell.plan.people),
        *(("project", project_id, encode(project)) for project_id, project in state.projects.items()),
        *(("team", team_id, encode(team.team)) for team_id, team in state.teams.items()),
        *(("sprint", sprint_id, encode(sprint)) for sprint_id, sprint in state.sprints.items()),
        *(("release", release_id, encode(release)) for release_id, release in state.releases.items()),
    ]
    _forget_closed_sprints(cell)
    return CellResult(
        cell=cell.plan.cell,
        tool=cell.plan.tool.value,
        state=encode(state),
        parts=parts,
        items=items,
        answers=[(answer.answer_id, encode(answer)) for answer in cell.answers],
        sprints=sprints,
        periods=periods,
        surveys=[(key, encode(book)) for key, book in scribe.surveys.items()],
    )


def _periods(cell: Cell, now: int) -> list[tuple[int, str, bytes]]:
    """The filed cards' totals plus the cards that still hang on the walls."""
    scribe = cell.state.scribe
    flow = msgspec.msgpack.decode(encode(scribe.flow), type=FlowBook)
    for card in scribe.cards.values():
        flow.add(card, scribe.zone)
        flow.add_current_wip(card, scribe.zone, now)
    return [
        (total.team_id, f"{total.period_type}:{total.period_start.isoformat()}", encode(total))
        for total in flow.totals.values()
    ]


def _forget_closed_sprints(cell: Cell) -> None:
    """Closed sprints are in the file now."""
    state = cell.state
    kept = [number for number, sprint in state.sprints.items() if sprint.closed_at is None or number in state.reopening]
    state.sprints = {number: state.sprints[number] for number in kept}


def _unnoticed(more: int) -> None:
    """Nobody watches."""


def simulate(
    seed: int,
    items: int,
    until: datetime,
    home: Path,
    progress: Callable[[int], None] = _unnoticed,
    *,
    clock_stands: bool = False,
) -> None:
    """Found the organisation and let it live until `until` (aware). Replaces what `home` holds of an earlier one.

    `progress` is told how many more items there are, every now and then. `clock_stands`: its sites stay at `until`
    until somebody advances them.
    """
    home.mkdir(parents=True, exist_ok=True)
    path, building = home / storage.FILE_NAME, home / f"{storage.FILE_NAME}.building"
    building.unlink(missing_ok=True)
    plan = plan_organisation(seed, items, until)
    now = to_ms(until)
    with storage.opened(building, write=True) as connection:
        storage.create(connection)
        connection.execute("begin")
        for result in _results(run_cell, [(plan, cell, None, now) for cell in range(plan.cells)], items > ALONE):
            _store(connection, result, 1, is_new=True)
            progress(len(result.items))
        first = to_datetime(now)
        about = {"format": storage.FORMAT, "plan": plan, "now": now, "version": 1, "first_until": first}
        storage.put_about(connection, about | {"clock_stands": clock_stands})
        connection.execute("commit")
        storage.index(connection)
    building.replace(path)


def advance(home: Path, days: float) -> datetime:
    """Let the organisation live on for so many days; returns the new now."""
    with storage.opened(home / storage.FILE_NAME, write=True) as connection:
        about = storage.about(connection)
        plan = msgspec.convert(about["plan"], Plan)
        now = to_ms(to_datetime(msgspec.convert(about["now"], int)) + timedelta(days=days))
        version = msgspec.convert(about["version"], int) + 1
        connection.execute("pragma synchronous = normal")
        connection.execute("begin immediate")
        tasks = (
            (plan, cell, state, now)
            for cell, state in connection.execute("select cell, state from cells order by cell")
        )
        for result in _results(run_cell, tasks, plan.items > ALONE * 5):
            _store(connection, result, version, is_new=False)
        storage.put_about(connection, {"now": now, "version": version})
        connection.execute("commit")
    return to_datetime(now)


Task = tuple[Plan, int, bytes | None, int]


def _results(
    work: Callable[[Plan, int, bytes | None, int], CellResult], tasks: Iterable[Task], use_processes: bool
) -> Iterator[CellResult]:
    """Results in the order of the tasks; at most a few are under way, so that memory stays bounded."""
    if not use_processes:
        for task in tasks:
            yield work(*task)
        return
    workers = os.cpu_count() or 1
    pending = []
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task in tasks:
            pending.append(pool.submit(work, *task))
            if len(pending) > 2 * workers:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


def _store(connection: sqlite3.Connection, result: CellResult, version: int, *, is_new: bool) -> None:
    tool = result.tool
    items = [(tool, item_id, key, version, body) for item_id, key, body, _ in result.items]
    books = [(tool, item_id, book) for item_id, _, _, book in result.items if book is not None]
    if is_new:
        storage.insert(connection, "items", items)
        storage.insert(connection, "book_items", books)
    else:
        storage.replace(connection, "items", ("tool", "item_id"), items)
        storage.replace(connection, "book_items", ("tool", "item_id"), books)
    storage.insert(connection, "answers", [(answer_id, version, body) for answer_id, body in result.answers])
    storage.replace(connection, "cells", ("cell",), [(result.cell, result.state)])
    storage.replace(connection, "parts", ("tool", "kind", "id"), [(tool, *part) for part in result.parts])
    storage.replace(connection, "book_sprints", ("tool", "sprint_id"), [(tool, *row) for row in result.sprints])
    connection.execute(
        "delete from book_periods where tool = ? and team_id in (select value from json_each(?))",
        (tool, str(sorted({team_id for team_id, _, _ in result.periods}))),
    )
    storage.insert(connection, "book_periods", [(tool, *row) for row in result.periods])
    storage.replace(connection, "book_surveys", ("cell", "key"), [(result.cell, *row) for row in result.surveys])
