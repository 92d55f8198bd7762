-- One row per KPI, scope, policy and period (month, quarter) or sprint: value, what it is made of, target, trust.
with
    kpis as (select * from {{ ref("dim_kpi") }}),
    policies as (select * from {{ ref("dim_policy") }}),
    flow as (select * from {{ ref("kpi_flow") }} where period_type in ('month', 'quarter')),
    incomplete as (select * from {{ ref("int_incomplete_period") }}),
    velocity as (select * from {{ ref("kpi_velocity") }} where is_measurable),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    sprint_items as (select * from {{ ref("fct_sprint_item") }} where is_in_scope),
    trust as (select * from {{ ref("fct_item_trust") }}),
    satisfaction as (select * from {{ ref("kpi_satisfaction") }} where period_type in ('month', 'quarter')),
    teams as (select * from {{ ref("dim_team") }}),
    connections as (select * from {{ ref("int_connection") }}),
    runs as (select * from {{ ref("int_run") }}),
    targets as (select * from {{ ref("kpi_targets") }}),

    flow_trusted as (
        select
            flow.*,
            policies.policy_version,
            coalesce(incomplete.arrived_items, 0) as incomplete_arrived,
            coalesce(incomplete.delivered_items, 0) as incomplete_delivered,
            coalesce(incomplete.cycle_time_items, 0) as incomplete_cycle_times,
            coalesce(incomplete.wip_items, 0) as incomplete_wip,
            flow.arrived_items + flow.delivered_items as judged_items
        from flow
        inner join
            policies on flow.policy_id = policies.policy_id and {{ policy_holds("policies", "flow.period_start_date") }}
        left join
            incomplete
            on policies.policy_id = incomplete.policy_id
            and policies.policy_version = incomplete.policy_version
            and flow.scope_type = incomplete.scope_type
            and flow.scope_key = incomplete.scope_key
            and flow.period_type = incomplete.period_type
            and flow.period_start_date = incomplete.period_start_date
    ),
    -- (KPI, value, numerator, denominator, size of the sample, incomplete histories in it)
    {% set flow_kpis = [
        (
            "cycle_time_p50",
            "cycle_time_p50_hours",
            "null",
            "null",
            "cycle_time_items",
            "incomplete_cycle_times",
        ),
        (
            "cycle_time_p85",
            "cycle_time_p85_hours",
            "null",
            "null",
            "cycle_time_items",
            "incomplete_cycle_times",
        ),
        (
            "lead_time_p85",
            "lead_time_p85_hours",
            "null",
            "null",
            "delivered_items",
            "incomplete_delivered",
        ),
        (
            "throughput",
            "delivered_items",
            "delivered_items",
            "null",
            "delivered_items",
            "incomplete_delivered",
        ),
        (
            "wip",
            "wip_items",
            "wip_items",
            "null",
            "wip_items",
            "incomplete_wip",
        ),
        (
            "wip_age_p85",
            "wip_age_p85_hours",
            "null",
            "null",
            "wip_items",
            "incomplete_wip",
        ),
        (
            "flow_efficiency",
            "flow_efficiency_ratio",
            "active_hours",
            "active_hours + waiting_hours",
            "delivered_items",
            "incomplete_delivered",
        ),
        (
            "defect_ratio",
            "defect_ratio",
            "defect_items",
            "delivered_items",
            "delivered_items",
            "incomplete_delivered",
        ),
        (
            "reopen_ratio",
            "reopened_items / nullif(delivered_items, 0)",
            "reopened_items",
            "delivered_items",
            "delivered_items",
            "incomplete_delivered",
        ),
        (
            "data_trust",
            "1 - (incomplete_arrived + incomplete_delivered) / nullif(judged_items, 0)",
            "judged_items - incomplete_arrived - incomplete_delivered",
            "judged_items",
            "judged_items",
            "(incomplete_arrived + incomplete_delivered)",
        ),
    ] -%}
    flow_values as (
        {% for kpi_id, value, numerator, denominator, sample, incomplete in flow_kpis -%}
            select
                '{{ kpi_id }}' as kpi_id,
                scope_type,
                scope_key,
                scope_name,
                connection_id,
                period_type,
                period_start_date,
                cast(null as varchar) as sprint_key,
                cast(period_start_date as timestamp) as position_at,
                policy_id,
                policy_version,
                cast({{ value }} as double) as value,
                cast({{ numerator }} as double) as numerator,
                cast({{ denominator }} as double) as denominator,
                {{ sample }} as sample_items,
                false as is_suppressed,
                1 - {{ incomplete }} / nullif({{ sample }}, 0) as trust_ratio
            from flow_trusted
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    sprint_trust as (
        select
            sprint_items.sprint_key,
            sprint_items.policy_id,
            count(*) as sample_items,
            count(*) filter (where trust.is_complete) / count(*) as trust_ratio
        from sprint_items
        inner join trust on sprint_items.item_key = trust.item_key
        group by sprint_items.sprint_key, sprint_items.policy_id
    ),
    sprints as (
        select
            velocity.*,
            bounds.policy_version,
            {{ local_date("bounds.started_at", "bounds.time_zone") }} as period_start_date,
            coalesce(teams.name, velocity.connection_id) as scope_name,
            coalesce(sprint_trust.sample_items, 0) as sample_items,
            sprint_trust.trust_ratio
        from velocity
        inner join bounds on velocity.sprint_key = bounds.sprint_key and velocity.policy_id = bounds.policy_id
        left join teams on velocity.team_key = teams.team_key
        left join
            sprint_trust
            on velocity.sprint_key = sprint_trust.sprint_key
            and velocity.policy_id = sprint_trust.policy_id
    ),
    -- (KPI, value, numerator, denominator, of closed sprints?)
    {% set sprint_kpis = [
        (
            "velocity",
            "completed_points",
            "completed_points",
            "null",
            "is_final",
        ),
        (
            "say_do",
            "say_do_ratio",
            "completed_committed_points",
            "committed_points",
            "is_final",
        ),
        (
            "scope_change",
            "scope_change_ratio",
            "changed_points",
            "committed_points",
            "is_final",
        ),
        (
            "predictability",
            "predictability_ratio",
            "completed_points",
            "velocity_mean_before_points",
            "is_final",
        ),
        (
            "sprint_remaining",
            "not_completed_points",
            "not_completed_points",
            "null",
            "not is_final",
        ),
    ] -%}
    sprint_values as (
        {% for kpi_id, value, numerator, denominator, condition in sprint_kpis -%}
            select
                '{{ kpi_id }}' as kpi_id,
                case when team_key is null then 'connection' else 'team' end as scope_type,
                coalesce(team_key, connection_id) as scope_key,
                scope_name,
                connection_id,
                'sprint' as period_type,
                period_start_date,
                sprint_key,
                started_at as position_at,
                policy_id,
                policy_version,
                {{ value }} as value,
                cast({{ numerator }} as double) as numerator,
                cast({{ denominator }} as double) as denominator,
                sample_items,
                false as is_suppressed,
                trust_ratio
            from sprints
            where {{ condition }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    satisfaction_values as (
        select
            satisfaction.metric as kpi_id,
            satisfaction.scope_type,
            satisfaction.scope_key,
            satisfaction.scope_name,
            satisfaction.connection_id,
            satisfaction.period_type,
            satisfaction.period_start_date,
            cast(null as varchar) as sprint_key,
            cast(satisfaction.period_start_date as timestamp) as position_at,
            active_policies.policy_id,
            cast(null as bigint) as policy_version,
            case satisfaction.metric when 'nps' then satisfaction.nps else satisfaction.csat_ratio end as value,
            cast(
                case
                    satisfaction.metric
                    when 'nps'
                    then satisfaction.promoters - satisfaction.detractors
                    else satisfaction.top_two_boxes
                end as double
            ) as numerator,
            cast(
                case
                    satisfaction.metric
                    when 'nps'
                    then satisfaction.nps_responses
                    when 'csat'
                    then case when not satisfaction.is_suppressed then satisfaction.responses end
                end as double
            ) as denominator,
            satisfaction.responses as sample_items,
            satisfaction.is_suppressed,
            cast(null as double) as trust_ratio
        from satisfaction
        cross join (select distinct policy_id from policies) as active_policies
        where satisfaction.metric in ('nps', 'csat')
    ),
    measured as (
        select *
        from flow_values
        union all
        select *
        from sprint_values
        union all
        select *
        from satisfaction_values
    ),
    with_previous as (
        select
            *,
            lag(value) over (
                partition by kpi_id, scope_type, scope_key, period_type, policy_id order by position_at, sprint_key
            ) as previous_value
        from measured
    ),
    -- The most specific target holds, of several the latest that has begun.
    with_target as (
        select with_previous.*, targets.target, targets.at_risk
        from with_previous
        left join
            targets
            on with_previous.kpi_id = targets.kpi_id
            and (targets.scope_type is null or targets.scope_type = with_previous.scope_type)
            and (targets.scope_name is null or targets.scope_name = with_previous.scope_name)
            and (targets.valid_from is null or targets.valid_from <= with_previous.period_start_date)
        qualify
            targets.kpi_id is null
            or row_number() over (
                partition by
                    with_previous.kpi_id,
                    with_previous.scope_type,
                    with_previous.scope_key,
                    with_previous.period_type,
                    with_previous.period_start_date,
                    with_previous.sprint_key,
                    with_previous.policy_id
                order by
                    targets.scope_name is not null desc,
                    targets.scope_type is not null desc,
                    targets.valid_from desc nulls last
            )
            = 1
    ),
    -- What is known of a scope is as old as the oldest of its connections.
    freshness as (
        select tool = 'surveys' as is_survey, min(watermark_at) as watermark_at
        from connections
        group by tool = 'surveys'
    ),
    judged as (
        select with_target.*, coalesce(connections.watermark_at, freshness.watermark_at) as data_as_of_at,
        from with_target
        left join connections on with_target.connection_id = connections.connection_id
        left join freshness on freshness.is_survey = (with_target.kpi_id in ('nps', 'csat'))
    )

select
    {{ figure_key("with_target") }} as figure_key,
    with_target.kpi_id,
    with_target.scope_type,
    with_target.scope_key,
    with_target.scope_name,
    with_target.connection_id,
    with_target.period_type,
    with_target.period_start_date,
    with_target.sprint_key,
    with_target.policy_id,
    with_target.policy_version,
    kpis.definition_version,
    with_target.value,
    kpis.unit,
    with_target.numerator,
    with_target.denominator,
    cast(with_target.sample_items as bigint) as sample_items,
    with_target.is_suppressed,
    with_target.previous_value,
    with_target.target as target_value,
    case
        when with_target.target is null
        then 'no_target'
        when with_target.value is null
        then null
        when
            (kpis.direction = 'up' and with_target.value >= with_target.target)
            or (kpis.direction = 'down' and with_target.value <= with_target.target)
        then 'on_target'
        when
            (kpis.direction = 'up' and with_target.value >= with_target.at_risk)
            or (kpis.direction = 'down' and with_target.value <= with_target.at_risk)
        then 'at_risk'
        else 'off_target'
    end as status,
    with_target.trust_ratio,
    with_target.data_as_of_at,
    -- A period has ended when its last day is over in every time zone.
    case
        when with_target.period_type = 'sprint'
        then with_target.kpi_id <> 'sprint_remaining'
        when with_target.period_type = 'quarter'
        then with_target.data_as_of_at >= with_target.period_start_date + interval 3 month + interval 1 day
        else with_target.data_as_of_at >= with_target.period_start_date + interval 1 month + interval 1 day
    end as is_final,
    runs.run_id
from judged as with_target
inner join kpis on with_target.kpi_id = kpis.kpi_id
cross join runs
