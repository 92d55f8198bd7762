"""The dashboard's queries over schema `marts`.

`PREPARE` makes temporary tables (`all_*`: views) in this order: what is shown. `QUERIES` are the
data sets of the page. Variables: policy, months, sprints, scopes, points, evidence (rows per KPI).
Scopes, items and sprints are referred to by their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Query:
    """One query, and the marts that it needs; without them `empty` stands in."""

    sql: str
    needs: frozenset[str] = field(default_factory=frozenset)
    empty: str = ""


def _query(sql: str, *needs: str, empty: str = "") -> Query:
    return Query(sql, frozenset(needs), empty)


# An item's portfolio at the time, where it is not today's; '' is none.
PORTFOLIO_THEN = """if(
                coalesce(item.epic_portfolio_key, place.portfolio_key) is distinct from item.portfolio_key,
                coalesce(item.epic_portfolio_key, place.portfolio_key, ''), null)"""


PREPARE = {
    "all_scopes": _query(
        """
        select scope_type, coalesce(scope_key, 'all') as scope_key, any_value(scope_name) as name,
            max(sample_items) as size
        from kpi_scorecard
        where scope_type in ('all', 'portfolio', 'team', 'project') and policy_id = getvariable('policy')
        group by all
        """,
        "kpi_scorecard",
        empty="select ''::varchar as scope_type, ''::varchar as scope_key, ''::varchar as name, 0 as size limit 0",
    ),
    "shown_scopes": _query(
        """
        select
            (row_number() over (
                order by list_position(['all', 'portfolio', 'team', 'project'], scope_type), name, scope_key
            ) - 1)::integer as scope_no,
            scope_type, scope_key, name
        from (
            from all_scopes
            order by list_position(['all', 'portfolio', 'team', 'project'], scope_type), size desc, scope_key
            limit getvariable('scopes')
        )
        """
    ),
    "last_day": _query(
        "select max(watermark_at) as now_at from dim_connection",
        "dim_connection",
        empty="select null::timestamp as now_at",
    ),
    "first_month": _query(
        """
        select (date_trunc('quarter', now_at) - to_months(getvariable('months')::integer))::date as first_date
        from last_day
        """
    ),
    "shown_sprints": _query(
        """
        select (row_number() over (order by started_at, sprint_key) - 1)::integer as sprint_no, *
        from (
            select sprint.*
            from dim_sprint as sprint
            join (
                select distinct sprint_key from kpi_velocity where policy_id = getvariable('policy')
            ) using (sprint_key)
            qualify
                row_number() over (partition by sprint.team_key order by sprint.started_at desc, sprint.sprint_key)
                <= getvariable('sprints')
        )
        """,
        "dim_sprint",
        "kpi_velocity",
        empty="select 0 as sprint_no, ''::varchar as sprint_key, ''::varchar as team_key limit 0",
    ),
    "all_delivered": _query(
        """
        select item_key, done_at, cycle_time_hours, team_key, project_key
        from fct_item_flow
        where
            policy_id = getvariable('policy')
            and is_in_flow
            and cycle_time_hours is not null
            and done_at >= (select first_date from first_month)
        """,
        "fct_item_flow",
        empty="""
        select ''::varchar as item_key, null::timestamp as done_at, 0.0 as cycle_time_hours, ''::varchar as team_key,
            ''::varchar as project_key
        limit 0
        """,
    ),
    "shown_delivered": _query("from all_delivered order by done_at desc, item_key limit getvariable('points')"),
    "all_evidence": _query(
        """
        select kpi_id, event_date, event_at, event_sequence, sprint_key, item_key, role, contribution
        from kpi_evidence
        where
            item_key is not null
            and policy_id = getvariable('policy')
            and (
                sprint_key in (select sprint_key from shown_sprints)
                or (sprint_key is null and event_date >= (select first_date from first_month))
            )
        """,
        "kpi_evidence",
        empty="""
        select ''::varchar as kpi_id, null::date as event_date, null::timestamp as event_at, 0 as event_sequence,
            ''::varchar as sprint_key, ''::varchar as item_key, ''::varchar as role, 0.0 as contribution
        limit 0
        """,
    ),
    "newest_evidence": _query(
        """
        from all_evidence
        qualify
            row_number() over (partition by kpi_id order by event_date desc, item_key, role, sprint_key)
            <= getvariable('evidence')
        """
    ),
    "shown_evidence": _query(
        """
        select
            evidence.kpi_id, evidence.event_date, evidence.sprint_key, evidence.item_key, evidence.role,
            evidence.contribution, coalesce(stay.team_key, bridge.team_key) as team_key, stay.project_key
        from newest_evidence as evidence
        left join fct_state_interval as stay
            on stay.item_key = evidence.item_key and stay.sequence = evidence.event_sequence
        left join bridge_item_team as bridge
            on bridge.item_key = evidence.item_key
            and evidence.event_at >= bridge.valid_from
            and (bridge.valid_to is null or evidence.event_at < bridge.valid_to)
        """,
        "fct_state_interval",
        "bridge_item_team",
        empty="""
        select kpi_id, event_date, sprint_key, item_key, role, contribution, ''::varchar as team_key,
            ''::varchar as project_key
        from newest_evidence
        """,
    ),
    "wip_items": _query(
        "select item_key from kpi_wip where policy_id = getvariable('policy') and is_in_flow",
        "kpi_wip",
        empty="select ''::varchar as item_key limit 0",
    ),
    # Where a project is in the portfolio hierarchy; of an item the epic's place goes before it.
    "project_places": _query(
        "select project_key, portfolio_key from dim_project",
        "dim_project",
        empty="select ''::varchar as project_key, ''::varchar as portfolio_key limit 0",
    ),
    "shown_items": _query(
        """
        select (row_number() over (order by item.item_key) - 1)::integer as item_no, item.*
        from dim_work_item as item
        where item_key in (
            select item_key from shown_evidence
            union select item_key from shown_delivered
            union select item_key from wip_items
        )
        """,
        "dim_work_item",
        empty="select 0 as item_no, ''::varchar as item_key limit 0",
    ),
}

QUERIES = {
    "connections": _query(
        """
        select connection_id, name, kind, url, watermark_at, last_good_at, is_stale, held_reason, item_count,
            coverage_ratio
        from dim_connection order by connection_id
        """,
        "dim_connection",
    ),
    "kpis": _query(
        """
        select kpi_id, name, description as definition, formula, unit, direction, owner, definition_version
        from dim_kpi order by kpi_id
        """,
        "dim_kpi",
    ),
    "scopes": _query(
        """
        select
            scope_type as type, scope_key as key, shown.name,
            scope_type = 'team' and team_key is null as is_of_surveys
        from shown_scopes as shown left join dim_team as team on team.team_key = shown.scope_key
        order by scope_no
        """,
        "dim_team",
    ),
    "scores": _query(
        """
        select
            score.kpi_id as kpi, scope.scope_no as scope, score.period_type as type,
            score.period_start_date as start, sprint.sprint_no as sprint, score.value, score.numerator,
            score.denominator, score.sample_items as sample, score.previous_value as previous,
            score.target_value as target, score.status, score.trust_ratio as trust, score.data_as_of_at as as_of
        from kpi_scorecard as score
        join shown_scopes as scope
            on scope.scope_type = score.scope_type and scope.scope_key = coalesce(score.scope_key, 'all')
        left join shown_sprints as sprint on sprint.sprint_key = score.sprint_key
        where
            score.policy_id = getvariable('policy')
            and (
                sprint.sprint_key is not null
                or (score.period_type in ('month', 'quarter')
                    and score.period_start_date >= (select first_date from first_month))
            )
        order by kpi, scope, type, start, sprint
        """,
        "kpi_scorecard",
    ),
    "sprints": _query(
        """
        select
            sprint.sprint_key as key, 'team' as scope_type, sprint.team_key as team, sprint.name, sprint.state,
            sprint.started_at as start, sprint.planned_end_at as planned_end, sprint.closed_at as closed, sprint.goal,
            velocity.committed_points, velocity.committed_items, velocity.added_points, velocity.added_items,
            velocity.removed_points, velocity.removed_items, velocity.cancelled_points, velocity.cancelled_items,
            velocity.completed_points, velocity.completed_items, velocity.not_completed_points,
            velocity.not_completed_items, velocity.estimate_change_points, velocity.say_do_ratio,
            velocity.velocity_mean_points, velocity.velocity_stddev_points
        from shown_sprints as sprint
        join kpi_velocity as velocity
            on velocity.sprint_key = sprint.sprint_key and velocity.policy_id = getvariable('policy')
        order by sprint.sprint_no
        """,
        "kpi_velocity",
        "dim_sprint",
    ),
    "burndown": _query(
        """
        select
            sprint.sprint_no as sprint, list(day_date order by day_date) as days,
            list(remaining_points order by day_date) as remaining, list(ideal_points order by day_date) as ideal,
            list(scope_points order by day_date) as scope, list(remaining_items order by day_date) as items,
            list(added_points order by day_date) as added, list(removed_points order by day_date) as removed
        from kpi_burndown as burndown join shown_sprints as sprint using (sprint_key)
        where burndown.policy_id = getvariable('policy')
        group by sprint.sprint_no order by sprint.sprint_no
        """,
        "kpi_burndown",
    ),
    "items": _query(
        """
        select
            item_ref as ref, title, item_type as type, source_url as url, status, team_key as team,
            project_key as project, portfolio_key as portfolio
        from shown_items order by item_no
        """,
        "dim_work_item",
    ),
    "delivered": _query(
        f"""
        select
            item_no as item, done_at as done, cycle_time_hours as hours,
            nullif(shown.team_key, item.team_key) as team, nullif(shown.project_key, item.project_key) as project,
            {PORTFOLIO_THEN} as portfolio
        from shown_delivered as shown
        join shown_items as item using (item_key)
        left join project_places as place on place.project_key = shown.project_key
        order by done_at, item_no
        """,  # noqa: S608 - a text of this file
        "fct_item_flow",
        "dim_work_item",
    ),
    "flow": _query(
        """
        select
            scope.scope_no as scope, period_type as type, list(period_start_date order by period_start_date) as starts,
            list(cycle_time_p50_hours order by period_start_date) as p50,
            list(cycle_time_p85_hours order by period_start_date) as p85,
            list(cycle_time_p95_hours order by period_start_date) as p95,
            list(delivered_items order by period_start_date) as delivered,
            list(arrived_items order by period_start_date) as arrived
        from kpi_flow as flow
        join shown_scopes as scope
            on scope.scope_type = flow.scope_type
            and scope.scope_key = coalesce(flow.scope_key, 'all')
        where
            policy_id = getvariable('policy') and period_type in ('week', 'month', 'quarter')
            and period_start_date >= (select first_date from first_month)
        group by scope.scope_no, period_type order by scope.scope_no, period_type
        """,
        "kpi_flow",
    ),
    "cumulative_flow": _query(
        """
        select
            scope.scope_no as scope, stage, list(day_date order by day_date) as days,
            list(items order by day_date) as items
        from kpi_cfd as cfd
        join shown_scopes as scope
            on scope.scope_type = cfd.scope_type
            and scope.scope_key = coalesce(cfd.scope_key, 'all')
        where
            policy_id = getvariable('policy') and stage <> 'cancelled'
            and day_date > (select (now_at - interval 120 day)::date from last_day)
        group by scope.scope_no, stage order by scope.scope_no, stage
        """,
        "kpi_cfd",
    ),
    "ageing": _query(
        """
        select
            item_no as item, age_hours as hours, age_percentile_ratio as rank, unchanged_days as idle, wip.status,
            wip.is_blocked as blocked
        from kpi_wip as wip join shown_items using (item_key)
        where policy_id = getvariable('policy') and is_in_flow order by item_no
        """,
        "kpi_wip",
    ),
    "satisfaction": _query(
        """
        select
            metric, scope.scope_no as scope, if(satisfaction.scope_type = 'survey', scope_name, null) as survey,
            period_type as type, period_start_date as start, responses, promoters, passives, detractors,
            nps, nps_margin, csat_ratio
        from kpi_satisfaction as satisfaction
        left join shown_scopes as scope
            on scope.scope_type = satisfaction.scope_type
            and scope.scope_key = coalesce(satisfaction.scope_key, 'all')
        where
            period_type in ('month', 'quarter')
            and period_start_date >= (select first_date from first_month)
            and metric in ('nps', 'csat')
            and (scope.scope_no is not null or satisfaction.scope_type = 'survey')
        order by metric desc, survey nulls first, scope, type, start
        """,
        "kpi_satisfaction",
    ),
    "evidence": _query(
        f"""
        select
            kpi_id as kpi, event_date as day, sprint.sprint_no as sprint, item_no as item, role, contribution,
            nullif(shown.team_key, item.team_key) as team, nullif(shown.project_key, item.project_key) as project,
            {PORTFOLIO_THEN} as portfolio
        from shown_evidence as shown
        join shown_items as item using (item_key)
        left join project_places as place on place.project_key = coalesce(shown.project_key, item.project_key)
        left join shown_sprints as sprint on sprint.sprint_key = shown.sprint_key
        order by kpi_id, event_date desc, item_no, role
        """,  # noqa: S608 - a text of this file
        "kpi_evidence",
        "dim_work_item",
    ),
    "untrusted": _query(
        """
        select item_no as item, reasons as reason
        from fct_item_trust join shown_items using (item_key) where not is_complete order by item_no
        """,
        "fct_item_trust",
    ),
}
