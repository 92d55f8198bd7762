"""Puts a simulated Azure DevOps organisation into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from sandbox.model import Item, Site
from sandbox.render.azure_item import RenderedItem, WorkItems
from sandbox.render.azure_site import put_site
from sandbox.render.azure_words import Words
from sandbox.render.common import batched
from sandbox.store import Store

_CHUNK = 1_000
_ITEM = "insert into work_items values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REVISION = "insert into revisions (item_id, rev, changed, project, doc) values (?, ?, ?, ?, ?)"
_LINK = "insert into links (changed, source_id, item_id, kind, project, doc) values (?, ?, ?, ?, ?, ?)"


def render_all(store: Store, site: Site, items: Iterable[Item], version: int) -> None:
    """The first load. `version` of the organisation is noted last: without it the store is not whole."""
    words = Words(site)
    work_items = WorkItems(words)
    with store.transaction():
        put_site(store, site, words)
        for chunk in batched((item for item in items if not item.is_destroyed), _CHUNK):
            _put(store, [work_items.render(item) for item in chunk])
    store.build_indexes()
    store.set_meta("version", str(version))


def render_changes(
    store: Store, site: Site, items: Callable[[int | None], Iterable[Item]], before: int, version: int
) -> None:
    """What happened since version `before`: changed items again, destroyed ones away.

    `items` gives the items changed since a version, or all. An item's paths show today's names, so those that
    ever were in a renamed sprint are rendered again too.
    """
    words = Words(site)
    work_items = WorkItems(words)
    renamed = _renamed(msgspec.json.decode(store.meta("paths") or "{}", type=dict[str, str]), words.paths())
    with store.transaction():
        put_site(store, site, words)
        done: set[int] = set()
        for chunk in batched(items(before), _CHUNK):
            _replace(store, work_items, chunk)
            done |= {item.item_id for item in chunk}
        if renamed:
            shown = _showing(store, renamed)
            others = (
                item for item in items(None) if item.item_id not in done and (shown is None or item.item_id in shown)
            )
            for chunk in batched(others, _CHUNK):
                _replace(store, work_items, chunk)
        store.set_meta("version", str(version))


def _renamed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return [name for name, path in before.items() if now.get(name) != path]


def _showing(store: Store, renamed: list[str]) -> set[int] | None:
    """The items that show a renamed sprint; None: any item may, for something else was renamed."""
    if not all(name.startswith("sprint/") for name in renamed):
        return None
    numbers = [int(name.partition("/")[2]) for name in renamed]
    sql = "select item_id from item_sprints where sprint_id = ?"
    return {row[0] for number in numbers for row in store.rows(sql, (number,))}


def _replace(store: Store, work_items: WorkItems, items: Sequence[Item]) -> None:
    _forget(store, [item.item_id for item in items])
    _put(store, [work_items.render(item) for item in items if not item.is_destroyed])


def _put(store: Store, rendered: list[RenderedItem]) -> None:
    store.db.executemany(_ITEM, [item.row for item in rendered])
    store.db.executemany(
        _REVISION,
        [(item.row[0], one.rev, one.changed, one.project, one.document) for item in rendered for one in item.revisions],
    )
    store.db.executemany(
        _LINK,
        [
            (one.changed, one.source_id, item.row[0], one.kind, one.project, one.document)
            for item in rendered
            for one in item.links
        ],
    )
    store.db.executemany(
        "insert or ignore into item_sprints values (?, ?)",
        [(sprint, item.row[0]) for item in rendered for sprint in item.sprint_ids],
    )


def _forget(store: Store, numbers: list[int]) -> None:
    for table, column in (("work_items", "id"), ("revisions", "item_id"), ("links", "item_id")):
        places = ", ".join("?" * len(numbers))
        store.db.execute(f"delete from {table} where {column} in ({places})", numbers)  # noqa: S608 - our own names
