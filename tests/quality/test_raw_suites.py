"""The raw suites on landed files: each check can fail, and an empty, stale or incomplete connection is caught."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extractors.streams import STREAMS
from quality.raw import RawConnection, RawRequest, in_memory, judge_raw
from quality.result import CheckResult
from quality.runner import Runner
from quality.suite import Measure, Suite
from quality.suites.raw import FRESHNESS, RAW_SUITES

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CLOUD = "cloud"


def record(stream: str, record_id: str, **values: Any) -> dict[str, Any]:
    """A good row of a stream; `values` override."""
    keys = {
        "connection_id": CLOUD,
        "record_id": record_id,
        "updated_at": NOW - timedelta(days=1),
        "extracted_at": NOW,
        "run_id": "run-2",
        "batch_id": "new",
        "is_deleted": False,
        "payload_hash": "0" * 32,
        "payload": "{}",
    }
    return {**keys, **GOOD.get(stream, {}), **values}


GOOD: dict[str, dict[str, Any]] = {
    "jira/issues": {
        "issue_id": "1", "issue_key": "A-1", "project_id": "10", "issue_type_id": "3", "status_id": "1",
        "status_category": "new", "created_at": NOW - timedelta(days=9), "change_count": 2, "landed_change_count": 2,
    },
    "jira/issue_changes": {"issue_id": "1", "history_id": 1, "item_number": 0, "changed_at": NOW},
    "jira/projects": {"project_id": "10", "project_key": "A", "name": "Apollo"},
    "jira/statuses": {"status_id": "1", "name": "Open", "category": "new"},
    "jira/issue_types": {"issue_type_id": "3", "name": "Story"},
    "jira/fields": {"field_id": "status"},
    "jira/sprints": {"sprint_id": "5", "name": "S", "state": "active"},
    "pmo/connections": {"kind": "jira", "tool": "jira"},
    "pmo/coverage": {"stream": "jira/issues", "project": "A", "expected": 1, "got": 1},
    "surveys/responses": {
        "survey": "s", "response_id": "1", "question": "q", "metric": "nps", "score": 9.0, "scale_min": 0.0,
        "scale_max": 10.0, "submitted_at": NOW, "scope_type": "all",
    },
    "azure_devops/revisions": {
        "item_id": "1", "rev": 1, "changed_at": NOW, "created_at": NOW, "project": "P", "item_type": "Bug",
        "state": "New",
    },
}  # fmt: skip
NEEDED = ("jira/issues", "jira/projects", "jira/statuses", "jira/issue_types", "jira/fields", "pmo/connections")


class Landed:
    """Landed Parquet files of one connection, good unless a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, list[dict[str, Any]]] = {name: [record(name, "1")] for name in NEEDED}
        coverage = [record("pmo/coverage", "c2"), record("pmo/coverage", "c1", run_id="run-1", batch_id="old")]
        self.rows["pmo/coverage"] = coverage
        self.connection = RawConnection(CLOUD, NOW, "run-1")

    def judge(self, runner: Runner, tool: str = "jira") -> dict[str, CheckResult]:
        """The failed checks by `stream measure`."""
        files = {}
        for name in [*NEEDED, *(name for name in self.rows if name not in NEEDED), "pmo/coverage"]:
            stream = STREAMS[name]
            if stream.tool not in (tool, "pmo"):
                continue
            path = self.folder / f"{name.replace('/', '__')}.parquet"
            pq.write_table(pa.Table.from_pylist(self.rows.get(name, []), stream.schema), path)
            files[name] = (str(path),)
        request = RawRequest(
            tool=tool,
            run_id="run-2",
            connections=(self.connection,),
            now=NOW,
            files=files,
            spill=self.folder / "spill",
            visible_batches=("old", "new"),
            new_batches=("new",),
        )
        results = judge_raw(runner, request)
        expected = [FRESHNESS, *(RAW_SUITES[name] for name in files)]
        assert len(results) == sum(len(suite.measures) for suite in expected)
        return {f"{each.asset} {each.name}": each for each in results if not each.passed}


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


def test_every_stream_has_a_suite_of_its_own_columns():
    assert set(RAW_SUITES) == set(STREAMS)


