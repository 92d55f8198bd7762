-- One row per sprint, policy and day in the team's time zone, from the day of the start to the day of the close.
-- Summed from the deltas of fct_sprint_event, so items x days is never materialised; in decimals until the end.
with
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    events as (select * from {{ ref("fct_sprint_event") }}),
    velocity as (select * from {{ ref("kpi_velocity") }}),
    calendar_days as (select * from {{ ref("dim_calendar_day") }}),

    sprint_spans as (
        select
            *,
            {{ local_date("started_at", "time_zone") }} as first_date,
            -- The last instant that is let in: 00:00 after the finish day belongs to no day of an iteration.
            {{ local_date(just_before("close_cut_at"), "time_zone") }} as last_date,
            case
                when includes_bounds
                then {{ local_date("planned_end_at", "time_zone") }}
                else {{ local_date(just_before("planned_end_at"), "time_zone") }}
            end as planned_end_date
        from bounds
    ),
    spine as (
        select sprint_key, policy_id, cast({{ each_of(day_series("first_date", "last_date")) }} as date) as day_date
        from sprint_spans
    ),
    days as (
        select
            events.sprint_key,
            events.policy_id,
            {{ local_date("events.event_at", "sprint_spans.time_zone") }} as day_date,
            sum(events.delta_items) as delta_items,
            sum({{ exact("events.delta_points") }}) as delta_points,
            sum({{ exact("events.delta_hours") }}) as delta_hours,
            sum(events.completed_delta_items) as completed_delta_items,
            sum({{ exact("events.completed_delta_points") }}) as completed_delta_points,
            sum(abs(events.delta_items + events.completed_delta_items)) filter (
                where events.event_type = 'added'
            ) as added_items,
            {{ exact_sum("abs(events.delta_points + events.completed_delta_points)", "events.event_type = 'added'") }}
            as added_points,
            sum(abs(events.delta_items + events.completed_delta_items)) filter (
                where events.event_type = 'removed'
            ) as removed_items,
            {{ exact_sum("abs(events.delta_points + events.completed_delta_points)", "events.event_type = 'removed'") }}
            as removed_points
        from events
        inner join
            sprint_spans on events.sprint_key = sprint_spans.sprint_key and events.policy_id = sprint_spans.policy_id
        where events.event_type <> 'closed'
        group by all
    ),
    running as (
        select
            spine.sprint_key,
            spine.policy_id,
            spine.day_date,
            sum(coalesce(days.delta_items, 0)) over so_far as remaining_items,
            sum(coalesce(days.delta_points, 0)) over so_far as remaining_points,
            sum(coalesce(days.delta_hours, 0)) over so_far as remaining_hours,
            sum(coalesce(days.completed_delta_items, 0)) over so_far as completed_items,
            sum(coalesce(days.completed_delta_points, 0)) over so_far as completed_points,
            coalesce(days.added_items, 0) as added_items,
            coalesce(days.added_points, 0) as added_points,
            coalesce(days.removed_items, 0) as removed_items,
            coalesce(days.removed_points, 0) as removed_points
        from spine
        left join
            days
            on spine.sprint_key = days.sprint_key
            and spine.policy_id = days.policy_id
            and spine.day_date = days.day_date
        window
            so_far as (
                partition by spine.sprint_key, spine.policy_id
                order by spine.day_date
                rows between unbounded preceding and current row
            )
    ),
    -- Days of the plan, from the start day to the planned end's day.
    planned_days as (
        select sprint_spans.sprint_key, sprint_spans.policy_id, calendar_days.day_date, calendar_days.is_working_day
        from sprint_spans
        inner join
            calendar_days
            on sprint_spans.calendar_id = calendar_days.calendar_id
            and calendar_days.day_date between sprint_spans.first_date and sprint_spans.planned_end_date
    ),
    plan as (
        select
            sprint_key,
            policy_id,
            day_date,
            sum(cast(is_working_day as integer)) over so_far as working_days_used,
            count(*) over so_far as days_used,
            sum(cast(is_working_day as integer)) over (partition by sprint_key, policy_id) as working_days,
            count(*) over (partition by sprint_key, policy_id) as days
        from planned_days
        window
            so_far as (
                partition by sprint_key, policy_id order by day_date rows between unbounded preceding and current row
            )
    ),
    final as (
        select
            running.sprint_key,
            running.policy_id,
            running.day_date,
            sprint_spans.connection_id,
            sprint_spans.team_key,
            cast(running.remaining_items as bigint) as remaining_items,
            cast(running.remaining_points as double) as remaining_points,
            cast(running.remaining_hours as double) as remaining_hours,
            cast(running.remaining_items + running.completed_items as bigint) as scope_items,
            cast(running.remaining_points + running.completed_points as double) as scope_points,
            cast(running.completed_items as bigint) as completed_items,
            cast(running.completed_points as double) as completed_points,
            cast(running.added_items as bigint) as added_items,
            running.added_points,
            cast(running.removed_items as bigint) as removed_items,
            running.removed_points,
            case
                when sprint_spans.planned_end_date is null
                then null
                when running.day_date > sprint_spans.planned_end_date
                then 0
                when plan.working_days > 0
                then velocity.committed_points * (plan.working_days - plan.working_days_used) / plan.working_days
                else velocity.committed_points * (plan.days - plan.days_used) / plan.days
            end as ideal_points
        from running
        inner join
            sprint_spans on running.sprint_key = sprint_spans.sprint_key and running.policy_id = sprint_spans.policy_id
        inner join velocity on running.sprint_key = velocity.sprint_key and running.policy_id = velocity.policy_id
        left join
            plan
            on running.sprint_key = plan.sprint_key
            and running.policy_id = plan.policy_id
            and running.day_date = plan.day_date
    )
select *
from final
