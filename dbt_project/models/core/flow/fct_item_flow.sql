with
    connections as (select * from {{ ref("int_connection") }}),
    items as (
        select items.*, {{ now_of("connections", "items.updated_at") }} as now_at,
        from {{ ref("int_item") }} as items
        inner join connections on items.connection_id = connections.connection_id
    ),
    intervals as (select * from {{ ref("fct_state_interval") }}),
    policies as (select * from {{ ref("dim_policy") }}),
    counted_types as (select * from {{ ref("int_policy_type") }}),
    teams as (select * from {{ ref("dim_team") }}),
    calendar_days as (select * from {{ ref("dim_calendar_day") }}),

    lives as (
        select
            item_key,
            max(sequence) as last_sequence,
            {{ last_by("stage", "sequence") }} as last_stage,
            {{ list_of("sequence") }} filter (where stage = 'in_progress' and is_stage_entry) as starts,
            {{ list_of("sequence") }} filter (where stage in ('backlog', 'todo')) as resets,
            min(sequence) filter (where stage = 'done' and is_stage_entry) as first_done_sequence,
            max(sequence) filter (where stage = 'done' and is_stage_entry) as last_done_sequence,
            max(entered_at) filter (where stage = 'done' and is_stage_entry) as last_done_at,
            max(sequence) filter (where stage = 'cancelled' and is_stage_entry) as last_cancelled_sequence,
            count(*) filter (where previous_stage = 'done' and stage not in ('done', 'cancelled')) as reopen_count,
            count(*) filter (
                where {{ stage_rank("stage") }} < {{ stage_rank("previous_stage") }}
            ) as backward_move_count,
        from intervals
        group by item_key
    ),

    -- Of several rows of one policy that one which held when the item was last done, else today.
    ruled as (
        select
            lives.* exclude (starts, resets),
            policies.policy_id,
            policies.policy_version,
            policies.day_count,
            policies.skipped_start,
            policies.start_rule,
            policies.flow_efficiency_base,
            items.connection_id,
            items.created_at,
            items.deleted_at,
            items.now_at,
            lives.starts,
            lives.resets,
            case
                when policies.done_rule = 'first'
                then lives.first_done_sequence
                when lives.last_stage = 'done'
                then lives.last_done_sequence
            end as done_sequence,
            case when lives.last_stage = 'cancelled' then lives.last_cancelled_sequence end as cancelled_sequence,
        from lives
        inner join items on lives.item_key = items.item_key
        inner join policies on {{ policy_holds("policies", "coalesce(lives.last_done_at, items.now_at)") }}
    ),

    limited as (
        select
            * exclude (starts, resets),
            {{ list_below("starts", "done_sequence") }} as starts,
            {{ list_greatest(list_below("resets", "done_sequence")) }} as last_reset,
        from ruled
    ),

    started as (
        select
            * exclude (starts, last_reset),
            case
                start_rule
                when 'first'
                then {{ list_least("starts") }}
                when 'last'
                then {{ list_greatest("starts") }}
                else {{ list_least(list_above("starts", "last_reset")) }}
            end as start_sequence,
        from limited
    ),

    based as (
        select
            *,
            case when flow_efficiency_base = 'from_created' then 1 else start_sequence end as base_sequence,
            coalesce(done_sequence, cancelled_sequence, last_sequence + 1) as end_sequence,
            -- The interval whose team, project and type are the item's: where it was done, else where it is.
            coalesce(done_sequence, last_sequence) as home_sequence,
        from started
    ),

    measured as (
        select
            based.item_key,
            based.policy_id,
            min(intervals.entered_at) filter (where intervals.sequence = based.start_sequence) as started_at,
            min(intervals.entered_at) filter (where intervals.sequence = based.done_sequence) as done_at,
            min(intervals.entered_at) filter (where intervals.sequence = based.cancelled_sequence) as cancelled_at,
            min(intervals.points_at_entry) filter (where intervals.sequence = based.done_sequence) as points,
            min(intervals.project_key) filter (where intervals.sequence = based.home_sequence) as project_key,
            min(intervals.team_key) filter (where intervals.sequence = based.home_sequence) as team_key,
            min(intervals.item_type) filter (where intervals.sequence = based.home_sequence) as item_type,
            min(intervals.type_group) filter (where intervals.sequence = based.home_sequence) as type_group,
            bool_or(intervals.is_subtask) filter (where intervals.sequence = based.home_sequence) as is_subtask,
            {% set is_spent = (
                "intervals.sequence >= based.base_sequence and intervals.sequence < based.end_sequence"
            ) -%}
            {% set is_open = is_spent ~ " and intervals.stage not in ('done', 'cancelled')" -%}
            coalesce(
                {{
                    exact_sum(
                        "intervals.hours - intervals.blocked_hours", is_spent ~ " and intervals.stage = 'in_progress'"
                    )
                }},
                0
            ) as active_hours,
            coalesce(
                {{
                    exact_sum(
                        "case when intervals.stage = 'in_progress' then intervals.blocked_hours else intervals.hours end",
                        is_open,
                    )
                }},
                0
            ) as waiting_hours,
            coalesce({{ exact_sum("intervals.blocked_hours", is_open) }}, 0) as blocked_hours,
        from based
        inner join intervals on based.item_key = intervals.item_key
        group by based.item_key, based.policy_id
    ),

    timed as (
        select
            based.*,
            measured.* exclude (item_key, policy_id, active_hours, waiting_hours, blocked_hours),
            measured.done_at is not null and measured.started_at is null as has_skipped_start,
            case when based.base_sequence is not null then measured.active_hours end as active_hours,
            case when based.base_sequence is not null then measured.waiting_hours end as waiting_hours,
            case when based.base_sequence is not null then measured.blocked_hours end as blocked_hours,
        from based
        inner join measured on based.item_key = measured.item_key and based.policy_id = measured.policy_id
    ),

    dated as (
        select
            timed.*,
            {{ local_date("timed.created_at", "teams.time_zone") }} as created_date,
            {{ local_date("timed.started_at", "teams.time_zone") }} as started_date,
            {{ local_date("timed.done_at", "teams.time_zone") }} as done_date,
            teams.calendar_id,
        from timed
        left join teams on timed.team_key = teams.team_key
    )

