"""Which rows belong to the scope of a scorecard value, as conditions in SQL over the published tables.

Of evidence, team, project and type are those of the stay in a status that began with the event; of what was in progress
when a period ended they are those of the stay in a place that holds then. Every function returns a condition and the
values bound in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]
Condition = tuple[str, list[Any]]

# An item's portfolio is that of its epic, or else that of the project it was in.
PORTFOLIO = """exists (
    select 1 from dim_work_item as placed
    left join dim_project as project on project.project_key = {row}.project_key
    inner join dim_portfolio as node
        on node.portfolio_key = coalesce(placed.epic_portfolio_key, project.portfolio_key)
    where placed.item_key = {row}.item_key and ? in (node.portfolio_key, node.parent_portfolio_key)
)"""
PLACES = {
    "team": "{row}.team_key = ?",
    "project": "{row}.project_key = ?",
    "connection": "{row}.connection_id = ?",
    "item_type": "{row}.connection_id || ':' || {row}.item_type = ?",
    "portfolio": PORTFOLIO,
}
# What a survey says that an answer is about; names that no team or project carries are scopes of their own.
ABOUT = """(
    response.scope_type = ? and ? = coalesce(
        case response.scope_type when 'team' then response.team_key when 'project' then response.project_key end,
        response.connection_id || ':' || response.scope_type || ':' || response.scope_name
    )
)"""
ANSWERS = {
    "all": ("true", 0),
    "connection": ("response.connection_id = ?", 1),
    "survey": ("response.connection_id || ':' || response.survey = ?", 1),
    "portfolio": (
        """exists (
            select 1 from dim_project as project
            inner join dim_portfolio as node on project.portfolio_key = node.portfolio_key
            where project.project_key = response.project_key and ? in (node.portfolio_key, node.parent_portfolio_key)
        )""",
        1,
    ),
}


def in_scope(value: Row, row: str) -> Condition:
    """Whether `row` (`stay` of fct_state_interval, `place` of bridge_item_place) is of the value's scope."""
    if condition := PLACES.get(value["scope_type"]):
        return condition.format(row=row), [value["scope_key"]]
    return "true", []


def answer_in_scope(value: Row) -> Condition:
    """Whether the row `response` of fct_survey_response is of the value's scope."""
    kind, key = value["scope_type"], value["scope_key"]
    rolled_up, bound = ANSWERS.get(kind, ("false", 0))
    return f"({ABOUT} or {rolled_up})", [kind, key, *[key] * bound]


def zone_in(value: Row) -> str:
    """The time zone of the value's days; one `?` for `zone_of_scope`.

    The query offers `connection`, the item's row of dim_connection, whose zone scopes across teams take.
    """
    return "?" if value["scope_type"] in {"team", "all"} else "coalesce(connection.time_zone, ?)"


def period_end_in(value: Row) -> str:
    """The end of a period, bound as a second `?`, as an instant in UTC: its last midnight in the zone of the scope."""
    return f"timezone('UTC', timezone({zone_in(value)}, cast(? as timestamp)))"


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
