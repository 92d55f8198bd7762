"""Issues with their whole histories, many at a time."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from extractors.decoding import decoder
from extractors.errors import BadRequest, NotFound, RepeatedPage, SchemaChanged
from extractors.jira.client import JiraClient
from extractors.jira.documents import ChangeLogPage, EmbeddedChangelog, HistoryPage, IssueChangeLog, RawIssues
from extractors.limiter import WIDEST
from extractors.session import Answer

BULK = 100  # issues that Cloud gives at a time
CHUNKS_TOGETHER = 5  # chunks of issues whose histories are asked for at once; Cloud takes up to ten
CHUNKS_AHEAD = 25  # that are asked for before they are needed: more than may be under way at once
BYTES_AHEAD = 96 * 1024 * 1024  # of all these chunks; of large issues they are fewer
CHUNKS_UNKNOWN = 10  # under way until the first has arrived; then five more for each, as their size is known
DC_ISSUES_PER_PAGE = 50  # with full histories
CHANGES_PER_PAGE = 10_000
EQUALS = 3  # of the longest histories of an answer that are counted, where several are equally long


@dataclass(slots=True)
class FetchedIssue:
    """One issue as sent, without its embedded history. `change_count` is what the tool says, None if it does not."""

    payload: Raw
    histories: list[Raw]
    change_count: int | None
    sent_at: datetime
    issue_id: str = ""
    is_longest: bool = False  # its history, in one of the answers of Cloud that it came in

    def __post_init__(self) -> None:
        self.issue_id = self.issue_id or issue_id_of(self.payload)


@dataclass
class _Group:
    """Ids that are fetched together: their issues in chunks, side by side, and then all their histories."""

    chunks: list[Sequence[int]]
    issues: dict[int, Answer[RawIssues]] = field(default_factory=dict)  # by the chunk's number
    histories: dict[str, list[Raw]] = field(default_factory=dict)
    longest: set[str] = field(default_factory=set)  # ids of the issues with the longest histories in an answer
    lock: threading.Lock = field(default_factory=threading.Lock)
    parts: list[Future[None]] = field(default_factory=list)
    bytes: int = 0  # as sent, when all of it is there
    is_there: bool = False

    @property
    def ids(self) -> list[int]:
        return [number for chunk in self.chunks for number in chunk]

    def put(self, number: int, answer: Answer[RawIssues]) -> bool:
        """Take in a chunk's answer; whether it was the last one."""
        with self.lock:
            self.issues[number] = answer
            return len(self.issues) == len(self.chunks)


