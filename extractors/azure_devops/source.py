"""Azure DevOps as a source: which streams are read in which order, and what the cursor remembers.

Metadata first; then a census of ids, so that every id in it must show up in the feeds that are read after
it; then the feeds of revisions and links, from the tokens of the last run, in batches that are committed
one by one: a first load that was cut off goes on at its last batch. At the end histories with holes are
mended, deletions settled, and the coverage says what the tool has against what is landed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pyarrow as pa

from extractors.azure_devops.auth import AUTHORITY
from extractors.azure_devops.census import live_ids
from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.coverage import coverage_rows
from extractors.azure_devops.deletions import Deletions
from extractors.azure_devops.doctor import check_connection
from extractors.azure_devops.feed import Page, read_feed
from extractors.azure_devops.items import Ids, LandedItems, landed_items
from extractors.azure_devops.mending import mend_histories
from extractors.azure_devops.metadata import THREADS, Metadata
from extractors.azure_devops.records import (
    FIELDS,
    LINKS,
    REVISIONS,
    USERS,
    People,
    RevisionReader,
    field_names,
    link_row,
)
from extractors.azure_devops.selection import LostProjects, lost_projects, select_projects
from extractors.connection import SILENT, AzureDevOpsConnection, CheckLine, ExtractReport, Progress
from extractors.errors import AccessDenied, ExtractError, NotFound
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run
from extractors.rows import canonical_json, digest
from extractors.writing import Writer, in_parallel

CURSOR_VERSION = 1
APPEND_ROWS = 10_000  # per append: each looks up what is landed already
COMMIT_ROWS = 20_000  # new revisions or links per ledger batch
CENSUS_ALWAYS_BELOW = 20_000  # items: so many ids come in one or two requests per project
ONCE_A_DAY = timedelta(hours=20)  # for what costs many requests: the census, and teams in depth
SAME_CLOCK = timedelta(minutes=1)
REMEMBERED_GAPS = 5_000


class AzureDevOpsCursor(msgspec.Struct):
    """`selection` is a hash of the projects and fields: with others the feed has to be read from its beginning.

    `gaps`: items whose history the tool itself does not give completely, with their last revision.
    """

    version: int = CURSOR_VERSION
    selection: str = ""
    revisions_token: str | None = None
    links_token: str | None = None
    metadata_at: datetime | None = None  # the last deep reading of the teams
    census_at: datetime | None = None
    gaps: dict[int, int] = {}


class AzureDevOpsSource:
    """One organisation of Azure DevOps Services, or one collection of Azure DevOps Server."""

    def __init__(
        self,
        connection: AzureDevOpsConnection,
        *,
        progress: Progress = SILENT,
        retry: RetryPolicy | None = None,
        authority: str = AUTHORITY,
    ) -> None:
        """`retry` and `authority` (of the Entra sign-in) are for tests and sovereign clouds."""
        self.connection = connection
        self.progress = progress
        self._retry, self._authority = retry, authority

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land everything that is new; see the module's text for the order."""
        with landing.exclusive(self.connection.id):
            client = AzureDevOpsClient(self.connection, retry=self._retry, authority=self._authority)
            try:
                return _Extraction(client, landing, run, self.progress).extract()
            finally:
                client.close()

    def check(self) -> list[CheckLine]:
        """For `pmo doctor`."""
        try:
            client = AzureDevOpsClient(self.connection, retry=self._retry, authority=self._authority)
        except ExtractError as error:
            return [CheckLine("fail", "settings", str(error))]
        return check_connection(client, lambda visible: select_projects(self.connection, visible))


