with policies as (select * from {{ ref("metric_policies") }} where coalesce(is_active, true))

select
    policy_id,
    row_number() over (partition by policy_id order by valid_from nulls first) as policy_version,
    cast(valid_from as date) as valid_from,
    cast(lead(valid_from) over (partition by policy_id order by valid_from nulls first) as date) as valid_to,
    true as is_active,
    coalesce(start_rule, 'first') as start_rule,
    coalesce(done_rule, 'last') as done_rule,
    coalesce(day_count, 'elapsed') as day_count,
    coalesce(skipped_start, 'null') as skipped_start,
    coalesce(flow_types, 'no_epics_no_subtasks') as flow_types,
    coalesce(commitment_grace_hours, 0) as commitment_grace_hours,
    coalesce(completion_cutoff, 'actual_close') as completion_cutoff,
    coalesce(estimate_as_of, 'event') as estimate_as_of,
    coalesce(velocity_window, 3) as velocity_window,
    coalesce(sprint_subtasks, 'exclude') as sprint_subtasks,
    coalesce(flow_efficiency_base, 'from_start') as flow_efficiency_base,
from policies
