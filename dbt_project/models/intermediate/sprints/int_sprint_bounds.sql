-- One row per measurable sprint and active policy: between which instants it is judged, and how. A cut is an instant
-- such that "at" means: after every change strictly before the cut. Jira's start and close include the changes of
-- that very instant, so there the cut lies one microsecond later.
with
    sprints as (select * from {{ ref("dim_sprint") }} where is_measurable),
    policies as (select * from {{ ref("dim_policy") }}),
    teams as (select * from {{ ref("dim_team") }}),
    connections as (select * from {{ ref("int_connection") }}),

    policy_of_sprint as (
        select
            sprints.*,
            policies.policy_id,
            policies.policy_version,
            policies.completion_cutoff = 'planned_end'
            and sprints.planned_end_at > sprints.started_at as ends_as_planned,
            policies.commitment_grace_hours,
            policies.estimate_as_of = 'current' as uses_current_estimate,
            policies.sprint_subtasks = 'include' as includes_subtasks,
            policies.velocity_window
        from sprints
        inner join policies on {{ policy_holds("policies", "sprints.started_at") }}
    ),
    closes as (
        select
            policy_of_sprint.*,
            connections.watermark_at,
            coalesce(teams.time_zone, connections.time_zone) as time_zone,
            teams.calendar_id,
            coalesce(closed_at, connections.watermark_at) as actual_close_at,
            case
                when ends_as_planned
                then least(planned_end_at, coalesce(closed_at, connections.watermark_at))
                else coalesce(closed_at, connections.watermark_at)
            end as close_at
        from policy_of_sprint
        inner join connections on policy_of_sprint.connection_id = connections.connection_id
        left join teams on policy_of_sprint.team_key = teams.team_key
    ),
    cuts as (
        select
            *,
            case when includes_bounds then {{ just_after("started_at") }} else started_at end as start_cut_at,
            -- The watermark is no end of an iteration: what is known at it counts.
            case
                when includes_bounds or (not is_closed and close_at = watermark_at)
                then {{ just_after("close_at") }}
                else close_at
            end as close_cut_at
        from closes
    ),
    final as (
        select
            sprint_key,
            policy_id,
            policy_version,
            connection_id,
            team_key,
            is_closed,
            started_at,
            planned_end_at,
            closed_at,
            close_at,
            start_cut_at,
            -- A grace that outlasts the sprint ends with it.
            least({{ add_hours("start_cut_at", "commitment_grace_hours") }}, close_cut_at) as commitment_cut_at,
            close_cut_at,
            includes_bounds,
            uses_current_estimate,
            includes_subtasks,
            velocity_window,
            time_zone,
            calendar_id
        from cuts
    )
select *
from final
