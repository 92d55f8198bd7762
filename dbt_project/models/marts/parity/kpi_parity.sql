-- One row per closed sprint that the tool reports on itself, policy and measure: our figure beside the tool's.
with
    tool_sprints as (select * from {{ ref("int_tool_report") }} where item_key is null),
    tool_items as (select * from {{ ref("int_tool_report") }} where item_key is not null),
    velocity as (select * from {{ ref("kpi_velocity") }} where is_final and is_measurable),
    differences as (select * from {{ ref("kpi_parity_item") }}),

    reported as (
        select
            sprint_key,
            count(*) filter (where outcome = 'completed') as completed_items,
            count(*) filter (where outcome = 'not_completed') as not_completed_items,
            count(*) filter (where outcome = 'removed') as removed_items,
            count(*) filter (where is_added) as added_items,
            count(*) filter (where outcome = 'completed_elsewhere') as completed_elsewhere_items,
            coalesce({{ exact_sum("points_at_close", "outcome = 'completed'") }}, 0) as completed_points
        from tool_items
        group by sprint_key
    ),
    measured as (
        {% for measure in [
            "committed_points",
            "completed_points",
            "completed_items",
            "not_completed_items",
            "removed_items",
            "added_items",
            "completed_elsewhere_items",
        ] -%}
            {%- set is_points = measure in ["committed_points", "completed_points"] %}
            select
                velocity.sprint_key,
                velocity.policy_id,
                velocity.connection_id,
                velocity.team_key,
                velocity.sprint_name,
                velocity.closed_at,
                '{{ measure }}' as measure,
                cast(coalesce(velocity.{{ measure }}, 0) as double) as our_value,
                {% if measure == "committed_points" -%} tool_sprints.committed_points as tool_value,
                {%- elif measure == "completed_points" -%}
                    case
                        when tool_sprints.has_points
                        then coalesce(tool_sprints.completed_points, reported.completed_points, 0)
                    end as tool_value,
                {%- else -%} cast(coalesce(reported.{{ measure }}, 0) as double) as tool_value,
                {%- endif %}
                {% if is_points -%}
                    case
                        when tool_sprints.{{ measure }} is not null then 'velocity chart' else 'sprint report'
                    end as tool_source
                {%- else -%} 'sprint report' as tool_source
                {%- endif %}
            from tool_sprints
            inner join velocity on tool_sprints.sprint_key = velocity.sprint_key
            left join reported on tool_sprints.sprint_key = reported.sprint_key
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    by_reason as (
        select
            sprint_key,
            policy_id,
            measure,
            reason_id,
            count(*) as items,
            {{ exact_sum("our_value - tool_value") }} as difference
        from differences
        group by sprint_key, policy_id, measure, reason_id
    ),
    reasons as (
        select
            sprint_key,
            policy_id,
            measure,
            sum(items) as items,
            {{ exact_sum("difference") }} as difference,
            string_agg(reason_id || ' (' || items || ')', ', ' order by items desc, reason_id) as reasons
        from by_reason
        group by sprint_key, policy_id, measure
    )

select
    measured.sprint_key,
    measured.policy_id,
    measured.measure,
    measured.connection_id,
    measured.team_key,
    measured.sprint_name,
    measured.closed_at,
    measured.our_value,
    measured.tool_value,
    measured.tool_source,
    cast({{ exact("measured.our_value") }} - {{ exact("measured.tool_value") }} as double) as difference,
    cast(
        {{ exact("measured.our_value") }}
        - {{ exact("measured.tool_value") }}
        - coalesce({{ exact("reasons.difference") }}, 0) as double
    ) as unexplained_difference,
    cast(coalesce(reasons.items, 0) as bigint) as differing_items,
    reasons.reasons,
    not {{ differs("measured.our_value", "measured.tool_value") }} as is_equal
from measured
left join
    reasons
    on measured.sprint_key = reasons.sprint_key
    and measured.policy_id = reasons.policy_id
    and measured.measure = reasons.measure
where measured.tool_value is not null
