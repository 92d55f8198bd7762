"""Lands the two reporting feeds in batches that are committed one by one, each with the token to go on from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from extractors.azure_devops.broken_revisions import note
from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.cursor import AzureDevOpsCursor
from extractors.azure_devops.feed import Page, read_feed
from extractors.azure_devops.isolation import MOST_BROKEN, ODD, odd_record
from extractors.azure_devops.items import Heads, LandedItems
from extractors.azure_devops.links import LINKS, link_row
from extractors.azure_devops.people import People
from extractors.azure_devops.records import REVISIONS, RevisionReader
from extractors.connection import Progress
from extractors.errors import BadRequest, SchemaChanged
from extractors.streams import STREAMS
from extractors.writing import Writer

LINK_SCHEMA = STREAMS[LINKS].schema
APPEND_ROWS = 10_000  # per append: each looks up what is landed already
COMMIT_ROWS = 20_000  # read from a feed between two commits, landed or not: what a kill costs at most


class Feeds:
    """Both feeds of one organisation. `commit` makes what was appended visible, with the cursor."""

    def __init__(
        self,
        client: AzureDevOpsClient,
        writer: Writer,
        people: People,
        cursor: AzureDevOpsCursor,
        commit: Callable[[], None],
        progress: Progress,
    ) -> None:
        self.client, self.writer, self.people, self.cursor = client, writer, people, cursor
        self.commit, self.progress = commit, progress
        self._odd_links: set[bytes] = set()  # events, as sent

    def pages_of_revisions(self, fields: list[str]) -> Iterator[Page]:
        return self._pages(
            "the feed of revisions", lambda token: self.client.revisions(fields, token), self.cursor.revisions_token
        )

    def pages_of_links(self) -> Iterator[Page]:
        return self._pages("the feed of links", self.client.links, self.cursor.links_token)

    def _pages(self, subject: str, fetch: Any, token: str | None) -> Iterator[Page]:
        return read_feed(self.client.connection.id, subject, fetch, token, self.writer.report.warnings.append)

    def land_revisions(
        self, pages: Iterator[Page], reader: RevisionReader, selected: Collection[str] | None, before: LandedItems
    ) -> None:
        """`selected`: names of the projects that count, None for all. `before`: what earlier runs have landed."""
        known = set(before.ids.tolist()) if selected is not None else set()
        heads = Heads(before)
        done = since_commit = 0
        waiting: list[pa.Table] = []
        for page in pages:
            table = reader.table(page.values, page.sent_at)
            if len(reader.broken) > MOST_BROKEN:
                raise reader.broken[-1].failure(self.client.connection.id)
            note(self.cursor, reader.broken)
            waiting.append(table if selected is None else _of_projects(table, selected, known))
            done += len(page.values)
            since_commit += len(page.values)
            self.progress.advance(REVISIONS, done, None)
            self.cursor.revisions_token = page.token
            if since_commit >= COMMIT_ROWS or sum(part.num_rows for part in waiting) >= APPEND_ROWS:
                self._append(pa.concat_tables(waiting), heads)
                waiting.clear()
            if since_commit >= COMMIT_ROWS:
                self.commit()
                since_commit = 0
        if waiting:
            self._append(pa.concat_tables(waiting), heads)

    def _append(self, table: pa.Table, heads: Heads) -> None:
        is_new = heads.add(table)
        if is_new.all():
            self.writer.append(REVISIONS, table, are_new=True)
            return
        self.writer.append(REVISIONS, table.filter(pa.array(is_new)), are_new=True)
        self.writer.append(REVISIONS, table.filter(pa.array(~is_new)))

    def land_broken_links(self, project_names: Mapping[str, str], selected: Collection[str] | None) -> None:
        """Read pages that had odd events again; before the feed, which starts again if the tool gives one no more."""
        tokens, self.cursor.broken_links = self.cursor.broken_links, []
        for token in tokens:
            try:
                answer = self.client.links(token or None)
            except BadRequest as error:
                text = f"The feed of links is read from its beginning: the tool refused a stored token. {error.detail}"
                self.writer.report.warnings.append(text)
                self.cursor.links_token, self.cursor.broken_links = None, []
                return
            page = Page(answer.value.values, answer.value.token, answer.sent_at, token or None)
            table, _ = self._links(page, project_names, selected)
            self.writer.append(LINKS, table)

    def land_links(
        self, pages: Iterator[Page], project_names: Mapping[str, str], selected: Collection[str] | None
    ) -> None:
        """`project_names` by id: the feed may name projects either way."""
        done = since_commit = broken = 0
        waiting: list[pa.Table] = []  # rows as Python objects would take ten times the memory
        for page in pages:
            table, failures = self._links(page, project_names, selected)
            broken += len(failures)
            if broken > MOST_BROKEN:
                raise failures[-1]
            if table.num_rows:
                waiting.append(table)
            done += len(page.values)
            since_commit += len(page.values)
            self.progress.advance(LINKS, done, None)
            self.cursor.links_token = page.token
            if waiting and (since_commit >= COMMIT_ROWS or sum(part.num_rows for part in waiting) >= APPEND_ROWS):
                self.writer.append(LINKS, pa.concat_tables(waiting))
                waiting.clear()
            if since_commit >= COMMIT_ROWS:
                self.commit()
                since_commit = 0
        self.writer.append(LINKS, pa.concat_tables(waiting) if waiting else ())

    def _links(
        self, page: Page, project_names: Mapping[str, str], selected: Collection[str] | None
    ) -> tuple[pa.Table, list[SchemaChanged]]:
        """Rows of a page, and an error for each odd event that is not told yet; its page is remembered then.

        What an odd event would have said of parents shows in the census of links, too, and is mended then.
        """
        rows, odd = [], []
        for raw in page.values:
            try:
                row = link_row(raw, page.sent_at, project_names, self.people)
            except ODD as error:
                odd.append((bytes(raw), error))
                continue
            if selected is None or _is_of(row, selected):
                rows.append(row)
        if odd and (page.start or "") not in self.cursor.broken_links:
            self.cursor.broken_links.append(page.start or "")
        failures = [
            odd_record(self.client.connection.id, f"a link event ({_ends_of(raw)})", error)
            for raw, error in odd
            if raw not in self._odd_links
        ]
        self._odd_links.update(raw for raw, _ in odd)
        self.writer.report.failures += failures
        schema = pa.schema([LINK_SCHEMA.field(name) for name in rows[0]]) if rows else LINK_SCHEMA
        return pa.Table.from_pylist(rows, schema), failures


def _ends_of(raw: bytes) -> str:
    """What it can be known by; never the person who made it."""
    record = msgspec.json.decode(raw)
    known = record if isinstance(record, dict) else {}
    return ", ".join(f"{name} {known.get(name)}" for name in ("sourceId", "targetId", "changedDate"))


def _is_of(row: Mapping[str, Any], selected: Collection[str]) -> bool:
    """A link with an end in a selected project; an older server does not say where the ends are."""
    ends = (row["source_project"], row["target_project"])
    return any(end is None or end in selected for end in ends)


def _of_projects(table: pa.Table, selected: Collection[str], known: set[int]) -> pa.Table:
    """Revisions in the selected projects, and those of items that were in one: they say where the item went."""
    keep = []
    for item_id, project in zip(table["item_id"].to_pylist(), table["project"].to_pylist(), strict=True):
        if project in selected:
            known.add(int(item_id))
        keep.append(int(item_id) in known)
    return table.filter(pa.array(keep, pa.bool_()))