select
    dated.item_key,
    dated.policy_id,
    dated.policy_version,
    dated.connection_id,
    dated.project_key,
    dated.team_key,
    dated.item_type,
    dated.type_group,
    dated.start_sequence,
    dated.done_sequence,
    dated.cancelled_sequence,
    dated.points,
    {{ hours_between("dated.created_at", "dated.done_at") }} as lead_time_hours,
    case
        when dated.has_skipped_start and dated.skipped_start = 'zero'
        then 0
        else {{ hours_between("dated.started_at", "dated.done_at") }}
    end as cycle_time_hours,
    case
        dated.day_count
        when 'elapsed'
        then {{ hours_between("dated.created_at", "dated.done_at") }} / 24
        when 'calendar_inclusive'
        then dated.done_date - dated.created_date + 1
        else {{ working_days("created_day", "done_day") }}
    end as lead_time_days,
    case
        when dated.has_skipped_start
        then case when dated.skipped_start = 'zero' then 0 end
        else
            case
                dated.day_count
                when 'elapsed'
                then {{ hours_between("dated.started_at", "dated.done_at") }} / 24
                when 'calendar_inclusive'
                then dated.done_date - dated.started_date + 1
                else {{ working_days("started_day", "done_day") }}
            end
    end as cycle_time_days,
    dated.active_hours,
    dated.waiting_hours,
    dated.blocked_hours,
    dated.active_hours / nullif(dated.active_hours + dated.waiting_hours, 0) as flow_efficiency_ratio,
    case
        when dated.last_stage in ('in_progress', 'waiting') and dated.deleted_at is null
        then {{ hours_between("dated.started_at", "dated.now_at") }}
    end as age_hours,
    dated.reopen_count,
    dated.backward_move_count,
    dated.has_skipped_start,
    counted_types.is_counted as is_in_flow,
    dated.created_at,
    dated.started_at,
    dated.done_at,
    dated.cancelled_at,
from dated
left join
    counted_types
    on dated.policy_id = counted_types.policy_id
    and dated.policy_version = counted_types.policy_version
    and dated.type_group = counted_types.type_group
    and dated.is_subtask = counted_types.is_subtask
left join
    calendar_days as created_day
    on dated.calendar_id = created_day.calendar_id
    and dated.created_date = created_day.day_date
left join
    calendar_days as started_day
    on dated.calendar_id = started_day.calendar_id
    and dated.started_date = started_day.day_date
left join calendar_days as done_day on dated.calendar_id = done_day.calendar_id and dated.done_date = done_day.day_date
