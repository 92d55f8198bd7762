"""What `pmo explain` shows as evidence of a value, put together again as the KPI's definition says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import duckdb

from orchestration.explanation import Explanation
from orchestration.paths import Home
from tests.dbt.flow_oracle import percentile
from tests.dbt.sprint_oracle import sum_points
from tests.dbt.stories import Row

Evidence = list[Row]


def _numbers(evidence: Evidence, *roles: str) -> list[float]:
    wanted = [row for row in evidence if not roles or row["role"] in roles]
    return [row["contribution"] for row in wanted if row["contribution"] is not None]


def _points(evidence: Evidence, *roles: str) -> float | None:
    return sum_points([row["contribution"] for row in evidence if row["role"] in roles])


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None


def _mean(numbers: list[float]) -> float | None:
    return _ratio(sum(numbers), len(numbers))


def _reopened(evidence: Evidence) -> int:
    return len({row["item_key"] for row in evidence if row["role"] == "reopened"})


AGGREGATES: dict[str, Callable[[Evidence], float | None]] = {
    "cycle_time_p50": lambda rows: percentile(_numbers(rows), 0.5),
    "cycle_time_p85": lambda rows: percentile(_numbers(rows), 0.85),
    "lead_time_p85": lambda rows: percentile(_numbers(rows), 0.85),
    "wip_age_p85": lambda rows: percentile(_numbers(rows), 0.85),
    "throughput": lambda rows: sum(_numbers(rows)),
    "wip": lambda rows: sum(_numbers(rows)),
    "flow_efficiency": lambda rows: _ratio(sum(_numbers(rows, "active")), sum(_numbers(rows))),
    "defect_ratio": lambda rows: _ratio(sum(_numbers(rows, "bug")), sum(_numbers(rows))),
    "reopen_ratio": lambda rows: _ratio(_reopened(rows), sum(_numbers(rows, "delivered"))),
    "data_trust": lambda rows: _mean(_numbers(rows)),
    "velocity": lambda rows: _points(rows, "completed"),
    "sprint_remaining": lambda rows: _points(rows, "remaining"),
    "say_do": lambda rows: _ratio(_points(rows, "completed"), _points(rows, "committed")),
    "scope_change": lambda rows: _ratio(_points(rows, "added", "removed"), _points(rows, "committed")),
    "predictability": lambda rows: _ratio(_points(rows, "completed"), _mean(_numbers(rows, "sprint_before"))),
    "nps": lambda rows: _mean([100 * number for number in _numbers(rows)]),
    "csat": lambda rows: _mean(_numbers(rows)),
}


def explained_otherwise(home: Path, sample: int, seed: int) -> list[tuple[Row, float | None]]:
    """Of some values of each KPI those that their explanation does not give back, and what it gives."""
    _publish(home)
    dice, wrong = random.Random(seed), []  # noqa: S311 - dice of a test
    with Explanation(Home(home, home)) as explanation:
        for kpi_id, aggregate in AGGREGATES.items():
            values = explanation.rows(
                "select * from kpi_scorecard where kpi_id = ? and not is_suppressed order by figure_key", [kpi_id]
            )
            for value in dice.sample(values, min(sample, len(values))):
                found = aggregate(explanation.evidence(value))
                if (found is None) != (value["value"] is None) or abs((found or 0) - (value["value"] or 0)) > 1e-6:
                    wrong.append((value, found))
    return wrong


def _publish(home: Path) -> None:
    """The tables of core and marts where `pmo explain` reads them."""
    published = home / "published"
    published.mkdir()
    with duckdb.connect() as marts:
        marts.execute(f"attach '{home / 'warehouse.duckdb'}' as built (read_only)")
        marts.execute(f"attach '{published / 'marts.duckdb'}' as published")
        marts.execute("create schema published.marts")
        tables = marts.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'built' and schema_name in ('core', 'marts')"
        ).fetchall()
        for schema, table in tables:
            marts.execute(f"create table published.marts.{table} as from built.{schema}.{table}")
