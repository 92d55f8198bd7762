"""A small warehouse with the tables and columns of the KPI contract, filled by dice with a fixed seed.

For tests of `bi` alone: figures are plausible, not proven (dbt's own tests prove them). It holds what
deliveries stumble over: markup, formulas, NUL characters and non-Latin text in titles, empty
periods, NULL measures, a stale connection, lists, an item without a team.
"""

# ruff: noqa: DTZ001, S311 - instants in the marts are naive UTC; dice are no secret

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from bi.publication import PublicationRun

NOW = datetime(2026, 3, 20, 6, 0)
START = datetime(2025, 1, 6, 8, 0)
RUN = PublicationRun("run-0001", datetime(2026, 3, 20, 6, 5, tzinfo=UTC))
PORTFOLIOS = ["Payments", "Platform"]
TEAMS = ["Atlas", "Borealis", "Cygnus", "Draco", "Electra", "Fornax"]
HOSTILE_TITLES = [
    "<script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 2">',
    '=HYPERLINK("https://example.com","pay")',
    "+1 for dark mode",
    "-5 % on checkout",
    "@all: review \u202eright to left\u202c",
    "\tTab first",
    "a\u0000b",
    "</script><!-- ${alert(1)} {{ 7 * 7 }}",
    "支払いの再試行 · Größe prüfen · émoji 🚀",
]
VERBS = ["Retry", "Show", "Export", "Cache", "Validate", "Migrate", "Throttle", "Audit", "Simplify", "Document"]
NOUNS = ["card payments", "refund list", "sign-in", "invoice PDF", "rate limits", "search index", "roles", "webhooks"]


def make_warehouse(path: Path, items: int = 600, seed: int = 7) -> Path:
    """Write the warehouse DuckDB file and, beside it, `manifest.json`; returns the manifest's path."""
    with duckdb.connect(path) as connection:
        for name, rows in _rows(random.Random(seed), items).items():
            connection.register(f"in_{name}", pa.Table.from_pylist(rows))
        connection.execute((Path(__file__).parent / "synthetic.sql").read_text(encoding="utf-8"))
        tables = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index) from duckdb_columns() "
            "where schema_name in ('core', 'marts') group by all order by all"
        ).fetchall()
    nodes = {f"model.pmo.{name}": _node(schema, name, columns) for schema, name, columns in tables}
    nodes["model.pmo.int_item_state"] = _node("intermediate", "int_item_state", [])
    nodes["model.pmo.raw_record"]["config"] = {"materialized": "view", "meta": {"published": False}}
    nodes["model.pmo.secret"] = {**_node("core", "secret", []), "config": {"meta": {"published": False}}}
    manifest = path.with_name("manifest.json")
    manifest.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return manifest


GRAINS = {
    "dim_work_item": ["item_key"],
    "fct_item_flow": ["item_key", "policy_id"],
    "fct_state_interval": ["item_key", "sequence"],
    "kpi_velocity": ["sprint_key", "policy_id"],
    "kpi_burndown": ["sprint_key", "day_date", "policy_id"],
    "kpi_scorecard": ["kpi_id", "scope_type", "scope_key", "period_type", "period_start_date", "sprint_key"],
}


def _node(schema: str, name: str, columns: list[str]) -> dict[str, object]:
    return {
        "resource_type": "model",
        "name": name,
        "schema": schema,
        "description": f"One row per row of {name}; it's the test's.",
        "columns": {column: {"description": f"What {column} says."} for column in columns},
        "config": {"materialized": "table", "meta": {"grain": GRAINS.get(name, [])}},
    }


def _rows(dice: random.Random, count: int) -> dict[str, list[dict[str, object]]]:
    items = [_item(dice, number) for number in range(count)]
    return {
        "items": items,
        "teams": [
            {
                "team_key": f"jira:board:{number}" if number < 4 else f"ado:team:{number}",
                "name": name,
                "connection_id": "jira" if number < 4 else "ado",
                "portfolio": number // 3,
                "project": number // 2,
                "kind": "kanban" if name == "Fornax" else "scrum",
            }
            for number, name in enumerate(TEAMS)
        ],
        "answers": [
            {
                "response_key": f"r{number}",
                "submitted_at": START + timedelta(hours=number * 11.3),
                "portfolio": number % 2,
                "metric": "nps" if number % 3 else "csat",
                "score": float(dice.choice([10, 10, 9, 9, 9, 8, 8, 7, 6, 3]) if number % 3 else dice.randint(2, 5)),
            }
            for number in range(900)
        ],
    }


def _item(dice: random.Random, number: int) -> dict[str, object]:
    created = START + timedelta(hours=dice.random() * 24 * 430)
    started = created + timedelta(hours=dice.expovariate(1 / 120))
    done = started + timedelta(hours=dice.lognormvariate(4.2, 0.9))
    team = dice.randrange(6)
    if number < len(HOSTILE_TITLES):
        created, started, done = (NOW - timedelta(days=days) for days in (30, 20, 3 + number % 5))
    return {
        "number": number,
        "team": team,
        "title": HOSTILE_TITLES[number]
        if number < len(HOSTILE_TITLES)
        else f"{dice.choice(VERBS)} {dice.choice(NOUNS)}",
        "item_type": dice.choice(["Story", "Story", "Story", "Bug", "Task"]),
        "points": dice.choice([1.0, 2.0, 3.0, 5.0, 8.0, None]),
        "created_at": created,
        "started_at": started if started < NOW else None,
        "done_at": done if done < NOW and dice.random() > 0.03 else None,
        "is_blocked": dice.random() < 0.15,
        "reopen_count": int(dice.random() < 0.08),
        "labels": ["backend", "a\u0000b"] if number == 7 else (["backend"] if number % 3 else []),
    }
