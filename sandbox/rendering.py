"""From the simulated organisation to the stores of its sites: the first time, and after each advance."""

from __future__ import annotations

import multiprocessing
from array import array
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from filelock import FileLock

from sandbox import organisation
from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.render import azure_devops, jira
from sandbox.render.seeds import write_seeds
from sandbox.render.surveys import write_surveys
from sandbox.store import Store

_WORTH_A_PROCESS = 20_000  # items; below, starting one costs more than it saves
Say = Callable[[str], None]


def silent(text: str) -> None:
    """Says nothing."""


class SandboxError(Exception):
    """str() is one readable paragraph."""


def store_path(home: Path, tool: Tool) -> Path:
    return home / f"{tool.value}.sqlite"


def ensure(home: Path, seed: int, items: int, *, say: Say = silent) -> None:
    """Simulates the organisation if `home` holds none, and renders what is not rendered yet.

    Raises SandboxError if `home` holds an organisation of another seed.
    """
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "sandbox.lock"):
        if not (home / "organisation.sqlite").exists():
            say(f"Simulating {items:,} items (seed {seed}) …")
            organisation.simulate(seed, items, datetime.now(UTC), home)
        with Organisation(home) as organised:
            if organised.seed != seed:
                raise SandboxError(
                    f"{home} holds an organisation of seed {organised.seed}, not {seed}. Ask for that seed, or remove "
                    "the folder to have a new one simulated."
                )
        _render(home, items, say)


def advance(home: Path, days: int) -> datetime:
    """`days` more happen. A server that runs shows them at its next request. Returns the new present.

    Raises SandboxError if `home` holds no organisation.
    """
    if days < 1:
        raise SandboxError("Advance by at least one day.")
    if not (home / "organisation.sqlite").exists():
        raise SandboxError(f"There is no simulated organisation in {home} yet. `pmo sandbox serve` makes one.")
    with FileLock(home / "sandbox.lock"):
        organisation.advance(home, days)
        _render(home, 0, silent)
        with Organisation(home) as organised:
            return organised.now


def _render(home: Path, items: int, say: Say) -> None:
    with Organisation(home) as organised:
        sites = list(organised.sites())
        tools = [site.tool for site in sites]
        version = organised.version
        stale = [tool for tool in tools if _rendered_version(home, tool) != version]
        if stale:
            say(f"Rendering {', '.join(stale)} …")
        write_surveys(organised.answers(), home / "surveys")
        write_seeds(sites, home / "seeds")
    if items < _WORTH_A_PROCESS or len(stale) < 2:
        for tool in stale:
            _render_site(home, tool)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        list(pool.map(_render_site, [home] * len(stale), stale))


def _rendered_version(home: Path, tool: Tool) -> int:
    """0: not rendered. A store is put in its place only when it is whole."""
    path = store_path(home, tool)
    if not path.exists():
        return 0
    store = _store(path, tool)
    try:
        return int(store.meta("version") or 0)
    finally:
        store.close()


def _store(path: Path, tool: Tool, *, is_new: bool = False) -> Store:
    make = Store.azure_devops if tool is Tool.AZURE_DEVOPS else Store.jira
    return make(path, is_new=is_new)


def _render_site(home: Path, tool: Tool) -> None:
    with Organisation(home) as organised:
        before = _rendered_version(home, tool)
        if before == 0:
            _first_time(home, tool, organised)
            return
        store = _store(store_path(home, tool), tool)
        try:
            site, items = organised.site(tool), partial(organised.items, tool)
            if tool is Tool.AZURE_DEVOPS:
                azure_devops.render_changes(store, site, items, before, organised.version)
            else:
                jira.render_changes(store, site, Keys(organised, tool), items(before), organised.version)
        finally:
            store.close()


def _first_time(home: Path, tool: Tool, organised: Organisation) -> None:
    path = store_path(home, tool)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    store = _store(unfinished, tool, is_new=True)
    site, items = organised.site(tool), organised.items(tool)
    if tool is Tool.AZURE_DEVOPS:
        azure_devops.render_all(store, site, items, organised.version)
    else:
        jira.render_all(store, site, Keys(organised, tool), items, organised.version)
    store.close()
    unfinished.replace(path)


class Keys(Mapping[int, str]):
    """Issue keys by item id, without those deleted: 8 bytes an item, for a million of them must fit."""

    def __init__(self, organised: Organisation, tool: Tool) -> None:
        self._projects: list[str] = []
        numbers: dict[str, int] = {}
        self._packed = array("Q")
        for item_id, key in organised.keys(tool):
            prefix, _, number = key.rpartition("-")
            if prefix not in numbers:
                numbers[prefix] = len(self._projects)
                self._projects.append(prefix)
            if item_id >= len(self._packed):
                self._packed.extend([0] * (item_id + 1 - len(self._packed)))
            self._packed[item_id] = numbers[prefix] << 40 | int(number)

    def __getitem__(self, item_id: int) -> str:
        packed = self._packed[item_id] if 0 <= item_id < len(self._packed) else 0
        if not packed:
            raise KeyError(item_id)
        return f"{self._projects[packed >> 40]}-{packed & (1 << 40) - 1}"

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, int) and 0 <= item_id < len(self._packed) and self._packed[item_id] != 0

    def __iter__(self) -> Iterator[int]:
        return (item_id for item_id, packed in enumerate(self._packed) if packed)

    def __len__(self) -> int:
        return sum(1 for _ in self)
