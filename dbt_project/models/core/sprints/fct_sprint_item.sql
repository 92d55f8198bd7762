-- One row per item that was in the sprint at any instant from its start to its close, and policy.
with
    item_states as (select * from {{ ref("int_sprint_item_state") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),

    facts as (
        select
            sprint_key,
            policy_id,
            item_key,
            bool_or(is_start and (is_open_work or is_done_in_grace)) as is_committed,
            bool_or(is_start and work_state = 'done' and not is_done_in_grace and not is_deletion) as was_done_at_start,
            max(case when is_start then points end) as points_at_start,
            max(case when is_in_scope and not was_in_scope then event_at end) as entered_scope_at,
            max(case when is_in_scope and not was_in_scope then points end) as points_at_entry,
            max(case when was_counted and not is_counted then event_at end) as left_at,
            {{ latest_value("points", "event_number", "was_counted and not is_counted") }} as points_at_leaving,
            bool_or(is_last and is_in_scope) as is_in_scope,
            bool_or(is_last and is_counted) as is_counted_at_close,
            max(case when is_last then work_state end) as work_state_at_close,
            bool_or(is_last and is_open_work) as is_open_work_at_close,
            bool_or(is_last and is_completed_work) as is_completed_work_at_close,
            max(case when is_last then done_entered_at end) as last_done_at,
            max(case when is_last then points end) as points_at_end
        from item_states
        group by sprint_key, policy_id, item_key
        having bool_or(is_counted)
    ),
    judged as (
        select
            *,
            is_in_scope and not is_committed as is_added,
            is_in_scope
            and (
                not is_counted_at_close or (work_state_at_close = 'done' and not is_completed_work_at_close)
            ) as is_removed,
            case
                when is_in_scope and is_open_work_at_close
                then 'not_completed'
                when is_in_scope and is_completed_work_at_close
                then 'completed'
                when is_in_scope and is_counted_at_close and work_state_at_close = 'cancelled'
                then 'cancelled'
                when is_counted_at_close and work_state_at_close = 'done'
                then 'completed_elsewhere'
                when is_in_scope
                then 'removed'
            end as outcome
        from facts
    ),
    measured as (
        select
            *,
            case when is_committed then points_at_start when is_added then points_at_entry end as points_at_entering,
            case when is_removed then points_at_leaving when is_in_scope then points_at_end end as points_at_exit
        from judged
    ),
    final as (
        select
            measured.sprint_key,
            measured.item_key,
            measured.policy_id,
            bounds.connection_id,
            bounds.team_key,
            measured.is_committed,
            measured.is_in_scope,
            measured.is_added,
            measured.is_removed,
            case when measured.is_added then measured.entered_scope_at end as added_at,
            case when measured.is_removed then measured.left_at end as removed_at,
            case when measured.is_committed then measured.points_at_start end as points_at_start,
            case when measured.is_added then measured.points_at_entry end as points_at_add,
            case when measured.is_removed then measured.points_at_leaving end as points_at_remove,
            case
                when measured.is_in_scope and not measured.is_removed then measured.points_at_end
            end as points_at_close,
            case
                when measured.is_in_scope
                then coalesce(measured.points_at_exit, 0) - coalesce(measured.points_at_entering, 0)
            end as estimate_change_points,
            measured.was_done_at_start,
            case when measured.outcome = 'completed' then measured.last_done_at end as completed_at,
            measured.outcome
        from measured
        inner join bounds on measured.sprint_key = bounds.sprint_key and measured.policy_id = bounds.policy_id
    )
select *
from final
