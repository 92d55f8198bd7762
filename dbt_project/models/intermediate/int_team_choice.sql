{#- Which team an item has, for every place that it may be in: a seed row, else the board or the team of the tool,
   else the project. -#}
with
    projects as (select * from {{ ref("int_project") }}),
    connections as (select * from {{ ref("int_source") }}),
    boards as (select * from {{ ref("stg_jira__boards") }}),
    sprints as (select * from {{ ref("stg_jira__sprints") }}),
    areas as (select * from {{ ref("int_azure_devops__area") }}),
    mapping as (select * from {{ ref("team_mapping") }}),

    jira_places as (
        select
            projects.connection_id,
            projects.raw_project_id,
            projects.project_key,
            projects.project,
            projects.name as project_name,
            '' as area_id,
            '' as recorded_path,
            coalesce(places.board_id, '') as board_id,
            null as area_path,
            {{ key("projects.connection_id", "'board:' || places.board_id") }} as tool_team_key,
        from projects
        inner join connections on projects.connection_id = connections.connection_id
        inner join
            (
                select connection_id, board_id
                from boards
                union
                select connection_id, board_id
                from sprints
                union
                select connection_id, null
                from connections
            ) as places
            on projects.connection_id = places.connection_id
        where connections.tool = 'jira'
    ),

    azure_devops_places as (
        select
            areas.connection_id,
            areas.project as raw_project_id,
            projects.project_key,
            projects.project,
            projects.name as project_name,
            areas.area_id,
            areas.recorded_path,
            '' as board_id,
            areas.area_path,
            {{ key("areas.connection_id", "'team:' || areas.team_id") }} as tool_team_key,
        from areas
        inner join projects on areas.connection_id = projects.connection_id and areas.project = projects.raw_project_id
    ),

    places as (
        select *
        from jira_places
        union all
        select *
        from azure_devops_places
    ),

    matched as (
        select
            places.*,
            mapping.team,
            row_number() over (
                partition by
                    places.connection_id, places.raw_project_id, places.board_id, places.area_id, places.recorded_path
                order by
                    mapping.board_id is not null desc,
                    length(mapping.area_path) desc nulls last,
                    mapping.project is not null desc,
                    mapping.connection_id is not null desc,
                    mapping.team nulls last
            ) as preference,
        from places
        left join
            mapping
            on mapping.team is not null
            and places.connection_id = coalesce(mapping.connection_id, places.connection_id)
            and (mapping.board_id is null or mapping.board_id = places.board_id)
            and (mapping.project is null or mapping.project in (places.project, places.project_name))
            and (mapping.area_path is null or {{ is_area_within("places.area_path", "mapping.area_path") }})
    )

select
    connection_id,
    raw_project_id,
    board_id,
    area_id,
    recorded_path,
    project_key,
    area_path,
    coalesce(
        {{ key("connection_id", "'seed:' || team") }},
        tool_team_key,
        connection_id || ':project:' || substr(project_key, length(connection_id) + 2)
    ) as team_key,
    team as seed_team,
    row_number() over (order by connection_id, raw_project_id, board_id, area_id, recorded_path) as choice_number,
from matched
where preference = 1
