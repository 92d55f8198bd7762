"""Worklogs: who worked on an issue, when and for how long. Jira has a feed of those that were changed and deleted.

The feed goes by the millisecond, leaves out the last minute by itself, and is not bound to projects: worklogs of issues
that are not landed are left out here. So an issue that is landed later than its worklogs were in the feed lacks them.
The time that an issue itself says was spent tells: where it differs, the issue is asked for its worklogs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from extractors.connection import CheckLine, Coverage
from extractors.decoding import decode
from extractors.errors import (
    AccessDenied,
    AuthError,
    BadRequest,
    ExtractError,
    Gone,
    NotFound,
    NotJson,
    RepeatedPage,
    SchemaChanged,
    Truncated,
    Unreachable,
)
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.columns import instant_of
from extractors.jira.cursor import NOT_READ, WorklogsOwed
from extractors.jira.documents import ChangedWorklogs, Worklog, WorklogPage
from extractors.jira.metadata import short_reason
from extractors.jira.site_rows import Json
from extractors.writing import Writer, in_parallel

STREAM = "jira/worklogs"
TOGETHER = 1_000  # worklogs that Jira gives at a time
OVERLAP = 10 * 60 * 1000  # milliseconds: entries that were committed out of order
MOST_ASKED = 1_000  # issues that are asked for their worklogs in one run
# The account has called the site before: 401 says that its token's scopes do not hold worklogs. And no KPI needs them:
# a form that is not known is no reason to stop.
REFUSED = (AccessDenied, AuthError, BadRequest, NotFound, SchemaChanged)
# The same of an endpoint that is broken or removed; a site that does not answer at all stops the run.
BROKEN = (*REFUSED, Gone, NotJson, RepeatedPage, Truncated, Unreachable)


class Worklogs:
    """Lands the worklogs of one run."""

    def __init__(self, client: JiraClient, writer: Writer, owed: WorklogsOwed) -> None:
        self._client = client
        self._writer = writer
        self.owed = owed  # what the next run asks for beside the feed
        self.until = 0  # where the next run goes on
        self._since = 0
        self._changed_ids: list[int] = []
        self._deleted_ids: list[int] = []
        self._totals: dict[str, int] = {}  # worklogs that Jira has, of the issues that were asked
        self._reason: str | None = None
        self._not_asked = 0
        self._odd: dict[str, str] = {}  # worklogs that no row can be made of, by id: what is odd about them

    def read(self, since: int) -> None:
        """Which worklogs were changed and deleted since `since` (epoch milliseconds; 0: everything).

        The next run goes on where the feed of changes ends; that of deletions is read later and reaches further.
        """
        self.until = self._since = since
        start = max(0, since - OVERLAP)
        try:
            until = since
            for ids, reached in self._changed("updated", start):
                self._changed_ids += ids
                until = max(until, reached)
            for ids, _ in self._changed("deleted", start):
                self._deleted_ids += ids
            self.until = until
        except BROKEN as error:
            self._refused(error)

    def _refused(self, error: ExtractError) -> None:
        if isinstance(error, Unreachable) and error.status is None:
            raise error
        self._changed_ids, self._deleted_ids, self.until = [], [], self._since
        self._reason = f"worklogs cannot be read: {short_reason(error)}"

    def land(self, commit: Callable[[], None]) -> None:
        """Land what `read` found; the issues that it belongs to are visible by now. `commit` makes rows visible."""
        try:
            odd = self._land(list(dict.fromkeys([*self._changed_ids, *self.owed.odd])))
            self._writer.delete(STREAM, [str(number) for number in self._deleted_ids])
            commit()
            self._delete_orphans()
            if self._reason is None:
                self._settle()
                self.owed.odd = odd
        except BROKEN as error:
            self._refused(error)

    def coverage(self) -> Coverage:
        """What is held, against what Jira says of the issues that were asked.

        A site that does not let the account read worklogs is a reason, never an error.
        """
        if self._reason is not None:
            return Coverage(STREAM, reason=self._reason)
        issue_ids = self._alive()["issue_id"]
        held = len(issue_ids)
        asked = pc.sum(pc.is_in(issue_ids, pa.array(list(self._totals), pa.string()))).as_py() or 0
        reasons = [f"{self._not_asked:,} more issues say another time than their worklogs"] if self._not_asked else []
        if self._odd:
            what = next(iter(self._odd.values()))
            reasons.append(f"{len(self._odd)} were sent in an unknown form, and left out: {what}")
        expected = held - asked + sum(self._totals.values())
        return Coverage(STREAM, expected=expected, got=held, skipped=len(self._odd), reason="; ".join(reasons) or None)

    def _changed(self, kind: str, since: int) -> Iterator[tuple[list[int], int]]:
        """Pages of ids with the instant up to which they go. Raises RepeatedPage if a page leads nowhere."""
        path = f"{self._client.api}/worklog/{kind}"
        while True:
            page = self._client.http.get(path, ChangedWorklogs, {"since": since}).value
            yield [entry.id for entry in page.values], page.until
            if page.last_page or not page.values:
                return
            if page.until <= since:
                remedy, detail = "Run again", "A page of worklogs ends where it begins"
                raise RepeatedPage(self._client.connection.id, f"GET {path}", None, remedy, detail=detail)
            since = page.until

    def _land(self, ids: list[int]) -> list[int]:
        """Land worklogs by id. Those of them that no row can be made of."""
        odd: list[int] = []
        if not ids:
            return odd
        chunks = [ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER)]
        landed = self._alive("jira/issues")["record_id"].combine_chunks()
        for chunk, (rows, given) in in_parallel(self._fetch, chunks, THREADS):
            if len(rows) < given:  # an odd one may lack even its id: whatever made no row
                made = {row["record_id"] for row in rows}
                odd += [number for number in chunk if str(number) not in made]
            is_of_landed = pc.is_in(pa.array([row["issue_id"] for row in rows], pa.string()), landed).to_pylist()
            self._writer.append(STREAM, [row for row, is_kept in zip(rows, is_of_landed, strict=True) if is_kept])
        return odd

    def _fetch(self, chunk: list[int]) -> tuple[list[Json], int]:
        """Rows of what was asked for, which hold no comments any more, and how many worklogs were given."""
        found = self._client.http.post(f"{self._client.api}/worklog/list", list[msgspec.Raw], {"ids": chunk}).value
        rows, asked = self._rows(found), set(map(str, chunk))
        self._odd |= {row["record_id"]: "Nobody asked for this id" for row in rows if row["record_id"] not in asked}
        return [row for row in rows if row["record_id"] in asked], len(found)

    def _rows(self, found: list[msgspec.Raw], issue_id: str | None = None) -> list[Json]:
        """The worklogs of `issue_id` (None: of any, each names its own) as rows; odd ones are told, not landed."""
        rows = []
        for raw in found:
            try:
                rows.append(worklog_row(bytes(raw), issue_id))
            except (msgspec.ValidationError, ValueError) as error:
                self._odd[_id_of(raw)] = str(error)
        return rows

    # -- what the feed does not tell ---------------------------------------------------------------

    def _alive(self, stream: str = STREAM, *more: str) -> pa.Table:
        """Visible rows that are not deleted, with the columns `record_id`, `issue_id` and `spent_seconds`."""
        columns = ["record_id", "issue_id", "spent_seconds", "is_deleted", *more]
        table = self._writer.landing.latest(stream, self._writer.connection.id, columns)
        return table.filter(pc.invert(table["is_deleted"]))

    def _delete_orphans(self) -> None:
        """The worklogs of a deleted issue go with it; no feed says so."""
        worklogs, issues = self._alive(), self._alive("jira/issues")
        is_orphan = pc.invert(pc.is_in(worklogs["issue_id"], issues["record_id"].combine_chunks()))
        self._writer.delete(STREAM, worklogs.filter(is_orphan)["record_id"].to_pylist())

    def _settle(self) -> None:
        """Ask the issues that differ, as many as one run may, and remember what is left."""
        since = min(self._since, self._since if self.owed.since is None else self.owed.since)
        differing, before = self._differing(since), self.owed.asked
        wanted = [issue_id for issue_id, spent in differing.items() if before.get(issue_id) != spent]
        wanted.sort(key=lambda issue_id: issue_id in before)  # what was asked in vain keeps no other one waiting
        asked, self._not_asked = wanted[:MOST_ASKED], len(wanted[MOST_ASKED:])
        odd = self._ask(asked)
        if not self._not_asked and not odd:
            self.owed = WorklogsOwed(self.owed.odd)
            return
        now = {issue_id: NOT_READ if issue_id in odd else differing[issue_id] for issue_id in asked}
        kept = {issue_id: spent for issue_id, spent in before.items() if issue_id in differing}
        self.owed = WorklogsOwed(self.owed.odd, since, kept | now)

    def _differing(self, since_ms: int) -> dict[str, int]:
        """The seconds of issues landed since then that are not those of their worklogs, by issue id; newest first."""
        issues = self._alive("jira/issues", "extracted_at")
        issues = issues.filter(issues["spent_seconds"].is_valid())  # where it is hidden, nothing can be compared
        since = datetime.fromtimestamp(max(0, since_ms - OVERLAP) / 1000, UTC)
        issues = issues.filter(pc.greater_equal(issues["extracted_at"], pa.scalar(since, issues["extracted_at"].type)))
        logged = self._alive().group_by("issue_id").aggregate([("spent_seconds", "sum")])
        both = issues.select(["issue_id", "spent_seconds", "extracted_at"]).join(logged, "issue_id")
        spent, known = (pc.fill_null(both[name], 0) for name in ("spent_seconds", "spent_seconds_sum"))
        differing = both.filter(pc.not_equal(spent, known)).sort_by([("extracted_at", "descending")])
        return dict(zip(differing["issue_id"].to_pylist(), differing["spent_seconds"].to_pylist(), strict=True))

    def _ask(self, issue_ids: list[str]) -> set[str]:
        """Land all worklogs of some issues, and delete those that are not there any more. Issues of odd worklogs."""
        odd: set[str] = set()
        if not issue_ids:
            return odd
        alive = self._alive()
        alive = alive.filter(pc.is_in(alive["issue_id"], pa.array(issue_ids, pa.string())))
        missing = set(alive["record_id"].to_pylist())
        for issue_id, answer in in_parallel(self._worklogs_of, issue_ids, THREADS):
            if answer is None:
                continue
            rows, given, total = answer
            if len(rows) < given:
                odd.add(issue_id)
            self._writer.append(STREAM, rows)
            self._totals[issue_id] = total
            is_whole = len({row["record_id"] for row in rows}) >= total
            own = alive.filter(pc.equal(alive["issue_id"], issue_id))["record_id"].to_pylist() if not is_whole else []
            missing.difference_update(own, (row["record_id"] for row in rows))
        gone = alive.filter(pc.is_in(alive["issue_id"], pa.array(list(self._totals), pa.string())))["record_id"]
        self._writer.delete(STREAM, sorted(missing.intersection(gone.to_pylist())))
        return odd

    def _worklogs_of(self, issue_id: str) -> tuple[list[Json], int, int] | None:
        """Rows of an issue's worklogs that the account may see, how many were given, and how many Jira says there are.

        None: there is no such issue.
        """
        rows: list[Json] = []
        given = 0
        path = f"{self._client.api}/issue/{issue_id}/worklog"
        while True:
            try:
                page = self._client.http.get(path, WorklogPage, {"startAt": given, "maxResults": 5_000}).value
            except NotFound:
                return None
            rows += self._rows(page.worklogs, issue_id)
            given += len(page.worklogs)
            if given >= page.total or not page.worklogs:
                return rows, given, page.total


def check_worklogs(client: JiraClient) -> tuple[CheckLine, ExtractError | None]:
    """For `pmo doctor`: whether the account may read worklogs, and what Jira says if not; only logged work needs it."""
    since = int(datetime.now(UTC).timestamp() * 1000)
    try:
        client.http.get(f"{client.api}/worklog/updated", ChangedWorklogs, {"since": since})
        client.http.post(f"{client.api}/worklog/list", list[msgspec.Raw], {"ids": [1]})
    except REFUSED as error:
        return CheckLine("warn", "worklogs", f"cannot be read, no logged work is landed: {error}"), error
    return CheckLine("ok", "worklogs", "can be read"), None


def _id_of(raw: msgspec.Raw) -> str:
    """The id of an odd worklog, or all of it if it has none: it is counted once, whoever sends it."""
    found = msgspec.json.decode(raw)
    record_id = found.get("id") if isinstance(found, dict) else None
    return str(record_id) if record_id is not None else bytes(raw).decode(errors="replace")


def worklog_row(body: bytes, issue_id: str | None = None) -> Json:
    """A worklog without its comment, which may hold anything.

    `issue_id` is whose worklogs were asked for: Jira before version 7 does not say it in the worklog. Raises
    msgspec.ValidationError if the worklog lacks what every worklog has, ValueError if an instant is none.
    """
    worklog = decode(body, Worklog)
    issue_id = worklog.issue_id or issue_id
    if issue_id is None:
        raise msgspec.ValidationError("Object missing required field `issueId`")
    payload = decode(body, dict[str, msgspec.Raw])
    payload.pop("comment", None)
    return {
        "record_id": worklog.id,
        "updated_at": instant_of(worklog.updated) if worklog.updated else None,
        "payload": msgspec.json.encode(payload).decode(),
        "worklog_id": worklog.id,
        "issue_id": issue_id,
        "author_id": worklog.author.user_id if worklog.author else None,
        "started_at": instant_of(worklog.started) if worklog.started else None,
        "created_at": instant_of(worklog.created) if worklog.created else None,
        "spent_seconds": worklog.spent_seconds,
    }
