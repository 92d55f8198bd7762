"""One run of one connection: which streams are read in which order.

A census of ids first, so that every id in it must show up in the feeds that are read after it; metadata
beside it, because it depends on nothing; then the feeds of revisions and links, from the tokens of the
last run, in batches that are committed one by one: a load that was cut off goes on at its last batch. At
the end histories with holes are mended, deletions settled, and the coverage says what the tool has
against what is landed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np

from extractors.azure_devops.broken_revisions import items_of, settle
from extractors.azure_devops.client import THREADS, AzureDevOpsClient
from extractors.azure_devops.coverage import item_coverage, unread_links
from extractors.azure_devops.cursor import AzureDevOpsCursor, start
from extractors.azure_devops.deletions import Deletions
from extractors.azure_devops.feeds import Feeds
from extractors.azure_devops.former_states import land_former_states
from extractors.azure_devops.isolation import each_by_itself
from extractors.azure_devops.items import LandedItems, landed_items
from extractors.azure_devops.links_census import LinkCensus
from extractors.azure_devops.mending import mend_histories
from extractors.azure_devops.metadata import MetadataReader
from extractors.azure_devops.metadata_landing import TEAMS, MetadataLanding
from extractors.azure_devops.people import USERS, known_people
from extractors.azure_devops.records import REVISIONS, RevisionReader, field_names
from extractors.azure_devops.revision_census import NOTHING_ASKED
from extractors.azure_devops.sdk import Site
from extractors.azure_devops.selection import LostProjects, lost_projects, select_projects
from extractors.azure_devops.whole_census import Census, take_census
from extractors.connection import ExtractReport, Progress
from extractors.errors import AccessDenied, ExtractError, NotFound, TooManyDeleted
from extractors.landing import Landing, Run
from extractors.writing import Writer

CENSUS_ALWAYS_BELOW = 20_000  # items: so many ids come in one or two requests per project
LAST_REVISIONS_ALWAYS_BELOW = 2_000  # items: so many come in one or two requests
ONCE_A_DAY = timedelta(hours=20)  # for what costs many requests: the census, and teams in depth
SAME_CLOCK = timedelta(minutes=1)
REMEMBERED_GAPS = 5_000


class Extraction:
    """Kept in one object, because every step needs most of what the others found out."""

    def __init__(self, client: AzureDevOpsClient, landing: Landing, run: Run, progress: Progress) -> None:
        self.client, self.landing, self.run, self.progress = client, landing, run, progress
        self.connection = client.connection
        self.report = ExtractReport(self.connection.id, run.run_id)
        self.people = known_people(landing, self.connection.id)
        self.projects: dict[str, dict[str, Any]] = {}
        self.cursor = AzureDevOpsCursor()
        self.stopped: dict[str, TooManyDeleted] = {}  # projects that lost too many items at once, by name
        self.unread_bins: list[str] = []  # names of projects
        self.has_nameless = False  # a revision came that does not say whose it is: only a census shows what is missing

    def extract(self) -> ExtractReport:
        with _background() as spawn:
            fields = spawn(self._fields)
            discovery = self.client.discovery()
            visible = discovery.projects()
            site = spawn(discovery.site)
            reader = RevisionReader(fields.result(), self.people)
            self.run = self._by_the_servers_clock()
            self.writer = Writer(self.landing, self.run, self.connection, self.report)
            self.projects, missing = select_projects(self.connection, visible)
            self.report.failures += missing
            lost = lost_projects(self.landing, self.connection, discovery, visible)
            self.report.failures += lost.failures
            self.cursor = start(self.landing, self.connection, self.run)
            before = landed_items(self.landing, self.connection.id)
            today, teams = self.run.started_at.date(), self.writer.alive(TEAMS)
            is_deep_due = self._is_due(self.cursor.metadata_at)
            read = MetadataReader(self.client, discovery, teams, today).read
            metadata = spawn(lambda: read(self.projects.values(), is_deep_due=is_deep_due))
            census = self._census(len(before))
            self._land_feeds(reader, before, {project["id"]: project["name"] for project in visible})
            landing = MetadataLanding(self.writer, self.people)
            landing.land(metadata.result(), visible, lost.hidden)
            self._describe(site.result())
        items = self._mend(reader, census, before)
        deletions = self._land_deletions(census, items, lost)
        if census is not None:
            land_former_states(self.client, self.writer)
        self._cover(items, census, deletions, missing)
        self._close(census, is_deep=metadata.result().is_deep and not landing.is_stopped)
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

    def _describe(self, site: Site | None) -> None:
        parts = urlsplit(self.client.base_url)
        host = parts.hostname or ""
        is_hosted = host == "dev.azure.com" or host.endswith(".visualstudio.com")
        self.writer.describe(
            deployment=site.deployment if site else ("services" if is_hosted else "server"),
            name=unquote(parts.path.strip("/").split("/")[-1]) or host.split(".")[0],
            url=self.client.base_url,
            time_zone=self.connection.time_zone or "UTC",
            tool_version=None,
        )

    def _census(self, landed: int) -> Census | None:
        """None if it is not due. Read before the feeds, so nothing in it is too new for them."""
        is_due = self._is_due(self.cursor.census_at)
        if not is_due and landed >= CENSUS_ALWAYS_BELOW:
            return None
        # A first load has no end yet that could be missing.
        has_last = landed and (is_due or landed < LAST_REVISIONS_ALWAYS_BELOW)
        census = take_census(self.client, self.projects.values(), self.report.warnings.append, has_last=bool(has_last))
        self.report.failures += census.failed.values()
        return census

    def _is_due(self, last: datetime | None) -> bool:
        """Whether to do again what large organisations are asked for once a day only."""
        is_asked_for = self.run.is_census or self.run.is_full or self.cursor.is_reread
        return is_asked_for or last is None or self.run.started_at - last >= ONCE_A_DAY

    @property
    def _selected(self) -> set[str] | None:
        """Names of the projects that count; None for all."""
        return {project["name"] for project in self.projects.values()} if self.connection.projects else None

    def _land_feeds(self, reader: RevisionReader, before: LandedItems, project_names: Mapping[str, str]) -> None:
        feeds = Feeds(self.client, self.writer, self.people, self.cursor, self._commit, self.progress)
        feeds.land_broken_links(project_names, self._selected)
        revisions, links = feeds.pages_of_revisions(reader.asked_fields), feeds.pages_of_links()
        feeds.land_revisions(revisions, reader, self._selected, before)
        feeds.land_links(links, project_names, self._selected)

    def _mend(self, reader: RevisionReader, census: Census | None, before: LandedItems) -> LandedItems:
        """Make the feeds' rows visible, fetch what they lack, and say what is landed now."""
        if self.writer.batch.has_rows:
            self._commit()
        has_new = self.report.count(REVISIONS).landed > 0
        items = landed_items(self.landing, self.connection.id) if has_new else before
        listed = np.concatenate([np.empty(0, np.int64), *(census.ids if census else {}).values()])
        unknown = np.setdiff1d(listed, items.ids).tolist()
        last = census.last if census else NOTHING_ASKED
        short = items.is_incomplete | last.ahead_of(items)
        others = {*unknown, *items_of(self.cursor, reader.broken)}
        mended = mend_histories(
            self.client, self.writer, reader, items, short, others, self.cursor.gaps, self._selected
        )
        if mended.landed:
            self._commit()
            items = landed_items(self.landing, self.connection.id)
            short = items.is_incomplete | last.ahead_of(items)
        self.report.failures += mended.failures.values()
        self.report.failures += settle(self.writer, self.cursor, reader.broken, mended)
        self.has_nameless = not all(one.is_named for one in reader.broken)
        pairs = zip(items.ids[short].tolist(), items.last_revisions[short].tolist(), strict=True)
        gaps = [(item_id, last) for item_id, last in pairs if item_id not in mended.failures]
        self.cursor.gaps = dict(gaps[:REMEMBERED_GAPS])
        return items

    def _land_deletions(self, census: Census | None, items: LandedItems, lost: LostProjects) -> Deletions:
        """Recycle bins are read after the feeds, so that what they hold is known to us."""
        bins: dict[str, list[int]] = {}
        for project_id, found in each_by_itself(self.client.recycle_bin, self.projects, THREADS):
            if isinstance(found, ExtractError):
                name = self.projects[project_id]["name"]
                found.detail = f"It concerns the recycle bin of project '{name}'. {found.detail}".strip()
                self.report.failures.append(found)
            else:
                bins[project_id] = found
        deletions = Deletions(self.client, self.writer, self.people)
        deletions.land(bins, self.projects, items)
        deletions.land_deleted_projects(lost.deleted.values(), items, self.run.started_at)
        if census is not None:
            self.unread_bins = [project["name"] for key, project in self.projects.items() if key not in bins]
            self.stopped = deletions.land_missing(census.ids, self.unread_bins, items, self.run.started_at)
            self.report.failures += self.stopped.values()
        return deletions

    def _cover(
        self, items: LandedItems, census: Census | None, deletions: Deletions, missing: list[ExtractError]
    ) -> None:
        selected = [project["name"] for project in self.projects.values()]
        short = items.is_incomplete | (census.last if census else NOTHING_ASKED).ahead_of(items)
        listed = census.ids if census else None
        rows = item_coverage(
            items, short, selected, listed, set(deletions.known), missing, census.failed if census else {}, self.stopped
        )
        if census is None:
            self.writer.cover([*rows, *unread_links(selected)])
            return
        links = LinkCensus(self.client, self.writer, self.people, census.parents, census.ids)
        if links.mend():
            self._commit()
        self.writer.cover([*rows, *links.coverage(), *unread_links(census.failed)])

    def _close(self, census: Census | None, *, is_deep: bool) -> None:
        """Only now: what a killed run has begun with is not done.

        A census that stopped for a person, or that left something out, is due again in each run, so that the runs stay
        red until it is settled.
        """
        if census is not None and not (self.stopped or census.failed or self.unread_bins or self.has_nameless):
            self.cursor.census_at = self.run.started_at
        if is_deep:
            self.cursor.metadata_at = self.run.started_at
        self.cursor.is_reread = False
        self.report.requests = self.client.http.adapter.requests
        self.report.waited_seconds = self.client.http.waited_seconds
        self._commit(is_final=True)

    def _commit(self, *, is_final: bool = False) -> None:
        self.writer.append(USERS, self.people.rows())
        self.writer.commit(msgspec.to_builtins(self.cursor, str_keys=True), is_final=is_final)


Spawn = Callable[[Callable[[], Any]], Future[Any]]


@contextmanager
def _background() -> Iterator[Spawn]:
    """For what nothing waits for at first. A failure inside ends what has not begun."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="beside")
    try:
        yield pool.submit
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
