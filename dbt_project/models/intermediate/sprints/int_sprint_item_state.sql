-- One row per sprint, policy, item that was ever in the sprint and change of the item from the sprint's start to its
-- close (the state at the start first), judged by the policy: is the item open work of the sprint, completed work, or
-- neither, before and after the change. fct_sprint_event takes the differences, fct_sprint_item the sums.
with
    item_events as (select * from {{ ref("int_item_event") }}),
    candidates as (select * from {{ ref("int_sprint_membership") }}),

    -- The state at the start is the one that ends after it; whatever ended before is of no interest.
    within_sprint as (
        select
            candidates.sprint_key,
            candidates.policy_id,
            item_events.item_key,
            item_events.event_number,
            item_events.event_at,
            item_events.event_at < candidates.commitment_cut_at as is_start,
            item_events.ended_at is null or item_events.ended_at >= candidates.close_cut_at as is_last,
            item_events.is_deletion,
            candidates.includes_subtasks or not item_events.is_subtask as counts_type,
            candidates.includes_subtasks or not item_events.was_subtask as counted_type,
            {{ list_has("item_events.sprint_keys", "candidates.sprint_key") }} as is_in_sprint,
            event_at >= candidates.commitment_cut_at
            and {{ list_has("item_events.previous_sprint_keys", "candidates.sprint_key") }} as was_in_sprint,
            item_events.work_state,
            item_events.previous_work_state,
            case
                when candidates.uses_current_estimate then candidates.current_points else item_events.points
            end as points,
            case
                when candidates.uses_current_estimate then candidates.current_points else item_events.previous_points
            end as previous_points,
            item_events.remaining_hours,
            item_events.previous_remaining_hours,
            item_events.done_entered_at as done_entered_at,
            -- Last entered done while in the sprint, before and after the entry, and since its start.
            coalesce(
                item_events.done_entered_at >= candidates.start_cut_at
                and {{ list_has("item_events.done_entry_sprint_keys", "candidates.sprint_key") }},
                false
            ) as is_done_in_sprint,
            coalesce(
                candidates.includes_subtasks or not item_events.is_done_entry_of_subtask, false
            ) as counts_done_entry,
            item_events.done_entered_at < candidates.commitment_cut_at as is_done_before_commitment,
            item_events.is_done_entry_from_open as is_done_from_open,
            item_events.person_key,
            item_events.raw_record_key
        from candidates
        inner join item_events on candidates.item_key = item_events.item_key
        where
            item_events.event_at < candidates.close_cut_at
            and (item_events.ended_at is null or item_events.ended_at >= candidates.commitment_cut_at)
    ),
    counted as (
        select
            * exclude (is_done_in_sprint),
            is_in_sprint and counts_type as is_counted,
            was_in_sprint and counted_type as was_counted,
            is_in_sprint and counts_type and work_state = 'open' as is_open_work,
            was_in_sprint and counted_type and previous_work_state = 'open' as was_open_work,
            is_done_in_sprint and counts_done_entry as is_done_in_sprint,
            is_start
            and is_in_sprint
            and work_state = 'done'
            and is_done_in_sprint
            and is_done_from_open as are_hours_done_in_grace
        from within_sprint
    ),
    -- Open work that was done in the sprint within the grace, and still is at the end of the grace, is committed too.
    -- Hours count whether the item does or not.
    graced as (select *, are_hours_done_in_grace and is_counted and is_done_in_sprint as is_done_in_grace from counted),
    with_scope as (
        select
            *,
            coalesce(
                bool_or(is_open_work or is_done_in_grace) over (
                    item_history rows between unbounded preceding and 1 preceding
                ),
                false
            ) as was_in_scope,
            first_value(is_done_in_grace) over (
                item_history rows between unbounded preceding and current row
            ) as is_grace_item
        from graced
        window item_history as (partition by policy_id, sprint_key, item_key order by event_number)
    ),
    final as (
        select
            sprint_key,
            policy_id,
            item_key,
            event_number,
            event_at,
            is_start,
            is_last,
            is_deletion,
            is_in_sprint,
            was_in_sprint,
            is_counted,
            was_counted,
            work_state,
            previous_work_state,
            was_in_scope or is_open_work or is_done_in_grace as is_in_scope,
            was_in_scope,
            is_open_work,
            was_open_work,
            is_counted
            and work_state = 'done'
            and (was_in_scope or is_done_in_grace)
            and is_done_in_sprint
            and (not is_done_before_commitment or is_grace_item) as is_completed_work,
            -- While an item stays done, its last entry into done is the same one.
            was_counted
            and previous_work_state = 'done'
            and was_in_scope
            and is_done_in_sprint
            and (not is_done_before_commitment or is_grace_item) as was_completed_work,
            is_done_in_grace,
            are_hours_done_in_grace,
            done_entered_at,
            points,
            previous_points,
            remaining_hours,
            previous_remaining_hours,
            person_key,
            raw_record_key
        from with_scope
    )
select *
from final
