"""From the simulated organisation to the stores of its sites: the first time, and after each advance."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from filelock import FileLock

from sandbox import model, organisation, packing, render, telling
from sandbox import store as store_module
from sandbox.first_load import load, pool_for
from sandbox.keys import Keys
from sandbox.model import Tool
from sandbox.organisation import Organisation, OutdatedError
from sandbox.progress import Progress, Say, silent
from sandbox.render import azure_devops, jira
from sandbox.render.seeds import write_seeds
from sandbox.render.surveys import write_surveys
from sandbox.store import Store
from sandbox.story import StoryError

USUAL_SEED, USUAL_ITEMS = 1, 2_000

__all__ = ["SandboxError", "Say", "advance", "ensure", "silent", "store_path"]


class SandboxError(Exception):
    """str() is one readable paragraph."""


def store_path(home: Path, tool: Tool) -> Path:
    return home / f"{tool.value}.sqlite"


def ensure(
    home: Path,
    seed: int | None = None,
    items: int | None = None,
    *,
    now: datetime | None = None,
    story: Path | None = None,
    say: Say = silent,
) -> None:
    """Simulates the organisation if `home` holds none, and renders what is not rendered yet.

    `seed` and `items` None: those of the organisation that is there, else USUAL_SEED and USUAL_ITEMS.
    `now` (aware): a new organisation has lived until then, and its clock stands there; None: until today.
    `story`: a file that tells what happened instead (`story.py`).
    Raises SandboxError if `home` holds an organisation of another seed, size or story, one whose clock goes though
    `now` is given, or one of an earlier version.
    """
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "sandbox.lock"):
        if story is not None:
            _tell(story, home)
        elif not (home / "organisation.sqlite").exists():
            _simulate(home, USUAL_SEED if seed is None else seed, USUAL_ITEMS if items is None else items, now, say)
        with _opened(home) as organised:
            there, stands = (organised.seed, organised.size), organised.clock_stands
        asked = (there[0] if seed is None else seed, there[1] if items is None else items)
        if asked != there:
            raise SandboxError(
                f"{home} holds an organisation of {there[1]:,} items with seed {there[0]}, not of {asked[1]:,} with "
                f"seed {asked[0]}. Leave --items and --seed out to go on with it, or remove the folder to have a new "
                "one simulated."
            )
        if now is not None and not stands:
            raise SandboxError(
                f"{home} holds an organisation whose clock goes on. Leave --now out, or remove the folder to have "
                "a new one simulated."
            )
        _render(home, say)


def _simulate(home: Path, seed: int, items: int, now: datetime | None, say: Say) -> None:
    say(f"Simulating {items:,} items (seed {seed}) …")
    progress = Progress(say, "Simulated", items)
    organisation.simulate(seed, items, now or datetime.now(UTC), home, progress, clock_stands=now is not None)
    progress.end()


def _tell(story: Path, home: Path) -> None:
    try:
        telling.tell(story, home)
    except (StoryError, OutdatedError) as error:
        raise SandboxError(str(error)) from error


def advance(home: Path, days: int) -> datetime:
    """`days` more happen. A server that runs shows them at its next request. Returns the new present.

    Raises SandboxError if `home` holds no organisation, or one of an earlier version.
    """
    if days < 1:
        raise SandboxError("Advance by at least one day.")
    if not (home / "organisation.sqlite").exists():
        raise SandboxError(f"There is no simulated organisation in {home} yet. `pmo sandbox serve` makes one.")
    with FileLock(home / "sandbox.lock"):
        _opened(home).close()
        if story := telling.told_in(home):
            telling.advance(home, story, days)
        else:
            organisation.advance(home, days)
        _render(home, silent)
        with _opened(home) as organised:
            return organised.now


def _opened(home: Path) -> Organisation:
    try:
        return Organisation(home)
    except OutdatedError as error:
        raise SandboxError(
            f"{error} Its teams cannot live on in this version. Remove the folder {home} to have a new organisation "
            "simulated; what was extracted from the old one belongs to it, so start with an empty PMO_HOME then."
        ) from error


def _render(home: Path, say: Say) -> None:
    with _opened(home) as organised:
        sites = organised.sites()
        new = [site.tool for site in sites if _rendered_version(home, site.tool) == 0]
        stale = [site.tool for site in sites if _rendered_version(home, site.tool) not in (0, organised.version)]
        total = sum(organised.item_count(tool) for tool in new)
        write_surveys(organised.answers(), home / "surveys")
        write_seeds(sites, home / "seeds")
    if new or stale:
        say(f"Rendering {', '.join([*new, *stale])} …")
    for tool in stale:
        _render_changes(home, tool)
    _first_time(home, new, total, say)


def _rendered_version(home: Path, tool: Tool) -> int:
    """0: not rendered, or by another version of this program. A store is put in its place only when it is whole."""
    path = store_path(home, tool)
    if not path.exists():
        return 0
    # Not by way of Store: the tables may be those of another version.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            meta = dict(connection.execute("select name, value from meta"))
        except sqlite3.DatabaseError:
            return 0
    return int(meta.get("version", 0)) if meta.get("made_by") == made_by() else 0


@cache
def made_by() -> str:
    """What stands for the code that makes documents: if any of it changes, they are made anew."""
    files = [Path(str(module.__file__)) for module in (model, packing, store_module)]
    files += sorted(Path(str(render.__file__)).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _store(path: Path, tool: Tool, *, is_new: bool = False) -> Store:
    make = Store.azure_devops if tool is Tool.AZURE_DEVOPS else Store.jira
    return make(path, is_new=is_new)


def _render_changes(home: Path, tool: Tool) -> None:
    before = _rendered_version(home, tool)
    store = _store(store_path(home, tool), tool)
    try:
        with _opened(home) as organised:
            site, items = organised.site(tool), partial(organised.items, tool)
            if tool is Tool.AZURE_DEVOPS:
                azure_devops.render_changes(store, site, items, before, organised.version)
            else:
                jira.render_changes(store, site, Keys(organised, tool), items, before, organised.version)
    finally:
        store.close()


def _first_time(home: Path, tools: Sequence[Tool], items: int, say: Say) -> None:
    """Each site into a new file, which takes its place when it is whole."""
    if not tools:
        return
    progress = Progress(say, "Rendered", items)
    pool = pool_for(items)
    with pool or nullcontext():
        for tool in tools:
            _load(home, tool, progress, pool)
    progress.end()


def _load(home: Path, tool: Tool, progress: Progress, pool: ProcessPoolExecutor | None) -> None:
    path = store_path(home, tool)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    store = _store(unfinished, tool, is_new=True)
    try:
        store.set_meta("made_by", made_by())
        load(home, tool, store, progress, pool)
    finally:
        store.close()
    for suffix in ("-wal", "-shm"):  # of an earlier store: they do not fit the new one
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    unfinished.replace(path)
