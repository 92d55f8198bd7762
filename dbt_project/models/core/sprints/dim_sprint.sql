-- One row per sprint: a Jira sprint, or an Azure DevOps iteration as one team has it. Jira sprints start and close at
-- instants. Azure DevOps iterations have days only: from 00:00 of the start day to 00:00 of the day after the finish
-- day, in the team's time zone; their state follows from the watermark. What the tool dropped after the close keeps its
-- figures: a deleted sprint, an iteration that the team no longer subscribes to.
with
    jira_sprints as (select * from {{ ref("stg_jira__sprints") }}),
    team_iterations as (select * from {{ ref("stg_azure_devops__team_iterations") }}),
    board_teams as (select * from {{ ref("int_board_team") }}),
    teams as (select * from {{ ref("dim_team") }}),
    connections as (select * from {{ ref("int_connection") }}),

    jira as (
        select
            jira_sprints.connection_id || ':' || jira_sprints.sprint_id as sprint_key,
            jira_sprints.sprint_id,
            jira_sprints.connection_id,
            board_teams.team_key,
            jira_sprints.board_id,
            jira_sprints.name,
            jira_sprints.goal,
            lower(jira_sprints.state) as state,
            jira_sprints.start_at as planned_start_at,
            jira_sprints.end_at as planned_end_at,
            coalesce(jira_sprints.activated_at, jira_sprints.start_at) as start_at,
            coalesce(jira_sprints.complete_at, jira_sprints.end_at) as close_at,
            true as includes_bounds,
            jira_sprints.deleted_seen_at,
            connections.watermark_at
        from jira_sprints
        inner join connections on jira_sprints.connection_id = connections.connection_id
        left join
            board_teams
            on jira_sprints.connection_id = board_teams.connection_id
            and jira_sprints.board_id = board_teams.board_id
    ),
    iteration_instants as (
        select
            team_iterations.*,
            team_iterations.connection_id || ':team:' || team_iterations.team_id as team_key,
            {{ utc_time("cast(team_iterations.start_date as timestamp)", "teams.time_zone") }} as start_at,
            {{
                utc_time(
                    "cast(team_iterations.finish_date + 1 as timestamp)",
                    "teams.time_zone",
                )
            }} as close_at,
            connections.watermark_at
        from team_iterations
        inner join connections on team_iterations.connection_id = connections.connection_id
        left join teams on team_iterations.connection_id || ':team:' || team_iterations.team_id = teams.team_key
    ),
    azure_devops as (
        select
            connection_id || ':' || team_id || ':' || iteration_guid as sprint_key,
            iteration_guid as sprint_id,
            connection_id,
            team_key,
            cast(null as varchar) as board_id,
            name,
            cast(null as varchar) as goal,
            case
                when start_at is null or close_at is null or watermark_at < start_at
                then 'future'
                when watermark_at < close_at
                then 'active'
                else 'closed'
            end as state,
            start_at as planned_start_at,
            close_at as planned_end_at,
            start_at,
            close_at,
            false as includes_bounds,
            deleted_seen_at,
            watermark_at
        from iteration_instants
    ),
    sprints as (
        select *
        from jira
        union all
        select *
        from azure_devops
    ),
    judged as (
        select
            *,
            case when state <> 'future' then start_at end as started_at,
            case when state = 'closed' then close_at end as closed_at,
            case when state = 'closed' then close_at when state = 'active' then watermark_at end as measured_until_at
        from sprints
    ),
    final as (
        select
            sprint_key,
            sprint_id,
            connection_id,
            team_key,
            board_id,
            name,
            goal,
            state,
            planned_start_at,
            planned_end_at,
            started_at,
            closed_at,
            state = 'closed' as is_closed,
            coalesce(measured_until_at > started_at, false) as is_measurable,
            includes_bounds
        from judged
        where deleted_seen_at is null or (state = 'closed' and close_at <= deleted_seen_at)
    )
select *
from final
