"""Puts a simulated Jira site into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from sandbox.model import Item, Site
from sandbox.packing import Packings
from sandbox.render.common import Clock, batched
from sandbox.render.jira_item import Issues, RenderedIssue
from sandbox.render.jira_site import put_site
from sandbox.render.jira_stored import (
    CHUNK,
    forget_issues,
    linked_with,
    packings_of,
    put_issues,
    refresh_looks,
    rows_of,
    show_links,
)
from sandbox.render.jira_words import Words
from sandbox.store import Rows, Store


class Renderer:
    """Renders the items of a Jira site; the same in every process that shares the work."""

    def __init__(self, site: Site, keys: Mapping[int, str]) -> None:
        self.words = Words(site, Clock(ZoneInfo(site.account_time_zone)))
        self._issues = Issues(self.words, keys)

    def issues(self, items: Iterable[Item]) -> list[RenderedIssue]:
        """Those that are there."""
        return [self._issues.render(item) for item in items if item.deleted_at is None and item.hidden_at is None]

    def rows(self, items: Iterable[Item], packings: Packings) -> Rows:
        return rows_of(self.issues(items), packings)

    def packings(self, items: Iterable[Item]) -> Packings:
        return packings_of(self.issues(items))

    def finish(self, store: Store, site: Site) -> None:
        """What a first load has to do when all issues are written."""
        with store.transaction():
            put_site(store, site)
        store.build_indexes()
        with store.transaction():
            linked = store.rows("select source_id from issue_links union select target_id from issue_links")
            show_links(store, self.words.flavour.api, {row[0] for row in linked})


def render_changes(store: Store, site: Site, keys: Mapping[int, str], items: Iterable[Item], version: int) -> None:
    """What happened since the last load: changed items again, deleted ones away, and what only looks different.

    Closing a sprint or renaming a status changes how issues look that nobody touched, and leaves their
    `updated` alone, as in Jira.
    """
    renderer = Renderer(site, keys)
    words = renderer.words
    sprints, statuses = _looks(store, "sprint"), _looks(store, "status")
    linked: set[int] = set()
    with store.transaction():
        put_site(store, site)
        for chunk in batched(items, CHUNK):
            numbers = [item.item_id for item in chunk]
            linked |= linked_with(store, numbers)
            forget_issues(store, numbers)
            put_issues(store, renderer.issues(chunk))
            linked |= linked_with(store, numbers)
        show_links(store, words.flavour.api, linked)
        changed = _changed(sprints, _looks(store, "sprint")), _changed(statuses, _looks(store, "status"))
        refresh_looks(store, words, _showing(store, *changed))
        store.set_meta("version", str(version))


def _looks(store: Store, kind: str) -> dict[int, bytes]:
    return {int(row[0]): row[1] for row in store.rows("select id, doc from resources where kind = ?", (kind,))}


def _changed(before: Mapping[int, bytes], after: Mapping[int, bytes]) -> list[int]:
    return [number for number, document in after.items() if before.get(number) != document]


def _showing(store: Store, sprints: Iterable[int], statuses: Iterable[int]) -> set[int]:
    """The issues that show one of these."""
    in_sprint = "select issue_id from issue_sprints where sprint_id = ?"
    in_status = "select id from issues where status_id = ?"
    return {
        row[0]
        for sql, numbers in ((in_sprint, sprints), (in_status, statuses))
        for number in numbers
        for row in store.rows(sql, (number,))
    }
