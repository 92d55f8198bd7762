"""Coverage: what is missing is named in the summary and in Dagster, and holds the connection if nobody can say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from extractors.landing import Landing
from orchestration.commands.summary import print_summary
from orchestration.defs.coverage import coverage_check, coverage_table
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.judging import judge
from orchestration.pipeline.record import ConnectionResult, CoverageResult, RunRecord

KEY = dg.AssetKey(["raw", "surveys", "responses"])

pytestmark = pytest.mark.usefixtures("one_worker")


@pytest.fixture
def pipeline(survey_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return survey_pipeline("nps")


def covered(*rows: CoverageResult, **values: Any) -> ConnectionResult:
    return ConnectionResult("nps", "survey_file", "surveys", coverage=list(rows), **values)


WHOLE = CoverageResult("surveys/responses", "A", expected=10, got=10)
SKIPPED = CoverageResult("surveys/responses", "B", expected=12, got=9, skipped=3, reason="3 rows have no date")
LOST = CoverageResult("surveys/responses", "C", expected=1200, got=1000)


def cells(table: dg.TableMetadataValue | None) -> list[dict[str, Any]]:
    return [dict(record.data) for record in table.records] if table else []


def summary(result: ConnectionResult, pipeline: Pipeline) -> str:
    console = Console(width=300, record=True, file=None, quiet=False)
    record = RunRecord("run-1", pipeline.run.started_at, connections={"nps": result})
    with console.capture() as told:
        print_summary(console, record, pipeline.settings, pipeline.home, seconds=1.0, is_done=True)
    return told.get()


def test_everything_is_there(pipeline: Pipeline):
    check = coverage_check(pipeline, KEY, [covered(WHOLE)])
    assert check.passed
    assert check.metadata["missing"] == dg.MetadataValue.int(0)
    assert "Missing" not in summary(covered(WHOLE), pipeline)


def test_a_gap_with_a_reason_is_a_warning_that_says_it(pipeline: Pipeline):
    result = covered(WHOLE, SKIPPED)
    check = coverage_check(pipeline, KEY, [result])
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    (row,) = cells(coverage_table(pipeline, [result], gaps_only=True))
    assert (row["project"], row["expected"], row["got"], row["missing"]) == ("B", 12, 9, 3)
    assert row["reason"] == "3 rows have no date"
    assert "nps: surveys/responses of B: 9 of 12, 3 skipped; 3 rows have no date" in summary(result, pipeline)


def test_a_gap_without_a_reason_is_an_error(pipeline: Pipeline):
    result = covered(SKIPPED, LOST)
    check = coverage_check(pipeline, KEY, [result])
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.metadata["missing"] == dg.MetadataValue.int(203)
    told = summary(result, pipeline)
    assert "surveys/responses of C: 1,000 of 1,200; the source does not say why" in told
    assert told.index("of C") < told.index("of B")  # the larger gap first


def test_many_gaps_are_counted(pipeline: Pipeline):
    gaps = [CoverageResult("surveys/responses", f"P{number}", 2, 1, reason="r") for number in range(20)]
    told = summary(covered(*gaps), pipeline)
    assert told.count("Missing nps: surveys/responses of P") == 8
    assert "nps: 12 records in 12 more parts" in told


def test_a_held_connection_has_a_row_that_says_since_when(pipeline: Pipeline):
    check = coverage_check(pipeline, KEY, [covered(held_reason="could not be reached")])
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    gaps = check.metadata["gaps"]
    assert isinstance(gaps, dg.TableMetadataValue)
    (row,) = cells(gaps)
    assert (row["reason"], row["last_good"]) == ("could not be reached", "never")


def test_an_unexplained_gap_holds_the_connection(pipeline: Pipeline):
    batch = Landing(pipeline.home.root).batch(pipeline.run, "nps", "survey_file")
    common = {"updated_at": None, "payload": None}
    told = {**common, "record_id": "nps", "payload_hash": "c", "kind": "survey_file", "tool": "surveys"}
    batch.append("pmo/connections", [told])
    gap = {"stream": "surveys/responses", "project": "C", "expected": 1200, "got": 1000}
    batch.append("pmo/coverage", [{**common, **gap, "record_id": "run-1", "payload_hash": "v"}])
    batch.commit({}, is_final=True)
    result = covered(LOST)
    checks = judge(pipeline, "surveys", [result])
    assert "surveys/responses of C: 1000 of 1200" in str(result.held_reason)
    assert [row.verdict for row in pipeline.landing.batches()] == ["held"]
    assert any(check.name.endswith("unexplained_gaps") and check.is_blocking and not check.passed for check in checks)
