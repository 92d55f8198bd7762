"""The sandbox itself: how many pages of 100 issues it gives a second, to show that nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.compute as pc
import requests

from extractors.jira.client import THREADS
from extractors.landing import Landing
from tests.bench.measure import SideFailedError
from tests.bench.side_ours import CONNECTION

SECONDS = 3.0
PAGE = 100


def bulkfetch(url: str, home: Path, fields_of_all: str = "*all") -> Iterator[str]:
    """Pages a second with as many callers as an extraction has; the answers are thrown away unread."""
    column = Landing(home).latest("jira/issues", CONNECTION, ["record_id"])["record_id"]
    ids = sorted(pc.cast(column, "int64").to_pylist())
    chunks = [[str(number) for number in ids[start : start + PAGE]] for start in range(0, len(ids), PAGE)]
    local = threading.local()

    def fetch(chunk: list[str]) -> int:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.auth = ("me@example.com", "sandbox")
        body = {"issueIdsOrKeys": chunk, "fields": [fields_of_all]}
        answer = local.session.post(f"{url}/rest/api/3/issue/bulkfetch", json=body, timeout=60)
        if answer.status_code != requests.codes.ok:
            raise SideFailedError(f"The sandbox answered {answer.status_code}: {answer.text[:300]}")
        return len(answer.content)

    def caller(number: int) -> tuple[int, int, int]:
        pages = issues = size = 0
        while time.perf_counter() < deadline:
            chunk = chunks[(number + pages) % len(chunks)]
            size += fetch(chunk)
            pages += 1
            issues += len(chunk)
        return pages, issues, size

    with ThreadPoolExecutor(THREADS) as pool:
        started = time.perf_counter()
        deadline = started + SECONDS
        done = list(pool.map(caller, range(THREADS)))
        wall = time.perf_counter() - started
    pages, issues, size = (sum(values) / wall for values in zip(*done, strict=True))
    yield f"Sandbox: bulkfetch by {THREADS} callers (their CPU time is in it, answers unread)"
    yield f"{pages:,.0f} pages/s, {issues:,.0f} issues/s, {size / 2**20:.1f} MB/s"
