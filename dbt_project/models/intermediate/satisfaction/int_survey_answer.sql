-- One row per answer to a survey question, whoever asked: the survey tools and files, or the service desk of a Jira,
-- whose customers rate their requests from 1 to 5.
{{ config(materialized="view") }}

select
    connection_id,
    record_id,
    'surveys/responses' as raw_stream,
    response_id,
    respondent_key,
    survey,
    question,
    metric,
    scope_type,
    scope_name,
    comment,
    score,
    scale_min,
    scale_max,
    repeat_days,
    has_comment,
    is_deleted,
    submitted_at,
from {{ ref("stg_surveys__responses") }}
union all
select
    connection_id,
    record_id,
    'jira/issues' as raw_stream,
    issue_id as response_id,
    null as respondent_key,
    'Jira Service Management' as survey,
    'Satisfaction' as question,
    'csat' as metric,
    'project' as scope_type,
    project_key as scope_name,
    null as comment,
    satisfaction as score,
    1 as scale_min,
    5 as scale_max,
    0 as repeat_days,
    false as has_comment,
    is_deleted,
    -- Jira writes no history of a rating; a site without the field "Satisfaction date" tells its day by the resolution.
    coalesce(satisfied_at, resolved_at, updated_at) as submitted_at,
from {{ ref("stg_jira__issues") }}
where satisfaction is not null
