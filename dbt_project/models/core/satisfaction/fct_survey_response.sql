-- One row per answer to a survey question that has a score; a blank score is not a response, and neither is an answer
-- that its person repeats within the connection's repeat_days: the last one of such a series counts.
with
    answers as (
        select
            *,
            -- the same person's next answer to the same question about the same thing
            lead(submitted_at) over (
                partition by connection_id, survey, question, scope_type, scope_name, respondent_key
                order by submitted_at, response_id
            ) as next_submitted_at
        from {{ ref("int_survey_answer") }}
        where not is_deleted and score is not null
    ),
    responses as (
        select *
        from answers
        where
            respondent_key is null
            or repeat_days = 0
            or next_submitted_at is null
            or {{ hours_between("submitted_at", "next_submitted_at") }} > 24 * repeat_days
    ),
    connections as (select * from {{ ref("int_source") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),

    -- A survey names teams and projects; a name that two of them carry tells nothing.
    team_names as (
        select lower(trim(name)) as name, min(team_key) as team_key
        from teams
        group by lower(trim(name))
        having count(*) = 1
    ),
    project_names as (
        select lower(trim(name)) as name, min(project_key) as project_key
        from
            (
                select project as name, project_key
                from projects
                union
                select name, project_key
                from projects
            )
        group by lower(trim(name))
        having count(distinct project_key) = 1
    ),
    judged as (
        select
            *,
            {{ key("connection_id", "record_id") }} as response_key,
            lower(trim(scope_name)) as lower_scope_name,
            coalesce(score between scale_min and scale_max, false) as is_on_scale,
            coalesce(metric = 'nps' and scale_min = 0 and scale_max = 10, false) as is_nps_scale
        from responses
    )

select
    judged.response_key,
    judged.connection_id,
    judged.survey,
    judged.response_id,
    judged.question,
    judged.metric,
    judged.scope_type,
    judged.scope_name,
    team_names.team_key,
    project_names.project_key,
    case when judged.scope_type = 'product' then judged.scope_name end as product,
    case when judged.scope_type = 'release' then judged.scope_name end as release,
    case
        when not judged.is_on_scale or not judged.is_nps_scale
        then null
        when judged.score >= 9
        then 'promoter'
        when judged.score <= 6
        then 'detractor'
        else 'passive'
    end as nps_group,
    judged.respondent_key,
    judged.comment,
    judged.raw_stream || '|' || judged.record_id as raw_record_key,
    judged.score,
    judged.scale_min,
    judged.scale_max,
    judged.is_on_scale,
    case
        when judged.metric = 'csat' and judged.is_on_scale then judged.score >= judged.scale_max - 1
    end as is_top_two_box,
    coalesce(judged.has_comment, false) as has_comment,
    judged.submitted_at,
    {{ local_date("judged.submitted_at", "connections.time_zone") }} as submitted_date
from judged
inner join connections on judged.connection_id = connections.connection_id
left join team_names on judged.scope_type = 'team' and judged.lower_scope_name = team_names.name
left join project_names on judged.scope_type = 'project' and judged.lower_scope_name = project_names.name
