-- A board's team is that of an item of the board's own project.
with
    boards as (select * from {{ ref("stg_jira__boards") }}),
    sprints as (select * from {{ ref("stg_jira__sprints") }}),
    choices as (select * from {{ ref("int_team_choice") }}),

    known as (
        select connection_id, board_id, project_id
        from boards
        union all
        select distinct connection_id, board_id, null
        from sprints
        where board_id is not null
    )

select known.connection_id, known.board_id, choices.team_key, choices.seed_team
from known
inner join choices on known.connection_id = choices.connection_id and known.board_id = choices.board_id
qualify
    row_number() over (
        partition by known.connection_id, known.board_id
        order by known.project_id is not distinct from choices.raw_project_id desc, choices.raw_project_id
    )
    = 1
