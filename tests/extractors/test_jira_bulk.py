"""How far bulk reads run ahead of what is landed: of small issues many chunks, of large ones few."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from extractors import limiter as limiters
from extractors.jira import bulk
from extractors.jira.bulk import BYTES_AHEAD, CHUNKS_AHEAD, CHUNKS_TOGETHER, CHUNKS_UNKNOWN, Bulk, _Group, _Window
from extractors.jira.client import JiraClient
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
    assert max(ahead) <= CHUNKS_UNKNOWN + 5
    assert max(ahead[5:]) <= 8, "chunks are not all of one size"
    assert sum(count > 0 for count in ahead) > 0.6 * len(ahead)


def test_the_largest_issues_are_asked_for_one_chunk_at_a_time(
    site: tuple[Sandbox, JiraClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BYTES_AHEAD", 1)
    ahead, _ = _ahead(*site)
    assert set(ahead) == {0}


def _asked(window: _Window) -> list[int]:
    """Sizes of the groups that there is room for now, each of which is asked for and is not there yet."""
    sizes = []
    while count := window.room():
        window.add(_Group([[number] for number in range(count)]))
        sizes.append(count)
    return sizes


def _arrives(window: _Window, place: int, chunk_bytes: int) -> None:
    group = window.groups[place]
    group.bytes = chunk_bytes * len(group.chunks)
    window.arrived(group)


def test_few_chunks_are_under_way_until_it_is_known_how_large_they_are() -> None:
    window = _Window(together=5)
    assert _asked(window) == [1, 2, 3, 4], "small groups at first, so that there soon is work to do"
    _arrives(window, 0, 1_000)
    window.pop()
    assert _asked(window) == [5, 1], "ten and five for each that has arrived, less those that are under way"
    for place in range(len(window.groups)):
        _arrives(window, place, 1_000)
    window.pop()
    assert _asked(window) == [5, 5, 2]
    assert sum(len(group.chunks) for group in window.groups) == CHUNKS_AHEAD


def test_chunks_that_grow_leave_less_room() -> None:
    """The first is small; a larger one that has arrived counts for all that are under way."""
    window = _Window(together=5)
    _asked(window)
    _arrives(window, 0, 1_000)
    _arrives(window, 1, BYTES_AHEAD // 16)
    window.pop()
    assert _asked(window) == [5, 2], "nine are there or on their way, of sixteen that fit"
    _arrives(window, 0, BYTES_AHEAD // 4)
    window.pop()
    assert _asked(window) == []


def test_one_group_is_asked_for_however_large_it_is() -> None:
    window = _Window(together=5)
    _asked(window)
    for place in range(4):
        _arrives(window, place, 2 * BYTES_AHEAD)
    while window.groups:
        window.pop()
    assert _asked(window) == [1]
