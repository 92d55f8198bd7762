"""Puts a simulated Jira site into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from sandbox.model import Item, Site
from sandbox.render.common import Clock, batched
from sandbox.render.jira_item import Issues
from sandbox.render.jira_site import put_site
from sandbox.render.jira_stored import CHUNK, forget_issues, linked_with, put_issues, refresh_looks, show_links
from sandbox.render.jira_words import Words
from sandbox.store import Store


def render_all(store: Store, site: Site, keys: Mapping[int, str], items: Iterable[Item], version: int) -> None:
    """The first load of a site. `version` of the organisation is noted last: without it the store is not whole."""
    words = Words(site, Clock(ZoneInfo(site.account_time_zone)))
    issues = Issues(words, keys)
    with store.transaction():
        put_site(store, site)
        put_issues(store, (issues.render(item) for item in items if item.deleted_at is None))
    store.build_indexes()
    with store.transaction():
        linked = store.rows("select source_id from issue_links union select target_id from issue_links")
        show_links(store, words.flavour.api, {row[0] for row in linked})
    store.set_meta("version", str(version))


def render_changes(store: Store, site: Site, keys: Mapping[int, str], items: Iterable[Item], version: int) -> None:
    """What happened since the last load: changed items again, deleted ones away, and what only looks different.

    Closing a sprint or renaming a status changes how issues look that nobody touched, and leaves their
    `updated` alone, as in Jira.
    """
    words = Words(site, Clock(ZoneInfo(site.account_time_zone)))
    issues = Issues(words, keys)
    sprints, statuses = _looks(store, "sprint"), _looks(store, "status")
    linked: set[int] = set()
    with store.transaction():
        put_site(store, site)
        for chunk in batched(items, CHUNK):
            numbers = [item.item_id for item in chunk]
            linked |= linked_with(store, numbers)
            forget_issues(store, numbers)
            put_issues(store, [issues.render(item) for item in chunk if item.deleted_at is None])
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
