with
    boards as (select * from {{ ref("stg_jira__boards") }}),
    board_teams as (select * from {{ ref("int_board_team") }}),
    azure_devops_teams as (select * from {{ ref("stg_azure_devops__teams") }}),
    team_areas as (select * from {{ ref("stg_azure_devops__team_areas") }} where not is_deleted),
    team_iterations as (select * from {{ ref("stg_azure_devops__team_iterations") }}),
    sprints as (select * from {{ ref("stg_jira__sprints") }}),
    choices as (select * from {{ ref("int_team_choice") }}),
    states as (select * from {{ ref("int_item_state") }}),
    projects as (select * from {{ ref("int_project") }}),
    connections as (select * from {{ ref("int_source") }}),
    mapping as (select * from {{ ref("team_mapping") }}),

    used as (select distinct connection_id, team_key from states where team_key is not null),

    -- What a team is made of: the places that the seed's rows may name.
    parts as (
        select
            board_teams.connection_id,
            board_teams.team_key,
            board_teams.seed_team,
            boards.name,
            boards.board_id,
            projects.project,
            projects.name as project_name,
            null as area_path,
            coalesce(
                boards.board_type = 'scrum'
                or boards.board_id is null
                or (
                    boards.board_type = 'simple'
                    and exists (
                        select 1
                        from sprints
                        where sprints.connection_id = boards.connection_id and sprints.board_id = boards.board_id
                    )
                ),
                false
            ) as is_scrum,
        from board_teams
        left join boards on board_teams.connection_id = boards.connection_id and board_teams.board_id = boards.board_id
        left join
            projects on boards.connection_id = projects.connection_id and boards.project_id = projects.raw_project_id
        union all
        select
            azure_devops_teams.connection_id,
            {{ key("azure_devops_teams.connection_id", "'team:' || azure_devops_teams.team_id") }},
            null,
            azure_devops_teams.name,
            null,
            azure_devops_teams.project,
            azure_devops_teams.project,
            team_areas.area_path,
            exists (
                select 1
                from team_iterations
                where
                    team_iterations.connection_id = azure_devops_teams.connection_id
                    and team_iterations.team_id = azure_devops_teams.team_id
            ),
        from azure_devops_teams
        left join
            team_areas
            on azure_devops_teams.connection_id = team_areas.connection_id
            and azure_devops_teams.team_id = team_areas.team_id
        union all
        select
            choices.connection_id,
            choices.team_key,
            choices.seed_team,
            -- A project lends its name only to the team that it is itself.
            case when contains(choices.team_key, ':project:') then projects.name end,
            null,
            projects.project,
            projects.name,
            choices.area_path,
            choices.area_id <> '',
        from choices
        inner join used on choices.team_key = used.team_key
        inner join
            projects
            on choices.connection_id = projects.connection_id
            and choices.raw_project_id = projects.raw_project_id
        where choices.board_id = ''
    ),

    settings as (
        select
            parts.team_key,
            {% set specific = "mapping.team is null, mapping.board_id is null, mapping.area_path is null, mapping.project is null" -%}
            {{ first_by("mapping.calendar_id", "(" ~ specific ~ ", mapping.calendar_id)") }} filter (
                where mapping.calendar_id is not null
            ) as calendar_id,
            {{ first_by("mapping.time_zone", "(" ~ specific ~ ", mapping.time_zone)") }} filter (
                where mapping.time_zone is not null
            ) as time_zone,
        from parts
        inner join
            mapping
            on parts.connection_id = coalesce(mapping.connection_id, parts.connection_id)
            and (mapping.team is null or mapping.team = parts.seed_team)
            and (mapping.board_id is null or mapping.board_id = parts.board_id)
            and (mapping.project is null or mapping.project in (parts.project, parts.project_name))
            and (mapping.area_path is null or {{ is_area_within("parts.area_path", "mapping.area_path") }})
        group by parts.team_key
    ),

    teams as (
        select
            connection_id,
            team_key,
            coalesce(min(seed_team), min(name), min(project), team_key) as name,
            case when min(seed_team) is null then min(board_id) end as board_id,
            bool_or(is_scrum) as is_scrum,
        from parts
        group by connection_id, team_key
    )

select
    teams.team_key,
    teams.connection_id,
    teams.board_id,
    teams.name,
    case when teams.is_scrum then 'scrum' else 'kanban' end as kind,
    coalesce(settings.time_zone, connections.time_zone) as time_zone,
    coalesce(settings.calendar_id, 'default') as calendar_id,
from teams
inner join connections on teams.connection_id = connections.connection_id
left join settings on teams.team_key = settings.team_key
