-- One row per scope across connections (a portfolio, or all), connection and period: by how much the scope's end lies
-- after the end up to which items of that connection age. That is the midnight in their own zone, or their own
-- watermark if they were read less far. Portfolios have only rows that are not 0; those of `all` are always here, so
-- that the table is never empty and stays the same while watermarks move together.
with
    periods as (select * from {{ ref("int_period") }} where scope_type in ('portfolio', 'all')),
    scopes as (select * from {{ ref("int_scope") }}),
    connections as (select * from {{ ref("int_connection") }} where watermark_at is not null),

    ends as (
        select
            periods.scope_type,
            periods.scope_key,
            connections.connection_id,
            periods.period_type,
            periods.period_start_date,
            periods.end_at,
            case
                when periods.scope_type = 'all'
                then least(periods.end_at, connections.watermark_at)
                else
                    least(
                        {{ utc_time("cast(periods.period_end_date + 1 as timestamp)", "connections.time_zone") }},
                        connections.watermark_at
                    )
            end as own_end_at,
        from periods
        inner join scopes on periods.scope_type = scopes.scope_type and periods.scope_key = scopes.scope_key
        inner join
            connections
            on periods.scope_type = 'all'
            or scopes.time_zone <> connections.time_zone
            or scopes.watermark_at <> connections.watermark_at
    )

select
    scope_type,
    scope_key,
    connection_id,
    period_type,
    period_start_date,
    {{ microseconds("end_at") }} - {{ microseconds("own_end_at") }} as shift_us,
from ends
where scope_type = 'all' or end_at <> own_end_at
