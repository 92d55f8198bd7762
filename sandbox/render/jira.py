"""Puts a simulated Jira site into its store: all of it, or what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

import msgspec

from sandbox.model import Item, Site
from sandbox.render.common import Clock, batched
from sandbox.render.jira_item import Issues, RenderedIssue
from sandbox.render.jira_site import put_site
from sandbox.render.jira_words import Words
from sandbox.store import Store

_CHUNK = 2_000
_ISSUE = "insert or replace into issues values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def put_issues(store: Store, issues: Iterable[RenderedIssue], *, is_new: bool) -> None:
    """Writes rendered issues. `is_new`: none of them is in the store yet."""
    for chunk in batched(issues, _CHUNK):
        if not is_new:
            _forget(store, [issue.row[0] for issue in chunk])
        store.db.executemany(_ISSUE, [issue.row for issue in chunk])
        store.db.executemany(
            "insert or replace into documents values (?, ?, ?, ?)",
            [(one.row[0], one.document, b"\n".join(one.histories), len(one.histories)) for one in chunk],
        )
        store.db.executemany(
            "insert or replace into issue_keys values (?, ?)", [(key, one.row[0]) for one in chunk for key in one.keys]
        )
        for table, pairs in (
            ("issue_sprints", [(sprint, one.row[0]) for one in chunk for sprint in one.sprint_ids]),
            ("issue_versions", [(version, one.row[0]) for one in chunk for version in one.version_ids]),
        ):
            store.db.executemany(f"insert or ignore into {table} values (?, ?)", pairs)  # noqa: S608 - our own names


def _forget(store: Store, numbers: list[int]) -> None:
    for table, column in (
        ("issues", "id"), ("documents", "id"), ("issue_keys", "issue_id"),
        ("issue_sprints", "issue_id"), ("issue_versions", "issue_id"),
    ):  # fmt: skip
        places = ", ".join("?" * len(numbers))
        store.db.execute(f"delete from {table} where {column} in ({places})", numbers)  # noqa: S608 - our own names


def render_all(store: Store, site: Site, keys: Mapping[int, str], items: Iterable[Item], version: int) -> None:
    """The first load of a site. `version` of the organisation is noted last: without it the store is not whole."""
    issues = Issues(Words(site, Clock(ZoneInfo(site.account_time_zone))), keys)
    with store.transaction():
        put_site(store, site)
        put_issues(store, (issues.render(item) for item in items if item.deleted_at is None), is_new=True)
    store.build_indexes()
    store.set_meta("version", str(version))


def render_changes(store: Store, site: Site, keys: Mapping[int, str], items: Iterable[Item], version: int) -> None:
    """What happened since the last load: changed items again, deleted ones away, and what only looks different.

    Closing a sprint or renaming a status changes how issues look that nobody touched, and leaves their
    `updated` alone, as in Jira.
    """
    words = Words(site, Clock(ZoneInfo(site.account_time_zone)))
    issues = Issues(words, keys)
    sprints, statuses = _looks(store, "sprint"), _looks(store, "status")
    with store.transaction():
        put_site(store, site)
        alive: list[Item] = []
        for item in items:
            if item.deleted_at is None:
                alive.append(item)
            else:
                _forget(store, [item.item_id])
            if len(alive) == _CHUNK:
                put_issues(store, map(issues.render, alive), is_new=False)
                alive.clear()
        put_issues(store, map(issues.render, alive), is_new=False)
        _refresh(store, words, sprints ^ _looks(store, "sprint"), statuses ^ _looks(store, "status"))
        store.set_meta("version", str(version))


def _looks(store: Store, kind: str) -> set[tuple[int, bytes]]:
    return {(int(row[0]), row[1]) for row in store.rows("select id, doc from resources where kind = ?", (kind,))}


def _refresh(store: Store, words: Words, sprints: set[tuple[int, bytes]], statuses: set[tuple[int, bytes]]) -> None:
    """Writes today's look of changed sprints and statuses into the issues that show them."""
    touched = {
        row[0]
        for sql, changed in (
            ("select issue_id from issue_sprints where sprint_id = ?", sprints),
            ("select id from issues where status_id = ?", statuses),
        )
        for number in {number for number, _ in changed}
        for row in store.rows(sql, (number,))
    }
    for chunk in batched(sorted(touched), _CHUNK):
        store.db.executemany(
            "update documents set doc = ? where id = ?",
            [(_retouched(store, words, number), number) for number in chunk],
        )


def _retouched(store: Store, words: Words, number: int) -> bytes:
    document = msgspec.json.decode(store.value("select doc from documents where id = ?", (number,)), type=_Issue)
    status_id = store.value("select status_id from issues where id = ?", (number,))
    sprints = store.rows("select sprint_id from issue_sprints where issue_id = ? order by sprint_id", (number,))
    document.fields["status"] = words.status_docs[status_id]
    if sprints:
        shown = [words.sprint_docs[row[0]] for row in sprints]
        document.fields[words.flavour.sprint] = msgspec.Raw(msgspec.json.encode(shown))
    return msgspec.json.encode(document)


class _Issue(msgspec.Struct):
    expand: str
    id: str
    self: str
    key: str
    fields: dict[str, msgspec.Raw]
