-- One row per policy version, scope, day and stage in which items entered or left it. Moving into or out of the scope,
-- or into a type that the policy does not count, enters or leaves all the same.
with
    moves as (select * from {{ ref("int_stage_move") }}),
    types as (select * from {{ ref("int_policy_type") }}),

    policies as (select distinct policy_id, policy_version from types),

    counted as (
        select
            moves.*,
            policies.policy_id,
            policies.policy_version,
            coalesce(from_types.is_counted, false) as is_from_counted,
            coalesce(to_types.is_counted, false) as is_to_counted,
        from moves
        cross join policies
        left join
            types as from_types
            on policies.policy_id = from_types.policy_id
            and policies.policy_version = from_types.policy_version
            and moves.from_type_group = from_types.type_group
            and moves.from_is_subtask = from_types.is_subtask
        left join
            types as to_types
            on policies.policy_id = to_types.policy_id
            and policies.policy_version = to_types.policy_version
            and moves.to_type_group = to_types.type_group
            and moves.to_is_subtask = to_types.is_subtask
    ),

    sides as (
        {% for scope in scopes() -%}
            {%- set ends = {} -%}
            {%- for side in ["from", "to"] -%}
                {%- do ends.update(
                    {side: scope.key if scope.type in ("connection", "all") else side ~ "_" ~ scope.key}
                ) -%}
            {%- endfor -%}
            {% for side, other, measure in [("to", "from", "entered"), ("from", "to", "left_")] -%}
                select
                    policy_id,
                    policy_version,
                    '{{ scope.type }}' as scope_type,
                    {{ ends[side] }} as scope_key,
                    {{ side ~ "_team_date" if scope.zone == "team" else scope.zone ~ "_date" }} as day_date,
                    {{ side }}_stage as stage,
                    {{ "count(*)" if side == "to" else "0" }} as entered,
                    {{ "count(*)" if side == "from" else "0" }} as left_count,
                from counted
                where
                    is_{{ side }}_counted
                    and {{ side }}_stage is not null
                    and {{ ends[side] }} is not null
                    and (
                        not is_{{ other }}_counted
                        or {{ side }}_stage is distinct from {{ other }}_stage
                        or {{ ends[side] }} is distinct from {{ ends[other] }}
                    )
                group by all
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    policy_id,
    policy_version,
    scope_type,
    scope_key,
    day_date,
    stage,
    cast(sum(entered) as bigint) as entered,
    cast(sum(left_count) as bigint) as left_count,
from sides
group by all
