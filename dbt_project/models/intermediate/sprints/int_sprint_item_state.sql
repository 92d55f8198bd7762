-- One row per sprint, policy, item and state of the item from the sprint's start to its close, judged by the
-- policy: is it open work of the sprint, completed work, or neither. fct_sprint_event takes the differences from
-- row to row, fct_sprint_item the first and the last row.
with
    item_events as (select * from {{ ref("int_item_event") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    items as (select * from {{ ref("int_item") }}),

    within_policy as (
        select
            item_events.* exclude (points),
            bounds.policy_id,
            bounds.commitment_cut_at,
            case when bounds.uses_current_estimate then items.points else item_events.points end as points,
            item_events.event_at < bounds.commitment_cut_at as is_start,
            item_events.ended_at is null or item_events.ended_at >= bounds.close_cut_at as is_last,
            item_events.is_in_sprint and (bounds.includes_subtasks or not item_events.is_subtask) as is_counted,
            item_events.was_in_sprint and (bounds.includes_subtasks or not item_events.was_subtask) as was_counted,
            coalesce(
                item_events.is_done_entry_in_sprint
                and (bounds.includes_subtasks or not item_events.is_done_entry_of_subtask),
                false
            ) as is_done_in_sprint,
            item_events.stage not in ('done', 'cancelled') as is_open
        from item_events
        inner join bounds on item_events.sprint_key = bounds.sprint_key
        inner join items on item_events.item_key = items.item_key
        where
            item_events.event_at < bounds.close_cut_at
            and (item_events.ended_at is null or item_events.ended_at >= bounds.commitment_cut_at)
    ),
    -- Open work that was done in the sprint within the grace, and still is at the end of the grace, is committed too.
    with_grace as (
        select
            *,
            is_start and is_counted and stage = 'done' and is_done_in_sprint and is_done_entry_from_open
            as is_done_in_grace
        from within_policy
    ),
    with_scope as (
        select
            *,
            bool_or((is_counted and is_open) or is_done_in_grace) over so_far as is_in_scope,
            bool_or(is_done_in_grace) over so_far as is_grace_item
        from with_grace
        window so_far as (
            partition by policy_id, sprint_key, item_key
            order by state_number
            rows between unbounded preceding and current row
        )
    ),
    judged as (
        select
            *,
            is_counted and is_open as is_open_work,
            is_counted
            and stage = 'done'
            and is_in_scope
            and is_done_in_sprint
            and (done_entered_at >= commitment_cut_at or is_grace_item) as is_completed_work,
            case when is_in_sprint and is_open then coalesce(remaining_hours, 0) else 0 end as open_hours
        from with_scope
    ),
    final as (
        select
            sprint_key,
            policy_id,
            item_key,
            state_number,
            event_at,
            is_start,
            is_last,
            is_deletion,
            is_in_sprint,
            is_counted,
            -- Before the first row lies nothing that counts.
            not is_start and was_counted as was_counted,
            not is_start and was_in_sprint as was_in_sprint,
            stage,
            previous_stage,
            is_in_scope,
            coalesce(lag(is_in_scope) over item_history, false) as was_in_scope,
            is_open_work,
            coalesce(lag(is_open_work) over item_history, false) as was_open_work,
            is_completed_work,
            coalesce(lag(is_completed_work) over item_history, false) as was_completed_work,
            is_done_in_grace,
            done_entered_at,
            points,
            lag(points) over item_history as previous_points,
            remaining_hours,
            lag(remaining_hours) over item_history as previous_remaining_hours,
            open_hours,
            coalesce(lag(open_hours) over item_history, 0) as previous_open_hours,
            person_key,
            raw_record_key
        from judged
        window item_history as (partition by policy_id, sprint_key, item_key order by state_number)
    )
select *
from final
