"""A board's filter that somebody edits between two runs: its board follows, and no other is read for it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from tests.extractors.sandbox_site import Sandbox, jira, served


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with served(tmp_path / "site", items=200, seed=4) as one:
        yield one


def extract(home: Path, url: str, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    report = JiraSource(jira(url)).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def held(home: Path) -> dict[str, set[str]]:
    """Issues by board."""
    rows = Landing(home).latest("jira/board_items", "jira-a", ["board_id", "issue_id", "is_deleted"]).to_pylist()
    found: dict[str, set[str]] = {}
    for row in rows:
        if not row["is_deleted"]:
            found.setdefault(row["board_id"], set()).add(row["issue_id"])
    return found


def edit(store: Path, filter_id: str, jql: str) -> None:
    """Somebody saves the filter with another text."""
    with sqlite3.connect(store) as connection:
        (document,) = connection.execute(
            "select doc from resources where kind = 'filter' and id = ?", (filter_id,)
        ).fetchone()
        changed = msgspec.json.encode(msgspec.json.decode(document) | {"jql": jql})
        connection.execute("update resources set doc = ? where kind = 'filter' and id = ?", (changed, filter_id))
    connection.close()


def whole_filters(sandbox: Sandbox) -> list[str]:
    """Ids of the filters that were asked for everything they hold."""
    bodies = [str(one["body"]) for one in sandbox.requests() if "/search" in one["path"]]
    return [
        body.split("filter = ")[1].split()[0] for body in bodies if "filter = " in body and "updated >=" not in body
    ]


@pytest.mark.parametrize(("flavour", "file"), [("cloud", "jira_cloud.sqlite"), ("data_center", "jira_dc.sqlite")])
def test_an_edited_filter_is_read_whole_and_the_others_are_not(
    sandbox: Sandbox, tmp_path: Path, flavour: str, file: str
) -> None:
    url, home = getattr(sandbox, flavour), tmp_path / "pmo"
    extract(home, url)
    before = held(home)
    boards = Landing(home).latest("jira/boards", "jira-a", ["board_id", "filter_id", "filter_jql"]).to_pylist()
    edited = next(board for board in boards if len(before[board["board_id"]]) > 10)
    issues = Landing(home).latest("jira/issues", "jira-a", ["issue_id", "issue_type", "is_deleted"]).to_pylist()
    mine = {row["issue_id"]: row["issue_type"] for row in issues if row["issue_id"] in before[edited["board_id"]]}
    kept = min(mine.values())
    (store,) = (path for path in sandbox.home.rglob(file))
    sandbox.forget_requests()
    extract(home, url)
    assert whole_filters(sandbox) == []  # an unchanged one costs nothing
    condition = edited["filter_jql"].split(" ORDER BY")[0]
    edit(store, edited["filter_id"], f'({condition}) AND issuetype = "{kept}"')
    sandbox.forget_requests()
    assert extract(home, url).is_complete
    assert {one.rstrip('",') for one in whole_filters(sandbox)} == {edited["filter_id"]}
    after = held(home)
    assert after[edited["board_id"]] == {issue for issue, kind in mine.items() if kind == kept}
    assert after[edited["board_id"]] < before[edited["board_id"]]
    assert {board: one for board, one in after.items() if board != edited["board_id"]} == {
        board: one for board, one in before.items() if board != edited["board_id"]
    }
    texts = Landing(home).latest("jira/boards", "jira-a", ["board_id", "filter_jql"]).to_pylist()
    assert kept in next(row["filter_jql"] for row in texts if row["board_id"] == edited["board_id"])
    edit(store, edited["filter_id"], edited["filter_jql"])
    extract(home, url)
    assert held(home) == before


@pytest.mark.parametrize(("kind", "more"), [("504", {}), ("merge", {"document": {"issues": "none"}})])
def test_a_filter_that_fails_is_red_by_its_board_and_stops_no_other(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, more: dict[str, Any]
) -> None:
    """One that is too heavy for the server, or answers in no known form: its issues stay as they are landed."""
    monkeypatch.setattr("extractors.http.RetryPolicy.__init__.__defaults__", (3, 2, 60.0, 0.01, 0.05))
    url, home = sandbox.cloud, tmp_path / "pmo"
    extract(home, url)
    before = held(home)
    board = Landing(home).latest("jira/boards", "jira-a", ["board_id", "filter_id"]).to_pylist()[0]
    question = f"filter = {board['filter_id']}"
    sandbox.faults({"match": "search/jql", "asks": question, "kind": kind, "times": None, **more})
    (failure,) = extract(home, url, is_census=True).failures
    assert f"board {board['board_id']} " in str(failure)
    assert held(home) == before
    sandbox.faults()
    sandbox.forget_requests()
    assert extract(home, url).is_complete
    assert {one.rstrip('",') for one in whole_filters(sandbox)} == {board["filter_id"]}  # it is owed
    assert held(home) == before
