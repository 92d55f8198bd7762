with
    states as not materialized(select * from {{ ref("int_item_state") }}),
    connections as (select * from {{ ref("int_connection") }}),
    -- The current stay of an item lasts until now.
    intervals as not materialized(
        select stays.*, coalesce(stays.left_at, {{ now_of("connections", "stays.item_updated_at") }}) as measured_to_at,
        from {{ ref("int_state_interval") }} as stays
        inner join connections on stays.connection_id = connections.connection_id
    ),
    teams as (select * from {{ ref("dim_team") }}),
    working_time as not materialized(select * from {{ ref("int_working_time") }}),

    -- Changes of one instant that lie in several histories: the last one's estimate holds for the instant.
    crowded as (
        select item_key, valid_from, {{ last_by(parcel({"points": "points"}), "state_number") }} as last_state
        from states
        where (item_key, valid_from) in (select (item_key, valid_from) from states where valid_to = valid_from)
        group by item_key, valid_from
    ),

    flagged as (
        select
            intervals.item_key,
            intervals.sequence,
            {{ exact_sum(hours_between("states.valid_from", "coalesce(states.valid_to, intervals.measured_to_at)")) }}
            as blocked_hours,
        from states
        inner join
            intervals
            on states.item_key = intervals.item_key
            and states.state_number >= intervals.state_number
            and (intervals.next_state_number is null or states.state_number < intervals.next_state_number)
        where states.is_flagged
        group by intervals.item_key, intervals.sequence
    )

select
    intervals.item_key,
    intervals.sequence,
    intervals.connection_id,
    intervals.status_id,
    intervals.status,
    intervals.stage,
    intervals.previous_stage,
    intervals.project_key,
    intervals.team_key,
    intervals.item_type,
    intervals.type_group,
    intervals.raw_record_key,
    case when crowded.item_key is null then intervals.points else crowded.last_state.points end as points_at_entry,
    {{ hours_between("intervals.valid_from", "intervals.measured_to_at") }} as hours,
    {{ working_hours_until("last_day", "intervals.measured_to_at") }}
    - {{ working_hours_until("first_day", "intervals.valid_from") }} as working_hours,
    coalesce(flagged.blocked_hours, 0) as blocked_hours,
    intervals.left_at is null as is_current,
    (intervals.stage is distinct from intervals.previous_stage) as is_stage_entry,
    intervals.is_subtask,
    intervals.valid_from as entered_at,
    intervals.left_at,
from intervals
left join crowded on intervals.item_key = crowded.item_key and intervals.valid_from = crowded.valid_from
left join flagged on intervals.item_key = flagged.item_key and intervals.sequence = flagged.sequence
left join teams on intervals.team_key = teams.team_key
left join
    working_time as first_day
    on teams.calendar_id = first_day.calendar_id
    and teams.time_zone = first_day.time_zone
    and cast(intervals.valid_from as date) = first_day.day_date
left join
    working_time as last_day
    on teams.calendar_id = last_day.calendar_id
    and teams.time_zone = last_day.time_zone
    and cast(intervals.measured_to_at as date) = last_day.day_date
