-- One row per scope and period: every period from the first creation to the watermark; days only for the latest
-- daily_history_days. end_at is where the period ends, or the watermark while it runs.
with
    scopes as (select * from {{ ref("int_scope") }}),

    periods as (
        {% for period_type in period_types() -%}
            select
                scope_type,
                scope_key,
                time_zone,
                last_date,
                watermark_at,
                '{{ period_type }}' as period_type,
                {{
                    each_of(
                        period_series(
                            period_type, "first_daily_date" if period_type == "day" else "first_date", "last_date"
                        )
                    )
                }} as period_start,
            from scopes
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    ended as (
        select
            *,
            cast(
                case
                    period_type
                    when 'day'
                    then period_start
                    when 'week'
                    then period_start + interval 6 day
                    when 'month'
                    then period_start + interval 1 month - interval 1 day
                    else period_start + interval 3 month - interval 1 day
                end as date
            ) as period_end_date,
        from periods
    )

select
    scope_type,
    scope_key,
    period_type,
    cast(period_start as date) as period_start_date,
    period_end_date,
    period_end_date < last_date as is_complete,
    least(watermark_at, {{ utc_time("cast(period_end_date + 1 as timestamp)", "time_zone") }}) as end_at,
from ended
