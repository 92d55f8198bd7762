with
    settings as (select * from {{ ref("stg_pmo__settings") }}),
    connections as (select * from {{ ref("int_source") }}),

    -- Survey accounts have no zone of their own: they do not make a company international.
    zones as (
        select min(time_zone) as time_zone, count(distinct time_zone) as zone_count
        from connections
        where tool in ('jira', 'azure_devops')
    )

select
    settings.pseudonym_salt,
    coalesce(
        settings.reporting_time_zone, case when zones.zone_count = 1 then zones.time_zone end, 'UTC'
    ) as reporting_time_zone,
    settings.daily_history_days,
    settings.fiscal_year_start_month,
    settings.min_responses,
from settings
cross join zones
