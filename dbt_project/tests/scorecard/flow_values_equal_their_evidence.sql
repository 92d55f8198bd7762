-- Computing each flow KPI's own aggregate over its evidence gives the scorecard's value back, for every scope, period
-- and policy, in both directions: no value without its evidence, no evidence without its value. Where an item was at
-- its event is taken from the published stays, each of which begins with one, and dimensions, as a reader would, not
-- from the model that feeds kpi_flow. (Memberships would not do: of two in the same millisecond they know one.)
{%- set periods = ["month", "quarter"] %}
{%- set aggregates = {
    "cycle_time_p50": percentile("cycle_time_p50_sample", 0.5),
    "cycle_time_p85": percentile("cycle_time_p85_sample", 0.85),
    "lead_time_p85": percentile("lead_time_p85_sample", 0.85),
    "throughput": "coalesce(sum(throughput_delivered), 0)",
    "flow_efficiency": "sum(flow_efficiency_active)         / nullif(sum(flow_efficiency_active) + sum(flow_efficiency_waiting), 0)",
    "defect_ratio": "coalesce(sum(defect_ratio_bug), 0)         / nullif(coalesce(sum(defect_ratio_bug), 0) + coalesce(sum(defect_ratio_other), 0), 0)",
    "reopen_ratio": "count(distinct case when reopen_ratio_reopened > 0 then item_key end)         / nullif(sum(reopen_ratio_delivered), 0)",
    "data_trust": "(coalesce(sum(data_trust_created), 0) + coalesce(sum(data_trust_delivered), 0))         / nullif(count(data_trust_created) + count(data_trust_delivered), 0)",
} %}
{%- set roles = [
    ("cycle_time_p50", "sample"),
    ("cycle_time_p85", "sample"),
    ("lead_time_p85", "sample"),
    ("throughput", "delivered"),
    ("flow_efficiency", "active"),
    ("flow_efficiency", "waiting"),
    ("defect_ratio", "bug"),
    ("defect_ratio", "other"),
    ("reopen_ratio", "reopened"),
    ("reopen_ratio", "delivered"),
    ("data_trust", "created"),
    ("data_trust", "delivered"),
] %}
with
    evidence as (select * from {{ ref("kpi_evidence") }} where kpi_id in ('{{ aggregates.keys() | join("', '") }}')),
    scorecard as (select * from {{ ref("kpi_scorecard") }} where kpi_id in ('{{ aggregates.keys() | join("', '") }}')),
    stays as (select * from {{ ref("fct_state_interval") }}),
    teams as (select * from {{ ref("dim_team") }}),
    connections as (select * from {{ ref("dim_connection") }}),
    projects as (select * from {{ ref("dim_project") }}),
    nodes as (select * from {{ ref("dim_portfolio") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),

    -- One row per event with all that it contributes; a row told twice would count twice.
    events as (
        select
            policy_id,
            policy_version,
            item_key,
            event_sequence,
            event_at,
            {% for kpi_id, role in roles -%}
                sum(contribution) filter (
                    where kpi_id = '{{ kpi_id }}' and role = '{{ role }}'
                ) as {{ kpi_id }}_{{ role }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from evidence
        group by policy_id, policy_version, item_key, event_sequence, event_at
    ),
    placed as (
        select
            events.*,
            stays.connection_id,
            stays.team_key,
            stays.project_key,
            coalesce(nodes.parent_portfolio_key, nodes.portfolio_key) as portfolio_key,
            case when nodes.parent_portfolio_key is not null then nodes.portfolio_key end as program_key,
            {{ key("stays.connection_id", "stays.item_type") }} as item_type_key,
            {{ local_date("events.event_at", "teams.time_zone") }} as team_date,
            {{ local_date("events.event_at", "connections.time_zone") }} as connection_date,
            {{ local_date("events.event_at", "settings.reporting_time_zone") }} as reporting_date
        from events
        cross join settings
        inner join stays on events.item_key = stays.item_key and events.event_sequence = stays.sequence
        inner join connections on stays.connection_id = connections.connection_id
        left join teams on stays.team_key = teams.team_key
        left join projects on stays.project_key = projects.project_key
        left join epic_portfolios on events.item_key = epic_portfolios.item_key
        left join nodes on nodes.portfolio_key = coalesce(epic_portfolios.portfolio_key, projects.portfolio_key)
    ),
    aggregated as (
        {% for scope in scopes() -%}
            {%- set scope_loop = loop -%}
            {% for period_type in periods -%}
                select
                    policy_id,
                    policy_version,
                    '{{ scope.type }}' as scope_type,
                    {{ scope.key }} as scope_key,
                    '{{ period_type }}' as period_type,
                    {{ period_start(period_type, scope.zone ~ "_date") }} as period_start_date,
                    {% for kpi_id, aggregate in aggregates.items() -%}
                        {{ aggregate }} as {{ kpi_id }} {%- if not loop.last %},{% endif %}
                    {% endfor %}
                from placed
                where {{ scope.key }} is not null
                group by all
                {% if not (loop.last and scope_loop.last) %}
                    union all
                {% endif %}
            {% endfor %}
        {% endfor %}
    ),
    recomputed as (
        {% for kpi_id in aggregates -%}
            select
                '{{ kpi_id }}' as kpi_id,
                policy_id,
                policy_version,
                scope_type,
                scope_key,
                period_type,
                period_start_date,
                {{ kpi_id }} as value
            from aggregated
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    -- Of several versions of a policy one holds for a period; the evidence under the others has no value.
    held as (
        select recomputed.*
        from recomputed
        inner join
            {{ ref("dim_policy") }} as policies
            on recomputed.policy_id = policies.policy_id
            and recomputed.policy_version = policies.policy_version
            and {{ policy_holds("policies", "recomputed.period_start_date") }}
    )

select
    kpi_id,
    policy_id,
    scope_type,
    scope_key,
    period_type,
    period_start_date,
    scorecard.value,
    held.value as recomputed_value
from scorecard
full join held using (kpi_id, policy_id, policy_version, scope_type, scope_key, period_type, period_start_date)
where
    -- evidence without a value
    (scorecard.unit is null and held.policy_version is not null)
    -- a value without evidence: nothing was delivered
    or (held.kpi_id is null and scorecard.value is distinct from case when kpi_id = 'throughput' then 0 end)
    or (scorecard.unit is not null and held.kpi_id is not null and {{ differs("scorecard.value", "held.value") }})
