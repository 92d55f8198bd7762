-- One row per closed or active sprint and policy.
with
    sprints as (select * from {{ ref("dim_sprint") }} where state in ('active', 'closed')),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    windows as (select * from {{ ref("int_sprint_window") }}),
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
            bounds.sprint_key is not null as is_measurable
        from sprints
        cross join policies
        left join bounds on sprints.sprint_key = bounds.sprint_key and policies.policy_id = bounds.policy_id
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
            {{ sum_points("points_at_close", "outcome = 'cancelled'") }} as cancelled_points,
            count(*) filter (where outcome = 'completed') as completed_items,
            {{ sum_points("points_at_close", "outcome = 'completed'") }} as completed_points,
            count(*) filter (where outcome = 'not_completed') as not_completed_items,
            {{ sum_points("points_at_close", "outcome = 'not_completed'") }} as not_completed_points,
            count(*) filter (where outcome = 'completed_elsewhere') as completed_elsewhere_items,
            coalesce({{ exact_sum("estimate_change_points") }}, 0) as estimate_change_points,
            count(*) filter (where outcome = 'completed' and is_committed) as completed_committed_items,
            {{ sum_points("points_at_close", "outcome = 'completed' and is_committed") }} as completed_committed_points,
            -- An item that is added and removed again counts in both.
            case
                when count(*) filter (where is_added or is_removed) = 0
                then 0
                when count(points_at_add) + count(points_at_remove) > 0
                then {{ exact_sum("coalesce(points_at_add, 0) + coalesce(points_at_remove, 0)") }}
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
                    when sums.sprint_key is not null then sums.{{ measure }} when sprint_policies.is_measurable then 0
                end as {{ measure }},
            {% endfor %}
        from sprint_policies
        left join sums on sprint_policies.sprint_key = sums.sprint_key and sprint_policies.policy_id = sums.policy_id
    ),
    averages as (
        select
            windows.sprint_key,
            windows.policy_id,
            {{ exact_mean("coalesce(closed.completed_points, 0)", "windows.is_in_mean") }} as velocity_mean_points,
            {{ exact_deviation("coalesce(closed.completed_points, 0)", "windows.is_in_mean") }}
            as velocity_stddev_points,
            {{ exact_mean("coalesce(closed.completed_points, 0)", "windows.is_before") }} as velocity_mean_before_points
        from windows
        inner join
            measures as closed on windows.window_sprint_key = closed.sprint_key and windows.policy_id = closed.policy_id
        group by windows.sprint_key, windows.policy_id
    ),
    final as (
        select
            measures.sprint_key,
            measures.policy_id,
            measures.connection_id,
            measures.team_key,
            measures.sprint_name,
            measures.state,
            measures.started_at,
            measures.closed_at,
            measures.is_closed as is_final,
            measures.is_measurable,
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
            completed_committed_items / nullif(committed_items, 0) as say_do_items_ratio,
            changed_points / nullif(committed_points, 0) as scope_change_ratio,
            (added_items + removed_items) / nullif(committed_items, 0) as scope_change_items_ratio,
            averages.velocity_mean_points,
            averages.velocity_stddev_points,
            averages.velocity_mean_before_points,
            completed_points / nullif(averages.velocity_mean_before_points, 0) as predictability_ratio
        from measures
        left join averages on measures.sprint_key = averages.sprint_key and measures.policy_id = averages.policy_id
    )
select *
from final
