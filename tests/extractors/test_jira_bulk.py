"""How far bulk reads run ahead of what is landed: of small issues many chunks, of large ones few."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from msgspec import Raw

from extractors import limiter as limiters
from extractors.jira import bulk
from extractors.jira.bulk import BYTES_AHEAD, CHUNKS_AHEAD, CHUNKS_TOGETHER, Bulk, _Group, _Window
from extractors.jira.client import JiraClient
from extractors.jira.documents import RawIssues
from extractors.session import Answer
from tests.extractors.sandbox_site import Sandbox, held_by_source, jira, served

CHUNK = 4  # issues


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("bulk") / "sandbox", items=400) as server:
        yield server


@pytest.fixture
def site(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sandbox, JiraClient]]:
    """Chunks of few issues, so that the small organisation has many of them."""
    monkeypatch.setattr(bulk, "BULK", CHUNK)
    limiters._limiters.clear()
    client = JiraClient(jira(sandbox.cloud))
    yield sandbox, client
    client.http.close()


def _ahead(sandbox: Sandbox, client: JiraClient) -> tuple[list[int], int]:
    """After each group how many more chunks were asked for, and the bytes of a chunk."""
    ids = sorted(map(int, held_by_source(sandbox.cloud)))
    sandbox.forget_requests()
    ahead, taken, size = [], 0, 0
    for group, fetched in Bulk(client).fetch_all(ids, ["summary", "status"]):
        assert {int(issue.issue_id) for issue in fetched} == set(group)
        size += sum(len(memoryview(raw)) for issue in fetched for raw in (issue.payload, *issue.histories))
        time.sleep(0.1)  # as if it took long to land them: what may be asked for is asked for
        taken += -(-len(group) // CHUNK)
        ahead.append(sum(request["path"].endswith("/issue/bulkfetch") for request in sandbox.requests()) - taken)
    assert taken == -(-len(ids) // CHUNK) > 20
    return ahead, size // taken


def test_small_issues_are_asked_for_well_ahead(site: tuple[Sandbox, JiraClient]) -> None:
    ahead, _ = _ahead(*site)
    assert CHUNKS_TOGETHER < max(ahead) <= CHUNKS_AHEAD
    assert ahead[-1] == 0


def test_with_large_issues_something_is_under_way_and_not_more_than_fits(
    site: tuple[Sandbox, JiraClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, size = _ahead(*site)
    monkeypatch.setattr(bulk, "BYTES_AHEAD", 7 * size)
    ahead, _ = _ahead(*site)
    assert max(ahead) <= 8, "chunks are not all of one size"
    assert sum(count > 0 for count in ahead) > 0.6 * len(ahead)


def test_the_largest_issues_are_asked_for_one_chunk_at_a_time(
    site: tuple[Sandbox, JiraClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BYTES_AHEAD", 1)
    ahead, _ = _ahead(*site)
    assert set(ahead) == {0}


def _group(chunks: int, chunk_bytes: int) -> _Group:
    now = datetime.now(UTC)
    answers = {n: Answer(RawIssues([Raw(b" " * chunk_bytes)]), now, {}) for n in range(chunks)}
    return _Group([[n] for n in range(chunks)], answers)


def _asked(window: _Window, chunk_bytes: int) -> list[int]:
    """Sizes of the groups that there is room for now, each of which is asked for and is not there yet."""
    sizes = []
    while count := window.room():
        window.add(_group(count, chunk_bytes))
        sizes.append(count)
    return sizes


def test_few_chunks_are_under_way_until_it_is_known_how_large_they_are() -> None:
    window = _Window(together=5)
    assert _asked(window, 1_000) == [1, 2, 3], "small groups at first, so that there soon is work to do"
    for group in window.groups:
        window.arrived(group)
    window.pop()
    assert _asked(window, 1_000) == [4, 3], "as many more as have arrived"
    for group in list(window.groups)[2:]:
        window.arrived(group)
    window.pop()
    assert _asked(window, 1_000) == [5, 4]
    assert sum(len(group.chunks) for group in window.groups) <= CHUNKS_AHEAD


def test_chunks_that_grow_leave_less_room() -> None:
    """The first are small; a large one that has arrived counts for all that are under way."""
    window = _Window(together=5)
    _asked(window, 1_000)
    window.arrived(window.groups[0])
    window.groups[1] = _group(2, BYTES_AHEAD // 8)
    window.arrived(window.groups[1])
    window.pop()
    assert _asked(window, BYTES_AHEAD // 8) == [3], "two are there and three on their way, of eight that fit"
    for group in window.groups:
        if not group.bytes:
            window.arrived(group)
    window.pop()
    assert sum(group.bytes for group in window.groups) <= BYTES_AHEAD
