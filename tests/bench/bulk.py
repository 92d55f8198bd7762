"""Bulk pages of the sandbox's three sites, read as fast as a few callers can, answers thrown away unread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.bench.measure import SideFailedError

CALLERS = 4
IDS, ISSUES, REVISIONS = 5_000, 100, 1_000  # a page of each
SECONDS = 10.0  # for each kind of page


@dataclass
class Tally:
    """What one kind of page came to. `things` are issues, or revisions."""

    name: str
    pages: int = 0
    things: int = 0
    size: int = 0
    seconds: float = 0.0
    server_cpu: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, things: int, size: int) -> None:
        with self.lock:
            self.pages, self.things, self.size = self.pages + 1, self.things + things, self.size + size

    def row(self) -> tuple[str, ...]:
        per_second = [value / self.seconds for value in (self.pages, self.things, self.size / 2**20)]
        each = 1e6 * self.server_cpu / max(self.things, 1)
        return (self.name, *(f"{value:,.0f}" for value in per_second), f"{each:,.1f}")


HEADER = ("pages", "pages/s", "issues or revisions/s", "MB/s", "server CPU us each")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far (Linux)."""
    parts = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / 100


def _timed(tally: Tally, pid: int, work: Callable[[], None]) -> Tally:
    began, cpu = time.monotonic(), cpu_seconds(pid)
    work()
    tally.seconds, tally.server_cpu = time.monotonic() - began, cpu_seconds(pid) - cpu
    return tally


def jira_cloud(url: str, pid: int) -> Iterator[Tally]:
    ids: list[str] = []
    yield _timed(search := Tally("Jira Cloud search/jql, 5,000 ids"), pid, lambda: ids.extend(_ids(url, search)))
    chunks = [ids[start : start + ISSUES] for start in range(0, len(ids), ISSUES)]
    issues, histories = Tally("Jira Cloud issue/bulkfetch, 100"), Tally("Jira Cloud changelog/bulkfetch, 100 issues")

    def fetch(session: requests.Session, chunk: list[str]) -> None:
        asked = {"issueIdsOrKeys": chunk, "fields": ["*all"]}
        issues.add(len(chunk), len(_post(session, f"{url}/rest/api/3/issue/bulkfetch", asked)))

    def fetch_log(session: requests.Session, chunk: list[str]) -> None:
        asked = {"issueIdsOrKeys": chunk, "maxResults": 10_000}
        histories.add(len(chunk), len(_post(session, f"{url}/rest/api/3/changelog/bulkfetch", asked)))

    yield _timed(issues, pid, lambda: _all(fetch, chunks))
    yield _timed(histories, pid, lambda: _all(fetch_log, chunks))


def _ids(url: str, tally: Tally) -> list[str]:
    session, token, found = _session(), None, []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        asked: dict[str, Any] = {"jql": "project is not empty ORDER BY id", "maxResults": IDS, "fields": ["id"]}
        answer = session.post(f"{url}/rest/api/3/search/jql", json=asked | ({"nextPageToken": token} if token else {}))
        page = answer.json()
        tally.add(len(page["issues"]), len(answer.content))
        found += [issue["id"] for issue in page["issues"]]
        token = page.get("nextPageToken")
        if not token:
            break
    return found


def jira_data_center(url: str, pid: int) -> Iterator[Tally]:
    """Pages of whole issues with their histories, one after the other: each begins behind the last id."""
    tally = Tally("Jira Data Center search, 100 issues with histories")

    def read() -> None:
        session, last, deadline = _session(), 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            asked = {
                "jql": f"id > {last} ORDER BY id",
                "maxResults": ISSUES,
                "expand": ["changelog"],
                "fields": ["*all"],
            }
            answer = session.post(f"{url}/rest/api/2/search", json=asked)
            found = answer.json()["issues"]
            tally.add(len(found), len(answer.content))
            if not found:
                return
            last = int(found[-1]["id"])

    yield _timed(tally, pid, read)


def azure_devops(url: str, pid: int) -> Iterator[Tally]:
    tally = Tally("Azure DevOps workitemrevisions, 1,000")

    def read() -> None:
        session, deadline = _session(), time.monotonic() + SECONDS
        address: str = f"{url}/_apis/wit/reporting/workitemrevisions?api-version=7.1&$maxPageSize={REVISIONS}"
        address += "&includeDeleted=true&includeIdentityRef=true"
        while time.monotonic() < deadline:
            answer = session.get(address)
            head = answer.content[: answer.content.index(b'"values"')].decode()
            tally.add(answer.content.count(b'"rev":'), len(answer.content))
            if '"isLastBatch":true' in head:
                return
            address = head.partition('"nextLink":"')[2].partition('"')[0]

    yield _timed(tally, pid, read)


READERS = {"jira_cloud": jira_cloud, "jira_dc": jira_data_center, "azure_devops": azure_devops}


def _session() -> requests.Session:
    session = requests.Session()
    session.auth = ("me@example.com", "sandbox")
    return session


def _post(session: requests.Session, url: str, asked: dict[str, Any]) -> bytes:
    answer = session.post(url, json=asked, timeout=120)
    if answer.status_code != requests.codes.ok:
        raise SideFailedError(f"The sandbox answered {answer.status_code}: {answer.text[:300]}")
    return answer.content


def _all(fetch: Callable[[requests.Session, list[str]], None], chunks: list[list[str]]) -> None:
    """As many of the chunks as the time allows."""
    local, deadline = threading.local(), time.monotonic() + SECONDS

    def one(chunk: list[str]) -> None:
        if time.monotonic() > deadline:
            return
        if not hasattr(local, "session"):
            local.session = _session()
        fetch(local.session, chunk)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(one, chunks))