def test_what_does_not_fit_into_memory_goes_to_the_folder_that_was_named(tmp_path: Path):
    spill = tmp_path / "dbt" / "spill"
    with in_memory(spill) as session:
        session.execute("set memory_limit = '60MB'")
        session.execute("create temp table big as select i, md5(i::varchar) as text from range(2000000) t(i)")
        assert list(spill.iterdir())
    assert not spill.exists()


def test_good_data_passes(runner: Runner, landed: Landed):
    assert landed.judge(runner) == {}


def test_an_empty_connection_fails(runner: Runner, landed: Landed):
    landed.rows = {}
    failed = landed.judge(runner)
    assert {f"{name} row_count" for name in (*NEEDED, "pmo/coverage")} <= set(failed)
    assert all(failed[f"{name} row_count"].is_blocking for name in NEEDED)


def _survey(landed: Landed, *coverage: dict[str, Any]) -> None:
    """A survey tool without a single answer whose run says so much of its coverage."""
    shared = {"stream": "surveys/responses", "project": "S1", "got": 0}
    told = [record("pmo/coverage", f"c{number}") | shared | row for number, row in enumerate(coverage)]
    landed.rows = {"pmo/coverage": told, "surveys/responses": []}
    landed.rows["pmo/connections"] = [record("pmo/connections", "1", tool="surveys")]


def test_a_new_survey_that_nobody_has_answered_warns_and_stops_nothing(runner: Runner, landed: Landed):
    _survey(landed, {"expected": 0})
    failed = landed.judge(runner, "surveys")
    assert set(failed) == {"surveys/responses row_count"}
    assert not failed["surveys/responses row_count"].is_blocking


@pytest.mark.parametrize(
    "coverage",
    [
        [{"expected": None}],  # a tool that does not count: a wrong path or column looks the same
        [{"expected": 7, "reason": "no answer can be read"}],
        [{"expected": 0}, {"expected": None, "project": "S2", "reason": "the survey cannot be read"}],
    ],
)
def test_a_survey_without_answers_is_held_unless_the_tool_says_there_are_none(
    runner: Runner, landed: Landed, coverage: list[dict[str, Any]]
):
    _survey(landed, *coverage)
    failed = landed.judge(runner, "surveys")
    assert failed["pmo/coverage surveys_without_answers"].is_blocking


def test_no_file_at_all_fails(runner: Runner, tmp_path: Path):
    request = RawRequest("jira", "run-2", (RawConnection(CLOUD),), NOW, dict.fromkeys(STREAMS, ()), tmp_path / "spill")
    failed = {f"{each.asset} {each.name}" for each in judge_raw(runner, request) if not each.passed}
    assert "jira/issues row_count" in failed
    assert "pmo/batches hours_since_last_complete_read" in failed
    assert "pmo/coverage rows_of_this_run" in failed


@pytest.mark.parametrize("age", [timedelta(days=3), None])
def test_old_data_warns(runner: Runner, landed: Landed, age: timedelta | None):
    landed.connection = RawConnection(CLOUD, NOW - age if age else None, "run-1")
    failed = landed.judge(runner)
    assert set(failed) == {"pmo/batches hours_since_last_complete_read"}
    assert not failed["pmo/batches hours_since_last_complete_read"].is_blocking


def test_a_source_whose_clock_stands_still_blocks(runner: Runner, landed: Landed):
    landed.connection = RawConnection(CLOUD, NOW - timedelta(days=3), "run-1", usual_lag=timedelta(minutes=1))
    assert landed.judge(runner)["pmo/batches hours_fallen_behind"].is_blocking


def test_of_a_connection_that_was_not_read_only_the_freshness_is_judged(runner: Runner, tmp_path: Path):
    unread = RawConnection(CLOUD, NOW - timedelta(days=3), is_read=False, usual_lag=timedelta(0))
    results = judge_raw(
        runner, RawRequest("jira", "run-2", (unread,), NOW, dict.fromkeys(STREAMS, ()), tmp_path / "spill")
    )
    assert {each.asset for each in results} == {"pmo/batches"}
    assert [each.name for each in results if not each.passed] == ["hours_since_last_complete_read"]


