"""Jira extraction against the served sandbox: after any runs, landed = source."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from extractors import limiter as limiters
from extractors.connection import ExtractReport, JiraConnection, Secret
from extractors.errors import AccessDenied, AuthError, NotFound, RepeatedPage, TooManyDeleted, Truncated, Unreachable
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from extractors.streams import JIRA
from tests.extractors.sandbox_site import ROOT, Sandbox, held_by_source, jira, landed_issues, served


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("sandbox") / "home") as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(sandbox: Sandbox) -> Iterator[None]:
    limiters._limiters.clear()
    sandbox.faults()
    sandbox.forget_requests()
    yield
    sandbox.faults()


def extract(home: Path, connection: JiraConnection, **run: Any) -> ExtractReport:
    landing = Landing(home)
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge(connection.id, "accepted")
    return report


def assert_landed(home: Path, url: str) -> None:
    assert landed_issues(Landing(home)) == held_by_source(url)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_everything_is_landed_once_and_a_second_run_lands_nothing(
    sandbox: Sandbox, tmp_path: Path, flavour: str
) -> None:
    url = getattr(sandbox, flavour)
    first = extract(tmp_path, jira(url))
    assert first.is_complete
    assert_landed(tmp_path, url)
    landing = Landing(tmp_path)
    for row in first.coverage:
        assert row.reason is None
        assert row.got == row.expected
    issues = landing.latest("jira/issues", "jira-a", ["change_count", "landed_change_count", "points", "sprint_ids"])
    assert issues["points"].null_count < issues.num_rows
    assert pc.sum(pc.list_value_length(issues["sprint_ids"])).as_py() > 0
    if flavour == "data_center":
        assert issues["change_count"].to_pylist() == issues["landed_change_count"].to_pylist()
    for stream in ("projects", "boards", "board_columns", "board_items", "sprints", "statuses", "versions", "users"):
        assert landing.latest(f"jira/{stream}", "jira-a", ["record_id"]).num_rows > 0, stream
    sandbox.forget_requests()
    second = extract(tmp_path, jira(url))
    assert {name: count.landed for name, count in second.streams.items() if count.landed} == {}
    assert second.requests <= 30
    assert not any("bulkfetch" in request["path"] for request in sandbox.requests())


def test_attributes_of_changes_are_known(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in ("cloud", "data_center"):
        extract(tmp_path / name, jira(getattr(sandbox, name)))
        changes = Landing(tmp_path / name).latest("jira/issue_changes", "jira-a", ["attribute", "field"])
        known = {row["attribute"] for row in changes.to_pylist()} - {None}
        assert known >= {"status", "resolution", "sprint", "points", "remaining", "assignee"}, name
        assert {"parent", "epic"} & known, name


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_a_week_later_a_run_picks_up_the_week_and_the_deletions(tmp_path: Path, flavour: str) -> None:
    with served(tmp_path / "home", items=250, seed=3) as own:
        url = getattr(own, flavour)
        extract(tmp_path / "pmo", jira(url))
        before = set(landed_issues(Landing(tmp_path / "pmo")))
        for _ in range(3):
            own.advance(7)
            report = extract(tmp_path / "pmo", jira(url))
            assert report.is_complete
            assert 0 < report.count("jira/issues").landed < len(before)
            _assert_deletions_lie_within_their_run(Landing(tmp_path / "pmo"))
            assert_landed(tmp_path / "pmo", url)
        extract(tmp_path / "fresh", jira(url))
        for stream in ("jira/issue_links", "jira/sprints", "jira/board_items", "jira/versions"):
            assert _alive(tmp_path / "pmo", stream) == _alive(tmp_path / "fresh", stream), stream


def _assert_deletions_lie_within_their_run(landing: Landing) -> None:
    """By the source's clock: not after the watermark, and not before anything that was read of the issue."""
    rows = landing.latest("jira/issues", "jira-a", ["is_deleted", "extracted_at", "updated_at"]).to_pylist()
    watermark = landing.watermark("jira-a")
    assert watermark is not None
    for row in rows:
        assert row["extracted_at"] >= row["updated_at"]
        if row["is_deleted"]:
            assert row["extracted_at"] <= watermark


def _alive(home: Path, stream: str) -> dict[str, str]:
    rows = Landing(home).latest(stream, "jira-a", ["record_id", "payload_hash", "is_deleted"]).to_pylist()
    return {row["record_id"]: row["payload_hash"] for row in rows if not row["is_deleted"]}


