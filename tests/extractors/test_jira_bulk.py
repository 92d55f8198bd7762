"""How far bulk reads run ahead of what is landed: with large issues as many bytes as with small ones."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from extractors import limiter as limiters
from extractors.jira import bulk
from extractors.jira.bulk import Bulk, group_sizes
from extractors.jira.client import JiraClient
from tests.extractors.sandbox_site import Sandbox, held_by_source, jira, served


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("bulk") / "sandbox", items=400) as server:
        yield server


@pytest.fixture
def site(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sandbox, JiraClient]]:
    """Chunks of few issues, so that the small organisation has many of them."""
    monkeypatch.setattr(bulk, "BULK", 4)
    limiters._limiters.clear()
    client = JiraClient(jira(sandbox.cloud))
    yield sandbox, client
    client.http.close()


def _most_ahead(sandbox: Sandbox, client: JiraClient) -> tuple[int, int]:
    """Chunks that were asked for before they were needed, at most; and of how many."""
    ids = sorted(map(int, held_by_source(sandbox.cloud)))
    sandbox.forget_requests()
    most, taken = 0, 0
    for group, fetched in Bulk(client).fetch_all(ids, ["summary", "status"]):
        assert {int(issue.issue_id) for issue in fetched} == set(group)
        time.sleep(0.1)  # as if it took long to land them: what may be asked for is asked for
        asked = sum(request["path"].endswith("/issue/bulkfetch") for request in sandbox.requests())
        taken += -(-len(group) // 4)
        most = max(most, asked - taken)
    return most, taken


def test_small_issues_are_asked_for_well_ahead(site: tuple[Sandbox, JiraClient]) -> None:
    most, chunks = _most_ahead(*site)
    assert chunks > 20
    assert bulk.CHUNKS_TOGETHER < most <= bulk.CHUNKS_AHEAD


def test_large_issues_are_asked_for_one_chunk_at_a_time(
    site: tuple[Sandbox, JiraClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first group is there nobody knows how large they are: no more than vendors advise are under way."""
    monkeypatch.setattr(bulk, "BYTES_AHEAD", 1)
    most, chunks = _most_ahead(*site)
    assert chunks > 20
    assert 0 < most < limiters.ADVISED


@pytest.mark.parametrize(
    ("chunks", "together", "sizes"),
    [
        (0, 5, []),
        (1, 5, [1]),
        (2, 5, [1, 1]),
        (14, 5, [1, 2, 3, 4, 4]),
        (22, 5, [1, 2, 3, 4, 5, 5, 2]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_the_first_groups_are_small(chunks: int, together: int, sizes: list[int]) -> None:
    assert list(group_sizes(chunks, together)) == sizes
