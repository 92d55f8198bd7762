with
    -- Surveys may be older than the first work item, or there may be no work items at all; a new survey has no answers.
    facts as (
        select created_at as happened_at
        from {{ ref("int_item") }}
        union all
        select submitted_at
        from {{ ref("stg_surveys__responses") }}
    ),
    starts as (select min(happened_at) as first_at from facts),
    connections as (select max(watermark_at) as watermark_at from {{ ref("int_connection") }}),
    settings as (select * from {{ ref("int_setting") }}),

    days as (
        select
            cast(
                {{
                    each_of(
                        day_series(
                            "date_trunc('year', coalesce(starts.first_at, connections.watermark_at))",
                            "connections.watermark_at + interval 2 year",
                        )
                    )
                }} as date
            ) as day_date
        from starts
        cross join connections
    )

select
    days.day_date,
    cast({{ iso_year("days.day_date") }} as integer) as iso_year,
    cast(week(days.day_date) as integer) as iso_week,
    cast(date_trunc('week', days.day_date) as date) as week_start_date,
    cast({{ weekday("days.day_date") }} as integer) as weekday_number,
    {{ weekday_name("days.day_date") }} as weekday,
    cast(year(days.day_date) as integer) as year_number,
    cast(month(days.day_date) as integer) as month_number,
    {{ month_name("days.day_date") }} as month_name,
    cast(date_trunc('month', days.day_date) as date) as month_start_date,
    cast(quarter(days.day_date) as integer) as quarter_number,
    cast(date_trunc('quarter', days.day_date) as date) as quarter_start_date,
    -- The fiscal year bears the number of the calendar year in which it ends.
    cast(
        year(days.day_date + {{ months("cast((13 - settings.fiscal_year_start_month) % 12 as integer)") }}) as integer
    ) as fiscal_year,
    cast(
        quarter(
            days.day_date + {{ months("cast((13 - settings.fiscal_year_start_month) % 12 as integer)") }}
        ) as integer
    ) as fiscal_quarter,
from days
cross join settings
