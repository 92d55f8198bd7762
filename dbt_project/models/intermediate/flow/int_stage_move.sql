-- One row per move of an item between stages, teams, projects or types: what it left and what it entered. Creation
-- has nothing to leave, deletion nothing to enter. Only moves up to the watermark are here.
{%- set attributes = ["stage", "team_key", "project_key", "item_type", "type_group", "is_subtask"] %}
with
    states as not materialized(select * from {{ ref("int_item_state") }}),
    items as (select item_key, deleted_at from {{ ref("int_item") }} where deleted_at is not null),
    connections as (select * from {{ ref("int_connection") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),

    -- Rows that may differ from the one before; where nothing differs after all, nothing is entered or left.
    changes as (
        select
            item_key,
            connection_id,
            state_number,
            valid_from as moved_at,
            lead(valid_from) over item_life as next_move_at,
            {% for attribute in attributes -%}
                lag({{ attribute }}) over item_life as from_{{ attribute }}, {{ attribute }} as to_{{ attribute }},
            {% endfor %}
        from states
        where has_stage_field_change or has_team_field_change
        window item_life as (partition by item_key order by state_number)
    ),

    deleted_items as (
        select states.item_key, max(states.state_number) as state_number, any_value(items.deleted_at) as deleted_at
        from states
        inner join items on states.item_key = items.item_key
        group by states.item_key
    ),

    moves as (
        select changes.* exclude (next_move_at), coalesce(changes.next_move_at, deleted_items.deleted_at) as left_at
        from changes
        left join deleted_items on changes.item_key = deleted_items.item_key
        union all by name
        select
            states.item_key,
            states.connection_id,
            states.state_number + 1 as state_number,
            deleted_items.deleted_at as moved_at,
            {% for attribute in attributes -%} states.{{ attribute }} as from_{{ attribute }}, {% endfor %}
        from states
        inner join
            deleted_items
            on states.item_key = deleted_items.item_key
            and states.state_number = deleted_items.state_number
    ),

    zoned as (
        select
            moves.*,
            connections.time_zone,
            settings.reporting_time_zone,
            from_teams.time_zone as from_team_time_zone,
            to_teams.time_zone as to_team_time_zone,
            coalesce(epic_portfolios.portfolio_key, from_projects.portfolio_key) as from_node_key,
            coalesce(epic_portfolios.portfolio_key, to_projects.portfolio_key) as to_node_key,
        from moves
        inner join connections on moves.connection_id = connections.connection_id
        cross join settings
        left join teams as from_teams on moves.from_team_key = from_teams.team_key
        left join teams as to_teams on moves.to_team_key = to_teams.team_key
        left join projects as from_projects on moves.from_project_key = from_projects.project_key
        left join projects as to_projects on moves.to_project_key = to_projects.project_key
        left join epic_portfolios on moves.item_key = epic_portfolios.item_key
        where moves.moved_at <= connections.watermark_at
    )

select
    zoned.item_key,
    zoned.connection_id,
    zoned.state_number,
    {% for side in ["from", "to"] -%}
        zoned.{{ side }}_stage,
        zoned.{{ side }}_team_key,
        zoned.{{ side }}_project_key,
        {{ side }}_nodes.top_key as {{ side }}_portfolio_key,
        {{ side }}_nodes.program_key as {{ side }}_program_key,
        {{ key("zoned.connection_id", "zoned." ~ side ~ "_item_type") }} as {{ side }}_item_type_key,
        zoned.{{ side }}_type_group,
        zoned.{{ side }}_is_subtask,
    {% endfor -%}
    zoned.moved_at,
    zoned.left_at,
    {{ local_date("zoned.moved_at", "zoned.time_zone") }} as connection_date,
    {{ local_date("zoned.moved_at", "zoned.reporting_time_zone") }} as reporting_date,
    {{ local_date("zoned.moved_at", "zoned.from_team_time_zone") }} as from_team_date,
    {{ local_date("zoned.moved_at", "zoned.to_team_time_zone") }} as to_team_date,
from zoned
left join nodes as from_nodes on zoned.from_node_key = from_nodes.portfolio_key
left join nodes as to_nodes on zoned.to_node_key = to_nodes.portfolio_key
