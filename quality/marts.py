"""Judge what is about to be published: DuckDB computes each suite's measures, Great Expectations judges them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from quality.measuring import examples_sql, measures_sql
from quality.result import CheckResult
from quality.runner import Judged, Runner
from quality.suite import Measure, Suite
from quality.suites.marts import MART_SUITES

_SESSION = "set TimeZone = 'UTC'; set memory_limit = '2GB'; set threads = 2; set preserve_insertion_order = false"


@dataclass(frozen=True)
class MartTable:
    """A table that will be published. grain: the columns that make its rows unique, as dbt's YAML says."""

    schema: str
    name: str
    grain: tuple[str, ...] = ()


@dataclass(frozen=True)
class MartRequest:
    """The warehouse as dbt left it, and its tables of the layers core and marts."""

    warehouse: Path
    run_id: str
    tables: tuple[MartTable, ...]


def judge_marts(runner: Runner, request: MartRequest) -> list[CheckResult]:
    """Results of the suites of all tables."""
    with duckdb.connect(str(request.warehouse), read_only=True) as session:
        session.execute(_SESSION)
        suites = [suite_of(table) for table in request.tables]
        judged = [_measure(session, suite) for suite in suites]
        results = runner.judge(f"{request.run_id} marts", judged)
        by_asset = {suite.asset: suite for suite in suites}
        return [_with_examples(session, by_asset[result.asset], result) for result in results]


def suite_of(table: MartTable) -> Suite:
    """The suite of a table: its own measures, or none, after what holds for every table."""
    asset = f"{table.schema}/{table.name}"
    own = MART_SUITES.get(table.name, ())
    measures: list[Measure] = []
    if not any(measure.name == "row_count" for measure in own):
        measures.append(Measure("row_count", "counts the rows; there may be none", "count(*)", minimum=0))
    if table.grain:
        columns = ", ".join(f'"{column}"' for column in table.grain)
        missing = " or ".join(f'"{column}" is null' for column in table.grain[:1])
        measures += [
            Measure(
                "repeated_keys",
                f"one row per {', '.join(table.grain)}",
                f"count(*) - (select count(*) from (select distinct {columns} from records))",  # noqa: S608 - our names
                0,
                0,
            ),
            Measure("missing_keys", "every row has its key", f"count(*) filter (where {missing})", 0, 0),
        ]
    return Suite(f"{table.schema}.{table.name}", asset, (*measures, *own))


def _measure(session: duckdb.DuckDBPyConnection, suite: Suite) -> Judged:
    """The frame of a suite: one row. A measure that cannot be computed is empty, which fails."""
    relation = _relation(suite)
    try:
        frame = session.execute(measures_sql(suite, relation)).df()
    except duckdb.Error:
        frame = pd.DataFrame([{measure.name: _single(session, suite, measure) for measure in suite.measures}])
    return Judged(suite, frame.astype("float64"))


def _single(session: duckdb.DuckDBPyConnection, suite: Suite, measure: Measure) -> float | None:
    try:
        row = session.execute(measures_sql(Suite(suite.name, suite.asset, (measure,)), _relation(suite))).fetchone()
    except duckdb.Error:
        return None
    return None if row is None else row[0]


def _relation(suite: Suite) -> str:
    schema, name = suite.asset.split("/")
    return f'select * from "{schema}"."{name}"'  # noqa: S608 - names from dbt's manifest


def _with_examples(session: duckdb.DuckDBPyConnection, suite: Suite, result: CheckResult) -> CheckResult:
    measure = next(each for each in suite.measures if each.name == result.name)
    if result.passed or measure.examples is None:
        return result
    try:
        rows = session.execute(examples_sql(measure, _relation(suite))).fetchall()
    except duckdb.Error:
        return result
    return result.with_examples([str(row[0]) for row in rows])
