-- One row per place: the team, project and type that items had together, with all that follows from the three. Rows
-- that go through sorts and joins carry its number instead of a dozen texts.
with
    states as (select * from {{ ref("int_item_state") }}),
    connections as (select * from {{ ref("int_source") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),

    places as (
        select
            place_number,
            any_value(connection_id) as connection_id,
            any_value(project_key) as project_key,
            any_value(team_key) as team_key,
            any_value(item_type) as item_type,
            any_value(type_group) as type_group,
            any_value(is_subtask) as is_subtask,
        from states
        group by place_number
    )

select
    places.place_number,
    places.connection_id,
    places.project_key,
    places.team_key,
    places.item_type,
    {{ key("places.connection_id", "places.item_type") }} as item_type_key,
    places.type_group,
    places.is_subtask,
    nodes.top_key as portfolio_key,
    nodes.program_key,
    coalesce(teams.time_zone, connections.time_zone) as team_time_zone,
from places
left join connections on places.connection_id = connections.connection_id
left join teams on places.team_key = teams.team_key
left join projects on places.project_key = projects.project_key
left join nodes on projects.portfolio_key = nodes.portfolio_key
