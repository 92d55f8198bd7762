-- One row per measurable sprint, policy and closed sprint of the same team that its averages look at: the latest
-- closed ones up to and including it (is_in_mean), and those before it (is_before), at most the policy's window each.
with
    bounds as (select *, coalesce(team_key, sprint_key) as squad_key from {{ ref("int_sprint_bounds") }}),

    numbered as (
        select
            *,
            case
                when is_closed
                then row_number() over (partition by policy_id, squad_key, is_closed order by closed_at, sprint_key)
            end as closed_number
        from bounds
    ),
    -- An active sprint stands after all closed ones.
    positioned as (
        select
            *,
            coalesce(
                closed_number, 1 + coalesce(max(closed_number) over (partition by policy_id, squad_key), 0)
            ) as position
        from numbered
    )

select
    sprints.sprint_key,
    sprints.policy_id,
    closed.sprint_key as window_sprint_key,
    closed.closed_at as window_closed_at,
    closed.closed_number
    between sprints.position
    - sprints.velocity_window
    + cast(sprints.is_closed as integer) and sprints.position as is_in_mean,
    closed.closed_number between sprints.position - sprints.velocity_window and sprints.position - 1 as is_before
from positioned as sprints
inner join
    positioned as closed
    on sprints.policy_id = closed.policy_id
    and sprints.squad_key = closed.squad_key
    and closed.closed_number between sprints.position - sprints.velocity_window and sprints.position
