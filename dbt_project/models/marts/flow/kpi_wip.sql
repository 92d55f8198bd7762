with
    flows as (select * from {{ ref("fct_item_flow") }}),
    intervals as (select * from {{ ref("fct_state_interval") }}),
    items as (select * from {{ ref("dim_work_item") }}),
    connections as (select * from {{ ref("int_connection") }}),

    delivered as (
        select
            policy_id,
            team_key,
            cycle_time_hours,
            cume_dist() over (partition by policy_id, team_key order by cycle_time_hours) as rank_ratio,
        from flows
        where is_in_flow and cycle_time_hours is not null
    ),

    ranks as (
        select policy_id, team_key, cycle_time_hours, max(rank_ratio) as rank_ratio
        from delivered
        group by policy_id, team_key, cycle_time_hours
        union all
        select distinct policy_id, team_key, -1, 0
        from delivered
    ),

    in_progress as (
        select
            flows.*,
            intervals.status,
            intervals.stage,
            intervals.entered_at as stage_entered_at,
            items.item_ref,
            items.title,
            items.source_url,
            items.assignee_key,
            items.is_flagged,
            items.updated_at,
            {{ now_of("connections", "items.updated_at") }} as now_at,
        from intervals
        inner join flows on intervals.item_key = flows.item_key
        inner join items on intervals.item_key = items.item_key
        inner join connections on intervals.connection_id = connections.connection_id
        where intervals.is_current and intervals.stage in ('in_progress', 'waiting')
    )

select
    in_progress.item_key,
    in_progress.policy_id,
    in_progress.connection_id,
    in_progress.item_ref,
    in_progress.title,
    in_progress.item_type,
    in_progress.type_group,
    in_progress.project_key,
    in_progress.team_key,
    in_progress.assignee_key,
    in_progress.status,
    in_progress.stage,
    in_progress.source_url,
    in_progress.age_hours,
    ranks.rank_ratio as age_percentile_ratio,
    {{ hours_between("in_progress.stage_entered_at", "in_progress.now_at") }} as status_age_hours,
    {{ hours_between("in_progress.updated_at", "in_progress.now_at") }} / 24 as unchanged_days,
    in_progress.is_flagged as is_blocked,
    in_progress.is_in_flow,
    in_progress.started_at,
    in_progress.updated_at as last_changed_at,
from in_progress
asof left join
    ranks
    on in_progress.policy_id = ranks.policy_id
    and in_progress.team_key = ranks.team_key
    and in_progress.age_hours >= ranks.cycle_time_hours
