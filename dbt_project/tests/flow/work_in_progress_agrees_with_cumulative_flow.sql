-- Work in progress is counted twice: from spells at each period's end (kpi_flow), and from entries and exits by day
-- (kpi_cfd). Lists every scope, week and policy in which the two disagree.
with
    -- Where a policy changes within a week, the week takes its first day's rules, the day its own.
    constant_policies as (select policy_id from {{ ref("dim_policy") }} group by policy_id having count(*) = 1),
    weeks as (
        select flow.*
        from {{ ref("kpi_flow") }} as flow
        inner join constant_policies on flow.policy_id = constant_policies.policy_id
        where flow.period_type = 'week'
    ),
    days as (
        select scope_type, scope_key, policy_id, day_date, sum(items) as items
        from {{ ref("kpi_cfd") }}
        where stage in ('in_progress', 'waiting')
        group by scope_type, scope_key, policy_id, day_date
    )

select weeks.scope_type, weeks.scope_key, weeks.policy_id, weeks.period_start_date, weeks.wip_items, days.items
from weeks
inner join
    days
    on weeks.scope_type = days.scope_type
    and weeks.scope_key = days.scope_key
    and weeks.policy_id = days.policy_id
    and weeks.period_end_date = days.day_date
where weeks.wip_items <> days.items
