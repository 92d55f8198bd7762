"""Rendering a site for the first time: ranges of items, on all processors if there are many of them.

Workers read a range of items from the organisation, render and pack them, and hand over rows; this process
writes them. Rows of packed documents are small, so that handing them over costs little.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sandbox.keys import Keys
from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.packing import Packings
from sandbox.progress import Progress
from sandbox.render import azure_devops, jira
from sandbox.store import Rows, Store

_RANGE = 500  # items that a worker renders in one go
_SAMPLES = 48  # items, evenly spread, of which the dictionaries are made
Renderer = jira.Renderer | azure_devops.Renderer


@dataclass(frozen=True)
class _Task:
    """A range of items of one site: from `first` to `last`, ids, both included."""

    home: Path
    tool: Tool
    version: int
    dictionaries: tuple[tuple[str, bytes], ...]
    first: int
    last: int


def workers_for(items: int) -> int:
    """How many processes are worth their start: 1, this one, for a small organisation."""
    return (os.cpu_count() or 1) if items >= 20_000 else 1


def pool_for(items: int) -> ProcessPoolExecutor | None:
    """None: this process does it all. A process is started anew: a fork of a process with threads may hang."""
    workers = workers_for(items)
    if workers == 1:
        return None
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def load(home: Path, tool: Tool, store: Store, progress: Progress, pool: ProcessPoolExecutor | None) -> None:
    """Fills an empty store with a site as it stands. `version` of the organisation is noted last: then it is whole."""
    with Organisation(home) as organised:
        site, version = organised.site(tool), organised.version
        bounds = organised.ranges(tool, _RANGE)
        renderer = _renderer(home, tool, version)
        packings = renderer.packings(organised.item(tool, number) for number in _spread(bounds))
    store.set_packings(packings)
    dictionaries = tuple(packings.dictionaries.items())
    tasks = [_Task(home, tool, version, dictionaries, first, last) for first, last in bounds]
    with store.transaction():
        for count, rows in _rendered(tasks, pool):
            store.write(rows)
            progress(count)
    renderer.finish(store, site)
    store.set_meta("version", str(version))


def _spread(bounds: Sequence[tuple[int, int]]) -> list[int]:
    """Ids of a few items from all over the site."""
    ends = sorted({number for pair in bounds for number in pair})
    return ends[:: max(1, len(ends) // _SAMPLES)]


def _rendered(tasks: Sequence[_Task], pool: ProcessPoolExecutor | None) -> Iterator[tuple[int, Rows]]:
    """In the order of the tasks; a few are under way at any time, so that memory stays bounded."""
    if pool is None:
        yield from map(_render, tasks)
        return
    pending: list[Future[tuple[int, Rows]]] = []
    for task in tasks:
        pending.append(pool.submit(_render, task))
        if len(pending) > 3 * (os.cpu_count() or 1):
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()


def _render(task: _Task) -> tuple[int, Rows]:
    """How many items were in the range, and the rows for them."""
    renderer = _renderer(task.home, task.tool, task.version)
    items = list(_organisation(task.home, task.version).items(task.tool, first=task.first, last=task.last))
    return len(items), renderer.rows(items, _packings(task.dictionaries))


@lru_cache(maxsize=1)
def _organisation(home: Path, version: int) -> Organisation:  # noqa: ARG001 - a later version is opened anew
    return Organisation(home)


@lru_cache(maxsize=1)
def _renderer(home: Path, tool: Tool, version: int) -> Renderer:  # noqa: ARG001 - a later version is read anew
    with Organisation(home) as organised:
        site = organised.site(tool)
        return azure_devops.Renderer(site) if tool is Tool.AZURE_DEVOPS else jira.Renderer(site, Keys(organised, tool))


@lru_cache(maxsize=1)
def _packings(dictionaries: tuple[tuple[str, bytes], ...]) -> Packings:
    return Packings(dict(dictionaries))
