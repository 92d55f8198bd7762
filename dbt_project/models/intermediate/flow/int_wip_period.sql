-- One row per policy, scope and period in whose last instant items were in progress or waiting. Spells are unfolded
-- into the period ends that they cover, so its size grows with work in progress, never with all items.
with
    moves as (select * from {{ ref("int_stage_move") }}),
    types as (select * from {{ ref("int_policy_type") }}),
    policies as (select * from {{ ref("dim_policy") }}),
    scopes as (select * from {{ ref("int_scope_days") }}),
    shifts as (select * from {{ ref("int_wip_shift") }}),
    connections as (select * from {{ ref("int_source") }}),
    horizons as (select * from {{ ref("int_horizon") }}),

    entries as (
        select
            *,
            min(case when to_stage = 'in_progress' then moved_at end) over item_life as first_start_at,
            max(
                case when to_stage = 'in_progress' and from_stage is distinct from to_stage then moved_at end
            ) over item_life as last_start_at,
            coalesce(
                max(case when to_stage in ('backlog', 'todo') then state_number end) over item_life, 0
            ) as reset_number,
        from moves
        window
            item_life as (partition by item_key order by state_number rows between unbounded preceding and current row)
    ),

    spells as (
        select
            entries.*,
            min(case when entries.to_stage = 'in_progress' then entries.moved_at end) over (
                partition by entries.item_key, entries.reset_number
                order by entries.state_number
                rows between unbounded preceding and current row
            ) as resumed_at,
            case
                when horizons.counted_until_at is null or entries.left_at <= horizons.counted_until_at
                then entries.left_at
            end as ended_at,
            connections.time_zone,
        from entries
        inner join connections on entries.connection_id = connections.connection_id
        inner join horizons on entries.connection_id = horizons.connection_id
        where entries.to_stage in ('in_progress', 'waiting')
    ),

    -- The start as it was known then, by the policy's rule.
    ruled as (
        select
            policies.policy_id,
            policies.policy_version,
            spells.* exclude (first_start_at, last_start_at, resumed_at),
            case
                policies.start_rule
                when 'first'
                then spells.first_start_at
                when 'last'
                then spells.last_start_at
                else spells.resumed_at
            end as started_at,
        from spells
        inner join types on spells.to_type_group = types.type_group and spells.to_is_subtask = types.is_subtask
        inner join policies on types.policy_id = policies.policy_id and types.policy_version = policies.policy_version
        where types.is_counted
    ),

    {% for zone, scope_type, scope_key in [
        ("team", "team", "to_team_key"),
        ("connection", "connection", "ruled.connection_id"),
        ("reporting", "all", "'all'"),
    ] -%}
        {{ zone }}_days as (
            select
                ruled.*,
                ruled.{{ "to_team" if zone == "team" else zone }}_date as entered_date,
                {{ local_date("ruled.ended_at", "scopes.time_zone") }} as left_date,
                scopes.first_daily_date,
                {% if zone == "connection" -%}
                    -- A portfolio's periods go on when one of its connections was read less far than the others.
                    (select max(last_date) from scopes) as last_date,
                {%- else -%} scopes.last_date,
                {%- endif %}
            from ruled
            inner join scopes on scopes.scope_type = '{{ scope_type }}' and scopes.scope_key = {{ scope_key }}
        ),

        {{ zone }}_periods as (
            {% for period_type in period_types() -%}
                select
                    policy_id,
                    policy_version,
                    connection_id,
                    to_team_key,
                    to_project_key,
                    to_portfolio_key,
                    to_program_key,
                    to_item_type_key,
                    started_at,
                    '{{ period_type }}' as period_type,
                    {{
                        each_of(
                            covered_periods(
                                period_type,
                                (
                                    "greatest(entered_date, first_daily_date)"
                                    if period_type == "day"
                                    else "entered_date"
                                ),
                                "left_date",
                                "last_date",
                            )
                        )
                    }} as period_start,
                from {{ zone }}_days
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
        ),
    {% endfor %}

    aged as (
        {% for scope in scopes() -%}
            {%- set scope_key = (
                "'all'"
                if scope.type == "all"
                else "periods." ~ ("" if scope.type == "connection" else "to_") ~ scope.key
            ) -%}
            select
                periods.policy_id,
                periods.policy_version,
                '{{ scope.type }}' as scope_type,
                {{ scope_key }} as scope_key,
                periods.period_type,
                cast(periods.period_start as date) as period_start_date,
                count(*) as wip_items,
                -- Age is the period's end less the start: its 85th percentile belongs to the start's 15th. Items that
                -- age to an earlier end than the scope's count as started later by as much.
                {% if scope.type in ("portfolio", "all") -%}
                    {{ percentile(microseconds("periods.started_at") ~ " + coalesce(shifts.shift_us, 0)", 0.15) }}
                    as started_p15_us,
                {%- else -%} {{ percentile(microseconds("periods.started_at"), 0.15) }} as started_p15_us,
                {%- endif %}
            from {{ scope.zone }}_periods as periods
            {% if scope.type in ("portfolio", "all") -%}
                left join
                    shifts
                    on shifts.scope_type = '{{ scope.type }}'
                    and shifts.scope_key = {{ scope_key }}
                    and periods.connection_id = shifts.connection_id
                    and periods.period_type = shifts.period_type
                    and periods.period_start = shifts.period_start_date
            {%- endif %}
            where {{ scope_key }} is not null
            group by all
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from aged
