-- One row per sprint, item that was in it at any instant from its start to its latest close, and state of that
-- item within this time (the state at the start first). Knows no policy. Burndown, velocity and fct_sprint_item
-- are all computed from here, so that they cannot disagree.
-- A deletion is a last row in which the item is out of the sprint.
with
    item_states as (select * from {{ ref("int_item_state") }}),
    items as (select * from {{ ref("int_item") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),

    spans as (
        select sprint_key, min(start_cut_at) as start_cut_at, max(close_cut_at) as close_cut_at
        from bounds
        group by sprint_key
    ),
    memberships as (
        select distinct item_key, unnest(sprint_keys) as sprint_key
        from item_states
        where len(sprint_keys) > 0
    ),
    candidates as (
        select memberships.item_key, memberships.sprint_key, spans.start_cut_at, spans.close_cut_at
        from memberships
        inner join spans on memberships.sprint_key = spans.sprint_key
    ),
    deletions as (
        select
            item_states.item_key,
            item_states.state_number + 1 as state_number,
            items.deleted_at as valid_from,
            cast(null as timestamp) as valid_to,
            item_states.stage,
            cast([] as varchar[]) as sprint_keys,
            item_states.points,
            item_states.remaining_hours,
            item_states.is_subtask,
            item_states.is_flagged,
            cast(null as varchar) as person_key,
            item_states.raw_record_key,
            true as is_deletion
        from item_states
        inner join items on item_states.item_key = items.item_key
        where items.deleted_at is not null
        qualify row_number() over (partition by item_states.item_key order by item_states.state_number desc) = 1
    ),
    states as (
        select
            item_key,
            state_number,
            valid_from,
            valid_to,
            stage,
            sprint_keys,
            points,
            remaining_hours,
            is_subtask,
            is_flagged,
            person_key,
            raw_record_key,
            false as is_deletion
        from item_states
        union all
        select *
        from deletions
    ),
    -- The state at the start is the one that ends after it; whatever ended before is of no interest.
    within_span as (
        select
            candidates.sprint_key,
            states.item_key,
            states.state_number,
            states.valid_from as event_at,
            states.valid_to as ended_at,
            states.valid_from < candidates.start_cut_at as is_before_start,
            states.is_deletion,
            list_contains(states.sprint_keys, candidates.sprint_key) as is_in_sprint,
            states.stage,
            states.points,
            states.remaining_hours,
            states.is_subtask,
            states.is_flagged,
            states.person_key,
            states.raw_record_key
        from candidates
        inner join states on candidates.item_key = states.item_key
        where
            states.valid_from < candidates.close_cut_at
            and (states.valid_to is null or states.valid_to >= candidates.start_cut_at)
    ),
    with_previous as (
        select
            *,
            bool_or(is_in_sprint) over (partition by sprint_key, item_key) as is_ever_in_sprint,
            lag(is_in_sprint, 1, false) over item_history as was_in_sprint,
            lag(is_subtask, 1, false) over item_history as was_subtask,
            lag(stage) over item_history as previous_stage
        from within_span
        window item_history as (partition by sprint_key, item_key order by state_number)
    ),
    with_entry as (
        select
            *,
            stage = 'done'
            and not is_before_start
            and not is_deletion
            and previous_stage is distinct from 'done' as is_done_entry
        from with_previous
        where is_ever_in_sprint
    ),
    final as (
        select
            sprint_key,
            item_key,
            state_number,
            event_at,
            ended_at,
            is_before_start,
            is_deletion,
            is_in_sprint,
            was_in_sprint,
            stage,
            previous_stage,
            points,
            remaining_hours,
            is_subtask,
            was_subtask,
            is_flagged,
            person_key,
            raw_record_key,
            -- The item's last entry into done since the sprint's start, and what was so before and after it.
            last_value(case when is_done_entry then event_at end ignore nulls) over so_far as done_entered_at,
            last_value(
                case when is_done_entry then is_in_sprint and was_in_sprint end ignore nulls
            ) over so_far as is_done_entry_in_sprint,
            last_value(
                case when is_done_entry then is_subtask or was_subtask end ignore nulls
            ) over so_far as is_done_entry_of_subtask,
            last_value(
                case when is_done_entry then coalesce(previous_stage not in ('done', 'cancelled'), false) end ignore nulls
            ) over so_far as is_done_entry_from_open
        from with_entry
        window so_far as (
            partition by sprint_key, item_key order by state_number rows between unbounded preceding and current row
        )
    )
select *
from final
