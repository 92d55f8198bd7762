with
    scopes as (select * from {{ ref("int_scope_days") }}),
    policies as (select * from {{ ref("dim_policy") }}),
    deltas as (select * from {{ ref("int_stage_delta") }}),

    -- Days from the Monday of the week in which the daily history begins, week ends before, so that no change is lost
    -- between the two.
    bounded as (
        select *, greatest({{ period_start("week", "first_daily_date") }}, first_date) as first_day_date from scopes
    ),

    days as (
        select scope_type, scope_key, cast({{ each_of(day_series("first_day_date", "last_date")) }} as date) as day_date
        from bounded
        union all
        select
            scope_type,
            scope_key,
            cast({{ each_of(period_series("week", "first_date", "first_day_date - 7")) }} + interval 6 day as date),
        from bounded
        where first_day_date > first_date
    ),

    stages as (select {{ each_of("['backlog', 'todo', 'in_progress', 'waiting', 'done', 'cancelled']") }} as stage),

    -- Each policy row is summed up over all days; of its days it keeps those on which it holds.
    spine as (
        select days.*, stages.stage, policies.policy_id, policies.policy_version
        from days
        cross join stages
        cross join policies
    ),

    placed as (
        select
            deltas.policy_id,
            deltas.policy_version,
            deltas.scope_type,
            deltas.scope_key,
            deltas.stage,
            case
                when deltas.day_date >= bounded.first_day_date
                then deltas.day_date
                else {{ period_start("week", "deltas.day_date") }} + 6
            end as day_date,
            cast(sum(deltas.entered) as bigint) as entered,
            cast(sum(deltas.left_count) as bigint) as left_count,
        from deltas
        inner join bounded on deltas.scope_type = bounded.scope_type and deltas.scope_key = bounded.scope_key
        group by all
    ),

    summed as (
        select
            spine.*,
            coalesce(placed.entered, 0) as entered,
            coalesce(placed.left_count, 0) as left_count,
            cast(
                sum(coalesce(placed.entered, 0) - coalesce(placed.left_count, 0)) over (
                    partition by spine.policy_id, spine.policy_version, spine.scope_type, spine.scope_key, spine.stage
                    order by spine.day_date
                    rows between unbounded preceding and current row
                ) as bigint
            ) as items,
        from spine
        left join
            placed
            on spine.policy_id = placed.policy_id
            and spine.policy_version = placed.policy_version
            and spine.scope_type = placed.scope_type
            and spine.scope_key = placed.scope_key
            and spine.stage = placed.stage
            and spine.day_date = placed.day_date
    )

select
    summed.scope_type,
    summed.scope_key,
    scopes.scope_name,
    scopes.connection_id,
    summed.day_date,
    summed.stage,
    summed.policy_id,
    summed.items,
    summed.entered,
    summed.left_count as "left",
from summed
inner join
    policies
    on summed.policy_id = policies.policy_id
    and summed.policy_version = policies.policy_version
    and {{ policy_holds("policies", "summed.day_date") }}
inner join scopes on summed.scope_type = scopes.scope_type and summed.scope_key = scopes.scope_key