class _Window:
    """Groups that are asked for before they are needed: of small issues many chunks, of large ones few.

    How large chunks are is learnt as they arrive. Until then few are under way.
    """

    def __init__(self, together: int) -> None:
        self.groups: deque[_Group] = deque()
        self._together = together
        self._next = 1  # chunks of the next group; the first ones are small, so that there soon is work to do
        self._arrived = 0  # chunks so far
        self._recent: deque[int] = deque(maxlen=CHUNKS_AHEAD)  # bytes of a chunk, of those that came last
        self._lock = threading.Lock()

    def arrived(self, group: _Group) -> None:
        """All of a group is there. Threads may say so at once."""
        with self._lock:
            self._recent.append(group.bytes // len(group.chunks))
            self._arrived += len(group.chunks)
            group.is_there = True

    def room(self) -> int:
        """How many chunks the next group may have; 0 if the first group has to go before."""
        with self._lock:
            largest, known = max(self._recent, default=1), self._arrived
        held = sum(len(group.chunks) for group in self.groups)
        held_bytes = sum(group.bytes if group.is_there else largest * len(group.chunks) for group in self.groups)
        fitting = max(0, BYTES_AHEAD - held_bytes) // max(1, largest)
        room = min(self._next, fitting, CHUNKS_AHEAD - held, CHUNKS_UNKNOWN + 5 * known - held)
        return max(room, 0 if self.groups else 1)

    def add(self, group: _Group) -> None:
        self.groups.append(group)
        self._next = min(self._together, self._next + 1)

    def pop(self) -> _Group:
        """The first group, when all of it is there. Raises what its requests raised."""
        group = self.groups.popleft()
        for part in group.parts:
            part.result()
        return group


class Bulk:
    """Bulk reads of one site. Threads may share it."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client

    @property
    def chunk_size(self) -> int:
        """How many issues go into one `fetch`."""
        return BULK if self._client.is_cloud else DC_ISSUES_PER_PAGE

    def fetch(self, ids: Sequence[int], fields: Sequence[str]) -> list[FetchedIssue]:
        """The issues that exist and may be read, with all their histories; a few ids, in one go."""
        return [issue for _, fetched in self.fetch_all(ids, fields) for issue in fetched]

    def fetch_all(
        self, ids: Sequence[int], fields: Sequence[str]
    ) -> Generator[tuple[list[int], list[FetchedIssue]], None, None]:
        """The same of any number of ids: groups in the order of `ids`, several requests under way at a time.

        The histories of an issue are asked for after the issue, so that no change is in the issue and not in them.
        """
        step = self.chunk_size
        chunks = deque(ids[start : start + step] for start in range(0, len(ids), step))
        window = _Window(CHUNKS_TOGETHER if self._client.is_cloud else 1)
        with ThreadPoolExecutor(min(WIDEST, max(1, len(chunks))), thread_name_prefix="jira") as pool:
            try:
                while chunks:
                    count = min(window.room(), len(chunks))
                    if not count:
                        yield self._fetched(window.pop())
                        continue
                    group = _Group([chunks.popleft() for _ in range(count)])
                    group.parts = [pool.submit(self._fetch_part, window, group, n, fields) for n in range(count)]
                    window.add(group)
                while window.groups:
                    yield self._fetched(window.pop())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _fetch_part(self, window: _Window, group: _Group, number: int, fields: Sequence[str]) -> None:
        ids = group.chunks[number]
        answer = self.bulk_fetch(ids, fields) if self._client.is_cloud else self._fetch_data_center(ids, fields)
        if group.put(number, answer):
            if self._client.is_cloud and any(answer.value.issues for answer in group.issues.values()):
                group.bytes = self._read_histories(group)
            group.bytes += sum(answer.size for answer in group.issues.values())
            window.arrived(group)

    def _fetched(self, group: _Group) -> tuple[list[int], list[FetchedIssue]]:
        found = []
        for number in range(len(group.chunks)):
            answer = group.issues.pop(number)
            found += [self._taken(raw, answer.sent_at, group) for raw in answer.value.issues]
        return group.ids, found

    def _taken(self, raw: Raw, sent_at: datetime, group: _Group) -> FetchedIssue:
        """An issue of an answer. Raises SchemaChanged if it cannot even be told which one it is."""
        try:
            if not self._client.is_cloud:
                return split_changelog(raw, sent_at)
            issue_id = issue_id_of(raw)
            histories = group.histories.get(issue_id, [])
            return FetchedIssue(raw, histories, None, sent_at, issue_id, issue_id in group.longest)
        except msgspec.ValidationError as error:
            subject, remedy = f"an issue among {group.ids[0]} to {group.ids[-1]}", "This program needs an update"
            raise SchemaChanged(self._client.connection.id, subject, 200, remedy, detail=str(error)) from None

    def bulk_fetch(self, ids: Sequence[int], fields: Sequence[str]) -> Answer[RawIssues]:
        """At most BULK issues by id on Cloud, moved ones too; unknown ones are left out."""
        body = {"issueIdsOrKeys": [str(number) for number in ids], "fields": list(fields)}
        return self._client.http.post(f"{self._client.api}/issue/bulkfetch", RawIssues, body)

    def _read_histories(self, group: _Group) -> int:
        """Histories of the issues of a group; an issue may be split over answers. The bytes of these."""
        size = 0
        body: dict[str, Any] = {"issueIdsOrKeys": [str(number) for number in group.ids], "maxResults": CHANGES_PER_PAGE}
        tokens: set[str] = set()
        while True:
            answer = self._client.http.post(f"{self._client.api}/changelog/bulkfetch", ChangeLogPage, body)
            page = answer.value
            size += answer.size
            for log in page.logs:
                group.histories.setdefault(log.issue_id, []).extend(log.histories)
            if page.logs:
                group.longest |= _longest(page.logs)
            token = page.next_page_token
            if not token:
                return size
            if token in tokens:
                raise RepeatedPage(
                    self._client.connection.id,
                    f"POST {self._client.api}/changelog/bulkfetch",
                    None,
                    "Run again",
                    detail="The same page token came twice",
                )
            tokens.add(token)
            body["nextPageToken"] = token

    def change_count(self, issue_id: str) -> int:
        """How many histories an issue has, says Cloud."""
        path, params = f"{self._client.api}/issue/{issue_id}/changelog", {"startAt": 0, "maxResults": 1}
        return self._client.http.get(path, HistoryPage, params).value.total

    def changelog(self, issue_id: str) -> tuple[list[Raw], int]:
        """All histories of one issue on Cloud, and how many the tool says there are."""
        found: list[Raw] = []
        while True:
            params = {"startAt": len(found), "maxResults": 100}
            page = self._client.http.get(f"{self._client.api}/issue/{issue_id}/changelog", HistoryPage, params).value
            found.extend(page.values)
            if len(found) >= page.total or not page.values:
                return found, page.total

    def exists(self, issue_id: str) -> bool:
        """Whether an issue can still be read, wherever it was moved."""
        try:
            self._client.http.get(f"{self._client.api}/issue/{issue_id}", dict[str, Any], {"fields": "project"})
        except NotFound:
            return False
        return True

    def _fetch_data_center(self, ids: Sequence[int], fields: Sequence[str]) -> Answer[RawIssues]:
        """Ids that are gone make Jira refuse the whole question; then it is asked in halves."""
        body = {
            "jql": f"id in ({', '.join(map(str, ids))})",
            "startAt": 0,
            "maxResults": len(ids),
            "fields": list(fields),
            "expand": ["changelog"],
        }
        try:
            return self._client.http.post(f"{self._client.api}/search", RawIssues, body)
        except BadRequest:
            if len(ids) == 1:
                if self.exists(str(ids[0])):
                    raise
                return Answer(RawIssues([]), datetime.now(UTC), {})
            half = len(ids) // 2
            first, second = self._fetch_data_center(ids[:half], fields), self._fetch_data_center(ids[half:], fields)
            issues = RawIssues([*first.value.issues, *second.value.issues])
            return Answer(issues, first.sent_at, first.headers, first.size + second.size)


def _longest(logs: Sequence[IssueChangeLog]) -> set[str]:
    """Issues with the longest history of an answer. A cut leaves several equally long, and one of them may be whole."""
    most = max(len(log.histories) for log in logs)
    equals = (log.issue_id for log in logs if len(log.histories) == most)
    return set(heapq.nsmallest(EQUALS, equals, key=scattered))


def scattered(issue_id: str) -> str:
    """A place among equals that has nothing to do with age."""
    return issue_id[::-1]


class _Id(msgspec.Struct):
    id: str


_decode_id = decoder(_Id)
_decode_parts = decoder(dict[str, Raw])
_decode_changelog = decoder(EmbeddedChangelog)


def issue_id_of(payload: Raw) -> str:
    return _decode_id.decode(payload).id


def split_changelog(raw: Raw, sent_at: datetime) -> FetchedIssue:
    """An issue that was asked for with expand=changelog, taken apart."""
    parts = _decode_parts.decode(raw)
    log = parts.pop("changelog", None)
    changelog = _decode_changelog.decode(log) if log is not None else EmbeddedChangelog()
    payload = Raw(msgspec.json.encode(parts))
    histories = changelog.histories or []
    total = len(histories) if changelog.total is None and changelog.histories is not None else changelog.total
    return FetchedIssue(payload, histories, total, sent_at)
