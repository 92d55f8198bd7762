-- One row per response on its scale and scope that it counts for: what it is about, its survey, its connection, all.
with
    responses as (select * from {{ ref("fct_survey_response") }} where is_on_scale),
    connections as (select * from {{ ref("int_source") }}),
    projects as (select * from {{ ref("dim_project") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),
    portfolios as (select * from {{ ref("dim_portfolio") }}),

    named as (
        select
            response_key,
            connection_id,
            survey,
            metric,
            submitted_date,
            scope_type,
            coalesce(
                case scope_type when 'team' then team_key when 'project' then project_key end,
                connection_id || ':' || scope_type || ':' || scope_name
            ) as scope_key,
            scope_name
        from responses
        where scope_name is not null and scope_type <> 'all'
    ),
    project_portfolios as (
        select responses.response_key, {{ each_of(list_unique("[nodes.top_key, nodes.program_key]")) }} as portfolio_key
        from responses
        inner join projects on responses.project_key = projects.project_key
        inner join nodes on projects.portfolio_key = nodes.portfolio_key
    )

select *
from named
union all
select
    responses.response_key,
    responses.connection_id,
    responses.survey,
    responses.metric,
    responses.submitted_date,
    'portfolio',
    portfolios.portfolio_key,
    portfolios.name
from responses
inner join project_portfolios on responses.response_key = project_portfolios.response_key
inner join portfolios on project_portfolios.portfolio_key = portfolios.portfolio_key
union all
select
    response_key, connection_id, survey, metric, submitted_date, 'survey', {{ key("connection_id", "survey") }}, survey
from responses
union all
select
    responses.response_key,
    responses.connection_id,
    responses.survey,
    responses.metric,
    responses.submitted_date,
    'connection',
    responses.connection_id,
    connections.name
from responses
inner join connections on responses.connection_id = connections.connection_id
union all
select response_key, connection_id, survey, metric, submitted_date, 'all', 'all', 'all'
from responses
