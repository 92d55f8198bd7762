"""Which items belong to the scope of a scorecard value, as conditions in SQL over the published tables.

A team's items are those of bridge_item_team at the instant asked for; project and type are those of the stay in a
status that holds then. Every function returns a condition and the values bound in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]
Condition = tuple[str, list[Any]]

STAYS = {
    "project": "stay.project_key = ?",
    "connection": "stay.connection_id = ?",
    "item_type": "stay.connection_id || ':' || stay.item_type = ?",
    "portfolio": """stay.item_key in (
        select placed.item_key from dim_work_item as placed
        inner join dim_portfolio as node on placed.portfolio_key = node.portfolio_key
        where ? in (node.portfolio_key, node.parent_portfolio_key)
    )""",
}


def stay_in_scope(value: Row, instant: str) -> Condition:
    """Whether the row `stay` of fct_state_interval, which holds at `instant`, is of the value's scope."""
    if value["scope_type"] == "team":
        return f"{_team_at('stay', instant)} = ?", [value["scope_key"]]
    if condition := STAYS.get(value["scope_type"]):
        return condition, [value["scope_key"]]
    return "true", []


def _team_at(alias: str, instant: str) -> str:
    return f"""(
        select arg_max(team_key, valid_from) from bridge_item_team as member
        where member.item_key = {alias}.item_key and member.valid_from <= {instant}
    )"""  # noqa: S608 - texts of this file


def period_end_in(value: Row) -> str:
    """The end of a period, bound as `?`, as an instant in UTC: its last midnight in the time zone of the scope.

    The query offers `connection`, the item's row of dim_connection, and one more `?` for `zone_of_scope`.
    """
    zone = "?" if value["scope_type"] in {"team", "all"} else "coalesce(connection.time_zone, ?)"
    return f"timezone('UTC', timezone({zone}, cast(? as timestamp)))"


def zone_of_scope(session: duckdb.DuckDBPyConnection, value: Row, settings: Path) -> str:
    """The team's zone, or the reporting zone, as the run's settings gave it to dbt; found as the models find it."""
    if value["scope_type"] == "team":
        found = session.execute("select time_zone from dim_team where team_key = ?", [value["scope_key"]]).fetchone()
        return found[0] if found and found[0] else "UTC"
    if settings.exists():
        found = session.execute("select reporting_time_zone from read_parquet(?)", [str(settings)]).fetchone()
        if found and found[0]:
            return str(found[0])
    zones = session.execute(
        "select distinct time_zone from dim_connection where tool in ('jira', 'azure_devops') and time_zone is not null"
    ).fetchall()
    return str(zones[0][0]) if len(zones) == 1 else "UTC"
