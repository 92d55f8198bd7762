-- The burndown's last day has remaining = not_completed and completed = completed of the velocity, and every measured
-- sprint has a burndown. Lists every sprint and policy for which that fails.
with
    velocity as (select * from {{ ref("kpi_velocity") }} where is_measurable),
    last_days as (
        select *
        from {{ ref("kpi_burndown") }}
        qualify row_number() over (partition by sprint_key, policy_id order by day_date desc) = 1
    )
select
    velocity.sprint_key,
    velocity.policy_id,
    velocity.not_completed_items,
    last_days.remaining_items,
    velocity.not_completed_points,
    last_days.remaining_points,
    velocity.completed_points,
    last_days.completed_points as burndown_completed_points
from velocity
left join last_days on velocity.sprint_key = last_days.sprint_key and velocity.policy_id = last_days.policy_id
where
    velocity.not_completed_items is distinct from last_days.remaining_items
    or velocity.completed_items is distinct from last_days.completed_items
    or (abs(coalesce(velocity.not_completed_points, 0) - last_days.remaining_points) < 1e-6) is not true
    or (abs(coalesce(velocity.completed_points, 0) - last_days.completed_points) < 1e-6) is not true
