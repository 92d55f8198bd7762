-- One row per closed or active sprint and policy.
with
    sprints as (
        select * from {{ ref("dim_sprint") }} where state in ('active', 'closed')
    ),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    policies as (select distinct policy_id from {{ ref("dim_policy") }}),
    sprint_items as (select * from {{ ref("fct_sprint_item") }}),

    sprint_policies as (
        select
            sprints.sprint_key,
            policies.policy_id,
            sprints.connection_id,
            sprints.team_key,
            sprints.name as sprint_name,
            sprints.state,
            sprints.started_at,
            sprints.closed_at,
            sprints.is_closed,
            bounds.sprint_key is not null as is_measurable,
            bounds.velocity_window
        from sprints
        cross join policies
        left join
            bounds
            on sprints.sprint_key = bounds.sprint_key
            and policies.policy_id = bounds.policy_id
    ),
    sums as (
        select
            sprint_key,
            policy_id,
            count(*) filter (where is_committed) as committed_items,
            {{ sum_points("points_at_start", "is_committed") }} as committed_points,
            count(*) filter (where is_added) as added_items,
            {{ sum_points("points_at_add", "is_added") }} as added_points,
            count(*) filter (where is_removed) as removed_items,
            {{ sum_points("points_at_remove", "is_removed") }} as removed_points,
            count(*) filter (where outcome = 'cancelled') as cancelled_items,
            {{ sum_points("points_at_close", "outcome = 'cancelled'") }}
            as cancelled_points,
            count(*) filter (where outcome = 'completed') as completed_items,
            {{ sum_points("points_at_close", "outcome = 'completed'") }}
            as completed_points,
            count(*) filter (where outcome = 'not_completed') as not_completed_items,
            {{ sum_points("points_at_close", "outcome = 'not_completed'") }}
            as not_completed_points,
            count(*) filter (
                where outcome = 'completed_elsewhere'
            ) as completed_elsewhere_items,
            coalesce(sum(estimate_change_points), 0) as estimate_change_points,
            count(*) filter (
                where outcome = 'completed' and is_committed
            ) as completed_committed_items,
            {{
                sum_points(
                    "points_at_close", "outcome = 'completed' and is_committed"
                )
            }} as completed_committed_points,
            -- An item that is added and removed again counts in both.
            case
                when count(*) filter (where is_added or is_removed) = 0
                then 0
                when count(points_at_add) + count(points_at_remove) > 0
                then
                    coalesce(sum(points_at_add), 0) + coalesce(sum(points_at_remove), 0)
            end as changed_points
        from sprint_items
        group by sprint_key, policy_id
    ),
    -- Sprints without any item measure 0, those that cannot be measured NULL.
    measures as (
        select
            sprint_policies.*,
            {% for measure in [
                "committed_items",
                "committed_points",
                "added_items",
                "added_points",
                "removed_items",
                "removed_points",
                "cancelled_items",
                "cancelled_points",
                "completed_items",
                "completed_points",
                "not_completed_items",
                "not_completed_points",
                "completed_elsewhere_items",
                "estimate_change_points",
                "completed_committed_items",
                "completed_committed_points",
                "changed_points",
            ] -%}
                case
                    when sums.sprint_key is not null
                    then sums.{{ measure }}
                    when sprint_policies.is_measurable
                    then 0
                end as {{ measure }},
            {% endfor %}
            case
                when sprint_policies.is_closed and sprint_policies.is_measurable
                then
                    row_number() over (
                        partition by
                            sprint_policies.policy_id,
                            coalesce(
                                sprint_policies.team_key, sprint_policies.sprint_key
                            ),
                            sprint_policies.is_closed and sprint_policies.is_measurable
                        order by sprint_policies.closed_at, sprint_policies.sprint_key
                    )
            end as closed_number
        from sprint_policies
        left join
            sums
            on sprint_policies.sprint_key = sums.sprint_key
            and sprint_policies.policy_id = sums.policy_id
    ),
    numbered as (
        select
            *,
            -- An active sprint looks back on all closed ones of its team.
            coalesce(
                closed_number,
                1 + max(closed_number) over (
                    partition by policy_id, coalesce(team_key, sprint_key)
                ),
                1
            ) as position
        from measures
    ),
    windows as (
        select
            numbered.sprint_key,
            numbered.policy_id,
            avg(coalesce(closed.completed_points, 0)) filter (
                where
                    closed.closed_number <= numbered.position
                    and closed.closed_number
                    > coalesce(numbered.closed_number, numbered.position - 1)
                    - numbered.velocity_window
            ) as velocity_mean_points,
            stddev_samp(coalesce(closed.completed_points, 0)) filter (
                where
                    closed.closed_number <= numbered.position
                    and closed.closed_number
                    > coalesce(numbered.closed_number, numbered.position - 1)
                    - numbered.velocity_window
            ) as velocity_stddev_points,
            avg(coalesce(closed.completed_points, 0)) filter (
                where
                    closed.closed_number < numbered.position
                    and closed.closed_number
                    >= numbered.position - numbered.velocity_window
            ) as mean_before_points
        from numbered
        inner join
            numbered as closed
            on numbered.policy_id = closed.policy_id
            and coalesce(numbered.team_key, numbered.sprint_key)
            = coalesce(closed.team_key, closed.sprint_key)
            and closed.closed_number
            between numbered.position - numbered.velocity_window and numbered.position
        where numbered.is_measurable
        group by numbered.sprint_key, numbered.policy_id
    ),
    final as (
        select
            numbered.sprint_key,
            numbered.policy_id,
            numbered.connection_id,
            numbered.team_key,
            numbered.sprint_name,
            numbered.state,
            numbered.started_at,
            numbered.closed_at,
            numbered.is_closed as is_final,
            numbered.is_measurable,
            cast(committed_items as bigint) as committed_items,
            cast(committed_points as double) as committed_points,
            cast(added_items as bigint) as added_items,
            cast(added_points as double) as added_points,
            cast(removed_items as bigint) as removed_items,
            cast(removed_points as double) as removed_points,
            cast(cancelled_items as bigint) as cancelled_items,
            cast(cancelled_points as double) as cancelled_points,
            cast(completed_items as bigint) as completed_items,
            cast(completed_points as double) as completed_points,
            cast(not_completed_items as bigint) as not_completed_items,
            cast(not_completed_points as double) as not_completed_points,
            cast(completed_elsewhere_items as bigint) as completed_elsewhere_items,
            cast(estimate_change_points as double) as estimate_change_points,
            cast(completed_committed_items as bigint) as completed_committed_items,
            cast(completed_committed_points as double) as completed_committed_points,
            cast(changed_points as double) as changed_points,
            completed_committed_points / nullif(committed_points, 0) as say_do_ratio,
            completed_committed_items
            / nullif(committed_items, 0) as say_do_items_ratio,
            changed_points / nullif(committed_points, 0) as scope_change_ratio,
            (added_items + removed_items)
            / nullif(committed_items, 0) as scope_change_items_ratio,
            windows.velocity_mean_points,
            windows.velocity_stddev_points,
            windows.mean_before_points as velocity_mean_before_points,
            completed_points
            / nullif(windows.mean_before_points, 0) as predictability_ratio
        from numbered
        left join
            windows
            on numbered.sprint_key = windows.sprint_key
            and numbered.policy_id = windows.policy_id
    )
select *
from final
