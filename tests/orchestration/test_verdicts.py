"""Verdicts of landed batches as the pipeline gives them: real settings, ledger, suites and run records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from extractors.landing import Landing, Run
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.inputs import write_inputs
from orchestration.pipeline.judging import judge
from orchestration.pipeline.landing_step import land
from orchestration.pipeline.record import ConnectionResult, RunRecords

pytestmark = pytest.mark.usefixtures("one_worker")


@pytest.fixture
def pipeline(survey_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """The first run of two survey connections."""
    return survey_pipeline("good", "bad")


def another(pipeline: Pipeline, run_id: str, **options: Any) -> Pipeline:
    return Pipeline.open(replace(pipeline.options, **options), run_id)


def land_response(pipeline: Pipeline, connection_id: str, score: float, started_at: datetime | None = None) -> None:
    """A whole extraction of one response, its batch pending."""
    run = Run(pipeline.run.run_id, started_at or pipeline.run.started_at)
    batch = Landing(pipeline.home.root).batch(run, connection_id, "survey_file")
    key = f'O\'Brien \\ "{connection_id}"'
    response = {
        "record_id": key, "updated_at": run.started_at, "payload": None, "payload_hash": f"{score}", "survey": "NPS",
        "response_id": key, "question": "q", "metric": "nps", "score": score, "scale_min": 0.0, "scale_max": 10.0,
        "submitted_at": run.started_at, "scope_type": "all",
    }  # fmt: skip
    told = {"updated_at": None, "payload": None, "kind": "survey_file", "tool": "surveys"}
    covered = {"updated_at": None, "payload": None, "stream": "surveys/responses", "project": "*", "got": 1}
    batch.append("surveys/responses", [response])
    batch.append("pmo/connections", [{**told, "record_id": connection_id, "payload_hash": "c"}])
    batch.append("pmo/coverage", [{**covered, "record_id": run.run_id, "payload_hash": run.run_id}])
    batch.commit({}, is_final=True)


def result(connection_id: str, **values: Any) -> ConnectionResult:
    return ConnectionResult(connection_id, "survey_file", "surveys", **values)


def verdicts(pipeline: Pipeline) -> dict[str, str]:
    """The verdict of each connection's last batch."""
    return {row.connection_id: row.verdict for row in Landing(pipeline.home.root).batches()}


def connections_for_dbt(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    write_inputs(pipeline)
    rows = pq.read_table(pipeline.home.dbt_inputs / "connections.parquet").to_pylist()
    return {row["connection_id"]: row for row in rows}


def test_a_failed_suite_holds_its_connection_and_no_other(pipeline: Pipeline) -> None:
    land_response(pipeline, "good", 9)
    land_response(pipeline, "bad", 99)
    results = [result("good"), result("bad")]
    judge(pipeline, "surveys", results)
    assert verdicts(pipeline) == {"good": "accepted", "bad": "held"}
    assert results[0].held_reason is None
    reason = results[1].held_reason or ""
    assert "scores off scale" in reason
    assert 'O\'Brien \\ "bad"' in reason
    assert {row.verdict_reason for row in Landing(pipeline.home.root).batches("bad")} == {reason}


def test_an_attempt_judges_what_the_one_before_it_read(pipeline: Pipeline) -> None:
    land_response(pipeline, "good", 9)
    land_response(pipeline, "bad", 99)
    pipeline.records.add("run-1", connections=[result("good"), result("bad")])  # read, and then a third one broke off
    outcome = land(pipeline, "surveys")
    assert verdicts(pipeline) == {"good": "accepted", "bad": "held"}
    assert {each.connection_id for each in outcome.connections} == {"good", "bad"}
    assert pipeline.record.connections["bad"].is_held
    assert not pipeline.record.connections["good"].is_held


def test_who_is_not_asked_keeps_its_last_outcome(pipeline: Pipeline) -> None:
    records = RunRecords(pipeline.home.root)
    records.add("run-1", connections=[result("good"), result("bad", held_reason="no answer")])
    later = another(pipeline, "run-2", only=("good",))
    records.add("run-2", connections=[result("good"), result("bad", is_asked=False)])
    rebuilt = another(pipeline, "run-3", extract=False)
    for each in (later, rebuilt):
        found = connections_for_dbt(each)
        assert (found["bad"]["is_held"], found["bad"]["held_reason"]) == (True, "no answer")
        assert found["bad"]["last_checked_at"] == pipeline.run.started_at
        assert not found["good"]["is_held"]
    another(pipeline, "run-4")
    records.add("run-4", connections=[result("good"), result("bad")])
    assert not connections_for_dbt(another(pipeline, "run-5", extract=False))["bad"]["is_held"]


def test_a_day_of_the_past_knows_only_outcomes_of_then(pipeline: Pipeline) -> None:
    pipeline.records.add("run-1", connections=[result("bad", held_reason="no answer")])
    today = datetime.now(UTC).date()
    assert connections_for_dbt(another(pipeline, "run-2", as_of=today + timedelta(days=1)))["bad"]["is_held"]
    assert not connections_for_dbt(another(pipeline, "run-3", as_of=today - timedelta(days=9)))["bad"]["is_held"]


def test_a_source_whose_clock_stands_still_is_held(pipeline: Pipeline) -> None:
    land_response(pipeline, "good", 9)
    land_response(pipeline, "bad", 9)
    judge(pipeline, "surveys", [result("good"), result("bad")])
    stopped = pipeline.run.started_at
    days_later = another(pipeline, "run-2")
    days_later = replace(days_later, run=Run("run-2", stopped + timedelta(days=3)))
    land_response(days_later, "good", 8)
    land_response(days_later, "bad", 8, started_at=stopped)
    results = [result("good"), result("bad")]
    judge(days_later, "surveys", results)
    assert "hours fallen behind" in (results[1].held_reason or "")
    assert results[0].held_reason is None


def test_a_clock_that_is_always_wrong_or_ahead_is_no_fault(pipeline: Pipeline) -> None:
    wrong = {"good": timedelta(days=7), "bad": timedelta(days=-7)}
    for number in (1, 2):
        opened = another(pipeline, f"run-{number}")
        for key, offset in wrong.items():
            land_response(opened, key, number, started_at=opened.run.started_at + offset)
        results = [result("good"), result("bad")]
        judge(opened, "surveys", results)
        assert [each.held_reason for each in results] == [None, None]


def test_data_that_was_not_read_for_days_warns(pipeline: Pipeline) -> None:
    land_response(pipeline, "good", 9)
    judge(pipeline, "surveys", [result("good")])
    later = replace(another(pipeline, "run-2"), run=Run("run-2", pipeline.run.started_at + timedelta(days=3)))
    failed = [check for check in judge(later, "surveys", [result("good", held_reason="gone")]) if not check.passed]
    assert [(check.name, check.is_blocking) for check in failed] == [("good: hours_since_last_complete_read", False)]
