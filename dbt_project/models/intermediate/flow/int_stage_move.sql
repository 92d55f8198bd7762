-- One row per move of an item between stages, teams, projects or types: what it left and what it entered. Creation
-- has nothing to leave, deletion nothing to enter. Only moves up to the watermark are here.
{%- set attributes = ["stage", "team_key", "project_key", "item_type", "type_group", "is_subtask"] %}
with
    states as (select * from {{ ref("int_item_state") }}),
    items as (select * from {{ ref("int_item") }}),
    connections as (select * from {{ ref("int_connection") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),

    changes as (
        select
            item_key,
            connection_id,
            state_number,
            valid_from,
            {% for attribute in attributes -%}
                {{ attribute }}, lag({{ attribute }}) over item_life as from_{{ attribute }},
            {% endfor %}
        from states
        where has_stage_field_change or has_team_field_change
        window item_life as (partition by item_key order by state_number)
        qualify
            state_number = 1
            {% for attribute in attributes -%} or {{ attribute }} is distinct from from_{{ attribute }} {% endfor %}
    ),

    stays as (
        select
            changes.*,
            items.deleted_at,
            coalesce(lead(changes.valid_from) over item_life, items.deleted_at) as left_at,
            lead(changes.state_number) over item_life is null and items.deleted_at is not null as is_last_of_deleted,
        from changes
        inner join items on changes.item_key = items.item_key
        window item_life as (partition by changes.item_key order by changes.state_number)
    ),

    moves as (
        select
            item_key,
            connection_id,
            state_number,
            valid_from as moved_at,
            left_at,
            {% for attribute in attributes -%} from_{{ attribute }}, {{ attribute }} as to_{{ attribute }}, {% endfor %}
        from stays
        union all
        select
            item_key,
            connection_id,
            state_number + 1,
            deleted_at,
            null,
            {% for attribute in attributes -%} {{ attribute }}, null, {% endfor %}
        from stays
        where is_last_of_deleted
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
