"""One run of a Jira connection: what is read, in which order, and what the cursor then says.

1. What the server and the account are, which projects and boards there are (metadata, whole).
2. Issues: every id of projects that were not read to their end yet, else those that changed.
3. What the boards' filters hold; once a day the census of deleted issues.
4. Coverage, and the final batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from extractors.connection import SILENT, CheckLine, Coverage, ExtractReport, JiraConnection, Progress
from extractors.errors import AccessDenied, ExtractError
from extractors.jira import census, links
from extractors.jira.absence import Absence, in_trash, landed_keys
from extractors.jira.board_items import BoardItems
from extractors.jira.check import check
from extractors.jira.client import JiraClient
from extractors.jira.cursor import Cursor, Load, WorklogsOwed
from extractors.jira.issues import IssueLoader
from extractors.jira.metadata import Metadata, landed_boards
from extractors.jira.records import instant_of
from extractors.jira.selection import select_projects
from extractors.jira.sprint_reports import SprintReports
from extractors.jira.walks import Walks
from extractors.jira.worklogs import Worklogs
from extractors.landing import Landing, Run
from extractors.writing import Writer

CENSUS_EVERY = timedelta(hours=24)
WIDEST_OFFSET = timedelta(hours=14)  # of any time zone from UTC
HIDDEN_PROJECT = "*"  # among the uncounted: one that is landed, and out of sight
LONGEST_START = timedelta(minutes=10)  # from the run's start to the first request
Json = dict[str, Any]


class JiraSource:
    """Jira Cloud or Data Center; the server says which."""

    def __init__(self, connection: JiraConnection, *, progress: Progress = SILENT) -> None:
        self.connection = connection
        self._progress = progress

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land what is new. Raises ExtractError if nothing can be read; parts that fail are in the report."""
        with landing.exclusive(self.connection.id):
            return _Extraction(self.connection, landing, run, self._progress).run()

    def check(self) -> list[CheckLine]:
        """What works, what is missing, and what a first load costs."""
        return check(JiraClient(self.connection))


