-- One row per scope that flow is reported for, with the days that its reports cover.
with
    moves as (select * from {{ ref("int_stage_move") }}),
    items as (select * from {{ ref("int_item") }}),
    connections as (select * from {{ ref("int_connection") }}),
    teams as (select * from {{ ref("dim_team") }}),
    projects as (select * from {{ ref("dim_project") }}),
    portfolios as (select * from {{ ref("dim_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),

    seen as (
        select distinct connection_id, to_team_key, to_project_key, to_portfolio_key, to_program_key, to_item_type_key
        from moves
    ),

    creations as (
        select items.connection_id, min(items.created_at) as first_created_at
        from items
        inner join connections on items.connection_id = connections.connection_id
        where items.created_at <= connections.watermark_at
        group by items.connection_id
    ),

    lives as (
        select
            connections.connection_id,
            connections.name,
            connections.time_zone,
            connections.watermark_at,
            creations.first_created_at,
        from connections
        inner join creations on connections.connection_id = creations.connection_id
    ),

    scopes as (
        select distinct
            'item_type' as scope_type,
            seen.to_item_type_key as scope_key,
            substr(seen.to_item_type_key, length(seen.connection_id) + 2) as scope_name,
            lives.connection_id,
            lives.time_zone,
            lives.first_created_at,
            lives.watermark_at,
        from seen
        inner join lives on seen.connection_id = lives.connection_id
        where seen.to_item_type_key is not null
        union all
        select distinct
            'team',
            teams.team_key,
            teams.name,
            lives.connection_id,
            teams.time_zone,
            lives.first_created_at,
            lives.watermark_at
        from seen
        inner join teams on seen.to_team_key = teams.team_key
        inner join lives on seen.connection_id = lives.connection_id
        union all
        select distinct
            'project',
            projects.project_key,
            projects.name,
            lives.connection_id,
            lives.time_zone,
            lives.first_created_at,
            lives.watermark_at
        from seen
        inner join projects on seen.to_project_key = projects.project_key
        inner join lives on seen.connection_id = lives.connection_id
        union all
        -- A portfolio may lie in several connections: its days run from the first to the last of them.
        select
            'portfolio',
            portfolios.portfolio_key,
            portfolios.name,
            case when count(distinct lives.connection_id) = 1 then min(lives.connection_id) end,
            {{ first_by("lives.time_zone", "(lives.first_created_at, lives.connection_id)") }},
            min(lives.first_created_at),
            max(lives.watermark_at),
        from seen
        inner join portfolios on portfolios.portfolio_key in (seen.to_portfolio_key, seen.to_program_key)
        inner join lives on seen.connection_id = lives.connection_id
        group by portfolios.portfolio_key, portfolios.name
        union all
        select 'connection', connection_id, name, connection_id, time_zone, first_created_at, watermark_at
        from lives
        union all
        select
            'all',
            'all',
            'all',
            null,
            min(settings.reporting_time_zone),
            min(lives.first_created_at),
            max(lives.watermark_at)
        from lives
        cross join settings
        having count(*) > 0
    )

select
    scopes.scope_type,
    scopes.scope_key,
    scopes.scope_name,
    scopes.connection_id,
    scopes.time_zone,
    {{ local_date("scopes.first_created_at", "scopes.time_zone") }} as first_date,
    {{ local_date("scopes.watermark_at", "scopes.time_zone") }} as last_date,
    greatest(
        {{ local_date("scopes.first_created_at", "scopes.time_zone") }},
        {{ local_date("scopes.watermark_at", "scopes.time_zone") }} - cast(settings.daily_history_days - 1 as integer)
    ) as first_daily_date,
    scopes.watermark_at,
from scopes
cross join settings
