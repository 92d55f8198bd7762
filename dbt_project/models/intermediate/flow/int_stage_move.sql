-- One row per move of an item between stages, teams, projects or types: what it left and what it entered. Creation
-- has nothing to leave, deletion nothing to enter. Only moves up to the watermark are here. Where nothing differs
-- after all, nothing is entered or left.
with
    states as not materialized(select * from {{ ref("int_item_state") }}),
    deleted_items as (select item_key, deleted_at from {{ ref("int_item") }} where deleted_at is not null),
    connections as (select * from {{ ref("int_source") }}),
    horizons as (select * from {{ ref("int_horizon") }}),
    places as (select * from {{ ref("int_place") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }} where portfolio_key is not null),
    nodes as (select * from {{ ref("int_portfolio_node") }}),
    settings as (select * from {{ ref("int_setting") }}),

    changes as (
        select
            item_key,
            state_number,
            valid_from as moved_at,
            lead(valid_from) over item_life as next_move_at,
            lag(stage) over item_life as from_stage,
            stage as to_stage,
            lag(place_number) over item_life as from_place_number,
            place_number as to_place_number,
        from states
        where has_stage_field_change or has_team_field_change
        window item_life as (partition by item_key order by state_number)
    ),

    last_states as (
        select
            states.item_key,
            {{ last_by("states.stage", "states.state_number") }} as stage,
            {{ last_by("states.place_number", "states.state_number") }} as place_number,
            max(states.state_number) as state_number,
            any_value(deleted_items.deleted_at) as deleted_at,
        from states
        inner join deleted_items on states.item_key = deleted_items.item_key
        group by states.item_key
    ),

    moves as (
        select
            changes.item_key,
            changes.state_number,
            changes.moved_at,
            coalesce(changes.next_move_at, deleted_items.deleted_at) as left_at,
            changes.from_stage,
            changes.to_stage,
            changes.from_place_number,
            changes.to_place_number,
        from changes
        left join deleted_items on changes.item_key = deleted_items.item_key
        union all
        select item_key, state_number + 1, deleted_at, null, stage, null, place_number, null
        from last_states
    )

select
    moves.item_key,
    connections.connection_id,
    moves.state_number,
    {% for side in ["from", "to"] -%}
        moves.{{ side }}_stage,
        {{ side }}_places.team_key as {{ side }}_team_key,
        {{ side }}_places.project_key as {{ side }}_project_key,
        -- An epic that the seed gives to a portfolio goes before the project.
        case
            when moves.{{ side }}_stage is not null then coalesce(nodes.top_key, {{ side }}_places.portfolio_key)
        end as {{ side }}_portfolio_key,
        case
            when moves.{{ side }}_stage is null
            then null
            when nodes.top_key is not null
            then nodes.program_key
            else {{ side }}_places.program_key
        end as {{ side }}_program_key,
        {{ side }}_places.item_type_key as {{ side }}_item_type_key,
        {{ side }}_places.type_group as {{ side }}_type_group,
        {{ side }}_places.is_subtask as {{ side }}_is_subtask,
    {% endfor -%}
    moves.moved_at,
    moves.left_at,
    {{ local_date("moves.moved_at", "connections.time_zone") }} as connection_date,
    {{ local_date("moves.moved_at", "settings.reporting_time_zone") }} as reporting_date,
    {{ local_date("moves.moved_at", "from_places.team_time_zone") }} as from_team_date,
    {{ local_date("moves.moved_at", "to_places.team_time_zone") }} as to_team_date,
from moves
cross join settings
left join places as from_places on moves.from_place_number = from_places.place_number
left join places as to_places on moves.to_place_number = to_places.place_number
inner join connections on coalesce(to_places.connection_id, from_places.connection_id) = connections.connection_id
inner join horizons on connections.connection_id = horizons.connection_id
left join epic_portfolios on moves.item_key = epic_portfolios.item_key
left join nodes on epic_portfolios.portfolio_key = nodes.portfolio_key
where horizons.counted_until_at is null or moves.moved_at <= horizons.counted_until_at
