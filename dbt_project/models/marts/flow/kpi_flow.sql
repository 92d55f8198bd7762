with
    periods as (select * from {{ ref("int_period") }}),
    scopes as (select * from {{ ref("int_scope") }}),
    policies as (select * from {{ ref("dim_policy") }}),
    types as (select * from {{ ref("int_policy_type") }} where is_counted),
    events as (select * from {{ ref("int_flow_event") }}),
    work_in_progress as (select * from {{ ref("int_wip_period") }}),

    counted as (
        select events.*, types.policy_version
        from events
        inner join
            types
            on events.policy_id = types.policy_id
            and events.type_group = types.type_group
            and events.is_subtask = types.is_subtask
    ),

    {% for zone in ["team", "connection", "reporting"] -%}
        {{ zone }}_events as (
            {% for period_type in period_types() -%}
                select
                    *,
                    '{{ period_type }}' as period_type,
                    {{ period_start(period_type, zone ~ "_date") }} as period_start_date,
                from counted
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
        ),
    {% endfor %}

    measured as (
        {% for scope in scopes() -%}
            select
                policy_id,
                policy_version,
                '{{ scope.type }}' as scope_type,
                {{ scope.key }} as scope_key,
                period_type,
                period_start_date,
                count(*) filter (where is_arrival) as arrived_items,
                count(*) filter (where is_start) as started_items,
                count(*) filter (where is_delivery) as delivered_items,
                count(points) filter (where is_delivery) as estimated_items,
                {{ exact_sum("points", "is_delivery") }} as delivered_points,
                count(*) filter (where is_cancellation) as cancelled_items,
                {{ percentiles("lead_time_hours", [0.5, 0.85, 0.95], "is_delivery") }} as lead_times,
                {{ exact_mean("lead_time_hours", "is_delivery") }} as lead_time_mean_hours,
                {{ percentiles("cycle_time_hours", [0.5, 0.7, 0.85, 0.95], "is_delivery") }} as cycle_times,
                {{ exact_mean("cycle_time_hours", "is_delivery") }} as cycle_time_mean_hours,
                count(cycle_time_hours) filter (where is_delivery) as cycle_time_items,
                count(*) filter (where is_delivery and has_skipped_start) as skipped_start_count,
                {{ exact_sum("active_hours", "is_delivery") }} as active_hours,
                {{ exact_sum("waiting_hours", "is_delivery") }} as waiting_hours,
                count(distinct case when is_reopening then item_key end) as reopened_items,
                count(*) filter (where is_delivery and type_group = 'bug') as defect_items,
            from {{ scope.zone }}_events
            where {{ scope.key }} is not null
            group by all
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    spine as (
        select periods.*, scopes.scope_name, scopes.connection_id, policies.policy_id, policies.policy_version
        from periods
        inner join scopes on periods.scope_type = scopes.scope_type and periods.scope_key = scopes.scope_key
        inner join policies on {{ policy_holds("policies", "periods.period_start_date") }}
    )

select
    spine.scope_type,
    spine.scope_key,
    spine.scope_name,
    spine.connection_id,
    spine.period_type,
    spine.period_start_date,
    spine.period_end_date,
    spine.policy_id,
    coalesce(measured.arrived_items, 0) as arrived_items,
    coalesce(measured.started_items, 0) as started_items,
    coalesce(measured.delivered_items, 0) as delivered_items,
    case
        when coalesce(measured.delivered_items, 0) = 0
        then 0
        when measured.estimated_items > 0
        then measured.delivered_points
    end as delivered_points,
    coalesce(measured.cancelled_items, 0) as cancelled_items,
    measured.lead_times[1] as lead_time_p50_hours,
    measured.lead_times[2] as lead_time_p85_hours,
    measured.lead_times[3] as lead_time_p95_hours,
    measured.lead_time_mean_hours,
    measured.cycle_times[1] as cycle_time_p50_hours,
    measured.cycle_times[2] as cycle_time_p70_hours,
    measured.cycle_times[3] as cycle_time_p85_hours,
    measured.cycle_times[4] as cycle_time_p95_hours,
    measured.cycle_time_mean_hours,
    coalesce(measured.cycle_time_items, 0) as cycle_time_items,
    coalesce(measured.skipped_start_count, 0) as skipped_start_count,
    measured.active_hours,
    measured.waiting_hours,
    measured.active_hours / nullif(measured.active_hours + measured.waiting_hours, 0) as flow_efficiency_ratio,
    coalesce(work_in_progress.wip_items, 0) as wip_items,
    ({{ microseconds("spine.end_at") }} - work_in_progress.started_p15_us) / 3600000000.0 as wip_age_p85_hours,
    coalesce(measured.reopened_items, 0) as reopened_items,
    coalesce(measured.defect_items, 0) as defect_items,
    measured.defect_items / nullif(measured.delivered_items, 0) as defect_ratio,
    spine.is_complete,
from spine
left join
    measured
    on spine.policy_id = measured.policy_id
    and spine.policy_version = measured.policy_version
    and spine.scope_type = measured.scope_type
    and spine.scope_key = measured.scope_key
    and spine.period_type = measured.period_type
    and spine.period_start_date = measured.period_start_date
left join
    work_in_progress
    on spine.policy_id = work_in_progress.policy_id
    and spine.policy_version = work_in_progress.policy_version
    and spine.scope_type = work_in_progress.scope_type
    and spine.scope_key = work_in_progress.scope_key
    and spine.period_type = work_in_progress.period_type
    and spine.period_start_date = work_in_progress.period_start_date
