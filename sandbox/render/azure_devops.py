"""Puts a simulated Azure DevOps organisation into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from sandbox.model import Item, Site
from sandbox.packing import Packings, dictionary_of
from sandbox.render.azure_item import RenderedItem, WorkItems
from sandbox.render.azure_site import put_site
from sandbox.render.azure_words import Words
from sandbox.render.common import batched, people_in
from sandbox.store import Rows, Store

_CHUNK = 1_000
_ITEM = "insert into work_items values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REVISION = "insert into packed_revisions (item_id, rev, changed, project, doc) values (?, ?, ?, ?, ?)"
_SPRINT = "insert or ignore into item_sprints values (?, ?)"
_LINK = "insert into packed_links (changed, source_id, item_id, kind, project, doc) values (?, ?, ?, ?, ?, ?)"


class Renderer:
    """Renders the work items of a site; the same in every process that shares the work."""

    def __init__(self, site: Site) -> None:
        self.words = Words(site)
        self._work_items = WorkItems(self.words)

    def work_items(self, items: Iterable[Item]) -> list[RenderedItem]:
        """Those that are there, be it in the recycle bin."""
        return [self._work_items.render(item) for item in items if not item.is_gone]

    def rows(self, items: Iterable[Item], packings: Packings) -> Rows:
        return _rows(self.work_items(items), packings)

    def packings(self, items: Iterable[Item]) -> Packings:
        rendered = self.work_items(items)
        revisions = [revision.document for item in rendered for revision in item.revisions[-2:]]
        links = [link.document for item in rendered for link in item.links]
        return Packings({"revision": dictionary_of(revisions), "link": dictionary_of(links)})

    def finish(self, store: Store, site: Site) -> None:
        """What a first load has to do when all work items are written."""
        with store.transaction():
            put_site(store, site, self.words)
        store.build_indexes()


_paths = msgspec.json.Decoder(dict[str, str])


def render_changes(
    store: Store, site: Site, items: Callable[[int | None], Iterable[Item]], before: int, version: int
) -> None:
    """What happened since version `before`: changed items again, destroyed ones away.

    `items` gives the items changed since a version, or all. Revisions show today's names of
    sprints and people, so items that ever showed a renamed one are rendered again too.
    """
    renderer = Renderer(site)
    words = renderer.words
    renamed = _renamed(_paths.decode(store.meta("paths") or "{}"), words.paths())
    with store.transaction():
        put_site(store, site, words)
        done: set[int] = set()
        for chunk in batched(items(before), _CHUNK):
            _replace(store, renderer, chunk)
            done |= {item.item_id for item in chunk}
        if renamed:
            shows = _showing(store, renamed)
            others = (item for item in items(None) if item.item_id not in done and shows(item))
            for chunk in batched(others, _CHUNK):
                _replace(store, renderer, chunk)
        store.set_meta("version", str(version))


def _renamed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return [name for name, path in before.items() if now.get(name) != path]


def _showing(store: Store, renamed: list[str]) -> Callable[[Item], bool]:
    """Says of an item whether it shows a renamed sprint or person, or may show something else that was renamed."""
    numbers: dict[str, set[int]] = {"sprint": set(), "person": set()}
    for name in renamed:
        kind, _, number = name.partition("/")
        numbers.setdefault(kind, set()).add(int(number))
    sql = "select item_id from item_sprints where sprint_id = ?"
    in_sprint = {row[0] for number in numbers.pop("sprint") for row in store.rows(sql, (number,))}
    people = numbers.pop("person")
    if numbers:
        return lambda _: True
    return lambda item: item.item_id in in_sprint or not people.isdisjoint(people_in(item))


def _replace(store: Store, renderer: Renderer, items: Sequence[Item]) -> None:
    _forget(store, [item.item_id for item in items])
    store.write(renderer.rows(items, store.packings))


def _rows(rendered: Sequence[RenderedItem], packings: Packings) -> Rows:
    revision, link = packings["revision"].pack, packings["link"].pack
    return {
        _ITEM: [item.row for item in rendered],
        _REVISION: [
            (item.row[0], one.rev, one.changed, one.project, revision(one.document))
            for item in rendered
            for one in item.revisions
        ],
        _LINK: [
            (one.changed, one.source_id, item.row[0], one.kind, one.project, link(one.document))
            for item in rendered
            for one in item.links
        ],
        _SPRINT: [(sprint, item.row[0]) for item in rendered for sprint in item.sprint_ids],
    }


def _forget(store: Store, numbers: list[int]) -> None:
    for table, column in (("work_items", "id"), ("packed_revisions", "item_id"), ("packed_links", "item_id")):
        places = ", ".join("?" * len(numbers))
        store.db.execute(f"delete from {table} where {column} in ({places})", numbers)  # noqa: S608 - our own names
