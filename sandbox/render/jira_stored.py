"""Writes issues into a Jira site's store, and touches up what others of them show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sandbox.render.common import batched
from sandbox.render.jira_item import RenderedIssue
from sandbox.render.jira_words import Words
from sandbox.store import BASE, Store

CHUNK = 2_000
LINK_TYPES = {"Blocks": ("10000", "is blocked by", "blocks"), "Relates": ("10003", "relates to", "relates to")}
_ISSUE = "insert or replace into issues values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LINKS = """
select l.link_id, l.kind, l.source_id = :id as is_outward, other.id, other.key from issue_links as l
join issues as other on other.id = case when l.source_id = :id then l.target_id else l.source_id end
where l.source_id = :id or l.target_id = :id order by l.link_id
"""


class StoredIssue(msgspec.Struct):
    """A stored issue, its fields left serialised."""

    expand: str
    id: str
    self: str
    key: str
    fields: dict[str, msgspec.Raw]


def put_issues(store: Store, issues: Iterable[RenderedIssue]) -> None:
    """Writes rendered issues that the store does not hold yet, or no more."""
    for chunk in batched(issues, CHUNK):
        store.db.executemany(_ISSUE, [issue.row for issue in chunk])
        store.db.executemany(
            "insert or replace into documents values (?, ?, ?, ?)",
            [(one.row[0], one.document, b"\n".join(one.histories), len(one.histories)) for one in chunk],
        )
        store.db.executemany(
            "insert or replace into issue_keys values (?, ?)", [(key, one.row[0]) for one in chunk for key in one.keys]
        )
        store.db.executemany(
            "insert or replace into issue_links values (?, ?, ?, ?)",
            [(link.link_id, link.kind, one.row[0], link.target_item_id) for one in chunk for link in one.links],
        )
        for table, pairs in (
            ("issue_sprints", [(sprint, one.row[0]) for one in chunk for sprint in one.sprint_ids]),
            ("issue_versions", [(version, one.row[0]) for one in chunk for version in one.version_ids]),
        ):
            store.db.executemany(f"insert or ignore into {table} values (?, ?)", pairs)  # noqa: S608 - our own names


def forget_issues(store: Store, numbers: Sequence[int]) -> None:
    for table, column in (
        ("issues", "id"), ("documents", "id"), ("issue_keys", "issue_id"), ("issue_sprints", "issue_id"),
        ("issue_versions", "issue_id"), ("issue_links", "source_id"),
    ):  # fmt: skip
        places = ", ".join("?" * len(numbers))
        store.db.execute(f"delete from {table} where {column} in ({places})", tuple(numbers))  # noqa: S608 - our own names


def linked_with(store: Store, numbers: Sequence[int]) -> set[int]:
    """The issues at the other ends of links of these."""
    places = ", ".join("?" * len(numbers))
    rows = store.rows(
        f"select source_id, target_id from issue_links where source_id in ({places}) "  # noqa: S608 - places only
        f"union select source_id, target_id from issue_links where target_id in ({places})",
        (*numbers, *numbers),
    )
    return {number for row in rows for number in row}


def show_links(store: Store, api: str, numbers: Iterable[int]) -> None:
    """Writes the links of issues into their documents. A link whose other end is deleted shows nowhere."""
    for number in sorted(numbers):
        document = _stored(store, number)
        if document is not None:
            links = [_link(api, *row) for row in store.rows(_LINKS, {"id": number})]
            document.fields["issuelinks"] = msgspec.Raw(msgspec.json.encode(links))
            _put(store, number, document)


def _link(api: str, link_id: int, kind: str, is_outward: int, other: int, key: str) -> dict[str, object]:
    number, inward, outward = LINK_TYPES[kind]
    root = f"{BASE}/rest/api/{api}"
    shown = {"id": str(other), "key": key, "self": f"{root}/issue/{other}"}
    return {
        "id": str(link_id),
        "self": f"{root}/issueLink/{link_id}",
        "type": {"id": number, "name": kind, "inward": inward, "outward": outward},
        "outwardIssue" if is_outward else "inwardIssue": shown,
    }


def refresh_looks(store: Store, words: Words, numbers: Iterable[int]) -> None:
    """Writes today's look of sprints and status into issues that nobody touched."""
    for number in sorted(numbers):
        document = _stored(store, number)
        if document is None:
            continue
        status_id = store.value("select status_id from issues where id = ?", (number,))
        sprints = store.rows("select sprint_id from issue_sprints where issue_id = ? order by sprint_id", (number,))
        document.fields["status"] = words.status_docs[status_id]
        if sprints:
            shown = [words.sprint_docs[row[0]] for row in sprints]
            document.fields[words.flavour.sprint] = msgspec.Raw(msgspec.json.encode(shown))
        _put(store, number, document)


def _stored(store: Store, number: int) -> StoredIssue | None:
    blob = store.value("select doc from documents where id = ?", (number,))
    return None if blob is None else msgspec.json.decode(blob, type=StoredIssue)


def _put(store: Store, number: int, document: StoredIssue) -> None:
    store.db.execute("update documents set doc = ? where id = ?", (msgspec.json.encode(document), number))
