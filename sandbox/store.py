"""What a simulated site holds, as documents that need only be joined to be served.

One SQLite file per site. Issues and work items are rendered once and again only when they change, so
that the server does no work per item. WAL mode lets `advance` write while the server reads: the next
request sees the new data. Addresses in documents start with `BASE`; the server puts its own there.

Documents of issues, revisions and links lie packed in the tables `packed_…` (`packing.py`); the views
`documents`, `revisions` and `links` unpack those that are asked for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from sandbox.packing import KINDS, Packings

Rows = dict[str, list[tuple[Any, ...]]]
"""Rows to write, by the SQL statement that writes them."""

BASE = "http://base.invalid"
"""Stands for the server's address in rendered documents (RFC 2606: never a real host)."""

_COMMON = """
create table if not exists meta (name text primary key, value text not null) without rowid;
create table if not exists resources (
    kind text not null, id text not null, parent text not null default '', position integer not null, doc blob not null,
    primary key (kind, id)
) without rowid;
create index if not exists resources_by_parent on resources (kind, parent, position);
create table if not exists dictionaries (kind text primary key, body blob not null) without rowid;
"""

JIRA = """
create table if not exists issues (
    id integer primary key, key text not null, key_number integer not null, project_id integer not null,
    type_id integer not null, status_id integer not null, resolution_id integer, priority_id integer,
    assignee text, reporter text, parent_id integer, created integer not null, updated integer not null,
    resolved integer, labels text not null, summary text not null
);
create table if not exists packed_documents (
    id integer primary key, doc blob not null, histories blob not null, history_count integer not null
);
create view if not exists documents as
select id, unpack_document(doc) as doc, unpack_histories(histories) as histories, history_count from packed_documents;
create trigger if not exists documents_come instead of insert on documents begin
    insert or replace into packed_documents values (new.id, new.doc, new.histories, new.history_count);
end;
create trigger if not exists documents_change instead of update on documents begin
    update packed_documents set doc = new.doc, histories = new.histories, history_count = new.history_count
    where id = old.id;
end;
create trigger if not exists documents_go instead of delete on documents begin
    delete from packed_documents where id = old.id;
end;
create table if not exists issue_keys (key text primary key collate nocase, issue_id integer not null) without rowid;
create table if not exists issue_sprints (
    sprint_id integer not null, issue_id integer not null, primary key (sprint_id, issue_id)
) without rowid;
create table if not exists issue_versions (
    version_id integer not null, issue_id integer not null, primary key (version_id, issue_id)
) without rowid;
create table if not exists worklogs (id integer primary key, issue_id integer not null, updated integer not null);
create table if not exists issue_links (
    link_id integer primary key, kind text not null, source_id integer not null, target_id integer not null
);
"""

JIRA_INDEXES = """
create index if not exists issues_by_project on issues (project_id, id);
create index if not exists issues_by_number on issues (project_id, key_number);
create index if not exists issues_by_updated on issues (updated);
create index if not exists issues_by_parent on issues (parent_id);
create index if not exists sprints_by_issue on issue_sprints (issue_id);
create index if not exists versions_by_issue on issue_versions (issue_id);
create index if not exists links_by_source on issue_links (source_id);
create index if not exists worklogs_by_updated on worklogs (updated, id);
create index if not exists worklogs_by_issue on worklogs (issue_id);
create index if not exists links_by_target on issue_links (target_id);
"""

AZURE_DEVOPS = """
create table if not exists work_items (
    id integer primary key, project text not null, type text not null, state text not null, area_path text not null,
    iteration_path text not null, assigned_to text, tags text not null, title text not null, parent_id integer,
    created integer not null, changed integer not null, rev integer not null, is_deleted integer not null
);
create table if not exists packed_revisions (
    number integer primary key, item_id integer not null, rev integer not null, changed integer not null,
    project text not null, doc blob not null
);
create view if not exists revisions as
select number, item_id, rev, changed, project, unpack_revision(doc) as doc from packed_revisions;
create table if not exists packed_links (
    number integer primary key, changed integer not null, source_id integer not null, item_id integer not null,
    kind text not null, project text not null, doc blob not null
);
create view if not exists links as
select number, changed, source_id, item_id, kind, project, unpack_link(doc) as doc from packed_links;
create table if not exists item_sprints (
    sprint_id integer not null, item_id integer not null, primary key (sprint_id, item_id)
) without rowid;
"""

