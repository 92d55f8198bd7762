-- One row per item that was ever in a sprint and change of its sprints, of its work state (open, done, cancelled), of
-- its estimates or of its being a sub-task; the first is its creation, a deletion is a last row out of all sprints.
-- Each row holds the state before and after the change. Burndown, velocity and fct_sprint_item are all computed from
-- here, so that they cannot disagree.
with
    item_states as (select * from {{ ref("int_item_state") }}),
    items as (select * from {{ ref("int_item") }}),

    sprint_items as (
        select item_key from item_states group by item_key having bool_or({{ list_size("sprint_keys") }} > 0)
    ),
    states as (
        select
            item_key,
            state_number,
            valid_from,
            sprint_keys,
            case when stage in ('done', 'cancelled') then stage else 'open' end as work_state,
            points,
            remaining_hours,
            is_subtask,
            person_key,
            raw_record_key
        from item_states
        where item_key in (select item_key from sprint_items)
    ),
    with_previous as (
        select
            *,
            lag(sprint_keys) over item_history as previous_sprint_keys,
            lag(work_state) over item_history as previous_work_state,
            lag(points) over item_history as previous_points,
            lag(remaining_hours) over item_history as previous_remaining_hours,
            lag(is_subtask) over item_history as was_subtask
        from states
        window item_history as (partition by item_key order by state_number)
    ),
    changes as (
        select *, (work_state = 'done' and previous_work_state is distinct from 'done') as is_done_entry
        from with_previous
        where
            work_state is distinct from previous_work_state
            or sprint_keys is distinct from previous_sprint_keys
            or points is distinct from previous_points
            or remaining_hours is distinct from previous_remaining_hours
            or is_subtask is distinct from was_subtask
    ),
    with_entry as (
        select
            item_key,
            state_number as event_number,
            valid_from as event_at,
            lead(valid_from) over item_history as next_event_at,
            sprint_keys,
            coalesce(previous_sprint_keys, []) as previous_sprint_keys,
            work_state,
            previous_work_state,
            points,
            previous_points,
            remaining_hours,
            previous_remaining_hours,
            is_subtask,
            coalesce(was_subtask, false) as was_subtask,
            -- The last entry into done so far, and what was so before and after it.
            last_value(
                case
                    when is_done_entry
                    then
                        {{
                            parcel(
                                {
                                    "entered_at": "valid_from",
                                    "sprint_keys": list_common(
                                        "sprint_keys", "coalesce(previous_sprint_keys, cast([] as varchar[]))"
                                    ),
                                    "is_from_open": "coalesce(previous_work_state = 'open', false)",
                                    "is_of_subtask": "is_subtask or coalesce(was_subtask, false)",
                                }
                            )
                        }}
                end
                ignore nulls
            ) over (partition by item_key order by state_number rows between unbounded preceding and current row)
            as done_entry,
            person_key,
            raw_record_key
        from changes
        window item_history as (partition by item_key order by state_number)
    ),
    ended as (
        select with_entry.*, items.deleted_at from with_entry inner join items on with_entry.item_key = items.item_key
    ),
    deletions as (
        select
            item_key,
            event_number + 1 as event_number,
            deleted_at as event_at,
            cast(null as timestamp) as ended_at,
            true as is_deletion,
            cast([] as varchar[]) as sprint_keys,
            sprint_keys as previous_sprint_keys,
            work_state,
            work_state as previous_work_state,
            points,
            points as previous_points,
            remaining_hours,
            remaining_hours as previous_remaining_hours,
            is_subtask,
            is_subtask as was_subtask,
            done_entry.entered_at as done_entered_at,
            done_entry.sprint_keys as done_entry_sprint_keys,
            done_entry.is_from_open as is_done_entry_from_open,
            done_entry.is_of_subtask as is_done_entry_of_subtask,
            cast(null as varchar) as person_key,
            raw_record_key
        from ended
        where next_event_at is null and deleted_at is not null
    ),
    final as (
        select
            item_key,
            event_number,
            event_at,
            coalesce(next_event_at, deleted_at) as ended_at,
            false as is_deletion,
            sprint_keys,
            previous_sprint_keys,
            work_state,
            previous_work_state,
            points,
            previous_points,
            remaining_hours,
            previous_remaining_hours,
            is_subtask,
            was_subtask,
            done_entry.entered_at as done_entered_at,
            done_entry.sprint_keys as done_entry_sprint_keys,
            done_entry.is_from_open as is_done_entry_from_open,
            done_entry.is_of_subtask as is_done_entry_of_subtask,
            person_key,
            raw_record_key
        from ended
        union all
        select *
        from deletions
    )
select *
from final
