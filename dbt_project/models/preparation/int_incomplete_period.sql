-- One row per policy, scope and month or quarter in which items with an incomplete history took part: how many. Such
-- items are few, so that every trust ratio is had without another pass over all items.
{%- set periods = ["month", "quarter"] %}
with
    incomplete as (select item_key from {{ ref("fct_item_trust") }} where not is_complete),
    events as (select * from {{ ref("int_flow_event") }}),
    moves as (select * from {{ ref("int_stage_move") }}),
    types as (select * from {{ ref("int_policy_type") }} where is_counted),
    periods as (select * from {{ ref("int_period") }} where period_type in ('{{ periods | join("', '") }}')),

    counted_events as (
        select events.*, types.policy_version
        from events
        inner join incomplete on events.item_key = incomplete.item_key
        inner join
            types
            on events.policy_id = types.policy_id
            and events.type_group = types.type_group
            and events.is_subtask = types.is_subtask
    ),
    event_counts as (
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
                    count(*) filter (where is_arrival) as arrived_items,
                    count(*) filter (where is_delivery) as delivered_items,
                    count(*) filter (where is_delivery and cycle_time_hours is not null) as cycle_time_items,
                    0 as wip_items
                from counted_events
                where {{ scope.key }} is not null
                group by all
                {% if not (loop.last and scope_loop.last) -%}
                    union all
                {% endif %}
            {% endfor %}
        {% endfor %}
    ),
    spells as (
        select moves.*, types.policy_id, types.policy_version
        from moves
        inner join incomplete on moves.item_key = incomplete.item_key
        inner join types on moves.to_type_group = types.type_group and moves.to_is_subtask = types.is_subtask
        where moves.to_stage in ('in_progress', 'waiting')
    ),
    wip_counts as (
        {% for scope in scopes() -%}
            {%- set scope_key = scope.key if scope.type in ("connection", "all") else "to_" ~ scope.key -%}
            select
                spells.policy_id,
                spells.policy_version,
                periods.scope_type,
                periods.scope_key,
                periods.period_type,
                periods.period_start_date,
                0 as arrived_items,
                0 as delivered_items,
                0 as cycle_time_items,
                count(*) as wip_items
            from spells
            inner join
                periods
                on periods.scope_type = '{{ scope.type }}'
                and periods.scope_key = {{ "'all'" if scope.type == "all" else "spells." ~ scope_key }}
                and spells.moved_at < periods.end_at
                and (spells.left_at is null or spells.left_at >= periods.end_at)
            group by all
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    counts as (
        select *
        from event_counts
        union all
        select *
        from wip_counts
    )

select
    policy_id,
    policy_version,
    scope_type,
    scope_key,
    period_type,
    period_start_date,
    sum(arrived_items) as arrived_items,
    sum(delivered_items) as delivered_items,
    sum(cycle_time_items) as cycle_time_items,
    sum(wip_items) as wip_items
from counts
group by all
