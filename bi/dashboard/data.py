"""What the dashboard shows, read from the published marts: small tables of plain values.

Every figure comes from a mart; nothing is computed here but selection, order and rounding. Each data
set is one query; its result becomes `{"columns": [...], "rows": [[...]]}`. Days are texts
(`2024-03-18`), instants UTC (`2024-03-18T10:00:00`), durations hours, ratios 0..1.

The page is one file of at most 5 MB, so long tables are cut, newest first, by `Limits`; what was cut
is said in `notes`, and the marts have all of it.
"""

# ruff: noqa: S608 - no value of a query comes from outside; numbers and names are this module's own

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import duckdb

from bi.dashboard.chain_queries import CHAIN_PREPARE, CHAIN_QUERIES, WAREHOUSE
from bi.dashboard.health_queries import HEALTH_PREPARE, HEALTH_QUERIES
from bi.dashboard.queries import PREPARE, QUERIES, Query

SAFE_LINKS = ("https://", "http://")
DEFAULT_POLICY = "default"


@dataclass(frozen=True)
class Limits:
    """How much the page holds at most."""

    months: int = 13
    sprints: int = 12
    scopes: int = 120
    points: int = 4000
    evidence: int = 5000  # per KPI
    findings: int = 600  # of data hygiene; restatements, too
    steps: int = 10_000  # of items, each with its raw record
    answers: int = 1000  # to surveys, per KPI

    def tighter(self) -> Limits:
        """The next smaller page, for when this one is too big: first with fewer raw records, which a command shows."""
        if self.steps > 1000:
            return replace(self, steps=self.steps // 2, answers=self.answers // 2)
        return Limits(
            months=max(self.months - 3, 4),
            sprints=max(self.sprints - 3, 3),
            scopes=max(self.scopes // 2, 20),
            points=self.points // 2,
            evidence=self.evidence // 2,
            findings=self.findings // 2,
            steps=self.steps // 2,
            answers=self.answers // 2,
        )


def read_data(connection: duckdb.DuckDBPyConnection, limits: Limits) -> dict[str, Any]:
    """All data sets by name, and `notes`: sentences on what was left out."""
    present = _present(connection)
    policy = _policy(connection, present)
    _prepare(connection, present, policy, limits)
    data: dict[str, Any] = {
        name: _table(connection, query) if query.needs <= present else {"columns": [], "rows": []}
        for name, query in {**QUERIES, **HEALTH_QUERIES, **CHAIN_QUERIES}.items()
    }
    data["notes"] = _notes(connection, data, limits)
    data["policy"] = policy
    return data


def _present(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The published tables, and `raw_record` if the warehouse is attached."""
    tables = connection.execute(
        "select distinct table_name from duckdb_columns() where database_name = current_database()"
        " or (database_name = ? and schema_name = 'core' and table_name = 'raw_record')",
        [WAREHOUSE],
    )
    return {name for (name,) in tables.fetchall()}


def _policy(connection: duckdb.DuckDBPyConnection, present: set[str]) -> str:
    """The policy that the page shows: `default`, or else the first by name."""
    if "kpi_scorecard" not in present:
        return DEFAULT_POLICY
    rows = connection.execute("select distinct policy_id from kpi_scorecard where policy_id is not null order by 1")
    policies = [policy for (policy,) in rows.fetchall()]
    return DEFAULT_POLICY if DEFAULT_POLICY in policies or not policies else str(policies[0])


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    present: set[str],
    policy: str,
    limits: Limits,
) -> None:
    """Temporary tables that several queries share: which scopes, periods, sprints and items are shown."""
    for name, value in {"policy": policy, **vars(limits)}.items():
        connection.execute(f"set variable {name} = ?", [value])
    for name, query in {**PREPARE, **HEALTH_PREPARE, **CHAIN_PREPARE}.items():
        select = query.sql if query.needs <= present else query.empty
        kind = "view" if name.startswith("all_") else "table"  # of all rows there may be millions
        connection.execute(f"create or replace temp {kind} {name} as {select}")


def _table(connection: duckdb.DuckDBPyConnection, query: Query) -> dict[str, Any]:
    result = connection.execute(query.sql)
    names = [column[0] for column in result.description or []]
    links = {position for position, name in enumerate(names) if name == "url"}
    rows = [_row(row, links) for row in result.fetchall()]
    return {"columns": names, "rows": rows}


def _row(row: Sequence[Any], links: set[int]) -> list[Any]:
    return [_link(value) if position in links else _plain(value) for position, value in enumerate(row)]


def _plain(value: Any) -> Any:
    """A value that JSON knows: numbers to five significant decimals, no NaN, instants as text."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value == int(value) else round(value, 4)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _link(value: Any) -> str | None:
    """Addresses of the tools only: a `javascript:` address in the data must not become a link."""
    return value if isinstance(value, str) and value.lower().startswith(SAFE_LINKS) else None


def _notes(connection: duckdb.DuckDBPyConnection, data: dict[str, Any], limits: Limits) -> list[str]:
    notes = []
    for name, table, what in (
        ("delivered", "all_delivered", "delivered items in the cycle-time chart"),
        ("evidence", "all_evidence", "evidence rows"),
        ("answers", "all_answers", "answers to surveys"),
        ("scopes", "all_scopes", "scopes"),
        ("hygiene", "all_findings", "findings of data hygiene"),
        ("restatements", "all_restatements", "restatements"),
    ):
        row = connection.execute(f"select count(*) from {table}").fetchone()
        total, shown = int(row[0]) if row else 0, len(data[name]["rows"])
        if shown < total:
            notes.append(f"{shown:,} of {total:,} {what} are shown; the published marts hold all of them")
    row = connection.execute("select count(*), (select count(*) from traced_items) from shown_items").fetchone()
    if row and row[1] < row[0]:
        told = f"raw records are shown of the {row[1]:,} items with the newest evidence, of {row[0]:,}"
        notes.append(f"{told}; `pmo explain KPI --item` shows those of any item")
    notes.append(f"months shown: {limits.months}; sprints shown per team: {limits.sprints}")
    return notes