class _Extraction:
    """One run. Kept in one object, because every step needs most of what the others found out."""

    def __init__(self, client: AzureDevOpsClient, landing: Landing, run: Run, progress: Progress) -> None:
        self.client, self.landing, self.run, self.progress = client, landing, run, progress
        self.connection = client.connection
        self.report = ExtractReport(self.connection.id, run.run_id)
        self.people = People()
        self.projects: dict[str, dict[str, Any]] = {}
        self.project_names: dict[str, str] = {}
        self.cursor = AzureDevOpsCursor()
        self._committed = 0  # revisions that are visible already

    def extract(self) -> ExtractReport:
        names = self._fields()
        self.run = self._by_the_servers_clock()
        self.writer = Writer(self.landing, self.run, self.connection, self.report)
        discovery = self.client.discovery()
        site = discovery.site()
        visible = discovery.projects()
        self.projects, missing = select_projects(self.connection, visible)
        self.project_names = {project["id"]: project["name"] for project in visible}
        self.report.failures += missing
        lost = lost_projects(self.landing, self.connection, discovery, visible)
        self.report.failures += lost.failures
        reader = RevisionReader(names, self.people)
        self.cursor = self._start()
        self._describe(site.deployment if site else None)
        today = self.run.started_at.date()
        metadata = Metadata(self.client, discovery, self.writer, self.people, today)
        metadata.land(self.projects, visible, lost.hidden, is_deep=self._is_due(self.cursor.metadata_at))
        if metadata.is_deep:
            self.cursor.metadata_at = self.run.started_at
        before = landed_items(self.landing, self.connection.id)
        census = self._census(len(before))
        self._land_revisions(reader, before)
        self._land_links()
        items = self._mend(reader, census)
        deletions = self._land_deletions(census, items, lost)
        selected = [project["name"] for project in self.projects.values()]
        self.writer.cover(coverage_rows(items, selected, census, set(deletions.known), missing))
        self._close()
        return self.report

    def _fields(self) -> dict[str, str]:
        """The fields that we ask for; `pmo doctor` names those that the organisation lacks."""
        try:
            known: list[str] | None = [record["referenceName"] for record in self.client.fields()]
        except (NotFound, AccessDenied):
            known = None
        return field_names(self.connection.id, self.connection.fields, known)[0]

    def _by_the_servers_clock(self) -> Run:
        """The run's start becomes the watermark, and revisions are dated by the server's clock."""
        server = self.client.server_time
        if server is None or abs(server - self.run.started_at) < SAME_CLOCK:
            return self.run
        return dataclasses.replace(self.run, started_at=server)

    def _start(self) -> AzureDevOpsCursor:
        """Where to go on; from the beginning if another selection is asked for than before, or everything."""
        # Fields that the organisation gets later come with new revisions, so only what we wish for counts.
        asked = {"projects": sorted(self.connection.projects), "fields": {**FIELDS, **self.connection.fields}}
        selection = digest(canonical_json(asked).encode())
        fresh = AzureDevOpsCursor(selection=selection)
        stored = self.landing.cursor(self.connection.id)
        if stored is None or stored.get("version") != CURSOR_VERSION or self.run.is_full:
            return fresh
        cursor = msgspec.convert(stored, AzureDevOpsCursor, strict=False)
        return cursor if cursor.selection == selection else fresh

    def _describe(self, deployment: str | None) -> None:
        parts = urlsplit(self.client.base_url)
        host = parts.hostname or ""
        is_hosted = host == "dev.azure.com" or host.endswith(".visualstudio.com")
        self.writer.describe(
            deployment=deployment or ("services" if is_hosted else "server"),
            name=parts.path.strip("/").split("/")[-1] or host.split(".")[0],
            url=self.client.base_url,
            time_zone=self.connection.time_zone or "UTC",
            tool_version=None,
        )

    def _census(self, landed: int) -> dict[str, Ids] | None:
        """Live ids by project name; None if it is not due. Read before the feeds, so nothing in it is too new."""
        if not self._is_due(self.cursor.census_at) and landed >= CENSUS_ALWAYS_BELOW:
            return None
        counts = in_parallel(lambda project: live_ids(self.client, project["id"]), self.projects.values(), THREADS)
        census = {project["name"]: ids for project, ids in counts}
        self.cursor.census_at = self.run.started_at
        return census

    def _is_due(self, last: datetime | None) -> bool:
        """Whether to do again what large organisations are asked for once a day only."""
        is_asked_for = self.run.is_census or self.run.is_full
        return is_asked_for or last is None or self.run.started_at - last >= ONCE_A_DAY

    def _land_revisions(self, reader: RevisionReader, before: LandedItems) -> None:
        selected = {project["name"] for project in self.projects.values()} if self.connection.projects else None
        known = set(before.ids.tolist()) if selected is not None else set()
        done = pending = 0
        waiting: list[pa.Table] = []
        pages = read_feed(
            self.connection.id,
            "the feed of revisions",
            lambda token: self.client.revisions(reader.asked_fields, token),
            self.cursor.revisions_token,
            self.report.warnings.append,
        )
        for page in pages:
            table = reader.table(page.values, page.sent_at)
            waiting.append(table if selected is None else _of_projects(table, selected, known))
            done += len(page.values)
            self.progress.advance(REVISIONS, done, None)
            self.cursor.revisions_token = page.token
            if sum(part.num_rows for part in waiting) >= APPEND_ROWS:
                pending += self.writer.append(REVISIONS, pa.concat_tables(waiting))
                waiting.clear()
            if pending >= COMMIT_ROWS:
                self._commit()
                pending = 0
        if waiting:
            self.writer.append(REVISIONS, pa.concat_tables(waiting))

    def _land_links(self) -> None:
        done = pending = 0
        waiting: list[dict[str, Any]] = []
        warn = self.report.warnings.append
        token = self.cursor.links_token
        for page in read_feed(self.connection.id, "the feed of links", self.client.links, token, warn):
            waiting += self._link_rows(page)
            done += len(page.values)
            self.progress.advance(LINKS, done, None)
            self.cursor.links_token = page.token
            if len(waiting) >= APPEND_ROWS:
                pending += self.writer.append(LINKS, waiting)
                waiting.clear()
            if pending >= COMMIT_ROWS:
                self._commit()
                pending = 0
        self.writer.append(LINKS, waiting)

    def _link_rows(self, page: Page) -> list[dict[str, Any]]:
        rows = [link_row(raw, page.sent_at, self.project_names, self.people) for raw in page.values]
        if not self.connection.projects:
            return rows
        selected = {None, *(project["name"] for project in self.projects.values())}
        return [row for row in rows if row["source_project"] in selected or row["target_project"] in selected]

    def _mend(self, reader: RevisionReader, census: Mapping[str, Ids] | None) -> LandedItems:
        """Make the feeds' rows visible, fetch what they lack, and say what is landed now."""
        if self.report.count(REVISIONS).landed > self._committed:
            self._commit()
        items = landed_items(self.landing, self.connection.id)
        listed = np.concatenate([np.empty(0, np.int64), *(census or {}).values()])
        unknown = np.setdiff1d(listed, items.ids).tolist()
        if mend_histories(self.client, self.writer, reader, items, unknown, self.cursor.gaps):
            self._commit()
            items = landed_items(self.landing, self.connection.id)
        short = items.is_incomplete
        pairs = zip(items.ids[short].tolist(), items.last_revisions[short].tolist(), strict=True)
        self.cursor.gaps = dict(list(pairs)[:REMEMBERED_GAPS])
        return items

    def _land_deletions(self, census: Mapping[str, Ids] | None, items: LandedItems, lost: LostProjects) -> Deletions:
        bins: dict[str, list[int]] = {}
        for project_id, project in self.projects.items():
            try:
                bins[project_id] = self.client.recycle_bin(project_id)
            except (AccessDenied, NotFound) as error:
                error.detail = f"It concerns the recycle bin of project '{project['name']}'. {error.detail}".strip()
                self.report.failures.append(error)
        deletions = Deletions(self.client, self.writer, self.people)
        deletions.land(bins, self.projects, items)
        deletions.land_deleted_projects(lost.deleted.values(), items, self.run.started_at)
        if census is not None:
            deletions.land_missing(census.values(), census, items, self.run.started_at)
        return deletions

    def _close(self) -> None:
        self.report.requests = self.client.http.adapter.requests
        self.report.waited_seconds = self.client.http.waited_seconds
        self._commit(is_final=True)

    def _commit(self, *, is_final: bool = False) -> None:
        self.writer.append(USERS, self.people.rows())
        self.writer.commit(msgspec.to_builtins(self.cursor, str_keys=True), is_final=is_final)
        self._committed = self.report.count(REVISIONS).landed


def _of_projects(table: pa.Table, selected: set[str], known: set[int]) -> pa.Table:
    """Revisions in the selected projects, and those of items that were in one: they say where the item went."""
    keep = []
    for item_id, project in zip(table["item_id"].to_pylist(), table["project"].to_pylist(), strict=True):
        if project in selected:
            known.add(int(item_id))
        keep.append(int(item_id) in known)
    return table.filter(pa.array(keep, pa.bool_()))
