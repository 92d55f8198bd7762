-- One row per KPI, policy and thing that counts for it in some role: an item at an event, an item in a sprint, a
-- survey response. Without scope: the evidence of a value is the rows of its KPI and policy in its period or sprint
-- whose item belonged to the scope then. Of wip and wip_age_p85 the evidence is fct_state_interval, with
-- bridge_item_place for where the items were.
with
    flow_events as (select * from {{ ref("int_flow_event") }}),
    types as (select * from {{ ref("int_policy_type") }} where is_counted),
    trust as (select * from {{ ref("fct_item_trust") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    sprint_items as (select * from {{ ref("fct_sprint_item") }} where is_in_scope),
    velocity as (select * from {{ ref("kpi_velocity") }} where is_measurable),
    responses as (select * from {{ ref("fct_survey_response") }} where is_on_scale),
    policies as (select distinct policy_id from {{ ref("dim_policy") }}),

    events as (
        select
            flow_events.policy_id,
            types.policy_version,
            coalesce(flow_events.team_date, flow_events.connection_date) as event_date,
            flow_events.event_at,
            flow_events.item_key,
            flow_events.sequence as event_sequence,
            flow_events.type_group,
            flow_events.lead_time_hours,
            flow_events.cycle_time_hours,
            flow_events.active_hours,
            flow_events.waiting_hours,
            flow_events.is_arrival,
            flow_events.is_delivery,
            flow_events.is_reopening,
            trust.is_complete
        from flow_events
        inner join
            types
            on flow_events.policy_id = types.policy_id
            and flow_events.type_group = types.type_group
            and flow_events.is_subtask = types.is_subtask
        inner join trust on flow_events.item_key = trust.item_key
    ),
    -- (KPI, role, contribution, which events)
    {% set flow_evidence = [
        (
            "cycle_time_p50",
            "'sample'",
            "cycle_time_hours",
            "is_delivery and cycle_time_hours is not null",
        ),
        (
            "cycle_time_p85",
            "'sample'",
            "cycle_time_hours",
            "is_delivery and cycle_time_hours is not null",
        ),
        ("lead_time_p85", "'sample'", "lead_time_hours", "is_delivery"),
        ("throughput", "'delivered'", "1", "is_delivery"),
        (
            "flow_efficiency",
            "'active'",
            "active_hours",
            "is_delivery and active_hours is not null",
        ),
        (
            "flow_efficiency",
            "'waiting'",
            "waiting_hours",
            "is_delivery and waiting_hours is not null",
        ),
        (
            "defect_ratio",
            "case when type_group = 'bug' then 'bug' else 'other' end",
            "1",
            "is_delivery",
        ),
        ("reopen_ratio", "'delivered'", "1", "is_delivery"),
        ("reopen_ratio", "'reopened'", "1", "is_reopening"),
        (
            "data_trust",
            "'created'",
            "cast(is_complete as integer)",
            "is_arrival",
        ),
        (
            "data_trust",
            "'delivered'",
            "cast(is_complete as integer)",
            "is_delivery",
        ),
    ] -%}
    flow as (
        {% for kpi_id, role, contribution, condition in flow_evidence -%}
            select
                '{{ kpi_id }}' as kpi_id,
                policy_id,
                policy_version,
                event_date,
                event_at,
                cast(null as varchar) as sprint_key,
                item_key,
                event_sequence,
                cast(null as varchar) as response_key,
                {{ role }} as role,
                cast({{ contribution }} as double) as contribution
            from events
            where {{ condition }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    -- (KPI, role, instant, points, which items)
    {% set sprint_evidence = [
        (
            "velocity",
            "completed",
            "completed_at",
            "points_at_close",
            "outcome = 'completed' and is_closed",
        ),
        (
            "predictability",
            "completed",
            "completed_at",
            "points_at_close",
            "outcome = 'completed' and is_closed",
        ),
        (
            "say_do",
            "completed",
            "completed_at",
            "points_at_close",
            "outcome = 'completed' and is_committed and is_closed",
        ),
        (
            "say_do",
            "committed",
            "started_at",
            "points_at_start",
            "is_committed and is_closed",
        ),
        (
            "scope_change",
            "committed",
            "started_at",
            "points_at_start",
            "is_committed and is_closed",
        ),
        (
            "scope_change",
            "added",
            "added_at",
            "points_at_add",
            "is_added and is_closed",
        ),
        (
            "scope_change",
            "removed",
            "removed_at",
            "points_at_remove",
            "is_removed and is_closed",
        ),
        (
            "sprint_remaining",
            "remaining",
            "close_at",
            "points_at_close",
            "outcome = 'not_completed' and not is_closed",
        ),
    ] -%}
    in_sprints as (
        select
            sprint_items.*,
            bounds.policy_version,
            bounds.started_at,
            bounds.close_at,
            bounds.is_closed,
            bounds.time_zone
        from sprint_items
        inner join bounds on sprint_items.sprint_key = bounds.sprint_key and sprint_items.policy_id = bounds.policy_id
    ),
    sprints as (
        {% for kpi_id, role, instant, points, condition in sprint_evidence -%}
            select
                '{{ kpi_id }}' as kpi_id,
                policy_id,
                policy_version,
                {{ local_date(instant, "time_zone") }} as event_date,
                {{ instant }} as event_at,
                sprint_key,
                item_key,
                cast(null as bigint) as event_sequence,
                cast(null as varchar) as response_key,
                '{{ role }}' as role,
                {{ points }} as contribution
            from in_sprints
            where {{ condition }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    -- What the sprints before completed, one row per sprint of the window.
    sprints_before as (
        select
            'predictability' as kpi_id,
            windows.policy_id,
            bounds.policy_version,
            {{ local_date("windows.window_closed_at", "bounds.time_zone") }} as event_date,
            windows.window_closed_at as event_at,
            windows.sprint_key,
            cast(null as varchar) as item_key,
            cast(null as bigint) as event_sequence,
            cast(null as varchar) as response_key,
            'sprint_before' as role,
            coalesce(velocity.completed_points, 0) as contribution
        from {{ ref("int_sprint_window") }} as windows
        inner join bounds on windows.sprint_key = bounds.sprint_key and windows.policy_id = bounds.policy_id
        inner join
            velocity on windows.window_sprint_key = velocity.sprint_key and windows.policy_id = velocity.policy_id
        where bounds.is_closed and windows.is_before
    ),
    satisfaction as (
        select
            responses.metric as kpi_id,
            policies.policy_id,
            cast(null as integer) as policy_version,
            responses.submitted_date as event_date,
            responses.submitted_at as event_at,
            cast(null as varchar) as sprint_key,
            cast(null as varchar) as item_key,
            cast(null as bigint) as event_sequence,
            responses.response_key,
            coalesce(
                responses.nps_group, case when responses.is_top_two_box then 'top_two_box' else 'other' end
            ) as role,
            cast(
                case
                    when responses.nps_group = 'promoter' or responses.is_top_two_box
                    then 1
                    when responses.nps_group = 'detractor'
                    then -1
                    else 0
                end as double
            ) as contribution
        from responses
        cross join policies
        where responses.nps_group is not null or responses.is_top_two_box is not null
    )

select *
from flow
union all
select *
from sprints
union all
select *
from sprints_before
union all
select *
from satisfaction
