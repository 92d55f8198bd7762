{{ config(materialized="view") }}

-- One row per closed sprint and item of the tool's own sprint report, in our keys, and one per sprint (item_key NULL)
-- with the figures of its velocity chart. Azure DevOps offers none: its velocity widget is drawn by Analytics from
-- daily snapshots that may only be read as sums.
with
    reports as (select * from {{ ref("stg_jira__sprint_reports") }} where not is_deleted),
    boards as (select * from {{ ref("stg_jira__boards") }})

select
    {{ key("reports.connection_id", "reports.sprint_id") }} as sprint_key,
    {{ key("reports.connection_id", "reports.issue_id") }} as item_key,
    reports.connection_id,
    reports.board_id,
    reports.issue_key as item_ref,
    reports.outcome,
    reports.is_added,
    -- A board that estimates in time or counts issues speaks of no points.
    boards.points_field_id is not null as has_points,
    case when boards.points_field_id is not null then reports.estimate_at_start end as points_at_start,
    case when boards.points_field_id is not null then reports.estimate_at_close end as points_at_close,
    case when boards.points_field_id is not null then reports.committed_points end as committed_points,
    case when boards.points_field_id is not null then reports.completed_points end as completed_points
from reports
left join boards on reports.connection_id = boards.connection_id and reports.board_id = boards.board_id