def test_a_history_that_the_tool_itself_has_lost_warns(runner: Runner, landed: Landed):
    landed.rows["jira/issues"].append(record("jira/issues", "cut", issue_key="A-2", landed_change_count=1))
    landed.connection = RawConnection(CLOUD, NOW, "run-1", reported_cuts=("cut",))
    (failed,) = landed.judge(runner).values()
    assert (failed.name, failed.is_blocking) == ("histories_cut_by_the_tool", False)
    assert "A-2: 1 of 2" in failed.detail
    landed.rows["jira/issues"].append(record("jira/issues", "other", landed_change_count=1))
    assert landed.judge(runner)["jira/issues incomplete_histories"].is_blocking


def test_a_measure_that_cannot_be_computed_fails(runner: Runner, landed: Landed, monkeypatch: pytest.MonkeyPatch):
    suite = RAW_SUITES["jira/projects"]
    unknown = Measure("unknown", "a number", "max(case when false then 1 end)", maximum=5)
    monkeypatch.setitem(RAW_SUITES, suite.asset, Suite(f"{suite.name}.odd", suite.asset, (*suite.measures, unknown)))
    failed = landed.judge(runner)
    assert set(failed) == {"jira/projects unknown"}
    assert "could not be computed" in failed["jira/projects unknown"].detail


def test_a_source_whose_clock_is_ahead_is_fresh(runner: Runner, landed: Landed):
    landed.connection = RawConnection(CLOUD, NOW + timedelta(days=7), "run-1", usual_lag=timedelta(days=-9))
    landed.rows["jira/issues"][0]["updated_at"] = NOW + timedelta(days=6)
    assert landed.judge(runner) == {}


def test_a_gap_without_a_reason_blocks_and_names_the_project(runner: Runner, landed: Landed):
    landed.rows["pmo/coverage"][0].update(expected=250, got=100)
    failed = landed.judge(runner)
    assert set(failed) == {"pmo/coverage unexplained_gaps"}
    assert "jira/issues of A: 100 of 250" in failed["pmo/coverage unexplained_gaps"].detail
    assert failed["pmo/coverage unexplained_gaps"].is_blocking


def test_what_could_not_be_counted_warns(runner: Runner, landed: Landed):
    landed.rows["pmo/coverage"][0].update(expected=None, got=None, reason="worklogs cannot be read: HTTP 500")
    (failed,) = landed.judge(runner).values()
    assert (failed.name, failed.is_blocking) == ("explained_gaps", False)
    assert "worklogs cannot be read" in failed.detail


def test_a_gap_with_a_reason_warns(runner: Runner, landed: Landed):
    landed.rows["pmo/coverage"][0].update(expected=250, got=100, reason="HTTP 403: Browse Projects is missing")
    (failed,) = landed.judge(runner).values()
    assert not failed.is_blocking
    assert "Browse Projects" in failed.detail


def test_a_project_that_is_no_longer_covered_blocks(runner: Runner, landed: Landed):
    landed.rows["pmo/coverage"][1].update(project="B")
    ((name, failed),) = landed.judge(runner).items()
    assert name == "pmo/coverage projects_no_longer_covered"
    assert failed.is_blocking
    assert "jira/issues of B" in failed.detail
    assert " of A" not in failed.detail


def test_a_project_that_explained_itself_and_holds_nothing_may_go(runner: Runner, landed: Landed):
    landed.rows["pmo/coverage"][1].update(project="B", expected=None, got=0, reason="in the trash")
    assert landed.judge(runner) == {}
    landed.rows["pmo/coverage"][1].update(got=3)
    assert set(landed.judge(runner)) == {"pmo/coverage projects_no_longer_covered"}


def test_rows_of_batches_that_do_not_count_are_not_seen(runner: Runner, landed: Landed):
    landed.rows["jira/issues"] = [record("jira/issues", "1", batch_id="held")]
    assert "jira/issues row_count" in landed.judge(runner)


def test_deleted_rows_are_no_live_rows(runner: Runner, landed: Landed):
    landed.rows["jira/issues"] = [record("jira/issues", "1", is_deleted=True, payload=None)]
    assert set(landed.judge(runner)) == {"jira/issues row_count"}