AZURE_DEVOPS_INDEXES = """
create index if not exists revisions_of_item on packed_revisions (item_id, rev);
create index if not exists revision_feed on packed_revisions (changed, item_id, rev);
create index if not exists link_feed on packed_links (changed, number);
create index if not exists links_of_source on packed_links (source_id);
create index if not exists links_of_item on packed_links (item_id);
create index if not exists work_items_by_project on work_items (project, id);
"""


class Store:
    """One site's documents. `kind` of a resource is ours (project, board, …), its `id` is the tool's."""

    def __init__(self, path: Path, tables: str, indexes: str, *, is_new: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._indexes = indexes
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        self.db.execute(f"pragma journal_mode = {'off' if is_new else 'wal'}")  # nobody reads a new one yet
        self.db.execute("pragma synchronous = off")  # lost at worst: what can be rendered again
        self.db.execute("pragma cache_size = -65536")
        self._packings: Packings | None = None
        for kind in KINDS:
            self.db.create_function(f"unpack_{kind}", 1, partial(self._unpack, kind), deterministic=True)
        self.db.executescript(_COMMON + tables)

    @classmethod
    def jira(cls, path: Path, *, is_new: bool = False) -> Self:
        return cls(path, JIRA, JIRA_INDEXES, is_new=is_new)

    @classmethod
    def azure_devops(cls, path: Path, *, is_new: bool = False) -> Self:
        return cls(path, AZURE_DEVOPS, AZURE_DEVOPS_INDEXES, is_new=is_new)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: readers see the state before until it ends."""
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    @property
    def packings(self) -> Packings:
        """How documents are packed here. Until `set_packings` they stay as they are."""
        if self._packings is None:
            rows = self.db.execute("select kind, body from dictionaries")
            self._packings = Packings({kind: bytes(body) for kind, body in rows})
        return self._packings

    def set_packings(self, packings: Packings) -> None:
        """Decides how documents are packed, before the first of them is written."""
        self.db.executemany("insert into dictionaries values (?, ?)", list(packings.dictionaries.items()))
        self._packings = packings

    def _unpack(self, kind: str, stored: bytes) -> bytes:
        return self.packings[kind].unpack(stored)

    def write(self, rows: Rows) -> None:
        for statement, values in rows.items():
            self.db.executemany(statement, values)

    def build_indexes(self) -> None:
        """After the first load: an index over sorted rows is built many times faster than kept up."""
        self.db.executescript(self._indexes)

    def meta(self, name: str) -> str | None:
        row = self.db.execute("select value from meta where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        self.db.execute("insert or replace into meta values (?, ?)", (name, value))

    def put_resources(self, kind: str, rows: Iterable[tuple[str, str, Any]]) -> None:
        """Replaces all resources of a kind by `rows` of (id, parent, document), in this order."""
        self.db.execute("delete from resources where kind = ?", (kind,))
        self.db.executemany(
            "insert into resources values (?, ?, ?, ?, ?)",
            [(kind, name, parent, i, msgspec.json.encode(doc)) for i, (name, parent, doc) in enumerate(rows)],
        )

    def resource(self, kind: str, name: str) -> bytes | None:
        row = self.db.execute("select doc from resources where kind = ? and id = ?", (kind, name)).fetchone()
        return None if row is None else bytes(row[0])

    def resources(self, kind: str, parent: str | None = None) -> list[bytes]:
        """Documents of a kind in their order; with `parent` only those below it."""
        sql, values = "select doc from resources where kind = ? order by position", [kind]
        if parent is not None:
            sql, values = "select doc from resources where kind = ? and parent = ? order by position", [kind, parent]
        return [bytes(row[0]) for row in self.db.execute(sql, values)]

    def decoded(self, kind: str, parent: str | None = None) -> list[dict[str, Any]]:
        return [msgspec.json.decode(doc) for doc in self.resources(kind, parent)]

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, values).fetchall()

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        row = self.db.execute(sql, values).fetchone()
        return None if row is None else row[0]


def joined(documents: Iterable[bytes]) -> bytes:
    """A JSON array of documents that are JSON already."""
    return b"[" + b",".join(documents) + b"]"
