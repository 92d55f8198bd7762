-- One row per policy version, type group and sub-task flag: whether such items enter aggregated flow figures.
with
    policies as (select * from {{ ref("dim_policy") }}),
    types as (select * from {{ ref("int_item_type") }}),

    kinds as (select distinct type_group, is_subtask from types)

select
    policies.policy_id,
    policies.policy_version,
    policies.valid_from,
    policies.valid_to,
    kinds.type_group,
    kinds.is_subtask,
    case
        policies.flow_types
        when 'all'
        then true
        when 'no_epics_no_subtasks'
        then kinds.type_group not in ('epic', 'sub-task') and not kinds.is_subtask
        else {{ list_has(written_list("policies.flow_types"), "lower(kinds.type_group)") }}
    end as is_counted,
from policies
cross join kinds
