-- One row per sprint, policy, item and change: what it did to the remaining and to the completed work of the sprint.
-- A re-estimate in the same history as another change comes first, so such a history gives two rows.
with
    item_states as (select * from {{ ref("int_sprint_item_state") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),

    started as (
        select
            sprint_key,
            item_key,
            policy_id,
            event_number * 4 as event_number,
            cast(null as timestamp) as event_at,
            'start' as event_type,
            cast(is_open_work or is_done_in_grace as integer) as delta_items,
            case when is_open_work or is_done_in_grace then coalesce(points, 0) else 0 end as delta_points,
            case
                when work_state = 'open' or are_hours_done_in_grace then coalesce(remaining_hours, 0) else 0
            end as delta_hours,
            0 as completed_delta_items,
            0.0 as completed_delta_points,
            is_counted,
            cast(null as varchar) as person_key,
            raw_record_key
        from item_states
        where is_start and is_in_sprint
    ),
    completed_in_grace as (
        select
            sprint_key,
            item_key,
            policy_id,
            event_number * 4 + 1 as event_number,
            done_entered_at as event_at,
            'completed' as event_type,
            - cast(is_done_in_grace as integer) as delta_items,
            - cast(is_done_in_grace as integer) * coalesce(points, 0) as delta_points,
            - coalesce(remaining_hours, 0) as delta_hours,
            cast(is_done_in_grace as integer) as completed_delta_items,
            cast(is_done_in_grace as integer) * coalesce(points, 0) as completed_delta_points,
            is_counted,
            person_key,
            raw_record_key
        from item_states
        where is_start and are_hours_done_in_grace
    ),
    estimated as (
        select
            sprint_key,
            item_key,
            policy_id,
            event_number * 4 + 1 as event_number,
            event_at,
            'estimate_changed' as event_type,
            0 as delta_items,
            case when was_open_work then coalesce(points, 0) - coalesce(previous_points, 0) else 0 end as delta_points,
            case
                when was_in_sprint and previous_work_state = 'open'
                then coalesce(remaining_hours, 0) - coalesce(previous_remaining_hours, 0)
                else 0
            end as delta_hours,
            0 as completed_delta_items,
            case
                when was_completed_work then coalesce(points, 0) - coalesce(previous_points, 0) else 0
            end as completed_delta_points,
            was_counted as is_counted,
            person_key,
            raw_record_key
        from item_states
        where
            not is_start
            and was_in_sprint
            and not is_deletion
            and (points is distinct from previous_points or remaining_hours is distinct from previous_remaining_hours)
    ),
    -- What the rest of the history did, with the estimate that holds after it.
    moved as (
        select
            sprint_key,
            item_key,
            policy_id,
            event_number * 4 + 2 as event_number,
            event_at,
            case
                when was_in_sprint and not is_in_sprint
                then 'removed'
                when was_counted and not is_counted
                then 'removed'
                when is_in_sprint and not was_in_sprint
                then 'added'
                when is_counted and not was_counted
                then 'added'
                when is_open_work and not was_open_work and not was_completed_work and previous_work_state = 'done'
                then 'added'
                when is_open_work and not was_in_scope
                then 'added'
                when work_state = previous_work_state
                then null
                when work_state = 'done'
                then 'completed'
                when work_state = 'cancelled'
                then 'cancelled'
                else 'reopened'
            end as event_type,
            cast(is_open_work as integer) - cast(was_open_work as integer) as delta_items,
            (cast(is_open_work as integer) - cast(was_open_work as integer)) * coalesce(points, 0) as delta_points,
            (
                cast(is_in_sprint and work_state = 'open' as integer)
                - cast(was_in_sprint and coalesce(previous_work_state = 'open', false) as integer)
            )
            * coalesce(remaining_hours, 0) as delta_hours,
            cast(is_completed_work as integer) - cast(was_completed_work as integer) as completed_delta_items,
            (cast(is_completed_work as integer) - cast(was_completed_work as integer))
            * coalesce(points, 0) as completed_delta_points,
            is_counted or was_counted as is_counted,
            person_key,
            raw_record_key
        from item_states
        where not is_start and (is_in_sprint or was_in_sprint)
    ),
    closed as (
        select
            sprint_key,
            item_key,
            policy_id,
            event_number * 4 + 3 as event_number,
            cast(null as timestamp) as event_at,
            'closed' as event_type,
            0 as delta_items,
            0.0 as delta_points,
            0.0 as delta_hours,
            0 as completed_delta_items,
            0.0 as completed_delta_points,
            is_counted,
            cast(null as varchar) as person_key,
            raw_record_key
        from item_states
        where is_last and is_counted
    ),
    events as (
        select *
        from started
        union all
        select *
        from completed_in_grace
        union all
        select *
        from estimated
        union all
        select *
        from moved
        where event_type is not null
        union all
        select *
        from closed
    ),
    final as (
        select
            events.sprint_key,
            events.item_key,
            events.policy_id,
            bounds.connection_id,
            events.event_number,
            case
                when events.event_type = 'start'
                then bounds.started_at
                when events.event_type = 'closed'
                then bounds.close_at
                else events.event_at
            end as event_at,
            events.event_type,
            events.delta_items,
            cast(events.delta_points as double) as delta_points,
            cast(events.delta_hours as double) as delta_hours,
            events.completed_delta_items,
            cast(events.completed_delta_points as double) as completed_delta_points,
            events.person_key,
            events.raw_record_key
        from events
        inner join bounds on events.sprint_key = bounds.sprint_key and events.policy_id = bounds.policy_id
        where
            -- Sub-tasks that the policy leaves out are here for their hours alone.
            (events.is_counted or events.delta_hours <> 0) and (events.event_type <> 'closed' or bounds.is_closed)
    )
select *
from final
