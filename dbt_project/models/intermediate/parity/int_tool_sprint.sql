{{ config(materialized="ephemeral") }}

-- One row per closed sprint that the tool reports on itself: the figures of its velocity chart.
with
    reports as (select * from {{ ref("stg_jira__sprint_reports") }} where not is_deleted and issue_id is null),
    boards as (select * from {{ ref("stg_jira__boards") }})

select
    {{ key("reports.connection_id", "reports.sprint_id") }} as sprint_key,
    reports.connection_id,
    reports.board_id,
    boards.points_field_id is not null as has_points,
    case when boards.points_field_id is not null then reports.committed_points end as committed_points,
    case when boards.points_field_id is not null then reports.completed_points end as completed_points
from reports
left join boards on reports.connection_id = boards.connection_id and reports.board_id = boards.board_id