class _Extraction:
    """The state of one run."""

    def __init__(self, connection: JiraConnection, landing: Landing, run: Run, progress: Progress) -> None:
        self._connection = connection
        self._landing = landing
        self._progress = progress
        self._client = JiraClient(connection)
        self._asked = run
        self._report = ExtractReport(connection.id, run.run_id)
        self._archived: dict[str, str] = {}  # project id → what that means
        self._failed: dict[str, str] = {}  # project id → what went wrong
        self._limit = census.Limit(connection.id, connection.max_deleted_ratio)
        self._found: dict[str, Json] = {}  # all projects that the account sees, by id; those in the trash, too
        self._deleted: dict[str, int] = {}  # project id → issues found deleted in this run
        self._cursor = Cursor.read(landing.cursor(connection.id))
        self._names = landed_keys(landing, connection.id)
        self._rest: Future[None] | None = None  # the reading of the small streams, until they are landed

    def run(self) -> ExtractReport:
        """What waits for nothing else is asked for side by side: round trips cost more than anything."""
        client = self._client
        run = self._run_by_the_servers_clock()
        self._started = run.started_at
        self._writer = Writer(self._landing, run, self._connection, self._report)
        landed = landed_boards(self._landing, self._connection.id)
        self._metadata = Metadata(client, {}, self._report.failures.append, landed)
        with _beside() as pool:
            account = pool.submit(client.myself)
            boards = None if self._connection.projects else pool.submit(self._metadata.read_configurations)
            self._projects = self._metadata.projects = self._select(client.projects())
            overlap = timedelta(hours=self._connection.overlap_hours)
            self._zone, is_known = _zone_of(account.result().get("timeZone"))
            if not is_known:
                overlap += WIDEST_OFFSET
                self._report.warnings.append(
                    f"The account's time zone '{account.result().get('timeZone')}' is not known here: times are asked "
                    f"for in UTC, {overlap.total_seconds() / 3600:g} hours back. Choose another one in its profile"
                )
            self._walks = Walks(client, self._zone, overlap, self._fail_project)
            self._walking = self._begin_walk(pool)
            boards = boards or pool.submit(self._metadata.read_configurations)
            boards.result()
            self._rest = pool.submit(self._metadata.read_rest)
            self._items = BoardItems(self._walks, self._writer, self._active, self._metadata.broken)
            self._reports = SprintReports(client, self._writer, is_again=self._asked.is_full)
            boards = pool.submit(self._read_of_boards, self._rest)
            owed = WorklogsOwed() if self._asked.is_full else self._cursor.worklogs_owed
            self._worklogs = Worklogs(client, self._writer, owed)
            reading = pool.submit(self._worklogs.read, self._worklogs_since())
            changed, walked, since = self._issues()
            self._land_metadata()
            reading.result()
            boards.result()
        self._boards_and_closing(changed, walked, since)
        self._report.requests = client.requests
        self._report.waited_seconds = client.http.waited_seconds
        return self._report

    def _begin_walk(self, pool: ThreadPoolExecutor) -> tuple[list[str], Future[dict[str, set[int]]]]:
        """The ids of projects that were never read to their end, before it is known what to ask of them."""
        new = [project_id for project_id in self._active if project_id not in self._cursor.projects]
        return new, pool.submit(self._walks.all_ids, new)

    def _read_of_boards(self, rest: Future[None]) -> None:
        """What can be asked for as soon as the boards, their filters and sprints are known."""
        rest.result()
        self._reports.read(self._metadata.boards)
        if self._walking[0] or self._is_census_due():
            self._items.read(self._metadata.boards)

    def _worklogs_since(self) -> int:
        """Everything again where a project is new: its worklogs were left out before."""
        is_new = bool(self._walking[0]) or self._asked.is_full
        return 0 if is_new else self._cursor.worklogs_until

    def _land_metadata(self) -> None:
        """The small streams, once: with the first batch of issues, or with the last."""
        if self._rest is not None:
            self._rest.result()
            self._rest = None
            self._metadata.land(self._writer)
            self._describe()

    def _run_by_the_servers_clock(self) -> Run:
        """The run as the server sees it, for its clock is the one that `updated` is written with."""
        offset = self._client.clock_offset()
        self._client.http.clock_offset = offset
        behind = datetime.now(UTC) + offset - self._asked.started_at
        is_same = not offset or timedelta(0) <= behind < LONGEST_START
        started = self._asked.started_at if is_same else self._asked.started_at + behind
        return replace(self._asked, started_at=started, clock_offset=offset)

    def _select(self, found: list[Json]) -> dict[str, Json]:
        """The configured projects by id. Unknown ones make the run red by name; the others go on."""
        self._found = self._metadata.oddities.identified("jira/projects", found)
        found = list(self._found.values())
        if all(in_trash(project) for project in found):
            remedy = f"Give the account of the token in {self._connection.token_env or '`token_env`'} Browse permission"
            raise AccessDenied(self._connection.id, "every project", None, remedy, detail="It sees no project at all")
        selected, unknown = select_projects(self._connection, found)
        if unknown and not selected:
            raise unknown[0]
        self._report.failures.extend(unknown)
        for project_id, project in selected.items():
            if project.get("archived"):  # no search shows its issues; what is landed of them stays
                self._archived[project_id] = "archived: its issues are in no search, what was read before is kept"
        return selected

    def _fail_project(self, project_id: str, error: ExtractError) -> None:
        """One project could not be read: the run goes on, is red, and the project's watermark stays."""
        key = self._key(project_id)
        error.subject = f"project {key}: {error.subject}"
        if project_id not in self._failed:
            self._report.failures.append(error)
        self._failed[project_id] = str(error)

    def _key(self, project_id: str) -> str:
        return str(self._projects[project_id].get("key") or project_id)

    @property
    def _active(self) -> list[str]:
        """The projects whose issues a search shows."""
        return [project_id for project_id in self._projects if project_id not in self._archived]

    def _describe(self) -> None:
        info = self._client.server_info
        self._writer.describe(
            deployment="cloud" if self._client.is_cloud else "data_center",
            name=str(info.get("serverTitle") or self._connection.id),
            url=self._client.site_url,
            time_zone=str(self._zone),
            tool_version=str(info.get("version") or "") or None,
        )

    # -- issues ------------------------------------------------------------------------------------

    def _issues(self) -> tuple[set[int], dict[str, set[int]], datetime | None]:
        """Land issues. What changed, what was walked whole (by project id), and since when changes were asked for."""
        cursor, roles = self._cursor, self._metadata.roles
        is_again = self._asked.is_full or (cursor.fields_hash not in ("", roles.fingerprint))
        if is_again:
            cursor.projects, cursor.load = {}, cursor.load if self._asked.is_full else None
        cursor.fields_hash, cursor.time_zone = roles.fingerprint, str(self._zone)
        self._loader = IssueLoader(self._client, self._writer, roles, self._report, self._progress, cursor.gaps)
        new = [project_id for project_id in self._active if project_id not in cursor.projects]
        old = [project_id for project_id in self._active if project_id in cursor.projects]
        since = min((cursor.projects[project_id] for project_id in old), default=None)
        changed: set[int] = set()
        for instant in sorted({cursor.projects[project_id] for project_id in old}):  # laggards apart
            changed |= self._changed([key for key in old if cursor.projects[key] == instant], instant)
        walked = self._load(new) if new else {}
        self._loader.mend(self._active)
        cursor.projects |= {key: self._started for key in [*old, *walked] if key not in self._failed}
        cursor.projects = {key: value for key, value in cursor.projects.items() if key in self._projects}
        cursor.load = None if not set(new) & set(self._failed) else cursor.load
        return changed, walked, since

    def _changed(self, project_ids: list[str], since: datetime) -> set[int]:
        """Land the issues that changed; those whose landed version is the current one are not fetched again."""
        found = self._walks.changed_ids(project_ids, since)
        if not found:
            return set()
        known = self._landing.latest(
            "jira/issues",
            self._connection.id,
            ["record_id", "updated_at", "is_deleted"],
            record_ids=[str(number) for number in found],
        )
        current = {int(row["record_id"]): row["updated_at"] for row in known.to_pylist() if not row["is_deleted"]}
        stale = [
            number for number, updated in found.items() if updated is None or current.get(number) != instant_of(updated)
        ]
        self._loader.load(sorted(stale))
        return set(found)

    def _load(self, project_ids: list[str]) -> dict[str, set[int]]:
        """First load of projects, in the order of issue ids, resumed where an interrupted one left off."""
        begun, walking = self._walking
        walked = walking.result() if begun == project_ids else self._walks.all_ids(project_ids)
        ids = sorted(set().union(*walked.values())) if walked else []
        load = self._cursor.load
        if load is None or set(load.projects) != set(project_ids):
            load = Load(sorted(project_ids), self._started, -1)
        behind = [number for number in ids if number <= load.position]
        if behind:  # landed by the interrupted run: only what has changed since
            self._changed([project_id for project_id in project_ids if project_id in walked], load.started_at)
        ahead = [number for number in ids if number > load.position]

        def after_batch(position: int) -> None:
            self._cursor.load = Load(load.projects, load.started_at, position)
            self._land_metadata()
            self._writer.commit(self._stored())

        self._loader.load(ahead, after_batch)
        return walked

    # -- the rest ----------------------------------------------------------------------------------

    def _boards_and_closing(self, changed: set[int], walked: dict[str, set[int]], since: datetime | None) -> None:
        cursor = self._cursor
        is_census, counted = self._is_census_due(), walked
        if is_census or cursor.uncounted:
            counted = walked | self._walks.all_ids(self._to_count(walked, is_whole=is_census))
            self._note_count(counted, is_whole=is_census, is_explained=self._take_census(counted))
        self._metadata.land_unlisted_sprints(self._writer, self._loader.sprints)
        if self._metadata.no_boards is None and self._active:
            cursor.filters = self._items.land(
                self._metadata.boards,
                cursor.filters,
                changed=changed,
                since=since,
                is_census=is_census or bool(walked),
                may_delete=not self._failed and not self._metadata.is_stopped,
            )
        reports = self._reports.land()
        # What was appended becomes visible before anything is counted or refers to it.
        self._commit_rows()
        self._worklogs.land(lambda: self._writer.commit_rows(cursor.stored()))
        cursor.worklogs_until, cursor.worklogs_owed = self._worklogs.until, self._worklogs.owed
        self._commit_rows()
        issues = [*self._absence.coverage(), *self._issue_coverage(counted)]  # of two of one key the one that is read
        self._writer.cover([*issues, *self._metadata.coverage(), self._worklogs.coverage(), *reports])
        self._writer.commit(self._stored(), is_final=True)

    def _commit_rows(self) -> None:
        self._writer.commit_rows(self._stored())

    def _stored(self) -> Json:
        """The cursor, with the issues that could not be read whole so far."""
        self._cursor.gaps = sorted(self._loader.gaps)
        return self._cursor.stored()

    def _is_census_due(self) -> bool:
        last = self._cursor.census_at
        return self._asked.is_full or self._asked.is_census or last is None or self._started - last >= CENSUS_EVERY

    def _to_count(self, walked: Collection[str], *, is_whole: bool) -> list[str]:
        """Projects whose ids a census asks for: all of them, or those that earlier ones could not settle."""
        wanted = self._active if is_whole else [key for key in self._active if key in self._cursor.uncounted]
        return [key for key in wanted if key not in walked and key not in self._failed]

    def _note_count(self, counted: Collection[str], *, is_whole: bool, is_explained: bool) -> None:
        """What was not settled is counted again in every run, which stays red; the others once a day."""
        cursor = self._cursor
        if is_whole:
            cursor.census_at = self._started
        owed = self._active if is_whole else [key for key in self._active if key in {*cursor.uncounted, *counted}]
        cursor.uncounted = [key for key in owed if key not in counted or key in self._failed]
        cursor.uncounted += [] if is_explained else [HIDDEN_PROJECT]

    def _take_census(self, walked: dict[str, set[int]]) -> bool:
        """Land what the source has and we do not, and delete what it really has no more; whether all is explained."""
        self._commit_rows()
        landed = census.landed_issues(self._writer)
        difference = census.compare(walked, landed)
        if difference.unknown:
            self._loader.load(difference.unknown)
        for project_id, missing in difference.missing.items():
            self._settle(project_id, missing, landed.count(project_id), len(walked[project_id]))
        is_explained = self._absence.settle(landed)
        self._commit_rows()
        links.delete_orphans(self._writer)
        return is_explained

    def _settle(self, project_id: str, missing: list[int], known: int, walked: int) -> None:
        """Missing issues of a project: moved ones are landed anew, deleted ones get a deletion row."""
        there = census.still_there(self._client, missing)
        gone = [number for number in missing if number not in there]
        key = self._key(project_id)
        if hidden := self._limit.hidden(key, known, len(there)):
            self._refuse(project_id, hidden)
        else:
            self._loader.load(sorted(there))
        if gone and (stop := self._limit.deletions(key, known, len(gone), walked)):
            self._refuse(project_id, stop)
        else:
            self._deleted[project_id] = self._writer.delete("jira/issues", [str(number) for number in gone])

    def _refuse(self, project_id: str, error: ExtractError) -> None:
        self._report.failures.append(error)
        self._failed.setdefault(project_id, str(error))

    @property
    def _absence(self) -> Absence:
        return Absence(self._writer, self._names, self._found, self._projects, self._limit)

    def _issue_coverage(self, walked: dict[str, set[int]]) -> list[Coverage]:
        """Issues per project: what the source has (where its ids were walked) and what we hold."""
        table = self._landing.latest("jira/issues", self._connection.id, ["project_id", "is_deleted"])
        alive = table.filter(pa.compute.invert(table["is_deleted"]))
        counts = {row["values"]: row["counts"] for row in alive["project_id"].value_counts().to_pylist()}
        return [
            Coverage(
                "jira/issues",
                self._key(project_id),
                expected=len(walked[project_id]) if project_id in walked else None,
                got=counts.get(project_id, 0),
                deleted=self._deleted.get(project_id, 0),
                reason=self._failed.get(project_id) or self._archived.get(project_id),
            )
            for project_id in self._projects
        ]


@contextmanager
def _beside() -> Iterator[ThreadPoolExecutor]:
    """For what is read beside the issues. After an error nobody waits for what others still try: they only read."""
    pool = ThreadPoolExecutor(5, thread_name_prefix="jira-site")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _zone_of(name: Any) -> tuple[ZoneInfo, bool]:
    """The zone, and whether it is known; UTC if not."""
    try:
        return ZoneInfo(str(name or "")), True
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC"), False
