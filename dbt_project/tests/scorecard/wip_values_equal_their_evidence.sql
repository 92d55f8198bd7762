-- Work in progress and its age, recomputed from the stays of items in a status (fct_state_interval) that reach over
-- the end of the period, and from where the items were then (bridge_item_place), give the scorecard's values back, in
-- both directions.
with
    intervals as (select * from {{ ref("fct_state_interval") }}),
    types as (select * from {{ ref("int_policy_type") }} where is_counted),
    policies as (select * from {{ ref("dim_policy") }}),
    periods as (select * from {{ ref("int_period") }} where period_type in ('month', 'quarter')),
    members as (select * from {{ ref("bridge_item_place") }}),
    projects as (select * from {{ ref("dim_project") }}),
    nodes as (select * from {{ ref("dim_portfolio") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    connections as (select * from {{ ref("int_connection") }}),
    scorecard as (select * from {{ ref("kpi_scorecard") }} where kpi_id in ('wip', 'wip_age_p85')),

    entries as (
        select
            *,
            min(case when stage = 'in_progress' then entered_at end) over item_life as first_start_at,
            max(case when stage = 'in_progress' and is_stage_entry then entered_at end) over item_life as last_start_at,
            coalesce(
                max(case when stage in ('backlog', 'todo') then sequence end) over item_life, 0
            ) as last_todo_sequence
        from intervals
        window item_life as (partition by item_key order by sequence rows between unbounded preceding and current row)
    ),
    stays as (
        select
            *,
            min(case when stage = 'in_progress' then entered_at end) over (
                partition by item_key, last_todo_sequence
                order by sequence
                rows between unbounded preceding and current row
            ) as start_after_todo_at
        from entries
        qualify stage in ('in_progress', 'waiting')
    ),
    -- Where the item was during the stay: moves between teams, projects or types cut it.
    placed as (
        select
            stays.item_key,
            stays.first_start_at,
            stays.last_start_at,
            stays.start_after_todo_at,
            greatest(stays.entered_at, members.valid_from) as from_at,
            least(
                coalesce(stays.left_at, timestamp 'infinity'), coalesce(members.valid_to, timestamp 'infinity')
            ) as until_at,
            members.connection_id,
            members.team_key,
            members.project_key,
            coalesce(nodes.parent_portfolio_key, nodes.portfolio_key) as portfolio_key,
            case when nodes.parent_portfolio_key is not null then nodes.portfolio_key end as program_key,
            {{ key("members.connection_id", "members.item_type") }} as item_type_key,
            members.type_group,
            members.is_subtask
        from stays
        inner join
            members
            on stays.item_key = members.item_key
            and members.valid_from < coalesce(stays.left_at, timestamp 'infinity')
            and coalesce(members.valid_to, timestamp 'infinity') > stays.entered_at
        left join projects on members.project_key = projects.project_key
        left join epic_portfolios on members.item_key = epic_portfolios.item_key
        left join nodes on nodes.portfolio_key = coalesce(epic_portfolios.portfolio_key, projects.portfolio_key)
    ),
    ruled as (
        select
            placed.*,
            policies.policy_id,
            policies.policy_version,
            case
                policies.start_rule
                when 'first'
                then placed.first_start_at
                when 'last'
                then placed.last_start_at
                else placed.start_after_todo_at
            end as started_at
        from placed
        inner join types on placed.type_group = types.type_group and placed.is_subtask = types.is_subtask
        inner join policies on types.policy_id = policies.policy_id and types.policy_version = policies.policy_version
    ),
    -- An end is 00:00 of the next day and excludes it; the watermark of a running period, where the data end, is
    -- included.
    ends as (
        select *, not is_complete as is_watermark
        from
            (
                select periods.*, scopes.watermark_at
                from periods
                inner join
                    {{ ref("int_scope") }} as scopes
                    on periods.scope_type = scopes.scope_type
                    and periods.scope_key = scopes.scope_key
            )
    ),
    recomputed as (
        {% for scope in scopes() -%}
            -- A portfolio has items of several connections, each with days of its own; now of an item is its
            -- connection's watermark, also where another was read further.
            {%- set midnight = utc_time("cast(ends.period_end_date + 1 as timestamp)", "connections.time_zone") %}
            {%- set own_end = "least(connections.watermark_at, " ~ midnight ~ ")" %}
            {%- set end_at = own_end if scope.type == "portfolio" else "least(connections.watermark_at, ends.end_at)" %}
            {%- set is_watermark = (
                "(" ~ midnight ~ " > connections.watermark_at)"
                if scope.type == "portfolio"
                else "(ends.is_watermark or ends.end_at > connections.watermark_at)"
            ) %}
            select
                ruled.policy_id,
                ruled.policy_version,
                ends.scope_type,
                ends.scope_key,
                ends.period_type,
                ends.period_start_date,
                count(*) as wip,
                {{ percentile(hours_between("ruled.started_at", end_at), 0.85) }} as wip_age_p85
            from ruled
            inner join connections on ruled.connection_id = connections.connection_id
            inner join
                ends
                on ends.scope_type = '{{ scope.type }}'
                and ends.scope_key = {{ scope.key if scope.type == "all" else "ruled." ~ scope.key }}
                and (ruled.from_at < {{ end_at }} or ({{ is_watermark }} and ruled.from_at = {{ end_at }}))
                and (ruled.until_at > {{ end_at }} or (not {{ is_watermark }} and ruled.until_at = {{ end_at }}))
            group by all
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    held as (
        select recomputed.*
        from recomputed
        inner join
            policies
            on recomputed.policy_id = policies.policy_id
            and recomputed.policy_version = policies.policy_version
            and {{ policy_holds("policies", "recomputed.period_start_date") }}
    ),
    values_of as (
        select 'wip' as kpi_id, * exclude (wip, wip_age_p85), wip as value
        from held
        union all
        select 'wip_age_p85' as kpi_id, * exclude (wip, wip_age_p85), wip_age_p85 as value
        from held
    )

select
    kpi_id,
    policy_id,
    scope_type,
    scope_key,
    period_type,
    period_start_date,
    scorecard.value,
    values_of.value as recomputed_value
from scorecard
full join values_of using (kpi_id, policy_id, policy_version, scope_type, scope_key, period_type, period_start_date)
where
    scorecard.unit is null
    or (values_of.kpi_id is null and scorecard.value is distinct from case when kpi_id = 'wip' then 0 end)
    or (values_of.kpi_id is not null and {{ differs("scorecard.value", "values_of.value") }})
