"""Puts a simulated Jira site into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from sandbox.model import Item, Site
from sandbox.packing import Packings
from sandbox.render.common import Clock, batched, people_in, releases_in
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
from sandbox.render.jira_words import Words, flavour_of, user_id
from sandbox.store import Rows, Store


class Renderer:
    """Renders the items of a Jira site; the same in every process that shares the work."""

    def __init__(self, site: Site, keys: Mapping[int, str]) -> None:
        self.words = Words(site, Clock(ZoneInfo(site.account_time_zone)))
        self._issues = Issues(self.words, keys)

    def issues(self, items: Iterable[Item]) -> list[RenderedIssue]:
        """Those that are there."""
        return [self._issues.render(item) for item in items if item.is_live]

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


def render_changes(
    store: Store,
    site: Site,
    keys: Mapping[int, str],
    items: Callable[[int | None], Iterable[Item]],
    before: int,
    version: int,
) -> None:
    """What happened since version `before`: changed items again, deleted ones away, and what only looks different.

    Closing a sprint, releasing a version or renaming a status or a person changes how issues look that nobody touched,
    and leaves their `updated` alone, as in Jira. `items` gives the items changed since a version, or all.
    """
    renderer = Renderer(site, keys)
    words = renderer.words
    sprints, statuses, people, versions = (_looks(store, kind) for kind in ("sprint", "status", "user", "version"))
    linked: set[int] = set()
    with store.transaction():
        put_site(store, site)
        changed_people = _people(site, people, _looks(store, "user"))
        # An issue that shows a new version has changed itself.
        changed_versions = {n for n in _changed(versions, _looks(store, "version")) if str(n) in versions}
        for chunk in batched(_changed_items(items, before, changed_people, changed_versions), CHUNK):
            numbers = [item.item_id for item in chunk]
            linked |= linked_with(store, numbers)
            forget_issues(store, numbers)
            put_issues(store, renderer.issues(chunk))
            linked |= linked_with(store, numbers)
        show_links(store, words.flavour.api, linked)
        changed = _changed(sprints, _looks(store, "sprint")), _changed(statuses, _looks(store, "status"))
        refresh_looks(store, words, _showing(store, *changed))
        store.set_meta("version", str(version))


def _changed_items(
    items: Callable[[int | None], Iterable[Item]], before: int, changed_people: set[int], changed_versions: set[int]
) -> Iterator[Item]:
    """Changed items, and those that show people or versions that look different now."""
    done: set[int] = set()
    for item in items(before):
        done.add(item.item_id)
        yield item
    if changed_people or changed_versions:
        for item in items(None):
            if item.item_id not in done and not (
                changed_people.isdisjoint(people_in(item)) and changed_versions.isdisjoint(releases_in(item))
            ):
                yield item


def _people(site: Site, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[int]:
    """People who look different, or whose account is gone."""
    flavour = flavour_of(site.tool)
    ids = {person.person_id: user_id(flavour, person.person_id) for person in site.people}
    return {number for number, name in ids.items() if before.get(name) != after.get(name)}


def _looks(store: Store, kind: str) -> dict[str, bytes]:
    return {row[0]: row[1] for row in store.rows("select id, doc from resources where kind = ?", (kind,))}


def _changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[int]:
    return [int(number) for number, document in after.items() if before.get(number) != document]


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
