-- One row per item, policy and flow event: created, started, done, cancelled, re-opened; with the team, project and
-- type that the item had then, and the day of the event in each scope's time zone. Only up to the watermark.
with
    flows as (select * from {{ ref("fct_item_flow") }}),
    intervals as (select * from {{ ref("fct_state_interval") }}),
    connections as (select * from {{ ref("int_connection") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),

    matched as (
        select
            flows.policy_id,
            flows.lead_time_hours,
            flows.cycle_time_hours,
            flows.active_hours,
            flows.waiting_hours,
            flows.has_skipped_start,
            intervals.*,
            intervals.sequence = 1 as is_arrival,
            (intervals.sequence is not distinct from flows.start_sequence) as is_start,
            (intervals.sequence is not distinct from flows.done_sequence) as is_delivery,
            (intervals.sequence is not distinct from flows.cancelled_sequence) as is_cancellation,
            intervals.previous_stage = 'done' and intervals.stage not in ('done', 'cancelled') as is_reopening,
        from intervals
        inner join flows on intervals.item_key = flows.item_key
        where
            intervals.sequence = 1
            or intervals.sequence = flows.start_sequence
            or intervals.sequence = flows.done_sequence
            or intervals.sequence = flows.cancelled_sequence
            or intervals.previous_stage = 'done'
    )

select
    matched.policy_id,
    matched.item_key,
    matched.sequence,
    matched.connection_id,
    matched.team_key,
    matched.project_key,
    nodes.top_key as portfolio_key,
    nodes.program_key,
    {{ key("matched.connection_id", "matched.item_type") }} as item_type_key,
    matched.type_group,
    matched.points_at_entry as points,
    matched.lead_time_hours,
    matched.cycle_time_hours,
    matched.active_hours,
    matched.waiting_hours,
    matched.has_skipped_start,
    matched.is_subtask,
    matched.is_arrival,
    matched.is_start,
    matched.is_delivery,
    matched.is_cancellation,
    coalesce(matched.is_reopening, false) as is_reopening,
    matched.entered_at as event_at,
    {{ local_date("matched.entered_at", "teams.time_zone") }} as team_date,
    {{ local_date("matched.entered_at", "connections.time_zone") }} as connection_date,
    {{ local_date("matched.entered_at", "settings.reporting_time_zone") }} as reporting_date,
from matched
inner join connections on matched.connection_id = connections.connection_id
cross join settings
left join teams on matched.team_key = teams.team_key
left join projects on matched.project_key = projects.project_key
left join epic_portfolios on matched.item_key = epic_portfolios.item_key
left join nodes on nodes.portfolio_key = coalesce(epic_portfolios.portfolio_key, projects.portfolio_key)
where matched.entered_at <= connections.watermark_at