TROUBLE = [
    {"match": "search", "kind": "429", "seconds": 1},
    {"match": "search", "kind": "429-date", "seconds": 1, "after": 1},
    {"match": "bulkfetch|search", "kind": "502", "times": 2, "after": 2},
    {"match": "changelog/bulkfetch|search", "kind": "cut", "times": 2, "after": 1},
    {"match": "myself", "kind": "503", "seconds": 1},
    {"match": "board", "kind": "429-none"},
]


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_passing_trouble_changes_nothing(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    url = getattr(sandbox, flavour)
    sandbox.faults(*TROUBLE)
    report = extract(tmp_path, jira(url))
    sandbox.faults()
    assert report.is_complete
    assert_landed(tmp_path, url)


@pytest.mark.parametrize("path", ["changelog/bulkfetch", "search/jql"])
def test_a_repeated_page_token_ends_the_run_and_loses_nothing(
    sandbox: Sandbox, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extractors.jira.bulk.CHANGES_PER_PAGE", 100)
    monkeypatch.setattr("extractors.jira.search.IDS_PER_PAGE", 10)
    monkeypatch.setattr("extractors.jira.bulk.WIDEST", 1)  # the fault repeats a token, whoever's it was
    extract(tmp_path, jira(sandbox.cloud))
    assert_landed(tmp_path, sandbox.cloud)
    before = landed_issues(Landing(tmp_path))
    sandbox.faults({"match": path, "kind": "repeat_token", "times": None})
    with pytest.raises(RepeatedPage, match="token came twice"):
        extract(tmp_path, jira(sandbox.cloud), is_full=True)
    sandbox.faults()
    assert landed_issues(Landing(tmp_path)) == before
    extract(tmp_path, jira(sandbox.cloud), is_full=True)
    assert_landed(tmp_path, sandbox.cloud)


def test_issues_that_an_index_hides_are_caught_by_a_later_run(tmp_path: Path) -> None:
    with served(tmp_path / "home", items=250, seed=4) as own:
        extract(tmp_path / "pmo", jira(own.cloud))
        own.advance(7)
        own.faults({"match": "search/jql", "kind": "hide", "seconds": 6 * 3600, "times": None})
        extract(tmp_path / "pmo", jira(own.cloud))
        own.faults()
        extract(tmp_path / "pmo", jira(own.cloud))
        assert_landed(tmp_path / "pmo", own.cloud)


@pytest.mark.parametrize(
    ("paths", "error"), [("search/jql", Truncated), ("search/jql|issue/bulkfetch", TooManyDeleted)]
)
def test_an_emptied_answer_deletes_nothing_and_is_red(
    sandbox: Sandbox, tmp_path: Path, paths: str, error: type[Exception]
) -> None:
    extract(tmp_path, jira(sandbox.cloud))
    sandbox.faults({"match": paths, "kind": "empty", "times": None})
    report = extract(tmp_path, jira(sandbox.cloud), is_census=True)
    sandbox.faults()
    assert report.failures
    assert {type(failure) for failure in report.failures} == {error}
    assert report.count("jira/issues").deleted == 0
    assert all(row.reason for row in report.coverage if row.stream == "jira/issues")
    assert_landed(tmp_path, sandbox.cloud)


def test_an_account_that_sees_no_project_any_more_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, jira(sandbox.cloud))
    sandbox.faults({"match": "project/search", "kind": "empty", "times": None})
    with pytest.raises(AccessDenied, match="sees no project at all"):
        extract(tmp_path, jira(sandbox.cloud), is_census=True)
    sandbox.faults()
    assert_landed(tmp_path, sandbox.cloud)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_cut_histories_are_noticed(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    match = "changelog/bulkfetch" if flavour == "cloud" else "/search"
    sandbox.faults({"match": match, "kind": "truncate_changelog", "keep": 1, "times": None})
    url = getattr(sandbox, flavour)
    try:
        report = extract(tmp_path, jira(url))
    except Truncated as error:
        assert "histor" in str(error)  # noqa: PT017
    else:
        assert any(isinstance(failure, Truncated) for failure in report.failures)
    sandbox.faults()
    extract(tmp_path, jira(url), is_full=True)
    assert_landed(tmp_path, url)


@pytest.mark.parametrize(
    ("issues", "histories", "place", "after"),
    [(10, 10_000, 0.15, 0), (10, 10_000, 0.55, 0), (100, 100, 0.55, 5), (100, 50, 0.55, 8)],
)
def test_one_cut_answer_of_many_is_noticed(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    issues: int,
    histories: int,
    place: float,
    after: int,
) -> None:
    """What is left of its histories leads to the issues' statuses, and is none of the longest of the load.

    It is the answer, or a later page of it, about the issue at that place: whenever it is asked for.
    """
    monkeypatch.setattr("extractors.jira.bulk.BULK", issues)
    monkeypatch.setattr("extractors.jira.bulk.CHANGES_PER_PAGE", histories)
    ids = sorted(held_by_source(sandbox.cloud), key=int)
    cut = {"match": "changelog/bulkfetch", "kind": "truncate_changelog", "keep": 3}
    sandbox.faults(cut | {"asks": f'"{ids[int(len(ids) * place)]}"', "after": after})
    with pytest.raises(Truncated, match=r"It gave \d+ histories of issue"):
        extract(tmp_path, jira(sandbox.cloud))
    assert landed_issues(Landing(tmp_path)) == {}
    sandbox.faults()
    extract(tmp_path, jira(sandbox.cloud))
    assert_landed(tmp_path, sandbox.cloud)


def test_no_batch_with_a_cut_answer_is_committed(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches before it are; the tool is slow to tell how many changes there are."""
    monkeypatch.setattr("extractors.jira.bulk.BULK", 5)
    monkeypatch.setattr("extractors.jira.bulk.CHUNKS_TOGETHER", 1)
    monkeypatch.setattr("extractors.jira.issues.BATCH_ISSUES", 10)
    ids = sorted(held_by_source(sandbox.cloud), key=int)
    late = f'"{ids[len(ids) * 2 // 3]}"'  # its chunk is cut, whenever it is asked for
    sandbox.faults(
        {"match": "changelog/bulkfetch", "asks": late, "kind": "truncate_changelog", "keep": 3, "times": None},
        {"match": "issue/[0-9]+/changelog", "kind": "slow", "seconds": 0.3, "times": None},
    )
    with pytest.raises(Truncated):
        extract(tmp_path, jira(sandbox.cloud))
    landed, held = landed_issues(Landing(tmp_path)), held_by_source(sandbox.cloud)
    assert 0 < len(landed) < len(held)
    assert landed == {number: held[number] for number in landed}
    sandbox.faults()
    extract(tmp_path, jira(sandbox.cloud))
    assert_landed(tmp_path, sandbox.cloud)


def test_one_refused_project_does_not_stop_the_others(sandbox: Sandbox, tmp_path: Path) -> None:
    everything = extract(tmp_path, jira(sandbox.cloud))
    keys = sorted(row.project for row in everything.coverage if row.stream == "jira/issues")
    report = extract(tmp_path / "b", jira(sandbox.cloud, projects=(keys[0], "NOPE", keys[1][:-1] + "X")))
    assert [type(failure) for failure in report.failures] == [NotFound, NotFound]
    assert "project 'NOPE' was not found" in str(report.failures[0])
    assert f"did you mean '{keys[1]}'" in str(report.failures[1])
    assert [row.project for row in report.coverage if row.stream == "jira/issues"] == [keys[0]]
    assert {key.split("-")[0] for key, *_ in landed_issues(Landing(tmp_path / "b")).values()} == {keys[0]}


def test_only_unknown_projects_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="project 'NOPE'"):
        extract(tmp_path, jira(sandbox.cloud, projects=("NOPE",)))
    assert Landing(tmp_path).batches() == []


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_a_wrong_token_is_told_and_lands_nothing(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    connection = JiraConnection(
        id="jira-a", url=getattr(sandbox, flavour), token=Secret("wrong"), token_env="JIRA_TOKEN", username="me"
    )
    with pytest.raises(AuthError, match=r"jira-a.*401.*JIRA_TOKEN"):
        extract(tmp_path, connection)
    assert Landing(tmp_path).batches() == []
    lines = JiraSource(connection).check()
    assert lines[-1].level == "fail"
    assert "JIRA_TOKEN" in lines[-1].text


@pytest.mark.parametrize(("flavour", "kind"), [("cloud", "Jira Cloud"), ("data_center", "Jira Data Center")])
def test_doctor_says_what_works_and_what_a_first_load_costs(sandbox: Sandbox, flavour: str, kind: str) -> None:
    lines = {line.subject: line for line in JiraSource(jira(getattr(sandbox, flavour))).check()}
    assert {line.level for line in lines.values()} == {"ok"}
    assert lines["server"].text.startswith(kind)
    assert "Story Points" in lines["field points"].text
    assert "requests" in lines["first load"].text


def test_a_board_whose_filter_is_not_shared_is_named_and_stops_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults({"match": "/filter/", "kind": "403", "times": 1})
    lines = JiraSource(jira(sandbox.cloud)).check()
    assert [line.level for line in lines if line.subject.startswith("board ")] == ["warn"]
    sandbox.faults({"match": "/filter/", "kind": "403", "times": 1})
    report = extract(tmp_path, jira(sandbox.cloud))
    (boards,) = (row for row in report.coverage if row.stream == "jira/boards")
    assert boards.skipped == 1
    assert "its filter cannot be read: HTTP 403" in str(boards.reason)
    readable = Landing(tmp_path).latest("jira/boards", "jira-a", ["is_filter_readable"])
    assert readable["is_filter_readable"].to_pylist().count(False) == 1
    assert_landed(tmp_path, sandbox.cloud)


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "html200"}, AuthError), ({"kind": "redirect"}, AuthError), ({"kind": "500"}, Unreachable)],
)
def test_a_fault_in_the_middle_leaves_the_last_state(
    sandbox: Sandbox, tmp_path: Path, fault: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extractors.http.RetryPolicy.__init__.__defaults__", (3, 2, 60.0, 0.01, 0.05))
    monkeypatch.setattr("extractors.jira.bulk.BULK", 20)
    extract(tmp_path, jira(sandbox.cloud))
    before = landed_issues(Landing(tmp_path))
    sandbox.faults({"match": "issue/bulkfetch", "times": None, "after": 1, **fault})
    with pytest.raises(error, match="jira-a"):
        extract(tmp_path, jira(sandbox.cloud), is_full=True)
    sandbox.faults()
    assert landed_issues(Landing(tmp_path)) == before
    extract(tmp_path, jira(sandbox.cloud), is_full=True)
    assert_landed(tmp_path, sandbox.cloud)


_FIRST_LOAD = """
import sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from extractors.jira import bulk, issues
from extractors.jira.source import JiraSource
from extractors.landing import Batch, Landing, Run
from tests.extractors.sandbox_site import jira
issues.BATCH_ISSUES = bulk.CHUNKS_TOGETHER = 1  # a batch per chunk
bulk.BULK = bulk.DC_ISSUES_PER_PAGE = 5
committed = Batch.commit
def commit(self, cursor, *, is_final):
    committed(self, cursor, is_final=is_final)
    print("committed", flush=True)
Batch.commit = commit
JiraSource(jira(sys.argv[2])).extract(Landing(Path(sys.argv[1])), Run(uuid.uuid4().hex, datetime.now(UTC)))
"""


def _start(home: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _FIRST_LOAD, str(home), url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_an_interrupted_first_load_resumes_at_its_last_batch(sandbox: Sandbox, tmp_path: Path) -> None:
    for batches in (1, 2):
        worker = _start(tmp_path, sandbox.cloud)
        assert worker.stdout is not None
        for _ in range(batches):
            assert worker.stdout.readline().strip() == "committed"
        worker.kill()
        worker.wait()
    assert landed_issues(Landing(tmp_path))
    report = extract(tmp_path, jira(sandbox.cloud))
    assert_landed(tmp_path, sandbox.cloud)
    everything = len(landed_issues(Landing(tmp_path)))
    assert report.count("jira/issues").seen < everything
    rows = Landing(tmp_path).batches("jira-a")
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_kills_at_random_instants_lose_and_double_nothing(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    """Kill -9 between 0 and 60 ms after a commit, then go on; at last the tables equal those of a run left alone."""
    url = getattr(sandbox, flavour)
    dice = random.Random(11)  # noqa: S311
    for _ in range(12):
        worker = _start(tmp_path / "killed", url)
        assert worker.stdout is not None
        for _ in range(dice.choice([0, 1, 1, 2])):
            worker.stdout.readline()
        time.sleep(dice.uniform(0, 0.06))
        worker.kill()
        worker.wait()
    extract(tmp_path / "killed", jira(url), is_census=True)
    extract(tmp_path / "alone", jira(url))
    assert_landed(tmp_path / "killed", url)
    for stream in JIRA:
        assert _alive(tmp_path / "killed", stream) == _alive(tmp_path / "alone", stream), stream
        table = Landing(tmp_path / "killed").latest(stream, "jira-a", ["record_id"])
        assert len(set(table["record_id"].to_pylist())) == table.num_rows, stream
