"""Writes issues into a Jira site's store, and touches up what others of them show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sandbox.model import Satisfaction
from sandbox.packing import Packings, dictionary_of
from sandbox.render.common import batched, milliseconds
from sandbox.render.jira_item import RenderedIssue
from sandbox.render.jira_words import Words
from sandbox.store import BASE, Rows, Store

CHUNK = 2_000
SAMPLES = 40  # of which a dictionary is made
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


def rows_of(issues: Sequence[RenderedIssue], packings: Packings) -> Rows:
    """What the store writes for rendered issues that it does not hold yet, or no more."""
    document, histories = packings["document"].pack, packings["histories"].pack
    return {
        _ISSUE: [one.row for one in issues],
        "insert or replace into packed_documents values (?, ?, ?, ?)": [
            (one.row[0], document(one.document), histories(b"\n".join(one.histories)), len(one.histories))
            for one in issues
        ],
        "insert or replace into issue_keys values (?, ?)": [(key, one.row[0]) for one in issues for key in one.keys],
        "insert or replace into issue_links values (?, ?, ?, ?)": [
            (link.link_id, link.kind, one.row[0], link.target_item_id) for one in issues for link in one.links
        ],
        "insert or ignore into issue_sprints values (?, ?)": [
            (sprint, one.row[0]) for one in issues for sprint in one.sprint_ids
        ],
        "insert or ignore into issue_versions values (?, ?)": [
            (version, one.row[0]) for one in issues for version in one.version_ids
        ],
        "insert or replace into worklogs values (?, ?, ?)": [
            (log.worklog_id, one.row[0], milliseconds(log.at)) for one in issues for log in one.worklogs
        ],
        "insert or replace into resources values (?, ?, ?, ?, ?)": [
            ("feedback", str(one.row[0]), "", 0, _feedback(one.satisfaction)) for one in issues if one.satisfaction
        ],
    }


def _feedback(said: Satisfaction) -> bytes:
    """As the service desk's own API shows a rating."""
    return msgspec.json.encode({"type": "csat", "rating": said.rating, "comment": {"body": said.comment}})


def packings_of(issues: Sequence[RenderedIssue]) -> Packings:
    """How to pack documents like these."""
    histories = [b"\n".join(issue.histories) for issue in issues]
    return Packings(
        {
            "document": dictionary_of([issue.document for issue in issues]),
            "histories": dictionary_of([lines for lines in histories if lines]),
        }
    )


def put_issues(store: Store, issues: Iterable[RenderedIssue]) -> None:
    """Writes rendered issues that the store does not hold yet, or no more."""
    for chunk in batched(issues, CHUNK):
        if not store.packings.dictionaries:
            store.set_packings(packings_of(chunk[:: max(1, len(chunk) // SAMPLES)]))
        store.write(rows_of(chunk, store.packings))


def forget_issues(store: Store, numbers: Sequence[int]) -> None:
    for table, column in (
        ("issues", "id"), ("packed_documents", "id"), ("issue_keys", "issue_id"), ("issue_sprints", "issue_id"),
        ("issue_versions", "issue_id"), ("issue_links", "source_id"), ("worklogs", "issue_id"),
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


_stored_issue = msgspec.json.Decoder(StoredIssue)


def _stored(store: Store, number: int) -> StoredIssue | None:
    blob = store.value("select doc from documents where id = ?", (number,))
    return None if blob is None else _stored_issue.decode(blob)


def _put(store: Store, number: int, document: StoredIssue) -> None:
    packed = store.packings["document"].pack(msgspec.json.encode(document))
    store.db.execute("update packed_documents set doc = ? where id = ?", (packed, number))
