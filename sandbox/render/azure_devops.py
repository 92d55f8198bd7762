"""Puts a simulated Azure DevOps organisation into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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

    `items` gives the items changed since a version, or all. All are rendered again if a name in their paths changed.
    """
    words = Words(site)
    work_items = WorkItems(words)
    is_renamed = not _covers(words.signature(), store.meta("signature"))
    with store.transaction():
        put_site(store, site, words)
        for chunk in batched(items(None if is_renamed else before), _CHUNK):
            _forget(store, [item.item_id for item in chunk])
            _put(store, [work_items.render(item) for item in chunk if not item.is_destroyed])
        store.set_meta("version", str(version))


def _covers(now: str, before: str | None) -> bool:
    """Whether names only came, and none changed."""
    names = set(msgspec.json.decode(now, type=list[str]))
    return before is not None and set(msgspec.json.decode(before, type=list[str])) <= names


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


def _forget(store: Store, numbers: list[int]) -> None:
    for table, column in (("work_items", "id"), ("revisions", "item_id"), ("links", "item_id")):
        places = ", ".join("?" * len(numbers))
        store.db.execute(f"delete from {table} where {column} in ({places})", numbers)  # noqa: S608 - our own names