BAD = [
    ("jira/issues", {"status_id": None}, "missing_status_id", True),
    ("jira/issues", {"payload": None}, "missing_payloads", True),
    ("jira/issues", {"payload_hash": None}, "missing_keys", True),
    ("jira/issues", {"landed_change_count": 1}, "incomplete_histories", True),
    ("jira/issues", {"landed_change_count": None}, "incomplete_histories", True),
    ("jira/issues", {"status_category": "odd"}, "unknown_status_category", True),
    ("jira/issues", {"resolved_at": NOW - timedelta(days=99)}, "resolved_before_created", False),
    ("jira/issues", {"points": -1.0}, "negative_points", False),
    ("jira/issues", {"updated_at": None}, "without_update", False),
    ("jira/issues", {"updated_at": NOW + timedelta(days=30)}, "from_the_future", False),
    ("jira/issue_changes", {"item_number": -1}, "negative_item_numbers", True),
    ("jira/issue_changes", {"changed_at": None}, "missing_changed_at", True),
    ("jira/sprints", {"state": "paused"}, "unknown_state", True),
    ("jira/sprints", {"start_at": NOW, "end_at": NOW - timedelta(days=1)}, "ends_before_start", False),
    ("jira/sprints", {"state": "closed"}, "closed_without_dates", False),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "values", "measure", "is_blocking"), BAD)
def test_a_bad_row_is_caught(
    runner: Runner, landed: Landed, stream: str, values: dict[str, Any], measure: str, is_blocking: bool
):
    landed.rows.setdefault(stream, []).append(record(stream, "bad", **values))
    failed = landed.judge(runner)
    assert set(failed) == {f"{stream} {measure}"}
    assert failed[f"{stream} {measure}"].is_blocking is is_blocking
    assert failed[f"{stream} {measure}"].connection_id == CLOUD


def test_what_was_accepted_before_is_not_judged_again(runner: Runner, landed: Landed):
    landed.rows["jira/issues"].append(record("jira/issues", "bad", batch_id="old", status_id=None))
    assert landed.judge(runner) == {}


def test_a_record_twice_in_one_batch_is_caught(runner: Runner, landed: Landed):
    landed.rows["jira/issues"] *= 2
    assert set(landed.judge(runner)) == {"jira/issues repeated_records"}


def test_surveys(runner: Runner, landed: Landed):
    landed.rows["surveys/responses"] = [record("surveys/responses", "1")]
    assert landed.judge(runner, "surveys") == {}
    landed.rows["surveys/responses"] += [
        record("surveys/responses", "2", score=11.0),
        record("surveys/responses", "3", respondent_key="a@b.c"),
    ]
    assert set(landed.judge(runner, "surveys")) == {
        "surveys/responses scores_off_scale",
        "surveys/responses readable_addresses",
    }


def test_azure_devops_revisions(runner: Runner, landed: Landed):
    landed.rows["azure_devops/revisions"] = [
        record("azure_devops/revisions", "1:1"),
        record("azure_devops/revisions", "2"),
    ]
    assert "azure_devops/revisions foreign_record_ids" in landed.judge(runner, "azure_devops")


def test_only_the_failing_connection_is_named(runner: Runner, tmp_path: Path):
    landed = Landed(tmp_path)
    rows = [row for name in landed.rows for row in landed.rows[name]]
    for row in rows:
        row["batch_id"] = "new"
    files = {}
    for name, stream in STREAMS.items():
        if stream.tool in ("jira", "pmo"):
            path = tmp_path / f"{name.replace('/', '__')}.parquet"
            pq.write_table(pa.Table.from_pylist(landed.rows.get(name, []), stream.schema), path)
            files[name] = (str(path),)
    both = (RawConnection(CLOUD, NOW), RawConnection("empty", NOW))
    request = RawRequest("jira", "run-2", both, NOW, files, tmp_path / "spill", ("new",), ("new",))
    failed = [each for each in judge_raw(runner, request) if not each.passed]
    assert {each.connection_id for each in failed} == {"empty"}
